"""Invented villages, people, communes and land cover on the invented relief."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from rasterio.features import shapes
from rasterio.transform import Affine
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from lensong.gis_data.demo.relief import DEMO_SEED, Relief, fractal_noise
from lensong.propagation.types import (
    BoolArray,
    Float32Array,
    FloatArray,
    Grid,
    IntArray,
    UInt8Array,
)

__all__ = ["Commune", "Settlement", "Village", "make_settlement"]

TREE, SHRUB, GRASS, CROP, BUILT_UP, BARE, WATER = 10, 20, 30, 40, 50, 60, 80
"""Class codes of ESA WorldCover that occur in the demo land."""

_AREA_RADIUS_M = 10_900.0
_RIVER_KM2 = 80.0  # catchment from which a stream is wider than a cell
_COMMUNE_STEP = 8  # communes are drawn on every eighth cell
_SPACING_M = 1_050.0
_PEOPLE_PER_HOUSE = 4.5
_POPULATION_CELLS = 3  # one population cell is 3 x 3 cells of the ground
_COMMUNES = (
    ("99001", "Xã Lòng Chảo (giả lập)"),
    ("99002", "Xã Thượng Nguồn (giả lập)"),
    ("99003", "Xã Sườn Đông (giả lập)"),
    ("99004", "Xã Cửa Sông (giả lập)"),
)
# Seats of the communes, as shares of the land's height and width.
_SEATS = ((0.50, 0.52), (0.44, 0.35), (0.40, 0.60), (0.62, 0.68))
_NEIGHBOURS = (
    ((slice(None), slice(0, -1)), (slice(None), slice(1, None))),
    ((slice(0, -1), slice(None)), (slice(1, None), slice(None))),
)
_NAMES_BY_PLACE = {
    "floor": ("Nà Mẫu", "Phiêng Mẫu", "Noong Mẫu", "Cốc Mẫu"),
    "valley": ("Huổi Mẫu", "Pắc Mẫu", "Khe Mẫu"),
    "slope": ("Phu Mẫu", "Khun Mẫu", "Đỉnh Mẫu"),
}
# Place, how many, lowest and highest ground [m], steepest ground [deg], catchment beside [km²].
_QUOTAS = (
    ("floor", 26, 0.0, 760.0, 6.0, 4.0),
    ("valley", 20, 600.0, 1_050.0, 16.0, 1.0),
    ("slope", 14, 950.0, 1_650.0, 22.0, 0.1),
)
_MEDIAN_PEOPLE = {"floor": 620.0, "valley": 420.0, "slope": 300.0}
_TOWN_PEOPLE = 4_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Village:
    """An invented village.

    Parameters
    ----------
    name, commune_code : str
    row, col : int
        Grid cell of its centre.
    people : int
    outline : Polygon in the grid's CRS
        Round its houses.
    """

    name: str
    commune_code: str
    row: int
    col: int
    people: int
    outline: shapely.Polygon


@dataclass(frozen=True, slots=True, kw_only=True)
class Commune:
    """An invented commune: code, name and outline in the grid's CRS."""

    code: str
    name: str
    outline: shapely.Polygon


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Who lives where on the demo land, and what grows there.

    Parameters
    ----------
    villages, communes : tuple
    land_cover : shape (rows, cols), uint8
        Class codes of ESA WorldCover.
    population_grid : Grid
        Coarser than the relief's, with the same corner.
    population : shape (rows, cols) of ``population_grid``, float32
        People per cell; whole numbers.
    """

    villages: tuple[Village, ...]
    communes: tuple[Commune, ...]
    land_cover: UInt8Array
    population_grid: Grid
    population: Float32Array


def make_settlement(relief: Relief, seed: int = DEMO_SEED + 1) -> Settlement:
    """Return villages, people, communes and land cover of the demo land.

    Parameters
    ----------
    relief : Relief
    seed : int
        Of numpy's PCG64.
    """
    rng = np.random.default_rng(seed)
    slope_deg = _slope_deg(relief)
    commune_index, communes = _communes(relief, rng)
    places = _village_places(relief, slope_deg, commune_index > 0, rng)
    houses = np.zeros(relief.grid.shape, dtype=np.int64)
    villages = []
    numbers: dict[str, int] = {}
    for i, (place, row, col) in enumerate(places):
        spread = rng.lognormal(0.0, 0.45)
        people = _TOWN_PEOPLE if i == 0 else round(_MEDIAN_PEOPLE[place] * spread)
        own = _houses(relief, slope_deg, row, col, max(round(people / _PEOPLE_PER_HOUSE), 12), rng)
        np.add.at(houses, (own[:, 0], own[:, 1]), 1)
        names = _NAMES_BY_PLACE[place]
        stem = names[i % len(names)]
        numbers[stem] = numbers.get(stem, 0) + (i > 0)
        villages.append(
            Village(
                name="Trung tâm Mẫu" if i == 0 else f"Bản {stem} {numbers[stem]}",
                commune_code=_COMMUNES[commune_index[row, col] - 1][0],
                row=row,
                col=col,
                people=round(len(own) * _PEOPLE_PER_HOUSE),
                outline=_outline(relief.grid, own),
            )
        )
    population_grid, population = _population(relief.grid, houses)
    return Settlement(
        villages=tuple(villages),
        communes=communes,
        land_cover=_land_cover(relief, slope_deg, houses, rng),
        population_grid=population_grid,
        population=population,
    )


def _slope_deg(relief: Relief) -> FloatArray:
    smooth = ndimage.uniform_filter(relief.ground_m, 3, mode="nearest")
    fall = np.hypot(*np.gradient(smooth, relief.grid.cell_m))
    return np.asarray(np.degrees(np.arctan(fall)))


def _communes(relief: Relief, rng: np.random.Generator) -> tuple[IntArray, tuple[Commune, ...]]:
    """Return the commune of each cell (from 1; 0 outside the area) and the outlines.

    Each place belongs to the seat that is reached with least climbing, so borders follow ridges.
    """
    grid = relief.grid
    height = relief.ground_m[::_COMMUNE_STEP, ::_COMMUNE_STEP]
    side_m = _COMMUNE_STEP * grid.cell_m
    inside = _area(height.shape[0], side_m, rng)
    index = np.arange(height.size).reshape(height.shape)
    starts, stops, costs = [], [], []
    for one, other in _NEIGHBOURS:
        both = inside[one] & inside[other]
        starts.append(index[one][both])
        stops.append(index[other][both])
        costs.append(side_m + 12.0 * np.abs(height[one] - height[other])[both])
    graph = sparse.coo_array(
        (np.concatenate(costs), (np.concatenate(starts), np.concatenate(stops))),
        shape=(index.size, index.size),
    )
    rows, cols = height.shape
    seats = [int(index[round(r * rows), round(c * cols)]) for r, c in _SEATS]
    _, _, nearest = csgraph.dijkstra(
        graph.tocsr(), directed=False, indices=seats, min_only=True, return_predecessors=True
    )
    number = np.zeros(index.size, dtype=np.int64)
    number[seats] = np.arange(1, len(seats) + 1)
    owner = np.where(inside, number[nearest.reshape(height.shape)], 0)
    block = np.ones((_COMMUNE_STEP, _COMMUNE_STEP), dtype=np.int64)
    return np.kron(owner, block), _commune_outlines(owner, side_m, grid)


def _area(cells: int, side_m: float, rng: np.random.Generator) -> BoolArray:
    """Return the demo's area of interest: a disc with an uneven edge."""
    offset = (np.arange(cells) - (cells - 1) / 2.0) * side_m
    distance = np.hypot(offset[:, None], offset[None, :])
    uneven = np.clip(fractal_noise(cells, cells / 5, rng), -1.2, 1.2)
    return np.asarray(distance < _AREA_RADIUS_M + 500.0 * uneven)


