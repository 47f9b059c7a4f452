"""What a siting study chose, beside a variant: its steps, their state, and edits either way."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lensong.coverage.cellplan.write import PLAIN_COLUMNS, standing_rows
from lensong.coverage.network import Network
from lensong.coverage.proposals import Proposals
from lensong.coverage.scenario.inputs import read_network
from lensong.planner.errors import NotThereError
from lensong.planner.read_file import edits_of
from lensong.planner.ready import Ready

__all__ = ["proposals_said", "step_edits"]


def proposals_said(ready: Ready, network: Network) -> dict[str, Any]:
    """Return what was chosen, each step with its state in a network.

    Raises
    ------
    NotThereError
        The scenario names no siting study.
    """
    found = _proposals(ready)
    return {
        "service": found.service,
        "money": found.money,
        "synthetic": found.synthetic,
        "people_before": found.people_before,
        "people_promised": found.people_promised,
        "people_planned": found.people_planned,
        "steps": found.rows(found.states(standing_rows(network))),
        "links": [dict(link) for link in found.links],
    }


def step_edits(ready: Ready, network: Network, number: int) -> dict[str, Any]:
    """Return the edits that bring a step into a network, and those that take it out again.

    Parameters
    ----------
    ready : Ready
    network : Network
        That the edits are for.
    number : int
        Of the step.

    Raises
    ------
    NotThereError
        The scenario names no siting study, or it has no such step.
    LensongError
        The cells of the step cannot be made here.
    """
    found = _proposals(ready)
    step = next((row for row in found.steps if row["step"] == number), None)
    if step is None:
        raise NotThereError(f"there is no step {number}, wanted 1 to {len(found.steps)}")
    rows = found.cells_of(number)
    field = step.get("field") or ""
    there = {cell.cell_id for cell in network.cells}
    if field and field != "carrier":
        cells = [row["cell_id"] for row in rows if row["cell_id"] in there]
        return {
            "take": [_set(cell_id, field, step["value_after"]) for cell_id in cells],
            "back": [_set(cell_id, field, step["value_before"]) for cell_id in cells],
        }
    back: list[dict[str, Any]]
    if field:
        back = [
            {"kind": "remove_cell", "cell_id": row["cell_id"]}
            for row in rows
            if row["cell_id"] in there
        ]
    else:
        masts = {mast.mast_id for mast in network.masts}
        back = [
            {"kind": "remove_mast", "mast_id": name}
            for name in {row["site_id"]: None for row in rows}
            if name in masts
        ]
    return {"take": edits_of(network, _read(ready, rows)), "back": back}


def _proposals(ready: Ready) -> Proposals:
    found = ready.network.proposals
    if found is None:
        raise NotThereError("the scenario names no proposals: set siting.proposals in it")
    return found


def _set(cell_id: str, field: str, value: Any) -> dict[str, Any]:
    return {"kind": "set_cell", "cell_id": cell_id, field: value}


def _read(ready: Ready, rows: list[dict[str, str]]) -> Network:
    """Return the cells of rows as a scenario's own cell plan would have them."""
    with TemporaryDirectory(prefix="lensong-planner-") as folder:
        path = Path(folder) / "cells.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, PLAIN_COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        asked = replace(
            ready.scenario.network,
            tables={"main": path},
            columns={name: name for name in PLAIN_COLUMNS},
            format="plain",
            power="total",
            height_unit="m",
            crs=None,
            layer="",
            operators=(),
            technologies=(),
            proposals=None,
        )
        read, _ = read_network(asked)
    return read
