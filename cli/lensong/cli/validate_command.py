"""``lensong validate``: a model, or a whole plan, held against a drive test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from click.core import ParameterSource

from lensong.cli.console import Console
from lensong.cli.errors import explains_errors
from lensong.cli.options import FiniteRange, named_pairs, run_options
from lensong.cli.validate_plan import HELD_OUT_HEAD, told, validate_plan

if TYPE_CHECKING:
    from lensong.coverage.measurements import Transmitter
    from lensong.coverage.validate import Validation

__all__ = ["validate"]

_CLUTTER = ("none", "itu_r_p2108_terrestrial", "itu_r_p2108_down_looking")
_Path = click.Path(path_type=Path)


_OF_PLANS = ("quantity", "layer", "workers", "cache", "no_cache")
_OF_BOTH = ("measurements", "scenario", "model", "out", "column", "where", "as_json", "quiet")


@click.command(short_help="Hold a model, or a whole plan, against a drive test.")
@click.argument("measurements", type=_Path, nargs=-1, required=True)
@click.option(
    "--scenario", type=_Path, help="Hold the plan of this scenario against the drive test."
)
@click.option(
    "--model",
    help="Name from `lensong models`, e.g. p1812; with --scenario, in place of the scenario's.",
)
@click.option(
    "--quantity",
    type=click.Choice(("rsrp", "total")),
    default="rsrp",
    show_default=True,
    help="Levels are those of a resource element, or of the whole carrier; with --scenario.",
)
@click.option("--layer", default="", help="Of a GeoPackage or workbook; with --scenario.")
@click.option("--out", required=True, type=_Path, help="Folder of the result; made if missing.")
@click.option("--dem", multiple=True, type=_Path, help="Elevation, file or folder; may repeat.")
@click.option("--resolution-m", default=30.0, show_default=True, help="Cell of the terrain [m].")
@click.option("--land-cover", type=_Path, help="Land cover raster, for clutter in the profile.")
@click.option("--land-cover-table", type=_Path, help="Its classes; default ESA WorldCover.")
@click.option(
    "--clutter-heights",
    multiple=True,
    type=_Path,
    help="Raster of heights of trees and houses, before those of classes; may repeat.",
)
@click.option(
    "--clutter-heights-kind",
    type=click.Choice(("above_ground", "surface")),
    default="above_ground",
    show_default=True,
    help="What it holds; of a surface model --dem is taken.",
)
@click.option("--transmitter", metavar="LAT,LON,HEIGHT", help="Degrees, and metres above ground.")
@click.option("--receiver", metavar="LAT,LON", help="Degrees, of a receiver that stands still.")
@click.option("--tx-ground-m", type=float, help="Ground at the transmitter above sea level [m].")
@click.option("--rx-ground-m", type=float, help="Ground at the receiver above sea level [m].")
@click.option("--freq-mhz", type=float, help="Frequency [MHz].")
@click.option("--rx-height-m", type=float, help="Receiver above ground [m].")
@click.option(
    "--eirp-dbm",
    type=float,
    help="EIRP of what was measured; for RSRP, of one resource element [dBm].",
)
@click.option("--rx-gain-dbi", default=0.0, show_default=True, help="Receiving antenna [dBi].")
@click.option(
    "--clutter",
    type=click.Choice(_CLUTTER),
    default="none",
    show_default=True,
    help="Loss among houses, added at the phone.",
)
@click.option("--delta-n", default=44.0, show_default=True, help="Lapse of refractivity [N/km].")
@click.option("--n0", default=365.5, show_default=True, help="Sea-level refractivity [N].")
@click.option(
    "--terminal-clearing-m",
    type=FiniteRange(0.0, 500.0),
    default=50.0,
    show_default=True,
    help="Clutter nearer than this to either end does not count [m].",
)
@click.option(
    "--column", multiple=True, metavar="ROLE=COLUMN", help="Which column is what; may repeat."
)
@click.option(
    "--where", multiple=True, metavar="COLUMN=VALUE", help="Only rows with this value; may repeat."
)
@run_options
@click.pass_context
@explains_errors
def validate(
    context: click.Context,
    measurements: tuple[Path, ...],
    scenario: Path | None,
    model: str | None,
    quantity: Literal["rsrp", "total"],
    layer: str,
    out: Path,
    dem: tuple[Path, ...],
    resolution_m: float,
    land_cover: Path | None,
    land_cover_table: Path | None,
    clutter_heights: tuple[Path, ...],
    clutter_heights_kind: str,
    transmitter: str | None,
    receiver: str | None,
    tx_ground_m: float | None,
    rx_ground_m: float | None,
    freq_mhz: float | None,
    rx_height_m: float | None,
    eirp_dbm: float | None,
    rx_gain_dbi: float,
    clutter: str,
    delta_n: float,
    n0: float,
    terminal_clearing_m: float,
    column: tuple[str, ...],
    where: tuple[str, ...],
    workers: int,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Tell how far a model is from the drive test in MEASUREMENTS.

    Columns are found by their names: position or distance, and path loss, field strength, RSRP or
    another level; logs of G-NetTrack, Network Survey, Nemo and others. What the file does not say
    is given by options.

    With --scenario, the drive test is held against all cells of a plan, with their patterns and
    powers; each of several files is a phone of its own.
    """
    from dataclasses import replace
    from importlib.metadata import version

    _refuse_idle_options(context, with_plan=scenario is not None)
    if scenario is not None:
        validate_plan(
            measurements,
            scenario,
            model=model,
            quantity=quantity,
            layer=layer,
            columns=named_pairs("--column", column),
            where=named_pairs("--where", where),
            out=out,
            workers=workers,
            cache=cache,
            no_cache=no_cache,
            as_json=as_json,
            quiet=quiet,
        )
        return
    one_file = _one_file(measurements)
    console = Console(quiet=quiet)
    with console.working():
        console.progress("start", 0.0, 1.0)
        from lensong.coverage.measured_paths import predict
        from lensong.coverage.measurements import MeasurementOptions
        from lensong.coverage.results.validation import write_validation
        from lensong.coverage.scenario.drive_test import places_of, read_drive_test
        from lensong.coverage.scenario.ground import read_ground
        from lensong.coverage.sweeps import PropagationSettings
        from lensong.coverage.validate import validate as hold_against
        from lensong.propagation.errors import ConfigError
        from lensong.propagation.models import model as known_model

        if model is None:
            raise ConfigError(
                "neither --model nor --scenario is given: name a model (`lensong models` lists "
                "them), or the scenario whose plan is to be held against the drive test"
            )
        name = known_model(model).name
        if land_cover is not None and not dem:
            raise ConfigError("--land-cover is given without --dem: heights of trees need ground")
        if clutter_heights and not dem:
            raise ConfigError(
                "--clutter-heights is given without --dem: heights of trees need ground"
            )
        options = MeasurementOptions(
            transmitter=_transmitter(transmitter),
            receiver=_receiver(receiver),
            tx_ground_amsl_m=tx_ground_m,
            rx_ground_amsl_m=rx_ground_m,
            freq_mhz=freq_mhz,
            rx_height_agl_m=rx_height_m,
            eirp_dbm=eirp_dbm,
            rx_gain_dbi=rx_gain_dbi,
            columns=named_pairs("--column", column),
            where=named_pairs("--where", where),
        )
        measured = read_drive_test(one_file, options)
        console.progress("start", 1.0, 1.0)
        ground = None
        assumed: tuple[str, ...] = ()
        warned: tuple[str, ...] = ()
        if dem:
            ground, assumed, warned = read_ground(
                *places_of(measured),
                dem,
                resolution_m=resolution_m,
                land_cover=land_cover,
                land_cover_table=land_cover_table,
                clutter_heights=clutter_heights,
                clutter_heights_kind=clutter_heights_kind,
                progress=lambda stage, share: console.progress(stage, share, 1.0),
            )
        predicted = predict(
            measured,
            name,
            ground=ground,
            clutter=clutter,  # type: ignore[arg-type]  # click.Choice holds it to the three
            settings=PropagationSettings(
                delta_n_per_km=delta_n, n0=n0, terminal_clearing_m=terminal_clearing_m
            ),
            progress=lambda done, total: console.progress("paths", done, total),
        )
        found = hold_against(measured, predicted)
        found = replace(
            found,
            assumptions=(*found.assumptions, *assumed),
            warnings=(*found.warnings, *warned),
        )
        write_validation(
            found, out, measured_file=one_file.name, lensong_version=version("lensong")
        )
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    elif not quiet:
        click.echo(_text(found, out))


