"""SIGTERM: what runs comes to its end, what was acknowledged stays, and the process goes."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.reporting_clients import Tally, report_body, report_request, send_reports
from tests.service_process import populated, service_process
from tests.stored_reports import stored_keys, stored_sessions
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


# nine years of days each, none of which is the 30th of February
_RULE = "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=9"
_EVENT = (
    "BEGIN:VEVENT\r\nUID:{n}\r\nSUMMARY:Market\r\nDTSTART:20180101T090000\r\nDURATION:PT1H\r\n"
    f"{_RULE}\r\nEND:VEVENT\r\n"
)
_FINE = (
    "BEGIN:VEVENT\r\nUID:fine\r\nSUMMARY:Market\r\nDTSTART:20990101T090000\r\n"
    "DURATION:PT1H\r\nEND:VEVENT\r\n"
)


def children_of(pid: int) -> set[int]:
    """Return the processes that a process has started and that still run."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            fields = entry.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.add(int(entry.parent.name))
    return found


def test_sigterm_ends_a_list_that_is_being_read_and_takes_none_of_it(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path / 'lensong.db'}"
    there = populated(db, 1)
    site_id = next(iter(there.tokens))
    events = _FINE + "".join(_EVENT.format(n=n) for n in range(280))
    calendar = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{events}END:VCALENDAR\r\n".encode()
    head = (
        f"POST /api/v1/import/sessions?site={site_id}&profile=tiktok-720p30 HTTP/1.1\r\nHost: h\r\n"
        f"Content-Type: text/calendar\r\nContent-Length: {len(calendar)}\r\n"
    )
    may = "".join(f"{name}: {value}\r\n" for name, value in there.admin_headers.items())
    with service_process(tmp_path, db) as service:
        importing = sent(service.port, f"{head}{may}\r\n".encode() + calendar)
        (child,) = wait_until(lambda: children_of(service.pid), "the process that reads the list")
        assert service.terminate() == 0
        answer = all_of(importing)
        assert not Path(f"/proc/{child}").exists()
        assert answer.startswith(b"HTTP/1.1 429"), answer[:300]
        assert b"send it again" in answer
        assert "Traceback" not in service.log()
    assert stored_sessions(db) == []
