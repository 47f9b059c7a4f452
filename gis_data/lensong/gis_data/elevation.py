"""Heights of the ground on the plan's grid, from whatever raster files the user has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from rasterio.warp import Resampling

from lensong.gis_data.elevation_gaps import (
    at_the_edge,
    check_tiles,
    check_voids,
    edge_warning,
    fill_voids_from_rims,
    filling_sentence,
    missing_tiles_warning,
    sea_sentence,
    void_warning,
)
from lensong.gis_data.gridding import Block, blocks, centre_deg, warp_block
from lensong.gis_data.mosaic import (
    JoinedRaster,
    RasterFile,
    covered_mask,
    files_over,
    join_rasters,
    list_rasters,
    void_warnings,
    without_voids,
)
from lensong.gis_data.raster_checks import (
    check_heights,
    horizontal_crs,
    length_unit_m,
    reading_of,
    surface_model_name,
)
from lensong.gis_data.raster_kinds import refusal
from lensong.gis_data.rivals import check_one_ground, precedence_sentence
from lensong.gis_data.vectors import first_few
from lensong.propagation.errors import ConfigError, DataError
from lensong.propagation.types import BoolArray, Float32Array, Grid, UInt8Array

__all__ = ["Elevation", "ElevationSource", "open_elevation", "read_elevation"]

FEET_M = 0.3048
_UNFIT_PIXEL_M = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ElevationSource:
    """Elevation files whose headers have been read and checked.

    Parameters
    ----------
    files : tuple of RasterFile
        In order of precedence.
    unit : str
        As the scenario says; the files' own scale brings their heights to metres.
    surface_model : bool
        True when trees and roofs are in the heights.
    assumptions, warnings : tuple of str
        Sentences for the report.
    """

    files: tuple[RasterFile, ...]
    unit: str
    surface_model: bool
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def lattice_corner(self, crs: str, cell_m: float) -> tuple[float, float] | None:
        """Return a cell corner (easting, northing) of a source that needs no resampling.

        None when no file is in this system with this cell size.
        """
        wanted = horizontal_crs(crs)
        for file in self.files:
            pixel = (file.transform.a, -file.transform.e)
            if np.allclose(pixel, cell_m, rtol=1e-7) and horizontal_crs(file.crs) == wanted:
                return float(file.transform.c), float(file.transform.f)
        return None

    def reach(self, grid: Grid) -> BoolArray:
        """Return the cells of a grid whose centre lies on some file."""
        return covered_mask(files_over(self.files, grid, role="elevation"), grid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elevation:
    """Heights on a grid and what is to be said about them.

    Parameters
    ----------
    ground_m : shape (rows, cols), float32
        Height above sea level [m]; NaN where there is none.
    void_share : float
        Share of all cells that had no height before any filling.
    files : tuple of RasterFile
        Those that reach onto the grid.
    note : str
        One sentence on kind, resolution and treatment.
    assumptions, warnings : tuple of str
        Sentences for the report.
    """

    ground_m: Float32Array
    void_share: float
    files: tuple[RasterFile, ...]
    note: str
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


def open_elevation(
    paths: Sequence[Path], *, kind: str = "auto", unit: str = "auto"
) -> ElevationSource:
    """Return the elevation files of a scenario, checked, before any height is read.

    Parameters
    ----------
    paths : sequence of Path
        Files or folders; earlier ones win where they overlap.
    kind : str
        ``"terrain"``, ``"surface"``, or ``"auto"``: surface when a name is that of a surface
        model (Copernicus GLO-30, AW3D30, TanDEM-X), else terrain.
    unit : str
        ``"m"``, ``"ft"``, or ``"auto"``: as each file says, else metres.

    Raises
    ------
    ConfigError
        When ``kind`` or ``unit`` is none of these.
    DataError
        When a file is missing or unusable, or its unit tag contradicts ``unit``.
    CrsMismatchError
        When a file has no coordinate system.
    """
    if kind not in {"auto", "terrain", "surface"}:
        raise ConfigError(f'elevation.kind is {kind!r}, wanted "auto", "terrain" or "surface"')
    if unit not in {"auto", "m", "ft"}:
        raise ConfigError(f'elevation.unit is {unit!r}, wanted "auto", "m" or "ft"')
    found, warnings = _heights_only(list_rasters(paths, role="elevation"), kind)
    converted = [_in_metres(file, unit) for file in found]
    files = [file for file, _ in converted]
    by_name = {surface_model_name(file.path) for file in files}
    surface = kind == "surface" or (kind == "auto" and True in by_name)
    assumptions = [_kind_sentence(surface, kind, files)]
    other_units = sorted({name for _, name in converted if name})
    if other_units:
        assumptions.append(
            f"Elevation is stored in {' and '.join(other_units)} and was converted to metres."
        )
    several = [file for file in files if file.bands > 1]
    warnings += [
        f"{file.name} has {file.bands} bands; band 1 is taken as elevation." for file in several
    ]
    if kind == "auto" and surface and len(by_name) > 1:
        warnings.append(
            "The elevation files mix surface models with others; all are treated as surface."
        )
    return ElevationSource(
        files=tuple(files),
        unit=unit,
        surface_model=surface,
        assumptions=tuple(assumptions),
        warnings=tuple(warnings),
    )


def read_elevation(
    source: ElevationSource,
    grid: Grid,
    *,
    aoi: UInt8Array,
    scratch: Path,
    fill_voids: bool = False,
    max_void_share: float = 0.001,
    sea_where_missing: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Elevation:
    """Return heights on a grid: bilinear, or copied where the source lies on the same lattice.

    Parameters
    ----------
    source : ElevationSource
        From `open_elevation`.
    grid : Grid
        Where to.
    aoi : shape (rows, cols)
        1 in the area of interest, where heights must be; 0 in the margin, where they may lack.
    scratch : Path
        Existing folder for temporary files.
    fill_voids : bool
        Fill voids from their rims. Parts that no file covers stay NaN, and so do voids that
        reach the outer edge of the data: beyond it there is no rim.
    max_void_share : float
        Largest share of the area of interest, 0 to 1, that may be without height.
    sea_where_missing : bool
        Where no file reaches is open sea, of height 0.
    progress : callable, optional
        Called with a fraction 0 to 1.

    Raises
    ------
    MissingTileError
        When more of the area than that lies beyond every file.
    DataError
        When more of the area than that is void, when no file reaches the area, when the heights
        cannot be metres, or when two files are not the same ground.
    """
    files = files_over(source.files, grid, role="elevation")
    files = without_voids(files, grid, scratch, role="elevation")
    rivals = check_one_ground(files, grid, scratch)
    joined = join_rasters(files, scratch, name="elevation")
    ground_m = _resampled(joined, grid, progress)
    _check_range(ground_m, files, source.unit)

    missing = np.isnan(ground_m)
    void_share = float(missing.mean())
    warnings = [*source.warnings, *rivals, *void_warnings(files, role="elevation")]
    assumptions = [*source.assumptions, *precedence_sentence(files, grid)]
    if missing.any():
        inside, covered = aoi > 0, covered_mask(files, grid)
        uncovered, voids = missing & ~covered, missing & covered
        if sea_where_missing and uncovered.any():
            ground_m[uncovered] = 0.0
            assumptions.append(sea_sentence(uncovered))
            uncovered, missing = np.zeros_like(uncovered), voids
        check_tiles(uncovered, inside, files, grid, max_void_share)
        check_voids(voids, inside, files, max_void_share, fill_voids=fill_voids)
        if voids.any() and fill_voids:
            enclosed = voids & ~at_the_edge(joined, voids, grid)
            if enclosed.any():
                ground_m = fill_voids_from_rims(ground_m, missing, enclosed)
                assumptions.append(filling_sentence(enclosed, ground_m))
            if (voids & ~enclosed).any():
                warnings.append(edge_warning(voids & ~enclosed, inside))
        elif voids.any():
            warnings.append(void_warning(voids, inside))
        if uncovered.any():
            warnings.append(missing_tiles_warning(uncovered, inside, files, grid))
    pixels_m = [file.pixel_m(*centre_deg(grid)) for file in files]
    warnings.extend(_coarse_warning(max(pixels_m)))
    return Elevation(
        ground_m=ground_m,
        void_share=void_share,
        files=tuple(files),
        note=_note(source, files, pixels_m, grid),
        assumptions=tuple(assumptions),
        warnings=tuple(warnings),
    )


def _heights_only(files: Sequence[RasterFile], kind: str) -> tuple[list[RasterFile], list[str]]:
    """Return the files that are heights, and what to say of those that may be none."""
    doubtful = [file for file in files if file.doubt is not None]
    sure = [file for file in files if file.doubt is None]
    kept, warnings, left_out = list(sure), [], []
    for file in doubtful:
        assert file.doubt is not None
        if file.from_folder and (file.doubt.certain or sure):
            left_out.append(f"{file.name} ({file.doubt.why})")
        elif file.doubt.certain and kind == "auto":
            raise refusal(file.name, file.doubt)
        else:
            kept.append(file)
            warnings.append(f"{file.name} may be no elevation: {file.doubt.why}")
    if left_out and not kept:
        raise DataError(
            f"the folder holds no elevation: {first_few(left_out)}; name the file with the heights "
            "of the ground in elevation.path"
        )
    if left_out:
        warnings.append(f"Left out of the elevation: {first_few(left_out)}")
    return [file for file in files if file in kept], warnings


def _in_metres(file: RasterFile, unit: str) -> tuple[RasterFile, str]:
    """Return the file with its heights scaled to metres, and the name of their unit.

    The unit is that of the band, else that of the vertical part of the coordinate system.

    Raises
    ------
    DataError
        The file says another unit than the scenario, or lies in feet and says nothing of heights.
    """
    declared = file.declared_unit
    metres = length_unit_m(declared)
    if metres is None:
        declared, metres = _vertical_unit(file.crs)
    asked = {"m": 1.0, "ft": FEET_M}.get(unit)
    if metres is None and asked is None and _lies_in_feet(file.crs):
        raise DataError(
            f"{file.name} has its positions in feet and does not say whether its heights are: "
            'set elevation.unit = "ft" or "m"'
        )
    if metres is not None and asked is not None and abs(metres / asked - 1.0) > 1e-3:
        raise DataError(
            f"{file.name} declares its heights in {declared!r}, the scenario expects "
            f"{'metres' if unit == 'm' else 'feet'}: set elevation.unit = "
            f'"{"ft" if unit == "m" and abs(metres / FEET_M - 1.0) < 1e-3 else "auto"}"'
        )
    factor = metres or asked or 1.0
    if factor == 1.0:
        return file, ""
    scaled = replace(file, scale=file.scale * factor, offset=file.offset * factor)
    return scaled, declared or "feet"


def _vertical_unit(crs: rasterio.crs.CRS) -> tuple[str, float | None]:
    parsed = pyproj.CRS.from_user_input(crs)
    for axis in parsed.axis_info[2:]:
        return axis.unit_name, axis.unit_conversion_factor
    return "", None


def _lies_in_feet(crs: rasterio.crs.CRS) -> bool:
    axes = pyproj.CRS.from_user_input(crs).axis_info[:2]
    return any(
        "foot" in axis.unit_name.lower() or "feet" in axis.unit_name.lower() for axis in axes
    )


def _kind_sentence(surface: bool, kind: str, files: Sequence[RasterFile]) -> str:
    why = "as the scenario says" if kind != "auto" else "by the name of the files"
    if surface:
        return (
            f"Elevation is a surface model ({why}): trees and roofs are part of the ground, and "
            "antennas and phones stand on top of them."
        )
    if kind == "auto" and all(surface_model_name(file.path) is None for file in files):
        why = "nothing in the file names says otherwise"
    radar = any(file.hgt is not None or "srtm" in file.path.name.lower() for file in files)
    canopy = " SRTM radar heights lie partly inside dense forest canopy." if radar else ""
    return f"Elevation is taken as bare terrain ({why}).{canopy}"


def _on_grid(file: RasterFile, grid: Grid) -> bool:
    """Return whether the pixels of a file coincide with the cells of the grid."""
    pixel = (file.transform.a, -file.transform.e)
    if not np.allclose(pixel, grid.cell_m, rtol=1e-7):
        return False
    if horizontal_crs(file.crs) != horizontal_crs(grid.crs):
        return False
    apart = (
        (file.transform.c - grid.west_m) / grid.cell_m,
        (file.transform.f - grid.north_m) / grid.cell_m,
    )
    return all(abs(cells - round(cells)) < 1e-3 for cells in apart)


def _resampled(
    joined: Sequence[JoinedRaster], grid: Grid, progress: Callable[[float], None] | None
) -> Float32Array:
    ground_m = np.full(grid.shape, np.nan, dtype=np.float32)
    parts = list(blocks(grid.rows, grid.cols))
    for number, raster_part in enumerate(joined):
        first = raster_part.files[0]
        method = Resampling.nearest if _on_grid(first, grid) else Resampling.bilinear
        density = grid.cell_m / first.pixel_m(*centre_deg(grid))
        with rasterio.open(raster_part.path) as raster, reading_of(raster_part.names):
            for done, block in enumerate(parts, start=1):
                _fill_block(ground_m[block.window], raster, grid, block, method, density)
                if progress is not None:
                    progress((number + done / len(parts)) / len(joined))
    return ground_m


def _fill_block(
    target: Float32Array,
    raster: rasterio.DatasetReader,
    grid: Grid,
    block: Block,
    method: Resampling,
    density: float,
) -> None:
    gaps = np.isnan(target)
    if gaps.any():
        values = warp_block(raster, grid, block, resampling=method, pixels_per_cell=density)
        target[gaps] = values[gaps]


def _check_range(ground_m: Float32Array, files: Sequence[RasterFile], unit: str) -> None:
    finite = np.isfinite(ground_m)
    if finite.any():
        lowest = float(np.min(ground_m, where=finite, initial=np.inf))
        highest = float(np.max(ground_m, where=finite, initial=-np.inf))
        shown = files[0].name if len(files) == 1 else f"one of {len(files)} elevation files"
        check_heights(lowest, highest, shown=shown, unit=unit)


def _coarse_warning(pixel_m: float) -> list[str]:
    if pixel_m <= _UNFIT_PIXEL_M:
        return []
    return [
        f"The elevation data are coarse (pixels of about {pixel_m:.0f} m): ridges and valleys that "
        "decide coverage are smoothed away. Unfit for planning; use data of 30 m."
    ]


def _note(
    source: ElevationSource, files: Sequence[RasterFile], pixels_m: Sequence[float], grid: Grid
) -> str:
    kind = "surface model" if source.surface_model else "terrain"
    copied = all(_on_grid(file, grid) for file in files)
    how = "cells copied as they are" if copied else f"bilinear onto {grid.cell_m:g} m"
    count = "1 file" if len(files) == 1 else f"{len(files)} files"
    pixels = " and ".join(sorted({f"{pixel:.0f}" for pixel in pixels_m}, key=float))
    return f"{kind}, {count}, pixels of about {pixels} m, {how}"
