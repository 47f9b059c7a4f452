"""How often sessions fell below what was expected of them: one-sided split conformal prediction.

A session's score says where the bitrate that it achieved lay in what was predicted, in standard
deviations. Of a session that failed the score is known; of one that held only that it is at least
that of the bitrate which was sent, for the link was asked for no more. The share of scores below
a value is therefore the product-limit estimate for censored data [1]_, with one more session,
that failed below all others, put in for the one still to come. With no censoring this is exactly
the finite-sample rule of split conformal prediction [2]_: the bound at ``alpha`` is the
``floor(alpha (n + 1))``-th smallest score, and there is none while ``n < 1 / alpha - 1``. Scores
are kept apart by radio technology (Mondrian [2]_).

References
----------
.. [1] E. L. Kaplan, P. Meier, "Nonparametric estimation from incomplete observations",
   J. Amer. Statist. Assoc. 53, 1958.
.. [2] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005, and for
   the split form J. Lei et al., "Distribution-free predictive inference for regression", 2018.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

from lensong.monitoring.readiness.evidence import PastSession
from lensong.propagation.errors import InvalidInputError

__all__ = ["Calibration", "calibrate", "normal_score"]

_ROUNDING = 1e-9
_LEAST_SHARE = 1e-12
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Share of sessions below each score, as far as the sessions can tell.

    Parameters
    ----------
    n : int
        Sessions behind it.
    alpha : float
        Share of failures that is allowed.
    scores : tuple of float
        Scores of failures, ascending, no higher than ``edge``.
    share_up_to : tuple of float
        Share of sessions at or below each of them; before the first it is ``1 / (n + 1)``.
    edge : float
        Highest score at which enough sessions remain to say anything; minus infinity with none.
    """

    n: int
    alpha: float
    scores: tuple[float, ...]
    share_up_to: tuple[float, ...]
    edge: float

    def supports(self, score: float) -> bool:
        """Return whether the sessions reach that score."""
        return score <= self.edge

    def share_below(self, score: float) -> float:
        """Return the share of sessions strictly below a score, the one to come among them."""
        return self._share_after(bisect_left(self.scores, score))

    def failed_share_at_edge(self) -> float:
        """Return the share at or below the edge, 0 where there is no calibration."""
        if self.edge == -math.inf:
            return 0.0
        return self._share_after(bisect_right(self.scores, self.edge))

    def bound_score(self) -> float | None:
        """Return the highest score that at most ``alpha`` of the sessions stay below, or None."""
        if self.edge == -math.inf:
            return None
        for position, score in enumerate(self.scores):
            if self.share_up_to[position] > self.alpha + _ROUNDING:
                return score
        return self.edge

    def _share_after(self, count: int) -> float:
        if count == 0:
            return 1.0 / (self.n + 1)
        return self.share_up_to[count - 1]


def calibrate(
    sessions: Iterable[PastSession],
    *,
    alpha: float,
    default_sd_log10: float,
    newest: int,
) -> Calibration:
    """Return the calibration by sessions that are over.

    Parameters
    ----------
    sessions : iterable of PastSession
        Of the asked technology; their order does not matter.
    alpha : float
        Share of failures that is allowed, above 0 and below 1.
    default_sd_log10 : float
        Spread of a prediction whose own spread was not kept.
    newest : int
        How many sessions, the latest, are used.
    """
    if not 0.0 < alpha < 1.0:
        raise InvalidInputError(f"alpha is {alpha}, wanted between 0 and 1")
    scored = sorted(
        (
            session.ended_at,
            _score(session, alpha, default_sd_log10),
            session.held,
        )
        for session in sessions
    )[-newest:]
    by_score = sorted((score, held) for _, score, held in scored)
    n = len(by_score)
    least = math.ceil(1.0 / alpha - 1.0 - _ROUNDING)
    if n < least or n == 0:
        return Calibration(n=n, alpha=alpha, scores=(), share_up_to=(), edge=-math.inf)
    edge = by_score[n - least][0]
    scores: list[float] = []
    shares: list[float] = []
    alive = n / (n + 1)  # the session to come counts as a failure below all others
    for position, (score, held) in enumerate(by_score):
        if score > edge:
            break
        if held:
            continue
        alive *= 1.0 - 1.0 / (n - position)
        scores.append(score)
        shares.append(1.0 - alive)
    return Calibration(n=n, alpha=alpha, scores=tuple(scores), share_up_to=tuple(shares), edge=edge)


def normal_score(share: float) -> float:
    """Return the standard normal quantile of a share, finite also for 0 and 1."""
    return _NORMAL.inv_cdf(min(max(share, _LEAST_SHARE), 1.0 - _LEAST_SHARE))


def _score(session: PastSession, alpha: float, default_sd_log10: float) -> float:
    sd = session.predicted_sd_log10 or default_sd_log10
    score = (session.achieved_log10_bps - session.predicted_log10_bps) / sd
    if session.predicted_probability is not None:
        at_need = normal_score(1.0 - session.predicted_probability)
        return at_need if session.held else min(score, at_need)
    # how sure the verdict was is not known: having held confirms no more than a READY one
    return min(score, normal_score(alpha)) if session.held else score
