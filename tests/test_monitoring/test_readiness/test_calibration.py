"""What past sessions say about the model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lensong.monitoring.readiness import FinishedSession, ReadinessSettings
from lensong.monitoring.readiness.calibration import calibrate
from lensong.monitoring.records import SessionOutcome, ToldBy

SETTINGS = ReadinessSettings()
NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


def session(
    said: float | None,
    outcome: SessionOutcome = SessionOutcome.HELD,
    told_by: ToldBy = ToldBy.MEDIA_SERVER,
) -> FinishedSession:
    return FinishedSession(
        ended_at=NOW - timedelta(days=1),
        site_id="elsewhere",
        outcome=outcome,
        uplink_required_bps=2.8e6,
        predicted_probability=said,
        told_by=told_by,
    )


def test_without_sessions_the_model_stands() -> None:
    found = calibrate([], SETTINGS)
    assert found.ratio == 1.0
    assert found.applied(0.93) == pytest.approx(0.93)


def test_as_many_failures_as_were_said_change_nothing() -> None:
    said = [session(0.9)] * 18 + [session(0.9, SessionOutcome.FROZE)] * 2
    assert calibrate(said, SETTINGS).ratio == pytest.approx(1.0)


def test_three_times_as_many_failures_take_confidence_away() -> None:
    said = [session(0.9)] * 14 + [session(0.9, SessionOutcome.LOST)] * 6
    found = calibrate(said, SETTINGS)
    assert found.ratio == pytest.approx(7.0 / 3.0)
    assert found.applied(0.97) == pytest.approx(1.0 - 0.07)


def test_sessions_that_all_held_never_make_the_model_surer_than_it_is() -> None:
    assert calibrate([session(0.9)] * 60, SETTINGS).applied(0.93) == pytest.approx(0.93)


def test_a_persons_word_weighs_less_than_a_media_servers_figure() -> None:
    by_server = [session(0.9, SessionOutcome.FROZE)] * 4
    by_people = [session(0.9, SessionOutcome.FROZE, told_by=ToldBy.PERSON)] * 4
    assert 1.0 < calibrate(by_people, SETTINGS).ratio < calibrate(by_server, SETTINGS).ratio


def test_a_session_without_a_verdict_says_nothing_of_the_model() -> None:
    assert calibrate([session(None, SessionOutcome.FROZE)] * 9, SETTINGS).ratio == 1.0
