"""Antenna pattern files in the MSI / Planet form (``.msi``, ``.pln``).

Text in, `AntennaPattern` out. The form: keyed lines in any order and case (``NAME``, ``GAIN``,
``FREQUENCY``, …), then ``HORIZONTAL 360`` and ``VERTICAL 360``, each followed by 360 lines of an
angle and a loss. Losses are positive decibels below the greatest gain. 0 deg of the horizontal cut
is boresight, 0 deg of the vertical cut is the horizon and angles grow downward. A gain without a
unit is in dBd; one with a unit other than dBi or dBd is refused. Blank lines, lines that begin with
``#``, ``!``, ``;``, ``*``, ``'`` or ``//``, and ``COMMENT`` lines may stand anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from pathlib import PurePath

import numpy as np

from lensong.coverage.antenna import AntennaPattern
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray

__all__ = ["DBI_OVER_DBD_DB", "parse_antennas", "parse_msi"]

DBI_OVER_DBD_DB = 2.15
"""Gain of a half-wave dipole over an isotropic antenna [dB]."""

_CUTS = ("HORIZONTAL", "VERTICAL")
_NUMBER = r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"
_POINT = re.compile(rf"({_NUMBER})[\s;]+({_NUMBER})\s*$")
_BEGINS_WITH_NUMBER = re.compile(rf"(?:{_NUMBER}|[+-]?(?:nan|inf))(?=[\s;]|$)", re.IGNORECASE)
_VALUE = re.compile(rf"({_NUMBER})\s*([A-Za-z]*)")
_FREQUENCY_UNITS = {"": 1.0, "mhz": 1.0, "m": 1.0, "ghz": 1e3, "g": 1e3, "khz": 1e-3, "hz": 1e-6}
_COMMENT_LINE = re.compile(r"(?:#|!|;|\*|'|//|(?:REM|REMARK|REMARKS|COMMENTS?)\b)", re.IGNORECASE)
_COMMENT_TAIL = re.compile(r"\s*(?:#|!|//).*$")
_SAME_GAIN_DB = 0.1  # makers round the two readings of one gain


def parse_msi(text: str, name: str) -> AntennaPattern:
    """Return the antenna pattern that an MSI / Planet file holds.

    Parameters
    ----------
    text : str
        The whole file.
    name : str
        By which cell plans will refer to it, usually the file's name without its ending. The
        ``NAME`` inside is used by `parse_antennas` as a second name.

    Returns
    -------
    AntennaPattern
        ``max_loss_db`` is the deepest loss of the two cuts: their sum says nothing true beyond.

    Raises
    ------
    DataError
        A cut is missing, truncated, not in steps of one degree, has an angle twice or a negative
        loss; the gain is missing or no number; or a number is infinite or none.
    """
    lines = _lines(text)
    values: dict[str, str] = {}
    cuts: dict[str, FloatArray] = {}
    at = 0
    while at < len(lines):
        key, rest = _split_key(lines[at])
        at += 1
        if key in _CUTS:
            if key in cuts:
                raise DataError(
                    f"antenna file {name!r} has two {key} cuts, wanted one: put each pattern "
                    "into a file of its own"
                )
            points = _points(lines, at, f"the {key.lower()} cut of antenna file {name!r}")
            cuts[key] = _cut_db(points, rest, key.lower(), name)
            at += len(points)
        elif (
            key == "GAIN"
            and key in values
            and _gain_dbi(rest, name) != _gain_dbi(values[key], name)
        ):
            raise DataError(
                f"antenna file {name!r} has GAIN {values[key]!r} and GAIN {rest!r}, wanted one: "
                "remove the wrong line"
            )
        else:
            values.setdefault(key, rest)
    for key in _CUTS:
        if key not in cuts:
            raise DataError(
                f"antenna file {name!r} has no {key} cut, wanted a line '{key} 360' and 360 lines "
                "'angle loss': get the complete file from the maker"
            )
    return AntennaPattern(
        name=name,
        gain_dbi=_gain_dbi(values.get("GAIN", ""), name),
        horizontal_loss_db=cuts["HORIZONTAL"],
        vertical_loss_db=cuts["VERTICAL"],
        max_loss_db=max(float(cut.max()) for cut in cuts.values()) or float("inf"),
        freq_mhz=_freq_mhz(values.get("FREQUENCY", ""), name),
    )


def parse_antennas(texts: Mapping[str, str]) -> dict[str, AntennaPattern]:
    """Return the patterns of many files by every name that a cell plan may use for them.

    Parameters
    ----------
    texts : mapping of str to str
        File name (a path is cut down to its last part) to content.

    Returns
    -------
    dict
        File name without ending, and the ``NAME`` inside where only one file has it, to pattern.

    Raises
    ------
    DataError
        As `parse_msi`, or two files have the same name.
    """
    patterns: dict[str, AntennaPattern] = {}
    inner: dict[str, list[AntennaPattern]] = {}
    for path, text in texts.items():
        stem = PurePath(path).stem
        if stem in patterns:
            raise DataError(
                f"two antenna files are called {stem!r}: rename one, cell plans name them so"
            )
        patterns[stem] = parse_msi(text, stem)
        inner_name = _inner_name(text)
        if inner_name:
            inner.setdefault(inner_name, []).append(patterns[stem])
    for inner_name, found in inner.items():
        if len(found) == 1:
            patterns.setdefault(inner_name, found[0])
    return patterns


def _lines(text: str) -> list[str]:
    """Return the lines that say something, without comments behind their values."""
    stripped = (line.strip() for line in text.lstrip("\ufeff").splitlines())
    told = (line for line in stripped if line and not _COMMENT_LINE.match(line))
    return [line if _split_key(line)[0] == "NAME" else _COMMENT_TAIL.sub("", line) for line in told]


def _split_key(line: str) -> tuple[str, str]:
    """Return a line's key and the rest; ``GAIN_DBI 17`` and ``GAIN(dBi): 17`` are ``GAIN``."""
    gain = re.match(r"gain[\s_]*[(\[]?\s*(db[a-z]*)?\s*[)\]]?\s*[:=]?\s*(.*)$", line, re.IGNORECASE)
    if gain and re.match(r"gain(?![a-z])|gain_?db", line, re.IGNORECASE):
        return "GAIN", f"{gain[2]} {gain[1] or ''}".strip()
    parts = re.split(r"[\s:=]+", line, maxsplit=1)
    return parts[0].upper(), parts[1].strip() if len(parts) > 1 else ""


