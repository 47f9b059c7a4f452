"""A plan held against a drive test: how far off, where, and what in the list of cells is odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np

from lensong.coverage.drive.matched import MatchedMeasurements
from lensong.coverage.drive.places import PlanAtPlaces
from lensong.coverage.drive.rivals import scores_of
from lensong.coverage.drive.suspects import Suspect, find_suspects
from lensong.coverage.held_out import FOLDS, SQUARE_M, FitScore, squares
from lensong.coverage.network import Network
from lensong.coverage.validate import DISTANCE_EDGES_M, Group, Statistics, statistics
from lensong.gis_data.land import Land
from lensong.propagation.types import BoolArray

__all__ = ["PlanCheck", "check_plan"]

_BEND_EDGES_DEG = (-inf, -1.0, 0.0, 0.5, 1.0, 2.0, 5.0, inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCheck:
    """What a drive test says of a plan.

    Parameters
    ----------
    title, model : str
        Of the scenario.
    synthetic : bool
    land, network : Land, Network
    matched : MatchedMeasurements
        Entry by entry.
    overall : Statistics
        Of measured minus predicted level: above 0 the plan is too pessimistic.
    groups : tuple of Group
        By distance, line of sight, diffraction angle, land cover, carrier, cell and phone.
    scores : tuple of FitScore
        The plan as it is, with a constant fitted, and the fit that knows no terrain.
    suspects : tuple of Suspect
    """

    title: str
    model: str
    synthetic: bool
    land: Land
    network: Network
    matched: MatchedMeasurements
    overall: Statistics
    groups: tuple[Group, ...]
    scores: tuple[FitScore, ...]
    suspects: tuple[Suspect, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the numbers, ready for ``json.dumps``."""
        matched = self.matched
        return {
            "title": self.title,
            "synthetic": self.synthetic,
            "model": self.model,
            "error": "measured minus predicted level",
            "entries": len(matched.measured_dbm),
            "rows": matched.log_rows,
            "overall": _rounded(self.overall),
            "groups": [
                {"split": g.split, "label": g.label} | _rounded(g.statistics) for g in self.groups
            ],
            "held_out": {
                "square_m": SQUARE_M,
                "folds": FOLDS,
                "scores": [score.to_json() for score in self.scores],
            },
            "suspects": [_known(s, Suspect.__slots__) for s in self.suspects],
            "phones": [
                {"phone": name, "offset_db": None if np.isnan(offset) else round(float(offset), 2)}
                for name, offset in zip(matched.phones, matched.phone_offset_db, strict=True)
            ],
            "left_out": matched.left_out,
            "assumptions": list(matched.assumptions),
            "warnings": list(matched.warnings),
        }


def check_plan(
    matched: MatchedMeasurements,
    plan: PlanAtPlaces,
    *,
    title: str,
) -> PlanCheck:
    """Return how far a plan is from what was measured.

    Parameters
    ----------
    matched : MatchedMeasurements
    plan : PlanAtPlaces
        Of the same measurements.
    title : str
        Of the scenario.
    """
    error = matched.censored_error_db
    return PlanCheck(
        title=title,
        model=plan.propagation.model,
        synthetic=plan.land.synthetic,
        land=plan.land,
        network=plan.network,
        matched=matched,
        overall=statistics(error),
        groups=tuple(
            Group(split=split, label=label, statistics=statistics(error[here]))
            for split, label, here in _splits(matched, plan)
            if here.any()
        ),
        scores=_scores(matched, plan),
        suspects=find_suspects(matched, plan),
    )


def _scores(matched: MatchedMeasurements, plan: PlanAtPlaces) -> tuple[FitScore, ...]:
    use = ~matched.at_floor  # a fit cannot tell how far below its floor a level is
    if not use.any():
        return ()
    error = matched.error_db[use]
    east, north = (
        np.asarray(at[use] * plan.land.grid.cell_m, dtype=np.float64)
        for at in (matched.grid_col, -matched.grid_row)
    )
    return scores_of(
        {plan.propagation.model: error},
        error - matched.path_loss_db[use],
        matched.distance_m[use],
        squares(east, north),
    )


def _splits(
    matched: MatchedMeasurements, plan: PlanAtPlaces
) -> Iterator[tuple[str, str, BoolArray]]:
    for low, high in pairwise(DISTANCE_EDGES_M):
        km = f"{low / 1e3:g} km and more" if high == inf else f"{low / 1e3:g} to {high / 1e3:g} km"
        yield "distance", km, (matched.distance_m >= low) & (matched.distance_m < high)
    sight = matched.line_of_sight
    known = np.isfinite(matched.diffraction_angle_deg)
    yield "line_of_sight", "clear over bare ground", sight & known
    yield "line_of_sight", "blocked by ground", ~sight & known
    bend = matched.diffraction_angle_deg
    for low, high in pairwise(_BEND_EDGES_DEG):
        label = _bend_label(low, high)
        yield "diffraction", label, (bend > low) & (bend <= high)
    names = plan.land.clutter_names
    for code in np.unique(matched.clutter_class):
        if plan.land.clutter_class is not None:
            label = names.get(int(code), "not known")
            yield "clutter", label, matched.clutter_class == code
    cells = plan.network.cells
    carriers = np.array([f"{c.carrier.technology} {c.carrier.name}" for c in cells], dtype=object)
    if len(set(carriers[matched.cell])) > 1:
        for name in sorted(set(carriers[matched.cell])):
            yield "carrier", str(name), np.asarray(carriers[matched.cell] == name)
    for cell in sorted(np.unique(matched.cell), key=lambda i: cells[i].cell_id):
        yield "cell", cells[cell].cell_id, matched.cell == cell
    if len(matched.phones) > 1:
        for phone, name in enumerate(matched.phones):
            yield "phone", name, matched.phone == phone


def _bend_label(low_deg: float, high_deg: float) -> str:
    if low_deg == -inf:
        return f"clear by more than {-high_deg:g}°"
    if high_deg <= 0.0:
        return f"clear by {abs(high_deg):g}° to {-low_deg:g}°"
    return f"{low_deg:g}° and more" if high_deg == inf else f"{low_deg:g}° to {high_deg:g}°"


def _rounded(found: Statistics) -> dict[str, float | int]:
    return {name: round(getattr(found, name), 3) for name in Statistics.__slots__}


def _known(one: object, names: tuple[str, ...]) -> dict[str, Any]:
    """Return fields with floats rounded, NaN as None."""
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(one, name)
        if isinstance(value, float):
            value = None if np.isnan(value) else round(value, 3)
        found[name] = list(value) if isinstance(value, tuple) else value
    return found
