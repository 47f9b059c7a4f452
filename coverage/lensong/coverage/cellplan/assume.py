"""What a cell plan leaves open, and with what it is filled.

Every use is counted per field (`ImportReport.assumed`) and named on the cell (`Cell.assumed`).
"""

from __future__ import annotations

from dataclasses import dataclass

from lensong.coverage.antenna import AntennaPattern, omni, sector_3gpp
from lensong.coverage.cellplan.carriers import parse_carrier
from lensong.coverage.network import Carrier, Technology
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = ["Assumptions"]

_RANGES = {
    "height_agl_m": (1.0, 3000.0),
    "mechanical_downtilt_deg": (-30.0, 90.0),
    "electrical_downtilt_deg": (-30.0, 90.0),
    "total_power_dbm": (-30.0, 80.0),
    "downlink_load": (0.0, 1.0),
    "uplink_noise_rise_db": (0.0, 40.0),
    "noise_figure_db": (0.0, 30.0),
    "feeder_loss_db": (0.0, 30.0),
    "tdd_uplink_share": (0.0, 1.0),
    "horizontal_beamwidth_deg": (1.0, 360.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """The ``[network.assume]`` section of a scenario.

    Parameters
    ----------
    height_agl_m : float
        Antenna above ground [m].
    azimuths_deg : tuple of float
        Sectors of a site, clockwise from true north [deg]; empty: one omni antenna.
    antenna : str
        ``"3gpp"`` (`antenna.sector_3gpp`), ``"omni"`` or the name of a pattern file.
    antenna_gain_dbi : float or None
        Of the parametric antenna [dBi]; None: 17 for a sector, 11 for an omni.
    horizontal_beamwidth_deg : float
        Of the parametric sector [deg].
    vertical_beamwidth_deg : float or None
        Of the parametric antenna [deg]; None: 10 for a sector, 8 for an omni.
    mechanical_downtilt_deg, electrical_downtilt_deg : float
        Positive down [deg]. Used where a cell states neither tilt; where it states one, the other
        is 0.
    total_power_dbm : float
        Of a whole carrier at the transmitter output [dBm].
    carriers : tuple of str
        In the grammar of `carriers.parse_carrier`, e.g. ``"4G B3 20 MHz"``. A row that names no
        carrier stands for one cell on each of them that has its technology.
    downlink_load, uplink_noise_rise_db : float
        Share of resource elements in use, 0..1; rise of the uplink noise by other cells [dB].
    noise_figure_db, feeder_loss_db : float
        Of the base station [dB].
    tdd_uplink_share : float
        Share of time that a TDD carrier gives to the uplink, 0..1; the downlink has the rest.
    granted_uplink_resource_blocks : int or None
        The most that one phone is given; None: half of the carrier's.
    """

    height_agl_m: float = 30.0
    azimuths_deg: tuple[float, ...] = (0.0, 120.0, 240.0)
    antenna: str = "3gpp"
    antenna_gain_dbi: float | None = None
    horizontal_beamwidth_deg: float = 65.0
    vertical_beamwidth_deg: float | None = None
    mechanical_downtilt_deg: float = 3.0
    electrical_downtilt_deg: float = 0.0
    total_power_dbm: float = 46.0
    carriers: tuple[str, ...] = ("4G B3 20 MHz",)
    downlink_load: float = 0.5
    uplink_noise_rise_db: float = 2.0
    noise_figure_db: float = 3.0
    feeder_loss_db: float = 0.0
    tdd_uplink_share: float = 0.25
    granted_uplink_resource_blocks: int | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise OutOfRangeError(f"network.assume.{name}", value, low, high)
        for azimuth in self.azimuths_deg:
            if not 0.0 <= azimuth <= 360.0:
                raise OutOfRangeError("network.assume.azimuths_deg", azimuth, 0.0, 360.0)
        if len(set(self.azimuths_deg)) != len(self.azimuths_deg):
            raise InvalidInputError(
                f"network.assume.azimuths_deg is {list(self.azimuths_deg)}, wanted each azimuth "
                "once: two sectors would lie on each other"
            )
        granted = self.granted_uplink_resource_blocks
        if granted is not None and not 1 <= granted <= 275:
            raise OutOfRangeError("network.assume.granted_uplink_resource_blocks", granted, 1, 275)
        self.parsed_carriers()

    def parsed_carriers(self, technology: Technology | None = None) -> tuple[Carrier, ...]:
        """Return the assumed carriers, all or those of one technology."""
        carriers = tuple(parse_carrier(text, self.tdd_uplink_share) for text in self.carriers)
        return tuple(c for c in carriers if technology in (None, c.technology))

    def granted_of(self, carrier: Carrier) -> int:
        """Return how many uplink resource blocks one phone gets at most on a carrier."""
        wanted = self.granted_uplink_resource_blocks
        half = max(1, carrier.resource_blocks // 2)
        return half if wanted is None else min(wanted, carrier.resource_blocks)

    def parametric_antenna(
        self,
        kind: str,
        electrical_downtilt_deg: float,
        *,
        gain_dbi: float | None = None,
        horizontal_beamwidth_deg: float | None = None,
        vertical_beamwidth_deg: float | None = None,
    ) -> AntennaPattern:
        """Return a parametric antenna, from a row's own figures where it has them.

        Parameters
        ----------
        kind : str
            ``"3gpp"`` or ``"omni"``.
        electrical_downtilt_deg : float
            Built into the pattern [deg].
        gain_dbi, horizontal_beamwidth_deg, vertical_beamwidth_deg : float or None
            What the cell plan says; None: as assumed.
        """
        is_omni = kind == "omni"
        gain = _first(gain_dbi, self.antenna_gain_dbi, 11.0 if is_omni else 17.0)
        height = _first(vertical_beamwidth_deg, self.vertical_beamwidth_deg, 8 if is_omni else 10)
        tilt = f", {electrical_downtilt_deg:g} deg electrical tilt" * (electrical_downtilt_deg != 0)
        if is_omni:
            return omni(
                gain,
                height,
                electrical_downtilt_deg=electrical_downtilt_deg,
                name=f"omni {gain:g} dBi, {height:g} deg high{tilt}",
            )
        width = _first(horizontal_beamwidth_deg, self.horizontal_beamwidth_deg)
        return sector_3gpp(
            gain_dbi=gain,
            horizontal_beamwidth_deg=width,
            vertical_beamwidth_deg=height,
            electrical_downtilt_deg=electrical_downtilt_deg,
            name=f"3gpp {gain:g} dBi, {width:g} x {height:g} deg{tilt}",
        )


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