def _commune_outlines(owner: IntArray, side_m: float, grid: Grid) -> tuple[Commune, ...]:
    transform = Affine(side_m, 0.0, grid.west_m, 0.0, -side_m, grid.north_m)
    found = shapes(owner.astype(np.int32), mask=owner > 0, transform=transform)
    outlines: dict[int, shapely.Polygon] = {}
    for geometry, value in found:
        outline = shapely.Polygon(geometry["coordinates"][0], geometry["coordinates"][1:])
        if value not in outlines or outline.area > outlines[value].area:
            outlines[value] = outline
    smooth = shapely.coverage_simplify([outlines[i] for i in sorted(outlines)], 2.0 * side_m)
    return tuple(
        Commune(code=code, name=name, outline=outline)
        for (code, name), outline in zip(_COMMUNES, smooth, strict=True)
    )


def _village_places(
    relief: Relief, slope_deg: FloatArray, inside: BoolArray, rng: np.random.Generator
) -> list[tuple[str, int, int]]:
    """Return kind, row and column of each village; the first is the town."""
    ground = relief.ground_m
    spacing = _SPACING_M / relief.grid.cell_m
    border = ndimage.binary_erosion(inside, iterations=20)
    near_stream = ndimage.maximum_filter(relief.catchment_km2, size=15)
    taken = np.array([_town(slope_deg, border)], dtype=np.float64)
    places = [("floor", int(taken[0, 0]), int(taken[0, 1]))]
    for kind, count, low_m, high_m, steepest_deg, catchment_km2 in _QUOTAS:
        fits = border & (ground >= low_m) & (ground < high_m) & (slope_deg < steepest_deg)
        candidates = np.argwhere(fits & (near_stream > catchment_km2))
        wanted = len(places) + count - (kind == "floor")
        for candidate in rng.permutation(candidates):
            if len(places) == wanted:
                break
            if np.hypot(*(taken - candidate).T).min() >= spacing:
                taken = np.vstack([taken, candidate])
                places.append((kind, int(candidate[0]), int(candidate[1])))
    return places


