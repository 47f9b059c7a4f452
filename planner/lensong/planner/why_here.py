"""Why a village lacks its service in a variant, and what would mend it, as edits to be sent."""

from __future__ import annotations

from functools import partial
from math import isnan
from typing import Any

import numpy as np

from lensong.coverage.causes.attribute import Explained, explain, short_places
from lensong.coverage.causes.changes import Change, changes_of_mast, edited
from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.causes.new_mast import new_mast
from lensong.coverage.indoor import level_sigma_db
from lensong.coverage.network import Cell, Network
from lensong.coverage.probability import fade_margin_db
from lensong.coverage.variant.catalogue import Catalogue, carrier_id
from lensong.coverage.variant.engine import PlanState
from lensong.coverage.village_weights import VillageWeights
from lensong.planner.bodies import CausesBody
from lensong.planner.errors import NotThereError
from lensong.planner.gained import Crowd
from lensong.planner.jobs import Job
from lensong.planner.ready import Ready
from lensong.planner.standing import Standing
from lensong.planner.views import cell_under
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import BoolArray

__all__ = ["CELL_FIELDS", "asked_of", "cell_body", "why_here"]

CELL_FIELDS = (
    "operator", "azimuth_deg", "mechanical_downtilt_deg", "electrical_downtilt_deg",
    "height_agl_m", "total_power_dbm", "feeder_loss_db", "downlink_load", "uplink_noise_rise_db",
)  # fmt: skip


def why_here(ready: Ready, now: Standing, body: CausesBody, job: Job) -> dict[str, Any]:
    """Return the cause of a gap and what changes of the network bring.

    Parameters
    ----------
    ready : Ready
    now : Standing
        Settled as far as the villages.
    body : CausesBody
        A village, whose worst half is explained by one place, or a place.
    job : Job
        Told how far it is.

    Raises
    ------
    NotThereError
        There is no such village.
    InvalidInputError
        The place lies off the grid.
    """
    engine, side, state = ready.engine, ready.side, now.state
    number, weight = asked_of(ready, body)
    if number is None:  # chances are settled at the villages only
        state = engine.judged(state, within=partial(_pixel_of, int(weight.pixel[0]), ready))
    service = next(s for s in engine.services if s.name == side.classes.service)
    crowd = Crowd.of(engine, side, state, service.name)
    judged = crowd.judged()
    links = _links(ready, state, service.name, weight.pixel)
    of_class = "patchy"
    if number is not None and now.villages is not None:
        of_class = str(now.villages.table["class"].iloc[number])
    places = short_places([of_class], judged, links, [weight])
    if not places:
        return {"cause": None, "tries": []}
    asked = Explained(
        land=ready.land,
        model=state.model,
        jobs=[ride.job for ride in state.rides],
        links=links,
        service=service,
        handset=engine.handset,
        propagation=engine.propagation,
    )
    job.step("causes", 0, 1)
    row = explain(asked, places).iloc[0]
    villages = ready.land.villages
    cause = {name: _plain(value) for name, value in row.items() if name != "village"} | {
        "village_id": None if number is None else str(villages["village_id"].iloc[number]),
        "name": "" if number is None else str(villages["name"].iloc[number]),
        "service": service.name,
    }
    if number is None:
        cause["commune"] = ""
    found: dict[str, Any] = {"cause": cause, "tries": []}
    serving = next((c for c in state.network.cells if c.cell_id == str(row["cell_id"])), None)
    if serving is None or isnan(float(row["shortfall_db"])):
        return found
    pixel = int(row["pixel"])
    lacking = judged.reason.ravel()[weight.pixel] != 0
    changes = list(
        changes_of_mast(
            state.network,
            serving,
            azimuth_deg=float(row["azimuth_deg"]),
            elevation_deg=float(row["elevation_deg"]),
            technologies=service.technologies,
        )
    )
    changes.append(new_mast(asked, serving, pixel, (weight.pixel[lacking], weight.weight[lacking])))
    wanted = [change for change in changes if not change.nothing and change.key != "fdd"]
    for done, change in enumerate(wanted):
        job.step("what would mend it", done, len(wanted))
        network = edited(state.network, change)
        after, gained = crowd.follow(network)
        margin = _links(ready, after, service.name, weight.pixel).margin_at(pixel)
        lacked = float(row["shortfall_db"])
        lacks = lacked
        if margin is not None:
            sigma = level_sigma_db(engine.propagation, engine.handset, network)
            lacks = fade_margin_db(service.probability, sigma_db=sigma) - margin
        found["tries"].append(
            {
                "change": change.key,
                "mast_id": change.mast.mast_id,
                "before": change.before,
                "after": change.after,
                "gained_db": round(lacked - lacks, 3),
                "gained_people": round(float(gained.sum()), 3),
                "gained_village_people": None
                if number is None
                else round(float(gained[number]), 3),
                "edits": _as_edits(state.network, change),
            }
        )
    return found