def _inner_name(text: str) -> str:
    """Return what stands behind ``NAME``; some vendors' first line is the name alone."""
    lines = _lines(text)
    for line in lines[:20]:
        key, rest = _split_key(line)
        if key == "NAME":
            return rest
    return lines[0] if lines and " " not in lines[0] and "\t" not in lines[0] else ""


def _points(lines: list[str], start: int, where: str) -> list[tuple[float, float]]:
    """Return angle and loss of the lines from ``start`` on that are two numbers."""
    points = []
    for line in lines[start:]:
        match = _POINT.match(line)
        if match is None:
            if _BEGINS_WITH_NUMBER.match(line):
                raise DataError(
                    f"{where} has the line {line!r}, wanted an angle and a loss, two numbers: "
                    "correct it"
                )
            break
        point = (_number(match[1]), _number(match[2]))
        if not all(isfinite(value) for value in point):
            raise DataError(
                f"{where} has the line {line!r}, whose numbers are out of all bounds: correct it"
            )
        points.append(point)
    return points


def _cut_db(points: list[tuple[float, float]], count: str, cut: str, name: str) -> FloatArray:
    """Return the losses at 0 … 359 deg after checking that each is there once."""
    where = f"the {cut} cut of antenna file {name!r}"
    stated = re.match(r"\d+", count)
    if stated and int(stated[0]) != 360:
        raise DataError(
            f"{where} announces {stated[0]} lines, wanted 360: one per degree; resample the "
            "pattern to whole degrees"
        )
    if len(points) < 360:
        raise DataError(
            f"{where} has {len(points)} of 360 lines: the file is truncated or damaged there, "
            "get it again from the maker"
        )
    if len(points) > 360:
        raise DataError(f"{where} has {len(points)} lines, wanted 360: one per degree, 0 to 359")
    angles = np.array([angle for angle, _ in points])
    losses = np.array([loss for _, loss in points])
    whole = np.rint(angles).astype(np.int64)
    if not bool(np.all(angles == whole)) or whole.min() < 0 or whole.max() > 359:
        bad = next(a for a in angles if a != round(a) or not 0 <= a <= 359)
        raise DataError(
            f"{where} has the angle {bad:g}, wanted whole degrees from 0 to 359: resample the "
            "pattern"
        )
    counts = np.bincount(whole, minlength=360)
    if counts.max() > 1:
        raise DataError(
            f"{where} has the angle {int(np.argmax(counts > 1))} more than once and lacks "
            f"{int(np.argmin(counts))}, wanted each degree once: correct the file"
        )
    if losses.min() < 0.0:
        raise DataError(
            f"{where} has the loss {losses.min():g} dB at {angles[np.argmin(losses)]:g} deg, "
            "wanted positive decibels below the greatest gain: turn the signs or correct the line"
        )
    ordered: FloatArray = np.empty(360)
    ordered[whole] = losses
    return ordered


