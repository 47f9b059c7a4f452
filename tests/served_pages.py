"""The service on a port of its own, with people who are signed in: for tests of pages in a browser.

It runs in a thread with its own event loop; `Served.call` runs something in there.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.passwords import hash_password
from lensong.monitoring.process.server import make_server
from lensong.monitoring.records import CountedBy, Measurement, Method, Outcome
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import Person, add_join, add_person, add_web_session
from lensong.monitoring.web.app import create_app
from lensong.monitoring.web.guards import session_cookie
from tests.chromium import Page
from tests.running_service import settle_places, sqlite_url
from tests.waiting import PATIENCE_S

T = TypeVar("T")

PASSWORD = "một câu dễ nhớ 2026"


@dataclass
class Served:
    """A service that listens."""

    url: str
    service: Service
    loop: asyncio.AbstractEventLoop

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the service's own loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def add_person(self, person_id: str, role: str, scope: str = "") -> None:
        """Add somebody with the password of these tests."""

        async def work() -> None:
            person = Person(
                person_id=person_id,
                name=f"Người thử {person_id}",
                role=role,
                scope=scope,
                password_hash=await hash_password(PASSWORD),
                disabled_at=None,
                created_at=self.service.clock.now(),
            )
            await self.service.writer.run(lambda connection: add_person(connection, person))

        self.call(work())

    def sign_in(self, page: Page, person_id: str) -> None:
        """Give a browser the cookie of somebody's session."""

        async def work() -> str:
            _, secret = await self.service.writer.run(
                lambda connection: add_web_session(
                    connection,
                    person_id,
                    now=self.service.clock.now(),
                    valid_for=timedelta(hours=8),
                )
            )
            return secret

        page.call(
            "Network.setCookie",
            name=session_cookie(self.service.config.root),
            value=self.call(work()),
            url=self.url,
        )

    def join_link(self, site_id: str = "binh-lu") -> str:
        """Return a fresh one-time link of a site for a phone."""

        async def work() -> str:
            return await self.service.writer.run(
                lambda connection: add_join(
                    connection,
                    now=self.service.clock.now(),
                    valid_for=timedelta(hours=1),
                    site_id=site_id,
                )
            )

        return f"{self.url}/p/{self.call(work())}"

    def measure(
        self, site_id: str, number: int, p10_bps: float | None, *, ago: timedelta = timedelta()
    ) -> None:
        """Let the server have counted a test; None is one that failed."""
        at = self.service.clock.now() - ago
        common: dict[str, Any] = {
            "site_id": site_id,
            "client_id": "probe-1",
            "seq": None,
            "test_id": f"test-{site_id}-{number}",
            "started_at": at,
            "received_at": at,
            "method": Method.PAGE,
            "counted_by": CountedBy.SERVER,
            "duration_s": 30.0,
            "technology": "4G",
            "operator": "Viettel",
        }
        if p10_bps is None:
            test = Measurement(**common, outcome=Outcome.FAILURE, failure_reason="stalled")
        else:
            test = Measurement(
                **common,
                outcome=Outcome.SUCCESS,
                uplink_bins_bps=tuple(p10_bps * (1.0 + 0.01 * i) for i in range(27)),
                uplink_p10_bps=p10_bps,
                uplink_p50_bps=p10_bps * 1.13,
                uplink_min_bps=p10_bps,
                uplink_mean_bps=p10_bps * 1.13,
                rtt_idle_ms=38.0,
                rtt_loaded_ms=140.0,
                sent_bytes=20_000_000,
            )
        self.call(self.service.ingest.counted(test))


@contextmanager
def served_pages(
    folder: Path,
    fill: Callable[[Service], Awaitable[None]] = settle_places,
    **settings: Any,
) -> Iterator[Served]:
    """Yield a service that listens on loopback, on a database of its own that ``fill`` fills."""
    config = ServiceConfig(db=sqlite_url(folder), host="127.0.0.1", port=0, **settings)
    service = Service(config)
    app = create_app(service)
    started: list[tuple[str, asyncio.AbstractEventLoop]] = []
    listens = threading.Event()

    def told(url: str) -> None:
        started.append((url, asyncio.get_running_loop()))
        listens.set()

    server = make_server(service, app, told)
    thread = threading.Thread(target=server.run, name="served pages", daemon=True)
    thread.start()
    try:
        if not listens.wait(PATIENCE_S):
            raise RuntimeError("the service did not start to listen")
        served = Served(*(started[0][0], service, started[0][1]))
        served.call(_filled(fill, service))
        yield served
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)


async def _filled(fill: Callable[[Service], Awaitable[None]], service: Service) -> None:
    await fill(service)
