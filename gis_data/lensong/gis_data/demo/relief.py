"""Invented mountain relief: a basin between two ranges, cut by a river network.

The heights are generated, not measured. The method is the steady state of river incision: along
a drainage tree the bed rises upstream with ``slope = steepness * area ** -0.37`` (the stream-power
law), up to the slope at which hillsides fail. Tree and heights are found in turn on ever finer
grids, so that valleys branch as rivers branch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from lensong.propagation.types import BoolArray, FloatArray, Grid, IntArray

__all__ = ["DEMO_CRS", "DEMO_SEED", "Relief", "demo_grid", "fractal_noise", "make_relief"]

DEMO_CRS = "EPSG:32648"
DEMO_SEED = 20_250_701

_CENTRE_EASTING_M = 361_020.0
_CENTRE_NORTHING_M = 2_472_000.0
_SIZE_M = 43_200.0
_CELL_M = 30.0
_PAD_M = 5_760.0  # generated and cut off, so that the picture's edge shapes no valley

_CONCAVITY = 0.37  # exponent of drainage area
_STEEPNESS = 58.0  # [m ** 0.74], where the uplift is 1
_OUTLET_M = 520.0
_ROCK_CELL_M = 240.0
_FAILURE_SLOPE = 0.51  # tangent of the steepest hillside
_LEVELS = ((480.0, 14), (240.0, 8), (120.0, 4), (60.0, 2))  # cell side [m], rounds
_ROUGHNESS_M = {480.0: 90.0, 240.0: 45.0, 120.0: 20.0, 60.0: 9.0, 30.0: 6.0}
_BEND_M = {240.0: 450.0, 120.0: 220.0, 60.0: 110.0}  # displacement that makes valleys wind


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """Heights and drainage of the invented land.

    Parameters
    ----------
    grid : Grid
    ground_m : shape (rows, cols)
        Above sea level [m], rounded to 0.1 m.
    catchment_km2 : shape (rows, cols)
        Area that drains through the cell [km²].
    """

    grid: Grid
    ground_m: FloatArray
    catchment_km2: FloatArray


def demo_grid() -> Grid:
    """Return the grid of the demo land: 43.2 km x 43.2 km of 30 m cells."""
    cells = round(_SIZE_M / _CELL_M)
    return Grid(
        crs=DEMO_CRS,
        west_m=_CENTRE_EASTING_M - _SIZE_M / 2.0,
        north_m=_CENTRE_NORTHING_M + _SIZE_M / 2.0,
        cell_m=_CELL_M,
        rows=cells,
        cols=cells,
    )


def make_relief(seed: int = DEMO_SEED) -> Relief:
    """Return the relief of the demo land; the same seed gives the same land.

    Parameters
    ----------
    seed : int
        Of numpy's PCG64.
    """
    rng = np.random.default_rng(seed)
    side_m = _SIZE_M + 2.0 * _PAD_M
    rock = _uplift(round(side_m / _ROCK_CELL_M), rng)
    height = 1_500.0 * rock
    area_m2 = np.zeros_like(height)
    for cell_m, rounds in _LEVELS:
        cells = round(side_m / cell_m)
        steepness = _STEEPNESS * _resampled(rock, cells, 0.0, rng)
        height = _resampled(height, cells, _BEND_M.get(cell_m, 0.0) / cell_m, rng)
        hollows = _ROUGHNESS_M[cell_m] * fractal_noise(cells, 5, rng)
        outlet = _is_outlet(*_axes(cells, cell_m))
        for _ in range(rounds):
            height, area_m2 = _carve(height + hollows, steepness, outlet, cell_m)
    return _finished(height, area_m2, rng)


def fractal_noise(cells: int, longest_cells: float, rng: np.random.Generator) -> FloatArray:
    """Return noise of mean 0 and standard deviation 1 with features up to a length.

    Parameters
    ----------
    cells : int
        Side of the square result.
    longest_cells : float
        Length of the largest features [cells]; each halving of the length halves the height.
    rng : Generator
        Advanced by the call.
    """
    total = np.zeros((cells, cells))
    length, weight = float(longest_cells), 1.0
    while length >= 2.0:
        nodes = int(np.ceil(cells / length)) + 3
        knots = rng.standard_normal((nodes, nodes))
        at = np.arange(cells) / length + 1.0
        rows, cols = np.meshgrid(at, at, indexing="ij")
        total += weight * ndimage.map_coordinates(knots, [rows, cols], order=2, mode="nearest")
        length, weight = length / 2.0, weight / 2.0
    return np.asarray((total - total.mean()) / max(float(total.std()), 1e-12))


def _axes(cells: int, cell_m: float) -> tuple[FloatArray, FloatArray]:
    """Return metres along the valley (to the south-east) and across it (to the north-east)."""
    offset = (np.arange(cells) - (cells - 1) / 2.0) * cell_m
    east, north = np.meshgrid(offset, -offset)
    strike = np.deg2rad(37.0)
    along = east * np.cos(strike) - north * np.sin(strike)
    across = east * np.sin(strike) + north * np.cos(strike)
    return along, across


def _uplift(cells: int, rng: np.random.Generator) -> FloatArray:
    """Return how fast the ground rises: most under the north-eastern range, least in the basin."""
    along, across = _axes(cells, _ROCK_CELL_M)
    winding = 1_600.0 * np.sin(along / 6_500.0) + 700.0 * np.sin(along / 2_900.0)
    position = across - winding - 500.0 * fractal_noise(cells, 3_000.0 / _ROCK_CELL_M, rng)
    half_width = 1_900.0 + 1_500.0 * np.sin(along / 4_400.0 + 0.6)
    high_range = 1.32 * np.exp(-(((position - 12_000.0) / 7_000.0) ** 2))
    low_range = 0.55 * np.exp(-(((position + 12_500.0) / 7_500.0) ** 2))
    floor = 1.0 / (1.0 + np.exp(np.clip((np.abs(position) - half_width) / 250.0, -50.0, 50.0)))
    hills = np.clip(fractal_noise(cells, 2_500.0 / _ROCK_CELL_M, rng) - 1.1, 0.0, 1.0)
    hardness = np.exp(0.25 * fractal_noise(cells, 5_000.0 / _ROCK_CELL_M, rng))
    return np.asarray(
        (0.12 + high_range + low_range) * hardness * (1.0 - 0.95 * floor * (1.0 - hills))
    )


def _is_outlet(along_m: FloatArray, across_m: FloatArray) -> BoolArray:
    """Return where water leaves: the valley's lower end and the feet of both ranges."""
    edge = np.zeros(along_m.shape, dtype=np.bool_)
    edge[0, :] = edge[-1, :] = edge[:, 0] = edge[:, -1] = True
    return edge & ((along_m > 0.0) & (np.abs(across_m) < 1_500.0) | (np.abs(across_m) > 22_000.0))


