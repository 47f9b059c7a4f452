"""How many streams of a village hold at once, and with what chance: a Monte Carlo over shadowing.

In each draw sellers stand at places of the village, drawn by its people. The level of a site at a
phone is its median times the shadowing of that site,

    x = sigma_v (sqrt(rho) W + sqrt(1 - rho) Z_site) + sigma_p (sqrt(rho) w + sqrt(1 - rho) z_site),

with ``W`` and ``Z`` the same for all phones of the village and ``w`` and ``z`` of each phone: the
error of the model (``model_sigma_db``) is taken to be shared by the village, what varies over its
places (``location_sigma_db``, and the building indoors) to be each phone's own.

A phone may use the strongest cell of each carrier. There it takes the fewest resource blocks that
carry the stream with its power, and the share of the downlink that its downlink needs. The first
``n`` sellers hold at once if they fit into the cells (`lensong.coverage.streams.fitting`); the
chance that ``n`` hold is the share of draws in which they do. Sellers on other cells of a carrier
raise a cell's noise, each by the power that its stream needs: ``n`` hold where they fit under the
noise of these ``n``, as they would be put without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from zlib import crc32

import numpy as np

from lensong.coverage.decibel import db_to_ratio
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.rates import downlink_mbps
from lensong.coverage.service import Service
from lensong.coverage.streams.blocks import least_blocks
from lensong.coverage.streams.fitting import most_that_fit
from lensong.coverage.streams.heard import PLACES, Heard, OperatorHeard
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["Reception", "chances_at_once", "receptions", "streams_that_hold"]

_DRAWS = 128
_SEED = 20_261
_LEAST_MW = 1e-30


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What phones of a village receive of one operator on one carrier, by draw.

    Parameters
    ----------
    operator : str
    carrier : int
        Number among the operator's carriers.
    code : shape (draws, phones)
        The strongest cell (index + 1), 0 where there is none.
    level_mw, sinr : shape (draws, phones)
        Its RSRP, and the signal to interference and noise of its data.
    heard_code, heard_snr : shape (draws, phones, sites)
        Cells that hear the phone, and the signal to noise there of its whole power in one block.
    """

    operator: str
    carrier: int
    code: IntArray
    level_mw: FloatArray
    sinr: FloatArray
    heard_code: IntArray
    heard_snr: FloatArray


def receptions(
    heard: Heard,
    village: int,
    village_id: str,
    model: LayerModel,
    *,
    phones: int,
    model_sigma_db: float,
) -> list[Reception]:
    """Return what the phones of a village receive, by operator and carrier.

    Parameters
    ----------
    heard : Heard
    village : int
        Row of the village.
    village_id : str
        With the seed it decides the draws, wherever the village stands in its list.
    model : LayerModel
    phones : int
    model_sigma_db : float
        The part of the scatter that the phones of a village share [dB].
    """
    rng = np.random.default_rng([_SEED, crc32(village_id.encode())])
    place = rng.integers(PLACES, size=(_DRAWS, phones)) + PLACES * village
    part = slice(PLACES * village, PLACES * (village + 1))
    codes = np.unique(
        np.concatenate([np.unique(o.code[:, part]) for o in heard.operators.values()])
    )
    sites = np.unique(model.cells.site[codes[codes > 0]])
    factor = _shadowing(rng, model, sites.size, phones, model_sigma_db)
    column = np.zeros(model.cells.site.max() + 1, np.int64)
    column[sites] = np.arange(sites.size)
    found = []
    for name, operator in heard.operators.items():
        found += _of_operator(name, operator, model, place, factor, column)
    return found


def _shadowing(
    rng: np.random.Generator, model: LayerModel, sites: int, phones: int, model_sigma_db: float
) -> FloatArray:
    """Return factors of power, shape (draws, phones, sites + 1); the last is of sites unlisted."""
    shadowing = model.shadowing
    together = np.sqrt(shadowing.correlation)
    apart = np.sqrt(1.0 - shadowing.correlation)
    shared_db = min(model_sigma_db, shadowing.sigma_db)
    own_db = np.sqrt(max(shadowing.sigma_db**2 - shared_db**2, 0.0))
    of_village = together * rng.standard_normal((_DRAWS, 1, 1))
    of_phone = together * rng.standard_normal((_DRAWS, phones, 1))
    scatter_db = shared_db * of_village + own_db * of_phone
    each_db = (
        scatter_db
        + shared_db * apart * rng.standard_normal((_DRAWS, 1, sites))
        + own_db * apart * rng.standard_normal((_DRAWS, phones, sites))
    )
    return np.asarray(10.0 ** (np.concatenate([each_db, scatter_db], axis=2) / 10.0))


