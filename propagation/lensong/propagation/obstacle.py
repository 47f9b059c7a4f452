"""What stands in the way of one pixel: horizons, the Bullington edge, the least clearance.

The pixel's nearest radial answers from running maxima (mast's side), hulls (receiver's side) and a
pruned search (line of sight). It only proposes: heights are read on the pixel's own line
(`lensong.propagation.own_line`), and the greatest of all that was read there decides.
"""

from __future__ import annotations

import numpy as np

from lensong.propagation.block_search import largest_nu
from lensong.propagation.diffraction import bullington_point_nu, nu_one_metre
from lensong.propagation.hull import steepest_from
from lensong.propagation.kernel import greatest_kernel, inlined_kernel
from lensong.propagation.own_line import (
    AT_KM,
    GROUND_OF,
    PER_AT,
    PER_REST,
    SURFACE_OF,
    Receiver,
    propose,
)
from lensong.propagation.radial import (
    DISTANCE_KM,
    GROUND,
    GROUND_M,
    HULL,
    PER_KM,
    STRAIGHT,
    SURFACE_M,
    SURFACE_RARE,
    TX_SLOPE,
    TX_SLOPE_AT,
    Radial,
)
from lensong.propagation.terrain import Rasters
from lensong.propagation.types import FloatArray

__all__ = ["obstacle"]

NEAR_SAMPLES = 16
"""So many of the radial's last samples are each looked at: a ridge near the phone cuts sharply."""

SLACK_STEPS = 0.35
"""How much higher than on the radial, in steps, a sample may be on the own line and be missed."""


_ROUNDING = 1e-9


@greatest_kernel
def _horizons(
    line: FloatArray,
    begin: int,
    end: int,
    row: int,
    tx_m: float,
    receiver: Receiver,
    bulge: float,
    tx_slope: float,
    rx_slope: float,
) -> tuple[float, float]:
    """Return the slopes of the mast's and the receiver's horizons after more of the list."""
    rx_m, path_km = receiver.rx_m, receiver.path_km
    for i in range(begin, end):
        at, height = line[AT_KM, i], line[row, i]
        tx_slope = max(tx_slope, (height - tx_m) * line[PER_AT, i] - bulge * at)
        rx_slope = max(rx_slope, (height - rx_m) * line[PER_REST, i] - bulge * (path_km - at))
    return tx_slope, rx_slope


@greatest_kernel
def _horizons_at(
    line: FloatArray,
    size: int,
    row: int,
    tx_m: float,
    receiver: Receiver,
    bulge: float,
    tx_slope: float,
    rx_slope: float,
) -> tuple[float, float]:
    """Return where both horizons lie: of the mast's the first point on ties, else the last."""
    rx_m, path_km = receiver.rx_m, receiver.path_km
    tx_at, rx_at = path_km, 0.0
    for i in range(size):
        at, height = line[AT_KM, i], line[row, i]
        slope = (height - tx_m) * line[PER_AT, i] - bulge * at
        tx_at = min(tx_at, at if slope >= tx_slope else path_km)
        slope = (height - rx_m) * line[PER_REST, i] - bulge * (path_km - at)
        rx_at = max(rx_at, at if slope >= rx_slope else 0.0)
    return tx_at, rx_at


@greatest_kernel
def _rises_above(
    x: FloatArray,
    height: FloatArray,
    first: int,
    last: int,
    receiver: Receiver,
    lift_m: float,
    bulge: float,
    rx_slope: float,
) -> float:
    """Return by how much the highest of some samples, lifted, cuts the receiver's horizon [m]."""
    most = -np.inf
    for k in range(first, last + 1):
        rest = receiver.path_km - x[k]
        most = max(most, height[k] - (rx_slope + bulge * rest) * rest)
    return most + lift_m - receiver.rx_m


@inlined_kernel
def _least_clearance(
    line: FloatArray,
    begin: int,
    end: int,
    row: int,
    tx_m: float,
    receiver: Receiver,
    curvature: float,
    found: tuple[float, float, float],
) -> tuple[float, float, float]:
    """Return nu, place and height of the point of least clearance after more of the list."""
    nu, nu_at, nu_height = found
    for i in range(begin, end):
        at, height = line[AT_KM, i], line[row, i]
        value = nu_one_metre(height, at, tx_m, receiver.rx_m, receiver.path_km, curvature)
        if value > nu or (value == nu and at > nu_at):
            nu, nu_at, nu_height = value, at, height
    return nu, nu_at, nu_height


