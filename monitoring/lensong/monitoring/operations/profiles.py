"""Adding, changing and deleting stream profiles."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.records import StreamProfile
from lensong.monitoring.service import Service
from lensong.monitoring.store.sessions import delete_profile, open_sessions, put_profile

__all__ = ["keep_profile", "remove_profile"]


async def keep_profile(service: Service, principal: Principal, profile: StreamProfile) -> None:
    """Add a stream profile or change it; sessions that use it are judged anew."""

    async def work(connection: AsyncConnection) -> None:
        await put_profile(connection, profile)
        await noted(connection, service, principal.actor, "profile.put", profile.code)

    await service.writer.run(work)
    await service.reload()
    async with service.database.reading() as connection:
        found = await open_sessions(connection)
    await service.judge_soon(
        session.site_id for session in found if session.profile_code == profile.code
    )


async def remove_profile(service: Service, principal: Principal, code: str) -> None:
    """Delete a stream profile.

    Raises
    ------
    NotFoundError
        There is none of that code.
    ConflictError
        A session uses it.
    """

    async def work(connection: AsyncConnection) -> None:
        await delete_profile(connection, code)
        await noted(connection, service, principal.actor, "profile.delete", code)

    await service.writer.run(work)
    await service.reload()
