"""How masts are fed and powered, as tables and lines on a map."""

from __future__ import annotations

from math import isnan
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from lensong.coverage.siting.feeds import FedMast, HopFigures, Place, Way
from lensong.coverage.siting.satellite import SatelliteView
from lensong.coverage.siting.solar import SolarSize
from lensong.coverage.siting.study import SitingStudy

__all__ = ["FEED_COLUMNS", "LINK_COLUMNS", "feed_table", "link_layer", "link_table", "way_told"]

FEED_COLUMNS = (
    "step", "mast_id", "kind", "relay", "lat_deg", "lon_deg", "height_agl_m",
    "backhaul", "backhaul_from", "backhaul_way", "hops", "masts_fed", "availability_percent",
    "uplink_mbps", "sky_share", "satellite_minutes_per_day", "longest_gap_s", "backhaul_cost",
    "power", "power_from", "grid_m", "load_w", "panel_w", "battery_wh", "worst_month",
    "worst_yield_wh_per_w", "shadow_loss_percent", "power_cost", "mast_cost", "cost",
)  # fmt: skip
"""Columns of `feed_table`."""

LINK_COLUMNS = (
    "mast_id", "supply", "link", "from_id", "from_lat_deg", "from_lon_deg", "from_height_agl_m",
    "to_lat_deg", "to_lon_deg", "to_height_agl_m", "distance_m", "freq_mhz", "received_dbm",
    "margin_db", "rain_db", "rain_outage_percent", "multipath_outage_percent",
    "availability_percent", "clearance_share_median", "clearance_share_low", "uplink_mbps",
    "masts_fed", "cost",
)  # fmt: skip
"""Columns of `link_table`."""


def feed_table(study: SitingStudy) -> pd.DataFrame:
    """Return one row for each mast that is built: how it is fed, how it is powered, the costs."""
    rows, fed = [], study.fed
    for number, step in enumerate(study.steps, start=study.changes + 1):
        one, lines = study.candidates[step.candidate], fed[step.candidate]
        row: dict[str, Any] = dict.fromkeys(FEED_COLUMNS)
        row |= {
            "step": number,
            "mast_id": one.mast.mast_id,
            "kind": one.kind,
            "relay": step.people < 0.5,
            "lat_deg": round(one.mast.lat_deg, 6),
            "lon_deg": round(one.mast.lon_deg, 6),
            "height_agl_m": one.mast.height_agl_m,
            "mast_cost": one.cost,
            "cost": None if one.cost is None else one.cost + lines.cost,
        }
        if lines.backhaul is not None:
            row |= _backhaul_of(lines, lines.backhaul, study)
        if lines.power is not None:
            row |= _power_of(lines.power)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(FEED_COLUMNS))


def link_table(study: SitingStudy) -> pd.DataFrame:
    """Return one row for each line that is built: hop, fibre or grid, with both of its ends."""
    fed = study.fed
    rows = []
    for step in study.steps:
        lines = fed[step.candidate]
        for supply, way in (("backhaul", lines.backhaul), ("power", lines.power)):
            if way is None or way.start is None or study.feeds is None:
                continue
            end = study.feeds.places[step.candidate]
            rows.append(_link_of(study, supply, way, end, lines.fed))
    return pd.DataFrame(rows, columns=list(LINK_COLUMNS))


def link_layer(study: SitingStudy) -> gpd.GeoDataFrame:
    """Return `link_table` with lines in WGS 84, from where each begins to its mast."""
    table = link_table(study)
    ends = table[["from_lon_deg", "from_lat_deg", "to_lon_deg", "to_lat_deg"]].to_numpy(float)
    lines = [shapely.LineString([row[:2], row[2:]]) for row in ends]
    return gpd.GeoDataFrame(table, geometry=lines, crs="EPSG:4326")


