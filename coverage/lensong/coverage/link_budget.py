"""The link budget of a cell: levels per resource element, both directions.

Every level of the downlink is per resource element (one subcarrier of one symbol), as phones
report it: RSRP is *not* the power of the carrier. Path gain is taken to be the same in both
directions; in an FDD pair the uplink lies lower and loses about half a decibel less, which is
left on the safe side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lensong.coverage.decibel import db_to_ratio, dbm_to_mw, mw_to_dbm, ratio_to_db
from lensong.coverage.indoor import entry_loss_db
from lensong.coverage.network import Cell
from lensong.coverage.rates import (
    DOWNLINK_CURVES,
    UPLINK_CURVES,
    ShannonCurve,
    free_share,
    required_sinr_db,
    required_uplink_snr_db,
)
from lensong.coverage.service import Handset, Service
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray

__all__ = [
    "THERMAL_NOISE_DBM_PER_HZ",
    "CellBudget",
    "cell_budget",
    "noise_dbm",
    "reference_signal_power_dbm",
    "rsrp_dbm",
    "rsrq_db",
    "sinr_db",
    "uplink_received_dbm",
]

THERMAL_NOISE_DBM_PER_HZ = -174.0
"""kT at 290 K."""

SUBCARRIERS_PER_BLOCK = 12
REFERENCE_ELEMENTS_PER_BLOCK = 2
"""Resource elements of one antenna port's reference signal in a block and symbol (LTE)."""


def reference_signal_power_dbm(
    total_power_dbm: ArrayLike, *, resource_blocks: int, boost_db: float = 0.0
) -> FloatArray:
    """Return the power of one resource element of the reference signal.

    Parameters
    ----------
    total_power_dbm : any shape
        Power of the whole carrier at the transmitter output [dBm].
    resource_blocks : int
        N_RB of the carrier; the power is spread over its 12 N_RB subcarriers.
    boost_db : float
        Of the reference signal above the other resource elements [dB].

    Examples
    --------
    >>> round(float(reference_signal_power_dbm(46.0, resource_blocks=100)), 1)
    15.2
    """
    if resource_blocks < 1:
        raise InvalidInputError(f"resource_blocks is {resource_blocks}, wanted 1 or more")
    spread_db = ratio_to_db(float(SUBCARRIERS_PER_BLOCK * resource_blocks))
    power: FloatArray = np.asarray(total_power_dbm, dtype=np.float64) - spread_db + boost_db
    return power


def rsrp_dbm(
    reference_signal_power_dbm: ArrayLike,
    *,
    gain_dbi: ArrayLike,
    path_loss_db: ArrayLike,
    feeder_loss_db: float = 0.0,
    handset_gain_dbi: float = 0.0,
    body_loss_db: float = 0.0,
    penetration_loss_db: float = 0.0,
) -> FloatArray:
    """Return the reference signal received power, per resource element.

    Parameters
    ----------
    reference_signal_power_dbm : any shape
        At the transmitter output, per resource element [dBm].
    gain_dbi : broadcast
        Of the cell's antenna toward the phone [dBi].
    path_loss_db : broadcast
        Basic transmission loss [dB]; NaN gives NaN.
    feeder_loss_db : float
        Between transmitter and antenna [dB].
    handset_gain_dbi, body_loss_db, penetration_loss_db : float
        At the phone [dBi, dB, dB].
    """
    level: FloatArray = (
        np.asarray(reference_signal_power_dbm, dtype=np.float64)
        - feeder_loss_db
        + np.asarray(gain_dbi, dtype=np.float64)
        - np.asarray(path_loss_db, dtype=np.float64)
        + handset_gain_dbi
        - body_loss_db
        - penetration_loss_db
    )
    return level


def noise_dbm(bandwidth_hz: ArrayLike, *, noise_figure_db: float) -> FloatArray:
    """Return the receiver's noise in a bandwidth [dBm].

    Parameters
    ----------
    bandwidth_hz : any shape
        Above 0 [Hz]: a subcarrier for the level per resource element, 12 for a resource block.
    noise_figure_db : float
        Of the receiver [dB]; add the noise rise of other cells here.
    """
    noise: FloatArray = THERMAL_NOISE_DBM_PER_HZ + ratio_to_db(bandwidth_hz) + noise_figure_db
    return noise


