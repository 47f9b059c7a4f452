"""By how much rays bend over bare ground."""

from __future__ import annotations

from math import atan

import numpy as np

from lensong.propagation.kernel import kernel
from lensong.propagation.sampling import bilinear
from lensong.propagation.types import Float32Array, FloatArray

__all__ = ["diffraction_angle_deg"]


@kernel
def _bend(
    ground: Float32Array, cell_m: float, tx_row: float, tx_col: float, tx_height_m: float,
    row: FloatArray, col: FloatArray, rx_height_m: float, curvature: float, out: FloatArray,
) -> None:  # fmt: skip
    """Write the angle [rad]; ``curvature`` is one over the effective Earth's radius [1/m]."""
    foot = bilinear(ground, tx_row, tx_col)
    for k in range(row.size):
        there = bilinear(ground, row[k], col[k])
        length = cell_m * np.hypot(row[k] - tx_row, col[k] - tx_col)
        count = max(4, round(length / cell_m))
        top, phone = foot + tx_height_m, there + rx_height_m
        out[k] = np.nan
        if length <= 0.0 or np.isnan(top + phone):
            continue
        ahead, back, void = -np.inf, -np.inf, False
        for i in range(1, count):
            share = i / count
            height = bilinear(
                ground, tx_row + share * (row[k] - tx_row), tx_col + share * (col[k] - tx_col)
            )
            void = void or np.isnan(height)
            d = share * length
            rest = length - d
            ahead = max(ahead, (height - top) / d - 0.5 * curvature * d)
            back = max(back, (height - phone) / rest - 0.5 * curvature * rest)
        if void:
            continue
        straight = (phone - top) / length - 0.5 * curvature * length
        opposite = (top - phone) / length - 0.5 * curvature * length
        over = atan(ahead) - atan(straight)
        behind = atan(back) - atan(opposite)
        # one edge deep in the way is seen from both ends; a clear path is as clear as its tightest
        out[k] = over + behind if over > 0.0 else max(over, behind)


def diffraction_angle_deg(
    ground_m: Float32Array,
    cell_m: float,
    *,
    tx_row: float,
    tx_col: float,
    tx_height_agl_m: float,
    row: FloatArray,
    col: FloatArray,
    rx_height_agl_m: float,
    effective_radius_m: float,
) -> FloatArray:
    """Return by how much the rays from one antenna to places bend over bare ground [deg].

    Parameters
    ----------
    ground_m : shape (rows, cols)
        Above sea level [m]; NaN on the way gives NaN.
    cell_m : float
        Side of a pixel, and the step of the samples [m].
    tx_row, tx_col, row, col : float, shape (n,)
        Fractional places on the grid.
    tx_height_agl_m, rx_height_agl_m : float
        Above ground [m].
    effective_radius_m : float
        Of the Earth [m].

    Returns
    -------
    shape (n,)
        The sum of both horizons' elevations above the straight line, as the angular distance of
        ITU-R P.452 less that of a smooth path; where the path is clear, the greater of the two
        elevations, below 0.
    """
    out = np.empty(row.size)
    _bend(
        np.ascontiguousarray(ground_m, dtype=np.float32),
        cell_m,
        tx_row,
        tx_col,
        tx_height_agl_m,
        np.asarray(row, dtype=np.float64),
        np.asarray(col, dtype=np.float64),
        rx_height_agl_m,
        1.0 / effective_radius_m,
        out,
    )
    return np.asarray(np.degrees(out))
