"""`lensong serve` on PostgreSQL: one process, which comes back with its database."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.postgres_server import Postgres
from tests.test_cli.served import run, serving

pytestmark = pytest.mark.slow


def test_a_second_service_on_one_database_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new_database()
    with serving(tmp_path, db=url) as served:
        assert httpx.get(f"{served.url}/-/ready").text == "ready\n"
        second = run("serve", "--db", url, "--port", "0", cwd=tmp_path)
        assert second.returncode == 2
        assert "another process is at work" in second.stderr
        offline = run("db", "prune", "--db", url, cwd=tmp_path)
        assert (offline.returncode, "another process" in offline.stderr) == (2, True)
        assert "sound" in run("db", "check", "--db", url, cwd=tmp_path).stdout
        assert served.end() == 0
    assert "nothing is too old" in run("db", "prune", "--db", url, cwd=tmp_path).stdout
    assert not list(tmp_path.glob("*.lock"))
    postgres.drop(url)


def test_a_server_that_is_away_is_told_in_words(tmp_path: Path) -> None:
    away = run(
        "serve", "--db", "postgresql://lan:s3cret@127.0.0.1:9/x", "--port", "0", cwd=tmp_path
    )
    assert away.returncode == 2
    assert away.stderr == "error: the database does not answer: try again\n"
