"""Okumura-Hata, COST-231-Hata and the extended Hata model: median loss from distance and heights.

Curves fitted to measurements around Tokyo (Okumura, 1968) by Hata, stretched in frequency by
COST 231 and in distance, frequency and height by CEPT. They know nothing of terrain: heights are
above ground, the mast above the roofs around it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log10
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.link import Link
from lensong.propagation.model import Model
from lensong.propagation.statistical_sweep import map_by_distance
from lensong.propagation.types import FloatArray
from lensong.propagation.validity import one_of, within

__all__ = [
    "MODELS",
    "cost231_hata_loss_db",
    "extended_hata_loss_db",
    "extended_hata_sigma_db",
    "okumura_hata_loss_db",
]

HATA = "Hata 1980"
COST_231 = "COST 231 final report §4.4.1"
ERC_68 = "ERC Report 68"

_AREAS = ("urban", "large_city", "suburban", "open")
_TERRAIN_HINT = "use itu_r_p1812"


def _checked(
    distance_m: ArrayLike,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    *,
    freq: tuple[float, float],
    distance: tuple[float, float],
    tx: tuple[float, float],
    rx: tuple[float, float],
    source: str,
    hint: str,
) -> FloatArray:
    """Return the distances after all four ranges were checked."""
    within("freq_mhz", freq_mhz, *freq, source=source, hint=hint)
    within("tx_height_agl_m", tx_height_agl_m, *tx, source=source, hint=_TERRAIN_HINT)
    within("rx_height_agl_m", rx_height_agl_m, *rx, source=source, hint=_TERRAIN_HINT)
    return within("distance_m", distance_m, *distance, source=source, hint=hint)


def _small_city_gain_db(freq_mhz: float, rx_height_m: float) -> float:
    """Return a(hm) of a small or medium city."""
    log_f = log10(freq_mhz)
    return (1.1 * log_f - 0.7) * rx_height_m - (1.56 * log_f - 0.8)


def _large_city_gain_db(freq_mhz: float, rx_height_m: float) -> float:
    """Return a(hm) of a large city."""
    if freq_mhz <= 300.0:
        return 8.29 * log10(1.54 * rx_height_m) ** 2 - 1.1
    return 3.2 * log10(11.75 * rx_height_m) ** 2 - 4.97


def _slope_db(tx_height_m: float) -> float:
    """Return the loss of a decade of distance."""
    return 44.9 - 6.55 * log10(tx_height_m)


def _suburban_gain_db(freq_mhz: float) -> float:
    """Return what a suburb loses less than a town."""
    return 2.0 * log10(freq_mhz / 28.0) ** 2 + 5.4


def _open_gain_db(freq_mhz: float) -> float:
    """Return what open land loses less than a town."""
    log_f = log10(freq_mhz)
    return 4.78 * log_f**2 - 18.33 * log_f + 40.94


def okumura_hata_loss_db(
    distance_m: ArrayLike,
    *,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    area: str = "urban",
) -> FloatArray:
    """Return the median loss by Hata's formula for Okumura's curves.

    Parameters
    ----------
    distance_m : shape (...)
        1000..20 000 [m]. NaN passes through.
    freq_mhz : float
        150..1500 [MHz].
    tx_height_agl_m : float
        Base station above the ground around it, 30..200 [m].
    rx_height_agl_m : float
        1..10 [m].
    area : {"urban", "large_city", "suburban", "open"}
        "urban" is a small or medium city.

    Returns
    -------
    shape (...)
        Loss [dB].

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.
    InvalidInputError
        For an unknown area.

    Notes
    -----
    Hata leaves open which large-city gain holds between 200 and 400 MHz; the change is at 300 MHz
    here.

    Examples
    --------
    >>> loss = okumura_hata_loss_db(
    ...     5000.0, freq_mhz=900.0, tx_height_agl_m=50.0, rx_height_agl_m=1.5)
    >>> round(float(loss), 1)
    146.9

    References
    ----------
    .. [1] M. Hata, "Empirical formula for propagation loss in land mobile radio services", IEEE
       Trans. Veh. Technol. 29(3), 1980: the formula and its four corrections.
    """
    one_of("area", area, _AREAS)
    distance = _checked(
        distance_m,
        freq_mhz,
        tx_height_agl_m,
        rx_height_agl_m,
        freq=(150.0, 1500.0),
        distance=(1000.0, 20_000.0),
        tx=(30.0, 200.0),
        rx=(1.0, 10.0),
        source=HATA,
        hint="use extended_hata (30 to 3000 MHz, to 100 km) or itu_r_p1812",
    )
    gain = _large_city_gain_db if area == "large_city" else _small_city_gain_db
    at_1_km = 69.55 + 26.16 * log10(freq_mhz) - 13.82 * log10(tx_height_agl_m)
    at_1_km -= gain(freq_mhz, rx_height_agl_m)
    if area == "suburban":
        at_1_km -= _suburban_gain_db(freq_mhz)
    elif area == "open":
        at_1_km -= _open_gain_db(freq_mhz)
    return np.asarray(at_1_km + _slope_db(tx_height_agl_m) * np.log10(distance / 1000.0))


def cost231_hata_loss_db(
    distance_m: ArrayLike,
    *,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    area: str = "urban",
) -> FloatArray:
    """Return the median loss by the extension of COST 231 to 2 GHz.

    Parameters
    ----------
    distance_m : shape (...)
        1000..20 000 [m]. NaN passes through.
    freq_mhz : float
        1500..2000 [MHz].
    tx_height_agl_m : float
        Base station above the ground around it, 30..200 [m].
    rx_height_agl_m : float
        1..10 [m].
    area : {"urban", "large_city"}
        "urban" is a medium city or the centre of a suburb with some trees; "large_city" adds 3 dB.

    Returns
    -------
    shape (...)
        Loss [dB].

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.
    InvalidInputError
        For an unknown area.

    References
    ----------
    .. [1] COST Action 231, "Digital mobile radio towards future generation systems: final report",
       1999, eqs (4.4.1) to (4.4.3).
    """
    one_of("area", area, ("urban", "large_city"))
    distance = _checked(
        distance_m,
        freq_mhz,
        tx_height_agl_m,
        rx_height_agl_m,
        freq=(1500.0, 2000.0),
        distance=(1000.0, 20_000.0),
        tx=(30.0, 200.0),
        rx=(1.0, 10.0),
        source=COST_231,
        hint="use okumura_hata to 1500 MHz, extended_hata to 3000 MHz, or itu_r_p1812",
    )
    at_1_km = 46.3 + 33.9 * log10(freq_mhz) - 13.82 * log10(tx_height_agl_m)
    at_1_km += 3.0 if area == "large_city" else 0.0
    at_1_km -= _small_city_gain_db(freq_mhz, rx_height_agl_m)
    return np.asarray(at_1_km + _slope_db(tx_height_agl_m) * np.log10(distance / 1000.0))


def extended_hata_loss_db(
    distance_m: ArrayLike,
    *,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    area: str = "urban",
) -> FloatArray:
    """Return the median loss by CEPT's modified Hata model, as SEAMCAT has it.

    Parameters
    ----------
    distance_m : shape (...)
        0..100 000 [m]. NaN passes through.
    freq_mhz : float
        30..3000 [MHz].
    tx_height_agl_m, rx_height_agl_m : float
        1..200 [m]. The higher counts as the base station: the loss is the same both ways.
    area : {"urban", "suburban", "open"}

    Returns
    -------
    shape (...)
        Loss, nowhere below free space [dB].

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.
    InvalidInputError
        For an unknown area.

    Notes
    -----
    SEAMCAT's handbook advises a base of 30..200 m above the roofs and a mobile of 1..10 m; ERC
    Report 68 gives the terms for lower and higher ones that are used outside that. At 1500 MHz the
    formula steps up by 1.2 dB where Hata's gives way to COST 231's.

    Examples
    --------
    >>> loss = extended_hata_loss_db(
    ...     5000.0, freq_mhz=900.0, tx_height_agl_m=50.0, rx_height_agl_m=1.5, area="open")
    >>> round(float(loss), 1)
    118.6

    References
    ----------
    .. [1] ERC Report 68 (revised 2002), "Monte-Carlo simulation methodology", annex on the modified
       Hata model; the same in Report ITU-R SM.2028.
    .. [2] SEAMCAT handbook (ECC Report 252), annex 17.3.1.
    """
    one_of("area", area, ("urban", "suburban", "open"))
    distance = _checked(
        distance_m,
        freq_mhz,
        tx_height_agl_m,
        rx_height_agl_m,
        freq=(30.0, 3000.0),
        distance=(0.0, 100_000.0),
        tx=(1.0, 200.0),
        rx=(1.0, 200.0),
        source=ERC_68,
        hint="use itu_r_p1812, or tr38901_rma above 3000 MHz",
    )
    base = max(tx_height_agl_m, rx_height_agl_m)
    mobile = min(tx_height_agl_m, rx_height_agl_m)
    apart_km2 = ((base - mobile) / 1000.0) ** 2
    km = np.maximum(distance / 1000.0, 1e-6)
    free_space = 32.4 + 20.0 * log10(freq_mhz) + 10.0 * np.log10(km**2 + apart_km2)
    at_40_m = 32.4 + 20.0 * log10(freq_mhz) + 10.0 * log10(0.04**2 + apart_km2)
    far = _extended_far_db(np.maximum(km, 0.1), freq_mhz, base, mobile, area)
    at_100_m = float(_extended_far_db(np.asarray(0.1), freq_mhz, base, mobile, area))
    share = np.log10(np.maximum(km, 0.04) / 0.04) / log10(0.1 / 0.04)
    between = at_40_m + share * (at_100_m - at_40_m)
    loss = np.where(km >= 0.1, far, np.where(km >= 0.04, between, free_space))
    return np.asarray(np.where(np.isnan(distance), np.nan, np.maximum(loss, free_space)))


def _extended_far_db(
    km: FloatArray, freq_mhz: float, base_m: float, mobile_m: float, area: str
) -> FloatArray:
    """Return the loss from 0.1 km on."""
    if freq_mhz <= 150.0:
        by_frequency = 69.6 + 26.2 * log10(150.0) - 20.0 * log10(150.0 / freq_mhz)
    elif freq_mhz <= 1500.0:
        by_frequency = 69.6 + 26.2 * log10(freq_mhz)
    elif freq_mhz <= 2000.0:
        by_frequency = 46.3 + 33.9 * log10(freq_mhz)
    else:
        by_frequency = 46.3 + 33.9 * log10(2000.0) + 10.0 * log10(freq_mhz / 2000.0)
    tall_m = max(30.0, base_m)
    low_base_db = min(0.0, 20.0 * log10(base_m / 30.0))
    mobile_db = _small_city_gain_db(freq_mhz, min(10.0, mobile_m))
    mobile_db += max(0.0, 20.0 * log10(mobile_m / 10.0))
    area_freq_mhz = min(max(150.0, freq_mhz), 2000.0)
    area_db = {
        "urban": 0.0,
        "suburban": _suburban_gain_db(area_freq_mhz),
        "open": _open_gain_db(area_freq_mhz),
    }[area]
    beyond = np.log10(np.maximum(km, 20.0) / 20.0) ** 0.8
    power = 1.0 + (0.14 + 1.87e-4 * freq_mhz + 1.07e-3 * base_m) * beyond
    log_km = np.log10(km)
    decades = np.sign(log_km) * np.abs(log_km) ** power
    constant = by_frequency - 13.82 * log10(tall_m) - mobile_db - low_base_db - area_db
    return np.asarray(constant + _slope_db(tall_m) * decades)


def extended_hata_sigma_db(distance_m: ArrayLike, *, above_roofs: bool = True) -> FloatArray:
    """Return the standard deviation of the loss around the extended Hata median.

    Parameters
    ----------
    distance_m : shape (...)
        0..100 000 [m]. NaN passes through.
    above_roofs : bool
        Whether the higher antenna stands above the roofs.

    Returns
    -------
    shape (...)
        Standard deviation [dB].

    Raises
    ------
    OutOfRangeError
        When a distance is outside the range.

    References
    ----------
    .. [1] ERC Report 68 (revised 2002), annex on the modified Hata model: slow fading.
    """
    distance = within(
        "distance_m", distance_m, 0.0, 100_000.0, source=ERC_68, hint="use itu_r_p1812"
    )
    near = 12.0 if above_roofs else 17.0
    sigma = np.interp(distance, [40.0, 100.0, 200.0, 600.0], [3.5, near, near, 9.0])
    return np.asarray(np.where(np.isnan(distance), np.nan, sigma))


_Range = tuple[float, float]


class _Ranges(NamedTuple):
    distance_m: _Range
    tx_height_m: _Range
    rx_height_m: _Range


_HATA = _Ranges((1000.0, 20_000.0), (30.0, 200.0), (1.0, 10.0))
_EXTENDED = _Ranges((0.0, 100_000.0), (1.0, 200.0), (1.0, 200.0))


def _record(
    name: str,
    title: str,
    function: Callable[..., FloatArray],
    area: str,
    *,
    freq_mhz: _Range,
    ranges: _Ranges,
    source: str,
    instead: str,
) -> Model:
    nearest_m, farthest_m = ranges.distance_m

    def over_distance(distance_m: FloatArray, slant_m: FloatArray, link: Link) -> FloatArray:
        """Return a Hata loss; NaN where the formula does not reach."""
        del slant_m
        inside = (distance_m >= nearest_m) & (distance_m <= farthest_m)
        return function(
            np.where(inside, distance_m, np.nan),
            freq_mhz=link.freq_mhz,
            tx_height_agl_m=link.tx_height_agl_m,
            rx_height_agl_m=link.rx_height_agl_m,
            area=area,
        )

    return Model(
        name=name,
        title=title,
        kind="statistical",
        freq_mhz=freq_mhz,
        distance_m=ranges.distance_m,
        tx_height_m=ranges.tx_height_m,
        rx_height_m=ranges.rx_height_m,
        source=source,
        function=function,
        over_distance=over_distance,
        draw=map_by_distance(over_distance),
        town_clutter=True,
        instead=instead,
    )


def _okumura(name: str, where: str, area: str) -> Model:
    return _record(
        name,
        f"Okumura-Hata, {where}",
        okumura_hata_loss_db,
        area,
        freq_mhz=(150.0, 1500.0),
        ranges=_HATA,
        source="M. Hata, IEEE Trans. Veh. Technol. 29(3), 1980",
        instead="extended_hata to 3000 MHz and 100 km; itu_r_p1812 in relief",
    )


def _extended(name: str, where: str, area: str) -> Model:
    return _record(
        name,
        f"Modified Hata of CEPT (SEAMCAT), {where}",
        extended_hata_loss_db,
        area,
        freq_mhz=(30.0, 3000.0),
        ranges=_EXTENDED,
        source="ERC Report 68 (2002); Report ITU-R SM.2028",
        instead="tr38901_rma above 3000 MHz; itu_r_p1812 in relief",
    )


MODELS = (
    _okumura("okumura_hata", "town", "urban"),
    _okumura("okumura_hata_suburban", "suburb", "suburban"),
    _okumura("okumura_hata_open", "open land", "open"),
    _record(
        "cost231_hata",
        "COST-231-Hata, medium town",
        cost231_hata_loss_db,
        "urban",
        freq_mhz=(1500.0, 2000.0),
        ranges=_HATA,
        source="COST 231 final report (1999), section 4.4.1",
        instead="okumura_hata to 1500 MHz; extended_hata to 3000 MHz; itu_r_p1812 in relief",
    ),
    _extended("extended_hata", "town", "urban"),
    _extended("extended_hata_suburban", "suburb", "suburban"),
    _extended("extended_hata_open", "open land", "open"),
)
