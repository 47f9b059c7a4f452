"""Handing out what is in the store as lists; who took one is noted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.lists.writing import ExportedSession
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.records import Site
from lensong.monitoring.service import Service
from lensong.monitoring.store.calendars import sessions_between
from lensong.monitoring.store.events import latest_verdicts
from lensong.monitoring.store.watches import watch_parts_of_sessions
from lensong.monitoring.watch.session_watch import session_watch

__all__ = ["sessions_given", "sessions_to_give", "sites_to_give"]

_MOST_SESSIONS = 20_000


async def sites_to_give(service: Service, principal: Principal) -> Sequence[Site]:
    """Return the sites of the asker's area, and note that they were given out."""
    sites = list(service.directory.visible_to(principal))
    await _note(service, principal, "export.sites", len(sites))
    return sites


async def sessions_to_give(
    service: Service, principal: Principal, after: datetime | None, before: datetime | None
) -> Sequence[ExportedSession]:
    """Return sessions of the asker's area with their verdicts, and note that they were given out.

    Parameters
    ----------
    after, before : datetime, optional
        Those that end after one moment and start before another; the first 20,000 by start.
    """
    found = await sessions_given(service, principal, after, before)
    await _note(service, principal, "export.sessions", len(found))
    return found


async def sessions_given(
    service: Service, principal: Principal, after: datetime | None, before: datetime | None
) -> Sequence[ExportedSession]:
    """Return sessions as `sessions_to_give`, noting nothing: calendars ask every quarter hour."""
    sites = [site.site_id for site in service.directory.visible_to(principal)]
    async with service.database.reading() as connection:
        kept = await sessions_between(
            connection, site_ids=sites, after=after, before=before, limit=_MOST_SESSIONS
        )
        named = [item.session.session_id for item in kept]
        verdicts = await latest_verdicts(connection, named)
        watched = await watch_parts_of_sessions(connection, named)
    now = service.clock.now()
    return [
        ExportedSession(
            session=item.session,
            calendar_uid=item.calendar_uid,
            updated_at=item.updated_at,
            verdict=found.verdict if (found := verdicts.get(item.session.session_id)) else None,
            watch=session_watch(
                watched.get(item.session.session_id, ()),
                item.session.starts_at,
                item.session.ends_at,
                tolerance=service.directory.profiles[item.session.profile_code].tolerance,
                now=now,
            ),
        )
        for item in kept
    ]


async def _note(service: Service, principal: Principal, action: str, count: int) -> None:
    async def work(connection: AsyncConnection) -> None:
        subject = principal.scope or "all"
        await noted(connection, service, principal.actor, action, subject, {"rows": count})

    await service.writer.run(work)
