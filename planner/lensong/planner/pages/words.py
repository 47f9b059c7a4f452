"""The page's messages: its own and those of the coverage report, which it shows the layers of."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from lensong.coverage.report.messages import LANGUAGES, catalogue, read_catalogue, text_of

__all__ = ["LANGUAGES", "preferred_language", "say", "words_of_language"]

_SHARED = (
    "basis.",
    "change.",
    "class.",
    "north.",
    "operator",
    "link.",
    "path.",
    "people.",
    "proposal.",
    "proposals.",
    "reason.",
    "service.",
    "synthetic",
    "term.",
    "villages.",
)
"""Beginnings of the keys of the report that the page's scripts use."""


@cache
def _catalogue() -> dict[str, dict[str, str]]:
    return catalogue() | read_catalogue("lensong.planner.pages", "messages")


def say(key: str, language: str, **values: Any) -> str:
    """Return a message in one language."""
    text = text_of(_catalogue()[key], language, values)
    return text.format(**values) if values else text


@cache
def words_of_language(language: str) -> dict[str, str]:
    """Return what the page's scripts say in one language; `key.one` is the English singular."""
    own = read_catalogue("lensong.planner.pages", "messages")
    words: dict[str, str] = {}
    for key, entry in _catalogue().items():
        if key in own or key.startswith(_SHARED):
            words[key] = entry[language]
            if f"{language}_one" in entry:
                words[f"{key}.one"] = entry[f"{language}_one"]
    return words


def preferred_language(accepted: str, default: str = "vi") -> str:
    """Return the language that a browser wants most of those that there are.

    Parameters
    ----------
    accepted : str
        Its ``Accept-Language``.
    """
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")):
        name, _, weight = part.partition(";")
        found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", weight)
        ranked.append((-float(found[1]) if found else -1.0, place, name.strip().lower()[:2]))
    return next((n for q, _, n in sorted(ranked) if n in LANGUAGES and q < 0.0), default)
