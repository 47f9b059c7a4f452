"""What must hold of every verdict, whatever the evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import TypeVar

from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from lensong.monitoring.readiness import (
    Evidence,
    FinishedSession,
    HourSample,
    Need,
    PredictedUplink,
    Question,
    ReadinessSettings,
    SiteOption,
    State,
    UplinkTest,
    Verdict,
    Watch,
)
from lensong.monitoring.readiness import judge as judge_and_advise
from lensong.monitoring.readiness.verdict import shown_percent
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


def raised(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def assert_no_worse(better: Verdict, verdict: Verdict) -> None:
    assert (better.state is State.UNKNOWN) == (verdict.state is State.UNKNOWN)
    if verdict.state is State.UNKNOWN:
        return
    assert better.probability is not None
    assert verdict.probability is not None
    assert better.probability >= verdict.probability - TINY
    # at a threshold rounding may fall on either side
    at_threshold = any(
        abs(verdict.probability - p) < 1e-6
        for p in (verdict.ready_from, verdict.not_ready_to + 0.01)
    )
    assert ORDER[better.state] >= ORDER[verdict.state] or at_threshold
    if verdict.uplink_safe_bps is not None:
        assert better.uplink_safe_bps is not None
        assert better.uplink_safe_bps >= verdict.uplink_safe_bps * (1.0 - TINY)


@few
@given(questions(), evidences, factors, st.integers(0, 5))
def test_a_test_with_more_uplink_never_worsens_the_verdict(
    question: Question, evidence: Evidence, factor: float, which: int
) -> None:
    assume(evidence.tests)
    which %= len(evidence.tests)
    more = tuple(
        replace(t, uplink_p10_bps=raised(t.uplink_p10_bps, factor)) if i == which else t
        for i, t in enumerate(evidence.tests)
    )
    assert_no_worse(
        judge(question, replace(evidence, tests=more), now=NOW), judge(question, evidence, now=NOW)
    )


@few
@given(questions(), evidences, factors, st.integers(0, 9), st.booleans())
def test_history_with_more_uplink_never_worsens_the_verdict(
    question: Question, evidence: Evidence, factor: float, which: int, of_commune: bool
) -> None:
    name = "commune_history" if of_commune else "site_history"
    history: tuple[HourSample, ...] = getattr(evidence, name)
    assume(history)
    which %= len(history)
    more = tuple(
        replace(s, uplink_p10_bps=s.uplink_p10_bps * factor) if i == which else s
        for i, s in enumerate(history)
    )
    better = (
        replace(evidence, commune_history=more)
        if of_commune
        else replace(evidence, site_history=more)
    )
    assert_no_worse(judge(question, better, now=NOW), judge(question, evidence, now=NOW))


@few
@given(questions(), evidences, factors, st.floats(0.0, 30.0), st.integers(0, 2))
def test_a_plan_with_more_uplink_never_worsens_the_verdict(
    question: Question, evidence: Evidence, factor: float, stronger_db: float, which: int
) -> None:
    assume(evidence.predictions)
    which %= len(evidence.predictions)
    more = tuple(
        replace(
            p,
            uplink_p50_bps=raised(p.uplink_p50_bps, factor),
            rsrp_dbm=None if p.rsrp_dbm is None else p.rsrp_dbm + stronger_db,
        )
        if i == which
        else p
        for i, p in enumerate(evidence.predictions)
    )
    assert_no_worse(
        judge(question, replace(evidence, predictions=more), now=NOW),
        judge(question, evidence, now=NOW),
    )


@few
@given(questions(), evidences, factors)
def test_all_evidence_scaled_up_never_worsens_the_verdict(
    question: Question, evidence: Evidence, factor: float
) -> None:
    # ratios within a test, and so the spread of its seconds, stay as they are
    def scaled(up: float) -> Evidence:
        return replace(
            evidence,
            predictions=(),
            tests=tuple(
                replace(
                    t,
                    uplink_p10_bps=raised(t.uplink_p10_bps and max(t.uplink_p10_bps, 1e3), up),
                    uplink_p50_bps=raised(t.uplink_p10_bps and max(t.uplink_p10_bps, 1e3), 2 * up),
                )
                for t in evidence.tests
            ),
            site_history=tuple(
                replace(
                    s,
                    uplink_p10_bps=max(s.uplink_p10_bps, 1e3) * up,
                    uplink_p50_bps=max(s.uplink_p10_bps, 1e3) * 1.5 * up,
                )
                for s in evidence.site_history
            ),
            commune_history=tuple(
                replace(s, uplink_p10_bps=max(s.uplink_p10_bps, 1e3) * up)
                for s in evidence.commune_history
            ),
        )

    assert_no_worse(judge(question, scaled(factor), now=NOW), judge(question, scaled(1.0), now=NOW))


@few
@given(questions(), evidences, sessions)
def test_a_session_that_held_never_lowers_the_probability(
    question: Question, evidence: Evidence, session: FinishedSession
) -> None:
    held = replace(session, outcome=SessionOutcome.HELD, outages_s=())
    before = judge(question, evidence, now=NOW)
    after = judge(question, replace(evidence, sessions=(*evidence.sessions, held)), now=NOW)
    if before.probability is not None:
        assert after.probability is not None
        assert after.probability >= before.probability - TINY


@few
@given(questions(), evidences, watches)
def test_one_more_clean_hour_never_lowers_the_probability(
    question: Question, evidence: Evidence, watch: Watch
) -> None:
    clean = replace(watch, outages_s=(), motion=Motion.UNKNOWN)
    before = judge(question, evidence, now=NOW)
    after = judge(question, replace(evidence, watches=(*evidence.watches, clean)), now=NOW)
    if before.probability is not None:
        assert after.probability is not None
        assert after.probability >= before.probability - TINY


@few
@given(questions(), evidences, st.sampled_from([None, *State]))
def test_state_and_probability_that_are_shown_never_contradict(
    question: Question, evidence: Evidence, stood: State | None
) -> None:
    plain = judge(question, evidence, now=NOW)
    previous = None
    if stood is not None:
        p = None if stood is State.UNKNOWN else 0.7
        previous = replace(plain, state=stood, probability=p)
    verdict = judge(question, evidence, now=NOW, previous=previous)
    if verdict.state is State.UNKNOWN:
        return
    shown = verdict.probability_percent
    assert shown is not None
    assert (verdict.state is State.READY) == (shown >= shown_percent(verdict.ready_from))
    assert (verdict.state is State.NOT_READY) == (shown <= shown_percent(verdict.not_ready_to))
    for reason in verdict.reasons:
        if "ready_percent" in reason.values:
            assert reason.values["ready_percent"] == shown_percent(verdict.ready_from)
            assert reason.values["probability_percent"] == shown


@few
@given(questions(), evidences)
def test_a_safe_rate_is_a_finding_and_never_a_floor(question: Question, evidence: Evidence) -> None:
    verdict = judge(question, evidence, now=NOW)
    if verdict.uplink_safe_bps is None:
        codes = {reason.code for reason in verdict.reasons}
        assert codes & {
            "no_safe_rate", "never_measured", "only_weak_tests", "measured_long_ago",
            "few_sessions_here", "no_evidence", "evidence_stale",
        }  # fmt: skip
    else:
        assert verdict.uplink_safe_bps >= 1e3


@few
@given(questions(), evidences, st.floats(1.0, 3.0))
def test_a_smaller_need_never_worsens_the_verdict(
    question: Question, evidence: Evidence, factor: float
) -> None:
    smaller = replace(question.need, uplink_required_bps=question.need.uplink_required_bps / factor)
    assert_no_worse(
        judge(replace(question, need=smaller), evidence, now=NOW),
        judge(question, evidence, now=NOW),
    )


@few
@given(questions(), evidences, st.integers(1, 300))
def test_a_longer_session_is_never_more_likely_to_hold(
    question: Question, evidence: Evidence, longer_min: int
) -> None:
    longer = replace(question, ends_at=question.ends_at + timedelta(minutes=longer_min))
    short, long = judge(question, evidence, now=NOW), judge(longer, evidence, now=NOW)
    if short.probability is not None and long.probability is not None:
        # below one half a wider spread is nearer to one half: less sure of failing, not better
        assert long.probability <= max(short.probability, 0.5) + TINY
    assert long.state is not State.READY or short.state is State.READY


@few
@given(questions(), evidences, st.integers(1, 4))
def test_evidence_of_earlier_weeks_never_says_more(
    question: Question, evidence: Evidence, weeks: int
) -> None:
    def older(time: datetime) -> datetime:
        return time - timedelta(weeks=weeks)

    # nothing failed, was away or moved: what is bad fades too
    clean = replace(
        evidence,
        sessions=(),
        watches=tuple(replace(w, outages_s=(), motion=Motion.UNKNOWN) for w in evidence.watches),
        commune_watches=(),
        tests=(),
        site_history=tuple(replace(s, uplink_p10_bps=2e7) for s in evidence.site_history),
    )
    aged = replace(
        clean,
        site_history=tuple(
            replace(s, hour_starts_at=older(s.hour_starts_at)) for s in clean.site_history
        ),
        watches=tuple(replace(w, ended_at=older(w.ended_at)) for w in clean.watches),
    )
    fresh, old = judge(question, clean, now=NOW), judge(question, aged, now=NOW)
    assert old.state is not State.READY or fresh.state is State.READY
    if fresh.probability is not None and old.probability is not None and fresh.probability > 0.9:
        assert old.probability <= fresh.probability + TINY


@few
@given(questions(), rates, st.integers(0, 2 * 86_400), st.integers(0, 2 * 86_400))
def test_an_older_test_alone_never_lifts_a_verdict(
    question: Question, uplink_p10_bps: float, age_s: int, other_age_s: int
) -> None:
    def verdict(age_s: int) -> Verdict:
        test = UplinkTest(
            measured_at=NOW - timedelta(seconds=1 + age_s),
            succeeded=True,
            uplink_p10_bps=uplink_p10_bps,
            bins=27,
        )
        return judge(question, Evidence(tests=(test,)), now=NOW)

    newer, older = verdict(min(age_s, other_age_s)), verdict(max(age_s, other_age_s))
    assert_never_surer(older, newer)


@few
@given(
    questions(),
    st.floats(0.6, 2.0),
    st.integers(1, 14),
    st.integers(0, 86_400),
    st.integers(1, 3),
    st.floats(0.0, 12.0),
)
def test_beside_a_history_that_says_the_same_an_older_test_is_never_surer(
    question: Question,
    above_need: float,
    days: int,
    age_s: int,
    days_older: int,
    watched_h: float,
) -> None:
    uplink_bps = question.need.uplink_required_bps * 10.0**above_need

    def verdict(age_s: int) -> Verdict:
        history = tuple(
            HourSample(
                hour_starts_at=(NOW - timedelta(days=day, hours=hour)).replace(minute=0, second=0),
                uplink_p10_bps=uplink_bps,
                tests=1,
            )
            for day in range(6, 6 + days)
            for hour in range(0, 24, 2)
        )
        test = UplinkTest(
            measured_at=NOW - timedelta(seconds=1 + age_s),
            succeeded=True,
            uplink_p10_bps=uplink_bps,
            bins=27,
        )
        watch = Watch(ended_at=NOW, watched_s=3_600.0 * watched_h)
        evidence = Evidence(tests=(test,), site_history=history, watches=(watch,))
        return judge(question, evidence, now=NOW)

    # by whole days: of the time of day that it was made at a test tells more; and where it leaves
    # room above the need: a test of today that hardly clears it holds against what is usual
    older, newer = verdict(age_s + 86_400 * days_older), verdict(age_s)
    assert older.state is not State.READY or newer.state is State.READY
    assert older.probability is not None
    assert newer.probability is not None
    assert older.probability <= newer.probability + TINY


def assert_never_surer(older: Verdict, newer: Verdict) -> None:
    """Hold P and the safe rate of older evidence below those of newer, where either is likely."""
    assert older.state is not State.READY or newer.state is State.READY
    assert (older.state is State.UNKNOWN) == (newer.state is State.UNKNOWN)
    if older.probability is not None and newer.probability is not None:
        # below one half a wider spread is nearer to one half: less sure of failing, not better
        assert older.probability <= max(newer.probability, 0.5) + TINY
    if older.uplink_safe_bps is not None:
        assert newer.uplink_safe_bps is not None
        assert older.uplink_safe_bps <= newer.uplink_safe_bps * (1.0 + TINY)


@few
@given(questions(), evidences)
def test_without_a_measurement_at_the_site_it_is_never_ready(
    question: Question, evidence: Evidence
) -> None:
    unmeasured = replace(evidence, site_history=(), tests=(), sessions=())
    verdict = judge(question, unmeasured, now=NOW)
    assert verdict.state is not State.READY
    assert verdict.uplink_safe_bps is None
    assert verdict.best_profile_code is None


@few
@given(questions(), evidences)
def test_tests_counted_by_a_client_never_lift_to_ready(
    question: Question, evidence: Evidence
) -> None:
    without = replace(
        evidence,
        tests=tuple(
            replace(t, uplink_p10_bps=None) if t.counted_by is CountedBy.CLIENT else t
            for t in evidence.tests
        ),
    )
    if judge(question, evidence, now=NOW).state is State.READY:
        assert judge(question, without, now=NOW).state is State.READY


@few
@given(questions(), evidences, st.integers(0, 4))
def test_missing_data_is_unknown_and_never_not_ready(
    question: Question, evidence: Evidence, left: int
) -> None:
    # only what says nothing of the rate is left: failed tests, sessions elsewhere, neighbours
    silent = Evidence(
        tests=tuple(replace(t, succeeded=False) for t in evidence.tests[:left]),
        sessions=tuple(s for s in evidence.sessions if s.site_id != question.site_id),
        watches=evidence.watches,
        neighbours=evidence.neighbours,
    )
    verdict = judge(question, silent, now=NOW)
    assert verdict.state is State.UNKNOWN
    assert verdict.probability is None


@few
@given(questions(), evidences, st.booleans(), st.booleans())
def test_a_fault_of_clock_or_access_is_unknown(
    question: Question, evidence: Evidence, clock_fault: bool, auth_fault: bool
) -> None:
    assume(clock_fault or auth_fault)
    faulty = replace(evidence, clock_fault=clock_fault, auth_fault=auth_fault)
    assert judge(question, faulty, now=NOW).state is State.UNKNOWN


@few
@given(questions(), evidences, st.randoms(use_true_random=False))
def test_same_evidence_in_another_order_gives_the_same_verdict(
    question: Question, evidence: Evidence, random: Random
) -> None:
    def shuffled(items: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(random.sample(items, len(items)))

    other = Evidence(
        predictions=shuffled(evidence.predictions),
        site_history=shuffled(evidence.site_history),
        commune_history=shuffled(evidence.commune_history),
        tests=shuffled(evidence.tests),
        sessions=shuffled(evidence.sessions),
        watches=shuffled(evidence.watches),
        commune_watches=shuffled(evidence.commune_watches),
        neighbours=shuffled(evidence.neighbours),
    )
    assert judge_and_advise(question, other, now=NOW) == judge_and_advise(
        question, evidence, now=NOW
    )


@few
@given(questions(), evidences)
def test_a_verdict_survives_json(question: Question, evidence: Evidence) -> None:
    verdict = judge_and_advise(question, evidence, now=NOW)
    assert Verdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict


@few
@given(questions(), evidences, st.sampled_from(State))
def test_hysteresis_only_matters_within_its_band(
    question: Question, evidence: Evidence, stood: State
) -> None:
    plain = judge(question, evidence, now=NOW)
    previous = replace(plain, state=stood, probability=None if stood is State.UNKNOWN else 0.7)
    again = judge(question, evidence, now=NOW, previous=previous)
    if again.state is plain.state:
        return
    assert plain.state is State.AT_RISK
    assert again.state is stood
    assert plain.probability is not None
    of_model = ReadinessSettings()
    # a doubt besides the rate keeps the probability a per cent below the threshold of the moment
    band = (
        (of_model.ready_probability - of_model.hysteresis, of_model.ready_probability)
        if stood is State.READY
        else (
            of_model.not_ready_probability,
            of_model.not_ready_probability + of_model.hysteresis + 0.01,
        )
    )
    assert band[0] - TINY <= plain.probability <= band[1] + TINY


@few
@given(questions(), evidences)
def test_ready_means_that_the_safe_uplink_covers_the_need(
    question: Question, evidence: Evidence
) -> None:
    verdict = judge(question, evidence, now=NOW)
    if verdict.state is State.READY:
        assert verdict.uplink_safe_bps is not None
        assert verdict.uplink_safe_bps >= verdict.uplink_required_bps * (1.0 - TINY)
        assert verdict.probability is not None
        assert verdict.probability >= 0.9 - TINY
        assert not any(reason.severity != "info" for reason in verdict.reasons)


@few
@given(questions(), evidences)
def test_an_uplink_is_called_too_weak_only_where_less_is_expected_than_needed(
    question: Question, evidence: Evidence
) -> None:
    for reason in judge(question, evidence, now=NOW).reasons:
        if reason.code in ("rate_short", "rate_unsteady"):
            expected, required = reason.values["likeliest_mbps"], reason.values["required_mbps"]
            assert isinstance(expected, float)
            assert isinstance(required, float)
            assert (expected < required) == (reason.code == "rate_short")
