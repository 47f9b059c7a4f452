"""How a site stands, in one word: what walls, lists, maps and counts say of it alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lensong.monitoring.live.snapshot import SiteSnapshot

__all__ = [
    "NETWORK_LOOKS_LIKE",
    "STANDINGS",
    "STREAM_LOOKS_LIKE",
    "Seen",
    "Standing",
    "seen_of",
    "standing_of",
]

STREAM_LOOKS_LIKE = {
    "ok": "ready",
    "at_risk": "at_risk",
    "not_ok": "not_ready",
    "down": "not_ready",
    "unknown": "unknown",
}
"""With which of the shapes a stream's state is drawn."""

NETWORK_LOOKS_LIKE = {"gone": "not_ready", "slow": "at_risk"}
"""What a light watch says of the network during a session without a media server."""

Seen = Literal["stream", "no_stream", "network", "nothing"]
"""What is seen of a session at its time: a stream, none, the network alone, nothing."""

STANDINGS = ("not_ready", "at_risk", "unknown", "ready", "idle")
"""The worst first."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a site stands.

    Parameters
    ----------
    state : str
        One of `STANDINGS`; ``idle`` has no session, which is no lack of knowledge.
    key : str
        The message that names it.
    """

    state: str
    key: str


def standing_of(site: SiteSnapshot) -> Standing:
    """Return how a site stands.

    Parameters
    ----------
    site : SiteSnapshot
        As of now: without what is out of date (`freshness.as_of`).

    Notes
    -----
    While a stream is seen, what the viewers get counts more than what was expected; without one,
    so does a network that a light watch finds gone or slow.
    """
    if site.session_id is None:
        return Standing("idle", "state.idle")
    if site.session_live and site.stream is not None:
        return Standing(STREAM_LOOKS_LIKE[site.stream.state], f"stream_state_{site.stream.state}")
    if site.session_live and site.watch is not None and site.watch.state in NETWORK_LOOKS_LIKE:
        return Standing(NETWORK_LOOKS_LIKE[site.watch.state], f"watch.is_{site.watch.state}")
    return Standing(site.readiness_state, f"state.{site.readiness_state}")


def seen_of(site: SiteSnapshot) -> Seen | None:
    """Return what is seen right now of the session whose time it is; None where it is none's.

    Parameters
    ----------
    site : SiteSnapshot
        As of now: without what is out of date (`freshness.as_of`).
    """
    if not site.session_live:
        return None
    if site.stream is not None and site.stream.up is not None:
        return "stream" if site.stream.up else "no_stream"
    watched = site.watch is not None and site.watch.state != "not_watched"
    return "network" if watched else "nothing"
