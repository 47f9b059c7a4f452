"""Lists in and out: sites and sessions as CSV, sessions as iCalendar."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from starlette.exceptions import HTTPException

from lensong.monitoring.lists.rows import RowsError
from lensong.monitoring.lists.writing import sessions_calendar, sessions_csv, sites_csv
from lensong.monitoring.operations.giving_out import sessions_to_give, sites_to_give
from lensong.monitoring.operations.taking_in import Imported, import_sessions, import_sites
from lensong.monitoring.web.addresses import public_url
from lensong.monitoring.web.api.shapes import Body, Moment
from lensong.monitoring.web.guards import Manager, Planner, Reader, Running
from lensong.monitoring.web.problems import language_of, problem
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["ImportOut", "router"]

router = APIRouter(prefix="/api/v1", tags=["lists"], route_class=DocumentedRoute)

CSV = "text/csv"
CALENDAR = "text/calendar"

DryRun = Annotated[bool, Query(description="Check everything and store nothing.")]


def _body(*kinds: str) -> dict[str, Any]:
    """Return what OpenAPI says of a body that is a text."""
    content = {kind: {"schema": {"type": "string"}} for kind in kinds}
    return {"requestBody": {"required": True, "content": content}}


def _file(kind: str) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of an answer that is a file."""
    return {200: {"content": {kind: {"schema": {"type": "string"}}}, "description": "The list."}}


class ImportItemOut(Body):
    """What became of a row: created, updated, unchanged, cancelled, left_cancelled.

    A session that was called off here is left so, unless its calendar says that it was changed
    since. Row 0 is a session that the calendar no longer has.
    """

    row: int
    id: str
    name: str
    fate: str


class ImportOut(Body):
    """What became of a list; ``over`` counts sessions that had ended and were left out."""

    dry_run: bool
    counts: dict[str, int]
    over: int
    ignored_columns: list[str]
    items: list[ImportItemOut]

    @classmethod
    def of(cls, imported: Imported) -> ImportOut:
        """Return the body of a report."""
        return cls(
            dry_run=imported.dry_run,
            counts=imported.counts(),
            over=imported.over,
            ignored_columns=list(imported.ignored_columns),
            items=[
                ImportItemOut(row=item.row, id=item.id, name=item.name, fate=item.fate)
                for item in imported.items
            ],
        )


@router.post(
    "/import/sites",
    responses=refusals(429),
    openapi_extra=_body(CSV),
)
async def take_sites(
    request: Request, service: Running, principal: Manager, dry_run: DryRun = False
) -> ImportOut:
    """Take a CSV list of sites in, with the communes and provinces that it names: all or none.

    A site whose ``site_id`` is known is changed; columns that the list lacks stay as they are. The
    columns: ``site_id``, ``name``, ``commune_code``, ``commune``, ``province_code``, ``province``,
    ``lat_deg``, ``lon_deg``, ``operators``, ``technologies``, ``synthetic``, in English or
    Vietnamese. Errors are told row by row in ``errors``.
    """
    _kind_of(request, CSV)
    try:
        imported = await import_sites(
            service,
            principal,
            await request.body(),
            gone=lambda: _gone(request),
            dry_run=dry_run,
        )
    except RowsError as error:
        return _wrong_rows(request, error)  # type: ignore[return-value]  # FastAPI passes a Response on
    return ImportOut.of(imported)


@router.post(
    "/import/sessions",
    responses=refusals(404, 429),
    openapi_extra=_body(CSV, CALENDAR),
)
async def take_sessions(
    request: Request,
    service: Running,
    principal: Planner,
    dry_run: DryRun = False,
    site: Annotated[
        str | None, Query(max_length=64, description="Site of sessions that name none.")
    ] = None,
    profile: Annotated[
        str | None, Query(max_length=64, description="Profile of sessions that name none.")
    ] = None,
) -> ImportOut:
    """Take a list of sessions in, as CSV or as an iCalendar file: all or none.

    A session is known again by its UID (in CSV by site, start and title): the same list may come
    every day. Times without a zone are those of the service's ``time_zone``. Sessions that are
    over are left out. Events that come again are written out for a year ahead.
    """
    kind = _kind_of(request, CSV, CALENDAR)
    try:
        imported = await import_sessions(
            service,
            principal,
            await request.body(),
            calendar=kind == CALENDAR,
            gone=lambda: _gone(request),
            site_id=site,
            profile_code=profile,
            dry_run=dry_run,
        )
    except RowsError as error:
        return _wrong_rows(request, error)  # type: ignore[return-value]  # FastAPI passes a Response on
    return ImportOut.of(imported)


@router.get(
    "/export/sites.csv",
    response_class=Response,
    responses=refusals(429) | _file(CSV),
)
async def give_sites(service: Running, principal: Reader) -> Response:
    """Return the sites of the asker's area as CSV, fit to be imported again."""
    sites = await sites_to_give(service, principal)
    return _download(sites_csv(service.directory, sites).encode(), CSV, "sites.csv")


@router.get(
    "/export/sessions.csv",
    response_class=Response,
    responses=refusals(429) | _file(CSV),
)
async def give_sessions(
    request: Request,
    service: Running,
    principal: Reader,
    after: Moment | None = None,
    before: Moment | None = None,
) -> Response:
    """Return sessions of the asker's area with their verdicts as CSV, the first 20,000 by start.

    ``after`` and ``before`` take those that end after one moment and start before another.
    """
    found = await sessions_to_give(service, principal, after, before)
    text = await asyncio.to_thread(
        sessions_csv,
        service.directory,
        found,
        zone=ZoneInfo(service.config.time_zone),
        language=language_of(request),
    )
    return _download(text.encode(), CSV, "sessions.csv")


@router.get(
    "/export/sessions.ics",
    response_class=Response,
    responses=refusals(429) | _file(CALENDAR),
)
async def give_calendar(
    request: Request,
    service: Running,
    principal: Reader,
    after: Moment | None = None,
    before: Moment | None = None,
) -> Response:
    """Return sessions of the asker's area with their verdicts as an iCalendar file.

    STATUS is CONFIRMED where a session is READY, TENTATIVE where it is not or not known, CANCELLED
    where it was called off; state and reasons stand in DESCRIPTION.
    """
    found = await sessions_to_give(service, principal, after, before)
    data = await asyncio.to_thread(
        sessions_calendar,
        service.directory,
        found,
        language=language_of(request),
        public_url=public_url(service, request),
        now=service.clock.now(),
    )
    return _download(data, CALENDAR, "sessions.ics")


async def _gone(request: Request) -> None:
    """Return when the client has hung up; its body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _kind_of(request: Request, *wanted: str) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in wanted:
        raise HTTPException(
            415, f"Content-Type is {kind[:60] or 'missing'}, wanted {' or '.join(wanted)}"
        )
    return kind


def _wrong_rows(request: Request, error: RowsError) -> Response:
    return problem(
        request,
        422,
        "invalid",
        str(error),
        errors=[
            {
                "pointer": "/".join(["", str(item.row), *_pointer(item.column)]),
                "detail": item.problem,
            }
            for item in error.errors
        ],
    )


def _pointer(column: str) -> list[str]:
    """Return a column as a part of a JSON pointer (RFC 6901)."""
    return [column.replace("~", "~0").replace("/", "~1")] if column else []


def _download(data: bytes, kind: str, name: str) -> Response:
    return Response(
        data,
        media_type=f"{kind}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="lensong-{name}"',
            "Cache-Control": "no-store",
        },
    )
