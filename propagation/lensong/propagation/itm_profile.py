"""What ITM reads from a terrain profile: system height, horizons, effective heights, delta h.

A profile is ``height[0]`` to ``height[last]`` at equal steps, the transmitter first; the array may
go on behind ``last``. Positions along it are counted in steps. Sections are those of the
algorithm (G. A. Hufford, "The ITS Irregular Terrain Model, version 1.2.2: The Algorithm").
"""

from __future__ import annotations

from math import exp, pi, sin, sqrt
from typing import NamedTuple

import numpy as np
from numba import njit

from lensong.propagation.itm_terms import (
    Geometry,
    Setting,
    curvature_per_m,
    smooth_horizon_m,
    surface_refractivity,
)
from lensong.propagation.kernel import kernel
from lensong.propagation.types import FloatArray

__all__ = [
    "NO_GUESS",
    "RESIDUALS",
    "Horizons",
    "Line",
    "area_geometry",
    "fit_bounds",
    "fit_ends",
    "fit_line",
    "horizons",
    "irregularity",
    "middle_bounds",
    "path_geometry",
    "profile_geometry",
    "section_ends_m",
    "system_height_m",
    "typical_horizon",
]

RESIDUALS = 245
"""The most points that delta h is taken from."""

NO_GUESS = np.inf


@kernel
def middle_bounds(last: int) -> tuple[int, int]:
    """Return first and last sample of the middle 80 % of a path."""
    tenth = int(0.1 * last)
    return tenth, last - tenth


@kernel
def system_height_m(height: FloatArray, last: int) -> float:
    """Return the mean height of the middle 80 % of a path."""
    first, end = middle_bounds(last)
    total = 0.0
    for i in range(first, end + 1):
        total += height[i]
    return total / (end - first + 1)


class Horizons(NamedTuple):
    """Elevation angles [rad] and distances [m] of the horizons of both antennas."""

    tx_rad: float
    rx_rad: float
    tx_at_m: float
    rx_at_m: float


class Line(NamedTuple):
    """Heights of a fitted straight line at the two ends of a profile [m]."""

    at_tx_m: float
    at_rx_m: float


@kernel
def horizons(
    height: FloatArray, last: int, step_m: float, tx_m: float, rx_m: float, curvature: float
) -> Horizons:
    """Return what both antennas see, section 47.

    With a clear path each antenna is the other's horizon. The first sample wins ties.
    """
    path_m = last * step_m
    rise = (rx_m - tx_m) / path_m
    tx_rad, rx_rad = rise - 0.5 * curvature * path_m, -rise - 0.5 * curvature * path_m
    tx_at_m = rx_at_m = path_m
    for i in range(1, last):
        from_tx, from_rx = i * step_m, path_m - i * step_m
        angle = (height[i] - tx_m) / from_tx - 0.5 * curvature * from_tx
        if angle > tx_rad:
            tx_rad, tx_at_m = angle, from_tx
        angle = (height[i] - rx_m) / from_rx - 0.5 * curvature * from_rx
        if angle > rx_rad:
            rx_rad, rx_at_m = angle, from_rx
    return Horizons(tx_rad, rx_rad, tx_at_m, rx_at_m)


@kernel
def fit_bounds(start: float, end: float, last: int) -> tuple[int, int]:
    """Return first and last sample of a straight-line fit over ``start`` to ``end`` steps."""
    first = int(max(start, 0.0))
    to = last - int(max(last - end, 0.0))
    if to <= first:
        first = max(first - 1, 0)
        to = last - max(last - (to + 1), 0)
    return first, to


@kernel
def fit_ends(
    total: float, moment: float, at_first: float, at_to: float, first: int, to: int, last: int
) -> Line:
    """Return the heights of a fitted line at both ends of the path, section 53.

    ``total`` and ``moment`` are the sums of ``height[i]`` and ``i height[i]`` over the samples
    first to to; the two at the ends, also given, weigh half.
    """
    length = to - first
    centre = 0.5 * (first + to)
    mean = (total - 0.5 * (at_first + at_to)) / length
    lever = moment - centre * total + 0.25 * length * (at_first - at_to)
    slope = lever * 12.0 / ((length * length + 2.0) * length)
    return Line(mean - slope * centre, mean + slope * (last - centre))


