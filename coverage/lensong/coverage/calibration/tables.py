"""A calibration as numbers, ready for ``json.dumps``."""

from __future__ import annotations

from math import isfinite
from typing import Any

import pandas as pd

from lensong.coverage.calibration.calibration import Calibration, Term
from lensong.coverage.calibration.spread import COVERAGES, PATH_CLASSES
from lensong.coverage.calibration.where_next import WhereNext

__all__ = ["calibration_json", "next_table"]


def calibration_json(found: Calibration) -> dict[str, Any]:
    """Return what a calibration found, without its spots."""
    return {
        "stage": found.stage,
        "unseen_cells": found.unseen,
        "spots": int(found.spots.east_m.size),
        "merged_m": found.merged_m,
        "synthetic": found.synthetic,
        "error": "predicted level minus measured level",
        "held_out": [
            {
                "block_m": row.block_m or None,
                "blocks": row.blocks,
                "spots": row.spots,
                "rmse_db": {name: _rounded(v) for name, v in row.rmse_db.items()},
                "mae_db": {name: _rounded(v) for name, v in row.mae_db.items()},
                "rmse_fell_share": _rounded(1.0 - row.rmse_db[found.stage] / row.rmse_db["none"]),
            }
            for row in found.held_out
        ],
        "shared": _terms(found.shared),
        "classes": _terms(found.classes),
        "phones": _terms(found.phones),
        "field": {
            "sd_db": _rounded(found.field.sd_db),
            "length_m": _rounded(found.field.length_m),
            "noise_db": _rounded(found.field.noise_db),
            "correlation": found.field.correlation,
        },
        "cells": [
            {
                "cell_id": row.cell_id,
                "spots": row.spots,
                "fate": row.fate,
                "why": row.why,
                "bias": _term(row.bias),
            }
            for row in found.cells
        ],
        "places": [
            {
                "mast_id": row.mast_id,
                "height_agl_m": row.height_agl_m,
                "freq_mhz": row.freq_mhz,
                "spots": row.spots,
                "calibrated": row.calibrated,
                "rmse_before_db": _rounded(row.rmse_before_db),
                "rmse_after_db": _rounded(row.rmse_after_db),
                "terms": _terms(row.terms),
            }
            for row in found.places
        ],
        "spread": None
        if found.spread is None
        else [
            {
                "sight": sight,
                "nearest_from_m": low,
                "nearest_to_m": high if isfinite(high) else None,
                "spots": row.spots,
                "rmse_db": _rounded(row.rmse_db),
                "half_width": {
                    f"{share:g}": _rounded(width)
                    for share, width in zip(COVERAGES, row.half_width, strict=True)
                },
            }
            for (sight, low, high), row in zip(PATH_CLASSES, found.spread.rows, strict=True)
        ],
        "notes": list(found.notes),
    }


def next_table(found: WhereNext) -> pd.DataFrame:
    """Return the villages to measure next, one per row, in their order."""
    return pd.DataFrame(
        [
            {
                "order": number,
                "village_id": one.village_id,
                "name": one.name,
                "lat_deg": round(one.lat_deg, 6),
                "lon_deg": round(one.lon_deg, 6),
                "people": round(one.people, 1),
                "uncertainty_left_share": round(one.left_share, 4),
            }
            for number, one in enumerate(found.villages, start=1)
        ]
    )


def _rounded(value: float) -> float | None:
    return round(float(value), 3) if isfinite(value) else None


def _term(term: Term) -> dict[str, float | None]:
    return {"value": _rounded(term.value), "sd": _rounded(term.sd)}


def _terms(terms: dict[str, Term]) -> dict[str, dict[str, float | None]]:
    return {name: _term(term) for name, term in terms.items()}
