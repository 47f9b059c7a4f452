"""The time, passed in wherever it matters so that tests can turn it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

from lensong.monitoring.errors import ClockFaultError

__all__ = ["Clock", "SystemClock", "TrustedClock", "rfc3339"]

_JUMP_S = 30.0
"""A smaller step does no harm; NTP makes them, too [s]."""

_STEADY_S = 600.0
"""A clock that was set is trusted again when it has run so long without being set again [s]."""

_BACK_S = 30.0
"""The same for a clock that is back where it was [s]."""

_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right shows less: this program did not exist."""


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


class TrustedClock:
    """Another clock, which tells no time while that may be false.

    The wall clock is compared with the monotonic one, which nobody sets: where their difference
    jumps, the wall clock was set, or the machine had been suspended. Which of its times is true
    cannot be known, so it has to prove itself by running steadily for a while.

    Parameters
    ----------
    clock : Clock
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._armed = False
        self._offset_s = self._trusted_offset_s = self._trusted_from_s = 0.0

    def arm(self, known: datetime | None) -> None:
        """Begin to distrust it.

        Parameters
        ----------
        known : datetime, optional
            A moment that has been before, as from an earlier run.
        """
        self._armed = True
        now, monotonic_s = self._clock.now(), self._clock.monotonic_s()
        self._offset_s = self._trusted_offset_s = now.timestamp() - monotonic_s
        self._trusted_from_s = monotonic_s
        if known is not None and (known - now).total_seconds() > _JUMP_S:
            self._trusted_from_s += _STEADY_S
            self._trusted_offset_s = known.timestamp() - monotonic_s

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC.

        Raises
        ------
        ClockFaultError
            It may be false.
        """
        if (fault := self.fault()) is not None:
            raise ClockFaultError(fault)
        return self._clock.now()

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never jumps [s]."""
        return self._clock.monotonic_s()

    def fault(self) -> str | None:
        """Return why the clock is not trusted, None where it is."""
        if not self._armed:
            return None
        now, monotonic_s = self._clock.now(), self._clock.monotonic_s()
        offset_s = now.timestamp() - monotonic_s
        if abs(offset_s - self._offset_s) > _JUMP_S:
            is_back = abs(offset_s - self._trusted_offset_s) <= _JUMP_S
            self._trusted_from_s = monotonic_s + (_BACK_S if is_back else _STEADY_S)
        self._offset_s = offset_s
        if now < _EARLIEST:
            return f"the clock of this machine shows {now:%Y-%m-%d}, which is past: set it"
        if monotonic_s < self._trusted_from_s:
            return (
                f"the clock of this machine was set by {offset_s - self._trusted_offset_s:+.0f} s: "
                f"nothing is taken for another {self._trusted_from_s - monotonic_s:.0f} s, in "
                "which it must run steadily"
            )
        self._trusted_offset_s = offset_s  # the small steps of NTP add up
        return None


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
