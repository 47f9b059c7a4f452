"""``lensong models`` says what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from lensong.cli.main import lensong
from lensong.propagation.model import Model
from lensong.propagation.models import MODELS

CLI_PAGE = Path(__file__).resolve().parents[2] / "docs/reference/cli.md"
MODEL_PAGES = Path(__file__).resolve().parents[2] / "docs/models"


def test_the_table_has_a_line_for_each_model() -> None:
    run = CliRunner().invoke(lensong, ["models"])
    assert run.exit_code == 0
    lines = {line.split()[0]: line for line in run.stdout.splitlines() if line}
    for entry in MODELS.values():
        assert lines[entry.name].endswith(entry.source)
        assert (" * " in lines[entry.name]) == entry.map_engine


def test_the_table_gives_ranges_in_units_that_read_well() -> None:
    line = next(
        line
        for line in CliRunner().invoke(lensong, ["models"]).stdout.splitlines()
        if line.startswith("itu_r_p1812 ")
    )
    assert "30 MHz to 6 GHz" in line
    assert "250 m to 3000 km" in line


@pytest.mark.parametrize("entry", MODELS.values(), ids=lambda entry: entry.name)
def test_the_details_of_a_model_name_its_call_and_its_alternative(entry: Model) -> None:
    run = CliRunner().invoke(lensong, ["models", entry.name])
    assert run.exit_code == 0
    for said in (entry.title, entry.source, entry.function_name, entry.instead):
        assert said in run.stdout


def test_a_model_is_known_by_its_short_name() -> None:
    long, short = (CliRunner().invoke(lensong, ["models", n]) for n in ("itu_r_p1812", "P.1812"))
    assert short.exit_code == 0
    assert short.stdout == long.stdout


def test_json_is_one_object_without_nan() -> None:
    run = CliRunner().invoke(lensong, ["models", "--json"])
    found = json.loads(run.stdout, parse_constant=pytest.fail)["models"]
    assert [entry["name"] for entry in found] == list(MODELS)
    by_name = {entry["name"]: entry for entry in found}
    assert by_name["itu_r_p1812"]["freq_mhz"] == [30.0, 6000.0]
    assert by_name["free_space"]["distance_m"] == [0.0, None]
    assert by_name["itu_r_p2109"]["distance_m"] is None


def test_json_of_one_model_is_that_model() -> None:
    run = CliRunner().invoke(lensong, ["models", "tr38901_rma", "--json"])
    assert json.loads(run.stdout)["name"] == "tr38901_rma"


def test_a_mistyped_name_is_bad_input_with_the_nearest() -> None:
    run = CliRunner().invoke(lensong, ["models", "p1821"])
    assert run.exit_code == 2
    assert "itu_r_p1812" in run.stderr
    assert run.stdout == ""


def test_the_page_of_commands_shows_what_is_printed() -> None:
    example = re.search(r"\$ lensong models (\w+)\n(.*?)```", CLI_PAGE.read_text("utf-8"), re.S)
    assert example
    run = CliRunner().invoke(lensong, ["models", example[1]])
    assert run.stdout.strip() == example[2].strip()


@pytest.mark.parametrize("entry", MODELS.values(), ids=lambda entry: entry.name)
def test_the_pages_of_models_name_every_model(entry: Model) -> None:
    pages = "".join(page.read_text("utf-8") for page in MODEL_PAGES.glob("*.md"))
    assert re.search(rf"\b{entry.name}\b", pages)
