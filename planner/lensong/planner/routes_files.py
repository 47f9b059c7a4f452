"""The route of a dropped file: read, and told, but not kept."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from lensong.planner.access import Access, Someone
from lensong.planner.read_file import read_file
from lensong.propagation.errors import InvalidInputError

__all__ = ["file_routes", "received"]

_MOST_BYTES = 20_000_000


def file_routes(access: Access) -> APIRouter:
    """Return the route that reads a file."""
    router = APIRouter(prefix=f"{access.prefix}/plans/{{plan_id}}")

    @router.post("/antennas", status_code=201)
    async def antenna(
        plan_id: str,
        request: Request,
        name: Annotated[str, Query(min_length=1, max_length=200)],
        who: Annotated[Someone, Depends(access.edits)],
    ) -> dict[str, Any]:
        who.takes("files")
        plan = access.plan(plan_id)
        ready, content = plan.ready, await received(request, name)

        def keep() -> list[str]:
            found = ready.antenna_files.add(name, content, ready.catalogue.antennas)
            ready.catalogue.add(found)
            return list(found)

        names = await run_in_threadpool(keep)
        plan.events.tell("antennas", {"antennas": names})
        return {"antennas": names}

    @router.post("/variants/{variant_id}/read")
    async def read(
        plan_id: str,
        variant_id: str,
        request: Request,
        name: Annotated[str, Query(min_length=1, max_length=200)],
        who: Annotated[Someone, Depends(access.edits)],
    ) -> dict[str, Any]:
        who.takes("files")
        plan, variant = access.variant(plan_id, variant_id)
        content = await received(request, name)
        return await run_in_threadpool(read_file, plan, variant.network, name, content)

    return router


async def received(request: Request, name: str) -> bytes:
    """Return the file in a body.

    Raises
    ------
    InvalidInputError
        It is too large.
    """
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > _MOST_BYTES:
            raise InvalidInputError(
                f"{name!r} has more than {_MOST_BYTES // 1_000_000} MB: name it in the scenario "
                "instead"
            )
    return bytes(content)
