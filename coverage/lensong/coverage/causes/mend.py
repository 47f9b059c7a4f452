"""What changes of the network bring a gap, each planned again around its mast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lensong.coverage.causes.attribute import Explained
from lensong.coverage.causes.changes import Change, changes_of_mast, edited
from lensong.coverage.causes.new_mast import new_mast
from lensong.coverage.indoor import level_sigma_db
from lensong.coverage.network import Cell, Network
from lensong.coverage.probability import fade_margin_db
from lensong.coverage.result import ServiceLayers
from lensong.coverage.service import Service
from lensong.coverage.session import LocalLayers, PlanningSession
from lensong.coverage.sweeps import SweepCache, Window
from lensong.coverage.village_weights import VillageWeights
from lensong.propagation.types import BoolArray, FloatArray, Grid, IntArray

__all__ = ["COLUMNS", "largest_gaps", "mend"]

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
    crowd = _Crowd.of(judged, weights)
    boxes = [_box(w.pixel, asked.land.grid) for w in weights]
    cells = {cell.cell_id: cell for cell in asked.model.network.cells}
    for done, (_, gap) in enumerate(gaps.iterrows(), start=1):
        scene = _Scene(
            asked=asked,
            services=services,
            crowd=crowd,
            boxes=boxes,
            gap=gap,
            serving=cells[str(gap["cell_id"])],
            without=_without(int(gap["village"]), judged, weights),
            cache=cache,
            workers=workers,
        )
        rows += scene.rows()
        if progress is not None:
            progress(done, len(gaps))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _box(pixel: IntArray, grid: Grid) -> Window:
    """Return the part of the grid that a village fills."""
    row, col = np.divmod(pixel, grid.cols)
    return int(row.min()), int(col.min()), int(row.max()) + 1, int(col.max()) + 1


def _without(
    village: int, judged: ServiceLayers, weights: Sequence[VillageWeights]
) -> tuple[IntArray, FloatArray]:
    """Return the pixels of a village that lack the service, and how much each counts."""
    pixel, weight = weights[village].pixel, weights[village].weight
    lacking = judged.reason.ravel()[pixel] != 0
    return pixel[lacking], weight[lacking]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crowd:
    """The people of all villages by pixel, and whether they have the service in the plan."""

    pixel: IntArray
    people: FloatArray
    village: IntArray
    served: BoolArray

    @classmethod
    def of(cls, judged: ServiceLayers, weights: Sequence[VillageWeights]) -> _Crowd:
        """Return the people of a plan."""
        pixel = np.concatenate([w.pixel for w in weights])
        return cls(
            pixel=pixel,
            people=np.concatenate([w.weight * np.nan_to_num(w.people) for w in weights]),
            village=np.repeat(np.arange(len(weights)), [w.pixel.size for w in weights]),
            served=judged.reason.ravel()[pixel] == 0,
        )

    def gained(self, layers: LocalLayers, service: str, grid: Grid) -> FloatArray:
        """Return how many more people of every village have the service [people]."""
        row, col = np.divmod(self.pixel, grid.cols)
        row, col = row - layers.row0, col - layers.col0
        inside = (row >= 0) & (row < layers.grid.rows) & (col >= 0) & (col < layers.grid.cols)
        now = self.served.copy()
        now[inside] = layers.services[service].reason[row[inside], col[inside]] == 0
        change = self.people * (now.astype(np.float64) - self.served.astype(np.float64))
        return np.asarray(np.bincount(self.village, weights=change), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """One gap, and what is needed to plan changes for it."""

    asked: Explained
    services: Sequence[Service]
    crowd: _Crowd
    boxes: Sequence[Window]
    gap: pd.Series[Any]
    serving: Cell
    without: tuple[IntArray, FloatArray]
    cache: SweepCache | None
    workers: int

    def rows(self) -> list[dict[str, object]]:
        """Return the rows of every change, in the order of `CHANGES`."""
        network = self.asked.model.network
        edit = self._session(network).pick_up(self.serving.mast_id, slack_m=0.0, boxes=self.boxes)
        rows = []
        for change in changes_of_mast(
            network,
            self.serving,
            azimuth_deg=float(self.gap["azimuth_deg"]),
            elevation_deg=float(self.gap["elevation_deg"]),
            technologies=self.asked.service.technologies,
        ):
            if change.nothing:
                rows.append(self._row(change, self.serving.cell_id, None, network))
                continue
            layers = edit.layers(
                change.mast, change.cells, added=change.added, links=self.asked.links
            )
            rows.append(self._row(change, self.serving.cell_id, layers, edited(network, change)))
        change = new_mast(self.asked, self.serving, int(self.gap["pixel"]), self.without)
        grown = edited(network, change)
        edit = self._session(grown).pick_up(change.mast.mast_id, slack_m=0.0, boxes=self.boxes)
        layers = edit.layers(edit.mast, edit.cells, links=self.asked.links)
        return [*rows, self._row(change, change.added[0].cell_id, layers, grown)]

    def _session(self, network: Network) -> PlanningSession:
        # of its own for each gap: the sweeps that it keeps in memory are let go with it
        return PlanningSession(
            self.asked.land,
            network,
            services=self.services,
            handset=self.asked.handset,
            propagation=self.asked.propagation,
            cache=self.cache,
            workers=self.workers,
        )

    def _row(
        self, change: Change, cell_id: str, layers: LocalLayers | None, network: Network
    ) -> dict[str, object]:
        asked, pixel = self.asked, int(self.gap["pixel"])
        before = after = float(self.gap["shortfall_db"])
        everyone = village = 0.0
        if layers is not None and layers.links is not None:
            gained = self.crowd.gained(layers, asked.service.name, asked.land.grid)
            everyone, village = float(gained.sum()), float(gained[int(self.gap["village"])])
            margin = layers.links.margin_at(pixel)
            if margin is not None:  # else nothing reaches the place, as before
                sigma = level_sigma_db(asked.propagation, asked.handset, network)
                after = fade_margin_db(asked.service.probability, sigma_db=sigma) - margin
        return {
            **{name: self.gap[name] for name in ("village_id", "name", "commune")},
            "change": change.key,
            "mast_id": change.mast.mast_id,
            "cell_id": cell_id,
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
