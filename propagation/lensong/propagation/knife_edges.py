"""Knife edges and rounded obstacles of ITU-R P.526: one, two, and up to three along a profile.

For obstacles that are known one by one: a ridge between two masts, the two rims of a valley. For a
sampled profile of real terrain the Recommendation's own general method is the delta-Bullington
construction, `lensong.propagation.diffraction.delta_bullington_loss_db`.
"""

from __future__ import annotations

from math import atan, exp, inf, log10, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.diffraction import (
    checked_profile,
    knife_edge,
    knife_edge_loss_db,
    nu_one_metre,
    wavelength_m,
)
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.kernel import kernel
from lensong.propagation.model import Model
from lensong.propagation.types import FloatArray

__all__ = [
    "MODELS",
    "double_knife_edge_loss_db",
    "knife_edge_nu",
    "multiple_knife_edge_loss_db",
    "rounded_obstacle_loss_db",
]

SOURCE = "ITU-R P.526-15 §4"
BOTH_DEEP_DB = 15.0
"""Above this in both edges their distance counts, §4.3."""
LARGEST_M = 10.0
"""Beyond, the polynomial of §4.2 makes a wider top lose less."""


def _above_zero(name: str, value: ArrayLike) -> FloatArray:
    array = np.asarray(value, dtype=np.float64)
    if np.any(array <= 0.0):
        raise OutOfRangeError(name, float(np.nanmin(array)), 0.0, float("inf"), source=SOURCE)
    return array


def knife_edge_nu(
    height_above_line_m: ArrayLike,
    *,
    tx_distance_m: ArrayLike,
    rx_distance_m: ArrayLike,
    freq_mhz: ArrayLike,
) -> FloatArray:
    """Return the diffraction parameter of a knife edge.

    Parameters
    ----------
    height_above_line_m : shape (...)
        Top of the edge above the straight line between the antennas, Earth bulge included [m];
        negative below it. NaN passes through.
    tx_distance_m, rx_distance_m : shape (...)
        From each antenna to the edge, above 0 [m].
    freq_mhz : shape (...)
        Above 0 [MHz].

    Returns
    -------
    shape (...)
        nu [1], for `lensong.propagation.diffraction.knife_edge_loss_db`.

    Raises
    ------
    OutOfRangeError
        For a distance or frequency that is not above 0.

    References
    ----------
    .. [1] Recommendation ITU-R P.526-15, "Propagation by diffraction", 2019, eq. (26).
    """
    height = np.asarray(height_above_line_m, dtype=np.float64)
    tx, rx = (
        _above_zero("tx_distance_m", tx_distance_m),
        _above_zero("rx_distance_m", rx_distance_m),
    )
    wavelength = 299.8 / _above_zero("freq_mhz", freq_mhz)
    return np.asarray(height * np.sqrt(2.0 / wavelength * (1.0 / tx + 1.0 / rx)))


def rounded_obstacle_loss_db(
    height_above_line_m: ArrayLike,
    *,
    tx_distance_m: ArrayLike,
    rx_distance_m: ArrayLike,
    radius_m: ArrayLike,
    freq_mhz: ArrayLike,
) -> FloatArray:
    """Return the loss of one obstacle with a rounded top.

    Parameters
    ----------
    height_above_line_m : shape (...)
        Where the tangents from both antennas meet, above the straight line between them [m], 0 or
        more. NaN passes through.
    tx_distance_m, rx_distance_m, freq_mhz : shape (...)
        As for `knife_edge_nu`.
    radius_m : shape (...)
        Radius of curvature of the top, 0 or more [m]; 0 is a knife edge.

    Returns
    -------
    shape (...)
        Loss over free space [dB].

    Raises
    ------
    OutOfRangeError
        For a distance or frequency not above 0, a negative height or radius, or a top so wide
        (m above 10) that the polynomial no longer holds.

    Notes
    -----
    P.526-15 gives no limit for m; beyond the one here its polynomial turns down.

    References
    ----------
    .. [1] Recommendation ITU-R P.526-15, 2019, §4.2.
    """
    nu = knife_edge_nu(
        height_above_line_m,
        tx_distance_m=tx_distance_m,
        rx_distance_m=rx_distance_m,
        freq_mhz=freq_mhz,
    )
    height = np.asarray(height_above_line_m, dtype=np.float64)
    radius = np.asarray(radius_m, dtype=np.float64)
    for name, values in (("height_above_line_m", height), ("radius_m", radius)):
        if np.any(values < 0.0):
            raise OutOfRangeError(name, float(np.nanmin(values)), 0.0, float("inf"), source=SOURCE)
    per_metre = 1.0 / np.asarray(tx_distance_m) + 1.0 / np.asarray(rx_distance_m)
    turns = pi * radius / (299.8 / np.asarray(freq_mhz, dtype=np.float64))  # pi R / lambda
    # R / turns^(1/3) written so that a radius of 0 is no division by 0
    m = radius * per_metre / np.cbrt(np.where(turns > 0.0, turns, 1.0))
    if np.any(m > LARGEST_M):
        raise OutOfRangeError(
            "m of the rounded top",
            float(np.nanmax(m)),
            0.0,
            LARGEST_M,
            source="ITU-R P.526-15 §4.2",
            hint="so wide a top is a stretch of ground: use itu_r_p526_delta_bullington",
        )
    mn = height * per_metre * np.cbrt(turns)
    common = 7.2 * np.sqrt(m) - 2.0 * m + 3.6 * m**1.5 - 0.8 * m * m
    far = 17.0 * mn - 6.0 - 20.0 * np.log10(np.maximum(mn, 4.0))
    curvature = common + np.where(mn <= 4.0, 12.5 * mn, far)
    return np.asarray(knife_edge_loss_db(nu) + curvature)


