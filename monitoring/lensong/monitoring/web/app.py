"""The application: routes, guards and refusals around one service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import Mount, compile_path

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.operations.uplink_tests import uplink_service
from lensong.monitoring.records import StreamProfile
from lensong.monitoring.service import Service
from lensong.monitoring.web import problems
from lensong.monitoring.web.api import (
    access,
    coverage_runs,
    events,
    health,
    imports,
    measurements,
    places,
    profiles,
    sessions,
    sign_in,
    streams,
)
from lensong.monitoring.web.api.metrics import metrics_router
from lensong.monitoring.web.api.uplink import uplink_router
from lensong.monitoring.web.guards import Gatekeeper, Needs, anybody, tester
from lensong.monitoring.web.middleware import Guard
from lensong.monitoring.web.pages import pages_router
from lensong.monitoring.web.pages.rendering import SignInFirstError, error_page, to_sign_in
from lensong.monitoring.web.problems import PROBLEM_RESPONSES

__all__ = ["classified_routes", "create_app"]

_DESCRIPTION = """\
Sites, sessions, measurements and readiness of livestreams.

Times are RFC 3339 with a zone, answered in UTC. Rates are bits per second. Listings come in pages:
`next_cursor` of one answer is `cursor` of the next request. Refusals are problem documents
(RFC 9457) with a stable `code`; their title is Vietnamese or English by `Accept-Language`.
"""


def create_app(service: Service, *, asker: Principal | None = None) -> FastAPI:
    """Return the application of a service; it starts and stops the service with itself.

    Parameters
    ----------
    service : Service
    asker : Principal, optional
        Who asks everything, where the application is spoken to within its own process; never for
        one that listens.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(
        title="lensong",
        version=version("lensong"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        responses=PROBLEM_RESPONSES(413, 415, 431),  # the guard's, before any route is chosen
    )
    app.state.service = service
    app.state.language = service.config.language
    gatekeeper = Gatekeeper(service, asker)
    app.state.gatekeeper = gatekeeper
    problems.register(app)
    # each request is compared with the routes in turn: those of the reports come first
    for part in (
        measurements,
        sign_in,
        places,
        profiles,
        sessions,
        access,
        events,
        streams,
        imports,
        coverage_runs,
    ):
        app.include_router(part.router)
    app.include_router(health.router)

    async def find_profile(code: str) -> StreamProfile | None:
        return service.directory.profiles.get(code)

    scrape = Depends(Needs(Action.SCRAPE))
    app.include_router(
        metrics_router(service.exposition, find_profile, dependencies=[scrape]),
        responses=PROBLEM_RESPONSES(401, 403),
    )
    uplink = uplink_service(service, gatekeeper.by_token)
    refusals = {401: "The token is unknown.", 429: "Not yet, or not so much.", 503: "Not now."}
    app.include_router(
        uplink_router(uplink),
        dependencies=[Depends(tester)],
        responses={status: {"description": text} for status, text in refusals.items()},
    )
    service.metrics.watch_uplink_tests(lambda: float(uplink.admission.running))
    service.metrics.watch_event_listeners(lambda: float(service.bus.listeners))
    app.include_router(pages_router())
    app.state.error_page = error_page
    app.add_exception_handler(SignInFirstError, to_sign_in)
    app.include_router(_document(app))
    app.add_middleware(
        Guard,
        body_bytes=service.config.limits.body_bytes,
        body_seconds=service.config.limits.body_seconds,
        count=service.metrics.count_request,
    )
    # a route that nobody classified never serves anybody
    app.state.methods = tuple(
        (compile_path(path)[0], method) for method, path, _ in classified_routes(app)
    )
    return app


def classified_routes(app: FastAPI) -> list[tuple[str, str, Action]]:
    """Return method (``WS`` for a WebSocket), path and action of every route.

    Raises
    ------
    RuntimeError
        Nobody said who may use a route.
    """
    found: list[tuple[str, str, Action]] = []
    for route in iter_route_contexts(app.routes):
        path, action = str(route.path), _action(route)
        if action is None:
            raise RuntimeError(f"{path} names no action: give it a dependency of web.guards")
        for method in sorted(route.methods or {"WS"}):
            found.append((method, path, action))
    return found


def _action(route: RouteContext) -> Action | None:
    if isinstance(route.original_route, Mount):
        return Action.PUBLIC  # files of the package
    found: set[Action] = set()
    waiting = [dependant] if (dependant := getattr(route, "dependant", None)) else []
    while waiting:
        dependant = waiting.pop()
        waiting += dependant.dependencies
        if isinstance(dependant.call, Needs):
            found.add(dependant.call.action)
        elif dependant.call is anybody:
            found.add(Action.PUBLIC)
        elif dependant.call is tester:
            found.add(Action.TEST)
    return found.pop() if len(found) == 1 else None


def _document(app: FastAPI) -> APIRouter:
    router = APIRouter(dependencies=[Depends(anybody)])

    @router.get("/api/v1/openapi.json", include_in_schema=False)
    async def document() -> dict[str, Any]:
        """Return the OpenAPI document."""
        return app.openapi()

    return router
