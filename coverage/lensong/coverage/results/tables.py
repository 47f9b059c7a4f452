"""The vector side of a result: villages, masts, cells and gaps as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import pandas as pd
from shapely.geometry import LineString

from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.areas import wide_areas
from lensong.coverage.cellplan.write import standing_rows
from lensong.coverage.network import AsRead, Mast, Network
from lensong.coverage.proposals import Proposals
from lensong.coverage.report.legend import wide_from
from lensong.coverage.result import PlanResult
from lensong.coverage.results import files
from lensong.coverage.results.calibration import SPOT_LAYER, measured_frame

__all__ = [
    "CAUSES",
    "CELLS",
    "COMMUNES",
    "COUNTERFACTUALS",
    "as_read_table",
    "proposed_layers",
    "vector_layers",
    "village_table",
]

COMMUNES = "communes"
CELLS = "cells"
"""Layer of the network's cells, which a reader asks for their operators."""

CAUSES = "causes"
COUNTERFACTUALS = "counterfactuals"


def vector_layers(result: PlanResult) -> dict[str, gpd.GeoDataFrame]:
    """Return the layers of the GeoPackage in the grid's CRS, by name."""
    layers = {"villages": result.villages}
    if result.communes is not None:
        layers[COMMUNES] = result.communes
    if result.provinces is not None:
        layers["provinces"] = result.provinces
    if result.land.map_lines is not None:
        layers[files.LINES] = result.land.map_lines
    layers |= {"masts": _masts(result), CELLS: _cells(result), "gaps": result.gaps}
    calibration = result.propagation.calibration
    if isinstance(calibration, CalibratedPaths):
        layers[SPOT_LAYER] = measured_frame(calibration.calibration)
        wide = wide_areas(result.known, result.layers, result.land.grid, wide_from(result))
        if len(wide):
            layers[files.WIDE] = wide
    if result.causes is not None and len(result.causes):
        layers[CAUSES] = _causes(result, result.causes)
    if result.counterfactuals is not None and len(result.counterfactuals):
        layers[COUNTERFACTUALS] = _tried(result, result.counterfactuals)
    if result.network.proposals is not None:
        layers |= proposed_layers(result.network, result.network.proposals, result.land.grid.crs)
    return layers


