"""P.1812 at one pixel of a sweep: its geometry once, then its loss on every carrier.

What a ray meets does not depend on its frequency: horizons, the Bullington point, the point of
least clearance and the smooth Earth are found once (`pixel_geometry`). The frequency enters where
obstacles are turned into decibels (`pixel_loss`): a diffraction parameter is that at 1 m wavelength
divided by the root of the wavelength. So no carrier's number depends on which others are computed
with it.
"""

from __future__ import annotations

from math import atan, degrees, log10, sqrt
from typing import NamedTuple

import numpy as np

from lensong.propagation.block_search import greatest_above_line
from lensong.propagation.diffraction import (
    bullington_from_edge,
    bullington_point_nu,
    knife_edge,
    nu_one_metre,
    spherical_earth,
    wavelength_m,
)
from lensong.propagation.free_space import slant_free_space_loss_db
from lensong.propagation.hull import farthest_above, steepest_from
from lensong.propagation.kernel import kernel
from lensong.propagation.obstacle import OWN_GROUND, OWN_KM, Receiver, obstacle
from lensong.propagation.p1812_terms import (
    BETA_EARTH_RADIUS_KM,
    Losses,
    PathClimate,
    PathGeometry,
    assemble,
    beta0_percent,
    combined_db,
    ducting_floor_at_half_time_db,
    inland_tau,
)
from lensong.propagation.radial import (
    DISTANCE_KM,
    FLAT_GROUND,
    GROUND,
    GROUND_M,
    HULL,
    SURFACE,
    SURFACE_RARE,
    TX_OBSTRUCTION,
    V1,
    V2,
    Radial,
    zone_step,
)
from lensong.propagation.sampling import nearest
from lensong.propagation.terrain import Rasters
from lensong.propagation.types import FloatArray

__all__ = [
    "Geometry",
    "MapClimate",
    "carrier_table",
    "line_of_sight_deg",
    "pixel_geometry",
    "pixel_loss",
]

SHORT_PATH_KM = 0.25
"""Below this the Recommendation does not hold: free space and diffraction alone."""

NO_SCATTER_DB = 40.0
"""Troposcatter this far above the other loss changes the sum by less than 3e-8 dB, eq. (63)."""

# columns of a table of carriers, one row each
FREQ_GHZ, NU_SCALE, FREQ_CUBE_ROOT, DUCTING_FIXED_DB, SCATTER_FIXED_DB = 0, 1, 2, 3, 4


class MapClimate(NamedTuple):
    """What a sweep needs beside the land and the carriers; units of the Recommendation."""

    percent: float
    n0: float
    earth_radius_km: float
    horizontal: bool
    tx_lat_deg: float
    lat_per_row_deg: float
    lat_per_col_deg: float
    tx_coast_km: float
    rx_coast_km: float


class Geometry(NamedTuple):
    """What one pixel's ray meets, whatever its frequency; nu are for a wavelength of 1 m."""

    bare_nu: float
    surface_nu: float
    rare_nu: float
    tx_theta_mrad: float
    rx_theta_mrad: float
    tx_at_km: float
    rx_at_km: float
    tx_above_m: float  # antennas above the smooth Earth of diffraction, eq. (89)
    rx_above_m: float
    tx_effective_m: float  # and above that of ducting, eqs (90), (92)
    rx_effective_m: float
    roughness_m: float
    land_km: float
    inland_km: float
    sea_share: float


def carrier_table(freqs_ghz: list[float], n0: float) -> FloatArray:
    """Return what depends on a carrier and the climate alone, one row per frequency.

    Frequency, reciprocal root of the wavelength, cube root, 102.45 + 20 log f + Alf of eqs (47),
    (47a), and 190.1 + Lf - 0.15 N0 of eqs (44), (45).
    """
    rows = []
    for f in freqs_ghz:
        ducting = 102.45 + 20.0 * log10(f)
        if f < 0.5:
            ducting += 45.375 - 137.0 * f + 92.5 * f**2
        scatter = 190.1 + 25.0 * log10(f) - 2.5 * log10(f / 2.0) ** 2 - 0.15 * n0
        rows.append((f, 1.0 / sqrt(wavelength_m(f)), f ** (1.0 / 3.0), ducting, scatter))
    return np.array(rows, dtype=np.float64)


