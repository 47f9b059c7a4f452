"""Land cover classes on the plan's grid: clutter heights, names and open water."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import rasterio
from rasterio.warp import Resampling

from lensong.gis_data.gridding import blocks, centre_deg, warp_block
from lensong.gis_data.mosaic import (
    RasterFile,
    files_over,
    join_rasters,
    list_rasters,
    void_warnings,
    without_voids,
)
from lensong.gis_data.raster_checks import reading_of
from lensong.gis_data.rivals import check_one_cover
from lensong.gis_data.tables import parse_number, read_table
from lensong.propagation.errors import DataError
from lensong.propagation.types import Float32Array, Grid, UInt8Array

__all__ = ["WORLDCOVER_CLASSES", "CoverClass", "LandCover", "read_class_table", "read_land_cover"]

_MODE_FROM_PIXELS_PER_CELL = 1.5
_HIGHEST_CLUTTER_M = 150.0
_YES = {"1", "true", "yes", "y", "có"}
_NO = {"", "0", "false", "no", "n", "không"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverClass:
    """One class of land cover.

    Parameters
    ----------
    name : str
        For reports.
    height_m : float
        Representative clutter height above ground [m], 0 to 150.
    water : bool
        Open water.
    """

    name: str
    height_m: float
    water: bool = False


def _cover(name: str, height_m: float, *, water: bool = False) -> CoverClass:
    return CoverClass(name=name, height_m=height_m, water=water)


WORLDCOVER_CLASSES: Final = MappingProxyType(
    {
        10: _cover("tree cover", 15.0),
        20: _cover("shrubland", 3.0),
        30: _cover("grassland", 0.0),
        40: _cover("cropland", 0.0),
        50: _cover("built-up", 10.0),
        60: _cover("bare or sparse vegetation", 0.0),
        70: _cover("snow and ice", 0.0),
        80: _cover("permanent water", 0.0, water=True),
        90: _cover("herbaceous wetland", 0.0),
        95: _cover("mangroves", 10.0),
        100: _cover("moss and lichen", 0.0),
    }
)
"""Classes of ESA WorldCover 2021 v200 [1]_ with the clutter heights used by default.

Trees and built-up land have the representative heights of Recommendation ITU-R P.1812 [2]_ for
"urban/trees/forest" (15 m) and "suburban" (10 m), built-up land in mountain districts being low.
The Recommendation's 10 m for open land is *not* used: it stands for scattered obstacles and would
put a wall in front of every phone in a rice field; open classes are 0 m. It gives no value for
shrubs and mangroves: 3 m and 10 m are assumptions of this package.

References
----------
.. [1] ESA WorldCover 10 m 2021 v200, Product User Manual, table of classes.
.. [2] Recommendation ITU-R P.1812, "A path-specific propagation prediction method for
   point-to-area terrestrial services", Annex 1, default clutter heights.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandCover:
    """Land cover on a grid.

    Parameters
    ----------
    class_code : shape (rows, cols), uint8
        Class, 0 where there is none.
    clutter_m : shape (rows, cols), float32
        Representative clutter height [m], 0 where there is no class.
    water : shape (rows, cols), uint8
        1 on open water.
    names : dict
        Names of the classes that occur, by code.
    files : tuple of RasterFile
        Those that reach onto the grid.
    note : str
        One sentence on the source.
    assumptions, warnings : tuple of str
        Sentences for the report.
    """

    class_code: UInt8Array
    clutter_m: Float32Array
    water: UInt8Array
    names: dict[int, str]
    files: tuple[RasterFile, ...]
    note: str
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


def read_class_table(path: Path) -> dict[int, CoverClass]:
    """Return the classes of a table with the columns ``code,name,height_m,water``.

    ``water`` may be left out; it is 0/1, true/false or yes/no.

    Raises
    ------
    DataError
        When a column is missing or a value is impossible; the message names the line.
    """
    table = read_table(path)
    absent = [name for name in ("code", "name", "height_m") if name not in table.columns]
    if absent:
        raise DataError(
            f"{path} has no column {', '.join(absent)} among {', '.join(table.columns)}: "
            "wanted code,name,height_m and optionally water"
        )
    classes: dict[int, CoverClass] = {}
    for row, line in zip(table.rows, table.line_numbers, strict=True):
        where = f"{path} line {line}"
        code = _table_number(row["code"], where, "code", table.decimal_comma)
        height_m = _table_number(row["height_m"], where, "height_m", table.decimal_comma)
        if not (1.0 <= code <= 255.0 and code == int(code)):
            raise DataError(f"{where}: code is {row['code']}, wanted a whole number 1 to 255")
        if not 0.0 <= height_m <= _HIGHEST_CLUTTER_M:
            raise DataError(
                f"{where}: height_m is {row['height_m']}, wanted 0 to {_HIGHEST_CLUTTER_M:g} m"
            )
        if int(code) in classes:
            raise DataError(f"{where}: code {int(code)} stands in the table twice, keep one")
        water = row.get("water", "").lower()
        if water not in _YES | _NO:
            raise DataError(f"{where}: water is {row['water']!r}, wanted 0 or 1")
        classes[int(code)] = _cover(row["name"], height_m, water=water in _YES)
    return classes


