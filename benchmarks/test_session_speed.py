"""How long an edit of one mast takes, and what a second thread brings.

python -m pytest benchmarks/test_session_speed.py -m benchmark -s
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from terrain import patchwork_clutter, sweep_request

from lensong.coverage.scenario.inputs import read_inputs
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.session import PlanningSession
from lensong.gis_data.demo import write_demo
from lensong.propagation.sweep import sweep
from lensong.propagation.terrain import Terrain


def least_s(work: Callable[[], object], rounds: int = 5) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


@pytest.mark.benchmark
def test_edits_of_a_mast_in_the_demo(tmp_path: Path) -> None:
    scenario = load_scenario(write_demo(tmp_path))
    land, network, _ = read_inputs(scenario)
    session = PlanningSession(land, network, services=scenario.services, workers=2)
    edit = session.pick_up(network.masts[4].mast_id)
    carriers = {cell.carrier.name for cell in edit.cells}
    first = edit.cells[0].carrier.name
    heights = iter(range(61, 120))  # no mast is so high: every sweep is made anew

    def raised_carrier() -> None:
        height = float(next(heights))
        cells = [
            replace(c, height_agl_m=height) if c.carrier.name == first else c for c in edit.cells
        ]
        edit.layers(edit.mast, cells)

    def moved() -> None:
        step = 1e-5 * next(heights)
        edit.layers(replace(edit.mast, lat_deg=edit.mast.lat_deg + step), edit.cells)

    def tilted() -> None:
        tilt = 0.1 * next(heights)
        edit.layers(edit.mast, [replace(c, mechanical_downtilt_deg=tilt) for c in edit.cells])

    window = edit.layers(edit.mast, edit.cells).grid
    print(
        f"\n{len(edit.cells)} cells on {len(carriers)} carriers, 10 km, 30 m, "
        f"window {window.rows} x {window.cols}"
    )
    for label, work in (
        ("tilt or power", tilted),
        ("one carrier raised", raised_carrier),
        ("mast moved, all carriers", moved),
    ):
        print(f"{label:26s} {least_s(work):.2f} s")


@pytest.mark.benchmark
def test_two_threads(cevennes: Terrain) -> None:
    terrain = replace(cevennes, clutter_m=patchwork_clutter(cevennes.ground_m))
    request = sweep_request("slope")
    sweep(request, terrain)

    def in_turn() -> None:
        for _ in range(2):
            sweep(request, terrain)

    def side_by_side() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: sweep(request, terrain), range(2)))

    two = least_s(in_turn) / least_s(side_by_side)
    shared = least_s(lambda: sweep(request, terrain)) / least_s(
        lambda: sweep(request, terrain, workers=2)
    )
    print(f"\ntwo sweeps on two threads: {two:.2f} times as fast as in turn")
    print(f"one sweep shared by two threads: {shared:.2f} times as fast as on one")
