"""Routes that change a variant: sets of edits, undo, redo, dragging, saving."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Response

from lensong.coverage.cellplan import check_on_land
from lensong.coverage.network import Network
from lensong.coverage.scenario.save import save_scenario
from lensong.planner.access import Access, Someone
from lensong.planner.bodies import DragBody, EditsBody, SaveBody, StepBody
from lensong.planner.coarse import COARSE_TILE_PX
from lensong.planner.errors import StaleRevisionError
from lensong.planner.open_plan import OpenPlan, layer_of
from lensong.planner.placed_tiles import placed_tiles
from lensong.planner.said import changed_network, settled_said, touched_said, variant_said
from lensong.planner.variants import BASE, Variant
from lensong.planner.views import Window, window

__all__ = ["edit_routes"]


def edit_routes(access: Access) -> APIRouter:
    """Return the routes that change variants."""
    router = APIRouter(prefix=f"{access.prefix}/plans/{{plan_id}}/variants/{{variant_id}}")

    def answered(plan: OpenPlan, variant: Variant, before: Network, by: str) -> dict[str, Any]:
        plan.settle(variant, before)
        plan.events.tell(
            "variant",
            {
                "variant_id": variant.variant_id,
                "revision": variant.revision,
                "changed_by": by,
                "what": variant.what,
            },
        )
        return {
            **settled_said(plan, variant),
            "touched": touched_said(plan, before, variant.network),
            **changed_network(plan, variant, before),
            "variant": variant_said(plan, variant),
            "warnings": _wet(plan, variant.network),
        }

    @router.post("/edits")
    def edit(
        plan_id: str,
        variant_id: str,
        body: EditsBody,
        who: Annotated[Someone, Depends(access.edits)],
    ) -> dict[str, Any]:
        who.takes("edits")
        plan = access.plan(plan_id)
        plan.drop((who.key, variant_id))
        variant, before = plan.ready.variants.edit(
            variant_id, body.revision, body.edits, body.comment, who.name
        )
        return answered(plan, variant, before, who.name)

    @router.post("/undo")
    def undo(
        plan_id: str,
        variant_id: str,
        body: StepBody,
        who: Annotated[Someone, Depends(access.edits)],
    ) -> dict[str, Any]:
        who.takes("edits")
        plan = access.plan(plan_id)
        variant, before = plan.ready.variants.undo(
            variant_id, body.revision, who.name, of_others=body.of_others
        )
        return answered(plan, variant, before, who.name)

    @router.post("/redo")
    def redo(
        plan_id: str,
        variant_id: str,
        body: StepBody,
        who: Annotated[Someone, Depends(access.edits)],
    ) -> dict[str, Any]:
        who.takes("edits")
        plan = access.plan(plan_id)
        variant, before = plan.ready.variants.redo(
            variant_id, body.revision, who.name, of_others=body.of_others
        )
        return answered(plan, variant, before, who.name)

    @router.get("/history")
    def history(plan_id: str, variant_id: str) -> dict[str, Any]:
        _, variant = access.variant(plan_id, variant_id)
        return {
            "revision": variant.revision,
            "steps": [
                {
                    "step": number,
                    "edits": step.edits,
                    "comment": step.comment,
                    "by": step.by,
                    "at": step.at,
                    "undone": number > variant.done,
                }
                for number, step in enumerate(variant.steps, start=1)
            ],
        }

    @router.post("/drag", response_class=Response)
    def drag(
        plan_id: str,
        variant_id: str,
        body: DragBody,
        who: Annotated[Someone, Depends(access.edits)],
    ) -> Response:
        who.takes("drags")
        plan, variant = access.variant(plan_id, variant_id)
        coarse, network = plan.coarse, variant.network
        ready, held = plan.ready, [network]
        base, ahead = plan.shown(ready.variants.get(BASE)), ready.settler.ahead
        judge = layer_of(base.layers, body.layer_id).settles_with == "chances"

        def dragged() -> Network:
            held[0] = ready.variants.tried(network, body.edits)
            return held[0]

        hand = who.key, variant_id
        ahead.moves(hand)
        with plan.goes_first():
            state = coarse.follow(network, dragged, judge=judge, hand=hand)
        if state is None:
            return Response(status_code=204)
        if variant.network is network:  # nobody has dropped it meanwhile
            ahead.rests(hand, network, held[0])
        layer, step = layer_of(plan.layers(state), body.layer_id), coarse.step
        windows = [state.tiles[key].window for key in state.touched]
        if not windows:
            return Response(status_code=204)
        row0, col0 = min(w[0] for w in windows), min(w[1] for w in windows)
        part = Window(
            row0=row0,
            col0=col0,
            rows=max(w[2] for w in windows) - row0,
            cols=max(w[3] for w in windows) - col0,
        )
        values = window(placed_tiles(coarse.engine, state), layer, part, COARSE_TILE_PX)
        rows, cols = values.shape
        return Response(
            np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes(),
            media_type="application/octet-stream",
            headers={
                "Lensong-Coarse": str(step),
                "Lensong-Window": f"{row0 * step},{col0 * step},{rows},{cols},{step}",
                "Lensong-Revision": str(variant.revision),
                "Lensong-Settled": "none",
                "Lensong-Dtype": layer.dtype,
                "Lensong-None": "nan" if layer.none != layer.none else str(layer.none),
            },
        )

    @router.post("/save")
    def save(
        plan_id: str,
        variant_id: str,
        body: SaveBody,
        who: Annotated[Someone, Depends(access.edits)],
    ) -> dict[str, Any]:
        who.takes("edits")
        plan, variant = access.variant(plan_id, variant_id)
        if body.revision is not None and body.revision != variant.revision:
            raise StaleRevisionError(
                given=body.revision,
                revision=variant.revision,
                changed_by=variant.changed_by,
                changed_at=variant.changed_at,
                what=variant.what,
            )
        folder = plan.path.resolve().parent / body.folder
        saved = save_scenario(
            plan.ready.scenario,
            variant.network,
            folder,
            title=f"{plan.title}: {variant.name}" if variant.name else plan.title,
            accept_masts=bool(_wet(plan, variant.network)),
            patterns=plan.ready.antenna_files.texts(),
        )
        return {
            "scenario": saved.relative_to(plan.path.resolve().parent).as_posix(),
            "revision": variant.revision,
        }

    return router


def _wet(plan: OpenPlan, network: Network) -> list[str]:
    return check_on_land(network, plan.ready.land)
