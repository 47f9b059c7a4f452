"""What a drop of a mast costs, stage by stage, beside the whole plan of the edited network.

python -m pytest benchmarks/test_planner_speed.py -m benchmark -s

The demo: 30 m, 10 km, masts of two and three carriers, two operators, three services. Processor
time of all threads, so that other work on the machine counts little; a drop on two idle cores takes
about half of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from lensong.coverage.scenario.inputs import read_inputs
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.variant.coarse import coarse_land, coarse_step
from lensong.coverage.variant.edits import MoveMast, edited
from lensong.coverage.variant.engine import PlanEngine
from lensong.coverage.variant.villages import VillageSide
from lensong.gis_data.demo import write_demo

DROPS = 10
Found = TypeVar("Found")


class Stages:
    """Processor seconds by stage."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}

    def take(self, stage: str, work: Callable[[], Found]) -> Found:
        began = time.process_time()
        found = work()
        self.taken.setdefault(stage, []).append(time.process_time() - began)
        return found

    def told(self) -> str:
        return "\n".join(
            f"{stage:38s} median {np.median(taken):5.2f}, most {max(taken):5.2f} CPU-s"
            for stage, taken in self.taken.items()
        )


@pytest.mark.benchmark
def test_drops_of_a_mast_in_the_demo(tmp_path: Path) -> None:
    scenario = load_scenario(write_demo(tmp_path))
    land, network, _ = read_inputs(scenario)
    engine = PlanEngine(land, services=scenario.services, workers=2)
    side = VillageSide(engine, classes=scenario.classes, streams=scenario.streams)
    state = engine.judged(engine.opened(network))
    villages = side.with_streams(side.opened(state), state)
    coarse = PlanEngine(
        coarse_land(land, coarse_step(land.grid.cell_m)),
        services=scenario.services,
        workers=2,
        tile_px=32,
    )
    rough = coarse.judged(coarse.opened(network))
    mast, stages = network.masts[4], Stages()
    for drop in range(DROPS):
        lat_deg = mast.lat_deg + 4e-4 * (drop + 1)
        moved = edited(
            network, [MoveMast(mast_id=mast.mast_id, lat_deg=lat_deg, lon_deg=mast.lon_deg)]
        )
        frame = stages.take("a frame of a drag, levels", lambda n=moved: coarse.follow(rough, n))
        stages.take("a frame of a drag, chances", lambda f=frame: coarse.judged(f))
        levels = stages.take("levels, server, rates", lambda n=moved: engine.follow(state, n))
        some = stages.take(
            "villages, judged", lambda s=levels: engine.judged(s, within=side.pixels_in)
        )
        table = stages.take(
            "villages, table", lambda s=some, t=levels.touched: side.follow(villages, s, t)
        )
        stages.take("all chances", lambda s=some: engine.judged(s))
        stages.take("streams at once", lambda v=table, s=some: side.with_streams(v, s))
        tilted = replace(
            network,
            cells=tuple(
                replace(c, mechanical_downtilt_deg=0.1 * drop) if c.mast_id == mast.mast_id else c
                for c in network.cells
            ),
        )
        stages.take("a tilt: levels", lambda n=tilted: engine.follow(state, n))
    stages.take("the whole plan: levels", lambda: engine.opened(moved))
    print(f"\n{len(network.masts)} masts, {land.grid.rows} x {land.grid.cols} pixels")
    print(stages.told())
