"""Where to drive next: the spots that make most uncertain people sure.

What is not known of the level at a place is a variance; a spot that is measured takes off what it
shares with it. The spot that takes off most, people times variance, comes first, then the one that
takes off most of what is left, and so on (Krause, Singh and Guestrin, "Near-optimal sensor
placements in Gaussian processes", JMLR 9, 2008). Each spot measured helps less the more are: in
the usual case, without suppressor variables, such a sum is submodular, and the greedy choice is
at least 1 - 1/e = 63 % of the best; how far the best can be from it is also bounded by the gains
that are left, and stated (Minoux 1978; Leskovec et al., "Cost-effective outbreak detection in
networks", KDD 2007, section 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lensong.coverage.calibration.evidence import Evidence
from lensong.coverage.calibration.posterior import Posterior
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["NextSpots", "next_spots"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSpots:
    """Spots to measure, in the order of what they bring.

    Parameters
    ----------
    spot : shape (k,), int
        Index into the candidates.
    left_share : shape (k,)
        Share of the uncertainty that is left once this spot and those before it are measured.
    of_best : float
        At least this share of what the best choice of as many spots takes off, 0..1.
    """

    spot: IntArray
    left_share: FloatArray
    of_best: float


def next_spots(
    learnt: Posterior, candidates: Evidence, places: Evidence, weight: FloatArray, count: int
) -> NextSpots:
    """Return the spots that take most off the uncertainty of levels at places.

    Parameters
    ----------
    learnt : Posterior
        What is known already.
    candidates, places : Evidence
        Where could be measured, and where levels are to be known; their residuals are not looked
        at.
    weight : shape (places,)
        People at each place, or how uncertain their service is.
    count : int
        Spots wanted, at most as many as candidates.
    """
    between = learnt.shared_variance(places, candidates)
    own = learnt.shared_variance(candidates, candidates)
    before = float(weight @ np.maximum(learnt.known_variance(places), 0.0))
    noise = learnt.field.noise_db**2
    chosen: list[int] = []
    taken_off: list[float] = []
    first_gains: FloatArray = np.zeros(0)
    for _ in range(min(count, len(candidates))):
        gain = (weight @ between**2) / (np.diag(own) + noise)
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        if not taken_off:
            first_gains = gain
        chosen.append(best)
        taken_off.append(float(gain[best]))
        scale = own[best, best] + noise
        column, row = between[:, best].copy(), own[best].copy()
        between -= np.outer(column, row) / scale
        own -= np.outer(row, row) / scale
    total = float(np.sum(taken_off))
    # the best choice takes off no more than the greedy one and the largest gains that are left
    left = (weight @ between**2) / (np.diag(own) + noise)
    left[chosen] = 0.0
    above = total + float(np.sort(left)[::-1][: len(chosen)].sum())
    above = min(above, float(np.sort(first_gains)[::-1][: len(chosen)].sum()))
    return NextSpots(
        spot=np.array(chosen, dtype=np.int64),
        left_share=1.0 - np.cumsum(taken_off) / max(before, 1e-12),
        of_best=min(total / above, 1.0) if above > 0.0 else 1.0,
    )
