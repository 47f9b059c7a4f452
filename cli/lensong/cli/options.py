"""Options that several commands share."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "FiniteRange",
    "cache_folder",
    "json_option",
    "named_pairs",
    "quiet_option",
    "run_options",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])

quiet_option = click.option(
    "-q", "--quiet", is_flag=True, help="No progress and no summary, only errors."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else there."
)


class FiniteRange(click.FloatRange):
    """A range of numbers that NaN is not in: click lets it pass, no comparison with it holds."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; refuse what is none or is outside."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a number in the range {self._describe_range()}.", param, ctx)
        return number


def run_options(command: _Command) -> _Command:
    """Add the options of the commands that compute a plan."""
    for option in (
        quiet_option,
        json_option,
        click.option("--no-cache", is_flag=True, help="Neither read nor keep them."),
        click.option(
            "--cache",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where path loss and laid tiles are kept between runs.  "
            "[default: the user's cache folder]",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            default=lambda: os.cpu_count() or 1,
            show_default="one for each processor",
            help="Threads; the values do not depend on it.",
        ),
    ):
        command = option(command)
    return command


def named_pairs(option: str, texts: tuple[str, ...]) -> dict[str, str]:
    """Return what was given as NAME=TEXT, by name."""
    from lensong.propagation.errors import ConfigError

    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ConfigError(f"{option} is {text!r}, wanted two names with = between them")
        found[name.strip()] = value.strip()
    return found


def cache_folder(chosen: Path | None) -> Path:
    """Return the cache folder: as chosen, by LENSONG_CACHE_DIR, or the platform's custom."""
    if chosen is not None:
        return chosen
    if named := os.environ.get("LENSONG_CACHE_DIR"):
        return Path(named)
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "lensong"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "lensong"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lensong"
