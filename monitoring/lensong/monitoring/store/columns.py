"""What the tables are made of: moments, running numbers, and the names of their keys.

A moment is a whole number of microseconds since 1970 in UTC: it sorts, subtracts and rounds to an
hour the same way on both databases.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, ForeignKey, Integer, MetaData, Text
from sqlalchemy.types import TypeDecorator

__all__ = ["Moment", "Serial", "from_microseconds", "metadata", "site_column", "to_microseconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(moment: datetime) -> int:
    """Return microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(count: int) -> datetime:
    """Return the moment of a count of microseconds since 1970 in UTC."""
    return _EPOCH + timedelta(microseconds=count)


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970 in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return what is stored."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return what was stored."""
        return None if value is None else from_microseconds(int(value))


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives only "INTEGER PRIMARY KEY" a running number
Serial = BigInteger().with_variant(Integer, "sqlite")


def site_column(**options: Any) -> Column[Any]:  # Any: as SQLAlchemy has it
    """Return the column of the site that a row is of; it goes with the site."""
    return Column(
        "site_id", Text, ForeignKey("sites.site_id", ondelete="CASCADE"), nullable=False, **options
    )