@kernel
def fit_line(height: FloatArray, first: int, to: int, last: int) -> Line:
    """Return the heights at both ends of the path of a line through the samples first to to."""
    base, total, moment = height[first], 0.0, 0.0
    for i in range(first, to + 1):
        total += height[i] - base
        moment += i * (height[i] - base)
    line = fit_ends(total, moment, 0.0, height[to] - base, first, to, last)
    return Line(base + line.at_tx_m, base + line.at_rx_m)


@kernel
def _exchange(values: FloatArray, a: int, b: int) -> None:
    values[a], values[b] = values[b], values[a]


@kernel
def _greatest(values: FloatArray, count: int, rank: int) -> float:
    """Return the value that ``rank - 1`` others exceed or equal; reorders the values."""
    low, high, wanted = 0, count - 1, rank - 1
    while low < high:
        _exchange(values, low, (low + high) // 2)
        pivot, at = values[low], low
        for i in range(low + 1, high + 1):
            if values[i] > pivot:
                at += 1
                _exchange(values, at, i)
        _exchange(values, low, at)
        if at == wanted:
            break
        if at < wanted:
            low = at + 1
        else:
            high = at - 1
    return float(values[wanted])


@kernel
def _upper_value(
    values: FloatArray, count: int, sign: float, rank: int, guess: float, work: FloatArray
) -> float:
    """Return the ``rank``-th greatest of ``sign * values``.

    Only values above ``guess`` are looked at when there are enough of them.
    """
    found = 0
    for i in range(count):
        value = sign * values[i]
        work[found] = value
        found += 1 if value > guess else 0
    if found < rank:
        for i in range(count):
            work[i] = sign * values[i]
        found = count
    return _greatest(work, found, rank)


@kernel
def irregularity(
    height: FloatArray,
    last: int,
    start: float,
    end: float,
    span_m: float,
    guess: tuple[float, float],
    residuals: FloatArray,
    work: FloatArray,
) -> tuple[float, tuple[float, float]]:
    """Return the terrain irregularity delta h [m], section 48, and its two deciles.

    The profile between ``start`` and ``end`` [steps], ``span_m`` long, is read again at up to
    `RESIDUALS` equal steps; delta h is the range between the deciles of what stands above a line
    fitted through them, brought to an infinite path. ``guess`` is the deciles' answer of a path
    like this one or twice ``-NO_GUESS``; it saves time and changes nothing. ``residuals`` and
    ``work`` hold `RESIDUALS` + 1 values each.
    """
    if end - start < 2.0:
        return 0.0, guess
    tenth = min(max(4, int(0.1 * (end - start + 8.0))), 25)
    count = 10 * tenth - 5
    step = (end - start) / (count - 1)
    centre = 0.5 * (count - 1)
    base = height[int(start)]
    total = moment = 0.0
    for j in range(count):
        at = start + j * step
        i = min(int(at), last - 1)
        value = height[i] + (height[i + 1] - height[i]) * (at - i) - base
        residuals[j] = value
        total += value
        moment += (j - centre) * value
    # the fit of `fit_line` on these points: the ends weigh half
    length = count - 1
    first, final = residuals[0], residuals[count - 1]
    mean = (total - 0.5 * (first + final)) / length
    slope = (moment + 0.25 * length * (first - final)) * 12.0
    slope /= (length * length + 2.0) * length
    for j in range(count):
        residuals[j] -= mean + slope * (j - centre)
    # a little below the last answer, so that enough values are above it
    margin = 0.02 * (guess[0] + guess[1])
    high = _upper_value(residuals, count, 1.0, tenth, guess[0] - margin, work)
    low = _upper_value(residuals, count, -1.0, tenth, guess[1] - margin, work)
    return (high + low) / (1.0 - 0.8 * exp(-span_m / 50e3)), (high, low)


@kernel
def section_ends_m(
    setting: Setting, path_m: float, tx_horizon_m: float, rx_horizon_m: float
) -> tuple[float, float]:
    """Return from where to where the terrain counts: the antennas' foregrounds do not."""
    start = min(15.0 * setting.tx_agl_m, 0.1 * tx_horizon_m)
    return start, path_m - min(15.0 * setting.rx_agl_m, 0.1 * rx_horizon_m)


@kernel
def _rough_horizon_m(height_m: float, curvature: float, irregularity_m: float) -> float:
    """Return the typical horizon distance over irregular terrain, eq. (3.3)."""
    return smooth_horizon_m(height_m, curvature) * exp(
        -0.07 * sqrt(irregularity_m / max(height_m, 5.0))
    )


@kernel
def typical_horizon(
    height_m: float, curvature: float, irregularity_m: float
) -> tuple[float, float]:
    """Return distance [m] and angle [rad] of the horizon that terrain of this kind has."""
    smooth_m = smooth_horizon_m(height_m, curvature)
    at_m = _rough_horizon_m(height_m, curvature, irregularity_m)
    angle = (0.65 * irregularity_m * (smooth_m / at_m - 1.0) - 2.0 * height_m) / smooth_m
    return at_m, angle


@kernel
def path_geometry(
    path_m: float,
    curvature: float,
    refractivity: float,
    irregularity_m: float,
    tx_above_m: float,
    rx_above_m: float,
    seen: Horizons,
    clear: bool,
) -> Geometry:
    """Return the geometry from effective heights and the horizons that were ``seen``.

    On a clear path the horizons are typical ones, and the heights are raised until they reach.
    """
    tx_rad, rx_rad, tx_at_m, rx_at_m = seen
    if clear:
        reach_m = _rough_horizon_m(tx_above_m, curvature, irregularity_m) + _rough_horizon_m(
            rx_above_m, curvature, irregularity_m
        )
        if reach_m <= path_m:
            tx_above_m *= (path_m / reach_m) ** 2
            rx_above_m *= (path_m / reach_m) ** 2
        tx_at_m, tx_rad = typical_horizon(tx_above_m, curvature, irregularity_m)
        rx_at_m, rx_rad = typical_horizon(rx_above_m, curvature, irregularity_m)
    return Geometry(
        path_m,
        curvature,
        refractivity,
        irregularity_m,
        tx_above_m,
        rx_above_m,
        tx_at_m,
        rx_at_m,
        tx_rad,
        rx_rad,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def profile_geometry(height: FloatArray, step_m: float, n0: float, setting: Setting) -> Geometry:
    """Return what ITM reads from a whole profile, walking it afresh for every quantity."""
    last = height.size - 1
    path_m = last * step_m
    refractivity = surface_refractivity(n0, system_height_m(height, last))
    curvature = curvature_per_m(refractivity)
    seen = horizons(
        height,
        last,
        step_m,
        height[0] + setting.tx_agl_m,
        height[last] + setting.rx_agl_m,
        curvature,
    )
    start_m, end_m = section_ends_m(setting, path_m, seen.tx_at_m, seen.rx_at_m)
    start, end = start_m / step_m, end_m / step_m
    rough, _ = irregularity(
        height,
        last,
        start,
        end,
        end_m - start_m,
        (-NO_GUESS, -NO_GUESS),
        np.empty(RESIDUALS + 1),
        np.empty(RESIDUALS + 1),
    )
    clear = seen.tx_at_m + seen.rx_at_m > 1.5 * path_m
    if clear:
        first, to = fit_bounds(start, end, last)
        at_tx, at_rx = fit_line(height, first, to, last)
    else:
        first, to = fit_bounds(start, 0.9 * seen.tx_at_m / step_m, last)
        at_tx = fit_line(height, first, to, last).at_tx_m
        first, to = fit_bounds((path_m - 0.9 * seen.rx_at_m) / step_m, end, last)
        at_rx = fit_line(height, first, to, last).at_rx_m
    return path_geometry(
        path_m,
        curvature,
        refractivity,
        rough,
        setting.tx_agl_m + max(height[0] - at_tx, 0.0),
        setting.rx_agl_m + max(height[last] - at_rx, 0.0),
        seen,
        clear,
    )


def area_geometry(
    distance_m: float, n0: float, irregularity_m: float, siting: tuple[int, int], setting: Setting
) -> Geometry:
    """Return the geometry that terrain of this irregularity typically has, section 3."""
    curvature = curvature_per_m(n0)
    heights = []
    for agl_m, chosen in zip((setting.tx_agl_m, setting.rx_agl_m), siting, strict=True):
        lift = 0.0
        if chosen > 0:
            lift = 4.0 if chosen == 1 else 9.0
            if agl_m < 5.0:
                lift *= sin(0.1 * pi * agl_m)
            lift = (1.0 + lift) * exp(-min(20.0, 2.0 * agl_m / max(1e-3, irregularity_m)))
        heights.append(agl_m + lift)
    tx_at_m, tx_rad = typical_horizon(heights[0], curvature, irregularity_m)
    rx_at_m, rx_rad = typical_horizon(heights[1], curvature, irregularity_m)
    return Geometry(
        float(distance_m),
        curvature,
        float(n0),
        float(irregularity_m),
        heights[0],
        heights[1],
        tx_at_m,
        rx_at_m,
        tx_rad,
        rx_rad,
    )
