"""What must hold of every page, asked of the page itself, in the manner of axe.

Contrast, names of what can be clicked or filled in, landmarks, headings, tables, pictures; and that
nothing is wider than the window.
"""

from __future__ import annotations

from pathlib import Path

from tests.chromium import Page

__all__ = ["problems_of"]

_SCRIPT = Path(__file__).with_suffix(".js").read_text("utf-8")


def problems_of(page: Page) -> list[str]:
    """Return what is wrong with the page that is open."""
    found: list[str] = page.ask(_SCRIPT)
    return found
