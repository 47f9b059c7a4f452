"""Invented masts and their cells, as rows of a cell plan."""

from __future__ import annotations

import numpy as np
import pyproj
from scipy import ndimage

from lensong.gis_data.demo.relief import Relief
from lensong.gis_data.demo.settlement import Settlement
from lensong.propagation.types import FloatArray

__all__ = ["CELL_COLUMNS", "make_cells"]

CELL_COLUMNS = (
    "site_id",
    "site_name",
    "operator",
    "cell_id",
    "technology",
    "band",
    "lat",
    "lon",
    "height_agl_m",
    "azimuth_deg",
    "mechanical_downtilt_deg",
    "electrical_downtilt_deg",
    "antenna",
    "earfcn",
    "nr_arfcn",
    "bandwidth_mhz",
    "subcarrier_spacing_khz",
    "pci",
    "total_power_dbm",
    "downlink_load",
)

_MASTS = 12
_NEAR_M = 1_300.0  # a mast goes where most people live within this distance
_REACH_M = 2_200.0  # people nearer than this to a mast count as looked after
_CLIMB_M = 250.0  # a mast stands on the highest ground this near to its village
_HEIGHTS_M = (42.0, 36.0, 30.0)
_OPERATORS = ("Mạng Mẫu A (giả lập)", "Mạng Mẫu B (giả lập)")
_N41_MASTS = (0, 1, 3)

# Operator: technology, band, EARFCN or NR-ARFCN, bandwidth [MHz], spacing [kHz], power [dBm].
_MAIN = {
    0: ("4G", "B3", 1300, 20, 15, 46.0),
    1: ("4G", "B3", 1550, 20, 15, 46.0),
}
_LOW = {
    0: ("4G", "B28", 9310, 10, 15, 46.0),
    1: ("4G", "B8", 3625, 10, 15, 46.0),
}
_N41 = ("5G", "n41", 510_000, 60, 30, 49.0)


def make_cells(relief: Relief, settlement: Settlement) -> list[dict[str, str]]:
    """Return the rows of the demo's cell plan, columns as in ``CELL_COLUMNS``."""
    places = _mast_places(relief, settlement)
    to_degrees = pyproj.Transformer.from_crs(relief.grid.crs, "EPSG:4326", always_xy=True)
    rows = []
    for number, (row, col, azimuth_deg) in enumerate(places):
        lon, lat = to_degrees.transform(*relief.grid.easting_northing(row, col))
        owner = 1 if number % 3 == 2 else 0
        carriers = [_MAIN[owner], _LOW[owner]]
        if number in _N41_MASTS:
            carriers.append(_N41)
        for carrier, (technology, band, channel, width_mhz, spacing, power) in enumerate(carriers):
            for sector in range(3):
                is_5g = technology == "5G"
                site = f"MAU-{number + 1:02d}"
                values = (
                    site,
                    f"Trạm Mẫu {number + 1}",
                    _OPERATORS[owner],
                    f"{site}-{band}-{sector + 1}",
                    technology,
                    band,
                    f"{lat:.6f}",
                    f"{lon:.6f}",
                    f"{_HEIGHTS_M[number % 3]:g}",
                    f"{(azimuth_deg + 120 * sector) % 360:g}",
                    "3",
                    "4" if is_5g else "2",
                    "3gpp",
                    "" if is_5g else str(channel),
                    str(channel) if is_5g else "",
                    str(width_mhz),
                    str(spacing),
                    str((number * 9 + carrier * 3 + sector) % 504),
                    f"{power:g}",
                    "0.2",
                )
                rows.append(dict(zip(CELL_COLUMNS, values, strict=True)))
    return rows


def _mast_places(relief: Relief, settlement: Settlement) -> list[tuple[int, int, int]]:
    """Return row, column and first azimuth [deg] of each mast, the most people first.

    A mast goes to the village with the most people in reach whom no mast looks after yet, and
    there to the highest ground near by.
    """
    cell_m = relief.grid.cell_m
    centres = np.array([(v.row, v.col) for v in settlement.villages], dtype=np.float64)
    people = np.array([v.people for v in settlement.villages], dtype=np.float64)
    apart = cell_m * np.hypot(*(centres[:, None, :] - centres[None, :, :]).transpose(2, 0, 1))
    places = []
    for _ in range(_MASTS):
        village = int(np.argmax((apart < _NEAR_M) @ people))
        row, col = _summit(
            relief, settlement.villages[village].row, settlement.villages[village].col
        )
        away = cell_m * np.hypot(centres[:, 0] - row, centres[:, 1] - col)
        places.append((row, col, _azimuth_deg(centres, people * (away < _REACH_M), row, col)))
        people = np.where(away < _REACH_M, 0.0, people)
    return places


def _summit(relief: Relief, row: int, col: int) -> tuple[int, int]:
    reach = round(_CLIMB_M / relief.grid.cell_m)
    window = ndimage.uniform_filter(
        relief.ground_m[row - reach : row + reach + 1, col - reach : col + reach + 1], 3
    )
    away = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1])
    best = int(np.argmax(np.where(away <= reach, window, -np.inf)))
    return row - reach + best // window.shape[1], col - reach + best % window.shape[1]


def _azimuth_deg(centres: FloatArray, people: FloatArray, row: int, col: int) -> int:
    """Return the direction of most people, in steps of 10 degrees."""
    north = float(((row - centres[:, 0]) * people).sum())
    east = float(((centres[:, 1] - col) * people).sum())
    return int(round(np.degrees(np.arctan2(east, north)) / 10.0) * 10) % 360
