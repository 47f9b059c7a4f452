"""``lensong import``: lists of sites and sessions into the service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import click

from lensong.cli.errors import EXIT_BAD_INPUT, explains_errors
from lensong.cli.options import json_option
from lensong.cli.service_access import Remote, ServerRefusedError, Target, target_options

__all__ = ["import_lists", "take_sites"]

Kind = Literal["sites", "sessions"]

_FATES = {
    "created": "new",
    "updated": "changed",
    "unchanged": "unchanged",
    "cancelled": "called off",
    "left_cancelled": "called off here and left so",
}
_dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Check everything and store nothing."
)
_file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.group("import", short_help="Take lists of sites (CSV) or sessions (CSV, .ics) in.")
def import_lists() -> None:
    """Take lists into the service: all rows, or none if one is wrong.

    With --server and --person while the service runs, else into its database.
    """


@import_lists.command("sites")
@_file_argument
@_dry_run_option
@target_options
@json_option
@explains_errors
def sites(file: Path, dry_run: bool, as_json: bool, **where: Any) -> None:
    """Take a CSV list of sites in, with the communes and provinces that it names."""
    told = take_sites(file.read_bytes(), str(file), Target(**where), dry_run=dry_run)
    _show("sites", told, as_json=as_json)


@import_lists.command("sessions")
@_file_argument
@click.option("--site", help="Site of sessions that name none.")
@click.option("--profile", help="Stream profile of sessions that name none.")
@_dry_run_option
@target_options
@json_option
@explains_errors
def sessions(
    file: Path,
    site: str | None,
    profile: str | None,
    dry_run: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Take a list of sessions in: an iCalendar file (.ics), or CSV."""
    asked: dict[str, Any] = {"dry_run": dry_run}
    asked |= {"site": site} if site else {}
    asked |= {"profile": profile} if profile else {}
    calendar = file.suffix.lower() in (".ics", ".ical", ".icalendar")
    told = _take(
        "sessions", file.read_bytes(), str(file), Target(**where), asked, calendar=calendar
    )
    _show("sessions", told, as_json=as_json)


def take_sites(data: bytes, named: str, target: Target, *, dry_run: bool) -> dict[str, Any]:
    """Take a CSV list of sites in and return what became of it, as the API tells it.

    Parameters
    ----------
    named : str
        What messages call the list.
    """
    return _take("sites", data, named, target, {"dry_run": dry_run}, calendar=False)


def _take(
    kind: Kind, data: bytes, named: str, target: Target, asked: dict[str, Any], *, calendar: bool
) -> dict[str, Any]:
    async def send(remote: Remote) -> dict[str, Any]:
        return await remote.ask(
            "POST",
            f"/api/v1/import/{kind}",
            params=asked,
            content=data,
            headers={"Content-Type": "text/calendar" if calendar else "text/csv"},
        )

    try:
        return target.run(send, writes=True)
    except ServerRefusedError as error:
        for row in error.rows:
            click.echo(row, err=True)
        click.echo(f"error: {named}: {error}", err=True)
        raise SystemExit(EXIT_BAD_INPUT) from None


def _show(kind: Kind, told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    counts = ", ".join(f"{count} {_FATES[fate]}" for fate, count in told["counts"].items())
    stored = " (nothing was stored)" if told["dry_run"] else ""
    click.echo(f"{kind}: {counts or 'none'}{stored}")
    if told["over"]:
        click.echo(f"  {told['over']} are over already and were left out")
    if told["ignored_columns"]:
        click.echo(f"  columns that mean nothing here: {', '.join(told['ignored_columns'])}")
