"""A plan at the pixels of a drive test: what each antenna's sweep says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pyproj import Transformer

from lensong.coverage.antenna import gain_dbi
from lensong.coverage.drive.bend import diffraction_angle_deg
from lensong.coverage.layer_model import meridian_convergence_deg
from lensong.coverage.link_budget import cell_budget
from lensong.coverage.network import Network
from lensong.coverage.service import Handset
from lensong.coverage.sweeps import (
    NO_LOSS,
    PropagationSettings,
    SweepCache,
    SweepJob,
    run_sweeps,
    sweep_jobs,
)
from lensong.gis_data.land import Land
from lensong.propagation.p1812_terms import median_earth_radius_km
from lensong.propagation.types import Float32Array, FloatArray, IntArray

__all__ = ["AntennaPaths", "PlanAtPlaces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AntennaPaths:
    """The paths from one antenna, at one frequency, to the places that its sweep reaches.

    Parameters
    ----------
    job : SweepJob
    place : shape (k,), int
        Index of the place.
    path_loss_db, departure_deg, azimuth_deg, distance_m, diffraction_db, terrain_db : shape (k,)
        Basic transmission loss; elevation and azimuth (from true north) of the ray at the mast;
        distance; diffraction by terrain and clutter, and by the bare ground alone.
    """

    job: SweepJob
    place: IntArray
    path_loss_db: Float32Array
    departure_deg: Float32Array
    azimuth_deg: Float32Array
    distance_m: Float32Array
    diffraction_db: Float32Array
    terrain_db: Float32Array

    def only(self, which: IntArray) -> AntennaPaths:
        """Return some of the paths."""
        arrays = {n: getattr(self, n)[which] for n in AntennaPaths.__slots__ if n != "job"}
        return AntennaPaths(job=self.job, **arrays)


class PlanAtPlaces:
    """What a plan's cells bring to the pixels in which something was measured.

    Parameters
    ----------
    land, network, handset, propagation
        Of the scenario.
    lat_deg, lon_deg : shape (n,)
        Where was measured, WGS 84 [deg].
    cache, workers
        As in `lensong.coverage.plan.plan`; the plan's own sweeps are read from the cache.
    on_done : callable, optional
        Called with sweeps done and sweeps in all.

    Attributes
    ----------
    place : shape (n,), int
        Index of each position's pixel among the places; -1 outside the grid.
    row, col : shape (places,), int
    """

    def __init__(
        self,
        land: Land,
        network: Network,
        handset: Handset,
        propagation: PropagationSettings,
        lat_deg: FloatArray,
        lon_deg: FloatArray,
        *,
        cache: SweepCache | None = None,
        workers: int = 1,
        on_done: Callable[[int, int], None] | None = None,
    ) -> None:
        self.land, self.network = land, network
        self.handset, self.propagation = handset, propagation
        self.place, self.row, self.col = _pixels(land, lat_deg, lon_deg)
        self._offset_db = [cell_budget(c, handset).level_offset_db for c in network.cells]
        self._turn_deg = meridian_convergence_deg(land.grid.crs, network)
        self._paths: list[AntennaPaths] = []
        self._of_cell: dict[int, int] = {}
        self._sweep(cache, workers, on_done)

    @property
    def places(self) -> int:
        """Return the number of places."""
        return self.row.size

    def at(self, grid_row: IntArray, grid_col: IntArray) -> IntArray:
        """Return the places of pixels that are among them."""
        cols = self.land.grid.cols
        return np.asarray(np.searchsorted(self.row * cols + self.col, grid_row * cols + grid_col))

    def paths(self, cell: int) -> AntennaPaths | None:
        """Return the paths of a cell's antenna, None where it reaches no place."""
        number = self._of_cell.get(cell)
        return None if number is None else self._paths[number]

    def level_dbm(
        self,
        cell: int,
        paths: AntennaPaths | None = None,
        *,
        azimuth_deg: float | None = None,
    ) -> FloatArray:
        """Return the level of a cell at the places of its antenna's paths [dBm].

        Parameters
        ----------
        cell : int
            Index into ``network.cells``.
        paths : AntennaPaths, optional
            Those of another antenna, as if the cell hung there; default its own.
        azimuth_deg : float, optional
            As if the cell looked there; default its own.

        Returns
        -------
        shape (k,)
            NaN beyond the cell's radius.
        """
        paths = self._paths[self._of_cell[cell]] if paths is None else paths
        level = self._offset_db[cell] + self.gain_dbi(cell, paths, azimuth_deg=azimuth_deg)
        return np.where(
            paths.distance_m <= self.network.cells[cell].radius_m,
            level - paths.path_loss_db,
            np.nan,
        )

    def gain_dbi(
        self, cell: int, paths: AntennaPaths, *, azimuth_deg: float | None = None
    ) -> FloatArray:
        """Return the gain of a cell's antenna along paths [dBi]."""
        one = self.network.cells[cell]
        return gain_dbi(
            one.antenna,
            azimuth_deg=paths.azimuth_deg,
            elevation_deg=paths.departure_deg,
            boresight_azimuth_deg=one.azimuth_deg if azimuth_deg is None else azimuth_deg,
            mechanical_downtilt_deg=one.mechanical_downtilt_deg,
        )

    def everywhere(self, cell: int) -> FloatArray:
        """Return the level of a cell at every place, NaN where it does not reach [dBm]."""
        out = np.full(self.places, np.nan)
        paths = self.paths(cell)
        if paths is not None:
            out[paths.place] = self.level_dbm(cell, paths)
        return out

    def bend_deg(self, cell: int, place: IntArray) -> FloatArray:
        """Return the diffraction angle of the paths from a cell to places over bare ground."""
        paths = self._paths[self._of_cell[cell]]
        return diffraction_angle_deg(
            self.land.ground_m,
            self.land.grid.cell_m,
            tx_row=paths.job.row,
            tx_col=paths.job.col,
            tx_height_agl_m=paths.job.height_agl_m,
            row=self.row[place].astype(np.float64),
            col=self.col[place].astype(np.float64),
            rx_height_agl_m=self.handset.height_agl_m,
            effective_radius_m=1000.0 * median_earth_radius_km(self.propagation.delta_n_per_km),
        )

    def _sweep(
        self,
        cache: SweepCache | None,
        workers: int,
        on_done: Callable[[int, int], None] | None,
    ) -> None:
        near = [job for job in sweep_jobs(self.network, self.land) if self._reaches_any(job)]

        def tell(done: int, total: int, reused: bool) -> None:  # noqa: ARG001 - their signature
            if on_done is not None:
                on_done(done, total)

        for job, sweep, _ in run_sweeps(
            near,
            self.land,
            self.propagation,
            rx_height_agl_m=self.handset.height_agl_m,
            cache=cache,
            workers=workers,
            on_done=tell,
        ):
            height, width = sweep.loss_cdb.shape
            i, j = self.row - sweep.row0, self.col - sweep.col0
            place = np.flatnonzero((i >= 0) & (j >= 0) & (i < height) & (j < width))
            at = (i[place], j[place])
            known = sweep.loss_cdb[at] != NO_LOSS
            place, at = place[known], (at[0][known], at[1][known])
            if not place.size:
                continue
            east = (self.col[place] - job.col) * self.land.grid.cell_m
            north = (job.row - self.row[place]) * self.land.grid.cell_m
            azimuth = np.degrees(np.arctan2(east, north)) + self._turn_deg[job.mast.mast_id]
            for cell in job.cells:
                self._of_cell[cell] = len(self._paths)
            self._paths.append(
                AntennaPaths(
                    job=job,
                    place=place.astype(np.int64),
                    path_loss_db=sweep.loss_cdb[at].astype(np.float32) / 100.0,
                    departure_deg=sweep.departure_cdeg[at].astype(np.float32) / 100.0,
                    azimuth_deg=(azimuth % 360.0).astype(np.float32),
                    distance_m=np.hypot(east, north).astype(np.float32),
                    diffraction_db=sweep.diffraction_cdb[at].astype(np.float32) / 100.0,
                    terrain_db=sweep.terrain_cdb[at].astype(np.float32) / 100.0,
                )
            )

    def _reaches_any(self, job: SweepJob) -> bool:
        away = np.hypot(self.row - job.row, self.col - job.col) * self.land.grid.cell_m
        return bool(away.size) and float(away.min()) <= job.radius_m


def _pixels(
    land: Land, lat_deg: FloatArray, lon_deg: FloatArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Return the place of each position, -1 outside the grid, and the places' pixels."""
    grid = land.grid
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    easting, northing = to_grid.transform(lon_deg, lat_deg)
    row, col = grid.row_col(np.asarray(easting), np.asarray(northing))  # type: ignore[arg-type]  # the formula holds for arrays
    finite = np.isfinite(row) & np.isfinite(col)
    i = np.where(finite, np.floor(np.where(finite, row, 0.0) + 0.5), -1).astype(np.int64)
    j = np.where(finite, np.floor(np.where(finite, col, 0.0) + 0.5), -1).astype(np.int64)
    inside = (i >= 0) & (j >= 0) & (i < grid.rows) & (j < grid.cols)
    flat, back = np.unique(i[inside] * grid.cols + j[inside], return_inverse=True)
    place = np.full(i.size, -1, dtype=np.int64)
    place[inside] = back
    return place, flat // grid.cols, flat % grid.cols
