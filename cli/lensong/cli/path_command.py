"""``lensong path``: one path seen, or the cells at a place ranked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lensong.cli.console import Console
from lensong.cli.errors import explains_errors
from lensong.cli.options import FiniteRange, json_option, quiet_option
from lensong.cli.path_inputs import (
    GROUND_FILES,
    air_of_maps,
    ground_options,
    output_options,
    parse_place,
    read_given_land,
    read_planned,
)

if TYPE_CHECKING:
    from lensong.cli.path_inputs import GivenLand, Planned
    from lensong.coverage.path.levels import Levels
    from lensong.coverage.path.line import End
    from lensong.coverage.path.study import PathStudy

__all__ = ["path"]

_AIR = ("delta_n", "n0", "time_percent", "polarization", "terminal_clearing_m")
_MAPS = "itu_maps"


@click.command(short_help="One path: terrain, Fresnel zone, loss by models, link budget.")
@click.argument("scenario", required=False, type=click.Path(path_type=Path))
@click.option("--cell", "cell_id", help="Cell of the scenario.  [default: the strongest there]")
@click.option("--village", help="Village of the scenario, by name or id.")
@click.option("--to", "to_place", metavar="LAT,LON[,HEIGHT]", help="The other end.")
@click.option("--from", "from_place", metavar="LAT,LON,HEIGHT", help="The first end, no cell.")
@click.option("--all-cells", is_flag=True, help="Rank all cells in reach of the place.")
@click.option("--frequency-mhz", type=float, help="Frequency [MHz]; a cell has its own.")
@click.option(
    "--model", "models", multiple=True, help="Model beside P.1812 and the plan's; may repeat."
)
@click.option(
    "--k-low",
    type=FiniteRange(0.1, 2.0),
    default=2.0 / 3.0,
    show_default="2/3",
    help="Second effective Earth radius factor; the first is the median, from Delta-N.",
)
@click.option("--delta-n", type=float, help="Lapse of refractivity [N/km].  [default: 44]")
@click.option("--n0", type=float, help="Sea-level refractivity [N].  [default: 365.5]")
@click.option("--time-percent", type=float, help="Loss not exceeded for it [%].  [default: 50]")
@click.option("--polarization", type=click.Choice(("vertical", "horizontal")))
@click.option(
    "--terminal-clearing-m",
    type=FiniteRange(0.0, 500.0),
    help="Clutter nearer than this to either end does not count [m].  [default: 50]",
)
@ground_options
@output_options
@json_option
@quiet_option
@explains_errors
def path(
    scenario: Path | None,
    cell_id: str | None,
    village: str | None,
    to_place: str | None,
    from_place: str | None,
    all_cells: bool,
    frequency_mhz: float | None,
    models: tuple[str, ...],
    k_low: float,
    csv_file: Path | None,
    svg: Path | None,
    png: Path | None,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Show one path: what stands in its way, what it loses, what is left of the budget.

    \b
    lensong path scenario.toml --cell ID --village NAME
    lensong path scenario.toml --to LAT,LON --all-cells
    lensong path --from LAT,LON,HEIGHT --to LAT,LON,HEIGHT --elevation dem.tif --frequency-mhz 1800

    With a scenario the phone, the air and the services are the scenario's; --to may end in another
    height above ground.
    """  # noqa: D301 (click wants the backslash)
    console = Console(quiet=quiet)
    with console.working():
        console.progress("start", 0.0, 1.0)
        from lensong.propagation.errors import ConfigError
        from lensong.propagation.models import model as known_model

        for name in models:
            known_model(name)
        _check(scenario, cell_id, village, to_place, from_place, all_cells, frequency_mhz, given)
        if all_cells and (svg or png):
            raise ConfigError("--all-cells makes no figure: leave it out, or name one --cell")
        console.progress("start", 1.0, 1.0)
        planned = None if scenario is None else read_planned(scenario, console)
        if planned is not None and from_place is None:
            levels, place = _place(planned, village, to_place)
            if all_cells:
                _rank(levels, place, csv_file, as_json=as_json, quiet=quiet)
                return
            study, warnings, synthetic = _of_cell(planned, levels, place, cell_id, models, k_low)
        else:
            land = planned.as_given() if planned else _files(from_place, to_place, given, console)
            study = _of_line(
                land, planned, from_place, to_place, frequency_mhz, models, k_low, given
            )
            warnings, synthetic = land.warnings, land.synthetic
            study = replace(study, notes=(*study.notes, *land.assumptions))
        _write(study, csv_file, svg, png, synthetic=synthetic)
    _say(study, warnings, (svg, png, csv_file), as_json=as_json, quiet=quiet, synthetic=synthetic)


