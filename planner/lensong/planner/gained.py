"""What another network brings the people of the villages, against a planned one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lensong.coverage.network import Network
from lensong.coverage.result import ServiceLayers
from lensong.coverage.variant.engine import PlanEngine, PlanState
from lensong.coverage.variant.villages import VillageSide
from lensong.propagation.types import FloatArray, UInt8Array

__all__ = ["Crowd", "reasons_of"]


def reasons_of(engine: PlanEngine, state: PlanState, service: str) -> UInt8Array:
    """Return the reasons of a service on the whole grid, shape (rows, cols)."""
    q = next(k for k, s in enumerate(engine.services) if s.name == service)
    found = np.zeros(engine.land.grid.shape, np.uint8)
    for tile in state.tiles.values():
        row0, col0, row1, col1 = tile.window
        found[row0:row1, col0:col1] = tile.best.reason[0, q]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The people of the villages, and who of them has a service in a planned network."""

    engine: PlanEngine
    side: VillageSide
    state: PlanState
    service: str
    served: FloatArray

    @classmethod
    def of(cls, engine: PlanEngine, side: VillageSide, state: PlanState, service: str) -> Crowd:
        """Return the people of a state whose villages are judged."""
        served = _served(side, reasons_of(engine, state, service))
        return cls(engine=engine, side=side, state=state, service=service, served=served)

    def follow(self, network: Network) -> tuple[PlanState, FloatArray]:
        """Return the state of another network, judged at the villages, and whom each gains."""
        levels = self.engine.follow(self.state, network)
        state = self.engine.judged(levels, within=self.side.pixels_in)
        now = _served(self.side, reasons_of(self.engine, state, self.service))
        people = np.array([w.people for w in self.side.weights], dtype=np.float64)
        return state, np.asarray(np.nan_to_num(people) * (now - self.served), dtype=np.float64)

    def judged(self) -> ServiceLayers:
        """Return the service's reasons as a plan has them; nothing else of it is known here."""
        nothing: Any = np.zeros((0, 0), np.float32)
        reason = reasons_of(self.engine, self.state, self.service)
        return ServiceLayers(
            probability=nothing, limiting=np.zeros((0, 0), np.uint8), reason=reason
        )


def _served(side: VillageSide, reason: UInt8Array) -> FloatArray:
    """Return the share of each village's people that is served."""
    flat = reason.ravel()
    return np.array([float(w.weight[flat[w.pixel] == 0].sum()) for w in side.weights])
