"""Siting as tables, as JSON and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from lensong.coverage.cellplan.write import standing_rows
from lensong.coverage.siting.change_tables import (
    change_field,
    change_told,
    money_text,
    per_person,
    tuning_json,
    tuning_text,
)
from lensong.coverage.siting.feed_tables import feed_table, link_table, way_told
from lensong.coverage.siting.study import SitingStudy
from lensong.coverage.villages import column_suffix
from lensong.gis_data.land import Land

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
_MOST_NAMED = 3


def step_table(study: SitingStudy) -> pd.DataFrame:
    """Return one row for each change and each mast that is built, in their order."""
    rows: list[dict[str, Any]] = []
    gained, spent = 0.0, 0.0
    for number, change in enumerate(study.tuning.steps if study.tuning else (), start=1):
        gained, spent = change.people_in_all, change.cost_in_all
        rows.append(
            {
                "step": number,
                "mast_id": change.mast_id,
                "kind": change.change.knob.kind,
                "change": change_told(change.change),
                "field": change_field(change.change),
                "value_before": change.change.knob.standing,
                "value_after": change.change.value,
                "operator": change.operator,
                "lat_deg": round(change.lat_deg, 6),
                "lon_deg": round(change.lon_deg, 6),
                "height_agl_m": None,
                "cells": len(change.change.knob.cells),
                "people": round(change.people, 2),
                "people_in_all": round(gained, 2),
                "cost": change.cost,
                "cost_in_all": spent,
                "cost_per_person": per_person(change),
            }
        )
    for number, step in enumerate(study.steps, start=study.changes + 1):
        one = study.candidates[step.candidate]
        rows.append(
            {
                "step": number,
                "mast_id": one.mast.mast_id,
                "kind": one.kind,
                "change": "",
                "field": "",
                "value_before": "",
                "value_after": "",
                "operator": one.cells[0].operator,
                "lat_deg": round(one.mast.lat_deg, 6),
                "lon_deg": round(one.mast.lon_deg, 6),
                "height_agl_m": one.mast.height_agl_m,
                "cells": len(one.cells),
                "people": round(step.people, 2),
                "people_in_all": round(gained + step.people_in_all, 2),
                "cost": step.cost,
                "cost_in_all": None if step.cost_in_all is None else spent + step.cost_in_all,
                "cost_per_person": per_person(step),
            }
        )
    return pd.DataFrame(rows, columns=list(_STEP))


_STEP = (
    "step", "mast_id", "kind", "change", "field", "value_before", "value_after", "operator",
    "lat_deg", "lon_deg", "height_agl_m", "cells", "people", "people_in_all", "cost",
    "cost_in_all", "cost_per_person",
)  # fmt: skip


def candidate_table(study: SitingStudy) -> pd.DataFrame:
    """Return one row for each candidate, with what it brings alone for every service."""
    step_of = {s.candidate: n for n, s in enumerate(study.steps, start=study.changes + 1)}
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
            "share_before": study.at_first.round(6),
            "share_changed": study.before.round(6),
            "share_promised": study.promised.round(6),
            "share_planned": study.planned.round(6),
            "nearest_candidate_m": study.nearest_m.round(0),
            "not_reached": [study.not_reached.get(v, "") for v in range(len(villages))],
        }
    )


def siting_json(
    study: SitingStudy, notes: Sequence[str], land: Land, *, money: str
) -> dict[str, Any]:
    """Return everything that is told, JSON-ready, with the inputs that it rests on."""
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
        "people_gained_promised": round(study.people_promised - study.people_before, 2),
        "people_gained_by_changes": round(study.people_changed - study.people_before, 2),
        "people_gained_by_masts": round(study.siting.people, 2),
        "people_gained_bound": round(study.siting.bound, 2),
        "gap_percent": round(study.siting.gap_percent, 3),
        "cost": study.cost,
        "money": money,
        "changes": tuning_json(study.tuning),
        "rounds": [
            {
                "mast_ids": [study.candidates[c].mast.mast_id for c in one.siting.chosen],
                "people_promised": round(float(study.people @ one.promised), 2),
                "people_planned": round(float(study.people @ one.planned), 2),
            }
            for one in study.rounds.made
        ],
        "agreed": study.rounds.agreed,
        "off_percent": round(study.rounds.best.off_percent(study.people), 3),
        "steps": _records(step_table(study)),
        "feeds": [] if study.feeds is None else _records(feed_table(study)),
        "links": [] if study.feeds is None else _records(link_table(study)),
        "cells": _cells(study),
        "not_reached": _records(outcome[outcome["not_reached"] != ""]),
        "notes": list(notes),
        "sources": [asdict(source) for source in land.sources],
        "synthetic": land.synthetic,
    }


def siting_text(study: SitingStudy, notes: Sequence[str], *, money: str) -> str:
    """Return the answer first, then the steps, then who is not reached."""
    siting = study.siting
    gained = study.people_promised - study.people_before
    built = f"{len(study.steps)} of {len(study.candidates)} candidates"
    if study.changes:
        built = f"{study.changes} changes of what stands and {built}"
    lines = [f"{built} bring {study.service.name} to {gained:,.0f} more people"]
    if study.tuning is not None:
        lines += tuning_text(study.tuning, study.service.name)
    close = f"within {siting.gap_percent:.2f} % of the best possible ({siting.bound:,.0f} people)"
    if study.candidates:
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
    lines += _agreement_told(study)
    steps = step_table(study)
    if len(steps):
        known = study.cost is not None
        cost = f"  cost so far{f' ({money})' if money else ''}" if known else ""
        lines += ["", f"  step  {'mast':<20}  {'kind':<8}  people  in all{cost}"]
        for row in steps.to_dict("records"):
            spent = f"  {money_text(row['cost_in_all'])}" if known else ""
            change = f"  {row['change']}" if row["change"] else ""
            lines.append(
                f"  {row['step']:>4}  {row['mast_id']:<20}  {row['kind']:<8}  "
                f"{row['people']:>6,.0f}  {row['people_in_all']:>6,.0f}{spent}{change}"
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


def _cells(study: SitingStudy) -> list[dict[str, Any]]:
    """Return of each step the cells that it adds or changes, as they are in the end."""
    rows = standing_rows(study.network)
    found: list[dict[str, Any]] = []
    for number, change in enumerate(study.tuning.steps if study.tuning else (), start=1):
        found += [{"step": number, **rows[cell_id]} for cell_id in change.cell_ids]
    for number, step in enumerate(study.steps, start=study.changes + 1):
        found += [
            {"step": number, **rows[cell.cell_id]}
            for cell in study.candidates[step.candidate].cells
        ]
    return found


def _agreement_told(study: SitingStudy) -> list[str]:
    """Return lines on rounds of choosing and planning, and where the promise does not hold."""
    made, agreed = study.rounds.made, study.rounds.agreed
    off = study.rounds.best.off_percent(study.people)
    if agreed == "within":
        if len(made) == 1:
            return []
        return [f"             chosen in {len(made)} rounds, each planned again"]
    why = {
        "settled": "the same masts were chosen again; who loses the service makes the difference",
        "rounds": f"after {len(made)} rounds",
        "time": "the time ended before another round",
    }[agreed]
    lines = [f"             they differ by {off:.1f} % of the people who are to gain: {why}"]
    people = study.people * (study.promised - study.planned)
    for v in np.argsort(-np.abs(people), kind="stable")[:_MOST_NAMED].tolist():
        if abs(people[v]) >= 0.5:
            name = study.villages["name"].iloc[v] or study.villages["village_id"].iloc[v]
            promised, planned = (
                study.people[v] * one[v] for one in (study.promised, study.planned)
            )
            lines.append(
                f"             {name}: promised {promised:,.0f}, planned again {planned:,.0f}"
            )
    return lines


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
