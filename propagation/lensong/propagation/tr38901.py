"""3GPP TR 38.901: path loss of the rural, urban macro and street canyon scenarios.

Line-of-sight and other paths have a formula each, and distance decides how probable a line of
sight is. Heights are above ground; ``distance_m`` is horizontal.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log10, pi
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.link import Link
from lensong.propagation.model import Model
from lensong.propagation.statistical_sweep import map_by_distance
from lensong.propagation.types import BoolArray, FloatArray
from lensong.propagation.validity import one_of, within

__all__ = [
    "MODELS",
    "SCENARIOS",
    "Scenario",
    "expected_loss_db",
    "los_probability",
    "path_loss_db",
    "shadow_sigma_db",
]

SOURCE = "3GPP TR 38.901 table 7.4.1-1"
SPEED_OF_LIGHT_M_PER_S = 3.0e8
"""As the report rounds it."""

ScenarioName = Literal["rma", "uma", "umi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Where a scenario's formulas hold.

    Parameters
    ----------
    freq_mhz, distance_m, tx_height_m, rx_height_m : (float, float)
        Closed ranges [MHz], [m].
    instead : str
        What to use outside them.
    """

    freq_mhz: tuple[float, float]
    distance_m: tuple[float, float]
    tx_height_m: tuple[float, float]
    rx_height_m: tuple[float, float]
    instead: str


SCENARIOS: dict[str, Scenario] = {
    "rma": Scenario(
        freq_mhz=(500.0, 30_000.0),
        distance_m=(10.0, 10_000.0),
        tx_height_m=(10.0, 150.0),
        rx_height_m=(1.0, 10.0),
        instead="use extended_hata (to 100 km) or itu_r_p1812",
    ),
    "uma": Scenario(
        freq_mhz=(500.0, 100_000.0),
        distance_m=(10.0, 5000.0),
        tx_height_m=(10.0, 150.0),
        rx_height_m=(1.5, 22.5),
        instead="use tr38901_rma (to 10 km), extended_hata or itu_r_p1812",
    ),
    "umi": Scenario(
        freq_mhz=(500.0, 100_000.0),
        distance_m=(10.0, 5000.0),
        tx_height_m=(3.0, 25.0),
        rx_height_m=(1.5, 22.5),
        instead="use tr38901_uma for a mast above the roofs, or itu_r_p1812",
    ),
}
"""The report fixes the base station at 25 m (UMa) and 10 m (UMi); see Notes of `path_loss_db`."""


def _checked(
    scenario: str,
    distance_m: ArrayLike,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
) -> FloatArray:
    limits = SCENARIOS[one_of("scenario", scenario, SCENARIOS)]
    hint = limits.instead
    within("freq_mhz", freq_mhz, *limits.freq_mhz, source=SOURCE, hint=hint)
    within("tx_height_agl_m", tx_height_agl_m, *limits.tx_height_m, source=SOURCE, hint=hint)
    within("rx_height_agl_m", rx_height_agl_m, *limits.rx_height_m, source=SOURCE, hint=hint)
    return within("distance_m", distance_m, *limits.distance_m, source=SOURCE, hint=hint)


def _breakpoint_m(
    scenario: str, freq_mhz: float, tx_height_agl_m: float, rx_height_agl_m: float
) -> float:
    """Return the distance at which the slope of a clear path steepens, notes 1 and 5."""
    per_wavelength = freq_mhz * 1e6 / SPEED_OF_LIGHT_M_PER_S
    if scenario == "rma":
        return 2.0 * pi * tx_height_agl_m * rx_height_agl_m * per_wavelength
    return 4.0 * (tx_height_agl_m - 1.0) * (rx_height_agl_m - 1.0) * per_wavelength


def _rma_clear_db(
    distance: FloatArray, slant: FloatArray, freq_ghz: float, break_m: float, roof_m: float
) -> FloatArray:
    def before(metres: FloatArray) -> FloatArray:
        streets = min(0.03 * roof_m**1.72, 10.0) * np.log10(metres)
        streets -= min(0.044 * roof_m**1.72, 14.77)
        streets += 0.002 * log10(roof_m) * metres
        return np.asarray(20.0 * np.log10(40.0 * pi * metres * freq_ghz / 3.0) + streets)

    beyond = before(np.asarray(break_m)) + 40.0 * np.log10(slant / break_m)
    return np.asarray(np.where(distance <= break_m, before(slant), beyond))


def _urban_clear_db(
    distance: FloatArray,
    slant: FloatArray,
    freq_ghz: float,
    break_m: float,
    rise_m: float,
    constants: tuple[float, float, float],
) -> FloatArray:
    at_1_m, slope, beyond_slope = constants
    log_f = 20.0 * log10(freq_ghz)
    before = at_1_m + slope * np.log10(slant) + log_f
    beyond = at_1_m + 40.0 * np.log10(slant) + log_f
    beyond = beyond - beyond_slope * log10(break_m**2 + rise_m**2)
    return np.asarray(np.where(distance <= break_m, before, beyond))


