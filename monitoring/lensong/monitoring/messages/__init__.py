"""Vietnamese and English from one catalogue: a JSON file for each topic, numbers by language."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from functools import cache
from typing import Any

from lensong.coverage.report.messages import LANGUAGES, number_text, read_catalogue, text_of

__all__ = ["LANGUAGES", "catalogue", "preferred_language", "say"]


# a message of several numbers has one singular for all of them, so time is put right by itself
_ONE = re.compile(r"(?<![\d.,])(1[ \u00a0](?:day|hour|minute|second|time))s\b")


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Return the messages of all topics: key to language to text; ``en_one`` is the singular."""
    return read_catalogue("lensong.monitoring", "messages")


def say(key: str, language: str, /, **values: Any) -> str:
    """Return a message as plain text.

    Parameters
    ----------
    key : str
        Of the catalogue; a key that it lacks is returned as it is.
    language : {"vi", "en"}
    values : int, float, None or str
        For the places in the message: ``{n}`` shows no decimals, ``{n:2}`` at most two, None is
        "–".
    """
    entry = catalogue().get(key)
    if entry is None:
        return key
    text = _Localised(language).vformat(text_of(entry, language, values), (), values)
    return _ONE.sub(r"\1", text) if language == "en" else text


def preferred_language(accept_language: str, default: str = "vi") -> str:
    """Return the first of our languages that an ``Accept-Language`` header asks for.

    Examples
    --------
    >>> preferred_language("fr, en;q=0.8, vi;q=0.5")
    'en'
    """
    weighted: list[tuple[float, int, str]] = []
    for order, part in enumerate(accept_language.split(",")):
        tag, _, parameter = part.strip().partition(";")
        name, _, weight = parameter.strip().partition("=")
        try:
            quality = float(weight) if name.strip() == "q" else 1.0
        except ValueError:
            quality = 0.0
        weighted.append((-quality, order, tag.strip().lower().split("-")[0]))
    for quality, _, tag in sorted(weighted):
        if tag in LANGUAGES and quality < 0.0:
            return tag
    return default


class _Localised(string.Formatter):
    def __init__(self, language: str) -> None:
        self._language = language

    def get_value(
        self,
        key: int | str,
        args: Any,  # noqa: ARG002 (Formatter's signature)
        kwargs: Mapping[str, Any],
    ) -> Any:
        return kwargs.get(str(key), "–")

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return "–"
        if isinstance(value, bool | str):
            return str(value)
        digits = int(format_spec or 0)
        while digits and round(value, digits - 1) == round(value, digits):
            digits -= 1
        return number_text(float(value), digits, language=self._language)
