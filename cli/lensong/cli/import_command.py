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

Kind = Literal["sites", "communes", "sessions"]

_CONTENT = {
    ".ics": "text/calendar",
    ".ical": "text/calendar",
    ".icalendar": "text/calendar",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xls": "application/vnd.ms-excel",
    ".geojson": "application/geo+json",
    ".json": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".zip": "application/zip",
    ".fgb": "application/flatgeobuf",
    ".kml": "application/vnd.google-earth.kml+xml",
}

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
_skip_option = click.option(
    "--skip-refused",
    is_flag=True,
    help="Take what is fine although some rows cannot be taken; they are told.",
)
_file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.group("import", short_help="Take lists of communes, sites or sessions in.")
def import_lists() -> None:
    """Take lists into the service: all rows, or none if one is wrong.

    CSV, a workbook (.xlsx), for sessions a calendar (.ics) too. With --skip-refused the rows that
    are fine come in, and the others are told with their reasons.

    With --server and --person while the service runs, else into its database.
    """


@import_lists.command("sites")
@_file_argument
@_dry_run_option
@_skip_option
@target_options
@json_option
@explains_errors
def sites(file: Path, dry_run: bool, skip_refused: bool, as_json: bool, **where: Any) -> None:
    """Take a list of sites in, with the communes and provinces that it names."""
    asked = {"dry_run": dry_run, "skip_refused": skip_refused}
    _show("sites", _take("sites", file, Target(**where), asked), as_json=as_json)


@import_lists.command("communes")
@_file_argument
@click.option("--layer", default="", help="Of a file of boundaries that has several.")
@_dry_run_option
@_skip_option
@target_options
@json_option
@explains_errors
def communes(
    file: Path, layer: str, dry_run: bool, skip_refused: bool, as_json: bool, **where: Any
) -> None:
    """Take a list of communes in, or a file of boundaries, whose outlines the wall shows.

    Boundaries are a GeoPackage (also villages.gpkg of a coverage plan), a zipped shapefile,
    GeoJSON, FlatGeobuf or KML with the code and the name of each commune.
    """
    asked: dict[str, Any] = {"dry_run": dry_run, "skip_refused": skip_refused}
    asked |= {"layer": layer} if layer else {}
    _show("communes", _take("communes", file, Target(**where), asked), as_json=as_json)


@import_lists.command("sessions")
@_file_argument
@click.option("--site", help="Site of sessions that name none.")
@click.option("--profile", help="Stream profile of sessions that name none.")
@_dry_run_option
@_skip_option
@target_options
@json_option
@explains_errors
def sessions(
    file: Path,
    site: str | None,
    profile: str | None,
    dry_run: bool,
    skip_refused: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Take a list of sessions in: an iCalendar file (.ics), CSV, or a workbook (.xlsx)."""
    asked: dict[str, Any] = {"dry_run": dry_run, "skip_refused": skip_refused}
    asked |= {"site": site} if site else {}
    asked |= {"profile": profile} if profile else {}
    _show("sessions", _take("sessions", file, Target(**where), asked), as_json=as_json)


def take_sites(data: bytes, named: str, target: Target, *, dry_run: bool) -> dict[str, Any]:
    """Take a CSV list of sites in and return what became of it, as the API tells it.

    Parameters
    ----------
    named : str
        What messages call the list.
    """
    return _send("sites", data, named, target, {"dry_run": dry_run}, "text/csv")


def _take(kind: Kind, file: Path, target: Target, asked: dict[str, Any]) -> dict[str, Any]:
    content = _CONTENT.get(file.suffix.lower(), "text/csv")
    return _send(kind, file.read_bytes(), str(file), target, asked, content)


def _send(
    kind: Kind, data: bytes, named: str, target: Target, asked: dict[str, Any], content: str
) -> dict[str, Any]:
    async def send(remote: Remote) -> dict[str, Any]:
        return await remote.ask(
            "POST",
            f"/api/v1/import/{kind}",
            params=asked,
            content=data,
            headers={"Content-Type": content},
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
    for row in told["refused"]:
        click.echo(f"refused: {_line(row)}", err=True)
    for row in told["notes"]:
        click.echo(f"note: {_line(row)}", err=True)
    parts = [f"{count} {_FATES[fate]}" for fate, count in told["counts"].items()]
    parts += [f"{len(told['refused'])} refused"] if told["refused"] else []
    counts = ", ".join(parts)
    stored = " (nothing was stored)" if told["dry_run"] else ""
    click.echo(f"{kind}: {counts or 'none'}{stored}")
    if told["outlines"]:
        click.echo(f"  {told['outlines']} with their outline")
    if told["over"]:
        click.echo(f"  {told['over']} are over already and were left out")
    if told["ignored_columns"]:
        click.echo(f"  columns that mean nothing here: {', '.join(told['ignored_columns'])}")


def _line(row: dict[str, Any]) -> str:
    """Return a row that was refused, or noticed, on one line."""
    where = [f"row {row['row']}", *filter(None, (row["title"], row["column"]))]
    return f"{', '.join(where)}: {row['text']}"
