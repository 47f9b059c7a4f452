"""`lensong probe --watch` against the real app over a socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from lensong.cli.main import lensong
from lensong.monitoring.clock import SystemClock
from lensong.monitoring.probe.client import NotMeasuredError
from lensong.monitoring.probe.watching import WatchNews, WatchSummary, watch_network
from lensong.monitoring.records import Motion
from lensong.monitoring.uplink.channel import Channel
from tests.running_service import Running, running_service, sqlite_url
from tests.served import served

pytestmark = pytest.mark.anyio


async def watch(address: str, token: str, seconds: float) -> tuple[WatchSummary, list[WatchNews]]:
    told: list[WatchNews] = []
    summary = await watch_network(
        address,
        token,
        seconds=seconds,
        client_id="tester",
        clock=SystemClock(),
        motion=Motion.AT_REST,
        news=told.append,
    )
    return summary, told


@pytest.mark.slow
async def test_a_watch_goes_on_over_a_lost_connection(tmp_path: Path) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        token = await running.token("site", "binh-lu")
        desk = running.service.watches

        async def cut() -> None:
            while (channel := desk.channel_of("binh-lu", "tester")) is None:
                await asyncio.sleep(0.05)
            await asyncio.sleep(1.5)
            assert isinstance(channel, Channel)
            assert channel.wire is not None
            channel.wire.abort()

        async with served(running.app) as address:
            (summary, told), _ = await asyncio.gather(watch(address, token, 6.0), cut())
        assert summary.server is not None
        assert summary.connections == 2
        assert summary.server["received"] == summary.answered
        assert told[-1].elapsed_s >= 4.0
        (part,) = running.service.watches._left
        assert (part.client_id, part.motion) == ("tester", Motion.AT_REST)


async def test_a_refusal_is_told_at_once(light: Running) -> None:
    async with served(light.app) as address:
        with pytest.raises(NotMeasuredError) as refused:
            await watch(address, "nobody's", 3_600.0)
    assert refused.value.code == "bad_token"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--watch", "2h", "--every", "30m"], "choose one"),
        (["--watch", "2h", "--once"], "choose one"),
        (["--moving", "no"], "--watch"),
        (["--watch", "2 weeks"], "duration"),
    ],
)
def test_options_that_do_not_go_together(options: list[str], says: str) -> None:
    given = ["probe", "--server", "http://127.0.0.1:1", "--token", "t", *options]
    done = CliRunner().invoke(lensong, given)
    assert done.exit_code == 2
    assert says in done.output