def _nu(above_m: float, before_m: float, after_m: float, wavelength: float) -> float:
    return above_m * sqrt(2.0 / wavelength * (1.0 / before_m + 1.0 / after_m))


def _lifted(
    edge_distance_m: tuple[float, float],
    edge_height_amsl_m: tuple[float, float],
    path_m: float,
    curvature: float,
) -> tuple[float, float]:
    """Return the heights of both edges with the Earth bulge of the whole path [m]."""
    first, second = (
        height + 0.5 * curvature * at * (path_m - at)
        for at, height in zip(edge_distance_m, edge_height_amsl_m, strict=True)
    )
    return first, second


def double_knife_edge_loss_db(
    edge_distance_m: tuple[float, float],
    edge_height_amsl_m: tuple[float, float],
    *,
    path_m: float,
    freq_mhz: float,
    tx_amsl_m: float,
    rx_amsl_m: float,
    effective_radius_m: float,
    method: str,
) -> float:
    """Return the loss of two isolated knife edges.

    Parameters
    ----------
    edge_distance_m : (float, float)
        From the transmitter to each edge, growing, inside the path [m].
    edge_height_amsl_m : (float, float)
        Tops above sea level [m].
    path_m, freq_mhz : float
        Above 0 [m], [MHz].
    tx_amsl_m, rx_amsl_m : float
        Antennas above sea level [m].
    effective_radius_m : float
        Effective Earth radius, above 0 [m]; infinity for a flat Earth.
    method : {"epstein_peterson", "deygout"}
        The first of the Recommendation's two, edge after edge, suits two edges of about equal
        loss; the second, main edge first, suits one that predominates.

    Returns
    -------
    float
        Loss over free space [dB].

    Raises
    ------
    InvalidInputError
        For edges out of order or outside the path, values that are not numbers, an unknown
        method, or ``"deygout"`` where neither edge reaches the line between the antennas.
    OutOfRangeError
        For a frequency, path or radius that is not above 0.

    References
    ----------
    .. [1] Recommendation ITU-R P.526-15, 2019, §4.3.
    """
    if method not in ("epstein_peterson", "deygout"):
        raise InvalidInputError(f"method is {method!r}, wanted 'epstein_peterson' or 'deygout'")
    for name, value in (
        ("path_m", path_m),
        ("freq_mhz", freq_mhz),
        ("effective_radius_m", effective_radius_m),
    ):
        if not value > 0.0:
            raise OutOfRangeError(name, value, 0.0, float("inf"), source=SOURCE)
    first_m, second_m = (float(x) for x in edge_distance_m)
    if not 0.0 < first_m < second_m < path_m:
        raise InvalidInputError(
            f"edge_distance_m is {(first_m, second_m)}, wanted two growing distances between 0 and "
            f"{path_m} m"
        )
    if not all(np.isfinite([*edge_height_amsl_m, tx_amsl_m, rx_amsl_m])):
        raise InvalidInputError("heights have values that are not numbers")
    a, b, c = first_m, second_m - first_m, path_m - second_m
    wavelength = 299.8 / freq_mhz
    z1, z2 = _lifted((first_m, second_m), edge_height_amsl_m, path_m, 1.0 / effective_radius_m)
    # each edge over the line from its neighbour on one side to that on the other
    above1 = z1 - (tx_amsl_m * b + z2 * a) / (a + b)
    above2 = z2 - (z1 * c + rx_amsl_m * b) / (b + c)
    if method == "epstein_peterson":
        loss1 = knife_edge(_nu(above1, a, b, wavelength))
        loss2 = knife_edge(_nu(above2, b, c, wavelength))
        loss = loss1 + loss2
        if min(loss1, loss2) > BOTH_DEEP_DB:
            loss += 10.0 * log10((a + b) * (b + c) / (b * (a + b + c)))
        return float(loss)
    p = _nu(z1 - (tx_amsl_m * (b + c) + rx_amsl_m * a) / path_m, a, b + c, wavelength)
    q = _nu(z2 - (tx_amsl_m * c + rx_amsl_m * (a + b)) / path_m, a + b, c, wavelength)
    second = _nu(above2, b, c, wavelength)
    if q > p:
        p, q, second = q, p, _nu(above1, a, b, wavelength)
    if p < 0.0:
        raise InvalidInputError(
            "both edges stay below the line between the antennas, wanted one that reaches it for "
            "method 'deygout': use 'epstein_peterson' or itu_r_p526_delta_bullington"
        )
    alpha = atan(sqrt(b * (a + b + c) / (a * c)))
    ratio = 1.0 if p == 0.0 else max(q, 0.0) / p
    both = (12.0 - 20.0 * log10(2.0 / (1.0 - alpha / pi))) * ratio ** (2.0 * p)
    return float(knife_edge(p) + knife_edge(second) - both)


