"""The result of a plan, as every output reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd

from lensong.coverage.network import Network, Technology
from lensong.coverage.service import Handset, Service
from lensong.gis_data.land import Land
from lensong.propagation.types import Float32Array, Int16Array, UInt8Array

__all__ = ["REASONS", "PlanResult", "ServiceLayers", "TechnologyLayers"]

REASONS = (
    "served",
    "terrain",
    "clutter",
    "interference",
    "uplink",
    "distance",
    "no_cell",
    "capacity",
    "beyond_radius",
)
"""Names of the codes of ``ServiceLayers.reason``.

``terrain``: would be served without the terrain in the way; ``clutter``: likewise without trees
and houses; ``interference``: enough signal, too much of other cells; ``uplink``: the downlink
works and no obstacle explains it, the phone is too weak; ``distance``: too far; ``no_cell``: no
cell reaches the pixel at all; ``capacity``: the cell's bandwidth, load or grant cannot carry the
rates at any level; ``beyond_radius``: the pixel lies beyond the radius of every mast, so nothing is
known of it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLayers:
    """One service on one technology, per pixel, by the carrier that carries it best.

    Parameters
    ----------
    probability : shape (rows, cols), float32
        That both directions hold, 0..1; 0 where no cell reaches.
    limiting : shape (rows, cols), uint8
        Direction with the smaller margin: 0 no cell, 1 downlink, 2 uplink.
    reason : shape (rows, cols), uint8
        Index into ``REASONS``.
    """

    probability: Float32Array
    limiting: UInt8Array
    reason: UInt8Array


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnologyLayers:
    """What one technology offers at every pixel; NaN where no cell reaches.

    Parameters
    ----------
    technology : {"4G", "5G"}
    rsrp_dbm, rsrq_db, sinr_db : shape (rows, cols), float32
        Of the serving cell.
    downlink_mbps, uplink_mbps : shape (rows, cols), float32
        Rate of one phone alone in its share of the cell [Mbit/s], at the median.
    best_server, second_server : shape (rows, cols), int16
        Index into ``network.cells``; -1 none.
    second_rsrp_dbm : shape (rows, cols), float32
    services : dict
        Service name to its layers.
    """

    technology: Technology
    rsrp_dbm: Float32Array
    rsrq_db: Float32Array
    sinr_db: Float32Array
    downlink_mbps: Float32Array
    uplink_mbps: Float32Array
    best_server: Int16Array
    second_server: Int16Array
    second_rsrp_dbm: Float32Array
    services: dict[str, ServiceLayers]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """Everything that a plan found.

    Column suffixes: ``_4g``, ``_5g`` for technologies; service names with ``-`` turned to ``_``.

    Parameters
    ----------
    title : str
        Of the scenario.
    land, network : Land, Network
    handset : Handset
    services : tuple of Service
    class_service : str
        The service by which villages are classed (default ``"voice-data"``).
    layers : dict
        Technology to its layers.
    level_sigma_db : float
        Standard deviation with which services were judged: locations, model and, indoors, the
        building [dB].
    villages : GeoDataFrame in the grid's CRS, one row per village
        Columns of ``land.villages`` and: ``people`` (float; of the village, for weighting and
        sums), ``weighting`` (``"population"``, ``"area"``), ``elevation_share`` (0..1, of its
        area; what lies outside the elevation is not judged), ``class`` (``no_signal``, ``patchy``,
        ``covered``), ``reason`` (of its gap; empty when covered), per service
        ``served_share_<service>`` (0..1, any technology), per service and technology
        ``served_share_<service>_<tech>``, ``limiting_<service>_<tech>`` (``downlink``,
        ``uplink``, ``none``), per technology ``rsrp_p50_dbm_<tech>``, ``rsrp_p10_dbm_<tech>``,
        ``downlink_p50_mbps_<tech>``, ``downlink_p10_mbps_<tech>``, ``uplink_p50_mbps_<tech>``,
        ``uplink_p10_mbps_<tech>``, ``best_server_<tech>`` (cell id), ``distance_m_<tech>`` (from
        the village centre to that cell's mast), ``best_server_uncertain_<tech>`` (bool: that
        mast's position is an estimate). p10 is reached or exceeded for 90 % of the people.
        ``people`` is NaN where nothing tells it.
    communes : GeoDataFrame in the grid's CRS, or None
        ``commune_code``, ``commune``, ``province``, ``villages``, ``villages_no_signal``,
        ``villages_patchy``, ``villages_covered``, ``people``, ``people_served_<service>``.
    provinces : GeoDataFrame in the grid's CRS, or None
        ``province`` and the same sums.
    gaps : GeoDataFrame in the grid's CRS
        Polygons where people live and the class service fails: ``gap_id``, ``reason``,
        ``people``, ``area_km2``, ``villages`` (names, comma-separated), ``service``.
    summary : dict
        Headline numbers, JSON-ready: ``villages``, ``people``,
        ``villages_without_people_known``, ``villages_by_class``,
        ``people_by_class``, ``villages_by_reason``, ``people_served`` (service → people),
        ``people_served_by_technology`` (service → tech → people).
    settings : dict
        The whole scenario as read, JSON-ready, defaults included.
    assumptions, warnings : tuple of str
        English sentences; those of land and network included.
    synthetic : bool
        True when any input is generated.
    timings_s : dict
        Stage to seconds. Not part of what must be reproducible.
    sweeps_total, sweeps_reused : int
        Path-loss sweeps in the plan, and how many came from the cache.
    """

    title: str
    land: Land
    network: Network
    handset: Handset
    services: tuple[Service, ...]
    class_service: str
    layers: dict[Technology, TechnologyLayers]
    level_sigma_db: float
    villages: gpd.GeoDataFrame
    communes: gpd.GeoDataFrame | None
    gaps: gpd.GeoDataFrame
    summary: dict[str, Any]
    settings: dict[str, Any]
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    synthetic: bool = False
    timings_s: dict[str, float] = field(default_factory=dict)
    sweeps_total: int = 0
    sweeps_reused: int = 0
    provinces: gpd.GeoDataFrame | None = None