def _check(
    scenario: Path | None,
    cell_id: str | None,
    village: str | None,
    to_place: str | None,
    from_place: str | None,
    all_cells: bool,
    frequency_mhz: float | None,
    given: dict[str, Any],
) -> None:
    """Refuse options that contradict each other or would decide nothing."""
    from lensong.propagation.errors import ConfigError

    if village is not None and to_place is not None:
        raise ConfigError("--village and --to both name the far end, wanted one of them")
    if village is None and to_place is None:
        raise ConfigError("the far end is missing: name it with --to LAT,LON or --village NAME")
    if scenario is None:
        named = {"--cell": cell_id, "--village": village, "--all-cells": all_cells or None}
        for option, value in named.items():
            if value is not None:
                raise ConfigError(f"{option} is of a scenario: name the scenario's file first")
        if from_place is None:
            raise ConfigError("the first end is missing: --from LAT,LON,HEIGHT, or a scenario")
    else:
        for name in (*GROUND_FILES, *_AIR, _MAPS):
            if given[name] not in (None, ()):
                raise ConfigError(
                    f"--{name.replace('_', '-')} is in the scenario already: change it there"
                )
    if to_place is not None:
        parse_place("--to", to_place, height=None if from_place is None else True)
    if from_place is None:
        if frequency_mhz is not None:
            raise ConfigError("--frequency-mhz is that of the cell: leave it out, or give --from")
        if all_cells and cell_id is not None:
            raise ConfigError("--all-cells and --cell contradict each other, wanted one of them")
        return
    if cell_id is not None or all_cells:
        raise ConfigError("--from names the first end, and so does --cell: wanted one of them")
    parse_place("--from", from_place, height=True)
    if frequency_mhz is None:
        raise ConfigError("the frequency is missing: give --frequency-mhz")
    if not 0.0 < frequency_mhz <= 1e6:
        raise ConfigError(
            f"--frequency-mhz is {frequency_mhz:g}, wanted above 0, in MHz: 1800 is 1.8 GHz"
        )


def _place(planned: Planned, village: str | None, to_place: str | None) -> tuple[Levels, End]:
    from lensong.coverage.path.levels import Levels
    from lensong.coverage.path.study import find_village

    handset, name = planned.asked.handset, ""
    if village is not None:
        name, lat_deg, lon_deg = find_village(planned.land, village)
    else:
        lat_deg, lon_deg, height_m = parse_place("--to", str(to_place), height=None)
        if height_m is not None:
            handset = replace(handset, height_agl_m=height_m)
    levels = Levels(planned.land, planned.network, handset, planned.propagation)
    return levels, levels.place(lat_deg, lon_deg, name=name)


def _of_cell(
    planned: Planned,
    levels: Levels,
    place: End,
    cell_id: str | None,
    models: tuple[str, ...],
    k_low: float,
) -> tuple[PathStudy, tuple[str, ...], bool]:
    from lensong.coverage.path.study import find_cell, study_cell

    cell = None if cell_id is None else find_cell(planned.network, cell_id)
    study, _, without = study_cell(
        levels,
        planned.land,
        planned.asked.services,
        place,
        cell=cell,
        models=models,
        k_low=k_low,
    )
    warnings = (*planned.land.warnings, *planned.network.warnings, *without)
    return study, warnings, planned.land.synthetic


def _files(
    from_place: str | None, to_place: str | None, given: dict[str, Any], console: Console
) -> GivenLand:
    places = [
        parse_place("--from", str(from_place), height=True)[:2],
        parse_place("--to", str(to_place), height=True)[:2],
    ]
    return read_given_land(places, **{name: given[name] for name in GROUND_FILES}, console=console)


