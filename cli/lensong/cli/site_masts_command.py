"""``lensong site-masts``: which masts bring a service to most people, with a bound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lensong.cli.console import Console
from lensong.cli.errors import EXIT_NO, explains_errors
from lensong.cli.options import FiniteRange, cache_folder, run_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lensong.coverage.network import Network
    from lensong.coverage.service import Service
    from lensong.coverage.siting.candidates import Candidate
    from lensong.coverage.siting.feeds import Feeds
    from lensong.coverage.siting.search import FeedData
    from lensong.coverage.sweeps import PropagationSettings
    from lensong.gis_data.land import Land

__all__ = ["site_masts"]

_In = click.Path(dir_okay=False, path_type=Path)


@click.command("site-masts", short_help="Which masts serve most people for the money, proved.")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--candidates", type=_In, help="List of places: a cell list, `cost` besides.")
@click.option("--layer", default="", help="Sheet or layer of the list, where there are several.")
@click.option(
    "--standing/--no-standing",
    default=True,
    show_default=True,
    help="Whether structures of the scenario's cell list without 4G are candidates.",
)
@click.option(
    "--summits",
    type=click.IntRange(0, 2000),
    default=0,
    show_default=True,
    help="So many summits and shoulders that see people without the service are candidates.",
)
@click.option(
    "--relays",
    type=click.IntRange(0, 2000),
    default=0,
    show_default=True,
    help="So many summits over which hops reach candidates that nothing feeds are candidates too.",
)
@click.option("--exclude", type=_In, help="Areas where no summit is taken, a vector file.")
@click.option(
    "--within-km",
    type=FiniteRange(0.1, 100.0),
    default=3.0,
    show_default=True,
    help="From a village with a gap to a structure or summit, at most [km].",
)
@click.option("--operator", default="", help="Whose the new cells are.  [default: as lists say]")
@click.option("--service", "service_name", help="People with it count.  [default: class service]")
@click.option("--budget", type=FiniteRange(min=0.0), help="In the unit of the costs.")
@click.option("--masts", "most_masts", type=click.IntRange(min=0), help="At most so many.")
@click.option(
    "--changes/--no-changes",
    default=True,
    show_default=True,
    help="Whether cells that stand are changed first, as far as [siting.changes] has costs.",
)
@click.option(
    "--tries",
    type=click.IntRange(1, 1_000_000),
    default=400,
    show_default=True,
    help="Changes that are planned at most.",
)
@click.option(
    "--changes-limit-s",
    type=FiniteRange(1.0, 86_400.0),
    default=60.0,
    show_default=True,
    help="For changes; where it ends first, that is told, and more time may find more [s].",
)
@click.option(
    "--tolerance-percent",
    type=FiniteRange(0.0, 100.0),
    default=1.0,
    show_default=True,
    help="Planned again may differ so much from promised, of the people who gain [%].",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 100),
    default=4,
    show_default=True,
    help="Choices at most, each planned again, until that holds.",
)
@click.option(
    "--gap-percent",
    type=FiniteRange(0.0, 100.0),
    default=0.1,
    show_default=True,
    help="The search ends so near to the best possible [%].",
)
@click.option(
    "--time-limit-s",
    type=FiniteRange(1.0, 86_400.0),
    default=600.0,
    show_default=True,
    help="For the choice, after what each candidate brings is planned [s].",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for files.")
@run_options
@explains_errors
def site_masts(
    scenario: Path,
    candidates: Path | None,
    layer: str,
    standing: bool,
    summits: int,
    relays: int,
    exclude: Path | None,
    within_km: float,
    operator: str,
    service_name: str | None,
    budget: float | None,
    most_masts: int | None,
    changes: bool,
    tries: int,
    changes_limit_s: float,
    tolerance_percent: float,
    rounds: int,
    gap_percent: float,
    time_limit_s: float,
    out: Path | None,
    workers: int,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Choose among candidates the masts that bring a service to most people.

    First come changes of what stands: tilt, azimuth, power, further carriers. What each candidate
    brings is planned with the network of SCENARIO; the choice is planned again as a whole. Costs
    come from the list of candidates and [siting] of the scenario: give --budget, or count with
    --masts; with --masts 0 changes alone.

    Exit codes: 0 the choice is proved to be as near to the best as asked; 1 it is not, or nothing
    is built; 2 bad input.
    """
    console = Console(quiet=quiet)
    with console.working():
        console.progress("start", 0.0, 1.0)
        from lensong.coverage.results.siting import check_free, write_siting
        from lensong.coverage.results.write import check_writable
        from lensong.coverage.scenario.feeding import read_feeding
        from lensong.coverage.scenario.inputs import read_climate, read_inputs
        from lensong.coverage.scenario.load import load_scenario
        from lensong.coverage.scenario.siting import (
            Sources,
            read_candidates,
            read_listed,
            with_relays,
        )
        from lensong.coverage.siting.change_tables import NO_CHANGES
        from lensong.coverage.siting.coordinate_search import SearchLimits
        from lensong.coverage.siting.gains import Planner
        from lensong.coverage.siting.study import Limits, study_siting
        from lensong.coverage.siting.tuning import tune
        from lensong.coverage.variant.engine import PlanEngine
        from lensong.coverage.variant.villages import VillageSide
        from lensong.coverage.warm_up import compile_kernels
        from lensong.gis_data.array_store import ArrayStore
        from lensong.propagation.errors import ConfigError

        if budget is None and most_masts is None:
            raise ConfigError("no limit is given: say --budget, or count masts with --masts")
        if exclude is not None and not (summits or relays):
            raise ConfigError("--exclude is for summits: ask for some with --summits or --relays")
        if layer and candidates is None:
            raise ConfigError("--layer is of a list of candidates: give --candidates")
        asked = load_scenario(scenario)
        service = _service(asked.services, service_name or asked.classes.service)
        if out is not None:
            check_free(out)
            check_writable(out)
        console.progress("start", 1.0, 1.0)
        land, network, _ = read_inputs(asked, console.progress)
        propagation, land = read_climate(asked, land)
        sources = Sources(
            file=candidates,
            layer=layer,
            standing=standing,
            summits=summits,
            relays=relays,
            exclude=exclude,
            within_m=1000.0 * within_km,
            operator=operator,
        )
        listed = read_listed(asked, land, network, sources)
        feed_data = read_feeding(asked.siting.feeding, land.grid, budget=budget is not None)
        console.progress("compiled code", 0.0, 1.0)
        compile_kernels(propagation)
        console.progress("compiled code", 1.0, 1.0)
        engine = PlanEngine(
            land,
            services=asked.services,
            handset=asked.handset,
            propagation=propagation,
            cache=None if no_cache else ArrayStore(cache_folder(cache)),
            workers=workers,
        )
        planner = Planner(
            engine, VillageSide(engine, classes=asked.classes), network, console.progress
        )
        found = read_candidates(
            asked,
            land,
            network,
            planner.before,
            service,
            sources,
            listed,
            needed=most_masts != 0,
        )
        tuning, notes = None, found.notes
        if changes and asked.siting.changes.tried:
            tuning = tune(
                planner,
                service,
                asked.siting.changes,
                asked.network.assume,
                land.grid,
                SearchLimits(
                    budget=budget,
                    most_cost_per_person=asked.siting.changes.most_cost_per_person,
                    tries=tries,
                    time_limit_s=changes_limit_s,
                ),
                lambda done, total: console.progress("changes", done, total),
            )
            planner = tuning.planner
        elif changes:
            notes = (*notes, NO_CHANGES)
        feeds = _feeds(console, found.candidates, network, land, propagation, feed_data)
        if relays:
            if feeds is None:
                raise ConfigError("--relays is for hops: give [siting.microwave] in the scenario")
            found = with_relays(asked, land, network, found, feeds, sources)
            notes = (*notes, found.notes[-1])
            feeds = _feeds(console, found.candidates, network, land, propagation, feed_data)
        if feeds is not None:
            notes = (*notes, *feeds.notes)
        study = study_siting(
            planner,
            found.candidates,
            service,
            Limits(
                budget=None if budget is None else budget - (tuning.cost if tuning else 0.0),
                most_masts=most_masts,
                gap_percent=gap_percent,
                time_limit_s=time_limit_s,
                tolerance_percent=tolerance_percent,
                rounds=rounds,
            ),
            land.grid,
            covered_share=asked.classes.covered_share,
            tuning=tuning,
            feeds=feeds,
            progress=console.progress,
        )
        written = []
        if out is not None:
            written = write_siting(study, asked, out, notes, land)
    if as_json:
        from lensong.coverage.siting.tables import siting_json

        told = siting_json(study, notes, land, money=asked.siting.money)
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif not quiet:
        from lensong.coverage.siting.tables import siting_text

        lines = [siting_text(study, notes, money=asked.siting.money)]
        if land.synthetic:
            lines += ["", "  SYNTHETIC  invented data, no real place"]
        if written:
            lines += ["", f"  written    {', '.join(str(path) for path in written)}"]
        click.echo("\n".join(lines))
    if study.siting.ended != "proved" or not (study.steps or study.changes):
        raise SystemExit(EXIT_NO)


def _feeds(
    console: Console,
    candidates: Sequence[Candidate],
    network: Network,
    land: Land,
    propagation: PropagationSettings,
    data: FeedData,
) -> Feeds | None:
    from lensong.coverage.siting.find_feeds import find_feeds

    return find_feeds(
        candidates,
        network,
        land,
        propagation,
        data,
        lambda done, total: console.progress("feeding", done, total),
    )


def _service(services: tuple[Service, ...], name: str) -> Service:
    from lensong.propagation.errors import ConfigError

    for service in services:
        if service.name == name:
            return service
    known = ", ".join(service.name for service in services)
    raise ConfigError(f"--service is {name!r}, wanted one of the scenario's: {known}")
