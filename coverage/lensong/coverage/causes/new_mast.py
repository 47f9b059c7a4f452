"""A mast at the best nearby place, as one more change of the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pyproj import Transformer

from lensong.coverage.causes.attribute import Explained
from lensong.coverage.causes.changes import Change
from lensong.coverage.causes.needs import Needs
from lensong.coverage.layer_model import LayerModel, meridian_convergence_deg
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.sweeps import NO_LOSS, SweepJob, sweep_together
from lensong.propagation.types import Float32Array, FloatArray, Grid, IntArray

__all__ = ["SEARCH_M", "new_mast"]

SEARCH_M = 2000.0
"""How far from the village's place a mast is looked for [m]."""

_SECTORS_DEG = (0.0, 120.0, 240.0)
_LEAST_RADIUS_M = 250.0
_ROUND_DB = 3.0  # an antenna whose horizontal cut varies by less needs no other sectors


def new_mast(
    asked: Explained, like: Cell, pixel: int, without: tuple[IntArray, FloatArray]
) -> Change:
    """Return the mast that serves a village's people without the service best.

    Parameters
    ----------
    like : Cell
        Whose carrier, antenna, tilt, height and power the new mast's cells have: three sectors,
        one of them toward the place, or one cell where the antenna is round.
    pixel : int
        The village's representative place.
    without : (pixels, weights)
        Where in the village people lack the service, and how much each pixel counts.

    Notes
    -----
    Nine places are tried: the village's own, and the highest of each of eight sectors within
    2 km. That one is taken from which, by the path loss of the plan's own model, the least is
    lacking on the weighted mean; of equal ones the first.
    """
    grid = asked.land.grid
    tried = _places(asked.land.ground_m, grid, pixel)
    lacking = [_lacking_db(asked, like, place, without) for place in tried]
    row, col = tried[int(np.argmin(lacking))]
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(
        *grid.easting_northing(row, col)
    )
    mast = Mast(
        mast_id=_free_id(asked.model.network),
        operator=like.operator,
        lat_deg=float(lat),
        lon_deg=float(lon),
        height_agl_m=like.height_agl_m,
    )
    there_row, there_col = divmod(pixel, grid.cols)
    on_grid = float(np.degrees(np.arctan2(there_col - col, row - there_row)))
    alone = Network(masts=(mast,), cells=())
    toward = on_grid + meridian_convergence_deg(grid.crs, alone)[mast.mast_id]
    cut = like.antenna.horizontal_loss_db
    turns = _SECTORS_DEG if float(np.ptp(cut)) >= _ROUND_DB else (0.0,)
    cells = tuple(
        replace(
            like,
            cell_id=f"{mast.mast_id}/{number}",
            mast_id=mast.mast_id,
            azimuth_deg=round((toward + turn) % 360.0, 1),
        )
        for number, turn in enumerate(turns, start=1)
    )
    return Change(
        key="new_mast",
        before="",
        after=f"{mast.lat_deg:.5f} {mast.lon_deg:.5f}",
        mast=mast,
        cells=(),
        added=cells,
    )


def _places(ground_m: Float32Array, grid: Grid, pixel: int) -> list[tuple[int, int]]:
    """Return the village's place and the highest of each sector around it, each once."""
    row, col = divmod(pixel, grid.cols)
    reach = int(SEARCH_M / grid.cell_m)
    rows = np.arange(max(0, row - reach), min(grid.rows, row + reach + 1))[:, np.newaxis]
    cols = np.arange(max(0, col - reach), min(grid.cols, col + reach + 1))[np.newaxis]
    around = ground_m[rows[0, 0] : rows[-1, 0] + 1, cols[0, 0] : cols[0, -1] + 1]
    away = np.hypot(rows - row, cols - col) * grid.cell_m
    sector = (np.degrees(np.arctan2(cols - col, row - rows)) % 360.0 // 45.0).astype(int)
    places = [(row, col)]
    for number in range(8):
        inside = (sector == number) & (away <= SEARCH_M) & (away > 0.0) & ~np.isnan(around)
        if inside.any():
            at = int(np.argmax(np.where(inside, around, -np.inf)))
            down, right = np.unravel_index(at, around.shape)
            places.append((int(rows[0, 0] + down), int(cols[0, 0] + right)))
    return list(dict.fromkeys(places))


def _lacking_db(
    asked: Explained, like: Cell, place: tuple[int, int], without: tuple[IntArray, FloatArray]
) -> float:
    """Return what the people without lack on the mean, were there such a cell [dB].

    In its main beam and undisturbed.
    """
    grid = asked.land.grid
    row, col = np.divmod(without[0], grid.cols)
    farthest = float(np.hypot(row - place[0], col - place[1]).max()) * grid.cell_m
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(
        *grid.easting_northing(*place)
    )
    mast = Mast(
        mast_id="new", lat_deg=float(lat), lon_deg=float(lon), height_agl_m=like.height_agl_m
    )
    job = SweepJob(
        mast=mast,
        row=float(place[0]),
        col=float(place[1]),
        height_agl_m=like.height_agl_m,
        freq_mhz=like.carrier.downlink_freq_mhz,
        radius_m=max(_LEAST_RADIUS_M, farthest + 2.0 * grid.cell_m),
        cells=(0,),
    )
    swept, _ = sweep_together(
        [job],
        asked.land,
        asked.propagation,
        rx_height_agl_m=asked.handset.height_agl_m,
        cache=None,
    )[0]
    loss_cdb = swept.loss_cdb[row - swept.row0, col - swept.col0]
    model = _alone(asked, replace(like, mast_id="new"), mast)
    level = model.cells.level_offset_db[1] + like.antenna.gain_dbi - 0.01 * loss_cdb
    level = np.where(loss_cdb == NO_LOSS, -np.inf, level)
    needs = Needs.of(model, asked.service.name)
    margin = needs.margin_db(np.ones(row.size, np.int64), level, np.zeros(row.size))
    short = np.clip(-margin, 0.0, 300.0)
    return float((short * without[1]).sum() / without[1].sum())


def _alone(asked: Explained, cell: Cell, mast: Mast) -> LayerModel:
    return LayerModel.build(
        asked.land.grid.crs,
        asked.propagation.calibrated(Network(masts=(mast,), cells=(cell,))),
        asked.handset,
        [asked.service],
        asked.model.shadowing,
    )


def _free_id(network: Network) -> str:
    taken = {mast.mast_id for mast in network.masts} | {cell.mast_id for cell in network.cells}
    number = 1
    while f"NEW-{number}" in taken:
        number += 1
    return f"NEW-{number}"
