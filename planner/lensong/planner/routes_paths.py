"""Routes of paths: from a cell, a mast or a place to a village or a place."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response

from lensong.coverage.path.figure import study_figure
from lensong.coverage.path.tables import cell_json, path_json, plain
from lensong.planner.access import Access, Someone
from lensong.planner.bodies import PathBody
from lensong.planner.path_of import studied

__all__ = ["path_routes"]


def path_routes(access: Access) -> APIRouter:
    """Return the routes of paths."""
    router = APIRouter(prefix=f"{access.prefix}/plans/{{plan_id}}/variants/{{variant_id}}")

    @router.post("/path", response_model=None)
    def path(
        plan_id: str,
        variant_id: str,
        body: PathBody,
        who: Annotated[Someone, Depends(access.looks)],
        accept: Annotated[str, Header()] = "application/json",
    ) -> dict[str, Any] | Response:
        plan, variant = access.variant(plan_id, variant_id)
        who.takes("paths")
        ready = plan.ready
        with ready.settler.turns.first():  # a hand may hold one of its ends
            study, reached, without = studied(ready, variant.network, body)
        if "image/svg+xml" in accept:
            figure = study_figure(study, form="svg", synthetic=ready.land.synthetic)
            return Response(figure, media_type="image/svg+xml")
        return {
            **path_json(study),
            "cells": [plain(cell_json(level)) for level in reached],
            "without": list(without),
        }

    return router
