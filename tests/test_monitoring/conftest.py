"""Fixtures of the live side: a store of either kind."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.postgres_server import Postgres, missing, postgres_server
from tests.running_service import Running, running_service, sqlite_url


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return a PostgreSQL server, or skip."""
    if (why := missing()) is not None:
        pytest.skip(why)
    # the socket's path must be short, and pytest's folders are not
    with (
        tempfile.TemporaryDirectory(prefix="pg-") as folder,
        postgres_server(Path(folder)) as server,
    ):
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of an empty database of either kind; `make test` takes SQLite alone."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.drop(url)


@pytest.fixture
def anyio_backend() -> str:
    """Run the coroutine tests on asyncio alone, as the service does."""
    return "asyncio"


@pytest.fixture
async def running(store_url: str) -> AsyncIterator[Running]:
    """Return a service that runs on a database of either kind."""
    async with running_service(store_url) as started:
        yield started


@pytest.fixture
async def light(tmp_path: Path) -> AsyncIterator[Running]:
    """Return a service that runs on SQLite."""
    async with running_service(sqlite_url(tmp_path)) as started:
        yield started
