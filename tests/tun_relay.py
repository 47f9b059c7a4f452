"""Carry packets between two network namespaces with delay, jitter, loss and a rate.

Run as a program by `tests.netlab`, where the kernel has no netem. It opens a TUN device in each
namespace and says ``ready``; a line of JSON on standard input changes the links at once, and the
end of standard input ends it. Packets of one direction never overtake each other: the radio links
that this stands for deliver in order.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

DEVICE = "tun0"
NAMESPACES = Path("/run/netns")
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_MTU_BYTES = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One direction of the relay.

    Parameters
    ----------
    delay_ms, jitter_ms : float
        Each packet waits the delay plus or minus a uniform jitter.
    loss_ratio : float
        Share of packets dropped at random.
    rate_mbit : float, optional
        Rate of the link; without it packets are only delayed.
    queue_bytes : int
        What may wait for the rate before packets are dropped.
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss_ratio: float = 0.0
    rate_mbit: float | None = None
    queue_bytes: int = 200_000

    def to_dict(self) -> dict[str, float | None]:
        return asdict(self)


def enter_namespace(path: Path) -> None:
    """Move the calling thread into the network namespace that a file stands for."""
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("rb") as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns into {path} failed")


def _open_tun(namespace: str) -> int:
    enter_namespace(NAMESPACES / namespace)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


class _Direction:
    """Decides when a packet of one direction leaves, or that it is lost."""

    def __init__(self, rng: random.Random) -> None:
        self.link = Link()
        self._rng = rng
        self._busy_until_s = self._last_due_s = 0.0

    def due_s(self, now_s: float, size_bytes: int) -> float | None:
        link = self.link
        if link.loss_ratio and self._rng.random() < link.loss_ratio:
            return None
        sent_s = now_s
        if link.rate_mbit is not None:
            bytes_per_s = link.rate_mbit * 1e6 / 8.0
            start_s = max(now_s, self._busy_until_s)
            if (start_s - now_s) * bytes_per_s > link.queue_bytes:
                return None
            sent_s = self._busy_until_s = start_s + size_bytes / bytes_per_s
        jitter_ms = self._rng.uniform(-link.jitter_ms, link.jitter_ms) if link.jitter_ms else 0.0
        due_s = sent_s + max(0.0, link.delay_ms + jitter_ms) / 1e3
        self._last_due_s = max(due_s, self._last_due_s)
        return self._last_due_s


def relay(phone: str, server: str, seed: int) -> None:
    """Carry packets until standard input ends."""
    tun_phone, tun_server = _open_tun(phone), _open_tun(server)
    # a generator for each, so that which packets are lost does not hang on how the two interleave
    up, down = _Direction(random.Random(f"{seed} up")), _Direction(random.Random(f"{seed} down"))
    ways = {tun_phone: (up, tun_server), tun_server: (down, tun_phone)}
    waiting: list[tuple[float, int, int, bytes]] = []
    count, unread = 0, b""
    print("ready", flush=True)
    while True:
        pause_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select([tun_phone, tun_server, 0], [], [], pause_s)
        if 0 in readable:
            chunk = os.read(0, 65536)
            if not chunk:
                return
            *lines, unread = (unread + chunk).split(b"\n")
            for line in lines:
                wanted = json.loads(line)
                up.link, down.link = Link(**wanted["up"]), Link(**wanted["down"])
                print("set", flush=True)
        now_s = time.monotonic()
        for device, (direction, other) in ways.items():
            if device not in readable:
                continue
            for _ in range(32):  # bounded, so that neither direction waits for the other
                try:
                    packet = os.read(device, _MTU_BYTES + 100)
                except BlockingIOError:
                    break
                due_s = direction.due_s(now_s, len(packet))
                if due_s is not None:
                    count += 1
                    heapq.heappush(waiting, (due_s, count, other, packet))
        now_s = time.monotonic()
        while waiting and waiting[0][0] <= now_s:
            _, _, device, packet = heapq.heappop(waiting)
            try:
                os.write(device, packet)
            except OSError:
                continue  # the far side is down or full: lost, as on a link


if __name__ == "__main__":
    relay(sys.argv[1], sys.argv[2], int(sys.argv[3]))
