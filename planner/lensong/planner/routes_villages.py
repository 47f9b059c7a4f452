"""Routes of villages: the table beside that of another variant, and totals."""

from typing import Any, Literal

from fastapi import APIRouter, Response

from lensong.coverage.results.tables import village_table
from lensong.gis_data.vector_write import csv_bytes
from lensong.planner.access import Access
from lensong.planner.errors import NotYetError
from lensong.planner.variants import BASE
from lensong.planner.village_rows import totals, village_rows

__all__ = ["village_routes"]


def village_routes(access: Access) -> APIRouter:
    """Return the routes of villages."""
    router = APIRouter(prefix=f"{access.prefix}/plans/{{plan_id}}/variants/{{variant_id}}")

    @router.get("/villages")
    def villages(
        plan_id: str,
        variant_id: str,
        against: str = BASE,
        changed: bool = False,
        settled: Literal["villages", "chances"] = "villages",
    ) -> dict[str, Any]:
        plan, variant = access.variant(plan_id, variant_id)
        _, other = access.variant(plan_id, against)
        revision = variant.revision
        now, before = plan.shown(variant, settled), plan.shown(other, "villages")
        if now.villages is None or before.villages is None:
            raise NotYetError(f"the villages of {variant_id!r} are being planned: ask again")
        services, classes = plan.opened.services, plan.opened.classes
        rows = village_rows(now.villages, before.villages, services, classes.service)
        if changed:
            rows = [row for row in rows if row["change"] != "same"]
        return {
            "revision": revision,
            "settled": now.settled,
            "streams_settled": not now.streams_late and now.settled != "levels",
            "villages": rows,
            "totals": totals(
                now.villages,
                before.villages,
                services,
                now.operators,
                classes.covered_share,
            ),
        }

    @router.get("/villages.csv", response_class=Response)
    def table(plan_id: str, variant_id: str) -> Response:
        plan, variant = access.variant(plan_id, variant_id)
        now = plan.shown(variant, "chances")
        if now.settled != "chances" or now.villages is None:
            raise NotYetError(f"the villages of {variant_id!r} are being planned: ask again")
        table = csv_bytes(village_table(now.villages))
        return Response(table, media_type="text/csv; charset=utf-8")

    return router
