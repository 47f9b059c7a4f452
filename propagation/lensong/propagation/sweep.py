"""Path loss from one mast to every pixel in range, by any model that draws maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np

from lensong.propagation.errors import InvalidInputError, StoppedError
from lensong.propagation.model import Map, MapModel, Model
from lensong.propagation.models import map_of
from lensong.propagation.pixel_order import PixelOrder
from lensong.propagation.sweep_request import SweepRequest, pixel_order, window
from lensong.propagation.sweep_result import SweepResult, carriers_of, empty_layers
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import FloatArray

__all__ = ["sweep", "sweep_carriers"]

_STOPS = 24  # parts of a sweep that may be given up on its way: a few hundredths of a second each


def sweep(
    request: SweepRequest,
    terrain: Terrain,
    *,
    model: str = "itu_r_p1812",
    order: PixelOrder | None = None,
    workers: int = 1,
) -> SweepResult:
    """Return the path loss from a mast to every pixel within a radius.

    Parameters
    ----------
    request : SweepRequest
    terrain : Terrain
    model : str
        A name in `lensong.propagation.models.MODELS` whose model draws maps.
    order : PixelOrder, optional
        From `pixel_order` with the same position and radius.
    workers : int
        Threads that share the radials, 1 or more. The result does not depend on it.

    Returns
    -------
    SweepResult

    Raises
    ------
    ConfigError
        For an unknown model.
    OutOfRangeError
        When frequency, heights or time lie outside the model's range.
    InvalidInputError
        When the mast stands outside the terrain or where there is no elevation.

    Notes
    -----
    With P.1812, pixels nearer than 0.25 km, where the Recommendation does not hold, get free space
    and the diffraction term. Distances are those of the projected grid.
    """
    return _sweep([request], terrain, model, order, workers, None)[0]


def sweep_carriers(
    requests: Sequence[SweepRequest],
    terrain: Terrain,
    *,
    model: str = "itu_r_p1812",
    workers: int = 1,
    stop: Callable[[], bool] | None = None,
) -> list[SweepResult]:
    """Return the sweeps of several carriers of one antenna.

    With P.1812 they share everything that does not depend on the frequency: terrain, horizons,
    obstacles. A second carrier then costs a fraction of the first. The numbers are those of
    `sweep`, bit by bit.

    Parameters
    ----------
    requests : sequence of SweepRequest
        At least one; they may differ in ``freq_mhz`` alone.
    terrain, model, workers
        As for `sweep`.
    stop : callable, optional
        Asked now and then, by any of the threads; where it says so, the sweep is given up. It may
        wait before it answers.

    Raises
    ------
    InvalidInputError
        When requests differ in more than the frequency, and as `sweep` does.
    StoppedError
        It was given up.
    """
    if not requests:
        raise InvalidInputError("no request was given, wanted at least one carrier")
    first = requests[0]
    if any(replace(r, freq_mhz=first.freq_mhz) != first for r in requests):
        raise InvalidInputError(
            "the requests differ in more than freq_mhz: sweep other places, heights or climates "
            "one by one"
        )
    return _sweep(requests, terrain, model, None, workers, stop)


def _sweep(
    requests: Sequence[SweepRequest],
    terrain: Terrain,
    model: str,
    order: PixelOrder | None,
    workers: int,
    stop: Callable[[], bool] | None,
) -> list[SweepResult]:
    drawn, draw = _checked(requests, terrain, model, workers)
    row0, col0, height, width = window(requests[0], terrain)
    layers = empty_layers(len(requests), height, width)
    order = order or pixel_order(requests[0], terrain, drawn.radials_per_cell, drawn.own_samples)
    chart = Map(requests=tuple(requests), terrain=terrain, row0=row0, col0=col0, layers=layers)
    _in_threads(workers, order, lambda part: draw(chart, part), stop)
    lost = [_hidden(loss, chart, order) for loss in layers.path_loss_db]
    return carriers_of(layers, row0, col0, lost)


def _in_threads(
    workers: int,
    order: PixelOrder,
    work: Callable[[PixelOrder], None],
    stop: Callable[[], bool] | None,
) -> None:
    if workers == 1 and stop is None:
        work(order)
        return

    def unless_stopped(part: PixelOrder) -> None:
        if stop is not None and stop():
            raise StoppedError("the sweep was given up")
        work(part)

    parts = _shared_out(order, workers if stop is None else _STOPS)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for done in [pool.submit(unless_stopped, part) for part in parts]:
            done.result()


def _hidden(loss_db: FloatArray, chart: Map, order: PixelOrder) -> int:
    """Count the pixels that have elevation but, for want of it on their way, no loss."""
    if np.count_nonzero(np.isfinite(loss_db)) == order.row.size:
        return 0
    lost = np.isnan(loss_db[order.row - chart.row0, order.col - chart.col0])
    known = ~np.isnan(chart.terrain.ground_m[order.row[lost], order.col[lost]])
    return int(np.count_nonzero(known))


def _checked(
    requests: Sequence[SweepRequest], terrain: Terrain, name: str, workers: int
) -> tuple[Model, MapModel]:
    if workers < 1:
        raise InvalidInputError(f"workers is {workers}, wanted 1 or more")
    model, draw = map_of(name)
    for request in requests:
        model.check(request)
    request = requests[0]
    rows, cols = terrain.ground_m.shape
    if not (0.0 <= request.row <= rows - 1 and 0.0 <= request.col <= cols - 1):
        raise InvalidInputError(
            f"the mast is at row {request.row:.1f}, column {request.col:.1f}, wanted a place on "
            f"the {rows} x {cols} terrain: check its coordinates or enlarge the area"
        )
    if np.isnan(terrain.ground_m[round(request.row), round(request.col)]):
        raise InvalidInputError(
            "the mast stands where there is no elevation: fill the void or correct its coordinates"
        )
    return model, draw


def _shared_out(order: PixelOrder, parts: int) -> list[PixelOrder]:
    """Return orders that serve about equally many pixels each, whole radials together."""
    first = order.first
    edges = np.searchsorted(first, np.linspace(0, first[-1], parts + 1))
    edges[0], edges[-1] = 0, first.size - 1
    return [
        order._replace(first=np.clip(first, first[begin], first[end]))
        for begin, end in pairwise(edges)
    ]
