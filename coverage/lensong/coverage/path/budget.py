"""The link budget of one cell over one path, line by line, both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from statistics import NormalDist

from lensong.coverage.decibel import db_to_ratio, mw_to_dbm
from lensong.coverage.indoor import entry_loss_db
from lensong.coverage.link_budget import cell_budget, noise_dbm
from lensong.coverage.network import (
    Cell,
    reference_signal_power_dbm,
    resource_element_share_db,
)
from lensong.coverage.rates import downlink_mbps, uplink_mbps, uplink_resource_blocks
from lensong.coverage.service import Handset, Service

__all__ = ["BudgetRow", "PathBudget", "ServiceMargin", "path_budget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """One line of a budget; what begins with ``=`` is a sum of those above it."""

    key: str
    text: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMargin:
    """What is left of the budget for one service.

    Parameters
    ----------
    service : str
    level_db, downlink_db, uplink_db : float
        Median above what staying on the network, the downlink and the uplink need [dB];
        ``-inf`` where the cell cannot carry it at any level, ``inf`` where nothing is needed.
    wanted_db : float
        Margin with which one cell alone holds with the service's probability [dB].
    probability : float
        Of the service.
    """

    service: str
    level_db: float
    downlink_db: float
    uplink_db: float
    wanted_db: float
    probability: float

    @property
    def least_db(self) -> float:
        """Return the least of the three margins [dB]."""
        return min(self.level_db, self.downlink_db, self.uplink_db)

    @property
    def limiting(self) -> str:
        """Return which of the three is the least."""
        margins = {"uplink": self.uplink_db, "downlink": self.downlink_db, "level": self.level_db}
        return min(margins, key=lambda name: margins[name])

    @property
    def short_db(self) -> float:
        """Return what is missing to the wanted margin, 0 where nothing is [dB]."""
        return max(0.0, self.wanted_db - self.least_db)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathBudget:
    """Budget lines down and up, and what they leave for each service.

    Parameters
    ----------
    down, up : tuple of BudgetRow
    rsrp_dbm : float
        Per resource element, at the median [dBm].
    sinr_db : float
        Of the data, at the neighbours' loads [dB].
    uplink_snr_db : float
        Of the phone's whole power in one resource block [dB].
    downlink_mbps, uplink_mbps : float
        Median rates of one phone alone [Mbit/s].
    services : tuple of ServiceMargin
        Of the services that the cell's technology may carry.
    sigma_db : float
        Standard deviation of the level [dB].
    """

    down: tuple[BudgetRow, ...]
    up: tuple[BudgetRow, ...]
    rsrp_dbm: float
    sinr_db: float
    uplink_snr_db: float
    downlink_mbps: float
    uplink_mbps: float
    services: tuple[ServiceMargin, ...]
    sigma_db: float


def path_budget(
    cell: Cell,
    handset: Handset,
    services: Sequence[Service],
    *,
    path_loss_db: float,
    gain_dbi: float,
    learnt_db: float = 0.0,
    disturbing_mw: float = 0.0,
    disturbers: int = 0,
    sigma_db: float,
) -> PathBudget:
    """Return the budget of a cell over a path.

    Parameters
    ----------
    cell, handset : Cell, Handset
    services : sequence of Service
    path_loss_db : float
        Basic transmission loss [dB].
    gain_dbi : float
        Of the cell's antenna toward the phone [dBi].
    learnt_db : float
        What a calibration adds on the path, the cell's bias aside; both directions gain it [dB].
    disturbing_mw : float
        What other cells at their loads bring into one resource element [mW].
    disturbers : int
        How many they are.
    sigma_db : float
        Standard deviation of the level [dB].

    Notes
    -----
    The numbers are those of `lensong.coverage.link_budget.cell_budget`, from which maps are made.
    """
    budget = cell_budget(cell, handset)
    rsrp_dbm = budget.level_offset_db + gain_dbi - path_loss_db + learnt_db
    quiet_mw = float(db_to_ratio(budget.noise_dbm))
    sinr_db = rsrp_dbm - budget.boost_db - float(mw_to_dbm(disturbing_mw + quiet_mw))
    snr_db = rsrp_dbm + budget.uplink_snr_offset_db
    blocks = uplink_resource_blocks(snr_db, blocks=budget.uplink_blocks, curve=budget.uplink_curve)
    down_mbps = float(
        downlink_mbps(
            sinr_db,
            bandwidth_hz=budget.downlink_hz,
            layers=budget.downlink_layers,
            curve=budget.downlink_curve,
        )
    )
    up_mbps = float(
        uplink_mbps(
            snr_db,
            block_hz=budget.uplink_block_hz,
            blocks=budget.uplink_blocks,
            curve=budget.uplink_curve,
        )
    )
    return PathBudget(
        down=(
            *_down(cell, handset, path_loss_db, gain_dbi, learnt_db),
            BudgetRow(key="rsrp", text="= level (RSRP)", value=rsrp_dbm, unit="dBm"),
            BudgetRow(
                key="disturbance",
                text=f"noise and {disturbers} other cells at their loads",
                value=float(mw_to_dbm(disturbing_mw + quiet_mw)),
                unit="dBm",
            ),
            BudgetRow(key="sinr", text="= SINR of the data", value=sinr_db, unit="dB"),
            BudgetRow(
                key="downlink_rate",
                text="median downlink of one phone",
                value=down_mbps,
                unit="Mbit/s",
            ),
        ),
        up=(
            *_up(cell, handset, path_loss_db, gain_dbi, learnt_db),
            BudgetRow(key="uplink_snr", text="= SNR in one block", value=snr_db, unit="dB"),
            BudgetRow(
                key="uplink_rate",
                text=f"median uplink of one phone, {int(blocks)} of {budget.uplink_blocks} blocks",
                value=up_mbps,
                unit="Mbit/s",
            ),
        ),
        rsrp_dbm=rsrp_dbm,
        sinr_db=sinr_db,
        uplink_snr_db=snr_db,
        downlink_mbps=down_mbps,
        uplink_mbps=up_mbps,
        services=tuple(
            ServiceMargin(
                service=service.name,
                level_db=rsrp_dbm - service.min_rsrp_dbm,
                downlink_db=_above(sinr_db, budget.required_sinr_db(service)),
                uplink_db=_above(rsrp_dbm, budget.required_uplink_rsrp_dbm(service)),
                wanted_db=NormalDist().inv_cdf(service.probability) * sigma_db,
                probability=service.probability,
            )
            for service in services
            if cell.carrier.technology in service.technologies
        ),
        sigma_db=sigma_db,
    )


def _above(value_db: float, needed_db: float) -> float:
    return value_db - needed_db if isfinite(needed_db) else (inf if needed_db < 0 else -inf)


def _down(
    cell: Cell, handset: Handset, path_loss_db: float, gain_dbi: float, learnt_db: float
) -> list[BudgetRow]:
    share_db = resource_element_share_db(cell.carrier)
    element_dbm = reference_signal_power_dbm(cell)
    radiated_dbm = element_dbm - cell.feeder_loss_db + gain_dbi + cell.level_correction_db
    rows = [
        ("power", "power of the whole carrier", cell.total_power_dbm, "dBm"),
        ("per_element", f"one of {12 * cell.carrier.resource_blocks} subcarriers", -share_db, "dB"),
        ("boost", "boost of the reference signal", cell.reference_signal_boost_db, "dB"),
        ("feeder", "feeder", -cell.feeder_loss_db, "dB"),
        ("antenna", "antenna of the cell, greatest gain", cell.antenna.gain_dbi, "dBi"),
        ("pattern", "its pattern in this direction", gain_dbi - cell.antenna.gain_dbi, "dB"),
        *_learnt(cell),
        ("eirp", "= radiated this way, per resource element", radiated_dbm, "dBm"),
        ("path_loss", "path loss", -path_loss_db, "dB"),
        *_on_path(learnt_db),
        *_phone(cell, handset),
    ]
    return [BudgetRow(key=k, text=t, value=v, unit=u) for k, t, v, u in rows]


def _learnt(cell: Cell) -> list[tuple[str, str, float, str]]:
    if cell.level_correction_db == 0.0:
        return []
    return [("calibration", "bias of the cell, as measured", cell.level_correction_db, "dB")]


def _on_path(learnt_db: float) -> list[tuple[str, str, float, str]]:
    if learnt_db == 0.0:
        return []
    told = "slope, weights and residual field, as measured"
    return [("calibration_path", told, learnt_db, "dB")]


def _phone(cell: Cell, handset: Handset) -> list[tuple[str, str, float, str]]:
    entry_db = entry_loss_db(handset, cell.carrier.downlink_freq_mhz)
    return [
        ("phone_gain", "antenna of the phone", handset.gain_dbi, "dBi"),
        ("body", "hand and head", -handset.body_loss_db, "dB"),
        ("walls", "walls", -handset.penetration_loss_db, "dB"),
        ("building", f"building ({handset.indoor}), ITU-R P.2109", -entry_db, "dB"),
    ]


def _up(
    cell: Cell, handset: Handset, path_loss_db: float, gain_dbi: float, learnt_db: float
) -> list[BudgetRow]:
    phone = _phone(cell, handset)
    received_dbm = (
        handset.tx_power_dbm
        + sum(value for _, _, value, _ in phone)
        - path_loss_db
        + learnt_db
        + gain_dbi
        - cell.feeder_loss_db
        + cell.level_correction_db
    )
    floor_dbm = float(
        noise_dbm(
            cell.carrier.resource_block_hz,
            noise_figure_db=cell.noise_figure_db + cell.uplink_noise_rise_db,
        )
    )
    rows = [
        ("phone_power", "power of the phone", handset.tx_power_dbm, "dBm"),
        *phone,
        ("path_loss", "path loss, that of the downlink", -path_loss_db, "dB"),
        *_on_path(learnt_db),
        ("antenna", "antenna of the cell, greatest gain", cell.antenna.gain_dbi, "dBi"),
        ("pattern", "its pattern in this direction", gain_dbi - cell.antenna.gain_dbi, "dB"),
        ("feeder", "feeder", -cell.feeder_loss_db, "dB"),
        *_learnt(cell),
        ("received", "= whole power of the phone at the cell", received_dbm, "dBm"),
        (
            "noise",
            f"noise in one block (figure {cell.noise_figure_db:g} dB, rise "
            f"{cell.uplink_noise_rise_db:g} dB)",
            floor_dbm,
            "dBm",
        ),
    ]
    return [BudgetRow(key=k, text=t, value=v, unit=u) for k, t, v, u in rows]
