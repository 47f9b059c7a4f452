"""ITU-R P.530: rain and multipath on a microwave hop, and how often it fails."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, log1p, log10, radians, sqrt, tanh

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.free_space import free_space_loss_db
from lensong.propagation.model import Model
from lensong.propagation.p676 import gas_attenuation_db
from lensong.propagation.p838 import rain_coefficients
from lensong.propagation.types import FloatArray
from lensong.propagation.validity import within

__all__ = [
    "MODELS",
    "HopAvailability",
    "MicrowaveHop",
    "clear_air_loss_db",
    "hop_availability",
    "multipath_outage_percent",
    "rain_attenuation_db",
    "worst_month_multipath_percent",
]

RAIN_SOURCE = "ITU-R P.530-18 §2.4.1"
FADING_SOURCE = "ITU-R P.530-18 §2.3"

LARGEST_RAIN_FACTOR = 2.5
SHORTEST_MULTIPATH_KM = 5.0
LARGEST_GEOCLIMATIC_DB = 10.8
LARGEST_OCCURRENCE_PERCENT = 2000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrowaveHop:
    """A line-of-sight link between two antennas.

    Parameters
    ----------
    distance_m : float
        Above 0, up to 60 000 [m].
    freq_mhz : float
        1000..100 000 [MHz].
    tx_amsl_m, rx_amsl_m : float
        Antennas above sea level [m].
    mean_terrain_amsl_m : float
        Mean height of the ground along the path, trees left out [m].
    lat_deg : float
        Latitude of the path, -90..90 [deg].
    rain_rate_mm_per_h : float
        Rate exceeded 0.01 % of an average year in one-minute rain [mm/h]: from measurements, or
        from the map of ITU-R P.837.
    geoclimatic_factor : float
        K of P.530 §1.1, above 0: from its map LogK.csv (10 to the value there).
    dn75 : float
        Refractivity rise of the lowest 75 m, 0 or more [N-units]: from the map dN75.csv of §1.1.
    polarization_tilt_deg : float
        0 horizontal, 90 vertical [deg].

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.
    """

    distance_m: float
    freq_mhz: float
    tx_amsl_m: float
    rx_amsl_m: float
    mean_terrain_amsl_m: float
    lat_deg: float
    rain_rate_mm_per_h: float
    geoclimatic_factor: float
    dn75: float
    polarization_tilt_deg: float = 90.0

    def __post_init__(self) -> None:
        tiny = float(np.nextafter(0.0, 1.0))
        for name, low, high, hint in (
            ("distance_m", tiny, 60_000.0, "split the hop, or use itu_r_p452 for a longer path"),
            ("freq_mhz", 1000.0, 100_000.0, "use itu_r_p1812 or itu_r_p452 below 1 GHz"),
            ("tx_amsl_m", -500.0, 9000.0, "heights are above sea level"),
            ("rx_amsl_m", -500.0, 9000.0, "heights are above sea level"),
            ("mean_terrain_amsl_m", -500.0, 9000.0, "heights are above sea level"),
            ("lat_deg", -90.0, 90.0, "degrees, north positive"),
            ("rain_rate_mm_per_h", 0.0, 300.0, "the rate of 0.01 % of the year in mm/h"),
            ("geoclimatic_factor", tiny, 1.0, "K itself, not its logarithm"),
            ("dn75", 0.0, 1000.0, "from the map dN75.csv of P.530-18"),
            ("polarization_tilt_deg", 0.0, 90.0, "0 is horizontal, 90 vertical"),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise OutOfRangeError(name, value, low, high, source="ITU-R P.530-18", hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class HopAvailability:
    """How often a hop fails in an average year.

    Parameters
    ----------
    rain_outage_percent : float
        Time in which rain takes more than the fade margin [%]; never below 0.001, where the
        formula ends.
    multipath_outage_percent : float
        Time in which multipath fading does [%].
    availability_percent : float
        What is left of 100 [%]; equipment and power are not in it.
    """

    rain_outage_percent: float
    multipath_outage_percent: float
    availability_percent: float


def clear_air_loss_db(
    hop: MicrowaveHop,
    *,
    dry_pressure_hpa: float = 1013.25,
    temperature_k: float = 288.15,
    water_vapour_g_per_m3: float = 7.5,
) -> float:
    """Return the loss of a clear hop: free space and gases.

    Parameters
    ----------
    hop : MicrowaveHop
    dry_pressure_hpa, temperature_k, water_vapour_g_per_m3 : float
        As for `lensong.propagation.p676.gas_specific_attenuation_db_per_km`.

    Returns
    -------
    float
        Loss between isotropic antennas [dB].

    References
    ----------
    .. [1] Recommendation ITU-R P.530-18, 2021, §2.1.
    """
    gases = gas_attenuation_db(
        hop.distance_m,
        freq_mhz=hop.freq_mhz,
        dry_pressure_hpa=dry_pressure_hpa,
        temperature_k=temperature_k,
        water_vapour_g_per_m3=water_vapour_g_per_m3,
    )
    return float(free_space_loss_db(hop.distance_m, hop.freq_mhz) + gases)


def _rain_at_001_percent_db(hop: MicrowaveHop) -> float:
    """Return A0.01, §2.4.1 steps 2 to 4."""
    km, freq_ghz, rain = hop.distance_m / 1000.0, hop.freq_mhz / 1000.0, hop.rain_rate_mm_per_h
    rise_m = abs(hop.rx_amsl_m - hop.tx_amsl_m)
    elevation_deg = float(np.degrees(np.arctan2(rise_m, hop.distance_m)))
    k, alpha = (
        float(value)
        for value in rain_coefficients(
            hop.freq_mhz, elevation_deg=elevation_deg, tilt_deg=hop.polarization_tilt_deg
        )
    )
    inverse = 0.477 * km**0.633 * rain ** (0.073 * alpha) * freq_ghz**0.123
    inverse -= 10.579 * (1.0 - exp(-0.024 * km))
    factor = LARGEST_RAIN_FACTOR if inverse < 0.4 else 1.0 / inverse
    return float(k * rain**alpha * km * factor)


def _rain_constants(freq_mhz: float) -> tuple[float, float, float]:
    """Return C1, C2, C3, §2.4.1 step 5."""
    freq_ghz = freq_mhz / 1000.0
    c0 = 0.12 + (0.4 * log10((freq_ghz / 10.0) ** 0.8) if freq_ghz >= 10.0 else 0.0)
    return (
        0.07**c0 * 0.12 ** (1.0 - c0),
        0.855 * c0 + 0.546 * (1.0 - c0),
        0.139 * c0 + 0.043 * (1.0 - c0),
    )


def rain_attenuation_db(hop: MicrowaveHop, time_percent: ArrayLike) -> FloatArray:
    """Return the rain attenuation exceeded for a share of an average year.

    Parameters
    ----------
    hop : MicrowaveHop
    time_percent : shape (...)
        0.001..1 [%]. NaN passes through.

    Returns
    -------
    shape (...)
        Attenuation [dB].

    Raises
    ------
    OutOfRangeError
        When a percentage is outside the range.

    References
    ----------
    .. [1] Recommendation ITU-R P.530-18, "Propagation data and prediction methods required for the
       design of terrestrial line-of-sight systems", 2021, §2.4.1 steps 1 to 5.
    """
    percent = within(
        "time_percent",
        time_percent,
        0.001,
        1.0,
        source=RAIN_SOURCE,
        hint="rain statistics end there",
    )
    c1, c2, c3 = _rain_constants(hop.freq_mhz)
    log_p = np.log10(percent)
    return np.asarray(_rain_at_001_percent_db(hop) * c1 * 10.0 ** (-(c2 + c3 * log_p) * log_p))


def _rain_outage_percent(hop: MicrowaveHop, fade_margin_db: float) -> float:
    """Return the share of the year in which rain exceeds a margin, within 0.001..1 %.

    With x = log p, the formula of step 5 is a parabola: log A = log(A0.01 C1) - C2 x - C3 x².
    """
    most, least = (float(value) for value in rain_attenuation_db(hop, [0.001, 1.0]))
    if fade_margin_db >= most:
        return 0.001
    if fade_margin_db < least:
        raise OutOfRangeError(
            "fade_margin_db",
            fade_margin_db,
            least,
            float("inf"),
            source=RAIN_SOURCE,
            hint="rain takes more than this for over 1 % of the year: raise power, antenna gain or "
            "shorten the hop",
        )
    c1, c2, c3 = _rain_constants(hop.freq_mhz)
    constant = log10(fade_margin_db / (_rain_at_001_percent_db(hop) * c1))
    return float(10.0 ** ((-c2 + sqrt(c2 * c2 - 4.0 * c3 * constant)) / (2.0 * c3)))


def _worst_month_occurrence_percent(hop: MicrowaveHop) -> float:
    """Return p0, the share of the worst month at a fade depth of 0 dB, §2.3.1."""
    km, freq_ghz = hop.distance_m / 1000.0, hop.freq_mhz / 1000.0
    inclination = abs(hop.rx_amsl_m - hop.tx_amsl_m) / km
    mean_height = 0.5 * (hop.rx_amsl_m + hop.tx_amsl_m) - km * km / 102.0 - hop.mean_terrain_amsl_m
    layer = (hop.dn75 / 50.0) ** 1.8 * exp(-mean_height / (2.5 * sqrt(km)))
    layer = min(layer, hop.dn75 * km**1.5 * sqrt(freq_ghz) / 24_730.0)
    power = -0.376 * tanh((mean_height - 147.0) / 125.0) - 0.334 * inclination**0.39
    power += -0.00027 * min(hop.tx_amsl_m, hop.rx_amsl_m) + 17.85 * layer
    climate = hop.geoclimatic_factor * km**3.51 * (freq_ghz**2 + 13.0) ** 0.447
    occurrence = float(climate * 10.0**power)
    if occurrence > LARGEST_OCCURRENCE_PERCENT:
        raise OutOfRangeError(
            "multipath occurrence factor p0 in percent",
            occurrence,
            0.0,
            LARGEST_OCCURRENCE_PERCENT,
            source=FADING_SOURCE,
            hint="check geoclimatic_factor and dn75, raise the antennas or shorten the hop",
        )
    return occurrence


def _geoclimatic_db(hop: MicrowaveHop) -> float:
    """Return the step from the worst month to the year, §2.3.4 step 2."""
    km = hop.distance_m / 1000.0
    sign = 1.0 if abs(hop.lat_deg) <= 45.0 else -1.0
    latitude = 1.1 + sign * abs(cos(2.0 * radians(hop.lat_deg))) ** 0.7
    inclination = abs(hop.rx_amsl_m - hop.tx_amsl_m) / km
    step = 10.5 - 5.6 * log10(latitude) - 2.7 * log10(km) + 1.7 * log10(1.0 + inclination)
    return float(min(step, LARGEST_GEOCLIMATIC_DB))


def _fade_percent(occurrence: float, scale: float, fade_db: float) -> float:
    """Return the time in a deeper fade, §2.3.2; ``scale`` turns the month into the year."""
    transition_db = 25.0 + 1.2 * log10(occurrence)
    if fade_db >= transition_db:
        return float(occurrence * scale * 10.0 ** (-fade_db / 10.0))
    at_transition = occurrence * scale * 10.0 ** (-transition_db / 10.0)
    q_at = -20.0 * log10(-log1p(-at_transition / 100.0)) / transition_db
    width = (1.0 + 0.3 * 10.0 ** (-transition_db / 20.0)) * 10.0 ** (-0.016 * transition_db)
    q_t = (q_at - 2.0) / width - 4.3 * (10.0 ** (-transition_db / 20.0) + transition_db / 800.0)
    spread = (1.0 + 0.3 * 10.0 ** (-fade_db / 20.0)) * 10.0 ** (-0.016 * fade_db)
    q_a = 2.0 + spread * (q_t + 4.3 * (10.0 ** (-fade_db / 20.0) + fade_db / 800.0))
    return float(100.0 * (1.0 - exp(-(10.0 ** (-q_a * fade_db / 20.0)))))


def _checked_fade(hop: MicrowaveHop, fade_margin_db: float) -> None:
    within("fade_margin_db", fade_margin_db, 0.0, np.inf, source=FADING_SOURCE, hint="0 dB or more")
    lowest_mhz = 15_000.0 / (hop.distance_m / 1000.0)
    within(
        "freq_mhz",
        hop.freq_mhz,
        min(lowest_mhz, 45_000.0),
        45_000.0,
        source=FADING_SOURCE,
        hint="multipath fading is known from 15/d GHz (d in km) to 45 GHz",
    )


def worst_month_multipath_percent(hop: MicrowaveHop, fade_margin_db: float) -> float:
    """Return the share of the average worst month in which multipath exceeds a margin.

    Parameters
    ----------
    hop : MicrowaveHop
        5 km or longer; on shorter ones multipath does not count and 0 is returned. Frequency from
        15/d GHz (d in km) to 45 GHz.
    fade_margin_db : float
        0 or more [dB].

    Returns
    -------
    float
        Share of the month [%].

    Raises
    ------
    OutOfRangeError
        When margin or frequency is outside its range.

    References
    ----------
    .. [1] Recommendation ITU-R P.530-18, 2021, §2.3.1, §2.3.2.
    """
    if hop.distance_m < 1000.0 * SHORTEST_MULTIPATH_KM:
        return 0.0
    _checked_fade(hop, fade_margin_db)
    return _fade_percent(_worst_month_occurrence_percent(hop), 1.0, fade_margin_db)


def multipath_outage_percent(hop: MicrowaveHop, fade_margin_db: float) -> float:
    """Return the share of an average year in which multipath exceeds a margin.

    Arguments and errors as for `worst_month_multipath_percent`.

    Returns
    -------
    float
        Share of the year [%]: one frequency, a narrow band, no diversity.

    Notes
    -----
    Distortion of wide channels (selective fading) and the gain of diversity are left out.

    References
    ----------
    .. [1] Recommendation ITU-R P.530-18, 2021, §2.3.1, §2.3.2, §2.3.4.
    """
    if hop.distance_m < 1000.0 * SHORTEST_MULTIPATH_KM:
        return 0.0
    _checked_fade(hop, fade_margin_db)
    scale = 10.0 ** (-_geoclimatic_db(hop) / 10.0)
    return _fade_percent(_worst_month_occurrence_percent(hop), scale, fade_margin_db)


def hop_availability(hop: MicrowaveHop, fade_margin_db: float) -> HopAvailability:
    """Return how much of an average year rain and multipath leave to a hop.

    Parameters
    ----------
    hop : MicrowaveHop
    fade_margin_db : float
        Received level in clear air above the threshold of the modulation that must hold, 0 or more
        [dB].

    Returns
    -------
    HopAvailability

    Raises
    ------
    OutOfRangeError
        When a number is outside its range, or the margin is so small that rain takes it for more
        than 1 % of the year.

    Notes
    -----
    The two outages are added: they do not happen together [1]_.

    Examples
    --------
    >>> hop = MicrowaveHop(
    ...     distance_m=10e3, freq_mhz=18e3, tx_amsl_m=1250.0, rx_amsl_m=950.0,
    ...     mean_terrain_amsl_m=800.0, lat_deg=22.4, rain_rate_mm_per_h=70.0,
    ...     geoclimatic_factor=1e-4, dn75=20.0)
    >>> 99.9 < hop_availability(hop, 40.0).availability_percent < 100.0
    True

    References
    ----------
    .. [1] Recommendation ITU-R P.530-18, 2021, §2.3, §2.4.
    """
    within("fade_margin_db", fade_margin_db, 0.0, np.inf, source=FADING_SOURCE, hint="0 dB or more")
    rain = _rain_outage_percent(hop, fade_margin_db)
    multipath = multipath_outage_percent(hop, fade_margin_db)
    return HopAvailability(
        rain_outage_percent=rain,
        multipath_outage_percent=multipath,
        availability_percent=max(0.0, 100.0 - rain - multipath),
    )


MODELS = (
    Model(
        name="itu_r_p530",
        title="Rain and multipath of a microwave hop, and its availability",
        kind="add_on",
        freq_mhz=(1000.0, 100_000.0),
        distance_m=(0.0, 60_000.0),
        source="Recommendation ITU-R P.530-18, sections 2.3 and 2.4.1",
        function=hop_availability,
        instead="itu_r_p452 for paths beyond the horizon",
    ),
)
