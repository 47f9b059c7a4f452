from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from lensong.monitoring.clock import Clock
from lensong.monitoring.probe.client import Measured, NotMeasuredError, Progress, server_address
from lensong.monitoring.probe.modem import NO_SIGNAL, Signal
from lensong.monitoring.probe.prober import Prober
from lensong.monitoring.probe.report_queue import ReportQueue
from lensong.monitoring.probe.timetable import QuietHours
from lensong.monitoring.web.api.shapes import MeasurementsIn
from lensong.propagation.errors import ConfigError

SERVER = "https://live.example.vn"
RESULT = {
    "type": "result",
    "test_id": "5f0c",
    "uplink_bins_bps": [3e6] * 27,
    "uplink_p10_bps": 2.9e6,
    "uplink_p50_bps": 3e6,
    "uplink_min_bps": 2.5e6,
    "uplink_mean_bps": 3e6,
    "burst_only": False,
    "rtt_idle_ms": 60.0,
    "rtt_loaded_ms": None,
    "jitter_ms": None,
    "duration_s": 30.02,
    "received_bytes": 11_250_000,
}


class FakeClock:
    def __init__(self) -> None:
        self.passed_s = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 28, 2, 0, tzinfo=UTC) + timedelta(seconds=self.passed_s)

    def monotonic_s(self) -> float:
        return self.passed_s

    def wait(self, seconds: float) -> None:
        assert seconds > 0.0
        self.passed_s += seconds


@dataclass
class Measure:
    clock: FakeClock
    outcomes: Iterator[Measured | NotMeasuredError]
    times: list[datetime] = field(default_factory=list)

    async def __call__(
        self,
        server: str,
        token: str,
        *,
        seconds: int,
        client_id: str,
        clock: Clock,
        progress: Progress,
    ) -> Measured:
        assert (server, token, seconds) == (SERVER, "secret", 30)
        assert client_id
        self.times.append(clock.now())
        progress("uploading", 30.0, 30.0)
        self.clock.passed_s += 32.0
        outcome = next(self.outcomes)
        if isinstance(outcome, NotMeasuredError):
            raise outcome
        return outcome


class Network:
    """Answers as the service does, while it is there."""

    def __init__(self) -> None:
        self.there = True
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not self.there:
            raise httpx.ConnectError("no network")
        if request.method == "GET":
            return httpx.Response(200, json={"site": "binh-lu"})
        body = json.loads(request.content)
        MeasurementsIn.model_validate(body)  # what the service takes, and nothing else
        self.bodies.append(body)
        fates = [{"seq": report["seq"], "fate": "created"} for report in body["measurements"]]
        return httpx.Response(201, json=fates)

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [report for body in self.bodies for report in body["measurements"]]


@dataclass
class Bench:
    prober: Prober
    clock: FakeClock
    network: Network
    measure: Measure


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    clock, network = FakeClock(), Network()
    measure = Measure(clock, itertools.repeat(Measured(result=RESULT, loss_ratio=0.01)))
    prober = Prober(
        server=SERVER,
        token="secret",
        seconds=30,
        queue=ReportQueue(tmp_path / "q"),
        client=httpx.Client(transport=httpx.MockTransport(network)),
        clock=clock,
        measure=measure,
        signal=lambda: Signal(technology="4G", operator="Viettel", rsrp_dbm=-98.0),
    )
    yield Bench(prober, clock, network, measure)
    prober.client.close()
    prober.queue.close()


def test_a_test_is_reported_with_its_figures_and_the_signal(bench: Bench) -> None:
    probed = bench.prober.once()
    assert probed.delivered.delivered == 1
    (report,) = bench.network.reports
    assert report == probed.report | {"seq": 1}
    assert (report["method"], report["result"], report["test_id"]) == ("cli", "success", "5f0c")
    assert (report["started_at"], report["sent_bytes"]) == ("2026-11-28T02:00:00Z", 11_250_000)
    assert (report["loss_ratio"], report["rsrp_dbm"]) == (0.01, -98.0)
    assert "rtt_loaded_ms" not in report  # unknown is absent
    assert "sinr_db" not in report


def test_a_failed_test_is_a_report_with_its_reason(bench: Bench) -> None:
    bench.measure.outcomes = iter(
        [NotMeasuredError("failure", "stalled", "no data", test_id="7a", sent_bytes=900)]
    )
    probed = bench.prober.once()
    assert probed.queued
    (report,) = bench.network.reports
    assert (report["result"], report["failure_reason"]) == ("failure", "stalled")
    assert (report["sent_bytes"], report["test_id"]) == (900, "7a")


def test_a_test_that_was_refused_before_it_began_is_no_measurement(bench: Bench) -> None:
    bench.measure.outcomes = iter([NotMeasuredError("refused", "too_soon", "wait a little")])
    probed = bench.prober.once()
    assert not probed.queued
    assert not bench.network.reports


def test_offline_reports_wait_and_arrive_with_the_next_test(bench: Bench) -> None:
    bench.network.there = False
    assert bench.prober.once().delivered.waiting == 1
    bench.network.there = True
    assert bench.prober.once().delivered.delivered == 2
    assert [report["seq"] for report in bench.network.reports] == [1, 2]


def test_tests_repeat_at_even_times_and_sleep_at_night(bench: Bench) -> None:
    evening = QuietHours(begins=time(0), ends=time(23))
    every = timedelta(minutes=30)
    local = bench.clock.now().astimezone()
    tests = bench.prober.repeat(every=every, quiet=None, wait=bench.clock.wait)
    list(itertools.islice(tests, 4))
    gaps = {b - a for a, b in itertools.pairwise(bench.measure.times)}
    assert gaps == {every}
    assert bench.measure.times[0] - local <= every
    quiet_tests = bench.prober.repeat(every=every, quiet=evening, wait=bench.clock.wait)
    next(quiet_tests)
    assert bench.measure.times[-1].astimezone().hour == 23


def test_reports_of_three_offline_days_are_delivered_as_soon_as_there_is_a_network(
    bench: Bench,
) -> None:
    bench.network.there = False
    every = timedelta(minutes=30)
    tests = bench.prober.repeat(every=every, quiet=None, wait=bench.clock.wait)
    list(itertools.islice(tests, 144))
    assert bench.prober.queue.count(SERVER) == 144
    back_s = bench.clock.passed_s

    def wait(seconds: float) -> None:
        bench.clock.wait(seconds)
        bench.network.there = True

    # between two tests, not only with the next
    next(bench.prober.repeat(every=every, quiet=None, wait=wait))
    assert len(bench.network.bodies) >= 2
    first = datetime.fromisoformat(bench.network.bodies[0]["sent_at"])
    assert (first - bench.measure.times[-1]).total_seconds() < 0.0
    assert bench.clock.passed_s - back_s < 2_000.0
    assert sorted(report["seq"] for report in bench.network.reports) == list(range(1, 146))


def test_without_a_modem_the_signal_is_absent(bench: Bench) -> None:
    bench.prober.signal = lambda: NO_SIGNAL
    bench.prober.once()
    assert not {"technology", "operator", "rsrp_dbm", "sinr_db"} & bench.network.reports[0].keys()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("https://live.example.vn/", "https://live.example.vn"),
        ("http://127.0.0.1:8790", "http://127.0.0.1:8790"),
        ("https://example.vn/lensong/", "https://example.vn/lensong"),
    ],
)
def test_addresses_of_servers(given: str, wanted: str) -> None:
    assert server_address(given) == wanted


@pytest.mark.parametrize("given", ["", "live.example.vn", "ftp://x", "https://", "http://x/?a=1"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match="https://live"):
        server_address(given)
