"""``lensong probe`` against the uplink test of a real server on this machine."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from fastapi import FastAPI

from lensong.cli.probe_command import probe
from tests.uplink_server import TOKEN, Store, make_app, serving, settings_for


@contextmanager
def service(**overrides: Any) -> Iterator[tuple[str, Store]]:
    store = Store()
    app, _ = make_app(store, settings_for(**{"max_rate_bps": 8e6, **overrides}))
    _add_ingest(app)
    with serving(app) as port:
        yield f"http://127.0.0.1:{port}", store


def _add_ingest(app: FastAPI) -> None:
    @app.post("/api/v1/sites/{site}/measurements", status_code=201)
    async def ingest(site: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        assert site == "binh-lu"
        return [{"seq": report["seq"], "fate": "created"} for report in body["measurements"]]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "LENSONG_TOKEN", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("LENSONG_STATE_DIR", str(tmp_path / "state"))


def run(*arguments: str, token: str = TOKEN + "binh-lu") -> Result:
    return CliRunner().invoke(probe, list(arguments), env={"LENSONG_TOKEN": token})


@pytest.mark.slow
def test_a_test_is_measured_told_and_delivered(tmp_path: Path) -> None:
    with service() as (address, store):
        done = run("--server", address, "--seconds", "10")
    assert done.exit_code == 0, done.output
    for wanted in ("in nine of ten seconds", "round trip", "MB in 10 s", "at least this much",
                   "too short to be evidence", "reports: 1 delivered"):  # fmt: skip
        assert wanted in done.output
    assert TOKEN not in done.output
    (finished,) = store.finished
    assert finished.method == "cli"
    assert stat.S_IMODE((tmp_path / "state" / "probe.sqlite3").stat().st_mode) == 0o600


def test_a_refusal_says_why_and_ends_with_1() -> None:
    with service() as (address, _):
        done = run("--server", address, token="forged")
    assert done.exit_code == 1
    assert "refused: The link or access code is no longer valid" in done.output
    assert "forged" not in done.output


@pytest.mark.slow
def test_a_failed_test_is_reported_too_and_ends_with_1() -> None:
    with service() as (address, store):
        store.failing = True
        done = run("--server", address, "--seconds", "10", "--json", "-q")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["report"]["result"], told["report"]["failure_reason"]) == ("failure", "not_stored")
    assert told["report"]["sent_bytes"] > 0
    assert told["delivery"]["delivered"] == 1


def test_without_a_network_the_report_waits(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"  # the port of a service that throws away what it gets
    queue = str(tmp_path / "elsewhere" / "q")
    for count in (1, 2):
        done = run("--server", nobody, "--queue", queue, "--json", "-q")
        told = json.loads(done.stdout)
        assert done.exit_code == 1
        assert told["report"]["failure_reason"] == "unreachable"
        assert told["delivery"]["waiting"] == count
        assert "cannot be reached" in told["reason"]


def test_the_token_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("forged-by-file\n")
    with service() as (address, _):
        done = run("--server", address, "--token-file", str(tmp_path / "token"), token="")
    assert done.exit_code == 1
    assert "no longer valid" in done.output
    assert "forged" not in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--server", "live.example.vn"], "wanted an address"),
        (["--server", "https://x", "--every", "soon"], "wanted one like 30m"),
        (["--server", "https://x", "--quiet-hours", "22:00-05:00"], "without --every"),
        (["--server", "https://x", "--every", "30m", "--quiet-hours", "night"], "quiet hours are"),
        (["--server", "https://x", "--every", "30m", "--once"], "choose one"),
        (["--server", "https://x", "--token-file", "/nowhere/token"], "cannot read"),
        (["--server", "https://x", "--seconds", "7"], "'7' is not one of"),
        ([], "--server"),
    ],
)
def test_bad_input_ends_with_2(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_without_a_token_nothing_is_sent() -> None:
    done = run("--server", "https://x", token="")
    assert done.exit_code == 2
    assert "--token-file or the variable LENSONG_TOKEN" in done.output


def test_a_queue_that_cannot_be_written_ends_with_2(tmp_path: Path) -> None:
    done = run("--server", "https://x", "--queue", str(tmp_path))
    assert done.exit_code == 2


def test_limits_are_asked_with_the_token() -> None:
    with service() as (address, _):
        answer = httpx.get(
            f"{address}/uplink/v1/limits",
            headers={"Authorization": f"Bearer {TOKEN}binh-lu"},
            trust_env=False,
        )
    assert answer.json()["site"] == "binh-lu"


def test_the_systemd_unit_calls_the_command_as_it_is() -> None:
    unit = Path(__file__).resolve().parents[3] / "deploy" / "systemd" / "lensong-probe.service"
    (start,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    program, name, *words = start.removeprefix("ExecStart=").split()
    assert (Path(program).name, name) == ("lensong", "probe")
    known = {option for parameter in probe.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known
