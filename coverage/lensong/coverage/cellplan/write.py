"""A network as a plain cell plan: every field that a cell has, in columns of our own names."""

from __future__ import annotations

import re

from lensong.coverage.network import Cell, Mast, Network

__all__ = ["PLAIN_COLUMNS", "parametric_antenna", "plain_rows", "standing_rows", "untilted"]

_PARAMETRIC = re.compile(
    r"(?P<kind>3gpp|omni) (?P<gain>-?[\d.e+-]+) dBi, (?:(?P<width>[\d.e+-]+) x )?"
    r"(?P<height>[\d.e+-]+) deg(?: high)?(?:, (?P<tilt>-?[\d.e+-]+) deg electrical tilt)?"
)
_TILT = re.compile(r"(?:, -?[\d.e+-]+ deg electrical tilt| \+-?[\d.e+-]+ deg)$")
_TILTED = re.compile(r"(?P<file>.+) \+(?P<tilt>-?[\d.e+-]+) deg")

PLAIN_COLUMNS = (
    "cell_id", "site_id", "site_name", "operator", "technology", "lat_deg", "lon_deg",
    "azimuth_deg", "height_agl_m", "mechanical_downtilt_deg", "electrical_downtilt_deg",
    "additional_electrical_downtilt_deg", "antenna", "antenna_gain_dbi",
    "horizontal_beamwidth_deg", "vertical_beamwidth_deg", "band", "freq_mhz", "bandwidth_mhz",
    "subcarrier_spacing_khz", "physical_cell_id", "total_power_dbm", "reference_signal_boost_db",
    "feeder_loss_db", "noise_figure_db", "downlink_load", "uplink_noise_rise_db", "radius_m",
    "listed_ground_m", "backhaul", "power_supply", "uncertain", "on_air_since",
)  # fmt: skip
"""Columns of `plain_rows`; each is called as the field of `aliases.ALIASES` that it holds."""


def parametric_antenna(name: str) -> tuple[str, float, float | None, float, float] | None:
    """Return what the name of a parametric antenna says, None for the name of another one.

    Returns
    -------
    tuple or None
        ``"3gpp"`` or ``"omni"``, gain [dBi], horizontal beamwidth [deg] or None, vertical
        beamwidth [deg], electrical tilt [deg].
    """
    match = _PARAMETRIC.fullmatch(name.strip())
    if match is None or (match["kind"] == "3gpp") != (match["width"] is not None):
        return None
    width = None if match["width"] is None else float(match["width"])
    gain, height = float(match["gain"]), float(match["height"])
    return match["kind"], gain, width, height, float(match["tilt"] or 0.0)


def untilted(name: str) -> str:
    """Return the name of an antenna without the electrical tilt that the plan gave it.

    Examples
    --------
    >>> untilted("3gpp 17 dBi, 65 x 10 deg, 4 deg electrical tilt"), untilted("K742 +3 deg")
    ('3gpp 17 dBi, 65 x 10 deg', 'K742')
    """
    return _TILT.sub("", name.strip())


def plain_rows(network: Network) -> list[list[str]]:
    """Return the rows of a network's cells, in their order, as texts of `PLAIN_COLUMNS`."""
    masts = {mast.mast_id: mast for mast in network.masts}
    return [_row(cell, masts[cell.mast_id]) for cell in network.cells]


def standing_rows(network: Network) -> dict[str, dict[str, str]]:
    """Return cell id to the texts of `PLAIN_COLUMNS` of a network's cells."""
    return {row[0]: dict(zip(PLAIN_COLUMNS, row, strict=True)) for row in plain_rows(network)}


def _row(cell: Cell, mast: Mast) -> list[str]:
    carrier = cell.carrier
    values: dict[str, object] = {
        "cell_id": cell.cell_id,
        "site_id": cell.mast_id,
        "site_name": mast.name,
        "operator": cell.operator,
        "technology": carrier.technology,
        "lat_deg": mast.lat_deg,
        "lon_deg": mast.lon_deg,
        "azimuth_deg": cell.azimuth_deg,
        "height_agl_m": cell.height_agl_m,
        "mechanical_downtilt_deg": cell.mechanical_downtilt_deg,
        "electrical_downtilt_deg": cell.electrical_downtilt_deg,
        "band": carrier.name.split()[0],
        "freq_mhz": carrier.downlink_freq_mhz,
        "bandwidth_mhz": carrier.bandwidth_mhz,
        "subcarrier_spacing_khz": carrier.subcarrier_spacing_khz,
        "physical_cell_id": cell.physical_cell_id,
        "total_power_dbm": cell.total_power_dbm,
        "reference_signal_boost_db": cell.reference_signal_boost_db,
        "feeder_loss_db": cell.feeder_loss_db,
        "noise_figure_db": cell.noise_figure_db,
        "downlink_load": cell.downlink_load,
        "uplink_noise_rise_db": cell.uplink_noise_rise_db,
        "radius_m": cell.radius_m,
        "listed_ground_m": mast.listed_ground_m,
        "backhaul": mast.backhaul,
        "power_supply": mast.power_supply,
        "uncertain": "yes" if cell.uncertain else None,
        "on_air_since": cell.on_air_since,
        **_antenna(cell),
    }
    return [_text(values.get(name)) for name in PLAIN_COLUMNS]


def _antenna(cell: Cell) -> dict[str, object]:
    name = cell.antenna.name
    figures = parametric_antenna(name)
    if figures is not None:
        kind, gain, width, height, tilt = figures
        return {
            "antenna": kind,
            "antenna_gain_dbi": gain,
            "horizontal_beamwidth_deg": width,
            "vertical_beamwidth_deg": height,
            "electrical_downtilt_deg": tilt,
        }
    tilted = _TILTED.fullmatch(name)
    if tilted is not None:
        more = float(tilted["tilt"])
        return {
            "antenna": tilted["file"],
            "additional_electrical_downtilt_deg": more,
            "electrical_downtilt_deg": cell.electrical_downtilt_deg - more,
        }
    return {"antenna": name}


def _text(value: object) -> str:
    """Return a value as text that reads back as the same number."""
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)
