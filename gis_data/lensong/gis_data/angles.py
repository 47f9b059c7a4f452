"""Latitudes and longitudes as people write them: degrees, minutes, seconds, a hemisphere."""

from __future__ import annotations

import re
import unicodedata
from math import nan
from typing import Literal, TypeAlias

from lensong.gis_data.grid_codes import in_mgrs
from lensong.gis_data.tables import parse_number
from lensong.propagation.errors import DataError, InvalidInputError

__all__ = ["Axis", "parse_angle", "parse_lat_lon"]

Axis: TypeAlias = Literal["latitude", "longitude"]

# Letter or word to axis and sign. O is left out: it is west in French, east in German.
_HEMISPHERES: dict[str, tuple[Axis, float]] = {
    "n": ("latitude", 1.0), "north": ("latitude", 1.0), "nord": ("latitude", 1.0),
    "norte": ("latitude", 1.0), "b": ("latitude", 1.0), "bac": ("latitude", 1.0),
    "s": ("latitude", -1.0), "south": ("latitude", -1.0), "sud": ("latitude", -1.0),
    "sur": ("latitude", -1.0), "nam": ("latitude", -1.0),
    "e": ("longitude", 1.0), "east": ("longitude", 1.0), "est": ("longitude", 1.0),
    "este": ("longitude", 1.0), "ost": ("longitude", 1.0), "d": ("longitude", 1.0),
    "dong": ("longitude", 1.0),
    "w": ("longitude", -1.0), "west": ("longitude", -1.0), "ouest": ("longitude", -1.0),
    "oeste": ("longitude", -1.0), "t": ("longitude", -1.0), "tay": ("longitude", -1.0),
}  # fmt: skip
_MARKS = str.maketrans({
    "º": "°", "˚": "°", "′": "'", "’": "'", "‘": "'", "´": "'", "`": "'", "″": '"', "”": '"',
    "“": '"', "−": "-", "\u00a0": " ", "\u202f": " ",
})  # fmt: skip
_UNITS = ("deg", "min", "sec", "m")
_MOST_SQUARE_M = 100.0
_SECONDS = re.compile(r"\d\s*(?:'|m|min)\s*\d+(?:[.,]\d+)?\s*s$")  # not south
_PLAIN = re.compile(r"[+-]?[\d.,]+(?:[eE][+-]?\d+)?")
_PARTS = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<deg>\d{1,3}(?:[.,]\d+)?)\s*(?:°|d|deg)?"
    r"(?:[\s:]*(?P<min>\d{1,2}(?:[.,]\d+)?)\s*(?:'|m|min)?"
    r"(?:[\s:]*(?P<sec>\d{1,2}(?:[.,]\d+)?)\s*(?:\"|''|s|sec)?)?)?"
)
_SIDE, _NUMBERS = r"([NSEWBDĐT])", r"([^A-Za-zĐđ]*\d[^A-Za-zĐđ]*?)"
_TWO_SIDES = (
    (
        re.compile(rf"{_SIDE}\s*{_NUMBERS}[\s,;/]*{_SIDE}\s*{_NUMBERS}", re.IGNORECASE),
        (1, 3),
        (2, 4),
    ),
    (
        re.compile(rf"{_NUMBERS}\s*{_SIDE}[\s,;/]*{_NUMBERS}\s*{_SIDE}", re.IGNORECASE),
        (2, 4),
        (1, 3),
    ),
)
"""Two numbers, each with its hemisphere: groups of the hemispheres and of the numbers."""

_POINT = re.compile(
    r"(?:srid=4326;)?\s*point\s*z?\s*\(\s*(\S+)\s+(\S+)(?:\s+\S+)?\s*\)", re.IGNORECASE
)


