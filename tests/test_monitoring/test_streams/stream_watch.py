"""A poller beside real media programs, and what it told of each stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from lensong.monitoring.clock import SystemClock
from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.collecting import read_pushed
from lensong.monitoring.streams.health_state import StreamHealth
from lensong.monitoring.streams.polling import StreamPoller, WatchedStream
from lensong.monitoring.streams.sample import StreamSample
from lensong.monitoring.streams.target import CollectorTarget
from tests import netlab
from tests.test_monitoring.test_streams import media_lab
from tests.waiting import PATIENCE_S

CONFIGURED_BPS = float(media_lab.VIDEO_BPS + media_lab.AUDIO_BPS)
CLOCK = SystemClock()


class Watch:
    """A poller on the server's side, and what it told of each stream."""

    def __init__(self) -> None:
        self.told: dict[str, list[tuple[float, StreamHealth, StreamSample | None]]] = {}
        self._news = asyncio.Condition()

    async def on_health(
        self, site_id: str, _: str | None, sample: StreamSample | None, health: StreamHealth
    ) -> None:
        async with self._news:
            self.told.setdefault(site_id, []).append((CLOCK.monotonic_s(), health, sample))
            self._news.notify_all()

    async def until(self, site_id: str, wanted: Callable[[StreamHealth], bool]) -> float:
        """Return the moment at which a state that is wanted is told, from now on [s]."""
        seen = len(self.told.get(site_id, []))
        async with asyncio.timeout(PATIENCE_S), self._news:
            while True:
                for at_s, health, _ in self.told.get(site_id, [])[seen:]:
                    if wanted(health):
                        return at_s
                    seen += 1
                await self._news.wait()

    def told_between(self, site_id: str, after_s: float, until_s: float) -> int:
        return sum(after_s < at_s <= until_s for at_s, _, _ in self.told[site_id])

    def states(self, site_id: str, *, before_s: float) -> set[str]:
        return {health.state for at_s, health, _ in self.told[site_id] if at_s < before_s}


def run(
    lab: netlab.NetLab,
    allow: AllowList,
    streams: list[WatchedStream],
    scenario: Callable[[Watch], Awaitable[None]],
    *,
    progress: Path,
) -> Watch:
    """Poll on the server's side, and send what ffmpeg writes, until a scenario is over."""

    async def send_progress(poller: StreamPoller, stream: WatchedStream) -> None:
        while True:
            text = progress.read_text() if progress.exists() else ""
            await poller.push(stream, read_pushed("ffmpeg", text, at=CLOCK.now()))
            await asyncio.sleep(1.0)

    async def whole() -> Watch:
        watch = Watch()
        async with GuardedClient(allow) as http:
            poller = StreamPoller(http, watch.on_health, clock=CLOCK)
            encoder = WatchedStream(
                site_id="encoder",
                target=CollectorTarget(kind="ffmpeg"),
                configured_bps=CONFIGURED_BPS,
            )
            poller.watch([*streams, encoder])
            tasks = [
                asyncio.create_task(poller.run()),
                asyncio.create_task(send_progress(poller, encoder)),
            ]
            try:
                await scenario(watch)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        return watch

    with lab.inside("server"):
        return asyncio.run(whole())
