"""People on the plan's grid: a population raster moved there without losing anybody.

A raster of counts must not be interpolated. Where its pixels are larger than the grid's cells,
every pixel's people are divided among the cell parts whose nearest pixel it is; where they are
smaller, every part of a pixel goes to the cell that it lies in. Either way each pixel is given
away once, so sums over areas are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject, transform_bounds
from rasterio.windows import Window
from rasterio.windows import from_bounds as window_from_bounds

from lensong.gis_data.gridding import Block, blocks, centre_deg, window_grid
from lensong.gis_data.mosaic import (
    RasterFile,
    covered_mask,
    files_over,
    join_rasters,
    list_rasters,
    void_warnings,
)
from lensong.propagation.errors import DataError
from lensong.propagation.types import Float32Array, Grid, UInt8Array

__all__ = ["Population", "read_population"]

_Int32Array = NDArray[np.int32]

_POINTS_ACROSS_PIXEL = 6.0  # sample points wanted along a pixel that is spread over cells
_POINTS_ACROSS_CELL = 4.0  # and along a cell that collects smaller pixels
_NOWHERE = -1


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
    pixel_m: float

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
        people[~(people > 0.0)] = 0.0  # no value; negative counts are voids of older releases
        return people


def read_population(
    path: Path,
    grid: Grid,
    *,
    aoi: UInt8Array,
    scratch: Path,
    progress: Callable[[float], None] | None = None,
) -> Population:
    """Return the people of a count raster on a grid; sums over areas are preserved.

    Parameters
    ----------
    path : Path
        Raster of people per pixel, or a folder of such tiles on one pixel lattice.
    grid : Grid
        Where to.
    aoi : shape (rows, cols)
        1 in the area of interest; it is said when the raster does not cover it.
    scratch : Path
        Existing folder for temporary files.
    progress : callable, optional
        Called with a fraction 0 to 1.

    Raises
    ------
    DataError
        When the raster does not reach the grid, or the tiles do not fit together.
    """
    files = files_over(list_rasters([path], role="population"), grid, role="population")
    joined = join_rasters(files, scratch, name="population")
    if len(joined) > 1:
        raise DataError(
            f"{path.name} holds population rasters with different pixels "
            f"({joined[0].files[0].name}, {joined[1].files[0].name}), which would count people "
            "twice: give one of them"
        )
    with rasterio.open(joined[0].path) as raster:
        counts = _counts_under(raster, files[0], grid)
        move = _collected if counts.pixel_m < grid.cell_m else _spread
        people = move(counts, grid, progress)
    inside = aoi > 0
    covered = covered_mask(files, grid)
    bare = float((inside & ~covered).sum() / max(1, int(inside.sum())))
    warnings = list(void_warnings(files, role="population"))
    if bare > 0.0:
        warnings.append(f"The population raster does not cover {bare:.2%} of the area.")
    total = float(people.sum(where=inside, dtype=np.float64))
    if total == 0.0:
        warnings.append("The population raster has nobody in the area.")
    return Population(
        people=people,
        files=tuple(files),
        raster_path=joined[0].path,
        note=f"people per pixel of about {counts.pixel_m:.0f} m, {total:,.0f} in the area",
        warnings=tuple(warnings),
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
        pixel_m=file.pixel_m(*centre_deg(grid)),
    )


def _spread(counts: _Counts, grid: Grid, progress: Callable[[float], None] | None) -> Float32Array:
    """Return people per cell from pixels larger than a cell."""
    ratio = counts.pixel_m / grid.cell_m
    points = max(1, min(4, ceil(_POINTS_ACROSS_PIXEL / ratio)))
    size = (counts.rows, counts.cols)
    number = np.arange(counts.rows * counts.cols, dtype=np.int32).reshape(size)
    rim = ceil(2.0 * ratio) + 1
    hits = np.zeros(number.size, dtype=np.int32)
    padded = list(blocks(grid.rows + 2 * rim, grid.cols + 2 * rim))
    parts = list(blocks(grid.rows, grid.cols))
    steps = len(padded) + len(parts)
    for done, part in enumerate(padded, start=1):
        shifted = replace(part, row=part.row - rim, col=part.col - rim)
        pixels = _nearest_numbers(number, counts, window_grid(grid, shifted), points)
        _add_at(hits, pixels, None)
        _tell(progress, done / steps)
    per_point = counts.read(Block(row=0, col=0, rows=counts.rows, cols=counts.cols)).ravel()
    per_point /= np.maximum(hits, 1)
    people = np.zeros(grid.shape, dtype=np.float32)
    for done, part in enumerate(parts, start=1):
        pixels = _nearest_numbers(number, counts, window_grid(grid, part), points)
        shares = np.where(pixels >= 0, per_point[pixels], np.float32(0.0))
        people[part.window] = shares.reshape(part.rows, points, part.cols, points).sum(axis=(1, 3))
        _tell(progress, (len(padded) + done) / steps)
    return people


def _nearest_numbers(
    number: _Int32Array, counts: _Counts, block_grid: Grid, points: int
) -> _Int32Array:
    """Return the pixel number under ``points`` x ``points`` places in every cell of a block."""
    return _resampled_numbers(
        number,
        source=(counts.transform, counts.raster.crs),
        target=(
            Affine(*block_grid.transform) @ Affine.scale(1.0 / points),
            CRS.from_user_input(block_grid.crs),
        ),
        shape=(block_grid.rows * points, block_grid.cols * points),
    )


def _collected(
    counts: _Counts, grid: Grid, progress: Callable[[float], None] | None
) -> Float32Array:
    """Return people per cell from pixels smaller than a cell."""
    points = max(1, ceil(_POINTS_ACROSS_CELL * counts.pixel_m / grid.cell_m))
    number = np.arange(grid.rows * grid.cols, dtype=np.int32).reshape(grid.shape)
    people = np.zeros(number.size, dtype=np.float32)
    parts = list(blocks(counts.rows, counts.cols))
    for done, part in enumerate(parts, start=1):
        place = Affine.translation(part.col, part.row) @ Affine.scale(1.0 / points)
        cells = _resampled_numbers(
            number,
            source=(Affine(*grid.transform), CRS.from_user_input(grid.crs)),
            target=(counts.transform @ place, counts.raster.crs),
            shape=(part.rows * points, part.cols * points),
        )
        shares = counts.read(part) / np.float32(points**2)
        _add_at(people, cells, np.repeat(np.repeat(shares, points, axis=0), points, axis=1))
        _tell(progress, done / len(parts))
    return people.reshape(grid.shape)


def _resampled_numbers(
    number: _Int32Array,
    *,
    source: tuple[Affine, CRS],
    target: tuple[Affine, CRS],
    shape: tuple[int, int],
) -> _Int32Array:
    """Return which element of one raster lies under each of another, -1 where none does."""
    found = np.full(shape, _NOWHERE, dtype=np.int32)
    reproject(
        number,
        found,
        src_transform=source[0],
        src_crs=source[1],
        src_nodata=_NOWHERE,
        dst_transform=target[0],
        dst_crs=target[1],
        dst_nodata=_NOWHERE,
        resampling=Resampling.nearest,
    )
    return found


def _add_at(
    total: Float32Array | _Int32Array, places: _Int32Array, weights: Float32Array | None
) -> None:
    """Add a weight, or 1, to a flat array at every place that is not -1."""
    known = places >= 0
    if not known.any():
        return
    chosen = places[known]
    first, last = int(chosen.min()), int(chosen.max())
    added = np.bincount(
        chosen - first,
        weights=None if weights is None else weights[known],
        minlength=last - first + 1,
    )
    total[first : last + 1] += added.astype(total.dtype)


def _tell(progress: Callable[[float], None] | None, fraction: float) -> None:
    if progress is not None:
        progress(fraction)
