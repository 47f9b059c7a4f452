"""The village table of a plan that follows edits: rows anew where an edit touched a village."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Lock

import geopandas as gpd
import numpy as np
import pandas as pd

from lensong.coverage.calibration.layers import village_columns
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import Tile
from lensong.coverage.layers import TILE, Layers
from lensong.coverage.network import Technology
from lensong.coverage.result import KnownLayers
from lensong.coverage.streams.heard import Heard
from lensong.coverage.streams.settings import StreamSettings
from lensong.coverage.streams.table import stream_table, streams_column
from lensong.coverage.variant.engine import PlanEngine, PlanState, of_one_frame
from lensong.coverage.variant.tiles import taken
from lensong.coverage.village_weights import VillageWeights, village_weights
from lensong.coverage.villages import ClassThresholds, column_suffix, village_table
from lensong.gis_data.land import Land
from lensong.propagation.types import BoolArray, IntArray

__all__ = ["VillageSide", "VillageState"]

Key = tuple[int, int]

_REST_AFTER = 64  # tiles


@dataclass(frozen=True, slots=True, kw_only=True)
class VillageState:
    """What the villages of a network get; never changed once made.

    Parameters
    ----------
    table : GeoDataFrame
        As `PlanResult.villages`, without causes.
    streams : DataFrame
        As `lensong.coverage.streams.table.stream_table`.
    heard : Heard
    stale : frozenset of int
        Rows whose streams at once are still those of an earlier network, or none.
    counted : LayerModel or None
        Of the network whose streams are counted.
    """

    table: gpd.GeoDataFrame
    streams: pd.DataFrame
    heard: Heard
    stale: frozenset[int] = frozenset()
    counted: LayerModel | None = None


class _Places:
    """The pixels of the villages of a land."""

    def __init__(self, land: Land) -> None:
        self.weights = village_weights(land)
        pixel = np.concatenate([w.pixel for w in self.weights])
        self.pixel = np.unique(pixel)
        self.row, self.col = np.divmod(self.pixel, land.grid.cols)
        sizes = [w.pixel.size for w in self.weights]
        self.village = np.repeat(np.arange(len(self.weights)), sizes)
        self.at = np.searchsorted(self.pixel, pixel)
        bounds = np.cumsum(sizes)[:-1]
        self.gathered = [
            replace(w, pixel=at)
            for w, at in zip(self.weights, np.split(self.at, bounds), strict=True)
        ]
        tile = self.row // TILE, self.col // TILE
        order = np.lexsort((tile[1], tile[0])).astype(np.int64)
        place = np.stack(tile)[:, order]
        begins = np.flatnonzero(np.any(place[:, 1:] != place[:, :-1], axis=0)) + 1
        self.in_tile: dict[Key, IntArray] = {
            (int(tile[0][at[0]]), int(tile[1][at[0]])): at for at in np.split(order, begins)
        }

    def tiles_of(self, rows: Sequence[int]) -> list[Key]:
        """Return all tiles in which some villages lie, row by row: neighbours hear the same."""
        pixels = np.unique(self.at[np.isin(self.village, rows)])
        row, col = self.row[pixels] // TILE, self.col[pixels] // TILE
        return sorted(set(zip(row.tolist(), col.tolist(), strict=True)))


class _Line:
    """The pixels of some villages, in one row: what their layers are held of while it is asked."""

    def __init__(self, places: _Places, rows: Sequence[int]) -> None:
        self._places, self._wanted = places, np.zeros(places.pixel.size, dtype=np.bool_)
        self._wanted[places.at[np.isin(places.village, rows)]] = True
        self._number = np.cumsum(self._wanted) - 1
        self.pixels = int(np.count_nonzero(self._wanted))
        self.tiles = places.tiles_of(rows)
        self.weights = [
            replace(places.gathered[row], pixel=self._number[places.gathered[row].pixel])
            for row in rows
        ]

    def within(self, key: Key) -> tuple[IntArray, IntArray, IntArray]:
        """Return row and column in a tile of the pixels that lie there, and their numbers."""
        at = self._places.in_tile[key]
        at = at[self._wanted[at]]
        row, col = self._places.row[at] - key[0] * TILE, self._places.col[at] - key[1] * TILE
        return row, col, self._number[at]


class VillageSide:
    """The villages of a land, ready to follow an engine's states.

    Parameters
    ----------
    engine : PlanEngine
    classes, streams
        None: the defaults of their classes.
    """

    def __init__(
        self,
        engine: PlanEngine,
        *,
        classes: ClassThresholds | None = None,
        streams: StreamSettings | None = None,
    ) -> None:
        self._engine = engine
        self.classes, self.streams = classes or ClassThresholds(), streams or StreamSettings()
        self._places_made: _Places | None = None
        self._lock = Lock()

    @property
    def _places(self) -> _Places:
        with self._lock:  # weights of many villages take seconds: nobody waits for them to look on
            if self._places_made is None:
                self._places_made = _Places(self._engine.land)
            return self._places_made

    @property
    def weights(self) -> list[VillageWeights]:
        """Return the pixels of each village, and how they count."""
        return self._places.weights

    @property
    def tiles(self) -> frozenset[Key]:
        """Return the tiles in which people of a village live."""
        return frozenset(self._places.in_tile)

    def pixels_in(self, key: Key) -> BoolArray:
        """Return where in a tile villages are, shape of a whole tile."""
        found = np.zeros((TILE, TILE), dtype=np.bool_)
        if key in self._places.in_tile:
            at = self._places.in_tile[key]
            found[self._places.row[at] - key[0] * TILE, self._places.col[at] - key[1] * TILE] = True
        return found

    def opened(self, state: PlanState) -> VillageState:
        """Return the table of all villages but for streams at once; their pixels are judged."""
        every = range(len(self.weights))
        return VillageState(
            table=self._rows(state, every),
            streams=pd.DataFrame(),
            heard=Heard(self.weights, self._engine.land.grid, state.model),
            stale=frozenset(every),
        )

    def follow(self, before: VillageState, state: PlanState, keys: Iterable[Key]) -> VillageState:
        """Return the table after some tiles were planned anew; their pixels are judged.

        Streams at once stay as they were, until `with_streams`. Cells may have other numbers than
        before.
        """
        keys = set(keys)
        if keys >= self.tiles:
            return self.opened(state)
        touched = [self._places.in_tile[key] for key in keys if key in self._places.in_tile]
        if not touched:
            return before
        at = np.zeros(self._places.pixel.size, dtype=np.bool_)
        at[np.concatenate(touched)] = True
        rows = np.unique(self._places.village[at[self._places.at]]).tolist()
        new = self._rows(state, rows).set_axis(rows, axis=0)
        for name in before.table.columns.difference(new.columns):
            new[name] = before.table.loc[rows, name]
        table = pd.concat([before.table.drop(index=rows), new[before.table.columns]]).sort_index()
        return replace(
            before,
            table=gpd.GeoDataFrame(table, geometry="geometry", crs=before.table.crs),
            stale=before.stale | frozenset(rows),
        )

    def with_streams(
        self, before: VillageState, state: PlanState, stop: Callable[[], bool] | None = None
    ) -> VillageState:
        """Return the table with streams at once; where ``stop`` says so, as far as it came."""
        rows = sorted(before.stale)
        if not rows:
            return before
        heard = before.heard.copy()
        for key in self._places.tiles_of(rows):
            if stop is not None and stop():
                return before
            at = self._places.in_tile[key]
            heard.take(self._lists(state, self._places.row[at], self._places.col[at]))
        as_before = _unchanged(before, heard, state.model)
        found: list[pd.DataFrame] = []
        for row in rows:
            if as_before(row):
                continue
            if stop is not None and stop():
                return before
            found.append(
                stream_table(
                    before.table.loc[[row]],
                    heard,
                    state.model,
                    self.streams,
                    model_sigma_db=self._engine.propagation.model_sigma_db,
                    numbers=[row],
                )
            )
        if not found:
            return replace(before, heard=heard, stale=frozenset(), counted=state.model)
        streams, table = pd.concat(found, ignore_index=True), before.table.copy()
        if len(before.streams):
            kept = before.streams[~before.streams["village_id"].isin(set(streams["village_id"]))]
            streams = _in_order(pd.concat([kept, streams], ignore_index=True), table)
        for service in self.streams.counted(self._engine.services):
            name = f"streams_at_once_{column_suffix(service.name)}"
            table[name] = streams_column(streams, service.name)
        return replace(
            before,
            table=table,
            streams=streams,
            heard=heard,
            stale=frozenset(),
            counted=state.model,
        )

    def _lists(self, state: PlanState, row: IntArray, col: IntArray) -> Tile:
        """Return what every operator brings to the part of the grid around some pixels."""
        window = (int(row.min()), int(col.min()), int(row.max()) + 1, int(col.max()) + 1)
        return self._engine.lists_at(state, window)

    def _rows(self, state: PlanState, rows: Sequence[int]) -> gpd.GeoDataFrame:
        land, line = self._engine.land, _Line(self._places, rows)
        layers = self._layers(state, line)
        table = village_table(
            replace(land, villages=land.villages.iloc[list(rows)]),
            state.network,
            layers,
            self._engine.services,
            weights=line.weights,
            classes=self.classes,
        )
        known = self._known(state, line)
        for name, values in village_columns(line.weights, layers.technologies, known).items():
            table[name] = values
        return table

    def _layers(self, state: PlanState, line: _Line) -> Layers:
        """Return what tiles have of some pixels."""
        grid = self._engine.land.grid
        layers = Layers.empty(replace(grid, rows=1, cols=line.pixels), state.model)
        for number, key in enumerate(line.tiles, start=1):
            if number % _REST_AFTER == 0:
                self._engine.let_rest()
            row, col, at = line.within(key)
            part = (np.zeros(at.size, np.int64), at)
            layers.put(part, taken(state.tiles[key].best, row, col), state.model)
        return layers

    def _known(self, state: PlanState, line: _Line) -> dict[Technology, KnownLayers]:
        """Return what a calibration knows at some pixels, in one row."""
        if self._engine.propagation.calibration is None:
            return {}
        found: dict[Technology, KnownLayers] = {}
        for key in line.tiles:
            row, col, at = line.within(key)
            asked = np.zeros(state.tiles[key].shape, dtype=np.bool_)
            asked[row, col] = True
            for technology, of in self._engine.known(state, key, asked).items():
                known = found.setdefault(technology, KnownLayers.empty((1, line.pixels)))
                known.field_db[0, at] = of.field_db[row, col]
                known.half_db[0, at] = of.half_db[row, col]
                known.basis[0, at] = of.basis[row, col]
        return found


def _unchanged(before: VillageState, heard: Heard, model: LayerModel) -> Callable[[int], bool]:
    """Return what tells whether all that a village's streams depend on is as it was counted."""
    counted = before.counted
    if counted is None or not of_one_frame(model, counted):
        return lambda _: False
    pairs = zip(counted.network.cells, model.network.cells, strict=False)
    same = np.array([True, *(one is other or one == other for one, other in pairs)])

    def unchanged(row: int) -> bool:
        codes = heard.codes_at(row)
        return (
            heard.same_at(before.heard, row)
            and bool((codes < same.size).all() and same[codes].all())
            # draws of shadowing go by the order of the sites' numbers
            and np.array_equal(_ranks(counted.cells.site[codes]), _ranks(model.cells.site[codes]))
        )

    return unchanged


def _ranks(numbers: IntArray) -> IntArray:
    return np.asarray(np.unique(numbers, return_inverse=True)[1], dtype=np.int64)


def _in_order(streams: pd.DataFrame, villages: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return rows of streams in the order of the villages."""
    place = {village: k for k, village in enumerate(villages["village_id"].astype(str))}
    order = np.argsort([place[v] for v in streams["village_id"]], kind="stable")
    return streams.iloc[order].reset_index(drop=True)
