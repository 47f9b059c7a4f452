"""What a calibration knows of the levels of a planned tile: field, interval, basis."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np

from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.known import KnownLevels
from lensong.coverage.calibration.layers import lay_known
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.network import Technology
from lensong.coverage.result import KnownLayers
from lensong.coverage.sweeps import PropagationSettings, Window
from lensong.coverage.variant.rides import Ride, RideMaker
from lensong.coverage.variant.tiles import PlannedTile
from lensong.gis_data.land import Land
from lensong.propagation.types import BoolArray

__all__ = ["KnownTiles"]

_KEPT = 256  # tiles, those looked at last


class KnownTiles:
    """Tells what is known of the levels of tiles; nothing of a plan without a calibration.

    Parameters
    ----------
    maker : RideMaker
        Of the tiles' rides.
    land : Land
    settings : PropagationSettings
    """

    def __init__(self, maker: RideMaker, land: Land, settings: PropagationSettings) -> None:
        self._maker, self._land, self._settings = maker, land, settings
        self._by_building: dict[float, KnownLevels] = {}
        self._kept: OrderedDict[int, tuple[PlannedTile, dict[Technology, KnownLayers]]] = (
            OrderedDict()
        )
        self._lock, self._turn = Lock(), Lock()

    def of(
        self,
        tile: PlannedTile,
        rides: Sequence[Ride],
        model: LayerModel,
        asked: BoolArray | None = None,
    ) -> dict[Technology, KnownLayers]:
        """Return what is known of a tile's levels, by technology; shape of the tile.

        Parameters
        ----------
        tile : PlannedTile
        rides, model
            Of its state.
        asked : shape of the tile, bool, or None
            The pixels that are wanted; None: all.
        """
        with self._lock:
            known = self._levels(model)
        if known is None:
            return {}
        if asked is not None:
            return self._made(known, tile, rides, model, asked)
        with self._turn:  # who asks for the same tile at once waits for it
            kept = self._kept.pop(id(tile), None)
            if kept is None or kept[0] is not tile:
                kept = tile, self._made(known, tile, rides, model, None)
            self._kept[id(tile)] = kept
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return kept[1]

    def _made(
        self,
        known: KnownLevels,
        tile: PlannedTile,
        rides: Sequence[Ride],
        model: LayerModel,
        asked: BoolArray | None,
    ) -> dict[Technology, KnownLayers]:
        server = tile.best.best
        if asked is not None:
            server = np.where(asked, server, np.int16(-1))
        found = {technology: KnownLayers.empty(tile.shape) for technology in model.technologies}
        serving = set(np.unique(server).tolist())
        for ride in rides:
            if serving.isdisjoint(ride.job.cells) or not _meet(ride.window, tile.window):
                continue
            sweep = self._maker.sweep(ride).cut(tile.window)
            if sweep is None:
                continue
            for number, technology in enumerate(model.technologies):
                lay_known(
                    found[technology],
                    known,
                    server[number],
                    sweep,
                    ride.job,
                    model.network,
                    self._land,
                    origin=(tile.window[0], tile.window[1]),
                )
        return found

    def _levels(self, model: LayerModel) -> KnownLevels | None:
        calibration = self._settings.calibration
        if not isinstance(calibration, CalibratedPaths):
            return None
        plain_db = self._settings.total_sigma_db
        building_db = max(model.shadowing.sigma_db**2 - plain_db**2, 0.0) ** 0.5
        if building_db not in self._by_building:
            self._by_building[building_db] = KnownLevels(
                calibration, self._land, plain_db, building_db
            )
        return self._by_building[building_db]


def _meet(one: Window, other: Window) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
