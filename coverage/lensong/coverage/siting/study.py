"""Siting from gains to a plan: the choice, its steps, who is not reached, and the re-plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
from pyproj import Transformer

from lensong.coverage.network import Network
from lensong.coverage.service import Service
from lensong.coverage.siting.candidates import Candidate
from lensong.coverage.siting.feeds import FedMast, Feeds, fed_masts
from lensong.coverage.siting.gains import Gains, Planner, shares_of
from lensong.coverage.siting.problem import Siting, SitingProblem
from lensong.coverage.siting.rounds import RoundLimits, Rounds, choose_in_rounds
from lensong.coverage.siting.tuning import Tuning
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray, Grid

__all__ = ["Limits", "SitingStudy", "Step", "study_siting", "villages_without"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may be built, and how long may be searched.

    Parameters
    ----------
    budget : float or None
        In the money of the candidates' costs.
    most_masts : int or None
    gap_percent, time_limit_s : float
        As `lensong.coverage.siting.solve.best_sites`.
    tolerance_percent : float
    rounds : int
        As `lensong.coverage.siting.rounds.RoundLimits`.
    """

    budget: float | None = None
    most_masts: int | None = None
    gap_percent: float = 0.1
    time_limit_s: float = 600.0
    tolerance_percent: float = 1.0
    rounds: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One mast of the plan, in the order in which it is built.

    Parameters
    ----------
    candidate : int
    people, people_in_all : float
        Promised by it on top of the steps before, and by all so far.
    cost, cost_in_all : float or None
        With the lines that feed and power it, where they are part of the choice; None where no cost
        is given.
    """

    candidate: int
    people: float
    people_in_all: float
    cost: float | None
    cost_in_all: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SitingStudy:
    """A choice of masts with all that is told of it.

    Parameters
    ----------
    service : Service
        People with it are counted.
    candidates : tuple of Candidate
    gains : Gains
        Of each candidate alone.
    siting : Siting
        By the gains of the round that chose it.
    rounds : Rounds
    steps : tuple of Step
    people : shape (villages,)
        Of each village; 0 where it is not known.
    before, promised, planned : shape (villages,)
        Share of people with the service: as it stands, by the best of the chosen, planned again
        with all of them.
    not_reached : dict
        Village to why no candidate brings it anything: ``too_far``, or a reason as in
        `lensong.coverage.result.REASONS` with the candidate of the best chance.
    nearest_m : shape (villages,)
        Distance of the nearest candidate [m]; NaN without candidates.
    villages : GeoDataFrame
        The village table as planned again.
    network : Network
        With the chosen masts.
    feeds : Feeds or None
        Ways to feed and power candidates; None: not part of the choice.
    tuning : Tuning or None
        Changes of what stood, which came before; ``before`` is with them. None: none was tried.
    """

    service: Service
    candidates: tuple[Candidate, ...]
    gains: Gains
    siting: Siting
    rounds: Rounds
    steps: tuple[Step, ...]
    people: FloatArray
    before: FloatArray
    promised: FloatArray
    planned: FloatArray
    not_reached: dict[int, str]
    nearest_m: FloatArray
    villages: gpd.GeoDataFrame
    network: Network
    feeds: Feeds | None = None
    tuning: Tuning | None = None

    @property
    def changes(self) -> int:
        """Return how many changes come before the first mast."""
        return 0 if self.tuning is None else len(self.tuning.steps)

    @property
    def at_first(self) -> FloatArray:
        """Return the share of people with the service before any change and mast."""
        return self.before if self.tuning is None else self.tuning.before

    @property
    def fed(self) -> dict[int, FedMast]:
        """Return how each chosen mast is fed and powered, by candidate."""
        return fed_masts(self.feeds, self.siting.chosen, self.siting.arcs)

    @property
    def people_before(self) -> float:
        """Return how many people have the service as it stands, before any change."""
        return float(self.people @ self.at_first)

    @property
    def people_changed(self) -> float:
        """Return how many have it with the changes and without any new mast."""
        return float(self.people @ self.before)

    @property
    def cost(self) -> float | None:
        """Return what changes and masts cost; None where a mast's cost is not known."""
        first = 0.0 if self.tuning is None else self.tuning.cost
        if not self.steps:
            return first
        spent = self.steps[-1].cost_in_all
        return None if spent is None else first + spent

    @property
    def people_promised(self) -> float:
        """Return how many have it by the choice."""
        return float(self.people @ self.promised)

    @property
    def people_planned(self) -> float:
        """Return how many have it when all is planned again."""
        return float(self.people @ self.planned)

    @property
    def people_lost(self) -> float:
        """Return how many had it and do not have it when all is planned again."""
        return float(self.people @ np.maximum(self.at_first - self.planned, 0.0))


