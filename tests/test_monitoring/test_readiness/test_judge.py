"""Verdicts of plain cases, each with the reason a person is given."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lensong.monitoring.messages import say
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
    judge,
)
from lensong.monitoring.records import CountedBy, Motion, SessionOutcome, Transport
from lensong.monitoring.tolerance import Tolerance
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
        "uplink_p50_bps": 1.05 * mbps * 1e6,
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


def sessions(
    n: int, outcome: SessionOutcome = SessionOutcome.HELD, site_id: str = "binh-lu", **other: object
) -> tuple[FinishedSession, ...]:
    values = {
        "technology": "4G",
        "uplink_required_bps": 2.8e6,
        "watched_s": 7_200.0,
        "predicted_probability": 0.93,
    }
    return tuple(
        FinishedSession(
            ended_at=NOW - timedelta(days=i + 1), site_id=site_id, outcome=outcome,
            **(values | other),  # type: ignore[arg-type]  # mixed keywords of one class
        )
        for i in range(n)
    )  # fmt: skip


def asked(hours: float, **other: object) -> Question:
    ends_at = QUESTION.starts_at + timedelta(hours=hours)
    return replace(QUESTION, ends_at=ends_at, **other)  # type: ignore[arg-type]  # mixed keywords


def lasting(hours: float, *outages_s: float, motion: Motion = Motion.UNKNOWN) -> Watch:
    return Watch(
        ended_at=NOW, watched_s=3_600.0 * hours, outages_s=outages_s, technology="4G", motion=motion
    )


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]


def test_a_fresh_test_far_above_the_need_is_ready() -> None:
    verdict = judge(QUESTION, Evidence(tests=(measured(30.0),)), now=NOW)
    assert verdict.state is State.READY
    assert codes(verdict) == ["rate_enough"]
    assert verdict.best_profile_code == "tiktok-1080p30"
    assert [used.kind for used in verdict.evidence] == ["test", "sessions", "watch"]


def test_a_fresh_test_below_the_need_is_not_ready_and_names_what_would_do() -> None:
    verdict = judge(QUESTION, Evidence(tests=(measured(2.3),)), now=NOW)
    assert verdict.state is State.NOT_READY
    assert codes(verdict) == ["rate_short"]
    assert verdict.best_profile_code == "voice-still"


def test_only_profiles_of_the_same_platform_are_advised() -> None:
    tiktok = replace(NEED, platform="TikTok")
    voice = replace(LADDER[1], platform="Facebook")
    question = replace(QUESTION, need=tiktok, ladder=(tiktok, voice))
    assert judge(question, Evidence(tests=(measured(2.3),)), now=NOW).best_profile_code is None


def test_a_test_that_stopped_at_its_own_highest_rate_says_so_where_more_would_help() -> None:
    capped = Evidence(tests=(measured(4.0, rate_limited=True),))
    verdict = judge(QUESTION, capped, now=NOW)
    assert verdict.state is State.AT_RISK
    (told,) = (reason for reason in verdict.reasons if reason.code == "test_capped")
    assert told.severity == "info"
    assert told.values["reached_mbps"] == pytest.approx(4.2)
    fast = Evidence(tests=(measured(30.0, rate_limited=True),))
    assert codes(judge(QUESTION, fast, now=NOW)) == ["rate_enough"]


def test_sessions_that_held_here_make_a_test_a_little_above_the_need_ready() -> None:
    alone = judge(QUESTION, Evidence(tests=(measured(4.5),)), now=NOW)
    assert alone.state is State.AT_RISK
    assert codes(alone) == ["rate_unsure"]
    held = judge(QUESTION, Evidence(tests=(measured(4.5),), sessions=sessions(3)), now=NOW)
    assert held.state is State.READY
    elsewhere = Evidence(tests=(measured(4.5),), sessions=sessions(30, site_id="tam-duong"))
    assert judge(QUESTION, elsewhere, now=NOW).state is State.AT_RISK


def test_sessions_that_held_are_enough_without_any_test() -> None:
    few = judge(asked(2.0), Evidence(sessions=sessions(2)), now=NOW)
    assert few.state is State.AT_RISK
    many = judge(asked(2.0), Evidence(sessions=sessions(8)), now=NOW)
    assert many.state is State.READY
    assert many.uplink_safe_bps == pytest.approx(2.8e6, rel=1e-6)
    # of what nobody asked of the link, nothing is promised
    more = replace(NEED, uplink_required_bps=8e6)
    assert judge(asked(2.0, need=more), Evidence(sessions=sessions(8)), now=NOW).state is not (
        State.READY
    )


def test_sessions_that_froze_here_lower_what_is_safe_and_lost_ones_the_hours() -> None:
    test = measured(30.0)
    froze = Evidence(tests=(test,), sessions=sessions(3, SessionOutcome.FROZE))
    assert judge(QUESTION, froze, now=NOW).state is State.NOT_READY
    lost = judge(asked(2.0), Evidence(tests=(test,), sessions=sessions(3, SessionOutcome.LOST)),
                 now=NOW)  # fmt: skip
    assert "outages_often" in codes(lost)
    assert lost.uplink_safe_bps is None


def test_failures_elsewhere_take_confidence_and_those_of_another_technology_do_not() -> None:
    test = measured(30.0)
    failed = sessions(12, SessionOutcome.FROZE, "tam-duong")
    assert judge(QUESTION, Evidence(tests=(test,), sessions=failed), now=NOW).state is not (
        State.READY
    )
    others = tuple(replace(s, technology="5G") for s in failed)
    assert judge(QUESTION, Evidence(tests=(test,), sessions=others), now=NOW).state is State.READY


def test_hours_watched_make_a_long_session_ready_and_an_outage_takes_it_back() -> None:
    alone = judge(asked(4.0), Evidence(tests=(measured(30.0),)), now=NOW)
    assert alone.state is State.AT_RISK
    assert codes(alone)[0] == "watched_little"
    assert alone.uplink_safe_bps is None
    assert "no_safe_rate" in codes(alone)
    clean = Evidence(tests=(measured(30.0),), watches=(lasting(4.0, 3.0),))
    assert judge(asked(4.0), clean, now=NOW).state is State.READY
    broken = Evidence(tests=(measured(30.0),), watches=(lasting(4.0, 84.0),))
    verdict = judge(asked(4.0), broken, now=NOW)
    assert verdict.state is not State.READY
    assert {"outages_seen", "outages_often"} & set(codes(verdict))
    # what breaks one profile another may bear
    patient = replace(NEED, tolerance=Tolerance(longest_freeze_s=120.0, most_frozen_ratio=0.05))
    assert judge(asked(4.0, need=patient), broken, now=NOW).state is State.READY


def test_motion_that_was_told_or_sensed_asks_for_more() -> None:
    question = asked(0.5)
    still = Evidence(tests=(measured(20.0),))
    assert judge(question, still, now=NOW).state is State.READY
    told = judge(replace(question, motion=Motion.MOVING), still, now=NOW)
    assert told.state is not State.READY
    assert "moving_told" in codes(told)
    on_the_move = Evidence(tests=(measured(20.0, motion=Motion.MOVING),))
    sensed = judge(question, on_the_move, now=NOW)
    assert (sensed.motion, sensed.motion_by) == (Motion.MOVING, "sensed")
    assert sensed.state is not State.READY
    # told to stand still: what was measured on the move says little
    resting = judge(replace(question, motion=Motion.AT_REST), on_the_move, now=NOW)
    assert "only_weak_tests" in codes(resting)
    still_told = replace(question, motion=Motion.AT_REST)
    # a watch on the move counts no hours of a phone at rest
    moved = replace(still, watches=(lasting(9.0, motion=Motion.MOVING),
                                    replace(lasting(0.1), motion=Motion.AT_REST)))  # fmt: skip
    (watched,) = (u for u in judge(still_told, moved, now=NOW).evidence if u.kind == "watch")
    assert watched.values["hours"] == pytest.approx(0.1, abs=0.02)


def test_a_session_and_a_watch_beside_it_count_their_time_once() -> None:
    ended_at = NOW - timedelta(days=1)
    beside = Watch(ended_at=ended_at, watched_s=7_200.0, technology="4G")
    both = Evidence(tests=(measured(9.0),), sessions=sessions(1), watches=(beside,))
    (watched,) = (u for u in judge(QUESTION, both, now=NOW).evidence if u.kind == "watch")
    assert watched.values["hours"] == pytest.approx(2.0, abs=0.05)


def test_a_test_speaks_less_for_a_session_further_away() -> None:
    evidence = Evidence(tests=(measured(9.0),))

    def chance(hours_ahead: float) -> float:
        starts_at = NOW + timedelta(hours=hours_ahead)
        later = replace(QUESTION, starts_at=starts_at, ends_at=starts_at + timedelta(minutes=40))
        found = judge(later, evidence, now=NOW).probability
        assert found is not None
        return found

    assert chance(0.2) > chance(3.0) > chance(12.0) > chance(48.0)


def test_the_weakest_hour_of_the_session_decides() -> None:
    morning, noon = weekly(40.0), weekly(1.0, hour_shift=3)
    evidence = Evidence(site_history=(*morning, *noon))
    early, through_noon = (judge(asked(h), evidence, now=NOW) for h in (0.7, 4.0))
    assert early.probability is not None
    assert through_noon.probability is not None
    assert early.probability > through_noon.probability + 0.2


def test_days_that_were_too_low_at_that_hour_keep_from_ready() -> None:
    low = weekly(1.0, weeks=6)
    good = Evidence(site_history=tuple(weekly(40.0)), watches=(lasting(8.0),))
    assert judge(QUESTION, good, now=NOW).state is State.READY
    mixed = replace(good, site_history=(*weekly(40.0, weeks=3), *low[3:]))
    assert judge(QUESTION, mixed, now=NOW).state is not State.READY


def test_a_state_that_stands_is_kept_within_the_hysteresis_and_the_threshold_is_told() -> None:
    slipping = Evidence(tests=(measured(4.9),))
    plain = judge(QUESTION, slipping, now=NOW)
    assert plain.state is State.AT_RISK
    assert plain.ready_from == 0.9
    ready = replace(plain, state=State.READY)
    kept = judge(QUESTION, slipping, now=NOW, previous=ready)
    assert kept.state is State.READY
    assert kept.ready_from == pytest.approx(0.85)
    assert kept.reasons[0].values["ready_percent"] == 85
    gone = Evidence(tests=(measured(4.0),))
    assert judge(QUESTION, gone, now=NOW, previous=ready).state is State.AT_RISK
    elsewhere = replace(ready, site_id="tam-duong")
    assert judge(QUESTION, slipping, now=NOW, previous=elsewhere).state is State.AT_RISK


def test_what_an_audience_will_see_is_told_by_the_hours_watched() -> None:
    alone = judge(QUESTION, Evidence(tests=(measured(30.0),)), now=NOW)
    assert alone.short_freezes_an_hour == (0, 1)
    often = Evidence(tests=(measured(30.0),), watches=(lasting(2.0, *[4.0] * 16),))
    low, high = judge(QUESTION, often, now=NOW).short_freezes_an_hour or (0, 0)
    assert 1 <= low < 4 <= high


def test_a_plan_alone_is_never_ready_however_good() -> None:
    plan = PredictedUplink(
        uplink_p50_bps=9e7, sigma_db=8.0, technology="4G", computed_at=NOW - timedelta(days=2)
    )
    verdict = judge(QUESTION, Evidence(predictions=(plan,)), now=NOW)
    assert verdict.state is State.AT_RISK
    assert "never_measured" in codes(verdict)
    assert verdict.uplink_safe_bps is None


def test_a_level_that_was_measured_makes_the_plan_surer_and_the_verdict_says_so() -> None:
    plain = judge(QUESTION, Evidence(predictions=(planned(8.0, sigma_db=12.0),)), now=NOW)
    surer = planned(8.0, sigma_db=3.0, basis="measured")
    verdict = judge(QUESTION, Evidence(predictions=(surer,)), now=NOW)
    assert (verdict.probability or 0.0) > (plain.probability or 0.0)
    used = [one.values for one in verdict.evidence if one.kind == "prediction"]
    assert [(v["sigma_db"], v["basis"]) for v in used] == [(3.0, "measured")]
    before = [one.values for one in plain.evidence if one.kind == "prediction"]
    assert [(v["sigma_db"], v.get("basis")) for v in before] == [(12.0, None)]


OPEN = replace(QUESTION, technology=None, operator=None, operators=("Viettel",))


def planned(mbps: float, **other: object) -> PredictedUplink:
    values = {"uplink_p50_bps": mbps * 1e6, "sigma_db": 8.0, "technology": "4G"}
    return PredictedUplink(
        **(values | {"computed_at": NOW - timedelta(days=2)} | other)  # type: ignore[arg-type]  # mixed keywords
    )


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (planned(0.01, operator="Vinaphone"), "plan_other_operator"),
        (planned(0.01, operator="Viettel", synthetic=True), "plan_synthetic"),
        (planned(0.01, operator="Viettel", technology="5G"), "plan_other_technology"),
    ],
)
def test_a_plan_that_is_none_of_the_sites_decides_nothing_and_is_named(
    plan: PredictedUplink, code: str
) -> None:
    question = replace(OPEN, technologies=("4G",))
    verdict = judge(question, Evidence(predictions=(plan,)), now=NOW)
    assert verdict.state is State.UNKNOWN
    assert codes(verdict) == ["no_evidence", code]
    tested = Evidence(tests=(measured(30.0),))
    beside = judge(question, replace(tested, predictions=(plan,)), now=NOW)
    assert beside.probability == judge(question, tested, now=NOW).probability
    assert code in codes(beside)


@pytest.mark.parametrize("written", ["VIETTEL", " viettel", "Viet-tel", "Việttel"])
def test_an_operator_is_the_same_however_it_is_written(written: str) -> None:
    plan = Evidence(predictions=(planned(9.0, operator=written),))
    assert judge(OPEN, plan, now=NOW).probability is not None
    test = Evidence(tests=(measured(30.0, operator=written),))
    assert judge(QUESTION, test, now=NOW).state is State.READY
    assert judge(QUESTION, test, now=NOW).better_operator is None
    weak = Evidence(tests=(measured(1.0), measured(40.0, operator=written, minutes_ago=60.0)))
    assert judge(QUESTION, weak, now=NOW).better_operator is None


def test_a_technology_that_does_not_reach_takes_nothing_from_the_one_that_does() -> None:
    four = planned(9.0, operator="Viettel")
    alone = judge(OPEN, Evidence(predictions=(four,)), now=NOW).probability
    assert alone is not None
    for mbps in (0.0, 0.8, 9.0):
        five = planned(mbps, operator="VIETTEL", technology="5G", computed_at=four.computed_at)
        both = judge(OPEN, Evidence(predictions=(four, five)), now=NOW).probability
        # the wider spread of the two counts, never the weaker level
        assert both is not None
        assert both == pytest.approx(alone, abs=0.05)
    better = planned(40.0, operator="Viettel", technology="5G", computed_at=four.computed_at)
    both = judge(OPEN, Evidence(predictions=(four, better)), now=NOW).probability
    assert both is not None
    assert both > alone


def test_an_invented_site_may_rest_on_an_invented_plan() -> None:
    plan = Evidence(predictions=(planned(9.0, operator="viettel", synthetic=True),))
    assert judge(replace(OPEN, synthetic=True), plan, now=NOW).state is State.AT_RISK


def test_neighbours_of_another_operator_say_nothing() -> None:
    around = Evidence(commune_history=tuple(weekly(0.1, operator="Vinaphone")))
    assert judge(OPEN, around, now=NOW).state is State.UNKNOWN
    assert judge(replace(OPEN, operators=()), around, now=NOW).state is State.NOT_READY


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


def test_a_busy_evening_does_not_condemn_the_morning() -> None:
    evening = weekly(1.0, hour_shift=11)  # 20:00, below the need every week
    evidence = Evidence(site_history=(*weekly(40.0), *evening), tests=(measured(40.0),))
    assert judge(QUESTION, evidence, now=NOW).state is State.READY


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
        ReadinessSettings(same_day_scale=0.0)


def test_a_session_that_does_not_last_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="a session that lasts"):
        replace(QUESTION, ends_at=QUESTION.starts_at)
    with pytest.raises(InvalidInputError, match="aware"):
        replace(QUESTION, starts_at=datetime(2026, 11, 28, 9, 0))


def test_what_is_no_verdict_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="not a stored verdict"):
        Verdict.from_dict({"site_id": "binh-lu"})
