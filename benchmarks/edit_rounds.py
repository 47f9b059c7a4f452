"""Edits of a mast on a cut of the Cévennes, one for every line on the standard input.

Run by `edits_against.py` in the present tree and, with its own code on the path, in an older one,
whose session holds a mast in hand: it uses only what both have. A line is the kind of an edit; the
answer is CPU seconds until levels stand and until chances do, which there is one.

    python benchmarks/edit_rounds.py SHARED MASTS OPERATORS
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import geopandas as gpd
import numpy as np
from layers_stage import Scene

from lensong.coverage.network import Cell, Mast, Network
from lensong.gis_data.land import Land

Edit = Callable[[Mast, tuple[Cell, ...]], tuple[float, float]]


def land_of(scene: Scene) -> Land:
    """Return the bare ground of a scene."""
    shape = scene.ground_m.shape
    return Land(
        grid=scene.grid,
        ground_m=scene.ground_m,
        clutter_m=np.zeros(shape, dtype=np.float32),
        clutter_class=None,
        population=None,
        aoi=np.ones(shape, dtype=np.uint8),
        villages=gpd.GeoDataFrame(),
        communes=None,
    )


def editor(scene: Scene, mast: Mast) -> Edit:
    """Return what makes an edit of a mast, as this tree has it."""
    land, network = land_of(scene), scene.network
    try:
        from lensong.coverage.session import PlanningSession
    except ImportError:
        pass
    else:
        hand = PlanningSession(land, network, workers=2).pick_up(mast.mast_id)

        def in_hand(moved: Mast, cells: tuple[Cell, ...]) -> tuple[float, float]:
            began = time.process_time()
            hand.layers(moved, cells)
            return (time.process_time() - began,) * 2

        return in_hand
    from lensong.coverage.variant.engine import PlanEngine

    engine = PlanEngine(land, workers=2)
    state = engine.judged(engine.opened(network))

    def followed(moved: Mast, cells: tuple[Cell, ...]) -> tuple[float, float]:
        changed = {cell.cell_id: cell for cell in cells}
        after = Network(
            masts=tuple(moved if m.mast_id == moved.mast_id else m for m in network.masts),
            cells=tuple(changed.get(cell.cell_id, cell) for cell in network.cells),
        )
        began = time.process_time()
        levels = engine.follow(state, after)
        laid = time.process_time()
        engine.judged(levels)
        return laid - began, time.process_time() - began

    return followed


def main() -> None:
    shared, masts, operators = sys.argv[1:]
    scene = Scene(Path(shared), int(masts), operators)
    mast = scene.network.masts[0]
    mine = tuple(cell for cell in scene.network.cells if cell.mast_id == mast.mast_id)
    edit, numbers = editor(scene, mast), count(1)

    def of_kind(kind: str) -> tuple[float, float]:
        number = next(numbers)
        if kind == "tilt":
            cells = tuple(replace(c, mechanical_downtilt_deg=2.0 + 0.1 * number) for c in mine)
            return edit(mast, cells)
        if kind == "raise":  # no mast is so high: every sweep is made anew
            first = mine[0].carrier.name
            return edit(
                mast,
                tuple(
                    replace(c, height_agl_m=60.0 + number) if c.carrier.name == first else c
                    for c in mine
                ),
            )
        return edit(replace(mast, lat_deg=mast.lat_deg + 1e-5 * number), mine)

    for kind in ("tilt", "raise", "move"):
        of_kind(kind)  # compiled
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(of_kind(line.strip())), flush=True)


if __name__ == "__main__":
    main()
