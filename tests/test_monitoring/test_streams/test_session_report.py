"""What a session came to, out of healths that were kept, and what verdicts learn from it."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.readiness.verdict import State as Readiness
from lensong.monitoring.readiness.verdict import Verdict
from lensong.monitoring.records import SessionOutcome
from lensong.monitoring.streams.health_state import Reason, State, StreamHealth
from lensong.monitoring.streams.session_report import (
    SessionReport,
    finished_session,
    report_session,
)
from lensong.propagation.errors import InvalidInputError
from tests.test_monitoring.test_streams.simulated_stream import START, Server, Stream, watch

HOUR = timedelta(hours=1)
SENT_BPS = 2.6e6
VERDICT = Verdict(
    site_id="binh-lu", profile_code="720p", starts_at=START, ends_at=START + HOUR,
    judged_at=START - HOUR, state=Readiness.READY, probability=0.93, uplink_required_bps=2.8e6,
    uplink_safe_bps=3.4e6, predicted_log10_bps=6.8, model_version="test",
)  # fmt: skip


def past_session(
    told: SessionReport, verdict: Verdict | None, *, technology: str | None
) -> FinishedSession | None:
    return finished_session(
        told, verdict, site_id="binh-lu", technology=technology, uplink_required_bps=2.8e6
    )


def health(t_s: float, state: State = "ok", code: str | None = None, **given: Any) -> StreamHealth:
    severity: Any = {"ok": "info"}.get(state, state)
    values: dict[str, Any] = {
        "up": state not in ("down", "unknown"),
        "publisher_since": START,
        "lag_s": 0.1 if state != "down" else None,
        "received_bps": SENT_BPS if state != "down" else None,
        "reasons": (Reason(code=code, severity=severity),) if code else (),
    }
    at = START + timedelta(seconds=t_s)
    return StreamHealth(at=at, since=at, state=state, **values | given)


def every_2_s(begin_s: float, end_s: float, *args: Any, **given: Any) -> list[StreamHealth]:
    count = int((end_s - begin_s) / 2.0)
    return [health(begin_s + 2.0 * n, *args, **given) for n in range(count)]


def report(healths: list[StreamHealth], duration_s: float = 3_600.0) -> SessionReport:
    return report_session(
        healths,
        starts_at=START,
        ends_at=START + timedelta(seconds=duration_s),
        configured_bps=SENT_BPS,
        verdict=VERDICT,
    )


def test_a_session_that_held_gives_a_lower_bound() -> None:
    told = report(every_2_s(0, 3_600))
    assert told.held is True
    assert told.seconds == pytest.approx(
        {"ok": 3_600, "at_risk": 0, "not_ok": 0, "down": 0, "unknown": 0, "unobserved": 0}
    )
    assert told.received_p50_bps == SENT_BPS
    assert told.carried_bps == pytest.approx(1.06 * SENT_BPS)
    assert told.first_trouble_at is None
    assert (told.promised_state, told.promised_probability) == ("ready", 0.93)
    assert told.promised_safe_bps == 3.4e6
    past = past_session(told, VERDICT, technology="4G")
    assert past is not None
    assert past.held
    assert past.carried_bps == pytest.approx(1.06 * SENT_BPS)
    assert past.predicted_probability == 0.93
    assert past.watched_s == pytest.approx(3_600.0)
    assert told.held_strictly is True
    assert past.technology == "4G"
    assert past.ended_at == START + timedelta(seconds=3_598)


def test_a_session_that_fell_behind_shows_the_rate_of_its_link() -> None:
    link_bps = 1.2e6

    def lagging(t: float) -> StreamHealth:
        lag_s = (t - 1_000.0) * (1.0 - link_bps / SENT_BPS)
        return health(t, "not_ok", "lag", lag_s=lag_s, received_bps=link_bps)

    bad = [lagging(1_000.0 + 2.0 * n) for n in range(1, 30)]
    told = report([*every_2_s(0, 1_000), *bad, *every_2_s(1_060, 3_600)])
    assert told.held is False
    assert told.first_trouble_at == START + timedelta(seconds=1_002)
    assert told.first_trouble_code == "lag"
    assert told.lag_max_s == pytest.approx(58 * (1.0 - link_bps / SENT_BPS))
    assert told.lag_max_at == START + timedelta(seconds=1_058)
    assert told.seconds["not_ok"] == pytest.approx(58.0)
    # for 10 of these 58 s the picture may stand still
    assert told.carried_bps is not None
    assert 1.06 * link_bps < told.carried_bps < 1.06 * link_bps * 58 / 46
    assert told.breach == "freeze_long"
    past = past_session(told, VERDICT, technology=None)
    assert past is not None
    assert past.outcome is SessionOutcome.FROZE


def test_a_lag_of_two_point_eight_seconds_at_full_rate_has_held() -> None:
    late = every_2_s(1_000, 1_060, "at_risk", "lag", lag_s=2.8)
    told = report([*every_2_s(0, 1_000), *late, *every_2_s(1_060, 3_600)])
    assert told.held is True
    assert told.held_strictly is False
    assert told.freezes == 1
    assert told.frozen_s == pytest.approx(0.8)


def test_an_outage_fails_at_every_rate_and_a_break_is_no_outage() -> None:
    def away(seconds: float) -> SessionReport:
        gone = every_2_s(1_000, 1_000 + seconds, "down", "not_publishing")
        after = every_2_s(
            1_000 + seconds, 3_600, reconnects_total=1,
            publisher_since=START + timedelta(seconds=1_000 + seconds),
        )  # fmt: skip
        return report([*every_2_s(0, 1_000), *gone, *after])

    outage = away(30)
    assert outage.held is False
    assert (outage.outages, outage.outage_longest_s, outage.reconnects) == (1, 30.0, 1)
    past = past_session(outage, VERDICT, technology=None)
    assert past is not None
    assert past.outcome is SessionOutcome.LOST
    assert past.outages_s == (30.0,)
    assert outage.seconds["down"] == 30.0
    pause = away(600)
    assert pause.held is True
    assert pause.outages == 0
    assert pause.seconds["down"] == 600.0
    assert pause.carried_bps == pytest.approx(1.06 * SENT_BPS)


def test_a_new_connection_between_two_looks_is_an_outage_of_its_length() -> None:
    def again(gap_s: float) -> SessionReport:
        began = START + timedelta(seconds=998 + gap_s)
        after = every_2_s(998 + gap_s + 1, 3_600, publisher_since=began, reconnects_total=1)
        return report([*every_2_s(0, 1_000), *after])

    assert again(1.5).held is True
    assert again(1.5).outages == 1
    assert again(8.0).held is True
    assert again(8.0).held_strictly is False
    assert again(12.0).held is False


def test_before_and_after_the_air_nothing_is_held_against_the_link() -> None:
    waiting = every_2_s(0, 600, "down", "not_publishing")
    told = report([*waiting, *every_2_s(600, 3_000), *every_2_s(3_000, 3_600, "down")])
    assert told.held is True
    assert told.on_air_from == START + timedelta(seconds=600)
    assert told.first_trouble_at is None


@pytest.mark.parametrize(
    ("healths", "why"),
    [
        ([], "never_on_air"),
        (every_2_s(0, 100, "down"), "never_on_air"),
        (every_2_s(0, 40), "too_short"),
        ([*every_2_s(0, 400), *every_2_s(400, 600, "unknown"), *every_2_s(600, 700)],
         "too_little_seen"),
        ([*every_2_s(0, 400), *every_2_s(1_000, 1_200)], "too_little_seen"),
        ([*every_2_s(0, 400), *every_2_s(400, 600, "at_risk", "bitrate_reduced")], "rate_reduced"),
    ],
)  # fmt: skip
def test_where_it_cannot_be_told_nothing_is_learnt(healths: list[StreamHealth], why: str) -> None:
    told = report(healths)
    assert told.held is None
    assert told.undecided == why
    assert told.carried_bps is None
    assert past_session(told, VERDICT, technology=None) is None


def test_a_starving_stream_failed_even_without_lag() -> None:
    starving = every_2_s(400, 420, "not_ok", "starving", lag_s=None, received_bps=0.8e6)
    told = report([*every_2_s(0, 400, lag_s=None), *starving, *every_2_s(420, 800, lag_s=None)])
    assert told.held is False
    assert told.lag_max_s is None
    assert told.carried_bps is not None
    assert 1.06 * 0.8e6 < told.carried_bps < 1.06 * SENT_BPS


def test_losses_of_srt_fail_a_session_and_show_no_rate() -> None:
    lossy = every_2_s(400, 420, "not_ok", "srt_loss", lag_s=None)
    told = report([*every_2_s(0, 400, lag_s=None), *lossy])
    assert told.held is False
    assert told.carried_bps is None
    past = past_session(told, VERDICT, technology=None)
    assert past is not None
    assert past.carried_bps is None


def test_without_a_verdict_the_site_still_learns_and_the_report_stands() -> None:
    told = report_session(
        every_2_s(0, 600), starts_at=START, ends_at=START + HOUR, configured_bps=None
    )
    assert told.held is True
    assert told.promised_state is None
    assert told.seconds["unobserved"] == pytest.approx(3_000.0, abs=15.0)
    past = past_session(told, None, technology=None)
    assert past is not None
    assert past.predicted_probability is None


def test_what_was_received_is_weighted_by_time() -> None:
    slow = every_2_s(0, 200, received_bps=1e6)
    fast = [health(200.0 + n / 10.0, received_bps=3e6) for n in range(100)]
    told = report([*slow, *fast], 210.0)
    assert told.received_p10_bps == told.received_p50_bps == 1e6


def test_the_order_of_what_was_kept_does_not_matter_and_json_takes_it() -> None:
    kept = [*every_2_s(0, 500), *every_2_s(500, 520, "at_risk", "lag", lag_s=12.5)]
    assert report(kept) == report(kept[::-1])
    assert json.loads(json.dumps(report(kept).to_dict()))["held"] is False


def test_a_session_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="after"):
        report_session([], starts_at=START, ends_at=START, configured_bps=None)


def test_a_simulated_stream_from_samples_to_the_record() -> None:
    def link_bps(t: float) -> float:
        return 1.5e6 if 600.0 <= t < 640.0 else 5e6

    told = [one for _, one in watch(Stream(bitrate_bps=2.5e6), Server(), link_bps, 1_200.0)]
    found = report(told, 1_200.0)
    assert found.held is False
    assert found.carried_bps is not None
    assert 1.5e6 < found.carried_bps / 1.06 < 2.5e6
    calm = [one for _, one in watch(Stream(), Server(), lambda _: 5e6, 600.0)]
    assert report(calm, 600.0).held is True


def test_one_health_in_ten_seconds_and_every_change_of_state_is_enough() -> None:
    def link_bps(t: float) -> float:
        return 1.5e6 if 600.0 <= t < 660.0 else 5e6

    kept: list[StreamHealth] = []
    for _, one in watch(Stream(bitrate_bps=2.5e6), Server(), link_bps, 1_200.0):
        if not kept or kept[-1].state != one.state or (one.at - kept[-1].at).total_seconds() >= 10:
            kept.append(one)
    assert len(kept) < 130
    found = report(kept, 1_200.0)
    assert found.seconds["unobserved"] < 20.0
    assert found.held is False
    assert found.carried_bps is not None
    assert 1.4e6 < found.carried_bps / 1.06 < 2.5e6


def test_two_healths_of_one_moment_divide_by_nothing() -> None:
    twice = [health(0.0, "not_ok", "starving"), health(0.0, "unknown")]
    assert report(twice).carried_bps is None


states = st.sampled_from(["ok", "at_risk", "not_ok", "down", "unknown"])
any_health = st.builds(
    health,
    st.floats(-100.0, 4_000.0),
    states,
    st.sampled_from([None, "lag", "starving", "srt_loss", "bitrate_reduced"]),
    lag_s=st.one_of(st.none(), st.floats(0.0, 1e6)),
    received_bps=st.one_of(st.none(), st.floats(0.0, 1e10)),
    reconnects_total=st.integers(0, 9),
    publisher_since=st.one_of(
        st.none(), st.floats(-100.0, 4_000.0).map(lambda t: START + timedelta(seconds=t))
    ),
)


@given(st.lists(any_health, max_size=40))
def test_whatever_was_kept_makes_a_report(healths: list[StreamHealth]) -> None:
    told = report(healths)
    assert sum(told.seconds.values()) == pytest.approx(3_600.0)
    assert (told.held is None) == (told.undecided is not None)
    assert told.carried_bps is None or 0.0 <= told.carried_bps < math.inf
    past = past_session(told, VERDICT, technology=None)
    assert past is None or past.held == (told.held is True)
