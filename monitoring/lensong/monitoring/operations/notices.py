"""Acknowledging trouble, announcing maintenance, muting; ending that again."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.clock import rfc3339
from lensong.monitoring.errors import ConflictError, FieldError, NotAllowedError, NotFoundError
from lensong.monitoring.notices import Notice, NoticeKind
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.operations.once import once
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import Event
from lensong.monitoring.store.notices import add_notice, get_notice
from lensong.propagation.errors import InvalidInputError

__all__ = ["NoticeWanted", "announce", "end_notice", "is_ended_by", "is_seen", "notice_for"]


_FURTHEST = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeWanted:
    """A notice that somebody wants.

    Parameters
    ----------
    starts_at : datetime, optional
        Now unless given.
    ends_at, minutes : optional
        When it ends, or how long after its begin: one of the two.
    """

    kind: NoticeKind
    note: str
    ends_at: datetime | None = None
    minutes: int | None = None
    starts_at: datetime | None = None
    site_id: str | None = None
    commune_code: str | None = None
    operator: str | None = None
    province_code: str | None = None


async def announce(
    service: Service, principal: Principal, wanted: NoticeWanted, *, key: str | None = None
) -> Notice:
    """Keep a notice, tell of it, and show it from now on.

    Parameters
    ----------
    key : str, optional
        The same notice under the same key is kept once (`once`).

    Raises
    ------
    NotFoundError
        There is no such site, commune or province in the asker's area.
    NotAllowedError
        Only whose area is the commune or province speaks for all of it.
    ConflictError
        It would be over already, or there is no trouble to acknowledge.
    InvalidInputError
        It is no notice: about nothing or about several things, too long, without a note.
    """
    now = service.clock.now()
    starts_at = max(now, wanted.starts_at or now)
    if wanted.minutes is not None and wanted.ends_at is None:
        ends_at = starts_at + timedelta(minutes=wanted.minutes)
    elif wanted.ends_at is not None and wanted.minutes is None:
        ends_at = wanted.ends_at
    else:
        raise InvalidInputError("when the notice ends is not told, wanted one of: ends_at, minutes")
    if starts_at > now + _FURTHEST:
        raise FieldError(
            f"starts_at is more than {_FURTHEST.days} days ahead: announce it when it is nearer",
            field="starts_at",
            reason="too_many_days",
            days=str(_FURTHEST.days),
        )
    trouble = None
    _check_area(service, principal, wanted)
    if wanted.kind is NoticeKind.ACKNOWLEDGED and wanted.site_id is not None:
        found = service.notices.trouble_of(wanted.site_id, now)
        if found is None:
            raise ConflictError(
                f"{wanted.site_id} has no trouble to acknowledge: announce maintenance for "
                "trouble to come, or mute it",
                "no_trouble",
            )
        trouble = found.kind
    if ends_at <= now:
        raise ConflictError("the notice would be over already: choose a later end", "notice_over")
    notice = Notice(
        notice_id=secrets.token_hex(8),
        kind=wanted.kind,
        site_id=wanted.site_id,
        commune_code=wanted.commune_code,
        operator=wanted.operator,
        province_code=wanted.province_code,
        starts_at=starts_at,
        ends_at=ends_at,
        note=wanted.note.strip(),
        actor=principal.actor,
        author=principal.name,
        trouble=trouble,
        created_at=now,
    )
    told: list[Event] = []

    async def work(connection: AsyncConnection) -> str:
        await add_notice(connection, notice)
        detail = {
            "notice_id": notice.notice_id,
            "note": notice.note,
            "from": rfc3339(notice.starts_at),
            "until": rfc3339(notice.ends_at),
        }
        action = f"notice.{notice.kind.value}"
        await noted(connection, service, principal.actor, action, notice.subject, detail)
        told.append(await service.notices.tell(connection, notice, "notice.added"))
        return notice.notice_id

    notice_id = await once(service, principal, key, wanted, work)
    await service.notices.load()
    for event in told:
        service.bus.publish(event)
    async with service.database.reading() as connection:
        return await get_notice(connection, notice_id)


async def end_notice(service: Service, principal: Principal, notice: Notice) -> None:
    """End a notice before its time.

    Raises
    ------
    ConflictError
        It is over already.
    """
    await service.notices.end(notice, actor=principal.actor, author=principal.name)


async def notice_for(service: Service, principal: Principal, notice_id: str) -> Notice:
    """Return a notice that somebody may end: of a site, commune or province of theirs.

    Raises
    ------
    NotFoundError
        There is none, or it is none of theirs: the answer does not tell which.
    """
    try:
        async with service.database.reading() as connection:
            notice = await get_notice(connection, notice_id)
        _check_area(service, principal, notice)
    except (NotFoundError, NotAllowedError):
        raise NotFoundError(f"there is no notice {notice_id[:80]!r} in your area") from None
    return notice


def is_seen(service: Service, principal: Principal, notice: Notice) -> bool:
    """Return whether a notice is about something that somebody sees."""
    directory = service.directory
    return any(
        directory.sees(principal, directory.sites[site_id])
        for site_id in service.notices.sites_of(notice)
    ) or _governs(service, principal, notice)


def is_ended_by(service: Service, principal: Principal, notice: Notice) -> bool:
    """Return whether somebody may end a notice."""
    if not principal.may(Action.HANDLE):
        return False
    try:
        _check_area(service, principal, notice)
    except (NotFoundError, NotAllowedError):
        return False
    return True


def _governs(service: Service, principal: Principal, about: Notice | NoticeWanted) -> bool:
    commune = service.directory.communes.get(about.commune_code or "")
    if commune is not None:
        return principal.governs(province_code=commune.province_code, commune_code=commune.code)
    province = service.directory.provinces.get(about.province_code or "")
    return province is not None and principal.governs(province_code=province.code)


def _check_area(service: Service, principal: Principal, about: Notice | NoticeWanted) -> None:
    if about.site_id is not None:
        service.directory.site_for(principal, about.site_id)
    if about.commune_code is not None or about.province_code is not None:
        code = about.commune_code or about.province_code or ""
        if not _governs(service, principal, about):
            raise NotAllowedError(
                f"your area is {principal.scope or principal.role.value}, not all of {code[:20]}"
            )
