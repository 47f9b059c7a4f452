"""One radial of a sweep: its samples and every quantity that runs outward along it.

A radial leaves the mast and is sampled every ``step_km``; sample 0 is the mast. The arrays of
`Radial` hold, at index i, what is known after samples 1 to i, so that a receiver behind sample k
reads its answer at index k:

==================== ============================================================ ===============
array                holds at i                                                   P.1812
==================== ============================================================ ===============
``tx_slope``         max (g - tx) / d - 500 C d, ground and clutter, median Earth  eq. (14), Stim
``tx_slope_rare``    the same for the Earth radius of beta0                        eq. (14)
``tx_slope_bare``    the same for bare ground, median Earth                        eq. (76), theta_t
``tx_obstruction``   max (h - tx) / d                                              eq. (87c)
``v1``, ``v2``       sums of the smooth Earth                                      eqs (85), (86)
``zones``            land, inland and sea stretches so far                         §3.6
==================== ============================================================ ===============

In the frame ``y = height - 500 C d²`` a curved Earth is straight: the bulge 500 C d (D - d) of a
path of length D is 500 C D d, a line, less 500 C d². So each horizon seen from the receiver is a
question to one upper hull per frame, whatever the length of the path.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from lensong.propagation.block_search import BLOCK, fill_block_maxima
from lensong.propagation.sampling import bilinear, nearest
from lensong.propagation.types import Float32Array, FloatArray, IntArray, UInt8Array

__all__ = ["Radial", "Rasters", "new_radial", "read_point", "walk_radial", "zone_step"]

SEA, COASTAL_LAND, INLAND = 1, 3, 4
NO_STRETCH = -1.0


class Rasters(NamedTuple):
    """The land under a sweep; a raster of one cell stands for "none given"."""

    ground_m: Float32Array
    clutter_m: Float32Array
    zone: UInt8Array
    has_clutter: bool
    has_zone: bool


class Radial(NamedTuple):
    """Samples and running quantities of one radial; see the module's table."""

    distance_km: FloatArray
    ground_m: FloatArray
    surface_m: FloatArray  # ground and clutter
    zone: IntArray
    # heights in the straightened frames
    surface_y: FloatArray
    surface_rare_y: FloatArray
    ground_y: FloatArray
    # running quantities
    tx_slope: FloatArray
    tx_slope_at: IntArray
    tx_slope_rare: FloatArray
    tx_slope_rare_at: IntArray
    tx_slope_bare: FloatArray
    tx_slope_bare_at: IntArray
    tx_obstruction: FloatArray
    v1: FloatArray
    v2: FloatArray
    zones: FloatArray  # (n, 5): see `zone_step`
    # block maxima for the searches
    surface_blocks: FloatArray
    surface_rare_blocks: FloatArray
    ground_blocks: FloatArray
    bare_blocks: FloatArray
    # upper hulls as stacks of sample indices, and their sizes
    surface_hull: IntArray
    surface_rare_hull: IntArray
    ground_hull: IntArray
    bare_hull: IntArray
    hull_sizes: IntArray


def new_radial(samples: int, step_km: float) -> Radial:
    """Return the empty arrays of a radial, to be used again for every radial of a sweep."""

    def floats(n: int = samples) -> FloatArray:
        return np.empty(n, dtype=np.float64)

    def ints(n: int = samples) -> IntArray:
        return np.empty(n, dtype=np.int64)

    blocks = samples // BLOCK + 1
    return Radial(
        distance_km=np.arange(samples, dtype=np.float64) * step_km,
        ground_m=floats(),
        surface_m=floats(),
        zone=np.full(samples, INLAND, dtype=np.int64),
        surface_y=floats(),
        surface_rare_y=floats(),
        ground_y=floats(),
        tx_slope=floats(),
        tx_slope_at=ints(),
        tx_slope_rare=floats(),
        tx_slope_rare_at=ints(),
        tx_slope_bare=floats(),
        tx_slope_bare_at=ints(),
        tx_obstruction=floats(),
        v1=floats(),
        v2=floats(),
        zones=np.empty((samples, 5), dtype=np.float64),
        surface_blocks=floats(blocks),
        surface_rare_blocks=floats(blocks),
        ground_blocks=floats(blocks),
        bare_blocks=floats(blocks),
        surface_hull=ints(),
        surface_rare_hull=ints(),
        ground_hull=ints(),
        bare_hull=ints(),
        hull_sizes=np.zeros(4, dtype=np.int64),
    )


@njit(cache=True, nogil=True)
def read_point(rasters: Rasters, row: float, col: float) -> tuple[float, float]:
    """Return ground and surface height at a position; NaN where there is no elevation."""
    ground = bilinear(rasters.ground_m, row, col)
    if not rasters.has_clutter:
        return ground, ground
    return ground, ground + bilinear(rasters.clutter_m, row, col)