@kernel
def _smooth_earth(
    radial: Radial, receiver: Receiver, tx_m: float, rx_ground_m: float
) -> tuple[float, float, float, float]:
    """Return hst, hsr (eqs 85, 86) and hstd, hsrd (eqs 87 to 89) of one pixel."""
    path_km, rx_m, last = receiver.path_km, receiver.rx_m, receiver.last
    values = radial.values
    v1, v2 = values[V1, last], values[V2, last]
    at_km, at_m = values[DISTANCE_KM, last], values[GROUND_M, last]
    for i in range(receiver.own_count + 1):
        if i < receiver.own_count:
            next_km, next_m = receiver.own[OWN_KM, i], receiver.own[OWN_GROUND, i]
        else:
            next_km, next_m = path_km, rx_ground_m
        step = next_km - at_km
        v1 += step * (next_m + at_m)
        v2 += step * (next_m * (2.0 * next_km + at_km) + at_m * (next_km + 2.0 * at_km))
        at_km, at_m = next_km, next_m
    smooth_tx = (2.0 * v1 * path_km - v2) / (path_km * path_km)
    smooth_rx = (v2 - v1 * path_km) / (path_km * path_km)

    rise = (rx_m - tx_m) / path_km
    highest = from_tx = from_rx = -np.inf
    for i in range(receiver.own_count):
        at = receiver.own[OWN_KM, i]
        above = receiver.own[OWN_GROUND, i] - tx_m - rise * at
        highest = max(highest, above)
        from_tx = max(from_tx, above / at)
        from_rx = max(from_rx, above / (path_km - at))
    if last > 0:
        hull, size = radial.samples[HULL + FLAT_GROUND], radial.hull_size[FLAT_GROUND]
        x, h = values[DISTANCE_KM], values[GROUND_M]
        top = farthest_above(hull, size, x, h, rise)
        above = h[top] - tx_m - rise * x[top]
        highest = max(highest, above)
        if highest > 0.0:
            # the top itself is a candidate: a grazing ray would read 0 / 0 from rounded slopes
            seen = steepest_from(hull, size, x, h, path_km, rx_m)
            from_tx = max(from_tx, values[TX_OBSTRUCTION, last] - rise, above / x[top])
            slope = (h[seen] - rx_m) / (path_km - x[seen]) + rise
            from_rx = max(from_rx, slope, above / (path_km - x[top]))
    lowered_tx, lowered_rx = smooth_tx, smooth_rx
    if highest > 0.0:
        lowered_tx -= highest * from_tx / (from_tx + from_rx)
        lowered_rx -= highest * from_rx / (from_tx + from_rx)
    return smooth_tx, smooth_rx, min(lowered_tx, values[GROUND_M, 0]), min(lowered_rx, rx_ground_m)


@kernel
def _smooth_bullington(
    receiver: Receiver,
    step_km: float,
    tx_above_m: float,
    rx_above_m: float,
    curvature: float,
    nu_scale: float,
) -> float:
    """Return Lbulls, the Bullington loss over the zero profile at this path's samples, eq. (38).

    Over a smooth bulge the slope to each horizon has one summit along the path, and so has the
    diffraction parameter (in log(x / (D - x)) its derivative changes sign once); the samples
    beside the summit decide, found in closed form or by bisection.
    """
    path_km, last = receiver.path_km, receiver.last
    bulge = 500.0 * curvature
    tx_slope = rx_slope = -np.inf
    for i in range(receiver.own_count):
        at = receiver.own[OWN_KM, i]
        tx_slope = max(tx_slope, bulge * (path_km - at) - tx_above_m / at)
        rx_slope = max(rx_slope, bulge * at - rx_above_m / (path_km - at))
    if last > 0:
        tx_summit = min(max(int(sqrt(tx_above_m / bulge) / step_km), 1), last)
        rx_summit = int((path_km - sqrt(rx_above_m / bulge)) / step_km)
        rx_summit = min(max(rx_summit, 1), last)
        for i in range(tx_summit, min(tx_summit + 1, last) + 1):
            at = i * step_km
            tx_slope = max(tx_slope, bulge * (path_km - at) - tx_above_m / at)
        for i in range(rx_summit, min(rx_summit + 1, last) + 1):
            at = i * step_km
            rx_slope = max(rx_slope, bulge * at - rx_above_m / (path_km - at))
    if tx_slope >= (rx_above_m - tx_above_m) / path_km:
        nu = bullington_point_nu(tx_slope, rx_slope, tx_above_m, rx_above_m, path_km)
        return bullington_from_edge(knife_edge(nu * nu_scale), path_km)
    nu = -np.inf
    for i in range(receiver.own_count):
        at = receiver.own[OWN_KM, i]
        nu = max(nu, nu_one_metre(0.0, at, tx_above_m, rx_above_m, path_km, curvature))
    if last > 0:
        low, high = 1, last
        while low < high:
            middle = (low + high) // 2
            here = nu_one_metre(0.0, middle * step_km, tx_above_m, rx_above_m, path_km, curvature)
            there = nu_one_metre(
                0.0, (middle + 1) * step_km, tx_above_m, rx_above_m, path_km, curvature
            )
            if there >= here:
                low = middle + 1
            else:
                high = middle
        nu = max(nu, nu_one_metre(0.0, low * step_km, tx_above_m, rx_above_m, path_km, curvature))
    return bullington_from_edge(knife_edge(nu * nu_scale), path_km)


