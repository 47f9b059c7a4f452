"""``lensong timetable``: who sells when, so that all who sell at once hold."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lensong.cli.console import Console
from lensong.cli.errors import EXIT_BAD_INPUT, EXIT_NO, explains_errors
from lensong.cli.options import FiniteRange, cache_folder, run_options
from lensong.cli.sweep_cache import kept_sweeps

if TYPE_CHECKING:
    from lensong.coverage.service import Service
    from lensong.coverage.timetable.make import Timetable
    from lensong.coverage.timetable.wishes import Wishes
    from lensong.gis_data.land import Land

__all__ = ["timetable"]


@click.command(short_help="Who sells when: the most sellers whose streams hold at once.")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.argument("sellers", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder for sessions and proof.")
@click.option("--day", default="", help="Day of hours that name none, e.g. 2026-11-28.")
@click.option(
    "--duration-min",
    type=click.IntRange(5, 1440),
    default=60,
    show_default=True,
    help="Time on the air of sellers who give none [min].",
)
@click.option("--service", "service_name", help="Service of sellers who name none.")
@click.option(
    "--probability",
    type=FiniteRange(0.5, 0.999),
    help="Promised chance.  [default: that of the service]",
)
@click.option(
    "--step-min",
    type=click.IntRange(5, 240),
    default=30,
    show_default=True,
    help="Sessions begin on multiples of it, or when a seller's time begins [min].",
)
@click.option(
    "--time-limit-s",
    type=FiniteRange(1.0, 86_400.0),
    default=60.0,
    show_default=True,
    help="For the search, and as much for the cheapest change; what it cuts short is told [s].",
)
@click.option("--layer", default="", help="Sheet or layer of the list, where there are several.")
@click.option(
    "--skip-refused", is_flag=True, help="Go on although some rows cannot be taken; they are told."
)
@run_options
@explains_errors
def timetable(
    scenario: Path,
    sellers: Path,
    out: Path | None,
    day: str,
    duration_min: int,
    service_name: str | None,
    probability: float | None,
    step_min: int,
    time_limit_s: float,
    layer: str,
    skip_refused: bool,
    workers: int,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Place the sessions of SELLERS, a list, in the hours at which their sellers can.

    As many as the network of SCENARIO holds at once, or the proof that not all can be met and the
    cheapest change by which they can. The list is CSV or a workbook with columns such as seller,
    village, bitrate, hours, duration and sims: docs/how-to/timetable.md.

    Exit code 1: some wish is not met.
    """
    console = Console(quiet=quiet)
    with ExitStack() as stack:
        stack.enter_context(console.working())
        console.progress("start", 0.0, 1.0)
        from lensong.coverage.layer_model import operator_names
        from lensong.coverage.results.write import check_writable
        from lensong.coverage.scenario.inputs import read_climate, read_inputs
        from lensong.coverage.scenario.load import load_scenario
        from lensong.coverage.scenario.sellers import read_sellers
        from lensong.coverage.timetable.make import Ground, make_timetable
        from lensong.coverage.timetable.rows import ListSettings
        from lensong.coverage.warm_up import compile_kernels

        asked = load_scenario(scenario)
        service = _service(asked.services, service_name)
        if out is not None:
            check_writable(out)
        console.progress("start", 1.0, 1.0)
        land, network, _ = read_inputs(asked, console.progress)
        propagation, land = read_climate(asked, land)
        cards = asked.streams.sims or sorted(set(operator_names(network)))
        wishes = read_sellers(
            sellers,
            land,
            ListSettings(
                services=asked.services,
                service=service,
                operators=cards,
                day=day,
                minutes=duration_min,
            ),
            layer=layer,
        )
        _refuse(wishes, sellers, skip=skip_refused)
        console.progress("compiled code", 0.0, 1.0)
        compile_kernels(propagation)
        console.progress("compiled code", 1.0, 1.0)
        folder = None if no_cache else cache_folder(cache)
        # a second carrier reads the sweeps again
        store = stack.enter_context(kept_sweeps(folder, console, needed=True))
        made = make_timetable(
            wishes.taken,
            Ground(
                land=land,
                network=network,
                handset=asked.handset,
                propagation=propagation,
                streams=asked.streams,
                services=tuple(asked.services),
                cache=store,
                workers=workers,
            ),
            probability=probability or service.probability,
            step_min=step_min,
            time_limit_s=time_limit_s,
            progress=console.progress,
        )
        written = []
        if out is not None:
            from lensong.coverage.results.timetable import write_timetable

            written = write_timetable(made, wishes, land, out)
    _say(made, wishes, written, land, as_json=as_json, quiet=quiet)
    if made.unplaced:
        raise SystemExit(EXIT_NO)


def _service(services: tuple[Service, ...], name: str | None) -> Service:
    """Return the service of sellers who name none."""
    from lensong.propagation.errors import ConfigError

    streams = [s for s in services if s.uplink_mbps > 0.0]
    known = ", ".join(s.name for s in streams)
    if name is not None:
        for service in streams:
            if service.name == name:
                return service
        raise ConfigError(f"--service is {name!r}, wanted one of the scenario's: {known}")
    livestreams = [s for s in streams if s.uplink_mbps >= 1.0]
    if not livestreams:
        raise ConfigError(f"no service sends 1 Mbit/s or more: name one with --service ({known})")
    return livestreams[0]


def _refuse(wishes: Wishes, sellers: Path, *, skip: bool) -> None:
    """End where rows cannot be taken, unless they may be skipped."""
    for row in wishes.refused:
        click.echo(f"refused: {row}", err=True)
    if wishes.taken and (skip or not wishes.refused):
        return
    left = "correct them, or leave them out with --skip-refused" if wishes.taken else "correct them"
    click.echo(
        f"error: {sellers}: {len(wishes.refused)} of {wishes.rows} rows cannot be taken: {left}"
        if wishes.refused
        else f"error: {sellers} has no row below its header",
        err=True,
    )
    raise SystemExit(EXIT_BAD_INPUT)


def _say(
    made: Timetable,
    wishes: Wishes,
    written: list[Path],
    land: Land,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    if as_json:
        from lensong.coverage.timetable.tables import timetable_json

        told = timetable_json(made, wishes, land)
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    if quiet:
        return
    from lensong.coverage.timetable.text import timetable_text

    lines = [timetable_text(made, wishes)]
    if land.synthetic:
        lines += ["", "  SYNTHETIC  invented data, no real place"]
    if written:
        lines += ["", f"  written    {', '.join(str(path) for path in written)}"]
    click.echo("\n".join(lines))
