"""The console script ``lensong``.

Commands import what they need when they run, so that ``lensong --help`` answers at once.
"""

from __future__ import annotations

import importlib
import warnings
from importlib.metadata import version

import click

__all__ = ["lensong", "main"]

_COMMANDS = {
    "plan": "lensong.cli.plan_command:plan",
    "planner": "lensong.cli.planner_command:planner",
    "check": "lensong.cli.check_command:check",
    "demo": "lensong.cli.demo_command:demo",
    "diff": "lensong.cli.diff_command:diff",
    "path": "lensong.cli.path_command:path",
    "hop": "lensong.cli.hop_command:hop",
    "timetable": "lensong.cli.timetable_command:timetable",
    "site-masts": "lensong.cli.site_masts_command:site_masts",
    "models": "lensong.cli.models_command:models",
    "compare": "lensong.cli.compare_command:compare",
    "fetch": "lensong.cli.fetch_command:fetch",
    "cache": "lensong.cli.cache_command:cache_group",
    "validate": "lensong.cli.validate_command:validate",
    "calibrate": "lensong.cli.calibrate_command:calibrate",
    "serve": "lensong.cli.serve_command:serve",
    "login": "lensong.cli.login_command:login",
    "logout": "lensong.cli.login_command:logout",
    "ready": "lensong.cli.ready_command:ready",
    "probe": "lensong.cli.probe_command:probe",
    "site": "lensong.cli.site_command:site",
    "token": "lensong.cli.site_command:token",
    "import": "lensong.cli.import_command:import_lists",
    "import-plan": "lensong.cli.import_plan_command:import_plan",
    "db": "lensong.cli.db_command:db",
}


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("lensong"), package_name="lensong", prog_name="lensong")
def lensong() -> None:
    """Plan mobile coverage in mountain country, and tell whether a livestream will hold there.

    To plan, start with `lensong demo`, then describe your own network in a scenario file and run
    `lensong check` and `lensong plan` on it. To watch livestreams, start with `lensong serve
    --demo`.

    Exit codes: 0 done; 1 done, and the result says no; 2 bad input or interrupted; 3 not known.
    """


def main() -> None:
    """Run the console script."""
    # rasterio makes a raster before it places it, and hides its own warning of that by a list that
    # all threads share; what a user's raster lacks is found where rasters are read
    warnings.filterwarnings("ignore", message="Dataset has no geotransform")
    # FastAPI hides one of pydantic's in the same way, when a route is asked for the first time
    warnings.filterwarnings("ignore", message="The '[a-z_]+' attribute with value")
    lensong(prog_name="lensong")
