"""``lensong compare``: one scenario by several models, and where they disagree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lensong.cli.console import Console, grouped
from lensong.cli.errors import explains_errors
from lensong.cli.options import cache_folder, run_options
from lensong.cli.sweep_cache import kept_sweeps

if TYPE_CHECKING:
    from lensong.coverage.compare import Comparison

__all__ = ["compare"]


@click.command(short_help="Plan by several models and show where they disagree.")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--models",
    required=True,
    help="Names with commas, e.g. p1812,itm,free_space; others are held against the first.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the result; made if missing.",
)
@click.option(
    "--measurements",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Log of a drive test, as for `lensong validate --scenario`; may repeat, one per phone.",
)
@run_options
@explains_errors
def compare(
    scenario: Path,
    models: str,
    out: Path,
    measurements: tuple[Path, ...],
    workers: int,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Plan SCENARIO once by each model and tell which villages and pixels differ, and why.

    `lensong models` lists the models; those with a star can be compared. The model that the
    scenario names is not looked at. With a drive test, each is held against it, beside a fit that
    knows no terrain.
    """
    from dataclasses import replace
    from importlib.metadata import version

    console = Console(quiet=quiet)
    with console.working():
        console.progress("start", 0.0, 1.0)
        from lensong.coverage.compare import compare as hold_together
        from lensong.coverage.drive.rivals import models_against_drive
        from lensong.coverage.results.comparison import write_comparison
        from lensong.coverage.results.write import check_writable
        from lensong.coverage.scenario.drive_test import read_drive_logs
        from lensong.coverage.scenario.inputs import read_climate, read_inputs
        from lensong.coverage.scenario.load import load_scenario
        from lensong.propagation.models import model

        names = [model(name).name for name in models.split(",") if name.strip()]
        asked = load_scenario(scenario)
        check_writable(out)
        log = read_drive_logs(measurements) if measurements else None
        console.progress("start", 1.0, 1.0)
        land, network, _ = read_inputs(asked, console.progress)
        propagation, land = read_climate(asked, land)
        folder = None if no_cache else cache_folder(cache)
        with kept_sweeps(folder, console, needed=True) as store:
            found = hold_together(
                land,
                network,
                names,
                title=asked.title,
                services=asked.services,
                handset=asked.handset,
                propagation=propagation,
                classes=asked.classes,
                settings=asked.settings,
                cache=store,
                workers=workers,
                progress=console.progress,
            )
            if log is not None:
                measured = models_against_drive(
                    log,
                    land,
                    network,
                    found.models,
                    handset=asked.handset,
                    propagation=propagation,
                    cache=store,
                    workers=workers,
                    on_done=lambda done, total: console.progress("drive test", done, total),
                )
                found = replace(found, measured=measured)
        write_comparison(found, out, lensong_version=version("lensong"))
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    elif not quiet:
        click.echo(_text(found, out))


def _text(found: Comparison, out: Path) -> str:
    from lensong.coverage.results.comparison import COMPARISON_PAGE

    summary = found.summary()
    width = max(len(name) for name in found.models) + 2
    lines = [
        f"{found.first.title}: {summary['villages_that_differ']} of {summary['villages']} villages "
        "are in another class by another model",
        "",
        f"{'model':<{width}}{'covered':>9}{'patchy':>9}{'no signal':>11}{'beyond':>8}{'unknown':>9}"
        f"{'people served':>15}",
    ]
    for name in found.models:
        by_class = summary["villages_by_class"][name]
        lines.append(
            f"{name:<{width}}{by_class['covered']:>9}{by_class['patchy']:>9}"
            f"{by_class['no_signal']:>11}{by_class['beyond_radius']:>8}{by_class['unknown']:>9}"
            f"{grouped(summary['people_served'][name]):>15}"
        )
    lines += ["", f"level minus that by {found.models[0]} [dB]"]
    lines.append(f"{'':<52}{'pixels':>10}{'mean':>7}{'sd':>7}{'p5':>7}{'p95':>7}")
    for d in found.differences:
        if d.split in ("all", "path"):
            label = f"{d.technology} {d.model}" if d.split == "all" else f"  {d.label}"
            lines.append(
                f"{label:<52}{d.pixels:>10,}{d.mean_db:>+7.1f}{d.sd_db:>7.1f}"
                f"{d.p5_db:>+7.1f}{d.p95_db:>+7.1f}"
            )
    if found.measured is not None:
        lines += ["", f"{'against the drive test, held out [dB]':<54}{'MAE':>7}{'RMSE':>7}"]
        lines += [f"  {s.name:<52}{s.mae_db:>7.2f}{s.rmse_db:>7.2f}" for s in found.measured.scores]
    if found.first.synthetic:
        lines += ["", "  SYNTHETIC  invented data, no real place"]
    lines += ["", f"  page       {out / COMPARISON_PAGE}"]
    return "\n".join(lines)
