"""A plan as files: tables, rasters, report and the record of the run."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import geopandas as gpd
import pandas as pd

from lensong.coverage.network import Mast
from lensong.coverage.report.html import render_report, result_id
from lensong.coverage.result import PlanResult
from lensong.coverage.results.kmz import write_coverage_kmz
from lensong.coverage.results.rasters import Step, raster_steps
from lensong.gis_data.atomic import atomic_path, write_error
from lensong.gis_data.vector_write import write_csv, write_geopackage
from lensong.propagation.errors import DataError

__all__ = ["write_outputs"]

_RUN = "run.json"
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

Progress = Callable[[float], None]  # takes the share that is done, 0..1


def write_outputs(
    result: PlanResult,
    folder: Path,
    *,
    lensong_version: str,
    progress: Progress | None = None,
    created_at: datetime | None = None,
) -> list[Path]:
    """Write every file of a plan and return their paths.

    All files are made in a hidden folder inside ``folder`` and moved into place when the last one
    is complete: an interrupted run leaves the older result as it was. Files that an earlier
    run listed in its ``run.json`` and that this plan does not have are removed.

    Parameters
    ----------
    result : PlanResult
    folder : Path
        Made when missing.
    lensong_version : str
        For the provenance of each file.
    progress : callable, optional
        Called with the share done, 0 to 1.
    created_at : datetime, optional
        For ``run.json``, the one file that differs between two runs of one plan; now by default.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    steps = list(_steps(result, lensong_version))
    part = folder / f".{uuid4().hex[:12]}.part"
    try:
        part.mkdir(parents=True)
        for done, (name, write) in enumerate(steps):
            if progress is not None:
                progress(done / len(steps))
            write(part / name)
        names = [name for name, _ in steps]
        record = _record(result, lensong_version, created_at or datetime.now(UTC), part, names)
        (part / _RUN).write_text(_json(record), encoding="utf-8")
        written = _move(part, folder, [*names, _RUN])
    except OSError as error:
        raise write_error(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if progress is not None:
        progress(1.0)
    return written


def _steps(result: PlanResult, lensong_version: str) -> Iterator[Step]:
    yield "villages.gpkg", lambda path: write_geopackage(path, _vector_layers(result))
    yield "villages.csv", lambda path: write_csv(path, _village_table(result))
    provenance = _provenance(result, lensong_version)
    for technology, layers in result.layers.items():
        yield from raster_steps(result, technology, layers, provenance)
    yield "coverage.kmz", lambda path: write_coverage_kmz(path, result)
    yield "report.html", lambda path: _write_report(path, result)


def _move(part: Path, folder: Path, names: list[str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    stale = _listed(folder / _RUN) - set(names)
    for name in names:  # the record comes last: it never lists a file that is not there
        os.replace(part / name, folder / name)
    for name in stale:
        (folder / name).unlink(missing_ok=True)
    return [folder / name for name in names]


def _listed(run_file: Path) -> set[str]:
    """Return the files that an earlier run wrote, as its record lists them."""
    try:
        files = json.loads(run_file.read_text("utf-8"))["files"]
        names = {str(entry["name"]) for entry in files}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if Path(name).name == name}


# Tables -----------------------------------------------------------------------------------------


def _vector_layers(result: PlanResult) -> dict[str, gpd.GeoDataFrame]:
    layers = {"villages": result.villages}
    if result.communes is not None:
        layers["communes"] = result.communes
    if result.provinces is not None:
        layers["provinces"] = result.provinces
    return layers | {"masts": _masts(result), "cells": _cells(result), "gaps": result.gaps}


def _village_table(result: PlanResult) -> pd.DataFrame:
    return pd.DataFrame(
        result.villages.drop(columns=["geometry", "centre_easting_m", "centre_northing_m"])
    )


def _masts(result: PlanResult) -> gpd.GeoDataFrame:
    counts = pd.Series([cell.mast_id for cell in result.network.cells], dtype=object).value_counts()
    rows = [
        {
            "mast_id": mast.mast_id,
            "name": mast.name,
            "operator": mast.operator,
            "height_agl_m": mast.height_agl_m,
            "backhaul": mast.backhaul,
            "power_supply": mast.power_supply,
            "uncertain": mast.uncertain,
            "cells": int(counts.get(mast.mast_id, 0)),
            "lat_deg": mast.lat_deg,
            "lon_deg": mast.lon_deg,
        }
        for mast in result.network.masts
    ]
    return _placed(rows, list(result.network.masts), result)


def _cells(result: PlanResult) -> gpd.GeoDataFrame:
    masts = {mast.mast_id: mast for mast in result.network.masts}
    rows = [
        {
            "cell_id": cell.cell_id,
            "mast_id": cell.mast_id,
            "operator": cell.operator,
            "technology": cell.carrier.technology,
            "carrier": cell.carrier.name,
            "downlink_freq_mhz": cell.carrier.downlink_freq_mhz,
            "uplink_freq_mhz": cell.carrier.uplink_freq_mhz,
            "bandwidth_mhz": cell.carrier.bandwidth_mhz,
            "duplex": cell.carrier.duplex,
            "antenna": cell.antenna.name,
            "gain_dbi": cell.antenna.gain_dbi,
            "azimuth_deg": cell.azimuth_deg,
            "mechanical_downtilt_deg": cell.mechanical_downtilt_deg,
            "electrical_downtilt_deg": cell.electrical_downtilt_deg,
            "height_agl_m": cell.height_agl_m,
            "total_power_dbm": cell.total_power_dbm,
            "feeder_loss_db": cell.feeder_loss_db,
            "downlink_load": cell.downlink_load,
            "uplink_noise_rise_db": cell.uplink_noise_rise_db,
            "radius_m": cell.radius_m,
            "uncertain": cell.uncertain,
            "assumed": ", ".join(cell.assumed),
        }
        for cell in result.network.cells
    ]
    return _placed(rows, [masts[cell.mast_id] for cell in result.network.cells], result)


def _placed(rows: list[dict[str, Any]], masts: list[Mast], result: PlanResult) -> gpd.GeoDataFrame:
    """Return rows as points in the grid's system."""
    places = gpd.points_from_xy([m.lon_deg for m in masts], [m.lat_deg for m in masts])
    table = gpd.GeoDataFrame(pd.DataFrame(rows), geometry=places, crs=4326)
    return table.to_crs(result.land.grid.crs)


# Report and record ------------------------------------------------------------------------------


def _write_report(path: Path, result: PlanResult) -> None:
    script, style = _maplibre()
    text = render_report(result, maplibre_js=script, maplibre_css=style)
    with atomic_path(path, needed_bytes=len(text)) as part:
        part.write_text(text, encoding="utf-8")


def _maplibre() -> tuple[str, str]:
    """Return the script and the style sheet out of the installed ``maplibre`` package.

    The package is found but not imported: its import loads widgets and logs warnings.
    """
    found = find_spec("maplibre")
    folders = list(found.submodule_search_locations or []) if found else []
    for folder in folders:
        files = [Path(folder) / "srcjs" / f"maplibre-gl.{kind}" for kind in ("js", "css")]
        if all(file.is_file() for file in files):
            return files[0].read_text("utf-8"), files[1].read_text("utf-8")
    raise DataError(
        "the Python package maplibre, which carries the map of the report, is not installed or "
        "lacks srcjs/maplibre-gl.js: install lensong again with its dependencies"
    )


def _provenance(result: PlanResult, lensong_version: str) -> dict[str, Any]:
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


def _record(
    result: PlanResult, lensong_version: str, created_at: datetime, part: Path, names: list[str]
) -> dict[str, Any]:
    grid = result.land.grid
    return _provenance(result, lensong_version) | {
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


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, indent=2, default=str) + "\n"
