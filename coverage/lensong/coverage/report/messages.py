"""Vietnamese and English from one catalogue of messages, and numbers as each writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Any

from markupsafe import Markup, escape

__all__ = [
    "LANGUAGES",
    "both",
    "catalogue",
    "number",
    "number_text",
    "read_catalogue",
    "say",
    "text_of",
    "words",
]

LANGUAGES = ("vi", "en")


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Return the messages: key to language to text; ``en_one`` is the English singular."""
    return read_catalogue("lensong.coverage.report", "templates")


def read_catalogue(package: str, folder: str) -> dict[str, dict[str, str]]:
    """Return the messages of all JSON files in a folder of a package: key to language to text."""
    merged: dict[str, dict[str, str]] = {}
    for entry in files(package).joinpath(folder).iterdir():
        if entry.name.endswith(".json"):
            text = files(package).joinpath(folder, entry.name).read_text("utf-8")
            topic: dict[str, dict[str, str]] = json.loads(text)
            merged |= topic
    return merged


def text_of(entry: Mapping[str, str], language: str, values: Mapping[str, Any]) -> str:
    """Return a message in one language; English has a singular, where ``n`` is 1."""
    if language == "en" and values.get("n") == 1:
        return entry.get("en_one", entry["en"])
    return entry[language]


def number_text(value: float | None, digits: int = 0, *, language: str) -> str:
    """Return a number as people of that language write it, ``–`` where there is none."""
    if value is None or not isfinite(value):
        return "–"
    text = f"{value:,.{digits}f}".replace("-", "−")
    return text.translate(str.maketrans(",.", ".,")) if language == "vi" else text


def say(key: str, language: str, **values: Any) -> Markup:
    """Return a message in one language; numbers stand in bold, all else is escaped.

    Parameters
    ----------
    key : str
        Of the catalogue. A key that it lacks is shown as it is (names of a user's own services).
    language : {"vi", "en"}
    values : int, float, None or str
        For the places in the message.
    """
    entry = catalogue().get(key)
    if entry is None:
        return escape(key.split(".", 1)[-1])
    text = text_of(entry, language, values)
    filled = {name: _value(value, language) for name, value in values.items()}
    return Markup(escape(text).format(**filled))  # every part is escaped


def both(key: str, **values: Any) -> Markup:
    """Return a message in every language, of which the page shows the one that is chosen."""
    return _spans({language: say(key, language, **values) for language in LANGUAGES})


def number(value: float | None, digits: int = 0) -> Markup:
    """Return a number in every language."""
    return _spans(
        {language: Markup.escape(number_text(value, digits, language=language))
         for language in LANGUAGES}
    )  # fmt: skip


def _spans(texts: dict[str, Markup]) -> Markup:
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return Markup().join(
        Markup('<span class="l" lang="{}">{}</span>').format(language, text)
        for language, text in texts.items()
    )


class _Number:
    """A number in a message: ``{n}`` has no decimals, ``{n:2}`` at most two."""

    def __init__(self, value: float | None, language: str) -> None:
        self._value, self._language = value, language

    def __html_format__(self, spec: str) -> Markup:  # called by Markup.format
        digits = int(spec or 0)
        while digits and self._value is not None and round(self._value, digits - 1) == self._value:
            digits -= 1
        return Markup("<b>{}</b>").format(number_text(self._value, digits, language=self._language))


def _value(value: Any, language: str) -> Markup | _Number:
    if isinstance(value, str):
        known = catalogue().get(value)
        return escape(known[language] if known else value.removeprefix("service."))
    return _Number(value, language)


def words(key: str) -> str:
    """Return a message in every language, for a file that has no switch."""
    entry = catalogue()[key]
    return " / ".join(dict.fromkeys(entry[language] for language in LANGUAGES))
