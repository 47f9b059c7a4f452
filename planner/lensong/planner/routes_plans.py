"""Routes of plans and variants: what there is, names, events, what is under the layers."""

import json
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Header, Query, Response
from starlette.responses import StreamingResponse

from lensong.planner.access import Access, Someone
from lensong.planner.bodies import NewVariantBody, RenameBody
from lensong.planner.errors import BusyError
from lensong.planner.events import MOST_LISTENERS
from lensong.planner.said import network_said, plan_said, variant_said
from lensong.planner.views import Window

__all__ = ["plan_routes"]

MOST_RELIEF_PX = 4096


def plan_routes(access: Access) -> APIRouter:
    """Return the routes of plans and their variants."""
    router = APIRouter(prefix=access.prefix)

    @router.get("/plans")
    def plans() -> dict[str, Any]:
        return {
            "plans": [
                {
                    "plan_id": plan.plan_id,
                    "title": plan.title,
                    "state": plan.state,
                    "synthetic": plan.opened.synthetic if plan.has_picture else None,
                }
                for plan in access.plans
            ]
        }

    @router.get("/plans/{plan_id}")
    def plan(plan_id: str, who: Annotated[Someone, Depends(access.looks)]) -> dict[str, Any]:
        return plan_said(access.plan(plan_id), may_edit=who.may_edit, live=access.has_live)

    @router.get("/plans/{plan_id}/events")
    async def events(
        plan_id: str,
        who: Annotated[Someone, Depends(access.looks)],
        last_event_id: Annotated[int | None, Header(ge=0)] = None,
    ) -> StreamingResponse:
        told = access.plan(plan_id).events
        if told.listeners >= MOST_LISTENERS:
            raise BusyError(f"{MOST_LISTENERS} pages follow the plan already: close one, try again")
        return StreamingResponse(
            told.stream(told.begin(last_event_id), still=who.still),
            media_type="text/event-stream",
            headers=_FRESH,
        )

    @router.get("/plans/{plan_id}/land/hillshade.png")
    def relief(
        plan_id: str, most_px: Annotated[int, Query(ge=64, le=8192)] = MOST_RELIEF_PX
    ) -> Response:
        return Response(access.plan(plan_id).opened.relief(most_px), media_type="image/png")

    @router.get("/plans/{plan_id}/land/ground.bin")
    def ground(
        plan_id: str,
        row0: Annotated[int | None, Query(ge=0)] = None,
        col0: Annotated[int | None, Query(ge=0)] = None,
        rows: Annotated[int | None, Query(ge=1)] = None,
        cols: Annotated[int | None, Query(ge=1)] = None,
        step: Annotated[int, Query(ge=1, le=256)] = 1,
    ) -> Response:
        opened = access.plan(plan_id).opened
        part = Window.of(opened.grid, row0, col0, rows, cols, step)
        seen = opened.ground_m[
            part.row0 : part.row0 + part.rows : step, part.col0 : part.col0 + part.cols : step
        ]
        return Response(
            np.ascontiguousarray(seen, "<f4").tobytes(),
            media_type="application/octet-stream",
            headers={
                "Lensong-Window": part.said,
                "Lensong-Dtype": "float32",
                "Lensong-None": "nan",
            },
        )

    @router.get("/plans/{plan_id}/land/lines")
    def lines(plan_id: str) -> Response:
        found = access.plan(plan_id).opened.map_lines
        text = '{"type": "FeatureCollection", "features": []}'
        if found is not None and len(found):
            text = found[["kind", "name", "geometry"]].to_crs(4326).to_json()
        return Response(text, media_type="application/geo+json")

    @router.get("/plans/{plan_id}/variants")
    def variants(plan_id: str) -> dict[str, Any]:
        plan = access.plan(plan_id)
        return {"variants": [variant_said(plan, v) for v in plan.opened.variants.all()]}

    @router.post("/plans/{plan_id}/variants", status_code=201)
    def create(
        plan_id: str, body: NewVariantBody, who: Annotated[Someone, Depends(access.edits)]
    ) -> dict[str, Any]:
        plan = access.plan(plan_id)
        variant = plan.ready.variants.create(body.name, body.comment, body.copy_of, who.name)
        told = {"variant_id": variant.variant_id, "revision": 0, "changed_by": who.name}
        plan.events.tell("variant", told | {"what": "made"})
        return variant_said(plan, variant)

    @router.get("/plans/{plan_id}/variants/{variant_id}")
    def variant(
        plan_id: str,
        variant_id: str,
        settled: Literal["levels", "villages", "chances"] | None = None,
    ) -> dict[str, Any]:
        plan, found = access.variant(plan_id, variant_id)
        if settled is not None:
            plan.shown(found, settled)
        return variant_said(plan, found)

    @router.patch("/plans/{plan_id}/variants/{variant_id}")
    def rename(
        plan_id: str,
        variant_id: str,
        body: RenameBody,
        who: Annotated[Someone, Depends(access.edits)],
    ) -> dict[str, Any]:
        plan = access.plan(plan_id)
        found = plan.ready.variants.rename(variant_id, body.name, body.comment, who.name)
        return variant_said(plan, found)

    @router.delete("/plans/{plan_id}/variants/{variant_id}", status_code=204)
    def delete(
        plan_id: str, variant_id: str, who: Annotated[Someone, Depends(access.edits)]
    ) -> None:
        plan = access.plan(plan_id)
        plan.ready.variants.delete(variant_id, who.name)
        told = {"variant_id": variant_id, "revision": None, "changed_by": who.name}
        plan.events.tell("variant", told | {"what": "deleted"})

    @router.get("/plans/{plan_id}/variants/{variant_id}/network")
    def network(plan_id: str, variant_id: str) -> Response:
        plan, found = access.variant(plan_id, variant_id)
        text = json.dumps(network_said(plan, found), ensure_ascii=False)
        return Response(text, media_type="application/json", headers=_FRESH)

    return router


_FRESH = {"Cache-Control": "no-store"}
