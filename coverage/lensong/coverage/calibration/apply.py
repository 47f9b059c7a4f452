"""A calibration put to use: the path loss of sweeps, and the bias of cells.

What a single cell has on top of its path is in `lensong.coverage.calibration.of_cells`.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

import numpy as np
from scipy.spatial.distance import cdist

from lensong.coverage.calibration.calibration import Calibration, PlaceRow
from lensong.coverage.calibration.field_kernel import add_pull
from lensong.coverage.calibration.of_cells import CellsAsMeasured, one_site
from lensong.coverage.calibration.paths import Paths, paths_of_sweep
from lensong.coverage.calibration.terms import PLACE_TERMS, TERMS, features
from lensong.coverage.network import Mast, Network
from lensong.coverage.sweeps import NO_LOSS, PackedSweep, SweepJob
from lensong.gis_data.land import Land
from lensong.propagation.errors import DataError
from lensong.propagation.types import BoolArray, FloatArray, Grid

__all__ = ["CalibratedPaths"]

_REACH_LENGTHS = 6.0
"""Where a spot pulls no more: exp(-6) is a quarter of a percent."""

_PART = 4096


class CalibratedPaths:
    """Corrects the path loss of sweeps; see `lensong.coverage.sweeps.PathCorrection`.

    Parameters
    ----------
    calibration : Calibration
    """

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self.cells = CellsAsMeasured(calibration)
        self._common: dict[Grid, FloatArray] = {}
        self._lock = Lock()

    def calibrated(self, network: Network) -> Network:
        """Return a network whose cells' levels are shifted by what was learnt of them."""
        return self.cells.network(network)

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

        What a single cell has on top is no matter of its paths: `calibrated`.
        """
        place = self.place(job.mast, job.height_agl_m, job.freq_mhz)
        if not self.corrects(place):
            return None
        added = np.zeros(sweep.loss_cdb.shape)
        if self.calibration.stage in ("terms", "field"):
            known = sweep.loss_cdb != NO_LOSS
            added[known] = self._terms_db(paths_of_sweep(sweep, known, land), place, land)
        if self.calibration.stage == "field":
            self._add_field(added, sweep, job, land.grid)
        return added

    def added_at(
        self, mast: Mast, height_agl_m: float, freq_mhz: float, paths: Paths, land: Land
    ) -> FloatArray:
        """Return what is added to levels at the far ends of paths from an antenna place [dB].

        That of `added_db`, of paths that no sweep has made.
        """
        place = self.place(mast, height_agl_m, freq_mhz)
        added = np.zeros(len(paths))
        if not self.corrects(place):
            return added
        if self.calibration.stage in ("terms", "field"):
            added += self._terms_db(paths, place, land)
        return added + self.field_at(mast, height_agl_m, freq_mhz, paths, land.grid)

    def field_at(
        self, mast: Mast, height_agl_m: float, freq_mhz: float, paths: Paths, grid: Grid
    ) -> FloatArray:
        """Return what the residual field has in that [dB]; 0 where none is in use."""
        corrects = self.corrects(self.place(mast, height_agl_m, freq_mhz))
        if not corrects or self.calibration.stage != "field":
            return np.zeros(len(paths))
        self._check(grid)
        field, spots = self.calibration.field, self.calibration.spots
        share = field.correlation + (1.0 - field.correlation) * self._of_site(mast)
        pull_db = share * field.sd_db**2 * spots.pull_per_db
        found = np.empty(len(paths))
        ends = np.column_stack([paths.east_m, paths.north_m])
        for part in range(0, len(paths), _PART):
            away = cdist(ends[part : part + _PART], self.places_m)
            found[part : part + _PART] = np.exp(-away / field.length_m) @ pull_db
        return found

    @property
    def places_m(self) -> FloatArray:
        """Return where the spots are, shape (n, 2) [m]."""
        spots = self.calibration.spots
        return np.column_stack([spots.east_m, spots.north_m])

    @property
    def length_m(self) -> float:
        """Return over which distance residuals last [m]."""
        return self.calibration.field.length_m

    def place(self, mast: Mast, height_agl_m: float, freq_mhz: float) -> PlaceRow | None:
        """Return the measured antenna place of a mast; one that was moved is another one."""
        return self.cells.place(mast, height_agl_m, freq_mhz)

    def corrects(self, place: PlaceRow | None) -> bool:
        """Return whether levels of an antenna place are changed; None: it was not measured."""
        if not self.calibration.changes_levels:
            return False
        return self.calibration.unseen if place is None else place.calibrated

    def _of_site(self, mast: Mast) -> BoolArray:
        """Return which spots heard a cell of a mast's site."""
        here = {row.mast_id for row in self.calibration.places if one_site(row, mast)}
        return np.array([mast_id in here for mast_id in self.calibration.spots.mast_id], np.bool_)

    def _terms_db(self, paths: Paths, place: PlaceRow | None, land: Land) -> FloatArray:
        terms = self.calibration.shared if place is None else place.terms
        values = np.array([0.0, *(terms[name].value for name in PLACE_TERMS)])
        assert TERMS[1:] == PLACE_TERMS
        found = features(paths) @ values
        if self.calibration.classes:
            offset = np.zeros(256)
            for code, name in land.clutter_names.items():
                if name in self.calibration.classes:
                    offset[code] = self.calibration.classes[name].value
            found += offset[paths.clutter_class]
        return np.asarray(found)

    def _add_field(self, added: FloatArray, sweep: PackedSweep, job: SweepJob, grid: Grid) -> None:
        row0, col0, row1, col1 = sweep.window
        added += self._common_field(grid)[row0:row1, col0:col1]
        own = self._of_site(job.mast)
        if own.any():
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