def asked_of(ready: Ready, body: CausesBody) -> tuple[int | None, VillageWeights]:
    """Return which village is asked about and its pixels; of a place None, and its pixel alone.

    Raises as `why_here`.
    """
    if body.village_id is not None:
        ids = [str(v) for v in ready.land.villages["village_id"]]
        if body.village_id not in ids:
            raise NotThereError(f"no village {body.village_id!r} in this plan")
        number = ids.index(body.village_id)
        return number, ready.side.weights[number]
    if body.lat_deg is None or body.lon_deg is None:
        raise InvalidInputError("a place is missing: give village_id, or lat_deg and lon_deg")
    grid = ready.land.grid
    row, col = cell_under(grid, body.lat_deg, body.lon_deg)
    if isnan(float(ready.land.ground_m[row, col])):
        raise InvalidInputError(
            f"there is no elevation at {body.lat_deg:.5f}, {body.lon_deg:.5f}: ask of another place"
        )
    return None, VillageWeights(
        pixel=np.array([row * grid.cols + col], dtype=np.int64),
        weight=np.ones(1),
        people=float("nan"),
        weighting="area",
    )


def _pixel_of(pixel: int, ready: Ready, key: tuple[int, int]) -> BoolArray:
    """Return where in a tile a pixel is, shape of a whole tile."""
    size = ready.engine.tile_px
    row, col = divmod(pixel, ready.land.grid.cols)
    found = np.zeros((size, size), dtype=np.bool_)
    if key == (row // size, col // size):
        found[row % size, col % size] = True
    return found


def _links(ready: Ready, state: PlanState, service: str, pixel: Any) -> PlaceLinks:
    """Return the nearest links of a service at the pixels of a village."""
    links = PlaceLinks.at(service, pixel, ready.land.grid)
    window = (
        int(links.row.min()),
        int(links.col.min()),
        int(links.row.max()) + 1,
        int(links.col.max()) + 1,
    )
    tile = ready.engine.lists_at(state, window)
    links.take(tile, state.model)
    return links


def _as_edits(network: Network, change: Change) -> list[dict[str, Any]]:
    """Return the bodies of the edits that make a change."""
    mast_id = change.mast.mast_id
    before = {cell.cell_id: cell for cell in network.cells}
    if not any(mast.mast_id == mast_id for mast in network.masts):
        return [
            {
                "kind": "add_mast",
                "mast_id": mast_id,
                "lat_deg": change.mast.lat_deg,
                "lon_deg": change.mast.lon_deg,
                "height_agl_m": change.mast.height_agl_m,
                "cells": [cell_body(cell) for cell in change.added],
            }
        ]
    edits: list[dict[str, Any]] = []
    for cell in change.cells:
        old = before[cell.cell_id]
        fields = {n: getattr(cell, n) for n in CELL_FIELDS if getattr(cell, n) != getattr(old, n)}
        if cell.carrier != old.carrier:
            fields["carrier"] = carrier_id(cell.carrier)
        if fields:
            edits.append({"kind": "set_cell", "cell_id": cell.cell_id, **fields})
    edits += [{"kind": "add_cell", "mast_id": mast_id, "cell": cell_body(c)} for c in change.added]
    return edits


def cell_body(cell: Cell) -> dict[str, Any]:
    """Return a cell as the API takes a new one."""
    # of a pattern file the tilt is a part, and cannot be said besides
    left_out = () if Catalogue.is_parametric(cell.antenna) else ("electrical_downtilt_deg",)
    return {
        "cell_id": cell.cell_id,
        "carrier": carrier_id(cell.carrier),
        "antenna": cell.antenna.name,
        **{name: getattr(cell, name) for name in CELL_FIELDS if name not in left_out},
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and isnan(value) else value
