"""Ports of loopback for programs that cannot choose one themselves."""

from __future__ import annotations

import os
import random
import socket

__all__ = ["free_port"]

_FIRST, _LAST = 20_000, 30_000
"""The kernel hands out none of these by itself: no connection takes one between answer and use."""


def _shuffled() -> list[int]:
    """Return the ports of this worker of the tests: another one, of this run, has others."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ports = list(range(_FIRST + worker, _LAST, workers))
    random.shuffle(ports)  # not those of another run beside it
    return ports


_PORTS = iter(_shuffled())


def free_port() -> int:
    """Return a port of loopback on which nothing listens, another one at each call."""
    for port in _PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port between {_FIRST} and {_LAST} is free")
