"""``lensong plan``: from a scenario to a folder of results."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from lensong.cli.agreement import Agreement
from lensong.cli.console import Console, grouped
from lensong.cli.errors import explains_errors
from lensong.cli.options import cache_folder, run_options
from lensong.cli.sweep_cache import kept_sweeps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lensong.coverage.result import PlanResult
    from lensong.coverage.results.outcome import Outcome
    from lensong.coverage.scenario.size import PlanSize

__all__ = ["plan", "run_plan"]

_CLASSES = {
    "covered": "covered",
    "patchy": "patchy",
    "no_signal": "no signal",
    "beyond_radius": "beyond the radius",
    "unknown": "unknown, no elevation",
}


@click.command(short_help="Compute coverage and write report, maps and tables.")
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the result; made if missing. Of several scenarios, each has a folder in it.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Compute on the Dask cluster at this address, as tcp://10.0.0.1:8786.",
)
@click.option("--yes", is_flag=True, help="Do not ask, however long it takes.")
@run_options
@explains_errors
@click.pass_context
def plan(
    context: click.Context,
    scenarios: tuple[Path, ...],
    out: Path,
    scheduler: str | None,
    yes: bool,
    workers: int,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compute the coverage of the network in SCENARIOS and write report, maps and tables.

    Path loss and what was laid are kept in the cache, so that a run after a change takes a fraction
    of the first, and an interrupted run goes on where it was. Several scenarios, say those
    of the provinces of a country, get one report above theirs.
    """
    console = Console(quiet=quiet)
    kept = None if no_cache else cache_folder(cache)
    if scheduler is not None:
        from lensong.propagation.errors import ConfigError

        if context.get_parameter_source("workers") is ParameterSource.COMMANDLINE:
            raise ConfigError(
                "--workers is for this machine, and --scheduler computes on others: leave one out"
            )
    plans = _folders(scenarios, out)
    with console.working():
        done = (
            _here(plans, console, workers=workers, cache=kept, yes=yes)
            if scheduler is None
            else _on_cluster(plans, console, scheduler=scheduler, cache=kept, yes=yes)
        )
        if len(done) > 1:
            from lensong.coverage.results.country import write_country

            _, note = write_country(out, done)
            if note:
                console.say(note)
    _report(done, out, as_json=as_json, quiet=quiet)


