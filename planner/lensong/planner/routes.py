"""All routes of the planner; `docs/reference/planner-api.md` says what they promise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import APIRouter, Depends

from lensong.planner.access import Access, Asked
from lensong.planner.live import LiveSites
from lensong.planner.open_plan import OpenPlan
from lensong.planner.routes_edits import edit_routes
from lensong.planner.routes_files import file_routes
from lensong.planner.routes_jobs import job_routes
from lensong.planner.routes_layers import layer_routes
from lensong.planner.routes_live import live_routes
from lensong.planner.routes_measured import measured_routes
from lensong.planner.routes_paths import path_routes
from lensong.planner.routes_plans import plan_routes
from lensong.planner.routes_proposals import proposal_routes
from lensong.planner.routes_villages import village_routes

__all__ = ["planner_router"]


def planner_router(
    plans: Sequence[OpenPlan],
    *,
    looks: Asked,
    edits: Asked,
    live: Callable[..., LiveSites | Awaitable[LiveSites]] | None = None,
    prefix: str = "",
    dependencies: Sequence[Any] = (),
) -> APIRouter:
    """Return the routes below ``/plans``.

    Parameters
    ----------
    plans : sequence of OpenPlan
    looks, edits : callable
        Dependencies that return who asks, or raise: for reading, and for changing.
    live : callable, optional
        Dependency that returns the sites that who asks may see.
    prefix : str
        Of every path, like ``/api/v1``.
    dependencies : sequence
        Of every route besides.
    """
    router = APIRouter(tags=["plans"], dependencies=list(dependencies))
    access = Access(
        plans=plans,
        looks=looks,
        edits=edits,
        live=live or _no_sites,
        has_live=live is not None,
        prefix=prefix,
    )
    for part in (
        plan_routes,
        edit_routes,
        layer_routes,
        village_routes,
        path_routes,
        job_routes,
        file_routes,
        live_routes,
        proposal_routes,
        measured_routes,
    ):
        router.include_router(part(access), dependencies=[Depends(looks)])  # who edits looks too
    return router


def _no_sites() -> None:
    return None
