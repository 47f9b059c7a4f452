"""``lensong fetch``: the land of an area out of public archives, and a scenario of it."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from lensong.cli.console import Console, grouped
from lensong.cli.errors import EXIT_BAD_INPUT, explains_errors
from lensong.cli.options import FiniteRange, json_option, quiet_option

if TYPE_CHECKING:
    from lensong.gis_data.fetch.area import FetchArea
    from lensong.gis_data.fetch.fetch import Delivery, Fetched, FetchRequest
    from lensong.gis_data.fetch.sources import Source

__all__ = ["fetch"]

_ASK_ABOVE_BYTES = 10e9
_RATES_MBPS = (10.0, 100.0)


def _show_sources(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from lensong.gis_data.fetch.sources import SOURCES

    for source in SOURCES:
        tried = f"tried on {source.tried}" if source.tried else "never tried on the live server"
        click.echo(
            f"{source.name}  ({source.role})\n  {source.title}\n  {source.address}\n"
            f"  {source.licence}: {source.licence_address}\n  {source.attribution}\n  {tried}\n"
        )
    context.exit()


@click.command(short_help="Bring elevation, land cover, people, boundaries and places.")
@click.option(
    "--area",
    required=True,
    help="west,south,east,north in degrees; or a file: outlines, points, or a list of cells.",
)
@click.option("--place", default="", help="Code or name of one outline of the file of --area.")
@click.option("--layer", default="", help="Of the file of --area, where it has several.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder of the land; made."
)
@click.option(
    "--country", "countries", multiple=True, help="Three letters of ISO 3166-1, such as VNM."
)
@click.option(
    "--only", default="", help="Some of elevation,land_cover,population,communes,villages."
)
@click.option(
    "--level",
    type=click.Choice(["ADM1", "ADM2", "ADM3", "ADM4"]),
    default="ADM2",
    show_default=True,
    help="Level of geoBoundaries that becomes the communes (outside Vietnam).",
)
@click.option(
    "--margin-km",
    type=FiniteRange(1.0, 100.0),
    default=15.0,
    show_default=True,
    help="Elevation and land cover around the area: at least network.radius_m.",
)
@click.option(
    "--mirror",
    envvar="LENSONG_MIRROR",
    default="",
    help="Address of a mirror, with the files below the name of their host.",
)
@click.option(
    "--workers", type=click.IntRange(1, 16), default=4, show_default=True, help="Files at once."
)
@click.option("--yes", is_flag=True, help="Do not ask, however much it is.")
@click.option("--addresses", is_flag=True, help="Print the addresses of the files and end.")
@click.option(
    "--sources",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_sources,
    help="Print the table of sources, with licences, and end.",
)
@quiet_option
@json_option
@explains_errors
def fetch(
    area: str,
    place: str,
    layer: str,
    out: Path,
    countries: tuple[str, ...],
    only: str,
    level: str,
    margin_km: float,
    mirror: str,
    workers: int,
    yes: bool,
    addresses: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Bring the land of an area into a folder and write a scenario of it.

    Elevation (Copernicus GLO-30), land cover (ESA WorldCover), population (WorldPop), boundaries
    (Vietnam's own, elsewhere geoBoundaries) and places (OpenStreetMap). Put a list of cells beside
    the scenario and run `lensong plan` on it. What lies there whole is not asked for again; a
    download that broke off goes on.
    """
    from lensong.gis_data.fetch.download import open_client
    from lensong.gis_data.fetch.fetch import Delivery, FetchRequest, only_fetch
    from lensong.gis_data.fetch.order import check_countries, check_roles
    from lensong.gis_data.fetch.sources import SOURCES, mirrored
    from lensong.propagation.errors import DataError

    console = Console(quiet=quiet)
    roles = check_roles(part.strip() for part in only.split(",") if part.strip())
    asked, cells = _area(area, place, layer)
    request = FetchRequest(
        area=asked,
        out=out,
        roles=roles,
        countries=check_countries(countries, roles),
        level=level,
        margin_km=margin_km,
        cells="cells.csv" if cells is None else Path(os.path.relpath(cells, out)).as_posix(),
        mirror=_mirror(mirror),
        workers=workers,
    )
    try:
        with ExitStack() as stack:
            if addresses and not out.exists():  # who only looks leaves no folder
                made = stack.enter_context(TemporaryDirectory(prefix="lensong-lists-"))
                request = replace(request, out=Path(made))
            alone = stack.enter_context(only_fetch(request.out))
            client = stack.enter_context(open_client(version("lensong")))
            if not alone:
                console.say(
                    f"{out} is on a file system without locks: let no other fetch run there"
                )
            land = Delivery(request=request, client=client, pause=time.sleep)
            try:
                with console.working():
                    land.survey(console.progress)
            except DataError:
                _say_untried([s for s in SOURCES if s.role in request.roles], request, console)
                raise
            if addresses:
                for wanted in land.missing:
                    click.echo(mirrored(wanted.address, request.mirror))
                return
            _agree(land, console, yes=yes)
            with console.working():
                done = land.bring(console.progress)
    except KeyboardInterrupt:
        click.echo(
            f"interrupted: what came is kept in {out}, run the same command again to go on",
            err=True,
        )
        raise SystemExit(EXIT_BAD_INPUT) from None
    beside = out / "cells.csv" if cells is None else cells
    left_open = _left_open(beside, layer) if beside.exists() else ""
    if as_json:
        told = _as_json(done) | {"left_open": left_open}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif not quiet:
        click.echo(_summary(done, land, not beside.exists(), left_open))


