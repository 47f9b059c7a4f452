"""What a month brought: counted from what is kept, honest about little, nobody else's."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.records import Motion, Session, SessionOutcome, SessionStatus, ToldBy
from lensong.monitoring.reports.monthly import (
    OperatorHour,
    OperatorTime,
    SessionOfMonth,
    operators_of,
    promises_of,
    sums_of,
    wilson,
)
from lensong.monitoring.store.sessions import put_session
from lensong.monitoring.store.streams import put_finished_session
from lensong.monitoring.store.tables import hourly, verdicts, watches
from tests.running_service import Running

NOV = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)


def session(number: int, **values: Any) -> SessionOfMonth:
    return SessionOfMonth(
        **{"session_id": f"s{number}", "site_id": "binh-lu", "status": "ended"} | values
    )


def test_a_session_that_nobody_saw_counts_as_neither_held_nor_lost() -> None:
    sums = sums_of(
        [
            session(1, state="ready", outcome="held", watched_s=7_200.0),
            session(2, state="ready", outcome="lost", watched_s=3_600.0, outages_s=(40.0, 20.0)),
            session(3),
            session(4, status="cancelled", state="ready", outcome="held"),
        ]
    )
    assert (sums.planned, sums.cancelled, sums.judged) == (3, 1, 2)
    assert (sums.seen, sums.held, sums.froze, sums.lost) == (2, 1, 0, 1)
    assert (sums.outages, sums.outage_s, sums.watched_s) == (2, 60.0, 10_800.0)


def test_promises_are_held_against_what_was_seen_and_few_are_called_few() -> None:
    ready = [
        session(n, state="ready", probability=0.95, outcome="held" if n else "froze")
        for n in range(12)
    ]
    unseen = session(20, state="ready", probability=0.1)
    risky = session(21, state="at_risk", probability=0.7, outcome="held")
    found = {promise.state: promise for promise in promises_of([*ready, unseen, risky])}
    assert (found["ready"].sessions, found["ready"].seen, found["ready"].held) == (13, 12, 11)
    assert found["ready"].said == pytest.approx(0.95)  # of those that were seen
    assert not found["ready"].few
    assert found["at_risk"].few
    low, high = found["ready"].low, found["ready"].high
    assert low is not None
    assert high is not None
    assert low < 11 / 12 < high < 1.0
    assert found["not_ready"].share is None
    assert wilson(0, 5)[0] == 0.0
    assert wilson(5, 5)[1] == pytest.approx(1.0)


def test_an_hour_counts_as_often_as_it_has_tests_that_worked() -> None:
    hours = [
        OperatorHour(operator="Viettel", tests=9, failures=0, uplink_p50_bps=8e6),
        OperatorHour(operator="Viettel", tests=1, failures=0, uplink_p50_bps=1e6),
        OperatorHour(operator="Viettel", tests=5, failures=5, uplink_p50_bps=None),
        OperatorHour(operator="", tests=7, failures=0, uplink_p50_bps=2e6),
    ]
    times = [OperatorTime(operator="Viettel", watched_s=36_000.0, outages_s=(3.0, 4.0))]
    (viettel,) = operators_of(hours, times)
    assert (viettel.uplink_p10_bps, viettel.uplink_p50_bps) == (1e6, 8e6)
    assert viettel.success == pytest.approx(10 / 15)
    assert viettel.outages_an_hour == pytest.approx(0.2)
    assert (viettel.few_tests, viettel.few_hours) == (True, False)


SAID = ((-3, "at_risk", 0.6), (-1, "ready", 0.9), (1, "not_ready", 0.1))
"""Verdicts: when, in hours from the begin, and what was said."""


async def a_month(running: Running) -> None:
    """Keep sessions, tests and watches of November, and one session of its neighbours."""
    service = running.service

    async def work(connection: Any) -> None:
        for number, (site, begin, outcome) in enumerate(
            (
                ("binh-lu", NOV, SessionOutcome.HELD),
                ("binh-lu", NOV + timedelta(days=1), SessionOutcome.FROZE),
                ("sin-ho", NOV, None),
                # the last hour of October and the first of December, by the clock of Lai Châu
                ("binh-lu", datetime(2026, 10, 31, 16, 30, tzinfo=UTC), SessionOutcome.HELD),
                ("binh-lu", datetime(2026, 11, 30, 17, 0, tzinfo=UTC), SessionOutcome.HELD),
                ("muong-phang", NOV, SessionOutcome.HELD),
            )
        ):
            name = f"past-{number}"
            kept = Session(
                session_id=name,
                site_id=site,
                title="Chợ phiên",
                profile_code="voice-still",
                starts_at=begin,
                ends_at=begin + timedelta(hours=1),
                status=SessionStatus.ENDED,
            )
            await put_session(connection, kept, now=begin)
            for hours, state, probability in (
                (-3, "at_risk", 0.6),
                (-1, "ready", 0.9),
                (1, "not_ready", 0.1),
            ):
                row = {
                    "site_id": site, "session_id": name, "state": state, "body": {},
                    "judged_at": begin + timedelta(hours=hours), "probability": probability,
                    "trigger": "evidence",
                }  # fmt: skip
                if number < 2:
                    await connection.execute(verdicts.insert(), row)
            if outcome is not None:
                finished = FinishedSession(
                    ended_at=begin + timedelta(hours=1),
                    site_id=site,
                    operator="Viettel",
                    motion=Motion.AT_REST,
                    told_by=ToldBy.MEDIA_SERVER,
                    outcome=outcome,
                    uplink_required_bps=6e5,
                    watched_s=3_600.0,
                    outages_s=(5.0,) if outcome is SessionOutcome.FROZE else (),
                )
                await put_finished_session(connection, name, finished)
        for operator in ("Viettel", "VIETTEL"):
            hour = {
                "site_id": "binh-lu", "technology": "4G", "operator": operator, "tests": 3,
                "hour_starts_at": NOV,
                "failures": 1, "uplink_p10_bps": 4e6, "uplink_p50_bps": 5e6, "sent_bytes": 1,
            }  # fmt: skip
            await connection.execute(hourly.insert(), hour)
        part = {
            "site_id": "binh-lu", "watch_id": "w", "client_id": "c", "started_at": NOV,
            "ended_at": NOV + timedelta(minutes=15), "watched_s": 900.0, "outages_s": [3.0],
            "outage_starts_s": [60.0],
            "sent": 900, "received": 897, "missed": 3, "method": "page", "motion": "at_rest",
            "operator": "viettel",
        }  # fmt: skip
        await connection.execute(
            watches.insert(), {k: v for k, v in part.items() if k in watches.c}
        )

    await service.writer.run(work)


@pytest.mark.anyio
async def test_a_month_is_the_service_s_own_and_of_the_askers_area_alone(running: Running) -> None:
    await a_month(running)
    desk = await running.signed_in("province", "12")
    report = (await desk.get("/api/v1/reports/monthly?month=2026-11")).json()
    assert report["complete"] is False
    whole = report["whole"]
    assert (whole["planned"], whole["judged"], whole["seen"], whole["held"]) == (3, 2, 2, 1)
    # the last verdict before each began, not the last of all
    ready = next(item for item in whole["promises"] if item["state"] == "ready")
    assert (ready["sessions"], ready["seen"], ready["held"], ready["few"]) == (2, 2, 1, True)
    assert ready["said_ratio"] == pytest.approx(0.9)
    # one operator, however clients wrote it
    (operator,) = whole["operators"]
    assert (operator["tests"], operator["failures"], operator["outages"]) == (6, 2, 1)
    assert operator["outages_per_hour"] == pytest.approx(4.0)
    assert [(place["code"], place["planned"]) for place in report["communes"]] == [
        ("03390", 2),
        ("03433", 1),
    ]
    assert report["sites"] == []
    text = (await desk.get("/api/v1/reports/monthly.csv?month=2026-11&commune=03390")).text
    rows = list(csv.DictReader(StringIO(text.lstrip("\ufeff"))))
    assert [(row["level"], row["code"], row["held"]) for row in rows] == [
        ("commune", "03390", "1"),
        ("site", "binh-lu", "1"),
    ]
    promised = ("sessions", "seen", "held", "said_ratio")
    assert [rows[0][f"ready_{name}"] for name in promised] == ["2", "2", "1", "0.9"]
    assert [rows[0][f"at_risk_{name}"] for name in promised] == ["0", "0", "0", ""]
    page = await desk.get("/reports/monthly?month=2026-11", headers={"Accept": "text/html"})
    assert "3 sessions planned (0 more called off)" in page.text
    assert "Mường Phăng" not in page.text
    for query, status in (
        ("commune=03127", 404),
        ("site=muong-phang", 404),
        ("province=11", 404),
        ("month=2026-13", 422),
    ):
        answer = await desk.get(f"/api/v1/reports/monthly?{query}")
        assert answer.status_code == status, query
        page = await desk.get(f"/reports/monthly?{query}", headers={"Accept": "text/html"})
        assert page.status_code == status, query
