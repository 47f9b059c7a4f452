"""The report of a month for a site, a commune, or all of a province that somebody sees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from lensong.coverage.network import operator_key
from lensong.monitoring.access import Principal
from lensong.monitoring.errors import FieldError, NotFoundError
from lensong.monitoring.records import Site
from lensong.monitoring.reports.monthly import (
    OperatorHour,
    OperatorMonth,
    OperatorTime,
    Promise,
    SessionSums,
    operators_of,
    promises_of,
    sums_of,
)
from lensong.monitoring.service import Service
from lensong.monitoring.store.months import hours_of_month, sessions_of_month, times_of_month

__all__ = ["MonthReport", "PlaceMonth", "month_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceMonth:
    """A site or commune in the month."""

    code: str
    name: str
    sites: int
    sums: SessionSums
    promises: tuple[Promise, ...]
    operators: tuple[OperatorMonth, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """A month of all sites that were asked for, and of each commune and site apart.

    Parameters
    ----------
    since, until : datetime
        In the service's time zone.
    complete : bool
        The month is over.
    """

    month: str
    since: datetime
    until: datetime
    complete: bool
    synthetic: bool
    whole: PlaceMonth
    communes: tuple[PlaceMonth, ...]
    sites: tuple[PlaceMonth, ...]


async def month_for(
    service: Service,
    principal: Principal,
    month: str | None = None,
    *,
    site_id: str | None = None,
    commune_code: str | None = None,
    province_code: str | None = None,
) -> MonthReport:
    """Return the report of a month.

    Parameters
    ----------
    month : str, optional
        ``2026-11``; the present one unless given.

    Raises
    ------
    FieldError
        That is no month.
    NotFoundError
        Nothing of what was asked for lies in the asker's area.
    """
    now = service.clock.now()
    zone = ZoneInfo(service.config.time_zone)
    name, since, until = _month(month or now.astimezone(zone).strftime("%Y-%m"), zone)
    directory = service.directory
    if site_id is not None:
        sites = [directory.site_for(principal, site_id)]
    else:
        sites = [
            site
            for site in directory.visible_to(principal)
            if commune_code in (None, site.commune_code)
            and province_code in (None, directory.communes[site.commune_code].province_code)
        ]
        if not sites and (commune_code or province_code):
            asked = commune_code or province_code or ""
            raise NotFoundError(f"there is no site of {asked[:20]!r} in your area")
    chosen = {site.site_id for site in sites}
    async with service.database.reading() as connection:
        sessions = await sessions_of_month(connection, chosen, since, until)
        hours = await hours_of_month(connection, chosen, since, until)
        times = await times_of_month(connection, chosen, since, until)

    def place(code: str, shown: str, members: Iterable[Site]) -> PlaceMonth:
        of_place = {site.site_id for site in members}
        some = [session for session in sessions if session.site_id in of_place]
        return PlaceMonth(
            code=code,
            name=shown,
            sites=len(of_place),
            sums=sums_of(some),
            promises=promises_of(some),
            operators=_operators(
                [hour for at, hour in hours if at in of_place],
                [time for at, time in times if at in of_place],
            ),
        )

    by_commune: dict[str, list[Site]] = {}
    for site in sites:
        by_commune.setdefault(site.commune_code, []).append(site)
    communes = sorted(by_commune.items(), key=lambda item: directory.communes[item[0]].name)
    return MonthReport(
        month=name,
        since=since,
        until=until,
        complete=until <= now,
        synthetic=any(site.synthetic for site in sites),
        whole=place("", "", sites),
        communes=tuple(
            place(code, directory.communes[code].name, members) for code, members in communes
        ),
        sites=tuple(place(site.site_id, site.name, [site]) for site in sites)
        if commune_code is not None or site_id is not None
        else (),
    )


def _month(text: str, zone: ZoneInfo) -> tuple[str, datetime, datetime]:
    found = re.fullmatch(r"(20\d\d|21\d\d)-(0[1-9]|1[0-2])", text)
    if found is None:
        raise FieldError(
            f"month is {text[:20]!r}, wanted year and month as 2026-11",
            field="month",
            reason="invalid",
        )
    year, number = int(found[1]), int(found[2])
    after = (year + 1, 1) if number == 12 else (year, number + 1)
    return text, datetime(year, number, 1, tzinfo=zone), datetime(*after, 1, tzinfo=zone)


def _operators(hours: list[OperatorHour], times: list[OperatorTime]) -> tuple[OperatorMonth, ...]:
    """Return operators, each in one spelling however clients wrote it."""
    spelled: dict[str, str] = {}
    for name in (*(hour.operator for hour in hours), *(time.operator for time in times)):
        if name:
            spelled.setdefault(operator_key(name), name)

    def one(operator: str) -> str:
        return spelled[operator_key(operator)] if operator else ""

    return operators_of(
        [
            OperatorHour(
                operator=one(hour.operator),
                tests=hour.tests,
                failures=hour.failures,
                uplink_p50_bps=hour.uplink_p50_bps,
            )
            for hour in hours
        ],
        [
            OperatorTime(
                operator=one(time.operator), watched_s=time.watched_s, outages_s=time.outages_s
            )
            for time in times
        ],
    )
