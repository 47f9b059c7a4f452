"""Stream profiles."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.store.people import note
from lensong.monitoring.store.sessions import delete_profile, put_profile
from lensong.monitoring.web.api.shapes import Identifier, ProfileBody
from lensong.monitoring.web.guards import Admin, Reader, Running
from lensong.monitoring.web.problems import PROBLEM_RESPONSES

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/profiles", tags=["profiles"])


@router.get("", responses=PROBLEM_RESPONSES(401, 403, 503))
async def list_profiles(service: Running, principal: Reader) -> list[ProfileBody]:  # noqa: ARG001 (who asks is checked)
    """Return every stream profile, the lightest first."""
    return [ProfileBody.of(profile) for profile in service.directory.profiles.values()]


@router.put("/{code}", responses=PROBLEM_RESPONSES(400, 401, 403, 413, 422, 503))
async def keep_profile(
    code: Identifier, body: ProfileBody, service: Running, principal: Admin
) -> ProfileBody:
    """Add a stream profile or change it; sessions that use it are judged anew."""
    profile = body.model_copy(update={"code": code}).record()

    async def work(connection: AsyncConnection) -> None:
        await put_profile(connection, profile)
        await note(
            connection,
            at=service.clock.now(),
            actor=principal.actor,
            action="profile.put",
            subject=code,
        )

    await service.writer.run(work)
    await service.reload()
    for site_id in service.directory.sites:
        session = service.board.session_of(site_id)
        if session is not None and session.profile_code == code:
            service.ingest.put_back(site_id, set())
    return ProfileBody.of(profile)


@router.delete(
    "/{code}", status_code=204, responses=PROBLEM_RESPONSES(401, 403, 404, 409, 422, 503)
)
async def remove_profile(code: Identifier, service: Running, principal: Admin) -> None:
    """Delete a stream profile that no session uses."""

    async def work(connection: AsyncConnection) -> None:
        await delete_profile(connection, code)
        await note(
            connection,
            at=service.clock.now(),
            actor=principal.actor,
            action="profile.delete",
            subject=code,
        )

    await service.writer.run(work)
    await service.reload()
