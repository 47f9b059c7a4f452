"""From rows to cells: carriers, antennas and what the assumptions fill in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any

from lensong.coverage.antenna import AntennaPattern, with_electrical_downtilt
from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.cellplan.carriers import make_carrier, read_carrier_text
from lensong.coverage.cellplan.power import TOLERANCE_DB, total_power_dbm
from lensong.coverage.cellplan.rows import CellRow
from lensong.coverage.network import Carrier, Cell, Technology
from lensong.coverage.threegpp import band_from_text, nr_arfcn_mhz, nr_band
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = ["CellMaker", "Draft"]

_TILT_TOLERANCE_DEG = 2.0
_PARAMETRIC = ("3gpp", "omni")
_LEAST_RADIUS_M = 250.0
_LEAST_GAIN_DBI, _MOST_GAIN_DBI = -10.0, 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A cell in the making: a row with its mast, technology, carrier and azimuth.

    Parameters
    ----------
    azimuth_deg : float or None
        None: an omni antenna.
    assumed : tuple of str
        What was filled so far.
    """

    row: CellRow
    mast_id: str
    cell_id: str
    carrier: Carrier
    azimuth_deg: float | None
    assumed: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class CellMaker:
    """Makes cells of rows.

    Parameters
    ----------
    assume : Assumptions
    antennas : dict
        Pattern files by name.
    radius_m : float
        The largest cell radius of the plan [m].
    """

    assume: Assumptions
    antennas: Mapping[str, AntennaPattern]
    radius_m: float
    antennas_not_given: dict[str, int] = field(default_factory=dict)
    tilt_mismatches: list[str] = field(default_factory=list)
    cut_radii: int = 0
    carriers_unsaid: dict[str, int] = field(default_factory=dict)
    ssb_as_centre: int = 0
    gains_between: int = 0
    eirp_mismatches: list[str] = field(default_factory=list)
    _made: dict[str, AntennaPattern] = field(default_factory=dict)
    _turn: dict[tuple[str, str], int] = field(default_factory=dict)

    def drafts(self, row: CellRow, technology: Technology, mast_id: str) -> Iterator[Draft]:
        """Yield what cells a row stands for: one, or one per assumed carrier and azimuth."""
        carriers, assumed = self._carriers(row, technology)
        bands = [carrier.name.split()[0] for carrier in carriers]
        for carrier, band in zip(carriers, bands, strict=True):
            code = band if bands.count(band) == 1 else f"{band}@{carrier.downlink_freq_mhz:g}"
            if not row.is_site:
                azimuth, more = self._azimuth(row, mast_id, carrier)
                yield Draft(
                    row=row,
                    mast_id=mast_id,
                    cell_id=row.cell_id if len(carriers) == 1 else f"{row.cell_id}-{code}",
                    carrier=carrier,
                    azimuth_deg=azimuth,
                    assumed=assumed + more,
                )
                continue
            operator = row.operator if row.operator not in mast_id else ""
            for azimuth in self.assume.azimuths_deg or (None,):
                direction = "omni" if azimuth is None else f"{azimuth:g}"
                parts = (mast_id, operator, code, direction)
                yield Draft(
                    row=row,
                    mast_id=mast_id,
                    cell_id="-".join(part for part in parts if part),
                    carrier=carrier,
                    azimuth_deg=azimuth,
                    assumed=(*assumed, "azimuth_deg"),
                )

    def cell(self, draft: Draft) -> Cell:
        """Return the cell of a draft.

        Raises
        ------
        InvalidInputError
            A value of the row is impossible (named with its line), its antenna is not known, or
            its power is ambiguous.
        """
        row, assume = draft.row, self.assume
        assumed = list(draft.assumed)

        def filled(name: str, value: float | None) -> float:
            if value is None:
                assumed.append(name)
                return float(getattr(assume, name))
            return value

        power = total_power_dbm(row, draft.carrier)
        antenna, mechanical, electrical = self._antenna(draft, assumed, power)
        if power is None and row.eirp_dbm is not None:
            power = row.eirp_dbm - antenna.gain_dbi + self._feeder_loss_db(row)
        self._compare_eirp(draft, power, antenna)
        fields: dict[str, Any] = {
            "cell_id": draft.cell_id,
            "mast_id": draft.mast_id,
            "operator": row.operator,
            "carrier": draft.carrier,
            "antenna": antenna,
            "azimuth_deg": draft.azimuth_deg or 0.0,
            "mechanical_downtilt_deg": mechanical,
            "electrical_downtilt_deg": electrical,
            "height_agl_m": filled("height_agl_m", row.height_agl_m),
            "total_power_dbm": filled("total_power_dbm", power),
            "reference_signal_boost_db": row.reference_signal_boost_db or 0.0,
            "feeder_loss_db": filled("feeder_loss_db", row.feeder_loss_db),
            "downlink_load": filled("downlink_load", row.downlink_load),
            "uplink_noise_rise_db": filled("uplink_noise_rise_db", row.uplink_noise_rise_db),
            "noise_figure_db": filled("noise_figure_db", row.noise_figure_db),
            "granted_uplink_resource_blocks": assume.granted_of(draft.carrier),
            "radius_m": self._radius_m(row),
            "physical_cell_id": row.physical_cell_id,
            "on_air_since": row.on_air_since,
            "uncertain": row.uncertain,
        }
        try:
            return Cell(**fields, assumed=tuple(assumed))
        except OutOfRangeError as error:
            raise OutOfRangeError(
                f"{row.where}: {error.name}",
                error.value,
                error.low,
                error.high,
                hint="correct it, or leave the field empty to have it assumed",
            ) from None

    def _carriers(
        self, row: CellRow, technology: Technology
    ) -> tuple[tuple[Carrier, ...], tuple[str, ...]]:
        """Return the carriers of a row and what of them was assumed."""
        of_technology = self.assume.parsed_carriers(technology)
        own = row.earfcn if technology == "4G" else row.nr_arfcn
        channel = row.arfcn if own is None else own
        if channel is None and row.carrier and read_carrier_text(row.carrier).is_empty:
            self.carriers_unsaid[row.carrier] = self.carriers_unsaid.get(row.carrier, 0) + 1
        if channel is None and row.freq_mhz is None and row.ssb_arfcn is not None:
            return (self._around_ssb(row, of_technology),), ("channel",)
        if not row.band and channel is None and row.freq_mhz is None:
            if not of_technology:
                example = "'4G B3 20 MHz'" if technology == "4G" else "'5G n41 100 MHz 30 kHz'"
                raise InvalidInputError(
                    f"{row.where}: cell {row.cell_id!r} is {technology} and names neither band nor "
                    f"channel: add a band column, or {example} to network.assume.carriers"
                )
            return of_technology, ("carrier",)
        assumed: list[str] = []
        try:
            if row.band and channel is None and row.freq_mhz is None:
                assumed.append("channel")
                same = self._assumed_in_band(row, technology, of_technology)
                if same is not None:
                    bandwidth = _bandwidth_mhz(row)
                    return (same,), ("channel",) if bandwidth else ("channel", "bandwidth_mhz")
            bandwidth = _bandwidth_mhz(row)
            if bandwidth is None:
                assumed.append("bandwidth_mhz")
                bandwidth = self._usual_bandwidth_mhz(row, technology, of_technology)
            carrier = make_carrier(
                technology,
                band=row.band,
                channel=channel,
                freq_mhz=row.freq_mhz,
                bandwidth_mhz=bandwidth,
                subcarrier_spacing_khz=row.subcarrier_spacing_khz,
                tdd_uplink_share=self.assume.tdd_uplink_share,
            )
        except InvalidInputError as error:
            raise InvalidInputError(f"{row.where}: cell {row.cell_id!r}: {error}") from error
        return (carrier,), tuple(assumed)

    def _around_ssb(self, row: CellRow, carriers: tuple[Carrier, ...]) -> Carrier:
        """Return the carrier of a row that states its SSB alone: around it, inside its band."""
        self.ssb_as_centre += 1
        try:
            ssb_mhz = nr_arfcn_mhz(row.ssb_arfcn or 0)
            bandwidth = _bandwidth_mhz(row) or self._usual_bandwidth_mhz(row, "5G", carriers)
            band = band_from_text(row.band, "5G") if row.band else nr_band(ssb_mhz, bandwidth)
            half = bandwidth / 2.0
            centre = min(max(ssb_mhz, band.downlink_low_mhz + half), band.downlink_high_mhz - half)
            return make_carrier(
                "5G",
                band=band.name,
                freq_mhz=round(centre, 3),
                bandwidth_mhz=bandwidth,
                subcarrier_spacing_khz=row.subcarrier_spacing_khz,
                tdd_uplink_share=self.assume.tdd_uplink_share,
            )
        except InvalidInputError as error:
            raise InvalidInputError(f"{row.where}: cell {row.cell_id!r}: {error}") from error

    def _assumed_in_band(
        self, row: CellRow, technology: Technology, carriers: tuple[Carrier, ...]
    ) -> Carrier | None:
        """Return the assumed carrier that a row with a band but no channel means."""
        band, bandwidth = band_from_text(row.band, technology), _bandwidth_mhz(row)
        for carrier in carriers:
            if carrier.name.split()[0] == band.name and bandwidth in (None, carrier.bandwidth_mhz):
                return carrier
        return None

    def _usual_bandwidth_mhz(
        self, row: CellRow, technology: Technology, carriers: tuple[Carrier, ...]
    ) -> float:
        """Return the bandwidth of an assumed carrier, best of the same band, else a usual one."""
        if row.band:
            name = band_from_text(row.band, technology).name
            for carrier in carriers:
                if carrier.name.split()[0] == name:
                    return carrier.bandwidth_mhz
        if carriers:
            return carriers[0].bandwidth_mhz
        return 10.0 if technology == "4G" else 20.0

    def _azimuth(
        self, row: CellRow, mast_id: str, carrier: Carrier
    ) -> tuple[float | None, tuple[str, ...]]:
        """Return the azimuth of a cell; cells of a mast without one take the assumed in turn."""
        if row.is_omni or row.horizontal_beamwidth_deg == 360.0:
            return None, ()
        if row.azimuth_deg is not None:
            return row.azimuth_deg, ()
        azimuths = self.assume.azimuths_deg
        if not azimuths:
            return None, ("azimuth_deg",)
        key = (mast_id, carrier.name)
        turn = self._turn.get(key, 0)
        self._turn[key] = turn + 1
        return azimuths[turn % len(azimuths)], ("azimuth_deg",)

    def _antenna(
        self, draft: Draft, assumed: list[str], power_dbm: float | None
    ) -> tuple[AntennaPattern, float, float]:
        """Return pattern, mechanical and electrical downtilt; note in ``assumed`` what was."""
        row, assume = draft.row, self.assume
        is_omni = draft.azimuth_deg is None
        mechanical, electrical = row.mechanical_downtilt_deg, row.electrical_downtilt_deg
        additional = row.additional_electrical_downtilt_deg
        if mechanical is None and electrical is None and additional is None:
            assumed += ["mechanical_downtilt_deg", "electrical_downtilt_deg"]
            mechanical = 0.0 if is_omni else assume.mechanical_downtilt_deg
            electrical = assume.electrical_downtilt_deg
        mechanical, electrical = mechanical or 0.0, (electrical or 0.0) + (additional or 0.0)
        pattern = self._file(row, assumed)
        if pattern is None:
            gain_dbi = row.antenna_gain_dbi
            if gain_dbi is None:
                gain_dbi = self._gain_between(row, power_dbm)
            own = (gain_dbi, row.horizontal_beamwidth_deg, row.vertical_beamwidth_deg)
            kind = "omni" if is_omni or _plain_name(row.antenna) == "omni" else "3gpp"
            if row.antenna not in _PARAMETRIC and "antenna" not in assumed and own == (None,) * 3:
                assumed.append("antenna")
            if kind == "3gpp" and assume.antenna == "omni" and not row.antenna:
                kind = "omni"
            pattern = assume.parametric_antenna(
                kind,
                electrical,
                gain_dbi=own[0],
                horizontal_beamwidth_deg=None if kind == "omni" else own[1],
                vertical_beamwidth_deg=own[2],
            )
        elif additional:
            pattern = with_electrical_downtilt(pattern, additional)
        elif row.electrical_downtilt_deg is not None:
            self._compare_tilt(draft.cell_id, row.electrical_downtilt_deg, pattern)
        return self._made.setdefault(pattern.name, pattern), mechanical, electrical

    def _file(self, row: CellRow, assumed: list[str]) -> AntennaPattern | None:
        """Return the pattern file of a row, or None for a parametric antenna."""
        name = row.antenna
        if _plain_name(name) in _PARAMETRIC:
            return None
        if name and not self.antennas:
            self.antennas_not_given[name] = self.antennas_not_given.get(name, 0) + 1
            assumed.append("antenna")
            name = ""
        has_figures = row.antenna_gain_dbi is not None or row.horizontal_beamwidth_deg is not None
        if not name:
            if has_figures or self.assume.antenna in _PARAMETRIC or row.is_omni:
                return None
            if "antenna" not in assumed:
                assumed.append("antenna")
            return find_antenna(self.assume.antenna, self.antennas, "network.assume.antenna")
        return find_antenna(name, self.antennas, f"{row.where}, cell {row.cell_id!r}")

    def _feeder_loss_db(self, row: CellRow) -> float:
        return self.assume.feeder_loss_db if row.feeder_loss_db is None else row.feeder_loss_db

    def _gain_between(self, row: CellRow, power_dbm: float | None) -> float | None:
        """Return the gain that lies between a row's power and its EIRP [dBi], None if unsaid."""
        if row.eirp_dbm is None or power_dbm is None:
            return None
        gain = row.eirp_dbm - power_dbm + self._feeder_loss_db(row)
        if not _LEAST_GAIN_DBI <= gain <= _MOST_GAIN_DBI:
            raise InvalidInputError(
                f"{row.where}: cell {row.cell_id!r} has {power_dbm:.1f} dBm and an EIRP of "
                f"{row.eirp_dbm:.1f} dBm, but no antenna has {gain:.1f} dBi: correct one, "
                'or leave one out by eirp_dbm = "" or total_power_dbm = "" in [network.columns]'
            )
        self.gains_between += 1
        return gain

    def _compare_eirp(self, draft: Draft, power_dbm: float | None, antenna: AntennaPattern) -> None:
        if draft.row.eirp_dbm is None or power_dbm is None:
            return
        eirp = power_dbm + antenna.gain_dbi - self._feeder_loss_db(draft.row)
        if abs(eirp - draft.row.eirp_dbm) > TOLERANCE_DB:
            self.eirp_mismatches.append(
                f"cell {draft.cell_id!r} states {draft.row.eirp_dbm:.1f} dBm EIRP, its power, "
                f"feeder and antenna {antenna.name!r} make {eirp:.1f} dBm"
            )

    def eirp_notes(self) -> list[str]:
        """Return sentences on what became of the EIRP of the rows."""
        notes = []
        if self.gains_between:
            notes.append(
                f"the antenna gain of {self.gains_between} cells is their EIRP less their power"
            )
        if self.eirp_mismatches:
            notes.append(
                f"{len(self.eirp_mismatches)} cells state an EIRP that their power does not make, "
                f"power and antenna decide: {self.eirp_mismatches[0]}"
            )
        return notes

    def _compare_tilt(self, cell_id: str, stated_deg: float, pattern: AntennaPattern) -> None:
        inside = pattern.electrical_downtilt_deg
        if abs(inside - stated_deg) > _TILT_TOLERANCE_DEG:
            self.tilt_mismatches.append(
                f"cell {cell_id!r} states {stated_deg:g} deg electrical tilt, the main beam of "
                f"antenna file {pattern.name!r} points {inside} deg down"
            )

    def _radius_m(self, row: CellRow) -> float:
        if row.radius_m is None:
            return self.radius_m
        if row.radius_m < _LEAST_RADIUS_M:
            column = row.records[0].columns.columns.get("radius_m", "") if row.records else ""
            raise InvalidInputError(
                f"{row.where}: the radius in column {column!r} is {row.radius_m:g} m, wanted "
                f"{_LEAST_RADIUS_M:g} m or more: if it is in kilometres, set "
                f'radius_km = "{column}" in [network.columns]; radius_m = "" leaves it out'
            )
        self.cut_radii += row.radius_m > self.radius_m
        return min(row.radius_m, self.radius_m)


