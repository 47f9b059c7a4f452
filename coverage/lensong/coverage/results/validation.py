"""What `lensong validate` leaves on disk: page, numbers and the table of points."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from lensong.coverage.model_pages.validation_page import render_validation
from lensong.coverage.validate import Validation
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.vector_write import write_csv

__all__ = ["VALIDATION_PAGE", "write_validation"]

VALIDATION_PAGE = "validation.html"
_NUMBERS = "validation.json"
_POINTS = "validation.csv"


def write_validation(
    found: Validation, folder: Path, *, measured_file: str, lensong_version: str
) -> None:
    """Write every file of a validation.

    Parameters
    ----------
    measured_file : str
        Name of the drive test's file, for the page.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    page = render_validation(found, title=measured_file, version=lensong_version)
    numbers = json.dumps(
        {"lensong": lensong_version, "file": measured_file} | found.to_json(),
        ensure_ascii=False,
        indent=2,
    )
    for name, text in ((VALIDATION_PAGE, page), (_NUMBERS, numbers + "\n")):
        with atomic_path(folder / name, needed_bytes=len(text)) as part:
            part.write_text(text, encoding="utf-8")
    write_csv(folder / _POINTS, _points(found))


def _points(found: Validation) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": found.row + 1,
            "distance_m": found.distance_m.round(1),
            "elevation_deg": found.elevation_deg.round(3),
            "line_of_sight": found.line_of_sight,
            "clutter": found.clutter_class,
            "measured_db": found.measured_db.round(3),
            "predicted_db": found.predicted_db.round(3),
            "error_db": found.error_db.round(3),
        }
    )
