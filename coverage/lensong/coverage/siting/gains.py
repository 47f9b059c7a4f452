"""What each candidate brings every village, planned with the network that stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

import geopandas as gpd
import numpy as np

from lensong.coverage.network import Network
from lensong.coverage.service import Service
from lensong.coverage.siting.candidates import Candidate
from lensong.coverage.variant.edits import AddMast, edited
from lensong.coverage.variant.engine import PlanEngine, PlanState
from lensong.coverage.variant.villages import VillageSide, VillageState
from lensong.coverage.villages import column_suffix
from lensong.propagation.types import FloatArray

__all__ = ["Gains", "Planner", "shares_of"]

OnDone = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """The share of people of each village that has each service with one candidate more.

    Parameters
    ----------
    share : dict
        Service to shape (candidates, villages), 0..1.
    chance : shape (candidates, villages)
        Median chance of the service asked for.
    reason : list of list of str
        Why most of those without it still lack it, for every candidate and village.
    """

    share: dict[str, FloatArray]
    chance: FloatArray
    reason: list[list[str]]


class Planner:
    """Plans a network and candidates added to it, equal to a plan of the whole.

    Parameters
    ----------
    engine : PlanEngine
    side : VillageSide
        Of the engine.
    network : Network
        As it stands.
    on_done : callable or None
        As of `PlanEngine.opened`.

    Attributes
    ----------
    before : GeoDataFrame
        The village table of the network as it stands.
    """

    def __init__(
        self,
        engine: PlanEngine,
        side: VillageSide,
        network: Network,
        on_done: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self._engine, self._side, self.network = engine, side, network
        self._state: PlanState = engine.judged(
            engine.opened(network, on_done), within=side.pixels_in, on_done=on_done
        )
        self._villages: VillageState = side.opened(self._state)

    @property
    def before(self) -> gpd.GeoDataFrame:
        """Return the village table of the network as it stands."""
        return self._villages.table

    @property
    def services(self) -> tuple[Service, ...]:
        """Return the services that are judged."""
        return self._engine.services

    def on(self, network: Network) -> Planner:
        """Return what plans another network, and candidates added to that."""
        moved = copy(self)
        moved.network = network
        moved._state, moved._villages = self._followed(network)
        return moved

    def table(self, network: Network) -> gpd.GeoDataFrame:
        """Return the village table of another network."""
        return self._followed(network)[1].table

    def with_candidates(self, candidates: Sequence[Candidate]) -> tuple[Network, gpd.GeoDataFrame]:
        """Return the network with some candidates, and its village table."""
        if not candidates:
            return self.network, self.before
        grown = edited(self.network, [AddMast(mast=c.mast, cells=c.cells) for c in candidates])
        return grown, self.table(grown)

    def _followed(self, network: Network) -> tuple[PlanState, VillageState]:
        state = self._engine.follow(self._state, network)
        state = self._engine.judged(state, within=self._side.pixels_in)
        return state, self._side.follow(self._villages, state, state.touched)

    def gains(
        self, candidates: Sequence[Candidate], service: Service, on_done: OnDone | None = None
    ) -> Gains:
        """Return what each candidate alone brings, disturbed by all that stands and disturbing it.

        Parameters
        ----------
        candidates : sequence of Candidate
        service : Service
            Whose chances and reasons are kept.
        on_done : callable or None
            Called with candidates done and candidates in all.
        """
        names = [one.name for one in self._engine.services]
        shape = (len(candidates), len(self.before))
        share = {name: np.zeros(shape) for name in names}
        chance, reason = np.full(shape, np.nan), []
        suffix = column_suffix(service.name)
        for k, candidate in enumerate(candidates):
            _, table = self.with_candidates([candidate])
            for name in names:
                share[name][k] = shares_of(table, name)
            chance[k] = table[f"chance_p50_{suffix}"].to_numpy(dtype=np.float64)
            reason.append([str(text) for text in table[f"reason_{suffix}"]])
            if on_done is not None:
                on_done(k + 1, len(candidates))
        return Gains(share=share, chance=chance, reason=reason)


def shares_of(villages: gpd.GeoDataFrame, service_name: str) -> FloatArray:
    """Return the share of people of each village who have a service."""
    column = villages[f"served_share_{column_suffix(service_name)}"]
    return np.asarray(column, dtype=np.float64)
