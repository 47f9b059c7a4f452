"""How large a plan is, is said before it starts; a great deal wants a yes."""

from __future__ import annotations

import os
from math import pi
from pathlib import Path

import pytest

from lensong.cli import agreement
from lensong.cli.agreement import Agreement
from lensong.cli.console import Console
from lensong.coverage.scenario.inputs import read_network
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.scenario.network_once import NetworkOnce
from lensong.coverage.scenario.size import PlanSize, size_of
from lensong.propagation.errors import ConfigError
from lensong.propagation.types import Grid
from tests.test_cli.small_scenario import SmallPlan

GRID = Grid(crs="EPSG:32648", west_m=0.0, north_m=1e6, cell_m=30.0, rows=4000, cols=5000)


def size(cpu_s: float = 10.0, memory_bytes: float = 1e9) -> PlanSize:
    return PlanSize(grid=GRID, sweeps=208, cpu_s=cpu_s, memory_bytes=memory_bytes)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(Console, "say", lambda _, message: lines.append(message))
    monkeypatch.setattr(agreement, "_machine_bytes", lambda: 16e9)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return lines


def agree(*sizes: PlanSize, yes: bool = False, elsewhere: bool = False, threads: int = 2) -> None:
    Agreement(Console(), threads=threads, yes=yes, elsewhere=elsewhere).to(*sizes)


def test_a_small_plan_starts_without_a_word(said: list[str]) -> None:
    agree(size())
    assert said == []


def test_minutes_are_told_and_not_asked_about(said: list[str]) -> None:
    agree(size(cpu_s=600.0))
    assert said == [
        "20,000,000 cells of 30 m and 208 sweeps: about 5 min here if nothing is in the cache, and "
        "1.0 GB of memory"
    ]


@pytest.mark.parametrize(
    ("sizes", "of"),
    [
        ((size(cpu_s=4 * 3600.0),), "about 2.0 h here"),
        ((size(memory_bytes=15e9),), "15.0 GB of memory where this machine has 16 GB"),
        ((size(cpu_s=5000.0),) * 2, "2 plans, 40,000,000 cells"),
    ],
)
def test_a_great_deal_wants_yes(sizes: tuple[PlanSize, ...], of: str, said: list[str]) -> None:
    with pytest.raises(ConfigError, match="say --yes if that is meant") as error:
        agree(*sizes)
    assert of in str(error.value)
    agree(*sizes, yes=True)
    assert len(said) == 2


def test_more_threads_than_processors_do_not_make_it_shorter(said: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"about 2\.0 h"):
        agree(size(cpu_s=4 * 3600.0), threads=64)
    assert said


def test_memory_of_other_machines_is_theirs(said: list[str]) -> None:
    agree(size(memory_bytes=100e9), elsewhere=True)
    with pytest.raises(ConfigError, match="of one processor, shared by all workers"):
        agree(size(cpu_s=3700.0), elsewhere=True)
    assert said


def test_the_size_is_that_of_the_plan(small: SmallPlan) -> None:
    asked = load_scenario(small.scenario)
    found = size_of(asked, read_network(asked.network)[0])
    assert found.sweeps == 1
    assert found.grid.cell_m == 30.0
    pixels = pi * (700.0 / 30.0) ** 2
    cells = found.grid.rows * found.grid.cols
    assert found.cpu_s == pytest.approx(pixels * 1.7e-6 + cells * 2e-6)


def test_a_list_that_scenarios_share_is_read_once_until_it_changes(small: SmallPlan) -> None:
    networks, request = NetworkOnce(), load_scenario(small.scenario).network
    first = networks.read(request)
    assert networks.read(load_scenario(small.scenario).network) is first
    small.replace("cells.csv", ",30,0,sector", ",40,0,sector")
    os.utime(small.folder / "cells.csv", ns=(1, 1))  # the clock of a file system may be coarse
    second = networks.read(request)
    assert [cell.height_agl_m for cell in second[0].cells] == [40.0, 30.0]


@pytest.mark.parametrize(
    "area",
    [
        "bbox_deg = [-90, -60, 90, 60]",
        "bbox_deg = [0, -80, 179, 80]",
        'bbox_deg = [60, -40, 150, 60]\ncrs = "EPSG:32648"',
        'bbox_deg = [60, -40, 150, 60]\ncrs = "EPSG:6933"\nresolution_m = 1000',
        "bbox_deg = [95, 15, 112, 28]",  # 500 million cells of 30 m do not cover it
    ],
)
def test_half_the_globe_is_refused_before_any_work(area: str, small: SmallPlan) -> None:
    small.replace("scenario.toml", 'boundary = "area.geojson"\ncrs = "EPSG:32648"', area)
    run = small.plan("--yes")
    assert run.exit_code == 2, run.output
    assert "smaller area" in run.output
    assert list(Path(small.out).iterdir()) == []


def test_a_village_on_the_other_side_of_the_globe_is_said(small: SmallPlan) -> None:
    small.replace("scenario.toml", 'boundary = "area.geojson"\ncrs = "EPSG:32648"', "")
    small.replace("villages.csv", "22.4105,103.6510", "-22.4105,-76.3490")
    run = small.plan("--yes")
    assert run.exit_code == 2, run.output
    assert "a village in a wrong place also widens it" in run.output


def test_a_wide_area_is_asked_about_before_the_land_is_read(
    small: SmallPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "_machine_bytes", lambda: 1e5)
    run = small.plan()
    assert run.exit_code == 2
    assert "say --yes" in run.output
    assert list(Path(small.out).iterdir()) == []
    assert small.plan("--yes").exit_code == 0
