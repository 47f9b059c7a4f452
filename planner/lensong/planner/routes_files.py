"""The route of a dropped file: read, and told, but not kept."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from lensong.planner.access import Access, Someone
from lensong.planner.read_file import read_file
from lensong.propagation.errors import InvalidInputError

__all__ = ["file_routes"]

_MOST_BYTES = 20_000_000


def file_routes(access: Access) -> APIRouter:
    """Return the route that reads a file."""
    router = APIRouter(prefix=f"{access.prefix}/plans/{{plan_id}}/variants/{{variant_id}}")

    @router.post("/read")
    async def read(
        plan_id: str,
        variant_id: str,
        request: Request,
        name: Annotated[str, Query(min_length=1, max_length=200)],
        who: Annotated[Someone, Depends(access.edits)],  # noqa: ARG001 - only lets in
    ) -> dict[str, Any]:
        plan, variant = access.variant(plan_id, variant_id)
        content = bytearray()
        async for part in request.stream():
            content += part
            if len(content) > _MOST_BYTES:
                raise InvalidInputError(
                    f"{name!r} has more than {_MOST_BYTES // 1_000_000} MB: name it in the "
                    "scenario instead"
                )
        return await run_in_threadpool(read_file, plan.ready, variant.network, name, bytes(content))

    return router
