"""Stream profiles."""

from __future__ import annotations

from fastapi import APIRouter

from lensong.monitoring.operations import profiles as operations
from lensong.monitoring.web.api.shapes import Identifier, ProfileBody
from lensong.monitoring.web.guards import Admin, Reader, Running
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/profiles", tags=["profiles"], route_class=DocumentedRoute)


@router.get("")
async def list_profiles(service: Running, principal: Reader) -> list[ProfileBody]:  # noqa: ARG001 (who asks is checked)
    """Return every stream profile, the lightest first."""
    return [ProfileBody.of(profile) for profile in service.directory.profiles.values()]


@router.put("/{code}")
async def keep_profile(
    code: Identifier, body: ProfileBody, service: Running, principal: Admin
) -> ProfileBody:
    """Add a stream profile or change it; sessions that use it are judged anew."""
    profile = body.model_copy(update={"code": code}).record()
    await operations.keep_profile(service, principal, profile)
    return ProfileBody.of(profile)


@router.delete("/{code}", status_code=204, responses=refusals(409))
async def remove_profile(code: Identifier, service: Running, principal: Admin) -> None:
    """Delete a stream profile that no session uses."""
    await operations.remove_profile(service, principal, code)
