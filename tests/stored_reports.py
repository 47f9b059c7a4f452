"""What a database holds after an accident, read past the service."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from sqlalchemy import func, select

from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.tables import hourly, measurements, sessions
from tests.reporting_clients import Key
from tests.waiting import PATIENCE_S


async def _read(db: str, wanted: Any) -> list[Any]:  # a statement, and its rows
    database = Database(db)
    try:
        async with database.reading() as connection:
            return list(await connection.execute(wanted))
    finally:
        await database.close()


def stored_keys(db: str) -> list[Key]:
    """Return the keys of all stored reports, each as often as it is there."""
    table = measurements.c
    rows = asyncio.run(_read(db, select(table.site_id, table.client_id, table.seq)))
    return [(row.site_id, row.client_id, row.seq) for row in rows]


def stored_sessions(db: str) -> list[str]:
    """Return the titles of all sessions."""
    return [row.title for row in asyncio.run(_read(db, select(sessions.c.title)))]


def hourly_bytes(db: str, until: int) -> int:
    """Return the data of all tests by the hourly sums, once it has come to as much."""
    give_up_s = time.monotonic() + PATIENCE_S
    while True:
        ((found,),) = asyncio.run(_read(db, select(func.sum(hourly.c.sent_bytes))))
        if int(found or 0) == until or time.monotonic() > give_up_s:
            return int(found or 0)
        time.sleep(0.2)
