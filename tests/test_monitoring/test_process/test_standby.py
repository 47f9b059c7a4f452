"""A second process on one PostgreSQL waits, and takes over when the first is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from sqlalchemy import text
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.process.start_rules import check_settings
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.lock import only_connection
from lensong.propagation.errors import ConfigError
from tests.ports import free_port
from tests.postgres_server import Postgres
from tests.reporting_clients import Tally, send_reports
from tests.service_process import ServiceProcess, populated, service_process
from tests.stored_reports import stored_keys
from tests.test_deploy.programs import DEPLOY, program
from tests.waiting import PATIENCE_S

ENOUGH = 60
"""Reports acknowledged before the first process is killed, and again by the second."""

NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    include {folder}/standby.conf;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://lensong; }}
    }}
}}
"""


@contextmanager
def two_processes(postgres: Postgres, folder: Path) -> Iterator[tuple[ServiceProcess, ...]]:
    """Yield two services on one database, of which none has been started."""
    url = postgres.new_database()
    with ExitStack() as held:
        yield tuple(
            held.enter_context(
                service_process(_made(folder / name), url, start=False, standby=True)
            )
            for name in ("first", "second")
        )
    postgres.drop(url)


@pytest.mark.slow
@pytest.mark.skipif(which("nginx") is None, reason="nginx is not installed")
def test_a_standby_takes_over_and_nothing_acknowledged_is_lost(
    postgres: Postgres, tmp_path: Path
) -> None:
    with two_processes(postgres, tmp_path) as (first, second):
        there = populated(first.db, 10)
        first.start()
        second.start(ready=503)
        assert second.get("/-/healthy")[0] == 200
        assert second.get("/-/ready")[1]["code"] == "standby"
        assert second.get("/api/v1/sites")[1]["code"] == "standby"
        with pytest.raises(InvalidStatus, match="503"):
            connect(second.url.replace("http", "ws") + "/uplink/v1/test")
        with proxied(tmp_path, first, second) as url:
            told = asyncio.run(_killed_under_load(first, url, there.tokens))
        assert set(told.statuses) <= {200, 201, 502, 503}
        stored = stored_keys(first.db)
        assert len(stored) == len(set(stored)), "a report is there twice"
        assert told.acknowledged <= set(stored)
        first.start(ready=503)  # and now it is the one that waits
        assert second.terminate() == 0
        first.wait_for("/-/ready", 200)


@pytest.mark.slow
def test_who_lost_the_database_waits_again(postgres: Postgres, tmp_path: Path) -> None:
    with two_processes(postgres, tmp_path) as (service, _):
        service.start()
        asyncio.run(_taken_away(service))
        service.wait_for("/-/ready", 200)
        assert service.terminate() == 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "needs a database that two machines can reach"),
        ({"demo": True}, "omit --standby"),
        ({"db": "postgresql://lensong@localhost/lensong", "port": 0}, "--port 0"),
    ],
)
def test_a_standby_that_cannot_be_one_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check_settings(ServiceConfig(standby=True, **settings))


@contextmanager
def proxied(folder: Path, first: ServiceProcess, second: ServiceProcess) -> Iterator[str]:
    """Yield the address of a real nginx with the shipped file in front of both."""
    upstream = (DEPLOY / "reverse-proxy" / "standby.conf").read_text("utf-8")
    for shipped, service in (("10.0.0.1:8790", first), ("10.0.0.2:8790", second)):
        assert shipped in upstream
        upstream = upstream.replace(shipped, f"127.0.0.1:{service.port}")
    (folder / "standby.conf").write_text(upstream, "utf-8")
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port), "utf-8")
    with program(
        ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"],
        folder,
        f"http://127.0.0.1:{port}/-/healthy",
    ):
        yield f"http://127.0.0.1:{port}"


async def _killed_under_load(first: ServiceProcess, url: str, tokens: dict[str, str]) -> Tally:
    """Send reports, kill the first process in the midst of them, go on until the other serves."""
    told = Tally()
    load = asyncio.create_task(
        send_reports(url, tokens, duration_s=PATIENCE_S, connections=4, tally=told)
    )
    async with asyncio.timeout(PATIENCE_S):
        while len(told.acknowledged) < ENOUGH:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(first.kill)
        before = len(told.acknowledged)
        while len(told.acknowledged) < before + ENOUGH:
            await asyncio.sleep(0.005)
    load.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await load
    return told


async def _taken_away(service: ServiceProcess) -> None:
    """End the connections of a service and be quicker than it with the lock."""
    database = Database(service.db)
    try:
        async with asyncio.timeout(PATIENCE_S), database.reading() as connection:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        async with only_connection(database):
            found = await asyncio.to_thread(service.wait_for, "/-/ready", 503)
            while found.get("code") != "standby":  # first it is without a database
                await asyncio.sleep(0.05)
                with contextlib.suppress(OSError):  # or on its way
                    _, found = await asyncio.to_thread(service.get, "/-/ready")
    finally:
        await database.close()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
