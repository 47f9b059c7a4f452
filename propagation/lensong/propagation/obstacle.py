"""What stands in the way of one pixel: horizons, the Bullington edge, the least clearance.

The pixel's profile is its nearest radial up to `Receiver.last`, then its own samples. The radial
answers from running maxima (mast's side), hulls (receiver's side) and a pruned search (line of
sight); own samples join by plain maxima, and so do the points of the surface at the rims of the
clearings around both antennas. Where the radial's sample decides, it is read again on
the pixel's own line, mast to pixel centre, before it is compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lensong.propagation.block_search import largest_nu
from lensong.propagation.diffraction import bullington_point_nu, nu_one_metre
from lensong.propagation.hull import steepest_from
from lensong.propagation.kernel import kernel
from lensong.propagation.radial import (
    DISTANCE_KM,
    GROUND,
    GROUND_M,
    HULL,
    STRAIGHT,
    SURFACE_M,
    TX_SLOPE,
    TX_SLOPE_AT,
    Radial,
    read_point,
)
from lensong.propagation.sampling import bilinear
from lensong.propagation.terrain import Rasters
from lensong.propagation.types import FloatArray

__all__ = ["OWN_GROUND", "OWN_KM", "OWN_SURFACE", "Receiver", "obstacle"]

# rows of ``Receiver.own``
OWN_KM, OWN_GROUND, OWN_SURFACE = 0, 1, 2


class Receiver(NamedTuple):
    """One pixel: where it is and its own samples, nearest to the mast first."""

    path_km: float
    rx_m: float
    row: float  # the mast's position and the step toward this pixel, in cells
    col: float
    d_row: float
    d_col: float
    last: int  # last sample of the radial that counts; 0 none
    own: FloatArray  # rows OWN_KM, OWN_GROUND, OWN_SURFACE
    own_count: int
    surface_count: int  # own samples of the surface: those, then the rims of the clearings
    bare_samples: int  # of the radial: so many from the mast stand in its clearing


@kernel
def own_height(receiver: Receiver, rasters: Rasters, sample: int, profile: int) -> float:
    """Return the height of the wanted profile on the pixel's own line."""
    row, col = receiver.row + sample * receiver.d_row, receiver.col + sample * receiver.d_col
    if profile == GROUND or sample <= receiver.bare_samples:
        return bilinear(rasters.ground_m, row, col)
    return read_point(rasters, row, col)[1]


