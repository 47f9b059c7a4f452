"""What a raster must be before it is used, and what its name, tags and values give away."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.windows import Window

from lensong.propagation.errors import CrsMismatchError, DataError

__all__ = [
    "check_heights",
    "check_raster",
    "horizontal_crs",
    "is_feet",
    "is_metres",
    "open_raster",
    "overlaps_when_swapped",
    "reading_of",
    "surface_model_name",
    "undeclared_void",
]

HIGHEST_M = 9_000.0
LOWEST_M = -500.0
# values that programs write where they have none; all lie outside the heights of the Earth
_VOID_VALUES = (-32768.0, -32767.0, -9999.0, -99999.0, 32767.0, float(np.finfo(np.float32).min))
_SCAN_CELLS = 1024

_SURFACE_NAME = re.compile(
    r"copernicus_dsm|cop-?dem|cop(30|90)(?!\d)|glo-?_?(30|90)(?!\d)|aw3d30|alpsmlc30|alos.?dsm"
    r"|tandem|tdm1|(?<![a-z])dsm(?![a-z])",
    re.IGNORECASE,
)
_TERRAIN_NAME = re.compile(r"fabdem|merit|(?<![a-z])dtm(?![a-z])", re.IGNORECASE)


def open_raster(path: str, shown: str) -> rasterio.DatasetReader:
    """Return an open dataset, or raise a DataError that names the file as ``shown``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(path)
    except RasterioIOError as error:
        raise DataError(
            f"{shown} cannot be read as a raster ({error}): "
            "wanted a GeoTIFF, a VRT, an .hgt tile or another format that GDAL knows"
        ) from error


@contextmanager
def reading_of(names: Sequence[str]) -> Iterator[None]:
    """Return a context in which a failing read becomes a DataError that names the files."""
    try:
        yield
    except RasterioError as error:
        cause = error.__cause__ or error
        more = f" or one of {len(names) - 1} others" if len(names) > 1 else ""
        raise DataError(
            f"{names[0]}{more} cannot be read to its end ({cause}): "
            "the file is cut short or damaged, get it again"
        ) from error


def check_raster(raster: rasterio.DatasetReader, shown: str, *, role: str) -> None:
    """Raise when a raster has no place on the Earth, an impossible one, or is a picture.

    Raises
    ------
    CrsMismatchError
        When there is no coordinate system, or the bounds do not fit it.
    DataError
        When the raster is rotated, upside down or a colour picture.
    """
    if raster.crs is None:
        raise CrsMismatchError(
            f"{shown} has no coordinate reference system: find out which it is and write it in, "
            f"e.g. `rio edit-info --crs EPSG:4326 {shown}` or `gdal_edit.py -a_srs EPSG:4326`"
        )
    transform = raster.transform
    if transform.is_identity:
        raise DataError(
            f"{shown} has no position (no geotransform): wanted a georeferenced {role} raster"
        )
    if transform.b or transform.d or transform.a <= 0.0 or transform.e >= 0.0:
        raise DataError(
            f"{shown} is rotated or not north-up: straighten it first with "
            f"`rio warp {shown} straight.tif --dst-crs {raster.crs.to_string()[:40]}`"
        )
    if raster.crs.is_geographic:
        _check_degrees(raster, shown)
    pictures = {ColorInterp.red, ColorInterp.green, ColorInterp.blue}
    if raster.count >= 3 and pictures <= set(raster.colorinterp):
        raise DataError(
            f"{shown} is a colour picture with {raster.count} bands: "
            f"wanted a {role} raster with one value per cell"
        )


def _check_degrees(raster: rasterio.DatasetReader, shown: str) -> None:
    west, south, east, north = raster.bounds
    if north <= 90.01 and south >= -90.01 and east <= 360.01 and west >= -180.01:
        return
    extent = f"{west:.3f} to {east:.3f} east, {south:.3f} to {north:.3f} north"
    swapped = west >= -90.01 and east <= 90.01 and south >= -180.01 and north <= 180.01
    hint = (
        "latitude and longitude seem to be swapped: write the raster with longitude as x"
        if swapped
        else "its coordinates are no degrees: correct the coordinate system it declares"
    )
    raise CrsMismatchError(
        f"{shown} declares {raster.crs.to_string()[:40]} but spans {extent}: {hint}"
    )


