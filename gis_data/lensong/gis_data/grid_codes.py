"""Places as squares with a name: the military grid reference system, and plus codes.

References
----------
.. [1] NGA.STND.0037, "The Universal Grids and the Transverse Mercator and Polar Stereographic Map
       Projections", 2014, chapter 3.
.. [2] Open Location Code specification, 2019.
"""

from __future__ import annotations

import re
from functools import cache

from pyproj import Transformer

from lensong.propagation.errors import InvalidInputError

__all__ = ["in_mgrs", "in_plus_code"]

_MGRS = re.compile(
    r"(\d{1,2})\s*([C-HJ-NP-X])\s*([A-HJ-NP-Z])([A-HJ-NP-V])\s*((?:\d\s*){0,10})", re.IGNORECASE
)
_COLUMNS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")  # by zone modulo 3
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_SQUARE_M = 100_000.0
_EVEN_ZONES_BEGIN = 5  # letters further
_BAND_DEG = 8.0
_RIM_DEG = 0.5  # a square that a band's rim cuts reaches beyond it

_CODE = "23456789CFGHJMPQRVWX"
_PLUS = re.compile(rf"([{_CODE}]{{2,8}})\+([{_CODE}]{{2,7}})?(?:[\s,]+\D*)?", re.IGNORECASE)
_PAIRS = 10  # digits, of latitude and longitude in turn; then squares of 5 x 4


def in_mgrs(plain: str, *, most_m: float = _SQUARE_M) -> tuple[float, float] | None:
    """Return the middle of a square of the military grid [deg], None where a text is none.

    Parameters
    ----------
    plain : str
    most_m : float
        Largest side of a square whose middle says enough [m].

    Raises
    ------
    InvalidInputError
        Its zone has no such square, or the square is larger.

    Examples
    --------
    >>> lat, lon = in_mgrs("48Q UK 61036 77726")
    >>> round(lat, 4), round(lon, 4)
    (22.4, 103.65)
    """
    found = _MGRS.fullmatch(plain.strip())
    if not found:
        return None
    zone, digits = int(found[1]), re.sub(r"\s", "", found[5])
    band, column, row = (found[k].upper() for k in (2, 3, 4))
    columns = _COLUMNS[zone % 3]
    if not 1 <= zone <= 60 or column not in columns or len(digits) % 2:
        raise InvalidInputError(
            f"{plain!r} is no square of the military grid, wanted one like 48Q UK 61036 77726"
        )
    half = len(digits) // 2
    size_m = _SQUARE_M / 10**half
    if size_m > most_m:
        raise InvalidInputError(
            f"{plain!r} is a square of {size_m:g} m, wanted one of {most_m:g} m or less: write "
            "more digits"
        )
    east, north = (int(part or 0) * size_m for part in (digits[:half], digits[half:]))
    east_m = (columns.index(column) + 1) * _SQUARE_M + east + size_m / 2.0
    turn = (_ROWS.index(row) - (0 if zone % 2 else _EVEN_ZONES_BEGIN)) % len(_ROWS)
    south = band < "N"
    to_degrees = _to_degrees((32700 if south else 32600) + zone)
    low = -80.0 + _BAND_DEG * _BANDS.index(band)
    high = low + (12.0 if band == "X" else _BAND_DEG)
    for cycle in range(5):  # letters of rows come again every 2,000 km
        north_m = (cycle * len(_ROWS) + turn) * _SQUARE_M + north + size_m / 2.0
        lon, lat = to_degrees.transform(east_m, north_m)
        if low - _RIM_DEG <= lat <= high + _RIM_DEG:
            return float(lat), float(lon)
    raise InvalidInputError(f"{plain!r}: band {band} of zone {zone} has no row {row}")


@cache
def _to_degrees(epsg: int) -> Transformer:
    """Return what turns a zone into degrees; making one takes longer than a list of places."""
    return Transformer.from_crs(epsg, 4326, always_xy=True)


def in_plus_code(plain: str, near: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the middle of a plus code's square [deg], None where a text is none.

    Parameters
    ----------
    plain : str
        The code, also without the digits that a town's name stands for, ``CJ2X+2X Lai Châu``.
    near : (lat, lon), optional
        Where a code without its first digits lies [deg].

    Raises
    ------
    InvalidInputError
        Its first digits are missing, and nobody says near what it lies.

    Examples
    --------
    >>> lat, lon = in_plus_code("7PJ5CJ2X+2X", None)
    >>> round(lat, 3), round(lon, 3)
    (22.4, 103.65)
    >>> in_plus_code("CJ2X+2X Lai Châu", (22.1, 103.2)) == (lat, lon)
    True
    """
    found = _PLUS.fullmatch(plain.strip())
    if not found or len(found[1]) % 2:
        return None
    first, rest = found[1].upper(), (found[2] or "").upper()
    missing = 8 - len(first)
    if missing and near is None:
        raise InvalidInputError(f"{plain!r} lacks its first {missing} digits: write all of them")
    if not missing:
        return _decoded(first + rest)
    assert near is not None
    lat, lon = _decoded(_first_digits(near, missing) + first + rest)
    apart = 20.0 ** (2 - missing // 2)  # codes with the same last digits
    return lat + apart * round((near[0] - lat) / apart), lon + apart * round(
        (near[1] - lon) / apart
    )


def _first_digits(place: tuple[float, float], number: int) -> str:
    lat, lon = place[0] + 90.0, (place[1] + 180.0) % 360.0
    digits = ""
    for pair in range(number // 2):
        step = 20.0 ** (1 - pair)
        digits += _CODE[int(lat // step) % 20] + _CODE[int(lon // step) % 20]
    return digits


def _decoded(code: str) -> tuple[float, float]:
    lat, lon, high, wide = -90.0, -180.0, 400.0, 400.0
    for at in range(0, min(len(code), _PAIRS) - 1, 2):
        high, wide = high / 20.0, wide / 20.0
        lat += high * _CODE.index(code[at])
        lon += wide * _CODE.index(code[at + 1])
    for digit in code[_PAIRS:]:
        high, wide = high / 5.0, wide / 4.0
        row, col = divmod(_CODE.index(digit), 4)
        lat, lon = lat + high * row, lon + wide * col
    return lat + high / 2.0, lon + wide / 2.0