def _refuse_idle_options(context: click.Context, *, with_plan: bool) -> None:
    """Refuse options that would change nothing."""
    given = [
        parameter.opts[-1]
        for parameter in context.command.params
        if context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        and (
            parameter.name not in (*_OF_BOTH, *_OF_PLANS)
            if with_plan
            else parameter.name in _OF_PLANS
        )
    ]
    if given:
        why = "the scenario says it" if with_plan else "it is for plans: give --scenario"
        raise click.UsageError(f"{', '.join(given)} changes nothing here: {why}")


def _one_file(measurements: tuple[Path, ...]) -> Path:
    if len(measurements) > 1:
        raise click.UsageError(
            f"{len(measurements)} files are given, wanted one: several are several phones of a "
            "drive test against a plan (--scenario)"
        )
    return measurements[0]


def _transmitter(text: str | None) -> Transmitter | None:
    from lensong.coverage.measurements import Transmitter

    if text is None:
        return None
    lat_deg, lon_deg, height_m = _numbers(
        "--transmitter", text, 3, "latitude, longitude and height above ground: 22.35,103.65,42"
    )
    return Transmitter(lat_deg=lat_deg, lon_deg=lon_deg, height_agl_m=height_m)


def _receiver(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    lat_deg, lon_deg = _numbers("--receiver", text, 2, "latitude and longitude: 22.35,103.65")
    return lat_deg, lon_deg


def _numbers(option: str, text: str, count: int, wanted: str) -> list[float]:
    from lensong.propagation.errors import ConfigError

    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise ConfigError(f"{option} is {text!r}, wanted {wanted}")
    return numbers


def _text(found: Validation, out: Path) -> str:
    from lensong.coverage.results.validation import VALIDATION_PAGE

    known = found.offset_db is None
    lines = [
        f"{found.model}{'' if found.clutter == 'none' else ' + ' + found.clutter}, "
        f"{found.overall.n} of {found.rows} rows; error = predicted - measured loss",
        "",
        f"{'[dB]':<34}{'n':>7}{'bias':>8}{'sd':>7}{'RMSE':>7}"
        f"{'p50 |error|':>13}{'p95 |error|':>13}",
    ]
    rows = [("all", found.overall)]
    rows += [(f"{g.split}: {g.label}", g.statistics) for g in found.groups]
    for label, s in rows:
        bias = f"{s.bias_db:+.1f}" if known or label != "all" else "-"
        lines.append(
            f"{label:<34}{s.n:>7}{bias:>8}{s.sd_db:>7.1f}{s.rmse_db:>7.1f}"
            f"{s.p50_abs_db:>13.1f}{s.p95_abs_db:>13.1f}"
        )
    if found.scores:
        lines += ["", HELD_OUT_HEAD]
        lines += [f"  {s.name:<52}{told(s.mae_db)}{told(s.rmse_db)}" for s in found.scores]
    if found.offset_db is not None:
        lines += [
            "",
            "EIRP not known: one constant was fitted, as if the EIRP were "
            f"{found.offset_db:.1f} dBm; a bias cannot be told.",
        ]
    lines += [f"  {count} left out: {reason}" for reason, count in found.left_out.items()]
    lines += ["", f"  page       {out / VALIDATION_PAGE}"]
    return "\n".join(lines)
