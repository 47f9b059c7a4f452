"""What `lensong validate` of a plan leaves on disk: page, numbers, points and layers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from lensong.coverage.drive.check import PlanCheck
from lensong.coverage.drive.matched import HOW
from lensong.coverage.model_pages.plan_check_page import render_plan_check
from lensong.coverage.results.difference_points import difference_style, difference_words
from lensong.coverage.results.validation import VALIDATION_PAGE
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.qgis_styles import qml, vector_style
from lensong.gis_data.vector_write import write_csv, write_geopackage

__all__ = ["LAYERS", "write_plan_check"]

LAYERS = "validation.gpkg"
_NUMBERS = "validation.json"
_POINTS = "validation.csv"


def write_plan_check(
    found: PlanCheck, folder: Path, *, measured_files: Sequence[str], lensong_version: str
) -> None:
    """Write every file of a plan held against a drive test.

    ``validation.gpkg`` has the measured points, each with its prediction beside it, and the cells
    with their errors.

    Parameters
    ----------
    measured_files : sequence of str
        Names of the logs.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    names = ", ".join(measured_files)
    page = render_plan_check(found, measured_files=names, version=lensong_version)
    numbers = json.dumps(
        {"lensong": lensong_version, "files": list(measured_files)} | found.to_json(),
        ensure_ascii=False,
        indent=2,
    )
    for name, text in ((VALIDATION_PAGE, page), (_NUMBERS, numbers + "\n")):
        with atomic_path(folder / name, needed_bytes=len(text)) as part:
            part.write_text(text, encoding="utf-8")
    points, style = _points(found), difference_style("error_class")
    write_csv(folder / _POINTS, points)
    write_geopackage(
        folder / LAYERS,
        {
            "measured_points": gpd.GeoDataFrame(
                points,
                geometry=gpd.points_from_xy(points["lon_deg"], points["lat_deg"]),
                crs="EPSG:4326",
            ),
            "cells": _cells(found),
        },
        styles={"measured_points": qml(vector_style(style), style)},
    )


def _points(found: PlanCheck) -> pd.DataFrame:
    matched, cells = found.matched, found.network.cells
    names = found.land.clutter_names
    return pd.DataFrame(
        {
            "row": matched.first_row + 1,
            "rows": matched.rows,
            "lat_deg": matched.lat_deg.round(6),
            "lon_deg": matched.lon_deg.round(6),
            "cell_id": [cells[i].cell_id for i in matched.cell],
            "mast_id": [cells[i].mast_id for i in matched.cell],
            "found_by": [HOW[i] for i in matched.how],
            "phone": [matched.phones[i] for i in matched.phone],
            "measured_dbm": matched.measured_dbm.round(2),
            "predicted_dbm": matched.predicted_dbm.round(2),
            "error_db": matched.error_db.round(2),
            "error_class": difference_words(matched.censored_error_db),
            "at_floor": matched.at_floor,
            "distance_m": matched.distance_m.round(0),
            "azimuth_deg": matched.azimuth_deg.round(1),
            "path_loss_db": matched.path_loss_db.round(2),
            "gain_dbi": matched.gain_dbi.round(2),
            "terrain_db": matched.terrain_db.round(2),
            "clutter_db": matched.clutter_db.round(2),
            "diffraction_angle_deg": matched.diffraction_angle_deg.round(3),
            "line_of_sight": matched.line_of_sight,
            "land_cover": [names.get(int(code), "") for code in matched.clutter_class],
        }
    )


def _cells(found: PlanCheck) -> gpd.GeoDataFrame:
    masts = {mast.mast_id: mast for mast in found.network.masts}
    told = {cell_id: suspect.text for suspect in found.suspects for cell_id in suspect.cells}
    rows = []
    for i in np.unique(found.matched.cell):
        cell = found.network.cells[i]
        error = found.matched.error_db[found.matched.cell == i]
        rows.append(
            {
                "cell_id": cell.cell_id,
                "mast_id": cell.mast_id,
                "azimuth_deg": cell.azimuth_deg,
                "pixels": error.size,
                "bias_db": round(float(error.mean()), 2),
                "sd_db": round(float(error.std()), 2),
                "finding": told.get(cell.cell_id, ""),
                "lat_deg": masts[cell.mast_id].lat_deg,
                "lon_deg": masts[cell.mast_id].lon_deg,
            }
        )
    frame = pd.DataFrame(rows)
    return gpd.GeoDataFrame(
        frame, geometry=gpd.points_from_xy(frame["lon_deg"], frame["lat_deg"]), crs="EPSG:4326"
    )
