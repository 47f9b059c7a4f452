"""Decibels and milliwatts: powers are added in milliwatts, never in decibels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.types import FloatArray

__all__ = ["db_to_ratio", "dbm_to_mw", "mw_to_dbm", "ratio_to_db", "sum_dbm"]


def db_to_ratio(value_db: ArrayLike) -> FloatArray:
    """Return the power ratio of a level difference.

    Parameters
    ----------
    value_db : any shape
        Level difference [dB]; NaN passes through, ``-inf`` gives 0.

    Examples
    --------
    >>> float(db_to_ratio(20.0))
    100.0
    """
    ratio: FloatArray = np.power(10.0, np.asarray(value_db, dtype=np.float64) / 10.0)
    return ratio


def ratio_to_db(ratio: ArrayLike) -> FloatArray:
    """Return the level difference of a power ratio.

    Parameters
    ----------
    ratio : any shape
        Power ratio, 0 or more; 0 gives ``-inf`` [dB], NaN passes through.
    """
    with np.errstate(divide="ignore"):
        level: FloatArray = 10.0 * np.log10(np.asarray(ratio, dtype=np.float64))
    return level


def dbm_to_mw(power_dbm: ArrayLike) -> FloatArray:
    """Return a power in milliwatts [mW] from its level [dBm], any shape."""
    return db_to_ratio(power_dbm)


def mw_to_dbm(power_mw: ArrayLike) -> FloatArray:
    """Return the level [dBm] of a power in milliwatts [mW], any shape; 0 gives ``-inf``."""
    return ratio_to_db(power_mw)


def sum_dbm(
    power_dbm: ArrayLike, weight: ArrayLike = 1.0, *, axis: int | None = None
) -> FloatArray:
    """Return the level of the sum of powers.

    Parameters
    ----------
    power_dbm : any shape
        Levels [dBm]; ``-inf`` adds nothing, NaN gives NaN.
    weight : broadcast against ``power_dbm``
        Share of each power that counts, e.g. the load of a cell, 0 or more.
    axis : int or None
        Along which to add; None adds all.

    Examples
    --------
    Two equal interferers add 3 dB, not 0.3:

    >>> round(float(sum_dbm([-100.0, -100.0])), 2)
    -96.99
    """
    return mw_to_dbm(np.sum(dbm_to_mw(power_dbm) * np.asarray(weight, dtype=np.float64), axis=axis))
