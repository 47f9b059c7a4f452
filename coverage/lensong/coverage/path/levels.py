"""What the cells of a network bring to one place, each over its own whole profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot

import numpy as np

from lensong.coverage.antenna import gain_dbi
from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.paths import Paths
from lensong.coverage.decibel import db_to_ratio, dbm_to_mw
from lensong.coverage.layer_model import meridian_convergence_deg
from lensong.coverage.link_budget import cell_budget
from lensong.coverage.network import Cell, Mast, Network, operator_key
from lensong.coverage.obstruction import grazing_loss_db
from lensong.coverage.path.clearance import Clearance, clearance, median_k
from lensong.coverage.path.line import SHORTEST_PROFILE_M, End, Line, draw_line, end_at
from lensong.coverage.path.losses import ModelLoss, departure_deg, model_losses
from lensong.coverage.service import Handset
from lensong.coverage.spectrum import disturbance_weight
from lensong.coverage.sweeps import PropagationSettings
from lensong.gis_data.land import Land
from lensong.propagation.errors import DataError, InvalidInputError
from lensong.propagation.free_space import free_space_loss_db
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Grid

__all__ = ["CellLevel", "Levels", "disturbance", "path_end", "terrain_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLevel:
    """One cell at one place.

    Parameters
    ----------
    cell : Cell
    mast : Mast
    line : Line
    loss : ModelLoss
        Of the plan's model; of free space where that begins farther away.
    gain_dbi : float
        Of the antenna toward the place [dBi].
    azimuth_deg, departure_deg : float
        Of the ray at the mast, from true north and above the horizontal [deg].
    learnt_db : float
        What a calibration adds on this path, the cell's bias aside [dB].
    rsrp_dbm : float
        Median level per resource element [dBm].
    clearance : Clearance
        At the median effective Earth radius.
    """

    cell: Cell
    mast: Mast
    line: Line
    loss: ModelLoss
    gain_dbi: float
    azimuth_deg: float
    departure_deg: float
    learnt_db: float
    rsrp_dbm: float
    clearance: Clearance

    @property
    def in_radius(self) -> bool:
        """Return whether a plan computes the cell here."""
        return self.line.path_m <= self.cell.radius_m

    @property
    def off_beam_db(self) -> float:
        """Return how far the antenna's gain toward the place is below its greatest [dB]."""
        return self.cell.antenna.gain_dbi - self.gain_dbi


def terrain_of(land: Land) -> Terrain:
    """Return the land as paths read it."""
    return Terrain(ground_m=land.ground_m, clutter_m=land.clutter_m, cell_m=land.grid.cell_m)


