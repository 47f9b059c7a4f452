"""The residual field: what stands at a place, as far as it lasts over metres.

Two residuals of one site at a distance ``d`` have the covariance ``sd^2 exp(-d / length)``
(Gudmundson, "Correlation model for shadow fading in mobile radio systems", Electronics Letters
27(23), 1991); those of two sites the share of it that `lensong.coverage.shadowing` takes for the
shadowing. How strong, how long and how much is noise is found by the greatest posterior.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from lensong.coverage.calibration.evidence import Evidence
from lensong.coverage.shadowing import SITE_CORRELATION
from lensong.propagation.types import BoolArray, FloatArray

__all__ = ["Field", "field_covariance", "most_likely_field"]

_CENTRE = (log(5.0), log(300.0), log(4.0))
_SPREAD = (0.5, 0.7, 0.4)
_MOST = 350


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How residuals scatter once the terms are taken off.

    Parameters
    ----------
    sd_db, noise_db : float
        Of what lasts over ``length_m``, and of what changes from spot to spot [dB].
    length_m : float
        Distance at which the correlation has fallen to 1/e [m].
    correlation : float
        Between two sites at one spot, 0..1.
    """

    sd_db: float = 5.0
    length_m: float = 300.0
    noise_db: float = 4.0
    correlation: float = SITE_CORRELATION


def field_covariance(
    field: Field, a_m: FloatArray, b_m: FloatArray, same_site: BoolArray
) -> FloatArray:
    """Return the covariance of the field, shape (a, b) [dB^2]; places have shape (n, 2) [m]."""
    share = field.correlation + (1.0 - field.correlation) * same_site
    return np.asarray(field.sd_db**2 * share * np.exp(-cdist(a_m, b_m) / field.length_m))


def most_likely_field(
    spots: Evidence, target_db: FloatArray, weight: FloatArray, terms_covariance: FloatArray
) -> Field:
    """Return the field under which the residuals are most likely, with a prior on each number.

    Parameters
    ----------
    spots : Evidence
    target_db, weight : shape (n,)
        Residuals, and by how much each spot counts: the noise's variance is divided by it.
    terms_covariance : shape (n, n)
        What the terms explain [dB^2].

    Notes
    -----
    Of more than 350 spots those of whole squares are taken, drawn with a fixed seed: the field
    has three numbers. The priors are log-normal around 5 dB, 300 m and 4 dB.
    """
    here = _few(spots)
    places = spots.places_m[here]
    distance = cdist(places, places)
    site = spots.site[here]
    share = np.where(site[:, None] == site[None, :], 1.0, SITE_CORRELATION)
    terms = terms_covariance[np.ix_(here, here)]
    target, noise_share = target_db[here], 1.0 / weight[here]

    def cost(logs: FloatArray) -> float:
        sd, length, noise = np.exp(np.clip(logs, -3.0, 10.0))
        whole = terms + sd**2 * share * np.exp(-distance / length)
        whole[np.diag_indices_from(whole)] += noise**2 * noise_share
        try:
            factor = cho_factor(whole, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return 1e12
        fit = 0.5 * float(target @ cho_solve(factor, target, check_finite=False))
        size = float(np.log(np.diag(factor[0])).sum())
        away = (logs - np.array(_CENTRE)) / np.array(_SPREAD)
        return fit + size + 0.5 * float(away @ away)

    found = minimize(
        cost,
        np.array(_CENTRE),
        method="Nelder-Mead",
        options={"xatol": 0.05, "fatol": 0.05, "maxfev": 60},
    )
    sd, length, noise = (exp(value) for value in found.x)
    return Field(sd_db=sd, length_m=length, noise_db=noise)


def _few(spots: Evidence) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return up to 350 spots, of whole squares of 1 km in an order drawn with a fixed seed."""
    count = len(spots)
    if count <= _MOST:
        return np.arange(count)
    squares = np.floor(spots.places_m / 1000.0).astype(np.int64)
    _, square = np.unique(squares, axis=0, return_inverse=True)
    order = np.random.default_rng(1).permutation(int(square.max()) + 1)
    rank = order[square.ravel()]
    return np.sort(np.argsort(rank, kind="stable")[:_MOST])
