"""What stands between each pixel and its serving mast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lensong.coverage.network import Network, Technology
from lensong.coverage.plan_setup import Progress
from lensong.coverage.result import TechnologyLayers
from lensong.coverage.sweeps import (
    NO_LOSS,
    PackedSweep,
    PropagationSettings,
    SweepCache,
    run_sweeps,
    sweep_jobs,
)
from lensong.gis_data.land import Land
from lensong.propagation.diffraction import knife_edge_loss_db
from lensong.propagation.types import BoolArray, Float32Array, FloatArray, UInt8Array

__all__ = ["KINDS", "Obstruction", "grazing_loss_db", "serving_obstruction"]

KINDS = {
    1: "clear",
    2: "line of sight, Fresnel zone touched",
    3: "behind trees or houses",
    4: "behind terrain",
}
"""Codes of ``Obstruction.kind``; 0 is no server."""

_CLEAR_DB = 0.5  # less diffraction than this is nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstruction:
    """The path from each pixel's best server; NaN and 0 where there is none.

    Parameters
    ----------
    kind : shape (rows, cols), uint8
        Key of `KINDS`.
    distance_m : shape (rows, cols), float32
        To the serving mast [m].
    terrain_db, clutter_db : shape (rows, cols), float32
        Bullington loss of the bare ground, and what clutter adds to the diffraction loss [dB].
    """

    kind: UInt8Array
    distance_m: Float32Array
    terrain_db: Float32Array
    clutter_db: Float32Array

    @property
    def line_of_sight(self) -> BoolArray:
        """Return where nothing reaches into the straight ray, trees and houses included."""
        return np.asarray((self.kind == 1) | (self.kind == 2))


def grazing_loss_db(distance_m: Float32Array | FloatArray) -> FloatArray:
    """Return the Bullington loss of a path whose ray just touches an obstacle [dB].

    With less there is line of sight, with more there is none: in the construction of ITU-R P.526
    the parameter of the equivalent edge is 0 there at every frequency.
    """
    edge = float(knife_edge_loss_db(0.0))
    return np.asarray(
        edge
        + (1.0 - np.exp(-edge / 6.0))
        * (10.0 + 0.02 * np.asarray(distance_m, dtype=np.float64) / 1000.0)
    )


def serving_obstruction(
    land: Land,
    network: Network,
    layers: Mapping[Technology, TechnologyLayers],
    settings: PropagationSettings,
    *,
    rx_height_agl_m: float,
    cache: SweepCache | None,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[Technology, Obstruction]:
    """Return what stands in the way of each technology's best server.

    Parameters
    ----------
    layers : mapping
        Of a plan of the same land and network.
    settings : PropagationSettings
        Of a model whose sweeps tell diffraction: P.1812.
    rx_height_agl_m : float
        Height of the phone [m].
    cache, workers, progress
        As in `lensong.coverage.plan.plan`.
    """
    found = {
        technology: Obstruction(
            kind=np.zeros(land.grid.shape, np.uint8),
            distance_m=np.full(land.grid.shape, np.nan, np.float32),
            terrain_db=np.full(land.grid.shape, np.nan, np.float32),
            clutter_db=np.full(land.grid.shape, np.nan, np.float32),
        )
        for technology in layers
    }

    def on_done(done: int, total: int, reused: bool) -> None:  # noqa: ARG001 - their signature
        if progress is not None:
            progress("paths", done, total)

    sweeps = run_sweeps(
        sweep_jobs(network, land),
        land,
        settings,
        rx_height_agl_m=rx_height_agl_m,
        cache=cache,
        workers=workers,
        on_done=on_done,
    )
    for job, sweep, _ in sweeps:
        for technology, obstruction in found.items():
            _fill(obstruction, layers[technology], sweep, job.cells, land.clutter_m is not None)
    return found


def _fill(
    out: Obstruction,
    layers: TechnologyLayers,
    sweep: PackedSweep,
    cells: tuple[int, ...],
    with_clutter: bool,
) -> None:
    height, width = sweep.loss_cdb.shape
    window = np.s_[sweep.row0 : sweep.row0 + height, sweep.col0 : sweep.col0 + width]
    here = np.isin(layers.best_server[window], cells) & (sweep.loss_cdb != NO_LOSS)
    if not here.any():
        return
    row, col = np.nonzero(here)
    distance_m = sweep.cell_m * np.hypot(
        row + sweep.row0 - sweep.mast_row, col + sweep.col0 - sweep.mast_col
    ).astype(np.float32)
    terrain = sweep.terrain_cdb[here].astype(np.float32) / 100.0
    whole = sweep.diffraction_cdb[here].astype(np.float32) / 100.0
    grazing = grazing_loss_db(distance_m)
    blocked = (whole >= grazing) & with_clutter  # else only the Earth's bulge adds to the terrain
    kind = np.select([terrain >= grazing, blocked, whole >= _CLEAR_DB], [4, 3, 2], 1)
    out.kind[window][here] = kind.astype(np.uint8)
    out.distance_m[window][here] = distance_m
    out.terrain_db[window][here] = terrain
    out.clutter_db[window][here] = np.maximum(whole - terrain, 0.0) if with_clutter else 0.0
