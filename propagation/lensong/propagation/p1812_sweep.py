"""ITU-R P.1812 for every pixel around a mast, in amortised O(log n) per pixel.

Each pixel is its own receiver, with its own ground height and its own exact distance. Its profile
is that of the nearest radial up to 4.5 steps before it, followed by the last four samples on its
own line, mast to pixel centre. The obstacle that decides - the horizon of either antenna or, with
line of sight, the point of least clearance - is read once more on the pixel's own line. On a
radial at whole steps both lines are one, and the result is that of
`lensong.propagation.p1812.basic_transmission_loss_db` on the same profile.

Read on in this order: `lensong.propagation.radial` (what runs outward), `.obstacle` (horizons and
the Bullington edge of one pixel), then here `_smooth_earth`, `_smooth_bullington`, `_serve` (joins
the terms of one pixel) and `sweep_p1812` (radials and pixels).
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
    nu_at,
    spherical_earth,
    wavelength_m,
)
from lensong.propagation.free_space import slant_free_space_loss_db
from lensong.propagation.hull import farthest_above, steepest_from
from lensong.propagation.kernel import kernel
from lensong.propagation.obstacle import OWN_GROUND, OWN_KM, OWN_SURFACE, Receiver, obstacle
from lensong.propagation.p1812_terms import (
    BETA_EARTH_RADIUS_KM,
    assemble,
    beta0_percent,
    combined_db,
    ducting_floor_at_half_time_db,
    inland_tau,
    median_earth_radius_km,
)
from lensong.propagation.pixel_order import OWN_SAMPLES, PixelOrder
from lensong.propagation.radial import (
    DISTANCE_KM,
    FLAT_GROUND,
    GROUND,
    GROUND_M,
    HULL,
    INLAND,
    SEA,
    SURFACE,
    SURFACE_RARE,
    TX_OBSTRUCTION,
    V1,
    V2,
    Radial,
    Rasters,
    grow_hulls,
    read_point,
    walk_radial,
    zone_step,
)
from lensong.propagation.sampling import nearest
from lensong.propagation.types import Float32Array, FloatArray

__all__ = ["Climate", "make_climate", "sweep_p1812"]

SHORT_PATH_KM = 0.25
"""Below this the Recommendation does not hold: free space and diffraction alone."""

NO_SCATTER_DB = 40.0
"""Troposcatter this far above the other loss changes the sum by less than 3e-8 dB, eq. (63)."""

AT_THE_MAST_CELLS = 0.03
"""A pixel centre nearer than this is taken to be this far away: no path has length 0."""


class Climate(NamedTuple):
    """What a sweep needs beside the land; units of the Recommendation."""

    freq_ghz: float
    percent: float
    n0: float
    earth_radius_km: float
    horizontal: bool
    tx_lat_deg: float
    lat_per_row_deg: float
    lat_per_col_deg: float
    tx_coast_km: float
    rx_coast_km: float
    # the parts of terms that depend on the frequency and the climate alone
    freq_cube_root: float
    ducting_fixed_db: float  # 102.45 + 20 log f + Alf, eqs (47), (47a)
    troposcatter_fixed_db: float  # 190.1 + Lf - 0.15 N0, eqs (44), (45)


def make_climate(
    *,
    freq_ghz: float,
    percent: float,
    n0: float,
    delta_n_per_km: float,
    horizontal: bool,
    tx_lat_deg: float,
    lat_per_row_deg: float,
    lat_per_col_deg: float,
    tx_coast_km: float,
    rx_coast_km: float,
) -> Climate:
    """Return the climate of a sweep with what can be computed once."""
    ducting_fixed = 102.45 + 20.0 * log10(freq_ghz)
    if freq_ghz < 0.5:
        ducting_fixed += 45.375 - 137.0 * freq_ghz + 92.5 * freq_ghz**2
    return Climate(
        freq_ghz,
        percent,
        n0,
        median_earth_radius_km(delta_n_per_km),
        horizontal,
        tx_lat_deg,
        lat_per_row_deg,
        lat_per_col_deg,
        tx_coast_km,
        rx_coast_km,
        freq_ghz ** (1.0 / 3.0),
        ducting_fixed,
        190.1 + 25.0 * log10(freq_ghz) - 2.5 * log10(freq_ghz / 2.0) ** 2 - 0.15 * n0,
    )


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
        highest = max(highest, h[top] - tx_m - rise * x[top])
        if highest > 0.0:
            from_tx = max(from_tx, values[TX_OBSTRUCTION, last] - rise)
            seen = steepest_from(hull, size, x, h, path_km, rx_m)
            from_rx = max(from_rx, (h[seen] - rx_m) / (path_km - x[seen]) + rise)
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
    wavelength: float,
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
        nu = bullington_point_nu(tx_slope, rx_slope, tx_above_m, rx_above_m, path_km, wavelength)
        return bullington_from_edge(knife_edge(nu), path_km)
    nu = -np.inf
    for i in range(receiver.own_count):
        at = receiver.own[OWN_KM, i]
        nu = max(nu, nu_at(0.0, at, tx_above_m, rx_above_m, path_km, curvature, wavelength))
    if last > 0:
        low, high = 1, last
        while low < high:
            middle = (low + high) // 2
            here = nu_at(
                0.0, middle * step_km, tx_above_m, rx_above_m, path_km, curvature, wavelength
            )
            there = nu_at(
                0.0, (middle + 1) * step_km, tx_above_m, rx_above_m, path_km, curvature, wavelength
            )
            if there >= here:
                low = middle + 1
            else:
                high = middle
        nu = max(
            nu, nu_at(0.0, low * step_km, tx_above_m, rx_above_m, path_km, curvature, wavelength)
        )
    return bullington_from_edge(knife_edge(nu), path_km)


@kernel
def _delta_bullington(
    edge_nu: float,
    receiver: Receiver,
    step_km: float,
    tx_above_m: float,
    rx_above_m: float,
    radius_km: float,
    freq_ghz: float,
    horizontal: bool,
    sea_share: float,
) -> float:
    """Return Ld of one Earth radius, eqs (37) to (39).

    The zero profile is needed only where the spherical Earth diffracts at all.
    """
    path_km = receiver.path_km
    actual = bullington_from_edge(knife_edge(edge_nu), path_km)
    sphere = spherical_earth(
        path_km, tx_above_m, rx_above_m, radius_km, freq_ghz, horizontal, sea_share
    )
    if sphere <= 0.0:
        return actual
    smooth = _smooth_bullington(
        receiver, step_km, tx_above_m, rx_above_m, 1.0 / radius_km, wavelength_m(freq_ghz)
    )
    return actual + max(sphere - smooth, 0.0)


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
def _serve(
    radial: Radial,
    rasters: Rasters,
    receiver: Receiver,
    climate: Climate,
    tx_m: float,
    rx_ground_m: float,
    centre_lat_deg: float,
    rx_zone: int,
) -> tuple[float, float, float, float]:
    """Return loss [dB], departure angle [deg], diffraction [dB], that of bare ground [dB]."""
    path_km, rx_m = receiver.path_km, receiver.rx_m
    freq_ghz, radius_km = climate.freq_ghz, climate.earth_radius_km
    free_space = slant_free_space_loss_db(path_km, tx_m, rx_m, freq_ghz)
    step_km = radial.values[DISTANCE_KM, 1]
    if receiver.last == 0 and receiver.own_count == 0:
        return free_space, degrees(atan((rx_m - tx_m) / (1000.0 * path_km))), 0.0, 0.0
    wavelength, curvature = wavelength_m(freq_ghz), 1.0 / radius_km

    # without clutter, bare ground is the surface
    bare = GROUND if rasters.has_clutter else SURFACE
    blocked, bare_nu, tx_slope, rx_slope, tx_at, rx_at, clear_height = obstacle(
        bare, radial, rasters, receiver, tx_m, curvature, wavelength
    )
    bare_db = bullington_from_edge(knife_edge(bare_nu), path_km)
    tx_theta, rx_theta = 1000.0 * atan(tx_slope / 1000.0), 1000.0 * atan(rx_slope / 1000.0)
    departure_deg = degrees(tx_theta / 1000.0)

    edge_nu = bare_nu
    if rasters.has_clutter:
        edge_nu = obstacle(SURFACE, radial, rasters, receiver, tx_m, curvature, wavelength)[1]
    land_km, inland_km, sea_share = _stretches(radial, rasters, receiver, step_km, rx_zone)
    smooth_tx, smooth_rx, low_tx, low_rx = _smooth_earth(radial, receiver, tx_m, rx_ground_m)
    tx_above, rx_above = tx_m - low_tx, rx_m - low_rx
    median_db = _delta_bullington(
        edge_nu,
        receiver,
        step_km,
        tx_above,
        rx_above,
        radius_km,
        freq_ghz,
        climate.horizontal,
        sea_share,
    )
    diffracted_db = free_space + median_db
    if path_km < SHORT_PATH_KM:
        return diffracted_db, departure_deg, median_db, bare_db
    if climate.percent >= 50.0 and not rasters.has_zone:
        floor_db = ducting_floor_at_half_time_db(
            path_km,
            radius_km,
            tx_at,
            path_km - rx_at,
            tx_theta,
            rx_theta,
            climate.ducting_fixed_db,
            climate.freq_cube_root,
        )
        if floor_db > diffracted_db:
            # Ducting is no way round: Lbda = Lbd (eq. 61). At half the time Fi is below 1e-7 and
            # weighs less than 12 dB (eq. 59), so Lbam = Lbd to 1e-6 dB and only troposcatter is
            # left to be added.
            theta = 1000.0 * path_km / radius_km + tx_theta + rx_theta
            scattered_db = climate.troposcatter_fixed_db + 20.0 * log10(path_km) + 0.573 * theta
            if scattered_db < diffracted_db + NO_SCATTER_DB:
                loss_db = max(free_space, combined_db(scattered_db, diffracted_db))
                return loss_db, departure_deg, median_db, bare_db
            return diffracted_db, departure_deg, median_db, bare_db
    rare_db = median_db
    if climate.percent < 50.0:
        rare_nu = obstacle(
            SURFACE_RARE, radial, rasters, receiver, tx_m, 1.0 / BETA_EARTH_RADIUS_KM, wavelength
        )[1]
        rare_db = _delta_bullington(
            rare_nu,
            receiver,
            step_km,
            tx_above,
            rx_above,
            BETA_EARTH_RADIUS_KM,
            freq_ghz,
            climate.horizontal,
            sea_share,
        )
    base_tx, base_rx = min(smooth_tx, radial.values[GROUND_M, 0]), min(smooth_rx, rx_ground_m)
    slope = (base_rx - base_tx) / path_km
    rough = _roughness(
        radial, receiver, not blocked, clear_height, tx_at, rx_at, base_tx, slope, step_km
    )
    tau = inland_tau(inland_km)
    terms = assemble(
        path_km,
        freq_ghz,
        climate.percent,
        climate.n0,
        radius_km,
        beta0_percent(centre_lat_deg, land_km, tau),
        tau,
        sea_share,
        tx_m,
        rx_m,
        tx_at,
        path_km - rx_at,
        tx_theta,
        rx_theta,
        tx_m - base_tx,
        rx_m - base_rx,
        rough,
        0.0 if rasters.has_zone and radial.zones[0, 5] == SEA else climate.tx_coast_km,
        0.0 if rx_zone == SEA else climate.rx_coast_km,
        free_space,
        median_db,
        rare_db,
    )
    return max(terms[0], terms[15]), departure_deg, terms[3], bare_db


@kernel
def sweep_p1812(
    rasters: Rasters,
    order: PixelOrder,
    radial: Radial,
    own: FloatArray,
    climate: Climate,
    row: float,
    col: float,
    cell_m: float,
    tx_agl_m: float,
    rx_agl_m: float,
    row0: int,
    col0: int,
    loss_db: FloatArray,
    departure_deg: Float32Array,
    diffraction_db: Float32Array,
    terrain_db: Float32Array,
) -> None:
    """Serve every pixel of a window; what has no elevation on its way stays as it was."""
    with_rare = climate.percent < 50.0
    curvature, rare_curvature = 1.0 / climate.earth_radius_km, 1.0 / BETA_EARTH_RADIUS_KM
    radials = order.first.size - 1
    for r in range(radials):
        if order.first[r] == order.first[r + 1]:
            continue
        angle = 2.0 * np.pi * r / radials
        count = walk_radial(
            radial,
            rasters,
            row,
            col,
            -np.cos(angle),
            np.sin(angle),
            tx_agl_m,
            curvature,
            rare_curvature,
            with_rare,
        )
        if count == 0:
            continue
        tx_m = radial.values[GROUND_M, 0] + tx_agl_m
        pushed = 0
        for p in range(order.first[r], order.first[r + 1]):
            last = order.last_sample[p]
            if last >= count:
                break
            while pushed < last:
                pushed += 1
                grow_hulls(radial, pushed, rasters.has_clutter, with_rare)
            pixel_row, pixel_col = order.row[p], order.col[p]
            rx_ground = float(rasters.ground_m[pixel_row, pixel_col])
            if np.isnan(rx_ground):
                continue
            cells = max(sqrt((pixel_row - row) ** 2 + (pixel_col - col) ** 2), AT_THE_MAST_CELLS)
            d_row, d_col = (pixel_row - row) / cells, (pixel_col - col) / cells
            own_count = 0
            known = True
            for j in range(OWN_SAMPLES, 0, -1):
                steps = cells - j
                if steps <= 0.5:
                    continue
                ground, surface = read_point(rasters, row + steps * d_row, col + steps * d_col)
                known = known and not np.isnan(surface)
                own[OWN_KM, own_count] = steps * cell_m / 1000.0
                own[OWN_GROUND, own_count] = ground
                own[OWN_SURFACE, own_count] = surface
                own_count += 1
            if not known:
                continue
            receiver = Receiver(
                cells * cell_m / 1000.0,
                rx_ground + rx_agl_m,
                row,
                col,
                d_row,
                d_col,
                last,
                own,
                own_count,
            )
            centre_lat = climate.tx_lat_deg + 0.5 * (
                climate.lat_per_row_deg * (pixel_row - row)
                + climate.lat_per_col_deg * (pixel_col - col)
            )
            rx_zone = int(rasters.zone[pixel_row, pixel_col]) if rasters.has_zone else INLAND
            loss, departure, diffraction, bare = _serve(
                radial, rasters, receiver, climate, tx_m, rx_ground, centre_lat, rx_zone
            )
            i, j2 = pixel_row - row0, pixel_col - col0
            loss_db[i, j2] = loss
            departure_deg[i, j2] = departure
            diffraction_db[i, j2] = diffraction
            terrain_db[i, j2] = bare
