"""The villages of a variant beside those of another, as the API says them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from lensong.coverage.service import Service
from lensong.coverage.villages import CLASSES, column_suffix, operator_suffix

__all__ = ["totals", "village_rows"]

_RANK = {name: place for place, name in enumerate(CLASSES)}
_SAME = 1e-9


def village_rows(
    now: gpd.GeoDataFrame,
    before: gpd.GeoDataFrame,
    services: Sequence[Service],
    class_service: str,
) -> list[dict[str, Any]]:
    """Return a row for each village: what it gets, and what it got before."""
    rows = []
    technologies = [
        name.removeprefix("best_server_")
        for name in now.columns
        if name.startswith("best_server_") and "uncertain" not in name
    ]
    shares = {s.name: f"served_share_{column_suffix(s.name)}" for s in services}
    streams = {
        s.name: f"streams_at_once_{column_suffix(s.name)}"
        for s in services
        if f"streams_at_once_{column_suffix(s.name)}" in now.columns
    }
    for one, other in zip(now.to_dict("records"), before.to_dict("records"), strict=True):
        people = _number(one["people"])
        served = {name: float(one[column]) for name, column in shares.items()}
        served_before = {name: float(other[column]) for name, column in shares.items()}
        rows.append(
            {
                "village_id": str(one["village_id"]),
                "name": str(one["name"]),
                "commune": str(one["commune"]),
                "lat_deg": float(one["lat_deg"]),
                "lon_deg": float(one["lon_deg"]),
                "people": people,
                "class": one["class"],
                "class_before": other["class"],
                "change": _change(
                    str(one["class"]),
                    str(other["class"]),
                    served[class_service] - served_before[class_service],
                ),
                "reason": str(one["reason"]),
                "served_share": served,
                "served_share_before": served_before,
                "served_people": {
                    name: None if people is None else share * people
                    for name, share in served.items()
                },
                "streams_at_once": {name: _number(one[column]) for name, column in streams.items()},
                "streams_at_once_before": {
                    name: _number(other[column]) if column in other else None
                    for name, column in streams.items()
                },
                "best_server": {
                    technology.upper(): one[f"best_server_{technology}"] or None
                    for technology in technologies
                },
                "basis": one.get("evidence") or None,
                "interval_db": {
                    technology.upper(): _number(one.get(f"rsrp_half_db_{technology}"))
                    for technology in technologies
                    if f"rsrp_half_db_{technology}" in now.columns
                },
            }
        )
    return rows


def totals(
    now: gpd.GeoDataFrame,
    before: gpd.GeoDataFrame,
    services: Sequence[Service],
    operators: Sequence[str],
    covered_share: float,
) -> dict[str, Any]:
    """Return sums over all villages, beside those before."""
    suffix = operator_suffix(operators)
    named = [name for name in operators if f"class_op_{suffix[name]}" in now.columns]
    of_service: dict[str, Any] = {}
    of_operator: dict[str, dict[str, Any]] = {name: {} for name in named}
    for service in services:
        column = f"served_share_{column_suffix(service.name)}"
        of_service[service.name] = {
            "people": _people(now, column),
            "people_before": _people(before, column),
            "villages": int((now[column] >= covered_share).sum()),
            "villages_before": int((before[column] >= covered_share).sum()),
        }
        for name in named:
            own = f"{column}_op_{suffix[name]}"
            of_operator[name][service.name] = {
                "people": _people(now, own),
                "people_before": _people(before, own),
            }
    return {
        "services": of_service,
        "operators": of_operator,
        "villages_by_class": _classes(now),
        "villages_by_class_before": _classes(before),
        "people": float(np.nansum(now["people"].to_numpy(dtype=float))),
        "villages": len(now),
    }


def _people(table: gpd.GeoDataFrame, column: str) -> float | None:
    if column not in table.columns:
        return None
    people = np.nan_to_num(table["people"].to_numpy(dtype=float))
    return float((people * table[column].to_numpy(dtype=float)).sum())


def _classes(table: gpd.GeoDataFrame) -> dict[str, int]:
    counts = table["class"].value_counts()
    return {name: int(counts.get(name, 0)) for name in CLASSES}


def _change(now: str, before: str, more: float) -> str:
    """Return what became of a village: its class first, then the share of people served."""
    if now != before:
        return "gained" if _RANK[now] > _RANK[before] else "lost"
    if abs(more) <= _SAME:
        return "same"
    return "better" if more > 0.0 else "worse"


def _number(value: Any) -> float | int | None:
    """Return a number, None where it is not known."""
    if value is None or pd.isna(value):
        return None
    return int(value) if isinstance(value, int | np.integer) else float(value)
