"""Clients that send reports over raw sockets: an HTTP library would take more time than the API.

A request is prepared once; only its running number and moment change. Each connection sends, waits
for the answer and sends again; what was acknowledged is remembered.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_S

Key = tuple[str, str, int]
"""Site, client and running number of a report."""

REPORT_BYTES = 16_800_000
"""What each report says that its test cost."""


@dataclass
class Tally:
    """What the clients saw."""

    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    acknowledged: set[Key] = field(default_factory=set)
    broken: int = 0
    """Requests without an answer: the connection ended."""

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_s)
        return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report_body(seq: int, client_id: str = "phone", started_at: datetime | None = None) -> bytes:
    """Return a report as the page sends it: 27 bins of one second, round trips, radio."""
    return json.dumps(
        {
            "client_id": client_id,
            "sent_at": datetime.now(UTC).isoformat(),
            "queue_reports": 0,
            "measurements": [
                {
                    "seq": seq,
                    "started_at": (started_at or datetime.now(UTC)).isoformat(),
                    "method": "page",
                    "result": "success",
                    "duration_s": 30.0,
                    "uplink_bins_bps": [4_000_000.0 + 37_000.0 * n for n in range(27)],
                    "uplink_p10_bps": 4_100_000.0,
                    "uplink_p50_bps": 4_480_000.0,
                    "uplink_min_bps": 4_000_000.0,
                    "uplink_mean_bps": 4_481_000.0,
                    "rtt_idle_ms": 41.0,
                    "rtt_loaded_ms": 180.0,
                    "jitter_ms": 6.0,
                    "sent_bytes": REPORT_BYTES,
                    "technology": "4G",
                    "operator": "Viettel",
                    "rsrp_dbm": -101.0,
                }
            ],
        }
    ).encode()


def report_request(site_id: str, token: str, body: bytes) -> bytes:
    """Return the whole request of a report."""
    return (
        f"POST /api/v1/sites/{site_id}/measurements HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Connection(asyncio.Protocol):
    """One connection that is kept alive; a request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator or self._answer is None or self._answer.done():
            return
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(rest) >= length:
            self._buffer = rest[length:]
            self._answer.set_result((int(head[9:12]), head, rest[:length]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(str(exc or "closed")))
        self._transport = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Return status, head and body of the answer."""
        if self._transport is None:
            raise ConnectionResetError("closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def connected(url: str) -> Connection:
    """Return a new connection to a service."""
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(
        Connection, address.hostname or "127.0.0.1", address.port or 80
    )
    return protocol


async def send_reports(
    url: str,
    tokens: dict[str, str],
    *,
    duration_s: float,
    connections: int = 16,
    rate_per_s: float | None = None,
    first_seq: int = 0,
    client_id: str = "phone",
    tally: Tally | None = None,
    backlog_from: datetime | None = None,
) -> Tally:
    """Send reports of all sites in turn for a time and return what became of them.

    With ``rate_per_s`` a request is due at fixed moments, and its time counts from then, whether a
    connection was free or not: a stall of the service is seen by all that were due in it. Without,
    every connection sends as soon as it has its answer. With ``backlog_from`` the measurements are
    spread over the time since, as of phones that were offline.
    """
    told = Tally() if tally is None else tally
    began = time.monotonic()
    due = _due(began, rate_per_s)
    sites = cycle(tokens.items())
    seqs: Counter[str] = Counter()

    async def work() -> None:
        connection: Connection | None = None
        try:
            for at in due:
                now = time.monotonic()
                if at is None:
                    at = now
                if max(at, now) - began >= duration_s:
                    break
                if at > now:
                    await asyncio.sleep(at - now)
                site_id, token = next(sites)
                seq = first_seq + seqs[site_id]
                seqs[site_id] += 1
                body = report_body(seq, client_id, _moment(backlog_from))
                try:
                    if connection is None or not connection.is_open:
                        connection = await connected(url)
                    status, _, answer = await connection.ask(report_request(site_id, token, body))
                except OSError:
                    told.broken += 1
                    connection = None
                    await asyncio.sleep(0.02)
                    continue
                told.latencies_s.append(time.monotonic() - at)
                told.statuses[status] += 1
                if status in (200, 201) and json.loads(answer)[0]["fate"] != "conflict":
                    told.acknowledged.add((site_id, client_id, seq))
        finally:
            if connection is not None:
                connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return told


@dataclass(frozen=True)
class Delivered:
    """What one client went through until its report was taken."""

    took_s: float
    attempts: int


async def deliver(
    url: str,
    site_id: str,
    token: str,
    *,
    client_id: str,
    seq: int = 0,
    patience_s: float = PATIENCE_S,
) -> Delivered:
    """Send one report over a connection of its own, as often as it takes.

    A refusal with Retry-After is honoured; a connection that breaks is made anew.

    Raises
    ------
    TimeoutError
        It was not taken in time.
    """
    began = time.monotonic()
    request = report_request(site_id, token, report_body(seq, client_id))
    attempts = 0
    async with asyncio.timeout(patience_s):
        while True:
            attempts += 1
            wait_s = 0.5
            try:
                connection = await connected(url)
                status, head, answer = await connection.ask(request)
                connection.close()
            except OSError:
                status = 0
            else:
                if status in (200, 201) and json.loads(answer)[0]["fate"] != "conflict":
                    return Delivered(time.monotonic() - began, attempts)
                at = head.lower().find(b"retry-after:")
                if at >= 0:
                    wait_s = float(head[at + 12 :].split(b"\r\n", 1)[0])
            await asyncio.sleep(wait_s)


def _due(began: float, rate_per_s: float | None) -> Iterator[float | None]:
    number = 0
    while True:
        yield None if rate_per_s is None else began + number / rate_per_s
        number += 1


def _moment(since: datetime | None) -> datetime | None:
    if since is None:
        return None
    now = datetime.now(UTC)
    return since + (now - since) * ((time.monotonic() * 7.3) % 1.0)
