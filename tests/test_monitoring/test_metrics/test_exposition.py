from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable

import pytest

from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.live.snapshot import ServiceSnapshot
from lensong.monitoring.metrics.exposition import Exposition, Part, accepts
from lensong.monitoring.metrics.own_counters import ServiceMetrics
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.propagation.errors import DataError
from tests.test_monitoring.test_metrics.full_snapshot import (
    NOW,
    TurnedClock,
    empty_site,
    full_site,
    full_snapshot,
)
from tests.waiting import PATIENCE_S

PROFILE = DEFAULT_PROFILES[0]


class Source:
    """Counts how often it is asked, and by how many at once."""

    def __init__(self, take: Callable[[], ServiceSnapshot]) -> None:
        self._take = take
        self.asked = self.at_once = self.most_at_once = 0

    def __call__(self) -> ServiceSnapshot:
        assert threading.current_thread() is not threading.main_thread()
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self._take()
        finally:
            self.at_once -= 1


def two_sites() -> ServiceSnapshot:
    return ServiceSnapshot(taken_at=NOW, sites=(full_site(), empty_site()))


def test_scrapes_at_once_share_one_snapshot_and_one_rendering() -> None:
    async def run() -> None:
        release = threading.Event()

        def slow() -> ServiceSnapshot:
            assert release.wait(PATIENCE_S)
            return two_sites()

        source = Source(slow)
        exposition = Exposition(source, TurnedClock())
        scrapes = [asyncio.create_task(exposition.page()) for _ in range(20)]
        scrapes += [asyncio.create_task(exposition.page(accept_encoding="gzip")) for _ in range(20)]
        await asyncio.sleep(0)
        release.set()
        pages = await asyncio.gather(*scrapes)
        assert (source.asked, source.most_at_once) == (1, 1)
        assert len({id(page) for page in pages}) == 2

    asyncio.run(run())


def test_a_page_is_kept_for_five_seconds_and_made_anew_after() -> None:
    async def run() -> None:
        clock, source = TurnedClock(), Source(two_sites)
        exposition = Exposition(source, clock)
        first = await exposition.page()
        clock.turn(4.9)
        assert await exposition.page() is first
        clock.turn(0.1)
        second = await exposition.page()
        assert second is not first
        assert source.asked == 2

    asyncio.run(run())


def test_no_page_shows_a_snapshot_older_than_the_cache() -> None:
    async def run() -> None:
        clock, source = TurnedClock(), Source(two_sites)
        exposition = Exposition(source, clock)
        await exposition.page()
        clock.turn(4.0)
        await exposition.page(accept_encoding="gzip")  # made of the snapshot that is there
        assert source.asked == 1
        clock.turn(1.0)
        await exposition.page(accept_encoding="gzip")
        assert source.asked == 2

    asyncio.run(run())


def test_a_value_that_grows_old_goes_even_if_the_snapshot_stands_still() -> None:
    async def run() -> None:
        clock = TurnedClock()
        exposition = Exposition(two_sites, clock)
        assert b"lensong_stream_lag_seconds" in (await exposition.page()).body
        clock.turn(60.0)
        assert b"lensong_stream_lag_seconds" not in (await exposition.page()).body

    asyncio.run(run())


def test_a_failure_is_told_to_all_who_wait_and_not_kept() -> None:
    async def run() -> None:
        answers: list[ServiceSnapshot | DataError] = [DataError("broken"), two_sites()]

        def take() -> ServiceSnapshot:
            answer = answers.pop(0)
            if isinstance(answer, DataError):
                raise answer
            return answer

        exposition = Exposition(take, TurnedClock())
        both = await asyncio.gather(exposition.page(), exposition.page(), return_exceptions=True)
        assert [type(answer) for answer in both] == [DataError, DataError]
        assert b"lensong_info" in (await exposition.page()).body

    asyncio.run(run())


def test_a_client_that_leaves_does_not_make_the_next_start_again() -> None:
    async def run() -> None:
        release = threading.Event()

        def slow() -> ServiceSnapshot:
            assert release.wait(PATIENCE_S)
            return two_sites()

        source = Source(slow)
        exposition = Exposition(source, TurnedClock())
        leaving = asyncio.create_task(exposition.page())
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        staying = asyncio.create_task(exposition.page())
        await asyncio.sleep(0)
        release.set()
        assert b"lensong_info" in (await staying).body
        assert source.asked == 1

    asyncio.run(run())


