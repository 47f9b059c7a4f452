"""What a service needs of every cell, also where the cell cannot give it at any level."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isinf, log10

import numpy as np

from lensong.coverage.decibel import mw_to_dbm, ratio_to_db
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.link_budget import CellBudget
from lensong.coverage.network import Cell
from lensong.coverage.rates import ShannonCurve, free_share, required_sinr_db
from lensong.coverage.service import Service
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["Needs", "empty_cell_sinr_db", "needed_sinr_db"]


def needed_sinr_db(
    rate_mbps: float, *, bandwidth_hz: float, layers: int, curve: ShannonCurve
) -> tuple[float, float]:
    """Return the SINR that a rate needs, and the SINR beyond which more is of no use [dB].

    Where the curve reaches the rate the second is ``inf``: more level is then a reserve. Where it
    does not, the first is that of the curve carried on beyond its highest modulation and the
    second, always lower, is that of the highest modulation: how far they are apart is what the
    cell lacks however strong it is.
    """
    needed = required_sinr_db(rate_mbps, bandwidth_hz=bandwidth_hz, layers=layers, curve=curve)
    if not (isinf(needed) and needed > 0.0 and bandwidth_hz > 0.0):
        return needed, inf
    per_layer = rate_mbps * 1e6 / (bandwidth_hz * curve.alpha * layers)
    split_db = float(ratio_to_db(float(layers)))
    beyond_db = 10.0 * per_layer * log10(2.0)  # of 2 ** per_layer, which is large here
    return split_db + beyond_db, split_db + curve.max_snr_db


def empty_cell_sinr_db(cell: Cell, budget: CellBudget, service: Service) -> float:
    """Return the SINR that the downlink would need in the same cell without load [dB]."""
    return required_sinr_db(
        service.downlink_mbps,
        bandwidth_hz=budget.downlink_hz / free_share(cell.downlink_load),
        layers=budget.downlink_layers,
        curve=budget.downlink_curve,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What one service needs, by code of the cell; entry 0 is unused.

    Parameters
    ----------
    attach_dbm : float
        Level at which a phone stays on the network.
    sinr_db, useful_sinr_db : shape (codes,)
        As `needed_sinr_db` returns them.
    uplink_dbm : shape (codes,)
        RSRP at which the uplink works; ``inf`` where never.
    possible : shape (codes,)
        Whether an empty cell could carry the service at some level.
    boost_db, noise_mw : shape (codes,)
        Of the reference signal, and noise of the phone in one resource element.
    """

    attach_dbm: float
    sinr_db: FloatArray
    useful_sinr_db: FloatArray
    uplink_dbm: FloatArray
    possible: BoolArray
    boost_db: FloatArray
    noise_mw: FloatArray

    @classmethod
    def of(cls, model: LayerModel, service_name: str) -> Needs:
        """Return what a service of the model needs."""
        number = [s.name for s in model.services].index(service_name)
        service = model.services[number]
        codes = len(model.cells.budgets) + 1
        sinr, useful, uplink = (np.full(codes, np.nan) for _ in range(3))
        possible = np.zeros(codes, np.bool_)
        for i, (cell, budget) in enumerate(
            zip(model.network.cells, model.cells.budgets, strict=True), start=1
        ):
            sinr[i], useful[i] = needed_sinr_db(
                service.downlink_mbps,
                bandwidth_hz=budget.downlink_hz,
                layers=budget.downlink_layers,
                curve=budget.downlink_curve,
            )
            uplink[i] = budget.required_uplink_rsrp_dbm(service)
            possible[i] = empty_cell_sinr_db(cell, budget, service) < inf and uplink[i] < inf
        return cls(
            attach_dbm=service.min_rsrp_dbm,
            sinr_db=sinr,
            useful_sinr_db=useful,
            uplink_dbm=uplink,
            possible=possible,
            boost_db=ratio_to_db(model.cells.boost),
            noise_mw=model.cells.noise_mw,
        )

    def margin_db(
        self, code: IntArray, level_dbm: FloatArray, disturbing_mw: FloatArray
    ) -> FloatArray:
        """Return the smallest margin of links at the median [dB]; NaN for code 0."""
        noise_dbm = mw_to_dbm(np.where(code > 0, self.noise_mw[code], 1.0) + disturbing_mw)
        sinr = level_dbm - self.boost_db[code] - noise_dbm
        down = np.minimum(sinr, self.useful_sinr_db[code]) - self.sinr_db[code]
        margin = np.minimum(level_dbm - self.attach_dbm, level_dbm - self.uplink_dbm[code])
        return np.minimum(margin, down)
