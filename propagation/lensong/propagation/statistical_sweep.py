"""Maps by models that know distance and heights alone.

They see no terrain: behind a ridge the loss is what it would be on a plain. Against a model that
follows the ground they show what the ground does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lensong.propagation.p1812_terms import median_earth_radius_km
from lensong.propagation.sampling import bilinear

if TYPE_CHECKING:
    from lensong.propagation.model import DistanceLoss, Map, MapModel
    from lensong.propagation.pixel_order import PixelOrder

__all__ = ["map_by_distance"]

ROWS_AT_ONCE = 256
"""Keeps the temporary arrays of a wide map small."""


def map_by_distance(loss: DistanceLoss) -> MapModel:
    """Return the map model of a loss by distance.

    A pixel is NaN beyond the radius, without elevation, and where the loss is. Diffraction is 0
    and the departure angle is that of the straight line to the receiver over the effective Earth.
    """

    def draw(chart: Map, order: PixelOrder) -> None:
        del order  # that of the pixels does not matter here
        for carrier in range(len(chart.requests)):
            _fill(loss, chart, carrier)

    return draw


def _fill(loss: DistanceLoss, chart: Map, carrier: int) -> None:
    """Fill the layers of one carrier row by row."""
    request, cell_m = chart.requests[carrier], chart.terrain.cell_m
    layers = chart.layers
    rows, cols = layers.departure_deg.shape
    ground = np.asarray(chart.terrain.ground_m, dtype=np.float32)
    tx_m = bilinear(ground, request.row, request.col) + request.tx_height_agl_m
    right_m = (np.arange(cols) + chart.col0 - request.col) * cell_m
    earth_m = 1000.0 * median_earth_radius_km(request.delta_n_per_km)
    for start in range(0, rows, ROWS_AT_ONCE):
        part = slice(start, min(start + ROWS_AT_ONCE, rows))
        down_m = (np.arange(part.start, part.stop) + chart.row0 - request.row) * cell_m
        distance = np.hypot(down_m[:, None], right_m[None, :])
        window = ground[
            chart.row0 + part.start : chart.row0 + part.stop, chart.col0 : chart.col0 + cols
        ]
        missing = (distance > request.radius_m) | np.isnan(window)
        distance = np.where(missing, np.nan, distance)
        rise = window + request.rx_height_agl_m - tx_m
        slant = np.hypot(distance, rise)
        slope = np.arctan2(rise - distance**2 / (2.0 * earth_m), distance)
        layers.path_loss_db[carrier, part] = loss(distance, slant, request.link())
        layers.departure_deg[part] = np.degrees(slope)
        zero = np.where(missing, np.nan, 0.0)
        layers.diffraction_db[carrier, part] = zero
        layers.terrain_db[carrier, part] = zero
