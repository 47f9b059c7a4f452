"""Measurements in and out, and the question what if."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from lensong.monitoring.access import Action
from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.live.ingest import ClientState
from lensong.monitoring.records import Motion
from lensong.monitoring.service import Service
from lensong.monitoring.store.measurements import Fate, list_measurements, result_of_test
from lensong.monitoring.web.api.shapes import (
    Cursor,
    Identifier,
    Limit,
    MeasurementOut,
    MeasurementsIn,
    Moment,
    Paged,
    ReportOut,
    Short,
    VerdictOut,
    verdict_out,
)
from lensong.monitoring.web.guards import Needs, ReportingSite, Running, SeenSite
from lensong.monitoring.web.pages.rendering import words_of
from lensong.monitoring.web.routes import DocumentedRoute

__all__ = ["REPORTS", "router"]

router = APIRouter(
    prefix="/api/v1/sites/{site_id}", tags=["measurements"], route_class=DocumentedRoute
)


class ReportsRoute(DocumentedRoute):
    """Takes reports by the shortest way there is: they are most of what is asked of the service.

    What is right is checked and parsed once, out of its bytes. Whatever is not goes the documented
    way, which finds out what is wrong and says it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers."""
        documented = super().get_route_handler()

        async def handle(request: Request) -> Response:
            service: Service = request.app.state.service
            principal = await _may_report(request)
            site = service.directory.sites.get(request.path_params["site_id"])
            if site is None or request.headers.get("content-type") != "application/json":
                return await documented(request)
            try:
                body = MeasurementsIn.model_validate_json(await request.body())
            except ValidationError:
                return await documented(request)
            if not service.directory.sees(principal, site):
                return await documented(request)
            return await report(site, body, service)

        return handle


_may_report = Needs(Action.REPORT)


async def report(site: ReportingSite, body: MeasurementsIn, service: Running) -> Response:
    """Take reports in; the answer comes when they are safe on disk.

    A report is known by site, ``client_id`` and ``seq``: sent again it changes nothing.
    """
    now = service.clock.now()
    taken = await service.ingest.take(
        [item.record(site.site_id, body.client_id, now) for item in body.measurements],
        ClientState(
            client_id=body.client_id,
            sent_at=body.sent_at,
            queue_reports=body.queue_reports,
            oldest_report_at=body.oldest_report_at,
        )
        if body.sent_at is not None or body.queue_reports is not None
        else None,
    )
    known = all(item.fate is Fate.DUPLICATE for item in taken)
    # as `ReportOut`, which would take longer than the rest of the answer
    told = [
        {"seq": item.seq, "fate": done.fate.value}
        for item, done in zip(body.measurements, taken, strict=True)
    ]
    return JSONResponse(told, 200 if known else 201)


router.add_api_route(
    "/measurements",
    report,
    methods=["POST"],
    status_code=201,
    response_model=list[ReportOut],
    responses={
        200: {
            "model": list[ReportOut],
            "description": "Everything was stored before: nothing changed.",
        }
    },
    route_class_override=ReportsRoute,
)
REPORTS = next(route for route in router.routes if isinstance(route, ReportsRoute))
"""Found before the others: see `EarlyRoute`."""


@router.get("/measurements")
async def list_all(
    site: SeenSite,
    service: Running,
    since: Annotated[Moment | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Paged[MeasurementOut]:
    """Return the measurements of a site, the latest first."""
    async with service.database.reading() as connection:
        page = await list_measurements(
            connection, site.site_id, since=since, cursor=cursor, limit=limit
        )
    return Paged(
        items=[MeasurementOut.of(item) for item in page.items], next_cursor=page.next_cursor
    )


@router.get("/tests/{test_id}")
async def get_test(
    site: SeenSite,
    test_id: Annotated[Short, Path()],
    service: Running,
) -> MeasurementOut:
    """Return what the server counted in one of its tests, for a client that lost the connection."""
    async with service.database.reading() as connection:
        found = await result_of_test(connection, site.site_id, test_id)
    if found is None:
        raise NotFoundError(f"there is no test {test_id[:80]!r} at {site.site_id}")
    return MeasurementOut.of(found)


@router.get("/readiness")
async def what_if(
    site: SeenSite,
    request: Request,
    service: Running,
    profile: Annotated[Identifier, Query()],
    start: Moment | None = None,
    duration: Annotated[
        float, Query(gt=0.0, le=86_400.0, description="Length of the session [s].")
    ] = 3_600.0,
    technology: Annotated[str | None, Query(pattern="^(3G|4G|5G)$")] = None,
    operator: Annotated[Short | None, Query()] = None,
    motion: Annotated[
        Motion, Query(description="Whether the phone will stand still; unknown is at rest.")
    ] = Motion.UNKNOWN,
    session: Annotated[
        Identifier | None,
        Query(description="The planned session that it is about: the others are beside it."),
    ] = None,
) -> VerdictOut:
    """Return the verdict on a session that nobody planned; nothing is kept.

    Sessions that are planned at the same time share the uplink with it. Where a site takes one at
    once, it stands in the place of what is planned there.
    """
    wanted = service.directory.profiles.get(profile)
    if wanted is None:
        known = ", ".join(service.directory.profiles)
        raise NotFoundError(f"there is no stream profile {profile!r}, but {known}")
    starts_at = start or service.clock.now()
    verdict = await service.judge.what_if(
        site,
        wanted,
        starts_at,
        starts_at + timedelta(seconds=duration),
        technology=technology,
        operator=operator,
        motion=motion,
        besides=session,
    )
    return verdict_out(verdict, words_of(request))
