"""What a raster must be before it is used, and what its name, tags and values give away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyproj
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from lensong.propagation.errors import CrsMismatchError, DataError

__all__ = [
    "check_heights",
    "check_raster",
    "horizontal_crs",
    "length_unit_m",
    "overlaps_when_swapped",
    "reading_of",
    "surface_model_name",
]

HIGHEST_M = 9_000.0
LOWEST_M = -500.0

_SURFACE_NAME = re.compile(
    r"copernicus_dsm|cop-?dem|cop(30|90)(?!\d)|glo-?_?(30|90)(?!\d)|aw3d30|alpsmlc30|alos.?dsm"
    r"|tandem|tdm1|(?<![a-z])dsm(?![a-z])",
    re.IGNORECASE,
)
_TERRAIN_NAME = re.compile(r"fabdem|merit|(?<![a-z])dtm(?![a-z])", re.IGNORECASE)


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


_FEET = ("ft", "foot", "feet", "international foot", "british foot")
_SURVEY_FEET = ("us-ft", "ftus", "us_ft", "us survey foot", "us survey feet", "foot_us")
_LENGTHS_M = {
    **dict.fromkeys(("m", "metre", "meter", "metres", "meters"), 1.0),
    **dict.fromkeys(_FEET, 0.3048),
    **dict.fromkeys(_SURVEY_FEET, 1200.0 / 3937.0),
    **dict.fromkeys(("dm", "decimetre", "decimeter"), 0.1),
    **dict.fromkeys(("cm", "centimetre", "centimeter", "centimetres", "centimeters"), 0.01),
    **dict.fromkeys(("mm", "millimetre", "millimeter"), 0.001),
    **dict.fromkeys(("km", "kilometre", "kilometer"), 1000.0),
}


def length_unit_m(unit: str) -> float | None:
    """Return how many metres a unit of length is, as a raster's tag writes it; None: no length.

    Examples
    --------
    >>> length_unit_m("US survey foot"), length_unit_m("deg")
    (0.3048006096012192, None)
    """
    return _LENGTHS_M.get(unit.strip().lower())


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
            if unit != "ft"
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
