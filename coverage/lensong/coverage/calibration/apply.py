"""A calibration put to use: the path loss of sweeps, and the bias of cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import cos, hypot, radians
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lensong.coverage.calibration.calibration import Calibration, PlaceRow
from lensong.coverage.calibration.field_kernel import add_pull
from lensong.coverage.calibration.spread import NEAR_EDGES_M, path_classes
from lensong.coverage.calibration.terms import PLACE_TERMS, TERMS, features
from lensong.coverage.network import Mast, Network
from lensong.coverage.obstruction import grazing_loss_db
from lensong.coverage.sweeps import NO_LOSS, PackedSweep, SweepJob
from lensong.gis_data.land import Land
from lensong.propagation.errors import DataError
from lensong.propagation.types import BoolArray, FloatArray, Grid, IntArray

__all__ = ["EVIDENCE", "CalibratedPaths", "with_cell_bias"]

EVIDENCE = ("measured", "calibrated here", "model only")
"""On what a level rests, by the distance to the nearest measurement."""

_REACH_LENGTHS = 6.0
"""Where a spot pulls no more: exp(-6) is a quarter of a percent."""

_SAME_SITE_M = 50.0
_METRES_PER_DEG = 111_195.0


def with_cell_bias(network: Network, calibration: Calibration) -> Network:
    """Return the network with each cell's levels shifted by its bias, and sentences on it."""
    cells = tuple(
        replace(cell, level_correction_db=calibration.cell_bias_db(cell.cell_id))
        for cell in network.cells
    )
    known = {cell.cell_id for cell in network.cells}
    gone = [row.cell_id for row in calibration.cells if row.cell_id not in known]
    warnings = network.warnings
    if gone:
        warnings = (
            *warnings,
            f"The calibration knows {len(gone)} cells that the network does not have "
            f"({', '.join(gone[:5])}{', …' if len(gone) > 5 else ''}): what was learnt of them "
            "alone is not used; calibrate again.",
        )
    return replace(network, cells=cells, warnings=warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pixels:
    """What the terms are made of at the pixels of a sweep that have a loss."""

    distance_m: FloatArray
    terrain_db: FloatArray
    clutter_db: FloatArray
    clear: BoolArray


class CalibratedPaths:
    """Corrects the path loss of sweeps; see `lensong.coverage.sweeps.PathCorrection`.

    Parameters
    ----------
    calibration : Calibration
    """

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self._places = {(p.mast_id, p.height_agl_m, p.freq_mhz): p for p in calibration.places}
        self._common: dict[Grid, FloatArray] = {}
        self._lock = Lock()

    @cached_property
    def _tree(self) -> cKDTree:
        spots = self.calibration.spots
        return cKDTree(np.column_stack([spots.east_m, spots.north_m]))

    def corrected(self, sweep: PackedSweep, job: SweepJob, land: Land) -> PackedSweep:
        """Return a sweep with the loss that was learnt: more where levels were found too high."""
        added = self.added_db(sweep, job, land)
        if added is None:
            return sweep
        known = sweep.loss_cdb != NO_LOSS
        loss = sweep.loss_cdb.copy()
        changed = np.rint(sweep.loss_cdb[known] - 100.0 * added[known])
        loss[known] = np.clip(changed, 0, NO_LOSS - 1).astype(np.uint16)
        return replace(sweep, loss_cdb=loss)

    def added_db(self, sweep: PackedSweep, job: SweepJob, land: Land) -> FloatArray | None:
        """Return what is added to the levels of a sweep's pixels [dB]; None: nothing.

        What a single cell has on top is no matter of its paths: `with_cell_bias`.
        """
        calibration = self.calibration
        place = self._place(job)
        if calibration.stage == "none" or (place is None and not calibration.unseen):
            return None
        if place is not None and not place.calibrated:
            return None
        added = np.zeros(sweep.loss_cdb.shape)
        if calibration.stage in ("terms", "field"):
            self._add_terms(added, sweep, place, land)
        if calibration.stage == "field":
            self._add_field(added, sweep, job, land.grid)
        return added

    @property
    def length_m(self) -> float:
        """Return over which distance residuals last [m]."""
        return self.calibration.field.length_m

    def nearest_m(self, land: Land, row: IntArray, col: IntArray) -> FloatArray:
        """Return how far pixels are from the nearest spot that was measured [m]."""
        self._check(land.grid)
        east, north = land.grid.easting_northing(row, col)  # type: ignore[arg-type]  # the formula holds for arrays
        return np.asarray(self._tree.query(np.column_stack([east, north]))[0])

    def rmse_db(self, land: Land, row: IntArray, col: IntArray) -> FloatArray:
        """Return the error that was found on ground held out, as far from a measurement [dB].

        Of paths in sight and of blocked ones together, by how many there were. NaN farther from
        any measurement than 1 km, where it is the model's.
        """
        nearest = self.nearest_m(land, row, col)
        spread = self.calibration.spread
        if spread is None:
            return np.full(nearest.size, np.nan)
        bands = len(NEAR_EDGES_M) - 1
        spots = np.array([kind.spots for kind in spread.rows]).reshape(2, bands)
        squares = np.array([kind.rmse_db**2 for kind in spread.rows]).reshape(2, bands)
        share = np.maximum(spots, 1) / np.maximum(spots, 1).sum(axis=0)
        rmse = np.sqrt((squares * share).sum(axis=0))
        rmse[-1] = np.nan
        in_sight = np.ones(nearest.size, dtype=np.bool_)  # the bands of both are alike
        return np.asarray(rmse[path_classes(in_sight, nearest)])

    def evidence(self, land: Land, row: IntArray, col: IntArray) -> NDArray[np.str_]:
        """Return on what levels rest: one of `EVIDENCE`, to 300 m, to 1 km, and beyond."""
        near = np.searchsorted(np.array(NEAR_EDGES_M[1:-1]), self.nearest_m(land, row, col))
        return np.asarray(np.array(EVIDENCE)[near])

    def _place(self, job: SweepJob) -> PlaceRow | None:
        """Return the measured antenna place of a job; a mast that was moved is another one."""
        found = self._places.get((job.mast.mast_id, job.height_agl_m, job.freq_mhz))
        return found if found is not None and _one_site(found, job.mast) else None

    def _add_terms(
        self, added: FloatArray, sweep: PackedSweep, place: PlaceRow | None, land: Land
    ) -> None:
        terms = self.calibration.shared if place is None else place.terms
        pixels, known = _pixels(sweep)
        of = features(pixels)
        values = np.array([0.0, *(terms[name].value for name in PLACE_TERMS)])
        assert TERMS[1:] == PLACE_TERMS
        found = of @ values
        if land.clutter_class is not None and self.calibration.classes:
            offset = np.zeros(256)
            for code, name in land.clutter_names.items():
                if name in self.calibration.classes:
                    offset[code] = self.calibration.classes[name].value
            row0, col0, row1, col1 = sweep.window
            found += offset[land.clutter_class[row0:row1, col0:col1][known]]
        added[known] = found

    def _add_field(self, added: FloatArray, sweep: PackedSweep, job: SweepJob, grid: Grid) -> None:
        row0, col0, row1, col1 = sweep.window
        added += self._common_field(grid)[row0:row1, col0:col1]
        here = {place.mast_id for place in self._places.values() if _one_site(place, job.mast)}
        if here:
            own = np.array([mast_id in here for mast_id in self.calibration.spots.mast_id])
            share = 1.0 - self.calibration.field.correlation
            self._pull(added, grid, own, share, row0, col0)

    def _common_field(self, grid: Grid) -> FloatArray:
        """Return what all sites share of the field, on the whole grid [dB]; made once."""
        with self._lock:
            if grid not in self._common:
                self._check(grid)
                out = np.zeros(grid.shape)
                everything = np.ones(self.calibration.spots.pull_per_db.size, dtype=np.bool_)
                self._pull(out, grid, everything, self.calibration.field.correlation, 0, 0)
                self._common[grid] = out
            return self._common[grid]

    def _pull(
        self, out: FloatArray, grid: Grid, spots: BoolArray, share: float, row0: int, col0: int
    ) -> None:
        field, table = self.calibration.field, self.calibration.spots
        row, col = grid.row_col(table.east_m[spots], table.north_m[spots])  # type: ignore[arg-type]  # the formula holds for arrays
        length_px = field.length_m / grid.cell_m
        add_pull(
            np.asarray(row, dtype=np.float64),
            np.asarray(col, dtype=np.float64),
            share * field.sd_db**2 * table.pull_per_db[spots],
            length_px,
            _REACH_LENGTHS * length_px,
            float(row0),
            float(col0),
            out,
        )

    def _check(self, grid: Grid) -> None:
        if grid.crs != self.calibration.crs:
            raise DataError(
                f"the calibration is in {self.calibration.crs}, the plan in {grid.crs}: set "
                f'area.crs = "{self.calibration.crs}", or calibrate this scenario again'
            )

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs: what was computed is computed there again."""
        return {"calibration": self.calibration}

    def __setstate__(self, state: dict[str, Calibration]) -> None:
        """Begin again in another process."""
        self.__init__(state["calibration"])  # type: ignore[misc]  # of a class that has no other


def _one_site(place: PlaceRow, mast: Mast) -> bool:
    """Return whether a mast stands within 50 m of a measured one: they are one site."""
    north_m = (place.lat_deg - mast.lat_deg) * _METRES_PER_DEG
    east_m = (place.lon_deg - mast.lon_deg) * _METRES_PER_DEG * cos(radians(mast.lat_deg))
    return hypot(north_m, east_m) <= _SAME_SITE_M


def _pixels(sweep: PackedSweep) -> tuple[_Pixels, BoolArray]:
    known = sweep.loss_cdb != NO_LOSS
    row, col = np.nonzero(known)
    down = (row + sweep.row0 - sweep.mast_row) * sweep.cell_m
    across = (col + sweep.col0 - sweep.mast_col) * sweep.cell_m
    distance = np.hypot(down, across)
    terrain = 0.01 * sweep.terrain_cdb[known].astype(np.float64)
    clutter = np.maximum(0.01 * sweep.diffraction_cdb[known] - terrain, 0.0)
    clear = np.asarray(terrain < grazing_loss_db(distance))
    return _Pixels(distance_m=distance, terrain_db=terrain, clutter_db=clutter, clear=clear), known
