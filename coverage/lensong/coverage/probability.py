"""Probability of service at a place, from the margin over the median level.

The propagation model gives the *median* over time and locations. Around it the level scatters
with one stated deviation: the root sum of squares of the location variability inside a pixel and
of the model's error against measurement. Both directions see the same obstacles, so they share
one deviation of the path: what counts is the smaller margin,

    P = Phi(min(downlink margin, uplink margin, level margin) / sigma)

No fade margin is added to a level that is already a percentile: the chain refuses any other time
percentage than 50, and it always asks the model for the median location.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from lensong.coverage.sweeps import PropagationSettings
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray

__all__ = ["check_median", "fade_margin_db", "service_probability"]


def service_probability(margin_db: ArrayLike, *, sigma_db: float) -> FloatArray:
    """Return the probability that a margin holds.

    Parameters
    ----------
    margin_db : any shape
        Median less what is needed, the smaller of both directions [dB]; NaN passes through.
    sigma_db : float
        Total standard deviation, 0 or more [dB]; with 0 a margin of 0 dB is enough.
    """
    margin = np.asarray(margin_db, dtype=np.float64)
    _check_sigma(sigma_db)
    if sigma_db == 0.0:
        certain = np.where(margin >= 0.0, 1.0, 0.0)
        return np.where(np.isnan(margin), np.nan, certain)
    return np.asarray(ndtr(margin / sigma_db), dtype=np.float64)


def fade_margin_db(probability: float, *, sigma_db: float) -> float:
    """Return the margin over the median that a probability takes [dB].

    Parameters
    ----------
    probability : float
        At the place itself (an *edge* probability), between 0 and 1.
    sigma_db : float
        Total standard deviation, 0 or more [dB].

    Examples
    --------
    >>> round(fade_margin_db(0.9, sigma_db=8.0), 2)
    10.25
    """
    if not 0.0 < probability < 1.0:
        raise InvalidInputError(f"probability is {probability}, wanted between 0 and 1")
    _check_sigma(sigma_db)
    return float(ndtri(probability)) * sigma_db


def check_median(settings: PropagationSettings) -> None:
    """Refuse settings whose path loss is not a median.

    Raises
    ------
    InvalidInputError
        When ``time_percent`` is not 50: the probability would stack a margin on a percentile.
    """
    if settings.time_percent != 50.0:
        raise InvalidInputError(
            f"propagation.time_percent is {settings.time_percent}, wanted 50: the probability of "
            "service already spreads around the median, a second percentile would count twice"
        )


def _check_sigma(sigma_db: float) -> None:
    if not sigma_db >= 0.0:
        raise InvalidInputError(f"sigma_db is {sigma_db}, wanted 0 or more")
