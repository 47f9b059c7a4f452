"""The application: routes, guards and refusals around one service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import BaseRoute, compile_path

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.errors import ArchivedError
from lensong.monitoring.operations.uplink_tests import uplink_service
from lensong.monitoring.records import StreamProfile
from lensong.monitoring.service import Service
from lensong.monitoring.web import problems
from lensong.monitoring.web.api import (
    access,
    calendar_feeds,
    coverage_runs,
    events,
    health,
    imports,
    measurements,
    months,
    notices,
    person_tokens,
    places,
    profiles,
    push,
    session_words,
    sessions,
    shared_links,
    sign_in,
    streams,
    timeline,
)
from lensong.monitoring.web.api.metrics import metrics_router
from lensong.monitoring.web.api.uplink import uplink_router
from lensong.monitoring.web.guards import Needs, anybody, session_cookie, tester
from lensong.monitoring.web.middleware import Guard, UnderPath
from lensong.monitoring.web.pages import pages_router, wallboard
from lensong.monitoring.web.pages.archived import archived_page
from lensong.monitoring.web.pages.event_texts import teller
from lensong.monitoring.web.pages.map_base import MapPictures
from lensong.monitoring.web.pages.rendering import SignInFirstError, error_page, to_sign_in
from lensong.monitoring.web.pages.shared_drawings import SharedDrawings
from lensong.monitoring.web.routes import EarlyRoute, classified_routes, refusals
from lensong.propagation.errors import ConfigError

__all__ = ["create_app"]

_DESCRIPTION = """\
Sites, sessions, measurements and readiness of livestreams.

Times are RFC 3339 with a zone, answered in UTC. Rates are bits per second. Listings come in pages:
`next_cursor` of one answer is `cursor` of the next request. Refusals are problem documents
(RFC 9457) with a stable `code`; their title is Vietnamese or English by `Accept-Language`.
"""

_OF_THE_GUARD = refusals(400, 413, 415, 431)
"""What it answers before any route is chosen."""


@cache
def _routes_of_any_service() -> tuple[BaseRoute, ...]:
    """Return the routes that find their service by the request, worked out once in a process.

    To work them out takes longer than all else that makes an application.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, responses=_OF_THE_GUARD)
    for part in (
        measurements,
        sign_in,
        places,
        profiles,
        sessions,
        session_words,
        notices,
        access,
        shared_links,
        events,
        timeline,
        months,
        streams,
        imports,
        calendar_feeds,
        coverage_runs,
        person_tokens,
        push,
        health,
    ):
        app.include_router(part.router)
    app.include_router(pages_router())
    return tuple(app.router.routes)


def create_app(service: Service, *, asker: Principal | None = None) -> FastAPI:
    """Return the application of a service; it starts and stops the service with itself.

    Parameters
    ----------
    service : Service
    asker : Principal, optional
        Who asks everything, where the application is spoken to within its own process; never for
        one that listens.
    """
    beside: list[AbstractAsyncContextManager[None]] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            async with AsyncExitStack() as kept:
                for other in beside:
                    await kept.enter_async_context(other)
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
        servers=[{"url": service.config.root or "/"}],
        responses=_OF_THE_GUARD,
    )
    app.state.service = service
    app.state.language = service.config.language
    app.state.asker = asker
    app.state.drawings = SharedDrawings(service.clock)
    app.state.map_pictures = MapPictures(service.map_bases, service.directory)
    service.courier.tell = service.push.tell = teller(service)
    problems.register(app)
    # each request is compared with the routes in turn: those that are asked for most come first
    for route in (measurements.REPORTS, wallboard.LIVE_PART, events.LISTEN, wallboard.WALL):
        app.router.routes.append(EarlyRoute(route))
    app.router.routes.extend(_routes_of_any_service())

    async def find_profile(code: str) -> StreamProfile | None:
        return service.directory.profiles.get(code)

    scrape = Depends(Needs(Action.SCRAPE))
    app.include_router(metrics_router(service.exposition, find_profile, dependencies=[scrape]))
    uplink = uplink_service(service)
    told = {401: "The token is unknown.", 429: "Not yet, or not so much.", 503: "Not now."}
    app.include_router(
        uplink_router(uplink, service.watches),
        dependencies=[Depends(tester)],
        responses={status: {"description": text} for status, text in told.items()},
    )
    service.metrics.watch_uplink_tests(lambda: float(uplink.admission.running))
    service.metrics.watch_event_listeners(lambda: float(service.bus.listeners))
    app.state.error_page = error_page
    app.add_exception_handler(SignInFirstError, to_sign_in)
    app.add_exception_handler(ArchivedError, archived_page)
    larger = {imports.BOUNDARIES_PATH: service.config.limits.boundary_bytes}
    if service.config.scenario is not None:
        # what computes coverage takes seconds to import, and most services have no plan
        from lensong.monitoring.web.plans import READ_BODIES, mount_plans

        beside.append(mount_plans(app, service, service.config.scenario))
        larger |= READ_BODIES
    app.include_router(_document(app))
    # within the guard, which counts and adds headers; a stream of events is let through as it is
    app.add_middleware(GZipMiddleware, minimum_size=1_400, compresslevel=4)
    app.add_middleware(
        Guard,
        body_bytes=service.config.limits.body_bytes,
        body_seconds=service.config.limits.body_seconds,
        larger_bodies=larger,
        count=service.metrics.count_request,
    )
    if root := service.config.root:
        _check_root(app, root)
        app.add_middleware(UnderPath, root=root)
    # a route that nobody classified, or of which nobody sees to the area, never serves anybody
    app.state.methods = tuple(
        (compile_path(path)[0], method, action) for method, path, action in classified_routes(app)
    )
    return app


def _check_root(app: FastAPI, root: str) -> None:
    """Refuse a path that one could not tell from a page's where a proxy leaves it away."""
    first = root.split("/")[1]
    taken = {path.split("/")[1] for _, path, _ in classified_routes(app)}
    if first in taken:
        raise ConfigError(
            f"the path of public_url is {root!r}, and the service has pages of its own at "
            f"/{first}: choose another path, like /live"
        )


def _document(app: FastAPI) -> APIRouter:
    router = APIRouter(dependencies=[Depends(anybody)])

    @router.get("/api/v1/openapi.json", include_in_schema=False)
    async def document() -> dict[str, Any]:
        """Return the OpenAPI document."""
        found = app.openapi()
        schemes = found["components"]["securitySchemes"]
        schemes["APIKeyCookie"]["name"] = session_cookie(app.state.service.config.root)
        return found

    return router