def find_antenna(name: str, antennas: Mapping[str, AntennaPattern], where: str) -> AntennaPattern:
    """Return the pattern of that name; case and a file ending do not matter.

    Raises
    ------
    InvalidInputError
        There is none; the message has the nearest names.
    """
    if name in antennas:
        return antennas[name]
    by_plain = {_plain_name(known): known for known in antennas}
    plain = _plain_name(name)
    if plain in by_plain:
        return antennas[by_plain[plain]]
    near = [by_plain[p] for p in get_close_matches(plain, by_plain, n=3, cutoff=0.5)]
    known = f"the nearest are {', '.join(map(repr, near))}" if near else "none is similar"
    raise InvalidInputError(
        f"{where}: antenna {name!r} is not among the {len(antennas)} given, {known}: add its file "
        "to network.antennas or correct the name"
    )


def _plain_name(name: str) -> str:
    lowered = name.strip().lower()
    return (
        PurePath(lowered).stem if lowered.endswith((".msi", ".pln", ".txt", ".pafx")) else lowered
    )


def _bandwidth_mhz(row: CellRow) -> float | None:
    """Return the bandwidth of a row, from its column or from its band (``"B3 20 MHz"``)."""
    if row.bandwidth_mhz is not None:
        return row.bandwidth_mhz
    for match in re.finditer(r"(\d+(?:\.\d+)?)\s*MHz", row.band, flags=re.IGNORECASE):
        if float(match[1]) <= 100.0:
            return float(match[1])
    return None
