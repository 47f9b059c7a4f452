"""How many people any choice can serve: the Lagrangian bound of the relaxation."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import numpy as np

from lensong.coverage.siting.problem import SitingProblem
from lensong.propagation.types import FloatArray

__all__ = ["Bound", "lagrangian_bound"]

_PATIENCE = 15
_ROUNDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A bound on all choices.

    Parameters
    ----------
    people : float
        No choice serves more.
    reduced : shape (candidates,)
        By how much the bound falls at least when a candidate is left out (above 0) or built
        (below 0) [people].
    """

    people: float
    reduced: FloatArray


def lagrangian_bound(
    problem: SitingProblem,
    least_cost: FloatArray,
    *,
    start: FloatArray,
    found: float,
    deadline_s: float,
) -> Bound:
    """Return a bound on the people that any choice serves.

    Parameters
    ----------
    problem : SitingProblem
    least_cost : shape (candidates,)
        What each costs at least with its supplies; inf where it cannot be fed.
    start : shape (villages,)
        What the villages gain in a good answer [people].
    found : float
        People of that answer.
    deadline_s : float
        Of `time.monotonic`.

    Notes
    -----
    For any prices ``p_v`` of the villages and ``m``, ``k`` of money and masts, all 0 or more, ::

        sum_v p_v + m budget + k most_masts + sum_c max(0, r_c)
        r_c = sum_v max(0, gained_cv - p_v) - m least_cost_c - k

    is a bound: a village that gains is assigned to one candidate alone. The best of these is the
    optimum of the linear relaxation [1]_. Prices of villages move by subgradients with Polyak's
    step; the other two are best for them, or by turns where both limits are given.

    References
    ----------
    .. [1] G. Cornuejols, M. L. Fisher, G. L. Nemhauser, "Location of bank accounts to optimize
       float", Management Science 23(8), 1977, sections 3 and 4.
    """
    able = np.isfinite(least_cost)
    cost = np.where(able, least_cost, 0.0)
    candidate, village = problem.candidate, problem.village
    scale = np.zeros(problem.villages)
    np.maximum.at(scale, village, problem.gained)
    scale = np.maximum(scale, 1e-12)  # prices are moved in shares of the most a village can gain
    price = np.minimum(start, scale) / scale
    best, best_reduced = np.inf, np.zeros(problem.size)
    step, waited = 1.0, 0
    for _ in range(_ROUNDS):
        more = problem.gained - (price * scale)[village]
        worth = np.bincount(
            candidate, weights=np.maximum(more, 0.0), minlength=problem.size
        ).astype(np.float64)
        worth[~able] = 0.0
        taken, value, reduced = _spent(problem, worth, cost)
        reduced[~able] = -np.inf
        bound = float((price * scale).sum()) + value
        waited += 1
        if bound < best * (1.0 - 1e-7):
            waited = 0
        if bound < best:
            best, best_reduced = bound, reduced
        if waited >= _PATIENCE:
            step, waited = step / 2.0, 0
        slope = scale * (
            1.0
            - np.bincount(
                village, weights=taken[candidate] * (more > 0.0), minlength=problem.villages
            )
        )
        slope = np.where((price <= 0.0) & (slope > 0.0), 0.0, slope)
        length = float(slope @ slope)
        if length == 0.0 or step < 1e-4 or best <= found * (1.0 + 1e-9) or monotonic() > deadline_s:
            break
        price = np.clip(price - step * max(bound - found, 1e-9 * bound) / length * slope, 0.0, 1.0)
    return Bound(people=max(best, found), reduced=best_reduced)


def _spent(
    problem: SitingProblem, worth: FloatArray, cost: FloatArray
) -> tuple[FloatArray, float, FloatArray]:
    """Return which candidates are taken for prices, the value of it, and all reduced worths."""
    money = masts = 0.0
    for _ in range(1 if problem.budget is None or problem.most_masts is None else 3):
        if problem.most_masts is not None:
            masts = _price(worth - money * cost, np.ones(cost.size), float(problem.most_masts))
        if problem.budget is not None:
            money = _price(worth - masts, cost, problem.budget)
    reduced = worth - money * cost - masts
    value = money * (problem.budget or 0.0) + masts * (problem.most_masts or 0.0)
    value += float(np.maximum(reduced, 0.0).sum())
    return _taken(problem, worth, reduced, cost), value, reduced


def _price(worth: FloatArray, weight: FloatArray, most: float) -> float:
    """Return the price of a limit: the worth per weight of the last that is taken in part."""
    wanted = np.flatnonzero((worth > 0.0) & (weight > 0.0))
    ratio = worth[wanted] / weight[wanted]
    order = np.argsort(-ratio, kind="stable")
    filled = np.cumsum(weight[wanted][order])
    at = int(np.searchsorted(filled, most * (1.0 + 1e-12), side="right"))
    return float(ratio[order][at]) if at < order.size else 0.0


def _taken(
    problem: SitingProblem, worth: FloatArray, reduced: FloatArray, cost: FloatArray
) -> FloatArray:
    """Return the part of each candidate in the relaxed answer; what is at the margin fills up."""
    tolerance = 1e-9 * max(float(worth.max(initial=0.0)), 1e-12)
    taken = (reduced > tolerance).astype(np.float64)
    left_money = np.inf if problem.budget is None else problem.budget - float(taken @ cost)
    left_masts = np.inf if problem.most_masts is None else problem.most_masts - taken.sum()
    for c in np.flatnonzero((np.abs(reduced) <= tolerance) & (worth > tolerance)).tolist():
        part = min(1.0, left_masts, left_money / cost[c] if cost[c] > 0.0 else 1.0)
        if part <= 0.0:
            break
        taken[c] = part
        left_money, left_masts = left_money - part * cost[c], left_masts - part
    return taken
