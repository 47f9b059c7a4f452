"""What past sessions say about the model: one-sided split conformal prediction, and a count.

A session's score is ``(achieved - predicted) / spread``. Of a session that failed the score is
known; of one that held only that it is at least so much, for the link was asked for no more. The
share of scores below a value is therefore the product-limit estimate for censored data [1]_, with
one more session, that failed below all others, put in for the one still to come. With no
censoring this is exactly the finite-sample rule of split conformal prediction [2]_: the bound at
``alpha`` is the ``floor(alpha (n + 1))``-th smallest score, and there is none while
``n < 1 / alpha - 1``. Scores are kept apart by radio technology (Mondrian [2]_).

A session that failed far below anything that its spread explains met an outage. Those say nothing
about the rate and are left out of the scores; they are counted, and compared with how many were
to be expected.

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

from lensong.monitoring.readiness.evidence import PastSession
from lensong.propagation.errors import InvalidInputError

__all__ = ["Calibration", "calibrate"]

_ROUNDING = 1e-9
_OUTAGE_SCORE = -3.0
"""A failure below this met an outage: one in 700 of a normal distribution lies lower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Share of sessions below each score, as far as the sessions can tell, and their outages.

    Parameters
    ----------
    n : int
        Sessions behind it, those with an outage left out.
    alpha : float
        Share of failures that is allowed.
    scores : tuple of float
        Scores of failures, ascending, no higher than ``edge``.
    share_up_to : tuple of float
        Share of sessions at or below each of them; before the first it is ``1 / (n + 1)``.
    edge : float
        Highest score at which enough sessions remain to say anything; minus infinity with none.
    outage_ratio : float
        How many times as often as predicted sessions met an outage, 1 or more.
    """

    n: int
    alpha: float
    scores: tuple[float, ...]
    share_up_to: tuple[float, ...]
    edge: float
    outage_ratio: float

    @property
    def reaches(self) -> bool:
        """Return whether there are enough sessions to say anything."""
        return self.edge > -math.inf

    def guaranteed_share(self, score: float) -> float:
        """Return the share of sessions at or above a score, with the one to come held against it.

        0 where the sessions do not reach.
        """
        if score > self.edge:
            return 0.0
        return 1.0 - self._share_after(bisect_left(self.scores, score))

    def seen_share_below(self, score: float) -> float:
        """Return the share of sessions seen below a score, as far as the sessions reach."""
        if not self.reaches:
            return 0.0
        count = (
            bisect_left(self.scores, score)
            if score <= self.edge
            else bisect_right(self.scores, self.edge)
        )
        return 1.0 - (1.0 - self._share_after(count)) * (self.n + 1) / self.n

    def bound_score(self) -> float | None:
        """Return the highest score that at most ``alpha`` of the sessions stay below, or None."""
        if not self.reaches:
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
    kept = sorted(sessions, key=_order)[-newest:]
    scored = [(_score(session, default_sd_log10), session.held) for session in kept]
    by_score = sorted((score, held) for score, held in scored if held or score >= _OUTAGE_SCORE)
    outages = len(scored) - len(by_score)
    expected = math.fsum(session.predicted_outage_probability or 0.0 for session in kept)
    n = len(by_score)
    least = math.ceil(1.0 / alpha - 1.0 - _ROUNDING)
    edge = by_score[n - least][0] if 0 < least <= n else -math.inf
    scores: list[float] = []
    shares: list[float] = []
    alive = n / (n + 1)  # the session to come counts as a failure below all others
    for position, (score, held) in enumerate(by_score):
        if score > edge:
            break
        if not held:
            alive *= 1.0 - 1.0 / (n - position)
            scores.append(score)
            shares.append(1.0 - alive)
    return Calibration(
        n=n,
        alpha=alpha,
        scores=tuple(scores),
        share_up_to=tuple(shares),
        edge=edge,
        outage_ratio=max((outages + 1.0) / (expected + 1.0), 1.0),
    )


def _order(session: PastSession) -> tuple[object, ...]:
    return (
        session.ended_at,
        session.predicted_log10_bps,
        session.achieved_log10_bps,
        session.held,
        session.predicted_sd_log10 or 0.0,
        session.predicted_outage_probability or 0.0,
    )


def _score(session: PastSession, default_sd_log10: float) -> float:
    sd = session.predicted_sd_log10 or default_sd_log10
    return (session.achieved_log10_bps - session.predicted_log10_bps) / sd
