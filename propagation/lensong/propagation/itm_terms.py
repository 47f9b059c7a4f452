"""Closed forms of ITM: the reference attenuation of a path whose geometry is known.

Three regimes share one curve over distance: a two-ray field inside the smooth-Earth horizon, a
straight line through two diffraction losses beyond it, and troposcatter where that is less.
Equation numbers are those of the algorithm [1]_; constants are those of ITM 1.4 [2]_, which has
frequency in MHz where [1]_ has the wave number ``f / 47.7``.

References
----------
.. [1] G. A. Hufford, "The ITS Irregular Terrain Model, version 1.2.2: The Algorithm", NTIA/ITS.
.. [2] NTIA, "Irregular Terrain Model (ITM) (Longley-Rice) (20 MHz - 20 GHz)", version 1.4.
"""

from __future__ import annotations

from math import cos, exp, log, log10, pi, sin, sqrt
from typing import NamedTuple

from lensong.propagation.itm_variability import rough_at
from lensong.propagation.kernel import kernel

__all__ = [
    "DIFFRACTION",
    "LINE_OF_SIGHT",
    "TROPOSCATTER",
    "Geometry",
    "Setting",
    "curvature_per_m",
    "free_space_db",
    "reference_attenuation",
    "smooth_horizon_m",
    "surface_impedance",
    "surface_refractivity",
]

LINE_OF_SIGHT, DIFFRACTION, TROPOSCATTER = 1, 2, 3

_THIRD = 1.0 / 3.0
_SMOOTH_EARTH_M = 6370e3
_EARTH_CURVATURE_PER_M = 157e-9
_REFRACTIVITY_SCALE_M = 9460.0


class Setting(NamedTuple):
    """What does not change over a map."""

    freq_mhz: float
    impedance: complex
    tx_agl_m: float
    rx_agl_m: float
    known_profile: bool  # point-to-point; False in area mode


class Geometry(NamedTuple):
    """One path as ITM sees it; angles in rad, upward positive, relative to the horizontal."""

    distance_m: float
    curvature: float  # of the effective Earth [1/m]
    refractivity: float  # at the surface [N-units]
    irregularity_m: float  # interdecile range of terrain heights, delta h
    tx_effective_m: float
    rx_effective_m: float
    tx_horizon_m: float
    rx_horizon_m: float
    tx_horizon_rad: float
    rx_horizon_rad: float


@kernel
def surface_impedance(
    freq_mhz: float, permittivity: float, conductivity_s_m: float, vertical: bool
) -> complex:
    """Return the normalised transfer impedance of the ground, eqs (1.3), (1.4)."""
    ground = complex(permittivity, 18000.0 * conductivity_s_m / freq_mhz)
    z = (ground - 1.0) ** 0.5
    return z / ground if vertical else z


@kernel
def surface_refractivity(n0: float, height_amsl_m: float) -> float:
    """Return the refractivity at the ground from that at sea level, eq. (1.1)."""
    return n0 * exp(-height_amsl_m / _REFRACTIVITY_SCALE_M)


@kernel
def curvature_per_m(refractivity: float) -> float:
    """Return the curvature of the effective Earth [1/m], eq. (1.2)."""
    return _EARTH_CURVATURE_PER_M * (1.0 - 0.04665 * exp(refractivity / 179.3))


@kernel
def free_space_db(distance_m: float, freq_mhz: float) -> float:
    """Return the free-space loss as ITM rounds it."""
    return 32.45 + 20.0 * log10(freq_mhz) + 20.0 * log10(distance_m / 1000.0)


@kernel
def smooth_horizon_m(height_m: float, curvature: float) -> float:
    """Return how far the horizon of a smooth Earth is from a height."""
    return sqrt(2.0 * height_m / curvature)


@kernel
def _knife_edge_db(nu_squared: float) -> float:
    """Return the Fresnel loss of an edge from the square of its parameter, eq. (6.1)."""
    if nu_squared < 5.76:
        return 6.02 + 9.11 * sqrt(nu_squared) - 1.27 * nu_squared
    return 12.953 + 10.0 * log10(nu_squared)