def _of_line(
    land: GivenLand,
    planned: Planned | None,
    from_place: str | None,
    to_place: str | None,
    frequency_mhz: float | None,
    models: tuple[str, ...],
    k_low: float,
    given: dict[str, Any],
) -> PathStudy:
    from lensong.coverage.path.line import draw_line, end_at
    from lensong.coverage.path.study import study_line
    from lensong.coverage.sweeps import PropagationSettings
    from lensong.propagation.errors import ConfigError

    if to_place is None:
        raise ConfigError("--from is given with --village: wanted --to LAT,LON,HEIGHT")
    ends = []
    for option, text, name in (("--from", str(from_place), "A"), ("--to", to_place, "B")):
        lat_deg, lon_deg, height_m = parse_place(option, text, height=True)
        ends.append(end_at(land.grid, lat_deg, lon_deg, float(height_m or 0.0), name=name))
    settings = PropagationSettings()
    if planned is not None:
        settings = planned.propagation
    else:
        names = {"delta_n": "delta_n_per_km"}
        chosen = {names.get(n, n): given[n] for n in _AIR if given[n] is not None}
        if given[_MAPS] is not None and {"delta_n_per_km", "n0"} & set(chosen):
            raise ConfigError("--itu-maps has Delta-N and N0: leave --delta-n and --n0 out")
        settings = replace(settings, **chosen)
        places = [(end.lat_deg, end.lon_deg) for end in ends]
        settings = air_of_maps(settings, given[_MAPS], places)
    line = draw_line(
        land.terrain,
        land.grid,
        ends[0],
        ends[1],
        terminal_clearing_m=settings.terminal_clearing_m,
    )
    wanted = [*models] if planned is None else [settings.model, *models]
    return study_line(
        line, freq_mhz=float(frequency_mhz or 0.0), models=wanted, settings=settings, k_low=k_low
    )


def _rank(levels: Levels, place: End, csv_file: Path | None, *, as_json: bool, quiet: bool) -> None:
    from lensong.coverage.path.tables import ranking_json, ranking_table
    from lensong.coverage.path.text import ranking_text
    from lensong.coverage.results.paths import write_path_table

    found, without = levels.in_reach(place)
    if csv_file is not None:
        write_path_table(csv_file, ranking_table(found))
    if as_json:
        click.echo(json.dumps(ranking_json(place, found, without), ensure_ascii=False, indent=2))
    elif not quiet:
        click.echo(ranking_text(place, found, without))


def _write(
    study: PathStudy,
    csv_file: Path | None,
    svg: Path | None,
    png: Path | None,
    *,
    synthetic: bool,
) -> None:
    from lensong.coverage.results.paths import write_figure, write_path_table

    if csv_file is not None:
        from lensong.coverage.path.tables import profile_table

        table = profile_table(study.line, study.median, study.low, study.freq_mhz)
        write_path_table(csv_file, table)
    if svg is not None or png is not None:
        from lensong.coverage.path.figure import study_figure

        if svg is not None:
            write_figure(svg, study_figure(study, form="svg", synthetic=synthetic))
        if png is not None:
            write_figure(png, study_figure(study, form="png", synthetic=synthetic))


def _say(
    study: PathStudy,
    warnings: tuple[str, ...],
    files: tuple[Path | None, ...],
    *,
    as_json: bool,
    quiet: bool,
    synthetic: bool,
) -> None:
    if as_json:
        from lensong.coverage.path.tables import path_json

        found = path_json(study) | {"warnings": list(warnings), "synthetic": synthetic}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    elif not quiet:
        from lensong.coverage.path.text import path_text

        lines = [path_text(study)]
        if warnings:
            lines += ["", "WARNINGS", *(f"- {text}" for text in warnings)]
        if synthetic:
            lines += ["", "  SYNTHETIC  invented data, no real place"]
        written = [str(file) for file in files if file is not None]
        if written:
            lines += ["", f"  written    {', '.join(written)}"]
        click.echo("\n".join(lines))