@kernel
def _sphere_excess_db(
    nu_scale: float,
    receiver: Receiver,
    step_km: float,
    tx_above_m: float,
    rx_above_m: float,
    radius_km: float,
    freq_ghz: float,
    horizontal: bool,
    sea_share: float,
) -> float:
    """Return what the spherical Earth adds to a Bullington loss, eq. (39).

    The zero profile is needed only where the spherical Earth diffracts at all.
    """
    path_km = receiver.path_km
    sphere = spherical_earth(
        path_km, tx_above_m, rx_above_m, radius_km, freq_ghz, horizontal, sea_share
    )
    if sphere <= 0.0:
        return 0.0
    smooth = _smooth_bullington(
        receiver, step_km, tx_above_m, rx_above_m, 1.0 / radius_km, nu_scale
    )
    return max(sphere - smooth, 0.0)


@kernel
def _stretches(
    radial: Radial, rasters: Rasters, receiver: Receiver, step_km: float, rx_zone: int
) -> tuple[float, float, float]:
    """Return the longest land and inland stretches and the share of sea of one pixel."""
    if not rasters.has_zone:
        return receiver.path_km, receiver.path_km, 0.0
    z = radial.zones[receiver.last]
    state = (z[0], z[1], z[2], z[3], z[4])
    at_km, zone = radial.values[DISTANCE_KM, receiver.last], int(z[5])
    before = 0.0
    if receiver.last > 0:
        before = 0.5 * (radial.values[DISTANCE_KM, receiver.last - 1] + at_km)
    for i in range(receiver.own_count + 1):
        own = i < receiver.own_count
        next_km = receiver.own[OWN_KM, i] if own else receiver.path_km
        after = 0.5 * (at_km + next_km)
        state = zone_step(state, before, after, zone)
        before, at_km, zone = after, next_km, rx_zone
        if own:
            steps = next_km / step_km
            zone = nearest(
                rasters.zone,
                receiver.row + steps * receiver.d_row,
                receiver.col + steps * receiver.d_col,
            )
    state = zone_step(state, before, receiver.path_km, zone)
    return state[2], state[3], state[4] / receiver.path_km


@kernel
def _roughness(
    radial: Radial,
    receiver: Receiver,
    clear: bool,
    clear_height_m: float,
    tx_at_km: float,
    rx_at_km: float,
    base_tx_m: float,
    slope: float,
    step_km: float,
) -> float:
    """Return hm, the terrain roughness between the horizons, eq. (93)."""
    if clear:
        return clear_height_m - (base_tx_m + slope * tx_at_km)
    first = max(1, int(tx_at_km / step_km + 1.0 - 1e-6))
    last = min(receiver.last, int(rx_at_km / step_km + 1e-6))
    rough = greatest_above_line(
        radial.values[DISTANCE_KM],
        radial.values[GROUND_M],
        radial.block_max[FLAT_GROUND],
        first,
        last,
        base_tx_m,
        slope,
    )
    slack = 1e-9 * receiver.path_km
    for i in range(receiver.own_count):
        at = receiver.own[OWN_KM, i]
        if tx_at_km - slack <= at <= rx_at_km + slack:
            rough = max(rough, receiver.own[OWN_GROUND, i] - (base_tx_m + slope * at))
    return rough


@kernel
def pixel_geometry(
    radial: Radial,
    rasters: Rasters,
    receiver: Receiver,
    climate: MapClimate,
    tx_m: float,
    rx_ground_m: float,
    rx_zone: int,
) -> Geometry:
    """Return what a pixel's ray meets."""
    curvature = 1.0 / climate.earth_radius_km
    step_km = radial.values[DISTANCE_KM, 1]
    # without clutter, bare ground is the surface
    bare = GROUND if rasters.has_clutter else SURFACE
    blocked, bare_nu, tx_slope, rx_slope, tx_at, rx_at, clear_height = obstacle(
        bare, radial, rasters, receiver, tx_m, curvature
    )
    surface_nu = bare_nu
    if rasters.has_clutter:
        surface_nu = obstacle(SURFACE, radial, rasters, receiver, tx_m, curvature)[1]
    rare_nu = surface_nu
    if climate.percent < 50.0:
        rare_nu = obstacle(
            SURFACE_RARE, radial, rasters, receiver, tx_m, 1.0 / BETA_EARTH_RADIUS_KM
        )[1]
    smooth_tx, smooth_rx, low_tx, low_rx = _smooth_earth(radial, receiver, tx_m, rx_ground_m)
    base_tx, base_rx = min(smooth_tx, radial.values[GROUND_M, 0]), min(smooth_rx, rx_ground_m)
    land_km, inland_km, sea_share = _stretches(radial, rasters, receiver, step_km, rx_zone)
    rough = _roughness(
        radial,
        receiver,
        not blocked,
        clear_height,
        tx_at,
        rx_at,
        base_tx,
        (base_rx - base_tx) / receiver.path_km,
        step_km,
    )
    return Geometry(
        bare_nu,
        surface_nu,
        rare_nu,
        1000.0 * atan(tx_slope / 1000.0),
        1000.0 * atan(rx_slope / 1000.0),
        tx_at,
        rx_at,
        tx_m - low_tx,
        receiver.rx_m - low_rx,
        tx_m - base_tx,
        receiver.rx_m - base_rx,
        rough,
        land_km,
        inland_km,
        sea_share,
    )