class Levels:
    """The levels of a network's cells, path by path.

    Parameters
    ----------
    land, network : Land, Network
    handset : Handset
    propagation : PropagationSettings
    """

    def __init__(
        self, land: Land, network: Network, handset: Handset, propagation: PropagationSettings
    ) -> None:
        self.grid: Grid = land.grid
        self.terrain = terrain_of(land)
        network = propagation.calibrated(network)
        self._land = land
        self.network, self.handset, self.propagation = network, handset, propagation
        self._masts = {mast.mast_id: mast for mast in network.masts}
        self._ends: dict[str, End] = {}
        self._turn_deg = meridian_convergence_deg(land.grid.crs, network)
        self._offset_db = {
            cell.cell_id: cell_budget(cell, handset).level_offset_db for cell in network.cells
        }

    def place(self, lat_deg: float, lon_deg: float, *, name: str = "") -> End:
        """Return the phone at a place.

        Raises
        ------
        DataError
            It lies outside the elevation.
        """
        return end_at(self.grid, lat_deg, lon_deg, self.handset.height_agl_m, name=name)

    def distance_m(self, mast_id: str, place: End) -> float:
        """Return how far a mast is from a place [m]."""
        if mast_id not in self._ends:
            self._mast_end(mast_id, 1.0)
        end = self._ends[mast_id]
        return hypot(end.row - place.row, end.col - place.col) * self.grid.cell_m

    def at(self, place: End, cells: Sequence[Cell]) -> list[CellLevel]:
        """Return what cells bring to a place, in their order; carriers of one antenna share a line.

        Raises
        ------
        DataError, InvalidInputError
            A path crosses a void, or the place is that of a mast.
        """
        lines: dict[tuple[str, float], Line] = {}
        losses: dict[tuple[str, float, float], tuple[ModelLoss, Clearance]] = {}
        found = []
        for cell in cells:
            at, freq_mhz = (cell.mast_id, cell.height_agl_m), cell.carrier.downlink_freq_mhz
            if at not in lines:
                lines[at] = draw_line(
                    self.terrain,
                    self.grid,
                    self._mast_end(*at),
                    place,
                    terminal_clearing_m=self.propagation.terminal_clearing_m,
                )
            line = lines[at]
            if (*at, freq_mhz) not in losses:
                losses[*at, freq_mhz] = (
                    self._loss(line, freq_mhz),
                    clearance(line, freq_mhz=freq_mhz, k=median_k(self.propagation.delta_n_per_km)),
                )
            found.append(self._level(cell, line, *losses[*at, freq_mhz]))
        return found

    def in_reach(self, place: End) -> tuple[list[CellLevel], list[str]]:
        """Return the cells whose radius reaches a place, the strongest first, and who has no path.

        The second list says why the others in reach have none.
        """
        found, without = [], []
        by_mast: dict[str, list[Cell]] = {}
        for cell in self.network.cells:
            by_mast.setdefault(cell.mast_id, []).append(cell)
        for mast_id, cells in by_mast.items():
            away_m = self.distance_m(mast_id, place)
            near = [cell for cell in cells if away_m <= cell.radius_m]
            if not near:
                continue
            try:
                found += self.at(place, near)
            except (DataError, InvalidInputError) as error:
                without.append(f"mast {mast_id}: {error}")
        without += [
            f"cell {level.cell.cell_id}: {level.loss.why_not}"
            for level in found
            if not level.loss.known
        ]
        found = [level for level in found if level.loss.known]
        return sorted(found, key=lambda level: -level.rsrp_dbm), without

    def _mast_end(self, mast_id: str, height_agl_m: float) -> End:
        if mast_id not in self._ends:
            mast = self._masts[mast_id]
            name = mast_id if mast.name in ("", mast_id) else f"{mast_id} {mast.name}"
            self._ends[mast_id] = end_at(
                self.grid, mast.lat_deg, mast.lon_deg, height_agl_m, name=name
            )
        return replace(self._ends[mast_id], height_agl_m=height_agl_m)

    def _loss(self, line: Line, freq_mhz: float) -> ModelLoss:
        loss = model_losses(
            line, [self.propagation.model], freq_mhz=freq_mhz, settings=self.propagation
        )[0]
        if loss.known or line.path_m >= SHORTEST_PROFILE_M:
            return loss
        return model_losses(line, ["free_space"], freq_mhz=freq_mhz, settings=self.propagation)[0]

    def _learnt_db(self, cell: Cell, line: Line, loss: ModelLoss) -> float:
        """Return what a calibration adds to a level, as it does to the pixels of a sweep."""
        calibration = self.propagation.calibration
        if not isinstance(calibration, CalibratedPaths) or not loss.known:
            return 0.0
        mast, freq_mhz = self._masts[cell.mast_id], cell.carrier.downlink_freq_mhz
        ends = path_end(line, loss, freq_mhz, self._land)
        return float(calibration.added_at(mast, cell.height_agl_m, freq_mhz, ends, self._land)[0])

    def _level(self, cell: Cell, line: Line, loss: ModelLoss, passes: Clearance) -> CellLevel:
        azimuth_deg = (line.grid_azimuth_deg + self._turn_deg[cell.mast_id]) % 360.0
        leaves_deg = departure_deg(line, loss.model, self.propagation)
        learnt_db = self._learnt_db(cell, line, loss)
        gain = float(
            gain_dbi(
                cell.antenna,
                azimuth_deg=azimuth_deg,
                elevation_deg=leaves_deg,
                boresight_azimuth_deg=cell.azimuth_deg,
                mechanical_downtilt_deg=cell.mechanical_downtilt_deg,
            )
        )
        return CellLevel(
            cell=cell,
            mast=self._masts[cell.mast_id],
            line=line,
            loss=loss,
            gain_dbi=gain,
            azimuth_deg=azimuth_deg,
            departure_deg=leaves_deg,
            learnt_db=learnt_db,
            rsrp_dbm=self._offset_db[cell.cell_id] + gain - loss.path_loss_db + learnt_db,
            clearance=passes,
        )


def path_end(line: Line, loss: ModelLoss, freq_mhz: float, land: Land) -> Paths:
    """Return the far end of a path as a calibration sees it: as the sweep of its model would.

    P.1812 tells diffraction over bare ground and what clutter and the Earth's bulge add; of ITM
    all loss over free space counts as terrain; other models know none.
    """
    ladder = {term.key: term.loss_db for term in loss.ladder}
    terrain_db = ladder.get("terrain", 0.0)
    if loss.model == "itm":
        free_db = float(free_space_loss_db(np.array([line.path_m]), freq_mhz)[0])
        terrain_db = max(loss.path_loss_db - free_db, 0.0)
    row, col = round(line.rx.row), round(line.rx.col)
    east_m, north_m = land.grid.easting_northing(line.rx.row, line.rx.col)
    code = 0 if land.clutter_class is None else int(land.clutter_class[row, col])
    return Paths(
        east_m=np.array([east_m]),
        north_m=np.array([north_m]),
        distance_m=np.array([line.path_m]),
        terrain_db=np.array([terrain_db]),
        clutter_db=np.array([max(ladder.get("clutter", 0.0) + ladder.get("earth", 0.0), 0.0)]),
        clear=np.array([terrain_db < float(grazing_loss_db(np.array([line.path_m]))[0])]),
        clutter_class=np.array([code]),
    )


def disturbance(serving: CellLevel, others: Sequence[CellLevel]) -> tuple[float, int]:
    """Return what other cells bring into a resource element of a serving cell [mW], and how many.

    Those of the same operator and technology whose spectrum meets the serving cell's, at their
    loads, as maps count them.
    """
    victim = serving.cell
    total_mw, count = 0.0, 0
    for level in others:
        cell = level.cell
        if (
            cell.cell_id == victim.cell_id
            or cell.carrier.technology != victim.carrier.technology
            or operator_key(cell.operator) != operator_key(victim.operator)
        ):
            continue
        share = disturbance_weight(victim.carrier, cell.carrier) * cell.downlink_load
        if share <= 0.0:
            continue
        boost = float(db_to_ratio(cell.reference_signal_boost_db))
        total_mw += float(dbm_to_mw(level.rsrp_dbm)) * share / boost
        count += 1
    return total_mw, count
