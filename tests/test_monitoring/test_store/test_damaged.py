"""A damaged file is told in a sentence, never half served, and what can be read is saved."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lensong.cli.main import lensong
from lensong.monitoring.errors import StoreBrokenError, StoreUnavailableError
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.migrate import migrate
from lensong.monitoring.store.upkeep import part_of
from tests.running_service import running_service, sqlite_url

PAGE = 4_096
SITES = 2_000


def filled(folder: Path) -> Path:
    """Return a database of two provinces and many sites, on many pages."""

    async def make() -> None:
        database = Database(sqlite_url(folder))
        try:
            await migrate(database)
        finally:
            await database.close()

    asyncio.run(make())
    path = folder / "lensong.db"
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        file.execute("INSERT INTO provinces (code, name) VALUES ('12', 'Lai Châu')")
        file.execute(
            "INSERT INTO communes (code, name, province_code) VALUES ('1', 'Bình Lư', '12')"
        )
        wanted = {
            name: kind
            for _, name, kind, needed, *_ in file.execute("PRAGMA table_info(sites)")
            if needed
        }
        for i in range(SITES):
            values = {
                name: 0 if kind in ("INTEGER", "BIGINT", "BOOLEAN", "FLOAT") else f"{name}-{i}" * 9
                for name, kind in wanted.items()
            }
            values |= {"site_id": f"site-{i:05d}", "commune_code": "1"}
            values |= {"operators": "[]", "technologies": "[]"}
            marks = ", ".join("?" * len(values))
            file.execute(
                f"INSERT INTO sites ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
            )
    return path


def overwrite(path: Path, table: str) -> None:
    """Overwrite a page in the middle of a table, as a bad disk does."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        pages = [
            page
            for (page,) in file.execute(
                "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path",
                (table,),
            )
        ]
    with path.open("rb+") as raw:
        raw.seek((pages[len(pages) // 2] - 1) * PAGE)
        raw.write(bytes([0xA5]) * PAGE)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 3 // 4 // PAGE * PAGE)


def zero(path: Path) -> None:
    with path.open("rb+") as raw:
        raw.write(bytes(100))


DAMAGES = {"overwritten": lambda path: overwrite(path, "sites"), "cut": cut, "zeroed": zero}


@pytest.fixture(params=list(DAMAGES))
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = filled(tmp_path)
    DAMAGES[request.param](path)
    return path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(lensong, arguments)


def test_every_command_says_in_a_sentence_what_is_wrong(damaged: Path) -> None:
    url, copy = f"sqlite:///{damaged}", damaged.with_name("copy.db")
    checked = call("db", "check", "--db", url)
    assert checked.exit_code == 1
    assert "db recover" in checked.output
    backed_up = call("db", "backup", str(copy), "--db", url)
    assert backed_up.exit_code == 2
    assert "damaged" in backed_up.output
    assert str(copy) not in backed_up.output  # the target is not to blame
    served = call("serve", "--port", "0", "--db", url)
    assert served.exit_code == 2
    assert "damaged" in served.output
    for said in (checked, backed_up, served):
        assert "Traceback" not in said.output
        assert isinstance(said.exception, SystemExit)
    assert not [*damaged.parent.glob("*copy.db*"), *damaged.parent.glob(".*.part")]


def test_what_can_be_read_is_saved(damaged: Path, request: pytest.FixtureRequest) -> None:
    url, target = f"sqlite:///{damaged}", damaged.with_name("saved.db")
    before = damaged.read_bytes()
    said = call("db", "recover", str(target), "--db", url, "--json")
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    least, most = {
        "overwritten": (SITES - 200, SITES - 1),  # a page of them is lost
        "cut": (SITES // 5, SITES - 1),
        "zeroed": (SITES, SITES),
    }[request.node.callspec.params["damaged"]]
    assert least <= told["saved"]["sites"] <= most
    assert ("sites" in told["holes"]) == (told["saved"]["sites"] < SITES)
    assert target.stat().st_mode & 0o077 == 0
    checked = call("db", "check", "--db", f"sqlite:///{target}", "--json")
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["rows"]["sites"] == told["saved"]["sites"]
    assert damaged.read_bytes() == before
    assert not [*damaged.parent.glob(".*.part*")]
    again = call("db", "recover", str(target), "--db", url)
    assert again.exit_code == 2
    assert "there already" in again.output


def test_rows_that_only_the_log_holds_are_saved(tmp_path: Path) -> None:
    path = filled(tmp_path)
    killed = sqlite3.connect(path)
    killed.execute("PRAGMA wal_autocheckpoint = 0")
    with killed:
        killed.execute("INSERT INTO provinces (code, name) VALUES ('15', 'Lào Cai')")
    folder = tmp_path / "after"
    folder.mkdir()
    for name in ("lensong.db", "lensong.db-wal"):
        (folder / name).write_bytes((tmp_path / name).read_bytes())
    killed.close()
    zero(folder / "lensong.db")
    saved = folder / "saved.db"
    said = call("db", "recover", str(saved), "--db", f"sqlite:///{folder / 'lensong.db'}", "--json")
    assert json.loads(said.stdout)["saved"]["provinces"] == 2


def test_what_is_no_database_gives_none(tmp_path: Path) -> None:
    path = tmp_path / "lensong.db"
    path.write_bytes(b"hello " * 10_000)
    said = call("db", "recover", str(tmp_path / "saved.db"), "--db", f"sqlite:///{path}")
    assert said.exit_code == 2
    assert "no row" in said.output
    assert not (tmp_path / "saved.db").exists()


def test_rows_of_what_is_lost_are_left_out_and_told(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE sites SET commune_code = 'gone' WHERE site_id < 'site-00100'")
        file.execute("UPDATE sites SET commune_code = x'00ff' WHERE site_id >= 'site-01990'")
    said = call("db", "recover", str(tmp_path / "saved.db"), "--db", f"sqlite:///{path}", "--json")
    told = json.loads(said.stdout)
    assert told["orphans"] == {"sites": 100}
    assert told["left_out"] == {"sites": 10}
    assert told["saved"]["sites"] == SITES - 110


@pytest.mark.anyio
async def test_a_service_that_meets_damage_serves_nothing_more(tmp_path: Path) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        admin = await running.signed_in("admin")
        assert (await admin.get("/-/ready")).status_code == 200
        database = running.service.database

        class Damaged(sqlite3.DatabaseError):
            sqlite_errorcode = sqlite3.SQLITE_CORRUPT

        with pytest.raises(StoreBrokenError, match="db recover"):
            async with database.reading():
                raise Damaged("database disk image is malformed")
        ready = await admin.get("/-/ready")
        assert ready.status_code == 503
        assert "damaged" in ready.json()["detail"]
        for path in ("/api/v1/sessions", "/sites/binh-lu"):
            assert (await admin.get(path)).status_code == 503
        with pytest.raises(StoreUnavailableError, match="damaged"):
            await running.service.writer.run(running.service._touch)


def test_what_a_killed_backup_left_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    path = filled(tmp_path)
    killed = tmp_path / ".old.db.0123456789ab.part"
    killed.write_bytes(bytes(1_000))
    somebodys = tmp_path / ".notes.part"
    somebodys.write_text("not ours")
    with part_of(tmp_path / "other.db") as running:
        # another backup into the same folder, at the same time
        said = call("db", "backup", str(tmp_path / "copy.db"), "--db", f"sqlite:///{path}")
        assert said.exit_code == 0, said.output
        assert running.exists()
    assert not killed.exists()
    assert somebodys.exists()
    assert sorted(p.name for p in tmp_path.glob(".*")) == [".notes.part"]
