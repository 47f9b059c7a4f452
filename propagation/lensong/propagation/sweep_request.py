"""What a sweep is asked: one mast, height and frequency, and how far to look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.link import Climate, Link
from lensong.propagation.pixel_order import (
    OWN_SAMPLES,
    RADIALS_PER_CELL,
    PixelOrder,
    order_pixels,
    own_samples,
)
from lensong.propagation.terminal import TERMINAL_CLEARING_M, check_clearing
from lensong.propagation.terrain import Terrain

__all__ = ["Site", "SweepRequest", "pixel_order", "window"]


class Site(NamedTuple):
    """Where a sweep stands, as kernels read it.

    ``row``, ``col`` of the mast, the side of a cell, the change of latitude by row and column, and
    the raster position of the result's top left cell.
    """

    row: float
    col: float
    cell_m: float
    lat_per_row_deg: float
    lat_per_col_deg: float
    row0: int
    col0: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """One mast, height and frequency, and how far to look.

    Parameters
    ----------
    row, col : float
        Fractional position of the mast; integers are cell centres.
    tx_height_agl_m, rx_height_agl_m : float
        Above ground [m].
    freq_mhz : float
        [MHz]. Frequency and heights must lie in the range of the model, which `sweep` checks.
    radius_m : float
        250 or more [m].
    delta_n_per_km, n0 : float
        Refractivity lapse rate [N-units/km], positive, and sea-level refractivity [N-units].
    time_percent : float
        Share of time for which the loss is not exceeded [%].
    polarization : {"vertical", "horizontal"}
    tx_lat_deg, lat_per_row_deg, lat_per_col_deg : float
        Latitude at the mast and its change per cell; only the climate of a path needs it.
    tx_coast_distance_m, rx_coast_distance_m : float
        Distance to the coast [m].
    terminal_clearing_m : float
        Clutter nearer than this to either antenna does not count, 0 to 500 [m]. See
        `lensong.propagation.terminal`.
    """

    row: float
    col: float
    tx_height_agl_m: float
    rx_height_agl_m: float
    freq_mhz: float
    radius_m: float
    delta_n_per_km: float
    n0: float
    time_percent: float = 50.0
    polarization: Literal["vertical", "horizontal"] = "vertical"
    tx_lat_deg: float
    lat_per_row_deg: float = 0.0
    lat_per_col_deg: float = 0.0
    tx_coast_distance_m: float = 500e3
    rx_coast_distance_m: float = 500e3
    terminal_clearing_m: float = TERMINAL_CLEARING_M

    def __post_init__(self) -> None:
        for name, low, high in (
            ("tx_height_agl_m", 0.5, 100_000.0),
            ("rx_height_agl_m", 0.5, 100_000.0),
            ("freq_mhz", 1.0, 1_000_000.0),
            ("radius_m", 250.0, 1_000_000.0),
            ("time_percent", 0.001, 99.999),
            ("delta_n_per_km", 0.0, 150.0),
            ("n0", 100.0, 500.0),
            ("tx_lat_deg", -90.0, 90.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise OutOfRangeError(name, value, low, high)
        check_clearing(self.terminal_clearing_m)
        if self.polarization not in ("vertical", "horizontal"):
            raise InvalidInputError(
                f"polarization is {self.polarization!r}, wanted 'vertical' or 'horizontal'"
            )

    def link(self) -> Link:
        """Return carrier and antennas."""
        return Link(
            float(self.freq_mhz),
            float(self.tx_height_agl_m),
            float(self.rx_height_agl_m),
            self.polarization == "horizontal",
        )

    def climate(self) -> Climate:
        """Return the air, with the latitude of the mast."""
        return Climate(
            float(self.delta_n_per_km),
            float(self.n0),
            float(self.time_percent),
            float(self.tx_lat_deg),
            self.tx_coast_distance_m / 1000.0,
            self.rx_coast_distance_m / 1000.0,
        )

    def site(self, cell_m: float, row0: int, col0: int) -> Site:
        """Return where the mast stands on cells of a size, and a window's top left cell."""
        return Site(
            float(self.row),
            float(self.col),
            float(cell_m),
            float(self.lat_per_row_deg),
            float(self.lat_per_col_deg),
            row0,
            col0,
        )


def window(request: SweepRequest, terrain: Terrain) -> tuple[int, int, int, int]:
    """Return row0, col0, rows, cols of the cells within the radius."""
    rows, cols = terrain.ground_m.shape
    reach = request.radius_m / terrain.cell_m
    row0 = max(0, int(np.ceil(request.row - reach)))
    col0 = max(0, int(np.ceil(request.col - reach)))
    row1 = min(rows, int(np.floor(request.row + reach)) + 1)
    col1 = min(cols, int(np.floor(request.col + reach)) + 1)
    return row0, col0, max(0, row1 - row0), max(0, col1 - col0)


def pixel_order(
    request: SweepRequest,
    terrain: Terrain,
    radials_per_cell: float = RADIALS_PER_CELL,
    least_own_samples: int = OWN_SAMPLES,
) -> PixelOrder:
    """Return the order in which a sweep serves its pixels.

    It depends only on the mast's position, the radius and, with clutter, the clearing around
    antennas: carriers of one mast may share it. The last two are those of the model.
    """
    row0, col0, rows, cols = window(request, terrain)
    clearing_m = 0.0 if terrain.clutter_m is None else request.terminal_clearing_m
    return order_pixels(
        request.row,
        request.col,
        row0,
        col0,
        rows,
        cols,
        request.radius_m / terrain.cell_m,
        float(terrain.cell_m),
        own_samples(clearing_m, terrain.cell_m, least_own_samples),
        radials_per_cell,
    )
