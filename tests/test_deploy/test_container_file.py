"""What a container file names exists; building it needs an engine and images, which CI lacks."""

from __future__ import annotations

import re
import tomllib

from lensong.monitoring.config import ServiceConfig
from tests.test_deploy.programs import DEPLOY

ROOT = DEPLOY.parent
TEXT = (DEPLOY / "container" / "Containerfile").read_text("utf-8").replace("\\\n", " ")
_SILENT = "--disable-pip-version-check"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_everything_that_is_copied_exists_and_nothing_that_is_built_is_missing() -> None:
    copied = {
        source
        for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", TEXT)
        for source in line.split()[:-1]
    }
    assert all((ROOT / source).exists() for source in copied)
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.split("/")[0] for package in packages} <= copied
    assert {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]} <= copied


def test_it_starts_the_console_script() -> None:
    (entry,) = re.findall(r'(?m)^ENTRYPOINT \["(.+)"\]$', TEXT)
    assert entry.rsplit("/", 1)[1] in PROJECT["project"]["scripts"]
    assert {"postgres", "dask"} <= PROJECT["project"]["optional-dependencies"].keys()


def test_it_runs_what_the_unit_runs_out_of_the_wheel_that_make_makes() -> None:
    unit = (DEPLOY / "systemd" / "lensong.service").read_text("utf-8")
    (started,) = re.findall(r"(?m)^ExecStart=(.+) --config \S+$", unit)
    (entry,) = re.findall(r'(?m)^ENTRYPOINT \["(.+)"\]$', TEXT)
    (arguments,) = re.findall(r'(?m)^CMD \["(.+)"\]$', TEXT)
    assert f"{entry} {arguments}" == started
    (run,) = (line for line in re.findall(r"(?m)^RUN (.+)$", TEXT) if "pip wheel" in line)
    (make,) = re.findall(r"pip wheel (.+)", (ROOT / "Makefile").read_text("utf-8"))
    wanted = [word for word in make.split() if word not in ("--quiet", _SILENT)]
    (built,) = re.findall(r"pip wheel --no-cache-dir (.+?) +&&", run)
    assert built.split() == wanted
    assert f'"$(ls {wanted[wanted.index("--wheel-dir") + 1]}/lensong-*.whl)[postgres,dask]"' in run
    assert re.search(r"(?m)^COPY --from=build /opt/lensong /opt/lensong$", TEXT)


def test_its_environment_names_settings_that_exist() -> None:
    (line,) = re.findall(r"(?m)^ENV (.+)$", TEXT)
    given = dict(pair.split("=", 1) for pair in line.split())
    for name in given:
        if name.startswith("LENSONG_"):
            assert name.removeprefix("LENSONG_").lower() in ServiceConfig.model_fields
    assert f":{given['LENSONG_PORT']}/-/healthy" in TEXT
    assert f"EXPOSE {given['LENSONG_PORT']}" in TEXT


def test_it_does_not_run_as_root() -> None:
    (user,) = re.findall(r"(?m)^USER (\d+)$", TEXT)
    assert int(user) > 0
    assert TEXT.index("USER ") < TEXT.index("ENTRYPOINT")
