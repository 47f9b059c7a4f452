"""The choice in rounds: chosen, planned again as a whole, and gains corrected by what that says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Literal, TypeAlias

import geopandas as gpd
import numpy as np

from lensong.coverage.network import Network
from lensong.coverage.siting.candidates import Candidate
from lensong.coverage.siting.gains import Planner, shares_of
from lensong.coverage.siting.problem import Siting, SitingProblem
from lensong.coverage.siting.solve import best_sites
from lensong.propagation.types import FloatArray

__all__ = ["Agreed", "Round", "RoundLimits", "Rounds", "choose_in_rounds"]

Agreed: TypeAlias = Literal["within", "settled", "rounds", "time"]

_SHARE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundLimits:
    """When a choice counts as confirmed, and how often it is tried again.

    Parameters
    ----------
    tolerance_percent : float
        By how much promised and planned again may differ [% of the people who are to gain].
    rounds : int
        Choices at most, 1 or more.
    gap_percent, time_limit_s : float
        As `lensong.coverage.siting.solve.best_sites`; after the time no further round begins.
    """

    tolerance_percent: float = 1.0
    rounds: int = 4
    gap_percent: float = 0.1
    time_limit_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One choice and what became of it.

    Parameters
    ----------
    problem : SitingProblem
        With the gains of this round.
    siting : Siting
    promised, planned : shape (villages,)
        Share of people with the service: by the gains, and planned again.
    network : Network
    villages : GeoDataFrame
        As planned again.
    """

    problem: SitingProblem
    siting: Siting
    promised: FloatArray
    planned: FloatArray
    network: Network
    villages: gpd.GeoDataFrame

    def off_percent(self, people: FloatArray) -> float:
        """Return how far promised and planned again differ [% of the people who are to gain]."""
        off = abs(float(people @ (self.promised - self.planned)))
        return 0.0 if off == 0.0 else 100.0 * off / max(self.siting.people, 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """All rounds.

    Parameters
    ----------
    made : tuple of Round
    best : Round
        That with most people when planned again; the latest of equal ones.
    agreed : str
        ``"within"``: the best is as promised, within the tolerance; ``"settled"``: with gains
        corrected by planning again the same masts were chosen, and who loses the service by them
        makes the difference; ``"rounds"``, ``"time"``: that limit came before.
    """

    made: tuple[Round, ...]
    best: Round
    agreed: Agreed


def choose_in_rounds(
    planner: Planner,
    candidates: Sequence[Candidate],
    share: FloatArray,
    problem_of: Callable[[FloatArray], SitingProblem],
    service_name: str,
    people: FloatArray,
    limits: RoundLimits,
    progress: Callable[[str, int, int], None] | None = None,
) -> Rounds:
    """Return the choice that serves most people when it is planned again as a whole.

    Parameters
    ----------
    planner : Planner
        On the network without candidates.
    candidates : sequence of Candidate
    share : shape (candidates, villages)
        Of people with the service, each candidate alone.
    problem_of : callable
        Makes the problem of such shares.
    service_name : str
    people : shape (villages,)
    limits : RoundLimits
    progress : callable, optional

    Notes
    -----
    The choice takes what a village gets as the best that one chosen mast brings it. Masts that
    disturb each other bring less, masts that serve its ends together more. Where planning again
    tells another sum, each further candidate is planned beside the chosen ones, and the next round
    counts with that: a chosen mast brings a village what planning said, another one what it adds to
    the chosen, less the people from whom it takes the service. Rounds end when promised and planned
    again agree, or the same masts are chosen again.
    """
    until = monotonic() + limits.time_limit_s
    before = shares_of(planner.before, service_name)
    made: list[Round] = []
    gains = share
    agreed: Agreed | None = None
    while agreed is None:
        problem = problem_of(gains)
        siting = best_sites(
            problem,
            gap_percent=limits.gap_percent,
            time_limit_s=max(1.0, until - monotonic()),
        )
        chosen = list(siting.chosen)
        same = next((one for one in made if one.siting.chosen == siting.chosen), None)
        if progress is not None:
            progress("re-plan", 0, 1)
        if same is None:
            network, villages = planner.with_candidates([candidates[c] for c in chosen])
        else:
            network, villages = same.network, same.villages
        if progress is not None:
            progress("re-plan", 1, 1)
        made.append(
            Round(
                problem=problem,
                siting=siting,
                promised=np.maximum(before, gains[chosen].max(axis=0)) if chosen else before,
                planned=shares_of(villages, service_name),
                network=network,
                villages=villages,
            )
        )
        if made[-1].off_percent(people) <= limits.tolerance_percent:
            agreed = "within"
        elif same is not None:
            agreed = "settled"
        elif len(made) >= limits.rounds:
            agreed = "rounds"
        elif monotonic() >= until:
            agreed = "time"
        else:
            gains = _beside(
                planner, candidates, share, made[-1], before, service_name, people, progress
            )
    served = [float(people @ one.planned) for one in made]
    best = made[max(range(len(made)), key=lambda k: (round(served[k], 6), k))]
    if best.siting.chosen != made[-1].siting.chosen and agreed in ("within", "settled"):
        off = best.off_percent(people)
        agreed = "within" if off <= limits.tolerance_percent else "rounds"
    return Rounds(made=tuple(made), best=best, agreed=agreed)


def _beside(
    planner: Planner,
    candidates: Sequence[Candidate],
    share: FloatArray,
    last: Round,
    before: FloatArray,
    service_name: str,
    people: FloatArray,
    progress: Callable[[str, int, int], None] | None,
) -> FloatArray:
    """Return the shares that candidates bring beside the chosen ones, as they were planned."""
    chosen = list(last.siting.chosen)
    found = np.minimum(share, last.planned)
    top = np.asarray(chosen)[np.argmax(share[chosen], axis=0)]
    found[top, np.arange(before.size)] = np.maximum(last.planned, before)
    useful = ((share - before) @ people > 0.0) | ((share > before + _SHARE).any(axis=1))
    others = [c for c in np.flatnonzero(useful).tolist() if c not in last.siting.chosen]
    standing = planner.on(last.network)
    for done, c in enumerate(others):
        if progress is not None:
            progress("candidates again", done, len(others))
        with_it = shares_of(standing.with_candidates([candidates[c]])[1], service_name)
        adds = with_it > last.planned + _SHARE
        found[c] = np.where(adds, with_it, np.minimum(share[c], np.maximum(with_it, last.planned)))
        taken = float(people @ np.maximum(last.planned - with_it, 0.0))
        brings = float(people @ np.maximum(found[c] - before, 0.0))
        if taken > 0.0 and brings > 0.0:
            kept = max(0.0, 1.0 - taken / brings)
            found[c] = before + kept * np.maximum(found[c] - before, 0.0)
    if progress is not None and others:
        progress("candidates again", len(others), len(others))
    return found
