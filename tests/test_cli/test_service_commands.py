"""What an administrator needs in the first hour: database, sites, tokens, lists, verdicts."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lensong.cli.main import lensong
from lensong.coverage.results.write import write_result
from tests.small_plan import make_small_plan_result
from tests.test_cli.served import Served, serving

pytestmark = pytest.mark.slow

PASSWORD = "chợ phiên Bình Lư 2026"
SITES = (
    "site_id,name,commune_code,commune,province_code,province,lat,lon\n"
    "binh-lu,Chợ Bình Lư,03390,Bình Lư,12,Lai Châu,22.353,103.678\n"
    "ha-noi,Hồ Gươm,00001,Hoàn Kiếm,01,Hà Nội,21.0287,105.8523\n"
    "no-place,Không toạ độ,03390,,,,,\n"
)
READY = ("ready", "binh-lu", "--profile", "voice-still", "--at", "2030-11-28T09:00")


def run(*arguments: str, **env: str) -> Result:
    clean = {"LENSONG_TOKEN": "", "LC_ALL": "en_US.UTF-8", "LENSONG_TIME_ZONE": "Asia/Ho_Chi_Minh"}
    return CliRunner(env=clean | env).invoke(lensong, arguments)


def ok(*arguments: str, **env: str) -> str:
    result = run(*arguments, **env)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def db(tmp_path: Path) -> str:
    """Return the address of a database of this version."""
    url = f"sqlite:///{tmp_path}/lensong.db"
    ok("db", "migrate", "--db", url)
    return url


@pytest.fixture
def listed(tmp_path: Path, db: str) -> str:
    """Return the address of a database with the sites of a list."""
    (tmp_path / "sites.csv").write_text(SITES, "utf-8")
    told = ok("import", "sites", str(tmp_path / "sites.csv"), "--db", db)
    assert told == "sites: 3 new\n"
    return db


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a service that runs, with the sites of the list and an administrator."""
    folder = tmp_path_factory.mktemp("served")
    with serving(folder, LENSONG_LIMITS__SIGN_IN_ATTEMPTS_PER_15_MIN="100") as service:
        admin = service.welcome(PASSWORD)
        taken = admin.post(
            "/api/v1/import/sites", content=SITES.encode(), headers={"Content-Type": "text/csv"}
        )
        assert taken.status_code == 200
        admin.close()
        yield service


def as_admin(served: Served) -> list[str]:
    return ["--server", served.url, "--person", "admin"]


# The database -----------------------------------------------------------------------------------


def test_a_database_is_checked(listed: str, tmp_path: Path) -> None:
    told = ok("db", "check", "--db", listed)
    assert "sound" in told
    found = json.loads(ok("db", "check", "--db", listed, "--json"))
    assert found["rows"]["sites"] == 3
    assert found["problems"] == []
    with closing(sqlite3.connect(tmp_path / "lensong.db")) as connection:
        connection.execute("UPDATE sites SET commune_code = 'gone' WHERE site_id = 'binh-lu'")
        connection.commit()
    broken = run("db", "check", "--db", listed)
    assert broken.exit_code == 1
    assert "PROBLEM: row" in broken.stdout
    assert "of sites points to nothing in communes" in broken.stdout


def test_damage_in_the_file_is_found(listed: str, tmp_path: Path) -> None:
    path = tmp_path / "lensong.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'profiles'"
        ).fetchone()[0]
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
    data = bytearray(path.read_bytes())
    data[(root - 1) * page_bytes + 3 : (root - 1) * page_bytes + 60] = b"\xff" * 57
    path.write_bytes(data)
    damaged = run("db", "check", "--db", listed)
    assert damaged.exit_code in (1, 2)
    assert "sound" not in damaged.stdout
    copied = run("db", "backup", str(tmp_path / "copy.db"), "--db", listed)
    assert copied.exit_code == 2
    assert not (tmp_path / "copy.db").exists()


