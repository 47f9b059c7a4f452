"""``lensong calibrate``: what measured levels teach of a network."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import click

from lensong.cli.console import Console
from lensong.cli.errors import EXIT_NO, explains_errors
from lensong.cli.options import cache_folder, named_pairs, run_options
from lensong.cli.service_access import Target, target_options
from lensong.cli.service_levels import levels_of_service
from lensong.cli.sweep_cache import kept_sweeps

__all__ = ["calibrate"]


@click.command(short_help="Correct levels by a drive test, proved on ground held out.")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.argument("measurements", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the result; made if missing.",
)
@click.option(
    "--quantity",
    type=click.Choice(("rsrp", "total")),
    default="rsrp",
    show_default=True,
    help="Levels are per resource element, or of the whole carrier.",
)
@click.option(
    "--column", multiple=True, metavar="ROLE=COLUMN", help="Which column is what; may repeat."
)
@click.option(
    "--where", multiple=True, metavar="COLUMN=VALUE", help="Only rows with this value; may repeat."
)
@click.option(
    "--from-service",
    is_flag=True,
    help="Learn from the levels of the service's tests: --server, or --db and --config.",
)
@click.option(
    "--next",
    "next_count",
    type=click.IntRange(0, 200),
    default=10,
    show_default=True,
    help="How many villages to name that are worth a drive next; 0 for none.",
)
@click.option("--layer", default="", help="Sheet or layer of the logs, where there are several.")
@target_options
@run_options
@explains_errors
def calibrate(
    scenario: Path,
    measurements: tuple[Path, ...],
    out: Path,
    quantity: str,
    column: tuple[str, ...],
    where: tuple[str, ...],
    layer: str,
    from_service: bool,
    next_count: int,
    server: str | None,
    person: str | None,
    password_file: Path | None,
    config_file: Path | None,
    db: str | None,
    workers: int,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Learn from the levels in MEASUREMENTS, drive-test logs, how the network of SCENARIO differs.

    What was learnt is tried on squares of land that were held out, and taken back where levels
    there get no better. `calibration.toml` in the result is for the scenario's [calibration]
    section; measured and predicted levels stay apart.

    With --from-service the levels are those that phones reported in their tests, where they were
    made.

    Exit code 1: nothing got better, and nothing is changed.
    """
    from importlib.metadata import version

    console = Console(quiet=quiet)
    with ExitStack() as stack:
        stack.enter_context(console.working())
        console.progress("start", 0.0, 1.0)
        from dataclasses import replace

        from lensong.coverage.calibration.calibrate import calibrate as learn
        from lensong.coverage.calibration.misfits import set_aside
        from lensong.coverage.calibration.tables import calibration_json, next_table
        from lensong.coverage.calibration.text import calibration_text, next_text
        from lensong.coverage.calibration.where_next import where_next
        from lensong.coverage.drive.log import LogOptions
        from lensong.coverage.drive.match import match_measurements
        from lensong.coverage.drive.suspects import find_suspects
        from lensong.coverage.results.calibration import write_calibration
        from lensong.coverage.results.write import check_writable
        from lensong.coverage.scenario.drive_test import read_drive_logs
        from lensong.coverage.scenario.inputs import read_climate, read_inputs
        from lensong.coverage.scenario.load import load_scenario
        from lensong.coverage.warm_up import compile_kernels
        from lensong.propagation.errors import ConfigError

        if from_service == bool(measurements):
            raise ConfigError(
                "measurements and --from-service are both given: choose one"
                if measurements
                else "no measurements are given: name one drive-test log or more, or --from-service"
            )
        if not from_service and (server or db or config_file):
            raise ConfigError("a service is named without --from-service: add it")
        asked = replace(load_scenario(scenario), calibration=None)  # learnt from the bare plan
        check_writable(out)
        if from_service:
            log = levels_of_service(
                Target(
                    server=server,
                    person=person,
                    password_file=password_file,
                    db=db,
                    config_file=config_file,
                )
            )
        else:
            log = read_drive_logs(
                measurements,
                LogOptions(
                    columns=named_pairs("--column", column),
                    where=named_pairs("--where", where),
                    quantity=quantity,  # type: ignore[arg-type]  # click.Choice holds it to the two
                ),
                layer=layer,
            )
        console.progress("start", 1.0, 1.0)
        land, network, _ = read_inputs(asked, console.progress)
        propagation, land = read_climate(asked, land)
        console.progress("compiled code", 0.0, 1.0)
        compile_kernels(propagation)
        console.progress("compiled code", 1.0, 1.0)
        folder = None if no_cache else cache_folder(cache)
        store = stack.enter_context(kept_sweeps(folder, console, needed=False))
        matched, plan = match_measurements(
            log,
            land,
            network,
            handset=asked.handset,
            propagation=propagation,
            cache=store,
            workers=workers,
            on_done=lambda done, total: console.progress("sweeps", done, total),
        )
        suspects = set_aside(find_suspects(matched, plan), network)
        found = learn(
            matched,
            land,
            network,
            suspects=suspects,
            progress=lambda done, total: console.progress("calibration", done, total),
        )
        villages = None
        if next_count:
            villages = where_next(
                matched,
                land,
                network,
                count=next_count,
                suspects=suspects,
                handset=asked.handset,
                propagation=propagation,
                cache=store,
                workers=workers,
                on_done=lambda done, total: console.progress("where next", done, total),
            )
        written = write_calibration(
            found,
            out,
            title=asked.title,
            measured=", ".join(path.name for path in measurements) or "tests of the service",
            lensong_version=version("lensong"),
            next_villages=villages,
        )
    if as_json:
        ahead = [] if villages is None else next_table(villages).to_dict("records")
        told = calibration_json(found) | {
            "drive_next": ahead,
            "files": [str(path) for path in written],
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif not quiet:
        lines = [calibration_text(found)]
        if villages is not None:
            lines += ["", next_text(villages)]
        if found.synthetic:
            lines += ["", "  SYNTHETIC  invented data, no real place"]
        lines += ["", f"  written    {', '.join(str(path) for path in written)}"]
        click.echo("\n".join(lines))
    if not found.changes_levels:
        raise SystemExit(EXIT_NO)
