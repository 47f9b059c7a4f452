"""Adding, changing and deleting stream profiles."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.records import StreamProfile
from lensong.monitoring.service import Service
from lensong.monitoring.store.sessions import delete_profile, put_profile

__all__ = ["keep_profile", "remove_profile"]


async def keep_profile(service: Service, principal: Principal, profile: StreamProfile) -> None:
    """Add a stream profile or change it; sessions that use it are judged anew."""

    async def work(connection: AsyncConnection) -> None:
        await put_profile(connection, profile)
        await noted(connection, service, principal.actor, "profile.put", profile.code)

    await service.writer.run(work)
    await service.reload()
    for site_id in service.directory.sites:
        session = service.board.session_of(site_id)
        if session is not None and session.profile_code == profile.code:
            service.ingest.put_back(site_id, set())


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
