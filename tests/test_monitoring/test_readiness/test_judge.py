"""Verdicts of plain cases, each with the reason a person is given."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lensong.monitoring.messages import say
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
from lensong.propagation.errors import InvalidInputError

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)  # Saturday 09:00 in Lai Châu
NEED = Need(profile_code="tiktok-720p30", transport=Transport.RTMP, uplink_required_bps=2.8e6)
LADDER = (
    NEED,
    Need(profile_code="voice-still", transport=Transport.RTMP, uplink_required_bps=0.55e6),
    Need(profile_code="tiktok-1080p30", transport=Transport.RTMP, uplink_required_bps=4.4e6),
)
QUESTION = Question(
    site_id="binh-lu",
    technology="4G",
    operator="Viettel",
    need=NEED,
    ladder=LADDER,
    starts_at=NOW + timedelta(minutes=10),
    ends_at=NOW + timedelta(minutes=50),
)


def measured(mbps: float, *, minutes_ago: float = 5.0, **other: object) -> UplinkTest:
    values = {
        "measured_at": NOW - timedelta(minutes=minutes_ago),
        "succeeded": True,
        "technology": "4G",
        "operator": "Viettel",
        "uplink_p10_bps": mbps * 1e6,
        "uplink_p50_bps": 1.3 * mbps * 1e6,
        "bins": 27,
        "rtt_idle_ms": 50.0,
        "rtt_loaded_ms": 200.0,
    }
    return UplinkTest(**(values | other))  # type: ignore[arg-type]  # mixed keywords of one class


def weekly(mbps: float, *, weeks: int = 6, hour_shift: int = 0, **other: str) -> list[HourSample]:
    return [
        HourSample(
            hour_starts_at=NOW + timedelta(hours=hour_shift) - timedelta(weeks=week),
            technology=other.get("technology", "4G"),
            operator=other.get("operator", "Viettel"),
            uplink_p10_bps=mbps * 1e6,
            tests=1,
        )
        for week in range(1, weeks + 1)
    ]


def past(score: float, *, held: bool, n: int) -> list[PastSession]:
    return [
        PastSession(
            ended_at=NOW - timedelta(days=i + 1),
            technology="4G",
            predicted_log10_bps=7.0,
            achieved_log10_bps=7.0 + 0.2 * score,
            held=held,
            predicted_sd_log10=0.2,
            predicted_outage_probability=0.05,
        )
        for i in range(n)
    ]


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_a_fresh_test_far_above_the_need_is_ready() -> None:
    verdict = judge(QUESTION, Evidence(tests=(measured(30.0),)), now=NOW)
    assert verdict.state is State.READY
    assert codes(verdict) == ["rate_enough"]
    assert verdict.best_profile_code == "tiktok-1080p30"
    assert [used.kind for used in verdict.evidence] == ["history", "test", "sessions"]


def test_a_fresh_test_below_the_need_is_not_ready_and_names_what_would_do() -> None:
    confirmed = tuple(past(-1.0, held=True, n=60))
    verdict = judge(QUESTION, Evidence(tests=(measured(2.7),), past_sessions=confirmed), now=NOW)
    assert verdict.state is State.NOT_READY
    assert codes(verdict) == ["rate_short"]
    assert verdict.best_profile_code == "voice-still"


def test_a_test_that_stopped_at_its_own_highest_rate_says_so_where_more_would_help() -> None:
    capped = Evidence(tests=(measured(12.0, rate_limited=True),))
    verdict = judge(QUESTION, capped, now=NOW)
    assert verdict.state is State.AT_RISK
    (told,) = (reason for reason in verdict.reasons if reason.code == "test_capped")
    assert told.severity == "info"
    assert told.values["reached_mbps"] == pytest.approx(15.6)
    fast = Evidence(tests=(measured(30.0, rate_limited=True),))
    assert codes(judge(QUESTION, fast, now=NOW)) == ["rate_enough"]
    newer = Evidence(
        tests=(measured(12.0, rate_limited=True, minutes_ago=9.0), measured(11.0, minutes_ago=2.0))
    )
    assert "test_capped" not in codes(judge(QUESTION, newer, now=NOW))


def test_a_test_a_little_above_the_need_is_at_risk_until_sessions_confirm_it() -> None:
    evidence = Evidence(site_history=tuple(weekly(9.0)), tests=(measured(9.0),))
    alone = judge(QUESTION, evidence, now=NOW)
    assert alone.state is State.AT_RISK
    assert "few_sessions" in codes(alone)
    # sixty sessions that were asked for about as much and held
    confirmed = replace(evidence, past_sessions=tuple(past(-1.0, held=True, n=60)))
    assert judge(QUESTION, confirmed, now=NOW).state is State.READY


def test_sessions_that_fell_short_lower_what_is_safe() -> None:
    evidence = Evidence(site_history=tuple(weekly(9.0)), tests=(measured(9.0),))
    held = replace(evidence, past_sessions=tuple(past(-1.0, held=True, n=60)))
    fell_short = replace(evidence, past_sessions=tuple(past(-2.9, held=False, n=19)))
    confirmed, doubted = judge(QUESTION, held, now=NOW), judge(QUESTION, fell_short, now=NOW)
    assert confirmed.state is State.READY
    assert doubted.state is State.NOT_READY
    assert codes(doubted)[0] == "rate_unsteady"
    assert doubted.uplink_safe_bps is not None
    assert confirmed.uplink_safe_bps is not None
    assert doubted.uplink_safe_bps < confirmed.uplink_safe_bps


def test_sessions_elsewhere_do_not_spare_a_site_without_history_the_reserve() -> None:
    evidence = Evidence(tests=(measured(9.0),), past_sessions=tuple(past(-1.0, held=True, n=60)))
    verdict = judge(QUESTION, evidence, now=NOW)
    assert verdict.state is State.AT_RISK
    assert codes(verdict) == ["few_tests"]
    assert verdict.reasons[0].values["n"] == 2  # of three


def test_outages_more_often_than_predicted_keep_from_ready() -> None:
    evidence = Evidence(tests=(measured(60.0),))
    assert judge(QUESTION, evidence, now=NOW).state is State.READY
    held = past(-1.0, held=True, n=60)
    one = replace(evidence, past_sessions=(*held, *past(-10.0, held=False, n=1)))
    assert judge(QUESTION, one, now=NOW).state is State.READY  # 61 x 0.05 were to be expected
    many = replace(evidence, past_sessions=(*held, *past(-10.0, held=False, n=12)))
    assert judge(QUESTION, many, now=NOW).state is State.AT_RISK


def test_failures_on_another_technology_do_not_count() -> None:
    evidence = Evidence(tests=(measured(60.0),))
    others = tuple(replace(s, technology="5G") for s in past(-10.0, held=False, n=12))
    assert judge(QUESTION, replace(evidence, past_sessions=others), now=NOW).state is State.READY


def test_a_plan_alone_is_never_ready_however_good() -> None:
    plan = PredictedUplink(
        uplink_p50_bps=9e7, sigma_db=8.0, technology="4G", computed_at=NOW - timedelta(days=2)
    )
    verdict = judge(QUESTION, Evidence(predictions=(plan,)), now=NOW)
    assert verdict.state is State.AT_RISK
    assert "never_measured" in codes(verdict)
    assert verdict.uplink_safe_bps is None


def test_a_browsers_own_count_alone_is_never_ready() -> None:
    test = measured(80.0, counted_by=CountedBy.CLIENT)
    verdict = judge(QUESTION, Evidence(tests=(test,)), now=NOW)
    assert verdict.state is State.AT_RISK
    assert "only_weak_tests" in codes(verdict)


def test_a_browsers_own_count_of_an_hour_ago_is_little_but_not_nothing() -> None:
    later = replace(QUESTION, ends_at=NOW + timedelta(hours=3))
    test = measured(80.0, minutes_ago=70.0, counted_by=CountedBy.CLIENT)
    verdict = judge(later, Evidence(tests=(test,)), now=NOW)
    assert verdict.state is State.AT_RISK
    assert "only_weak_tests" in codes(verdict)


def test_nothing_known_is_unknown() -> None:
    verdict = judge(QUESTION, Evidence(), now=NOW)
    assert verdict.state is State.UNKNOWN
    assert codes(verdict) == ["no_evidence"]
    assert verdict.probability is None


def test_evidence_of_another_operator_says_nothing_but_is_offered() -> None:
    other = tuple(weekly(40.0, operator="VNPT"))
    verdict = judge(QUESTION, Evidence(site_history=other, tests=(measured(1.0),)), now=NOW)
    assert verdict.state is State.NOT_READY
    assert verdict.better_operator is not None
    assert verdict.better_operator.operator == "VNPT"
    assert verdict.better_operator.uplink_safe_bps > NEED.uplink_required_bps
    assert judge(QUESTION, Evidence(site_history=other), now=NOW).state is State.UNKNOWN


def test_evidence_older_than_thirty_days_is_unknown() -> None:
    old = measured(30.0, minutes_ago=31 * 1440.0)
    verdict = judge(QUESTION, Evidence(tests=(old,)), now=NOW)
    assert codes(verdict) == ["evidence_stale"]
    plan = PredictedUplink(uplink_p50_bps=5e7, sigma_db=8.0, computed_at=NOW)
    with_plan = judge(QUESTION, Evidence(tests=(old,), predictions=(plan,)), now=NOW)
    assert with_plan.state is not State.READY
    assert "measured_long_ago" in codes(with_plan)


def test_evidence_of_the_future_is_left_out_and_said() -> None:
    ahead = measured(30.0, minutes_ago=-60.0)
    verdict = judge(QUESTION, Evidence(tests=(ahead,)), now=NOW)
    assert codes(verdict) == ["no_evidence", "dated_in_future"]


def test_a_test_speaks_for_its_own_hour_and_fades_with_the_distance_to_the_session() -> None:
    history = tuple(weekly(30.0))
    evidence = Evidence(site_history=history, tests=(measured(3.0),))

    def expected(minutes_ahead: float) -> float:
        later = replace(
            QUESTION,
            starts_at=NOW + timedelta(minutes=minutes_ahead),
            ends_at=NOW + timedelta(minutes=minutes_ahead + 10),
        )
        found = judge(later, evidence, now=NOW).probability
        assert found is not None
        return found

    assert expected(5.0) == expected(9.0) < expected(25.0) < expected(45.0) < expected(60.0)


def test_the_weakest_hour_of_the_session_decides() -> None:
    morning, noon = weekly(40.0), weekly(1.0, hour_shift=3)
    evidence = Evidence(site_history=(*morning, *noon))
    short = replace(QUESTION, ends_at=NOW + timedelta(minutes=50))
    long = replace(QUESTION, ends_at=NOW + timedelta(hours=4))
    early, through_noon = (judge(q, evidence, now=NOW) for q in (short, long))
    assert early.probability is not None
    assert through_noon.probability is not None
    assert early.probability > through_noon.probability + 0.2


def test_a_busy_evening_does_not_condemn_the_morning() -> None:
    evening = weekly(1.0, hour_shift=11)  # 20:00, below the need every week
    evidence = Evidence(site_history=(*weekly(40.0), *evening), tests=(measured(40.0),))
    assert judge(QUESTION, evidence, now=NOW).state is State.READY


def test_tests_that_were_too_low_at_that_hour_keep_from_ready() -> None:
    some_low = Evidence(
        site_history=(*weekly(40.0), *weekly(1.0, weeks=2)), tests=(measured(40.0),)
    )
    verdict = judge(QUESTION, some_low, now=NOW)
    assert verdict.state is not State.READY


def test_good_but_few_tests_ask_for_more_of_them_before_a_long_session() -> None:
    long = replace(QUESTION, ends_at=QUESTION.starts_at + timedelta(hours=8))
    verdict = judge(long, Evidence(tests=(measured(90.0),)), now=NOW)
    assert verdict.state is State.AT_RISK
    assert codes(verdict) == ["few_tests"]
    wanted = verdict.reasons[0].values["n"]
    assert isinstance(wanted, int)
    daily = tuple(
        HourSample(
            hour_starts_at=NOW + timedelta(hours=hour) - timedelta(days=day),
            technology="4G",
            operator="Viettel",
            uplink_p10_bps=90e6,
            tests=1,
        )
        for hour in range(10)
        for day in range(1, 2 + wanted)
    )
    more = Evidence(site_history=daily, tests=(measured(90.0),))
    assert judge(long, more, now=NOW).state is State.READY


def test_a_better_hour_is_named_when_the_history_knows_one() -> None:
    busy, calm = weekly(3.0), weekly(40.0, hour_shift=5)  # 14:00
    verdict = judge(QUESTION, Evidence(site_history=(*busy, *calm)), now=NOW)
    assert verdict.state is not State.READY
    assert verdict.better_hour is not None
    assert abs(verdict.better_hour.starts_at - (NOW + timedelta(hours=5))) <= timedelta(hours=1)


def test_a_better_spot_and_site_are_named() -> None:
    tests = (
        measured(1.5, minutes_ago=5.0, spot="nhà văn hóa"),
        measured(9.0, minutes_ago=20.0, spot="đầu bản"),
    )
    sites = (
        SiteOption(site_id="a", name="Tam Đường", distance_m=9e3, uplink_safe_bps=8e6),
        SiteOption(site_id="b", name="Sùng Phài", distance_m=4e3, uplink_safe_bps=5e6),
        SiteOption(site_id="c", name="Bản Bo", distance_m=1e3, uplink_safe_bps=None),
    )
    verdict = judge(QUESTION, Evidence(tests=tests, neighbours=sites), now=NOW)
    assert verdict.better_spot is not None
    assert verdict.better_spot.spot == "đầu bản"
    assert verdict.better_site == sites[1]


def test_the_newest_test_that_failed_keeps_from_ready() -> None:
    tests = (measured(30.0, minutes_ago=30.0), measured(0.0, minutes_ago=2.0, succeeded=False))
    verdict = judge(QUESTION, Evidence(tests=tests), now=NOW)
    assert verdict.state is State.AT_RISK
    assert "test_failed" in codes(verdict)


def test_a_measured_zero_is_a_rate_and_a_missing_one_is_not() -> None:
    zero = judge(QUESTION, Evidence(tests=(measured(0.0),)), now=NOW)
    assert zero.state is State.NOT_READY
    missing = judge(QUESTION, Evidence(tests=(measured(1.0, uplink_p10_bps=None),)), now=NOW)
    assert missing.state is State.UNKNOWN


def test_a_state_that_stands_is_kept_within_the_hysteresis() -> None:
    evidence = Evidence(
        site_history=tuple(weekly(9.0)),
        tests=(measured(9.0),),
        past_sessions=tuple(past(-1.0, held=True, n=40)),
    )

    def with_failures(n: int) -> Evidence:
        low = past(-2.9, held=False, n=n)
        return replace(evidence, past_sessions=(*evidence.past_sessions, *low))

    ready = judge(QUESTION, evidence, now=NOW)
    assert ready.state is State.READY
    slipping = with_failures(1)
    assert judge(QUESTION, slipping, now=NOW).state is State.AT_RISK
    assert judge(QUESTION, slipping, now=NOW, previous=ready).state is State.READY
    gone = with_failures(7)
    assert judge(QUESTION, gone, now=NOW, previous=ready).state is State.AT_RISK
    elsewhere = replace(ready, site_id="tam-duong")
    assert judge(QUESTION, slipping, now=NOW, previous=elsewhere).state is State.AT_RISK


@pytest.mark.parametrize("language", ["vi", "en"])
def test_reasons_read_as_sentences_with_their_numbers(language: str) -> None:
    verdict = judge(QUESTION, Evidence(tests=(measured(3.4),)), now=NOW)
    (reason,) = verdict.reasons
    text = say(f"reason.{reason.code}", language, **reason.values)
    assert ("2,8 Mbit/s" if language == "vi" else "2.8 Mbit/s") in text
    assert "–" not in text


def test_settings_that_would_overlap_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="overlap"):
        ReadinessSettings(ready_probability=0.55)
    with pytest.raises(InvalidInputError, match="nothing is certain"):
        ReadinessSettings(test_sd=0.0)


def test_a_session_that_does_not_last_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="a session that lasts"):
        replace(QUESTION, ends_at=QUESTION.starts_at)
    with pytest.raises(InvalidInputError, match="aware"):
        replace(QUESTION, starts_at=datetime(2026, 11, 28, 9, 0))


def test_what_is_no_verdict_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="not a stored verdict"):
        Verdict.from_dict({"site_id": "binh-lu"})
