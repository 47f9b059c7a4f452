"""A session judged with those beside it, and how many more fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.live.company import with_company
from lensong.monitoring.readiness import (
    Evidence,
    FinishedSession,
    HourSample,
    Need,
    PredictedUplink,
    Question,
    SessionBeside,
    State,
    StreamsAtOnce,
    UplinkTest,
    Verdict,
    Watch,
    judge,
)
from lensong.monitoring.records import SessionOutcome, Transport
from lensong.monitoring.store.streams import PastSession
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from tests.test_monitoring.test_readiness import any_evidence as any_of

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)  # Saturday 09:00 in Lai Châu
NEED_BPS = 2.8e6
NEED = Need(profile_code="tiktok-720p30", transport=Transport.RTMP, uplink_required_bps=NEED_BPS)
QUESTION = Question(
    site_id="binh-lu",
    need=NEED,
    starts_at=NOW + timedelta(hours=1),
    ends_at=NOW + timedelta(hours=3),
    operators=("Viettel",),
    technologies=("4G",),
)


def hour(at: float) -> datetime:
    """Return a time of that morning by local hours: 9 is now."""
    return NOW + timedelta(hours=at - 9.0)


def seen(mbps: float) -> Evidence:
    """Return a test of five minutes ago and a night of watching that was clean."""
    return Evidence(
        tests=(
            UplinkTest(
                measured_at=NOW - timedelta(minutes=5),
                succeeded=True,
                uplink_p10_bps=mbps * 1e6,
                uplink_p50_bps=mbps * 1e6,
                bins=27,
            ),
        ),
        watches=(Watch(ended_at=NOW, watched_s=8 * 3_600.0),),
    )


def beside(begin: float, end: float, *, here: bool = True, bps: float = NEED_BPS) -> SessionBeside:
    return SessionBeside(
        starts_at=hour(begin), ends_at=hour(end), uplink_required_bps=bps, here=here
    )


def streams(*chances: float, **other: object) -> StreamsAtOnce:
    values: dict[str, object] = {
        "operator": "Viettel",
        "uplink_bps": NEED_BPS,
        "probability": 0.9,
        "chances": chances,
        "computed_at": NOW - timedelta(days=9),
    }
    return StreamsAtOnce(**(values | other))  # type: ignore[arg-type]  # mixed keywords


def asked(evidence: Evidence, *others: SessionBeside, **changes: object) -> Verdict:
    return judge(QUESTION, replace(evidence, beside=others, **changes), now=NOW)  # type: ignore[arg-type]


def codes(verdict: Verdict) -> dict[str, str]:
    return {reason.code: reason.severity for reason in verdict.reasons}


def required_mbps(verdict: Verdict) -> float:
    """Return what a verdict says is needed, beside what is the likeliest to hold."""
    (found,) = [r.values["required_mbps"] for r in verdict.reasons if "required_mbps" in r.values]
    assert isinstance(found, float)
    return found


def alone(verdict: Verdict) -> dict[str, object]:
    """Return what a verdict says of the session itself."""
    body = verdict.to_dict()
    for name in ("others", "more_sellers", "more_sellers_until", "more_sellers_by"):
        del body[name]
    return body


@any_of.few
@given(question=any_of.questions(), evidence=any_of.evidences, advise=st.booleans())
def test_who_sells_alone_is_judged_as_if_nobody_knew_of_others(
    question: Question, evidence: Evidence, advise: bool
) -> None:
    apart = (
        SessionBeside(
            starts_at=question.ends_at,
            ends_at=question.ends_at + timedelta(seconds=1),
            uplink_required_bps=1e9,
        ),
    )
    plan = (streams(1.0, 0.5, operator=None), streams(1.0, 0.5))
    plain = judge(question, evidence, now=any_of.NOW, advise=False)
    knowing = replace(evidence, beside=apart, streams=plan)
    told = judge(question, knowing, now=any_of.NOW, advise=False)
    assert alone(told) == alone(plain)
    assert told.others == 0
    del advise


@any_of.few
@given(
    question=any_of.questions(),
    evidence=any_of.evidences,
    rates=st.lists(any_of.rates, max_size=3),
    more=any_of.rates,
    chances=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5),
)
def test_one_more_beside_it_never_makes_a_session_likelier(
    question: Question,
    evidence: Evidence,
    rates: list[float],
    more: float,
    chances: list[float],
) -> None:
    plan = (streams(*sorted(chances, reverse=True), operator=None),)
    question = replace(question, operator=None, operators=())

    def with_others(others: list[float]) -> Verdict:
        there = tuple(
            SessionBeside(
                starts_at=question.starts_at, ends_at=question.ends_at, uplink_required_bps=rate
            )
            for rate in others
        )
        known = replace(evidence, beside=there, streams=plan)
        return judge(question, known, now=any_of.NOW, advise=False)

    rates = [max(rate, 1.0) for rate in rates]
    fewer, many = with_others(rates), with_others([*rates, max(more, 1.0)])
    assert (fewer.probability is None) is (many.probability is None)
    if fewer.probability is not None and many.probability is not None:
        assert many.probability <= fewer.probability + any_of.TINY
    if fewer.more_sellers is not None and many.more_sellers is not None:
        assert many.more_sellers <= fewer.more_sellers


def test_the_measured_uplink_is_divided_among_all_by_their_need() -> None:
    two = asked(seen(9.0), beside(10.0, 12.0))
    double = replace(QUESTION, need=replace(NEED, uplink_required_bps=2 * NEED_BPS))
    assert two.probability == pytest.approx(
        judge(double, seen(9.0), now=NOW).probability, abs=1e-12
    )
    assert (two.others, two.state) == (1, State.AT_RISK)
    assert codes(two)["others_here"] == "warning"  # alone it would be READY
    assert codes(two)["shared_by_need"] == "info"
    reason = next(r for r in two.reasons if r.code == "others_here")
    assert (reason.values["n"], reason.values["begin"]) == (1, "10:00")
    assert codes(asked(seen(40.0), beside(10.0, 12.0)))["others_here"] == "info"
    assert codes(asked(seen(3.9), beside(10.0, 12.0)))["others_here"] == "error"


def test_others_are_on_the_air_from_the_local_hour_in_whatever_zone_was_asked() -> None:
    zone = timezone(timedelta(hours=7))
    local = replace(
        QUESTION,
        starts_at=QUESTION.starts_at.astimezone(zone),
        ends_at=QUESTION.ends_at.astimezone(zone),
    )
    told = [
        judge(question, replace(seen(9.0), beside=(beside(9.5, 12.0),)), now=NOW)
        for question in (QUESTION, local)
    ]
    assert told[0].reasons == told[1].reasons
    reason = next(r for r in told[1].reasons if r.code == "others_here")
    assert reason.values["begin"] == "10:00"
    assert reason.values["from_at"] == "2026-11-28T03:00:00+00:00"


def test_how_many_more_fit_and_until_when() -> None:
    none = asked(seen(40.0))
    assert none.more_sellers is not None
    assert none.more_sellers > 1
    assert (none.more_sellers_until, none.more_sellers_by) == (hour(12.0), "measured")
    # each other that is there takes one place
    one = asked(seen(40.0), beside(10.0, 12.0))
    assert one.more_sellers == none.more_sellers - 1
    # others that come at 11 leave the room until then
    later = asked(seen(40.0), beside(11.0, 13.0), beside(11.0, 13.0))
    assert (later.more_sellers, later.more_sellers_until) == (none.more_sellers, hour(11.0))
    assert later.others == 2
    # one that leaves makes room, which nobody counts on before
    leaves = asked(seen(40.0), beside(9.0, 11.0))
    assert (leaves.more_sellers, leaves.more_sellers_until) == (one.more_sellers, hour(12.0))
    # they fit: with so many beside it the session is READY, with one more it is not
    crowd = [beside(10.0, 12.0)] * none.more_sellers
    assert asked(seen(40.0), *crowd).state is State.READY
    assert asked(seen(40.0), *crowd, beside(10.0, 12.0)).state is not State.READY
    assert asked(seen(40.0), *crowd).more_sellers == 0
    assert asked(seen(3.3)).more_sellers == 0


def test_with_neither_measurement_nor_plan_nothing_is_said() -> None:
    hearsay = Evidence(
        sessions=(
            FinishedSession(
                ended_at=NOW - timedelta(days=1),
                site_id="binh-lu",
                outcome=SessionOutcome.FROZE,
                uplink_required_bps=NEED_BPS,
            ),
        )
    )
    for evidence in (Evidence(), hearsay):
        verdict = asked(evidence, beside(10.0, 12.0))
        assert (verdict.more_sellers, verdict.more_sellers_until) == (None, None)
        assert verdict.more_sellers_by is None


def test_a_plan_says_how_many_fit_where_nothing_was_measured() -> None:
    predicted = PredictedUplink(
        uplink_p50_bps=20e6, sigma_db=8.0, computed_at=NOW - timedelta(days=9)
    )
    known = Evidence(predictions=(predicted,), streams=(streams(1.0, 0.97, 0.95, 0.91, 0.8),))
    verdict = asked(known, beside(10.0, 12.0, here=False))
    assert (verdict.more_sellers, verdict.more_sellers_by) == (2, "plan")
    assert verdict.state is not State.READY
    # where not even one is likely to hold, no more fit
    nothing = replace(predicted, uplink_p50_bps=1e5)
    assert asked(replace(known, predictions=(nothing,))).more_sellers == 0
    # a stream of twice the rate takes two places; another operator's plan says nothing
    heavy = asked(known, beside(10.0, 12.0, bps=2 * NEED_BPS))
    assert heavy.more_sellers == 1
    other = (streams(1.0, 1.0, operator="Vinaphone"),)
    assert asked(replace(known, streams=other)).more_sellers is None
    invented = (streams(1.0, 1.0, synthetic=True),)
    assert asked(replace(known, streams=invented)).more_sellers is None


def test_a_plan_holds_more_than_division_where_its_cells_do() -> None:
    """At the edge one phone fills its power, not the cell: others find blocks that are free."""
    weak = seen(6.0)
    there = (beside(10.0, 12.0, here=False), beside(10.0, 12.0, here=False))
    divided = asked(weak, *there)
    planned = asked(weak, *there, streams=(streams(1.0, 1.0, 0.98, 0.6),))
    single = asked(weak)
    assert divided.probability is not None
    assert planned.probability is not None
    assert single.probability is not None
    assert divided.probability < planned.probability < single.probability
    assert codes(planned)["shared_by_plan"] == codes(planned)["others_on_cell"] == "info"
    # what a session is said to need is what its chance was computed from
    assert required_mbps(planned) == pytest.approx(NEED_BPS / 1e6)
    assert required_mbps(divided) == pytest.approx(3 * NEED_BPS / 1e6)
    # a plan that holds fewer takes nothing from what was measured
    poor = asked(weak, *there, streams=(streams(1.0, 0.1, 0.0),))
    assert poor.probability == divided.probability
    # beyond what the plan has counted it says nothing
    short = asked(weak, *there, streams=(streams(1.0, 1.0),))
    assert short.probability == divided.probability


def test_three_that_held_at_once_are_evidence_of_three() -> None:
    def past(begin: float, end: float, outcome: SessionOutcome, days: int) -> PastSession:
        return PastSession(
            starts_at=hour(begin) - timedelta(days=days),
            finished=FinishedSession(
                ended_at=hour(end) - timedelta(days=days),
                site_id="binh-lu",
                outcome=outcome,
                uplink_required_bps=NEED_BPS,
                watched_s=(end - begin) * 3_600.0,
            ),
        )

    held, froze = SessionOutcome.HELD, SessionOutcome.FROZE
    week = [past(10.0, 12.0, held, day) for day in range(1, 8) for _ in range(3)]
    known = with_company(week, "binh-lu")
    assert {(one.beside_held, one.beside_held_bps) for one in known} == {(2, 2 * NEED_BPS)}
    assert {one.beside_bps for one in known} == {2 * NEED_BPS}
    # an event of three counts as one
    thrice = asked(Evidence(sessions=known))
    once = asked(
        Evidence(
            sessions=with_company([past(10.0, 12.0, held, day) for day in range(1, 8)], "binh-lu")
        )
    )
    weights = [
        next(used.weight for used in verdict.evidence if used.kind == "sessions")
        for verdict in (thrice, once)
    ]
    assert weights[0] == pytest.approx(weights[1], rel=1e-9)
    assert weights[0] > 0.1
    others = beside(10.0, 12.0), beside(10.0, 12.0)
    # as many hours, one after the other: they say nothing of three at once
    apart = with_company(
        [past(h, h + 2.0, held, day) for day in range(1, 8) for h in (8.0, 10.0, 12.0)], "binh-lu"
    )
    together = asked(Evidence(sessions=known), *others)
    single = asked(Evidence(sessions=apart), *others)
    assert together.probability is not None
    assert single.probability is not None
    assert together.probability > single.probability + 0.1
    reason = next(r for r in together.reasons if r.code == "held_at_once")
    assert (reason.values["n"], round(reason.values["together_mbps"], 1)) == (3, 8.4)  # type: ignore[arg-type]
    assert "held_at_once" not in codes(single)
    # who was there half of the time, or did not hold, was not carried beside it
    part = with_company([past(10, 12, held, 1), past(11, 12, held, 1)], "binh-lu")
    assert [one.beside_held for one in part] == [0, 1]
    broke = with_company([past(10, 12, held, 1), past(10, 12, froze, 1)], "binh-lu")
    assert [one.beside_held for one in broke] == [0, 1]
    # that it froze beside another says nothing of a seller alone
    burdened = with_company([past(10, 12, froze, 1), past(10, 12, froze, 1)], "binh-lu")
    lonely = with_company([past(10, 12, froze, 1)], "binh-lu")
    at_rest = seen(6.0)
    before = asked(at_rest).probability
    together_froze = asked(replace(at_rest, sessions=burdened)).probability
    after = asked(replace(at_rest, sessions=lonely)).probability
    assert before is not None
    assert together_froze is not None
    assert after is not None
    assert after < before <= together_froze  # its two hours without an outage count
    # elsewhere nobody looks who was beside whom
    assert all(one.beside_held == 0 for one in with_company(week, "sin-ho"))


def test_another_hour_is_advised_by_who_is_there_then() -> None:
    days = tuple(
        HourSample(hour_starts_at=hour(h) - timedelta(days=d), uplink_p10_bps=12e6, tests=1)
        for d in range(1, 15)
        for h in (10.0, 14.0)
    )
    known = replace(seen(12.0), site_history=days)
    crowded = [beside(10.0, 12.0)] * 4
    verdict = asked(known, *crowded)
    assert verdict.state is not State.READY
    assert verdict.better_hour is not None
    assert (
        not verdict.better_hour.starts_at
        < hour(12.0)
        < verdict.better_hour.starts_at + timedelta(hours=2)
    )
    full = [beside(h, h + 24.0) for h in range(-14, 216, 24)] * 4
    assert asked(known, *full).better_hour is None


def test_a_verdict_of_an_older_version_is_read() -> None:
    body = asked(seen(40.0), beside(10.0, 12.0)).to_dict()
    assert Verdict.from_dict(body).to_dict() == body
    for name in ("others", "more_sellers", "more_sellers_until", "more_sellers_by"):
        del body[name]
    old = Verdict.from_dict(body)
    assert (old.others, old.more_sellers, old.more_sellers_until) == (0, None, None)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="not after starts_at"):
        beside(10.0, 10.0)
    with pytest.raises(InvalidInputError, match="above 0"):
        beside(10.0, 12.0, bps=0.0)
    with pytest.raises(InvalidInputError, match="rise"):
        streams(0.5, 0.6)
    with pytest.raises(OutOfRangeError, match="chances"):
        streams(1.1)
    with pytest.raises(InvalidInputError, match="empty"):
        streams()
    with pytest.raises(InvalidInputError, match="uplink_bps"):
        streams(1.0, uplink_bps=0.0)
