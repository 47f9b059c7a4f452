"""When the next test is due: every so often, but not at night."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from lensong.propagation.errors import ConfigError

__all__ = ["QuietHours", "next_test", "parse_duration", "parse_quiet_hours", "phase_of"]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h)")
_UNITS_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0}
_HOURS = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Hours of the day without tests, by the local clock; they may go over midnight."""

    begins: time
    ends: time

    def covers(self, moment: datetime) -> bool:
        """Return whether a local time lies in the quiet hours."""
        clock = moment.time()
        if self.begins <= self.ends:
            return self.begins <= clock < self.ends
        return clock >= self.begins or clock < self.ends

    def end_after(self, moment: datetime) -> datetime:
        """Return when the quiet hours that cover a local time end."""
        end = moment.replace(hour=self.ends.hour, minute=self.ends.minute, second=0, microsecond=0)
        return end if end > moment else end + timedelta(days=1)


def parse_duration(text: str) -> timedelta:
    """Return a duration written like ``90s``, ``30m`` or ``1.5h``, from a minute to a day.

    Examples
    --------
    >>> parse_duration("30m")
    datetime.timedelta(seconds=1800)
    """
    found = _DURATION.fullmatch(text.strip())
    duration_s = float(found[1]) * _UNITS_S[found[2]] if found else 0.0
    if not 60.0 <= duration_s <= 86_400.0:
        raise ConfigError(f"duration is {text!r}, wanted one like 30m, 90s or 2h, from 1m to 24h")
    return timedelta(seconds=duration_s)


def parse_quiet_hours(text: str) -> QuietHours:
    """Return quiet hours written like ``22:00-05:00``.

    Examples
    --------
    >>> parse_quiet_hours("22:00-05:00").covers(datetime(2026, 11, 28, 23, 30))
    True
    """
    found = _HOURS.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        begins = time(int(found[1]), int(found[2]))
        ends = time(int(found[3]), int(found[4]))
        if begins == ends:
            raise ValueError
    except ValueError:
        raise ConfigError(
            f"quiet hours are {text!r}, wanted from and to by the local clock, like 22:00-05:00"
        ) from None
    return QuietHours(begins=begins, ends=ends)


def phase_of(client_id: str, every: timedelta) -> timedelta:
    """Return a machine's place within the interval, so that sites do not all test at once.

    Always the same for the same machine: how a network fares at 09:10 is then asked every day.
    """
    share = int.from_bytes(client_id.encode()[-6:], "big") % 997 / 997.0
    return every * share


def next_test(
    now: datetime, *, every: timedelta, phase: timedelta, quiet: QuietHours | None = None
) -> datetime:
    """Return when the next test is due.

    Parameters
    ----------
    now : datetime
        Local time, aware.
    every, phase : timedelta
        Tests are due at local midnight plus the phase and every interval after.
    quiet : QuietHours, optional
        A test due in them waits for the first one due after.

    Returns
    -------
    datetime
        Later than ``now``.
    """
    due = _due_after(now, every, phase)
    if quiet is None or not quiet.covers(due):
        return due
    end = quiet.end_after(due)
    following = _due_after(end, every, phase)
    # An interval of a day may meet the same quiet hours every day.
    return end if quiet.covers(following) else following


def _due_after(moment: datetime, every: timedelta, phase: timedelta) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    steps = (moment - midnight - phase) // every + 1
    return midnight + phase + steps * every
