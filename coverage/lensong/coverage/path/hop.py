"""A microwave hop: clearance, fading by rain and multipath, availability, and what is short."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal

import numpy as np

from lensong.coverage.path.clearance import K_LOW, Clearance, clearance, median_k, ray_amsl_m
from lensong.coverage.path.line import Line
from lensong.propagation.diffraction import EARTH_RADIUS_KM, bullington_loss_db
from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.free_space import free_space_loss_db
from lensong.propagation.p530 import (
    MicrowaveHop,
    hop_availability,
    multipath_outage_percent,
    rain_attenuation_db,
    worst_month_multipath_percent,
)
from lensong.propagation.p676 import gas_attenuation_db
from lensong.propagation.profile import earth_bulge_m, fresnel_radius_m

__all__ = [
    "MINUTES_PER_YEAR",
    "ClearanceRule",
    "HopHeld",
    "HopRadio",
    "HopStudy",
    "clearance_rules",
    "hop_held",
    "study_hop",
]

MINUTES_PER_YEAR = 525_960.0
"""Of an average year, 365.25 days."""

_LOW_K_SHARE = {"tropical": 0.6, "temperate": 0.3}


@dataclass(frozen=True, slots=True, kw_only=True)
class HopRadio:
    """What stands at the ends of a hop, and the climate over it.

    Parameters
    ----------
    power_dbm : float
        At the transmitter's output [dBm].
    tx_gain_dbi, rx_gain_dbi : float
        Of both dishes [dBi]; 38 is about 0.6 m at 18 GHz.
    feeder_loss_db : float
        Of both ends together [dB].
    threshold_dbm : float
        Level at which the modulation that must hold just works [dBm].
    rain_rate_mm_per_h : float
        Exceeded for 0.01 % of an average year [mm/h].
    geoclimatic_factor, dn75 : float
        Of ITU-R P.530-18 §1.1, from its maps.
    polarization : {"vertical", "horizontal"}
    target_percent : float
        Availability that is wanted, of an average year, 90 to 99.9999 [%].
    climate : {"tropical", "temperate"}
        Which clearance is wanted at the low effective Earth radius, see `ClearanceRule`.
    k_low : float
        Effective Earth radius factor exceeded for about 99.9 % of the worst month.
    dry_pressure_hpa, temperature_k, water_vapour_g_per_m3 : float
        Of the air near the ground, for gases.
    """

    power_dbm: float = 20.0
    tx_gain_dbi: float = 38.0
    rx_gain_dbi: float = 38.0
    feeder_loss_db: float = 0.0
    threshold_dbm: float = -70.0
    rain_rate_mm_per_h: float
    geoclimatic_factor: float = 1e-4
    dn75: float = 20.0
    polarization: Literal["vertical", "horizontal"] = "vertical"
    target_percent: float = 99.99
    climate: Literal["tropical", "temperate"] = "tropical"
    k_low: float = K_LOW
    dry_pressure_hpa: float = 1013.25
    temperature_k: float = 288.15
    water_vapour_g_per_m3: float = 7.5

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("power_dbm", self.power_dbm, -50.0, 60.0),
            ("tx_gain_dbi", self.tx_gain_dbi, -10.0, 70.0),
            ("rx_gain_dbi", self.rx_gain_dbi, -10.0, 70.0),
            ("feeder_loss_db", self.feeder_loss_db, 0.0, 60.0),
            ("threshold_dbm", self.threshold_dbm, -130.0, 0.0),
            ("target_percent", self.target_percent, 90.0, 99.9999),
        ):
            if not low <= value <= high:
                raise OutOfRangeError(name, value, low, high)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearanceRule:
    """One criterion of clearance and what became of it.

    Parameters
    ----------
    passes : Clearance
    wanted_share : float
        Radii of the first Fresnel zone that are to be clear.
    raise_m : float
        By how much both antennas have to be raised for it, 0 where it is met [m].

    References
    ----------
    .. [1] Recommendation ITU-R P.530-18, §2.2.2.1: 1.0 at the median effective Earth radius; at
       the one exceeded for 99.9 %, 0.6 in tropical and 0.3 in temperate climates over an
       obstruction along a part of the path.
    """

    passes: Clearance
    wanted_share: float
    raise_m: float

    @property
    def met(self) -> bool:
        """Return whether the criterion is met."""
        return self.raise_m <= 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HopStudy:
    """What a hop holds.

    Parameters
    ----------
    line : Line
    freq_mhz : float
    radio : HopRadio
    median, low : ClearanceRule
    free_space_db, gas_db, diffraction_db : float
        Losses in clear air [dB]; diffraction at the median effective Earth radius.
    received_dbm, margin_db : float
        In clear air, and above the threshold.
    rain_db : float
        Exceeded for 0.01 % of the year [dB].
    rain_outage_percent, multipath_outage_percent : float
        Of an average year [%]; NaN where not known. Rain: at least 0.001, where the formula ends.
    worst_month_multipath_percent : float
        Of the average worst month [%]; NaN where not known.
    availability_percent : float
        Of an average year [%]; an upper bound where an outage is not known.
    margin_wanted_db : float
        With which the target is met [dB]; ``inf`` where no margin up to 150 dB is enough.
    short : tuple of str
        What is short, in words; empty where nothing is.
    notes : tuple of str
    """

    line: Line
    freq_mhz: float
    radio: HopRadio
    median: ClearanceRule
    low: ClearanceRule
    free_space_db: float
    gas_db: float
    diffraction_db: float
    received_dbm: float
    margin_db: float
    rain_db: float
    rain_outage_percent: float
    multipath_outage_percent: float
    worst_month_multipath_percent: float
    availability_percent: float
    margin_wanted_db: float
    short: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def outage_minutes(self) -> float:
        """Return how long the hop fails in an average year [min]."""
        return (100.0 - self.availability_percent) / 100.0 * MINUTES_PER_YEAR

    @property
    def holds(self) -> bool:
        """Return whether clearance and availability are as wanted."""
        return not self.short


def study_hop(line: Line, radio: HopRadio, *, freq_mhz: float, delta_n_per_km: float) -> HopStudy:
    """Return what a hop holds.

    Parameters
    ----------
    line : Line
        Up to 60 km.
    radio : HopRadio
    freq_mhz : float
        1000..100 000 [MHz].
    delta_n_per_km : float
        Median lapse rate of refractivity [N-units/km].

    Raises
    ------
    OutOfRangeError
        Length, frequency or climate are outside the range of P.530.

    Notes
    -----
    Trees and houses count as in any path; an obstacle costs what the Bullington construction of
    P.526 gives at the median effective Earth radius. Equipment and power failures are left out.
    """
    median, low = clearance_rules(line, radio, freq_mhz=freq_mhz, delta_n_per_km=delta_n_per_km)
    held = hop_held(line, radio, median, freq_mhz=freq_mhz)
    wanted_db = _wanted_margin_db(_hop(line, radio, freq_mhz), radio.target_percent)
    return HopStudy(
        line=line,
        freq_mhz=freq_mhz,
        radio=radio,
        median=median,
        low=low,
        free_space_db=held.free_space_db,
        gas_db=held.gas_db,
        diffraction_db=held.diffraction_db,
        received_dbm=held.received_dbm,
        margin_db=held.margin_db,
        rain_db=held.rain_db,
        rain_outage_percent=held.rain_outage_percent,
        multipath_outage_percent=held.multipath_outage_percent,
        worst_month_multipath_percent=held.worst_month_multipath_percent,
        availability_percent=held.availability_percent,
        margin_wanted_db=wanted_db,
        short=tuple(_short(median, low, held.margin_db, wanted_db, radio)),
        notes=held.notes,
    )


def clearance_rules(
    line: Line, radio: HopRadio, *, freq_mhz: float, delta_n_per_km: float
) -> tuple[ClearanceRule, ClearanceRule]:
    """Return the criteria of clearance at the median and at the low effective Earth radius."""
    return (
        _rule(line, freq_mhz, median_k(delta_n_per_km), 1.0),
        _rule(line, freq_mhz, radio.k_low, _LOW_K_SHARE[radio.climate]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HopHeld:
    """Levels of a hop and how much of the year it holds; fields as in `HopStudy`."""

    free_space_db: float
    gas_db: float
    diffraction_db: float
    received_dbm: float
    margin_db: float
    rain_db: float
    rain_outage_percent: float
    multipath_outage_percent: float
    worst_month_multipath_percent: float
    availability_percent: float
    notes: tuple[str, ...]


def hop_held(line: Line, radio: HopRadio, median: ClearanceRule, *, freq_mhz: float) -> HopHeld:
    """Return levels and availability of a hop.

    Arguments and errors as of `study_hop`; ``median`` is the first of `clearance_rules`.
    """
    hop = _hop(line, radio, freq_mhz)
    free_space_db = float(free_space_loss_db(line.slant_m, freq_mhz))
    gas_db = float(
        gas_attenuation_db(
            line.slant_m,
            freq_mhz=freq_mhz,
            dry_pressure_hpa=radio.dry_pressure_hpa,
            temperature_k=radio.temperature_k,
            water_vapour_g_per_m3=radio.water_vapour_g_per_m3,
        )
    )
    diffraction_db = bullington_loss_db(
        line.surface_distance_m,
        line.surface_amsl_m,
        freq_mhz=freq_mhz,
        tx_amsl_m=line.tx_amsl_m,
        rx_amsl_m=line.rx_amsl_m,
        effective_radius_m=1000.0 * median.passes.k * EARTH_RADIUS_KM,
    )
    received_dbm = (
        radio.power_dbm
        + radio.tx_gain_dbi
        + radio.rx_gain_dbi
        - radio.feeder_loss_db
        - free_space_db
        - gas_db
        - diffraction_db
    )
    margin_db = received_dbm - radio.threshold_dbm
    rain, multipath, month, notes = _outages(hop, margin_db)
    known = sum(value for value in (rain, multipath) if not np.isnan(value))
    availability = max(0.0, 100.0 - known) if margin_db >= 0.0 else 0.0
    return HopHeld(
        free_space_db=free_space_db,
        gas_db=gas_db,
        diffraction_db=diffraction_db,
        received_dbm=received_dbm,
        margin_db=margin_db,
        rain_db=float(rain_attenuation_db(hop, 0.01)),
        rain_outage_percent=rain,
        multipath_outage_percent=multipath,
        worst_month_multipath_percent=month,
        availability_percent=availability,
        notes=tuple(notes),
    )


def _hop(line: Line, radio: HopRadio, freq_mhz: float) -> MicrowaveHop:
    return MicrowaveHop(
        distance_m=line.path_m,
        freq_mhz=freq_mhz,
        tx_amsl_m=line.tx_amsl_m,
        rx_amsl_m=line.rx_amsl_m,
        mean_terrain_amsl_m=float(np.mean(line.samples.terrain_amsl_m)),
        lat_deg=line.centre_lat_deg,
        rain_rate_mm_per_h=radio.rain_rate_mm_per_h,
        geoclimatic_factor=radio.geoclimatic_factor,
        dn75=radio.dn75,
        polarization_tilt_deg=90.0 if radio.polarization == "vertical" else 0.0,
    )


def _rule(line: Line, freq_mhz: float, k: float, wanted_share: float) -> ClearanceRule:
    d = line.surface_distance_m[1:-1]
    bulge = earth_bulge_m(d, line.path_m, effective_radius_m=1000.0 * k * EARTH_RADIUS_KM)
    free_m = ray_amsl_m(line, d) - bulge - line.surface_amsl_m[1:-1]
    wanted_m = wanted_share * fresnel_radius_m(d, line.path_m, freq_mhz=freq_mhz)
    return ClearanceRule(
        passes=clearance(line, freq_mhz=freq_mhz, k=k),
        wanted_share=wanted_share,
        raise_m=max(0.0, float(np.max(wanted_m - free_m))),
    )


def _outages(hop: MicrowaveHop, margin_db: float) -> tuple[float, float, float, list[str]]:
    """Return rain, multipath and worst-month multipath outage [%], NaN unknown, and why."""
    rain = multipath = month = float("nan")
    if margin_db < 0.0:
        return rain, multipath, month, ["The hop does not hold even in clear air."]
    notes = []
    try:
        multipath = multipath_outage_percent(hop, margin_db)
        month = worst_month_multipath_percent(hop, margin_db)
    except OutOfRangeError as error:
        notes.append(f"Multipath is not known: {error}.")
    if hop.rain_rate_mm_per_h == 0.0:
        return 0.0, multipath, month, [*notes, "The rain rate is 0: no rain is counted."]
    try:
        found = hop_availability(hop, margin_db) if not np.isnan(multipath) else None
        rain = found.rain_outage_percent if found else _rain_alone(hop, margin_db)
    except OutOfRangeError as error:
        notes.append(f"Rain takes the hop for more than 1 % of the year: {error}.")
        rain = 1.0
    return rain, multipath, month, notes


def _rain_alone(hop: MicrowaveHop, margin_db: float) -> float:
    """Return the rain outage [%] where multipath is not known, by bisection on the attenuation."""
    low, high = np.log10(0.001), 0.0
    if margin_db >= float(rain_attenuation_db(hop, 0.001)):
        return 0.001
    if margin_db < float(rain_attenuation_db(hop, 1.0)):
        return 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if float(rain_attenuation_db(hop, 10.0**middle)) > margin_db:
            low = middle
        else:
            high = middle
    return float(10.0**high)


def _wanted_margin_db(hop: MicrowaveHop, target_percent: float) -> float:
    """Return the least margin with which the known outages leave the target [dB]."""

    def left(margin_db: float) -> float:
        rain, multipath, _, _ = _outages(hop, margin_db)
        return 100.0 - float(np.nansum([rain, multipath]))

    low, high = 0.0, 150.0
    if left(high) < target_percent:
        return inf
    for _ in range(50):
        middle = 0.5 * (low + high)
        if left(middle) >= target_percent:
            high = middle
        else:
            low = middle
    return high


def _short(
    median: ClearanceRule,
    low: ClearanceRule,
    margin_db: float,
    wanted_db: float,
    radio: HopRadio,
) -> list[str]:
    found = []
    for name, rule in (("median", median), ("low", low)):
        if rule.met:
            continue
        edge = rule.passes.edge
        found.append(
            f"clearance at {name} k = {rule.passes.k:.2f}: {edge.clearance_share:.2f} of the first "
            f"Fresnel zone {edge.distance_m / 1000.0:.2f} km from the first end, wanted "
            f"{rule.wanted_share:g}: raise both antennas by {rule.raise_m:.1f} m"
        )
    if margin_db < 0.0:
        found.append(
            f"level: {-margin_db:.1f} dB below the threshold in clear air, before any fading"
        )
    if wanted_db == inf:
        found.append(
            f"availability: no margin reaches {radio.target_percent:g} %: shorten the hop, or take "
            "a lower frequency"
        )
    elif margin_db < wanted_db:
        found.append(
            f"fade margin: {margin_db:.1f} dB, wanted {wanted_db:.1f} dB for "
            f"{radio.target_percent:g} %: {wanted_db - margin_db:.1f} dB more power or gain, a "
            "lower threshold, a lower frequency or a shorter hop"
        )
    return found