def _town(slope_deg: FloatArray, inside: BoolArray) -> tuple[int, int]:
    """Return the middle of the widest plain near the centre of the area."""
    flat = ndimage.uniform_filter((slope_deg < 4.0).astype(np.float64), 61)
    rows, cols = np.indices(flat.shape)
    away = np.hypot(rows - flat.shape[0] / 2, cols - flat.shape[1] / 2) / flat.shape[0]
    best = int(np.argmax(np.where(inside, flat - away, -np.inf)))
    return best // flat.shape[1], best % flat.shape[1]


def _houses(
    relief: Relief,
    slope_deg: FloatArray,
    row: int,
    col: int,
    count: int,
    rng: np.random.Generator,
) -> IntArray:
    """Return the cells of a village's houses: dense round the centre, on ground that is not steep.

    Shape (count, 2). Bigger villages spread wider; nobody builds in the river.
    """
    spread = (65.0 + 7.5 * np.sqrt(count)) / relief.grid.cell_m
    reach = int(np.ceil(3.0 * spread))
    window = (slice(row - reach, row + reach + 1), slice(col - reach, col + reach + 1))
    away = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1])
    weight = np.exp(-0.5 * (away / spread) ** 2) * np.exp(-slope_deg[window] / 8.0)
    weight[relief.catchment_km2[window] > _RIVER_KM2] = 0.0
    drawn = rng.choice(weight.size, size=count, p=weight.ravel() / weight.sum())
    corner = np.array([row - reach, col - reach])
    cells = np.column_stack(np.divmod(drawn, weight.shape[1]))
    return np.asarray(cells + corner, dtype=np.int64)


def _outline(grid: Grid, houses: IntArray) -> shapely.Polygon:
    """Return the hull of the houses with 60 m around it, in whole metres."""
    places = [grid.easting_northing(float(r), float(c)) for r, c in houses]
    hull = shapely.concave_hull(shapely.MultiPoint(places), ratio=0.6)
    return shapely.set_precision(hull.buffer(60.0, quad_segs=2), 1.0)


def _population(grid: Grid, houses: IntArray) -> tuple[Grid, Float32Array]:
    n = _POPULATION_CELLS
    rows, cols = grid.rows // n, grid.cols // n
    count = houses.reshape(rows, n, cols, n).sum(axis=(1, 3))
    coarse = Grid(
        crs=grid.crs,
        west_m=grid.west_m,
        north_m=grid.north_m,
        cell_m=grid.cell_m * n,
        rows=rows,
        cols=cols,
    )
    return coarse, (count * _PEOPLE_PER_HOUSE).astype(np.float32)


def _land_cover(
    relief: Relief, slope_deg: FloatArray, houses: IntArray, rng: np.random.Generator
) -> UInt8Array:
    """Return forest on steep and high ground, fields below, brush where fields were burnt."""
    ground = relief.ground_m
    patch = fractal_noise(relief.grid.rows, 40, rng)
    near_people = ndimage.gaussian_filter((houses > 0).astype(np.float64), 30.0) > 0.004
    cover = np.full(relief.grid.shape, TREE, dtype=np.uint8)
    cover[(patch > 1.0) & (ground < 2_200.0)] = SHRUB
    cover[(patch < -1.5) & (ground > 1_200.0)] = GRASS
    cover[near_people & (slope_deg < 24.0) & (patch > -0.3)] = SHRUB
    cover[(slope_deg < 7.0) & (ground < 1_000.0) & (patch < 1.5)] = CROP
    cover[near_people & (slope_deg < 14.0) & (patch < 0.8)] = CROP
    cover[(ground > 2_750.0) & (slope_deg > 25.0)] = BARE
    cover[ndimage.maximum_filter(houses, size=2) > 0] = BUILT_UP
    cover[relief.catchment_km2 > _RIVER_KM2] = WATER
    return cover