def sinr_db(
    rsrp_dbm: ArrayLike,
    *,
    interferer_rsrp_dbm: ArrayLike,
    interferer_load: ArrayLike,
    noise_dbm: float,
    boost_db: float = 0.0,
    interferer_boost_db: ArrayLike = 0.0,
) -> FloatArray:
    """Return the signal to interference and noise of the data, per resource element.

    Parameters
    ----------
    rsrp_dbm : any shape
        Of the serving cell [dBm].
    interferer_rsrp_dbm : shape (n,) + any shape
        Of the other cells on the same carrier [dBm]; ``n`` may be 0.
    interferer_load : shape (n,)
        Share of their resource elements in use, 0..1.
    noise_dbm : float
        In one resource element [dBm].
    boost_db, interferer_boost_db : float, shape (n,)
        By how much the reference signals stand above the data [dB]: a boost lifts RSRP, not this.
    """
    levels = np.asarray(interferer_rsrp_dbm, dtype=np.float64)
    tail = (1,) * max(levels.ndim - 1, 0)
    weight = np.asarray(interferer_load, dtype=np.float64) / db_to_ratio(interferer_boost_db)
    weight = np.broadcast_to(weight, levels.shape[:1]).reshape(levels.shape[:1] + tail)
    disturbing_mw = np.sum(dbm_to_mw(levels) * weight, axis=0) + dbm_to_mw(noise_dbm)
    signal: FloatArray = np.asarray(rsrp_dbm, dtype=np.float64) - boost_db
    return signal - mw_to_dbm(disturbing_mw)


def rsrq_db(
    rsrp_dbm: ArrayLike, sinr_db: ArrayLike, *, load: float, boost_db: float = 0.0
) -> FloatArray:
    """Return the reference signal received quality of the serving cell.

    Parameters
    ----------
    rsrp_dbm, sinr_db : same shape
        Of the serving cell [dBm, dB].
    load : float
        Share of its resource elements in use, 0..1.
    boost_db : float
        Of its reference signal [dB].

    Notes
    -----
    N RSRP / RSSI with RSSI taken in the symbols that carry the reference signal: of the 12
    resource elements of a block 2 always carry it, ``load`` of the other 10 carry data, and
    all 12 receive interference and noise. An empty undisturbed cell reads -3.0 dB, a full one
    -10.8 dB.
    """
    data_mw = dbm_to_mw(np.asarray(rsrp_dbm, dtype=np.float64) - boost_db)
    disturbing_mw = data_mw / db_to_ratio(sinr_db)
    reference_mw = dbm_to_mw(rsrp_dbm)
    others = SUBCARRIERS_PER_BLOCK - REFERENCE_ELEMENTS_PER_BLOCK
    rssi_mw = (
        REFERENCE_ELEMENTS_PER_BLOCK * reference_mw
        + others * load * data_mw
        + SUBCARRIERS_PER_BLOCK * disturbing_mw
    )
    return ratio_to_db(reference_mw / rssi_mw)


def uplink_received_dbm(
    rsrp_dbm: ArrayLike, *, reference_signal_power_dbm: float, handset_power_dbm: float
) -> FloatArray:
    """Return the phone's whole power as it arrives at the base station receiver [dBm].

    Parameters
    ----------
    rsrp_dbm : any shape
        Of the cell at the phone [dBm].
    reference_signal_power_dbm : float
        Of the cell at its transmitter output, boost included [dBm].
    handset_power_dbm : float
        Transmit power of the phone [dBm].

    Notes
    -----
    What the downlink lost on its way the uplink loses too: path, antennas, feeder, body, wall.
    """
    path_gain_db = np.asarray(rsrp_dbm, dtype=np.float64) - reference_signal_power_dbm
    level: FloatArray = handset_power_dbm + path_gain_db
    return level