def path_loss_db(
    scenario: ScenarioName,
    distance_m: ArrayLike,
    *,
    line_of_sight: ArrayLike,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    building_height_m: float = 5.0,
    street_width_m: float = 20.0,
) -> FloatArray:
    """Return the median path loss with or without line of sight.

    Parameters
    ----------
    scenario : {"rma", "uma", "umi"}
        Rural macro, urban macro, urban micro in a street canyon.
    distance_m : shape (...)
        Horizontal distance, 10..10 000 (RMa) or 10..5000 [m]. NaN passes through.
    line_of_sight : shape (...)
        True where the path is clear.
    freq_mhz : float
        500..30 000 (RMa) or 500..100 000 [MHz].
    tx_height_agl_m : float
        10..150 (RMa, UMa) or 3..25 (UMi) [m].
    rx_height_agl_m : float
        1..10 (RMa) or 1.5..22.5 [m].
    building_height_m, street_width_m : float
        Mean building height and street width, 5..50 each [m]; only RMa has them.

    Returns
    -------
    shape (...)
        Loss [dB].

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.
    InvalidInputError
        For an unknown scenario.

    Notes
    -----
    The report defines UMa at 25 m and UMi at 10 m of base station height; other heights enter
    through distance and breakpoint alone, which is an extrapolation. The effective environment
    height of UMa is 1 m always: the report draws another at random only above 13 m of receiver
    height. Loss without line of sight is at least that with it, as the report says.

    Examples
    --------
    >>> loss = path_loss_db("uma", 1000.0, line_of_sight=False, freq_mhz=5000.0,
    ...                     tx_height_agl_m=25.0, rx_height_agl_m=1.5)
    >>> round(float(loss), 1)
    144.8

    References
    ----------
    .. [1] 3GPP TR 38.901, "Study on channel model for frequencies from 0.5 to 100 GHz", v17.0.0,
       2022, table 7.4.1-1.
    """
    distance = _checked(scenario, distance_m, freq_mhz, tx_height_agl_m, rx_height_agl_m)
    for name, value in (
        ("building_height_m", building_height_m),
        ("street_width_m", street_width_m),
    ):
        within(name, value, 5.0, 50.0, source=SOURCE, hint="5 m and 20 m are usual in the country")
    freq_ghz = freq_mhz / 1000.0
    rise = tx_height_agl_m - rx_height_agl_m
    slant = np.hypot(distance, rise)
    break_m = _breakpoint_m(scenario, freq_mhz, tx_height_agl_m, rx_height_agl_m)
    log_slant = np.log10(slant)
    if scenario == "rma":
        clear = _rma_clear_db(distance, slant, freq_ghz, break_m, building_height_m)
        roofs = 24.37 - 3.7 * (building_height_m / tx_height_agl_m) ** 2
        blocked = (
            161.04
            - 7.1 * log10(street_width_m)
            + 7.5 * log10(building_height_m)
            - roofs * log10(tx_height_agl_m)
            + (43.42 - 3.1 * log10(tx_height_agl_m)) * (log_slant - 3.0)
            + 20.0 * log10(freq_ghz)
            - (3.2 * log10(11.75 * rx_height_agl_m) ** 2 - 4.97)
        )
    elif scenario == "uma":
        clear = _urban_clear_db(distance, slant, freq_ghz, break_m, rise, (28.0, 22.0, 9.0))
        blocked = 13.54 + 39.08 * log_slant + 20.0 * log10(freq_ghz) - 0.6 * (rx_height_agl_m - 1.5)
    else:
        clear = _urban_clear_db(distance, slant, freq_ghz, break_m, rise, (32.4, 21.0, 9.5))
        blocked = 22.4 + 35.3 * log_slant + 21.3 * log10(freq_ghz) - 0.3 * (rx_height_agl_m - 1.5)
    return np.asarray(np.where(line_of_sight, clear, np.maximum(clear, blocked)))


def los_probability(
    scenario: ScenarioName, distance_m: ArrayLike, *, rx_height_agl_m: float = 1.5
) -> FloatArray:
    """Return the probability that a path has line of sight.

    Parameters
    ----------
    scenario : {"rma", "uma", "umi"}
    distance_m : shape (...)
        Horizontal distance, 0 or more [m]. NaN passes through.
    rx_height_agl_m : float
        1..23 [m]; only UMa asks for it, above 13 m.

    Returns
    -------
    shape (...)
        Probability, 0..1.

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.
    InvalidInputError
        For an unknown scenario.

    References
    ----------
    .. [1] 3GPP TR 38.901 v17.0.0, 2022, table 7.4.2-1, outdoor receivers.
    """
    source = "3GPP TR 38.901 table 7.4.2-1"
    one_of("scenario", scenario, SCENARIOS)
    distance = within("distance_m", distance_m, 0.0, np.inf, source=source, hint="0 or more")
    within("rx_height_agl_m", rx_height_agl_m, 1.0, 23.0, source=source, hint="use itu_r_p1812")
    if scenario == "rma":
        return np.asarray(np.exp(-np.maximum(distance - 10.0, 0.0) / 1000.0))
    far = np.maximum(distance, 18.0)
    near_share = 18.0 / far
    decay_m = 63.0 if scenario == "uma" else 36.0
    probability = near_share + np.exp(-far / decay_m) * (1.0 - near_share)
    if scenario == "uma" and rx_height_agl_m > 13.0:
        lift = ((rx_height_agl_m - 13.0) / 10.0) ** 1.5
        rise = lift * 1.25 * (far / 100.0) ** 3 * np.exp(-far / 150.0)
        probability = np.where(distance <= 18.0, 1.0, probability * (1.0 + rise))
    return np.asarray(probability)


