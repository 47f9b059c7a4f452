"""One radial of a sweep: its samples and every quantity that runs outward along it.

A radial leaves the mast and is sampled every cell; sample 0 is the mast. Column i of
`Radial.values` holds what is known after samples 1 to i, so that a receiver behind sample k reads
its answer in column k:

================== ========================================================== ==================
row                holds                                                      P.1812
================== ========================================================== ==================
TX_SLOPE + profile max (height - tx) / d - 500 C d: the mast's horizon        eqs (14), (76)
TX_OBSTRUCTION_AT  where (h - tx) / d is greatest, bare ground, flat Earth    eq. (87c)
V1, V2             sums of the smooth Earth                                   eqs (85), (86)
``zones``          land, inland and sea stretches so far                      §3.6
================== ========================================================== ==================

In the frame ``y = height - 500 C d²`` a curved Earth is straight: the bulge 500 C d (D - d) of a
path of length D is 500 C D d, a line, less 500 C d². So each horizon seen from the receiver is a
question to one upper hull per frame, whatever the length of the path.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lensong.propagation.block_search import BLOCK, fill_block_maxima
from lensong.propagation.hull import push
from lensong.propagation.kernel import inlined_kernel, kernel
from lensong.propagation.place import place
from lensong.propagation.sampling import bilinear, bilinear_inside, nearest
from lensong.propagation.terrain import INLAND, SEA, Rasters
from lensong.propagation.types import FloatArray, IntArray

__all__ = [
    "Radial",
    "grow_flat_hull",
    "grow_hulls",
    "new_radial",
    "read_inside",
    "walk_radial",
    "zone_step",
]

NO_STRETCH = -1.0


class Radial(NamedTuple):
    """Samples and running quantities of one radial, one column per sample.

    Few arrays with named rows, because each array handed to a compiled function costs time.
    """

    values: FloatArray  # rows DISTANCE_KM to PER_KM
    samples: IntArray  # rows TX_SLOPE_AT + profile, HULL + profile, TX_OBSTRUCTION_AT,
    # READ_FOR, READ_FOR_EARTH
    hull_size: IntArray  # by profile, then FLAT_REACHED
    block_max: FloatArray  # by profile, see `block_search`
    zones: FloatArray  # (samples, 6): the state of `zone_step` before the sample, its zone


SURFACE, SURFACE_RARE, GROUND, FLAT_GROUND = 0, 1, 2, 3
"""Profiles: ground with clutter on the median Earth, the same on the Earth of beta0, bare ground
on the median Earth, and bare ground on a flat Earth (which only the smooth-Earth fit asks)."""

FLAT_REACHED = 4
"""Place in ``hull_size`` of the last sample in the hull of the flat Earth."""

# rows of ``values``; those by profile begin at the name and count on in the order above
DISTANCE_KM, GROUND_M, SURFACE_M = 0, 1, 2
STRAIGHT = 3  # y by profile
TX_SLOPE = 7  # by profile, not FLAT_GROUND
V1, V2 = 10, 11
PER_KM = 12  # reciprocal of the distance

# rows of ``samples``
TX_SLOPE_AT = 0  # by profile, not FLAT_GROUND
HULL = 3  # stack of sample indices by profile
TX_OBSTRUCTION_AT = 7
READ_FOR = 8  # the pixel on whose own line a sample was read last, see `own_line`
READ_FOR_EARTH = 9  # the same of the list of its smooth Earth


def new_radial(count: int, cell_m: float) -> Radial:
    """Return the empty arrays of a radial, to be used again for every radial of a sweep."""
    radial = Radial(
        values=np.zeros((13, count)),
        samples=np.full((10, count), -1, dtype=np.int64),
        hull_size=np.zeros(5, dtype=np.int64),
        block_max=np.zeros((4, count // BLOCK + 1)),
        zones=np.full((count, 6), float(INLAND)),
    )
    # as a profile in metres is turned to kilometres, so that ties fall alike
    radial.values[DISTANCE_KM] = np.arange(count) * cell_m / 1000.0
    radial.values[PER_KM, 1:] = 1.0 / radial.values[DISTANCE_KM, 1:]
    return radial


@inlined_kernel
def _read_point(rasters: Rasters, row: float, col: float) -> tuple[float, float]:
    """Return ground and surface height at a position; NaN where there is no elevation."""
    rows, cols = rasters.ground_m.shape
    if not (0.0 <= row <= rows - 1.0 and 0.0 <= col <= cols - 1.0):
        return np.nan, np.nan
    return read_inside(rasters, row, col)


@inlined_kernel
def read_inside(rasters: Rasters, row: float, col: float) -> tuple[float, float]:
    """Return ground and surface height between two cell centres of the land.

    Both at once: the weights are computed once. NaN where there is no elevation.
    """
    first = rasters.ground_m
    if not rasters.has_clutter:
        ground = bilinear_inside(first, row, col)
        return ground, ground
    second = rasters.clutter_m
    rows, cols = first.shape
    i, j = place(min(int(row), rows - 2)), place(min(int(col), cols - 2))
    down, right = row - i, col - j
    up, left = 1.0 - down, 1.0 - right
    top = first[i, j] * left + first[i, j + 1] * right
    bottom = first[i + 1, j] * left + first[i + 1, j + 1] * right
    other_top = second[i, j] * left + second[i, j + 1] * right
    other_bottom = second[i + 1, j] * left + second[i + 1, j + 1] * right
    ground = float(top * up + bottom * down)
    surface = float(ground + (other_top * up + other_bottom * down))
    if surface == surface:
        return ground, surface
    ground = bilinear(first, row, col)
    return ground, ground + bilinear(second, row, col)


@kernel
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


@inlined_kernel
def _read_samples(
    radial: Radial,
    rasters: Rasters,
    row: float,
    col: float,
    d_row: float,
    d_col: float,
    bare_samples: int,
) -> int:
    """Sample ground, clutter and zone outward; return how many samples have elevation."""
    count = int(radial.values.shape[1])
    for i in range(count):
        at_row, at_col = row + i * d_row, col + i * d_col
        ground, surface = _read_point(rasters, at_row, at_col)
        if np.isnan(surface):
            return i
        radial.values[GROUND_M, i] = ground
        radial.values[SURFACE_M, i] = ground if i <= bare_samples else surface
        if rasters.has_zone:
            radial.zones[i, 5] = nearest(rasters.zone, at_row, at_col)
    return count


@inlined_kernel
def _run_profile(
    radial: Radial, profile: int, height_row: int, curvature: float, tx_m: float, count: int
) -> None:
    """Straighten one profile and run the mast's horizon outward, the first sample on ties."""
    values, samples = radial.values, radial.samples
    best, at = -np.inf, 0
    for i in range(count):
        x = values[DISTANCE_KM, i]
        y = values[height_row, i] - 500.0 * curvature * x * x
        values[STRAIGHT + profile, i] = y
        if i > 0:
            slope = (y - tx_m) * values[PER_KM, i]
            if slope > best:
                best, at = slope, i
        values[TX_SLOPE + profile, i] = best
        samples[TX_SLOPE_AT + profile, i] = at
    fill_block_maxima(values[STRAIGHT + profile], count, radial.block_max[profile])


