"""``lensong site`` and ``lensong token``: the first sites, and what their probes show."""

from __future__ import annotations

import json
from typing import Any

import click

from lensong.cli.errors import explains_errors
from lensong.cli.options import json_option
from lensong.cli.service_access import Remote, Target, target_options
from lensong.propagation.errors import ConfigError

__all__ = ["site", "token"]


@click.group("site", short_help="Add and list the sites of the service.")
def site() -> None:
    """Add and list sites; a longer list comes in by `lensong import sites`."""


@site.command("add")
@click.argument("name")
@click.option("--commune", required=True, help="Name of the commune.")
@click.option("--commune-code", required=True, help="Its official code.")
@click.option("--province", help="Name of the province, where it is new.")
@click.option("--province-code", help="Its official code, where the commune is new.")
@click.option("--site-id", help="Identifier.  [default: made of the name]")
@click.option("--lat", "lat_deg", type=float, help="Latitude [degrees, WGS 84].")
@click.option("--lon", "lon_deg", type=float, help="Longitude [degrees, WGS 84].")
@click.option("--operator", "operators", multiple=True, help="Network that can be used; repeat.")
@click.option("--technology", "technologies", multiple=True, type=click.Choice(["3G", "4G", "5G"]))
@target_options
@explains_errors
def add(
    name: str,
    commune: str,
    commune_code: str,
    province: str | None,
    province_code: str | None,
    site_id: str | None,
    lat_deg: float | None,
    lon_deg: float | None,
    operators: tuple[str, ...],
    technologies: tuple[str, ...],
    **where: Any,
) -> None:
    """Add the site NAME, with its commune and province where they are new."""
    from lensong.cli.import_command import take_sites
    from lensong.gis_data.csv_cells import csv_text

    cells: dict[str, str | float | None] = {
        "site_id": site_id,
        "name": name,
        "commune": commune,
        "commune_code": commune_code,
        "province": province,
        "province_code": province_code,
        "lat_deg": lat_deg,
        "lon_deg": lon_deg,
        "operators": ";".join(operators),
        "technologies": ";".join(technologies),
    }
    table = csv_text(list(cells), [list(cells.values())]).encode()
    for item in take_sites(table, "the options", Target(**where), dry_run=False)["items"]:
        click.echo(f"{item['id']}: {item['fate']}")


@site.command("list")
@target_options
@json_option
@explains_errors
def list_sites(as_json: bool, **where: Any) -> None:
    """List the sites, one on a line: identifier, commune, name."""
    from lensong.cli.import_plan_command import sites_of

    found = Target(**where).run(sites_of, writes=False)
    if as_json:
        bodies = [body.model_dump(mode="json") for body in found]
        click.echo(json.dumps(bodies, ensure_ascii=False, indent=2))
        return
    for body in found:
        click.echo(f"{body.site_id}\t{body.commune_code}\t{body.name}")


@click.group("token", short_help="Make tokens for probes and for Prometheus.")
def token() -> None:
    """Make tokens with which probes report, or Prometheus reads."""


@token.command("make")
@click.argument("site_id", metavar="[SITE]", required=False)
@click.option("--scraper", is_flag=True, help="For Prometheus, in place of a site.")
@click.option("--label", help="What it is for.  [default: probe, or prometheus]")
@target_options
@explains_errors
def make(site_id: str | None, scraper: bool, label: str | None, **where: Any) -> None:
    """Make a token of SITE, or of a scraper, and print it, this once.

    Keep it in a file that others cannot read.
    """
    from lensong.monitoring.records import check_identifier

    target = Target(**where)
    if (site_id is None) is not scraper:
        raise ConfigError("wanted either a SITE or --scraper: name the one that it is for")
    if site_id is not None:
        check_identifier("site", site_id)
    label = label or ("prometheus" if scraper else "probe")
    path = "/api/v1/scrapers" if site_id is None else f"/api/v1/sites/{site_id}/tokens"

    async def work(remote: Remote) -> str:
        return str((await remote.ask("POST", path, json={"label": label}))["secret"])

    click.echo(target.run(work, writes=True))
