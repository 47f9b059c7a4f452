"""A server with the uplink test alone, for tests and benchmarks: `lensong serve` has much more.

Run as a program, it listens where it is told, says ``listening`` and then one line of JSON for
each test that was stored. The token ``token-of-NAME`` belongs to the site NAME.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response

from lensong.monitoring.clock import SystemClock
from lensong.monitoring.uplink.admission import AdmissionSettings
from lensong.monitoring.uplink.outcomes import FinishedTest, UplinkPermit
from lensong.monitoring.uplink.refusals import Refusal
from lensong.monitoring.uplink.service import UplinkService, UplinkSettings
from lensong.monitoring.uplink.transport import MeteredWebSocketProtocol
from lensong.monitoring.web.api.uplink import uplink_router
from lensong.monitoring.web.pages.assets import asset_text
from lensong.propagation.errors import DataError
from tests.waiting import PATIENCE_S, wait_until

TOKEN = "token-of-"


class Store:
    """Remembers tests; refuses to when told so."""

    def __init__(self, told: Callable[[FinishedTest], None] | None = None) -> None:
        self.finished: list[FinishedTest] = []
        self.failing = False
        self.daily_budget_bytes = 10**10
        self._told = told

    async def authorize(self, token: str, address: str) -> UplinkPermit | Refusal:  # noqa: ARG002 (its caller's)
        if not token.startswith(TOKEN):
            return Refusal("bad_token")
        site_id = token.removeprefix(TOKEN)
        spent = sum(done.spent_bytes for done in self.finished if done.permit.site_id == site_id)
        return UplinkPermit(
            site_id=site_id,
            daily_budget_bytes=self.daily_budget_bytes,
            spent_today_bytes=spent,
            budget_resets_s=3_600.0,
        )

    async def keep(self, finished: FinishedTest) -> None:
        if self.failing:
            raise DataError("the disk is full")
        self.finished.append(finished)
        if self._told is not None:
            self._told(finished)


def settings_for(**overrides: Any) -> UplinkSettings:
    """Return settings under which a test may follow the other."""
    admission = AdmissionSettings(
        interval_s=overrides.pop("interval_s", 0.0),
        tests_at_once=overrides.pop("tests_at_once", 2),
        queue_length=overrides.pop("queue_length", 8),
        overhead_s=10.0,
    )
    return UplinkSettings(admission=admission, **overrides)


def make_app(
    store: Store, settings: UplinkSettings, *, need_bps: float | None = None
) -> tuple[FastAPI, UplinkService]:
    service = UplinkService(
        store.authorize, store.keep, SystemClock(), settings, need_bps=lambda *_: need_bps
    )
    app = FastAPI()
    app.include_router(uplink_router(service))
    return app, service


@contextmanager
def serving(
    app: FastAPI, *, metered: bool = True, loop: Literal["auto", "asyncio", "uvloop"] = "auto"
) -> Iterator[int]:
    """Serve an application on a free port of this machine from another thread."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_level="info",
        log_config=None,  # to the root logger, where a test looks
        ws=MeteredWebSocketProtocol if metered else "websockets-sansio",
        loop=loop,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive(), "the server")
    if not server.started:
        raise RuntimeError("the server did not start")
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)


def as_json(finished: FinishedTest) -> dict[str, Any]:
    outcome = asdict(finished.outcome)
    return {
        "test_id": finished.test_id,
        "site": finished.permit.site_id,
        "method": finished.method,
        "client_id": finished.client_id,
        "clock_offset_s": finished.clock_offset_s,
        "started_at": finished.started_at.isoformat(),
        "outcome": type(finished.outcome).__name__,
        **outcome,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--settings", type=json.loads, default={})
    given = parser.parse_args()
    overrides = dict(given.settings)
    need_bps = overrides.pop("need_bps", None)
    if "seconds" in overrides:
        overrides["seconds"] = tuple(overrides["seconds"])
    store = Store(lambda finished: print(json.dumps(as_json(finished)), flush=True))
    app, _ = make_app(store, settings_for(**overrides), need_bps=need_bps)
    reports: dict[tuple[str, int], dict[str, Any]] = {}

    @app.post("/api/v1/sites/{site}/measurements")
    async def ingest(site: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        for report in body["measurements"]:
            reports[body["client_id"], report["seq"]] = report | {"site": site}
        return [{"seq": report["seq"], "fate": "created"} for report in body["measurements"]]

    @app.get("/")
    async def blank() -> HTMLResponse:
        return HTMLResponse("<!doctype html><title>uplink test</title>")

    @app.get("/phone-test.js")
    async def page_script() -> Response:
        return Response(asset_text("phone-test.js"), media_type="text/javascript")

    @app.get("/reports")
    async def kept() -> list[dict[str, Any]]:
        return list(reports.values())

    config = uvicorn.Config(
        app, host=given.host, port=given.port, log_level="warning", ws=MeteredWebSocketProtocol
    )
    print("listening", flush=True)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run()
    sys.exit(0)


if __name__ == "__main__":
    main()