def test_tables_are_brought_to_this_version(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    missing = run("db", "check", "--db", url)
    assert (missing.exit_code, "there is no database" in missing.stderr) == (2, True)
    assert not (tmp_path / "new.db").exists()  # asking makes nothing
    assert ok("db", "migrate", "--db", url).startswith("from version none to ")
    assert ok("db", "migrate", "--db", url).endswith("already\n")
    assert (tmp_path / "new.db").stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
    old = run("db", "check", "--db", f"sqlite:///{tmp_path}/old.db")
    assert (old.exit_code, "lensong db migrate" in old.stdout) == (1, True)
    assert "lensong db migrate" in run(*READY, "--db", f"sqlite:///{tmp_path}/old.db").stderr


def test_a_backup_is_whole_and_its_owners_alone(listed: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("an older one")
    assert "sound" in ok("db", "backup", str(target), "--db", listed)
    assert target.stat().st_mode & 0o077 == 0
    found = json.loads(ok("db", "check", "--db", f"sqlite:///{target}", "--json"))
    assert found["rows"]["sites"] == 3
    assert not list(tmp_path.glob(".*.part"))
    itself = run("db", "backup", str(tmp_path / "lensong.db"), "--db", listed)
    assert (itself.exit_code, "is the database itself" in itself.stderr) == (2, True)
    nowhere = run("db", "backup", str(tmp_path / "no" / "copy.db"), "--db", listed)
    assert (nowhere.exit_code, "cannot write" in nowhere.stderr) == (2, True)


def test_postgresql_is_copied_by_its_own_tool() -> None:
    told = run("db", "backup", "x.dump", "--db", "postgresql://lan:s3cret@db.example:5433/lensong")
    assert told.exit_code == 2
    assert "pg_dump --format=custom --file=x.dump" in told.stderr
    assert "postgresql://lan@db.example:5433/lensong" in told.stderr
    assert "s3cret" not in told.output


def test_what_is_too_old_is_pruned_and_the_rest_stays(listed: str, tmp_path: Path) -> None:
    def measured(days: float, seq: int) -> tuple[Any, ...]:
        at = datetime.now(UTC) - timedelta(days=days)
        when = int(at.timestamp() * 1e6)
        return ("binh-lu", "p", seq, when, when, "cli", "failure", "client", "[]", 0, 0)

    with closing(sqlite3.connect(tmp_path / "lensong.db")) as connection:
        connection.executemany(
            "INSERT INTO measurements (site_id, client_id, seq, started_at, received_at, method, "
            "outcome, counted_by, uplink_bins_bps, burst_only, rate_limited, sent_bytes) "
            "VALUES (?,?,?,?,?,?,?,?,?,?,0,?)",
            [measured(100.0, n) for n in range(30)] + [measured(1.0, 99)],
        )
        connection.commit()
    assert ok("db", "prune", "--db", listed) == "measurements: 30 rows deleted\n"
    assert ok("db", "prune", "--db", listed) == "nothing is too old\n"
    with closing(sqlite3.connect(tmp_path / "lensong.db")) as connection:
        hours = connection.execute("SELECT sum(failures) FROM hourly").fetchone()[0]
    assert hours == 31  # summed up before they went


def test_a_running_service_is_not_worked_around(served: Served) -> None:
    db = served.db
    for arguments in (("db", "prune"), ("db", "migrate"), ("token", "make", "binh-lu")):
        refused = run(*arguments, "--db", db)
        assert refused.exit_code == 2
        assert f"in use by process {served.process.pid}" in refused.stderr
    assert "sound" in ok("db", "check", "--db", db)
    assert "binh-lu" in ok("site", "list", "--db", db)
    assert run(*READY, "--db", db).exit_code == 3
    copy = Path(db.removeprefix("sqlite:///")).with_name("copy.db")
    assert "sound" in ok("db", "backup", str(copy), "--db", db)


# Sites, tokens, lists ---------------------------------------------------------------------------


def test_sites_are_added_and_listed(db: str) -> None:
    place = ["--commune", "Bình Lư", "--commune-code", "03390"]
    new = run("site", "add", "Chợ Bình Lư", *place, "--db", db)
    assert new.exit_code == 2
    assert "province" in new.stderr
    where = ["--province", "Lai Châu", "--province-code", "12", "--lat", "22.35", "--lon", "-103.6"]
    more = ["--operator", "Viettel", "--operator", "VNPT", "--technology", "4G"]
    assert ok("site", "add", "Chợ Bình Lư", *place, *where, *more, "--db", db) == (
        "cho-binh-lu: created\n"
    )
    assert ok("site", "add", "=Chợ 2", *place, "--site-id", "cho-2", "--db", db)
    assert ok("site", "list", "--db", db).splitlines() == [
        "cho-2\t03390\t=Chợ 2",
        "cho-binh-lu\t03390\tChợ Bình Lư",
    ]
    (_, full) = json.loads(ok("site", "list", "--db", db, "--json"))
    assert full["operators"] == ["Viettel", "VNPT"]
    assert (full["lat_deg"], full["lon_deg"]) == (22.35, -103.6)


def test_a_token_made_here_opens_the_service(listed: str, tmp_path: Path) -> None:
    secret = ok("token", "make", "binh-lu", "--db", listed).strip()
    assert len(secret) == 43
    assert run("token", "make", "nowhere", "--db", listed).exit_code == 2
    with serving(tmp_path, db=listed) as service:
        told = run(*READY, "--server", service.url, LENSONG_TOKEN=secret)
        assert told.exit_code == 3
        assert "UNKNOWN" in told.stdout
        wrong = run(*READY, "--server", service.url, LENSONG_TOKEN="x" * 43)
        assert wrong.exit_code == 2
        assert "401" in wrong.stderr
        assert "x" * 43 not in wrong.output


def test_prometheus_gets_a_token_that_reads_metrics_alone(served: Served) -> None:
    token = ok("token", "make", "--scraper", *as_admin(served), LENSONG_PASSWORD=PASSWORD).strip()
    with served.client() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get("/metrics").status_code == 200
        assert client.get("/api/v1/sites").status_code == 403
    for wrong in (["token", "make"], ["token", "make", "binh-lu", "--scraper"]):
        assert run(*wrong, *as_admin(served), LENSONG_PASSWORD=PASSWORD).exit_code == 2


def test_a_wrong_list_changes_nothing_and_every_row_is_told(listed: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("name,commune_code,lat\nA,03390,\nB,99999,\nC,03390,north\n", "utf-8")
    refused = run("import", "sites", str(path), "--db", listed)
    assert refused.exit_code == 2
    assert [line[:5] for line in refused.stderr.splitlines()[:2]] == ["row 3", "row 4"]
    assert len(ok("site", "list", "--db", listed).splitlines()) == 3


def test_sessions_come_in_by_file_and_dry_runs_store_nothing(listed: str, tmp_path: Path) -> None:
    csv, ics = tmp_path / "s.csv", tmp_path / "s.ics"
    csv.write_text("start;end;site\n28/11/2030 9h;28/11/2030 11h;Chợ Bình Lư\n", "utf-8")
    ics.write_text(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nSUMMARY:X\r\nDTSTART:20301129T020000Z\r\n"
        "DURATION:PT2H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        "utf-8",
    )
    profile = ["--profile", "voice-still", "--db", listed]
    dry = ok("import", "sessions", str(csv), "--dry-run", *profile)
    assert dry == "sessions: 1 new (nothing was stored)\n"
    assert ok("import", "sessions", str(csv), *profile) == "sessions: 1 new\n"
    assert ok("import", "sessions", str(csv), *profile) == "sessions: 1 unchanged\n"
    told = json.loads(ok("import", "sessions", str(ics), "--site", "ha-noi", "--json", *profile))
    assert told["counts"] == {"created": 1}
    assert run("import", "sessions", str(ics), *profile).exit_code == 2  # of no site


def test_lists_go_to_a_service_that_runs(served: Served, tmp_path: Path) -> None:
    path, secret = tmp_path / "more.csv", tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n", "utf-8")
    path.write_text("name,commune_code\nBản Hon,03390\n", "utf-8")
    by_file = [*as_admin(served), "--password-file", str(secret)]
    assert ok("import", "sites", str(path), *by_file) == "sites: 1 new\n"
    by_name = ok("site", "list", *as_admin(served), LENSONG_PASSWORD=PASSWORD)
    assert "ban-hon" in by_name
    assert len(ok("token", "make", "ban-hon", *by_file).strip()) == 43
    path.write_text("name,commune_code\nA,1\nB,2\n", "utf-8")
    refused = run("import", "sites", str(path), *by_file)
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[0].startswith("row 2, commune_code: ")
    wrong = run("site", "list", *as_admin(served), LENSONG_PASSWORD="another one")
    assert (wrong.exit_code, "not_signed_in" in wrong.stderr) == (2, True)
    nothing = run("site", "list", *as_admin(served))
    assert (nothing.exit_code, "LENSONG_PASSWORD" in nothing.stderr) == (2, True)


def test_a_service_that_is_not_there_is_told() -> None:
    gone = run("site", "list", "--server", "http://127.0.0.1:9")
    assert gone.exit_code == 2
    assert "cannot be reached" in gone.stderr
    for options in (
        ["--server", "http://127.0.0.1:9", "--db", "sqlite:///x.db"],
        ["--person", "lan"],
        ["--server", "ftp://x"],
    ):
        assert run("site", "list", *options).exit_code == 2


def test_what_is_refused_reads_alike_with_and_without_a_server(
    listed: str, served: Served, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("name,commune_code,lat / lon\nA,1,\nB,03390,north\n", "utf-8")
    empty = tmp_path / "empty.csv"
    empty.write_text("", "utf-8")
    for command in (
        ("import", "sites", str(wrong)),
        ("import", "sites", str(empty)),
        ("import", "sessions", str(empty), "--site", "nowhere"),
        ("token", "make", "nowhere"),
        ("ready", "nowhere", *READY[2:]),
        ("ready", "binh-lu", "--profile", "8k"),
        ("ready", "binh-lu", "--profile", "no such"),
    ):
        here = run(*command, "--db", listed)
        there = run(*command, *as_admin(served), LENSONG_PASSWORD=PASSWORD)
        assert (here.exit_code, there.exit_code) == (2, 2), command
        said = re.sub(r"http://\S+ refused \(\d+ \w+\): ", "", there.stderr)
        assert here.stderr == said
        assert here.stderr.splitlines()[-1].startswith("error: ")


# Verdicts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "word"), [("en_US.UTF-8", "UNKNOWN"), ("vi_VN.UTF-8", "CHƯA RÕ"), ("C", "UNKNOWN")]
)
def test_the_verdict_is_told_in_the_language_of_the_terminal(
    listed: str, language: str, word: str
) -> None:
    told = run(*READY, "--duration", "2h", "--db", listed, LC_ALL=language)
    assert told.exit_code == 3
    assert told.stdout.startswith(word)
    until, needs = ("đến", "cần 0,6 Mbit/s, an toàn tới –") if word != "UNKNOWN" else (
        "to", "needs 0.6 Mbit/s, safe up to –"
    )  # fmt: skip
    assert f"2030-11-28 09:00 {until} 11:00 (UTC+0700)\n  {needs}\n" in told.stdout
    chosen = run(*READY, "--language", "vi", "--db", listed, LC_ALL=language)
    assert chosen.stdout.startswith("CHƯA RÕ")


def test_the_exit_code_follows_the_verdict(listed: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    start = (now + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = ["ready", "binh-lu", "--at", start, "--duration", "30m", "--db", listed, "--json"]

    def measure(bps: float) -> None:
        at = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp() * 1e6)
        with closing(sqlite3.connect(tmp_path / "lensong.db")) as connection:
            connection.execute("DELETE FROM measurements")
            connection.execute(
                "INSERT INTO measurements (site_id, client_id, started_at, received_at, method, "
                "outcome, counted_by, uplink_bins_bps, burst_only, rate_limited, sent_bytes, "
                "uplink_p10_bps, uplink_p50_bps, rtt_idle_ms, rtt_loaded_ms, duration_s, "
                "technology) "
                "VALUES (?,?,?,?,?,?,?,?,?,0,?,?,?,?,?,?,?)",
                ("binh-lu", "p", at, at, "cli", "success", "server", json.dumps([bps] * 27), 0, 1,
                 bps, bps, 40.0, 80.0, 30.0, "4G"),
            )  # fmt: skip
            connection.commit()

    measure(40e6)
    good = run(*asked, "--profile", "voice-still")
    assert (good.exit_code, json.loads(good.stdout)["state"]) == (0, "ready")
    measure(0.1e6)
    bad = run(*asked, "--profile", "voice-still")
    assert (bad.exit_code, json.loads(bad.stdout)["state"]) == (1, "not_ready")
    for wrong in (
        [*asked, "--profile", "8k"],
        ["ready", "nowhere", "--profile", "voice-still", "--db", listed],
        [*READY[:4], "--at", "soon", "--db", listed],
        [*READY, "--duration", "soon", "--db", listed],
    ):
        refused = run(*wrong)
        assert refused.exit_code == 2
        assert refused.stderr.startswith("error: ")


# A plan -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Return folders of plans as `lensong plan` writes them: of a real place, and SYNTHETIC."""
    found = {}
    for synthetic in (False, True):
        found[synthetic] = tmp_path_factory.mktemp("plan")
        result = replace(make_small_plan_result(synthetic=synthetic), level_sigma_db=8.06)
        write_result(result, found[synthetic], lensong_version="0", created_at=datetime.now(UTC))
    return found


@pytest.fixture
def plan(plans: dict[bool, Path]) -> Path:
    """Return the folder of a plan of a real place."""
    return plans[False]


def test_a_plan_gives_every_site_its_prior(listed: str, plan: Path) -> None:
    assert run(*READY, "--db", listed).exit_code == 3
    told = ok("import-plan", str(plan), "--db", listed)
    assert "1 site predicted, levels within 8.1 dB" in told
    assert "SYNTHETIC" not in told
    assert "off the plan's ground: ha-noi" in told
    assert "without coordinates: no-place" in told
    verdict = run(*READY, "--db", listed, "--json")
    assert verdict.exit_code == 1  # something is known, and it is not enough
    kinds = {item["kind"] for item in json.loads(verdict.stdout)["evidence"]}
    assert "prediction" in kinds


def test_a_synthetic_plan_says_nothing_of_a_real_site(listed: str, plans: dict[bool, Path]) -> None:
    told = ok("import-plan", str(plans[True]), "--db", listed)
    assert "1 site predicted, levels within 8.1 dB" in told
    assert "SYNTHETIC" in told
    verdict = run(*READY, "--db", listed, "--json")
    assert verdict.exit_code == 3  # as unknown as before, and it is told why
    said = json.loads(verdict.stdout)
    assert "prediction" not in {item["kind"] for item in said["evidence"]}
    assert "plan_synthetic" in {reason["code"] for reason in said["reasons"]}


def test_a_plan_goes_to_a_service_that_runs(served: Served, plan: Path) -> None:
    told = json.loads(
        ok("import-plan", str(plan), *as_admin(served), "--json", LENSONG_PASSWORD=PASSWORD)
    )
    assert {item["site_id"] for item in told["predictions"]} == {"binh-lu"}
    assert told["outside"] == ["ha-noi"]
    with served.client() as client:
        me = client.post("/api/v1/sign-in", json={"person_id": "admin", "password": PASSWORD})
        assert me.status_code == 200
        kept = client.get("/api/v1/sites/binh-lu/predictions").json()
        wall = client.get("/wall").text
    assert {item["coverage_run"] for item in kept} == {told["run_id"]}
    # and what it shows of the land; its communes are none of the service's
    assert told["relief"]
    assert told["villages"] > 5
    assert told["outlines"] == []
    assert told["unknown_communes"]
    assert 'class="relief"' in wall


def test_what_is_no_plan_is_refused_before_anything_is_sent(tmp_path: Path, plan: Path) -> None:
    empty = run("import-plan", str(tmp_path), "--db", "sqlite:///nowhere.db")
    assert (empty.exit_code, "run.json" in empty.stderr) == (2, True)
    cut = Path(shutil.copytree(plan, tmp_path / "cut"))
    (cut / "villages.gpkg").write_bytes(b"")
    assert run("import-plan", str(cut), "--db", "sqlite:///nowhere.db").exit_code == 2