@inlined_kernel
def _run_smooth_earth(radial: Radial, tx_m: float, count: int) -> None:
    """Run the sums of the smooth Earth and the steepest obstruction outward."""
    values = radial.values
    obstruction, at, v1, v2 = -np.inf, 0, 0.0, 0.0
    for i in range(count):
        if i > 0:
            x, h = values[DISTANCE_KM, i], values[GROUND_M, i]
            x0, h0 = values[DISTANCE_KM, i - 1], values[GROUND_M, i - 1]
            slope = (h - tx_m) * values[PER_KM, i]
            if slope > obstruction:
                obstruction, at = slope, i
            v1 += (x - x0) * (h + h0)
            v2 += (x - x0) * (h * (2.0 * x + x0) + h0 * (x + 2.0 * x0))
        values[V1, i], values[V2, i] = v1, v2
        radial.samples[TX_OBSTRUCTION_AT, i] = at


@kernel
def _run_zones(radial: Radial, count: int) -> None:
    """Keep the state before each sample: how far the sample reaches is known by the next one."""
    x = radial.values[DISTANCE_KM]
    state = (NO_STRETCH, NO_STRETCH, 0.0, 0.0, 0.0)
    before = 0.0
    for i in range(count):
        for j in range(5):
            radial.zones[i, j] = state[j]
        if i + 1 < count:
            after = 0.5 * (x[i] + x[i + 1])
            state = zone_step(state, before, after, int(radial.zones[i, 5]))
            before = after


@kernel
def walk_radial(
    radial: Radial,
    rasters: Rasters,
    row: float,
    col: float,
    d_row: float,
    d_col: float,
    bare_samples: int,
    tx_agl_m: float,
    curvature: float,
    rare_curvature: float,
    with_rare: bool,
) -> int:
    """Fill a radial's samples and running quantities; return how many samples it has.

    It ends before the first sample without elevation. Clutter does not count up to sample
    ``bare_samples``. Hulls are left empty: they grow while the
    receivers are served.
    """
    count = _read_samples(radial, rasters, row, col, d_row, d_col, bare_samples)
    radial.hull_size[:] = 0
    if count == 0:
        return 0
    tx_m = radial.values[GROUND_M, 0] + tx_agl_m
    _run_profile(radial, SURFACE, SURFACE_M, curvature, tx_m, count)
    if with_rare:
        _run_profile(radial, SURFACE_RARE, SURFACE_M, rare_curvature, tx_m, count)
    if rasters.has_clutter:
        _run_profile(radial, GROUND, GROUND_M, curvature, tx_m, count)
    fill_block_maxima(radial.values[GROUND_M], count, radial.block_max[FLAT_GROUND])
    _run_smooth_earth(radial, tx_m, count)
    if rasters.has_zone:
        _run_zones(radial, count)
    return count


@inlined_kernel
def grow_hulls(radial: Radial, new: int, with_clutter: bool, with_rare: bool) -> None:
    """Add one sample to each hull that the sweep asks; that of the flat Earth is rarely asked."""
    values, samples, size = radial.values, radial.samples, radial.hull_size
    x = values[DISTANCE_KM]
    size[SURFACE] = push(samples[HULL + SURFACE], size[SURFACE], x, values[STRAIGHT + SURFACE], new)
    if with_clutter:
        size[GROUND] = push(samples[HULL + GROUND], size[GROUND], x, values[STRAIGHT + GROUND], new)
    if with_rare:
        size[SURFACE_RARE] = push(
            samples[HULL + SURFACE_RARE],
            size[SURFACE_RARE],
            x,
            values[STRAIGHT + SURFACE_RARE],
            new,
        )


@kernel
def grow_flat_hull(radial: Radial, last: int) -> int:
    """Bring the hull of the bare ground on a flat Earth up to a sample; return its size."""
    size = radial.hull_size
    stack, x, y = radial.samples[HULL + FLAT_GROUND], radial.values[DISTANCE_KM], radial.values
    for new in range(size[FLAT_REACHED] + 1, last + 1):
        size[FLAT_GROUND] = push(stack, size[FLAT_GROUND], x, y[GROUND_M], new)
    size[FLAT_REACHED] = max(size[FLAT_REACHED], last)
    return int(size[FLAT_GROUND])
