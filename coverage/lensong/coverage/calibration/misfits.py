"""Cells that do not fit a plan: a calibration must not learn from them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lensong.coverage.calibration.evidence import Evidence
from lensong.coverage.calibration.terms import Priors
from lensong.coverage.drive.suspects import Suspect
from lensong.coverage.network import Network
from lensong.propagation.types import FloatArray

__all__ = ["misfits", "set_aside"]

_LEAST_SPOTS = 10
_LEAST_CELLS = 3
_TIMES = 1.8
_LEAST_DB = 9.0


def misfits(spots: Evidence, priors: Priors) -> dict[int, str]:
    """Return the cells that scatter far more than the others, or are too far off, and why.

    A cell's scatter is the middle half of its residuals around their median, as a deviation. A
    cell is set aside where that is above 9 dB and above 1.8 times the median cell's, or where its
    median is off by more than four times what the prior of a bias allows. Nothing is said of
    fewer than 10 spots, nor, of scatter, with fewer than 3 cells to compare.
    """
    cells = [int(c) for c in np.unique(spots.cell) if (spots.cell == c).sum() >= _LEAST_SPOTS]
    if not cells:
        return {}
    scatter = {c: _scatter_db(spots.residual_db[spots.cell == c]) for c in cells}
    middle = {c: float(np.median(spots.residual_db[spots.cell == c])) for c in cells}
    usual_db = float(np.median(list(scatter.values())))
    allowed_db = 4.0 * float(np.hypot(priors.shared[0], priors.cell_bias_db))
    found = {}
    for cell in cells:
        if abs(middle[cell]) > allowed_db:
            found[cell] = (
                f"its levels are off by {middle[cell]:+.0f} dB, more than a bias of power or "
                "feeder can be: is it the right cell, and the right quantity?"
            )
        elif (
            len(cells) >= _LEAST_CELLS
            and scatter[cell] > _LEAST_DB
            and scatter[cell] > _TIMES * usual_db
        ):
            found[cell] = (
                f"its levels scatter by {scatter[cell]:.0f} dB around the plan, those of the "
                f"median cell by {usual_db:.0f} dB: check its azimuth, its place and its name"
            )
    return found


def set_aside(suspects: Iterable[Suspect], network: Network) -> dict[int, str]:
    """Return the cells whose place in the list is wrong, by index, and what speaks against it.

    A level that is off is no such fault: a bias is what a calibration is for.
    """
    index = {cell.cell_id: number for number, cell in enumerate(network.cells)}
    return {
        index[cell_id]: suspect.text
        for suspect in suspects
        if suspect.kind != "level"
        for cell_id in suspect.cells
    }


def _scatter_db(residual_db: FloatArray) -> float:
    low, high = np.percentile(residual_db, [25.0, 75.0])
    return float((high - low) / 1.349)
