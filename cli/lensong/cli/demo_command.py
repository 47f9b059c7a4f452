"""``lensong demo``: an invented example, written as files and planned."""

from __future__ import annotations

from pathlib import Path

import click

from lensong.cli.console import Console
from lensong.cli.errors import explains_errors
from lensong.cli.options import cache_folder, run_options

__all__ = ["demo"]


@click.command(short_help="Write an invented example and plan it.")
@click.option(
    "--out",
    default="lensong-demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of the example; made if missing.",
)
@run_options
@explains_errors
def demo(
    out: Path,
    workers: int,
    cache: Path | None,
    no_cache: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write an invented mountain basin with 60 villages and 12 masts, and plan it.

    The result is in the folder `result` below it. Edit scenario.toml or cells.csv and run
    `lensong plan` on it to see what changes.
    """
    from lensong.cli.plan_command import run_plan

    console = Console(quiet=quiet)
    with console.working():
        console.progress("demo land", 0.0, 1.0)
        from lensong.gis_data.demo import write_demo

        scenario = write_demo(out, progress=console.share("demo land"))
    result = out / "result"
    run_plan(
        scenario,
        result,
        workers=workers,
        cache=None if no_cache else cache_folder(cache),
        as_json=as_json,
        quiet=quiet,
    )
    if not as_json and not quiet:
        from lensong.coverage.results.files import REPORT

        click.echo(f"\nOpen in a browser:  {(result / REPORT).resolve()}")
        click.echo(f"Then change {scenario} and run:  lensong plan {scenario} --out {result}")
