"""How masts may be fed and powered, and what that costs, as the scenario gives it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lensong.coverage.faults import Faults
from lensong.coverage.path.clearance import K_LOW
from lensong.propagation.errors import ConfigError, OutOfRangeError
from lensong.propagation.walker_shell import WalkerShell

__all__ = [
    "FeedingSettings",
    "LineSettings",
    "MicrowaveSettings",
    "SatelliteSettings",
    "SolarSettings",
]


def _faults(section: str, values: object, ranges: dict[str, tuple[float, float]]) -> Faults:
    """Return what of some values is outside its range."""
    faults = Faults()
    for name, (low, high) in ranges.items():
        value = getattr(values, name)
        if value is not None and not low <= value <= high:
            faults.add(OutOfRangeError(f"{section}.{name}", value, low, high))
    return faults


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """``[siting.fibre]`` or ``[siting.grid]``: a line from what is there already.

    Parameters
    ----------
    section : {"fibre", "grid"}
    path : Path
        Points, lines or outlines of what is there, a vector file.
    layer : str
        Where the file has several.
    reach_m : float
        Of a new line, straight, at most [m].
    cost, cost_per_km : float or None
        Of joining, and of a kilometre of line. None: not given.
    uplink_mbps : float or None
        That a fibre carries up [Mbit/s]; None: not given, any rate.
    """

    section: Literal["fibre", "grid"]
    path: Path
    layer: str = ""
    reach_m: float = 3000.0
    cost: float | None = None
    cost_per_km: float | None = None
    uplink_mbps: float | None = None

    def __post_init__(self) -> None:
        _faults(
            f"siting.{self.section}",
            self,
            {
                "reach_m": (0.0, 200_000.0),
                "cost": (0.0, 1e15),
                "cost_per_km": (0.0, 1e15),
                "uplink_mbps": (0.001, 1e7),
            },
        ).end()


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrowaveSettings:
    """``[siting.microwave]``: hops between masts; radio and climate as `lensong hop` has them.

    Parameters
    ----------
    freq_mhz : float
    reach_m : float
        Of a hop, up to the 60 km of P.530 [m].
    rain_rate_mm_per_h : float or None
        Everywhere, exceeded for 0.01 % of the year; None: out of ``rain_map`` at each hop.
    rain_map : Path or None
        As for `lensong.gis_data.rain_map.RainMap`.
    availability_percent : float
        That every hop must hold by itself, of an average year [%].
    from_backhaul : tuple of str
        Kinds of backhaul, as the cell list names them, of masts where a chain may begin; empty:
        every mast but those on a satellite.
    cost : float or None
        Of a hop with both of its ends.
    uplink_mbps : float or None
        That a hop carries up [Mbit/s]; None: not given, any rate.
    power_dbm, gain_dbi, feeder_loss_db, threshold_dbm, geoclimatic_factor, dn75, polarization
        As in `lensong.coverage.path.hop.HopRadio`; the gain is that of each dish.
    climate, k_low
        As there.
    """

    freq_mhz: float = 18_000.0
    reach_m: float = 30_000.0
    rain_rate_mm_per_h: float | None = None
    rain_map: Path | None = None
    availability_percent: float = 99.99
    from_backhaul: tuple[str, ...] = ()
    cost: float | None = None
    uplink_mbps: float | None = None
    power_dbm: float = 20.0
    gain_dbi: float = 38.0
    feeder_loss_db: float = 0.0
    threshold_dbm: float = -70.0
    geoclimatic_factor: float = 1e-4
    dn75: float = 20.0
    polarization: Literal["vertical", "horizontal"] = "vertical"
    climate: Literal["tropical", "temperate"] = "tropical"
    k_low: float = K_LOW

    def __post_init__(self) -> None:
        faults = _faults(
            "siting.microwave",
            self,
            {
                "freq_mhz": (1000.0, 100_000.0),
                "reach_m": (1.0, 60_000.0),
                "rain_rate_mm_per_h": (0.0, 300.0),
                "availability_percent": (90.0, 99.9999),
                "cost": (0.0, 1e15),
                "uplink_mbps": (0.001, 1e7),
                "k_low": (0.1, 2.0),
            },
        )
        if (self.rain_rate_mm_per_h is None) == (self.rain_map is None):
            given = "neither" if self.rain_map is None else "both"
            faults.add(
                ConfigError(
                    f"{given} of siting.microwave.rain_rate_mm_per_h and rain_map is given, "
                    "wanted one: the rate exceeded for 0.01 % of the year in mm/h, or the map of "
                    "ITU-R P.837"
                )
            )
        faults.end()


@dataclass(frozen=True, slots=True, kw_only=True)
class SatelliteSettings:
    """``[siting.satellite]``: a terminal of satellites in low orbit.

    Parameters
    ----------
    altitude_m, inclination_deg, planes, per_plane
        As in `lensong.propagation.walker_shell.WalkerShell`.
    phasing : int or None
        As there; None: half a place from one plane to the next.
    mask_deg : float
        Elevation below which the operator serves nobody [deg].
    least_sky_share : float
        Of the sky above the mask that must be free of mountains, 0..1.
    least_visible_percent : float
        Of the time with a satellite in sight [%].
    terminal_agl_m : float
        Of the terminal above ground [m].
    cost : float or None
        Of the terminal and what it costs in the years that count.
    uplink_mbps : float or None
        That it carries up [Mbit/s]; None: not given, any rate.
    """

    altitude_m: float = 550_000.0
    inclination_deg: float = 53.0
    planes: int = 72
    per_plane: int = 22
    phasing: int | None = None
    mask_deg: float = 25.0
    least_sky_share: float = 0.5
    least_visible_percent: float = 99.0
    terminal_agl_m: float = 5.0
    cost: float | None = None
    uplink_mbps: float | None = None

    def __post_init__(self) -> None:
        faults = _faults(
            "siting.satellite",
            self,
            {
                "mask_deg": (0.0, 89.0),
                "least_sky_share": (0.0, 1.0),
                "least_visible_percent": (0.0, 100.0),
                "terminal_agl_m": (0.0, 300.0),
                "cost": (0.0, 1e15),
                "uplink_mbps": (0.001, 1e7),
            },
        )
        faults.of(lambda: self.shell)
        faults.end()

    @property
    def shell(self) -> WalkerShell:
        """Return its satellites."""
        return WalkerShell(
            altitude_m=self.altitude_m,
            inclination_deg=self.inclination_deg,
            planes=self.planes,
            per_plane=self.per_plane,
            phasing=self.planes // 2 if self.phasing is None else self.phasing,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarSettings:
    """``[siting.solar]``: panels and a battery.

    Parameters
    ----------
    load_w : float
        Mean power of a mast with its cells and its backhaul [W].
    level_kwh_per_m2_day : tuple of 12 float
        Global irradiation of a level place under an open sky, mean day of each month, January
        first [kWh/m2].
    tilt_deg : float or None
        Of the panels [deg]; None: the latitude, 10 at least, so that rain cleans them.
    azimuth_deg : float or None
        Where they look [deg]; None: to the equator.
    panel_agl_m : float
        Above ground [m].
    performance_ratio : float
        Share of the rated energy that reaches the load: heat, dust, wires, battery.
    array_to_load : float
        Energy of the panels over that of the load in the worst month.
    autonomy_days : float
        That the battery bridges alone.
    depth_of_discharge : float
        Share of the battery that may be used.
    most_panel_w : float or None
        For which there is room [W]; None: any.
    cost, panel_cost_per_w, battery_cost_per_wh : float or None
        Of the rest, of panels and of batteries.
    """

    load_w: float
    level_kwh_per_m2_day: tuple[float, ...]
    tilt_deg: float | None = None
    azimuth_deg: float | None = None
    panel_agl_m: float = 3.0
    performance_ratio: float = 0.7
    array_to_load: float = 1.2
    autonomy_days: float = 3.0
    depth_of_discharge: float = 0.8
    most_panel_w: float | None = None
    cost: float | None = None
    panel_cost_per_w: float | None = None
    battery_cost_per_wh: float | None = None

    def __post_init__(self) -> None:
        faults = _faults(
            "siting.solar",
            self,
            {
                "load_w": (1.0, 1e6),
                "tilt_deg": (0.0, 90.0),
                "azimuth_deg": (0.0, 360.0),
                "panel_agl_m": (0.0, 300.0),
                "performance_ratio": (0.05, 1.0),
                "array_to_load": (1.0, 10.0),
                "autonomy_days": (0.0, 60.0),
                "depth_of_discharge": (0.05, 1.0),
                "most_panel_w": (1.0, 1e9),
                "cost": (0.0, 1e15),
                "panel_cost_per_w": (0.0, 1e15),
                "battery_cost_per_wh": (0.0, 1e15),
            },
        )
        months = self.level_kwh_per_m2_day
        if len(months) != 12 or not all(0.0 <= value <= 12.0 for value in months):
            faults.add(
                ConfigError(
                    f"siting.solar.level_kwh_per_m2_day is {list(months)}, wanted 12 numbers, "
                    "January to December, of 0 to 12 kWh/m2 a day: a table of monthly global "
                    "irradiation has them, divide sums of a month by its days"
                )
            )
        faults.end()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedingSettings:
    """All ways that a scenario allows.

    Parameters
    ----------
    fibre, microwave, satellite : settings or None
        Ways of backhaul; all None: backhaul is not part of the choice.
    grid, solar : settings or None
        Ways of power; both None: power is not part of the choice.
    mast_uplink_mbps : float or None
        What a mast sends up [Mbit/s]; ways that carry less are none.
    standing_is_fed : bool
        Whether structures that stand have backhaul and power for more cells.
    """

    fibre: LineSettings | None = None
    microwave: MicrowaveSettings | None = None
    satellite: SatelliteSettings | None = None
    grid: LineSettings | None = None
    solar: SolarSettings | None = None
    mast_uplink_mbps: float | None = None
    standing_is_fed: bool = True

    def __post_init__(self) -> None:
        _faults("siting", self, {"mast_uplink_mbps": (0.001, 1e7)}).end()

    @property
    def backhaul(self) -> bool:
        """Return whether backhaul is part of the choice."""
        return any((self.fibre, self.microwave, self.satellite))

    @property
    def power(self) -> bool:
        """Return whether power is part of the choice."""
        return any((self.grid, self.solar))

    def without_cost(self) -> list[str]:
        """Return the costs that are not given of ways that are."""
        wanted = {
            "fibre": ("cost_per_km",),
            "microwave": ("cost",),
            "satellite": ("cost",),
            "grid": ("cost_per_km",),
            "solar": ("panel_cost_per_w", "battery_cost_per_wh"),
        }
        return [
            f"siting.{section}.{name}"
            for section, names in wanted.items()
            for name in names
            if getattr(self, section) is not None and getattr(getattr(self, section), name) is None
        ]
