"""``lensong db``: look after the database of the service."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lensong.cli.console import grouped
from lensong.cli.errors import EXIT_NO, explains_errors
from lensong.cli.options import json_option
from lensong.cli.service_access import config_options
from lensong.cli.signals import ending_in_order

if TYPE_CHECKING:
    from lensong.monitoring.config import ServiceConfig
    from lensong.monitoring.store.recovery import Recovered
    from lensong.monitoring.store.upkeep import Checked

__all__ = ["db"]


@click.group("db", short_help="Check, migrate, back up, recover or prune the service's database.")
def db() -> None:
    """Look after the database of the service."""


@db.command("check")
@config_options
@json_option
@explains_errors
def check(config_file: Path | None, db: str | None, as_json: bool) -> None:
    """Tell whether the database is sound and of this version; the service may run.

    Exit codes: 0 sound; 1 something is wrong; 2 bad input.
    """
    found = asyncio.run(_check(_config(config_file, db)))
    if as_json:
        told = {
            "revision": found.revision,
            "wanted_revision": found.head,
            "problems": list(found.problems),
            "rows": found.rows,
        }
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(f"version {found.revision or 'none'}, this program wants {found.head}")
        for table, rows in found.rows.items():
            click.echo(f"  {table:<16} {grouped(rows):>12}")
        for problem in found.problems:
            click.echo(f"PROBLEM: {problem}")
        if not found.problems:
            click.echo("sound")
    if found.problems:
        raise SystemExit(EXIT_NO)


async def _check(config: ServiceConfig) -> Checked:
    from lensong.monitoring.store.engine import Database
    from lensong.monitoring.store.upkeep import check, require_file

    database = Database(config.db)
    try:
        require_file(database)
        return await check(database)
    finally:
        await database.close()


@db.command("migrate")
@config_options
@explains_errors
def migrate(config_file: Path | None, db: str | None) -> None:
    """Bring the tables to this version; an empty database gets them. The service must not run."""
    before, after = asyncio.run(_migrate(_config(config_file, db)))
    if before == after:
        click.echo(f"version {after} already")
    else:
        click.echo(f"from version {before or 'none'} to {after}")


async def _migrate(config: ServiceConfig) -> tuple[str | None, str]:
    from lensong.monitoring.store.engine import Database
    from lensong.monitoring.store.lock import only_connection, only_process
    from lensong.monitoring.store.migrate import migrate

    database = Database(config.db)
    before = os.umask(0o077)  # a new file is its owner's alone
    try:
        with only_process(config.db):
            async with only_connection(database):
                return await migrate(database)
    finally:
        os.umask(before)
        await database.close()


@db.command("backup")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@config_options
@explains_errors
def backup(target: Path, config_file: Path | None, db: str | None) -> None:
    """Copy the database to TARGET; the service may run. A SQLite file only.

    For PostgreSQL the command of its own tool is told, and the exit code is 2.
    """
    from lensong.monitoring.store.engine import Database
    from lensong.monitoring.store.upkeep import back_up

    database = Database(_config(config_file, db).db)
    try:
        with ending_in_order():
            size = back_up(database, target)
    finally:
        asyncio.run(database.close())
    click.echo(f"{target}: {size / 1e6:.1f} MB, sound")


@db.command("recover")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@config_options
@json_option
@explains_errors
def recover(target: Path, config_file: Path | None, db: str | None, as_json: bool) -> None:
    """Save what can be read of a damaged SQLite file into TARGET. The service must not run.

    The damaged file is not touched. What was left out is told by table.
    """
    with ending_in_order():
        found = asyncio.run(_recover(_config(config_file, db), target))
    if as_json:
        told = {
            "saved": found.saved,
            "left_out": found.left_out,
            "orphans": found.orphans,
            "holes": found.holes,
        }
        click.echo(json.dumps(told, indent=2))
        return
    click.echo(f"{target}: rows that were saved")
    for table, rows in found.saved.items():
        lost = [
            *([f"{grouped(n)} do not fit"] if (n := found.left_out.get(table)) else []),
            *([f"{grouped(n)} belong to nothing"] if (n := found.orphans.get(table)) else []),
            *(["a part cannot be read"] if table in found.holes else []),
        ]
        click.echo(f"  {table:<16} {grouped(rows):>12}" + "".join(f"; {text}" for text in lost))
    click.echo(
        "to go on with it: move the damaged file and its -wal and -shm away, put this one in its "
        "place, `lensong db check`"
    )


async def _recover(config: ServiceConfig, target: Path) -> Recovered:
    from lensong.monitoring.store.engine import Database
    from lensong.monitoring.store.lock import only_process
    from lensong.monitoring.store.recovery import recover

    database = Database(config.db)
    before = os.umask(0o077)  # it holds what is nobody else's business
    try:
        with only_process(config.db):
            return await recover(database, target)
    finally:
        os.umask(before)
        await database.close()


@db.command("prune")
@config_options
@explains_errors
def prune(config_file: Path | None, db: str | None) -> None:
    """Delete what is older than [retention] says; a service that runs does so by itself."""
    before, after = asyncio.run(_prune(_config(config_file, db)))
    for table, rows in before.items():
        if rows != after[table]:
            click.echo(f"{table}: {grouped(rows - after[table])} rows deleted")
    if before == after:
        click.echo("nothing is too old")


async def _prune(config: ServiceConfig) -> tuple[dict[str, int], dict[str, int]]:
    from lensong.monitoring.process.in_process import opened
    from lensong.monitoring.store.upkeep import check

    async with opened(config, writes=True) as service:
        await service.catch_up()
        before = (await check(service.database)).rows
        await service.prune()
        return before, (await check(service.database)).rows


def _config(config_file: Path | None, db: str | None) -> ServiceConfig:
    from lensong.monitoring.config import load_config

    return load_config(config_file, db=db)