def _carve(
    height_m: FloatArray, steepness: FloatArray, outlet: BoolArray, cell_m: float
) -> tuple[FloatArray, FloatArray]:
    """Return the steady-state heights [m] and the drained area [m²] of one round."""
    order, parent = _drainage_tree(height_m, outlet)
    cells = height_m.shape[1]
    levels = _levels(order, parent)
    area = np.full(height_m.size + 1, cell_m**2)
    for nodes in reversed(levels):
        np.add.at(area, parent[nodes], area[nodes])
    row, col = np.divmod(np.arange(height_m.size), cells)
    inside = parent < height_m.size
    step = np.full(height_m.size, cell_m)
    down = parent[inside]
    step[inside] = cell_m * np.hypot(row[inside] - down // cells, col[inside] - down % cells)
    slope = np.minimum(steepness.ravel() * area[:-1] ** -_CONCAVITY, _FAILURE_SLOPE)
    rise = np.where(inside, step * slope, 0.0)
    out = np.append(rise, _OUTLET_M)
    for nodes in levels:
        out[nodes] = out[parent[nodes]] + rise[nodes]
    return out[:-1].reshape(height_m.shape), area[:-1].reshape(height_m.shape)


def _drainage_tree(height_m: FloatArray, outlet: BoolArray) -> tuple[IntArray, IntArray]:
    """Return the cells from the outlets upward, and the cell that each drains to.

    The minimum spanning tree over the higher end of each step is the way water takes when every
    hollow is filled to its rim; among equals it prefers the steepest step. Outlets drain to one
    more node, whose number is the number of cells.
    """
    rows, cols = height_m.shape
    index = np.arange(height_m.size).reshape(rows, cols)
    ends, weights = [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = (slice(0, rows - down), slice(max(-right, 0), cols - max(right, 0)))
        b = (slice(down, rows), slice(max(right, 0), cols + min(right, 0)))
        fall = np.abs(height_m[a] - height_m[b]) / np.hypot(down, right)
        weights.append((np.maximum(height_m[a], height_m[b]) + 10_000.0 - 1e-3 * fall).ravel())
        ends.append((index[a].ravel(), index[b].ravel()))
    sinks = index[outlet]
    ends.append((sinks, np.full(sinks.size, height_m.size)))
    weights.append(np.full(sinks.size, 1.0))
    start = np.concatenate([e[0] for e in ends])
    stop = np.concatenate([e[1] for e in ends])
    size = height_m.size + 1
    graph = sparse.coo_array((np.concatenate(weights), (start, stop)), shape=(size, size)).tocsr()
    tree = csgraph.minimum_spanning_tree(graph)
    order, parent = csgraph.breadth_first_order(tree, height_m.size, directed=False)
    return order.astype(np.int64)[1:], parent.astype(np.int64)[:-1]


def _levels(order: IntArray, parent: IntArray) -> list[IntArray]:
    """Return the cells grouped by their number of steps from the outlet, nearest first."""
    place = np.empty(parent.size + 1, dtype=np.int64)
    place[parent.size] = -1
    place[order] = np.arange(order.size)
    parent_place = place[parent[order]]  # never falls, because the order is breadth first
    groups: list[IntArray] = []
    first, last = 0, int(np.searchsorted(parent_place, 0))
    while first < last:
        groups.append(order[first:last])
        first, last = last, int(np.searchsorted(parent_place, last))
    return groups


def _resampled(
    layer: FloatArray, cells: int, bend_cells: float, rng: np.random.Generator
) -> FloatArray:
    """Return a square layer on another number of cells, its straight valleys bent.

    Positions are displaced at random by ``bend_cells`` (standard deviation, of the new cells),
    smoothly over eight times that distance and more.
    """
    ratio = layer.shape[0] / cells
    at = (np.arange(cells) + 0.5) * ratio - 0.5
    rows, cols = np.meshgrid(at, at, indexing="ij")
    if bend_cells:
        nodes = round(cells / (4.0 * bend_cells))
        for axis in (rows, cols):
            bend = ndimage.zoom(
                fractal_noise(nodes, 4, rng), cells / nodes, grid_mode=True, mode="nearest"
            )
            axis += bend_cells * ratio * bend[:cells, :cells]
    return np.asarray(ndimage.map_coordinates(layer, [rows, cols], order=3, mode="nearest"))


def _failed(height_m: FloatArray, cell_m: float) -> FloatArray:
    """Return the heights with every cliff worn down to the steepest hillside that stands."""
    offset = np.arange(-2, 3) * cell_m
    cone = _FAILURE_SLOPE * 1.15 * np.hypot(offset[:, None], offset[None, :])
    for _ in range(4):
        height_m = ndimage.grey_erosion(height_m, structure=-cone, mode="nearest")
    return height_m


def _with_valley_floors(height_m: FloatArray, area_m2: FloatArray) -> FloatArray:
    """Return the heights with gravel laid beside the streams, wider beside larger ones."""
    out = height_m
    for catchment_m2, radius in ((2e6, 1), (6e6, 2), (2e7, 4)):
        bed = np.where(area_m2 > catchment_m2, height_m, 0.0)
        out = np.maximum(
            out, ndimage.grey_dilation(bed, size=(2 * radius + 1, 2 * radius + 1)) + 1.0
        )
    return out


def _finished(height_m: FloatArray, area_m2: FloatArray, rng: np.random.Generator) -> Relief:
    """Bring the finest level to the final grid, roughen the slopes, cut the padding off."""
    grid = demo_grid()
    pad = round(_PAD_M / _CELL_M)
    cells = grid.rows + 2 * pad
    height_m = _with_valley_floors(_failed(height_m, 2.0 * _CELL_M), area_m2)
    fine = ndimage.gaussian_filter(_resampled(height_m, cells, 0.0, rng), 1.2)
    steep = np.hypot(*np.gradient(fine, _CELL_M))
    fine += _ROUGHNESS_M[_CELL_M] * fractal_noise(cells, 14, rng) * np.minimum(steep / 0.4, 1.0)
    area: FloatArray = np.kron(area_m2, np.ones((2, 2))).astype(np.float64)
    inner = (slice(pad, -pad), slice(pad, -pad))
    return Relief(grid=grid, ground_m=np.round(fine[inner], 1), catchment_km2=area[inner] / 1e6)
