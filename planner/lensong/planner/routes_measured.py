"""Routes of drive tests: kept beside the plan, shown beside what a variant predicts."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from lensong.planner.access import Access, Someone
from lensong.planner.live import LiveSites
from lensong.planner.measured import features, live_features
from lensong.planner.routes_files import received
from lensong.planner.told import without_folders

__all__ = ["measured_routes"]


def measured_routes(access: Access) -> APIRouter:
    """Return the routes of what was measured."""
    router = APIRouter(prefix=f"{access.prefix}/plans/{{plan_id}}")
    Live = Annotated[LiveSites | None, Depends(access.live)]  # noqa: N806 - a type

    @router.get("/measurements")
    def sets(plan_id: str) -> dict[str, Any]:
        plan = access.plan(plan_id)
        unread = [without_folders(text, plan.path) for text in plan.measured.unread]
        return {"sets": [one.as_json() for one in plan.measured.all()], "unread": unread}

    @router.post("/measurements", status_code=201)
    async def add(
        plan_id: str,
        request: Request,
        name: Annotated[str, Query(min_length=1, max_length=200)],
        who: Annotated[Someone, Depends(access.edits)],
    ) -> dict[str, Any]:
        who.takes("files")
        plan = access.plan(plan_id)
        content = await received(request, name)
        found = await run_in_threadpool(plan.measured.add, name, content)
        plan.events.tell("measurements", {"set_id": found.set_id, "name": found.name})
        return found.as_json()

    @router.delete("/measurements/{set_id}", status_code=204)
    def remove(
        plan_id: str,
        set_id: str,
        who: Annotated[Someone, Depends(access.edits)],  # noqa: ARG001
    ) -> None:
        plan = access.plan(plan_id)
        plan.measured.remove(set_id)
        plan.events.tell("measurements", {"set_id": set_id, "name": None})

    @router.get("/variants/{variant_id}/measurements")
    async def beside(plan_id: str, variant_id: str, live: Live) -> dict[str, Any]:
        located = () if live is None else live.located()

        def told() -> dict[str, Any]:
            plan, variant = access.variant(plan_id, variant_id)
            revision, now = variant.revision, plan.shown(variant)
            found = features(plan.measured.all(), now)
            found["features"] += live_features(located, plan.opened.grid, now)
            return found | {"revision": revision, "settled": now.settled}

        return await run_in_threadpool(told)

    return router