@dataclass(frozen=True, slots=True, kw_only=True)
class CellBudget:
    """The constants of one cell's link budget with one kind of phone.

    Parameters
    ----------
    reference_signal_power_dbm : float
        Per resource element at the transmitter output, boost included [dBm].
    level_offset_db : float
        Add antenna gain and subtract path loss to get RSRP [dBm].
    boost_db : float
        Of the reference signal over the data [dB].
    load : float
        Share of resource elements in use, 0..1.
    noise_dbm : float
        Of the phone in one resource element [dBm].
    downlink_hz : float
        Width that the phone gets, times the share of time that is downlink [Hz].
    downlink_layers : int
    uplink_snr_offset_db : float
        Add RSRP [dBm] to get the SNR of the phone's whole power in one resource block [dB].
    uplink_block_hz : float
        Width of a resource block times the share of time that is uplink [Hz].
    uplink_blocks : int
        Resource blocks granted to one phone, times streams.
    downlink_curve, uplink_curve : ShannonCurve
    """

    reference_signal_power_dbm: float
    level_offset_db: float
    boost_db: float
    load: float
    noise_dbm: float
    downlink_hz: float
    downlink_layers: int
    uplink_snr_offset_db: float
    uplink_block_hz: float
    uplink_blocks: int
    downlink_curve: ShannonCurve
    uplink_curve: ShannonCurve

    def required_sinr_db(self, service: Service) -> float:
        """Return the SINR that the service's downlink needs [dB]; ``inf`` when none is enough."""
        return required_sinr_db(
            service.downlink_mbps,
            bandwidth_hz=self.downlink_hz,
            layers=self.downlink_layers,
            curve=self.downlink_curve,
        )

    def required_uplink_rsrp_dbm(self, service: Service) -> float:
        """Return the RSRP at which the service's uplink just works [dBm]; ``inf`` when never."""
        snr = required_uplink_snr_db(
            service.uplink_mbps,
            block_hz=self.uplink_block_hz,
            blocks=self.uplink_blocks,
            curve=self.uplink_curve,
        )
        return snr - self.uplink_snr_offset_db


def cell_budget(cell: Cell, handset: Handset) -> CellBudget:
    """Return the constants of a cell's link budget with a phone."""
    carrier = cell.carrier
    reference_dbm = float(
        reference_signal_power_dbm(
            cell.total_power_dbm,
            resource_blocks=carrier.resource_blocks,
            boost_db=cell.reference_signal_boost_db,
        )
    )
    block_noise_dbm = noise_dbm(
        carrier.resource_block_hz,
        noise_figure_db=cell.noise_figure_db + cell.uplink_noise_rise_db,
    )
    return CellBudget(
        reference_signal_power_dbm=reference_dbm,
        level_offset_db=float(
            rsrp_dbm(
                reference_dbm,
                gain_dbi=0.0,
                path_loss_db=0.0,
                feeder_loss_db=cell.feeder_loss_db,
                handset_gain_dbi=handset.gain_dbi,
                body_loss_db=handset.body_loss_db,
                penetration_loss_db=handset.penetration_loss_db
                + entry_loss_db(handset, carrier.downlink_freq_mhz),
            )
        )
        + cell.level_correction_db,
        boost_db=cell.reference_signal_boost_db,
        load=cell.downlink_load,
        noise_dbm=float(
            noise_dbm(carrier.subcarrier_spacing_khz * 1e3, noise_figure_db=handset.noise_figure_db)
        ),
        downlink_hz=carrier.resource_blocks
        * carrier.resource_block_hz
        * carrier.downlink_share
        * free_share(cell.downlink_load),
        downlink_layers=cell.downlink_layers,
        uplink_snr_offset_db=float(
            uplink_received_dbm(
                0.0,
                reference_signal_power_dbm=reference_dbm,
                handset_power_dbm=handset.tx_power_dbm,
            )
            - block_noise_dbm
        ),
        uplink_block_hz=carrier.resource_block_hz * carrier.uplink_share,
        uplink_blocks=cell.granted_uplink_resource_blocks * cell.uplink_layers,
        downlink_curve=DOWNLINK_CURVES[handset.downlink_modulation],
        uplink_curve=UPLINK_CURVES[handset.uplink_modulation],
    )
