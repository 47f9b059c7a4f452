"""The names of the files in a result's folder: the one place that knows them."""

from __future__ import annotations

from lensong.coverage.network import Technology

__all__ = [
    "BEST_SERVER",
    "CAUSES",
    "CELLS_AS_READ",
    "CLASS_RASTERS",
    "COUNTERFACTUALS",
    "COUNTRY_AREAS",
    "COUNTRY_PROJECT",
    "COUNTRY_RASTERS",
    "COUNTRY_VECTORS",
    "COUNTRY_VILLAGES",
    "DOWNLINK_MBPS",
    "KMZ",
    "LEVEL_BASIS",
    "LEVEL_HALF_DB",
    "LEVEL_SHARES",
    "LINES",
    "OPERATORS_SERVING",
    "OVERLAP",
    "PROPOSALS",
    "PROPOSED",
    "PROPOSED_LINKS",
    "QGIS_PROJECT",
    "RELIEF",
    "RELIEF_PLACE",
    "REPORT",
    "RESIDUAL_FIELD_DB",
    "RSRP_DBM",
    "RUN",
    "SECOND_SERVER",
    "SINR_DB",
    "STREAMS",
    "UPLINK_MBPS",
    "VECTORS",
    "VILLAGES",
    "WIDE",
    "probability_layer",
    "raster_file",
]

RUN = "run.json"
"""The record of the run; it comes last and lists the others."""

REPORT = "report.html"
VILLAGES = "villages.csv"
CAUSES = "causes.csv"
COUNTERFACTUALS = "counterfactuals.csv"
CELLS_AS_READ = "cells_as_read.csv"
LEVEL_SHARES = "level_shares.csv"
STREAMS = "streams.csv"
VECTORS = "villages.gpkg"
LINES = "lines"
"""Layer of the roads and rivers that the user brought."""

PROPOSALS = "proposals"
"""Layer of the masts and changes that a siting study chose."""

PROPOSED = "proposals.csv"
"""Of a difference: the steps that stand otherwise in its two plans."""

PROPOSED_LINKS = "proposed_links"
"""Layer of the lines that feed and power them."""

WIDE = "wide_intervals"
"""Layer of where levels are known no better than without a calibration."""

KMZ = "coverage.kmz"
QGIS_PROJECT = "result.qgz"
RELIEF = "relief.png"
RELIEF_PLACE = "relief.pgw"
"""World file of the relief: where it lies, in WGS 84."""

COUNTRY_VILLAGES = "villages.parquet"
COUNTRY_VECTORS = "country.gpkg"
COUNTRY_AREAS = "areas.csv"
COUNTRY_RASTERS = "country_rasters"
COUNTRY_PROJECT = "country.qgz"
"""What stands above several results."""

RSRP_DBM = "rsrp_dbm"
SINR_DB = "sinr_db"
DOWNLINK_MBPS = "downlink_mbps"
UPLINK_MBPS = "uplink_mbps"
BEST_SERVER = "best_server"
SECOND_SERVER = "second_server"
OVERLAP = "overlap"
OPERATORS_SERVING = "operators_serving"
RESIDUAL_FIELD_DB = "residual_field_db"
LEVEL_HALF_DB = "level_half_db"
LEVEL_BASIS = "level_basis"
"""Of a calibrated plan: what its residual field adds, half of the interval that holds 90 % of
levels, and what a level rests on."""

CLASS_RASTERS = tuple(
    f"{name}.tif" for name in (BEST_SERVER, SECOND_SERVER, OVERLAP, OPERATORS_SERVING, LEVEL_BASIS)
)
"""How the names of rasters end whose values are codes or counts."""


def probability_layer(service: str) -> str:
    """Return the layer of a service's probability.

    Examples
    --------
    >>> probability_layer("livestream-720p")
    'service_probability_livestream_720p'
    """
    return f"service_probability_{service.replace('-', '_')}"


def raster_file(technology: Technology, layer: str) -> str:
    """Return the name of a layer's file.

    Examples
    --------
    >>> raster_file("4G", RSRP_DBM)
    '4g_rsrp_dbm.tif'
    """
    return f"{technology.lower()}_{layer}.tif"
