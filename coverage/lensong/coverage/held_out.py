"""Small fits held against data that they did not see, by squares of the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray, IntArray

__all__ = [
    "FEWEST_FOR_FIT",
    "FOLDS",
    "NO_TERRAIN",
    "SQUARE_M",
    "FitScore",
    "held_out",
    "log_distance",
    "squares",
]

NO_TERRAIN = "no terrain: constant and slope of log distance"
"""What the fit is called that every model has to beat."""
FEWEST_FOR_FIT = 30
"""With fewer measurements no fit is shown."""


SQUARE_M = 500.0
FOLDS = 5
_DRAWS = 20
_NEAREST_M = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FitScore:
    """How far a fit is from what was measured.

    Parameters
    ----------
    name : str
    n, parameters : int
        Measurements, and fitted numbers.
    mae_db, rmse_db : float
        Of squares that were left out of the fit, mean over draws of squares into folds [dB]; NaN
        where there are too few squares.
    mae_in_sample_db, rmse_in_sample_db : float
        Of the data that were fitted [dB].
    coefficients : tuple of float
    """

    name: str
    n: int
    parameters: int
    mae_db: float
    rmse_db: float
    mae_in_sample_db: float
    rmse_in_sample_db: float
    coefficients: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the numbers, ready for ``json.dumps``; NaN as None."""
        decibels = ("mae_db", "rmse_db", "mae_in_sample_db", "rmse_in_sample_db")
        return {
            "name": self.name,
            "n": self.n,
            "parameters": self.parameters,
            **{d: None if np.isnan(v := getattr(self, d)) else round(v, 3) for d in decibels},
            "coefficients": [round(value, 4) for value in self.coefficients],
        }


def squares(easting_m: FloatArray, northing_m: FloatArray, side_m: float = SQUARE_M) -> IntArray:
    """Return the number of the square in which each place lies."""
    at = np.stack([np.floor(easting_m / side_m), np.floor(northing_m / side_m)], axis=1)
    return np.asarray(np.unique(at, axis=0, return_inverse=True)[1].ravel(), dtype=np.int64)


def log_distance(distance_m: FloatArray) -> FloatArray:
    """Return the terms of a fit that knows no terrain: a constant and log10 of the distance."""
    return np.stack(
        [np.ones(distance_m.size), np.log10(np.maximum(distance_m, _NEAREST_M))], axis=1
    )


def held_out(
    name: str,
    terms: FloatArray,
    wanted_db: FloatArray,
    square: IntArray,
    *,
    folds: int = FOLDS,
    draws: int = _DRAWS,
    seed: int = 0,
) -> FitScore:
    """Return how well a linear fit of some terms gives what is wanted, in and out of sample.

    Parameters
    ----------
    name : str
    terms : shape (n, k)
        With no column nothing is fitted, and the error is ``wanted_db`` itself.
    wanted_db : shape (n,)
    square : shape (n,), int
        From `squares`: neighbours are alike, so whole squares are left out together.
    folds, draws : int
        Squares are shared out among the folds at random, so many times.
    seed : int

    Raises
    ------
    InvalidInputError
        There are fewer measurements than terms.
    """
    n, k = terms.shape
    if n <= k:
        raise InvalidInputError(
            f"{name} has {k} numbers to fit and only {n} measurements: bring more of them"
        )
    fitted = _fit(terms, wanted_db)
    inside = wanted_db - terms @ fitted
    count = int(square.max()) + 1
    sizes: list[tuple[float, float]] = []
    rng = np.random.default_rng(seed)
    for _ in range(1 if k == 0 else draws if count >= folds else 0):
        fold = rng.permutation(count)[square] % folds
        error = np.empty(n)
        for one in range(folds):
            out = fold == one
            error[out] = wanted_db[out] - terms[out] @ _fit(terms[~out], wanted_db[~out])
        sizes.append((float(np.abs(error).mean()), float(np.sqrt(np.mean(error**2)))))
    mae, rmse = np.mean(sizes, axis=0) if sizes else (np.nan, np.nan)
    return FitScore(
        name=name,
        n=n,
        parameters=k,
        mae_db=float(mae),
        rmse_db=float(rmse),
        mae_in_sample_db=float(np.abs(inside).mean()),
        rmse_in_sample_db=float(np.sqrt(np.mean(inside**2))),
        coefficients=tuple(float(value) for value in fitted),
    )


def _fit(terms: FloatArray, wanted: FloatArray) -> FloatArray:
    if terms.shape[1] == 0:
        return np.empty(0)
    return np.asarray(np.linalg.lstsq(terms, wanted, rcond=None)[0])
