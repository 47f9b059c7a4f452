"""Profiles out of terrain, and what is drawn beside them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.kernel import kernel
from lensong.propagation.p1812 import PathProfile
from lensong.propagation.sampling import bilinear
from lensong.propagation.terminal import ROUNDING_M, TERMINAL_CLEARING_M, check_clearing
from lensong.propagation.terrain import INLAND, Terrain
from lensong.propagation.types import Float32Array, FloatArray, IntArray

__all__ = [
    "LineSamples",
    "earth_bulge_m",
    "fresnel_radius_m",
    "path_profile",
    "profile_of",
    "sample_line",
]


@kernel
def _sample_line(raster: Float32Array, row: FloatArray, col: FloatArray, out: FloatArray) -> None:
    for i in range(row.size):
        out[i] = bilinear(raster, row[i], col[i])


def _along(raster: Float32Array, row: FloatArray, col: FloatArray) -> FloatArray:
    out = np.empty(row.size)
    _sample_line(np.ascontiguousarray(raster, dtype=np.float32), row, col, out)
    return out


class LineSamples(NamedTuple):
    """What is read along a straight line over a terrain; fields as in `PathProfile`, NaN unknown.

    ``row`` and ``col`` are where the samples lie on the terrain, fractional.
    """

    distance_m: FloatArray
    terrain_amsl_m: FloatArray
    clutter_height_m: FloatArray
    zone: IntArray
    rim_distance_m: FloatArray
    rim_surface_amsl_m: FloatArray
    row: FloatArray
    col: FloatArray


def sample_line(
    terrain: Terrain,
    *,
    row: float,
    col: float,
    end_row: float,
    end_col: float,
    step_m: float | None = None,
    terminal_clearing_m: float = TERMINAL_CLEARING_M,
) -> LineSamples:
    """Return what lies between two places of a terrain, read bilinearly at equal steps.

    Parameters
    ----------
    terrain, row, col, end_row, end_col, step_m, terminal_clearing_m
        As for `path_profile`; the places may be as near to each other as one likes.

    Returns
    -------
    LineSamples
        At least 5; NaN where the line has no elevation.

    Raises
    ------
    OutOfRangeError
        When the step is not above 0 or the clearing is no distance from 0 to 500 m.
    """
    check_clearing(terminal_clearing_m)
    step = terrain.cell_m if step_m is None else step_m
    if not step > 0.0:
        raise OutOfRangeError("step_m", step, 0.0, float("inf"))
    length_m = float(np.hypot(end_row - row, end_col - col)) * terrain.cell_m
    count = max(4, round(length_m / step))
    share = np.linspace(0.0, 1.0, count + 1)
    at_row, at_col = row + share * (end_row - row), col + share * (end_col - col)
    at_row[-1], at_col[-1] = end_row, end_col  # not a rounding beside it, where a void may begin
    ground = _along(terrain.ground_m, at_row, at_col)
    clutter = np.zeros_like(ground)
    rim_m, rim_surface = np.empty(0), np.empty(0)
    if terrain.clutter_m is not None:
        from_end_m = np.minimum(share, 1.0 - share) * length_m
        counts = from_end_m >= terminal_clearing_m - ROUNDING_M
        clutter = np.where(counts, _along(terrain.clutter_m, at_row, at_col), 0.0)
        if 0.0 < terminal_clearing_m <= (length_m + ROUNDING_M) / 2.0:
            rim_m = np.array([terminal_clearing_m, length_m - terminal_clearing_m])
            rim_row = row + rim_m / length_m * (end_row - row)
            rim_col = col + rim_m / length_m * (end_col - col)
            stands = _along(terrain.clutter_m, rim_row, rim_col)
            rim_surface = (_along(terrain.ground_m, rim_row, rim_col) + stands)[stands > 0.0]
            rim_m = rim_m[stands > 0.0]
    zone = np.full(count + 1, INLAND, dtype=np.int64)
    if terrain.zone is not None:
        rows, cols = terrain.zone.shape
        zone = terrain.zone[
            np.clip(np.rint(at_row).astype(int), 0, rows - 1),
            np.clip(np.rint(at_col).astype(int), 0, cols - 1),
        ].astype(np.int64)
    return LineSamples(
        distance_m=share * length_m,
        terrain_amsl_m=ground,
        clutter_height_m=clutter,
        zone=zone,
        rim_distance_m=rim_m,
        rim_surface_amsl_m=rim_surface,
        row=at_row,
        col=at_col,
    )


def path_profile(
    terrain: Terrain,
    *,
    row: float,
    col: float,
    end_row: float,
    end_col: float,
    step_m: float | None = None,
    terminal_clearing_m: float = TERMINAL_CLEARING_M,
) -> PathProfile:
    """Return the profile between two places of a terrain, read bilinearly at equal steps.

    Parameters
    ----------
    terrain : Terrain
    row, col, end_row, end_col : float
        Fractional positions; integers are cell centres.
    step_m : float, optional
        Wanted distance of samples [m]; the path is divided into equal steps near it. Default: a
        cell.
    terminal_clearing_m : float
        Clutter nearer than this to either end is left out, 0 to 500 [m]; where there is clutter
        at that distance, one more point of the surface stands exactly there. See
        `lensong.propagation.terminal`.

    Returns
    -------
    PathProfile

    Raises
    ------
    OutOfRangeError
        When the places are less than 250 m apart, the step is not above 0 or the clearing is no
        distance from 0 to 500 m.
    InvalidInputError
        When the line leaves the terrain or crosses missing elevation.
    """
    line = sample_line(
        terrain,
        row=row,
        col=col,
        end_row=end_row,
        end_col=end_col,
        step_m=step_m,
        terminal_clearing_m=terminal_clearing_m,
    )
    missing = np.flatnonzero(np.isnan(line.terrain_amsl_m))
    if missing.size:
        raise InvalidInputError(
            f"the path has no elevation {line.distance_m[missing[0]]:.0f} m from its start: wanted "
            "terrain all the way, enlarge it or fill the void"
        )
    return profile_of(line)


def profile_of(line: LineSamples) -> PathProfile:
    """Return the profile of a line with elevation all the way, 250 m or longer.

    Raises
    ------
    OutOfRangeError, InvalidInputError
        As `PathProfile`.
    """
    return PathProfile(
        distance_m=line.distance_m,
        terrain_amsl_m=line.terrain_amsl_m,
        clutter_height_m=line.clutter_height_m,
        zone=line.zone,
        rim_distance_m=line.rim_distance_m,
        rim_surface_amsl_m=line.rim_surface_amsl_m,
    )


def fresnel_radius_m(
    distance_m: ArrayLike, path_m: float, *, freq_mhz: float, zone: int = 1
) -> FloatArray:
    """Return the radius of a Fresnel zone along a path.

    Parameters
    ----------
    distance_m : shape (...)
        From one end, 0 to ``path_m`` [m].
    path_m, freq_mhz : float
        Above 0 [m], [MHz].
    zone : int
        1 is the first.

    Returns
    -------
    shape (...)
        Radius [m], 0 at both ends.

    References
    ----------
    .. [1] Recommendation ITU-R P.526-15, 2019, eq. (1).
    """
    if not (path_m > 0.0 and freq_mhz > 0.0 and zone >= 1):
        raise InvalidInputError(
            f"path_m is {path_m}, freq_mhz {freq_mhz}, zone {zone}: wanted all above 0"
        )
    at = np.asarray(distance_m, dtype=np.float64)
    if np.any((at < 0.0) | (at > path_m)):
        raise InvalidInputError(f"distance_m leaves the path, wanted 0 to {path_m} m")
    wavelength_m = 299.792458 / freq_mhz
    return np.asarray(np.sqrt(zone * wavelength_m * at * (path_m - at) / path_m))


def earth_bulge_m(distance_m: ArrayLike, path_m: float, *, effective_radius_m: float) -> FloatArray:
    """Return how far the Earth stands above the chord between a path's ends [m].

    Parameters
    ----------
    distance_m : shape (...)
        From one end [m].
    path_m, effective_radius_m : float
        Length and effective Earth radius, above 0 [m].
    """
    if not (path_m > 0.0 and effective_radius_m > 0.0):
        raise InvalidInputError(
            f"path_m is {path_m}, effective_radius_m {effective_radius_m}: wanted both above 0"
        )
    at = np.asarray(distance_m, dtype=np.float64)
    return np.asarray(at * (path_m - at) / (2.0 * effective_radius_m))
