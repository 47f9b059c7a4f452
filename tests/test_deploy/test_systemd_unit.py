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
