"""What the result of `lensong plan` shows of the land: relief, communes, villages by class."""

from __future__ import annotations

import numpy as np
import pyproj

from lensong.coverage.results.read import StoredResult
from lensong.gis_data.outlines import coarse_rings
from lensong.gis_data.vectors import polygons_only
from lensong.monitoring.map_bases import VILLAGE_CLASSES, Edges, Outline, PlanGround, Village
from lensong.propagation.types import Grid

__all__ = ["ground_of"]


def ground_of(result: StoredResult) -> tuple[PlanGround, tuple[Outline, ...]]:
    """Return the ground of a plan for every province, and the outlines of its communes.

    Raises
    ------
    DataError
        A file of the result is missing or damaged.
    """
    relief = result.relief()
    edges = _edges_of(result.grid)
    if relief is not None:
        place = relief[1]
        edges = Edges(
            west_deg=place.west_deg,
            south_deg=place.south_deg,
            east_deg=place.east_deg,
            north_deg=place.north_deg,
        )
    ground = PlanGround(
        coverage_run=result.result_id,
        province_code="",
        title=result.title,
        computed_at=result.created_at,
        synthetic=result.synthetic,
        edges=edges,
        relief_png=relief[0] if relief is not None else b"",
        service=str(result.settings.get("classes", {}).get("service", "")),
        villages=_villages(result),
    )
    return ground, _outlines(result)


def _edges_of(grid: Grid) -> Edges:
    to_degrees = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*grid.bounds_m)
    return Edges(west_deg=west, south_deg=south, east_deg=east, north_deg=north)


def _villages(result: StoredResult) -> tuple[Village, ...]:
    table = result.villages()
    return tuple(
        (round(float(lon), 5), round(float(lat), 5), str(name))
        for lon, lat, name in zip(table["lon_deg"], table["lat_deg"], table["class"], strict=True)
        if name in VILLAGE_CLASSES and np.isfinite(lon) and np.isfinite(lat)
    )


def _outlines(result: StoredResult) -> tuple[Outline, ...]:
    communes = result.communes()
    if communes is None:
        return ()
    rings = coarse_rings(polygons_only(communes.to_crs("EPSG:4326").geometry.to_numpy()))
    return tuple(
        Outline(
            commune_code=str(code),
            rings_deg=tuple(tuple(ring) for ring in found),
            synthetic=result.synthetic,
        )
        for code, found in zip(communes["commune_code"], rings, strict=True)
        if found
    )
