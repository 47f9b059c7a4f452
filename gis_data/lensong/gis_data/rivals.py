"""Two rasters on one place: the same ground twice, or two answers to one question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import ceil
from pathlib import Path

import numpy as np
import rasterio
from rasterio.warp import Resampling

from lensong.gis_data.gridding import Block, centre_deg, warp_block
from lensong.gis_data.mosaic import RasterFile, join_rasters
from lensong.gis_data.raster_checks import reading_of
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray, Grid

__all__ = ["check_one_count", "check_one_cover", "check_one_ground", "precedence_sentence"]

_MOST_PAIRS = 200
_CELLS_ACROSS = 64
_SMALLEST_SIDE_PIXELS = 3.0  # tiles share a row of posts, or two
_FEWEST_CELLS = 12
_APART_M = 50.0
_ROUGH_M = 5.0  # standard deviation from which a pattern can be compared
_ALIKE = 0.5  # least correlation of two models of one ground
_ONE_SCALE = (0.8, 1.25)
_SAME_CLASS_SHARE = 0.9


def check_one_ground(files: Sequence[RasterFile], grid: Grid, scratch: Path) -> list[str]:
    """Refuse files of one folder that give different heights for one place.

    Of files that the user lists one by one the earlier wins; what differs is returned as warnings.

    Two models of one ground, smoothed to the pixels of the coarser, agree within metres. A median
    difference above 50 m, patterns that have nothing to do with each other, or heights in a fixed
    proportion (feet and metres) are not the same ground.

    Parameters
    ----------
    files : sequence of RasterFile
        Without voids, those that reach onto the grid.
    grid : Grid
    scratch : Path
        Existing folder for temporary files.

    Raises
    ------
    DataError
        The message names both files and by how much they differ.
    """
    warnings: list[str] = []
    for first, second, here in _overlapping(files, grid):
        a, b = (_smoothed(file, here, scratch, Resampling.average) for file in (first, second))
        both = np.isfinite(a) & np.isfinite(b)
        if int(both.sum()) < _FEWEST_CELLS:
            continue
        fault = _difference(a[both], b[both])
        if fault:
            if first.from_folder and second.from_folder:
                raise DataError(
                    f"{first.name} and {second.name} are not the same ground where they overlap: "
                    f"{fault}; name the one with the heights above sea level in elevation.path"
                )
            warnings.append(
                f"{first.name} and {second.name} are not the same ground where they overlap "
                f"({fault}): the one listed first is used"
            )
    return warnings


def check_one_cover(files: Sequence[RasterFile], grid: Grid, scratch: Path) -> None:
    """Refuse land cover files that give different classes for one place.

    Raises
    ------
    DataError
        Where they overlap fewer than nine in ten places have the same class.
    """
    for first, second, here in _overlapping(files, grid):
        a, b = (_smoothed(file, here, scratch, Resampling.nearest) for file in (first, second))
        both = np.isfinite(a) & np.isfinite(b) & (a != 0.0) & (b != 0.0)
        if int(both.sum()) < _FEWEST_CELLS:
            continue
        same = float((a[both] == b[both]).mean())
        if same < _SAME_CLASS_SHARE:
            raise DataError(
                f"{first.name} and {second.name} overlap and have the same class on {same:.0%} of "
                "it only: name one of them in land_cover.path"
            )


def check_one_count(files: Sequence[RasterFile], grid: Grid) -> None:
    """Refuse population files that overlap: one would count, the other be hidden.

    Raises
    ------
    DataError
        The message names both.
    """
    for first, second, _ in _overlapping(files, grid):
        raise DataError(
            f"{first.name} and {second.name} lie on the same place, which would count people twice "
            "(two years, two sources?): name one of them in population.path"
        )


def precedence_sentence(files: Sequence[RasterFile], grid: Grid) -> list[str]:
    """Return which of overlapping rasters of different pixels is used first, for the report."""
    place = centre_deg(grid)
    sizes: dict[str, list[str]] = {}
    for file in files:
        sizes.setdefault(f"{file.pixel_m(*place):.2g}", []).append(file.name)
    if len(sizes) < 2:
        return []
    order = ", then ".join(
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''} ({float(size):g} m)"
        for size, names in sizes.items()
    )
    return [f"Elevation of different pixels is used in this order where it overlaps: {order}"]


def _difference(a: FloatArray, b: FloatArray) -> str:
    """Return in what two grounds differ, empty where they are one."""
    apart = float(np.median(np.abs(a - b)))
    rough = min(float(a.std()), float(b.std())) > _ROUGH_M
    alike = float(np.corrcoef(a, b)[0, 1]) if rough else 1.0
    if rough and alike > 0.98:
        ratio = float(a.std() / b.std())
        if not _ONE_SCALE[0] <= ratio <= _ONE_SCALE[1]:
            return f"the one has {ratio:.2f} times the heights of the other, as feet and metres do"
    if apart > _APART_M:
        return f"half of the places differ by more than {apart:,.0f} m"
    if alike < _ALIKE:
        return f"their pattern is not the same (correlation {alike:.2f})"
    return ""


def _overlapping(
    files: Sequence[RasterFile], grid: Grid
) -> Iterator[tuple[RasterFile, RasterFile, Grid]]:
    """Yield the pairs that share more than an edge on the grid, with a coarse grid over it."""
    place = centre_deg(grid)
    extents = [_extent_on(file, grid) for file in files]
    pixels = [file.pixel_m(*place) for file in files]
    pairs = 0
    for (i, first), (j, second) in combinations(enumerate(files), 2):
        a, b = extents[i], extents[j]
        west, south = max(a[0], b[0]), max(a[1], b[1])
        east, north = min(a[2], b[2]), min(a[3], b[3])
        coarse_m = max(pixels[i], pixels[j])
        if min(east - west, north - south) <= _SMALLEST_SIDE_PIXELS * coarse_m:
            continue
        cell_m = max(2.0 * coarse_m, max(east - west, north - south) / _CELLS_ACROSS)
        yield (
            first,
            second,
            Grid(
                crs=grid.crs,
                west_m=west,
                north_m=north,
                cell_m=cell_m,
                rows=max(1, ceil((north - south) / cell_m)),
                cols=max(1, ceil((east - west) / cell_m)),
            ),
        )
        pairs += 1
        if pairs == _MOST_PAIRS:
            return


def _extent_on(file: RasterFile, grid: Grid) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a file in the grid's system, cut to the grid."""
    box = file.bounds_in(grid.crs)
    west, south, east, north = grid.bounds_m
    return max(box[0], west), max(box[1], south), min(box[2], east), min(box[3], north)


def _smoothed(file: RasterFile, here: Grid, scratch: Path, method: Resampling) -> FloatArray:
    joined = join_rasters([file], scratch, name="compared")[0]
    whole = Block(row=0, col=0, rows=here.rows, cols=here.cols)
    with rasterio.open(joined.path) as raster, reading_of([file.name]):
        return warp_block(raster, here, whole, resampling=method, pixels_per_cell=1.0).astype(
            np.float64
        )
