"""What stands near an antenna counts from a distance in metres on, whatever the grid.

The clutter of a profile stands on its samples, so with samples at every cell the last tree before
a phone would stand one cell away: 15 m on one grid, 100 m on another. Here clutter nearer than a
clearing to either end does not count, and where it stands at the rim of the clearing one more
point of the surface stands exactly there. ITU-R P.1812 leaves out the clutter of the two ends
alone and says nothing of the distance between samples; the distance of 50 m is that of ITU-R
P.452, whose diffraction is the same: it is how its validation profiles are prepared, and crc-covlib
gives its equation (6e) so.

References
----------
.. [1] Recommendation ITU-R P.452-18, 2023, eq. (6e): points nearer than 50 m to a terminal
   have no clutter.
.. [2] Recommendation ITU-R P.1812-7, 2023, Annex 1 §3.2: the ends of the profile have no clutter.
"""

from __future__ import annotations

from math import ceil

from lensong.propagation.errors import OutOfRangeError

__all__ = [
    "LONGEST_CLEARING_M",
    "ROUNDING_M",
    "TERMINAL_CLEARING_M",
    "check_clearing",
    "samples_within",
]

TERMINAL_CLEARING_M = 50.0
"""Clutter nearer than this to an antenna does not count [m], ITU-R P.452-18 eq. (6e)."""
LONGEST_CLEARING_M = 500.0
ROUNDING_M = 1e-6
"""What rounding may take off a point that stands exactly at the rim [m]."""


def check_clearing(clearing_m: float) -> None:
    """Refuse a clearing that is no distance from 0 to 500 m.

    Raises
    ------
    OutOfRangeError
    """
    if not 0.0 <= clearing_m <= LONGEST_CLEARING_M:
        raise OutOfRangeError(
            "terminal_clearing_m",
            clearing_m,
            0.0,
            LONGEST_CLEARING_M,
            hint="0 counts the clutter of every sample, as the text of P.1812 does",
        )


def samples_within(clearing_m: float, step_m: float) -> int:
    """Return how many equal steps from an antenna end before the rim of its clearing."""
    return max(0, ceil((clearing_m - ROUNDING_M) / step_m) - 1)
