"""What `lensong compare` leaves on disk: page, numbers, tables and maps of difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from lensong.coverage.compare import Comparison, Difference
from lensong.coverage.model_pages.comparison_page import (
    BREAKS_DB,
    difference_legend,
    render_comparison,
)
from lensong.coverage.results.rasters import rgba
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.cog import LegendClass, write_cog
from lensong.gis_data.vector_write import write_csv

__all__ = ["COMPARISON_PAGE", "write_comparison"]

COMPARISON_PAGE = "comparison.html"
_NUMBERS = "comparison.json"
_VILLAGES = "villages.csv"
_DIFFERENCES = "differences.csv"


def write_comparison(found: Comparison, folder: Path, *, lensong_version: str) -> None:
    """Write every file of a comparison.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    page = render_comparison(found, version=lensong_version)
    numbers = json.dumps(found.to_json(), ensure_ascii=False, indent=2) + "\n"
    for name, text in ((COMPARISON_PAGE, page), (_NUMBERS, numbers)):
        with atomic_path(folder / name, needed_bytes=len(text)) as part:
            part.write_text(text, encoding="utf-8")
    write_csv(folder / _VILLAGES, found.villages)
    fields = list(Difference.__slots__)
    rows = [{name: getattr(d, name) for name in fields} for d in found.differences]
    write_csv(folder / _DIFFERENCES, pd.DataFrame(rows, columns=fields))
    _write_maps(found, folder, _provenance(found, lensong_version))


def _write_maps(found: Comparison, folder: Path, provenance: dict[str, Any]) -> None:
    legend = [
        LegendClass(value=low, label=words, rgba=rgba(colour))
        for low, (colour, words) in zip(
            (float("-inf"), *BREAKS_DB), difference_legend(), strict=True
        )
    ]
    for (technology, model), values in found.maps_db.items():
        write_cog(
            folder / f"{technology.lower()}_rsrp_difference_db_{model}.tif",
            values,
            found.first.land.grid,
            nodata=float("nan"),
            name="rsrp_difference_db",
            unit="dB",
            description=(
                f"RSRP by {model} minus RSRP by {found.models[0]}, {technology}"
                f"{'; SYNTHETIC DATA' if found.first.synthetic else ''}"
            ),
            legend=legend,
            provenance=provenance,
            dtype="float32",
        )


def _provenance(found: Comparison, lensong_version: str) -> dict[str, Any]:
    return {
        "lensong": lensong_version,
        "title": found.first.title,
        "models": list(found.models),
        "synthetic": found.first.synthetic,
        "inputs": [
            {"role": s.role, "path": s.path, "sha256": s.sha256} for s in found.first.land.sources
        ],
        "settings": found.first.settings,
    }
