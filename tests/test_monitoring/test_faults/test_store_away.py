"""The database is locked, full or gone: nothing is lost or half written, and it comes back."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from lensong.monitoring.store.tables import measurements
from tests.postgres_server import missing, postgres_server
from tests.running_service import START, Running, running_service, sqlite_url
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.anyio

AT = "/api/v1/sites/binh-lu/measurements"


def report(seq: int) -> dict[str, Any]:
    measured = {
        "seq": seq,
        "started_at": START.isoformat(),
        "method": "page",
        "result": "success",
        "uplink_p10_bps": 8e6,
        "uplink_bins_bps": [8e6] * 27,
    }
    return {"client_id": "phone", "measurements": [measured]}


async def stored(running: Running) -> list[int]:
    async with running.service.database.reading() as connection:
        rows = await connection.execute(select(measurements.c.seq).order_by(measurements.c.seq))
        return [int(row.seq) for row in rows]


def is_unavailable(answer: httpx.Response) -> bool:
    problem = answer.json()
    return (
        answer.status_code == 503
        and answer.headers["content-type"] == "application/problem+json"
        and int(answer.headers["retry-after"]) > 0
        and problem["code"] == "store_unavailable"
    )


async def test_another_process_holds_the_lock(tmp_path: Path) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        device, admin = await running.device(), await running.signed_in("admin")
        assert (await device.post(AT, json=report(0))).status_code == 201
        other = sqlite3.connect(tmp_path / "lensong.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        session = {
            "site_id": "binh-lu",
            "title": "Chợ phiên",
            "profile_code": "voice-still",
            "starts_at": "2026-11-28T02:00:00Z",
            "ends_at": "2026-11-28T03:00:00Z",
        }
        sent, planned, ready, seen, alive = await asyncio.gather(
            device.post(AT, json=report(1)),
            admin.post("/api/v1/sessions", json=session),
            admin.get("/-/ready"),
            device.get(AT),
            admin.get("/-/healthy"),
        )
        assert is_unavailable(sent)
        assert "locked" in sent.json()["detail"]
        assert is_unavailable(planned)
        assert is_unavailable(ready)
        assert (seen.status_code, len(seen.json()["items"])) == (200, 1)  # reading goes on
        assert alive.status_code == 200
        other.execute("ROLLBACK")
        other.close()
        again, ready = await asyncio.gather(device.post(AT, json=report(1)), admin.get("/-/ready"))
        assert again.json() == [{"seq": 1, "fate": "created"}]  # nothing of the first was kept
        assert ready.status_code == 200
        assert (await admin.post("/api/v1/sessions", json=session)).status_code == 201


@contextmanager
def small_disk() -> Iterator[Path]:
    """Yield a file system of a few megabytes."""
    with tempfile.TemporaryDirectory(prefix="small-") as name:
        if os.geteuid() != 0:
            pytest.skip("only root can mount a small file system")
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", name], capture_output=True
        )
        if mounted.returncode != 0:
            pytest.skip(f"a small file system cannot be mounted: {mounted.stderr.decode()}")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=True)


async def test_the_disk_is_full_until_somebody_makes_room() -> None:
    with small_disk() as disk:
        async with running_service(sqlite_url(disk)) as running:
            device, admin = await running.device(), await running.signed_in("admin")
            acknowledged: list[int] = []
            with (disk / "ballast").open("wb") as ballast:
                ballast.write(bytes(5 * 2**20))
            seq, refused = 0, 0
            while refused < 3 and seq < 3_000:
                answer = await device.post(AT, json=report(seq))
                if answer.status_code == 201:
                    acknowledged.append(seq)
                else:
                    assert is_unavailable(answer), answer.text
                    assert "full" in answer.json()["detail"]
                    refused += 1
                seq += 1
            assert refused == 3, "the disk is larger than it should be"
            # what is written to see whether it can be is smaller than a report, and might still fit
            with (disk / "rest").open("wb", buffering=0) as rest, suppress(OSError):
                while rest.write(bytes(4_096)):
                    pass
            assert is_unavailable(await admin.get("/-/ready"))
            (disk / "ballast").unlink()
            for _ in range(20):
                assert (await device.post(AT, json=report(seq))).status_code == 201
                acknowledged.append(seq)
                seq += 1
            assert (await admin.get("/-/ready")).status_code == 200
            assert await stored(running) == acknowledged
            async with running.service.database.reading() as connection:
                checked = (await connection.execute(text("PRAGMA integrity_check"))).scalar()
            assert checked == "ok"


async def test_a_limit_to_the_size_of_the_file_is_as_a_full_disk(tmp_path: Path) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        device = await running.device()
        engine = running.service.database.write_engine  # its one connection
        async with engine.connect() as connection:
            pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
            await connection.execute(text(f"PRAGMA max_page_count = {pages + 4}"))
        answers = [await device.post(AT, json=report(seq)) for seq in range(60)]
        refused = [seq for seq, answer in enumerate(answers) if answer.status_code != 201]
        assert 0 < len(refused) < 60
        assert all(is_unavailable(answers[seq]) for seq in refused)
        assert await stored(running) == [seq for seq in range(60) if seq not in refused]
        async with engine.connect() as connection:
            await connection.execute(text("PRAGMA max_page_count = 1000000"))
        again = [(await device.post(AT, json=report(seq))).json()[0]["fate"] for seq in range(60)]
        assert again == ["created" if seq in refused else "duplicate" for seq in range(60)]


@asynccontextmanager
async def own_postgres() -> AsyncIterator[Any]:
    if (why := missing()) is not None:
        pytest.skip(why)
    with (
        tempfile.TemporaryDirectory(prefix="pg-") as folder,
        postgres_server(Path(folder), fsync=True) as server,
    ):
        yield server


async def test_postgresql_is_restarted_while_reports_arrive() -> None:
    async with (
        own_postgres() as server,
        running_service(server.new_database()) as running,
    ):
        device, admin = await running.device(), await running.signed_in("admin")
        acknowledged: set[int] = set()
        refused: list[httpx.Response] = []
        stop = asyncio.Event()

        async def send(first: int) -> None:
            for seq in range(first, 10**6, 4):
                if stop.is_set():
                    return
                answer = await device.post(AT, json=report(seq))
                if answer.status_code == 201:
                    acknowledged.add(seq)
                else:
                    refused.append(answer)
                    await asyncio.sleep(0.05)

        async def until(status: int) -> None:
            async with asyncio.timeout(PATIENCE_S):
                while (await admin.get("/-/ready")).status_code != status:
                    await asyncio.sleep(0.02)

        senders = [asyncio.create_task(send(first)) for first in range(4)]
        await until(200)
        for _ in range(2):
            before = len(acknowledged)
            await asyncio.to_thread(server.stop)
            await until(503)
            assert is_unavailable(await admin.get("/-/ready"))
            await asyncio.to_thread(server.start)
            await until(200)
            async with asyncio.timeout(PATIENCE_S):
                while len(acknowledged) < before + 20:
                    await asyncio.sleep(0.02)
        stop.set()
        await asyncio.gather(*senders)
        assert refused
        assert all(is_unavailable(answer) for answer in refused)
        assert not any("127.0.0.1" in answer.text for answer in refused)
        kept = await stored(running)
        assert len(kept) == len(set(kept))
        assert acknowledged <= set(kept)
        async with running.service.database.reading() as connection:
            count = (
                await connection.execute(select(func.count()).select_from(measurements))
            ).scalar_one()
        assert count == len(kept)
