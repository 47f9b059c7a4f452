"""What must hold of every verdict, whatever the evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from random import Random
from typing import TypeVar

from hypothesis import assume, given
from hypothesis import strategies as st

from lensong.monitoring.readiness import (
    Evidence,
    HourSample,
    Need,
    PastSession,
    PredictedUplink,
    Question,
    ReadinessSettings,
    SiteOption,
    State,
    UplinkTest,
    Verdict,
    judge,
)
from lensong.monitoring.records import CountedBy, Transport

T = TypeVar("T")

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
)


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
)
sessions = st.builds(
    PastSession,
    ended_at=pasts,
    technology=technologies,
    predicted_log10_bps=st.floats(5.0, 8.0),
    achieved_log10_bps=st.floats(5.0, 8.0),
    held=st.booleans(),
    predicted_sd_log10=st.one_of(st.none(), st.floats(0.05, 0.6)),
    predicted_outage_probability=st.one_of(st.none(), st.floats(0.0, 1.0)),
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
    past_sessions=tuples_of(sessions, 30),
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
    at_threshold = any(abs(verdict.probability - p) < 1e-6 for p in (0.5, 0.55, 0.85, 0.9))
    assert ORDER[better.state] >= ORDER[verdict.state] or at_threshold
    assert (better.uplink_safe_bps is None) == (verdict.uplink_safe_bps is None)
    if better.uplink_safe_bps is not None and verdict.uplink_safe_bps is not None:
        assert better.uplink_safe_bps >= verdict.uplink_safe_bps * (1.0 - TINY)


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


@given(questions(), evidences)
def test_sessions_that_failed_never_better_a_verdict_over_the_same_that_held(
    question: Question, evidence: Evidence
) -> None:
    # none an outage: those are left out of the scores, which then are fewer
    at_least = tuple(
        max(s.achieved_log10_bps, s.predicted_log10_bps - 2.9 * (s.predicted_sd_log10 or 0.1))
        for s in evidence.past_sessions
    )
    failed, held = (
        replace(
            evidence,
            past_sessions=tuple(
                replace(s, achieved_log10_bps=achieved, held=held)
                for s, achieved in zip(evidence.past_sessions, at_least, strict=True)
            ),
        )
        for held in (False, True)
    )
    assert_no_worse(judge(question, held, now=NOW), judge(question, failed, now=NOW))


@given(questions(), evidences, st.floats(1.0, 3.0))
def test_a_smaller_need_never_worsens_the_verdict(
    question: Question, evidence: Evidence, factor: float
) -> None:
    smaller = replace(question.need, uplink_required_bps=question.need.uplink_required_bps / factor)
    assert_no_worse(
        judge(replace(question, need=smaller), evidence, now=NOW),
        judge(question, evidence, now=NOW),
    )


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


@given(questions(), evidences, st.integers(1, 4))
def test_older_evidence_never_raises_confidence(
    question: Question, evidence: Evidence, weeks: int
) -> None:
    # whole weeks: another hour of the week is other evidence, not older evidence
    def older(time: datetime) -> datetime:
        return time - timedelta(weeks=weeks)

    aged = replace(
        evidence,
        predictions=tuple(
            replace(p, computed_at=older(p.computed_at)) for p in evidence.predictions
        ),
        site_history=tuple(
            replace(s, hour_starts_at=older(s.hour_starts_at)) for s in evidence.site_history
        ),
        commune_history=tuple(
            replace(s, hour_starts_at=older(s.hour_starts_at)) for s in evidence.commune_history
        ),
        tests=tuple(replace(t, measured_at=older(t.measured_at)) for t in evidence.tests),
    )
    fresh, old = judge(question, evidence, now=NOW), judge(question, aged, now=NOW)
    if fresh.state is State.UNKNOWN:
        assert old.state is State.UNKNOWN
    if State.UNKNOWN in (fresh.state, old.state) or hours_of(question) > 1:
        return  # of several hours the weakest is told, and that may be another
    for kind, sd in spreads(old).items():
        assert sd >= spreads(fresh)[kind] - TINY


def hours_of(question: Question) -> int:
    first = max(question.starts_at, NOW).timestamp() // 3600
    return int((question.ends_at.timestamp() - 1e-3) // 3600 - first) + 1


def spreads(verdict: Verdict) -> dict[str, float]:
    found = {used.kind: used.values.get("sd_log10") for used in verdict.evidence}
    return {kind: sd for kind, sd in found.items() if isinstance(sd, float)}


@given(questions(), rates, st.integers(0, 3_599), st.integers(0, 3_599))
def test_an_older_test_alone_never_lifts_a_verdict(
    question: Question, uplink_p10_bps: float, age_s: int, other_age_s: int
) -> None:
    # both within the hour before NOW: in another hour of the week it is other evidence
    def verdict(age_s: int) -> Verdict:
        test = UplinkTest(
            measured_at=NOW - timedelta(seconds=1 + age_s),
            succeeded=True,
            uplink_p10_bps=uplink_p10_bps,
            bins=27,
        )
        return judge(question, Evidence(tests=(test,)), now=NOW)

    newer, older = verdict(min(age_s, other_age_s)), verdict(max(age_s, other_age_s))
    if hours_of(question) == 1:
        assert spreads(older)["history"] >= spreads(newer)["history"] - TINY
        assert spreads(older).get("test", inf) >= spreads(newer).get("test", inf) - TINY
    assert newer.uplink_safe_bps is not None
    assert older.uplink_safe_bps is not None
    assert older.uplink_safe_bps <= newer.uplink_safe_bps * (1.0 + TINY)
    assert older.state is not State.READY or newer.state is State.READY


@given(questions(), evidences)
def test_without_a_measurement_at_the_site_it_is_never_ready(
    question: Question, evidence: Evidence
) -> None:
    unmeasured = replace(evidence, site_history=(), tests=())
    verdict = judge(question, unmeasured, now=NOW)
    assert verdict.state is not State.READY
    assert verdict.uplink_safe_bps is None
    assert verdict.best_profile_code is None


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


@given(questions(), evidences, st.integers(0, 4))
def test_missing_data_is_unknown_and_never_not_ready(
    question: Question, evidence: Evidence, left: int
) -> None:
    # only what says nothing of the rate is left: failed tests, sessions elsewhere, neighbours
    silent = Evidence(
        tests=tuple(replace(t, succeeded=False) for t in evidence.tests[:left]),
        past_sessions=evidence.past_sessions,
        neighbours=evidence.neighbours,
    )
    verdict = judge(question, silent, now=NOW)
    assert verdict.state is State.UNKNOWN
    assert verdict.probability is None


@given(questions(), evidences, st.booleans(), st.booleans())
def test_a_fault_of_clock_or_access_is_unknown(
    question: Question, evidence: Evidence, clock_fault: bool, auth_fault: bool
) -> None:
    assume(clock_fault or auth_fault)
    faulty = replace(evidence, clock_fault=clock_fault, auth_fault=auth_fault)
    assert judge(question, faulty, now=NOW).state is State.UNKNOWN


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
        past_sessions=shuffled(evidence.past_sessions),
        neighbours=shuffled(evidence.neighbours),
    )
    assert judge(question, other, now=NOW) == judge(question, evidence, now=NOW)


@given(questions(), evidences)
def test_a_verdict_survives_json(question: Question, evidence: Evidence) -> None:
    verdict = judge(question, evidence, now=NOW)
    assert Verdict.from_dict(json.loads(json.dumps(verdict.to_dict()))) == verdict


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
    settings = ReadinessSettings()
    # READY may also have been lost for want of a reserve, above the threshold
    band = (
        (settings.ready_probability - settings.hysteresis, 1.0)
        if stood is State.READY
        else (
            settings.not_ready_probability,
            settings.not_ready_probability + settings.hysteresis,
        )
    )
    assert band[0] - TINY <= plain.probability <= band[1] + TINY


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


@given(questions(), evidences)
def test_an_uplink_is_called_too_weak_only_where_less_is_expected_than_needed(
    question: Question, evidence: Evidence
) -> None:
    for reason in judge(question, evidence, now=NOW).reasons:
        if reason.code in ("rate_short", "rate_unsteady"):
            expected, required = reason.values["expected_mbps"], reason.values["required_mbps"]
            assert isinstance(expected, float)
            assert isinstance(required, float)
            assert (expected < required) == (reason.code == "rate_short")
