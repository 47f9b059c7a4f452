"""The shapes of states: circle, triangle, square, diamond, each with its own sign."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup

__all__ = ["mark"]

_SHAPES = {
    # shape, sign and word tell the states apart; colour only helps
    "ready": '<circle cx="12" cy="12" r="11"/><path class="sign" d="M6.5 12.5l4 4 7-8.5"/>',
    "at_risk": '<path d="M12 1L23.5 22H.5z"/><path class="sign" d="M12 8.5v6.5M12 18.2v.3"/>',
    "not_ready": '<rect x="1.5" y="1.5" width="21" height="21" rx="3"/>'
    '<path class="sign" d="M7.5 7.5l9 9m0-9l-9 9"/>',
    "unknown": '<path class="hollow" d="M12 1.5L22.5 12 12 22.5 1.5 12z"/>'
    '<path class="sign dark" d="M9.6 9.8a2.4 2.4 0 1 1 3.4 2.2c-.8.4-1 .8-1 1.6M12 16.6v.2"/>',
    "idle": '<circle class="hollow" cx="12" cy="12" r="6"/>',
}
_SAME_SHAPE = {"ok": "ready", "not_ok": "not_ready", "down": "not_ready"}


@lru_cache(maxsize=64)
def mark(state: str, size: int = 24) -> Markup:
    """Return the shape of a state; the word beside it says the same to screen readers."""
    name = _SAME_SHAPE.get(state, state)
    return Markup(
        '<svg class="mark {}" width="{}" height="{}" viewBox="0 0 24 24" aria-hidden="true">'
        "{}</svg>"
    ).format(name, size, size, Markup(_SHAPES.get(name, _SHAPES["unknown"])))
