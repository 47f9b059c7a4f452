"""The planner inside the service: a scenario on the map, for those whose role lets them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse, Response

from lensong.gis_data.array_cache import ArrayCache, CacheLimits
from lensong.gis_data.array_store import ArrayStore
from lensong.monitoring.access import Action, Principal
from lensong.monitoring.messages import say
from lensong.monitoring.operations.plan_sites import SitesForPlan
from lensong.monitoring.rate_limit import RateLimit
from lensong.monitoring.service import Service
from lensong.monitoring.web.addresses import path_within
from lensong.monitoring.web.guards import Manager, Needs, Reader, Running, anybody, still_may
from lensong.monitoring.web.pages.rendering import PageNeeds
from lensong.monitoring.web.problem_document import MEDIA_TYPE
from lensong.monitoring.web.problems import asker_refused, language_of
from lensong.monitoring.web.routes import refusals
from lensong.planner.access import Someone
from lensong.planner.errors import (
    BusyError,
    NotThereError,
    NotYetError,
    OfAnotherError,
    ReadOnlyError,
    SetError,
    StaleRevisionError,
)
from lensong.planner.live import LiveSites
from lensong.planner.open_plan import OpenPlan
from lensong.planner.pages import pages_router
from lensong.planner.problems import problem_of, validation_problem
from lensong.planner.routes import planner_router
from lensong.propagation.errors import ConfigError, DataError, LensongError

__all__ = ["READ_BODIES", "mount_plans"]

_LOG = logging.getLogger("lensong.plans")

READ_BODIES = {
    rf"/api/v1/plans/[^/]+/{what}": 20_000_000
    for what in ("variants/[^/]+/read", "measurements", "antennas")
}
"""The most that a body may hold, by the path: of files that are dropped on the map [bytes]."""


def mount_plans(
    app: FastAPI, service: Service, scenario: Path
) -> AbstractAsyncContextManager[None]:
    """Add the planner's routes and page; the plan is opened while what is returned is entered.

    Parameters
    ----------
    app : FastAPI
    service : Service
    scenario : Path
        What is wrong with it is told on the page and in the log: the service goes on without.
    """
    kept = ExitStack()
    plan = OpenPlan(scenario, cache=None, workers=os.cpu_count() or 1, tells_folders=False)
    app.include_router(
        planner_router([plan], looks=_looks, edits=_edits, live=_live, prefix="/api/v1"),
        responses=refusals(401, 403, 404, 409, 422, 429),
    )
    app.include_router(
        pages_router(
            _csrf,
            home="/",
            page_needs=[Depends(_page_asker)],
            place_needs=[Depends(Needs(Action.READ))],
            asset_needs=[Depends(anybody)],
        )
    )
    for kind in (
        BusyError,
        NotThereError,
        NotYetError,
        OfAnotherError,
        ReadOnlyError,
        SetError,
        StaleRevisionError,
    ):
        app.add_exception_handler(kind, _refused)
    _tell_by_edit(app)
    _tell_files(app)
    app.state.plan = plan
    app.state.plan_limit = RateLimit(
        service.config.limits.plan_requests_per_minute_of_one, 60.0, service.clock.monotonic_s
    )
    service.on_drain.append(plan.events.close)  # who follows a plan would never end by themselves

    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        _open(plan, service.config.plan_cache, kept)
        try:
            yield
        finally:
            await asyncio.to_thread(plan.close)
            kept.close()

    return opened()


def _open(plan: OpenPlan, folder: Path | None, kept: ExitStack) -> None:
    """Begin to open a plan, with path loss kept in a folder, or for this run alone."""
    try:
        if folder is not None:
            plan.cache = kept.enter_context(ArrayCache(folder, CacheLimits.of(os.environ)))
        else:
            made = kept.enter_context(TemporaryDirectory(prefix="lensong-sweeps-"))
            plan.cache = ArrayStore(Path(made))
    except (LensongError, OSError) as error:
        _LOG.warning("the plan keeps no path loss: %s", error)
    plan.start()


async def _looks(request: Request, principal: Reader) -> Someone:
    return _someone(request, principal)


async def _edits(request: Request, principal: Manager) -> Someone:
    return _someone(request, principal)


async def _live(service: Running, principal: Reader) -> LiveSites:
    return SitesForPlan(service, principal)


def _someone(request: Request, principal: Principal) -> Someone:
    async def still() -> bool:
        return await still_may(request, Action.READ) is not None

    limit: RateLimit = request.app.state.plan_limit
    return Someone(
        name=principal.name,
        may_edit=principal.may(Action.MANAGE),
        still=still,
        takes=lambda what: limit.take(principal.actor, what),
        key=principal.actor,
    )


async def _page_asker(
    request: Request, principal: Annotated[Principal, Depends(PageNeeds(Action.READ))]
) -> None:
    request.state.plan_csrf = principal.csrf or ""


def _csrf(request: Request) -> str:
    return str(request.state.plan_csrf)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, LensongError)
    plan: OpenPlan = request.app.state.plan
    return _answered(request, problem_of(error) | {"detail": plan.told_of(error)})


def _tell_by_edit(app: FastAPI) -> None:
    """Tell what is wrong with a body of the planner's by the index of the edit."""
    usual: Any = app.exception_handlers[RequestValidationError]

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if path_within(request.scope).startswith("/api/v1/plans/"):
            refused = await asker_refused(request, error)
            return refused or _answered(request, validation_problem(error))
        answer: Response = await usual(request, error)
        return answer

    app.add_exception_handler(RequestValidationError, invalid)


def _tell_files(app: FastAPI) -> None:
    """Tell what is wrong with a plan's settings and files, without the folders they lie in."""
    usual: Any = app.exception_handlers[LensongError]

    async def wrong(request: Request, error: Exception) -> Response:
        if path_within(request.scope).startswith("/api/v1/plans/"):
            return await _refused(request, error)
        answer: Response = await usual(request, error)
        return answer

    for kind in (ConfigError, DataError):
        app.add_exception_handler(kind, wrong)


def _answered(request: Request, document: dict[str, object]) -> Response:
    language = language_of(request)
    document |= {"title": say(f"problem.{document['code']}", language)}
    headers = {"Content-Language": language, "Cache-Control": "no-store"}
    if document["status"] == 429:
        headers["Retry-After"] = "5"
    return JSONResponse(
        document, int(str(document["status"])), headers=headers, media_type=MEDIA_TYPE
    )