@kernel
def obstacle(
    profile: int,
    radial: Radial,
    rasters: Rasters,
    receiver: Receiver,
    tx_m: float,
    curvature: float,
) -> tuple[bool, float, float, float, float, float, float]:
    """Return what stands in the way of one pixel in one of the three profiles.

    Returns blocked or not, the diffraction parameter of the Bullington edge at a wavelength of 1 m
    (eqs 15 to 20), the mast's and the receiver's horizon slopes [m/km] as running quantities
    (without the line 500 C D), where both lie [km], and the height of the point of least clearance
    when clear.
    """
    values, samples = radial.values, radial.samples
    path_km, rx_m, last = receiver.path_km, receiver.rx_m, receiver.last
    bulge = 500.0 * curvature  # [m/km²]
    own = receiver.own
    own_count = receiver.own_count if profile == GROUND else receiver.surface_count
    own_row = OWN_GROUND if profile == GROUND else OWN_SURFACE
    height_row = GROUND_M if profile == GROUND else SURFACE_M

    # horizon of the mast: own samples against the radial's running maximum
    tx_slope, tx_at = -np.inf, 0.0
    for i in range(own_count):
        at = own[OWN_KM, i]
        slope = (own[own_row, i] - tx_m) / at - bulge * at
        if slope > tx_slope:
            tx_slope, tx_at = slope, at
    again_tx, again_tx_m = 0, 0.0
    if last > 0 and values[TX_SLOPE + profile, last] >= tx_slope:
        again_tx = samples[TX_SLOPE_AT + profile, last]
        at = values[DISTANCE_KM, again_tx]
        again_tx_m = own_height(receiver, rasters, again_tx, profile)
        slope = (again_tx_m - tx_m) / at - bulge * at
        if slope >= tx_slope:
            tx_slope, tx_at = slope, at

    direct = (rx_m - tx_m) / path_km - bulge * path_km
    blocked = tx_slope > direct if profile == GROUND else tx_slope >= direct
    if blocked:
        # horizon of the receiver: own samples, then the tangent to the radial's hull
        rx_slope, rx_at = -np.inf, 0.0
        for i in range(own_count):
            at = own[OWN_KM, i]
            slope = (own[own_row, i] - rx_m) / (path_km - at) - bulge * (path_km - at)
            if slope >= rx_slope:
                rx_slope, rx_at = slope, at
        if last > 0:
            again_rx = steepest_from(
                samples[HULL + profile],
                radial.hull_size[profile],
                values[DISTANCE_KM],
                values[STRAIGHT + profile],
                path_km,
                rx_m - bulge * path_km * path_km,
            )
            at = values[DISTANCE_KM, again_rx]
            rest = path_km - at
            if (values[height_row, again_rx] - rx_m) / rest - bulge * rest > rx_slope:
                if again_rx == again_tx:
                    again_rx_m = again_tx_m
                else:
                    again_rx_m = own_height(receiver, rasters, again_rx, profile)
                slope = (again_rx_m - rx_m) / rest - bulge * rest
                if slope > rx_slope:
                    rx_slope, rx_at = slope, at
                # each end may also see the other's obstacle, or the edge could leave the path
                slope = (again_rx_m - tx_m) / at - bulge * at
                if slope > tx_slope:
                    tx_slope, tx_at = slope, at
        if again_tx > 0:
            at = values[DISTANCE_KM, again_tx]
            rest = path_km - at
            slope = (again_tx_m - rx_m) / rest - bulge * rest
            if slope > rx_slope:
                rx_slope, rx_at = slope, at
        nu = bullington_point_nu(
            tx_slope + bulge * path_km, rx_slope + bulge * path_km, tx_m, rx_m, path_km
        )
        return True, nu, tx_slope, rx_slope, tx_at, rx_at, np.nan

    # line of sight: the point of least clearance
    nu, nu_at_km, nu_height = -np.inf, 0.0, np.nan
    if again_tx > 0:
        at = values[DISTANCE_KM, again_tx]
        nu = nu_one_metre(again_tx_m, at, tx_m, rx_m, path_km, curvature)
        nu_at_km, nu_height = at, again_tx_m
    if last > 0:
        best, point = largest_nu(
            values[DISTANCE_KM],
            values[height_row],
            radial.block_max[profile],
            last,
            tx_m,
            rx_m,
            path_km,
            curvature,
            samples[TX_SLOPE_AT + profile, last],
        )
        own_best = -np.inf
        for i in range(own_count):
            own_best = max(
                own_best,
                nu_one_metre(own[own_row, i], own[OWN_KM, i], tx_m, rx_m, path_km, curvature),
            )
        if best > own_best and point != again_tx:
            at = values[DISTANCE_KM, point]
            point_m = own_height(receiver, rasters, point, profile)
            value = nu_one_metre(point_m, at, tx_m, rx_m, path_km, curvature)
            if value > nu or (value == nu and at > nu_at_km):
                nu, nu_at_km, nu_height = value, at, point_m
    for i in range(own_count):
        at = own[OWN_KM, i]
        value = nu_one_metre(own[own_row, i], at, tx_m, rx_m, path_km, curvature)
        if value >= nu:
            nu, nu_at_km, nu_height = value, at, own[own_row, i]
    back = (tx_m - rx_m) / path_km - bulge * path_km
    return False, nu, direct, back, nu_at_km, nu_at_km, nu_height
