"""Places on the earth as people write them: decimal degrees, or degrees, minutes and seconds."""

from __future__ import annotations

import re

from lensong.gis_data.tables import parse_number
from lensong.propagation.errors import DataError

__all__ = ["degrees", "latitude_and_longitude"]

_LETTER = "NSEWBĐT"
_DECIMAL = r"\d+(?:[.,]\d+)?"
_MARKED = re.compile(
    rf"(?P<before>[{_LETTER}])?\s*(?P<sign>[+-]?)\s*(?P<deg>{_DECIMAL})\s*(?:[°º˚]|ĐỘ)?\s*"
    rf"(?:(?P<min>{_DECIMAL})\s*(?:['′’]|PHÚT)?\s*(?:(?P<sec>{_DECIMAL})\s*(?:[\"″”]|''|GIÂY)?)?)?"
    rf"\s*(?P<after>[{_LETTER}])?"
)
_DEGREE_SIGN = re.compile(r"([NSEWBĐT]\s*)?[+-]?\d{1,3}(?:[.,]\d+)?\s*(?:[°º˚]|ĐỘ)")
_SEPARATORS = (r"\s*;\s*", r"\s*,\s+", r"\s*/\s*", r"\s+", r",")
_AXES = {"N": "lat", "B": "lat", "S": "lat", "E": "lon", "Đ": "lon", "W": "lon", "T": "lon"}
_NEGATIVE = {"S", "W", "T"}


def degrees(text: str, decimal_comma: bool = False) -> tuple[float, str]:
    r"""Return the degrees that a text stands for, and what its letter says they are.

    Parameters
    ----------
    text : str
        ``22.353``, ``22°21'10"N``, ``22° 21,2' B``, ``22 21 10``.
    decimal_comma : bool
        Of the table, where the text is a plain number.

    Returns
    -------
    float, str
        Degrees, negative to the south and west; ``lat``, ``lon`` or nothing.

    Raises
    ------
    DataError
        It is neither.

    Examples
    --------
    >>> degrees("22°21'36\"N"), degrees("103° 30' Đ")
    ((22.36, 'lat'), (103.5, 'lon'))
    """
    if re.fullmatch(rf"\s*[+-]?{_DECIMAL}\s*", text):
        return parse_number(text, decimal_comma), ""
    found = _MARKED.fullmatch(text.strip().upper())
    if found is None or (found["before"] and found["after"]):
        raise DataError(f"{text[:40]!r} is no place: wanted degrees like 22.353 or 22°21'10\"N")
    parts = [float((found[name] or "0").replace(",", ".")) for name in ("deg", "min", "sec")]
    whole = all("." not in (found[name] or "").replace(",", ".") for name in ("deg",))
    if parts[1] >= 60.0 or parts[2] >= 60.0 or (found["min"] and not whole):
        raise DataError(f"{text[:40]!r} is no place: minutes and seconds go from 0 to 59")
    value = round(parts[0] + parts[1] / 60.0 + parts[2] / 3_600.0, 9)
    letter = found["before"] or found["after"] or ""
    if letter and found["sign"]:
        raise DataError(f"{text[:40]!r} has a sign and a letter: keep one of them")
    return (-value if found["sign"] == "-" or letter in _NEGATIVE else value), _AXES.get(letter, "")


def latitude_and_longitude(text: str) -> tuple[float, float, bool]:
    """Return latitude and longitude out of one text, and whether the longitude came first.

    Parameters
    ----------
    text : str
        ``22.353, 103.678``, ``22,353; 103,678``, ``22°21'10"N 103°40'41"E``.

    Raises
    ------
    DataError
        It holds no two coordinates, or can be read in two ways.

    Examples
    --------
    >>> latitude_and_longitude("103.678 22.353")
    (22.353, 103.678, True)
    """
    upper = text.strip().upper()
    wrong = DataError(f"{text[:60]!r} is no place: wanted one like 22.353, 103.678")
    if "N" in upper and ("Đ" in upper.replace("ĐỘ", "") or re.search(r"T\s*$", upper)):
        raise DataError(f"{text[:60]!r}: N is north in English and south in Vietnamese, use B or +")
    for parts in _halves(upper):
        try:
            (one, axis), (other, second) = (_one(part) for part in parts)
        except DataError:
            continue
        if axis and axis == second:
            raise wrong
        swapped = axis == "lon" or second == "lat" or (not axis and not second and abs(one) > 90.0)
        lat, lon = (other, one) if swapped else (one, other)
        if abs(lat) > 90.0 or abs(lon) > 180.0:
            raise wrong
        return lat, lon, swapped
    raise wrong


def _one(text: str) -> tuple[float, str]:
    return degrees(text, decimal_comma="," in text)


def _halves(text: str) -> list[list[str]]:
    signs = list(_DEGREE_SIGN.finditer(text))
    if len(signs) == 2:
        # a letter between them may belong to either
        places = {signs[1].start(), signs[1].end(1) if signs[1][1] else signs[1].start()}
        return [[text[:at].strip(" ,;"), text[at:].strip(" ,;")] for at in sorted(places)]
    found = [re.split(separator, text.strip("() ")) for separator in _SEPARATORS]
    return [parts for parts in found if len(parts) == 2]