def _area(text: str, place: str, layer: str) -> tuple[FetchArea, Path | None]:
    """Return the area, and the list of cells if it is one that says it."""
    from lensong.gis_data.fetch.area import area_of_box, area_of_file, area_of_masts
    from lensong.gis_data.vectors import is_table
    from lensong.propagation.errors import ConfigError

    path = Path(text)
    if not text.strip() or not path.exists():
        if any(letter.isalpha() for letter in text):
            raise ConfigError(
                f"--area is {text!r}, but there is no such file: wanted one, or "
                "west,south,east,north in degrees"
            )
        return area_of_box(text), None
    if not is_table(path):
        return area_of_file(path, layer=layer, place=place), None
    from lensong.coverage.scenario.inputs import read_network
    from lensong.coverage.scenario.load import NetworkRequest

    # what the rows radiate is left to the plan; here only their places count
    network, _ = read_network(NetworkRequest(tables={"main": path}, layer=layer, power="total"))
    lat_deg = [mast.lat_deg for mast in network.masts]
    lon_deg = [mast.lon_deg for mast in network.masts]
    return area_of_masts(lat_deg, lon_deg, title=path.stem), path


def _left_open(cells: Path, layer: str) -> str:
    """Return what a list of cells does not say and the scenario has to; empty where nothing."""
    from lensong.coverage.scenario.inputs import read_network
    from lensong.coverage.scenario.load import NetworkRequest
    from lensong.propagation.errors import LensongError

    try:
        read_network(NetworkRequest(tables={"main": cells}, layer=layer))
    except LensongError as error:
        return str(error)
    return ""


def _mirror(address: str) -> str:
    from lensong.propagation.errors import ConfigError

    if address and not address.startswith(("http://", "https://")):
        raise ConfigError(
            f"--mirror is {address!r}, wanted an address that begins with https:// or http://"
        )
    return address


def _say_untried(sources: list[Source], request: FetchRequest, console: Console) -> None:
    """Say whose addresses nobody has tried yet."""
    untried = sorted({source.name for source in sources if not source.tried})
    if untried and not request.mirror:
        console.say(f"addresses that were never tried on the live servers: {', '.join(untried)}")


def _agree(land: Delivery, console: Console, *, yes: bool) -> None:
    """Say how much is to come and how long it takes, and ask where that is a great deal."""
    from lensong.propagation.errors import ConfigError

    size = land.total_bytes
    if not land.missing:
        return
    about = "about " if land.estimated else ""
    times = ", ".join(f"{_duration(size * 8e-6 / rate)} at {rate:g} Mbit/s" for rate in _RATES_MBPS)
    much = f"{_files(len(land.missing))}, {about}{_amount(size)}: {times}"
    console.say(much)
    _say_untried([wanted.source for wanted in land.missing], land.request, console)
    if yes or size <= _ASK_ABOVE_BYTES:
        return
    if sys.stdin.isatty() and click.confirm("Bring it all?", err=True):
        return
    raise ConfigError(f"{much}: say --yes if that is meant, or choose a smaller --area")


def _summary(done: Fetched, land: Delivery, cells_missing: bool, left_open: str) -> str:
    lines = [
        land.request.area.title,
        f"  came       {_files(done.files)}, {_amount(done.files_bytes)}; "
        f"{grouped(done.present)} lay there already",
        *(f"  note       {note}" for note in done.notes),
        f"  scenario   {done.scenario}",
        *([f"  open       {left_open}"] if left_open else []),
        f"  next       {'put cells.csv beside it, then ' if cells_missing else ''}"
        f"lensong check {done.scenario}",
    ]
    return "\n".join(lines)


def _as_json(done: Fetched) -> dict[str, object]:
    return {
        "scenario": str(done.scenario),
        "files": done.files,
        "size_bytes": done.files_bytes,
        "present": done.present,
        "notes": list(done.notes),
    }


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{grouped(count)} files"


def _amount(size_bytes: float) -> str:
    return f"{size_bytes / 1e9:,.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:,.1f} MB"


def _duration(seconds: float) -> str:
    if seconds < 90.0:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400.0 else f"{seconds / 3600:,.1f} h"