@kernel
def _height_gain_db(x_km: float, k: float) -> float:
    """Return F(x, K) of the three radii method, eqs (6.2) to (6.6)."""
    if x_km < 200.0:
        w = -log(k)
        if k < 1e-5 or x_km * w**3 > 5495.0:
            return -117.0 + (17.372 * log(x_km) if x_km > 1.0 else 0.0)
        return 2.5e-5 * x_km * x_km / k - 8.686 * w - 15.0
    gain = 0.05751 * x_km - 4.343 * log(x_km)
    if x_km < 2000.0:
        w = 0.0134 * x_km * exp(-0.005 * x_km)
        gain = (1.0 - w) * gain + w * (17.372 * log(x_km) - 117.0)
    return gain


@kernel
def _earth_scale(radius_m: float, freq_mhz: float, impedance: float) -> tuple[float, float]:
    """Return K and the scaled distance of one kilometre on a sphere, eqs (4.15) to (4.18)."""
    c = (4.0 / 3.0 * _SMOOTH_EARTH_M / radius_m) ** _THIRD
    root = freq_mhz**_THIRD
    k = 0.017778 * c / (root * impedance)
    return k, (1.607 - k) * c * c * root


@kernel
def _diffraction_pair(
    path: Geometry, setting: Setting, los_rad: float, near_m: float, far_m: float
) -> tuple[float, float]:
    """Return the diffraction loss at two distances beyond the horizons, eq. (4.9) ff.

    Knife edges and the smooth Earth are weighted by how rough the ground is (eq. 4.11); clutter
    in front of the antennas is added (eq. 4.10).
    """
    freq_mhz, impedance = setting.freq_mhz, abs(setting.impedance)
    wave_number = freq_mhz / 47.7
    tx_m, rx_m = path.tx_horizon_m, path.rx_horizon_m
    horizons_m = tx_m + rx_m
    x = height_gains = 0.0
    for end in range(2):
        to_m = tx_m if end == 0 else rx_m
        height_m = path.tx_effective_m if end == 0 else path.rx_effective_m
        k, scale = _earth_scale(0.5 * to_m * to_m / height_m, freq_mhz, impedance)
        x_end = scale * to_m / 1000.0
        x += x_end
        height_gains += _height_gain_db(x_end, k)

    heights = setting.tx_agl_m * setting.rx_agl_m
    rough = rough_at(
        smooth_horizon_m(path.tx_effective_m, path.curvature)
        + smooth_horizon_m(path.rx_effective_m, path.curvature),
        path.irregularity_m,
    )
    sigma = 0.78 * rough * exp(-0.5 * rough**0.25)
    clutter_db = min(15.0, 5.0 * log10(1.0 + 1e-5 * heights * freq_mhz * sigma))
    product = heights + (10.0 if setting.known_profile else 0.0)
    height_ratio = sqrt(1.0 + (path.tx_effective_m * path.rx_effective_m - heights) / product)

    near_db = far_db = 0.0
    for which in range(2):
        at_m = near_m if which == 0 else far_m
        bend_rad = at_m * path.curvature - los_rad
        beyond_m = at_m - horizons_m
        k, scale = _earth_scale(beyond_m / bend_rad, freq_mhz, impedance)
        x_all = scale * beyond_m / 1000.0 + x
        smooth_db = 0.05751 * x_all - 10.0 * log10(x_all) - height_gains - 20.0
        edge = 0.0795775 * wave_number * bend_rad * bend_rad * beyond_m
        edges_db = _knife_edge_db(edge * tx_m / (beyond_m + tx_m)) + _knife_edge_db(
            edge * rx_m / (beyond_m + rx_m)
        )
        q = height_ratio + (horizons_m - los_rad / path.curvature) / at_m
        q *= min(rough_at(at_m, path.irregularity_m) * wave_number, 6283.2)
        weight = 25.1 / (25.1 + sqrt(q))
        loss = weight * smooth_db + (1.0 - weight) * edges_db + clutter_db
        if which == 0:
            near_db = loss
        else:
            far_db = loss
    return near_db, far_db


