"""What changes of the network bring a gap, each planned again around its mast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lensong.coverage.causes.attribute import Explained
from lensong.coverage.causes.changes import Change, changes_of_mast, edited
from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.causes.new_mast import new_mast
from lensong.coverage.indoor import level_sigma_db
from lensong.coverage.layers import TILE, touched
from lensong.coverage.network import Cell, Network
from lensong.coverage.probability import fade_margin_db
from lensong.coverage.result import ServiceLayers
from lensong.coverage.service import Service
from lensong.coverage.sweeps import SweepCache
from lensong.coverage.variant.engine import Key, PlanEngine, PlanState
from lensong.coverage.village_weights import VillageWeights
from lensong.propagation.types import BoolArray, FloatArray, Grid, IntArray

__all__ = ["COLUMNS", "largest_gaps", "mend"]

_MOST_BYTES = 2**28  # of sweeps, and of what is heard of them, beside the layers of the plan
_TILES_AT_ONCE = 16

COLUMNS = (
    "village_id",
    "name",
    "commune",
    "change",
    "mast_id",
    "cell_id",
    "lat_deg",
    "lon_deg",
    "before",
    "after",
    "shortfall_db",
    "shortfall_after_db",
    "gained_db",
    "gained_village_people",
    "gained_people",
)


def largest_gaps(
    causes: pd.DataFrame, weights: Sequence[VillageWeights], count: int
) -> pd.DataFrame:
    """Return the rows of the gaps of most people, at most ``count``.

    Where a village's people are not known they count as none; of equal gaps those that lack more
    come first, then those that come first in the list. Rows without a number are left out.
    """
    known = causes[causes["shortfall_db"].notna()]
    people = np.nan_to_num(np.array([weights[int(n)].people for n in known["village"]], np.float64))
    without = people * known["share_without"].to_numpy(dtype=np.float64)
    lacking = known["shortfall_db"].to_numpy(dtype=np.float64)
    order = np.lexsort((known["village"].to_numpy(dtype=np.int64), -lacking, -without))
    return known.iloc[order[:count]]


def mend(
    asked: Explained,
    gaps: pd.DataFrame,
    judged: ServiceLayers,
    weights: Sequence[VillageWeights],
    services: Sequence[Service],
    *,
    cache: SweepCache | None,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return what every change brings the villages of some gaps.

    Parameters
    ----------
    asked : Explained
    gaps : DataFrame
        Rows of the causes, see `largest_gaps`.
    judged : ServiceLayers
        Of the class service, as planned.
    weights : sequence of VillageWeights
        Of all villages: people are gained and lost around the mast, not in one village alone.
    services : sequence of Service
    cache, workers, progress
        As in `lensong.coverage.plan.plan`; ``progress`` is called with gaps done and gaps in all.

    Returns
    -------
    DataFrame
        Columns as `COLUMNS`; people are those of the class service.
    """
    rows: list[dict[str, object]] = []
    crowd = _Crowd.of(judged, weights, asked.land.grid)
    cells = {cell.cell_id: cell for cell in asked.model.network.cells}
    engine = PlanEngine(
        asked.land,
        services=services,
        handset=asked.handset,
        propagation=asked.propagation,
        cache=cache,
        workers=workers,
        most_bytes=_MOST_BYTES,
    )
    for done, (_, gap) in enumerate(gaps.iterrows(), start=1):
        scene = _Scene(
            asked=asked,
            engine=engine,
            crowd=crowd,
            gap=gap,
            serving=cells[str(gap["cell_id"])],
            without=_without(int(gap["village"]), judged, weights),
        )
        rows += scene.rows()
        if progress is not None:
            progress(done, len(gaps))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _without(
    village: int, judged: ServiceLayers, weights: Sequence[VillageWeights]
) -> tuple[IntArray, FloatArray]:
    """Return the pixels of a village that lack the service, and how much each counts."""
    pixel, weight = weights[village].pixel, weights[village].weight
    lacking = judged.reason.ravel()[pixel] != 0
    return pixel[lacking], weight[lacking]


