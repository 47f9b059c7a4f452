"""SIGTERM: what runs comes to its end, what was acknowledged stays, and the process goes."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.reporting_clients import Tally, report_body, report_request, send_reports
from tests.service_process import populated, service_process
from tests.stored_reports import stored_keys
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow


def sent(port: int, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    connection.sendall(data)
    return connection


def all_of(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    parts = []
    with connection:
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def test_sigterm_lets_requests_end_and_ends_streams(store_url: str, tmp_path: Path) -> None:
    there = populated(store_url, 20)
    site_id, token = next(iter(there.tokens.items()))
    with service_process(tmp_path, store_url) as service:
        told = Tally()
        load = threading.Thread(
            target=lambda: asyncio.run(
                send_reports(service.url, there.tokens, duration_s=3.0, connections=8, tally=told)
            )
        )
        load.start()
        may = f"Host: h\r\nAuthorization: Bearer {token}\r\n\r\n"
        events = sent(service.port, f"GET /api/v1/events HTTP/1.1\r\n{may}".encode())
        heard = events.recv(65_536)
        assert heard.startswith(b"HTTP/1.1 200")
        request = report_request(site_id, token, report_body(10**6))
        half_sent = sent(service.port, request[:-100])
        wait_until(lambda: len(told.acknowledged) >= 50, "fifty reports")
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # the rest of a body comes from a phone, which knows nothing of signals
        half_sent.sendall(request[-100:])
        answer = all_of(half_sent)
        assert answer.startswith(b"HTTP/1.1 201"), answer[:300]
        assert b"connection: close" in answer
        assert all_of(events).endswith(b"0\r\n\r\n"), "the stream has an end"
        assert service.process.wait(PATIENCE_S) == 0
        load.join()
        with pytest.raises(ConnectionRefusedError):
            sent(service.port, b"")
    assert told.acknowledged
    assert told.statuses.keys() <= {201, 503}
    stored = stored_keys(store_url)
    assert len(stored) == len(set(stored))
    assert told.acknowledged | {(site_id, "phone", 10**6)} <= set(stored)
    assert "Traceback" not in service.log()


def test_who_never_finishes_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path / 'lensong.db'}"
    there = populated(db, 1)
    site_id, token = next(iter(there.tokens.items()))
    with service_process(tmp_path, db) as service:
        half_sent = sent(service.port, report_request(site_id, token, report_body(1))[:-100])
        idle = sent(service.port, b"")
        assert service.terminate() == 0
        half_sent.close()
        idle.close()
    assert stored_keys(db) == []