@kernel
def _two_ray_db(
    path: Geometry, setting: Setting, at_m: float, smooth_m: float, slope: float, start_db: float
) -> float:
    """Return the line-of-sight loss at a distance, eqs (4.45) to (4.50)."""
    wave_number = setting.freq_mhz / 47.7
    rough = rough_at(at_m, path.irregularity_m)
    sigma = 0.78 * rough * exp(-0.5 * rough**0.25)
    heights = path.tx_effective_m + path.rx_effective_m
    grazing = heights / sqrt(at_m * at_m + heights * heights)
    reflection = (grazing - setting.impedance) / (grazing + setting.impedance)
    reflection *= exp(-min(10.0, wave_number * sigma * grazing))
    power = reflection.real**2 + reflection.imag**2
    if power < 0.25 or power < grazing:
        reflection *= sqrt(grazing / power)
    phase = wave_number * 2.0 * path.tx_effective_m * path.rx_effective_m / at_m
    if phase > pi / 2.0:
        phase = pi - (pi / 2.0) ** 2 / phase
    real, imag = cos(phase) + reflection.real, -sin(phase) + reflection.imag
    two_ray = -10.0 * log10(real * real + imag * imag)
    weight = 1.0 / (1.0 + setting.freq_mhz * path.irregularity_m / max(10e3, smooth_m))
    return weight * two_ray + (1.0 - weight) * (slope * at_m + start_db)


@kernel
def _frequency_gain_db(r: float, eta: float) -> float:
    """Return H01(r, j) of eq. (6.13), interpolated over the scatter efficiency."""
    eta = min(max(eta, 1.0), 5.0)
    x = 1.0 / (r * r)
    gains = (
        10.0 * log10(1.0 + x * (24.0 + 25.0 * x)),
        10.0 * log10(1.0 + x * (45.0 + 80.0 * x)),
        10.0 * log10(1.0 + x * (68.0 + 177.0 * x)),
        10.0 * log10(1.0 + x * (80.0 + 395.0 * x)),
        10.0 * log10(1.0 + x * (105.0 + 705.0 * x)),
    )
    low = min(int(eta) - 1, 3)
    share = eta - 1.0 - low
    return (1.0 - share) * gains[low] + share * gains[low + 1]


@kernel
def _attenuation_function_db(distance_times_angle: float) -> float:
    """Return F(theta d), eq. (6.9)."""
    if distance_times_angle <= 10e3:
        a, b, c = 133.4, 0.332e-3, -10.0
    elif distance_times_angle <= 70e3:
        a, b, c = 104.6, 0.212e-3, -2.5
    else:
        a, b, c = 71.8, 0.157e-3, 5.0
    return a + b * distance_times_angle + c * log10(distance_times_angle)


@kernel
def _troposcatter_db(
    path: Geometry, freq_mhz: float, los_rad: float, at_m: float, previous_gain_db: float
) -> tuple[float, float]:
    """Return loss and frequency gain H0 at a distance, eqs (4.60) to (4.67).

    The loss is above 1000 dB where the scattering volume is out of reach. ``previous_gain_db`` is
    H0 of a farther point, negative when there is none.
    """
    wave_number = freq_mhz / 47.7
    angle = path.tx_horizon_rad + path.rx_horizon_rad + at_m * path.curvature
    gain = previous_gain_db
    if previous_gain_db <= 15.0:
        offset = path.tx_horizon_m - path.rx_horizon_m
        ratio = path.rx_effective_m / path.tx_effective_m
        if offset < 0.0:
            offset, ratio = -offset, 1.0 / ratio
        r_tx = 2.0 * wave_number * angle * path.tx_effective_m
        r_rx = 2.0 * wave_number * angle * path.rx_effective_m
        if r_tx < 0.2 and r_rx < 0.2:
            return 1001.0, previous_gain_db
        asymmetry = (at_m - offset) / (at_m + offset)
        q = min(max(0.1, ratio / asymmetry), 10.0)
        asymmetry = max(0.1, asymmetry)
        height = (at_m - offset) * (at_m + offset) * angle * 0.25 / at_m
        n_s = path.refractivity
        air = 0.031 - n_s * 2.32e-3 + n_s * n_s * 5.67e-6
        eta = height / 1.7556e3 * (1.0 + air * exp(-(min(1.7, height / 8.0e3) ** 6)))
        gain = 0.5 * (_frequency_gain_db(r_tx, eta) + _frequency_gain_db(r_rx, eta))
        gain += min(gain, 6.0 * (0.6 - log10(max(eta, 1.0))) * log10(asymmetry) * log10(q))
        gain = max(gain, 0.0)
        if eta < 1.0:
            spread = ((1.0 + sqrt(2.0) / r_tx) * (1.0 + sqrt(2.0) / r_rx)) ** 2
            spread *= (r_tx + r_rx) / (r_tx + r_rx + 2.0 * sqrt(2.0))
            gain = eta * gain + (1.0 - eta) * 10.0 * log10(spread)
        if gain > 15.0 and previous_gain_db >= 0.0:
            gain = previous_gain_db
    angle = at_m * path.curvature - los_rad
    loss = _attenuation_function_db(angle * at_m) + 10.0 * log10(freq_mhz * angle**4)
    loss += gain - 0.1 * (path.refractivity - 301.0) * exp(-angle * at_m / 40e3)
    return loss, gain


