"""When a session is over: what was promised, what happened, and what the next verdicts learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.live.directory import Directory
from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.records import (
    Measurement,
    Motion,
    Session,
    SessionOutcome,
    SessionWord,
    ToldBy,
    WatchPart,
)
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.events import verdict_before
from lensong.monitoring.store.measurements import measurements_between
from lensong.monitoring.store.sessions import set_report
from lensong.monitoring.store.streams import health_of_session, put_finished_session
from lensong.monitoring.store.watches import watch_parts_of_sessions
from lensong.monitoring.store.writer import Writer
from lensong.monitoring.streams.session_report import (
    SessionReport,
    finished_session,
    report_session,
)

__all__ = ["close_session", "told_session", "what_was_told"]

_TESTED = timedelta(hours=2)
"""A test so long before a session tells which network it used."""


async def close_session(
    database: Database, writer: Writer, directory: Directory, session: Session
) -> SessionReport | None:
    """Keep the report of a session that is over, and what calibrates later verdicts.

    Returns
    -------
    SessionReport or None
        None where nothing was seen of its stream: then there is nothing to report.
    """
    async with database.reading() as connection:
        seen = await health_of_session(connection, session.session_id)
        kept = await verdict_before(connection, session.session_id, session.starts_at)
        tests = await measurements_between(
            connection, [session.site_id], session.starts_at - _TESTED, session.ends_at
        )
        watched = await watch_parts_of_sessions(connection, [session.session_id])
    if not seen:
        return None
    profile = directory.profiles.get(session.profile_code)
    verdict = None if kept is None else kept.verdict
    report = report_session(
        seen,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        configured_bps=None if profile is None else profile.video_bps + profile.audio_bps,
        verdict=verdict,
        tolerance=None if profile is None else profile.tolerance,
    )
    past = None
    if profile is not None:
        past = finished_session(
            report,
            verdict,
            site_id=session.site_id,
            technology=_technology(tests, directory, session),
            uplink_required_bps=profile.uplink_required_bps,
            tolerance=profile.tolerance,
            motion=_motion(tests, watched.get(session.session_id, ()), session),
        )

    async def keep(connection: AsyncConnection) -> None:
        await set_report(connection, session.session_id, report.to_dict())
        if past is not None:
            await put_finished_session(connection, session.session_id, past)

    await writer.run(keep)
    return report


def what_was_told(words: Iterable[SessionWord]) -> SessionOutcome | None:
    """Return what people say became of a session, None where nobody said.

    What most of them say; where as many say this as that, the worse of both. What somebody said
    while it ran is of that moment alone.
    """
    said = Counter(word.word for word in words if not word.during)
    order = (SessionOutcome.HELD, SessionOutcome.FROZE, SessionOutcome.LOST)
    return max(said, key=lambda word: (said[word], order.index(word)), default=None)


async def told_session(
    connection: AsyncConnection,
    directory: Directory,
    session: Session,
    words: Iterable[SessionWord],
) -> FinishedSession | None:
    """Return what verdicts may learn of a session from people, None where that is nothing.

    The session is taken to have lasted as planned, or until somebody said what became of it. No
    rate is told.
    """
    after = [word for word in words if not word.during]
    outcome = what_was_told(after)
    profile = directory.profiles.get(session.profile_code)
    if outcome is None or profile is None:
        return None
    kept = await verdict_before(connection, session.session_id, session.starts_at)
    tests = await measurements_between(
        connection, [session.site_id], session.starts_at - _TESTED, session.ends_at
    )
    watched = await watch_parts_of_sessions(connection, [session.session_id])
    ended_at = min(session.ends_at, *(word.at for word in after))
    return FinishedSession(
        ended_at=ended_at,
        site_id=session.site_id,
        technology=_technology(tests, directory, session),
        motion=_motion(tests, watched.get(session.session_id, ()), session),
        told_by=ToldBy.PERSON,
        outcome=outcome,
        uplink_required_bps=profile.uplink_required_bps,
        watched_s=(ended_at - session.starts_at).total_seconds(),
        predicted_probability=None if kept is None else kept.verdict.probability,
    )


def _motion(tests: Sequence[Measurement], watched: Sequence[WatchPart], session: Session) -> Motion:
    """Return whether the phone stood still: moving where a watch beside the session felt it.

    Otherwise as told of the session, else as tests before it sensed.
    """
    if any(part.motion is Motion.MOVING for part in watched):
        return Motion.MOVING
    if session.motion is not Motion.UNKNOWN:
        return session.motion
    sensed = {test.motion for test in tests}
    return next((m for m in (Motion.MOVING, Motion.AT_REST) if m in sensed), Motion.UNKNOWN)


def _technology(tests: Sequence[Measurement], directory: Directory, session: Session) -> str | None:
    """Return the radio technology that was used: as tested, else the usual one of the site."""
    told = Counter(test.technology for test in tests if test.technology is not None)
    if told:
        return told.most_common(1)[0][0]
    site = directory.sites.get(session.site_id)
    return site.technologies[0] if site is not None and site.technologies else None
