"""ITM (Longley-Rice) for every pixel around a mast.

Each pixel is its own receiver, with its own ground height and its own exact distance. Its profile
is that of the nearest radial, one sample a cell, up to 8.5 cells before it, then eight samples on
its own line and the pixel itself. Where the two meet one step is half a cell longer or shorter.
Horizons are found at true distances; the sums over the profile, which ITM defines for equal
steps, count its samples as if all steps were the mean one. The two horizons of a blocked path are
read once more on the pixel's own line. On a radial at whole steps both lines are one, and the
result is that of `lensong.propagation.itm.point_to_point` on the same profile.

What is shared along a radial, though the Earth's curvature differs from pixel to pixel (it
follows the mean height of the path):

- The mast's horizon maximises ``(h - tx) / x - c x / 2``: a question to the upper hull of the
  points ``(x, (h - tx) / x)`` in direction ``c / 2``, whatever c is.
- The receiver's horizon is the tangent to the upper hull of ``h - c x² / 2``. One hull, for the
  greatest curvature, holds the vertices of all others. The tangent for that curvature is found by
  bisection; for a smaller one it can only lie farther from the receiver, and the walk there ends
  when the difference in curvature cannot make up for what the angle has lost.
- Mean height and straight-line fits come from sums that run outward.

The terrain irregularity is taken for each pixel: its sampling moves with both ends. Clutter does
not enter: ITM has none.
"""

from __future__ import annotations

from math import atan, degrees, sqrt
from typing import NamedTuple

import numpy as np

from lensong.propagation.hull import farthest_above, push
from lensong.propagation.itm_profile import (
    NO_GUESS,
    RESIDUALS,
    Horizons,
    Line,
    fit_bounds,
    fit_ends,
    irregularity,
    middle_bounds,
    path_geometry,
    section_ends_m,
)
from lensong.propagation.itm_setting import (
    AVERAGE_CONDUCTIVITY_S_M,
    AVERAGE_PERMITTIVITY,
    MODES,
    checked_n0,
    checked_setting,
)
from lensong.propagation.itm_terms import (
    Setting,
    curvature_per_m,
    free_space_db,
    reference_attenuation,
    surface_refractivity,
)
from lensong.propagation.itm_variability import CLIMATES, Shares, mode_deviates, spread_loss_db
from lensong.propagation.kernel import kernel
from lensong.propagation.model import Map
from lensong.propagation.pixel_order import AT_THE_MAST_CELLS, PixelOrder, radial_direction
from lensong.propagation.sampling import bilinear
from lensong.propagation.sweep_request import Site, SweepRequest
from lensong.propagation.sweep_result import Layers
from lensong.propagation.types import Float32Array, FloatArray, IntArray

__all__ = ["draw"]

BROADCAST = MODES.index("broadcast")
CLIMATE = CLIMATES.index("continental_temperate")


class Radial(NamedTuple):
    """Samples of one radial and what runs outward; sample 0 is the mast."""

    values: FloatArray  # rows DISTANCE_M to STRAIGHT
    hull: IntArray  # rows TX_HULL and RX_HULL, stacks of samples
    size: IntArray  # of both hulls
    residuals: FloatArray  # two rows of working space for the irregularity


# rows of ``values``; PROFILE, TOTAL and MOMENT hold the samples served so far, then the pixel's own
DISTANCE_M, GROUND_M, PROFILE_M, TOTAL, MOMENT, TX_SLOPE, STRAIGHT = range(7)
TX_HULL, RX_HULL = 0, 1


class MapClimate(NamedTuple):
    """What a sweep needs beside the land and the antennas."""

    n0: float
    steepest: float  # no path's curvature is greater [1/m]
    shares: Shares


class Receiver(NamedTuple):
    """One pixel and the end of its profile; the antennas above sea level."""

    path_m: float
    tx_m: float
    rx_m: float
    last: int  # the radial serves samples 0 to last
    end: int  # index of the pixel itself in the profile
    d_row: float
    d_col: float


@kernel
def _read_radial(
    radial: Radial, ground_m: Float32Array, row: float, col: float, d_row: float, d_col: float
) -> int:
    """Sample the ground outward; return how many samples have elevation."""
    values = radial.values
    for i in range(values.shape[1]):
        height = bilinear(ground_m, row + i * d_row, col + i * d_col)
        if np.isnan(height):
            return i
        values[GROUND_M, i] = height
    return int(values.shape[1])


