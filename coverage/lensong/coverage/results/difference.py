"""Two results on disk held against each other, and what that leaves on disk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np

from lensong.coverage.diff import (
    PlanDiff,
    diff,
    input_changes,
    proposal_changes,
    setting_changes,
)
from lensong.coverage.model_pages.comparison_page import BREAKS_DB, difference_legend
from lensong.coverage.model_pages.diff_page import render_diff
from lensong.coverage.network import Technology
from lensong.coverage.results import files
from lensong.coverage.results.qgis import change_style
from lensong.coverage.results.rasters import rgba
from lensong.coverage.results.read import (
    StoredResult,
    read_counterfactuals,
    read_result,
    read_village_table,
)
from lensong.coverage.results.tables import COUNTERFACTUALS
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.cog import LegendClass, write_cog
from lensong.gis_data.gridding import onto_grid
from lensong.gis_data.qgis_styles import qml, raster_style
from lensong.gis_data.vector_write import write_csv, write_geopackage
from lensong.gis_data.vectors import read_layer
from lensong.propagation.errors import DataError
from lensong.propagation.types import Float32Array, Grid

__all__ = ["DIFF_PAGE", "ResultPair", "read_pair", "write_difference"]

DIFF_PAGE = "diff.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPair:
    """Two results and their difference.

    Parameters
    ----------
    found : PlanDiff
    before, after : StoredResult or None
        None where a village table alone was given.
    """

    found: PlanDiff
    before: StoredResult | None
    after: StoredResult | None


def read_pair(before: Path, after: Path) -> ResultPair:
    """Return what two results differ in.

    Parameters
    ----------
    before, after : Path
        Folders that `lensong plan` wrote, or village tables alone, of which neither settings nor
        levels are known.

    Raises
    ------
    DataError
        There is no result, or they cannot be compared.
    """
    found = diff(
        read_village_table(before),
        read_village_table(after),
        mends=(read_counterfactuals(before), read_counterfactuals(after)),
    )
    results = [
        read_result(folder) if (folder / files.RUN).is_file() else None
        for folder in (before, after)
    ]
    first, second = results
    if first is None or second is None:
        alone = before if first is None else after
        note = f"{alone} has no {files.RUN}: whether its settings differ is not known"
        found = replace(found, notes=(note, *found.notes))
        return ResultPair(found=found, before=first, after=second)
    changes = (
        *setting_changes(first.settings, second.settings),
        *input_changes(first.inputs, second.inputs),
    )
    return ResultPair(
        found=replace(
            found,
            settings=changes,
            proposed=proposal_changes(first.proposals(), second.proposals()),
            notes=(*_notes(first, second), *found.notes),
        ),
        before=first,
        after=second,
    )


def write_difference(pair: ResultPair, folder: Path, *, lensong_version: str) -> None:
    """Write the page with its maps, the tables, the GeoPackage and the rasters of difference.

    Raises
    ------
    DataError
        A village table alone was given, the two have no technology or no pixel in common, or the
        folder cannot be written.
    """
    before, after = pair.before, pair.after
    if before is None or after is None:
        raise DataError(f"a map needs both results whole: {pair.found.notes[0]}")
    maps_db = _maps_db(before, after)
    page = render_diff(
        pair.found,
        maps_db,
        grid=after.grid,
        places=after.villages(),
        titles=(before.title, after.title),
        synthetic=before.synthetic or after.synthetic,
        version=lensong_version,
    )
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / DIFF_PAGE, needed_bytes=len(page)) as part:
        part.write_text(page, encoding="utf-8")
    write_csv(folder / files.VILLAGES, pair.found.villages)
    write_csv(folder / files.COUNTERFACTUALS, pair.found.why.mended)
    if len(pair.found.proposed):
        write_csv(folder / files.PROPOSED, pair.found.proposed)
    write_geopackage(
        folder / files.VECTORS,
        {"villages": _outlined(pair.found, after), COUNTERFACTUALS: pair.found.why.mended},
        styles={"villages": change_style()},
    )
    legend = [
        LegendClass(value=low, label=words, rgba=rgba(colour))
        for low, (colour, words) in zip((-np.inf, *BREAKS_DB), difference_legend(), strict=True)
    ]
    for technology, values in maps_db.items():
        name = f"{technology.lower()}_rsrp_difference_db"
        write_cog(
            folder / f"{name}.tif",
            values,
            after.grid,
            nodata=float("nan"),
            name="rsrp_difference_db",
            unit="dB",
            description=f"RSRP of {after.result_id} minus RSRP of {before.result_id}, {technology}"
            f"{'; SYNTHETIC DATA' if before.synthetic or after.synthetic else ''}",
            legend=legend,
            provenance={
                "lensong": lensong_version,
                "before": before.result_id,
                "after": after.result_id,
            },
            dtype="float32",
        )
        style = qml(raster_style(legend, intervals=True))
        with atomic_path(folder / f"{name}.qml", needed_bytes=len(style)) as part:
            part.write_text(style, encoding="utf-8")


def _outlined(found: PlanDiff, after: StoredResult) -> gpd.GeoDataFrame:
    """Return the table of villages with the outlines of the second result."""
    layer = read_layer(after.folder / files.VECTORS, crs=after.grid.crs, layer="villages")
    outlines = layer.set_index(layer["village_id"].astype(str)).geometry
    missing = [v for v in found.villages["village_id"] if v not in outlines.index]
    if missing:
        raise DataError(
            f"{after.folder / files.VECTORS} has no outline of village {missing[0]}, which "
            f"{files.VILLAGES} lists: plan again into that folder"
        )
    shapes = outlines.loc[found.villages["village_id"]].to_numpy()
    return gpd.GeoDataFrame(found.villages, geometry=shapes, crs=layer.crs)


def _maps_db(before: StoredResult, after: StoredResult) -> dict[Technology, Float32Array]:
    """Return the level of the second minus that of the first, on the second's grid [dB]."""
    shared = [name for name in after.technologies if name in before.technologies]
    if not shared:
        raise DataError(
            f"the first result has {', '.join(before.technologies)}, the second "
            f"{', '.join(after.technologies)}: they have no technology in common to map"
        )
    maps_db: dict[Technology, Float32Array] = {}
    for technology in shared:
        first = onto_grid(before.layer(technology, files.RSRP_DBM), before.grid, after.grid)
        maps_db[technology] = after.layer(technology, files.RSRP_DBM) - first
    if not any(np.isfinite(values).any() for values in maps_db.values()):
        raise DataError(
            f"the results have no pixel with a level in common: {_grid(before.grid)} and "
            f"{_grid(after.grid)}"
        )
    return maps_db


def _notes(before: StoredResult, after: StoredResult) -> tuple[str, ...]:
    notes = []
    if before.grid != after.grid:
        notes.append(
            f"the grids differ, {_grid(before.grid)} and {_grid(after.grid)}: a part of what "
            "changed may come of that; maps show the first on the grid of the second (bilinear)"
        )
    if before.synthetic != after.synthetic:
        which = "first" if before.synthetic else "second"
        notes.append(f"the {which} result is of synthetic data, the other is not")
    return tuple(notes)


def _grid(grid: Grid) -> str:
    return (
        f"{grid.rows} x {grid.cols} cells of {grid.cell_m:g} m from "
        f"{grid.west_m:.0f} E {grid.north_m:.0f} N ({grid.crs})"
    )
