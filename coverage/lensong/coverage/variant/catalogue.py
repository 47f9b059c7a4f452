"""Carriers and antennas by name: those of a network, and others as a scenario writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.cellplan.carriers import CARRIER_GRAMMAR, make_carrier, parse_carrier
from lensong.coverage.cellplan.fill import find_antenna
from lensong.coverage.cellplan.write import parametric_antenna
from lensong.coverage.network import Carrier, Network
from lensong.propagation.errors import InvalidInputError

__all__ = ["Catalogue", "carrier_id"]

_CARRIER_ID = re.compile(
    r"(?P<technology>4G|5G) (?P<band>\w+) (?P<width>[\d.]+) MHz at (?P<freq>[\d.]+) MHz"
)
_USUAL_CARRIERS = (
    "4G B28 10 MHz", "4G B8 10 MHz", "4G B3 20 MHz", "4G B1 20 MHz", "5G n28 10 MHz",
    "5G n41 60 MHz", "5G n78 100 MHz",
)  # fmt: skip
_USUAL_ANTENNAS = (
    "3gpp 17 dBi, 65 x 10 deg",
    "3gpp 14 dBi, 90 x 14 deg",
    "omni 11 dBi, 8 deg high",
)


def carrier_id(carrier: Carrier) -> str:
    """Return how a carrier is called where all of a plan's are listed."""
    return f"{carrier.technology} {carrier.name}"


class Catalogue:
    """What a cell may be given.

    Parameters
    ----------
    network : Network
        As read.
    assume : Assumptions
        Of its scenario.
    antennas : dict
        Pattern files by name.
    """

    def __init__(
        self, network: Network, assume: Assumptions, antennas: Mapping[str, AntennaPattern]
    ) -> None:
        self._assume, self._files = assume, dict(antennas)
        self._carriers = {carrier_id(cell.carrier): cell.carrier for cell in network.cells}
        self._antennas = {cell.antenna.name: cell.antenna for cell in network.cells}

    def add(self, antennas: Mapping[str, AntennaPattern]) -> None:
        """Take more pattern files in, by name."""
        self._files |= antennas

    @property
    def carriers(self) -> dict[str, Carrier]:
        """Return carriers by id: those of the network, then usual ones."""
        usual = [parse_carrier(text, self._assume.tdd_uplink_share) for text in _USUAL_CARRIERS]
        return {
            **self._carriers,
            **{carrier_id(c): c for c in usual if carrier_id(c) not in self._carriers},
        }

    @property
    def antennas(self) -> dict[str, AntennaPattern]:
        """Return antennas by name: those of the network, of pattern files, then usual ones."""
        usual = {name: self.antenna(name) for name in _USUAL_ANTENNAS}
        return {**usual, **self._files, **self._antennas}

    def carrier(self, text: str) -> Carrier:
        """Return the carrier of an id, or as a scenario writes it.

        Raises
        ------
        InvalidInputError
        """
        if text in self._carriers:
            return self._carriers[text]
        listed = self.carriers.get(text)
        if listed is not None:
            return listed
        try:
            said = _CARRIER_ID.fullmatch(text)
            if said is not None:
                return make_carrier(
                    "4G" if said["technology"] == "4G" else "5G",
                    band=said["band"],
                    freq_mhz=float(said["freq"]),
                    bandwidth_mhz=float(said["width"]),
                    tdd_uplink_share=self._assume.tdd_uplink_share,
                )
            return parse_carrier(text, self._assume.tdd_uplink_share)
        except InvalidInputError as error:
            raise InvalidInputError(
                f"carrier {text!r} is none of this plan's, and not written as {CARRIER_GRAMMAR}: "
                f"{error}"
            ) from error

    def granted(self, carrier: Carrier) -> int:
        """Return how many uplink resource blocks a cell on a carrier grants one phone at most."""
        return self._assume.granted_of(carrier)

    def assumed_cell(self) -> dict[str, Any]:
        """Return the fields of a new cell of which nothing is said, as the scenario assumes."""
        assume = self._assume
        carrier = assume.parsed_carriers()[0]
        if assume.antenna in ("3gpp", "omni"):
            antenna = assume.parametric_antenna(assume.antenna, assume.electrical_downtilt_deg)
        else:
            antenna = self.antenna(assume.antenna)
        return {
            "operator": "",
            "carrier": carrier,
            "antenna": self._antennas.setdefault(antenna.name, antenna),
            "azimuth_deg": 0.0,
            "mechanical_downtilt_deg": assume.mechanical_downtilt_deg,
            "electrical_downtilt_deg": assume.electrical_downtilt_deg,
            "total_power_dbm": assume.total_power_dbm,
            "feeder_loss_db": assume.feeder_loss_db,
            "downlink_load": assume.downlink_load,
            "uplink_noise_rise_db": assume.uplink_noise_rise_db,
            "noise_figure_db": assume.noise_figure_db,
        }

    def antenna(self, name: str) -> AntennaPattern:
        """Return the antenna of a name, or a parametric one as its name says.

        Raises
        ------
        InvalidInputError
        """
        if name in self._antennas:
            return self._antennas[name]
        found = parametric_antenna(name)
        if found is None:
            return find_antenna(name, {**self._files, **self._antennas}, "antenna")
        kind, gain, width, height, tilt = found
        made = self._assume.parametric_antenna(
            kind,
            tilt,
            gain_dbi=gain,
            horizontal_beamwidth_deg=width,
            vertical_beamwidth_deg=height,
        )
        return self._antennas.setdefault(made.name, made)

    @staticmethod
    def is_parametric(antenna: AntennaPattern) -> bool:
        """Return whether an antenna is made by a formula, so that it can be tilted."""
        return parametric_antenna(antenna.name) is not None

    def tilted(self, antenna: AntennaPattern, electrical_downtilt_deg: float) -> AntennaPattern:
        """Return a parametric antenna with another electrical tilt.

        Raises
        ------
        InvalidInputError
            It is a pattern file, whose tilt is part of the file.
        """
        found = parametric_antenna(antenna.name)
        if found is None:
            raise InvalidInputError(
                f"electrical_downtilt_deg of antenna {antenna.name!r} cannot be set: the tilt is "
                "part of its pattern file; choose a file of another tilt, or tilt it mechanically"
            )
        kind, gain, width, height, _ = found
        made = self._assume.parametric_antenna(
            kind,
            electrical_downtilt_deg,
            gain_dbi=gain,
            horizontal_beamwidth_deg=width,
            vertical_beamwidth_deg=height,
        )
        return self._antennas.setdefault(made.name, made)
