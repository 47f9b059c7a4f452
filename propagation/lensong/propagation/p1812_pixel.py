"""P.1812 at one pixel of a sweep: what its ray meets, whatever the frequency.

Horizons, the Bullington point, the point of least clearance and the smooth Earth are found once and
written into a column of a batch, one column a pixel; `p1812_batch` turns the batch of a radial into
decibels, carrier by carrier. A diffraction parameter is kept at 1 m wavelength: that of a carrier
is this divided by the root of its wavelength, so no carrier's number depends on which others are
computed with it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lensong.propagation.block_search import greatest_above_line
from lensong.propagation.hull import farthest_above, steepest_from
from lensong.propagation.kernel import greatest_kernel, inlined_kernel, kernel
from lensong.propagation.obstacle import SLACK_STEPS, horizons_at, obstacle
from lensong.propagation.own_line import AT_KM, GROUND_OF, PER_AT, PER_REST, Receiver, propose
from lensong.propagation.p1812_terms import BETA_EARTH_RADIUS_KM
from lensong.propagation.place import place
from lensong.propagation.radial import (
    DISTANCE_KM,
    FLAT_GROUND,
    GROUND,
    GROUND_M,
    HULL,
    READ_FOR_EARTH,
    SURFACE,
    SURFACE_RARE,
    TX_OBSTRUCTION_AT,
    V1,
    V2,
    Radial,
    grow_flat_hull,
    zone_step,
)
from lensong.propagation.sampling import nearest
from lensong.propagation.terrain import SEA, Rasters
from lensong.propagation.types import FloatArray

__all__ = ["MapClimate", "pixel_geometry", "roughness_m"]

# rows of a batch: the pixel, its place in the window, its line
ROW, COL, PATH_KM, RX_M, STEPS, LAST = 0, 1, 2, 3, 4, 5
# diffraction parameters at a wavelength of 1 m: bare ground, surface, surface on the Earth of beta0
BARE_NU, SURFACE_NU, RARE_NU = 6, 7, 8
# horizon slopes [m/km] and places [km]
TX_SLOPE_OF, RX_SLOPE_OF, TX_AT, RX_AT = 9, 10, 11, 12
# antennas above the smooth Earth of diffraction, eq. (89), and above that of ducting, (90), (92)
TX_ABOVE, RX_ABOVE, TX_EFFECTIVE, RX_EFFECTIVE = 13, 14, 15, 16
# terrain roughness among the own samples, or where the path is clear (then CLEAR is 1)
OWN_ROUGH_M, CLEAR = 17, 18
LAND_KM, INLAND_KM, SEA_SHARE, CENTRE_LAT, RX_COAST_KM = 19, 20, 21, 22, 23
GEOMETRY_ROWS = 24

NO_OBSTACLE_NU = -1e6
"""The diffraction parameter where nothing stands between the antennas: no loss at all."""

CLEAR_NEED = 8.728
"""So often the root of path [km] times wavelength [m] is more metres than a smooth path needs."""


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


@inlined_kernel
def _smooth_earth(
    values: FloatArray,
    beside: FloatArray,
    share: float,
    receiver: Receiver,
    line: FloatArray,
    rx_ground_m: float,
) -> tuple[float, float]:
    """Return hst and hsr of one pixel, eqs (85), (86).

    The sums up to the own samples lie between those of the two radials beside the pixel: 2 m of
    the fit may be 5 dB of the spherical Earth.
    """
    path_km, last = receiver.path_km, place(receiver.last)
    at_km, at_m = values[DISTANCE_KM, last], values[GROUND_M, last]
    v1, v2 = values[V1, last], values[V2, last]
    at_m += share * (beside[GROUND_M, last] - at_m)
    v1 += share * (beside[V1, last] - v1)
    v2 += share * (beside[V2, last] - v2)
    own = receiver.steps - 1 - last
    for i in range(own + 1):
        next_km = line[AT_KM, i] if i < own else path_km
        next_m = line[GROUND_OF, i] if i < own else rx_ground_m
        step = next_km - at_km
        v1 += step * (next_m + at_m)
        v2 += step * (next_m * (2.0 * next_km + at_km) + at_m * (next_km + 2.0 * at_km))
        at_km, at_m = next_km, next_m
    per_square = 1.0 / (path_km * path_km)
    return (2.0 * v1 * path_km - v2) * per_square, (v2 - v1 * path_km) * per_square


@greatest_kernel
def _highest(
    line: FloatArray,
    begin: int,
    end: int,
    tx_m: float,
    rise: float,
    highest: float,
    from_tx: float,
    from_rx: float,
) -> tuple[float, float, float]:
    """Return hobs, alpha_obt and alpha_obr after more points of the list, eqs (87a) to (87d)."""
    for i in range(place(begin), end):
        above = line[GROUND_OF, i] - tx_m - rise * line[AT_KM, i]
        highest = max(highest, above)
        from_tx = max(from_tx, above * line[PER_AT, i])
        from_rx = max(from_rx, above * line[PER_REST, i])
    return highest, from_tx, from_rx


@kernel
def _lowered(
    radial: Radial,
    rasters: Rasters,
    receiver: Receiver,
    line: FloatArray,
    size: int,
    tx_m: float,
    smooth_tx: float,
    smooth_rx: float,
    enough_m: float,
    rx_ground_m: float,
) -> tuple[float, float]:
    """Return hstd and hsrd, the smooth Earth of diffraction at both ends, eqs (88), (89).

    Where both antennas stand more than ``enough_m`` above what they cannot be above, those bounds
    may be returned: the smooth path is clear of them and more so of the lower true ones.
    The list is that of bare ground, and what is read here follows it, over what the surface found.
    """
    path_km, rx_m, last = receiver.path_km, receiver.rx_m, place(receiver.last)
    ground_tx = radial.values[GROUND_M, 0]
    rise = (rx_m - tx_m) / path_km
    highest, from_tx, from_rx = _highest(line, 0, size, tx_m, rise, -np.inf, -np.inf, -np.inf)
    if last > 0:
        x, h = radial.values[DISTANCE_KM], radial.values[GROUND_M]
        slack_m = SLACK_STEPS * 1000.0 * receiver.step_km
        first = place(radial.samples[TX_OBSTRUCTION_AT, last])
        # more points raise the highest and the share of the receiver's side, but for those that
        # the mast sees higher: and that is known
        steepest = max(from_tx, (h[first] + slack_m - tx_m) / x[first] - rise)
        if highest > 0.0 and tx_m - min(smooth_tx, ground_tx) > enough_m:
            bound = min(smooth_rx - highest * from_rx / (steepest + from_rx), rx_ground_m)
            if rx_m - bound > enough_m:
                return min(smooth_tx, ground_tx), bound
        hull, hull_size = radial.samples[HULL + FLAT_GROUND], grow_flat_hull(radial, last)
        top = farthest_above(hull, hull_size, x, h, rise)
        above = h[top] - tx_m - rise * x[top] + slack_m
        if max(highest, above) > 0.0:
            begin, mine = size, READ_FOR_EARTH
            if above > highest:
                size = propose(line, radial, rasters, receiver, size, top, 1, mine)
            if (h[first] + slack_m - tx_m) / x[first] - rise > from_tx:
                size = propose(line, radial, rasters, receiver, size, first, 1, mine)
            seen = steepest_from(hull, hull_size, x, h, path_km, rx_m)
            if h[seen] + slack_m - tx_m - rise * x[seen] > from_rx * (path_km - x[seen]):
                size = propose(line, radial, rasters, receiver, size, seen, 1, mine)
            highest, from_tx, from_rx = _highest(
                line, begin, size, tx_m, rise, highest, from_tx, from_rx
            )
    if highest > 0.0:
        share = highest / (from_tx + from_rx)
        smooth_tx, smooth_rx = smooth_tx - share * from_tx, smooth_rx - share * from_rx
    return min(smooth_tx, ground_tx), min(smooth_rx, rx_ground_m)


@inlined_kernel
def _stretches(
    radial: Radial, rasters: Rasters, receiver: Receiver, rx_zone: int
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
    for sample in range(receiver.last + 1, receiver.steps + 1):
        own = sample < receiver.steps
        next_km = sample * receiver.step_km if own else receiver.path_km
        after = 0.5 * (at_km + next_km)
        state = zone_step(state, before, after, zone)
        before, at_km, zone = after, next_km, rx_zone
        if own:
            zone = nearest(
                rasters.zone,
                receiver.row + sample * receiver.d_row,
                receiver.col + sample * receiver.d_col,
            )
    state = zone_step(state, before, receiver.path_km, zone)
    return state[2], state[3], state[4] / receiver.path_km


@inlined_kernel
def _own_roughness_m(
    receiver: Receiver,
    line: FloatArray,
    tx_at_km: float,
    rx_at_km: float,
    base_tx_m: float,
    slope: float,
) -> float:
    """Return what the own samples between the horizons say of the roughness hm, eq. (93)."""
    rough = -np.inf
    slack = 1e-9 * receiver.path_km
    for i in range(receiver.steps - 1 - receiver.last):
        at = line[AT_KM, i]
        if tx_at_km - slack <= at <= rx_at_km + slack:
            rough = max(rough, line[GROUND_OF, i] - (base_tx_m + slope * at))
    return rough


@inlined_kernel
def roughness_m(radial: Radial, batch: FloatArray, n: int, tx_m: float) -> float:
    """Return hm of one pixel of a batch, eq. (93), while its radial is at hand."""
    rough = batch[OWN_ROUGH_M, n]
    if batch[CLEAR, n] > 0.0:
        return float(rough)
    path_km = batch[PATH_KM, n]
    base_tx_m = tx_m - batch[TX_EFFECTIVE, n]
    slope = (batch[RX_M, n] - batch[RX_EFFECTIVE, n] - base_tx_m) / path_km
    step_km = path_km / batch[STEPS, n]
    first = max(1, int(batch[TX_AT, n] / step_km + 1.0 - 1e-6))
    last = min(int(batch[LAST, n]), int(batch[RX_AT, n] / step_km + 1e-6))
    among = greatest_above_line(
        radial.values[DISTANCE_KM],
        radial.values[GROUND_M],
        radial.block_max[FLAT_GROUND],
        first,
        last,
        base_tx_m,
        slope,
    )
    return float(max(rough, among))


@inlined_kernel
def pixel_geometry(
    radial: Radial,
    beside: FloatArray,
    share: float,
    rasters: Rasters,
    receiver: Receiver,
    climate: MapClimate,
    line: FloatArray,
    size: int,
    tx_m: float,
    rx_ground_m: float,
    rx_zone: int,
    longest_wave_m: float,
    batch: FloatArray,
    n: int,
) -> None:
    """Write what a pixel's ray meets into a column of the batch; its list has ``size`` points.

    ``beside`` are the values of the radial on the other side of the pixel, ``share`` how much of
    the way to it the pixel lies.
    """
    curvature, path_km, rx_m = 1.0 / climate.earth_radius_km, receiver.path_km, receiver.rx_m
    # Bare ground, the surface and the surface on the Earth of beta0 in one loop, since all that
    # stands in `obstacle` is compiled for each place that calls it. Without clutter, bare ground is
    # the surface.
    bare_size, blocked = size, False
    tx_slope = rx_slope = tx_at = rx_at = clear_height = np.nan
    for turn in range(3 if climate.percent < 50.0 else 2):
        profile = SURFACE if turn < 2 else SURFACE_RARE
        if turn == 0 and rasters.has_clutter:
            profile = GROUND
        elif turn == 1 and not rasters.has_clutter:
            batch[SURFACE_NU, n] = batch[BARE_NU, n]
            continue
        earth = curvature if turn < 2 else 1.0 / BETA_EARTH_RADIUS_KM
        size, hidden, nu, from_tx, from_rx, at, height = obstacle(
            profile, radial, rasters, receiver, line, size, tx_m, earth
        )
        batch[BARE_NU + turn, n] = max(nu, NO_OBSTACLE_NU)
        if turn == 0:
            bare_size, blocked, tx_slope, rx_slope = size, hidden, from_tx, from_rx
            tx_at, rx_at, clear_height = at, at, height
            if blocked:
                bulge = 500.0 * curvature
                tx_at, rx_at = horizons_at(
                    line, size, GROUND_OF, tx_m, receiver, bulge, tx_slope, rx_slope
                )
    smooth_tx, smooth_rx = _smooth_earth(radial.values, beside, share, receiver, line, rx_ground_m)
    ground_tx = radial.values[GROUND_M, 0]
    base_tx, base_rx = min(smooth_tx, ground_tx), min(smooth_rx, rx_ground_m)
    low_tx, low_rx = base_tx, base_rx
    # Lowering the smooth Earth only clears the smooth path more: where it is clear without, the
    # search for what lowers it can stay out. Below half of the time its Earth is another one.
    enough_m = np.inf
    if climate.percent >= 50.0:
        enough_m = 125.0 * path_km * path_km * curvature
        enough_m += CLEAR_NEED * np.sqrt(path_km * longest_wave_m)
    if min(tx_m - base_tx, rx_m - base_rx) <= enough_m:
        low_tx, low_rx = _lowered(
            radial,
            rasters,
            receiver,
            line,
            bare_size,
            tx_m,
            smooth_tx,
            smooth_rx,
            enough_m,
            rx_ground_m,
        )
    rough = clear_height - (base_tx + (base_rx - base_tx) / path_km * tx_at)
    if blocked:
        rough = _own_roughness_m(
            receiver, line, tx_at, rx_at, base_tx, (base_rx - base_tx) / path_km
        )
    land_km, inland_km, sea_share = _stretches(radial, rasters, receiver, rx_zone)
    batch[PATH_KM, n], batch[RX_M, n] = path_km, rx_m
    batch[STEPS, n], batch[LAST, n] = receiver.steps, receiver.last
    batch[TX_SLOPE_OF, n], batch[RX_SLOPE_OF, n] = tx_slope, rx_slope
    batch[TX_AT, n], batch[RX_AT, n] = tx_at, rx_at
    batch[TX_ABOVE, n], batch[RX_ABOVE, n] = tx_m - low_tx, rx_m - low_rx
    batch[TX_EFFECTIVE, n], batch[RX_EFFECTIVE, n] = tx_m - base_tx, rx_m - base_rx
    batch[OWN_ROUGH_M, n], batch[CLEAR, n] = rough, 0.0 if blocked else 1.0
    batch[LAND_KM, n], batch[INLAND_KM, n], batch[SEA_SHARE, n] = land_km, inland_km, sea_share
    batch[RX_COAST_KM, n] = 0.0 if rx_zone == SEA else climate.rx_coast_km
    batch[CENTRE_LAT, n] = climate.tx_lat_deg + 0.5 * receiver.steps * (
        climate.lat_per_row_deg * receiver.d_row + climate.lat_per_col_deg * receiver.d_col
    )
