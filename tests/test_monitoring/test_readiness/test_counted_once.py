"""Time that several watches and sessions of a site saw at once counts once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.readiness import Evidence, ReadinessSettings
from lensong.monitoring.readiness.outages import counted_once
from lensong.monitoring.readiness.past import FinishedSession, Watch
from lensong.monitoring.readiness.sift import sift
from lensong.monitoring.records import SessionOutcome, ToldBy
from tests.test_monitoring.test_readiness.test_judge import NOW, QUESTION

stretches = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 12), st.sampled_from([0.25, 0.5, 1.0])).map(
        lambda s: (float(s[0]), float(s[0] + s[1]), s[2])
    ),
    max_size=8,
)


def by_the_second(several: list[tuple[float, float, float]]) -> float:
    """Return the weighted time, each second at the weight of the heaviest that covers it."""
    return sum(
        max((weight for begin, end, weight in several if begin <= second < end), default=0.0)
        for second in range(50)
    )


@given(stretches)
def test_each_second_counts_once_and_for_the_heaviest(
    several: list[tuple[float, float, float]],
) -> None:
    own_s = counted_once(several)
    assert all(
        0.0 <= own <= end - begin for own, (begin, end, _) in zip(own_s, several, strict=True)
    )
    weighted_s = sum(own * weight for own, (_, _, weight) in zip(own_s, several, strict=True))
    assert weighted_s == pytest.approx(by_the_second(several))


def session(hours: float, told_by: ToldBy, outages_s: tuple[float, ...] = ()) -> FinishedSession:
    return FinishedSession(
        ended_at=NOW,
        site_id="binh-lu",
        technology="4G",
        told_by=told_by,
        outcome=SessionOutcome.HELD,
        uplink_required_bps=2e6,
        watched_s=3_600.0 * hours,
        outages_s=outages_s,
    )


def watched_h(evidence: Evidence) -> float:
    known = sift(QUESTION, evidence, now=NOW, settings=ReadinessSettings())
    return sum(one.hours for one in known.watched)


def test_a_watch_beside_two_sessions_takes_nothing_from_what_was_watched() -> None:
    sessions = (session(4.0, ToldBy.MEDIA_SERVER), session(2.0, ToldBy.MEDIA_SERVER))
    watch = Watch(ended_at=NOW, watched_s=3_600.0, technology="4G")
    assert watched_h(Evidence(sessions=sessions)) == pytest.approx(4.0)
    assert watched_h(Evidence(sessions=sessions, watches=(watch,))) == pytest.approx(4.0)
    earlier = Watch(ended_at=NOW - timedelta(hours=4), watched_s=3_600.0, technology="4G")
    aged = 0.5 ** (4.0 * 3_600.0 / ReadinessSettings().half_life_s)
    assert watched_h(Evidence(sessions=sessions, watches=(watch, earlier))) == pytest.approx(
        4.0 + aged
    )


def test_a_clean_watch_beside_a_session_makes_its_freezes_no_worse() -> None:
    # one per cent of what was watched may freeze, whoever else watched it too
    evidence = Evidence(sessions=(session(1.0, ToldBy.MEDIA_SERVER, outages_s=(5.0, 5.0)),))
    watch = Watch(ended_at=NOW, watched_s=3_000.0, technology="4G")
    for one in (evidence, Evidence(sessions=evidence.sessions, watches=(watch,))):
        known = sift(QUESTION, one, now=NOW, settings=ReadinessSettings())
        assert sum(stretch.beyond(QUESTION.need.tolerance) for stretch in known.watched) == 0