def way_told(lines: FedMast, study: SitingStudy) -> str:
    """Return how a mast is fed and powered, for people: one line."""
    parts = []
    if lines.backhaul is not None:
        names = _chain(lines, study)
        text = lines.backhaul.kind if len(names) == 1 else " > ".join(names)
        known = lines.availability_percent
        # of a terminal that is how long a satellite is in sight: rain and others are left out
        what = "a satellite in sight " if lines.chain[-1].kind == "satellite" else ""
        parts.append(text if isnan(known) else f"{text} ({what}{known:.3f} %)")
    if lines.power is not None:
        detail = lines.power.detail
        text = lines.power.kind
        if isinstance(detail, SolarSize):
            text += f" {detail.panel_w:,.0f} W, {detail.battery_wh / 1000.0:,.1f} kWh"
        elif lines.power.start is not None:
            text += f" {lines.power.distance_m / 1000.0:.1f} km"
        parts.append(text)
    return "; ".join(parts)


def _chain(lines: FedMast, study: SitingStudy) -> list[str]:
    """Return the mast, all that its backhaul leads over, and what feeds the last of them."""
    names = [study.candidates[lines.candidate].mast.mast_id]
    names += [way.from_id or way.kind for way in lines.chain]
    return names


def _backhaul_of(lines: FedMast, way: Way, study: SitingStudy) -> dict[str, Any]:
    row: dict[str, Any] = {
        "backhaul": way.kind,
        "backhaul_from": way.from_id,
        "backhaul_way": " > ".join(_chain(lines, study)),
        "hops": lines.hops,
        "masts_fed": lines.fed,
        "availability_percent": _rounded(lines.availability_percent, 5),
        "uplink_mbps": _rounded(way.uplink_mbps, 3),
        "backhaul_cost": way.cost,
    }
    if isinstance(way.detail, SatelliteView):
        row |= {
            "sky_share": round(way.detail.sky_share, 4),
            "satellite_minutes_per_day": round(way.detail.visible_minutes_per_day, 1),
            "longest_gap_s": round(way.detail.longest_gap_s),
        }
    return row


def _power_of(way: Way) -> dict[str, Any]:
    row: dict[str, Any] = {
        "power": way.kind,
        "power_from": way.from_id,
        "grid_m": _rounded(way.distance_m, 0),
        "power_cost": way.cost,
    }
    if isinstance(way.detail, SolarSize):
        row |= {
            "load_w": way.detail.load_w,
            "panel_w": round(way.detail.panel_w),
            "battery_wh": round(way.detail.battery_wh),
            "worst_month": way.detail.worst_month,
            "worst_yield_wh_per_w": round(way.detail.worst_yield_wh_per_w, 3),
            "shadow_loss_percent": round(way.detail.shadow_loss_percent, 2),
        }
    return row


def _link_of(study: SitingStudy, supply: str, way: Way, end: Place, fed: int) -> dict[str, Any]:
    start = way.start or end
    row: dict[str, Any] = {
        "mast_id": study.candidates[way.candidate].mast.mast_id,
        "supply": supply,
        "link": way.kind,
        "from_id": way.from_id,
        "from_lat_deg": round(start.lat_deg, 6),
        "from_lon_deg": round(start.lon_deg, 6),
        "from_height_agl_m": start.height_agl_m,
        "to_lat_deg": round(end.lat_deg, 6),
        "to_lon_deg": round(end.lon_deg, 6),
        "to_height_agl_m": end.height_agl_m if way.kind == "microwave" else 0.0,
        "distance_m": round(way.distance_m),
        "availability_percent": _rounded(way.availability_percent, 5),
        "uplink_mbps": _rounded(way.uplink_mbps, 3),
        "masts_fed": fed if supply == "backhaul" else 1,
        "cost": way.cost,
    }
    hop = way.detail
    if isinstance(hop, HopFigures):
        row |= {
            "freq_mhz": hop.freq_mhz,
            "received_dbm": round(hop.received_dbm, 2),
            "margin_db": round(hop.margin_db, 2),
            "rain_db": round(hop.rain_db, 2),
            "rain_outage_percent": _rounded(hop.rain_outage_percent, 6),
            "multipath_outage_percent": _rounded(hop.multipath_outage_percent, 6),
            "clearance_share_median": round(hop.clearance_share_median, 2),
            "clearance_share_low": round(hop.clearance_share_low, 2),
        }
    return row


def _rounded(value: float, digits: int) -> float | None:
    return None if isnan(value) else round(value, digits)
