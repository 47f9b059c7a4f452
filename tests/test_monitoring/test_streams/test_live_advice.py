"""What helps while a stream is in trouble, by platform."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.streams.health_state import Reason, State, StreamHealth
from lensong.monitoring.streams.live_advice import live_advice

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
PROFILES = {profile.code: profile for profile in DEFAULT_PROFILES}


def advice(
    profile: str,
    *,
    language: str = "en",
    state: State = "at_risk",
    code: str = "lag",
    mbps: float | None = 1.7,
) -> list[str]:
    health = StreamHealth(
        at=NOW,
        state=state,
        since=NOW,
        reasons=(Reason(code=code, severity="at_risk"),),
        received_bps=None if mbps is None else mbps * 1e6,
    )
    return live_advice(health, PROFILES[profile], PROFILES.values(), language)


def test_a_seller_on_tiktok_is_told_what_its_app_can_do() -> None:
    said = advice("tiktok-720p30")
    assert said[0] == "1.7 Mbit/s holds now: 480p."
    assert "no box for the bitrate" in said[1]
    assert not any("Facebook" in text or "Set the bitrate" in text for text in said)
    assert (
        advice("tiktok-720p30", language="vi")[0] == "Lúc này mạng giữ được 1,7 Mbit/s: hình 480p."
    )


def test_a_picture_of_the_own_platform_goes_before_that_of_another() -> None:
    assert advice("tiktok-1080p30", mbps=3.2)[0] == "3.2 Mbit/s holds now: 720p."


def test_where_the_bitrate_can_be_set_it_is_said_how_high() -> None:
    said = advice("facebook-720p30", mbps=2.0)
    assert said[0] == "2 Mbit/s holds now: 480p."
    assert "at most 1.6 Mbit/s" in said[1]


def test_too_little_for_any_picture_and_a_rate_that_nobody_knows() -> None:
    assert "too little for any smaller picture" in advice("tiktok-720p30", mbps=0.2)[0]
    unknown = advice("tiktok-720p30", mbps=None)
    assert "no box for the bitrate" in unknown[0]
    assert not any("Mbit/s" in text for text in unknown)


@pytest.mark.parametrize("state", ["ok", "down", "unknown"])
def test_nothing_is_advised_where_the_uplink_is_not_short(state: State) -> None:
    assert advice("tiktok-720p30", state=state) == []


@pytest.mark.parametrize("code", ["forward_gone", "keyframe_interval", "reconnects"])
def test_trouble_elsewhere_is_not_mended_by_a_smaller_picture(code: str) -> None:
    assert advice("tiktok-720p30", state="not_ok", code=code) == []
