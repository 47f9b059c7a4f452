"""Delivery to a service that fails in every way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensong.monitoring.probe.delivery import BATCH, Backoff, Delivered, deliver
from lensong.monitoring.probe.report_queue import ReportQueue

SERVER = "https://live.example.vn"
TOKEN = "token-of-binh-lu"


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 28, 2, 0, tzinfo=UTC)

    def monotonic_s(self) -> float:
        return 0.0


class Service:
    """Stores reports by their key; fails as it is told, before or after storing."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, int], dict[str, Any]] = {}
        self.bodies: list[dict[str, Any]] = []
        self.doubled = 0
        self.next: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
        self.after: Callable[[], None] = lambda: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        if request.url.path == "/uplink/v1/limits":
            return httpx.Response(200, json={"site": "binh-lu"})
        assert request.url.path == "/api/v1/sites/binh-lu/measurements"
        if (answer := self.next(request)) is not None:
            return answer
        body = json.loads(request.content)
        self.bodies.append(body)
        fates = []
        for report in body["measurements"]:
            key = (body["client_id"], report["seq"])
            fates.append(
                {"seq": report["seq"], "fate": "duplicate" if key in self.stored else "created"}
            )
            self.doubled += key in self.stored
            self.stored.setdefault(key, report)
        self.after()
        return httpx.Response(201, json=fates)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[ReportQueue]:
    made = ReportQueue(tmp_path / "probe.sqlite3")
    yield made
    made.close()


def fill(queue: ReportQueue, count: int) -> None:
    for k in range(count):
        queue.add(SERVER, {"k": k}, now=Clock().now() - timedelta(hours=72) + timedelta(minutes=k))


def run(queue: ReportQueue, service: Callable[[httpx.Request], httpx.Response]) -> Delivered:
    with httpx.Client(transport=httpx.MockTransport(service)) as client:
        return deliver(queue, client, SERVER, TOKEN, clock=Clock())


def test_500_reports_of_three_days_arrive_in_batches_each_once(queue: ReportQueue) -> None:
    service = Service()
    fill(queue, 500)
    assert run(queue, service) == Delivered(delivered=500, rejected=0, waiting=0)
    assert len(service.stored) == 500
    assert service.doubled == 0
    assert [len(body["measurements"]) for body in service.bodies] == [BATCH] * 5
    first = service.bodies[0]
    assert first["sent_at"] == "2026-11-28T02:00:00Z"
    assert first["oldest_report_at"] == "2026-11-25T02:00:00Z"
    assert first["queue_reports"] == 400
    assert [report["k"] for report in first["measurements"]] == list(range(BATCH))


def test_with_nothing_waiting_nobody_is_asked(queue: ReportQueue) -> None:
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    assert run(queue, unreachable) == Delivered(delivered=0, rejected=0, waiting=0)


def test_an_answer_lost_on_the_way_doubles_nothing(queue: ReportQueue) -> None:
    service = Service()
    fill(queue, 3)

    def lose() -> None:
        raise httpx.ReadTimeout("the answer was lost")

    service.after = lose
    lost = run(queue, service)
    assert (lost.delivered, lost.waiting) == (0, 3)
    service.after = lambda: None
    assert run(queue, service).delivered == 3
    assert len(service.stored) == 3


def test_stored_before_is_delivered(queue: ReportQueue) -> None:
    service = Service()
    service.next = lambda _: httpx.Response(409)
    fill(queue, 2)
    assert run(queue, service) == Delivered(delivered=2, rejected=0, waiting=0)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'[{"seq": 1, "fate": "created"}]'])
def test_an_answer_that_does_not_name_every_report_stored_none(
    queue: ReportQueue, body: bytes
) -> None:
    service = Service()
    service.next = lambda _: httpx.Response(200, content=body)
    fill(queue, 2)
    done = run(queue, service)
    assert (done.delivered, done.waiting) == (0, 2)
    assert "not the service" in done.problem


