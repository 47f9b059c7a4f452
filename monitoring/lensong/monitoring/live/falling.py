"""Looks at all sites every few seconds, and tells when those of one operator fell together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.clock import Clock
from lensong.monitoring.live.board import Board
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.live.events import EventBus
from lensong.monitoring.live.operator_outages import Change, OutageWatch, Seen, outage_of
from lensong.monitoring.live.snapshot import WatchSnapshot
from lensong.monitoring.readiness.verdict import State
from lensong.monitoring.records import Outcome, SessionStatus, Site
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.events import Event, add_event, events_of_kinds
from lensong.monitoring.store.writer import Writer

__all__ = ["FallWatcher"]

_KINDS = ("operator.fell", "operator.recovered")
_KEPT = timedelta(days=2)
_TESTED = timedelta(hours=24)
"""What a test said is known for so long, as on the wall."""

_JUST_TESTED = timedelta(minutes=15)
"""A verdict that falls without a test of this age fell for another reason than the network."""


@dataclass(slots=True)
class FallWatcher:
    """Tells of outages of operators, and shows those that last on the board."""

    database: Database
    writer: Writer
    directory: Directory
    board: Board
    bus: EventBus
    clock: Clock
    _watch: OutageWatch = field(default_factory=OutageWatch)

    async def load(self) -> None:
        """Take over what lasted when the service stopped."""
        async with self.database.reading() as connection:
            kept = await events_of_kinds(connection, _KINDS, self.clock.now() - _KEPT)
        lasting: dict[str, Event] = {}
        for event in kept:
            if event.kind == "operator.fell":
                lasting[event.body["outage_id"]] = event
            else:
                lasting.pop(event.body["outage_id"], None)
        self._watch.resume(outage_of(event.body) for event in lasting.values())
        self.board.outages = self._watch.outages

    async def look(self) -> None:
        """Look at every site, and tell what changed."""
        now = self.clock.now()
        changes = self._watch.look(self._seen(now), now)
        self.board.outages = self._watch.outages
        for change in changes:

            async def keep(connection: AsyncConnection, change: Change = change) -> Event:
                return await add_event(
                    connection,
                    at=now,
                    kind=change.kind,
                    site_id=None,
                    session_id=None,
                    body=self._body(change),
                )

            self.bus.publish(await self.writer.run(keep))

    def _body(self, change: Change) -> dict[str, Any]:
        outage, communes = change.outage, self.directory.communes
        return outage.to_dict() | {
            "commune_names": [
                communes[code].name for code in outage.commune_codes if code in communes
            ],
            "province_name": self.directory.provinces[outage.province_code].name,
        }

    def _seen(self, now: datetime) -> Iterator[Seen]:
        communes, watched = self.directory.communes, self.board.watched()
        quiet = [notice for notice in self.board.notices if notice.holds_at(now)]
        for site in self.directory.sites.values():
            if not site.operators:
                continue
            province_code = communes[site.commune_code].province_code
            yield Seen(
                site_id=site.site_id,
                commune_code=site.commune_code,
                province_code=province_code,
                operator=site.operators[0],
                synthetic=site.synthetic,
                down=self._is_down(site, watched.get(site.site_id), now),
                quiet=any(
                    notice.concerns(
                        site_id=site.site_id,
                        commune_code=site.commune_code,
                        province_code=province_code,
                        operator=site.operators[0],
                    )
                    for notice in quiet
                ),
            )

    def _is_down(self, site: Site, watch: WatchSnapshot | None, now: datetime) -> bool | None:
        """Return whether what was last seen of a site is that its network or stream is gone."""
        board, site_id = self.board, site.site_id
        session = board.session_of(site_id)
        if session is not None and session.status is SessionStatus.LIVE:
            streams = [one for one in board.streams_of(site_id).values() if one.up is not None]
            if streams:  # where one of several sellers is seen, the network is there
                return all(stream.state in ("down", "not_ok") for stream in streams)
            if watch is not None and watch.state != "not_watched":
                return watch.state == "gone"
        last = board.last_of(site_id)
        if last is None or now - last.started_at > _TESTED:
            return None
        if last.outcome is Outcome.FAILURE:
            return True
        if last.outcome is not Outcome.SUCCESS:
            return None  # a test that was refused or broken off says nothing of the network
        verdict = board.verdict_of(site_id)
        if verdict is None or verdict.state is not State.NOT_READY:
            return False
        return True if now - last.started_at <= _JUST_TESTED else None
