"""A place as people paste it: latitude and longitude in any common form, or metres of the grid."""

from __future__ import annotations

import re
from math import isfinite

from pyproj import CRS, Transformer

from lensong.gis_data.angles import parse_lat_lon
from lensong.propagation.errors import DataError, InvalidInputError

__all__ = ["read_place"]

_METRES = re.compile(
    r"(?:E\s*)?(\d{5,7}(?:[.,]\d+)?)\s*(?:m?E)?[\s,;]+"
    r"(?:N\s*)?(\d{5,8}(?:[.,]\d+)?)\s*(?:m?N)?"
)


def read_place(text: str, crs: str = "") -> tuple[float, float]:
    """Return latitude and longitude [deg] of a place as it was pasted.

    Parameters
    ----------
    text : str
        All that `lensong.gis_data.angles.parse_lat_lon` reads, or easting and northing [m].
    crs : str
        That eastings and northings are in, such as ``EPSG:32648``; empty: they are refused.

    Raises
    ------
    InvalidInputError
        The text is no place on Earth.

    Examples
    --------
    >>> read_place("22°24'N 103°39'E"), read_place("B 22,4; Đ 103,65")
    ((22.4, 103.65), (22.4, 103.65))
    """
    plain = text.strip()
    metres = _METRES.fullmatch(plain)
    if metres:
        if not crs:
            raise InvalidInputError(
                f"{plain!r} looks like easting and northing, but no CRS is known: give degrees"
            )
        east, north = (float(part.replace(",", ".")) for part in metres.groups())
        to_degrees = Transformer.from_crs(CRS.from_user_input(crs), 4326, always_xy=True)
        lon, lat = to_degrees.transform(east, north)
    else:
        try:
            lat, lon = parse_lat_lon(plain)
        except DataError as error:
            raise InvalidInputError(
                f"{plain!r} is no place, wanted one like 22.4, 103.65 or 22°24'N 103°39'E: {error}"
            ) from error
    if not (isfinite(lat) and isfinite(lon)):
        raise InvalidInputError(f"{plain!r} is no place: wanted latitude and longitude")
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        turned = -90.0 <= lon <= 90.0 and -180.0 <= lat <= 180.0
        hint = f": write {lon:g}, {lat:g}" if turned else ""
        raise InvalidInputError(
            f"{plain!r} lies at latitude {lat:g}, longitude {lon:g}, wanted latitude -90 to 90, "
            f"then longitude -180 to 180{hint}"
        )
    return lat, lon
