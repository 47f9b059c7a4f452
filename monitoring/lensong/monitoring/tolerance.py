"""What "it held" means: how much freezing a stream may show and still count as held.

One definition for the verdict before a session, the health during it, the report after it, the
replays of the benchmarks and the calibration. A session of two hours with one freeze of three
seconds is no failure for a seller; one of a minute with the picture gone for twenty seconds is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from lensong.propagation.errors import OutOfRangeError

__all__ = ["Breach", "Tolerance", "breach", "freezes_behind"]

Breach = Literal["freeze_long", "frozen_much", "reconnects_many"]
"""Why a session did not hold: one freeze too long, frozen too much in all, too many reconnects."""

_LONGEST_S = 3_600.0
_KEY_FRAME_S = 1.0
"""A picture that has lost data stays broken until the next key frame: one more second."""
_DROPPED_RATIO = 0.02
"""A step that loses more of its data than this shows no picture worth the name."""
_JOINED_S = 2.0
"""Freezes with less than this between them are one: nobody watches in between [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How much freezing a stream may show and still have held.

    Parameters
    ----------
    longest_freeze_s : float
        No single freeze, or time away, may last longer [s].
    most_frozen_ratio, most_frozen_s : float
        Frozen for at most this share of the session, or for this long where that is more: one
        per cent of a minute would be no freeze at all.
    reconnects_an_hour : float
        At most so many new connections an hour; a session of less than an hour counts as one.
    encoder_queue_s : float
        What the encoder holds back before it drops anything [s]: a lag up to this is no freeze.
    """

    longest_freeze_s: float = 10.0
    most_frozen_ratio: float = 0.01
    most_frozen_s: float = 3.0
    reconnects_an_hour: float = 2.0
    encoder_queue_s: float = 2.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            high = 1.0 if item.name.endswith("_ratio") else _LONGEST_S
            if not (math.isfinite(value) and 0.0 <= value <= high):
                raise OutOfRangeError(item.name, value, 0.0, high, hint="a tolerance of streams")

    def most_frozen_in_s(self, duration_s: float) -> float:
        """Return for how long a session of a duration may be frozen in all [s]."""
        return max(self.most_frozen_ratio * duration_s, self.most_frozen_s)


def breach(
    tolerance: Tolerance, duration_s: float, freezes_s: Iterable[float], *, reconnects: int = 0
) -> Breach | None:
    """Return what of a session went beyond the tolerance; None where it held.

    Parameters
    ----------
    duration_s : float
        How long the session lasted, or was watched [s].
    freezes_s : iterable of float
        Length of each freeze and of each time away [s].
    reconnects : int
        New connections.

    Examples
    --------
    >>> breach(Tolerance(), 7_200.0, [3.0])
    >>> breach(Tolerance(), 7_200.0, [12.0])
    'freeze_long'
    >>> breach(Tolerance(), 60.0, [2.0, 2.0])
    'frozen_much'
    """
    lengths = list(freezes_s)
    if any(length_s > tolerance.longest_freeze_s for length_s in lengths):
        return "freeze_long"
    if math.fsum(lengths) > tolerance.most_frozen_in_s(duration_s):
        return "frozen_much"
    if reconnects > tolerance.reconnects_an_hour * max(duration_s / 3_600.0, 1.0):
        return "reconnects_many"
    return None


def freezes_behind(
    link: Sequence[tuple[float, float]], bitrate_bps: float, tolerance: Tolerance
) -> list[float]:
    """Return the freezes of a constant bit rate behind a link, each with its length [s].

    Parameters
    ----------
    link : sequence of (float, float)
        Rate that the link carries and for how long, in order [bit/s, s].
    bitrate_bps : float
        What the stream sends, headers included, above 0.

    Notes
    -----
    The encoder queues up to ``encoder_queue_s`` and drops what is beyond. A step that drops more
    than 2 % is frozen, and so is the second after it, until the next key frame; freezes less than
    2 s apart are one. TCP's own pauses come on top of this: it is the network's part.
    """
    room_bit = tolerance.encoder_queue_s * bitrate_bps
    waiting_bit = 0.0
    at_s = 0.0
    spans: list[list[float]] = []
    for link_bps, duration_s in link:
        waiting_bit = max(0.0, waiting_bit + (bitrate_bps - link_bps) * duration_s)
        dropped_bit = max(0.0, waiting_bit - room_bit)
        waiting_bit = min(waiting_bit, room_bit)
        ends_s = at_s + duration_s
        if dropped_bit > _DROPPED_RATIO * bitrate_bps * duration_s:
            if spans and at_s - spans[-1][1] < _JOINED_S:
                spans[-1][1] = ends_s + _KEY_FRAME_S
            else:
                spans.append([at_s, ends_s + _KEY_FRAME_S])
        at_s = ends_s
    return [min(until_s, at_s) - from_s for from_s, until_s in spans]
