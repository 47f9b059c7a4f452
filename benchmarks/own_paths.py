"""The single path to many pixels of a map, compiled: what the sweep is held against.

The same as `path_profile` and `path_terms` for each pixel (a check in `test_sweep_accuracy`), a
few times as fast: without it a tail of one pixel in ten thousand could not be looked at.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from lensong.propagation.link import Climate, Link
from lensong.propagation.p1812 import _path_kernel
from lensong.propagation.sampling import bilinear
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.terminal import ROUNDING_M
from lensong.propagation.terrain import INLAND, Terrain
from lensong.propagation.types import Float32Array, FloatArray, IntArray


@njit(cache=True, nogil=True)
def _losses(
    ground_m: Float32Array,
    clutter_m: Float32Array,
    has_clutter: bool,
    row: float,
    col: float,
    rows: IntArray,
    cols: IntArray,
    cell_m: float,
    step_m: float,
    clearing_m: float,
    links: tuple[Link, ...],
    climate: Climate,
    out: FloatArray,
    clear: IntArray,
) -> None:
    for p in range(rows.size):
        far_row, far_col = rows[p] - row, cols[p] - col
        length_m = np.sqrt(far_row * far_row + far_col * far_col) * cell_m
        count = max(4, round(length_m / step_m))
        d, h = np.empty(count + 1), np.empty(count + 1)
        surface_d, g = np.empty(count + 3), np.empty(count + 3)
        rims = 0
        rim = (clearing_m, length_m - clearing_m)
        size = 0
        for i in range(count + 1):
            share = i / count
            at_row, at_col = row + share * far_row, col + share * far_col
            if i == count:
                at_row, at_col = float(rows[p]), float(cols[p])
            d[i] = share * length_m
            h[i] = bilinear(ground_m, at_row, at_col)
            stands = 0.0
            if has_clutter:
                if min(share, 1.0 - share) * length_m >= clearing_m - ROUNDING_M:
                    stands = bilinear(clutter_m, at_row, at_col)
                inside = 0.0 < clearing_m <= (length_m + ROUNDING_M) / 2.0
                while inside and rims < 2 and rim[rims] < d[i]:
                    rim_row = row + rim[rims] / length_m * far_row
                    rim_col = col + rim[rims] / length_m * far_col
                    tree = bilinear(clutter_m, rim_row, rim_col)
                    if tree > 0.0:
                        surface_d[size] = rim[rims]
                        g[size] = bilinear(ground_m, rim_row, rim_col) + tree
                        size += 1
                    rims += 1
            if i in (0, count):
                stands = 0.0
            surface_d[size], g[size] = d[i], h[i] + stands
            size += 1
        zone = np.full(count + 1, INLAND)
        for c in range(len(links)):
            terms = _path_kernel(
                d / 1000.0, h, surface_d[:size] / 1000.0, g[:size], zone, links[c], climate, 0.0
            )
            out[c, p] = terms.basic_transmission_loss_db
            clear[p] = terms.line_of_sight


def own_losses_db(
    terrain: Terrain,
    requests: list[SweepRequest],
    rows: IntArray,
    cols: IntArray,
    step_m: float | None = None,
) -> tuple[FloatArray, IntArray]:
    """Return the loss of each carrier to each pixel over its own full profile, and what is clear.

    NaN where the way crosses missing elevation. Steps are about a cell long unless said.
    """
    first, rasters = requests[0], terrain.rasters()
    out = np.full((len(requests), rows.size), np.nan)
    clear = np.zeros(rows.size, dtype=np.int64)
    _losses(
        rasters.ground_m,
        rasters.clutter_m,
        rasters.has_clutter,
        float(first.row),
        float(first.col),
        rows.astype(np.int64),
        cols.astype(np.int64),
        float(terrain.cell_m),
        float(step_m or terrain.cell_m),
        float(first.terminal_clearing_m),
        tuple(r.link() for r in requests),
        first.climate(),
        out,
        clear,
    )
    return out, clear
