"""Long lists in pages: what is asked for stands in the address, so that it can be sent and kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query

__all__ = ["PER_PAGE", "Asked", "PageNumber", "Paged", "Search", "finds", "folded", "in_order"]

T = TypeVar("T")

PER_PAGE = 100
_DIGITS = re.compile(r"([0-9]{1,15})")

PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
Search = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class Asked:
    """An address and what it asks for.

    Parameters
    ----------
    path : str
        With the path under which the service is served.
    values : mapping
        What is empty is left out.
    """

    path: str
    values: Mapping[str, object]

    def href(self, **changed: object) -> str:
        """Return the address, but for what is changed."""
        values = {name: value for name, value in {**self.values, **changed}.items() if value}
        return f"{self.path}?{urlencode(values)}" if values else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged(Generic[T]):
    """A page of a list.

    Parameters
    ----------
    first : int
        Number of the first item, from 1; 0 where there is none.
    """

    items: Sequence[T]
    number: int
    pages: int
    first: int
    total: int
    asked: Asked

    @classmethod
    def of(cls, found: Sequence[T], number: int, asked: Asked) -> Paged[T]:
        """Return a page of what was found; beyond the last one, the last one."""
        pages = max(1, -(-len(found) // PER_PAGE))
        number = min(number, pages)
        start = (number - 1) * PER_PAGE
        items = found[start : start + PER_PAGE]
        return cls(
            items=items,
            number=number,
            pages=pages,
            first=start + 1 if items else 0,
            total=len(found),
            asked=asked,
        )

    @property
    def last(self) -> int:
        """Return the number of the last item on the page."""
        return self.first + len(self.items) - 1 if self.items else 0

    def href(self, number: int) -> str:
        """Return the address of another page."""
        return self.asked.href(page=number if number > 1 else None)


@lru_cache(32_768)
def folded(text: str) -> str:
    """Return a text without case and diacritics, as people type who search.

    Examples
    --------
    >>> folded("Chợ Đồn")
    'cho don'
    """
    letters = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


@lru_cache(32_768)
def in_order(text: str) -> tuple[tuple[int, str], ...]:
    """Return by what texts are sorted as people do: without accents, numbers by their value.

    Examples
    --------
    >>> sorted(["Bản 10", "Bản 9", "Ấp 3"], key=in_order)
    ['Ấp 3', 'Bản 9', 'Bản 10']
    """
    parts = _DIGITS.split(folded(text))
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts if part)


def finds(wanted: str, *texts: str) -> bool:
    """Return whether every word of a search stands in one of the texts.

    Examples
    --------
    >>> finds("binh cho", "Chợ Bình Lư", "03390"), finds("binh x", "Chợ Bình Lư")
    (True, False)
    """
    words = folded(wanted).split()
    return all(any(word in folded(text) for text in texts) for word in words)