@njit(cache=True, nogil=True)
def zone_step(
    state: tuple[float, float, float, float, float], before: float, after: float, zone: int
) -> tuple[float, float, float, float, float]:
    """Return the stretches after one more point that stands for ``before`` to ``after``.

    The state is: where the present land stretch and the present inland stretch began
    (`NO_STRETCH`: not in one), the longest of each so far, and the length over sea.
    """
    land_from, inland_from, longest_land, longest_inland, sea = state
    if zone == SEA:
        land_from = NO_STRETCH
        sea += after - before
    else:
        land_from = before if land_from < 0.0 else land_from
        longest_land = max(longest_land, after - land_from)
    if zone == INLAND:
        inland_from = before if inland_from < 0.0 else inland_from
        longest_inland = max(longest_inland, after - inland_from)
    else:
        inland_from = NO_STRETCH
    return land_from, inland_from, longest_land, longest_inland, sea


@njit(cache=True, nogil=True)
def _read_samples(
    radial: Radial, rasters: Rasters, row: float, col: float, d_row: float, d_col: float
) -> int:
    """Sample ground and clutter outward; return how many samples have elevation."""
    count = radial.distance_km.size
    for i in range(count):
        at_row, at_col = row + i * d_row, col + i * d_col
        ground, surface = read_point(rasters, at_row, at_col)
        if np.isnan(surface):
            return i
        radial.ground_m[i] = ground
        radial.surface_m[i] = ground if i == 0 else surface
        if rasters.has_zone:
            radial.zone[i] = nearest(rasters.zone, at_row, at_col)
    return count


@njit(cache=True, nogil=True)
def _run_maximum(
    x: FloatArray, y: FloatArray, tx_m: float, count: int, out: FloatArray, out_at: IntArray
) -> None:
    """Run the horizon of the mast outward: max (y - tx) / x, the first sample on ties."""
    best, at = -np.inf, 0
    out[0], out_at[0] = best, at
    for i in range(1, count):
        slope = (y[i] - tx_m) / x[i]
        if slope > best:
            best, at = slope, i
        out[i], out_at[i] = best, at


@njit(cache=True, nogil=True)
def walk_radial(
    radial: Radial,
    rasters: Rasters,
    row: float,
    col: float,
    d_row: float,
    d_col: float,
    tx_agl_m: float,
    curvature: float,
    rare_curvature: float,
    with_rare: bool,
) -> int:
    """Fill a radial's samples and running quantities; return how many samples it has.

    It ends before the first sample without elevation. Hulls are left empty: they grow while the
    receivers are served.
    """
    count = _read_samples(radial, rasters, row, col, d_row, d_col)
    radial.hull_sizes[:] = 0
    if count == 0:
        return 0
    x, h, g = radial.distance_km, radial.ground_m, radial.surface_m
    tx_m = h[0] + tx_agl_m
    for i in range(count):
        bulge = 500.0 * curvature * x[i] * x[i]
        radial.surface_y[i] = g[i] - bulge
        radial.ground_y[i] = h[i] - bulge
    _run_maximum(x, radial.surface_y, tx_m, count, radial.tx_slope, radial.tx_slope_at)
    fill_block_maxima(radial.surface_y, count, radial.surface_blocks)
    if with_rare:
        for i in range(count):
            radial.surface_rare_y[i] = g[i] - 500.0 * rare_curvature * x[i] * x[i]
        _run_maximum(
            x, radial.surface_rare_y, tx_m, count, radial.tx_slope_rare, radial.tx_slope_rare_at
        )
        fill_block_maxima(radial.surface_rare_y, count, radial.surface_rare_blocks)
    if rasters.has_clutter:
        _run_maximum(x, radial.ground_y, tx_m, count, radial.tx_slope_bare, radial.tx_slope_bare_at)
        fill_block_maxima(radial.ground_y, count, radial.ground_blocks)
    else:
        radial.tx_slope_bare[:count] = radial.tx_slope[:count]
        radial.tx_slope_bare_at[:count] = radial.tx_slope_at[:count]
        radial.ground_blocks[:] = radial.surface_blocks
    fill_block_maxima(h, count, radial.bare_blocks)

    obstruction, v1, v2 = -np.inf, 0.0, 0.0
    radial.tx_obstruction[0], radial.v1[0], radial.v2[0] = obstruction, v1, v2
    for i in range(1, count):
        obstruction = max(obstruction, (h[i] - tx_m) / x[i])
        step = x[i] - x[i - 1]
        v1 += step * (h[i] + h[i - 1])
        v2 += step * (h[i] * (2.0 * x[i] + x[i - 1]) + h[i - 1] * (x[i] + 2.0 * x[i - 1]))
        radial.tx_obstruction[i], radial.v1[i], radial.v2[i] = obstruction, v1, v2

    if rasters.has_zone:
        state = (NO_STRETCH, NO_STRETCH, 0.0, 0.0, 0.0)
        for i in range(count):  # the state at i is before sample i, whose far end is not yet known
            for j in range(5):
                radial.zones[i, j] = state[j]
            before = 0.0 if i == 0 else 0.5 * (x[i - 1] + x[i])
            after = before if i == count - 1 else 0.5 * (x[i] + x[i + 1])
            state = zone_step(state, before, after, radial.zone[i])
    return count
