"""The production way: the wheel of a checkout, installed, started by the unit's command line."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from tests.test_deploy.programs import DEPLOY, wait_for
from tests.waiting import PATIENCE_S

UNIT = (DEPLOY / "systemd" / "lensong.service").read_text("utf-8")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling is not installed"),
]


@dataclass(frozen=True)
class Installed:
    """A machine's folders, in one of ours."""

    root: Path

    def at(self, path: str) -> str:
        """Return where a path of the machine lies."""
        return str(self.root) + path

    @property
    def python(self) -> str:
        return self.at("/opt/lensong/bin/python")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return the wheel of this checkout, installed; what it needs is that of the tests."""
    machine = Installed(tmp_path_factory.mktemp("machine"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-deps", "--no-index"]
    dist = machine.root / "dist"
    _run([*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", str(dist), "."])
    (wheel,) = dist.glob("lensong-*.whl")
    venv.create(machine.at("/opt/lensong"), symlinks=True)
    _run([*pip, "--python", machine.python, "install", *offline, str(wheel)])
    (packages,) = Path(machine.at("/opt/lensong/lib")).glob("python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return machine


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=DEPLOY.parent, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _of_unit(name: str) -> str:
    (value,) = re.findall(rf"(?m)^{name}=(.+)$", UNIT)
    return str(value)


@contextmanager
def started(machine: Installed, url: str) -> Iterator[subprocess.Popen[str]]:
    """Yield the service, started as the unit says, once it is ready."""
    command = [
        machine.at(word) if word.startswith("/") else word
        for word in shlex.split(_of_unit("ExecStart"))
    ]
    folder = Path(machine.at(_of_unit("WorkingDirectory")))
    name, cache = _of_unit("Environment").split("=", 1)
    env = {"PATH": os.defpath, "LANG": "C.UTF-8", name: machine.at(cache)}
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:

        def is_ready() -> bool:
            assert process.poll() is None, process.stdout and process.stdout.read()
            return httpx.get(f"{url}/-/ready").status_code == 200

        wait_for(is_ready, "the service to be ready")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)


def test_it_is_the_wheel_that_runs(installed: Installed) -> None:
    where = _run([installed.python, "-P", "-c", "import lensong.cli; print(lensong.cli.__file__)"])
    assert where.startswith(installed.at("/opt/lensong/"))
    code = "from importlib.metadata import distribution as d; print(d('lensong').locate_file(''))"
    assert _run([installed.python, "-P", "-c", code]).startswith(installed.at("/opt/lensong/"))


def test_the_units_command_line_serves_and_ends(installed: Installed) -> None:
    port = free_port()
    for name in ("Configuration", "State", "Cache"):
        assert _of_unit(f"{name}Directory") == "lensong"
    settings = Path(installed.at("/etc/lensong/lensong.toml"))
    settings.parent.mkdir(parents=True)
    settings.write_text(f'port = {port}\nlanguage = "en"\n')
    for folder in ("/var/lib/lensong", "/var/cache/lensong"):
        Path(installed.at(folder)).mkdir(parents=True)
    url = f"http://127.0.0.1:{port}"
    with started(installed, url) as process:
        page = httpx.get(f"{url}/sign-in")
        assert page.status_code == 200
        assert 'lang="en"' in page.text  # out of the file that the command line names
        styles = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
        assert styles
        assert all(httpx.get(url + style).status_code == 200 for style in styles)
        assert (Path(installed.at("/var/lib/lensong")) / "lensong.db").is_file()
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, told
    assert "Traceback" not in told
