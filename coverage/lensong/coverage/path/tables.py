"""A path as JSON and as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from lensong.coverage.path.budget import PathBudget
from lensong.coverage.path.clearance import Clearance, Edge, ray_amsl_m
from lensong.coverage.path.levels import CellLevel
from lensong.coverage.path.line import End, Line
from lensong.coverage.path.losses import ModelLoss
from lensong.coverage.path.study import PathStudy
from lensong.coverage.path.words import decided_by, edge_told, shortly, sight_told
from lensong.propagation.diffraction import EARTH_RADIUS_KM
from lensong.propagation.profile import earth_bulge_m, fresnel_radius_m

__all__ = ["path_json", "plain", "profile_table", "ranking_json", "ranking_table"]


def profile_table(line: Line, median: Clearance, low: Clearance, freq_mhz: float) -> pd.DataFrame:
    """Return a profile, one row for each point of the surface, from the first end on."""
    d = line.surface_distance_m
    ray = ray_amsl_m(line, d)
    places = np.array([line.lat_lon(float(at)) for at in d])
    columns: dict[str, Any] = {
        "distance_m": d.round(2),
        "lat_deg": places[:, 0].round(6),
        "lon_deg": places[:, 1].round(6),
        "ground_amsl_m": line.surface_ground_m.round(2),
        "clutter_m": (line.surface_amsl_m - line.surface_ground_m).round(2),
        "line_amsl_m": ray.round(2),
        "fresnel_m": fresnel_radius_m(d, line.path_m, freq_mhz=freq_mhz).round(2),
    }
    for name, passes in (("median", median), ("low", low)):
        bulge = earth_bulge_m(
            d, line.path_m, effective_radius_m=1000.0 * passes.k * EARTH_RADIUS_KM
        )
        columns[f"bulge_{name}_k_m"] = bulge.round(2)
        columns[f"clearance_{name}_k_m"] = (ray - bulge - line.surface_amsl_m).round(2)
    return pd.DataFrame(columns)


def path_json(study: PathStudy) -> dict[str, Any]:
    """Return everything that a study found, JSON-ready: what is not known is null."""
    line = study.line
    budget = study.budget
    found = {
        "from": _end(line.tx, line),
        "to": _end(line.rx, line),
        "path_m": line.path_m,
        "slant_m": line.slant_m,
        "freq_mhz": study.freq_mhz,
        "settings": {
            "delta_n_per_km": study.settings.delta_n_per_km,
            "n0": study.settings.n0,
            "time_percent": study.settings.time_percent,
            "polarization": study.settings.polarization,
            "terminal_clearing_m": study.settings.terminal_clearing_m,
            "model": study.settings.model,
        },
        "clearance": {
            "median_k": _clearance(study.median, line, study.cover_at_edge),
            "low_k": _clearance(study.low, line, study.cover_at_low_edge),
        },
        "losses": [_loss(loss) for loss in study.losses],
        "cell": None if study.level is None else cell_json(study.level),
        "budget": None if budget is None else _budget(budget),
        "profile": profile_table(line, study.median, study.low, study.freq_mhz).to_dict("list"),
        "notes": list(study.notes),
    }
    return dict(plain(found))


def cell_json(level: CellLevel) -> dict[str, Any]:
    """Return a cell at a place."""
    most, parts = decided_by(level)
    return {
        "cell_id": level.cell.cell_id,
        "mast_id": level.cell.mast_id,
        "operator": level.cell.operator,
        "technology": level.cell.carrier.technology,
        "carrier": level.cell.carrier.name,
        "freq_mhz": level.cell.carrier.downlink_freq_mhz,
        "distance_m": level.line.path_m,
        "in_radius": level.in_radius,
        "rsrp_dbm": level.rsrp_dbm,
        "path_loss_db": level.loss.path_loss_db,
        "model": level.loss.model,
        "gain_dbi": level.gain_dbi,
        "off_beam_db": level.off_beam_db,
        "azimuth_deg": level.azimuth_deg,
        "departure_deg": level.departure_deg,
        "line_of_sight": level.clearance.line_of_sight,
        "decided_by": most,
        "parts_db": parts,
        "edge": _edge(level.clearance.edge),
        "told": shortly(level),
    }


def ranking_json(place: End, found: Sequence[CellLevel], without: Sequence[str]) -> dict[str, Any]:
    """Return the cells at a place, the strongest first."""
    return dict(
        plain(
            {
                "place": {
                    "name": place.name,
                    "lat_deg": place.lat_deg,
                    "lon_deg": place.lon_deg,
                    "height_agl_m": place.height_agl_m,
                },
                "cells": [cell_json(level) for level in found],
                "without_path": list(without),
            }
        )
    )


def ranking_table(found: Sequence[CellLevel]) -> pd.DataFrame:
    """Return the cells at a place as a table, the strongest first."""
    rows = []
    for number, level in enumerate(found, start=1):
        cell = cell_json(level)
        edge, parts = cell.pop("edge"), cell.pop("parts_db")
        rows.append(
            {"rank": number, **cell}
            | {f"{key}_db": value for key, value in parts.items()}
            | {f"edge_{key}": value for key, value in edge.items()}
        )
    return pd.DataFrame(rows).round(4)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: numbers rounded to what they mean, null for what is none."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)
    return round(number, 6) if isfinite(number) else None


def _end(end: End, line: Line) -> dict[str, Any]:
    at = 0 if end is line.tx else -1
    return {
        "name": end.name,
        "lat_deg": end.lat_deg,
        "lon_deg": end.lon_deg,
        "height_agl_m": end.height_agl_m,
        "ground_amsl_m": float(line.samples.terrain_amsl_m[at]),
    }


def _edge(edge: Edge) -> dict[str, Any]:
    return {**asdict(edge), "what": edge.what, "clearance_share": edge.clearance_share}


def _clearance(passes: Clearance, line: Line, cover: str) -> dict[str, Any]:
    return {
        "k": passes.k,
        "line_of_sight": passes.line_of_sight,
        "sight": sight_told(passes),
        "decides": _edge(passes.edge),
        "told": edge_told(passes, from_name=line.tx.name, cover=cover),
        "tx_horizon": None if passes.tx_horizon is None else _edge(passes.tx_horizon),
        "rx_horizon": None if passes.rx_horizon is None else _edge(passes.rx_horizon),
    }


def _budget(budget: PathBudget) -> dict[str, Any]:
    margins = [
        {**asdict(margin), "short_db": margin.short_db, "limiting": margin.limiting}
        for margin in budget.services
    ]
    return {**asdict(budget), "services": margins}


def _loss(loss: ModelLoss) -> dict[str, Any]:
    return {
        "model": loss.model,
        "title": loss.title,
        "source": loss.source,
        "path_loss_db": loss.path_loss_db,
        "why_not": loss.why_not,
        "steps": [asdict(term) for term in loss.ladder],
        "terms": loss.terms,
    }
