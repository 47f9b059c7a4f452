"""What the map draws: layers as pictures; masts, gaps and boundaries in WGS 84."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.transform import Affine
from shapely import get_parts, length, line_merge, simplify, transform, union_all
from shapely.geometry import MultiLineString, box, mapping, shape
from shapely.geometry.base import BaseGeometry

from lensong.coverage.calibration.areas import wide_areas
from lensong.coverage.network import Technology
from lensong.coverage.report.legend import (
    Legend,
    basis_legend,
    cell_legend,
    classify,
    field_legend,
    interval_legend,
    probability_legend,
    rate_legend,
    reason_legend,
    rsrp_breaks_dbm,
    rsrp_legend,
    rsrq_legend,
    server_indices,
    servers_shown,
    sinr_legend,
    wide_from,
)
from lensong.coverage.result import PlanResult, TechnologyLayers, as_dbm
from lensong.gis_data.hillshade import hillshade
from lensong.gis_data.pictures import mercator_cells, palette_png_url
from lensong.propagation.types import Float32Array, Grid, UInt8Array

__all__ = ["Geometry", "commune_lines", "map_data", "map_lines", "plain_value", "village_rows"]

_Cells = NDArray[np.int32]  # flat indices into the grid
Geometry = dict[str, Any]  # GeoJSON, whose nesting no static type describes

_PICTURE_SIDES_PX = (1600, 1250, 1000, 800, 640)
_BUDGET_BYTES = 10_000_000  # of all pictures together; MapLibre itself adds about 1 MB
_LINES_BUDGET_BYTES = 2_000_000
_SAME_PLACE_M = 1.0  # corners this near to each other are one, in outlines drawn by hand
_GREYS = [f"#{g:02x}{g:02x}{g:02x}" for g in np.linspace(128, 250, 255).astype(int).tolist()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """One raster layer before it is a picture: palette indices and their legend.

    ``indices`` returns those of some cells, by their flat indices into the grid.
    """

    technology: Technology
    kind: str
    service: str
    legend: Legend
    indices: Callable[[_Cells], UInt8Array]
    operator: str | None = None  # None: any operator
    floor_dbm: float | None = None  # level below which the layer is not drawn


def map_data(result: PlanResult, *, less_bytes: int = 0) -> dict[str, Any]:
    """Return everything the map needs, JSON-ready.

    Keys are ``base`` and ``layers`` (pictures with their corners), ``bounds_deg``, ``masts``,
    ``communes`` (where their names stand), ``commune_lines``, ``gaps``, ``area``, ``footprints``,
    ``lines`` and ``wide`` (GeoJSON). Pictures shrink until all of them fit into about 10 MB less
    ``less_bytes``, which other parts of the page take.
    """
    base, layers, corners = _pictures(result, _BUDGET_BYTES - less_bytes)
    grid = result.land.grid
    return {
        "corners_deg": [list(corner) for corner in corners],
        "bounds_deg": _bounds_deg(grid, result),
        "base": base,
        "layers": layers,
        "masts": _masts(result),
        "communes": _communes(result),
        "commune_lines": commune_lines(result),
        "gaps": _gaps(result),
        "footprints": _footprints(result),
        "area": _area(result),
        "lines": map_lines(result.land.map_lines, result.land.grid.cell_m),
        "wide": _wide(result),
    }


def village_rows(result: PlanResult) -> list[dict[str, Any]]:
    """Return the village table as the page shows and exports it: all columns but the geometry."""
    table = result.villages.drop(columns=["geometry", "centre_easting_m", "centre_northing_m"])
    return [
        {str(name): plain_value(str(name), value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _pictures(result: PlanResult, budget_bytes: int) -> tuple[str, list[dict[str, Any]], Any]:
    grid = result.land.grid
    layers = list(_layers(result))
    shade = hillshade(result.land.ground_m, grid.cell_m)
    for max_px in _PICTURE_SIDES_PX:
        cells, corners = mercator_cells(grid, max_px=max_px)
        outside = cells < 0
        relief = np.where(outside, np.uint8(0), shade.ravel()[cells])
        base = palette_png_url(relief, _GREYS)
        size, pictures = len(base), []
        for layer in layers:
            shown = np.where(outside, np.uint8(0), layer.indices(cells))
            result.room.let_go()
            url = palette_png_url(shown, layer.legend.colours)
            size += len(url)
            if size > budget_bytes and max_px != _PICTURE_SIDES_PX[-1]:
                break
            pictures.append(
                {
                    "technology": layer.technology,
                    "kind": layer.kind,
                    "service": layer.service,
                    "operator": layer.operator,
                    "unit": layer.legend.unit,
                    "floor_dbm": layer.floor_dbm,
                    "classes": [c.as_json() for c in layer.legend.classes],
                    "url": url,
                }
            )
        if len(pictures) == len(layers):
            break
    return base, pictures, corners


def _layers(result: PlanResult) -> Iterator[_Layer]:
    """Yield the layers of each technology; their arrays are made when they are drawn."""
    level_legend = rsrp_legend(rsrp_breaks_dbm(result.settings))
    for technology, layers in result.layers.items():
        quantities = (
            ("level", layers.level_at, level_legend),
            ("rsrp", _taker(layers.rsrp_dbm), level_legend),
            ("sinr", _taker(layers.sinr_db), sinr_legend()),
            ("rsrq", _taker(layers.rsrq_db), rsrq_legend()),
            ("downlink", _taker(layers.downlink_mbps), rate_legend(result.services, "downlink")),
            ("uplink", _taker(layers.uplink_mbps), rate_legend(result.services, "uplink")),
        )
        for kind, take, legend in quantities:
            yield _Layer(
                technology=technology,
                kind=kind,
                service="",
                legend=legend,
                indices=lambda at, take=take, legend=legend: classify(take(at), legend),  # type: ignore[misc]  # bound defaults
            )
        yield from _known_layers(result, technology)
        for service in result.services:
            found = layers.services.get(service.name)
            if found is None:
                continue
            legend = probability_legend(service)
            yield _Layer(
                technology=technology,
                kind="probability",
                service=service.name,
                legend=legend,
                indices=lambda at, found=found, legend=legend: classify(  # type: ignore[misc]  # bound defaults
                    100.0 * found.probability.ravel()[at], legend
                ),
            )
            yield _Layer(
                technology=technology,
                kind="reason",
                service=service.name,
                legend=reason_legend(),
                indices=lambda at, found=found: found.reason.ravel()[at],  # type: ignore[misc]  # bound default
            )
        yield from _server_layer(result, technology, layers)
    if len(result.operators) > 1:
        yield from _operator_layers(result)


def _known_layers(result: PlanResult, technology: Technology) -> Iterator[_Layer]:
    """Yield what a calibration knows of a technology's levels; nothing without one."""
    known = result.known.get(technology)
    if known is None:
        return
    for kind, values, legend in (
        ("field", known.field_db, field_legend()),
        ("half", known.half_db, interval_legend()),
    ):
        yield _Layer(
            technology=technology,
            kind=kind,
            service="",
            legend=legend,
            indices=lambda at, values=values, legend=legend: classify(  # type: ignore[misc]  # bound defaults
                values.ravel()[at], legend
            ),
        )
    yield _Layer(
        technology=technology,
        kind="basis",
        service="",
        legend=basis_legend(),
        indices=lambda at: known.basis.ravel()[at],
    )


