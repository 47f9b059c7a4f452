"""Reports of months, and their roll-up by commune code for a province's data platform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field

from lensong.gis_data.csv_cells import csv_text
from lensong.monitoring.operations.months import MonthReport, PlaceMonth, month_for
from lensong.monitoring.web.api.shapes import Body, Code, Identifier, Time
from lensong.monitoring.web.guards import Reader, Running
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["month_csv", "router"]

router = APIRouter(prefix="/api/v1", tags=["reports"], route_class=DocumentedRoute)

Month = Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}$", description="As 2026-11.")]


class PromiseOut(Body):
    """What was said before sessions, against what was seen of them."""

    state: str
    sessions: int
    seen: int
    held: int
    said_ratio: float | None
    held_ratio: float | None
    held_ratio_low: float | None
    held_ratio_high: float | None
    few: bool


class OperatorOut(Body):
    """An operator in one place."""

    operator: str
    tests: int
    failures: int
    success_ratio: float | None
    uplink_p10_bps: float | None
    uplink_p50_bps: float | None
    watched_s: float
    outages: int
    outages_per_hour: float | None
    few_tests: bool
    few_hours: bool


class PlaceOut(Body):
    """A commune, a site, or all of them."""

    code: str
    name: str
    sites: int
    planned: int
    cancelled: int
    judged: int
    seen: int
    held: int
    froze: int
    lost: int
    watched_s: float
    outages: int
    outage_s: float
    promises: list[PromiseOut]
    operators: list[OperatorOut]

    @classmethod
    def of(cls, place: PlaceMonth) -> PlaceOut:
        """Return the body of a place."""
        names = (
            "planned", "cancelled", "judged", "seen", "held", "froze", "lost", "watched_s",
            "outages", "outage_s",
        )  # fmt: skip
        return cls(
            code=place.code,
            name=place.name,
            sites=place.sites,
            **{name: getattr(place.sums, name) for name in names},
            promises=[
                PromiseOut(
                    state=promise.state,
                    sessions=promise.sessions,
                    seen=promise.seen,
                    held=promise.held,
                    said_ratio=promise.said,
                    held_ratio=promise.share,
                    held_ratio_low=promise.low,
                    held_ratio_high=promise.high,
                    few=promise.few,
                )
                for promise in place.promises
            ],
            operators=[
                OperatorOut(
                    operator=item.operator,
                    tests=item.tests,
                    failures=item.failures,
                    success_ratio=item.success,
                    uplink_p10_bps=item.uplink_p10_bps,
                    uplink_p50_bps=item.uplink_p50_bps,
                    watched_s=item.watched_s,
                    outages=item.outages,
                    outages_per_hour=item.outages_an_hour,
                    few_tests=item.few_tests,
                    few_hours=item.few_hours,
                )
                for item in place.operators
            ],
        )


class MonthOut(Body):
    """A month: all of it, and each commune; each site where one commune or site was asked for."""

    month: str
    starts_at: Time
    ends_at: Time
    complete: bool
    synthetic: bool
    whole: PlaceOut
    communes: list[PlaceOut]
    sites: list[PlaceOut]

    @classmethod
    def of(cls, report: MonthReport) -> MonthOut:
        """Return the body of a report."""
        return cls(
            month=report.month,
            starts_at=report.since,
            ends_at=report.until,
            complete=report.complete,
            synthetic=report.synthetic,
            whole=PlaceOut.of(report.whole),
            communes=[PlaceOut.of(place) for place in report.communes],
            sites=[PlaceOut.of(place) for place in report.sites],
        )


@router.get("/reports/monthly", responses=refusals(404))
async def monthly(
    service: Running,
    principal: Reader,
    month: Month = None,
    site: Identifier | None = None,
    commune: Code | None = None,
    province: Code | None = None,
) -> MonthOut:
    """Return the report of a month by commune code: sessions, promises, outages, operators."""
    report = await month_for(
        service,
        principal,
        month,
        site_id=site,
        commune_code=commune,
        province_code=province,
    )
    return MonthOut.of(report)


@router.get(
    "/reports/monthly.csv",
    response_class=Response,
    responses=refusals(404) | {200: {"content": {"text/csv": {}}, "description": "The table."}},
)
async def monthly_csv(
    service: Running,
    principal: Reader,
    month: Month = None,
    site: Identifier | None = None,
    commune: Code | None = None,
    province: Code | None = None,
) -> Response:
    """Return the report of a month as CSV, a row for each commune or site and operator."""
    report = await month_for(
        service,
        principal,
        month,
        site_id=site,
        commune_code=commune,
        province_code=province,
    )
    name = f"lensong-{report.month}.csv"
    return Response(
        month_csv(report),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


_SUMS = (
    "planned", "cancelled", "judged", "seen", "held", "froze", "lost", "watched_s", "outages",
    "outage_s",
)  # fmt: skip
_OF_PROMISES = tuple(
    f"{state}_{name}"
    for state in ("ready", "at_risk", "not_ready", "unknown")
    for name in ("sessions", "seen", "held", "said_ratio")
)
_OF_OPERATOR = (
    "operator", "tests", "failures", "uplink_p10_bps", "uplink_p50_bps", "operator_watched_s",
    "operator_outages",
)  # fmt: skip


def month_csv(report: MonthReport) -> str:
    """Return a report as a CSV table.

    Of a place with several operators each has a row; sums and promises stand in the first.
    """
    return csv_text(
        ("month", "level", "code", "name", "sites", *_SUMS, *_OF_PROMISES, *_OF_OPERATOR),
        (
            row
            for level, places in (("commune", report.communes), ("site", report.sites))
            for place in places
            for row in _rows(report.month, level, place)
        ),
    )


def _rows(month: str, level: str, place: PlaceMonth) -> Iterator[tuple[Any, ...]]:
    said = {
        f"{item.state}_{name}": value
        for item in place.promises
        for name, value in (
            ("sessions", item.sessions),
            ("seen", item.seen),
            ("held", item.held),
            ("said_ratio", None if item.said is None else round(item.said, 4)),
        )
    }
    sums = (
        *(_whole(getattr(place.sums, name)) for name in _SUMS),
        *(said[name] for name in _OF_PROMISES),
    )
    for number, item in enumerate(place.operators or (None,)):
        first = (place.sites, *sums) if number == 0 else (None,) * (1 + len(sums))
        operator = (
            (None,) * len(_OF_OPERATOR)
            if item is None
            else (
                item.operator,
                item.tests,
                item.failures,
                _whole(item.uplink_p10_bps),
                _whole(item.uplink_p50_bps),
                _whole(item.watched_s),
                item.outages,
            )
        )
        yield (month, level, place.code, place.name, *first, *operator)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
