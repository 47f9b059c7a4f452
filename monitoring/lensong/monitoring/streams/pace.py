"""How a counter moves: in every look, in steps of several seconds, or not at all.

Media servers bring their counters up to date when it suits them: nginx-rtmp with every packet, SRS
once in five to ten seconds, and some of them never. Between two steps nothing is known of a rate,
and a counter that was never seen to move says nothing at all. So a rate is told from one change to
another, and a counter that stands still is told to have stopped once that lasts longer than its own
steps do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lensong.monitoring.streams.window import LONGEST_GAP_S, Point, spanning

__all__ = ["COUNTERS", "Pace", "Stretch", "paces_with", "step_rates", "stretch"]

COUNTERS = ("received_bytes", "frames", "packets")
"""Counters of a `Point` that a healthy stream keeps moving; losses may rest for hours."""

_STEPS_KEPT = 8
_LOOK_S = 2.5
"""By which a step may seem longer than it is: one look, and its delay [s]."""
_UNKNOWN_STEP_S = 15.0
"""Longest step reckoned with until two changes have been seen [s]: ten seconds and two looks."""
_STEPPED_SPAN_S = 15.0
"""Over which a stepping counter's rate is told [s]: a look's delay is then a sixth of it."""
_LEAST_STEPPED_SPAN_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is remembered of a counter.

    Parameters
    ----------
    value : int
        Its last value.
    since_s : float
        When that was first seen [s].
    still : bool
        Whether it has been seen again since, unchanged.
    moved : bool
        Whether the counter was ever seen to move, in this connection.
    steps : tuple of (float, bool)
        Time between its last changes [s], and whether it was seen standing still in between.
    """

    value: int
    since_s: float
    still: bool = False
    moved: bool = False
    steps: tuple[tuple[float, bool], ...] = ()

    @property
    def rests_s(self) -> float:
        """Return for how long it may stand still without having stopped [s]."""
        if not self.steps:
            return _UNKNOWN_STEP_S
        resting = [length_s for length_s, still in self.steps if still]
        if 3 * len(resting) < len(self.steps):
            return 0.0  # a stall or two among steady looks are stalls
        return max(resting) + _LOOK_S

    def seen(self, value: int, at_s: float) -> Pace:
        """Return what to remember after one more look."""
        if value == self.value:
            return replace(self, still=True)
        if value < self.value:
            return Pace(value=value, since_s=at_s)
        steps = self.steps
        if self.moved:
            steps = (*steps, (at_s - self.since_s, self.still))[-_STEPS_KEPT:]
        return Pace(value=value, since_s=at_s, moved=True, steps=steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From where to where a counter's rise may be told."""

    first: Point
    last: Point
    duration_s: float


def paces_with(paces: Mapping[str, Pace], point: Point) -> dict[str, Pace]:
    """Return the paces of the counters after one more point."""
    known = dict(paces)
    for name in COUNTERS:
        value = getattr(point, name)
        if value is None:
            continue
        pace = known.get(name)
        known[name] = (
            Pace(value=value, since_s=point.at_s) if pace is None else pace.seen(value, point.at_s)
        )
    return known


def stretch(
    points: Sequence[Point], name: str, pace: Pace | None, window_s: float
) -> Stretch | None:
    """Return over which of the kept points a counter's rate may be told.

    Returns
    -------
    Stretch, optional
        About the window where the counter moves with every look; else from one change to another,
        over several steps. None where no rate can be told.
    """
    if pace is None or not pace.moved or not points:
        return None
    rests_s = pace.rests_s
    if rests_s == 0.0:
        inside = spanning(points, window_s)
        return _between(inside[0], inside[-1], name) if inside else None
    counted = _counted(points, name)
    if not counted:
        return None
    now_s = points[-1].at_s
    if now_s - pace.since_s > rests_s:  # it has stopped
        first = next(
            (point for point in reversed(counted) if now_s - point.at_s >= 0.9 * window_s), None
        )
        return None if first is None else _between(first, counted[-1], name)
    changes = _changes(counted, name)
    if len(changes) < 2:
        return None
    last = changes[-1]
    first = next(
        (point for point in reversed(changes) if last.at_s - point.at_s >= _STEPPED_SPAN_S),
        changes[0],
    )
    if last.at_s - first.at_s < _LEAST_STEPPED_SPAN_S:
        return None
    return _between(first, last, name)


def step_rates(
    points: Sequence[Point], name: str, pace: Pace | None, window_s: float
) -> list[float]:
    """Return a counter's rate in each step of about the window [1/s], none when one is unknown."""
    if pace is None or not pace.moved or not points:
        return []
    rests_s = pace.rests_s
    if rests_s == 0.0:
        inside = spanning(points, window_s)
        return _rates(inside, name)
    now_s = points[-1].at_s
    if now_s - pace.since_s > rests_s:
        return [0.0]
    changes = _changes(_counted(points, name), name)
    return _rates(changes[-3:], name) if len(changes) >= 3 else []


def _between(first: Point, last: Point, name: str) -> Stretch | None:
    if getattr(first, name) is None or getattr(last, name) is None or last.at_s <= first.at_s:
        return None
    return Stretch(first=first, last=last, duration_s=last.at_s - first.at_s)


def _rates(points: Sequence[Point], name: str) -> list[float]:
    rates = []
    for before, after in pairwise(points):
        first, last = getattr(before, name), getattr(after, name)
        if first is None or last is None:
            return []
        rates.append(max(0, last - first) / (after.at_s - before.at_s))
    return rates


def _counted(points: Sequence[Point], name: str) -> list[Point]:
    """Return the newest points between which the counter is known and never fell."""
    counted: list[Point] = []
    for point in reversed(points):
        value = getattr(point, name)
        if value is None:
            break
        if counted and (
            counted[-1].at_s - point.at_s > LONGEST_GAP_S or value > getattr(counted[-1], name)
        ):
            break
        counted.append(point)
    return counted[::-1]


def _changes(points: Sequence[Point], name: str) -> list[Point]:
    """Return the points at which the counter was first seen with a new value."""
    return [
        after for before, after in pairwise(points) if getattr(after, name) != getattr(before, name)
    ]