@pytest.mark.parametrize("status", [500, 502, 503, 507])
def test_a_service_in_trouble_keeps_everything_waiting(queue: ReportQueue, status: int) -> None:
    service = Service()
    service.next = lambda _: httpx.Response(status, json={"title": "no disk"})
    fill(queue, 2)
    done = run(queue, service)
    assert (done.delivered, done.waiting, done.refused) == (0, 2, False)
    assert f"answered {status} no disk" in done.problem


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120.0),
        ("Sat, 28 Nov 2026 02:00:30 GMT", 30.0),
        ("Sat, 28 Nov 2026 01:00:00 GMT", 0.0),
        ("999999999", 3_600.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_honoured(queue: ReportQueue, header: str, wait_s: float | None) -> None:
    service = Service()
    service.next = lambda _: httpx.Response(429, headers={"Retry-After": header})
    fill(queue, 1)
    done = run(queue, service)
    assert (done.retry_after_s, done.waiting) == (wait_s, 1)


def test_one_bad_report_does_not_hold_up_the_others(queue: ReportQueue) -> None:
    service = Service()

    def bad(request: httpx.Request) -> httpx.Response | None:
        reports = json.loads(request.content)["measurements"]
        wrong = any(report["k"] == 37 for report in reports)
        return httpx.Response(422, json={"detail": "k is 37"}) if wrong else None

    service.next = bad
    fill(queue, 120)
    assert run(queue, service) == Delivered(delivered=119, rejected=1, waiting=0)
    assert queue.rejected() == [(38, "422 k is 37")]
    assert len(service.stored) == 119


def test_a_report_that_meets_another_under_its_number_is_set_aside(queue: ReportQueue) -> None:
    def conflict(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"site": "binh-lu"})
        fates = [{"seq": 1, "fate": "created"}, {"seq": 2, "fate": "conflict"}]
        return httpx.Response(201, json=fates)

    fill(queue, 2)
    assert run(queue, conflict) == Delivered(delivered=1, rejected=1, waiting=0)
    assert queue.rejected()[0][0] == 2


def test_a_body_too_large_is_halved(queue: ReportQueue) -> None:
    service = Service()
    service.next = lambda request: httpx.Response(413) if len(request.content) > 1_000 else None
    fill(queue, 100)
    assert run(queue, service).delivered == 100
    assert len(service.stored) == 100


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_token_that_is_refused_is_said_to_be(queue: ReportQueue, status: int) -> None:
    fill(queue, 1)
    done = run(queue, lambda _: httpx.Response(status, json={"code": "bad_token"}))
    assert (done.refused, done.waiting) == (True, 1)


@pytest.mark.parametrize("body", [b"<html>sign in to the hotel's network</html>", b"[]", b"{}"])
def test_a_captive_portal_is_not_taken_for_the_service(queue: ReportQueue, body: bytes) -> None:
    fill(queue, 1)
    done = run(queue, lambda _: httpx.Response(200, content=body))
    assert (done.delivered, done.waiting) == (0, 1)


_EVENTS = st.sampled_from(["ok", "lost request", "lost answer", "429", "503", "portal"])


@settings(max_examples=40, deadline=None)
@given(st.lists(_EVENTS, max_size=25))
def test_whatever_happens_nothing_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, events: list[str]
) -> None:
    queue = ReportQueue(tmp_path_factory.mktemp("queue") / "q")
    service, script = Service(), iter(events)

    def before(request: httpx.Request) -> httpx.Response | None:  # noqa: ARG001 (httpx's signature)
        event = next(script, "ok")
        service.after = lose if event == "lost answer" else lambda: None
        if event == "lost request":
            raise httpx.ConnectError("no network")
        if event == "portal":
            return httpx.Response(200, content=b"<html>pay here</html>")
        return httpx.Response(int(event)) if event in ("429", "503") else None

    def lose() -> None:
        raise httpx.ReadError("torn")

    service.next = before
    added = 0
    for _ in range(len(events) + 1):
        queue.add(SERVER, {"k": added}, now=Clock().now())
        added += 1
        run(queue, service)
    run(queue, service)
    assert queue.count(SERVER) == 0
    assert sorted(report["k"] for report in service.stored.values()) == list(range(added))
    queue.close()


def test_waits_double_with_jitter_up_to_a_bound_and_begin_anew() -> None:
    backoff = Backoff(random.Random(1), first_s=4.0, longest_s=60.0)
    waits = [backoff.next_s() for _ in range(8)]
    for wait_s, longest_s in zip(waits, [4, 8, 16, 32, 60, 60, 60, 60], strict=True):
        assert longest_s / 2.0 <= wait_s <= longest_s
    assert backoff.next_s(retry_after_s=300.0) == 300.0
    backoff.succeeded()
    assert backoff.next_s() <= 4.0


def test_two_machines_do_not_come_back_together() -> None:
    one, other = (Backoff(random.Random(seed)) for seed in (1, 2))
    assert one.next_s() != other.next_s()
