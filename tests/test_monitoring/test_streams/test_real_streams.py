"""Real programs over a link whose rate changes: ffmpeg to nginx-rtmp, and ffmpeg to SRT."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lensong.monitoring.streams.allowed import AllowList
from lensong.monitoring.streams.health_state import StreamHealth
from lensong.monitoring.streams.polling import WatchedStream
from lensong.monitoring.streams.target import CollectorTarget
from tests import netlab
from tests.test_monitoring.test_streams import media_lab
from tests.test_monitoring.test_streams.stream_watch import CLOCK, CONFIGURED_BPS, Watch, run

pytestmark = [pytest.mark.slow, pytest.mark.alone]


def test_ffmpeg_to_nginx_rtmp_over_a_link_that_falls_below_the_bit_rate(tmp_path: Path) -> None:
    if reason := media_lab.unavailable("nginx"):
        pytest.skip(reason)
    fell_s = rose_s = alarm_s = encoder_alarm_s = 0.0

    with netlab.link() as lab:
        lab.set_rate(up_mbit=3.0)
        url = media_lab.start_nginx(lab, tmp_path)
        progress = tmp_path / "progress.txt"
        address = f"rtmp://{lab.server_address}:{media_lab.RTMP_PORT}/{media_lab.KEY}"
        media_lab.start_ffmpeg(lab, progress, "-f", "flv", address)

        async def scenario(watch: Watch) -> None:
            nonlocal fell_s, rose_s, alarm_s, encoder_alarm_s
            # ten seconds of figures, the connecting not counted
            await watch.until("server", lambda health: (health.received_bps or 0.0) > 2e6)
            assert await watch.until("server", lambda health: (health.lag_s or 0.0) < 0.5)
            await asyncio.sleep(4.0)
            lab.set_rate(up_mbit=1.2)
            fell_s = CLOCK.monotonic_s()
            alarms = [
                watch.until(name, lambda health: health.state in ("at_risk", "not_ok"))
                for name in ("server", "encoder")
            ]
            alarm_s, encoder_alarm_s = await asyncio.gather(*alarms)
            await watch.until("server", lambda health: health.state == "not_ok")
            lab.set_rate(up_mbit=10.0)
            rose_s = CLOCK.monotonic_s()
            await watch.until("server", lambda health: health.state == "ok")

        target = CollectorTarget(kind="nginx_rtmp", url=url, stream_key=media_lab.KEY)
        stream = WatchedStream(site_id="server", target=target, configured_bps=CONFIGURED_BPS)
        allow = AllowList.of(networks=("10.77.0.0/16",))
        watch = run(lab, allow, [stream], scenario, progress=progress)

    assert watch.states("server", before_s=fell_s) <= {"ok", "down"}  # down: not yet connected
    # ten seconds of figures, one every two seconds by the server and one a second by the encoder
    assert watch.told_between("server", fell_s, alarm_s) <= 5
    assert watch.told_between("encoder", fell_s, encoder_alarm_s) <= 10
    _, last, sample = watch.told["server"][-1]
    assert last.state == "ok"
    assert last.lag_s is not None
    assert last.lag_s < 0.5
    assert last.reconnects_total == 0
    assert sample is not None
    assert (sample.width_px, sample.height_px, sample.video_codec) == (640, 360, "H264")
    limited = [
        health.received_bps
        for at_s, health, _ in watch.told["server"]
        if health.state == "not_ok" and at_s < rose_s and health.received_bps is not None
    ]
    # what got through is the rate of the link, less headers
    assert limited
    assert all(0.8e6 < bps < 1.5e6 for bps in limited)
    everything = repr(watch.told)
    assert "5ecr3t" not in everything
    assert lab.phone_address not in everything


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload_under_a_stream_and_two_workers_are_never_off_air(
    tmp_path: Path, workers: int
) -> None:
    """A page shows one worker: as long as the encoder sends, nobody is told that it does not."""
    if reason := media_lab.unavailable("nginx"):
        pytest.skip(reason)

    def codes(health: StreamHealth) -> set[str]:
        return {reason.code for reason in health.reasons}

    began_s = ended_s = reloaded_s = 0.0
    with netlab.link() as lab:
        lab.set_rate(up_mbit=20.0)
        url = media_lab.start_nginx(lab, tmp_path, workers=workers)
        progress = tmp_path / "progress.txt"
        address = f"rtmp://{lab.server_address}:{media_lab.RTMP_PORT}/{media_lab.KEY}"
        encoder = media_lab.start_ffmpeg(lab, progress, "-f", "flv", address)

        async def scenario(watch: Watch) -> None:
            nonlocal began_s, ended_s, reloaded_s
            await watch.until("server", lambda health: health.state == "ok")
            began_s = CLOCK.monotonic_s()
            if workers > 1:
                await watch.until("server", lambda health: "several_workers" in codes(health))
            media_lab.reload_nginx(lab, tmp_path)
            reloaded_s = CLOCK.monotonic_s()
            await watch.until("server", lambda health: health.state == "unknown")
            assert encoder.poll() is None  # it is on the air all the time
            ended_s = CLOCK.monotonic_s()
            again = media_lab.start_ffmpeg(lab, tmp_path / "2.txt", "-f", "flv", f"{address}-2")
            await watch.until("again", lambda health: health.state == "ok")
            assert again.poll() is None

        streams = [
            WatchedStream(
                site_id=name,
                target=CollectorTarget(kind="nginx_rtmp", url=url, stream_key=key),
                configured_bps=CONFIGURED_BPS,
            )
            for name, key in (("server", media_lab.KEY), ("again", f"{media_lab.KEY}-2"))
        ]
        allow = AllowList.of(networks=("10.77.0.0/16",))
        watch = run(lab, allow, streams, scenario, progress=progress)

    told = [health for at_s, health, _ in watch.told["server"] if began_s < at_s < ended_s]
    assert {health.state for health in told} <= {"ok", "unknown"}
    assert all(health.up is not False for health in told)
    last = watch.told["server"][-1][1]
    assert codes(last) <= {"unseen_older_worker", "unseen_several_workers"}
    assert reloaded_s > began_s


def test_key_frames_of_two_streams_at_nginx_rtmp(tmp_path: Path) -> None:
    if reason := media_lab.unavailable("nginx", "ffprobe"):
        pytest.skip(reason)
    every_s = {"often": 2.0, "seldom": 8.0}

    with netlab.link() as lab:
        lab.set_rate(up_mbit=20.0)
        url = media_lab.start_nginx(lab, tmp_path)
        base = f"rtmp://{lab.server_address}:{media_lab.RTMP_PORT}/{media_lab.KEY}"
        streams = []
        for name, interval_s in every_s.items():
            progress = tmp_path / f"{name}.txt"
            address = ("-f", "flv", f"{base}-{name}")
            media_lab.start_ffmpeg(lab, progress, *address, keyframe_every=int(interval_s * 25))
            target = CollectorTarget(
                kind="nginx_rtmp",
                url=url,
                stream_key=f"{media_lab.KEY}-{name}",
                media_url=f"{base}-{name}",
            )
            streams.append(WatchedStream(site_id=name, target=target))

        async def scenario(watch: Watch) -> None:
            for name in every_s:
                await watch.until(name, lambda health: health.keyframe_interval_s is not None)

        allow = AllowList.of(networks=("10.77.0.0/16",))
        watch = run(lab, allow, streams, scenario, progress=tmp_path / "none.txt")

    for name, interval_s in every_s.items():
        last = watch.told[name][-1][1]
        # time stamps are in milliseconds
        assert last.keyframe_interval_s == pytest.approx(interval_s, abs=0.002)
        warned = [reason for reason in last.reasons if reason.code == "keyframe_interval"]
        assert [reason.severity for reason in warned] == (["warning"] if interval_s > 4.0 else [])
        assert last.state == "ok"
    assert "5ecr3t" not in repr(watch.told)


def test_ffmpeg_to_srt_with_losses_that_it_repairs_and_with_more(tmp_path: Path) -> None:
    if reason := media_lab.unavailable("srt-live-transmit", "iptables"):
        pytest.skip(reason)
    worse_s = alarm_s = 0.0

    with netlab.link() as lab:
        lab.set_rate(up_mbit=8.0)
        lab.set_loss(up_ratio=0.02)
        statistics = media_lab.start_srt(lab, tmp_path)
        progress = tmp_path / "progress.txt"
        address = f"srt://{lab.server_address}:{media_lab.SRT_PORT}?mode=caller&latency=200000"
        media_lab.start_ffmpeg(lab, progress, "-f", "mpegts", address)

        async def scenario(watch: Watch) -> None:
            nonlocal worse_s, alarm_s
            await watch.until("server", lambda health: (health.loss_ratio or 0.0) > 0.0)
            await watch.until("server", lambda health: (health.received_bps or 0.0) > 2e6)
            await asyncio.sleep(4.0)
            lab.set_loss(up_ratio=0.25)
            worse_s = CLOCK.monotonic_s()
            alarm_s = await watch.until("server", lambda health: health.state == "not_ok")

        stream = WatchedStream(
            site_id="server",
            target=CollectorTarget(kind="srt", url=statistics.as_uri()),
            configured_bps=CONFIGURED_BPS,
        )
        allow = AllowList.of(folders=[tmp_path])
        watch = run(lab, allow, [stream], scenario, progress=progress)

    assert watch.states("server", before_s=worse_s) <= {"ok", "down", "unknown"}
    before = [
        health.loss_ratio
        for at_s, health, _ in watch.told["server"]
        if at_s < worse_s and health.loss_ratio is not None
    ]
    # asked for 2 %, of some 2,000 packets
    assert 0.005 < before[-1] < 0.045
    assert watch.told_between("server", worse_s, alarm_s) <= 5
    _, last, sample = watch.told["server"][-1]
    assert {reason.code for reason in last.reasons} & {"srt_loss", "starving"}
    assert sample is not None
    assert sample.srt_latency_ms == 200.0
    assert sample.rtt_ms is not None
    assert watch.told["encoder"][-1][1].received_bps is not None
