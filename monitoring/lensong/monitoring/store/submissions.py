"""What requests bring, several at once: reports, and what their clients say of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Insert
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.records import Measurement
from lensong.monitoring.store.measurements import Taken, store_measurements
from lensong.monitoring.store.rows import to_row, upsert
from lensong.monitoring.store.tables import clients

__all__ = ["ClientSeen", "Submission", "store_submissions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSeen:
    """When a client was last heard, how far its clock is behind ours, what it still holds back."""

    site_id: str
    client_id: str
    last_seen_at: datetime
    clock_offset_s: float | None = None
    queue_reports: int | None = None
    oldest_report_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The reports of one request."""

    measurements: Sequence[Measurement]
    client: ClientSeen | None = None


async def store_submissions(
    connection: AsyncConnection, submissions: Sequence[Submission]
) -> list[list[Taken]]:
    """Store what several requests bring and say of each of its reports what became of it."""
    reports = [report for item in submissions for report in item.measurements]
    taken = iter(await store_measurements(connection, reports))
    fates = [[next(taken) for _ in item.measurements] for item in submissions]
    # the last word of each client counts
    seen = {(c.site_id, c.client_id): c for item in submissions if (c := item.client) is not None}
    if seen:
        rows = [to_row(client) for client in seen.values()]
        await connection.execute(_put_client(connection.dialect.name), rows)
    return fates


@cache
def _put_client(dialect: str) -> Insert:
    """Return the statement, which takes longer to put together than to run."""
    insert: Any = upsert(dialect, clients)
    changed = {
        name: insert.excluded[name]
        for name in ("last_seen_at", "clock_offset_s", "queue_reports", "oldest_report_at")
    }
    statement: Insert = insert.on_conflict_do_update(
        index_elements=["site_id", "client_id"], set_=changed
    )
    return statement
