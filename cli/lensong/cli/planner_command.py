"""``lensong planner``: a scenario on a map in the browser, to be edited."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import click

from lensong.cli.console import Console
from lensong.cli.errors import explains_errors
from lensong.cli.options import cache_folder
from lensong.cli.ports import check_port
from lensong.cli.signals import ending_in_order
from lensong.cli.sweep_cache import kept_sweeps

__all__ = ["planner"]


@click.command(short_help="Edit a network on a map; coverage follows.")
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8795,
    show_default=True,
    help="Port on this machine; 0 takes a free one.",
)
@click.option("--open/--no-open", "opens", default=True, help="Open the page in a browser.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=lambda: os.cpu_count() or 1,
    show_default="one for each processor",
    help="Threads; the values do not depend on it.",
)
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where path loss is kept between runs.  [default: the user's cache folder]",
)
@click.option(
    "--proposals",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="siting.json of `lensong site-masts`, to be shown and taken over.",
)
@click.option(
    "--measurements",
    multiple=True,
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Drive test to be shown beside what is predicted, besides those that the scenario names; "
    "may be given several times.",
)
@explains_errors
def planner(
    scenario: Path,
    port: int,
    opens: bool,
    workers: int,
    cache: Path | None,
    proposals: Path | None,
    measurements: tuple[Path, ...],
) -> None:
    """Open SCENARIO on a map: drag masts, see what the villages get.

    SCENARIO may be the folder that `lensong plan` wrote: beside its inputs it is edited like the
    scenario, without them it is shown only.

    The page is on this machine alone, needs no account and no internet. Edits are kept beside the
    scenario, in .lensong-planner; a variant is saved as a scenario that `lensong plan` reads.
    """
    console = Console()
    with console.working():
        from lensong.coverage.results.read import read_result
        from lensong.coverage.scenario.inputs import read_proposals
        from lensong.coverage.scenario.load import load_scenario
        from lensong.planner.serve import serve

        check_port("127.0.0.1", port, "choose another --port, or 0 for one that is free")
        # what is wrong with a file is said here, not on the page
        if proposals is not None:
            read_proposals(proposals)
        if scenario.is_dir():
            read_result(scenario)
        else:
            load_scenario(scenario)

    def started(taken: int) -> None:
        address = f"http://127.0.0.1:{taken}/planner"
        click.echo(f"{address}  (Ctrl-C ends it)")
        if opens:
            click.launch(address)

    with (
        kept_sweeps(cache_folder(cache), console, needed=True) as store,
        ending_in_order(),
        suppress(
            KeyboardInterrupt
        ),  # the way to end it: the server raises it again when all is done
    ):
        serve(
            scenario,
            port=port,
            cache=store,
            workers=workers,
            started=started,
            proposals=proposals,
            measurements=measurements,
        )
