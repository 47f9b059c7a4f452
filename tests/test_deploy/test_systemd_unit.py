from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from tests.test_deploy.programs import DEPLOY
from tests.waiting import PATIENCE_S

UNIT = DEPLOY / "systemd" / "lensong.service"
pytestmark = pytest.mark.skipif(
    which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    text = UNIT.read_text("utf-8")
    unit = tmp_path / "lensong.service"
    # the installation that it starts does not exist here: any program that does
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", text))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True,
                          check=False, timeout=PATIENCE_S)  # fmt: skip
    about_us = [line for line in done.stderr.splitlines() if "lensong" in line]
    assert (done.returncode, about_us) == (0, [])


def test_the_unit_exposes_little(tmp_path: Path) -> None:
    """Of 10, systemd calls up to 2 well protected."""
    unit = tmp_path / "lensong.service"
    unit.write_bytes(UNIT.read_bytes())
    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            "--threshold=15",
            "--no-pager",
            str(unit),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_the_unit_starts_the_console_script_with_settings() -> None:
    text = UNIT.read_text("utf-8")
    assert "\nExecStart=/opt/lensong/bin/lensong serve --config /etc/lensong/lensong.toml\n" in text
    assert "\nConfigurationDirectory=lensong\n" in text
    assert "\nStateDirectory=lensong\n" in text


def test_a_user_that_exists_only_while_it_runs_can_read_its_settings() -> None:
    text = UNIT.read_text("utf-8")
    # systemd leaves that directory to root: with DynamicUser the service reads it as anybody
    assert "\nDynamicUser=yes\n" in text
    assert "\nConfigurationDirectoryMode=0755\n" in text
    assert "\nEnvironmentFile=-/etc/lensong/lensong.env\n" in text


def test_it_begins_once_the_clock_is_set() -> None:
    text = UNIT.read_text("utf-8")
    for order in ("Wants", "After"):
        assert re.search(rf"(?m)^{order}=.*\btime-sync\.target\b", text)


def test_no_shipped_file_installs_a_name_that_anybody_may_take_on_a_registry() -> None:
    root = Path(__file__).parents[2]
    files = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *(root / "deploy").rglob("*")]
    for path in files:
        if path.is_file() and path.suffix in (".md", ".service", "") and path.stat().st_size < 1e6:
            text = path.read_text("utf-8", "replace")
            assert not re.search(r"pip install (?:-\S+ )*[\"']?lensong\b", text), path


def test_the_alerts_are_as_many_as_the_readme_says() -> None:
    deploy = Path(__file__).parents[2] / "deploy"
    rules = (deploy / "prometheus" / "rules" / "alerts.yml").read_text("utf-8")
    count = len(re.findall(r"(?m)^ +- alert:", rules))
    words = (
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
    )
    assert f"**Alerts on symptoms**, {words[count - 1]} in all" in (deploy / "README.md").read_text(
        "utf-8"
    )
