"""How many streams a coverage plan lets hold at once at sites: of the village that each lies in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lensong.coverage.results.read import StoredResult
from lensong.coverage.streams.table import ANY_SIM
from lensong.monitoring.records import Site
from lensong.monitoring.store.places import PlanStreams
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray

__all__ = ["WITHIN_M", "SiteStreams", "streams_at"]

WITHIN_M = 2_000.0
"""A site lies in the village whose place is the nearest, if that is no further away [m]."""

_EARTH_M = 6_371_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteStreams:
    """What a plan says of streams at once at sites.

    Parameters
    ----------
    streams : tuple of PlanStreams
    counted : bool
        The plan counted streams at all.
    no_village : tuple of str
        Sites with no village of the plan within `WITHIN_M`.
    """

    streams: tuple[PlanStreams, ...]
    counted: bool
    no_village: tuple[str, ...]


def streams_at(result: StoredResult, sites: Iterable[Site]) -> SiteStreams:
    """Return how many streams a plan lets hold at once at sites that have a place.

    Of a plan of one operator the rows of any SIM card are that operator's.

    Raises
    ------
    DataError
        A table is damaged, or names a service that the plan does not have.
    """
    table = result.streams()
    if table is None:
        return SiteStreams(streams=(), counted=False, no_village=())
    services = {str(one["name"]): one for one in result.settings.get("service", ())}
    chances = sorted(
        (name for name in table.columns if str(name).startswith("chance_")),
        key=lambda name: int(str(name).removeprefix("chance_")),
    )
    villages = result.villages()
    places = villages[["lat_deg", "lon_deg"]].to_numpy(dtype=np.float64)
    by_village = dict(tuple(table.groupby("village_id")))
    operators = {*table["operator"]} - {ANY_SIM}
    only = _only_operator(result) if not operators else ""
    found: list[PlanStreams] = []
    nowhere: list[str] = []
    for site in sites:
        if site.lat_deg is None or site.lon_deg is None:
            continue
        at = _nearest(places, site.lat_deg, site.lon_deg)
        village = None if at is None else villages.iloc[at]
        rows = None if village is None else by_village.get(str(village["village_id"]))
        if village is None or rows is None:
            nowhere.append(site.site_id)
            continue
        found += [
            _of_row(row, services, chances, result, site, str(village["name"]), only)
            for _, row in rows.iterrows()
        ]
    return SiteStreams(streams=tuple(found), counted=True, no_village=tuple(nowhere))


def _of_row(
    row: pd.Series,
    services: dict[str, dict[str, float]],
    chances: Sequence[str],
    result: StoredResult,
    site: Site,
    village: str,
    only: str,
) -> PlanStreams:
    service = services.get(str(row["service"]))
    if service is None:
        raise DataError(
            f"streams.csv of {result.folder} has the service {row['service']!r}, which run.json "
            "lacks: give a result of `lensong plan`, unchanged"
        )
    operator = str(row["operator"])
    return PlanStreams(
        site_id=site.site_id,
        service=str(row["service"]),
        operator=only if operator == ANY_SIM else operator,
        coverage_run=result.result_id,
        village=village,
        uplink_bps=float(service["uplink_mbps"]) * 1e6,
        probability=float(service["probability"]),
        chances=tuple(float(row[name]) for name in chances),
        computed_at=result.created_at,
        synthetic=result.synthetic,
    )


def _only_operator(result: StoredResult) -> str:
    """Return the operator of a plan of one, empty where the plan names none."""
    names = {str(name) for name in result.cells()["operator"] if name}
    return names.pop() if len(names) == 1 else ""


def _nearest(places: FloatArray, lat_deg: float, lon_deg: float) -> int | None:
    """Return the row of the nearest place, None where it is too far away."""
    if not len(places):
        return None
    north = np.radians(places[:, 0] - lat_deg)
    east = np.radians(places[:, 1] - lon_deg) * math.cos(math.radians(lat_deg))
    away_m = _EARTH_M * np.hypot(north, east)
    at = int(np.nanargmin(away_m))
    return at if away_m[at] <= WITHIN_M else None