def villages_without(
    villages: gpd.GeoDataFrame, service: Service, covered_share: float
) -> list[int]:
    """Return the villages in which fewer people have a service than count as covered."""
    return np.flatnonzero(shares_of(villages, service.name) < covered_share).tolist()


def study_siting(
    planner: Planner,
    candidates: Sequence[Candidate],
    service: Service,
    limits: Limits,
    grid: Grid,
    *,
    covered_share: float,
    feeds: Feeds | None = None,
    tuning: Tuning | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> SitingStudy:
    """Return the best choice of candidates, planned again as a whole.

    With ``tuning`` the planner stands on the changed network, and ``limits.budget`` is what the
    changes leave.

    Raises
    ------
    InvalidInputError
        There is no candidate, no village has people, or a budget is given and some candidate has no
        cost.
    """
    if not candidates and limits.most_masts != 0:
        raise InvalidInputError(
            "there is no candidate, wanted one at least: give a list, or let structures or summits "
            "be looked for farther from the villages"
        )
    people = np.nan_to_num(planner.before["people"].to_numpy(dtype=np.float64))
    if not people.any():
        raise InvalidInputError(
            "no village has a number of people, and masts are chosen by people: give population "
            "in the list of villages or as a raster"
        )
    cost = _costs(candidates, limits)

    def told(done: int, total: int) -> None:
        if progress is not None:
            progress("candidates", done, total)

    gains = planner.gains(candidates, service, told)
    before = shares_of(planner.before, service.name)
    share = gains.share[service.name]

    def problem_of(shares: FloatArray) -> SitingProblem:
        candidate, village = np.nonzero(shares > before)
        return SitingProblem.of_shares(
            cost=np.nan_to_num(cost),
            people=people,
            served_share=before,
            candidate=candidate,
            village=village,
            share=shares[candidate, village],
            budget=limits.budget,
            most_masts=limits.most_masts,
            supplies=() if feeds is None else feeds.supplies(),
        )

    rounds = choose_in_rounds(
        planner,
        candidates,
        share,
        problem_of,
        service.name,
        people,
        RoundLimits(
            tolerance_percent=limits.tolerance_percent,
            rounds=limits.rounds,
            gap_percent=limits.gap_percent,
            time_limit_s=limits.time_limit_s,
        ),
        progress,
    )
    siting, villages = rounds.best.siting, rounds.best.villages
    fed = fed_masts(feeds, siting.chosen, siting.arcs)
    away = _away_m(candidates, villages, grid)
    nearest = away.min(axis=0, initial=np.inf)
    reach = max((cell.radius_m for one in candidates for cell in one.cells), default=0.0)
    return SitingStudy(
        service=service,
        candidates=tuple(candidates),
        gains=gains,
        siting=siting,
        rounds=rounds,
        steps=_steps(rounds.best.problem, siting, cost, fed),
        people=people,
        before=before,
        promised=rounds.best.promised,
        planned=rounds.best.planned,
        not_reached={
            v: "too_far" if nearest[v] > reach else _why(gains, v)
            for v in np.flatnonzero(before < covered_share).tolist()
            if candidates and not (share[:, v] > before[v]).any()
        },
        nearest_m=np.where(np.isfinite(nearest), nearest, np.nan),
        villages=villages,
        network=_as_fed(
            rounds.best.network, {candidates[c].mast.mast_id: one for c, one in fed.items()}
        ),
        feeds=feeds,
        tuning=tuning,
    )


def _costs(candidates: Sequence[Candidate], limits: Limits) -> FloatArray:
    """Return the cost of every candidate, NaN for all where one has none."""
    without = [one.mast.mast_id for one in candidates if one.cost is None]
    if without and limits.budget is not None:
        raise InvalidInputError(
            f"{len(without)} of {len(candidates)} candidates have no cost, the first is "
            f"{without[0]!r}: give a column cost in their list or [siting] costs in the scenario, "
            "or limit the number of masts in place of the budget"
        )
    if without:
        return np.full(len(candidates), np.nan)
    return np.array([one.cost for one in candidates], dtype=np.float64)


def _steps(
    problem: SitingProblem, siting: Siting, cost: FloatArray, fed: Mapping[int, FedMast]
) -> tuple[Step, ...]:
    """Return the chosen in the order of people per cost; per mast where no cost is given.

    A mast that feeds another is built before it, and its cost counts with that of the other.
    """
    left, best = set(siting.chosen), np.zeros(problem.villages)
    known = not np.isnan(cost).any()
    steps: list[Step] = []
    spent = 0.0
    while left:
        groups = [_first_built(fed[c], left) for c in sorted(left)]
        worth = [_worth(problem, best, group, cost, fed) for group in groups]
        for c in groups[int(np.argmax(worth))]:
            left.discard(c)
            people = float(problem.each_adds(best)[c])
            best = np.maximum(best, problem.best((c,)))
            spent += float(cost[c]) + fed[c].cost if known else 0.0
            steps.append(
                Step(
                    candidate=c,
                    people=people,
                    people_in_all=float(best.sum()),
                    cost=float(cost[c]) + fed[c].cost if known else None,
                    cost_in_all=spent if known else None,
                )
            )
    return tuple(steps)


def _as_fed(network: Network, fed: Mapping[str, FedMast]) -> Network:
    """Return a network whose new masts, by id, say how they are fed and powered."""
    masts = []
    for mast in network.masts:
        lines = fed.get(mast.mast_id)
        if lines is not None and lines.backhaul is not None and lines.backhaul.kind != "standing":
            mast = replace(mast, backhaul=lines.backhaul.kind)
        if lines is not None and lines.power is not None and lines.power.kind != "standing":
            mast = replace(mast, power_supply=lines.power.kind)
        masts.append(mast)
    return replace(network, masts=tuple(masts))


def _first_built(lines: FedMast, left: set[int]) -> list[int]:
    """Return what must be built for a mast, itself last."""
    return [way.candidate for way in reversed(lines.chain) if way.candidate in left] or [
        lines.candidate
    ]


def _worth(
    problem: SitingProblem,
    best: FloatArray,
    group: list[int],
    cost: FloatArray,
    fed: Mapping[int, FedMast],
) -> float:
    """Return the people that a group of masts adds, per cost."""
    people = float((np.maximum(best, problem.best(group)) - best).sum())
    if np.isnan(cost).any():
        return people / len(group)
    return people / max(float(cost[group].sum()) + sum(fed[c].cost for c in group), 1e-9)


def _why(gains: Gains, village: int) -> str:
    """Return what still hinders a village with the candidate of the best chance."""
    chance = np.nan_to_num(gains.chance[:, village], nan=-1.0)
    return gains.reason[int(np.argmax(chance))][village] or "no_signal"


def _away_m(candidates: Sequence[Candidate], villages: gpd.GeoDataFrame, grid: Grid) -> FloatArray:
    """Return the distance of every candidate to every village's place [m]."""
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    east, north = to_grid.transform(
        [one.mast.lon_deg for one in candidates], [one.mast.lat_deg for one in candidates]
    )
    across = np.subtract.outer(np.asarray(east), villages["centre_easting_m"].to_numpy(float))
    along = np.subtract.outer(np.asarray(north), villages["centre_northing_m"].to_numpy(float))
    return np.asarray(np.hypot(across, along))