@kernel
def _set_sample(values: FloatArray, i: int, height_m: float) -> None:
    """Put a height into the profile and its running sums, which count from the mast's ground."""
    above = height_m - values[GROUND_M, 0]
    values[PROFILE_M, i] = height_m
    values[TOTAL, i] = values[TOTAL, i - 1] + above
    values[MOMENT, i] = values[MOMENT, i - 1] + i * above


@kernel
def _admit(radial: Radial, new: int, tx_m: float, steepest: float) -> None:
    """Add one sample of the radial to the profile and to both hulls."""
    values = radial.values
    x, h = values[DISTANCE_M, new], values[GROUND_M, new]
    _set_sample(values, new, h)
    values[TX_SLOPE, new] = (h - tx_m) / x
    values[STRAIGHT, new] = h - 0.5 * steepest * x * x
    for which, row in ((TX_HULL, TX_SLOPE), (RX_HULL, STRAIGHT)):
        radial.size[which] = push(
            radial.hull[which], radial.size[which], values[DISTANCE_M], values[row], new
        )


@kernel
def _rx_tangent(
    radial: Radial, path_m: float, rx_m: float, curvature: float, steepest: float
) -> int:
    """Return the sample of the radial that the receiver sees highest."""
    x, h, y = radial.values[DISTANCE_M], radial.values[GROUND_M], radial.values[STRAIGHT]
    stack = radial.hull[RX_HULL]
    at_y = rx_m - 0.5 * steepest * path_m * path_m
    low, high = 0, radial.size[RX_HULL] - 1
    while low < high:
        middle = (low + high) // 2
        a, b = stack[middle], stack[middle + 1]
        if (y[b] - at_y) * (path_m - x[a]) >= (y[a] - at_y) * (path_m - x[b]):
            low = middle + 1
        else:
            high = middle
    best, at = -np.inf, stack[low]
    gain = 0.5 * (steepest - curvature)
    for place in range(low, -1, -1):
        i = stack[place]
        back = path_m - x[i]
        angle = (h[i] - rx_m) / back - 0.5 * curvature * back
        if angle >= best:
            best, at = angle, i
        elif angle + gain * x[i] < best:
            break
    return int(at)


@kernel
def _own_line_m(
    ground_m: Float32Array,
    site: Site,
    receiver: Receiver,
    cells: float,
    otherwise: float,
) -> float:
    """Return the ground on the pixel's own line, or what the radial has if that is unknown."""
    row, col = site.row + cells * receiver.d_row, site.col + cells * receiver.d_col
    height = bilinear(ground_m, row, col)
    return otherwise if np.isnan(height) else height


@kernel
def _horizons(
    radial: Radial,
    receiver: Receiver,
    ground_m: Float32Array,
    site: Site,
    curvature: float,
    steepest: float,
) -> tuple[Horizons, bool]:
    """Return angles and distances as `itm_profile.horizons` does, and whether the path is clear."""
    values, path_m, tx_m, rx_m = radial.values, receiver.path_m, receiver.tx_m, receiver.rx_m
    half = 0.5 * curvature
    rise = (rx_m - tx_m) / path_m
    direct_tx, direct_rx = rise - half * path_m, -rise - half * path_m
    tx_rad, rx_rad, tx_at_m, rx_at_m = direct_tx, direct_rx, path_m, path_m
    tx_sample = rx_sample = 0
    if receiver.last > 0:
        x, h = values[DISTANCE_M], values[GROUND_M]
        i = farthest_above(radial.hull[TX_HULL], radial.size[TX_HULL], x, values[TX_SLOPE], half)
        angle = (h[i] - tx_m) / x[i] - half * x[i]
        if angle > tx_rad:
            tx_rad, tx_at_m, tx_sample = angle, x[i], i
            i = _rx_tangent(radial, path_m, rx_m, curvature, steepest)
            back = path_m - x[i]
            angle = (h[i] - rx_m) / back - half * back
            if angle > rx_rad:
                rx_rad, rx_at_m, rx_sample = angle, back, i
    for i in range(receiver.last + 1, receiver.end):
        back = (receiver.end - i) * site.cell_m
        at = path_m - back
        angle = (values[PROFILE_M, i] - tx_m) / at - half * at
        if angle > tx_rad:
            tx_rad, tx_at_m, tx_sample = angle, at, 0
        angle = (values[PROFILE_M, i] - rx_m) / back - half * back
        if angle > rx_rad:
            rx_rad, rx_at_m, rx_sample = angle, back, 0
    clear = tx_at_m + rx_at_m > 1.5 * path_m
    if not clear:
        if tx_sample > 0:
            height = values[GROUND_M, tx_sample]
            height = _own_line_m(ground_m, site, receiver, float(tx_sample), height)
            tx_rad = max(direct_tx, (height - tx_m) / tx_at_m - half * tx_at_m)
        if rx_sample > 0:
            height = values[GROUND_M, rx_sample]
            height = _own_line_m(ground_m, site, receiver, float(rx_sample), height)
            rx_rad = max(direct_rx, (height - rx_m) / rx_at_m - half * rx_at_m)
    return Horizons(tx_rad, rx_rad, tx_at_m, rx_at_m), clear


