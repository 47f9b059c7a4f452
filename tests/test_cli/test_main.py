"""The command line answers at once and says what it can do."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import click
import pytest
from click.testing import CliRunner

from lensong.cli.errors import explains_errors
from lensong.cli.main import lensong
from lensong.propagation.errors import DataError

HEAVY = ("numba", "numpy", "pandas", "geopandas", "rasterio", "pydantic", "rich", "scipy")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, json\n"
        "from lensong.cli.main import lensong\n"
        "try:\n    lensong(['--help'])\nexcept SystemExit:\n    pass\n"
        "print('LOADED', json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "diff" in run.stdout
    loaded = set(json.loads(run.stdout.partition("LOADED ")[2]))
    assert loaded.isdisjoint(HEAVY)


def test_every_command_explains_itself() -> None:
    for name in ("plan", "check", "demo", "diff"):
        run = CliRunner().invoke(lensong, [name, "--help"])
        assert run.exit_code == 0
        assert "--debug" in run.output


def test_the_version_is_that_of_the_package() -> None:
    assert version("lensong") in CliRunner().invoke(lensong, ["--version"]).output


def test_an_unknown_command_is_bad_input() -> None:
    run = CliRunner().invoke(lensong, ["plann"])
    assert run.exit_code == 2
    assert "plann" in run.stderr


def failing(error: BaseException) -> click.Command:
    @click.command()
    @explains_errors
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("no tile N22E103: add it"), 2, "error: no tile N22E103: add it"),
        (PermissionError(13, "Permission denied", "/out/x.tif"), 2, "/out/x.tif: Permission den"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (MemoryError(), 2, "plan a smaller area"),
        (KeyboardInterrupt(), 2, "interrupted"),
    ],
)
def test_an_error_is_one_message_and_a_code(error: BaseException, code: int, message: str) -> None:
    run = CliRunner().invoke(failing(error))
    assert run.exit_code == code
    assert message in run.stderr
    assert run.stdout == ""
    assert "Traceback" not in run.output


def test_debug_shows_the_error_itself() -> None:
    run = CliRunner().invoke(failing(DataError("no tile")), ["--debug"])
    assert isinstance(run.exception, DataError)


def test_a_mistake_of_ours_is_not_hidden() -> None:
    run = CliRunner().invoke(failing(ZeroDivisionError()))
    assert isinstance(run.exception, ZeroDivisionError)
