"""What a process does around the service: hold its database, let the first administrator in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Role
from lensong.monitoring.errors import DatabaseInUseError
from lensong.monitoring.operations.feed_reading import read_feeds
from lensong.monitoring.service import Service, outlive
from lensong.monitoring.store.lock import only_connection
from lensong.monitoring.store.people import Person, add_join, add_person, all_people, note

__all__ = ["FIRST_ADMIN", "first_link", "hold_while_serving"]

FIRST_ADMIN = "admin"
_LINK_HOLDS = timedelta(hours=24)


def hold_while_serving(
    app: FastAPI,
    service: Service,
    on_lost: Callable[[], None],
    on_waiting: Callable[[], None] | None = None,
) -> None:
    """Let an app keep others off its database while it serves, and do what operations do then.

    Calendars are read from their addresses, and a demo is kept lively. `on_lost` and `on_waiting`
    are those of `lensong.monitoring.store.lock.only_connection`.
    """
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            try:
                await held.enter_async_context(
                    only_connection(service.database, on_lost, on_waiting=on_waiting)
                )
            except DatabaseInUseError:
                on_lost()  # another one was quicker
                raise
            await held.enter_async_context(inner(app))

            async def read_calendars() -> None:
                await read_feeds(service)

            await held.enter_async_context(_running(outlive(read_calendars)))
            if service.config.demo:
                from lensong.monitoring.demo.province import keep_alive

                await held.enter_async_context(_running(keep_alive(service)))
            yield

    app.router.lifespan_context = lifespan


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def first_link(service: Service) -> str | None:
    """Return the secret of a one-time link for the first administrator.

    Returns
    -------
    str or None
        None where an administrator has a password already. Until then every start makes a new
        link, so that one that was lost locks nobody out.
    """
    async with service.database.reading() as connection:
        everybody = await all_people(connection)
    administrators = [
        person for person in everybody if person.role == Role.ADMIN and person.disabled_at is None
    ]
    if any(person.password_hash is not None for person in administrators):
        return None
    now = service.clock.now()
    taken = {person.person_id for person in everybody}
    person_id = (
        administrators[0].person_id
        if administrators
        else next(
            i
            for i in (FIRST_ADMIN, *(f"{FIRST_ADMIN}-{n}" for n in range(2, 99)))
            if i not in taken
        )
    )

    async def work(connection: AsyncConnection) -> str:
        if not administrators:
            person = Person(
                person_id=person_id,
                name="Administrator",
                role=Role.ADMIN.value,
                scope="",
                password_hash=None,
                disabled_at=None,
                created_at=now,
            )
            await add_person(connection, person)
        secret = await add_join(connection, now=now, valid_for=_LINK_HOLDS, person_id=person_id)
        await note(connection, at=now, actor="start", action="person.link", subject=person_id)
        return secret

    return await service.writer.run(work)
