"""Routes of what a siting study chose: its steps in a variant, and edits that take one over."""

from typing import Any

from fastapi import APIRouter

from lensong.planner.access import Access
from lensong.planner.proposed import proposals_said, step_edits

__all__ = ["proposal_routes"]


def proposal_routes(access: Access) -> APIRouter:
    """Return the routes of proposals."""
    router = APIRouter(
        prefix=f"{access.prefix}/plans/{{plan_id}}/variants/{{variant_id}}/proposals"
    )

    @router.get("")
    def proposals(plan_id: str, variant_id: str) -> dict[str, Any]:
        plan, variant = access.variant(plan_id, variant_id)
        return {
            "revision": variant.revision,
            **proposals_said(plan.ready, variant.network),
        }

    @router.get("/{step}")
    def edits(plan_id: str, variant_id: str, step: int) -> dict[str, Any]:
        plan, variant = access.variant(plan_id, variant_id)
        return {
            "revision": variant.revision,
            **step_edits(plan.ready, variant.network, step),
        }

    return router
