"""The archive of Vietnam's provinces and communes: a GeoJSON file for each, by province."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from lensong.gis_data.vectors import polygons_only
from lensong.propagation.errors import DataError

__all__ = ["check_vietnam", "vietnam_communes"]

_PROVINCE = re.compile(r"(?:^|/)(\d{2})_[^/]+/\1_[^/]+\.geojson$")
_COMMUNE = re.compile(r"(?:^|/)(\d{2})_[^/]+/wards/\d{5}_[^/]+\.geojson$")
_MOST_BYTES = 256 * 2**20  # of one unit; the whole archive unpacks to about 630 MB


def check_vietnam(path: Path) -> None:
    """Raise DataError where the archive is damaged or holds no provinces and communes."""
    with _opened(path) as archive:
        damaged = archive.testzip()
        if damaged is not None:
            raise DataError(f"is a damaged archive (at {damaged})")
        for pattern, what in ((_PROVINCE, "provinces"), (_COMMUNE, "communes")):
            if not any(pattern.search(name) for name in archive.namelist()):
                raise DataError(
                    f"is an archive without {what}, wanted files such as "
                    "12_lai_chau/wards/03390_binh_lu.geojson: its form has changed"
                )


def vietnam_communes(path: Path, outline: BaseGeometry) -> gpd.GeoDataFrame:
    """Return the communes that reach an area, in EPSG:4326; only its provinces are read."""
    rows: list[dict[str, str]] = []
    outlines: list[BaseGeometry] = []
    with _opened(path) as archive:
        provinces: dict[str, str] = {}
        for name in archive.namelist():
            if found := _PROVINCE.search(name):
                properties, shape = _unit(archive, name)
                if shapely.intersects(shape, outline):
                    provinces[found[1]] = properties["name"]
        for name in sorted(archive.namelist()):
            found = _COMMUNE.search(name)
            if found is None or found[1] not in provinces:
                continue
            properties, shape = _unit(archive, name)
            if shapely.intersects(shape, outline):
                rows.append(
                    {
                        "commune_code": properties["code"],
                        "commune": properties["fullName"],
                        "province": provinces[found[1]],
                        "province_code": found[1],
                    }
                )
                outlines.append(shape)
    columns = ("commune_code", "commune", "province", "province_code")
    return gpd.GeoDataFrame(
        {column: [row[column] for row in rows] for column in columns},
        geometry=outlines,
        crs="EPSG:4326",
    )


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path} is a damaged archive ({error})") from error


def _unit(archive: zipfile.ZipFile, name: str) -> tuple[dict[str, str], BaseGeometry]:
    """Return code and names of a unit, and its outline."""
    if archive.getinfo(name).file_size > _MOST_BYTES:
        raise DataError(f"{name} unpacks to more than 256 MiB, wanted one unit")
    try:
        content: Any = json.loads(archive.read(name))
        feature = content["features"][0]
        properties = {key: str(feature["properties"][key]) for key in ("code", "name", "fullName")}
        shape = shapely.make_valid(
            shapely.force_2d(shapely.from_geojson(json.dumps(feature["geometry"])))
        )
    except (ValueError, KeyError, IndexError, TypeError, GEOSException) as error:
        raise DataError(
            f"{name} in the archive is not as expected ({type(error).__name__}: {error}): its form "
            "has changed"
        ) from error
    return properties, polygons_only(np.array([shape], dtype=object))[0]