def _without_lists(state: PlanState) -> PlanState:
    """Return a state without what is kept for pixels that are never judged: nobody lives there."""
    tiles = {key: replace(tile, lists={}) for key, tile in state.tiles.items()}
    return replace(state, tiles=tiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crowd:
    """The people of all villages by pixel, and whether they have the service in the plan.

    ``in_tile`` says which of the pixels lie in a tile.
    """

    row: IntArray
    col: IntArray
    people: FloatArray
    village: IntArray
    served: BoolArray
    in_tile: dict[Key, IntArray]

    @classmethod
    def of(cls, judged: ServiceLayers, weights: Sequence[VillageWeights], grid: Grid) -> _Crowd:
        """Return the people of a plan."""
        pixel = np.concatenate([w.pixel for w in weights])
        row, col = np.divmod(pixel, grid.cols)
        keys = zip((row // TILE).tolist(), (col // TILE).tolist(), strict=True)
        in_tile: dict[Key, list[int]] = {}
        for at, key in enumerate(keys):
            in_tile.setdefault(key, []).append(at)
        return cls(
            row=row,
            col=col,
            people=np.concatenate([w.weight * np.nan_to_num(w.people) for w in weights]),
            village=np.repeat(np.arange(len(weights)), [w.pixel.size for w in weights]),
            served=judged.reason.ravel()[pixel] == 0,
            in_tile={key: np.array(found, dtype=np.int64) for key, found in in_tile.items()},
        )

    def lives_in(self, key: Key) -> BoolArray:
        """Return where people live in a tile, shape of a whole tile."""
        found = np.zeros((TILE, TILE), dtype=np.bool_)
        at = self.in_tile[key]
        found[self.row[at] - key[0] * TILE, self.col[at] - key[1] * TILE] = True
        return found

    def serve(self, state: PlanState, service: str, served: BoolArray) -> None:
        """Put down who has the service in the tiles of another state."""
        q = [s.name for s in state.model.services].index(service)
        for key, tile in state.tiles.items():
            at = self.in_tile[key]
            row, col = self.row[at] - key[0] * TILE, self.col[at] - key[1] * TILE
            served[at] = tile.best.reason[0, q, row, col] == 0

    def gained(self, served: BoolArray) -> FloatArray:
        """Return how many more people of every village have the service [people]."""
        change = self.people * (served.astype(np.float64) - self.served.astype(np.float64))
        return np.asarray(np.bincount(self.village, weights=change), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """One gap, and what is needed to plan changes for it."""

    asked: Explained
    engine: PlanEngine
    crowd: _Crowd
    gap: pd.Series[Any]
    serving: Cell
    without: tuple[IntArray, FloatArray]

    def rows(self) -> list[dict[str, object]]:
        """Return the rows of every change, in the order of `CHANGES`."""
        network = self.asked.model.network
        changes = [
            *changes_of_mast(
                network,
                self.serving,
                azimuth_deg=float(self.gap["azimuth_deg"]),
                elevation_deg=float(self.gap["elevation_deg"]),
                technologies=self.asked.service.technologies,
            ),
            new_mast(self.asked, self.serving, int(self.gap["pixel"]), self.without),
        ]
        networks = [None if change.nothing else edited(network, change) for change in changes]
        return [
            self._row(change, found)
            for change, found in zip(changes, self._planned(networks), strict=True)
        ]

    def _planned(
        self, networks: Sequence[Network | None]
    ) -> list[tuple[PlanState, FloatArray] | None]:
        """Return the states of networks without their tiles, and whom each gains [people].

        Some tiles at a time: those of a whole neighbourhood would take as much as a plan.
        """
        keys, of = self._tiles(networks), self.asked.model.network
        served = [self.crowd.served.copy() for _ in networks]
        states: list[PlanState | None] = [None] * len(networks)
        for begin in range(0, max(len(keys), 1), _TILES_AT_ONCE):
            part = keys[begin : begin + _TILES_AT_ONCE]
            before = _without_lists(self._judged(self.engine.opened(of, keys=part)))
            for at, network in enumerate(networks):
                if network is not None:
                    state = self._judged(self.engine.follow(before, network))
                    self.crowd.serve(state, self.asked.service.name, served[at])
                    states[at] = replace(state, tiles={})
        return [
            None if state is None else (state, self.crowd.gained(now))
            for state, now in zip(states, served, strict=True)
        ]

    def _tiles(self, networks: Sequence[Network | None]) -> list[Key]:
        """Return the tiles with people in which some network may differ from the plan's."""
        found: set[Key] = set()
        for network in networks:
            if network is not None:
                for window in self.engine.windows_between(self.asked.model.network, network):
                    found.update(touched(window))
        return sorted(found & self.crowd.in_tile.keys())

    def _judged(self, state: PlanState) -> PlanState:
        return self.engine.judged(state, within=self.crowd.lives_in)

    def _margin_db(self, state: PlanState) -> float | None:
        """Return the margin of the gap's place, None where nothing reaches it."""
        grid, pixel = self.asked.land.grid, int(self.gap["pixel"])
        row, col = divmod(pixel, grid.cols)
        links = PlaceLinks.at(self.asked.service.name, np.array([pixel]), grid)
        links.take(self.engine.lists_at(state, (row, col, row + 1, col + 1)), state.model)
        return links.margin_at(pixel)

    def _row(self, change: Change, found: tuple[PlanState, FloatArray] | None) -> dict[str, object]:
        asked = self.asked
        before = after = float(self.gap["shortfall_db"])
        everyone = village = 0.0
        if found is not None:
            state, gained = found
            everyone, village = float(gained.sum()), float(gained[int(self.gap["village"])])
            margin = self._margin_db(state)
            if margin is not None:  # else nothing reaches the place, as before
                sigma = level_sigma_db(asked.propagation, asked.handset, state.network)
                after = fade_margin_db(asked.service.probability, sigma_db=sigma) - margin
        new = change.key == "new_mast"
        return {
            **{name: self.gap[name] for name in ("village_id", "name", "commune")},
            "change": change.key,
            "mast_id": change.mast.mast_id,
            "cell_id": change.added[0].cell_id if new else self.serving.cell_id,
            "lat_deg": round(change.mast.lat_deg, 6),
            "lon_deg": round(change.mast.lon_deg, 6),
            "before": change.before,
            "after": change.after,
            "shortfall_db": round(before, 3),
            "shortfall_after_db": round(after, 3),
            "gained_db": round(before - after, 3) + 0.0,  # no -0.0
            "gained_village_people": round(village, 3) + 0.0,
            "gained_people": round(everyone, 3) + 0.0,
        }
