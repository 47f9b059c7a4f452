"""A person's word beside a watch: the same outage counts once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lensong.monitoring.readiness import Evidence, ReadinessSettings
from lensong.monitoring.readiness.past import FinishedSession, Watch
from lensong.monitoring.readiness.sift import sift
from lensong.monitoring.records import SessionOutcome, ToldBy
from tests.test_monitoring.test_readiness.test_judge import NOW, QUESTION


@pytest.mark.parametrize(
    ("outages_s", "hours_before", "lost"),
    [((60.0,), 0.0, False), ((), 0.0, True), ((60.0,), 5.0, True)],
)
def test_an_outage_that_a_watch_saw_is_not_told_again(
    outages_s: tuple[float, ...], hours_before: float, lost: bool
) -> None:
    ended_at = NOW - timedelta(days=1)
    session = FinishedSession(
        ended_at=ended_at,
        site_id="binh-lu",
        technology="4G",
        told_by=ToldBy.PERSON,
        outcome=SessionOutcome.LOST,
        uplink_required_bps=2.8e6,
        watched_s=7_200.0,
    )
    watch = Watch(
        ended_at=ended_at - timedelta(hours=hours_before),
        watched_s=7_200.0,
        outages_s=outages_s,
        technology="4G",
    )
    evidence = Evidence(sessions=(session,), watches=(watch,))
    known = sift(QUESTION, evidence, now=NOW, settings=ReadinessSettings())
    assert [one.lost for one in known.watched] == [False, lost]
    assert known.watched[1].counted_s == (7_200.0 if hours_before else 0.0)