def _operator_layers(result: PlanResult) -> Iterator[_Layer]:
    """Yield level and chance of each operator by itself, over all its technologies."""
    technology = next(iter(result.layers))
    level_legend = rsrp_legend(rsrp_breaks_dbm(result.settings))
    for name, operator in result.operators.items():
        yield _Layer(
            technology=technology,
            kind="level",
            service="",
            operator=name,
            legend=level_legend,
            indices=lambda at, operator=operator: classify(  # type: ignore[misc]  # bound default
                as_dbm(operator.level_cdbm.ravel()[at]), level_legend
            ),
        )
        for service in result.services:
            found, legend = operator.services[service.name], probability_legend(service)
            yield _Layer(
                technology=technology,
                kind="probability",
                service=service.name,
                operator=name,
                legend=legend,
                indices=lambda at, found=found, legend=legend: classify(  # type: ignore[misc]  # bound defaults
                    100.0 * found.probability.ravel()[at].astype(np.float32), legend
                ),
            )
            yield _Layer(
                technology=technology,
                kind="reason",
                service=service.name,
                operator=name,
                legend=reason_legend(),
                indices=lambda at, found=found: found.reason.ravel()[at],  # type: ignore[misc]  # bound default
            )


def _taker(values: Float32Array) -> Callable[[_Cells], Float32Array]:
    return lambda at: values.ravel()[at]


