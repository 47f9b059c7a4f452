"""``run.json``: how a result came about, and what a reader of it needs to know."""

from __future__ import annotations

import hashlib
import json
import platform
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lensong.coverage.report.html import result_id
from lensong.coverage.result import PlanResult

__all__ = ["provenance_of", "record_of", "record_text"]

_PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "rasterio",
    "geopandas",
    "shapely",
    "pyproj",
    "exactextract",
)


def provenance_of(result: PlanResult, lensong_version: str) -> dict[str, Any]:
    """Return what every file says of its origin: the same for the same plan."""
    return {
        "lensong": lensong_version,
        "title": result.title,
        "result_id": result_id(result),
        "synthetic": result.synthetic,
        "inputs": _inputs(result),
        "settings": result.settings,
    }


def _inputs(result: PlanResult) -> list[dict[str, str]]:
    return [
        {"role": s.role, "path": s.path, "sha256": s.sha256, "note": s.note}
        for s in result.land.sources
    ]


def record_of(
    result: PlanResult,
    provenance: dict[str, Any],
    created_at: datetime,
    part: Path,
    names: list[str],
) -> dict[str, Any]:
    """Return what ``run.json`` holds: all that a reader needs to know of the other files.

    Parameters
    ----------
    result : PlanResult
    provenance : dict
        Of `provenance_of`.
    created_at : datetime
    part : Path
        Folder where the files are.
    names : list of str
        Of the files.
    """
    grid = result.land.grid
    return provenance | {
        "created_at": created_at.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "grid": {
            "crs": grid.crs,
            "west_m": grid.west_m,
            "north_m": grid.north_m,
            "cell_m": grid.cell_m,
            "rows": grid.rows,
            "cols": grid.cols,
        },
        "technologies": list(result.layers),
        "level_sigma_db": result.level_sigma_db,
        "masts": len(result.network.masts),
        "cells": len(result.network.cells),
        "sweeps_total": result.sweeps_total,
        "sweeps_reused": result.sweeps_reused,
        "timings_s": {stage: round(s, 3) for stage, s in result.timings_s.items()},
        "summary": result.summary,
        "assumptions": list(result.assumptions),
        "warnings": list(result.warnings),
        "files": [_file_entry(part / name) for name in names],
    }


def _file_entry(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "name": path.name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def record_text(record: dict[str, Any]) -> str:
    """Return the content of ``run.json``."""
    return json.dumps(record, ensure_ascii=False, indent=2, default=str) + "\n"