def _of_operator(
    name: str,
    heard: OperatorHeard,
    model: LayerModel,
    place: IntArray,
    factor: FloatArray,
    column: IntArray,
) -> list[Reception]:
    cells, operator = model.cells, model.operators[name]
    code = heard.code[:, place].astype(np.int64)  # (carriers, draws, phones, sites)
    draw, phone = np.ogrid[: place.shape[0], : place.shape[1]]
    faded = factor[draw[..., None], phone[..., None], column[np.maximum(cells.site[code], 0)]]
    level_mw = heard.level_mw[:, place] * faded * (code > 0)
    disturbing = (
        level_mw * np.nan_to_num(cells.load_weight[code]) + heard.others_mw[:, place] * faded
    )
    total = disturbing.sum(axis=-1) + heard.rest_mw[:, place] * factor[..., -1]
    across = np.einsum("ck,kdp->cdp", operator.overlap_share, total)
    found = []
    for c in range(operator.carriers):
        best = np.argmax(level_mw[c], axis=-1)[..., None]
        lead = np.take_along_axis(code[c], best, -1)[..., 0]
        strong = np.take_along_axis(level_mw[c], best, -1)[..., 0]
        own = strong * np.nan_to_num(cells.load_weight[lead])
        disturbed = (
            np.maximum(total[c] - own, 0.0) + across[c] + np.nan_to_num(cells.noise_mw[lead])
        )
        found.append(
            Reception(
                operator=name,
                carrier=c,
                code=lead,
                level_mw=strong,
                sinr=strong
                / np.nan_to_num(cells.boost[lead], nan=1.0)
                / np.maximum(disturbed, _LEAST_MW),
                heard_code=code[c],
                heard_snr=level_mw[c] * np.nan_to_num(cells.uplink_snr_offset[code[c]]),
            )
        )
    return found


def streams_that_hold(
    received: Sequence[Reception],
    service: Service,
    model: LayerModel,
    *,
    usable_share: float,
) -> IntArray:
    """Return of each draw how many of the phones, in their order, stream at once.

    Parameters
    ----------
    received : sequence of Reception
        Of the operators whose SIM cards the sellers have.
    service : Service
    model : LayerModel
    usable_share : float
        Share of a cell's uplink blocks that streams may use, 0..1.
    """
    q = model.services.index(service)
    attach_mw = model.attach_mw[q]
    usable = [
        r
        for r in received
        if model.operators[r.operator].carries[q, r.carrier] and r.level_mw.max() >= attach_mw
    ]
    if not usable:
        return np.zeros(_DRAWS, np.int64)
    columns, blocks = _columns(usable, model, usable_share)
    links = [_Link.of(r, service, model, columns, blocks) for r in usable]
    draws, phones = usable[0].code.shape
    undisturbed = np.ones((draws, blocks.size))
    cost = _cost(links, service, model, blocks, undisturbed)
    cell_of = np.full((draws, phones), -1, np.int64)
    held = most_that_fit(cost, cell_of)
    raised = _raised(links, service, model, cost, cell_of, columns, blocks)
    open_draws = np.flatnonzero(held)
    while open_draws.size:
        # fewer sellers raise the noise less: the first number that fits under its own noise
        sends = np.arange(phones) < held[open_draws, None]
        rise = 1.0 + np.einsum("dp,dpk->dk", sends, raised[open_draws])
        most = int(held[open_draws].max())
        disturbed = _cost(
            [link.part(open_draws, most) for link in links], service, model, blocks, rise
        )
        fit = most_that_fit(disturbed, np.full(disturbed.shape[:2], -1, np.int64))
        open_draws = open_draws[fit < held[open_draws]]
        held[open_draws] -= 1
    return held