def village_table(villages: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the villages of a plan without their outlines, one row each."""
    apart = ["geometry", "centre_easting_m", "centre_northing_m"]
    return pd.DataFrame(villages.drop(columns=apart, errors="ignore"))  # a result has no centres


def as_read_table(entries: Sequence[AsRead]) -> pd.DataFrame:
    """Return what became of each row of the cell plan, one line per value or row left out."""
    return pd.DataFrame(
        {
            "line": [entry.where for entry in entries],
            "column": [entry.column for entry in entries],
            "text": [entry.text for entry in entries],
            "field": [entry.field for entry in entries],
            "value": [entry.value for entry in entries],
            "fate": [entry.fate for entry in entries],
            "why": [entry.why for entry in entries],
            "cells": ["; ".join(entry.cells) for entry in entries],
        }
    )


def _masts(result: PlanResult) -> gpd.GeoDataFrame:
    counts = pd.Series([cell.mast_id for cell in result.network.cells], dtype=object).value_counts()
    rows = [
        {
            "mast_id": mast.mast_id,
            "name": mast.name,
            "operator": mast.operator,
            "height_agl_m": mast.height_agl_m,
            "backhaul": mast.backhaul,
            "power_supply": mast.power_supply,
            "uncertain": mast.uncertain,
            "cells": int(counts.get(mast.mast_id, 0)),
            "lat_deg": mast.lat_deg,
            "lon_deg": mast.lon_deg,
        }
        for mast in result.network.masts
    ]
    return _placed(rows, list(result.network.masts), result)


def _cells(result: PlanResult) -> gpd.GeoDataFrame:
    masts = {mast.mast_id: mast for mast in result.network.masts}
    footprints: dict[str, dict[Any, Any]] = {}  # Any: as pandas types the rows of a table
    if result.cell_footprints is not None:
        footprints = {
            str(row.pop("cell_id")): row for row in result.cell_footprints.to_dict("records")
        }
    rows = [
        {
            "cell_id": cell.cell_id,
            "mast_id": cell.mast_id,
            "operator": cell.operator,
            "technology": cell.carrier.technology,
            "carrier": cell.carrier.name,
            "downlink_freq_mhz": cell.carrier.downlink_freq_mhz,
            "uplink_freq_mhz": cell.carrier.uplink_freq_mhz,
            "bandwidth_mhz": cell.carrier.bandwidth_mhz,
            "duplex": cell.carrier.duplex,
            "antenna": cell.antenna.name,
            "gain_dbi": cell.antenna.gain_dbi,
            "azimuth_deg": cell.azimuth_deg,
            "mechanical_downtilt_deg": cell.mechanical_downtilt_deg,
            "electrical_downtilt_deg": cell.electrical_downtilt_deg,
            "height_agl_m": cell.height_agl_m,
            "total_power_dbm": cell.total_power_dbm,
            "feeder_loss_db": cell.feeder_loss_db,
            "downlink_load": cell.downlink_load,
            "uplink_noise_rise_db": cell.uplink_noise_rise_db,
            "radius_m": cell.radius_m,
            "uncertain": cell.uncertain,
            "assumed": ", ".join(cell.assumed),
        }
        | footprints.get(cell.cell_id, {})
        for cell in result.network.cells
    ]
    return _placed(rows, [masts[cell.mast_id] for cell in result.network.cells], result)


def _causes(result: PlanResult, causes: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the causes as lines from the mast of the cell to the place; none without a cell."""
    masts = {mast.mast_id: mast for mast in result.network.masts}
    lines = [
        LineString([(masts[m].lon_deg, masts[m].lat_deg), (lon, lat)]) if m else None
        for m, lat, lon in zip(causes["mast_id"], causes["lat_deg"], causes["lon_deg"], strict=True)
    ]
    table = gpd.GeoDataFrame(causes.reset_index(drop=True), geometry=lines, crs=4326)
    return table.to_crs(result.land.grid.crs)


def _tried(result: PlanResult, tried: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the changes of the network as points where the changed mast stands."""
    places = gpd.points_from_xy(tried["lon_deg"], tried["lat_deg"])
    table = gpd.GeoDataFrame(tried.reset_index(drop=True), geometry=places, crs=4326)
    return table.to_crs(result.land.grid.crs)


def proposed_layers(
    network: Network, proposals: Proposals, crs: str
) -> dict[str, gpd.GeoDataFrame]:
    """Return what a siting study chose as points with their state in a network, and its lines."""
    steps = proposals.rows(proposals.states(standing_rows(network)))
    found = {}
    for name, rows, shapes in (
        (
            files.PROPOSALS,
            steps,
            gpd.points_from_xy([s["lon_deg"] for s in steps], [s["lat_deg"] for s in steps]),
        ),
        (
            files.PROPOSED_LINKS,
            [dict(link) for link in proposals.links],
            [
                LineString(
                    [
                        (link["from_lon_deg"], link["from_lat_deg"]),
                        (link["to_lon_deg"], link["to_lat_deg"]),
                    ]
                )
                for link in proposals.links
            ],
        ),
    ):
        if not rows:
            continue
        table = gpd.GeoDataFrame(pd.DataFrame(rows), geometry=shapes, crs=4326)
        for column in ("value_before", "value_after"):
            if column in table:  # numbers of some changes, names of carriers of others
                table[column] = [str(value) for value in table[column]]
        found[name] = table.to_crs(crs)
    return found


def _placed(rows: list[dict[str, Any]], masts: list[Mast], result: PlanResult) -> gpd.GeoDataFrame:
    """Return rows as points in the grid's system."""
    places = gpd.points_from_xy([m.lon_deg for m in masts], [m.lat_deg for m in masts])
    table = gpd.GeoDataFrame(pd.DataFrame(rows), geometry=places, crs=4326)
    return table.to_crs(result.land.grid.crs)
