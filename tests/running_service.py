"""A service for tests: a throw-away database, people who are signed in, a clock to turn."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg  # type: ignore[import-untyped]  # it has no stubs
import httpx
from fastapi import FastAPI

import lensong.monitoring.service
from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.records import Commune, Province, Site
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import Person, add_person, add_token, add_web_session
from lensong.monitoring.store.places import put_commune, put_province, put_site
from lensong.monitoring.web.app import create_app
from lensong.monitoring.web.guards import session_cookie

START = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
"""Saturday, 08:00 in Lai Châu."""


@dataclass
class TurnedClock:
    """A clock that stands still until it is turned."""

    at: datetime = START
    monotonic: float = 1_000.0

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.monotonic

    def turn(self, **step: float) -> None:
        self.at += timedelta(**step)
        self.monotonic += timedelta(**step).total_seconds()


@dataclass
class Running:
    """A service that runs, and clients of several roles."""

    service: Service
    app: FastAPI
    clock: TurnedClock
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a client that speaks to the app without a network."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app),
            base_url="http://127.0.0.1:8790",
            headers=headers,
        )
        self.clients.append(client)
        return client

    async def signed_in(self, role: str, scope: str = "") -> httpx.AsyncClient:
        """Return the client of somebody new of that role."""
        person = Person(
            person_id=f"{role}-{len(self.clients)}",
            name=f"Somebody of {role}",
            role=role,
            scope=scope,
            password_hash=None,
            disabled_at=None,
            created_at=self.clock.now(),
        )

        async def work(connection: Any) -> tuple[Any, str]:
            await add_person(connection, person)
            return await add_web_session(
                connection, person.person_id, now=self.clock.now(), valid_for=timedelta(days=30)
            )

        session, secret = await self.service.writer.run(work)
        client = self.client(**{"X-CSRF-Token": session.csrf, "Accept-Language": "en"})
        client.cookies.set(session_cookie(self.service.config.root), secret)
        return client

    async def device(self, site_id: str = "binh-lu") -> httpx.AsyncClient:
        """Return the client of a site's token."""
        return self.client(Authorization=f"Bearer {await self.token('site', site_id)}")

    async def scraper(self) -> httpx.AsyncClient:
        """Return the client of a scraper's token."""
        return self.client(Authorization=f"Bearer {await self.token('scraper', None)}")

    async def token(self, role: str, site_id: str | None, label: str = "") -> str:
        """Return the secret of a new token."""
        _, secret = await self.service.writer.run(
            lambda connection: add_token(
                connection,
                role=role,
                site_id=site_id,
                label=label or f"test {len(self.clients)}",
                now=self.clock.now(),
            )
        )
        return secret


async def settle_places(service: Service) -> None:
    """Add a province with two communes and three sites."""

    async def work(connection: Any) -> None:
        now = service.clock.now()
        await put_province(connection, Province(code="12", name="Lai Châu"))
        await put_province(connection, Province(code="11", name="Điện Biên"))
        for code, name, province in (
            ("03390", "Bình Lư", "12"),
            ("03433", "Sìn Hồ", "12"),
            ("03127", "Mường Phăng", "11"),
        ):
            await put_commune(connection, Commune(code=code, name=name, province_code=province))
        for site_id, name, commune, lat, lon in (
            ("binh-lu", "Chợ Bình Lư", "03390", 22.353, 103.678),
            ("sin-ho", "Chợ Sìn Hồ", "03433", 22.352, 103.250),
            ("muong-phang", "Chợ Mường Phăng", "03127", 21.470, 103.150),
        ):
            await put_site(
                connection,
                Site(
                    site_id=site_id,
                    name=name,
                    commune_code=commune,
                    lat_deg=lat,
                    lon_deg=lon,
                    operators=("Viettel",),
                    technologies=("4G",),
                ),
                now=now,
            )

    await service.writer.run(work)
    await service.reload()


_NEVER_S = 86_400.0

_settled = tempfile.TemporaryDirectory(prefix="lensong-settled-")
"""Holds a database with the places in it, made once by each process that runs tests."""

_settled_servers: set[str] = set()
"""PostgreSQL servers that hold such a database."""


@asynccontextmanager
async def running_service(
    db: str, *, by_itself: bool = False, **settings: Any
) -> AsyncIterator[Running]:
    """Yield a running service on a database that is empty but for `settle_places`.

    Parameters
    ----------
    by_itself : bool, optional
        It judges what arrives and keeps time by itself, as outside of tests. Otherwise a test asks
        for both (`judge_arrivals`, `keep_time`), and nothing comes between its own steps.
    """
    clock = TurnedClock()
    if db.startswith("sqlite:"):
        file = Path(db.removeprefix("sqlite:///"))
        settled = not file.exists()
        if settled:
            shutil.copyfile(await _settled_file(), file)
    else:
        settled = await _copied_on_server(db)
    service = Service(ServiceConfig(db=db, **settings), clock)
    app = create_app(service)
    rarely = patch.multiple(lensong.monitoring.service, _TICK_S=_NEVER_S, _JUDGE_EVERY_S=_NEVER_S)
    with nullcontext() if by_itself else rarely:
        async with app.router.lifespan_context(app):
            if not settled:
                await settle_places(service)
            running = Running(service, app, clock)
            try:
                yield running
            finally:
                for client in running.clients:
                    await client.aclose()


async def _settled_file() -> Path:
    """Return the file to begin with: bringing one up takes as long as many a test."""
    file = Path(_settled.name) / "lensong.db"
    if not file.exists():
        await _settle(sqlite_url(Path(_settled.name)))
    return file


async def _settle(db: str) -> None:
    service = Service(ServiceConfig(db=db), TurnedClock())
    await service.start()
    await settle_places(service)
    await service.stop()


async def _copied_on_server(db: str) -> bool:
    """Return whether a database was empty, and is a copy of the one to begin with now."""
    address, _, name = db.rpartition("/")
    own = await asyncpg.connect(db)
    empty = await own.fetchval("SELECT to_regclass('alembic_version') IS NULL")
    await own.close()
    if not empty:
        return False
    server = await asyncpg.connect(f"{address}/postgres")
    try:
        if address not in _settled_servers:
            await server.execute("CREATE DATABASE settled")
            await _settle(f"{address}/settled")
            _settled_servers.add(address)
        await server.execute(f"DROP DATABASE {name}")
        await server.execute(f"CREATE DATABASE {name} TEMPLATE settled")
    finally:
        await server.close()
    return True


def sqlite_url(folder: Path) -> str:
    """Return the address of a database in a folder."""
    return f"sqlite:///{folder / 'lensong.db'}"


def minutes(start: datetime, count: int) -> Iterator[datetime]:
    """Yield moments a minute apart."""
    for number in range(count):
        yield start + timedelta(minutes=number)
