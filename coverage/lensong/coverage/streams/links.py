"""What streams take of the cells, and how they raise the noise of others.

A phone may use the strongest cell of each carrier. There its stream takes the fewest resource
blocks that carry it with the phone's power, and the share of the downlink that its downlink needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from lensong.coverage.decibel import db_to_ratio, dbm_to_mw
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.rates import downlink_mbps
from lensong.coverage.service import Service
from lensong.coverage.streams.blocks import least_blocks
from lensong.coverage.streams.draws import Reception
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["Columns", "Link", "may_carry", "noise_raised", "part_taken"]

_LEAST_MW = 1e-30


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The cells that phones may use, side by side.

    Parameters
    ----------
    of_code : shape (codes,)
        Column of each cell code, -1 for none.
    blocks : shape (cells,)
        Resource blocks that streams may take of each.
    code : shape (cells,)
        Code (cell index + 1) of each column.
    """

    of_code: IntArray
    blocks: FloatArray
    code: IntArray

    @classmethod
    def of(cls, received: Iterable[Reception], model: LayerModel, usable_share: float) -> Columns:
        """Return the columns of all cells that lead somewhere."""
        found = [np.unique(r.code) for r in received]
        codes = np.unique(np.concatenate([np.zeros(1, np.int64), *found]))[1:]
        column = np.full(len(model.network.cells) + 1, -1, np.int64)
        column[codes] = np.arange(codes.size)
        cells = [model.network.cells[code - 1] for code in codes]
        blocks = [
            float(np.floor(cell.carrier.resource_blocks * usable_share + 1e-9)) * cell.uplink_layers
            for cell in cells
        ]
        return cls(of_code=column, blocks=np.array(blocks, dtype=np.float64), code=codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What does not change while sellers come and go: of each phone at its cell of a carrier.

    ``at`` is the cell's column, -1 where the phone cannot be there; ``snr`` that of its whole power
    in one block; ``share`` the part of the downlink that its stream takes.
    """

    uplink_mbps: float
    at: IntArray
    code: IntArray
    snr: FloatArray
    share: FloatArray
    heard_code: IntArray
    heard_snr: FloatArray

    @classmethod
    def of(cls, r: Reception, service: Service, model: LayerModel, columns: Columns) -> Link:
        """Return the links of one carrier for one service."""
        cells = model.cells
        there = (r.code > 0) & (r.level_mw >= dbm_to_mw(service.min_rsrp_dbm))
        share = _downlink_share(r, np.where(there, r.code, 0), service, model)
        there &= share <= 1.0
        there[there] = columns.blocks[columns.of_code[r.code[there]]] >= 1.0
        code = np.where(there, r.code, 0)
        return cls(
            uplink_mbps=service.uplink_mbps,
            at=np.where(there, columns.of_code[code], -1),
            code=code,
            snr=np.where(there, r.level_mw * cells.uplink_snr_offset[code], 0.0),
            share=share,
            heard_code=r.heard_code,
            heard_snr=r.heard_snr,
        )

    def part(self, draws: IntArray | slice, phones: int) -> Link:
        """Return some draws of the first phones."""
        arrays = [f.name for f in fields(self) if f.name != "uplink_mbps"]
        return replace(self, **{name: getattr(self, name)[draws, :phones] for name in arrays})


def may_carry(r: Reception, service: Service, model: LayerModel) -> bool:
    """Return whether a service may use a carrier and some phone stays on the network there."""
    technology = model.technologies[model.operators[r.operator].technology[r.carrier]]
    return technology in service.technologies and bool(
        r.level_mw.max(initial=0.0) >= dbm_to_mw(service.min_rsrp_dbm)
    )


def part_taken(
    links: Sequence[Link], model: LayerModel, columns: Columns, rise: FloatArray
) -> FloatArray:
    """Return the part of each cell that each stream takes, shape (draws, phones, cells, 2).

    Parameters
    ----------
    links : sequence of Link
        Of the same phones, one for each carrier; at least one.
    model : LayerModel
    columns : Columns
    rise : shape (draws, cells)
        By how much the noise of each cell is above that of the plan, as a ratio.

    Returns
    -------
    shape (draws, phones, cells, 2)
        Part of the cell's uplink and of its downlink; infinite where it cannot be served.
    """
    cells = model.cells
    draws, phones = links[0].at.shape
    cost = np.full((draws, phones, columns.blocks.size, 2), np.inf)
    for link in links:
        d, p = np.nonzero(link.at >= 0)
        at, code = link.at[d, p], link.code[d, p]
        taken = least_blocks(
            link.snr[d, p] / rise[d, at],
            link.uplink_mbps,
            block_hz=cells.uplink_block_hz[code],
            most=np.minimum(cells.uplink_blocks[code], columns.blocks[at]),
            curve=cells.budgets[0].uplink_curve,
        )
        cost[d, p, at, 0] = taken / columns.blocks[at]
        cost[d, p, at, 1] = link.share[d, p]
    return cost


def noise_raised(
    links: Sequence[Link],
    model: LayerModel,
    columns: Columns,
    cost: FloatArray,
    cell_of: IntArray,
) -> FloatArray:
    """Return by how much each seller raises each cell's noise, shape (draws, phones, cells).

    In units of that noise. Over ``m`` blocks its stream needs the signal to noise
    ``2 ** (rate / (m alpha block_hz)) - 1``, or the least that gets through; it sends no more
    power than that takes, spread over the cell that hears it as its blocks come and go.
    """
    cells, curve = model.cells, model.cells.budgets[0].uplink_curve
    total_blocks = np.array([1, *(c.carrier.resource_blocks for c in model.network.cells)])
    raised = np.zeros(cost.shape[:3])
    for link in links:
        d, p = np.nonzero((link.at >= 0) & (link.at == cell_of))
        at, mine = cell_of[d, p], link.code[d, p]
        taken = cost[d, p, at, 0] * columns.blocks[at]
        width = taken * curve.alpha * cells.uplink_block_hz[mine]
        each = np.maximum(
            np.exp2(link.uplink_mbps * 1e6 / width) - 1.0, db_to_ratio(curve.min_snr_db)
        )
        share = np.minimum(taken * each / link.snr[d, p], 1.0)
        heard_code = link.heard_code[d, p]
        i, s = np.nonzero((columns.of_code[heard_code] >= 0) & (heard_code != mine[:, None]))
        codes = heard_code[i, s]
        part = share[i] * link.heard_snr[d[i], p[i], s] / total_blocks[codes]
        np.add.at(raised, (d[i], p[i], columns.of_code[codes]), part)
    return raised


def _downlink_share(
    r: Reception, code: IntArray, service: Service, model: LayerModel
) -> FloatArray:
    """Return the share of what a cell's downlink has left that a stream's downlink takes."""
    share = np.full(code.shape, np.inf)
    if service.downlink_mbps <= 0.0:
        share[code > 0] = 0.0
        return share
    cells = model.cells
    for hz, layers in {
        (float(cells.downlink_hz[one]), int(cells.downlink_layers[one]))
        for one in np.unique(code[code > 0])
    }:
        mine = (
            (code > 0) & (cells.downlink_hz[code] == hz) & (cells.downlink_layers[code] == layers)
        )
        rate = downlink_mbps(
            10.0 * np.log10(np.maximum(r.sinr[mine], _LEAST_MW)),
            bandwidth_hz=hz,
            layers=layers,
            curve=cells.budgets[0].downlink_curve,
        )
        share[mine] = np.divide(
            service.downlink_mbps, rate, out=np.full(rate.shape, np.inf), where=rate > 0.0
        )
    return share
