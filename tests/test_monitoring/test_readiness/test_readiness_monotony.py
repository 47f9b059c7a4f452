"""More can only help, and older can only say less: what must hold of any two verdicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from lensong.monitoring.readiness import (
    Evidence,
    FinishedSession,
    HourSample,
    Question,
    State,
    UplinkTest,
    Verdict,
    Watch,
)
from lensong.monitoring.records import Motion, SessionOutcome
from tests.test_monitoring.test_readiness.any_evidence import (
    NOW,
    ORDER,
    TINY,
    evidences,
    factors,
    few,
    judge,
    questions,
    rates,
    sessions,
    watches,
)


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
