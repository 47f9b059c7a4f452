"""What must hold of every verdict, whatever the evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from lensong.monitoring.readiness import (
    Evidence,
    Question,
    ReadinessSettings,
    State,
    Verdict,
)
from lensong.monitoring.readiness import judge as judge_and_advise
from lensong.monitoring.readiness.verdict import shown_percent
from lensong.monitoring.records import CountedBy
from tests.test_monitoring.test_readiness.any_evidence import (
    NOW,
    TINY,
    T,
    evidences,
    few,
    judge,
    questions,
)


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
