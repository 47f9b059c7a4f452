"""The console script ``lensong``.

Commands import what they need when they run, so that ``lensong --help`` answers at once.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version

import click

__all__ = ["lensong", "main"]

_COMMANDS = {
    "plan": "lensong.cli.plan_command:plan",
    "check": "lensong.cli.check_command:check",
    "demo": "lensong.cli.demo_command:demo",
    "diff": "lensong.cli.diff_command:diff",
    "models": "lensong.cli.models_command:models",
    "compare": "lensong.cli.compare_command:compare",
    "validate": "lensong.cli.validate_command:validate",
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
    """Plan mobile coverage in mountain country: which villages have no signal, and why.

    Start with `lensong demo`, then describe your own network in a scenario file and run
    `lensong check` and `lensong plan` on it.

    Exit codes: 0 done; 1 done, and the result says no; 2 bad input or interrupted.
    """


def main() -> None:
    """Run the console script."""
    lensong(prog_name="lensong")
