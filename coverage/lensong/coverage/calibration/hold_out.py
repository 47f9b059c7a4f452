"""Trying a calibration on squares of land that it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from lensong.coverage.calibration.evidence import Evidence
from lensong.coverage.calibration.posterior import learn
from lensong.coverage.calibration.terms import Priors
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["BLOCKS_M", "STAGES", "HeldOut", "folds_of_squares", "hold_out", "hold_out_sites", "rms"]

STAGES: Final = ("none", "bias", "terms", "field")
"""What a calibration may do, each with what stands before it: nothing, shift levels, all terms,
the field as well."""

BLOCKS_M: Final = (500.0, 2000.0)
"""Sides of the squares that are held out whole [m]."""

_FOLDS = 5
_LEAST_BLOCKS = 3
_SEED = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What every stage does on spots that it has not seen.

    Parameters
    ----------
    block_m : float
        Side of the squares; 0 where whole sites were held out [m].
    blocks : int
        Squares with spots.
    error_db : dict
        Stage to error of each spot, predicted less measured, shape (n,) [dB]. Where the reading is
        at its phone's floor, a level at or below it is no error. NaN: the spot was in no fold.
    spread_db : shape (n,)
        What the last stage says its deviation is [dB].
    nearest_m : shape (n,)
        To the nearest spot that was learnt from [m].
    """

    block_m: float
    blocks: int
    error_db: dict[str, FloatArray]
    spread_db: FloatArray
    nearest_m: FloatArray

    def rmse_db(self, stage: str) -> float:
        """Return the root mean square error of a stage [dB]."""
        return rms(self.error_db[stage])

    def mae_db(self, stage: str) -> float:
        """Return the mean size of the error of a stage [dB]."""
        return float(np.nanmean(np.abs(self.error_db[stage])))


def rms(error_db: FloatArray) -> float:
    """Return the root mean square of errors, those that are not known left out [dB]."""
    return float(np.sqrt(np.nanmean(error_db**2)))


def folds_of_squares(
    east_m: FloatArray, north_m: FloatArray, side_m: float, seed: int = _SEED
) -> tuple[IntArray, int]:
    """Return the fold of each spot, whole squares in one fold, and how many squares there are.

    The lattice of squares is shifted, and squares are dealt to up to five folds, by a seed.
    """
    rng = np.random.default_rng(seed)
    shift = rng.uniform(0.0, side_m, 2)
    squares = np.column_stack(
        [np.floor((east_m + shift[0]) / side_m), np.floor((north_m + shift[1]) / side_m)]
    )
    found, square = np.unique(squares, axis=0, return_inverse=True)
    return _dealt(square.ravel(), rng), found.shape[0]


def _dealt(owner: IntArray, rng: np.random.Generator) -> IntArray:
    """Return the fold of each spot, those of one owner (numbered from 0) in one of up to five."""
    count = int(owner.max()) + 1
    fold: IntArray = (rng.permutation(count) % min(_FOLDS, count))[owner].astype(np.int64)
    return fold


def hold_out(
    spots: Evidence,
    priors: Priors,
    block_m: float,
    *,
    seed: int = _SEED,
    done: Callable[[int, int], None] | None = None,
) -> HeldOut | None:
    """Return what every stage does on squares that it has not seen; None for too few squares."""
    fold, blocks = folds_of_squares(spots.east_m, spots.north_m, block_m, seed)
    if blocks < _LEAST_BLOCKS:
        return None
    return _tried(spots, priors, fold, block_m, blocks, done)


def hold_out_sites(
    spots: Evidence, priors: Priors, done: Callable[[int, int], None] | None = None
) -> HeldOut | None:
    """Return what every stage does on the cells of sites that it has not seen; None below 3."""
    sites, number = np.unique(spots.site, return_inverse=True)
    if sites.size < _LEAST_BLOCKS:
        return None
    fold = _dealt(number.ravel(), np.random.default_rng(_SEED))
    return _tried(spots, priors, fold, 0.0, sites.size, done)


def _tried(
    spots: Evidence,
    priors: Priors,
    fold: IntArray,
    block_m: float,
    blocks: int,
    done: Callable[[int, int], None] | None,
) -> HeldOut:
    added = {stage: np.full(len(spots), np.nan) for stage in STAGES}
    spread, nearest = np.full(len(spots), np.nan), np.full(len(spots), np.nan)
    folds = int(fold.max()) + 1
    for number in range(folds):
        out = fold == number
        kept, tried = spots.take(~out), spots.take(out)
        learnt = learn(kept, priors)
        shifted = learn(kept, priors.bias_alone(), learnt)
        added["none"][out] = 0.0
        added["bias"][out] = shifted.correction(tried, with_field=False)[0]
        added["terms"][out] = learnt.correction(tried, with_field=False)[0]
        added["field"][out], spread[out] = learnt.correction(
            tried, with_field=True, with_spread=True
        )
        nearest[out] = cKDTree(kept.places_m).query(tried.places_m)[0]
        if done is not None:
            done(number + 1, folds)
    return HeldOut(
        block_m=block_m,
        blocks=blocks,
        error_db={
            stage: _errors(values, spots.residual_db, spots.at_floor)
            for stage, values in added.items()
        },
        spread_db=spread,
        nearest_m=nearest,
    )


def _errors(added: FloatArray, residual: FloatArray, at_floor: BoolArray) -> FloatArray:
    error = added - residual
    return np.where(at_floor, np.maximum(error, 0.0), error)