def chances_at_once(held: IntArray, most: int) -> FloatArray:
    """Return the chance that 1, 2, …, ``most`` streams hold at once, shape (most,)."""
    return np.asarray((held[:, None] >= np.arange(1, most + 1)).mean(axis=0), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """What does not change while sellers come and go: of each phone at its cell of a carrier.

    ``at`` is the cell's column, -1 where the phone cannot be there; ``snr`` that of its whole power
    in one block; ``share`` the part of the downlink that its stream takes.
    """

    at: IntArray
    code: IntArray
    snr: FloatArray
    share: FloatArray
    heard_code: IntArray
    heard_snr: FloatArray

    @classmethod
    def of(
        cls,
        r: Reception,
        service: Service,
        model: LayerModel,
        column: IntArray,
        blocks: FloatArray,
    ) -> _Link:
        cells = model.cells
        attach_mw = model.attach_mw[model.services.index(service)]
        there = (r.code > 0) & (r.level_mw >= attach_mw)
        share = _downlink_share(r, np.where(there, r.code, 0), service, model)
        there &= (share <= 1.0) & (blocks[column[r.code]] >= 1.0)
        code = np.where(there, r.code, 0)
        return cls(
            at=np.where(there, column[code], -1),
            code=code,
            snr=np.where(there, r.level_mw * cells.uplink_snr_offset[code], 0.0),
            share=share,
            heard_code=r.heard_code,
            heard_snr=r.heard_snr,
        )

    def part(self, draws: IntArray, phones: int) -> _Link:
        """Return some draws of the first phones."""
        return _Link(**{f.name: getattr(self, f.name)[draws, :phones] for f in fields(self)})


def _columns(
    usable: Sequence[Reception], model: LayerModel, usable_share: float
) -> tuple[IntArray, FloatArray]:
    """Return the column of each cell code, -1 for none, and the blocks that each column has."""
    codes = np.unique(np.concatenate([np.unique(r.code) for r in usable]))
    codes = codes[codes > 0]
    column = np.full(len(model.network.cells) + 1, -1, np.int64)
    column[codes] = np.arange(codes.size)
    cells = [model.network.cells[code - 1] for code in codes]
    blocks = [
        float(np.floor(cell.carrier.resource_blocks * usable_share + 1e-9)) * cell.uplink_layers
        for cell in cells
    ]
    return column, np.array(blocks, dtype=np.float64)


def _cost(
    links: Sequence[_Link],
    service: Service,
    model: LayerModel,
    blocks: FloatArray,
    rise: FloatArray,
) -> FloatArray:
    """Return the part of each cell that each stream takes, shape (draws, phones, cells, 2)."""
    cells = model.cells
    draws, phones = links[0].at.shape
    cost = np.full((draws, phones, blocks.size, 2), np.inf)
    for link in links:
        d, p = np.nonzero(link.at >= 0)
        at, code = link.at[d, p], link.code[d, p]
        taken = least_blocks(
            link.snr[d, p] / rise[d, at],
            service.uplink_mbps,
            block_hz=cells.uplink_block_hz[code],
            most=np.minimum(cells.uplink_blocks[code], blocks[at]),
            curve=cells.budgets[0].uplink_curve,
        )
        cost[d, p, at, 0] = taken / blocks[at]
        cost[d, p, at, 1] = link.share[d, p]
    return cost


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


def _raised(
    links: Sequence[_Link],
    service: Service,
    model: LayerModel,
    cost: FloatArray,
    cell_of: IntArray,
    column: IntArray,
    blocks: FloatArray,
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
        taken = cost[d, p, at, 0] * blocks[at]
        width = taken * curve.alpha * cells.uplink_block_hz[mine]
        each = np.maximum(
            np.exp2(service.uplink_mbps * 1e6 / width) - 1.0, db_to_ratio(curve.min_snr_db)
        )
        share = np.minimum(taken * each / link.snr[d, p], 1.0)
        heard_code = link.heard_code[d, p]
        i, s = np.nonzero((column[heard_code] >= 0) & (heard_code != mine[:, None]))
        codes = heard_code[i, s]
        part = share[i] * link.heard_snr[d[i], p[i], s] / total_blocks[codes]
        np.add.at(raised, (d[i], p[i], column[codes]), part)
    return raised
