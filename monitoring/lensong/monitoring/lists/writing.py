"""Sites and sessions on their way out: CSV for spreadsheets, iCalendar for calendars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vText

from lensong.gis_data.csv_cells import csv_text
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.messages import say
from lensong.monitoring.readiness.verdict import State, Verdict
from lensong.monitoring.records import Session, SessionStatus, Site
from lensong.monitoring.watch.session_watch import SessionWatch

__all__ = ["ExportedSession", "sessions_calendar", "sessions_csv", "sites_csv"]

_SITE_COLUMNS = (
    "site_id", "name", "commune_code", "commune", "province_code", "province", "lat_deg", "lon_deg",
    "operators", "technologies", "coverage_run", "synthetic", "sessions_at_once",
)  # fmt: skip
_SESSION_COLUMNS = (
    "session_id", "site_id", "site_name", "commune", "title", "profile", "starts_at", "ends_at",
    "status", "state", "probability", "uplink_required_bps", "uplink_safe_bps", "judged_at",
    "reasons", "watched_s", "outages", "outage_s", "outage_longest_s", "lane", "more_sellers",
    "more_sellers_until", "operator",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedSession:
    """A session with its last verdict, what was watched of it, and the UID in its calendar."""

    session: Session
    calendar_uid: str | None
    updated_at: datetime
    verdict: Verdict | None
    watch: SessionWatch | None = None


def sites_csv(directory: Directory, sites: Iterable[Site]) -> str:
    """Return sites as a CSV table that `lists.csv_lists.parse_sites` reads back."""
    return csv_text(
        _SITE_COLUMNS,
        (
            (
                site.site_id,
                site.name,
                site.commune_code,
                directory.communes[site.commune_code].name,
                directory.province_of(site).code,
                directory.province_of(site).name,
                site.lat_deg,
                site.lon_deg,
                "; ".join(site.operators),
                "; ".join(site.technologies),
                site.coverage_run,
                "yes" if site.synthetic else "no",
                site.sessions_at_once,
            )
            for site in sites
        ),
    )


def sessions_csv(
    directory: Directory, found: Iterable[ExportedSession], *, zone: ZoneInfo, language: str
) -> str:
    """Return sessions with their verdicts as a CSV table; times carry the zone's offset.

    Parameters
    ----------
    zone : ZoneInfo
        In whose time starts and ends are written.
    language : {"vi", "en"}
        Of the reasons.
    """
    return csv_text(
        _SESSION_COLUMNS, (_session_row(directory, item, zone, language) for item in found)
    )


def _session_row(
    directory: Directory, item: ExportedSession, zone: ZoneInfo, language: str
) -> tuple[str | float | None, ...]:
    session, verdict, watch = item.session, item.verdict, item.watch
    site = directory.sites[session.site_id]
    return (
        session.session_id,
        session.site_id,
        site.name,
        directory.communes[site.commune_code].name,
        session.title,
        session.profile_code,
        session.starts_at.astimezone(zone).isoformat(timespec="minutes"),
        session.ends_at.astimezone(zone).isoformat(timespec="minutes"),
        session.status.value,
        None if verdict is None else verdict.state.value,
        None if verdict is None else verdict.probability,
        None if verdict is None else verdict.uplink_required_bps,
        None if verdict is None else verdict.uplink_safe_bps,
        None if verdict is None else verdict.judged_at.astimezone(zone).isoformat("T", "seconds"),
        " ".join(_reasons(verdict, language)),
        None if watch is None else watch.watched_s,
        None if watch is None else len(watch.outages_s),
        None if watch is None else round(watch.outage_s, 1),
        None if watch is None else round(watch.outage_longest_s, 1),
        session.lane,
        None if verdict is None else verdict.more_sellers,
        None
        if verdict is None or verdict.more_sellers_until is None
        else verdict.more_sellers_until.astimezone(zone).isoformat(timespec="minutes"),
        session.operator,
    )


def sessions_calendar(
    directory: Directory,
    found: Iterable[ExportedSession],
    *,
    language: str,
    public_url: str,
    now: datetime,
    subscribed: bool = False,
) -> bytes:
    """Return sessions with their verdicts as an iCalendar file.

    For calendars that subscribe the state stands in SUMMARY, where they show it, and the file
    changes only where a session or its verdict has.

    A session that will hold is CONFIRMED, one of which that is not known TENTATIVE, one that was
    called off CANCELLED. The file can be imported again.

    References
    ----------
    .. [1] RFC 5545, "Internet Calendaring and Scheduling Core Object Specification", 2009.
    """
    calendar = Calendar()
    calendar.add("PRODID", "-//lensong//sessions//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("X-WR-CALNAME", "lensong")
    if subscribed:
        calendar.add("REFRESH-INTERVAL", timedelta(minutes=15), parameters={"VALUE": "DURATION"})
        calendar.add("X-PUBLISHED-TTL", "PT15M")
    for item in found:
        if subscribed:
            judged = item.updated_at if item.verdict is None else item.verdict.judged_at
            now = max(item.updated_at, judged)
        event = _event(directory, item, language, public_url, now)
        if subscribed:
            event["SUMMARY"] = vText(_summary(item, language))
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _summary(item: ExportedSession, language: str) -> str:
    """Return the title with what is known of the session before it."""
    status = item.session.status
    if status in (SessionStatus.CANCELLED, SessionStatus.ENDED):
        state = say(f"status.{status}", language)
    else:
        state = say(f"state.{item.verdict.state.value if item.verdict else 'unknown'}", language)
    return f"[{state}] {item.session.title}"


def _event(
    directory: Directory, item: ExportedSession, language: str, public_url: str, now: datetime
) -> Event:
    session, verdict = item.session, item.verdict
    site = directory.sites[session.site_id]
    event = Event()
    event.add("UID", item.calendar_uid or f"{session.session_id}@lensong")
    event.add("DTSTAMP", now)
    event.add("LAST-MODIFIED", item.updated_at)
    event.add("DTSTART", session.starts_at)
    event.add("DTEND", session.ends_at)
    event.add("SUMMARY", session.title)
    event.add("LOCATION", f"{site.name}, {directory.communes[site.commune_code].name}")
    if site.lat_deg is not None and site.lon_deg is not None:
        event.add("GEO", (site.lat_deg, site.lon_deg))
    event.add("CATEGORIES", [session.profile_code])
    event.add("STATUS", _status(session, verdict))
    event.add("URL", f"{public_url}/sessions/{session.session_id}")
    event.add("X-LENSONG-SESSION", session.session_id)
    event.add("X-LENSONG-SITE", session.site_id)
    event.add("X-LENSONG-PROFILE", session.profile_code)
    if verdict is not None:
        event.add("X-LENSONG-STATE", verdict.state.value)
        heading = say(f"state.{verdict.state.value}", language)
        if verdict.probability_percent is not None:
            heading = f"{heading} ({verdict.probability_percent}%)"
        event.add("DESCRIPTION", "\n".join([heading, *_reasons(verdict, language)]))
    return event


def _status(session: Session, verdict: Verdict | None) -> str:
    if session.status is SessionStatus.CANCELLED:
        return "CANCELLED"
    unsure = verdict is None or verdict.state is not State.READY
    return "TENTATIVE" if session.status is SessionStatus.PLANNED and unsure else "CONFIRMED"


def _reasons(verdict: Verdict | None, language: str) -> list[str]:
    if verdict is None:
        return []
    return [say(f"reason.{reason.code}", language, **reason.values) for reason in verdict.reasons]
