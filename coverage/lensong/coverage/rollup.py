"""Sums over villages: per commune, per province, and the headline numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import geopandas as gpd
import pandas as pd

from lensong.coverage.network import Technology
from lensong.coverage.result import REASONS
from lensong.coverage.service import Service
from lensong.coverage.villages import CLASSES, column_suffix, operator_suffix

UNNAMED = "(no name)"
"""How summaries name an operator that the cell list leaves empty."""

__all__ = ["UNNAMED", "commune_table", "province_table", "summarise"]


def commune_table(
    communes: gpd.GeoDataFrame | None,
    villages: gpd.GeoDataFrame,
    services: Sequence[Service],
    operators: Sequence[str] = (),
) -> gpd.GeoDataFrame | None:
    """Return the communes with the sums of their villages, joined by ``commune_code``.

    Parameters
    ----------
    communes : GeoDataFrame or None
        ``commune_code``, ``commune``, ``province``, ``geometry``; None gives None.
    villages : GeoDataFrame
        From `village_table`.
    services : sequence of Service
    operators : sequence of str
        Those with columns of their own in the village table.

    Returns
    -------
    GeoDataFrame or None
        Columns as `PlanResult.communes` lists, in the order of ``communes``; a commune without
        villages has zeros. Villages whose people are unknown count as villages only.
    """
    if communes is None:
        return None
    table = communes[["commune_code", "commune", "province", "geometry"]].reset_index(drop=True)
    return _with_sums(table, "commune_code", villages, services, operators)


def province_table(communes: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
    """Return the provinces with the sums and the joined outline of their communes.

    Parameters
    ----------
    communes : GeoDataFrame or None
        From `commune_table`; None gives None.
    """
    if communes is None:
        return None
    outlines = communes[["province", "geometry"]].dissolve(by="province", as_index=False)
    counted = [c for c in communes.columns if c not in _NOT_SUMMED]
    sums = communes.groupby("province", sort=True)[counted].sum().reset_index()
    table = outlines.merge(sums, on="province")
    return table[["province", *counted, "geometry"]]


def summarise(
    villages: gpd.GeoDataFrame, services: Sequence[Service], operators: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the headline numbers of a village table, JSON-ready (see `PlanResult.summary`)."""
    people = villages["people"].fillna(0.0)

    def served(column: str) -> float:
        return float((people * villages[column]).sum())

    technologies: tuple[Technology, ...] = ("4G", "5G")
    by_technology: dict[str, dict[str, float]] = {}
    for service in services:
        columns = {
            tech: f"served_share_{column_suffix(service.name)}_{tech.lower()}"
            for tech in technologies
        }
        by_technology[service.name] = {
            tech: served(column) for tech, column in columns.items() if column in villages.columns
        }
    suffixes = operator_suffix(operators) if any(operators) else {}
    by_operator = {
        service.name: {
            name or UNNAMED: served(f"served_share_{column_suffix(service.name)}_op_{suffix}")
            for name, suffix in suffixes.items()
        }
        for service in services
    }
    return {
        "villages": len(villages),
        "people": float(people.sum()),
        "villages_without_people_known": int(villages["people"].isna().sum()),
        "villages_by_class": {c: int((villages["class"] == c).sum()) for c in CLASSES},
        "people_by_class": {c: float(people[villages["class"] == c].sum()) for c in CLASSES},
        "villages_by_reason": {
            reason: int((villages["reason"] == reason).sum())
            for reason in REASONS
            if (villages["reason"] == reason).any()
        },
        "people_served": {
            s.name: served(f"served_share_{column_suffix(s.name)}") for s in services
        },
        "people_served_by_technology": by_technology,
        "people_served_by_operator": by_operator,
        "villages_by_operators_serving": {
            str(n): int((villages["operators_serving"] == n).sum())
            for n in range(len(suffixes) + 1)
        }
        if suffixes
        else {},
    }


_NOT_SUMMED = ("commune_code", "commune", "province", "geometry")


def _count_columns(services: Sequence[Service], suffixes: Iterable[str]) -> list[str]:
    return [
        "villages",
        *(f"villages_{name}" for name in CLASSES),
        "people",
        *(f"people_served_{column_suffix(service.name)}" for service in services),
        *(
            f"people_served_{column_suffix(service.name)}_op_{suffix}"
            for suffix in suffixes
            for service in services
        ),
    ]


def _with_sums(
    table: gpd.GeoDataFrame,
    key: str,
    villages: gpd.GeoDataFrame,
    services: Sequence[Service],
    operators: Sequence[str],
) -> gpd.GeoDataFrame:
    suffixes = list(operator_suffix(operators).values()) if any(operators) else []
    people = villages["people"].fillna(0.0)
    counts = {"villages": pd.Series(1, index=villages.index)}
    for name in CLASSES:
        counts[f"villages_{name}"] = (villages["class"] == name).astype(int)
    sums = {"people": people}
    for service in services:
        suffix = column_suffix(service.name)
        for name in (suffix, *(f"{suffix}_op_{operator}" for operator in suffixes)):
            sums[f"people_served_{name}"] = people * villages[f"served_share_{name}"]
    grouped = pd.DataFrame(counts | sums).groupby(villages[key].to_numpy()).sum()
    found = grouped.reindex(table[key].to_numpy(), fill_value=0).reset_index(drop=True)
    columns = found[_count_columns(services, suffixes)]
    return gpd.GeoDataFrame(
        pd.concat([table.drop(columns="geometry"), columns], axis=1),
        geometry=table.geometry,
        crs=table.crs,
    )
