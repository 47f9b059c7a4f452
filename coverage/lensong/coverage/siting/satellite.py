"""What a low-orbit satellite terminal sees from a place between mountains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lensong.propagation.horizon import Horizon
from lensong.propagation.types import BoolArray
from lensong.propagation.walker_shell import Passes, satellite_in_sight

__all__ = ["SatelliteView", "satellite_view", "sky_share"]


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

    @property
    def visible_percent(self) -> float:
        """Return the share of time with a satellite in sight [%]."""
        return self.visible_minutes_per_day / 14.4


def sky_share(horizon: Horizon, mask_deg: float) -> float:
    """Return which share of the sky above a mask angle no mountain hides.

    Shares are of solid angle: the sky between two elevations has the size of the difference of
    their sines.
    """
    low = np.sin(np.radians(mask_deg))
    hidden = np.sin(np.radians(np.maximum(horizon.elevation_deg, mask_deg))) - low
    return float(1.0 - np.mean(hidden) / (1.0 - low))


def satellite_view(
    passes: Passes, horizon: Horizon, *, lat_deg: float, lon_deg: float, mask_deg: float
) -> SatelliteView:
    """Return how much sky a terminal has, and how long a satellite is in it.

    Parameters
    ----------
    passes : Passes
        Complete above the mask, at the place.
    horizon : Horizon
        Azimuths from true north.
    lat_deg, lon_deg : float
        WGS 84 [deg].
    mask_deg : float
        Elevation below which the operator serves nobody [deg].
    """
    lowest = np.maximum(horizon.elevation_deg, mask_deg)
    seen = satellite_in_sight(passes, lat_deg=lat_deg, lon_deg=lon_deg, lowest_deg=lowest)
    return SatelliteView(
        sky_share=sky_share(horizon, mask_deg),
        visible_minutes_per_day=1440.0 * float(seen.mean()),
        longest_gap_s=_longest_gap(seen) * passes.step_s,
        unknown_share=float(horizon.cut(mask_deg).mean()),
    )


def _longest_gap(seen: BoolArray) -> int:
    """Return the most moments in a row without a satellite."""
    edges = np.flatnonzero(np.concatenate([[True], seen, [True]]))
    return int(np.diff(edges).max()) - 1