def parse_angle(text: str, axis: Axis, *, decimal_comma: bool = False) -> float:
    r"""Return a latitude or longitude [deg], NaN where there is none.

    Parameters
    ----------
    text : str
        Decimal degrees (``22.4``), also with a hemisphere before or behind (``22.4N``,
        ``E 103.65``), or degrees with minutes and seconds (``22°24'03.5"N``, ``22 24 3.5``,
        ``22:24:03``). B, Đ and T are Vietnamese for north, east and west.
    axis : {"latitude", "longitude"}
        What is wanted: a hemisphere of the other is refused.
    decimal_comma : bool
        Of the table.

    Raises
    ------
    DataError
        The text is none of these, minutes or seconds are 60 or more, a sign contradicts its
        hemisphere, or the hemisphere is ``O`` (west in French, east in German).

    Examples
    --------
    >>> parse_angle("22°24'36\"N", "latitude"), parse_angle("103.5W", "longitude")
    (22.41, -103.5)
    """
    plain = text.translate(_MARKS).strip()
    if _PLAIN.fullmatch(plain) or not re.search(r"\d", plain):
        return parse_number(plain, decimal_comma)
    letters = _plain_letters(plain)
    sign, body = _hemisphere(letters, axis, text)
    match = _PARTS.fullmatch(body.strip().rstrip("."))
    if match is None:
        raise DataError(
            f"{text!r} is no {axis}, wanted decimal degrees (22.4) or degrees, minutes and "
            "seconds (22°24'03\"N)"
        )
    if sign is not None and match["sign"] == "-":
        raise DataError(f"{text!r} has a sign and a hemisphere, wanted one of them")
    degrees, minutes, seconds = (
        0.0 if match[name] is None else float(match[name].replace(",", "."))
        for name in ("deg", "min", "sec")
    )
    if minutes >= 60.0 or seconds >= 60.0:
        raise DataError(f"{text!r} has minutes or seconds of 60 or more: correct it")
    for finer, coarser in (("min", "deg"), ("sec", "min")):
        if match[finer] is not None and re.search(r"[.,]", match[coarser]):
            raise DataError(
                f"{text!r} has a fraction before its last part, wanted 22.4 or 22°24'03.5\""
            )
    value = degrees + minutes / 60.0 + seconds / 3600.0
    return value * ((-1.0 if match["sign"] == "-" else 1.0) if sign is None else sign)


def parse_lat_lon(text: str) -> tuple[float, float]:
    """Return latitude and longitude [deg] of one text that holds both, NaN where it is empty.

    Parameters
    ----------
    text : str
        ``22.4, 103.65``, ``22°24'N 103°39'E``, ``N22 24.0 E103 39.0``, WKT
        (``POINT (103.65 22.4)``), or a square of the military grid of 100 m or less
        (``48Q UK 61036 77726``), whose middle it is. Longitude may come first where both have
        their hemisphere.

    Raises
    ------
    DataError
        The text is none of these.
    """
    plain = text.translate(_MARKS).strip().strip("()[]")
    if not plain:
        return nan, nan
    try:
        square = in_mgrs(plain, most_m=_MOST_SQUARE_M)
    except InvalidInputError as error:
        raise DataError(str(error)) from error
    if square is not None:
        return square
    point = _POINT.fullmatch(text.strip())
    if point:
        return parse_angle(point[2], "latitude"), parse_angle(point[1], "longitude")
    for sides, letters, numbers in _TWO_SIDES:
        match = sides.fullmatch(plain)
        axes = [] if match is None else [_HEMISPHERES[_plain_letters(match[k])][0] for k in letters]
        if match is not None and set(axes) == {"latitude", "longitude"}:
            found = {
                axis: parse_angle(
                    match[number] + match[letter], axis, decimal_comma="," in match[number]
                )
                for axis, letter, number in zip(axes, letters, numbers, strict=True)
            }
            return found["latitude"], found["longitude"]
    for pattern in (r"\s*[;/|]\s*", r",\s+", r"(?<=[A-Za-zĐđ])\s*,?\s+(?=\d)", r",", r"\s+"):
        parts = [part for part in re.split(pattern, plain) if part]
        if len(parts) == 2:
            comma = "," in parts[0] or "," in parts[1]
            return (
                parse_angle(parts[0], "latitude", decimal_comma=comma),
                parse_angle(parts[1], "longitude", decimal_comma=comma),
            )
    raise DataError(
        f"{text!r} is no position, wanted latitude and longitude (22.4, 103.65), POINT (lon lat) "
        "or a square of the military grid (48Q UK 61036 77726)"
    )


def _plain_letters(text: str) -> str:
    """Return small letters without diacritics."""
    parts = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(c for c in parts if not unicodedata.combining(c))


def _hemisphere(text: str, axis: Axis, given: str) -> tuple[float | None, str]:
    """Return the sign of a hemisphere before or behind the number, and the text without it."""
    behind = re.search(r"(?:(?<=[\d\s.'\"°])|^)(?:(?<=\d)s(?=[nsew]$))?([a-z]+)\.?\s*$", text)
    before = re.match(r"\s*([a-z]+)\.?\s*(?=[\d+-])", text)
    match = before or behind
    is_unit = match is not None and (
        match[1] in _UNITS or (match is behind and _SECONDS.search(text))
    )
    if match is None or is_unit:
        return None, text
    if match[1] not in _HEMISPHERES:
        hint = " (O is west in French and east in German: write W or E)" * (match[1] == "o")
        raise DataError(f"{given!r} has the hemisphere {match[1]!r}, wanted N, S, E or W{hint}")
    found, sign = _HEMISPHERES[match[1]]
    if found != axis:
        raise DataError(
            f"{given!r} is a {found}, wanted a {axis}: exchange the two columns of the list"
        )
    return sign, text[match.end() :] if match is before else text[: match.start()]
