# mypy: allow-untyped-decorators
# (numba's njit carries no types)
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
from lensong.coverage.streams.blocks import fewest_blocks
from lensong.coverage.streams.draws import Reception
from lensong.propagation.kernel import untyped_kernel as kernel
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
    cells, curve = model.cells, model.cells.budgets[0].uplink_curve
    cost = np.full((*links[0].at.shape, columns.blocks.size, 2), np.inf)
    for link in links:
        _take_part(
            link.at, link.code, link.snr, link.share, columns.blocks, rise,
            cells.uplink_block_hz, cells.uplink_blocks, link.uplink_mbps, curve.alpha,
            float(db_to_ratio(curve.min_snr_db)), float(db_to_ratio(curve.max_snr_db)), cost,
        )  # fmt: skip
    return cost


@kernel
def _take_part(  # type: ignore[no-untyped-def]
    at, code, snr, share, blocks, rise, block_hz, most, uplink_mbps, alpha, lowest, highest, cost
):
    """Write into ``cost`` what streams take on one carrier; see `part_taken`."""
    for d in range(at.shape[0]):
        for p in range(at.shape[1]):
            k = at[d, p]
            if k < 0:
                continue
            one = code[d, p]
            taken = fewest_blocks(
                snr[d, p] / rise[d, k], block_hz[one], min(most[one], blocks[k]), uplink_mbps,
                alpha, lowest, highest,
            )  # fmt: skip
            cost[d, p, k, 0] = taken / blocks[k]
            cost[d, p, k, 1] = share[d, p]


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
    raised = np.zeros(cost.shape[:3])
    for link in links:
        _raise_noise(
            link.at, link.code, link.snr, link.heard_code, link.heard_snr, cell_of, cost,
            columns.blocks, columns.of_code, cells.uplink_block_hz, cells.resource_blocks,
            link.uplink_mbps, curve.alpha, float(db_to_ratio(curve.min_snr_db)), raised,
        )  # fmt: skip
    return raised


@kernel
def _raise_noise(  # type: ignore[no-untyped-def]
    at, code, snr, heard_code, heard_snr, cell_of, cost, blocks, column_of, block_hz, all_blocks,
    uplink_mbps, alpha, least_snr, raised,
):  # fmt: skip
    """Add to ``raised`` what the sellers on the cells of one carrier send; see `noise_raised`."""
    for d in range(at.shape[0]):
        for p in range(at.shape[1]):
            k = at[d, p]
            if k < 0 or k != cell_of[d, p]:
                continue
            mine = code[d, p]
            taken = cost[d, p, k, 0] * blocks[k]
            width = taken * alpha * block_hz[mine]
            each = max(np.exp2(uplink_mbps * 1e6 / width) - 1.0, least_snr)
            share = min(taken * each / snr[d, p], 1.0)
            for s in range(heard_code.shape[2]):
                other = heard_code[d, p, s]
                if column_of[other] >= 0 and other != mine:
                    raised[d, p, column_of[other]] += share * heard_snr[d, p, s] / all_blocks[other]


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
