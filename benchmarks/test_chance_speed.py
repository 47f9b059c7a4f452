"""What the chance of service costs beside the levels that it is made from.

python -m pytest benchmarks/test_chance_speed.py -m benchmark -s

Both parts run in turn, several times, on the same tiles: adding the cells of sweeps (antenna
gains, sorting of sites), the medians, and the chance. CPU time of the thread, so that other work
on the machine does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from lensong.coverage import layer_tiles
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import Tile
from lensong.coverage.service import DEFAULT_SERVICES
from lensong.coverage.shadowing import Shadowing
from tests.test_coverage.test_chance import dense
from tests.test_coverage.test_layers import GRID, HANDSET


def cpu_s(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


@pytest.mark.benchmark
@pytest.mark.parametrize("masts", [3, 12, 40])
def test_chance_beside_levels(masts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network, rides = dense(masts)
    model = LayerModel.build(GRID.crs, network, HANDSET, DEFAULT_SERVICES, Shadowing(sigma_db=8.06))

    def levels() -> Tile:
        tile = Tile(row0=0, col0=0, rows=GRID.rows, cols=GRID.cols)
        for indices, sweep in rides:
            tile.add(sweep, indices, model)
        return tile

    judge = layer_tiles.judge_services
    filled = levels()
    filled.layers(model)  # compiled
    adding, medians, chance = [], [], []
    for _ in range(5):
        adding.append(cpu_s(levels))
        monkeypatch.setattr(layer_tiles, "judge_services", lambda *_: None)
        medians.append(cpu_s(lambda: filled.layers(model)))
        monkeypatch.setattr(layer_tiles, "judge_services", judge)
        chance.append(cpu_s(lambda: filled.layers(model)) - medians[-1])
    pixel_us = 1e6 / (GRID.rows * GRID.cols)
    add, median, draw = (pixel_us * float(np.min(t)) for t in (adding, medians, chance))
    print(
        f"\n{masts} masts, {len(network.cells)} cells: adding {add:.1f} us a pixel, medians "
        f"{median:.1f}, chance {draw:.1f}: the chance makes it "
        f"{(add + median + draw) / (add + median):.2f} times as dear"
    )