def test_formats_and_packing_follow_the_headers() -> None:
    async def run() -> None:
        exposition = Exposition(two_sites, TurnedClock(), service=ServiceMetrics())
        prometheus = (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
            "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        )
        plain = await exposition.page(accept="text/html, */*")
        packed = await exposition.page(accept=prometheus, accept_encoding="gzip")
        assert plain.content_type == "text/plain; version=0.0.4; charset=utf-8"
        assert plain.content_encoding is None
        assert packed.content_type.startswith("application/openmetrics-text; version=1.0.0")
        assert packed.content_encoding == "gzip"
        text = gzip.decompress(packed.body)
        assert text.endswith(b"# EOF\n")
        assert text.count(b"# EOF") == 1
        assert b"# TYPE lensong info\n" in text
        assert b"# TYPE lensong_probes counter\n" in text
        assert b"# TYPE lensong_probes_total counter\n" in plain.body

    asyncio.run(run())


@pytest.mark.parametrize(
    ("header", "wanted"),
    [("gzip", True), ("GZIP ; q=1.0", True), ("gzip;q=0", False), ("gzip;q=0.000", False),
     ("gzip;q=0.001", True), ("x-gzip", False), ("", False), ("br, gzip;q=oops", True)],
)  # fmt: skip
def test_what_a_header_accepts(header: str, wanted: bool) -> None:
    assert accepts(header, "gzip") is wanted


def test_a_page_can_be_shared_out_by_commune_without_telling_anything_twice() -> None:
    async def run() -> None:
        exposition = Exposition(
            lambda: full_snapshot(9, communes=3), TurnedClock(), service=ServiceMetrics()
        )
        whole = (await exposition.page(part=Part.SITES)).body.splitlines()
        parts = [
            (await exposition.page(communes=communes)).body.splitlines()
            for communes in (["00000", "00002"], ["00001"])
        ]
        assert sorted(line for line in whole if not line.startswith(b"#")) == sorted(
            line for part in parts for line in part if not line.startswith(b"#")
        )
        service = (await exposition.page(part=Part.SERVICE)).body
        everything = (await exposition.page()).body
        assert b"lensong_http_requests" in service
        assert b"site=" not in service
        assert b"lensong_http_requests" in everything
        assert b"site=" in everything
        with pytest.raises(NotFoundError, match="99999"):
            await exposition.page(communes=["00000", "99999"])

    asyncio.run(run())


def test_the_number_of_pages_that_are_kept_is_bounded() -> None:
    async def run() -> None:
        exposition = Exposition(lambda: full_snapshot(40, communes=40), TurnedClock())
        for n in range(40):
            await exposition.page(communes=[f"{n:05d}"])
        assert len(exposition._pages) <= 16

    asyncio.run(run())


def values(body: bytes) -> dict[str, float]:
    lines = (line for line in body.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_a_probe_says_whether_the_last_test_carried_the_profile() -> None:
    async def run() -> None:
        clock = TurnedClock()
        exposition = Exposition(two_sites, clock)
        light, heavy = (
            p for p in DEFAULT_PROFILES if p.code in ("tiktok-720p30", "youtube-1080p30")
        )
        page = values((await exposition.probe("binh-lu-cho", light)).body)
        assert page["probe_success"] == 1.0
        assert page["probe_uplink_required_bytes_per_second"] == 348_210.0
        assert page['lensong_readiness_state{state="at_risk"}'] == 1.0
        page = values((await exposition.probe("binh-lu-cho", heavy)).body)
        assert page["probe_success"] == 0.0
        page = values((await exposition.probe("nam-loong", light)).body)
        assert page["probe_success"] == 0.0
        assert not any(name.startswith("lensong_uplink_throughput") for name in page)
        clock.turn(24 * 3_600.0)
        page = values((await exposition.probe("binh-lu-cho", light)).body)
        assert page["probe_success"] == 0.0

    asyncio.run(run())


def test_a_probe_of_an_unknown_site_is_not_found() -> None:
    async def run() -> None:
        with pytest.raises(NotFoundError, match="no site 'nowhere'"):
            await Exposition(two_sites, TurnedClock()).probe("nowhere", PROFILE)

    asyncio.run(run())


def test_a_probe_that_would_come_too_late_fails_in_time() -> None:
    async def run() -> None:
        release = threading.Event()

        def stuck() -> ServiceSnapshot:
            release.wait(PATIENCE_S)
            return two_sites()

        exposition = Exposition(stuck, TurnedClock())
        page = await exposition.probe("binh-lu-cho", PROFILE, limit_s=0.01)
        release.set()
        assert values(page.body) == {"probe_success": 0.0, "probe_duration_seconds": 0.0}
        assert (await exposition.current()).sites  # the work went on and is there for the next

    asyncio.run(run())
