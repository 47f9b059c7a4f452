"""``lensong plan``: from a scenario to a folder of results."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lensong.cli.console import Console, grouped
from lensong.cli.errors import explains_errors
from lensong.cli.options import cache_folder, run_options
from lensong.cli.sweep_cache import kept_sweeps

if TYPE_CHECKING:
    from lensong.coverage.result import PlanResult

__all__ = ["plan", "run_plan"]

_CLASSES = {
    "covered": "covered",
    "patchy": "patchy",
    "no_signal": "no signal",
    "beyond_radius": "beyond the radius",
    "unknown": "unknown, no elevation",
}


@click.command(short_help="Compute coverage and write report, maps and tables.")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the result; made if missing.",
)
@run_options
@explains_errors
def plan(
    scenario: Path,
    out: Path,
    workers: int,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compute the coverage of the network in SCENARIO and write report, maps and tables.

    Path loss is kept in the cache, so that a run after a change of tilt, power or service only
    takes seconds, and an interrupted run goes on where it was.
    """
    run_plan(
        scenario,
        out,
        workers=workers,
        cache=None if no_cache else cache_folder(cache),
        as_json=as_json,
        quiet=quiet,
    )


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
    from importlib.metadata import version

    console = Console(quiet=quiet)
    with ExitStack() as stack:
        stack.enter_context(console.working())
        console.progress("start", 0.0, 1.0)
        from lensong.coverage.plan import plan as compute
        from lensong.coverage.results.write import check_writable, write_result
        from lensong.coverage.scenario.inputs import read_climate, read_inputs
        from lensong.coverage.scenario.load import load_scenario
        from lensong.coverage.warm_up import compile_kernels

        asked = load_scenario(scenario)
        check_writable(out)
        console.progress("start", 1.0, 1.0)
        land, network, _ = read_inputs(asked, console.progress)
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
            workers=workers,
            progress=console.progress,
        )
        write_result(
            result, out, lensong_version=version("lensong"), progress=console.share("output")
        )
    if as_json:
        click.echo(json.dumps(_as_json(result, out), ensure_ascii=False, indent=2))
    elif not quiet:
        click.echo(_summary(result, out))


def _summary(result: PlanResult, out: Path) -> str:
    from lensong.coverage.results.files import REPORT

    summary = result.summary
    by_class = summary["villages_by_class"]
    villages = ", ".join(
        f"{by_class.get(key, 0)} {word}"
        for key, word in _CLASSES.items()
        if key not in ("beyond_radius", "unknown") or by_class.get(key)
    )
    served = summary["people_served"][result.class_service]
    operators = summary.get("people_served_by_operator", {}).get(result.class_service, {})
    lines = [
        result.title,
        f"  villages   {villages}",
        f"  people     {grouped(served)} of {grouped(summary['people'])} "
        f"have {result.class_service}{' with any operator' if len(operators) > 1 else ''}",
        *(f"    {name}: {grouped(people)}" for name, people in operators.items()),
        f"  sweeps     {result.sweeps_reused} of {result.sweeps_total} from the cache",
    ]
    if result.warnings:
        lines.append(f"  warnings   {len(result.warnings)}, listed in the report")
    if result.synthetic:
        lines.append("  SYNTHETIC  invented data, no real place")
    lines.append(f"  report     {out / REPORT}")
    return "\n".join(lines)


def _as_json(result: PlanResult, out: Path) -> dict[str, Any]:
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
