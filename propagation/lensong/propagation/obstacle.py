"""What stands in the way of one pixel: horizons, the Bullington edge, the least clearance.

The pixel's profile is its nearest radial up to `Receiver.last`, then its own samples. The radial
answers from running maxima (mast's side), hulls (receiver's side) and a pruned search (line of
sight); own samples join by plain maxima. Where the radial's sample decides, it is read again on
the pixel's own line, mast to pixel centre, before it is compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from lensong.propagation.block_search import largest_nu
from lensong.propagation.diffraction import bullington_point_nu, nu_at
from lensong.propagation.hull import steepest_from
from lensong.propagation.radial import Radial, Rasters, read_point
from lensong.propagation.types import FloatArray

__all__ = ["BARE_HULL", "GROUND", "SURFACE", "SURFACE_RARE", "Receiver", "obstacle"]

SURFACE, SURFACE_RARE, GROUND, BARE_HULL = 0, 1, 2, 3
"""Profiles, by their hull: with clutter, the same for the Earth of beta0, bare ground on the
median Earth, and bare ground on a flat Earth (which only the smooth-Earth fit asks)."""


class Receiver(NamedTuple):
    """One pixel: where it is and its own samples, nearest to the mast first."""

    path_km: float
    rx_m: float
    row: float  # the mast's position and the step toward this pixel, in cells
    col: float
    d_row: float
    d_col: float
    last: int  # last sample of the radial that counts; 0 none
    own_km: FloatArray
    own_ground_m: FloatArray
    own_surface_m: FloatArray
    own_count: int


@njit(cache=True, nogil=True)
def own_height(
    receiver: Receiver, rasters: Rasters, at_km: float, step_km: float, kind: int
) -> float:
    """Return the height of the wanted profile on the pixel's own line."""
    steps = at_km / step_km
    ground, surface = read_point(
        rasters, receiver.row + steps * receiver.d_row, receiver.col + steps * receiver.d_col
    )
    return ground if kind == GROUND else surface


@njit(cache=True, nogil=True)
def obstacle(
    kind: int,
    radial: Radial,
    rasters: Rasters,
    receiver: Receiver,
    tx_m: float,
    curvature: float,
    wavelength: float,
) -> tuple[bool, float, float, float, float, float, float]:
    """Return what stands in the way of one pixel in one of the three profiles.

    Returns blocked or not, the diffraction parameter of the Bullington edge (eqs 15 to 20), the
    mast's and the receiver's horizon slopes [m/km] as running quantities (without the line
    500 C D), where both lie [km], and the height of the point of least clearance when clear.
    """
    if kind == SURFACE:
        height, y, blocks = radial.surface_m, radial.surface_y, radial.surface_blocks
        run, run_at, hull = radial.tx_slope, radial.tx_slope_at, radial.surface_hull
    elif kind == SURFACE_RARE:
        height, y, blocks = radial.surface_m, radial.surface_rare_y, radial.surface_rare_blocks
        run, run_at, hull = radial.tx_slope_rare, radial.tx_slope_rare_at, radial.surface_rare_hull
    else:
        height, y, blocks = radial.ground_m, radial.ground_y, radial.ground_blocks
        run, run_at, hull = radial.tx_slope_bare, radial.tx_slope_bare_at, radial.ground_hull
    size = radial.hull_sizes[kind]
    x = radial.distance_km
    step_km = x[1]
    path_km, rx_m, last = receiver.path_km, receiver.rx_m, receiver.last
    bulge = 500.0 * curvature  # [m/km²]
    own = receiver.own_ground_m if kind == GROUND else receiver.own_surface_m

    # horizon of the mast: own samples against the radial's running maximum
    tx_slope, tx_at = -np.inf, 0.0
    for i in range(receiver.own_count):
        at = receiver.own_km[i]
        slope = (own[i] - tx_m) / at - bulge * at
        if slope > tx_slope:
            tx_slope, tx_at = slope, at
    again_tx, again_tx_m = 0, 0.0
    if last > 0 and run[last] >= tx_slope:
        again_tx = run_at[last]
        at = x[again_tx]
        again_tx_m = own_height(receiver, rasters, at, step_km, kind)
        slope = (again_tx_m - tx_m) / at - bulge * at
        if slope >= tx_slope:
            tx_slope, tx_at = slope, at

    direct = (rx_m - tx_m) / path_km - bulge * path_km
    blocked = tx_slope > direct if kind == GROUND else tx_slope >= direct
    if blocked:
        # horizon of the receiver: own samples, then the tangent to the radial's hull
        rx_slope, rx_at = -np.inf, 0.0
        for i in range(receiver.own_count):
            at = receiver.own_km[i]
            slope = (own[i] - rx_m) / (path_km - at) - bulge * (path_km - at)
            if slope >= rx_slope:
                rx_slope, rx_at = slope, at
        if last > 0:
            again_rx = steepest_from(hull, size, x, y, path_km, rx_m - bulge * path_km * path_km)
            at = x[again_rx]
            rest = path_km - at
            if (height[again_rx] - rx_m) / rest - bulge * rest > rx_slope:
                if again_rx == again_tx:
                    again_rx_m = again_tx_m
                else:
                    again_rx_m = own_height(receiver, rasters, at, step_km, kind)
                slope = (again_rx_m - rx_m) / rest - bulge * rest
                if slope > rx_slope:
                    rx_slope, rx_at = slope, at
                # each end may also see the other's obstacle, or the edge could leave the path
                slope = (again_rx_m - tx_m) / at - bulge * at
                if slope > tx_slope:
                    tx_slope, tx_at = slope, at
        if again_tx > 0:
            at = x[again_tx]
            rest = path_km - at
            slope = (again_tx_m - rx_m) / rest - bulge * rest
            if slope > rx_slope:
                rx_slope, rx_at = slope, at
        nu = bullington_point_nu(
            tx_slope + bulge * path_km, rx_slope + bulge * path_km, tx_m, rx_m, path_km, wavelength
        )
        return True, nu, tx_slope, rx_slope, tx_at, rx_at, np.nan

    # line of sight: the point of least clearance, in wavelengths
    nu, nu_at_km, nu_height = -np.inf, 0.0, np.nan
    if again_tx > 0:
        at = x[again_tx]
        nu = nu_at(again_tx_m, at, tx_m, rx_m, path_km, curvature, wavelength)
        nu_at_km, nu_height = at, again_tx_m
    if last > 0:
        best, point = largest_nu(
            x, height, blocks, last, tx_m, rx_m, path_km, curvature, wavelength, run_at[last]
        )
        own_best = -np.inf
        for i in range(receiver.own_count):
            own_best = max(
                own_best,
                nu_at(own[i], receiver.own_km[i], tx_m, rx_m, path_km, curvature, wavelength),
            )
        if best > own_best and point != again_tx:
            at = x[point]
            point_m = own_height(receiver, rasters, at, step_km, kind)
            value = nu_at(point_m, at, tx_m, rx_m, path_km, curvature, wavelength)
            if value > nu or (value == nu and at > nu_at_km):
                nu, nu_at_km, nu_height = value, at, point_m
    for i in range(receiver.own_count):
        at = receiver.own_km[i]
        value = nu_at(own[i], at, tx_m, rx_m, path_km, curvature, wavelength)
        if value >= nu:
            nu, nu_at_km, nu_height = value, at, own[i]
    back = (tx_m - rx_m) / path_km - bulge * path_km
    return False, nu, direct, back, nu_at_km, nu_at_km, nu_height