def shadow_sigma_db(
    scenario: ScenarioName,
    distance_m: ArrayLike,
    *,
    line_of_sight: ArrayLike,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
) -> FloatArray:
    """Return the standard deviation of shadow fading around the median path loss.

    Arguments and errors as for `path_loss_db`.

    Returns
    -------
    shape (...)
        Standard deviation [dB].

    References
    ----------
    .. [1] 3GPP TR 38.901 v17.0.0, 2022, table 7.4.1-1.
    """
    distance = _checked(scenario, distance_m, freq_mhz, tx_height_agl_m, rx_height_agl_m)
    if scenario == "rma":
        break_m = _breakpoint_m(scenario, freq_mhz, tx_height_agl_m, rx_height_agl_m)
        clear: FloatArray = np.where(distance <= break_m, 4.0, 6.0)
    else:
        clear = np.full(distance.shape, 4.0)
    blocked = {"rma": 8.0, "uma": 6.0, "umi": 7.82}[scenario]
    sees: BoolArray = np.asarray(line_of_sight, dtype=np.bool_)
    sigma = np.where(sees, clear, blocked)
    return np.asarray(np.where(np.isnan(distance), np.nan, sigma))


def expected_loss_db(
    scenario: ScenarioName,
    distance_m: ArrayLike,
    *,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    building_height_m: float = 5.0,
    street_width_m: float = 20.0,
) -> FloatArray:
    """Return the mean of both median losses in decibels, weighted by the chance of a clear path.

    Arguments and errors as for `path_loss_db`.

    Returns
    -------
    shape (...)
        Loss [dB].

    Notes
    -----
    The report draws line of sight at random; a map needs one number. The mean in decibels [1]_ is
    between both losses and near the median of their mixture. The mean of the received power would
    be ruled by the few clear places: at 1 km (RMa, 37 % clear) it is only 4.3 dB below the clear
    loss, and a map of it would promise coverage to the 63 % that have none.

    References
    ----------
    .. [1] A. Al-Hourani, S. Kandeepan, S. Lardner, "Optimal LAP altitude for maximum coverage",
       IEEE Wireless Commun. Lett. 3(6), 2014: the mean over clear and blocked paths in decibels.
    """
    losses = [
        path_loss_db(
            scenario,
            distance_m,
            line_of_sight=sees,
            freq_mhz=freq_mhz,
            tx_height_agl_m=tx_height_agl_m,
            rx_height_agl_m=rx_height_agl_m,
            building_height_m=building_height_m,
            street_width_m=street_width_m,
        )
        for sees in (True, False)
    ]
    clear = los_probability(scenario, distance_m, rx_height_agl_m=rx_height_agl_m)
    return np.asarray(clear * losses[0] + (1.0 - clear) * losses[1])


def _record(scenario: ScenarioName, title: str) -> Model:
    limits = SCENARIOS[scenario]
    nearest_m, farthest_m = limits.distance_m

    def over_distance(distance_m: FloatArray, slant_m: FloatArray, link: Link) -> FloatArray:
        """Return the expected loss; nearer than 10 m counts as 10 m, NaN beyond the last."""
        del slant_m
        inside = distance_m <= farthest_m
        return expected_loss_db(
            scenario,
            np.where(inside, np.maximum(distance_m, nearest_m), np.nan),
            freq_mhz=link.freq_mhz,
            tx_height_agl_m=link.tx_height_agl_m,
            rx_height_agl_m=link.rx_height_agl_m,
        )

    return Model(
        name=f"tr38901_{scenario}",
        title=title,
        kind="statistical",
        freq_mhz=limits.freq_mhz,
        distance_m=limits.distance_m,
        tx_height_m=limits.tx_height_m,
        rx_height_m=limits.rx_height_m,
        source="3GPP TR 38.901 v17.0.0, tables 7.4.1-1 and 7.4.2-1",
        function=path_loss_db,
        over_distance=over_distance,
        draw=map_by_distance(over_distance),
        town_clutter=True,
        instead=limits.instead.removeprefix("use "),
    )


MODELS = (
    _record("rma", "3GPP rural macro, line of sight by its probability"),
    _record("uma", "3GPP urban macro, line of sight by its probability"),
    _record("umi", "3GPP urban micro in a street canyon, line of sight by its probability"),
)
