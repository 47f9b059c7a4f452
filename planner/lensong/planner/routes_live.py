"""Routes of what is measured: the live sites, and a village with those that lie in it."""

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool

from lensong.planner.access import Access
from lensong.planner.errors import NotThereError, NotYetError
from lensong.planner.live import NEAR_M, LiveSites, sites_of_village

__all__ = ["live_routes"]

_PREDICTED = ("rsrp_p10_dbm", "rsrp_p50_dbm", "uplink_p10_mbps", "uplink_p50_mbps")


def live_routes(access: Access) -> APIRouter:
    """Return the routes of what is measured."""
    router = APIRouter(prefix=f"{access.prefix}/plans/{{plan_id}}")
    Live = Annotated[LiveSites | None, Depends(access.live)]  # noqa: N806 - a type

    @router.get("/sites")
    async def sites(plan_id: str, live: Live) -> dict[str, Any]:
        access.plan(plan_id)
        return {
            "time_zone": None if live is None else live.time_zone,
            "sites": [] if live is None else [site.as_json() for site in live.located()],
        }

    @router.get("/variants/{variant_id}/villages/{village_id}")
    async def village(plan_id: str, variant_id: str, village_id: str, live: Live) -> dict[str, Any]:
        located = () if live is None else live.located()

        def predicted() -> tuple[dict[str, Any], list[Any]]:
            plan, variant = access.variant(plan_id, variant_id)
            revision, now = variant.revision, plan.shown(variant, "villages")
            if now.villages is None:
                raise NotYetError(f"the villages of {variant_id!r} are being planned: ask again")
            table = now.villages
            rows = [at for at, name in enumerate(table["village_id"]) if str(name) == village_id]
            if not rows:
                raise NotThereError(f"there is no village {village_id!r} in this plan")
            one = table.iloc[rows[0]]
            told = {
                "village_id": village_id,
                "revision": revision,
                "settled": now.settled,
                "predicted": {
                    technology: {
                        name: _number(one[f"{name}_{technology.lower()}"]) for name in _PREDICTED
                    }
                    for technology in now.technologies
                },
                "near_m": NEAR_M,
            }
            return told, sites_of_village(table, rows[0], located)

        told, found = await run_in_threadpool(predicted)
        kept = {} if live is None else await live.tests({site.site_id for site, _ in found})
        return told | {
            "now": None if live is None else live.now.isoformat(),
            "sites": [
                site.as_json() | {"distance_m": away_m, "tests": kept.get(site.site_id, 0)}
                for site, away_m in found
            ],
        }

    return router


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
