"""What can be done while a stream is in trouble, in words that the seller's own app has."""

from __future__ import annotations

from collections.abc import Iterable

from lensong.monitoring.messages import say
from lensong.monitoring.records import StreamProfile
from lensong.monitoring.streams.health_state import StreamHealth

__all__ = ["live_advice"]

_UPLINK = frozenset(
    (
        "lag",
        "lag_growing",
        "starving",
        "bitrate_reduced",
        "frames_dropped",
        "srt_loss",
        "srt_dropped",
        "stopped",
    )
)
"""Reasons of a stream's health for which the uplink is too little."""
_NO_BITRATE_BOX = frozenset(("tiktok",))
"""Platforms whose app lets nobody choose a bit rate."""


def live_advice(
    health: StreamHealth, profile: StreamProfile, profiles: Iterable[StreamProfile], language: str
) -> list[str]:
    """Return what would help a stream whose uplink carries too little; empty where that is not so.

    Parameters
    ----------
    health : StreamHealth
        Of a session that is on the air.
    profile : StreamProfile
        What it sends.
    profiles : iterable of StreamProfile
        All that are known: the picture that the rate of this moment carries is looked for among
        those of the same platform, and where none is small enough by its height alone among all.
    language : {"vi", "en"}

    Notes
    -----
    What arrives is the rate of the link only while media waits at the sender, which these reasons
    mean. Where the server does not tell the rate nothing is said of a picture.
    """
    if health.state not in ("at_risk", "not_ok"):
        return []
    if not {reason.code for reason in health.reasons} & _UPLINK:
        return []
    said: list[str] = []
    rate_bps = health.received_bps
    if rate_bps is not None:
        height_px = _height_px(rate_bps, profile, list(profiles))
        if height_px is not None:
            said.append(
                say("live.holds", language, rate_mbps=rate_bps / 1e6, height=str(height_px))
            )
        else:
            said.append(say("live.holds_little", language, rate_mbps=rate_bps / 1e6))
    if profile.platform.casefold() in _NO_BITRATE_BOX:
        said.append(say("live.resolution_in_app", language, platform=profile.platform))
    elif rate_bps is not None:
        said.append(say("live.set_rate", language, rate_mbps=0.8 * rate_bps / 1e6))
    said += [say(f"live.{what}", language) for what in ("other_spot", "other_sim", "shorter")]
    return said


def _height_px(
    rate_bps: float, profile: StreamProfile, profiles: list[StreamProfile]
) -> int | None:
    """Return the height of the best picture that a rate carries, below the one that is sent."""
    fits = [
        other
        for other in profiles
        if other.height_px
        and other.height_px < (profile.height_px or 0)
        and other.video_bps + other.audio_bps <= rate_bps
    ]
    own = [other for other in fits if other.platform == profile.platform]
    return max((other.height_px for other in own or fits if other.height_px), default=None)
