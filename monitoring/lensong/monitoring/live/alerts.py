"""Alerts: trouble that lasts and that nobody has taken on, told once, and told when it is over.

What Prometheus' rules tell by labels is told here with what people need: the session's title and
time, a link, and what to do. The wall, the alerts and an acknowledgement look at the same trouble.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.clock import Clock, rfc3339
from lensong.monitoring.live.board import Board
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.live.events import EventBus
from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.live.troubles import URGENCY, Trouble, trouble_of
from lensong.monitoring.records import Session, Site
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.events import Event, add_event, events_of_kinds
from lensong.monitoring.store.writer import Writer

__all__ = ["Alert", "AlertKeeper"]

_LASTS = timedelta(seconds=60)
"""Trouble is told when it has lasted so long: a stream may come and go, and sites may turn out to
have fallen with others of their operator."""

_OVER = timedelta(minutes=2)
"""It is over when nothing was seen of it for so long."""

_AHEAD = timedelta(hours=24)
_KEPT = timedelta(days=3)
_KINDS = ("alert.raised", "alert.cleared")


@dataclass(slots=True)
class Alert:
    """An alert that was told and is not over."""

    alert_id: str
    body: Mapping[str, Any]
    kind: str
    ahead: bool
    session_id: str | None
    fine_since: datetime | None = None


_What = tuple[str, bool, str | None]


@dataclass(slots=True)
class AlertKeeper:
    """Tells of trouble that lasts, each once, the more urgent anew, and of its end."""

    database: Database
    writer: Writer
    directory: Directory
    board: Board
    bus: EventBus
    clock: Clock
    _open: dict[str, Alert] = field(default_factory=dict)
    _since: dict[str, tuple[_What, datetime]] = field(default_factory=dict)

    async def load(self) -> None:
        """Take over what was told and was not over when the service stopped."""
        async with self.database.reading() as connection:
            kept = await events_of_kinds(connection, _KINDS, self.clock.now() - _KEPT)
        self._open.clear()
        for event in kept:
            if event.site_id is None:
                continue
            if event.kind == "alert.cleared":
                self._open.pop(event.site_id, None)
            else:
                self._open[event.site_id] = Alert(
                    alert_id=event.body["alert_id"],
                    body=event.body,
                    kind=event.body["trouble"],
                    ahead=event.body["ahead"],
                    session_id=event.session_id,
                )

    async def look(self) -> None:
        """Look at the sites that have a session near, or had an alert."""
        now = self.clock.now()
        chosen = [
            site
            for site in self.directory.sites.values()
            if site.site_id in self._open or self._is_near(site, now)
        ]
        found = await asyncio.to_thread(self._troubles, chosen, now)
        for site, trouble in found:
            await self._one(site, trouble, now)
        there = {site.site_id for site in chosen}
        self._since = {k: v for k, v in self._since.items() if k in there}
        for gone in self._open.keys() - self.directory.sites.keys():
            del self._open[gone]

    def _is_near(self, site: Site, now: datetime) -> bool:
        session = self.board.session_of(site.site_id)
        return session is not None and session.starts_at - now <= _AHEAD

    def _troubles(
        self, sites: list[Site], now: datetime
    ) -> list[tuple[SiteSnapshot, Trouble | None]]:
        shown = [as_of(site, now) for site in self.board.snapshot(now, sites).sites]
        return [(site, trouble_of(site, now)) for site in shown]

    async def _one(self, site: SiteSnapshot, trouble: Trouble | None, now: datetime) -> None:
        alert = self._open.get(site.site_id)
        if trouble is None or trouble.site.session_id is None:
            self._since.pop(site.site_id, None)
            if alert is None:
                return
            alert.fine_since = alert.fine_since or now
            if now - alert.fine_since >= _OVER:
                await self._clear(site, alert, now)
            return
        if alert is not None:
            alert.fine_since = None
            if not _is_news(alert, trouble):
                return
        what: _What = (trouble.kind, trouble.ahead, site.session_id)
        before, since = self._since.get(site.site_id, (None, now))
        if before != what:
            self._since[site.site_id] = what, now
            return
        # somebody knows, or it is the operator's: then it is told as that
        if now - since >= _LASTS and not site.notices and site.outage is None:
            await self._raise(site, trouble, now)

    async def _raise(self, site: SiteSnapshot, trouble: Trouble, now: datetime) -> None:
        session = self.board.session_named(site.site_id, site.session_id)
        body = {
            "alert_id": secrets.token_hex(8),
            "trouble": trouble.kind,
            "ahead": trouble.ahead,
            "state": trouble.state,
            "text_key": trouble.key,
            "values": {name: _plain(value) for name, value in trouble.values.items()},
            **_where(site, session),
        }
        await self._tell("alert.raised", site, body, now)
        self._open[site.site_id] = Alert(
            alert_id=body["alert_id"],
            body=body,
            kind=trouble.kind,
            ahead=trouble.ahead,
            session_id=site.session_id,
        )

    async def _clear(self, site: SiteSnapshot, alert: Alert, now: datetime) -> None:
        await self._tell("alert.cleared", site, dict(alert.body), now)
        self._open.pop(site.site_id, None)

    async def _tell(
        self, kind: str, site: SiteSnapshot, body: dict[str, Any], now: datetime
    ) -> None:
        async def keep(connection: AsyncConnection) -> Event:
            return await add_event(
                connection,
                at=now,
                kind=kind,
                site_id=site.site_id,
                session_id=body.get("session_id"),
                body=body,
            )

        self.bus.publish(await self.writer.run(keep))


def _is_news(alert: Alert, trouble: Trouble) -> bool:
    """Return whether trouble is another than what was told: of another session, now, or worse."""
    if trouble.site.session_id != alert.session_id:
        return True
    if alert.ahead != trouble.ahead:
        return alert.ahead
    return URGENCY.index(trouble.kind) < URGENCY.index(alert.kind)


def _where(site: SiteSnapshot, session: Session | None) -> dict[str, Any]:
    return {
        "site_id": site.site_id,
        "site_name": site.name,
        "commune": site.commune_code,
        "commune_name": site.commune_name,
        "province": site.province_code,
        "operator": site.operator,
        "synthetic": site.synthetic,
        "session_id": None if session is None else session.session_id,
        "title": None if session is None else session.title,
        "starts_at": None if session is None else rfc3339(session.starts_at),
        "ends_at": None if session is None else rfc3339(session.ends_at),
    }


def _plain(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value
