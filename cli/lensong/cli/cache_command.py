"""``lensong cache``: where path loss is kept between runs, and how much of it."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lensong.cli.console import grouped
from lensong.cli.errors import explains_errors
from lensong.cli.options import FiniteRange, cache_folder, json_option

if TYPE_CHECKING:
    from lensong.gis_data.array_cache import CacheLimits, Removed

__all__ = ["cache_group"]

_DAY_S = 86400.0

_folder_option = click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Another cache than the user's own (LENSONG_CACHE_DIR).",
)


@click.group("cache", invoke_without_command=True, short_help="Path loss that is kept: how much.")
@_folder_option
@json_option
@click.pass_context
@explains_errors
def cache_group(context: click.Context, cache: Path | None, as_json: bool) -> None:
    """Tell where path loss is kept between runs, how much of it, and how old the oldest is.

    Plans keep within LENSONG_CACHE_MAX_GB (10) and LENSONG_CACHE_MAX_DAYS (90, since the last use)
    by themselves: what was not used for longest goes first, and never what a running plan uses.
    """
    context.obj = cache
    if context.invoked_subcommand is None:
        _show(cache_folder(cache), as_json=as_json)


@cache_group.command("prune")
@click.option("--max-gb", type=FiniteRange(min=0.0, min_open=True), help="In place of the limit.")
@click.option("--max-days", type=FiniteRange(min=0.0, min_open=True), help="In place of the limit.")
@_folder_option
@json_option
@click.pass_context
@explains_errors
def prune(
    context: click.Context,
    max_gb: float | None,
    max_days: float | None,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Remove what is beyond the limits, or beyond those given here."""
    from lensong.gis_data.array_cache import CacheLimits
    from lensong.gis_data.array_cache import prune as remove

    limits = CacheLimits.of(os.environ)
    limits = CacheLimits(
        max_bytes=limits.max_bytes if max_gb is None else max_gb * 1e9,
        max_age_s=limits.max_age_s if max_days is None else max_days * _DAY_S,
    )
    folder = cache_folder(cache or context.obj)
    _tell(remove(folder, limits), folder, as_json=as_json)


@cache_group.command("clear")
@_folder_option
@json_option
@click.pass_context
@explains_errors
def clear(context: click.Context, cache: Path | None, as_json: bool) -> None:
    """Remove everything but what running plans use."""
    from lensong.gis_data.array_cache import clear as remove

    folder = cache_folder(cache or context.obj)
    _tell(remove(folder), folder, as_json=as_json)


def _show(folder: Path, *, as_json: bool) -> None:
    from lensong.gis_data.array_cache import CacheLimits, survey

    limits, state = CacheLimits.of(os.environ), survey(folder)
    if as_json:
        content = {
            "folder": str(folder),
            "entries": state.entries,
            "size_bytes": state.entries_bytes,
            "max_bytes": round(limits.max_bytes),
            "oldest_used_at": None if state.oldest_s is None else _moment(state.oldest_s),
            "max_age_days": limits.max_age_s / _DAY_S,
            "running_plans": state.running,
            "entries_in_use": state.in_use,
            "locks": state.locks,
        }
        click.echo(json.dumps(content, ensure_ascii=False, indent=2))
        return
    lines = [
        f"folder   {folder}",
        f"entries  {grouped(state.entries)}, {_megabytes(state.entries_bytes)} of at most "
        f"{_megabytes(limits.max_bytes)}",
        f"oldest   {_oldest(state.oldest_s, limits)}",
        f"in use   {grouped(state.in_use)} by {_plans(state.running)}",
    ]
    if not state.locks:
        lines.append("locks    none on this file system: nothing is removed by itself")
    click.echo("\n".join(lines))


def _oldest(used_s: float | None, limits: CacheLimits) -> str:
    if used_s is None:
        return "none"
    days = max(0.0, time.time() - used_s) / _DAY_S
    at_most = f"at most {limits.max_age_s / _DAY_S:g}"
    return f"last used {_moment(used_s)[:10]}, {days:.0f} days ago ({at_most})"


def _tell(removed: Removed, folder: Path, *, as_json: bool) -> None:
    if as_json:
        content = {
            "folder": str(folder),
            "entries_removed": removed.entries,
            "bytes_removed": removed.entries_bytes,
            "entries_kept_in_use": removed.in_use,
        }
        click.echo(json.dumps(content, ensure_ascii=False, indent=2))
        return
    kept = f"; {grouped(removed.in_use)} that running plans use are kept" if removed.in_use else ""
    click.echo(
        f"removed {grouped(removed.entries)} entries, {_megabytes(removed.entries_bytes)}, "
        f"from {folder}{kept}"
    )


def _plans(count: int) -> str:
    return "1 running plan" if count == 1 else f"{count} running plans"


def _moment(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")


def _megabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1e9:.3g} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.3g} MB"
