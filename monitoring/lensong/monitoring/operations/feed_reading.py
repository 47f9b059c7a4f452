"""Reading calendars from their addresses, again and again: what they hold becomes sessions."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import (
    BusyError,
    ClockFaultError,
    NotFoundError,
    TooLargeError,
)
from lensong.monitoring.lists.fetching import FeedError, fetch_calendar
from lensong.monitoring.lists.told import RowNote, RowsError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.operations.taking_in import FeedOrigin, Imported, import_sessions
from lensong.monitoring.service import Service
from lensong.monitoring.store.calendar_feeds import CalendarFeed, due_feeds, get_feed, keep_feed
from lensong.propagation.errors import DataError

__all__ = ["MOST_FAILURES", "note_of", "read_due", "read_feed", "read_feeds"]

_LOG = logging.getLogger("lensong.calendars")

_LOOK_EVERY_S = 5.0
_AT_ONCE = 4
MOST_FAILURES = 8
"""In a row, then a calendar is paused; they spread over a day, as `_pause` grows."""

_LONGEST_PAUSE = timedelta(hours=6)
_AFRESH_AFTER = timedelta(hours=24)
"""However unchanged: a year ahead is a day further, and there may be sites that there were not."""

_MOST_TOLD = 200
"""Refused events that are kept of a reading."""

_ACTOR = "service"
_OF_PLAN = ("label", "url", "commune_code", "site_id", "profile_code")


async def _nobody_leaves() -> None:
    await asyncio.get_running_loop().create_future()


async def read_feeds(service: Service) -> None:
    """Read what is due, again and again."""
    while True:
        await read_due(service)
        await asyncio.sleep(_LOOK_EVERY_S)


async def read_due(service: Service) -> int:
    """Read the calendars that are due, a few at once, and return how many were read."""
    try:
        now = service.clock.now()
    except ClockFaultError:  # told by whoever keeps time
        return 0
    async with service.database.reading() as connection:
        due = await due_feeds(connection, now)
    places = asyncio.Semaphore(_AT_ONCE)

    async def read(feed: CalendarFeed) -> bool:
        async with places:
            try:
                await read_feed(service, feed.feed_id)
            except (BusyError, NotFoundError):
                return False  # it stays due, or was removed meanwhile
            return True

    done = await asyncio.gather(*(read(feed) for feed in due), return_exceptions=True)
    for outcome in done:
        if isinstance(outcome, BaseException):
            raise outcome
    return sum(outcome is True for outcome in done)


async def read_feed(
    service: Service, feed_id: str, *, asked_by: Principal | None = None
) -> CalendarFeed:
    """Read a calendar now and return how it stands then.

    Parameters
    ----------
    asked_by : Principal, optional
        Who wants it read whether it has changed or not, and believes what it no longer has.

    Raises
    ------
    NotFoundError
        There is none of that identifier.
    BusyError
        It is being read.
    """
    if feed_id in service.feeds_read:
        raise BusyError("this calendar is being read: look again in a moment", 5.0)
    service.feeds_read.add(feed_id)
    try:
        async with service.database.reading() as connection:
            feed = await get_feed(connection, feed_id)
        try:
            after = await _read(service, feed, by_hand=asked_by is not None)
        except FeedError as error:
            after = _failed(service, feed, error)
        return await _keep(service, feed, after, asked_by)
    finally:
        service.feeds_read.discard(feed_id)


async def _read(service: Service, feed: CalendarFeed, *, by_hand: bool) -> CalendarFeed:
    settings, now = service.config.calendars, service.clock.now()
    afresh = by_hand or feed.taken_at is None or now - feed.taken_at >= _AFRESH_AFTER
    got = await fetch_calendar(
        service.feed_http,
        feed.url,
        etag="" if afresh else feed.etag,
        last_modified="" if afresh else feed.last_modified,
        longest_bytes=settings.feed_bytes,
        total_s=settings.total_s,
    )
    told, taken_at = feed.told, feed.taken_at
    if got.data is not None:
        told, taken_at = _told(await _take(service, feed, got.data, believed=by_hand)), now
    return replace(
        feed,
        next_at=now + timedelta(seconds=settings.every_s),
        asked_at=now,
        read_at=now,
        taken_at=taken_at,
        etag=got.etag,
        last_modified=got.last_modified,
        moved=got.moved,
        failures=0,
        failure="",
        failure_detail="",
        told=told,
    )


async def _take(service: Service, feed: CalendarFeed, data: bytes, *, believed: bool) -> Imported:
    """Take in what a calendar holds, as an upload of it is that leaves out what is refused."""
    reader = Principal(
        actor=f"calendar:{feed.feed_id}",
        name=feed.label,
        role=Role.ADMIN if feed.commune_code is None else Role.COMMUNE,
        scope=feed.commune_code or "",
    )
    try:
        return await import_sessions(
            service,
            reader,
            data,
            calendar=True,
            gone=_nobody_leaves,
            site_id=feed.site_id,
            profile_code=feed.profile_code,
            skip=True,
            feed=FeedOrigin(prefix=feed.uid_prefix, believed=believed),
        )
    except NotFoundError as error:  # its site was archived, or its profile deleted
        raise FeedError("no_place", str(error)) from error
    except RowsError as error:
        raise FeedError("too_much", error.errors[0].problem) from error
    except TooLargeError as error:
        raise FeedError("too_much", str(error)) from error
    except DataError as error:
        raise FeedError("not_a_calendar", str(error)) from error


def _told(imported: Imported) -> dict[str, Any]:
    """Return what is kept of a reading, to be shown until the next one."""
    return {
        "counts": imported.counts(),
        "over": imported.over,
        "refused_count": len(imported.refused),
        "refused": [_note(item) for item in imported.refused[:_MOST_TOLD]],
        "notes": [_note(item) for item in imported.notes[:_MOST_TOLD]],
    }


def _note(note: RowNote) -> dict[str, Any]:
    return {
        "row": note.row,
        "column": note.column,
        "title": note.title,
        "reason": note.reason,
        "values": note.values,
    }


def note_of(kept: dict[str, Any]) -> RowNote:
    """Return a note that was kept with a reading."""
    return RowNote(**kept)


def _failed(service: Service, feed: CalendarFeed, error: FeedError) -> CalendarFeed:
    now = service.clock.now()
    failures = feed.failures + 1
    pause = _pause(timedelta(seconds=service.config.calendars.every_s), failures)
    _LOG.warning("calendar %s (%s) cannot be read: %s", feed.feed_id, feed.label, error)
    return replace(
        feed,
        next_at=None if failures >= MOST_FAILURES else now + pause,
        asked_at=now,
        failures=failures,
        failure=error.code,
        failure_detail=error.detail[:400],
    )


def _pause(every: timedelta, failures: int) -> timedelta:
    """Return how long to leave a calendar alone that could not be read.

    Examples
    --------
    >>> [str(_pause(timedelta(minutes=15), n)) for n in (1, 3, 7)]
    ['0:15:00', '1:00:00', '6:00:00']
    """
    return max(every, min(every * (1 << (failures - 1)), _LONGEST_PAUSE))


async def _keep(
    service: Service, before: CalendarFeed, after: CalendarFeed, asked_by: Principal | None
) -> CalendarFeed:
    """Keep how a reading went, and tell the audit trail what changed by it."""

    async def work(connection: AsyncConnection) -> CalendarFeed:
        now = await get_feed(connection, before.feed_id)
        plan = {name: getattr(now, name) for name in _OF_PLAN}
        if any(getattr(before, name) != value for name, value in plan.items()):
            return now  # changed while it was read: it is due again
        await keep_feed(connection, after)
        if asked_by is not None:
            await noted(connection, service, asked_by.actor, "calendar.read", after.feed_id)
        if after.failure and not before.failure:
            detail = {"why": after.failure}
            await noted(connection, service, _ACTOR, "calendar.fail", after.feed_id, detail)
        if before.failure and not after.failure:
            await noted(connection, service, _ACTOR, "calendar.recover", after.feed_id)
        if after.next_at is None and before.next_at is not None:
            await noted(connection, service, _ACTOR, "calendar.pause", after.feed_id)
        return after

    return await service.writer.run(work)
