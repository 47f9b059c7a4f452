"""Stream profiles that an empty database starts with; every figure can be edited afterwards.

References
----------
.. [1] Meta, "Live API reference" (bitrates by resolution, key frame every 2 s).
.. [2] YouTube Help, "Choose live encoder settings, bitrates, and resolutions".
.. [3] Twitch, "Broadcasting guidelines".
"""

from __future__ import annotations

from lensong.monitoring.records import StreamProfile, Transport

__all__ = ["ANY_PLATFORM", "DEFAULT_PROFILES"]

ANY_PLATFORM = "Bất kỳ"
"""The platform of a profile that fits all, as it is kept; pages say it in their language."""


def _profile(
    code: str, name: str, platform: str, mbps: float, height_px: int, fps: float, **other: float
) -> StreamProfile:
    return StreamProfile(
        code=code,
        name=name,
        platform=platform,
        video_bps=mbps * 1e6,
        audio_bps=128e3,
        height_px=height_px,
        frame_rate_hz=fps,
        transport=Transport.SRT if "srt_latency_ms" in other else Transport.RTMP,
        **other,
    )


DEFAULT_PROFILES = (
    StreamProfile(  # sound and a still picture: the least that still sells
        code="voice-still",
        name="Tiếng và ảnh tĩnh (voice, still picture)",
        platform=ANY_PLATFORM,
        video_bps=400e3,
        audio_bps=128e3,
        height_px=360,
        frame_rate_hz=10.0,
    ),
    _profile("facebook-360p30", "Facebook 360p", "Facebook", 0.8, 360, 30.0),
    _profile("facebook-480p30", "Facebook 480p", "Facebook", 1.5, 480, 30.0),
    _profile("facebook-720p30", "Facebook 720p", "Facebook", 3.0, 720, 30.0),
    _profile("facebook-1080p30", "Facebook 1080p", "Facebook", 4.5, 1080, 30.0),
    # TikTok publishes no figures: defaults to be calibrated by one's own sessions
    _profile("tiktok-720p30", "TikTok 720p", "TikTok", 2.5, 720, 30.0),
    _profile("tiktok-1080p30", "TikTok 1080p", "TikTok", 4.0, 1080, 30.0),
    _profile("youtube-720p30", "YouTube 720p", "YouTube", 4.0, 720, 30.0),
    _profile("youtube-1080p30", "YouTube 1080p", "YouTube", 10.0, 1080, 30.0),
    _profile("twitch-720p30", "Twitch 720p", "Twitch", 3.0, 720, 30.0),
    _profile("srt-720p30", "SRT 720p", ANY_PLATFORM, 3.0, 720, 30.0, srt_latency_ms=2000.0),
)
