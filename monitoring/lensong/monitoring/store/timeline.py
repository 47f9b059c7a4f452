"""What happened, in one line of time: events, and the tests that were made."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.store.tables import events, measurements

__all__ = ["KINDS", "TimelineEntry", "timeline", "up_to"]

KINDS: dict[str, tuple[str, ...]] = {
    "state": ("verdict.changed", "stream.changed"),
    "session": (
        "session.planned",
        "session.changed",
        "session.live",
        "session.ended",
        "session.cancelled",
    ),
    "alert": ("alert.raised", "alert.cleared"),
    "notice": ("notice.added", "notice.ended"),
    "operator": ("operator.fell", "operator.recovered"),
    "test": (),
}
"""Groups of what happens, and the kinds of events in each; tests are no events."""

_OF_TEST = (
    "uplink_p10_bps", "uplink_p50_bps", "rtt_idle_ms", "operator", "technology", "spot",
    "failure_reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """Something that happened: an event, or ``test.<outcome>``."""

    at: datetime
    kind: str
    site_id: str | None
    session_id: str | None
    body: Mapping[str, Any]


async def timeline(
    connection: AsyncConnection,
    site_ids: Collection[str] | None,
    *,
    groups: Collection[str],
    before: datetime,
    limit: int,
) -> list[TimelineEntry]:
    """Return what happened before a moment, the latest first.

    Parameters
    ----------
    site_ids : collection of str, optional
        Of these sites; None is all. What is of no single site comes in any case: who asks looks
        whether it is theirs.
    groups : collection of str
        Of `KINDS`.
    limit : int
        At most so many, and those of the very same moment as the last.
    """
    kinds = [kind for group in groups for kind in KINDS[group]]
    found: list[TimelineEntry] = []
    if kinds:
        wanted = select(events).where(events.c.kind.in_(kinds), events.c.at < before)
        if site_ids is not None:
            wanted = wanted.where(_of(events.c.site_id, site_ids, none=True))
        rows = await connection.execute(
            wanted.order_by(events.c.at.desc(), events.c.id.desc()).limit(limit + 1)
        )
        found += [
            TimelineEntry(
                at=row["at"],
                kind=row["kind"],
                site_id=row["site_id"],
                session_id=row["session_id"],
                body=row["body"],
            )
            for row in rows.mappings()
        ]
    if "test" in groups:
        tests = select(measurements).where(measurements.c.started_at < before)
        if site_ids is not None:
            tests = tests.where(_of(measurements.c.site_id, site_ids))
        rows = await connection.execute(
            tests.order_by(measurements.c.started_at.desc(), measurements.c.id.desc()).limit(
                limit + 1
            )
        )
        found += [
            TimelineEntry(
                at=row["started_at"],
                kind=f"test.{row['outcome']}",
                site_id=row["site_id"],
                session_id=None,
                body={name: row[name] for name in _OF_TEST},
            )
            for row in rows.mappings()
        ]
    found.sort(key=lambda entry: entry.at, reverse=True)
    return up_to(limit, found)


def up_to(limit: int, found: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    """Return the latest, at most so many, and those of the very same moment as the last.

    Parameters
    ----------
    found : sequence of TimelineEntry
        The latest first.
    """
    if len(found) <= limit:
        return list(found)
    last = found[limit - 1].at
    return [entry for entry in found if entry.at >= last]


def _of(
    column: ColumnElement[Any], site_ids: Collection[str], *, none: bool = False
) -> ColumnElement[bool]:
    named = column.in_(sorted(site_ids))
    return or_(named, column.is_(None)) if none else named
