"""At most so many in so long, for each key, in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from lensong.monitoring.errors import BusyError

__all__ = ["RateLimit"]

_KEYS = 50_000
"""Keys remembered; the one that was quiet longest is forgotten first."""


class RateLimit:
    """A token bucket for each key.

    Parameters
    ----------
    most : int
        As many at once, and as many in ``per_s``.
    per_s : float
        Time in which an empty bucket fills [s].
    monotonic_s : callable
        Returns seconds of a clock that never jumps.
    """

    def __init__(self, most: int, per_s: float, monotonic_s: Callable[[], float]) -> None:
        self._most, self._rate, self._now = most, most / per_s, monotonic_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, what: str, count: int = 1) -> None:
        """Count something that is asked for.

        Parameters
        ----------
        what : str
            What there is too much of, for the message.

        Raises
        ------
        BusyError
            The bucket does not hold as many.
        """
        now = self._now()
        left, at = self._buckets.pop(key, (float(self._most), now))
        left = min(self._most, left + (now - at) * self._rate)
        enough = left >= min(count, self._most)
        self._buckets[key] = (left - count if enough else left, now)
        if len(self._buckets) > _KEYS:
            self._buckets.popitem(last=False)
        if not enough:
            wait_s = (min(count, self._most) - left) / self._rate
            raise BusyError(f"too many {what}: at most {self._most} at once", wait_s)
