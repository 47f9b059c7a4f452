"""Siting as tables, as JSON and as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lensong.coverage.siting.feed_tables import feed_table, link_table, way_told
from lensong.coverage.siting.study import SitingStudy
from lensong.coverage.villages import column_suffix

__all__ = [
    "NOT_REACHED",
    "candidate_table",
    "siting_json",
    "siting_text",
    "step_table",
    "village_outcome_table",
]

NOT_REACHED = {
    "too_far": "no candidate stands within the radius of its cells",
    "terrain": "terrain stands between it and every candidate",
    "clutter": "trees and houses stand between it and every candidate",
    "interference": "other cells disturb what the candidates bring",
    "uplink": "the phone is not heard by any candidate",
    "distance": "every candidate is too far for its power",
    "no_cell": "no candidate is heard there",
    "no_signal": "no candidate is heard there",
    "capacity": "the cells that are heard have no room left",
    "beyond_radius": "no candidate stands within the radius of its cells",
    "void": "elevation is missing between it and the candidates",
}
"""Why no candidate brings a village anything, in words."""


_MOST_TOLD = 10


def step_table(study: SitingStudy) -> pd.DataFrame:
    """Return one row for each mast that is built, in their order."""
    rows = []
    for number, step in enumerate(study.steps, start=1):
        one = study.candidates[step.candidate]
        per_person = None
        if step.cost is not None and step.people > 0.0:
            per_person = round(step.cost / step.people, 4)
        rows.append(
            {
                "step": number,
                "mast_id": one.mast.mast_id,
                "kind": one.kind,
                "operator": one.cells[0].operator,
                "lat_deg": round(one.mast.lat_deg, 6),
                "lon_deg": round(one.mast.lon_deg, 6),
                "height_agl_m": one.mast.height_agl_m,
                "cells": len(one.cells),
                "people": round(step.people, 2),
                "people_in_all": round(step.people_in_all, 2),
                "cost": step.cost,
                "cost_in_all": step.cost_in_all,
                "cost_per_person": per_person,
            }
        )
    return pd.DataFrame(rows, columns=list(_STEP))


_STEP = (
    "step", "mast_id", "kind", "operator", "lat_deg", "lon_deg", "height_agl_m", "cells", "people",
    "people_in_all", "cost", "cost_in_all", "cost_per_person",
)  # fmt: skip


def candidate_table(study: SitingStudy) -> pd.DataFrame:
    """Return one row for each candidate, with what it brings alone for every service."""
    step_of = {step.candidate: n for n, step in enumerate(study.steps, start=1)}
    rows = []
    for k, one in enumerate(study.candidates):
        change = study.people * (study.gains.share[study.service.name][k] - study.before)
        row: dict[str, Any] = {
            "mast_id": one.mast.mast_id,
            "kind": one.kind,
            "operator": one.cells[0].operator,
            "lat_deg": round(one.mast.lat_deg, 6),
            "lon_deg": round(one.mast.lon_deg, 6),
            "height_agl_m": one.mast.height_agl_m,
            "cost": one.cost,
            "step": step_of.get(k),
            "not_fed": "" if study.feeds is None else study.feeds.not_fed[k],
            "people_gained": round(float(np.maximum(change, 0.0).sum()), 2),
            "people_lost": round(float(np.maximum(-change, 0.0).sum()), 2),
        }
        for name, share in study.gains.share.items():
            served = float(study.people @ share[k])
            row[f"people_served_{column_suffix(name)}"] = round(served, 2)
        rows.append(row)
    return pd.DataFrame(rows)


def village_outcome_table(study: SitingStudy) -> pd.DataFrame:
    """Return one row for each village: before, promised, planned again, and why not."""
    villages = study.villages
    return pd.DataFrame(
        {
            "village_id": villages["village_id"].to_numpy(),
            "name": villages["name"].to_numpy(),
            "commune": villages["commune"].to_numpy(),
            "people": study.people,
            "share_before": study.before.round(6),
            "share_promised": study.promised.round(6),
            "share_planned": study.planned.round(6),
            "nearest_candidate_m": study.nearest_m.round(0),
            "not_reached": [study.not_reached.get(v, "") for v in range(len(villages))],
        }
    )


def siting_json(
    study: SitingStudy, notes: Sequence[str], *, money: str, synthetic: bool
) -> dict[str, Any]:
    """Return everything that is told, JSON-ready."""
    outcome = village_outcome_table(study)
    return {
        "service": study.service.name,
        "candidates": len(study.candidates),
        "masts": len(study.steps),
        "ended": study.siting.ended,
        "people_before": round(study.people_before, 2),
        "people_promised": round(study.people_promised, 2),
        "people_planned": round(study.people_planned, 2),
        "people_lost": round(study.people_lost, 2),
        "people_gained_promised": round(study.siting.people, 2),
        "people_gained_bound": round(study.siting.bound, 2),
        "gap_percent": round(study.siting.gap_percent, 3),
        "cost": study.steps[-1].cost_in_all if study.steps else 0.0,
        "money": money,
        "steps": _records(step_table(study)),
        "feeds": [] if study.feeds is None else _records(feed_table(study)),
        "links": [] if study.feeds is None else _records(link_table(study)),
        "not_reached": _records(outcome[outcome["not_reached"] != ""]),
        "notes": list(notes),
        "synthetic": synthetic,
    }


def siting_text(study: SitingStudy, notes: Sequence[str], *, money: str) -> str:
    """Return the answer first, then the steps, then who is not reached."""
    siting = study.siting
    lines = [
        f"{len(study.steps)} of {len(study.candidates)} candidates bring {study.service.name} to "
        f"{siting.people:,.0f} more people"
    ]
    close = f"within {siting.gap_percent:.2f} % of the best possible ({siting.bound:,.0f} people)"
    lines.append(
        {
            "proved": f"  proved     {close}",
            "time": f"  bound      {close}; the time ended before more was proved",
            "size": f"  bound      {close}; too many candidates for the exact solver",
        }[siting.ended]
    )
    lines.append(
        f"  re-plan    promised {study.people_promised:,.0f}, planned again "
        f"{study.people_planned:,.0f} people with service (before {study.people_before:,.0f}); "
        f"{study.people_lost:,.0f} lose it"
    )
    if study.steps:
        cost = f"  cost so far{f' ({money})' if money else ''}"
        known = study.steps[-1].cost_in_all is not None
        lines += ["", f"  step  {'mast':<20}  {'kind':<8}  people  in all{cost if known else ''}"]
    for number, step in enumerate(study.steps, start=1):
        one = study.candidates[step.candidate]
        spent = "" if step.cost_in_all is None else f"  {step.cost_in_all:,.10g}"
        lines.append(
            f"  {number:>4}  {one.mast.mast_id:<20}  {one.kind:<8}  {step.people:>6,.0f}  "
            f"{step.people_in_all:>6,.0f}{spent}"
        )
    lines += _fed_told(study)
    if study.not_reached:
        lines += ["", "  reached by no candidate"]
    for v, why in study.not_reached.items():
        name = study.villages["name"].iloc[v] or study.villages["village_id"].iloc[v]
        lines.append(
            f"  {name}: {study.people[v] * (1.0 - study.before[v]):,.0f} of {study.people[v]:,.0f} "
            f"people without; {NOT_REACHED[why]}; the nearest is "
            f"{study.nearest_m[v] / 1000:.1f} km away"
        )
    lines.append("")
    if study.feeds is None:
        lines.append("  How masts are fed and powered is not part of this choice.")
    lines += [f"  {note}" for note in notes]
    return "\n".join(lines)


def _fed_told(study: SitingStudy) -> list[str]:
    """Return how the masts are fed and powered, and which candidates cannot be."""
    if study.feeds is None:
        return []
    lines = ["", "  fed and powered"] if study.steps else []
    for step in study.steps:
        name = study.candidates[step.candidate].mast.mast_id
        lines.append(f"  {name}: {way_told(study.fed[step.candidate], study)}")
    unfed = [(c, why) for c, why in enumerate(study.feeds.not_fed) if why]
    if unfed:
        lines += ["", f"  {len(unfed)} of {len(study.candidates)} candidates cannot be fed"]
    lines += [f"  {study.candidates[c].mast.mast_id}: {why}" for c, why in unfed[:_MOST_TOLD]]
    if len(unfed) > _MOST_TOLD:
        lines.append(f"  {len(unfed) - _MOST_TOLD} more are in candidates.csv")
    return lines


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            str(name): None if isinstance(value, float) and np.isnan(value) else value
            for name, value in row.items()
        }
        for row in frame.astype(object).to_dict("records")
    ]
