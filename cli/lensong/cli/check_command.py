"""``lensong check``: read everything that a plan would read, and tell what it is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lensong.cli.console import Console, grouped
from lensong.cli.errors import EXIT_NO, explains_errors
from lensong.cli.options import json_option, quiet_option

if TYPE_CHECKING:
    from lensong.coverage.cellplan.report import ImportReport
    from lensong.coverage.ground_check import GroundCheck
    from lensong.coverage.network import Network
    from lensong.gis_data.land import Land

__all__ = ["check"]


@click.command(short_help="Read all inputs without computing: what was taken for what.")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--rows",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what each row of the cell list became, as a plan's cells_as_read.csv.",
)
@json_option
@quiet_option
@explains_errors
def check(scenario: Path, rows: Path | None, as_json: bool, quiet: bool) -> None:
    """Read all inputs of SCENARIO without computing: what was taken for what, and what is odd.

    Ends with 0 when all is well, 1 when there are warnings, 2 when a plan could not be made.
    """
    console = Console(quiet=quiet)
    with console.working():
        console.progress("start", 0.0, 1.0)
        from lensong.coverage.scenario.inputs import read_inputs
        from lensong.coverage.scenario.load import load_scenario

        asked = load_scenario(scenario)
        console.progress("start", 1.0, 1.0)
        land, network, report = read_inputs(asked, console.progress)
        from lensong.coverage.ground_check import check_ground

        ground = check_ground(land, network)
    warnings = [*network.warnings, *land.warnings, *ground.warnings()]
    if rows is not None:
        from lensong.coverage.results.tables import as_read_table
        from lensong.gis_data.vector_write import write_csv

        write_csv(rows, as_read_table(network.as_read))
    if as_json:
        found = _as_json(asked.title, land, network, report, warnings)
        found["ground"] = ground.as_json()
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    elif not quiet:
        click.echo(_text(asked.title, land, network, report, ground, warnings))
    if warnings:
        raise SystemExit(EXIT_NO)


def _text(
    title: str,
    land: Land,
    network: Network,
    report: ImportReport,
    ground: GroundCheck,
    warnings: list[str],
) -> str:
    from lensong.coverage.cellplan.report import describe_import, describe_rows

    people = float(land.villages["population"].sum())
    west, south, east, north = land.grid.bounds_m
    lines = [
        title,
        "",
        "LAND",
        f"grid: {land.grid.rows} x {land.grid.cols} cells of {land.grid.cell_m:g} m "
        f"({(east - west) / 1e3:.1f} x {(north - south) / 1e3:.1f} km), {land.grid.crs}",
        f"villages: {len(land.villages)}, with {grouped(people)} people",
        *([f"communes: {len(land.communes)}"] if land.communes is not None else []),
        *(f"{s.role}: {s.path}{f' ({s.note})' if s.note else ''}" for s in land.sources),
        "",
        "GROUND",
        *ground.lines(),
        "",
        "NETWORK",
        f"{_counted(len(network.masts), 'mast')}, {_counted(len(network.cells), 'cell')}",
        *(f"  {_counted(n, 'cell'):>9}  {carrier}" for carrier, n in _carriers(network).items()),
        describe_import(report),
        "",
        "CELL LIST, ROW BY ROW (all of it: --rows cells_as_read.csv)",
        *describe_rows(network.as_read),
    ]
    for heading, sentences in (
        ("ASSUMPTIONS", [*network.assumptions, *land.assumptions]),
        ("WARNINGS", warnings),
    ):
        if sentences:
            lines += ["", heading, *(f"- {sentence}" for sentence in sentences)]
    if not warnings:
        lines += ["", "Nothing looks wrong."]
    return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _carriers(network: Network) -> dict[str, int]:
    counts: dict[str, int] = {}
    for cell in network.cells:
        carrier = cell.carrier
        name = f"{carrier.technology} {carrier.name}, {carrier.duplex}"
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def _as_json(
    title: str, land: Land, network: Network, report: ImportReport, warnings: list[str]
) -> dict[str, Any]:
    return {
        "title": title,
        "grid": {
            "crs": land.grid.crs,
            "cell_m": land.grid.cell_m,
            "rows": land.grid.rows,
            "cols": land.grid.cols,
        },
        "villages": len(land.villages),
        "communes": None if land.communes is None else len(land.communes),
        "sources": [{"role": s.role, "path": s.path, "sha256": s.sha256} for s in land.sources],
        "masts": len(network.masts),
        "cells": len(network.cells),
        "carriers": _carriers(network),
        "format": report.format,
        "mapped": report.mapped,
        "ignored": list(report.ignored),
        "assumed": report.assumed,
        "skipped": report.skipped,
        "merged": report.merged,
        "rows": [asdict(entry) for entry in network.as_read],
        "notes": list(report.notes),
        "assumptions": [*network.assumptions, *land.assumptions],
        "warnings": warnings,
    }
