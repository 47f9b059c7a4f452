"""What the cells of one site bring on one carrier, pixel by pixel, before sites are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lensong.coverage.cell_kernels import SCRATCH_ROWS, hear_cells
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.sweeps import NO_LOSS, PackedSweep, UInt16Array, Window
from lensong.propagation.types import Float32Array, IntArray

__all__ = ["Aimed", "SiteHeard", "by_carrier", "hear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteHeard:
    """The cells of one carrier on one sweep, in a window of the grid.

    Parameters
    ----------
    row0, col0 : int
        The grid's row and column of the first pixel.
    lead, runner_up : shape (rows, cols)
        The strongest cell and the next: place among the cells plus 1; 0 for none.
    lead_mw, runner_up_mw : shape (rows, cols)
        Their RSRP; 0 where there is none.
    others_mw : shape (rows, cols)
        The power by which all cells but the strongest disturb.
    sweep : PackedSweep
        Of which it is made; the window lies within it.
    """

    row0: int
    col0: int
    lead: UInt16Array
    lead_mw: Float32Array
    others_mw: Float32Array
    runner_up: UInt16Array
    runner_up_mw: Float32Array
    sweep: PackedSweep


def by_carrier(indices: Sequence[int], model: LayerModel) -> dict[tuple[str, int], IntArray]:
    """Return operator and carrier number to the codes of cells, in an order of their own.

    The order is that of azimuths, then of ids: the cell list does not decide it.
    """
    cells = model.network.cells
    found: dict[tuple[str, int], list[int]] = {}
    for index in sorted(indices, key=lambda i: (cells[i].azimuth_deg, cells[i].cell_id)):
        name = model.operator_of[index]
        carrier = model.operators[name].carrier_of[index + 1]
        found.setdefault((name, carrier), []).append(index + 1)
    return {key: np.array(codes, dtype=np.int64) for key, codes in found.items()}


class Aimed:
    """What patterns take away in a part of the grid, kept for the next carrier on the antennas.

    The carriers of a mast come one after the other, and most have their cells' azimuths, tilts and
    patterns in common.
    """

    def __init__(self) -> None:
        self._names: object = None
        self._sweep: PackedSweep | None = None
        self._lost_db = np.empty((0, 0, 0), np.float32)

    def of(
        self, sweep: PackedSweep, codes: IntArray, model: LayerModel
    ) -> tuple[bool, Float32Array]:
        """Return whether it is known of cells, and where it stands or is to be written."""
        cells, last = model.cells, self._sweep
        names = (
            sweep.mast_row, sweep.mast_col, _turn_deg(codes, model), sweep.window,
            *(of[codes].tolist() for of in (cells.azimuth_deg, cells.sin_tilt, cells.pattern)),
        )  # fmt: skip
        self._sweep = sweep
        if (
            last is not None
            and names == self._names
            and np.array_equal(sweep.departure_cdeg, last.departure_cdeg)
            and np.array_equal(sweep.loss_cdb == NO_LOSS, last.loss_cdb == NO_LOSS)
        ):
            return True, self._lost_db
        self._names = names
        self._lost_db = np.empty((codes.size, *sweep.loss_cdb.shape), np.float32)
        return False, self._lost_db


def hear(
    sweep: PackedSweep,
    codes: IntArray,
    model: LayerModel,
    window: Window,
    aimed: Aimed | None = None,
) -> SiteHeard:
    """Return what cells of one carrier bring within a window of the grid, by `by_carrier`.

    Parameters
    ----------
    sweep : PackedSweep
    codes : shape (cells,)
    model : LayerModel
    window : Window
    aimed : Aimed or None
        Of the carriers before, where the sweep lies within the window.
    """
    cells = model.cells
    row0, col0, row1, col1 = sweep.window
    top, left = max(row0, window[0]), max(col0, window[1])
    shape = (max(0, min(row1, window[2]) - top), max(0, min(col1, window[3]) - left))
    heard = SiteHeard(
        row0=top,
        col0=left,
        lead=np.empty(shape, np.uint16),
        lead_mw=np.empty(shape, np.float32),
        others_mw=np.empty(shape, np.float32),
        runner_up=np.empty(shape, np.uint16),
        runner_up_mw=np.empty(shape, np.float32),
        sweep=sweep,
    )
    scratch = np.empty((SCRATCH_ROWS, shape[1]), np.float32)
    is_lost, lost_db = False, np.empty((codes.size, 1, shape[1]), np.float32)
    if aimed is not None and shape == sweep.loss_cdb.shape:
        is_lost, lost_db = aimed.of(sweep, codes, model)
    hear_cells(
        sweep.loss_cdb, sweep.departure_cdeg, row0, col0,
        float(sweep.mast_row), float(sweep.mast_col), float(sweep.cell_m), _turn_deg(codes, model),
        codes, cells.level_offset_db, cells.load_weight,
        cells.azimuth_deg, cells.sin_azimuth, cells.cos_azimuth, cells.sin_tilt, cells.cos_tilt,
        cells.radius_m, cells.pattern, cells.cuts_db, cells.gain_dbi, cells.max_loss_db,
        top, left, is_lost, lost_db, scratch, scratch.view(np.int32),
        heard.lead, heard.lead_mw, heard.others_mw, heard.runner_up, heard.runner_up_mw,
    )  # fmt: skip
    return heard


def _turn_deg(codes: IntArray, model: LayerModel) -> float:
    return model.turn_deg[model.network.cells[int(codes[0]) - 1].mast_id]
