"""Population rasters that hold people per area: told by what they say, and turned into counts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio

from lensong.gis_data.mosaic import RasterFile, readable_path
from lensong.gis_data.raster_checks import reading_of
from lensong.gis_data.raster_formats import open_raster
from lensong.propagation.errors import ConfigError, DataError
from lensong.propagation.types import FloatArray

__all__ = ["UNITS", "as_counts", "population_unit"]

UNITS = ("auto", "people", "per_km2", "per_ha")
"""What the values of a population raster can be; auto: as the raster says, else people."""

_AREA_M2 = {"per_km2": 1e6, "per_ha": 1e4}
_PER = r"(?:/|\bper\b|\bpar\b|\bpro\b)\s*(?:1\s*)?"
_PER_KM2 = re.compile(rf"{_PER}(?:km\s*(?:2|²|\^2)|sq\.?\s*km|square\s*kilomet)|km-2|km\^-2", re.I)
_PER_HA = re.compile(rf"{_PER}(?:ha\b|hectare)|\bha-1|\bha\^-1", re.I)
_DENSE_NAME = re.compile(
    r"(?<![^\W_])(?:density|densities|densite|dichte|densidad|pd)(?![^\W_])", re.I
)
_DENSE = re.compile(r"density|densité|mật độ", re.I)


def population_unit(files: Sequence[RasterFile], unit: str) -> tuple[str, str]:
    """Return what the values of population rasters are, and how that is known.

    Parameters
    ----------
    files : sequence of RasterFile
    unit : str
        Of the scenario: one of `UNITS`.

    Raises
    ------
    ConfigError
        ``unit`` is none of them.
    DataError
        The rasters say one thing and the scenario another, or only the word density.
    """
    if unit not in UNITS:
        raise ConfigError(f"population.unit is {unit!r}, wanted one of {', '.join(UNITS)}")
    for file in files:
        said, dense = _said(file)
        if said and unit not in ("auto", said):
            raise DataError(
                f"{file.name} says that its values are people {said.replace('_', ' ')}, the "
                f'scenario {unit!r}: set population.unit = "auto" or correct the raster'
            )
        if unit == "auto" and said:
            return said, "as the raster says"
        if unit == "auto" and dense:
            raise DataError(
                f"{file.name} calls itself a density: set population.unit to what its values are, "
                '"per_km2", "per_ha", or "people" where they are people per pixel after all'
            )
    return (
        ("people", "nothing says otherwise") if unit == "auto" else (unit, "as the scenario says")
    )


def as_counts(files: Sequence[RasterFile], unit: str, scratch: Path) -> list[RasterFile]:
    """Return the files with people per pixel in place of people per area.

    Parameters
    ----------
    files : sequence of RasterFile
        Without voids.
    unit : str
        ``"people"``, ``"per_km2"`` or ``"per_ha"``.
    scratch : Path
        Existing folder for the converted copies.
    """
    if unit == "people":
        return list(files)
    return [_converted(file, _AREA_M2[unit], scratch) for file in files]


def _said(file: RasterFile) -> tuple[str, bool]:
    """Return the unit that a raster declares, empty if none, and whether it is called a density."""
    with open_raster(str(file.path), file.name) as raster:
        tags = {**raster.tags(), **raster.tags(1)}
        told = " ".join([raster.units[0] or "", raster.descriptions[0] or "", *tags.values()])
    if _PER_KM2.search(told):
        return "per_km2", True
    if _PER_HA.search(told):
        return "per_ha", True
    return "", bool(_DENSE.search(told) or _DENSE_NAME.search(file.path.stem))


def _converted(file: RasterFile, area_m2: float, scratch: Path) -> RasterFile:
    path = readable_path(file, scratch)
    target = scratch / f"counts-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.tif"
    with open_raster(str(path), file.name) as raster, reading_of([file.name]):
        pixel_m2 = _row_areas_m2(file)
        values = raster.read(1, masked=True).astype(np.float32).filled(np.nan)
        values = (values * file.scale + file.offset) * (pixel_m2 / area_m2)[:, np.newaxis]
        with rasterio.open(
            target,
            "w",
            driver="GTiff",
            width=file.cols,
            height=file.rows,
            count=1,
            dtype="float32",
            crs=file.crs,
            transform=file.transform,
            nodata=np.nan,
        ) as copy:
            copy.write(values.astype(np.float32), 1)
    return replace(file, stand_in=target, nodata=None, masked=False, scale=1.0, offset=0.0)


def _row_areas_m2(file: RasterFile) -> FloatArray:
    """Return the area of a pixel on the ground in every row, at the middle column."""
    west, south, east, north = file.bounds_deg
    lat_deg = np.linspace(north, south, min(file.rows, 200) + 1)
    sides = [file.pixel_sides_m(float(lat), (west + east) / 2.0) for lat in lat_deg]
    areas = np.array([width * height for width, height in sides])
    at = (np.arange(file.rows) + 0.5) / file.rows * (lat_deg.size - 1)
    found: FloatArray = np.interp(at, np.arange(lat_deg.size), areas)
    return found