def read_land_cover(
    paths: Sequence[Path],
    grid: Grid,
    *,
    scratch: Path,
    table: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> LandCover:
    """Return land cover on a grid: the nearest class, or the commonest where pixels are finer.

    Parameters
    ----------
    paths : sequence of Path
        Class rasters or folders of them.
    grid : Grid
        Where to.
    scratch : Path
        Existing folder for temporary files.
    table : Path, optional
        Table of classes; default `WORLDCOVER_CLASSES`.
    progress : callable, optional
        Called with a fraction 0 to 1.

    Raises
    ------
    DataError
        When no file reaches the grid, or the raster has codes that the table does not.
    """
    classes = dict(WORLDCOVER_CLASSES) if table is None else read_class_table(table)
    files = files_over(list_rasters(paths, role="land cover"), grid, role="land cover")
    files = without_voids(files, grid, scratch, role="land cover")
    check_one_cover(files, grid, scratch)
    class_code = _resampled(files, grid, scratch, progress)
    count = sum(np.bincount(row, minlength=256) for row in class_code)
    found = [int(code) for code in np.flatnonzero(count)]
    unknown = [code for code in found if code != 0 and code not in classes]
    if unknown:
        raise DataError(
            f"{files[0].name} has the class codes {', '.join(map(str, unknown))}, which "
            f"{'ESA WorldCover' if table is None else table.name} does not know: "
            + (
                "give their names and heights in a table (land_cover.table)"
                if table is None
                else "add them to the table"
            )
        )
    height_m = np.zeros(256, dtype=np.float32)
    is_water = np.zeros(256, dtype=np.uint8)
    for code, cover in classes.items():
        height_m[code], is_water[code] = cover.height_m, cover.water
    clutter_m = np.empty(grid.shape, dtype=np.float32)
    water = np.empty(grid.shape, dtype=np.uint8)
    for row, codes in enumerate(class_code):
        clutter_m[row], water[row] = height_m[codes], is_water[codes]
    empty_share = float(np.count_nonzero(class_code == 0) / class_code.size)
    pixel_m = max(file.pixel_m(*centre_deg(grid)) for file in files)
    return LandCover(
        class_code=class_code,
        clutter_m=clutter_m,
        water=water,
        names={code: classes[code].name for code in found if code != 0},
        files=tuple(files),
        note=f"{len(files)} raster{'s' if len(files) > 1 else ''}, pixels of about {pixel_m:.0f} m",
        assumptions=(_heights_sentence(classes, found, table),),
        warnings=(*void_warnings(files, role="land cover"), *_empty_warning(empty_share)),
    )


def _table_number(text: str, where: str, column: str, decimal_comma: bool) -> float:
    try:
        return parse_number(text, decimal_comma)
    except DataError as error:
        raise DataError(f"{where}: {column} is {error}") from error


def _resampled(
    files: Sequence[RasterFile],
    grid: Grid,
    scratch: Path,
    progress: Callable[[float], None] | None,
) -> UInt8Array:
    joined = join_rasters(files, scratch, name="land-cover")
    class_code = np.zeros(grid.shape, dtype=np.uint8)
    parts = list(blocks(grid.rows, grid.cols))
    for number, part in enumerate(joined):
        density = grid.cell_m / part.files[0].pixel_m(*centre_deg(grid))
        fine = density >= _MODE_FROM_PIXELS_PER_CELL
        method = Resampling.mode if fine else Resampling.nearest
        with rasterio.open(part.path) as raster, reading_of(part.names):
            for done, block in enumerate(parts, start=1):
                target = class_code[block.window]
                values = warp_block(raster, grid, block, resampling=method, pixels_per_cell=density)
                _check_codes(values, part.files[0].name)
                gaps = (target == 0) & np.isfinite(values)
                target[gaps] = values[gaps].astype(np.uint8)
                if progress is not None:
                    progress((number + done / len(parts)) / len(joined))
    return class_code


def _check_codes(values: Float32Array, name: str) -> None:
    finite = values[np.isfinite(values)]
    wrong = finite[(finite < 0.0) | (finite > 255.0) | (finite != np.floor(finite))]
    if wrong.size:
        raise DataError(
            f"{name} has the value {wrong[0]:g}, wanted whole class codes 0 to 255: "
            "is this a raster of classes? renumber it, or declare its nodata value"
        )


def _heights_sentence(
    classes: dict[int, CoverClass], found: Sequence[int], table: Path | None
) -> str:
    heights = ", ".join(
        f"{classes[code].name} {classes[code].height_m:g} m" for code in found if code != 0
    )
    origin = "defaults for ESA WorldCover" if table is None else f"from {table.name}"
    return f"Clutter heights ({origin}): {heights or 'none'}."


def _empty_warning(share: float) -> tuple[str, ...]:
    if share == 0.0:
        return ()
    return (
        f"No land cover for {100.0 * share:.2g} % of the grid: clutter height 0 m is used there.",
    )