@kernel
def _fitted_line(values: FloatArray, first: int, to: int, last: int) -> Line:
    """Return what `itm_profile.fit_line` does, above the mast's ground, from the running sums."""
    base = values[GROUND_M, 0]
    total, moment = values[TOTAL, to], values[MOMENT, to]
    if first > 0:
        total -= values[TOTAL, first - 1]
        moment -= values[MOMENT, first - 1]
    at_first, at_to = values[PROFILE_M, first] - base, values[PROFILE_M, to] - base
    return fit_ends(total, moment, at_first, at_to, first, to, last)


@kernel
def _mean_height_m(values: FloatArray, last: int) -> float:
    """Return what `itm_profile.system_height_m` does, from the running sums."""
    first, end = middle_bounds(last)
    total = values[TOTAL, end]
    if first > 0:
        total -= values[TOTAL, first - 1]
    return float(values[GROUND_M, 0] + total / (end - first + 1))


class Served(NamedTuple):
    """Loss and what it is over free space [dB], the departure angle, and a guess for the next."""

    loss_db: float
    over_db: float
    departure_deg: float
    deciles_m: tuple[float, float]


@kernel
def _serve(
    radial: Radial,
    receiver: Receiver,
    ground_m: Float32Array,
    site: Site,
    setting: Setting,
    climate: MapClimate,
    guess: tuple[float, float],
) -> Served:
    """Return the loss of a pixel, NaN where the surface refractivity leaves the range of ITM."""
    values, count, path_m = radial.values, receiver.end, receiver.path_m
    refractivity = surface_refractivity(climate.n0, _mean_height_m(values, count))
    if not 150.0 <= refractivity <= 400.0:
        return Served(np.nan, np.nan, np.nan, guess)
    curvature = curvature_per_m(refractivity)
    seen, clear = _horizons(radial, receiver, ground_m, site, curvature, climate.steepest)
    step_m = path_m / count
    start_m, end_m = section_ends_m(setting, path_m, seen.tx_at_m, seen.rx_at_m)
    start, end = start_m / step_m, end_m / step_m
    rough, guess = irregularity(
        values[PROFILE_M],
        count,
        start,
        end,
        end_m - start_m,
        guess,
        radial.residuals[0],
        radial.residuals[1],
    )
    if clear:
        first, to = fit_bounds(start, end, count)
        at_tx, at_rx = _fitted_line(values, first, to, count)
    else:
        first, to = fit_bounds(start, 0.9 * seen.tx_at_m / step_m, count)
        at_tx = _fitted_line(values, first, to, count).at_tx_m
        first, to = fit_bounds((path_m - 0.9 * seen.rx_at_m) / step_m, end, count)
        at_rx = _fitted_line(values, first, to, count).at_rx_m
    rx_ground = values[PROFILE_M, count] - values[GROUND_M, 0]
    path = path_geometry(
        path_m,
        curvature,
        refractivity,
        rough,
        setting.tx_agl_m + max(-at_tx, 0.0),
        setting.rx_agl_m + max(rx_ground - at_rx, 0.0),
        seen,
        clear,
    )
    reference_db, _ = reference_attenuation(path, setting)
    over_db = spread_loss_db(reference_db, path, setting.freq_mhz, climate.shares)
    loss = over_db + free_space_db(path_m, setting.freq_mhz)
    return Served(loss, over_db, degrees(atan(seen.tx_rad)), guess)