@kernel
def _inside_horizon_db(
    path: Geometry, setting: Setting, smooth_m: float, slope: float, start_db: float
) -> float:
    """Return the reference attenuation within the smooth-Earth horizon, eqs (4.28) to (4.44)."""
    edge_db = start_db + slope * smooth_m
    horizons_m = path.tx_horizon_m + path.rx_horizon_m
    near_m = 0.04 * setting.freq_mhz * path.tx_effective_m * path.rx_effective_m
    if start_db >= 0.0:
        near_m = min(near_m, 0.5 * horizons_m)
        middle_m = near_m + 0.25 * (horizons_m - near_m)
    else:
        middle_m = max(-start_db / slope, 0.25 * horizons_m)
    middle_db = _two_ray_db(path, setting, middle_m, smooth_m, slope, start_db)
    linear = logarithmic = 0.0
    fitted = False
    if near_m < middle_m:
        near_db = _two_ray_db(path, setting, near_m, smooth_m, slope, start_db)
        decades = log(smooth_m / near_m)
        to_edge, to_middle = smooth_m - near_m, middle_m - near_m
        top = to_edge * (middle_db - near_db) - to_middle * (edge_db - near_db)
        bottom = to_edge * log(middle_m / near_m) - to_middle * decades
        logarithmic = max(0.0, top / bottom)
        fitted = start_db > 0.0 or logarithmic > 0.0
        if fitted:
            linear = (edge_db - near_db - logarithmic * decades) / to_edge
            if linear < 0.0:
                linear = 0.0
                logarithmic = max(edge_db - near_db, 0.0) / decades
                if logarithmic == 0.0:
                    linear = slope
    if not fitted:
        logarithmic = 0.0
        linear = max(edge_db - middle_db, 0.0) / (smooth_m - middle_m)
        if linear == 0.0:
            linear = slope
    distance_m = path.distance_m
    base = edge_db - linear * smooth_m - logarithmic * log(smooth_m)
    return base + linear * distance_m + logarithmic * log(distance_m)


@kernel
def reference_attenuation(path: Geometry, setting: Setting) -> tuple[float, int]:
    """Return the median loss over free space [dB] and the regime, eq. (4.1) ff."""
    horizons_m = path.tx_horizon_m + path.rx_horizon_m
    smooth_m = smooth_horizon_m(path.tx_effective_m, path.curvature) + smooth_horizon_m(
        path.rx_effective_m, path.curvature
    )
    los_rad = -max(path.tx_horizon_rad + path.rx_horizon_rad, -horizons_m * path.curvature)
    spacing_m = (1.0 / (path.curvature * path.curvature * setting.freq_mhz)) ** _THIRD
    near_m = max(smooth_m, horizons_m + 5.0 * spacing_m)
    far_m = near_m + 10.0 * spacing_m
    near_db, far_db = _diffraction_pair(path, setting, los_rad, near_m, far_m)
    slope = (far_db - near_db) / (far_m - near_m)
    start_db = near_db - slope * near_m
    if path.distance_m < smooth_m:
        loss = _inside_horizon_db(path, setting, smooth_m, slope, start_db)
        return max(loss, 0.0), LINE_OF_SIGHT

    scatter_at_m = horizons_m + 200e3
    far_scatter_db, gain = _troposcatter_db(
        path, setting.freq_mhz, los_rad, horizons_m + 400e3, -1.0
    )
    scatter_db, gain = _troposcatter_db(path, setting.freq_mhz, los_rad, scatter_at_m, gain)
    if scatter_db < 1000.0:
        scatter_slope = (far_scatter_db - scatter_db) / 200e3
        cross_m = max(
            max(smooth_m, horizons_m + 1.088 * spacing_m * log(setting.freq_mhz)),
            (scatter_db - start_db - scatter_slope * scatter_at_m) / (slope - scatter_slope),
        )
        if path.distance_m > cross_m:
            loss = start_db + (slope - scatter_slope) * cross_m + scatter_slope * path.distance_m
            return max(loss, 0.0), TROPOSCATTER
    return max(start_db + slope * path.distance_m, 0.0), DIFFRACTION
