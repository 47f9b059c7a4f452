"""The planner alone, on loopback: its routes, its page and how refusals look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from lensong.planner.access import Someone
from lensong.planner.open_plan import OpenPlan
from lensong.planner.pages.routes import pages_router
from lensong.planner.problems import (
    MEDIA_TYPE,
    fault_problem,
    problem_of,
    route_problem,
    validation_problem,
)
from lensong.planner.routes import planner_router
from lensong.propagation.errors import LensongError

__all__ = ["planner_app"]


def planner_app(plans: Sequence[OpenPlan]) -> FastAPI:
    """Return the app of ``lensong planner``: one person, no account."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        for plan in plans:
            plan.start()
        yield
        for plan in plans:
            plan.close()

    app = FastAPI(
        title="lensong planner",
        version=version("lensong"),
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
    )

    def anyone() -> Someone:
        return Someone()

    app.include_router(planner_router(plans, looks=anyone, edits=anyone, prefix="/api/v1"))

    app.include_router(pages_router())

    @app.get("/", include_in_schema=False)
    def start() -> RedirectResponse:
        return RedirectResponse("planner")

    @app.exception_handler(LensongError)
    async def refused(_: Request, error: LensongError) -> JSONResponse:
        return _answered(problem_of(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return _answered(validation_problem(error))

    @app.exception_handler(HTTPException)
    async def no_route(_: Request, error: HTTPException) -> JSONResponse:
        return _answered(route_problem(error), error.headers)

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        return _answered(fault_problem(error))  # the server logs it, too

    return app


def _answered(document: dict[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        document, status_code=document["status"], headers=headers, media_type=MEDIA_TYPE
    )