@inlined_kernel
def obstacle(
    profile: int,
    radial: Radial,
    rasters: Rasters,
    receiver: Receiver,
    line: FloatArray,
    size: int,
    tx_m: float,
    curvature: float,
) -> tuple[int, bool, float, float, float, float, float, float]:
    """Return what stands in the way of one pixel in one of the three profiles.

    Returns the new size of the list, blocked or not, the diffraction parameter of the Bullington
    edge at a wavelength of 1 m (eqs 15 to 20), the mast's and the receiver's horizon slopes [m/km]
    as running quantities (without the line 500 C D), where both lie [km], and the height of the
    point of least clearance when clear.
    """
    values, samples = radial.values, radial.samples
    path_km, rx_m, last = receiver.path_km, receiver.rx_m, receiver.last
    bulge = 500.0 * curvature  # [m/km²]
    row = GROUND_OF if profile == GROUND else SURFACE_OF
    height_row = GROUND_M if profile == GROUND else SURFACE_M
    slack_m = SLACK_STEPS * 1000.0 * receiver.step_km
    near = max(1, last - NEAR_SAMPLES + 1)

    tx_slope, rx_slope = _horizons(line, 0, size, row, tx_m, receiver, bulge, -np.inf, -np.inf)
    if last > 0:
        at = samples[TX_SLOPE_AT + profile, last]
        if values[TX_SLOPE + profile, last] + slack_m * values[PER_KM, at] >= tx_slope:
            begin = size
            size = propose(line, radial, rasters, receiver, size, at, 1)
            tx_slope, rx_slope = _horizons(
                line, begin, size, row, tx_m, receiver, bulge, tx_slope, rx_slope
            )
    direct = (rx_m - tx_m) / path_km - bulge * path_km
    blocked = tx_slope > direct if profile == GROUND else tx_slope >= direct
    if blocked:
        begin = size
        x, height = values[DISTANCE_KM], values[height_row]
        if last > 0:
            at = steepest_from(
                samples[HULL + profile],
                radial.hull_size[profile],
                x,
                values[STRAIGHT + profile],
                path_km,
                rx_m - bulge * path_km * path_km,
            )
            rest = path_km - x[at]
            if height[at] + slack_m - rx_m > (rx_slope + bulge * rest) * rest:
                size = propose(line, radial, rasters, receiver, size, at, 1)
                tx_slope, rx_slope = _horizons(
                    line, begin, size, row, tx_m, receiver, bulge, tx_slope, rx_slope
                )
                begin = size
        if _rises_above(x, height, near, last, receiver, slack_m, bulge, rx_slope) > 0.0:
            for k in range(near, last + 1):
                rest = path_km - x[k]
                if height[k] + slack_m - rx_m > (rx_slope + bulge * rest) * rest:
                    size = propose(line, radial, rasters, receiver, size, k, 0)
            tx_slope, rx_slope = _horizons(
                line, begin, size, row, tx_m, receiver, bulge, tx_slope, rx_slope
            )
        nu = bullington_point_nu(
            tx_slope + bulge * path_km, rx_slope + bulge * path_km, tx_m, rx_m, path_km
        )
        tx_at, rx_at = path_km, 0.0
        if profile != SURFACE_RARE:
            tx_at, rx_at = _horizons_at(line, size, row, tx_m, receiver, bulge, tx_slope, rx_slope)
        return size, True, nu, tx_slope, rx_slope, tx_at, rx_at, np.nan

    # line of sight: the point of least clearance
    found = (-np.inf, 0.0, np.nan)
    found = _least_clearance(line, 0, size, row, tx_m, receiver, curvature, found)
    if last > 0:
        at = largest_nu(
            values[DISTANCE_KM],
            values[height_row],
            radial.block_max[profile],
            last,
            tx_m,
            rx_m,
            path_km,
            curvature,
            found[0] - _ROUNDING * (1.0 + abs(found[0])),  # ties are for the list to decide
        )[1]
        begin = size
        if at > 0:
            size = propose(line, radial, rasters, receiver, size, at, 1)
            found = _least_clearance(line, begin, size, row, tx_m, receiver, curvature, found)
        begin = size
        for k in range(near, last + 1):
            value = nu_one_metre(
                values[height_row, k] + slack_m,
                values[DISTANCE_KM, k],
                tx_m,
                rx_m,
                path_km,
                curvature,
            )
            if value > found[0]:
                size = propose(line, radial, rasters, receiver, size, k, 0)
        found = _least_clearance(line, begin, size, row, tx_m, receiver, curvature, found)
    back = (tx_m - rx_m) / path_km - bulge * path_km
    return size, False, found[0], direct, back, found[1], found[1], found[2]
