"""What phones at the sellers' places hear, read from the sweeps that reach them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from pyproj import Transformer

from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import Tile
from lensong.coverage.layers import job_window, sweep_order
from lensong.coverage.service import Handset
from lensong.coverage.streams.heard import Heard
from lensong.coverage.sweeps import (
    PropagationSettings,
    SweepCache,
    Window,
    run_sweeps,
    sweep_jobs,
)
from lensong.coverage.timetable.wishes import Place
from lensong.coverage.village_weights import VillageWeights, village_weights
from lensong.gis_data.land import Land
from lensong.propagation.errors import DataError

__all__ = ["hear", "pixel_at", "weights_of"]


def pixel_at(lat_deg: float, lon_deg: float, land: Land) -> int:
    """Return the flat index of the pixel at a point.

    Raises
    ------
    DataError
        The point lies outside the grid or where there is no elevation.
    """
    to_grid = Transformer.from_crs("EPSG:4326", land.grid.crs, always_xy=True)
    row, col = land.grid.row_col(*to_grid.transform(lon_deg, lat_deg))
    if np.isfinite(row) and np.isfinite(col):
        r, c = round(row), round(col)
        inside = 0 <= r < land.grid.rows and 0 <= c < land.grid.cols
        if inside and np.isfinite(land.ground_m[r, c]):
            return r * land.grid.cols + c
    raise DataError(
        f"the place {lat_deg:.5f}, {lon_deg:.5f} lies outside the area's elevation: correct it "
        "(latitude comes first), or enlarge the area of the scenario"
    )


def weights_of(places: Sequence[Place], land: Land) -> list[VillageWeights]:
    """Return the pixels of each place: a village's as the plan has them, one of a point."""
    in_villages = any(place.village is not None for place in places)
    villages = village_weights(land) if in_villages else []
    found = []
    for place in places:
        if place.village is not None:
            found.append(villages[place.village])
            continue
        found.append(
            VillageWeights(
                pixel=np.array([pixel_at(place.lat_deg, place.lon_deg, land)], np.int64),
                weight=np.ones(1),
                people=float("nan"),
                weighting="area",
            )
        )
    return found


def hear(
    weights: Sequence[VillageWeights],
    land: Land,
    model: LayerModel,
    *,
    handset: Handset,
    propagation: PropagationSettings,
    cache: SweepCache | None,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> Heard:
    """Return what the places hear, as the plan of the same network has it.

    Parameters
    ----------
    weights : sequence of VillageWeights
    land, model, handset, propagation
        As of the plan.
    cache, workers, progress
        As in `lensong.coverage.plan.plan`; only sweeps that may reach a place are made.
    """
    heard = Heard(weights, land.grid, model)
    tiles = [_tile(one, land.grid.cols) for one in weights]
    jobs = sweep_order(sweep_jobs(model.network, land), land.grid)
    needed = [job for job in jobs if any(_meet(job_window(job, land.grid), t) for t in tiles)]
    rides = run_sweeps(
        needed,
        land,
        propagation,
        rx_height_agl_m=handset.height_agl_m,
        cache=cache,
        workers=workers,
        on_done=None if progress is None else partial(_tell, progress),
    )
    for job, sweep, _ in rides:
        for tile in tiles:
            if _meet(job_window(job, land.grid), tile):
                tile.add(sweep, job.cells, model)
    for tile in tiles:
        heard.take(tile)
    return heard


def _tell(progress: Callable[[int, int], None], done: int, total: int, reused: bool) -> None:  # noqa: ARG001 - run_sweeps calls it so
    progress(done, total)


def _tile(weights: VillageWeights, cols: int) -> Tile:
    row, col = np.divmod(weights.pixel, cols)
    row0, col0 = int(row.min()), int(col.min())
    return Tile(
        row0=row0, col0=col0, rows=int(row.max()) + 1 - row0, cols=int(col.max()) + 1 - col0
    )


def _meet(window: Window, tile: Tile) -> bool:
    row0, col0, row1, col1 = window
    return (
        row0 < tile.row0 + tile.rows
        and tile.row0 < row1
        and col0 < tile.col0 + tile.cols
        and tile.col0 < col1
    )