def _server_layer(
    result: PlanResult, technology: Technology, layers: TechnologyLayers
) -> Iterator[_Layer]:
    """Yield the serving cells where the level is worth drawing."""
    floor_dbm = min(rsrp_breaks_dbm(result.settings))
    server, level = layers.best_server, layers.rsrp_dbm
    shown = servers_shown(server, level, floor_dbm)

    def heard(at: _Cells) -> NDArray[np.int16]:
        return np.where(level.ravel()[at] >= floor_dbm, server.ravel()[at], np.int16(-1))

    cells = [result.network.cells[i] for i in shown]
    if cells:
        yield _Layer(
            technology=technology,
            kind="server",
            service="",
            legend=cell_legend([(c.cell_id, c.mast_id) for c in cells]),
            indices=lambda at: server_indices(heard(at), shown),
            floor_dbm=floor_dbm,
        )


def _bounds_deg(grid: Grid, result: PlanResult) -> list[float]:
    """Return west, south, east, north of what the map shows first: the villages."""
    places = result.villages
    frame = gpd.GeoSeries([box(*grid.bounds_m)], crs=grid.crs)
    if len(places):
        west, south, east, north = places.total_bounds
        margin = max(1_500.0, 0.06 * max(east - west, north - south))
        view = box(west - margin, south - margin, east + margin, north + margin)
        frame = gpd.GeoSeries([view], crs=grid.crs)
    return [round(float(v), 5) for v in frame.to_crs(4326).total_bounds]


def _masts(result: PlanResult) -> list[dict[str, Any]]:
    guessed = {cell.mast_id for cell in result.network.cells if cell.uncertain}
    cells: dict[str, list[dict[str, Any]]] = {}
    for cell in result.network.cells:
        cells.setdefault(cell.mast_id, []).append(
            {
                "cell_id": cell.cell_id,
                "technology": cell.carrier.technology,
                "carrier": cell.carrier.name,
                "antenna": cell.antenna.name,
                "omni": bool(np.ptp(cell.antenna.horizontal_loss_db) < 3.0),
                "azimuth_deg": cell.azimuth_deg,
                "mechanical_downtilt_deg": cell.mechanical_downtilt_deg,
                "electrical_downtilt_deg": cell.electrical_downtilt_deg,
                "height_agl_m": cell.height_agl_m,
                "total_power_dbm": cell.total_power_dbm,
                "assumed": list(cell.assumed),
            }
        )
    return [
        {
            "mast_id": mast.mast_id,
            "name": mast.name,
            "operator": mast.operator,
            "lat_deg": round(mast.lat_deg, 6),
            "lon_deg": round(mast.lon_deg, 6),
            "height_agl_m": mast.height_agl_m,
            "backhaul": mast.backhaul,
            "uncertain": mast.uncertain or mast.mast_id in guessed,
            "cells": cells.get(mast.mast_id, []),
        }
        for mast in result.network.masts
    ]


def _communes(result: PlanResult) -> Geometry | None:
    if result.communes is None:
        return None
    names = result.communes[["commune"]].copy()
    places = result.communes.set_geometry(result.communes.geometry.representative_point())
    label = places.geometry.to_crs(4326)
    names["lon_deg"], names["lat_deg"] = label.x.round(5), label.y.round(5)
    return _geojson(places, names, result.land.grid.cell_m)


def commune_lines(result: PlanResult) -> Geometry:
    """Return the outlines of the communes, each once.

    Neighbours have their border in common: drawn for both, the dashes of one fill the gaps of the
    other.
    """
    rings = [] if result.communes is None else result.communes.geometry.boundary.to_numpy()
    joined = line_merge(union_all(rings, grid_size=_SAME_PLACE_M))
    lines = gpd.GeoDataFrame(geometry=list(get_parts(joined)), crs=result.land.grid.crs)
    return _geojson(lines, lines[[]], result.land.grid.cell_m)


def _gaps(result: PlanResult) -> Geometry:
    names = ["gap_id", "reason", "people", "area_km2", "villages", "service"]
    return _geojson(result.gaps, result.gaps[names], result.land.grid.cell_m / 2.0)


