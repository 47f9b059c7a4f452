"""What a low-orbit satellite terminal sees from a place between mountains."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SatelliteView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SatelliteView:
    """How much sky a terminal has.

    Parameters
    ----------
    sky_share : float
        Of the sky above the operator's mask angle, that no mountain hides, 0..1.
    visible_minutes_per_day : float
        With one satellite at least [min].
    longest_gap_s : float
        Without any [s].
    unknown_share : float
        Of the azimuths in which a mountain beyond the elevation that was read may rise above the
        mask angle, 0..1.
    """

    sky_share: float
    visible_minutes_per_day: float
    longest_gap_s: float
    unknown_share: float
