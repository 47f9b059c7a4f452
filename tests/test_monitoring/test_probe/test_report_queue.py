from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lensong.monitoring.probe.report_queue import KEPT, MOST_REPORTS, ReportQueue
from lensong.propagation.errors import DataError
from tests.waiting import PATIENCE_S

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
SERVER = "https://live.example.vn"


def test_reports_survive_the_process_and_keep_their_order_and_numbers(tmp_path: Path) -> None:
    path = tmp_path / "state" / "probe.sqlite3"
    first = ReportQueue(path)
    assert [first.add(SERVER, {"k": k}, now=NOW) for k in range(3)] == [1, 2, 3]
    client_id = first.client_id
    first.close()
    again = ReportQueue(path)
    assert again.client_id == client_id
    assert [report.body for report in again.waiting(SERVER)] == [
        {"k": 0, "seq": 1}, {"k": 1, "seq": 2}, {"k": 2, "seq": 3}
    ]  # fmt: skip
    assert [report.queued_at for report in again.waiting(SERVER, 1)] == [NOW]
    again.close()


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    queue = ReportQueue(tmp_path / "q")
    queue.delivered([queue.add(SERVER, {}, now=NOW)])
    assert queue.add(SERVER, {}, now=NOW) == 2
    queue.close()


def test_servers_have_reports_of_their_own(tmp_path: Path) -> None:
    queue = ReportQueue(tmp_path / "q")
    queue.add(SERVER, {"of": "first"}, now=NOW)
    queue.add("https://other.example.vn", {"of": "second"}, now=NOW)
    assert queue.count(SERVER) == 1
    assert queue.waiting("https://other.example.vn")[0].body["of"] == "second"
    queue.close()


def test_a_report_set_aside_no_longer_waits_and_is_not_lost(tmp_path: Path) -> None:
    queue = ReportQueue(tmp_path / "q")
    seq = queue.add(SERVER, {}, now=NOW)
    queue.reject(seq, "422 no such figure")
    assert queue.count(SERVER) == 0
    assert queue.rejected() == [(seq, "422 no such figure")]
    queue.close()


def test_what_is_72_hours_old_is_still_there_and_what_is_too_old_goes(tmp_path: Path) -> None:
    queue = ReportQueue(tmp_path / "q")
    queue.add(SERVER, {}, now=NOW)
    assert queue.prune(now=NOW + timedelta(hours=72)) == 0
    assert queue.prune(now=NOW + KEPT) == 0
    assert queue.prune(now=NOW + KEPT + timedelta(seconds=1)) == 1
    assert queue.count(SERVER) == 0
    queue.close()


def test_the_disk_is_not_filled(tmp_path: Path) -> None:
    queue = ReportQueue(tmp_path / "q")
    with sqlite3.connect(tmp_path / "q") as database:
        database.execute("UPDATE identity SET next_seq = ?", (MOST_REPORTS + 3,))
        database.executemany(
            "INSERT INTO reports VALUES (?, ?, '2026-11-28T02:00:00Z', '{}', NULL)",
            [(seq, SERVER) for seq in range(1, MOST_REPORTS + 3)],
        )
    database.close()
    assert queue.prune(now=NOW) == 2
    assert queue.waiting(SERVER, 1)[0].seq == 3
    assert queue.prune(now=NOW) == 0
    queue.close()


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    queue = ReportQueue(tmp_path / "q")
    queue.add(SERVER, {}, now=NOW)
    assert stat.S_IMODE(os.stat(tmp_path / "q").st_mode) == 0o600
    queue.close()


def test_a_file_that_is_no_queue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q").write_text("not a database, and long enough to be looked at as one\n" * 50)
    with pytest.raises(DataError, match="--queue"):
        ReportQueue(tmp_path / "q")
    with pytest.raises(DataError, match="--queue"):
        ReportQueue(tmp_path)


def _add(path: str, times: int) -> None:
    queue = ReportQueue(Path(path))
    for _ in range(times):
        queue.add(SERVER, {}, now=NOW)
    queue.close()


def test_two_processes_may_share_it(tmp_path: Path) -> None:
    path = str(tmp_path / "q")
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=_add, args=(path, 40)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(PATIENCE_S)
    assert [process.exitcode for process in both] == [0, 0]
    queue = ReportQueue(Path(path))
    assert [report.seq for report in queue.waiting(SERVER)] == list(range(1, 81))
    queue.close()
