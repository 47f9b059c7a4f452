"""Lists in and out: sites and sessions as tables, sessions as iCalendar."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from starlette.exceptions import HTTPException

from lensong.monitoring.lists.told import RowNote, RowsError
from lensong.monitoring.lists.writing import sessions_calendar, sessions_csv, sites_csv
from lensong.monitoring.operations.giving_out import sessions_to_give, sites_to_give
from lensong.monitoring.operations.taking_in import (
    Imported,
    import_communes,
    import_sessions,
    import_sites,
)
from lensong.monitoring.web.addresses import public_url
from lensong.monitoring.web.api.shapes import Body, Line, Moment
from lensong.monitoring.web.guards import Manager, Planner, Reader, Running
from lensong.monitoring.web.problems import language_of, problem
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["BOUNDARIES_PATH", "ImportOut", "router"]

BOUNDARIES_PATH = "/api/v1/import/communes"
"""Where a body may be as large as boundaries are."""

router = APIRouter(prefix="/api/v1", tags=["lists"], route_class=DocumentedRoute)

CSV = "text/csv"
CALENDAR = "text/calendar"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OLD_WORKBOOK = "application/vnd.ms-excel"
GEOJSON = "application/geo+json"
GEOPACKAGE = "application/geopackage+sqlite3"
ZIP = "application/zip"
BOUNDARIES = (
    GEOJSON,
    GEOPACKAGE,
    ZIP,
    "application/vnd.google-earth.kml+xml",
    "application/flatgeobuf",
)
TABLES = (CSV, WORKBOOK, OLD_WORKBOOK)

DryRun = Annotated[bool, Query(description="Check everything and store nothing.")]
SkipRefused = Annotated[
    bool,
    Query(description="Take what is fine although some rows cannot be taken; `refused` says why."),
]


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


class RowOut(Body):
    """A row that was refused, or in which something was noticed, and why.

    ``text`` is in Vietnamese or English by Accept-Language; ``reason`` is a stable word.
    """

    row: int
    column: str
    title: str
    reason: str
    text: str

    @classmethod
    def of(cls, note: RowNote, language: str) -> RowOut:
        """Return the body of a note."""
        return cls(
            row=note.row,
            column=note.column,
            title=note.title,
            reason=note.reason,
            text=note.said(language),
        )


class ImportOut(Body):
    """What became of a list.

    ``over`` counts sessions that had ended and were left out, ``outlines`` communes that came with
    their outline.
    """

    dry_run: bool
    counts: dict[str, int]
    over: int
    outlines: int
    ignored_columns: list[str]
    items: list[ImportItemOut]
    refused: list[RowOut]
    notes: list[RowOut]

    @classmethod
    def of(cls, imported: Imported, language: str) -> ImportOut:
        """Return the body of a report."""
        return cls(
            dry_run=imported.dry_run,
            counts=imported.counts(),
            over=imported.over,
            outlines=imported.outlines,
            ignored_columns=list(imported.ignored_columns),
            items=[
                ImportItemOut(row=item.row, id=item.id, name=item.name, fate=item.fate)
                for item in imported.items
            ],
            refused=[RowOut.of(note, language) for note in imported.refused],
            notes=[RowOut.of(note, language) for note in imported.notes],
        )


@router.post(
    "/import/sites",
    responses=refusals(429),
    openapi_extra=_body(*TABLES),
)
async def take_sites(
    request: Request,
    service: Running,
    principal: Manager,
    dry_run: DryRun = False,
    skip_refused: SkipRefused = False,
) -> ImportOut:
    """Take a list of sites in, with the communes and provinces that it names.

    CSV, or a workbook of which one sheet has rows. All rows or none, unless `skip_refused`.

    A site whose ``site_id`` is known is changed; columns that the list lacks stay as they are. The
    columns: ``site_id``, ``name``, ``commune_code``, ``commune``, ``province_code``, ``province``,
    ``lat_deg``, ``lon_deg`` (or ``coordinates`` for both), ``operators``, ``technologies``,
    ``synthetic``, in English or Vietnamese. Errors are told row by row in ``errors``.
    """
    _kind_of(request, *TABLES)
    try:
        imported = await import_sites(
            service,
            principal,
            await request.body(),
            gone=lambda: _gone(request),
            dry_run=dry_run,
            skip=skip_refused,
        )
    except RowsError as error:
        return _wrong_rows(request, error)  # type: ignore[return-value]  # FastAPI passes a Response on
    return ImportOut.of(imported, language_of(request))


@router.post(
    "/import/communes",
    responses=refusals(429),
    openapi_extra=_body(*TABLES, *BOUNDARIES),
)
async def take_communes(
    request: Request,
    service: Running,
    principal: Manager,
    dry_run: DryRun = False,
    skip_refused: SkipRefused = False,
    layer: Annotated[
        Line, Query(max_length=200, description="Of a file of boundaries that has several.")
    ] = "",
) -> ImportOut:
    """Take a list of communes in, with the provinces that it names.

    CSV or a workbook with ``commune_code``, ``commune``, ``province_code``, ``province``; or a file
    of boundaries with such attributes, whose outlines the wall then shows: GeoPackage (also that
    of a coverage plan), a zipped shapefile, GeoJSON, FlatGeobuf, KML; up to
    ``limits.boundary_bytes``. All rows or none, unless `skip_refused`.
    """
    _kind_of(request, *TABLES, *BOUNDARIES)
    try:
        imported = await import_communes(
            service,
            principal,
            await request.body(),
            gone=lambda: _gone(request),
            layer=layer,
            dry_run=dry_run,
            skip=skip_refused,
        )
    except RowsError as error:
        return _wrong_rows(request, error)  # type: ignore[return-value]  # FastAPI passes a Response on
    return ImportOut.of(imported, language_of(request))


@router.post(
    "/import/sessions",
    responses=refusals(404, 429),
    openapi_extra=_body(*TABLES, CALENDAR),
)
async def take_sessions(
    request: Request,
    service: Running,
    principal: Planner,
    dry_run: DryRun = False,
    skip_refused: SkipRefused = False,
    site: Annotated[
        str | None, Query(max_length=64, description="Site of sessions that name none.")
    ] = None,
    profile: Annotated[
        str | None, Query(max_length=64, description="Profile of sessions that name none.")
    ] = None,
) -> ImportOut:
    """Take a list of sessions in, as CSV, a workbook or an iCalendar file.

    All rows or none, unless `skip_refused`.

    A session is known again by its UID (in CSV by site, start and title): the same list may come
    every day. Times without a zone are those of the service's ``time_zone``. Sessions that are
    over are left out. Events that come again are written out for a year ahead.
    """
    kind = _kind_of(request, *TABLES, CALENDAR)
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
            skip=skip_refused,
        )
    except RowsError as error:
        return _wrong_rows(request, error)  # type: ignore[return-value]  # FastAPI passes a Response on
    return ImportOut.of(imported, language_of(request))


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
                "title": item.said(language_of(request)),
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