def run_plan(
    scenario: Path,
    out: Path,
    *,
    workers: int,
    cache: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Plan a scenario, write the result and print its summary."""
    console = Console(quiet=quiet)
    with console.working():
        done = _here([(scenario, out)], console, workers=workers, cache=cache, yes=True)
    _report(done, out, as_json=as_json, quiet=quiet)


def _folders(scenarios: tuple[Path, ...], out: Path) -> list[tuple[Path, Path]]:
    """Return each scenario with the folder of its result."""
    if len(scenarios) == 1:
        return [(scenarios[0], out)]
    from lensong.propagation.errors import ConfigError

    names = [scenario.stem for scenario in scenarios]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"{names.count(twice[0])} scenarios are called {twice[0]}, and each result has the "
            "folder of that name: rename their files"
        )
    return [(scenario, out / scenario.stem) for scenario in scenarios]


def _here(
    plans: list[tuple[Path, Path]],
    console: Console,
    *,
    workers: int,
    cache: Path | None,
    yes: bool,
) -> list[tuple[Path, Outcome]]:
    """Plan one scenario after the other on this machine."""
    console.progress("start", 0.0, 1.0)
    from lensong.coverage.results.outcome import Outcome

    if len(plans) == 1:
        (scenario, out), agreed = plans[0], Agreement(console, threads=workers, yes=yes)
        return [(out, Outcome.of(_one_here(scenario, out, console, workers, cache, agreed.to)))]
    _agree_to_all(plans, Agreement(console, threads=workers, yes=yes))
    return [
        (out, Outcome.of(_one_here(scenario, out, console, workers, cache, None)))
        for scenario, out in plans
    ]


def _agree_to_all(plans: list[tuple[Path, Path]], agreed: Agreement) -> None:
    """Say how large several plans are together, and ask where that is a great deal."""
    from lensong.coverage.scenario.load import load_scenario
    from lensong.coverage.scenario.network_once import NetworkOnce
    from lensong.coverage.scenario.size import size_of

    sizes, networks = [], NetworkOnce()
    for scenario, _ in plans:
        asked = load_scenario(scenario)
        sizes.append(size_of(asked, networks.read(asked.network)[0]))
    agreed.to(*sizes)


def _one_here(
    scenario: Path,
    out: Path,
    console: Console,
    workers: int,
    cache: Path | None,
    agree: Callable[[PlanSize], None] | None,
) -> PlanResult:
    from importlib.metadata import version

    with ExitStack() as stack:
        from lensong.coverage.plan import plan as compute
        from lensong.coverage.results.write import check_writable, write_result
        from lensong.coverage.scenario.inputs import read_climate, read_inputs
        from lensong.coverage.scenario.load import load_scenario
        from lensong.coverage.warm_up import compile_kernels
        from lensong.gis_data.array_cache import ArrayCache
        from lensong.gis_data.array_room import room_for

        asked = load_scenario(scenario)
        check_writable(out)
        console.progress("start", 1.0, 1.0)
        land, network, _ = read_inputs(asked, console.progress, agree)
        propagation, land = read_climate(asked, land)
        console.progress("compiled code", 0.0, 1.0)  # made on a machine's first run
        compile_kernels(propagation)
        console.progress("compiled code", 1.0, 1.0)
        store = stack.enter_context(
            kept_sweeps(cache, console, needed=asked.causes.counterfactuals > 0)
        )
        result = compute(
            land,
            network,
            title=asked.title,
            services=asked.services,
            handset=asked.handset,
            propagation=propagation,
            classes=asked.classes,
            streams=asked.streams,
            settings=asked.settings,
            causes=asked.causes,
            cache=store,
            tiles=store if isinstance(store, ArrayCache) else None,
            room=room_for(land.grid.rows * land.grid.cols, out),
            workers=workers,
            progress=console.progress,
        )
        write_result(
            result,
            out,
            lensong_version=version("lensong"),
            progress=console.share("output"),
            workers=workers,
        )
    return result


def _on_cluster(
    plans: list[tuple[Path, Path]],
    console: Console,
    *,
    scheduler: str,
    cache: Path | None,
    yes: bool,
) -> list[tuple[Path, Outcome]]:
    """Plan on the workers of a Dask cluster."""
    console.progress("start", 0.0, 1.0)
    from lensong.coverage.cluster.drive import plan_on_cluster
    from lensong.coverage.results.write import check_writable

    for _, out in plans:
        check_writable(out)
    console.progress("start", 1.0, 1.0)
    _agree_to_all(plans, Agreement(console, threads=1, yes=yes, elsewhere=True))
    done = plan_on_cluster(
        scheduler, plans, cache=cache, progress=console.progress, say=console.say
    )
    stood = sum(one.stood for one in done)
    if stood:
        console.say(
            f"{stood} of {len(done)} results stand already, of the same inputs and code, and were "
            "left as they are"
        )
    return [(one.out, one.outcome) for one in done]


def _report(done: list[tuple[Path, Outcome]], out: Path, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        found = [_as_json(outcome, folder) for folder, outcome in done]
        shown = found[0] if len(found) == 1 else found
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    elif not quiet and len(done) == 1:
        click.echo(_summary(done[0][1], done[0][0]))
    elif not quiet:
        click.echo("\n".join(_lines(done, out)))


def _lines(done: list[tuple[Path, Outcome]], out: Path) -> Iterator[str]:
    """Yield a line for each of several plans, and where they stand together."""
    from lensong.coverage.results.files import REPORT

    wide = max(len(folder.name) for folder, _ in done)
    for folder, outcome in done:
        summary = outcome.summary
        yield (
            f"{folder.name:<{wide}}  {grouped(summary['people_served'][outcome.class_service])} of "
            f"{grouped(summary['people'])} people have {outcome.class_service}; "
            f"{summary['villages_by_class'].get('covered', 0)} of {summary['villages']} villages "
            f"covered{'; SYNTHETIC' if outcome.synthetic else ''}"
        )
    yield f"report  {out / REPORT}"


def _summary(result: Outcome, out: Path) -> str:
    from lensong.coverage.results.files import REPORT

    summary = result.summary
    by_class = summary["villages_by_class"]
    villages = ", ".join(
        f"{by_class.get(key, 0)} {word}"
        for key, word in _CLASSES.items()
        if key not in ("beyond_radius", "unknown") or by_class.get(key)
    )
    served = summary["people_served"][result.class_service]
    holds = summary["people_for_whom_it_holds"][result.class_service]
    operators = summary.get("people_served_by_operator", {}).get(result.class_service, {})
    lines = [
        result.title,
        f"  villages   {villages}",
        f"  people     {grouped(served)} of {grouped(summary['people'])} "
        f"have {result.class_service}{' with any operator' if len(operators) > 1 else ''}",
        *(f"    {name}: {grouped(people)}" for name, people in operators.items()),
        f"             it holds for {grouped(holds['p05'])} to {grouped(holds['p95'])} in nine of "
        "ten draws of what is not known",
        f"  sweeps     {result.sweeps_reused} of {result.sweeps_total} from the cache",
    ]
    if result.warnings:
        lines.append(f"  warnings   {len(result.warnings)}, listed in the report")
    if result.synthetic:
        lines.append("  SYNTHETIC  invented data, no real place")
    lines.append(f"  report     {out / REPORT}")
    return "\n".join(lines)


def _as_json(result: Outcome, out: Path) -> dict[str, Any]:
    from lensong.coverage.results.files import REPORT

    return {
        "title": result.title,
        "synthetic": result.synthetic,
        "summary": result.summary,
        "sweeps_total": result.sweeps_total,
        "sweeps_reused": result.sweeps_reused,
        "assumptions": list(result.assumptions),
        "warnings": list(result.warnings),
        "report": str(out / REPORT),
    }
