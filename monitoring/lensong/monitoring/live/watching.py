"""Between the light watches and the store: who may watch, and what the verdicts learn of it."""

from __future__ import annotations

from functools import partial

from lensong.monitoring.access import Action
from lensong.monitoring.clock import Clock
from lensong.monitoring.errors import BusyError, ClockFaultError, StoreUnavailableError
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.live.identities import Identities
from lensong.monitoring.live.ingest import Ingest
from lensong.monitoring.live.snapshot import WatchSnapshot
from lensong.monitoring.records import WatchPart
from lensong.monitoring.store.watches import put_watch_parts
from lensong.monitoring.store.writer import Writer
from lensong.monitoring.uplink.refusals import Refusal
from lensong.monitoring.watch.account import NetworkState
from lensong.monitoring.watch.desk import WatchDesk

__all__ = ["watch_desk", "watched_sites"]

_AT_ONCE = 500
"""Parts of one commit, so that reports hardly wait."""

_JUDGE_EVERY_S = 300.0
"""A watch brings evidence every second; a verdict hardly moves in less than this [s]."""


def watch_desk(
    identities: Identities,
    directory: Directory,
    writer: Writer,
    ingest: Ingest,
    clock: Clock,
    *,
    most: int,
) -> WatchDesk:
    """Return the desk of a service's watches, which stores what they see."""
    judged_s: dict[str, float] = {}

    async def authorize(token: str, address: str) -> str | Refusal:
        try:
            principal = await identities.by_token(token, address)
        except (StoreUnavailableError, ClockFaultError):
            return Refusal("unavailable", 30.0)
        except BusyError as error:
            return Refusal("too_many_strangers", error.retry_after_s)
        if principal is None or not principal.may(Action.TEST):
            return Refusal("bad_token")
        if principal.scope not in directory.sites:
            return Refusal("bad_token")
        return principal.scope

    async def keep(parts: list[WatchPart]) -> None:
        # a site may have been deleted while it was watched
        known = [part for part in parts if part.site_id in directory.sites]
        for at in range(0, len(known), _AT_ONCE):
            some = known[at : at + _AT_ONCE]
            await writer.run(partial(put_watch_parts, parts=some))
        now_s = clock.monotonic_s()
        for part in known:
            away = bool(part.outages_s)
            if away or now_s - judged_s.get(part.site_id, -_JUDGE_EVERY_S) >= _JUDGE_EVERY_S:
                judged_s[part.site_id] = now_s
                ingest.put_back(part.site_id, set())

    return WatchDesk(authorize, keep, clock, most=most)


def watched_sites(desk: WatchDesk) -> dict[str, WatchSnapshot]:
    """Return what the watches of a desk say of every site that was watched since the start."""
    now = desk.sites()
    found: dict[str, WatchSnapshot] = {}
    for site_id, totals in desk.all_totals().items():
        seen = now.get(site_id)
        found[site_id] = WatchSnapshot(
            state=NetworkState.NOT_WATCHED.value if seen is None else seen.state.value,
            gone_s=None if seen is None else seen.gone_s,
            rtt_s=None if seen is None or seen.rtt_ms is None else seen.rtt_ms / 1e3,
            watched_s=totals.watched_s,
            outages=totals.outages,
            outage_s=totals.outage_s,
        )
    return found
