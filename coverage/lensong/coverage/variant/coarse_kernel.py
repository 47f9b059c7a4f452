"""Means over blocks of cells: of a whole province, while somebody waits for its first picture."""

from __future__ import annotations

import numpy as np

from lensong.propagation.kernel import kernel
from lensong.propagation.types import Float32Array

__all__ = ["average_blocks"]


@kernel
def average_blocks(values: Float32Array, step: int, out: Float32Array) -> None:
    """Write the mean of the known values of each block of cells, NaN where there are none."""
    rows, cols = values.shape
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total, count = 0.0, 0
            for row in range(i * step, min((i + 1) * step, rows)):
                for col in range(j * step, min((j + 1) * step, cols)):
                    if not np.isnan(values[row, col]):
                        total += values[row, col]
                        count += 1
            out[i, j] = total / count if count else np.nan
