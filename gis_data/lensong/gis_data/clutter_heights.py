"""Heights of trees and houses on the plan's grid, from a raster of them or a surface model.

A cell gets the upper quartile of its parts: the height that a quarter of its area exceeds. The mean
would halve a row of houses with gardens, the highest would raise a clearing to its one tall tree.
A surface model is compared with the terrain part by part before that, so that a bare slope, which
rises within a cell, gets no height.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

import numpy as np
import rasterio
from rasterio.warp import Resampling

from lensong.gis_data.elevation import ElevationSource, open_elevation
from lensong.gis_data.gridding import Block, blocks, centre_deg, warp_block, window_grid
from lensong.gis_data.mosaic import (
    JoinedRaster,
    RasterFile,
    files_over,
    join_rasters,
    list_rasters,
    void_warnings,
    without_voids,
)
from lensong.gis_data.raster_checks import length_unit_m, reading_of
from lensong.propagation.errors import ConfigError, DataError
from lensong.propagation.types import Float32Array, FloatArray, Grid

__all__ = ["ClutterHeights", "over_classes", "read_clutter_heights"]

_ROLE = "clutter height"
_HIGHEST_M = 150.0  # as of a class of land cover
_MOST_PARTS = 10  # along one side of a cell
_BLOCK_CELLS = 128
_QUARTILE = 0.75
_BELOW_GROUND_M = 5.0
_DATUM_M = 10.0
_LONE_CODE_M = 20.0  # so far above every other value a repeated one is a code
_SAMPLE_PIXELS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ClutterHeights:
    """Heights above ground on a grid and what is to be said about them.

    Parameters
    ----------
    height_m : shape (rows, cols), float32
        Upper quartile within the cell [m], 0 or more; NaN where the raster has none.
    files : tuple of RasterFile
        Those that reach onto the grid.
    note : str
        One sentence on kind and resolution.
    warnings : tuple of str
    """

    height_m: Float32Array
    files: tuple[RasterFile, ...]
    note: str
    warnings: tuple[str, ...]


def read_clutter_heights(
    paths: Sequence[Path],
    grid: Grid,
    *,
    kind: str,
    terrain: ElevationSource,
    scratch: Path,
    progress: Callable[[float], None] | None = None,
) -> ClutterHeights:
    """Return the height of trees and houses above ground on a grid.

    Parameters
    ----------
    paths : sequence of Path
        Rasters or folders of them; earlier ones win where they overlap.
    grid : Grid
        Where to.
    kind : {"above_ground", "surface"}
        What the rasters hold: heights above ground, or above sea level with trees and roofs, from
        which the terrain is taken.
    terrain : ElevationSource
        The scenario's elevation.
    scratch : Path
        Existing folder for temporary files.
    progress : callable, optional
        Called with a fraction 0 to 1.

    Raises
    ------
    ConfigError
        When the elevation has trees and roofs in it already.
    DataError
        When no raster reaches the grid, when values are no heights of trees or houses, or when a
        surface model and the terrain do not belong together.
    """
    if kind not in {"above_ground", "surface"}:
        raise ConfigError(f'clutter_heights.kind is {kind!r}, wanted "above_ground" or "surface"')
    if terrain.surface_model:
        raise ConfigError(
            f"{terrain.files[0].name} is a surface model, with trees and roofs in its heights, and "
            "[clutter_heights] would add them again: use a terrain model, or leave the section out"
        )
    warnings: tuple[str, ...] = ()
    if kind == "surface":
        surface = open_elevation(paths, kind="surface")
        found, warnings = surface.files, surface.warnings
    else:
        found = _in_metres(list_rasters(paths, role=_ROLE))
    files = without_voids(files_over(found, grid, role=_ROLE), grid, scratch, role=_ROLE)
    joined = join_rasters(files, scratch, name="clutter-heights")
    under: list[JoinedRaster] = []
    if kind == "surface":
        ground = files_over(terrain.files, grid, role="elevation")
        ground = without_voids(ground, grid, scratch, role="elevation")
        under = join_rasters(ground, scratch, name="ground-of-heights")
    else:
        for part in joined:
            _refuse_codes(part)
    pixel_m = min(file.pixel_m(*centre_deg(grid)) for file in files)
    parts = min(_MOST_PARTS, max(1, ceil(grid.cell_m / pixel_m - 0.01)))
    height_m = np.full(grid.shape, np.nan, dtype=np.float32)
    several = list(blocks(grid.rows, grid.cols, size=_BLOCK_CELLS))
    for done, block in enumerate(several, start=1):
        fine = _divided(window_grid(grid, block), parts)
        values = _read(joined, fine)
        if under:
            values = values - _read(under, fine)
        height_m[block.window] = _upper_quartile(values, parts)
        if progress is not None:
            progress(done / len(several))
    name = files[0].name
    known = height_m[np.isfinite(height_m)]
    if not known.size:
        raise DataError(f"{name} has no height anywhere on the grid: get the part that holds it")
    _check(known, name, kind)
    np.maximum(height_m, 0.0, out=height_m)  # NaN stays
    what = "surface model minus terrain" if kind == "surface" else "heights above ground"
    return ClutterHeights(
        height_m=height_m,
        files=tuple(files),
        note=f"{what}, pixels of about {pixel_m:.2g} m, upper quartile of each cell",
        warnings=(*warnings, *void_warnings(files, role=_ROLE)),
    )


def over_classes(
    heights: ClutterHeights, class_heights_m: Float32Array | None
) -> tuple[Float32Array, str]:
    """Return the clutter height that counts, and what is used where, for the report.

    Where the raster has a height it wins over that of the class; where it has none, the class's
    counts, or 0 m without land cover.
    """
    void = np.isnan(heights.height_m)
    other = np.zeros_like(heights.height_m) if class_heights_m is None else class_heights_m
    median, p95, top = np.percentile(np.maximum(heights.height_m[~void], 0.0), [50, 95, 100])
    told = (
        f"Heights of trees and houses are those of {heights.files[0].name} ({heights.note}): "
        f"median {median:.1f} m, 95 % {p95:.1f} m, highest {top:.1f} m"
    )
    if class_heights_m is not None:
        told += "; they take the place of the heights of the land cover's classes"
    if void.any():
        instead = "0 m is" if class_heights_m is None else "the heights of the classes are"
        told += f"; on {100.0 * void.mean():.2g} % of the grid it has none and {instead} used"
    return np.where(void, other, heights.height_m).astype(np.float32), told


def _in_metres(files: Sequence[RasterFile]) -> tuple[RasterFile, ...]:
    """Return the files with their values scaled to metres by the unit they declare."""
    scaled = []
    for file in files:
        unit = file.declared_unit.strip()
        factor = length_unit_m(unit) if unit else 1.0
        if factor is None:
            raise DataError(
                f"{file.name} declares the unit {unit!r}, wanted heights of trees or houses in "
                "metres or feet: correct the tag, or name another file in clutter_heights.path"
            )
        scaled.append(replace(file, scale=file.scale * factor, offset=file.offset * factor))
    return tuple(scaled)


def _refuse_codes(part: JoinedRaster) -> None:
    """Refuse a value far above all others that repeats: water, snow or no data, not a height."""
    with rasterio.open(part.path) as raster, reading_of(part.names):
        shape = min(raster.height, _SAMPLE_PIXELS), min(raster.width, _SAMPLE_PIXELS)
        values: FloatArray = raster.read(1, out_shape=shape).astype(np.float64)
    distinct, count = np.unique(values[np.isfinite(values)], return_counts=True)
    jumps = np.flatnonzero(np.diff(distinct) > _LONE_CODE_M)
    if not jumps.size:
        return
    codes = distinct[jumps[-1] + 1 :]
    repeated = count[jumps[-1] + 1 :] >= 10
    if codes.size <= 5 and repeated.all() and codes[0] > 60.0 and jumps[-1] > 5:
        raise DataError(
            f"{part.files[0].name} has the value {', '.join(f'{c:g}' for c in codes)} in many "
            f"places and none between it and {distinct[jumps[-1]]:g}: that is a code (no data, "
            "water), no height; declare it as nodata, e.g. `gdal_edit.py -a_nodata`, or replace it"
        )


def _divided(grid: Grid, parts: int) -> Grid:
    return replace(grid, cell_m=grid.cell_m / parts, rows=grid.rows * parts, cols=grid.cols * parts)


def _read(joined: Sequence[JoinedRaster], fine: Grid) -> Float32Array:
    """Return the values on a fine grid, from the first raster that has one."""
    values = np.full(fine.shape, np.nan, dtype=np.float32)
    whole = Block(row=0, col=0, rows=fine.rows, cols=fine.cols)
    for part in joined:
        gaps = np.isnan(values)
        if not gaps.any():
            break
        density = fine.cell_m / part.files[0].pixel_m(*centre_deg(fine))
        method = Resampling.average if density > 1.0 else Resampling.bilinear
        with rasterio.open(part.path) as raster, reading_of(part.names):
            here = warp_block(raster, fine, whole, resampling=method, pixels_per_cell=density)
        values[gaps] = here[gaps]
    return values


def _upper_quartile(values: Float32Array, parts: int) -> Float32Array:
    """Return the height that a quarter of the known parts of each cell exceeds; NaN of none."""
    rows, cols = values.shape[0] // parts, values.shape[1] // parts
    cells = values.reshape(rows, parts, cols, parts).swapaxes(1, 2).reshape(rows, cols, -1)
    ordered = np.sort(cells, axis=2)  # NaN last
    known = np.isfinite(cells).sum(axis=2)
    at = np.maximum(np.ceil(_QUARTILE * known).astype(np.int64) - 1, 0)
    picked = np.take_along_axis(ordered, at[:, :, None], axis=2)[:, :, 0]
    return np.asarray(np.where(known > 0, picked, np.nan), dtype=np.float32)


def _check(known: Float32Array, name: str, kind: str) -> None:
    """Refuse what can be no height of trees or houses."""
    low, median, top = (float(v) for v in np.percentile(known, [5, 50, 100]))
    if kind == "surface" and (low > _DATUM_M or median < -_BELOW_GROUND_M):
        raise DataError(
            f"{name} lies {low:.0f} m (5 %) to {median:.0f} m (median) above the elevation: wanted "
            "a surface model that comes down to the ground somewhere; are both above the same sea "
            "level, in the same unit, and not exchanged?"
        )
    if kind == "above_ground" and low < -_BELOW_GROUND_M:
        raise DataError(
            f"{name} has heights of {low:.0f} m (5 %) above ground, wanted 0 m or more: declare "
            "its value for no data"
        )
    if top > _HIGHEST_M:
        share = float((known > _HIGHEST_M).mean())
        raise DataError(
            f"{name} has heights up to {top:,.0f} m above ground (above {_HIGHEST_M:g} m on "
            f"{share:.2g} of the grid), wanted trees and houses: declare its value for no data, or "
            'set clutter_heights.kind = "surface" if the heights are above sea level'
        )
