"""Services: what a phone must be able to do for a place to count as served."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lensong.coverage.network import Technology
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = ["DEFAULT_SERVICES", "Handset", "Service"]

_LONGEST_NAME = 60
_NAME = re.compile(rf"\w[\w .+-]{{0,{_LONGEST_NAME - 1}}}")  # letters of any language


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Downlink and uplink rate that must hold with a probability.

    Parameters
    ----------
    name : str
        Key in files and columns, e.g. ``"livestream-720p"``: begins with a letter or digit and
        has letters, digits, ``-``, ``_``, ``.``, ``+`` and blanks, 60 at most.
    technologies : tuple
        Technologies that may carry it.
    downlink_mbps, uplink_mbps : float
        Needed at the application, 0 or more [Mbit/s].
    probability : float
        With which both directions must hold at a place, 0.5..0.999.
    min_rsrp_dbm : float
        Below this level the phone does not stay on the network [dBm], whatever the rates.
    """

    name: str
    technologies: tuple[Technology, ...] = ("4G", "5G")
    downlink_mbps: float
    uplink_mbps: float
    probability: float = 0.9
    min_rsrp_dbm: float = -124.0

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidInputError("a service has no name, wanted e.g. 'livestream-720p'")
        if not _NAME.fullmatch(self.name):
            raise InvalidInputError(
                f"the service name {self.name!r} cannot be part of file and column names, wanted "
                f"up to {_LONGEST_NAME} letters, digits, '-' and '_' in one line, "
                "e.g. 'livestream-720p'"
            )
        if not self.technologies:
            raise InvalidInputError(
                f"service {self.name!r} names no technology, wanted '4G', '5G' or both"
            )
        for field, value in (
            ("downlink_mbps", self.downlink_mbps),
            ("uplink_mbps", self.uplink_mbps),
        ):
            if not 0.0 <= value <= 10_000.0:
                raise OutOfRangeError(f"{field} of service {self.name!r}", value, 0.0, 10_000.0)
        if not 0.5 <= self.probability <= 0.999:
            raise OutOfRangeError(
                f"probability of service {self.name!r}", self.probability, 0.5, 0.999
            )
        if not -300.0 <= self.min_rsrp_dbm <= 100.0:
            raise OutOfRangeError(
                f"min_rsrp_dbm of service {self.name!r}", self.min_rsrp_dbm, -300.0, 100.0
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Handset:
    """The phone at the village end.

    Parameters
    ----------
    height_agl_m : float
        Of its antenna above ground [m].
    tx_power_dbm : float
        Maximum transmit power [dBm]; 23 is power class 3 (3GPP TS 36.101 §6.2.2).
    gain_dbi, noise_figure_db : float
        Antenna gain [dBi] and receiver noise figure [dB].
    body_loss_db, penetration_loss_db : float
        Loss by the hand and head, and by a wall [dB]; 0 outdoors, phone on a stand.
    indoor : {"none", "traditional", "efficient"}
        The building that the phone is in: its entry loss by ITU-R P.2109 comes on top of
        ``penetration_loss_db``. Efficient: metallised glass or foil-backed panels.
    downlink_modulation : {"64QAM", "256QAM"}
    uplink_modulation : {"16QAM", "64QAM"}
        The highest that the phone and its cells agree on; they cap the rates.
    uplink_carrier_aggregation : bool
        Whether the phone sends on several carriers of one technology at once, its power shared
        by all resource blocks in use; few phones and networks do.
    """

    height_agl_m: float = 1.5
    tx_power_dbm: float = 23.0
    gain_dbi: float = 0.0
    noise_figure_db: float = 7.0
    body_loss_db: float = 0.0
    penetration_loss_db: float = 0.0
    indoor: Literal["none", "traditional", "efficient"] = "none"
    downlink_modulation: Literal["64QAM", "256QAM"] = "256QAM"
    uplink_modulation: Literal["16QAM", "64QAM"] = "64QAM"
    uplink_carrier_aggregation: bool = False

    def __post_init__(self) -> None:
        for field, value, low, high in (
            ("height_agl_m", self.height_agl_m, 1.0, 3000.0),
            ("tx_power_dbm", self.tx_power_dbm, -50.0, 50.0),
            ("gain_dbi", self.gain_dbi, -20.0, 40.0),
            ("noise_figure_db", self.noise_figure_db, 0.0, 30.0),
            ("body_loss_db", self.body_loss_db, 0.0, 60.0),
            ("penetration_loss_db", self.penetration_loss_db, 0.0, 60.0),
        ):
            if not low <= value <= high:
                raise OutOfRangeError(f"{field} of the handset", value, low, high)
        if self.indoor not in ("none", "traditional", "efficient"):
            raise InvalidInputError(
                f"indoor is {self.indoor!r}, wanted 'none', 'traditional' or 'efficient'"
            )
        if self.downlink_modulation not in ("64QAM", "256QAM"):
            raise InvalidInputError(
                f"downlink_modulation is {self.downlink_modulation!r}, wanted '64QAM' or '256QAM'"
            )
        if self.uplink_modulation not in ("16QAM", "64QAM"):
            raise InvalidInputError(
                f"uplink_modulation is {self.uplink_modulation!r}, wanted '16QAM' or '64QAM'"
            )


DEFAULT_SERVICES = (
    Service(name="voice-data", downlink_mbps=1.0, uplink_mbps=0.25),
    Service(name="livestream-720p", downlink_mbps=1.0, uplink_mbps=2.8),
    Service(name="livestream-1080p", downlink_mbps=1.0, uplink_mbps=4.4),
)