@kernel
def pixel_loss(
    g: Geometry,
    receiver: Receiver,
    climate: MapClimate,
    carriers: FloatArray,
    carrier: int,
    step_km: float,
    tx_m: float,
    centre_lat_deg: float,
    inland_only: bool,
    tx_coast_km: float,
    rx_coast_km: float,
) -> tuple[float, float, float]:
    """Return loss, diffraction and bare-ground diffraction of a pixel on one carrier [dB]."""
    path_km, radius_km = receiver.path_km, climate.earth_radius_km
    freq_ghz, nu_scale = carriers[carrier, FREQ_GHZ], carriers[carrier, NU_SCALE]
    free_space = slant_free_space_loss_db(path_km, tx_m, receiver.rx_m, freq_ghz)
    excess_db = _sphere_excess_db(
        nu_scale,
        receiver,
        step_km,
        g.tx_above_m,
        g.rx_above_m,
        radius_km,
        freq_ghz,
        climate.horizontal,
        g.sea_share,
    )
    median_db = bullington_from_edge(knife_edge(g.surface_nu * nu_scale), path_km) + excess_db
    bare_db = bullington_from_edge(knife_edge(g.bare_nu * nu_scale), path_km) + excess_db
    diffracted_db = free_space + median_db
    if path_km < SHORT_PATH_KM:
        return diffracted_db, median_db, bare_db
    if climate.percent >= 50.0 and inland_only:
        floor_db = ducting_floor_at_half_time_db(
            path_km,
            radius_km,
            g.tx_at_km,
            path_km - g.rx_at_km,
            g.tx_theta_mrad,
            g.rx_theta_mrad,
            carriers[carrier, DUCTING_FIXED_DB],
            carriers[carrier, FREQ_CUBE_ROOT],
        )
        if floor_db > diffracted_db:
            # Ducting is no way round: Lbda = Lbd (eq. 61). At half the time Fi is below 1e-7 and
            # weighs less than 12 dB (eq. 59), so Lbam = Lbd to 1e-6 dB and only troposcatter is
            # left to be added.
            theta = 1000.0 * path_km / radius_km + g.tx_theta_mrad + g.rx_theta_mrad
            scattered_db = (
                carriers[carrier, SCATTER_FIXED_DB] + 20.0 * log10(path_km) + 0.573 * theta
            )
            if scattered_db < diffracted_db + NO_SCATTER_DB:
                diffracted_db = max(free_space, combined_db(scattered_db, diffracted_db))
            return diffracted_db, median_db, bare_db
    rare_db = median_db
    if climate.percent < 50.0:
        rare_db = _sphere_excess_db(
            nu_scale,
            receiver,
            step_km,
            g.tx_above_m,
            g.rx_above_m,
            BETA_EARTH_RADIUS_KM,
            freq_ghz,
            climate.horizontal,
            g.sea_share,
        )
        rare_db += bullington_from_edge(knife_edge(g.rare_nu * nu_scale), path_km)
    tau = inland_tau(g.inland_km)
    path = PathGeometry(
        path_km,
        g.tx_at_km,
        path_km - g.rx_at_km,
        g.tx_theta_mrad,
        g.rx_theta_mrad,
        tx_m,
        receiver.rx_m,
        g.tx_effective_m,
        g.rx_effective_m,
        g.roughness_m,
    )
    over = PathClimate(
        climate.percent,
        climate.n0,
        radius_km,
        beta0_percent(centre_lat_deg, g.land_km, tau),
        tau,
        g.sea_share,
        tx_coast_km,
        rx_coast_km,
    )
    terms = assemble(path, over, Losses(free_space, median_db, rare_db), freq_ghz)
    return max(terms.los_percent_db, terms.combined_db), terms.diffraction_db, bare_db


@kernel
def line_of_sight_deg(receiver: Receiver, tx_m: float) -> float:
    """Return the elevation of the straight line to a pixel without points between."""
    return degrees(atan((receiver.rx_m - tx_m) / (1000.0 * receiver.path_km)))