@kernel
def _main_edge(
    d: FloatArray,
    h: FloatArray,
    start: int,
    stop: int,
    start_m: float,
    stop_m: float,
    curvature: float,
    wavelength: float,
) -> tuple[int, float]:
    """Return the point strictly between two others with the largest nu, and that nu."""
    best, nu = start, -np.inf
    for i in range(start + 1, stop):
        value = nu_one_metre(h[i], d[i] - d[start], start_m, stop_m, d[stop] - d[start], curvature)
        if value > nu:
            best, nu = i, value
    return best, nu / sqrt(wavelength)


@kernel
def _cascade(
    d: FloatArray,
    h: FloatArray,
    tx_m: float,
    rx_m: float,
    curvature: float,
    wavelength: float,
    for_terrain: bool,
) -> float:
    """Return the loss of the main edge and of one more on either side, P.526-11 §4.4.2."""
    last = d.size - 1
    main, nu = _main_edge(d, h, 0, last, tx_m, rx_m, curvature, wavelength)
    if nu <= -0.78:
        return 0.0
    main_db = knife_edge(nu)
    _, tx_nu = _main_edge(d, h, 0, main, tx_m, h[main], curvature, wavelength)
    _, rx_nu = _main_edge(d, h, main, last, h[main], rx_m, curvature, wavelength)
    sides_db = knife_edge(tx_nu) + knife_edge(rx_nu)
    if not for_terrain:
        return main_db + sides_db
    share = 1.0 - exp(-main_db / 6.0)
    return float(main_db + share * (sides_db + 10.0 + 0.04 * d[last]))


def multiple_knife_edge_loss_db(
    distance_m: ArrayLike,
    height_amsl_m: ArrayLike,
    *,
    freq_mhz: float,
    tx_amsl_m: float,
    rx_amsl_m: float,
    effective_radius_m: float,
    for_terrain: bool = True,
) -> float:
    """Return the loss of the main edge of a profile and of one more on either side of it.

    Parameters
    ----------
    distance_m : shape (n,), n >= 3
        From 0 to the path length, growing [m].
    height_amsl_m : shape (n,)
        Tops of the edges, or a sampled terrain, above sea level [m]. The end points do not count.
    freq_mhz : float
        Above 0 [MHz].
    tx_amsl_m, rx_amsl_m : float
        Antennas above sea level [m].
    effective_radius_m : float
        Effective Earth radius, above 0 [m]; infinity for a flat Earth.
    for_terrain : bool
        True: with the weights that the Recommendation fitted to terrain profiles, which add up to
        ``10 + 0.04 D`` dB (D in km) even for one edge. False: the plain sum of Deygout, for
        isolated edges; one edge then has its own loss.

    Returns
    -------
    float
        Loss over free space [dB].

    Raises
    ------
    InvalidInputError
        For a profile that does not begin at 0, does not grow or has gaps.
    OutOfRangeError
        For a frequency or radius that is not above 0.

    Notes
    -----
    The cascaded knife edge method stood in editions up to P.526-11, §4.4.2; later ones have
    delta-Bullington in its place, which the maps use. Of two edges with the same nu the one
    nearer the transmitter is the main one, so that swapping the ends may then give another loss.

    References
    ----------
    .. [1] Recommendation ITU-R P.526-11, 2009, §4.4.2.
    .. [2] Deygout, J., "Multiple knife-edge diffraction of microwaves", IEEE Trans. Antennas
       Propag., 14(4), 1966.
    """
    distance, height = checked_profile(distance_m, height_amsl_m, freq_mhz, effective_radius_m)
    wavelength = wavelength_m(freq_mhz / 1000.0)
    return float(
        _cascade(
            distance,
            height,
            float(tx_amsl_m),
            float(rx_amsl_m),
            1000.0 / effective_radius_m,
            wavelength,
            for_terrain,
        )
    )


MODELS = (
    Model(
        name="itu_r_p526_knife_edges",
        title="Diffraction over the main edge of a profile and one more on either side",
        kind="path",
        freq_mhz=(0.0, inf),
        distance_m=(0.0, inf),
        source="Recommendation ITU-R P.526-11, section 4.4.2",
        function=multiple_knife_edge_loss_db,
        instead="itu_r_p526_delta_bullington for sampled terrain",
    ),
)
