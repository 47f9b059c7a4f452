"""What stands in the way of one pixel: horizons, the Bullington edge, the least clearance.

The pixel's nearest radial answers from running maxima (mast's side), hulls (receiver's side) and a
pruned search (line of sight). It only proposes: heights are read on the pixel's own line
(`lensong.propagation.own_line`), and the greatest of all that was read there decides.
"""

from __future__ import annotations

import numpy as np

from lensong.propagation.block_search import largest_nu
from lensong.propagation.diffraction import bullington_point_nu, nu_one_metre
from lensong.propagation.hull import corner_steepest_from
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
from lensong.propagation.place import place
from lensong.propagation.radial import (
    DISTANCE_KM,
    GROUND,
    GROUND_M,
    HULL,
    PER_KM,
    READ_FOR,
    STRAIGHT,
    SURFACE_M,
    TX_SLOPE,
    TX_SLOPE_AT,
    Radial,
)
from lensong.propagation.terrain import Rasters
from lensong.propagation.types import FloatArray

__all__ = ["horizons_at", "obstacle"]

NEAR_SAMPLES = 16
"""So many of the radial's last samples are each looked at: a ridge near the phone cuts sharply."""

OTHER_RIDGES = 3
"""So many corners of the hull, to either side of the best, may be the horizon on the own line."""

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
    for i in range(place(begin), end):
        at, height = line[AT_KM, i], line[row, i]
        tx_slope = max(tx_slope, (height - tx_m) * line[PER_AT, i] - bulge * at)
        rx_slope = max(rx_slope, (height - rx_m) * line[PER_REST, i] - bulge * (path_km - at))
    return tx_slope, rx_slope


@greatest_kernel
def horizons_at(
    line: FloatArray,
    size: int,
    row: int,
    tx_m: float,
    receiver: Receiver,
    bulge: float,
    tx_slope: float,
    rx_slope: float,
) -> tuple[float, float]:
    """Return where both horizons lie [km]: of the mast's the first point on ties, else the last."""
    rx_m, path_km = receiver.rx_m, receiver.path_km
    tx_at, rx_at = path_km, 0.0
    for i in range(size):
        at, height = line[AT_KM, i], line[row, i]
        slope = (height - tx_m) * line[PER_AT, i] - bulge * at
        tx_at = min(tx_at, at if slope >= tx_slope else path_km)
        slope = (height - rx_m) * line[PER_REST, i] - bulge * (path_km - at)
        rx_at = max(rx_at, at if slope >= rx_slope else 0.0)
    return tx_at, rx_at


@inlined_kernel
def _rises(
    height_m: float, at_km: float, receiver: Receiver, bulge: float, rx_slope: float
) -> bool:
    """Tell whether a point cuts the receiver's horizon."""
    rest = receiver.path_km - at_km
    return height_m - receiver.rx_m > (rx_slope + bulge * rest) * rest


@inlined_kernel
def _some_rise(
    x: FloatArray,
    height: FloatArray,
    near: int,
    last: int,
    receiver: Receiver,
    slack_m: float,
    bulge: float,
    rx_slope: float,
) -> bool:
    """Tell whether any of the radial's last samples, lifted, cuts the receiver's horizon."""
    found = 0
    if last - near + 1 == NEAR_SAMPLES:  # a loop of a known length, several samples at once
        for i in range(NEAR_SAMPLES):
            k = place(near + i)
            found += 1 if _rises(height[k] + slack_m, x[k], receiver, bulge, rx_slope) else 0
        return found > 0
    for k in range(near, last + 1):
        found += 1 if _rises(height[k] + slack_m, x[k], receiver, bulge, rx_slope) else 0
    return found > 0


@inlined_kernel
def _cut(
    height_m: float, at: float, per_both: float, tx_m: float, receiver: Receiver, bulge: float
) -> float:
    """Return what orders points as their diffraction parameter does, eq. (15).

    It is that, squared with its sign, but for what the path has in all its points: no root and no
    division for a point that does not decide.
    """
    rest = receiver.path_km - at
    line_m = (tx_m * rest + receiver.rx_m * at) * receiver.per_path
    above_m = height_m + bulge * at * rest - line_m
    return above_m * abs(above_m) * per_both


@greatest_kernel
def _deepest_cut(
    line: FloatArray,
    begin: int,
    end: int,
    row: int,
    tx_m: float,
    receiver: Receiver,
    bulge: float,
    deepest: float,
) -> float:
    """Return the greatest `_cut` after more of the list."""
    for i in range(place(begin), end):
        per_both = line[PER_AT, i] * line[PER_REST, i]
        cut = _cut(line[row, i], line[AT_KM, i], per_both, tx_m, receiver, bulge)
        deepest = max(deepest, cut)
    return deepest


