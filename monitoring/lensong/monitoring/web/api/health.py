"""``/-/healthy`` and ``/-/ready``, as Prometheus has them."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse, Response

from lensong.monitoring.web.guards import Running, anybody
from lensong.monitoring.web.problems import problem
from lensong.monitoring.web.routes import refusals

__all__ = ["router"]

router = APIRouter(prefix="/-", tags=["health"], dependencies=[Depends(anybody)])


@router.get("/healthy", response_class=PlainTextResponse)
async def healthy() -> str:
    """Say that the process is alive; nothing else is looked at."""
    return "healthy\n"


@router.get("/ready", response_class=PlainTextResponse, responses=refusals(503))
async def ready(request: Request, service: Running) -> Response:
    """Say whether the database can be written, migrations are done and the clock is sane."""
    found = await service.problems()
    if found:
        code = "stopping" if service.draining else "store_unavailable"
        return problem(request, 503, code, "; ".join(found), headers={"Retry-After": "5"})
    return PlainTextResponse("ready\n")
