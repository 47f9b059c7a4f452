"""What `lensong site-masts` leaves on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd

from lensong.coverage.proposals import proposals_of
from lensong.coverage.results.paths import write_figure
from lensong.coverage.results.qgis import layer_styles
from lensong.coverage.results.tables import proposed_layers
from lensong.coverage.scenario.load import Scenario
from lensong.coverage.scenario.proposals import with_proposals
from lensong.coverage.scenario.save import save_scenario
from lensong.coverage.siting.change_tables import change_table
from lensong.coverage.siting.curve import curve_figure
from lensong.coverage.siting.feed_tables import feed_table, link_table
from lensong.coverage.siting.study import SitingStudy
from lensong.coverage.siting.tables import (
    candidate_table,
    siting_json,
    step_table,
    village_outcome_table,
)
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.land import Land
from lensong.gis_data.vector_write import write_csv, write_geopackage
from lensong.propagation.errors import DataError

__all__ = ["PLANNED", "check_free", "write_siting"]

PLANNED = "planned"
"""Folder of the scenario with the new masts."""


def check_free(folder: Path) -> None:
    """Refuse a folder that has the scenario of a former run.

    Raises
    ------
    DataError
        It has: somebody may have planned or changed it since.
    """
    if (folder / PLANNED).exists():
        raise DataError(
            f"{folder / PLANNED} is there already, a scenario of a former run: choose another "
            "folder, or take it away"
        )


def write_siting(
    study: SitingStudy,
    scenario: Scenario,
    folder: Path,
    notes: Sequence[str],
    land: Land,
) -> list[Path]:
    """Write the plan of masts, each file whole or not at all; return what was written.

    The scenario with the new masts is written where one is built; `lensong plan` reads it.

    Raises
    ------
    DataError
        The folder cannot be written, the disk is full, or the scenario is there already.
    """
    money = scenario.siting.money
    written = []
    for name, table in (
        ("steps.csv", step_table(study)),
        *((("changes.csv", change_table(study.tuning)),) if study.tuning else ()),
        ("candidates.csv", candidate_table(study)),
        ("villages.csv", village_outcome_table(study)),
        *(
            (("feeds.csv", feed_table(study)), ("links.csv", link_table(study)))
            if study.feeds
            else ()
        ),
    ):
        write_csv(folder / name, table)
        written.append(folder / name)
    curve = folder / "people_and_cost.png"
    write_figure(curve, curve_figure(study, form="png", money=money, synthetic=land.synthetic))
    told = siting_json(study, notes, land, money=money)
    text = json.dumps(told, ensure_ascii=False, indent=2) + "\n"
    with atomic_path(folder / "siting.json", needed_bytes=len(text)) as part:
        part.write_text(text, encoding="utf-8")
    map_file = folder / "siting.gpkg"
    write_geopackage(map_file, (layers := _layers(study, told)), styles=layer_styles(list(layers)))
    written += [curve, map_file, folder / "siting.json"]
    if study.steps or study.changes:
        title = f"{scenario.title}, {len(study.steps)} more masts"
        if study.changes:
            title += f" and {study.changes} changes"
        named = with_proposals(scenario, folder / "siting.json")
        estimated = any(mast.uncertain for mast in study.network.masts)
        written.append(
            save_scenario(
                named, study.network, folder / PLANNED, title=title, accept_masts=estimated
            )
        )
    return written


def _layers(study: SitingStudy, told: dict[str, Any]) -> dict[str, gpd.GeoDataFrame]:
    """Return villages with their outcome, the steps and the lines that feed them."""
    shapes = study.villages.geometry
    outcome = gpd.GeoDataFrame(
        village_outcome_table(study), geometry=shapes.to_numpy(), crs=shapes.crs
    )
    return {
        **proposed_layers(study.network, proposals_of(told), str(shapes.crs)),
        "outcome": outcome,
    }
