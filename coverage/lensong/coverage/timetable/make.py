"""From wishes to a timetable: who sells when, with what proof, and what would let all sell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor
from time import monotonic
from typing import TypeAlias

from lensong.coverage.indoor import level_shadowing
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.network import Network
from lensong.coverage.service import Handset, Service
from lensong.coverage.streams.settings import StreamSettings
from lensong.coverage.sweeps import PropagationSettings, SweepCache
from lensong.coverage.timetable.air import Air
from lensong.coverage.timetable.cheapest import Changed, best_answer, cheapest_change
from lensong.coverage.timetable.entries import Entry, Unplaced, entries_of, unplaced_of
from lensong.coverage.timetable.hear import hear, weights_of
from lensong.coverage.timetable.offers import EARLY, Market, as_wished
from lensong.coverage.timetable.programme import Conflict, Limit
from lensong.coverage.timetable.search import Answer, Search
from lensong.coverage.timetable.wishes import Wish
from lensong.gis_data.land import Land

__all__ = ["Ground", "Timetable", "make_timetable"]

FRESH_DRAWS, FRESH_SEED = 512, 90_210
_GAP = 0.02  # of a seller: nearly as early as can be
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a timetable is made on: a plan's land, network and settings, as read."""

    land: Land
    network: Network
    handset: Handset
    propagation: PropagationSettings
    streams: StreamSettings
    services: tuple[Service, ...]
    cache: SweepCache | None
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """A timetable with its proof.

    Parameters
    ----------
    entries : tuple of Entry
        By start, then in the order of the list.
    unplaced : tuple of Unplaced
    bound : int
        No timetable meets more wishes.
    proved : bool
        Whether ``bound`` was reached by the solver within its time.
    probability : float
        Promised of every place in every step.
    least_chance, least_fresh_chance : float
        Over all steps and places, on the plan's draws and on fresh ones; 1 where nobody sells.
    draws, fresh_draws, rounds, withdrawn : int
        Draws of both; how often the programme was solved; steps that only the fresh draws refused.
    market : Market
    limits, conflicts : tuple
        What the bound rests on, by kind.
    changed : Changed or None
        None where all wishes are met.
    """

    entries: tuple[Entry, ...]
    unplaced: tuple[Unplaced, ...]
    bound: int
    proved: bool
    probability: float
    least_chance: float
    least_fresh_chance: float
    draws: int
    fresh_draws: int
    rounds: int
    withdrawn: int
    market: Market
    limits: tuple[Limit, ...]
    conflicts: tuple[Conflict, ...]
    changed: Changed | None


def make_timetable(
    wishes: Sequence[Wish],
    ground: Ground,
    *,
    probability: float,
    step_min: int = 30,
    time_limit_s: float = 60.0,
    progress: Progress | None = None,
) -> Timetable:
    """Return the timetable that meets the most wishes.

    Parameters
    ----------
    wishes : sequence of Wish
    ground : Ground
    probability : float
        With which all sellers of a place are to hold, in every step.
    step_min : int
        Sessions begin on multiples of it.
    time_limit_s : float
        For the search, and as much again for the cheapest change. What it cuts short is told.
    progress : callable, optional
        Called with stage, steps done and steps in all.
    """
    market = Market.of(
        wishes,
        services=ground.services,
        operators=ground.streams.operators(_model(ground, ground.network)),
        step_min=step_min,
    )
    weights = weights_of(market.places, ground.land)

    def searching(network: Network) -> Search:
        model = _model(ground, network)
        heard = hear(
            weights,
            ground.land,
            model,
            handset=ground.handset,
            propagation=ground.propagation,
            cache=ground.cache,
            workers=ground.workers,
            progress=None if progress is None else lambda done, of: progress("sweeps", done, of),
        )

        def air(**drawn: int) -> Air:
            return Air(
                market.kinds,
                [place.place_id for place in market.places],
                heard,
                model,
                usable_share=ground.streams.usable_share,
                model_sigma_db=ground.propagation.model_sigma_db,
                phones=ground.streams.most,
                **drawn,
            )

        return Search(
            air=air(),
            fresh=air(draws=FRESH_DRAWS, seed=FRESH_SEED),
            probability=probability,
            deadline_s=monotonic() + time_limit_s,  # the sweeps do not count
        )

    search = searching(ground.network)
    if progress is not None:
        progress("timetable", 0, 2)
    answer = best_answer(search, market, as_wished(market), 1.0, _GAP)
    bound = min(len(market.wishes), floor(answer.bound + EARLY + 1e-6))
    entries = entries_of(answer, search, market, ground.network)
    unplaced = unplaced_of(entries, search, market)
    withdrawn = search.withdrawn
    limits, conflicts = tuple(search.limits), tuple(search.conflicts)
    if progress is not None:
        progress("timetable", 1, 2)
    changed = None
    if unplaced:
        changed = cheapest_change(
            search, market, ground.network, searching, entries, unplaced, time_limit_s
        )
    if progress is not None:
        progress("timetable", 2, 2)
    return Timetable(
        entries=entries,
        unplaced=unplaced,
        bound=max(bound, len(entries)),
        proved=bound <= len(entries),
        probability=probability,
        least_chance=_least(search.air, answer),
        least_fresh_chance=_least(search.fresh, answer),
        draws=search.air.draws,
        fresh_draws=search.fresh.draws,
        rounds=answer.rounds,
        withdrawn=withdrawn,
        market=market,
        limits=limits,
        conflicts=conflicts,
        changed=changed,
    )


def _model(ground: Ground, network: Network) -> LayerModel:
    network = ground.propagation.calibrated(network)
    shadowing = level_shadowing(ground.propagation, ground.handset, network)
    crs = ground.land.grid.crs
    return LayerModel.build(crs, network, ground.handset, ground.services, shadowing)


def _least(air: Air, answer: Answer) -> float:
    chances = [chance for crowd in answer.crowds.values() for chance in air.chances(crowd).values()]
    return min(chances, default=1.0)