def _wide(result: PlanResult) -> Geometry:
    """Return where levels are known no better than without a calibration; empty without one."""
    wide = wide_areas(result.known, result.layers, result.land.grid, wide_from(result))
    return _geojson(wide, wide[["technology", "half_from_db"]], result.land.grid.cell_m)


def _footprints(result: PlanResult) -> Geometry:
    drawn = result.villages[result.villages["footprint"] == "polygon"]
    return _geojson(drawn, drawn[["village_id"]], result.land.grid.cell_m / 2.0)


def _area(result: PlanResult) -> Geometry:
    """Return the outline of the area of interest; empty where it is the whole raster."""
    land = result.land
    outlines = []
    if not land.aoi.all():
        found = shapes(land.aoi, mask=land.aoi > 0, transform=Affine(*land.grid.transform))
        outlines = [shape(outline) for outline, _ in found]
    area = gpd.GeoDataFrame(geometry=outlines, crs=land.grid.crs)
    return _geojson(area, area[[]], 1.5 * land.grid.cell_m)


def map_lines(lines: gpd.GeoDataFrame | None, cell_m: float) -> Geometry:
    """Return roads and rivers for the page, one feature for each entry of the legend.

    They are simplified to half a pixel of the grid. Where that is still more than the page bears,
    the step doubles, and what is shorter than the step is not drawn.

    Parameters
    ----------
    lines : GeoDataFrame or None
        As `lensong.gis_data.map_lines.read_lines` returns.
    cell_m : float
        Side of a pixel [m].
    """
    if lines is None:
        return {"type": "FeatureCollection", "features": []}
    tolerance_m = cell_m / 2.0
    joined = lines.groupby(["kind", "label"], sort=False)["geometry"].agg(
        lambda group: line_merge(MultiLineString([p for g in group for p in g.geoms]))
    )
    while True:
        kept = [_long_parts(g, tolerance_m) for g in joined]
        # Rounded point by point: a set precision would cut every line at every crossing.
        rounded = [
            transform(g, lambda x: x.round(5))
            for g in gpd.GeoSeries(kept, crs=lines.crs).to_crs(4326)
        ]
        features = [
            {
                "type": "Feature",
                "properties": {"kind": kind, "label": label},
                "geometry": mapping(geometry),
            }
            for (kind, label), geometry in zip(joined.index, rounded, strict=True)
            if not geometry.is_empty
        ]
        if len(json.dumps(features)) <= _LINES_BUDGET_BYTES:
            return {"type": "FeatureCollection", "features": features}
        tolerance_m *= 2.0


def _long_parts(geometry: BaseGeometry, least_m: float) -> BaseGeometry:
    parts = get_parts(geometry)
    return MultiLineString(list(simplify(parts[length(parts) >= least_m], least_m)))


def _geojson(frame: gpd.GeoDataFrame, fields: Any, tolerance_m: float) -> Geometry:
    """Return shapes in WGS 84, simplified and rounded to a metre, with some of their columns."""
    table = gpd.GeoDataFrame(
        {str(name): list(fields[name]) for name in fields.columns},
        geometry=frame.geometry.simplify(tolerance_m).to_list(),
        crs=frame.crs,
    ).to_crs(4326)
    table = table[~table.geometry.is_empty & table.geometry.notna()]
    table.geometry = table.geometry.set_precision(1e-5)
    collection = json.loads(table.to_json(drop_id=True)) if len(table) else {"features": []}
    features = [
        {
            "type": "Feature",
            "properties": {k: plain_value(k, v) for k, v in f["properties"].items()},
            "geometry": f["geometry"],
        }
        for f in collection["features"]
    ]
    return {"type": "FeatureCollection", "features": features}


def plain_value(name: str, value: Any) -> Any:
    """Return a value as JSON has it: no NaN, no NumPy, no digits that mean nothing."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)
    if not np.isfinite(number):
        return None
    return round(number, _digits(name))


@cache
def _digits(name: str) -> int:
    if name in ("lat_deg", "lon_deg"):
        return 6
    if "_dbm" in name or name in ("people", "population"):
        return 1
    if "distance_m" in name:
        return 0
    return 4 if "share" in name else 3