def _gain_dbi(text: str, name: str) -> float:
    """Return a gain [dBi]; ``15 dBd (17.15 dBi)`` must agree with itself."""
    readings: list[float] = []
    bare = re.sub(r"[()\[\];/]|,(?!\d)", " ", text)
    rest = bare
    for match in re.finditer(
        rf"({_NUMBER})\s*(dB[\s_.-]?[A-Za-z]*|[A-Za-z%]+)?", bare, re.IGNORECASE
    ):
        unit = re.sub(r"[^a-z%]", "", (match[2] or "").lower())
        if unit not in ("", "dbd", "dbi"):
            readings = []
            break
        readings.append(_number(match[1]) + (0.0 if unit == "dbi" else DBI_OVER_DBD_DB))
        rest = rest.replace(match[0], " ", 1)
    if not readings or rest.strip():
        raise DataError(
            f"antenna file {name!r} has GAIN {text!r}, wanted a number with dBd or dBi "
            "(without a unit it counts as dBd): correct the line"
        )
    if max(readings) - min(readings) > _SAME_GAIN_DB:
        raise DataError(
            f"antenna file {name!r} has GAIN {text!r}, whose numbers are not one gain: "
            "keep the right one"
        )
    return readings[0]


def _freq_mhz(text: str, name: str) -> float:
    """Return the frequency, the middle of a range, or NaN where none can be read."""
    span = re.match(rf"\s*({_NUMBER})\s*([A-Za-z]*)\s*[-–]\s*({_NUMBER})\s*([A-Za-z]*)", text)
    match = _VALUE.match(text.strip())
    if span:
        value, unit = (_number(span[1]) + _number(span[3])) / 2.0, span[4] or span[2]
    elif match:
        value, unit = _number(match[1]), match[2]
    else:
        return float("nan")
    if not 0.0 <= value < float("inf"):
        raise DataError(
            f"antenna file {name!r} has FREQUENCY {text!r}, wanted a frequency above 0: correct "
            "the line or remove it"
        )
    if value == 0.0:
        return float("nan")
    return value * _FREQUENCY_UNITS.get(unit.lower(), float("nan"))


def _number(text: str) -> float:
    return float(text.replace(",", "."))
