"""People on the plan's grid: a population raster moved there without losing anybody.

A raster of counts must not be interpolated. Where its pixels are larger than the grid's cells,
every pixel's people are divided among the cells on it by their overlap; where they are smaller,
every pixel's people go to the cells under it by theirs. Either way each pixel is given away
exactly once, so sums over areas are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from rasterio.transform import Affine
from rasterio.warp import transform_bounds
from rasterio.windows import Window
from rasterio.windows import from_bounds as window_from_bounds

from lensong.gis_data.density import as_counts, population_unit
from lensong.gis_data.gridding import Block, blocks, centre_deg
from lensong.gis_data.mosaic import (
    RasterFile,
    covered_mask,
    files_over,
    join_rasters,
    list_rasters,
    void_warnings,
    without_voids,
)
from lensong.gis_data.population_kernels import gather, scatter
from lensong.gis_data.raster_checks import reading_of
from lensong.gis_data.rivals import check_one_count
from lensong.propagation.errors import DataError
from lensong.propagation.types import Float32Array, FloatArray, Grid, UInt8Array

__all__ = ["Population", "read_population"]

_NODE_STEP = 32
_HIGHEST_MEAN_DENSITY_PER_KM2 = 60_000.0  # Manila has 43,000, the densest city there is
_HIGHEST_DENSITY_PER_KM2 = 200_000.0
_MOST_CROWDED_SHARE = 0.01
_MEANT = {"people": "people per pixel", "per_km2": "people per km²", "per_ha": "people per ha"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """People on a grid.

    Parameters
    ----------
    people : shape (rows, cols), float32
        Count per cell, 0 where nobody lives.
    files : tuple of RasterFile
        Those that reach onto the grid.
    raster_path : Path
        The files as one virtual raster in the scratch folder, NaN where there is no value.
    note : str
        One sentence on the source.
    warnings : tuple of str
        Sentences for the report.
    """

    people: Float32Array
    files: tuple[RasterFile, ...]
    raster_path: Path
    note: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """The pixels of a raster that lie under the grid, with a rim around."""

    raster: rasterio.DatasetReader
    first_row: int
    first_col: int
    rows: int
    cols: int
    sides_m: tuple[float, float]

    @property
    def transform(self) -> Affine:
        """Return the transform of the first pixel."""
        shift = Affine.translation(self.first_col, self.first_row)
        return self.raster.transform @ shift

    def read(self, block: Block) -> Float32Array:
        """Return people per pixel of a part, 0 for none."""
        window = Window(
            self.first_col + block.col, self.first_row + block.row, block.cols, block.rows
        )
        people: Float32Array = self.raster.read(1, window=window)
        people[~(people > 0.0)] = 0.0  # no value
        return people


def read_population(
    path: Path,
    grid: Grid,
    *,
    aoi: UInt8Array,
    scratch: Path,
    unit: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> Population:
    """Return the people of a raster on a grid; sums over areas are preserved.

    Parameters
    ----------
    path : Path
        Raster of people per pixel or per area, or a folder of such tiles on one pixel lattice.
    grid : Grid
        Where to.
    aoi : shape (rows, cols)
        1 in the area of interest; it is said when the raster does not cover it.
    scratch : Path
        Existing folder for temporary files.
    unit : str
        What the values are: ``"people"`` per pixel, ``"per_km2"``, ``"per_ha"``, or ``"auto"``.
    progress : callable, optional
        Called with a fraction 0 to 1.

    Raises
    ------
    DataError
        When the raster does not reach the grid, the tiles do not fit together or lie on each
        other, or the values cannot be what ``unit`` says.
    """
    files = files_over(list_rasters([path], role="population"), grid, role="population")
    check_one_count(files, grid)
    files = without_voids(files, grid, scratch, role="population")
    meant, why = population_unit(files, unit)
    files = as_counts(files, meant, scratch)
    joined = join_rasters(files, scratch, name="population")
    if len(joined) > 1:
        raise DataError(
            f"{path.name} holds population rasters with different pixels "
            f"({joined[0].files[0].name}, {joined[1].files[0].name}), which would count people "
            "twice: give one of them"
        )
    with rasterio.open(joined[0].path) as raster, reading_of(joined[0].names):
        counts = _counts_under(raster, files[0], grid)
        move = _collected if min(counts.sides_m) < grid.cell_m else _spread
        people = move(counts, grid, progress)
    inside = aoi > 0
    covered = covered_mask(files, grid)
    bare = float((inside & ~covered).sum() / max(1, int(inside.sum())))
    warnings = list(void_warnings(files, role="population"))
    if bare > 0.0:
        warnings.append(f"The population raster does not cover {100.0 * bare:.2g} % of the area.")
    total = float(people.sum(where=inside, dtype=np.float64))
    _check_density(total, float(inside.sum()) * (grid.cell_m / 1000.0) ** 2, files[0].name)
    if unit == "auto" and meant == "people":
        _check_crowds(people, grid, files[0].name)
    if total == 0.0:
        warnings.append("The population raster has nobody in the area.")
    return Population(
        people=people,
        files=tuple(files),
        raster_path=joined[0].path,
        note=f"{_MEANT[meant]} ({why}), pixels of about {max(counts.sides_m):.0f} m, "
        f"{total:,.0f} people in the area",
        warnings=tuple(warnings),
    )


def _check_density(people: float, area_km2: float, name: str) -> None:
    if people > _HIGHEST_MEAN_DENSITY_PER_KM2 * area_km2:
        raise DataError(
            f"{name} gives {people / area_km2:,.0f} people per km² over the whole area, more than "
            "any city has: wanted a raster of people per pixel, not heights or people per km²"
        )


def _check_crowds(people: Float32Array, grid: Grid, name: str) -> None:
    most = _HIGHEST_DENSITY_PER_KM2 * (grid.cell_m / 1000.0) ** 2
    total = float(people.sum(dtype=np.float64))
    crowded = float(people.sum(where=people > most, dtype=np.float64))
    if total > 0.0 and crowded / total > _MOST_CROWDED_SHARE:
        raise DataError(
            f"{name} would have {crowded / total:.0%} of its people where more than "
            f"{_HIGHEST_DENSITY_PER_KM2:,.0f} live on a km², as in no quarter of any city: if its "
            'values are people per area set population.unit = "per_km2" or "per_ha"; "people" '
            "takes them as they are"
        )


def _counts_under(raster: rasterio.DatasetReader, file: RasterFile, grid: Grid) -> _Counts:
    """Return the pixels under the grid and a rim, so that no pixel at its edge is cut."""
    bounds = transform_bounds(grid.crs, raster.crs, *grid.bounds_m, densify_pts=41)
    wanted = window_from_bounds(*bounds, transform=raster.transform)
    first_row, first_col = max(0, int(wanted.row_off) - 3), max(0, int(wanted.col_off) - 3)
    last_row = min(raster.height, ceil(wanted.row_off + wanted.height) + 3)
    last_col = min(raster.width, ceil(wanted.col_off + wanted.width) + 3)
    return _Counts(
        raster=raster,
        first_row=first_row,
        first_col=first_col,
        rows=last_row - first_row,
        cols=last_col - first_col,
        sides_m=file.pixel_sides_m(*centre_deg(grid)),
    )


def _spread(counts: _Counts, grid: Grid, progress: Callable[[float], None] | None) -> Float32Array:
    """Return people per cell from pixels larger than a cell."""
    rim = ceil(2.0 * max(counts.sides_m) / grid.cell_m) + 1
    padded = list(blocks(grid.rows + 2 * rim, grid.cols + 2 * rim))
    parts = list(blocks(grid.rows, grid.cols))
    steps = len(padded) + len(parts)
    to_pixels = _Placement.of_grid_in(counts, grid)
    cells_in_pixel = np.zeros((counts.rows, counts.cols), dtype=np.float32)
    for done, part in enumerate(padded, start=1):
        shifted = replace(part, row=part.row - rim, col=part.col - rim)
        one_each = np.ones((part.rows, part.cols), dtype=np.float32)
        scatter(*to_pixels.of(shifted), one_each, cells_in_pixel)
        _tell(progress, done / steps)
    people_per_cell = counts.read(Block(row=0, col=0, rows=counts.rows, cols=counts.cols))
    people_per_cell /= np.maximum(cells_in_pixel, np.float32(1e-6))
    people = np.zeros(grid.shape, dtype=np.float32)
    for done, part in enumerate(parts, start=1):
        gather(*to_pixels.of(part), people_per_cell, people[part.window])
        _tell(progress, (len(padded) + done) / steps)
    return people


def _collected(
    counts: _Counts, grid: Grid, progress: Callable[[float], None] | None
) -> Float32Array:
    """Return people per cell from pixels smaller than a cell."""
    to_cells = _Placement.of_pixels_in(grid, counts)
    people = np.zeros(grid.shape, dtype=np.float32)
    parts = list(blocks(counts.rows, counts.cols))
    for done, part in enumerate(parts, start=1):
        scatter(*to_cells.of(part), counts.read(part), people)
        _tell(progress, done / len(parts))
    return people


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placement:
    """Where the small squares of one raster lie among the large squares of another.

    Parameters
    ----------
    small, large : Affine
        From (column, row) to coordinates; squares are unit squares of (column, row).
    transformer : Transformer
        From the coordinates of the small squares to those of the large ones.
    """

    small: Affine
    large: Affine
    transformer: pyproj.Transformer

    @classmethod
    def of_grid_in(cls, counts: _Counts, grid: Grid) -> _Placement:
        """Return the placement of cells among larger pixels."""
        return cls(
            small=Affine(*grid.transform),
            large=counts.transform,
            transformer=pyproj.Transformer.from_crs(grid.crs, counts.raster.crs, always_xy=True),
        )

    @classmethod
    def of_pixels_in(cls, grid: Grid, counts: _Counts) -> _Placement:
        """Return the placement of pixels among larger cells."""
        return cls(
            small=counts.transform,
            large=Affine(*grid.transform),
            transformer=pyproj.Transformer.from_crs(counts.raster.crs, grid.crs, always_xy=True),
        )

    def of(self, block: Block) -> tuple[FloatArray, FloatArray, float, float]:
        """Return the places (row, col) of small centres, and half the sides of a small square."""
        row, col = self._centres(block)
        return row, col, *self._half_sides(row, col)

    def _centres(self, block: Block) -> tuple[FloatArray, FloatArray]:
        """Return the places (row, col) of small centres among large squares, corners whole.

        Computed at every 32nd square and at the last ones, and linearly between: within 0.1 m.
        """
        rows, row_weights = _nodes(block.rows)
        cols, col_weights = _nodes(block.cols)
        x, y = self.small @ np.meshgrid(block.col + cols + 0.5, block.row + rows + 0.5)
        there_x, there_y = self.transformer.transform(x, y)
        col, row = ~self.large @ (there_x, there_y)
        return row_weights @ row @ col_weights.T, row_weights @ col @ col_weights.T

    def _half_sides(self, row: FloatArray, col: FloatArray) -> tuple[float, float]:
        """Return half the height and width of a small square in units of large ones."""
        if row.shape[0] < 2 or row.shape[1] < 2:
            return 0.0, 0.0
        height = abs(row[-1, 0] - row[0, 0]) / (row.shape[0] - 1)
        width = abs(col[0, -1] - col[0, 0]) / (col.shape[1] - 1)
        return min(0.5, height / 2.0), min(0.5, width / 2.0)


def _nodes(count: int) -> tuple[FloatArray, FloatArray]:
    """Return every 32nd of ``count`` places with the last, and the weights between them."""
    places = np.unique(np.append(np.arange(0, count, _NODE_STEP), count - 1)).astype(np.float64)
    hats = np.eye(places.size)
    weights = [np.interp(np.arange(count), places, hat) for hat in hats]
    return places, np.column_stack(weights)


def _tell(progress: Callable[[float], None] | None, fraction: float) -> None:
    if progress is not None:
        progress(fraction)
