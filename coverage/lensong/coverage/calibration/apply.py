"""A calibration put to use: the path loss of sweeps, and the bias of cells.

What a single cell has on top of its path is in `lensong.coverage.calibration.of_cells`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from threading import Lock

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from lensong.coverage.calibration.calibration import Calibration, PlaceRow
from lensong.coverage.calibration.evidence import Evidence
from lensong.coverage.calibration.field_kernel import add_pull
from lensong.coverage.calibration.of_cells import CellsAsMeasured, one_site
from lensong.coverage.calibration.paths import Paths, paths_of_sweep
from lensong.coverage.calibration.posterior import residual_covariance
from lensong.coverage.calibration.record_spots import spots_of
from lensong.coverage.calibration.terms import PLACE_TERMS, TERMS, features
from lensong.coverage.network import Mast, Network
from lensong.coverage.sweeps import NO_LOSS, PackedSweep, SweepJob
from lensong.gis_data.land import Land
from lensong.propagation.errors import DataError
from lensong.propagation.types import BoolArray, FloatArray, Grid, IntArray

__all__ = ["CalibratedPaths", "near_spots"]

_REACH_LENGTHS = 6.0
"""Where a spot pulls no more: exp(-6) is a quarter of a percent."""

_TILE = 4096


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

    @property
    def learnt(self) -> Calibration:
        """Return what was learnt."""
        return self.calibration

    def calibrated(self, network: Network) -> Network:
        """Return a network whose cells' levels are shifted by what was learnt of them."""
        return self.cells.network(network)

    @cached_property
    def spots(self) -> Evidence:
        """Return the spots that were learnt from."""
        return spots_of(self.calibration)

    @cached_property
    def inverse(self) -> FloatArray:
        """Return the inverse of the covariance of their residuals, shape (n, n) [1/dB^2]."""
        learnt = self.calibration
        whole = residual_covariance(self.spots, learnt.priors, learnt.field, learnt.spots.weight)
        factor = cho_factor(whole, lower=True, overwrite_a=True, check_finite=False)
        return np.asarray(cho_solve(factor, np.eye(len(self.spots)), check_finite=False))

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
        share = field.correlation + (1.0 - field.correlation) * self.of_site(mast)
        pull_db = share * field.sd_db**2 * spots.pull_per_db
        found, ends = np.zeros(len(paths)), np.column_stack([paths.east_m, paths.north_m])
        reach_m = _REACH_LENGTHS * field.length_m
        for tile, near in near_spots(self.tree, ends, reach_m):
            away = cdist(ends[tile], self.places_m[near])
            # not what else is near others of the tile: a value would depend on who asks with it
            pull = np.where(away <= reach_m, np.exp(-away / field.length_m), 0.0)
            found[tile] = pull @ pull_db[near]
        return found

    @cached_property
    def tree(self) -> cKDTree:
        """Return the spots by place, to be asked which are near."""
        return cKDTree(self.places_m)

    @cached_property
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

    def of_site(self, mast: Mast) -> BoolArray:
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
        own = self.of_site(job.mast)
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


def near_spots(
    tree: cKDTree, places: FloatArray, reach_m: float
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield places that lie together, with the spots that are within reach of any of them.

    Places without a spot in reach are left out.
    """
    if not len(places):
        return
    _, square = np.unique(np.floor(places / (reach_m / 3.0)), axis=0, return_inverse=True)
    order = np.argsort(square.ravel(), kind="stable")
    edges = np.flatnonzero(np.diff(square.ravel()[order])) + 1
    for part in np.split(order, edges):
        low, high = places[part].min(axis=0), places[part].max(axis=0)
        around_m = 0.5 * float(np.hypot(*(high - low)))
        near = np.array(tree.query_ball_point(0.5 * (low + high), around_m + reach_m), np.int64)
        for first in range(0, part.size if near.size else 0, _TILE):
            yield part[first : first + _TILE], near
