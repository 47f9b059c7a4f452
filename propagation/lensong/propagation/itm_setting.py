"""What is constant over a path or a map by ITM, checked against its range."""

from __future__ import annotations

from collections.abc import Sequence

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.itm_terms import Setting, surface_impedance

__all__ = [
    "AVERAGE_CONDUCTIVITY_S_M",
    "AVERAGE_PERMITTIVITY",
    "MODES",
    "SOURCE",
    "checked",
    "checked_n0",
    "checked_setting",
    "index_of",
]

SOURCE = "NTIA ITM 1.4"

AVERAGE_CONDUCTIVITY_S_M, AVERAGE_PERMITTIVITY = 0.005, 15.0
"""Average ground."""

MODES = ("single_message", "accidental", "mobile", "broadcast")
"""What the shares mean, in the order of ITM's ``mdvar``:

- ``single_message``: one attempt; only ``situation_percent`` counts and stands for all three.
- ``accidental``: time and situation count, places go with the situation.
- ``mobile``: time and situation count, places go with the time.
- ``broadcast``: all three count, each by itself.
"""


def checked(name: str, value: float, low: float, high: float, hint: str = "") -> float:
    """Return a number that lies in its closed range, or raise `OutOfRangeError`."""
    if not low <= value <= high:
        raise OutOfRangeError(name, value, low, high, source=SOURCE, hint=hint)
    return float(value)


def index_of(name: str, value: str, known: Sequence[str]) -> int:
    """Return where a word stands among the known ones, or raise `InvalidInputError`."""
    if value not in known:
        raise InvalidInputError(f"{name} is {value!r}, wanted one of {', '.join(known)}")
    return known.index(value)


def checked_setting(
    *,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    conductivity_s_m: float,
    permittivity: float,
    polarization: str,
    known_profile: bool,
) -> Setting:
    """Return what is constant over a map, or raise when it is outside of ITM's range."""
    freq_mhz = checked(
        "freq_mhz", freq_mhz, 20.0, 20_000.0, "use itu_r_p452 up to 50 GHz, free_space beyond"
    )
    hint = "heights are above ground; free_space serves aircraft and satellites"
    tx_agl_m = checked("tx_height_agl_m", tx_height_agl_m, 0.5, 3000.0, hint)
    rx_agl_m = checked("rx_height_agl_m", rx_height_agl_m, 0.5, 3000.0, hint)
    checked("permittivity", permittivity, 1.1, 1000.0, "relative; average ground has 15")
    checked("conductivity_s_m", conductivity_s_m, 1e-9, 1e3, "average ground has 0.005 S/m")
    vertical = index_of("polarization", polarization, ("horizontal", "vertical")) == 1
    impedance = surface_impedance(freq_mhz, float(permittivity), float(conductivity_s_m), vertical)
    return Setting(freq_mhz, impedance, tx_agl_m, rx_agl_m, known_profile)


def checked_n0(n0: float) -> float:
    """Return the refractivity at sea level, or raise when it is outside of ITM's range."""
    return checked("n0", n0, 250.0, 400.0, "refractivity at sea level; 301 is typical")
