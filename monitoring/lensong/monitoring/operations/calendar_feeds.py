"""Calendars that are read from their addresses: added, changed, removed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import FieldError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.records import SessionStatus
from lensong.monitoring.service import Service
from lensong.monitoring.store import calendar_feeds as store
from lensong.monitoring.store.calendar_feeds import CalendarFeed
from lensong.monitoring.store.calendars import forget_uid, sessions_of_feed
from lensong.monitoring.store.events import Event, add_event
from lensong.monitoring.store.sessions import set_status
from lensong.monitoring.streams.sample import CollectorError

__all__ = ["FeedPlan", "add_feed", "change_feed", "remove_feed", "shown_host"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPlan:
    """A calendar that is wanted; as in `CalendarFeed`."""

    label: str
    url: str
    commune_code: str | None = None
    site_id: str | None = None
    profile_code: str | None = None


async def add_feed(service: Service, principal: Principal, plan: FeedPlan) -> CalendarFeed:
    """Add a calendar that is read from now on.

    Raises
    ------
    FieldError
        The address is none, or none that the configuration allows; there is no such place or
        profile.
    """
    now = service.clock.now()
    feed = CalendarFeed(
        feed_id=secrets.token_hex(4),
        label=plan.label,
        url=await _checked(service, plan.url),
        commune_code=plan.commune_code,
        site_id=plan.site_id,
        profile_code=plan.profile_code,
        created_by=principal.actor,
        created_at=now,
        next_at=now,
    )
    _check_places(service, feed)

    async def work(connection: AsyncConnection) -> None:
        await store.add_feed(connection, feed)
        await noted(connection, service, principal.actor, "calendar.add", feed.feed_id, _told(feed))

    await service.writer.run(work)
    return feed


async def change_feed(
    service: Service, principal: Principal, feed_id: str, changes: Mapping[str, Any]
) -> CalendarFeed:
    """Change a calendar, which is read as a new one then.

    Parameters
    ----------
    changes : mapping
        Of the fields of `FeedPlan`.

    Raises
    ------
    NotFoundError
        There is none of that identifier.
    FieldError
        As `add_feed`.
    """
    given = dict(changes)
    if "url" in given:
        given["url"] = await _checked(service, given["url"])
    now = service.clock.now()

    async def work(connection: AsyncConnection) -> CalendarFeed:
        before = await store.get_feed(connection, feed_id)
        feed = replace(
            before,
            **given,
            next_at=now,
            taken_at=None,
            etag="",
            last_modified="",
            moved=False,
            failures=0,
        )
        _check_places(service, feed)
        await store.keep_feed(connection, feed)
        told = _told(feed) | {"fields": sorted(given)}
        await noted(connection, service, principal.actor, "calendar.change", feed_id, told)
        return feed

    return await service.writer.run(work)


async def remove_feed(
    service: Service, principal: Principal, feed_id: str, *, call_off: bool
) -> None:
    """Read a calendar no more.

    Parameters
    ----------
    call_off : bool
        Call off its sessions that are still to come; else they stay as they are planned.

    Raises
    ------
    NotFoundError
        There is none of that identifier.
    """
    now = service.clock.now()

    async def work(connection: AsyncConnection) -> list[Event]:
        feed = await store.get_feed(connection, feed_id)
        events = []
        for session in await sessions_of_feed(connection, feed.uid_prefix, now):
            await forget_uid(connection, session.session_id)
            if call_off:
                await set_status(connection, session.session_id, SessionStatus.CANCELLED, now=now)
                body = {"session_id": session.session_id, "title": session.title}
                events.append(
                    await add_event(
                        connection,
                        at=now,
                        kind="session.cancelled",
                        site_id=session.site_id,
                        session_id=session.session_id,
                        body=body,
                    )
                )
        await store.delete_feed(connection, feed_id)
        told = _told(feed) | {"cancelled": len(events)}
        await noted(connection, service, principal.actor, "calendar.delete", feed_id, told)
        return events

    events = await service.writer.run(work)
    for event in events:
        service.bus.publish(event)
    await service.judge_soon(str(event.site_id) for event in events)


def shown_host(feed: CalendarFeed) -> str:
    """Return what may be shown of an address: whoever has the rest reads the calendar."""
    parts = urlsplit(feed.url)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}/…"


def _told(feed: CalendarFeed) -> dict[str, Any]:
    return {"host": urlsplit(feed.url).hostname, "label": feed.label}


async def _checked(service: Service, url: str) -> str:
    """Return an address that may be asked."""
    text = url.strip()
    if text.lower().startswith(("webcal://", "webcals://")):  # as calendars write them
        text = f"https://{text.partition('://')[2]}"
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text:
        raise FieldError(
            f"url is {url[:20]!r}…, wanted an address that begins with https:// or webcal://",
            field="url",
            reason="url_scheme",
            schemes="https, http, webcal",
        )
    if parts.username or parts.password:
        raise FieldError(
            "url holds a name or password: take the calendar's secret address",
            field="url",
            reason="url_password",
        )
    try:
        await service.feed_http.check(text)
    except CollectorError as error:
        raise FieldError(
            error.detail,
            field="url",
            reason="calendar_host",
            host=str(parts.hostname),
        ) from error
    return urlunsplit(parts._replace(fragment=""))


def _check_places(service: Service, feed: CalendarFeed) -> None:
    directory = service.directory
    if feed.commune_code is not None and feed.commune_code not in directory.communes:
        raise FieldError(
            f"there is no commune {feed.commune_code!r}: GET /api/v1/communes",
            field="commune_code",
            reason="no_such_commune",
        )
    if feed.site_id is not None:
        site = directory.sites.get(feed.site_id)
        if site is None or feed.commune_code not in (None, site.commune_code):
            raise FieldError(
                f"there is no site {feed.site_id!r}, or not in the commune: GET /api/v1/sites",
                field="site_id",
                reason="no_such_site",
            )
    if feed.profile_code is not None and feed.profile_code not in directory.profiles:
        raise FieldError(
            f"there is no stream profile {feed.profile_code!r}: GET /api/v1/profiles",
            field="profile_code",
            reason="no_such_profile",
        )
