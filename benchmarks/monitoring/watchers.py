"""What light watches cost the service: processor, memory, and data of each phone.

    python -m benchmarks.monitoring.watchers --clients 500 --clients 1500 --seconds 60

Each client does what a phone does: it says hello, then one message a second, and measures the round
trip of each. They run in this process beside the service, on the same cores. Data are what the
kernel counted on the clients' sockets (segments and bytes, both ways), with the headers that a
phone pays for: IPv6, TCP with timestamps, and TLS, which loopback has not. They count after 20 s:
the kernel acknowledges the first messages of a connection by themselves, and later ones where an
answer takes longer than 40 ms, as it may on a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from benchmarks.monitoring.cores import CoreMeter
from lensong.monitoring.watch.messages import EVERY_S, SUBPROTOCOL, pack_tick, unpack_answer
from tests.service_process import ServiceProcess, populated, service_process

_SITES = 50
_AT_ONCE = 20  # who say hello at the same time: so many may wait from one address
_HEADERS_BYTES, _TLS_BYTES = 40 + 32, 22
_OF_TCP_INFO = struct.Struct("=120xQQII")  # bytes acked, bytes received, segments out and in
_SETTLES_S = 20.0
_ANSWER_S = 30.0


@dataclass
class Seen:
    """What the clients saw."""

    rtts_s: list[float] = field(default_factory=list)
    refused: int = 0
    sent: int = 0
    answered: int = 0


@dataclass
class Watcher:
    """One client."""

    connection: ClientConnection
    seen: Seen

    async def run(self, begins_s: float, ends_s: float) -> None:
        """Send a message each second between two times of the loop's clock."""
        loop, sent_s = asyncio.get_running_loop(), dict[int, float]()

        async def hear() -> None:
            async for message in self.connection:
                number = unpack_answer(message) if isinstance(message, bytes) else None
                if number is not None and (at_s := sent_s.pop(number, None)) is not None:
                    self.seen.rtts_s.append(loop.time() - at_s)
                    self.seen.answered += 1

        hearing = asyncio.create_task(hear())
        number, due_s = 0, begins_s
        try:
            while due_s < ends_s:
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                sent_s[number] = loop.time()
                await self.connection.send(pack_tick(number, None))
                self.seen.sent += 1
                number, due_s = number + 1, due_s + EVERY_S
            await asyncio.sleep(EVERY_S)
        except WebSocketException:
            self.seen.refused += 1
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    def wire_bytes(self) -> float:
        """Return what the connection has cost a phone so far, both ways [B]."""
        bare: socket.socket = self.connection.transport.get_extra_info("socket")
        info = bare.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        acked, received, segments_out, segments_in = _OF_TCP_INFO.unpack_from(info)
        return float(acked + received + _HEADERS_BYTES * (segments_out + segments_in))


async def _begin(url: str, token: str, client_id: str, seen: Seen) -> Watcher | None:
    connection = await connect(
        url.replace("http", "ws") + "/uplink/v1/watch",
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        compression=None,
        ping_interval=None,
        proxy=None,
    )
    hello = {"type": "hello", "token": token, "method": "page", "client_id": client_id}
    await connection.send(json.dumps(hello))
    if json.loads(await asyncio.wait_for(connection.recv(), _ANSWER_S))["type"] != "watching":
        seen.refused += 1
        return None
    return Watcher(connection, seen)


async def phase(
    service: ServiceProcess, tokens: list[str], *, clients: int, seconds: float
) -> tuple[Seen, float, str]:
    """Let so many watch for so long; return what they saw, a phone's bytes an hour, the cores."""
    seen, watchers = Seen(), list[Watcher]()
    for at in range(0, clients, _AT_ONCE):
        begun = await asyncio.gather(
            *(
                _begin(service.url, tokens[n % len(tokens)], f"phone-{n}", seen)
                for n in range(at, min(at + _AT_ONCE, clients))
            ),
            return_exceptions=True,
        )
        seen.refused += sum(isinstance(one, BaseException) for one in begun)
        watchers += [one for one in begun if isinstance(one, Watcher)]
    await _run(watchers, _SETTLES_S)
    seen.rtts_s.clear()
    seen.sent = seen.answered = 0
    before_bytes = sum(watcher.wire_bytes() for watcher in watchers)
    meter = CoreMeter(service)
    await _run(watchers, seconds)
    cores = str(meter.read())
    spent_bytes = sum(watcher.wire_bytes() for watcher in watchers) - before_bytes
    spent_bytes += _TLS_BYTES * (seen.sent + seen.answered)
    await asyncio.gather(
        *(watcher.connection.close() for watcher in watchers), return_exceptions=True
    )
    return seen, 3_600.0 * spent_bytes / max(1, seen.sent) / EVERY_S, cores


async def _run(watchers: list[Watcher], seconds: float) -> None:
    begins_s = asyncio.get_running_loop().time() + EVERY_S
    await asyncio.gather(
        *(
            watcher.run(begins_s + EVERY_S * n / len(watchers), begins_s + seconds)
            for n, watcher in enumerate(watchers)
        )
    )


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1e3
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, action="append", help="may come again")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each number of clients")
    asked = parser.parse_args()
    phases = asked.clients or [500, 1_500]
    limits = {"watches_at_once": max(phases) + 10}
    print(
        "| clients | refused | messages/s | round trip p50 ms | p99 | service MB | kB a client "
        "| MB an hour of each | cores: service / clients / others |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="watchers-") as name:
        db = f"sqlite:///{name}/lensong.db"
        there = populated(db, _SITES)
        with service_process(Path(name), db, limits=limits) as service:
            for clients in phases:
                before_mb = _memory_mb(service.pid)
                seen, bytes_an_hour, cores = asyncio.run(
                    phase(
                        service,
                        list(there.tokens.values()),
                        clients=clients,
                        seconds=asked.seconds,
                    )
                )
                memory_mb = _memory_mb(service.pid)
                rtts = sorted(seen.rtts_s) or [float("nan")]
                cells = (
                    str(clients),
                    str(seen.refused),
                    f"{seen.answered / asked.seconds:.0f}",
                    f"{1e3 * rtts[len(rtts) // 2]:.1f}",
                    f"{1e3 * rtts[int(0.99 * (len(rtts) - 1))]:.1f}",
                    f"{memory_mb:.0f}",
                    f"{1e3 * (memory_mb - before_mb) / clients:.0f}",
                    f"{bytes_an_hour / 1e6:.2f}",
                    cores,
                )
                print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
