"""Notices while the service runs: shown on the board, told of, ended with the trouble."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.clock import Clock, rfc3339
from lensong.monitoring.errors import ConflictError
from lensong.monitoring.live.board import Board
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.live.events import EventBus
from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.live.troubles import URGENCY, Trouble, trouble_of
from lensong.monitoring.notices import Notice, NoticeKind
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.events import Event, add_event
from lensong.monitoring.store.notices import end_notice, open_notices
from lensong.monitoring.store.people import note
from lensong.monitoring.store.writer import Writer

__all__ = ["NoticeKeeper"]

_FINE_FOR = timedelta(minutes=5)
"""A trouble is over when nothing was seen of it for so long: a stream may come and go."""

_SERVICE = "service"
"""Who ends what nobody ended, in the audit trail."""


@dataclass(slots=True)
class NoticeKeeper:
    """Shows notices and ends acknowledgements whose trouble is over or has become worse."""

    database: Database
    writer: Writer
    directory: Directory
    board: Board
    bus: EventBus
    clock: Clock
    _fine_since: dict[str, datetime] = field(default_factory=dict)

    async def load(self) -> None:
        """Show what holds now or will."""
        async with self.database.reading() as connection:
            self.board.notices = await open_notices(connection, self.clock.now())

    def trouble_of(self, site_id: str, now: datetime) -> Trouble | None:
        """Return the worst trouble that a site has now."""
        site = self.directory.sites[site_id]
        return trouble_of(as_of(self.board.snapshot(now, [site]).sites[0], now), now)

    def sites_of(self, notice: Notice) -> tuple[str, ...]:
        """Return the sites that a notice is about."""
        communes = self.directory.communes
        return tuple(
            site.site_id
            for site in self.directory.sites.values()
            if notice.concerns(
                site_id=site.site_id,
                commune_code=site.commune_code,
                province_code=communes[site.commune_code].province_code,
                operator=site.operators[0] if site.operators else None,
            )
        )

    async def tell(
        self, connection: AsyncConnection, notice: Notice, kind: str, *, ended_by: str | None = None
    ) -> Event:
        """Keep that a notice began or ended, and put it on its way to webhooks."""
        site = self.directory.sites.get(notice.site_id or "")
        commune = self.directory.communes.get(notice.commune_code or "")
        province = self.directory.provinces.get(notice.province_code or "")
        body: dict[str, Any] = {
            "notice_id": notice.notice_id,
            "notice": notice.kind.value,
            "subject": notice.subject,
            "site_name": None if site is None else site.name,
            "commune": notice.commune_code,
            "commune_name": None if commune is None else commune.name,
            "operator": notice.operator,
            "province": notice.province_code,
            "province_name": None if province is None else province.name,
            "site_ids": list(self.sites_of(notice)),
            "note": notice.note,
            "author": notice.author,
            "starts_at": rfc3339(notice.starts_at),
            "ends_at": rfc3339(notice.ends_at),
            "ended_by": ended_by,
        }
        return await add_event(
            connection,
            at=self.clock.now(),
            kind=kind,
            site_id=notice.site_id,
            session_id=None,
            body=body,
        )

    async def end(self, notice: Notice, *, actor: str, author: str) -> None:
        """End a notice before its time.

        Raises
        ------
        ConflictError
            It is over already.
        """
        now = self.clock.now()

        async def work(connection: AsyncConnection) -> Event:
            await end_notice(connection, notice.notice_id, at=now, by=author)
            detail = {"notice": notice.kind.value, "notice_id": notice.notice_id}
            await note(
                connection,
                at=now,
                actor=actor,
                action="notice.end",
                subject=notice.subject,
                detail=detail,
            )
            return await self.tell(connection, notice, "notice.ended", ended_by=author)

        self.bus.publish(await self.writer.run(work))
        await self.load()

    async def keep(self) -> None:
        """End the acknowledgements whose trouble is over, or has become another and worse one."""
        now = self.clock.now()
        taken = [
            notice
            for notice in self.board.notices
            if notice.kind is NoticeKind.ACKNOWLEDGED
            and notice.holds_at(now)
            and notice.site_id in self.directory.sites
        ]
        for notice in taken:
            assert notice.site_id is not None  # only sites are acknowledged
            trouble = self.trouble_of(notice.site_id, now)
            if trouble is None:
                since = self._fine_since.setdefault(notice.notice_id, now)
                why = "over" if now - since >= _FINE_FOR else None
            else:
                self._fine_since.pop(notice.notice_id, None)
                why = "worse" if _is_worse(notice, trouble) else None
            if why is not None:
                try:
                    await self.end(notice, actor=_SERVICE, author=f"{_SERVICE}:{why}")
                except ConflictError:
                    await self.load()  # somebody ended it meanwhile
        known = {notice.notice_id for notice in taken}
        self._fine_since = {k: v for k, v in self._fine_since.items() if k in known}


def _is_worse(notice: Notice, trouble: Trouble) -> bool:
    if notice.trouble not in URGENCY:
        return False
    return URGENCY.index(trouble.kind) < URGENCY.index(notice.trouble)
