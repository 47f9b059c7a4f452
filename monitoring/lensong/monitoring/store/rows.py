"""Rows and records into each other, and pages of a listing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.propagation.errors import InvalidInputError

__all__ = ["Page", "cursor_values", "from_row", "make_cursor", "page_of", "to_row", "upsert"]

T = TypeVar("T")

_MOST = 7_258_118_400_000_000
"""Microseconds from 1970 to 2200: no number of a cursor is larger."""


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def to_row(record: Any) -> dict[str, Any]:
    """Return the columns of a record: enumerations as words, tuples as lists."""
    row: dict[str, Any] = {}
    for name in _names(record.__class__):
        value = getattr(record, name)
        if isinstance(value, Enum):
            value = value.value
        elif isinstance(value, tuple):
            value = list(value)
        row[name] = value
    return row


def from_row(kind: Callable[..., T], row: Mapping[Any, Any]) -> T:
    """Return the record of a row; columns that it does not have are left out."""
    values: dict[str, Any] = {}
    for name in _names(kind):
        if name in row:
            value = row[name]
            values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def upsert(to: AsyncConnection | str, table: Table) -> Any:
    """Return an INSERT with ON CONFLICT clauses, of a connection's or a named dialect's kind."""
    dialect = to if isinstance(to, str) else to.dialect.name
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A part of a listing, and where the next one begins."""

    items: tuple[T, ...]
    next_cursor: str | None = None


def make_cursor(*values: Any) -> str:
    """Return the place after an item, as text that means nothing to the reader."""
    packed = json.dumps(values, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def cursor_values(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """Return the values of a cursor, None where there is none.

    Raises
    ------
    InvalidInputError
        The text is no cursor of this listing.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, UnicodeError):
        values = None
    if (
        not isinstance(values, list)
        or len(values) != len(kinds)
        or not all(
            isinstance(value, kind)
            and (0 <= value < _MOST if isinstance(value, int) else str(value).isprintable())
            for value, kind in zip(values, kinds, strict=True)
        )
    ):
        raise InvalidInputError(
            f"cursor is {cursor[:40]!r}, wanted next_cursor of an earlier answer of this listing"
        )
    return tuple(values)


def page_of(items: Iterable[T], limit: int, cursor: Callable[[T], str]) -> Page[T]:
    """Return a page out of one item more than it may hold."""
    found = tuple(items)
    if len(found) <= limit:
        return Page(items=found)
    return Page(items=found[:limit], next_cursor=cursor(found[limit - 1]))
