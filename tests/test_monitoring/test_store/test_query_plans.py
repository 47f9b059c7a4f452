"""No statement of everyday work walks over a table that grows for years."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.running_service import START, running_service, sqlite_url
from tests.test_monitoring.test_api import SESSION, report, reports

pytestmark = pytest.mark.anyio

GROWING = (
    "measurements", "hourly", "stream_samples", "verdicts", "events", "deliveries", "audit",
    "idempotency", "past_sessions",
)  # fmt: skip
WALK = re.compile(rf"\bSCAN (?:{'|'.join(GROWING)}|m)\b")
NEWEST_FIRST = re.compile(r"ORDER BY \w+\.id DESC\s+LIMIT")
"""Read from its end, and no further than wanted."""

AT = "/api/v1/sites/binh-lu/measurements"


def plan(database: sqlite3.Connection, statement: str, values: Any) -> list[str]:
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


async def test_growing_tables_are_read_by_their_indexes(tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            asked.setdefault(statement, values[0] if many else values)

    async with running_service(sqlite_url(tmp_path)) as running:
        service = running.service
        for engine in (service.database.read_engine, service.database.write_engine):
            event.listen(engine.sync_engine, "before_cursor_execute", note)
        admin, device, scraper = (
            await running.signed_in("admin"),
            await running.device(),
            await running.scraper(),
        )
        await admin.post("/api/v1/sessions", json=SESSION, headers={"Idempotency-Key": "1"})
        await device.post(AT, json=reports(report(0, test_id="unknown"), report(1)))
        await device.post(AT, json=reports(*(report(seq) for seq in range(90))))
        await service.judge_arrivals()
        page = (await device.get(AT, params={"limit": 10, "since": START.isoformat()})).json()
        await device.get(AT, params={"limit": 10, "cursor": page["next_cursor"]})
        session = (await admin.get("/api/v1/sessions")).json()["items"][0]["session_id"]
        for path in (
            f"{AT[:-13]}/readiness?profile=voice-still",
            f"{AT[:-13]}/tests/none",
            f"/api/v1/sessions/{session}/verdicts",
            f"/api/v1/sessions/{session}/stream",
            f"/api/v1/sessions/{session}/report",
            "/api/v1/audit",
        ):
            await admin.get(path)
        await scraper.get("/metrics")
        await service.keep_time()
        running.clock.turn(hours=5)
        await service.keep_time()
        await service.catch_up()
        running.clock.turn(days=1)
        await service.reload()
        await service._load_board()
        await service.courier.send_due()
        await service.push.send_due()
        await service.prune()
        before = START - timedelta(days=1)
        await device.post(
            AT, json=reports(report(200, started_at=before.isoformat()), client_id="p")
        )

    database = sqlite3.connect(tmp_path / "lensong.db")
    walks = {
        statement: [step for step in plan(database, statement, values) if WALK.search(step)]
        for statement, values in asked.items()
        if not NEWEST_FIRST.search(statement)
    }
    database.close()
    told = " ".join(asked)
    assert all(f" {name}" in told for name in GROWING), "the work did not touch every table"
    assert {statement: steps for statement, steps in walks.items() if steps} == {}
