"""Words of the pages in Vietnamese and English, of which a page shows the one that is chosen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from markupsafe import Markup, escape

from lensong.coverage.report.messages import (
    LANGUAGES,
    catalogue,
    number_text,
    read_catalogue,
    text_of,
)

__all__ = ["in_both", "in_english", "in_svg", "label", "number"]

_LABELS: tuple[tuple[str, str], ...] = (
    (r"(?P<low>.+) and more", "check.label.more"),
    (r"clear by more than (?P<high>.+)", "check.label.clear_more"),
    (r"clear by (?P<low>.+) to (?P<high>.+)", "check.label.clear_by"),
    (r"(?P<low>.+) to (?P<high>.+)", "check.label.range"),
    (r"below (?P<high>.+)", "check.label.below"),
    (r"clear over bare ground", "check.label.clear"),
    (r"blocked by ground", "check.label.blocked"),
    (r"not known", "check.label.not_known"),
)


@cache
def _catalogue() -> dict[str, dict[str, str]]:
    return catalogue() | read_catalogue("lensong.coverage.model_pages", "templates")


def in_both(key: str, **values: Any) -> Markup:
    """Return a message in every language.

    Parameters
    ----------
    key : str
    values : int, float, str
        For the places in the message; a float has one decimal, as each language writes it.
    """
    return _elements("span", lambda language: _said(key, language, values))


def in_svg(key: str, **values: Any) -> Markup:
    """Return a message in every language, as it stands in a text of an SVG."""
    return _elements("tspan", lambda language: _said(key, language, values))


def in_english(key: str, **values: Any) -> str:
    """Return a message in English, where a place cannot have two languages."""
    return _said(key, "en", values)


def number(value: float, digits: int = 1, *, signed: bool = False) -> Markup:
    """Return a number in every language."""
    sign = "+" if signed and value >= 0.0 else ""
    return _elements("span", lambda language: sign + number_text(value, digits, language=language))


def label(text: str) -> Markup:
    """Return the label of a group in every language; names are left as they are."""
    for pattern, key in _LABELS:
        match = re.fullmatch(pattern, text)
        if match is not None:
            return in_both(key, **match.groupdict())
    return escape(text)


def _said(key: str, language: str, values: Mapping[str, Any]) -> str:
    filled = {
        name: value
        if isinstance(value, str)
        else number_text(value, 1 if isinstance(value, float) else 0, language=language)
        for name, value in values.items()
    }
    return text_of(_catalogue()[key], language, values).format(**filled)


def _elements(tag: str, said: Callable[[str], str]) -> Markup:
    texts = {language: said(language) for language in LANGUAGES}
    if len(set(texts.values())) == 1:
        return escape(texts["en"])
    return Markup().join(
        Markup('<{} class="l" lang="{}">{}</{}>').format(tag, language, text, tag)
        for language, text in texts.items()
    )
