"""The vector layers of a scenario out of what was fetched, cut to the area, in columns we know."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.fetch.area import FetchArea
from lensong.gis_data.fetch.layers import open_fetched
from lensong.gis_data.fetch.vietnam import vietnam_communes
from lensong.gis_data.vector_write import write_geopackage
from lensong.gis_data.vectors import as_text, polygons_only
from lensong.propagation.errors import DataError

__all__ = ["communes_of", "villages_of", "write_area", "write_layer"]

_PLACES = (
    "city", "town", "village", "hamlet", "isolated_dwelling", "neighbourhood", "quarter", "suburb",
)  # fmt: skip


def villages_of(archives: Sequence[Path], outline: BaseGeometry) -> gpd.GeoDataFrame:
    """Return the places of OpenStreetMap in an area as villages, in EPSG:4326.

    Raises
    ------
    DataError
        A file has no column ``place``, or no place lies in the area.
    """
    frames = [_places(path, outline) for path in archives]
    villages = pd.concat(frames, ignore_index=True) if frames else gpd.GeoDataFrame()
    if villages.empty:
        raise DataError(
            f"no place of {', '.join(path.name for path in archives)} lies in the area: check "
            "--area and --country, or leave villages out with --only and bring your own list"
        )
    return gpd.GeoDataFrame(villages, geometry="geometry", crs="EPSG:4326")


def _places(path: Path, outline: BaseGeometry) -> gpd.GeoDataFrame:
    frame = _features(path)
    if "place" not in frame.columns:
        raise DataError(
            f"{path} has no column 'place' among {', '.join(map(str, frame.columns))}: its form "
            "has changed; bring your own list of villages and leave these out with --only"
        )
    kept = frame[
        frame["place"].isin(_PLACES).to_numpy()
        & shapely.intersects(shapely.centroid(frame.geometry.to_numpy()), outline)
    ]
    columns: dict[str, list[str]] = {
        name: as_text(kept[name]) if name in kept.columns else [""] * len(kept)
        for name in ("osm_type", "osm_id", "name", "name:vi", "name:en", "place", "population")
    }
    names = [
        own or vietnamese or english
        for own, vietnamese, english in zip(
            columns["name"], columns["name:vi"], columns["name:en"], strict=True
        )
    ]
    ids = [
        f"{kind or 'node'}/{number}"
        for kind, number in zip(columns["osm_type"], columns["osm_id"], strict=True)
    ]
    people = pd.to_numeric(pd.Series(columns["population"], dtype="object"), errors="coerce")
    return gpd.GeoDataFrame(
        {
            "village_id": ids,
            "name": names,
            "population": people.to_numpy(dtype=float),
            "place": columns["place"],
        },
        geometry=shapely.centroid(kept.geometry.to_numpy()),
        crs="EPSG:4326",
    ).drop_duplicates("village_id")


def communes_of(files: Sequence[Path], outline: BaseGeometry) -> gpd.GeoDataFrame:
    """Return the outlines of communes that reach an area, in EPSG:4326.

    Raises
    ------
    DataError
        A file has other columns than those of geoBoundaries, or nothing reaches the area.
    """
    frames = []
    for path in files:
        if path.suffix == ".zip":
            frames.append(vietnam_communes(path, outline))
            continue
        frame = _features(path)
        if not {"shapeName", "shapeID"} <= set(frame.columns):
            raise DataError(
                f"{path} has no columns shapeName and shapeID: its form has changed; bring your "
                "own boundaries and leave these out with --only"
            )
        kept = frame[shapely.intersects(frame.geometry.to_numpy(), outline)]
        frames.append(
            gpd.GeoDataFrame(
                {
                    "commune_code": as_text(kept["shapeID"]),
                    "commune": as_text(kept["shapeName"]),
                    "province": [""] * len(kept),
                    "province_code": [""] * len(kept),
                },
                geometry=polygons_only(kept.geometry.to_numpy()),
                crs="EPSG:4326",
            )
        )
    communes = pd.concat(frames, ignore_index=True)
    if communes.empty:
        raise DataError(
            f"no boundary of {', '.join(path.name for path in files)} reaches the area: check "
            "--area and --country"
        )
    return gpd.GeoDataFrame(communes, geometry="geometry", crs="EPSG:4326")


def write_layer(path: Path, frame: gpd.GeoDataFrame) -> None:
    """Write a layer as a GeoPackage named as its file."""
    write_geopackage(path, {path.stem.removesuffix("-fetched"): frame})


def write_area(path: Path, area: FetchArea) -> None:
    """Write the outline of the area as GeoJSON."""
    content: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": area.title},
                "geometry": json.loads(shapely.to_geojson(area.outline)),
            }
        ],
    }
    with atomic_path(path) as part:
        part.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def _features(path: Path) -> gpd.GeoDataFrame:
    frame = open_fetched(path)
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
    frame = frame.set_geometry(shapely.make_valid(shapely.force_2d(frame.geometry.to_numpy())))
    return frame.to_crs("EPSG:4326")
