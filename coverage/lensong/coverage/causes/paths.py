"""Path loss to one place, with and without the terrain, with and without the clutter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import degrees, hypot

import numpy as np

from lensong.coverage.sweeps import PropagationSettings
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.free_space import slant_free_space_loss_db
from lensong.propagation.link import Climate, Link
from lensong.propagation.models import MODELS
from lensong.propagation.p1812 import PathProfile, path_centre_lat_deg
from lensong.propagation.p1812_terms import median_earth_radius_km
from lensong.propagation.path_geometry import horizons
from lensong.propagation.profile import path_profile
from lensong.propagation.sampling import bilinear
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import FloatArray

__all__ = ["End", "PathStates", "path_states"]

_LEAST_PATH_M = 250.0  # of the profile methods


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a path: fractional place on the grid, WGS 84, antenna above ground [m]."""

    row: float
    col: float
    lat_deg: float
    lon_deg: float
    height_agl_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStates:
    """A path as it is, and as it would be without what stands in its way.

    Parameters
    ----------
    loss_db : shape (2, 2)
        Without and with terrain (first), without and with clutter (second).
    elevation_deg : shape (2,)
        At the mast, over smooth ground and over the terrain, negative down.
    distance_m : float
    by_profile : bool
        False where the profile method does not hold: free space and what the sweep told.
    """

    loss_db: FloatArray
    elevation_deg: FloatArray
    distance_m: float
    by_profile: bool


def path_states(
    terrain: Terrain,
    mast: End,
    place: End,
    freq_mhz: float,
    settings: PropagationSettings,
    *,
    diffraction_db: float = 0.0,
    bare_db: float = 0.0,
) -> PathStates | None:
    """Return the loss of a path under the model of a plan in its four states.

    Without terrain the ground rises evenly from the foot of the mast to the place; without
    clutter nothing stands on it. What is left of the path, both antennas over smooth ground, is
    what its length alone costs.

    Parameters
    ----------
    diffraction_db, bare_db : float
        What the sweep says of the obstacles and of the bare terrain's part of them; used where the
        path is shorter than the profile method holds for (250 m).

    Returns
    -------
    PathStates or None
        None where elevation is missing on the way, or the model does not reach.
    """
    distance_m = hypot(place.row - mast.row, place.col - mast.col) * terrain.cell_m
    ground = np.asarray(terrain.ground_m, dtype=np.float32)
    foot_m = float(bilinear(ground, mast.row, mast.col))
    there_m = float(bilinear(ground, place.row, place.col))
    if np.isnan(foot_m) or np.isnan(there_m):
        return None
    top_m, phone_m = foot_m + mast.height_agl_m, there_m + place.height_agl_m
    entry = MODELS[settings.model]
    link = Link(
        freq_mhz, mast.height_agl_m, place.height_agl_m, settings.polarization == "horizontal"
    )
    radius_km = median_earth_radius_km(settings.delta_n_per_km)
    straight_deg = degrees(
        float(
            np.arctan2(
                phone_m - top_m - distance_m**2 / (2000.0 * radius_km), max(distance_m, 1e-3)
            )
        )
    )
    if entry.over_distance is not None:
        slant_m = hypot(distance_m, phone_m - top_m)
        loss = float(entry.over_distance(np.array([distance_m]), np.array([slant_m]), link)[0])
        if np.isnan(loss):
            return None
        return PathStates(
            loss_db=np.full((2, 2), loss),
            elevation_deg=np.full(2, straight_deg),
            distance_m=distance_m,
            by_profile=True,
        )
    if distance_m < _LEAST_PATH_M or entry.over_profile is None:
        free = slant_free_space_loss_db(
            max(distance_m, 1.0) / 1000.0, top_m, phone_m, freq_mhz / 1000.0
        )
        added = max(diffraction_db - bare_db, 0.0)
        losses = free + np.array([[0.0, added], [bare_db, bare_db + added]])
        return PathStates(
            loss_db=losses,
            elevation_deg=np.full(2, straight_deg),
            distance_m=distance_m,
            by_profile=False,
        )
    climate = Climate(
        settings.delta_n_per_km,
        settings.n0,
        settings.time_percent,
        path_centre_lat_deg(mast.lat_deg, mast.lon_deg, place.lat_deg, place.lon_deg, distance_m),
    )
    try:
        profile = path_profile(
            terrain,
            row=mast.row,
            col=mast.col,
            end_row=place.row,
            end_col=place.col,
            terminal_clearing_m=settings.terminal_clearing_m,
        )
        losses = _four_losses(profile, lambda p: entry.over_profile(p, link, climate))  # type: ignore[misc]  # narrowed above
    except (InvalidInputError, OutOfRangeError):
        return None
    if np.isnan(losses).any():
        return None
    seen = horizons(
        profile.distance_m / 1000.0, profile.terrain_amsl_m, top_m, phone_m, 1.0 / radius_km
    )
    return PathStates(
        loss_db=losses,
        elevation_deg=np.array([straight_deg, degrees(seen.tx_theta_mrad / 1000.0)]),
        distance_m=distance_m,
        by_profile=True,
    )


def _four_losses(profile: PathProfile, loss_db: Callable[[PathProfile], float]) -> FloatArray:
    """Return the loss without and with terrain, without and with clutter."""
    ground, d = profile.terrain_amsl_m, profile.distance_m
    even = ground[0] + (ground[-1] - ground[0]) * d / d[-1]
    # a rim stands on the ground between two samples
    rims = profile.rim_distance_m
    sinks = np.interp(rims, d, even) - np.interp(rims, d, ground)
    smooth = replace(
        profile, terrain_amsl_m=even, rim_surface_amsl_m=profile.rim_surface_amsl_m + sinks
    )
    losses = np.empty((2, 2))
    for terrain, with_ground in enumerate((smooth, profile)):
        losses[terrain, 1] = losses[terrain, 0] = loss_db(_bare(with_ground))
        if _has_clutter(profile):
            losses[terrain, 1] = loss_db(with_ground)
    return losses


def _has_clutter(profile: PathProfile) -> bool:
    return bool(profile.clutter_height_m[1:-1].any()) or profile.rim_distance_m.size > 0


def _bare(profile: PathProfile) -> PathProfile:
    return replace(
        profile,
        clutter_height_m=np.zeros_like(profile.clutter_height_m),
        rim_distance_m=np.empty(0),
        rim_surface_amsl_m=np.empty(0),
    )