def overlaps_when_swapped(
    bounds: tuple[float, float, float, float], wanted: tuple[float, float, float, float]
) -> bool:
    """Return whether two extents [degrees] meet once x and y of the first are exchanged."""
    west, south, east, north = bounds
    return south < wanted[2] and north > wanted[0] and west < wanted[3] and east > wanted[1]


def is_feet(unit: str) -> bool:
    """Return whether a raster's unit tag means feet."""
    return unit.strip().lower() in {"ft", "foot", "feet", "us-ft", "ftus", "us survey foot"}


def is_metres(unit: str) -> bool:
    """Return whether a raster's unit tag means metres."""
    return unit.strip().lower() in {"m", "metre", "meter", "metres", "meters"}


def surface_model_name(path: Path) -> bool | None:
    """Return what a name says: True surface (GLO-30, AW3D30), False bare terrain, None neither.

    Examples
    --------
    >>> surface_model_name(Path("Copernicus_DSM_COG_10_N22_00_E103_00_DEM.tif"))
    True
    >>> surface_model_name(Path("N22E103_FABDEM_V1-2.tif"))
    False
    """
    for name in (path.name, path.parent.name):
        if _TERRAIN_NAME.search(name):
            return False
        if _SURFACE_NAME.search(name):
            return True
    return None


def undeclared_void(raster: rasterio.DatasetReader, window: Window) -> float | None:
    """Return the value that marks "no data" in a window of band 1 though no tag says so.

    Only values that no height and no count can have are looked for (-32768, -9999, ...). Of
    several the commonest is returned; None when there is none.
    """
    counts = dict.fromkeys(_VOID_VALUES, 0)
    row_end, col_end = window.row_off + window.height, window.col_off + window.width
    for row in range(window.row_off, row_end, _SCAN_CELLS):
        for col in range(window.col_off, col_end, _SCAN_CELLS):
            part = Window(
                col, row, min(_SCAN_CELLS, col_end - col), min(_SCAN_CELLS, row_end - row)
            )
            values = raster.read(1, window=part)
            outside = values[(values <= -9999.0) | (values >= 32767.0)]
            for void in _VOID_VALUES if outside.size else ():
                counts[void] += int(np.count_nonzero(outside == void))
    commonest = max(counts, key=lambda void: counts[void])
    return commonest if counts[commonest] else None


def check_heights(lowest_m: float, highest_m: float, *, shown: str, unit: str) -> None:
    """Raise when heights lie outside what the Earth has: feet, or undeclared voids.

    Parameters
    ----------
    lowest_m, highest_m : float
        Range of the heights after conversion [m]; NaN (no height at all) passes.
    shown : str
        Name of the source.
    unit : str
        The scenario's ``elevation.unit``.
    """
    if highest_m > HIGHEST_M:
        hint = (
            'are they feet? set elevation.unit = "ft"'
            if unit == "m"
            else 'elevation.unit is already "ft": is there a void value that the file does not '
            "declare?"
        )
        raise DataError(
            f"{shown} has heights up to {highest_m:,.0f} m, no land is above {HIGHEST_M:,.0f} m: "
            f"{hint}"
        )
    if lowest_m < LOWEST_M:
        raise DataError(
            f"{shown} has heights down to {lowest_m:,.0f} m, no land is below {LOWEST_M:,.0f} m: "
            "declare the value that marks voids (`rio edit-info --nodata -9999 FILE`), "
            "or set the sea floor to 0"
        )


def horizontal_crs(crs: str | rasterio.crs.CRS) -> pyproj.CRS:
    """Return the horizontal part of a coordinate system, for comparing two of them."""
    parsed = pyproj.CRS.from_user_input(crs)
    return parsed.sub_crs_list[0] if parsed.is_compound else parsed.to_2d()