@inlined_kernel
def _clearance(
    line: FloatArray,
    size: int,
    row: int,
    tx_m: float,
    receiver: Receiver,
    curvature: float,
    deepest: float,
) -> tuple[float, float, float]:
    """Return nu, place and height of the last point of the list that cuts deepest."""
    nu, nu_at, nu_height = -np.inf, 0.0, np.nan
    near = deepest - _ROUNDING * abs(deepest)  # of two as deep the parameter itself decides
    for i in range(size):
        at, height = line[AT_KM, i], line[row, i]
        per_both = line[PER_AT, i] * line[PER_REST, i]
        cut = _cut(height, at, per_both, tx_m, receiver, 500.0 * curvature)
        if cut >= near:
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
) -> tuple[int, bool, float, float, float, float, float]:
    """Return what stands in the way of one pixel in one of the three profiles.

    Returns the new size of the list, blocked or not, the diffraction parameter of the Bullington
    edge at a wavelength of 1 m (eqs 15 to 20), the mast's and the receiver's horizon slopes [m/km]
    as running quantities (without the line 500 C D), and when clear where the point of least
    clearance lies [km] and how high it is.
    """
    values, samples = radial.values, radial.samples
    path_km, rx_m, last = receiver.path_km, receiver.rx_m, place(receiver.last)
    bulge = 500.0 * curvature  # [m/km²]
    row = GROUND_OF if profile == GROUND else SURFACE_OF
    height_row = GROUND_M if profile == GROUND else SURFACE_M
    slack_m = SLACK_STEPS * 1000.0 * receiver.step_km
    near = place(max(1, last - NEAR_SAMPLES + 1))

    tx_slope, rx_slope = _horizons(line, 0, size, row, tx_m, receiver, bulge, -np.inf, -np.inf)
    if last > 0:
        at = place(samples[TX_SLOPE_AT + profile, last])
        if values[TX_SLOPE + profile, last] + slack_m * values[PER_KM, at] >= tx_slope:
            begin = size
            size = propose(line, radial, rasters, receiver, size, at, 1, READ_FOR)
            tx_slope, rx_slope = _horizons(
                line, begin, size, row, tx_m, receiver, bulge, tx_slope, rx_slope
            )
    direct = (rx_m - tx_m) / path_km - bulge * path_km
    blocked = tx_slope > direct if profile == GROUND else tx_slope >= direct
    if blocked:
        begin = size
        x, height = values[DISTANCE_KM], values[height_row]
        if last > 0:
            hull, corners = samples[HULL + profile], radial.hull_size[profile]
            corner = corner_steepest_from(
                hull,
                corners,
                x,
                values[STRAIGHT + profile],
                path_km,
                rx_m - bulge * path_km * path_km,
            )
            at = place(hull[corner])
            if _rises(height[at] + slack_m, x[at], receiver, bulge, rx_slope):
                size = propose(line, radial, rasters, receiver, size, at, 1, READ_FOR)
                tx_slope, rx_slope = _horizons(
                    line, begin, size, row, tx_m, receiver, bulge, tx_slope, rx_slope
                )
                begin = size
                # a ridge that is nearly as high, nearer or farther, may be the higher one there
                for side in range(-1, 2, 2):
                    for step in range(1, OTHER_RIDGES + 1):
                        beside = corner + side * step
                        if not 0 <= beside < corners:
                            break
                        at = place(hull[beside])
                        if not _rises(height[at] + slack_m, x[at], receiver, bulge, rx_slope):
                            break
                        size = propose(line, radial, rasters, receiver, size, at, 1, READ_FOR)
        if _some_rise(x, height, near, last, receiver, slack_m, bulge, rx_slope):
            for k in range(near, last + 1):
                if _rises(height[k] + slack_m, x[k], receiver, bulge, rx_slope):
                    size = propose(line, radial, rasters, receiver, size, k, 0, READ_FOR)
        tx_slope, rx_slope = _horizons(
            line, begin, size, row, tx_m, receiver, bulge, tx_slope, rx_slope
        )
        nu = bullington_point_nu(
            tx_slope + bulge * path_km, rx_slope + bulge * path_km, tx_m, rx_m, path_km
        )
        return size, True, nu, tx_slope, rx_slope, np.nan, np.nan

    # line of sight: the point of least clearance
    deepest = _deepest_cut(line, 0, size, row, tx_m, receiver, bulge, -np.inf)
    if last > 0:
        scale = 0.002 * path_km
        least = np.sqrt(scale * abs(deepest)) * np.sign(deepest)
        at = largest_nu(
            values[DISTANCE_KM],
            values[height_row],
            radial.block_max[profile],
            last,
            tx_m,
            rx_m,
            path_km,
            curvature,
            least - _ROUNDING * (1.0 + abs(least)),  # ties are for the list to decide
        )[1]
        begin = size
        if at > 0:
            size = propose(line, radial, rasters, receiver, size, at, 1, READ_FOR)
            deepest = _deepest_cut(line, begin, size, row, tx_m, receiver, bulge, deepest)
        begin = size
        for k in range(near, last + 1):
            x_km = values[DISTANCE_KM, k]
            height_m = values[height_row, k] + slack_m
            if _cut(height_m, x_km, 1.0, tx_m, receiver, bulge) > deepest * x_km * (path_km - x_km):
                size = propose(line, radial, rasters, receiver, size, k, 0, READ_FOR)
        deepest = _deepest_cut(line, begin, size, row, tx_m, receiver, bulge, deepest)
    nu, at_km, height_m = _clearance(line, size, row, tx_m, receiver, curvature, deepest)
    back = (tx_m - rx_m) / path_km - bulge * path_km
    return size, False, nu, direct, back, at_km, height_m
