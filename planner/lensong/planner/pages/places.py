"""A place as people paste it: latitude and longitude in any common form, or metres of the grid."""

from __future__ import annotations

import re
from math import isfinite

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from lensong.gis_data.angles import parse_lat_lon
from lensong.gis_data.grid_codes import in_mgrs, in_plus_code
from lensong.propagation.errors import DataError, InvalidInputError

__all__ = ["read_place"]

_NUMBER = r"([+-]?\d+(?:\.\d+)?)"
_LINKS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"!3d{_NUMBER}!4d{_NUMBER}",  # of a place, before the middle of the map
        rf"[?&](?:q|ll|sll|query|destination|daddr|center|loc)=(?:loc:)?{_NUMBER}(?:,|%2C)\+?{_NUMBER}",
        rf"[?&]mlat={_NUMBER}&mlon={_NUMBER}",
        rf"/(?:place|search)/{_NUMBER},\+?{_NUMBER}",
        rf"@{_NUMBER},{_NUMBER}",
        rf"#(?:map=)?[\d.]+/{_NUMBER}/{_NUMBER}",
        rf"^geo:{_NUMBER},{_NUMBER}",
    )
)
"""Latitude and longitude in links to maps and in messages of phones (RFC 5870)."""

_NAMED = re.compile(
    r"(lat(?:itude)?|vĩ độ|lon(?:g(?:itude)?)?|lng|kinh độ)\s*[:=]?\s*([^a-zđ]*\d[^a-zđ]*?)[\s,;&]*"
    r"(lat(?:itude)?|vĩ độ|lon(?:g(?:itude)?)?|lng|kinh độ)\s*[:=]?\s*([^a-zđ]*\d[^a-zđ]*)",
    re.IGNORECASE,
)
_METRES = re.compile(
    r"(?:([ENXY])\s*[:=]?\s*)?(\d{5,8}(?:[.,]\d+)?)\s*(?:m?\s*([EN])\b|m)?[\s,;]+"
    r"(?:([ENXY])\s*[:=]?\s*)?(\d{5,8}(?:[.,]\d+)?)\s*(?:m?\s*([EN])|m)?",
    re.IGNORECASE,
)
_ZONE = re.compile(r"(?:UTM\s*)?(\d{1,2})\s*([C-HJ-NP-X])[\s,;]+(.*)", re.IGNORECASE)


def read_place(
    text: str, crs: str = "", near: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Return latitude and longitude [deg] of a place as it was pasted.

    Parameters
    ----------
    text : str
        All that `lensong.gis_data.angles.parse_lat_lon` reads, also named (``lat 22.4 lon
        103.65``); easting and northing [m] in either order, also with a zone of UTM (``48Q 361037
        2477726``) or as a square of the military grid (``48Q UK 61036 77726``); a plus code; a
        link to a map.
    crs : str
        That eastings and northings are in, such as ``EPSG:32648``; empty: they are refused.
    near : (lat, lon), optional
        Where a plus code without its first digits lies [deg].

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
    lat, lon = (
        _in_link(plain)
        or in_plus_code(plain, near)
        or in_mgrs(plain)
        or _in_metres(plain, crs)
        or _in_degrees(plain)
    )
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


def _in_link(plain: str) -> tuple[float, float] | None:
    for link in _LINKS:
        found = link.search(plain)
        if found and ("/" in plain or ":" in plain):
            return float(found[1]), float(found[2])
    return None


def _in_metres(plain: str, crs: str) -> tuple[float, float] | None:
    """Return a place of which metres were given; which is the easting, its name or the CRS tells.

    X is the northing in Vietnam's surveys, and the easting elsewhere.
    """
    zone = _ZONE.fullmatch(plain)
    metres = _METRES.fullmatch(zone[3] if zone else plain)
    if not metres:
        return None
    if zone:
        north = zone[2].upper() >= "N"
        crs = f"EPSG:{(32600 if north else 32700) + int(zone[1])}"
    if not crs:
        raise InvalidInputError(
            f"{plain!r} looks like easting and northing, but no CRS is known: give degrees"
        )
    one, other = (float(metres[k].replace(",", ".")) for k in (2, 5))
    try:
        system = CRS.from_user_input(crs)
    except CRSError as error:
        raise InvalidInputError(
            f"{plain!r} is in {crs}, which is not known, wanted a zone of UTM or degrees"
        ) from error
    names = [(metres[k] or metres[k + 2] or "").upper() for k in (1, 4)]
    orders = [(one, other), (other, one)]
    if "E" in names or "N" in names:
        orders = orders[1:] if names[0] == "N" or names[1] == "E" else orders[:1]
    to_degrees = Transformer.from_crs(system, 4326, always_xy=True)
    use = system.area_of_use
    for east_m, north_m in orders:
        lon, lat = to_degrees.transform(east_m, north_m)
        if use is None or (use.west <= lon <= use.east and use.south <= lat <= use.north):
            return lat, lon
    raise InvalidInputError(
        f"{plain!r} lies where {system.name} is not used, wanted easting and northing in it "
        "[m], or degrees"
    )


def _in_degrees(plain: str) -> tuple[float, float]:
    named = _NAMED.fullmatch(plain)
    if named:
        parts = {_axis(named[1]): named[2], _axis(named[3]): named[4]}
        if len(parts) == 2:
            plain = f"{parts['lat']}; {parts['lon']}"
    try:
        return parse_lat_lon(plain)
    except DataError as error:
        raise InvalidInputError(
            f"{plain!r} is no place, wanted one like 22.4, 103.65 or 22°24'N 103°39'E: {error}"
        ) from error


def _axis(name: str) -> str:
    return "lat" if name.lower().startswith(("lat", "vĩ")) else "lon"
