"""The prior of outages, learnt from a province's own watches."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from scipy.special import gammaln

from lensong.monitoring.readiness.outages import OutagePrior
from lensong.propagation.types import FloatArray

__all__ = ["estimated_prior"]

_LEAST_SITES = 10
_LEAST_HOURS = 100.0


def estimated_prior(sites: Iterable[tuple[float, float]], *, default: OutagePrior) -> OutagePrior:
    """Return the prior that a province's own watches tell, or the default where they are few.

    Parameters
    ----------
    sites : iterable of (float, float)
        Of each site the hours watched and the outages beyond tolerance.
    default : OutagePrior
        Returned below 10 sites or 100 hours: no prior is learnt from nothing.

    Notes
    -----
    Maximum of the marginal likelihood, negative binomial for each site, held back by a normal
    prior of a factor e around the default: what is learnt leaves it gradually. Success counts:
    many clean hours make the prior cleaner.
    """
    seen = [(hours, outages) for hours, outages in sites if hours > 0.0]
    watched_h = math.fsum(hours for hours, _ in seen)
    if len(seen) < _LEAST_SITES or watched_h < _LEAST_HOURS:
        return default
    e, n = np.array(seen, dtype=np.float64).T

    from scipy.optimize import minimize  # a tenth of a start, and seldom needed

    def loss(theta: FloatArray) -> float:
        shape, hours = np.exp(theta)
        each = gammaln(shape + n) - gammaln(shape) + shape * np.log(hours / (hours + e))
        each += n * np.log(e / (hours + e))
        pull = (theta[0] - math.log(default.shape)) ** 2 + (theta[1] - math.log(default.hours)) ** 2
        return float(pull / 2.0 - each.sum())

    start = np.log([default.shape, default.hours])
    found = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-6}).x
    return OutagePrior(
        shape=float(np.exp(found[0])),
        hours=float(np.exp(found[1])),
        sites=len(seen),
        watched_h=watched_h,
    )
