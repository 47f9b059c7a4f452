"""A scenario's plan held against a drive test, for ``lensong validate --scenario``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from lensong.cli.console import Console
from lensong.cli.options import cache_folder
from lensong.cli.sweep_cache import kept_sweeps

if TYPE_CHECKING:
    from lensong.coverage.drive.check import PlanCheck

__all__ = ["HELD_OUT_HEAD", "told", "validate_plan"]

HELD_OUT_HEAD = f"{'on squares of 500 m that a fit did not see [dB]':<54}{'MAE':>7}{'RMSE':>7}"


def validate_plan(
    logs: tuple[Path, ...],
    scenario: Path,
    *,
    model: str | None,
    quantity: Literal["rsrp", "total"],
    layer: str,
    columns: Mapping[str, str],
    where: Mapping[str, str],
    out: Path,
    workers: int,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Hold a plan against a drive test and write what comes of it; see the command's help."""
    from dataclasses import replace
    from importlib.metadata import version

    console = Console(quiet=quiet)
    with console.working():
        console.progress("start", 0.0, 1.0)
        from lensong.coverage.drive.check import check_plan
        from lensong.coverage.drive.log import LogOptions
        from lensong.coverage.drive.match import match_measurements
        from lensong.coverage.results.plan_check import write_plan_check
        from lensong.coverage.results.write import check_writable
        from lensong.coverage.scenario.drive_test import read_drive_logs
        from lensong.coverage.scenario.inputs import read_climate, read_inputs
        from lensong.coverage.scenario.load import load_scenario
        from lensong.propagation.models import map_of

        asked = load_scenario(scenario)
        check_writable(out)
        log = read_drive_logs(
            logs, LogOptions(columns=columns, where=where, quantity=quantity), layer=layer
        )
        console.progress("start", 1.0, 1.0)
        land, network, _ = read_inputs(asked, console.progress)
        propagation, land = read_climate(asked, land)
        if model is not None:
            propagation = replace(propagation, model=map_of(model)[0].name)
        with kept_sweeps(None if no_cache else cache_folder(cache), console, needed=False) as store:
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
            found = check_plan(matched, plan, title=asked.title)
        write_plan_check(
            found,
            out,
            measured_files=[path.name for path in logs],
            lensong_version=version("lensong"),
        )
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    elif not quiet:
        click.echo(_text(found, out))


def _text(found: PlanCheck, out: Path) -> str:
    from lensong.coverage.results.plan_check import LAYERS
    from lensong.coverage.results.validation import VALIDATION_PAGE

    matched = found.matched
    lines = [
        f"{found.title} by {found.model}: {found.overall.n} measured pixels from "
        f"{matched.rows.sum()} of {matched.log_rows} rows; error = measured - predicted level",
        "",
        f"{'[dB]':<44}{'n':>7}{'bias':>8}{'sd':>7}{'RMSE':>7}"
        f"{'p50 |error|':>13}{'p95 |error|':>13}",
    ]
    rows = [("all", found.overall)]
    rows += [(f"{g.split}: {g.label}", g.statistics) for g in found.groups if g.split != "cell"]
    for label, s in rows:
        lines.append(
            f"{label:<44}{s.n:>7}{s.bias_db:>+8.1f}{s.sd_db:>7.1f}{s.rmse_db:>7.1f}"
            f"{s.p50_abs_db:>13.1f}{s.p95_abs_db:>13.1f}"
        )
    lines += ["", HELD_OUT_HEAD]
    lines += [f"  {s.name:<52}{told(s.mae_db)}{told(s.rmse_db)}" for s in found.scores]
    if found.suspects:
        lines += ["", "what looks wrong in the list of cells:"]
        lines += [f"  {suspect.kind}: {suspect.text}" for suspect in found.suspects]
    if len(matched.phones) > 1:
        offsets = zip(matched.phones, matched.phone_offset_db.tolist(), strict=True)
        lines += ["", "phones beside the mean of all [dB]:"]
        lines += [f"  {name:<52}{told(offset)}" for name, offset in offsets]
    lines += ["", *(f"  {count} left out: {reason}" for reason, count in matched.left_out.items())]
    lines += [f"  warning: {text}" for text in matched.warnings]
    if found.synthetic:
        lines.append("  SYNTHETIC  invented data, no real place")
    lines += ["", f"  page       {out / VALIDATION_PAGE}", f"  layers     {out / LAYERS}"]
    return "\n".join(lines)


def told(value: float) -> str:
    """Return decibels in a column of seven, a dash for NaN."""
    return f"{'-':>7}" if value != value else f"{value:>7.2f}"