@kernel
def _sweep(
    ground_m: Float32Array,
    order: PixelOrder,
    radial: Radial,
    setting: Setting,
    climate: MapClimate,
    site: Site,
    layers: Layers,
    carrier: int,
) -> None:
    """Serve every pixel of a window; what has no elevation on its way stays as it was."""
    values, row, col = radial.values, site.row, site.col
    radials = order.first.size - 1
    guess = (-NO_GUESS, -NO_GUESS)
    for r in range(radials):
        if order.first[r] == order.first[r + 1]:
            continue
        d_row, d_col = radial_direction(r, radials)
        known = _read_radial(radial, ground_m, row, col, d_row, d_col)
        if known == 0:
            continue
        tx_m = values[GROUND_M, 0] + setting.tx_agl_m
        values[PROFILE_M, 0], values[TOTAL, 0], values[MOMENT, 0] = values[GROUND_M, 0], 0.0, 0.0
        radial.size[:] = 0
        admitted = 0
        for p in range(order.first[r], order.first[r + 1]):
            last = int(order.last_sample[p])
            if last >= known:
                break
            while admitted < last:
                admitted += 1
                _admit(radial, admitted, tx_m, climate.steepest)
            i, j = int(order.row[p]), int(order.col[p])
            rx_ground = float(ground_m[i, j])
            cells = max(sqrt((i - row) ** 2 + (j - col) ** 2), AT_THE_MAST_CELLS)
            d_row, d_col = (i - row) / cells, (j - col) / cells
            count = last
            for back in range(order.own_samples, 0, -1):
                steps = cells - back
                if steps > 0.5:
                    count += 1
                    height = bilinear(ground_m, row + steps * d_row, col + steps * d_col)
                    _set_sample(values, count, height)
            count += 1
            _set_sample(values, count, rx_ground)
            if np.isnan(values[TOTAL, count]):
                continue
            receiver = Receiver(
                cells * site.cell_m,
                tx_m,
                rx_ground + setting.rx_agl_m,
                last,
                count,
                d_row,
                d_col,
            )
            found = _serve(radial, receiver, ground_m, site, setting, climate, guess)
            guess = found.deciles_m
            i, j = i - site.row0, j - site.col0
            layers.path_loss_db[carrier, i, j] = found.loss_db
            layers.departure_deg[i, j] = found.departure_deg
            layers.diffraction_db[carrier, i, j] = found.over_db
            layers.terrain_db[carrier, i, j] = found.over_db


def draw(chart: Map, order: PixelOrder) -> None:
    """Fill a map with ITM, for half of the places and situations.

    ``n0`` must lie in 250..400. ITM has no use for the lapse rate, the latitude, the coast, clutter
    and zones; the climate is continental temperate and the ground average. ``departure_deg`` is the
    mast's horizon where the path is blocked, else the direct ray; ``diffraction_db`` and
    ``terrain_db`` both are the loss over free space. Pixels whose mean path is so high that the
    surface refractivity falls below 150 stay NaN.

    Raises
    ------
    OutOfRangeError
        When a request is outside of ITM's range.
    """
    for carrier, request in enumerate(chart.requests):
        _draw_carrier(chart, order, request, carrier)


def _draw_carrier(chart: Map, order: PixelOrder, request: SweepRequest, carrier: int) -> None:
    terrain = chart.terrain
    setting = checked_setting(
        freq_mhz=float(request.freq_mhz),
        tx_height_agl_m=float(request.tx_height_agl_m),
        rx_height_agl_m=float(request.rx_height_agl_m),
        conductivity_s_m=AVERAGE_CONDUCTIVITY_S_M,
        permittivity=AVERAGE_PERMITTIVITY,
        polarization=request.polarization,
        known_profile=True,
    )
    n0 = checked_n0(float(request.n0))
    highest = float(np.nanmax(terrain.ground_m))
    samples = int(request.radius_m / terrain.cell_m) + 2
    radial = Radial(
        np.zeros((7, samples + 1)),
        np.zeros((2, samples + 1), dtype=np.int64),
        np.zeros(2, dtype=np.int64),
        np.zeros((2, RESIDUALS + 1)),
    )
    radial.values[DISTANCE_M] = np.arange(samples + 1) * float(terrain.cell_m)
    deviates = mode_deviates(BROADCAST, float(request.time_percent), 50.0, 50.0)
    climate = MapClimate(
        n0,
        curvature_per_m(surface_refractivity(n0, highest)),
        Shares(CLIMATE, BROADCAST, True, True, *deviates),
    )
    _sweep(
        np.ascontiguousarray(terrain.ground_m, dtype=np.float32),
        order,
        radial,
        setting,
        climate,
        request.site(terrain.cell_m, chart.row0, chart.col0),
        chart.layers,
        carrier,
    )
