"""What a siting study proposed, read from its `siting.json`: steps, lines that feed them, cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from lensong.propagation.errors import DataError

__all__ = ["STATES", "ProposalState", "Proposals", "proposals_of"]

ProposalState: TypeAlias = Literal["open", "built", "changed"]
STATES: tuple[ProposalState, ...] = ("open", "built", "changed")

Record: TypeAlias = Mapping[str, Any]  # Any: values as JSON has them

_STEP = {"step", "mast_id", "kind", "lat_deg", "lon_deg", "people", "people_in_all", "cost"}
_SHOWN = (
    "change", "cost_in_all", "cost_per_person", "backhaul", "backhaul_way", "hops",
    "availability_percent", "power", "panel_w", "battery_wh", "grid_m",
)  # fmt: skip
_COMPARED = (
    "site_id", "operator", "technology", "lat_deg", "lon_deg", "azimuth_deg", "height_agl_m",
    "mechanical_downtilt_deg", "antenna", "antenna_gain_dbi", "horizontal_beamwidth_deg",
    "vertical_beamwidth_deg", "electrical_downtilt_deg", "band", "freq_mhz", "bandwidth_mhz",
    "total_power_dbm",
)  # fmt: skip
_CELL = {"step", "cell_id", "site_id"}
_LINK = {"mast_id", "from_lat_deg", "from_lon_deg", "to_lat_deg", "to_lon_deg", "link"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """Masts and changes that `lensong site-masts` chose.

    Parameters
    ----------
    service, money : str
        People with the service were counted; unit of all costs.
    synthetic : bool
    people_before, people_promised, people_planned : float
        With the service as it stood, by the choice, and planned again.
    best_gain : float
        People who gain by the best choice there can be, at most.
    steps : tuple of dict
        As the rows of `steps.csv`, in the order in which they are built.
    feeds, links : tuple of dict
        As the rows of `feeds.csv` and `links.csv`; empty where that was no part of the choice.
    cells : tuple of dict
        Of each step the cells that it adds or changes: ``step``, and texts of
        `lensong.coverage.cellplan.write.PLAIN_COLUMNS` as they are in the end.
    """

    service: str
    money: str
    synthetic: bool
    people_before: float
    people_promised: float
    people_planned: float
    best_gain: float
    steps: tuple[Record, ...]
    feeds: tuple[Record, ...]
    links: tuple[Record, ...]
    cells: tuple[Record, ...]

    def fed(self, step: int) -> Record:
        """Return how the mast of a step is fed and powered; empty where that is not known."""
        return next((row for row in self.feeds if row.get("step") == step), {})

    def cells_of(self, step: int) -> list[dict[str, str]]:
        """Return the cells of a step, each as texts of a cell plan's columns."""
        return [
            {name: str(value) for name, value in row.items() if name != "step"}
            for row in self.cells
            if row["step"] == step
        ]

    def rows(self, states: Mapping[int, ProposalState]) -> list[dict[str, Any]]:
        """Return one row for each step with its feeding and its state, all of the same columns."""
        names = dict.fromkeys(name for row in (*self.steps, *self.feeds) for name in row)
        return [
            {
                **dict.fromkeys((*names, *_SHOWN)),
                **self.fed(step["step"]),
                **step,
                "state": states[step["step"]],
            }
            for step in self.steps
        ]

    def states(self, standing: Mapping[str, Mapping[str, str]]) -> dict[int, ProposalState]:
        """Return of each step whether it is in a network.

        Parameters
        ----------
        standing : dict
            Cell id to texts of the cell plan's columns.
        """
        return {step["step"]: self._state(step, standing) for step in self.steps}

    def _state(self, step: Record, standing: Mapping[str, Mapping[str, str]]) -> ProposalState:
        wanted = self.cells_of(step["step"])
        there = [row for row in wanted if row["cell_id"] in standing]
        field = step.get("field") or ""
        if field and field != "carrier":
            values = {_number(standing[row["cell_id"]][field]) for row in there}
            if not values or values == {_number(step["value_before"])}:
                return "open"
            return "built" if values == {_number(step["value_after"])} else "changed"
        if not there:
            masts = {row["site_id"] for row in standing.values()}
            return "changed" if not field and step["mast_id"] in masts else "open"
        same = all(_alike(standing[row["cell_id"]], row) for row in there)
        return "built" if same and len(there) == len(wanted) else "changed"


def proposals_of(told: Any) -> Proposals:  # Any: whatever the file has
    """Return the proposals in the content of a `siting.json`.

    Raises
    ------
    DataError
        It is no such content; says what is missing.
    """
    if not isinstance(told, dict) or not isinstance(told.get("steps"), list):
        raise DataError("no list of steps, wanted siting.json as `lensong site-masts` wrote it")
    try:
        return Proposals(
            service=str(told["service"]),
            money=str(told["money"]),
            synthetic=bool(told["synthetic"]),
            people_before=float(told["people_before"]),
            people_promised=float(told["people_promised"]),
            people_planned=float(told["people_planned"]),
            best_gain=float(told["people_gained_by_changes"]) + float(told["people_gained_bound"]),
            steps=_rows(told["steps"], _STEP, "steps"),
            feeds=_rows(told["feeds"], {"step", "mast_id"}, "feeds"),
            links=_rows(told["links"], _LINK, "links"),
            cells=_rows(told["cells"], _CELL, "cells"),
        )
    except KeyError as error:
        raise DataError(
            f"no {error.args[0]!r}, wanted siting.json as `lensong site-masts` of this version "
            "wrote it: choose masts again"
        ) from error
    except (TypeError, ValueError) as error:
        raise DataError(f"{error}, wanted siting.json as `lensong site-masts` wrote it") from error


def _rows(told: Sequence[Any], needed: set[str], what: str) -> tuple[Record, ...]:
    for row in told:
        missing = needed - set(row)
        if missing:
            raise KeyError(f"{what}: {min(missing)}")
    return tuple(dict(row) for row in told)


def _alike(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether two cells stand at one place and radiate alike."""
    for name in _COMPARED:
        a, b = one.get(name, ""), other.get(name, "")
        try:
            same = abs(float(a) - float(b)) < 1e-6  # degrees: a decimetre
        except ValueError:
            same = a == b
        if not same:
            return False
    return True


def _number(value: Any) -> float:
    return round(float(value), 9)
