"""Any question and any evidence, for what must hold of every verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from hypothesis import Phase, settings
from hypothesis import strategies as st

from lensong.monitoring.readiness import (
    Evidence,
    FinishedSession,
    HourSample,
    Need,
    PredictedUplink,
    Question,
    SiteOption,
    State,
    UplinkTest,
    Watch,
)
from lensong.monitoring.readiness import judge as judge_and_advise
from lensong.monitoring.records import CountedBy, Motion, SessionOutcome, ToldBy, Transport
from lensong.monitoring.tolerance import Tolerance

T = TypeVar("T")

judge = partial(judge_and_advise, advise=False)
few = settings(
    max_examples=15,
    deadline=None,
    # a verdict takes tens of milliseconds: to shrink an example takes thousands of them
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
ORDER = {State.NOT_READY: 0, State.AT_RISK: 1, State.READY: 2}
TINY = 1e-9  # rounding of sums, far below anything that is shown

# mostly rates that carry a stream, so that every state comes up
rates = st.one_of(
    st.floats(6.5, 8.0), st.floats(6.5, 8.0), st.floats(6.5, 8.0), st.floats(0.0, 8.0)
).map(lambda log10: 10.0**log10)
technologies = st.sampled_from(["4G", "5G", None])
operators = st.sampled_from(["Viettel", "VNPT", None])
ages_s = st.floats(0.0, 40 * 86_400.0)
pasts = st.builds(lambda age_s: NOW - timedelta(seconds=round(age_s)), ages_s)
recent = st.builds(lambda s: NOW - timedelta(seconds=s), st.integers(0, 7_200))

needs = st.builds(
    Need,
    profile_code=st.sampled_from(["a", "b", "c"]),
    transport=st.sampled_from(Transport),
    uplink_required_bps=st.floats(5.5, 7.0).map(lambda log10: 10.0**log10),
    srt_latency_ms=st.one_of(st.none(), st.floats(100.0, 5_000.0)),
    platform=st.sampled_from(["TikTok", "Facebook"]),
    tolerance=st.builds(Tolerance, longest_freeze_s=st.sampled_from([2.0, 10.0, 30.0])),
)
motions = st.sampled_from([Motion.UNKNOWN, Motion.UNKNOWN, Motion.AT_REST, Motion.MOVING])


@st.composite
def questions(draw: st.DrawFn) -> Question:
    starts_at = NOW + timedelta(minutes=draw(st.integers(-60, 3 * 1440)))
    return Question(
        site_id="binh-lu",
        technology=draw(technologies),
        operator=draw(operators),
        need=draw(needs),
        ladder=tuple(draw(st.lists(needs, max_size=3))),
        starts_at=starts_at,
        ends_at=max(starts_at, NOW) + timedelta(minutes=draw(st.integers(1, 300))),
        motion=draw(motions),
    )


predictions = st.builds(
    PredictedUplink,
    uplink_p50_bps=st.one_of(st.none(), rates),
    rsrp_dbm=st.one_of(st.none(), st.floats(-130.0, -60.0)),
    sigma_db=st.floats(0.0, 12.0),
    technology=technologies,
    operator=operators,
    computed_at=pasts,
)
samples = st.builds(
    HourSample,
    hour_starts_at=pasts.map(lambda t: t.replace(minute=0, second=0)),
    technology=technologies,
    operator=operators,
    uplink_p10_bps=rates,
    uplink_p50_bps=st.none(),
    tests=st.integers(1, 4),
)
optional_ms = st.one_of(st.none(), st.floats(1.0, 150.0), st.floats(1.0, 3_000.0))
tests = st.builds(
    UplinkTest,
    measured_at=st.one_of(recent, pasts),
    succeeded=st.sampled_from([True, True, True, False]),
    technology=technologies,
    operator=operators,
    uplink_p10_bps=st.one_of(st.none(), rates),
    bins=st.sampled_from([5, 27, 57]),
    burst_only=st.sampled_from([False, False, False, True]),
    rate_limited=st.sampled_from([False, False, True]),
    rtt_idle_ms=optional_ms,
    rtt_loaded_ms=optional_ms,
    loss_ratio=st.one_of(st.none(), st.just(0.0), st.floats(0.0, 0.3)),
    counted_by=st.sampled_from(CountedBy),
    spot=st.sampled_from([None, "sân", "chợ"]),
    motion=motions,
    outages_s=st.lists(st.floats(0.0, 20.0), max_size=2).map(tuple),
)
outages = st.lists(st.floats(0.0, 60.0), max_size=3).map(tuple)
watches = st.builds(
    Watch,
    ended_at=st.one_of(recent, pasts),
    watched_s=st.floats(0.0, 43_200.0),
    outages_s=outages,
    motion=motions,
    technology=technologies,
    operator=operators,
)
sessions = st.builds(
    FinishedSession,
    ended_at=pasts,
    site_id=st.sampled_from(["binh-lu", "tam-duong"]),
    technology=technologies,
    motion=motions,
    told_by=st.sampled_from(ToldBy),
    outcome=st.sampled_from(SessionOutcome),
    uplink_required_bps=st.floats(5.5, 7.0).map(lambda log10: 10.0**log10),
    carried_bps=st.one_of(st.none(), rates),
    watched_s=st.floats(0.0, 14_400.0),
    outages_s=outages,
    predicted_probability=st.one_of(st.none(), st.floats(0.0, 1.0)),
)
neighbours = st.builds(
    SiteOption,
    site_id=st.sampled_from(["x", "y"]),
    name=st.just("Nhà văn hóa"),
    distance_m=st.floats(0.0, 2e4),
    uplink_safe_bps=st.one_of(st.none(), rates),
)


def tuples_of(items: st.SearchStrategy[T], most: int) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(items, max_size=most).map(tuple)


evidences = st.builds(
    Evidence,
    predictions=tuples_of(predictions, 3),
    site_history=tuples_of(samples, 10),
    commune_history=tuples_of(samples, 4),
    tests=tuples_of(tests, 5),
    sessions=tuples_of(sessions, 8),
    watches=tuples_of(watches, 3),
    commune_watches=tuples_of(watches, 2),
    neighbours=tuples_of(neighbours, 2),
)
factors = st.floats(1.0, 100.0)
