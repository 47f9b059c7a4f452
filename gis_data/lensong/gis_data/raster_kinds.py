"""Whether a raster is heights of the ground, by what it is rather than by what it is called.

A folder of elevation often holds what was made from it: slope, aspect, a hillshade, or the land
cover and the people of the same place. Evidence counts in this order: colour table, unit, words
of the band and file descriptions, range and pattern of the values, and last the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from lensong.gis_data.raster_checks import length_unit_m, reading_of
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray

__all__ = ["Doubt", "doubt_of_heights"]

_SAMPLE_PIXELS = 512
_SMALLEST_SAMPLE = 400
_WRAPPING_SHARE = 0.01  # 0.045 of neighbours in the aspect of mountains, 0 in heights
_NO_UNIT = {"", "none", "unknown", "unspecified", "dn", "1"}
_DESCRIBING_TAGS = ("TIFFTAG_IMAGEDESCRIPTION", "DESCRIPTION", "LAYER_TYPE", "long_name", "TITLE")
_HEIGHTS = re.compile(r"elevation|altitude|terrain height|\bdem\b|\bdtm\b|\bdsm\b|độ cao", re.I)

#: What a raster can be in place of the ground: words that say so, and the highest value of it.
_OTHERS: tuple[tuple[str, re.Pattern[str], float], ...] = (
    ("directions (aspect)", re.compile(r"aspects?|exposition|azimuth", re.I), 360.5),
    ("slopes", re.compile(r"slopes?|pente|neigung|gradient", re.I), 400.0),
    ("a hillshade", re.compile(r"hill ?shad\w*|shaded ?relief|ombrage", re.I), 255.5),
    (
        "classes of land cover",
        re.compile(
            r"land ?cover|land ?use|lulc|world ?cover|corine|clc|thematic|esri lulc|dynamic world",
            re.I,
        ),
        1_000.0,
    ),
    ("people", re.compile(r"population|worldpop|ppp|ghs ?pop|inhabitants|dân số", re.I), np.inf),
    ("heights of trees or houses", re.compile(r"canopy|chm|tree ?height|ndsm", re.I), 200.0),
    (
        "an index or a quality layer",
        re.compile(
            r"ndvi|tpi|tri|twi|curvature|roughness|ruggedness|uncertainty|error|mask|confidence",
            re.I,
        ),
        1_000.0,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why a raster is not taken for heights.

    Parameters
    ----------
    why : str
        Half a sentence: ``"its values run from 0 to 360 and wrap, as directions do"``.
    certain : bool
        False where only one weak sign says so.
    """

    why: str
    certain: bool


def doubt_of_heights(raster: rasterio.DatasetReader, name: str) -> Doubt | None:
    """Return why band 1 of a raster is no height of the ground, None where nothing says so.

    Parameters
    ----------
    raster : open dataset
    name : str
        Of the file; the last evidence to count.
    """
    if raster.colorinterp[0] is ColorInterp.palette:
        return Doubt(why="it has a colour table, so its values are classes", certain=True)
    unit = (raster.units[0] or "").strip()
    if unit.lower() not in _NO_UNIT and length_unit_m(unit) is None:
        return Doubt(why=f"its unit is {unit!r}", certain=True)
    tags = {**raster.tags(), **raster.tags(1)}
    told = " ".join([raster.descriptions[0] or "", *(tags.get(t, "") for t in _DESCRIBING_TAGS)])
    described = _named(told)
    if described is not None and not _HEIGHTS.search(told):
        return Doubt(
            why=f"its description says {described[0]} ({told.strip()[:60]!r})", certain=True
        )
    values = _sample(raster, name)
    known = values[np.isfinite(values)]
    if known.size < _SMALLEST_SAMPLE:
        return None
    by_values = None if length_unit_m(unit) is not None else _doubt_of_values(raster, values)
    if by_values is not None and by_values.certain:
        return by_values
    by_name = _named(re.sub(r"[\W_\d]+", " ", name))
    if by_name is not None and float(known.max()) <= by_name[1] and float(known.min()) >= -1.5:
        return Doubt(
            why=f"its name and its values ({known.min():g} to {known.max():g}) say {by_name[0]}",
            certain=True,
        )
    return by_values


def _named(text: str) -> tuple[str, float] | None:
    """Return what a text says that a raster is in place of heights, and that thing's maximum."""
    for thing, words, highest in _OTHERS:
        if re.search(rf"(?<![^\W_])(?:{words.pattern})(?![^\W_])", text, re.I):
            return thing, highest
    return None


def _sample(raster: rasterio.DatasetReader, name: str) -> FloatArray:
    """Return a part at full resolution from the middle, NaN for the declared void."""
    rows, cols = min(raster.height, _SAMPLE_PIXELS), min(raster.width, _SAMPLE_PIXELS)
    window = Window((raster.width - cols) // 2, (raster.height - rows) // 2, cols, rows)
    with reading_of([name]):
        values: FloatArray = raster.read(1, window=window).astype(np.float64)
    if raster.nodata is not None:
        values[values == raster.nodata] = np.nan
    values[~(np.abs(values) < 1e7) | (values <= -9_999.0)] = np.nan
    return values


def _doubt_of_values(raster: rasterio.DatasetReader, values: FloatArray) -> Doubt | None:
    known = values[np.isfinite(values)]
    steps = np.abs(np.concatenate([np.diff(values, axis=0).ravel(), np.diff(values).ravel()]))
    steps = steps[np.isfinite(steps)]
    if not steps.size:
        return None
    low, high = float(known.min()), float(known.max())
    if low >= -1.0 and 300.0 < high <= 360.0 and (steps > 180.0).mean() > _WRAPPING_SHARE:
        return Doubt(why="its values run from 0 to 360 and wrap, as directions do", certain=True)
    if np.issubdtype(np.dtype(raster.dtypes[0]), np.integer) and _are_classes(known, steps):
        return Doubt(
            why=f"it has {np.unique(known).size} values that jump as classes do",
            certain=raster.dtypes[0] == "uint8",
        )
    return None


def _are_classes(known: FloatArray, steps: FloatArray) -> bool:
    """Return whether whole numbers jump between few values, with large equal patches."""
    distinct = np.unique(known)
    span = float(distinct[-1] - distinct[0])
    changes = steps[steps > 0.0]
    return bool(
        4 <= distinct.size <= 256
        and distinct.size < 0.5 * (span + 1.0)
        and (steps == 0.0).mean() >= 0.3
        and np.median(changes) >= 0.05 * span
    )


def refusal(name: str, doubt: Doubt) -> DataError:
    """Return the error for a raster that is named as elevation and is none."""
    return DataError(
        f"{name} is no elevation: {doubt.why}; name the file with the heights of the ground in "
        'elevation.path, or say that these are heights with elevation.kind = "terrain"'
    )
