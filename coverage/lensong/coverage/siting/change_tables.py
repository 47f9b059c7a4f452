"""Changes of what stands as a table and as text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lensong.coverage.siting.changes import Change
from lensong.coverage.siting.coordinate_search import Ended
from lensong.coverage.siting.study import Step
from lensong.coverage.siting.tuning import ChangeStep, Tuning

__all__ = [
    "CHANGE_COLUMNS",
    "NO_CHANGES",
    "change_field",
    "change_table",
    "change_told",
    "money_text",
    "per_person",
    "tuning_json",
    "tuning_text",
]

CHANGE_COLUMNS = (
    "step", "mast_id", "operator", "lat_deg", "lon_deg", "change", "cell_ids", "field",
    "value_before", "value_after", "people", "people_in_all", "cost", "cost_in_all",
    "cost_per_person",
)  # fmt: skip
"""Columns of `change_table`."""

NO_CHANGES = (
    "No change of what stands was tried: [siting.changes] of the scenario gives none of them "
    "a cost."
)

_FIELD = {
    "tilt": "mechanical_downtilt_deg",
    "azimuth": "azimuth_deg",
    "power": "total_power_dbm",
    "carrier": "carrier",
}
_UNIT = {"tilt": " deg down", "azimuth": " deg", "power": " dBm", "carrier": ""}
_ENDED: dict[Ended, str] = {
    "optimum": "no other single change helps",
    "tries": "the tries ended before all was tried",
    "time": "the time ended before all was tried",
}


def change_table(tuning: Tuning | None) -> pd.DataFrame:
    """Return one row for each change, in their order."""
    rows = []
    for number, step in enumerate(tuning.steps if tuning else (), start=1):
        knob = step.change.knob
        rows.append(
            {
                "step": number,
                "mast_id": step.mast_id,
                "operator": step.operator,
                "lat_deg": round(step.lat_deg, 6),
                "lon_deg": round(step.lon_deg, 6),
                "change": knob.kind,
                "cell_ids": ", ".join(step.cell_ids),
                "field": _FIELD[knob.kind],
                "value_before": knob.standing,
                "value_after": step.change.value,
                "people": round(step.people, 2),
                "people_in_all": round(step.people_in_all, 2),
                "cost": step.cost,
                "cost_in_all": step.cost_in_all,
                "cost_per_person": per_person(step),
            }
        )
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))


def change_told(change: Change) -> str:
    """Return a change for people: ``"tilt 3 -> 8 deg down"``."""
    knob = change.knob
    if knob.kind == "carrier":
        return f"further carrier {change.value}"
    return f"{knob.kind} {_plain(knob.standing)} -> {_plain(change.value)}{_UNIT[knob.kind]}"


def change_field(change: Change) -> str:
    """Return the column of a cell plan that a change sets, ``"carrier"`` for a further cell."""
    return _FIELD[change.knob.kind]


def money_text(value: float) -> str:
    """Return a cost for people: whole, or with two decimals."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"


def per_person(step: ChangeStep | Step) -> float | None:
    """Return what a step costs for each person who gains, None where either is not known."""
    return round(step.cost / step.people, 4) if step.cost is not None and step.people > 0 else None


def tuning_json(tuning: Tuning | None) -> dict[str, Any] | None:
    """Return what is told of changes, JSON-ready; None where none was tried."""
    if tuning is None:
        return None
    return {
        "steps": change_table(tuning).astype(object).to_dict("records"),
        "people_before": {name: round(v, 2) for name, v in tuning.people_before.items()},
        "people_after": {name: round(v, 2) for name, v in tuning.people_after.items()},
        "people_lost": round(tuning.lost, 2),
        "cost": tuning.cost,
        "tries": tuning.tries,
        "could_change": tuning.knobs,
        "untried": tuning.untried,
        "ended": tuning.ended,
        "notes": list(tuning.notes),
    }


def tuning_text(tuning: Tuning, service_name: str) -> list[str]:
    """Return lines: what changes of what stands bring, and how well it was searched."""
    gained = tuning.people_after[service_name] - tuning.people_before[service_name]
    ended = _ENDED[tuning.ended]
    searched = f"{tuning.tries} tries, {ended}"
    if tuning.untried:
        searched += f"; {tuning.untried} of {tuning.knobs} things were not tried"
    if not tuning.steps:
        first = f"no change of what stands brings {service_name} to more people"
        if not tuning.knobs:
            first = "nothing that stands can be changed near people without the service"
        lines = [f"  first      {first} ({searched})"]
    else:
        lines = [
            f"  first      {len(tuning.steps)} changes of what stands bring it to {gained:,.0f} "
            f"more people for {money_text(tuning.cost)} ({searched}); {tuning.lost:,.0f} lose it"
        ]
        others = [
            f"{name} {tuning.people_after[name] - value:+,.0f}"
            for name, value in tuning.people_before.items()
            if name != service_name
        ]
        if others:
            lines.append(f"             people with other services: {', '.join(others)}")
    return lines + [f"  {note}" for note in tuning.notes]


def _plain(value: float | str) -> float | str:
    return f"{value:.10g}" if isinstance(value, float) else value
