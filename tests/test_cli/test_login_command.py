"""Signing in once: the token is kept where its owner alone reads it, and ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lensong.cli import sign_ins
from lensong.cli.main import lensong
from tests.served_pages import PASSWORD, Served, served_pages


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    # asked for without the path that others see
    with served_pages(folder, public_url="https://host.example/tinh/live") as running:
        running.add_person("lan", "admin")
        yield running


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("LENSONG_TOKEN", raising=False)
    return tmp_path / "lensong" / "sign-ins.json"


def run(*arguments: str, **env: str) -> Result:
    return CliRunner(env={"LC_ALL": "en_US.UTF-8", **env}).invoke(lensong, arguments)


def sign_in(served: Served) -> Result:
    return run("login", "--server", f"{served.url}/", "--person", "lan", LENSONG_PASSWORD=PASSWORD)


def test_one_sign_in_serves_the_commands_that_follow(served: Served, settings: Path) -> None:
    server = ["--server", served.url]
    before = run("site", "list", *server)
    assert (before.exit_code, "lensong login" in before.stderr) == (2, True)
    told = sign_in(served)
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith(f"lan is signed in at {served.url} until ")
    assert settings.stat().st_mode & 0o777 == 0o600
    first = json.loads(settings.read_text())[served.url]
    assert first["token"] not in told.output
    for _ in range(2):
        listed = run("site", "list", *server)
        assert "binh-lu" in listed.stdout
    # signing in again takes the place of the token before
    assert sign_in(served).exit_code == 0
    assert run("site", "list", *server).exit_code == 0
    settings.write_text(json.dumps({served.url: first}))
    assert "401" in run("site", "list", *server).stderr
    ended = run("logout", *server)
    assert ended.stdout == f"lan is signed out at {served.url}\n"
    assert run("logout", *server).exit_code == 2


def test_a_command_can_still_sign_in_by_itself(served: Served, settings: Path) -> None:
    by_name = ["site", "list", "--server", served.url, "--person", "lan"]
    assert "binh-lu" in run(*by_name, LENSONG_PASSWORD=PASSWORD).stdout
    assert not settings.exists()
    wrong = run("login", "--server", served.url, "--person", "lan", LENSONG_PASSWORD="wrong")
    assert wrong.exit_code == 2
    assert not settings.exists()


def test_a_file_that_others_read_is_not_used(settings: Path) -> None:
    there = sign_ins.SignIn(person="lan", token_id="t", token="secret", expires_at="2027")
    sign_ins.keep("https://live.example", there)
    assert sign_ins.kept("https://live.example") == there
    assert sign_ins.kept("https://other.example") is None
    settings.chmod(0o644)
    told = run("site", "list", "--server", "https://live.example")
    assert told.exit_code == 2
    assert "can be read by others" in told.stderr
    settings.chmod(0o600)
    settings.write_text("[1]")
    assert "delete it" in run("logout", "--server", "https://live.example").stderr
