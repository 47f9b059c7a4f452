"""The time, passed in wherever it matters so that tests can turn it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock", "rfc3339"]


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never jumps [s]."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never jumps [s]."""
        return time.monotonic()


def rfc3339(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, to the millisecond where it has one.

    Examples
    --------
    >>> rfc3339(datetime(2026, 11, 28, 2, 0, tzinfo=UTC))
    '2026-11-28T02:00:00Z'
    """
    utc = moment.astimezone(UTC)
    timespec = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=timespec).replace("+00:00", "Z")
