"""The village table of a plan that follows edits: rows anew where an edit touched a village."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd

from lensong.coverage.layer_tiles import Tile
from lensong.coverage.layers import TILE, Layers
from lensong.coverage.service import Service
from lensong.coverage.streams.heard import Heard
from lensong.coverage.streams.settings import StreamSettings
from lensong.coverage.streams.table import stream_table, streams_column
from lensong.coverage.variant.engine import PlanEngine, PlanState
from lensong.coverage.variant.tiles import PlannedTile, taken
from lensong.coverage.village_weights import VillageWeights, village_weights
from lensong.coverage.villages import ClassThresholds, column_suffix, village_table
from lensong.gis_data.land import Land
from lensong.propagation.types import BoolArray, IntArray

__all__ = ["VillageSide", "VillageState"]

Key = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class VillageState:
    """What the villages of a network get; never changed once made.

    Parameters
    ----------
    table : GeoDataFrame
        As `PlanResult.villages`, without causes.
    streams : DataFrame
        As `lensong.coverage.streams.table.stream_table`.
    layers : Layers
        At the villages' pixels alone, in one row.
    heard : Heard
    """

    table: gpd.GeoDataFrame
    streams: pd.DataFrame
    layers: Layers
    heard: Heard


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
        self._engine, land = engine, engine.land
        self.classes, self.streams = classes or ClassThresholds(), streams or StreamSettings()
        self.weights = village_weights(land)
        pixel = np.concatenate([w.pixel for w in self.weights])
        self._pixel = np.unique(pixel)
        self._row, self._col = np.divmod(self._pixel, land.grid.cols)
        sizes = [w.pixel.size for w in self.weights]
        self._village = np.repeat(np.arange(len(self.weights)), sizes)
        self._at = np.searchsorted(self._pixel, pixel)
        bounds = np.cumsum(sizes)[:-1]
        self._gathered = [
            replace(w, pixel=at)
            for w, at in zip(self.weights, np.split(self._at, bounds), strict=True)
        ]
        self._in_tile: dict[Key, IntArray] = {}
        tile_row, tile_col = self._row // TILE, self._col // TILE
        for key in set(zip(tile_row.tolist(), tile_col.tolist(), strict=True)):
            self._in_tile[key] = np.flatnonzero((tile_row == key[0]) & (tile_col == key[1]))

    @property
    def tiles(self) -> frozenset[Key]:
        """Return the tiles in which people of a village live."""
        return frozenset(self._in_tile)

    def pixels_in(self, key: Key) -> BoolArray:
        """Return where in a tile villages are, shape of a whole tile."""
        found = np.zeros((TILE, TILE), dtype=np.bool_)
        if key in self._in_tile:
            at = self._in_tile[key]
            found[self._row[at] - key[0] * TILE, self._col[at] - key[1] * TILE] = True
        return found

    def opened(self, state: PlanState) -> VillageState:
        """Return the table of all villages; their pixels are judged."""
        grid = self._engine.land.grid
        begun = VillageState(
            table=gpd.GeoDataFrame(),
            streams=pd.DataFrame(),
            layers=Layers.empty(replace(grid, rows=1, cols=self._pixel.size), state.model),
            heard=Heard(self.weights, grid, state.model),
        )
        return self._with(begun, state, self._in_tile, range(len(self.weights)))

    def follow(self, before: VillageState, state: PlanState, keys: Iterable[Key]) -> VillageState:
        """Return the table after some tiles were planned anew; their pixels are judged.

        Cells may have other numbers than before.
        """
        keys = set(keys)
        if keys >= self.tiles:
            return self.opened(state)
        touched = [self._in_tile[key] for key in keys if key in self._in_tile]
        begun = replace(before, layers=deepcopy(before.layers), heard=before.heard.copy())
        if not touched:
            return begun
        at = np.zeros(self._pixel.size, dtype=np.bool_)
        at[np.concatenate(touched)] = True
        rows = np.unique(self._village[at[self._at]]).tolist()
        # A village's streams and servers are read in all its tiles.
        whole = np.isin(self._village, rows)
        pixels = np.unique(self._at[whole])
        tiles = set(
            zip(
                (self._row[pixels] // TILE).tolist(),
                (self._col[pixels] // TILE).tolist(),
                strict=True,
            )
        )
        return self._with(begun, state, tiles, rows)

    def _with(
        self, begun: VillageState, state: PlanState, keys: Iterable[Key], rows: Sequence[int]
    ) -> VillageState:
        for key in keys:
            at = self._in_tile[key]
            row, col = self._row[at] - key[0] * TILE, self._col[at] - key[1] * TILE
            tile: PlannedTile = state.tiles[key]
            begun.layers.put(
                (np.zeros(at.size, np.int64), at), taken(tile.best, row, col), state.model
            )
            begun.heard.take(self._lists(state, key, row, col))
        table, streams = self._rows(begun, state, rows)
        if len(rows) < len(self.weights):
            table = _merged(begun.table, table, rows)
            kept = begun.streams[
                ~begun.streams["village_id"].isin(set(table["village_id"].iloc[rows]))
            ]
            streams = _in_order(pd.concat([kept, streams], ignore_index=True), table)
        return replace(begun, table=table, streams=streams)

    def _lists(self, state: PlanState, key: Key, row: IntArray, col: IntArray) -> Tile:
        """Return what every operator brings to the part of a tile where villages are."""
        top, left = int(row.min()), int(col.min())
        window = (
            key[0] * TILE + top,
            key[1] * TILE + left,
            key[0] * TILE + int(row.max()) + 1,
            key[1] * TILE + int(col.max()) + 1,
        )
        return self._engine.lists_at(state, window)

    def _rows(
        self, begun: VillageState, state: PlanState, rows: Sequence[int]
    ) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
        services: Sequence[Service] = self._engine.services
        land: Land = self._engine.land
        some = replace(land, villages=land.villages.iloc[list(rows)])
        weights: list[VillageWeights] = [self._gathered[row] for row in rows]
        table = village_table(
            some, state.network, begun.layers, services, weights=weights, classes=self.classes
        )
        at_once = stream_table(
            table,
            begun.heard,
            state.model,
            self.streams,
            model_sigma_db=self._engine.propagation.model_sigma_db,
            numbers=list(rows),
        )
        for service in self.streams.counted(services):
            name = f"streams_at_once_{column_suffix(service.name)}"
            table[name] = streams_column(at_once, service.name)
        return table, at_once


def _merged(
    before: gpd.GeoDataFrame, rows: gpd.GeoDataFrame, places: Sequence[int]
) -> gpd.GeoDataFrame:
    """Return a table with some of its rows replaced."""
    new = rows.set_axis(list(places), axis=0)
    table = pd.concat([before.drop(index=list(places)), new]).sort_index()
    return gpd.GeoDataFrame(table, geometry="geometry", crs=before.crs)


def _in_order(streams: pd.DataFrame, villages: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return rows of streams in the order of the villages."""
    place = {village: k for k, village in enumerate(villages["village_id"].astype(str))}
    order = np.argsort([place[v] for v in streams["village_id"]], kind="stable")
    return streams.iloc[order].reset_index(drop=True)
