"""Microwave hops between masts: which are clear and hold, and what the others are short of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from lensong.coverage.path.hop import HopRadio, clearance_rules, hop_held
from lensong.coverage.path.line import End, draw_line
from lensong.coverage.siting.feeding_settings import MicrowaveSettings
from lensong.coverage.siting.feeds import HopFigures
from lensong.gis_data.rain_map import RainMap
from lensong.propagation.errors import DataError
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Grid

__all__ = ["SAME_PLACE_M", "Hop", "Miss", "Ray", "nearest_miss", "try_hop"]

SAME_PLACE_M = 50.0
"""Masts this near are one structure, between which there is no hop [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ray:
    """What all hops of a study share.

    Parameters
    ----------
    terrain : Terrain
    grid : Grid
        Of the terrain.
    settings : MicrowaveSettings
    rain : RainMap or None
        None: the settings' own rate holds everywhere.
    delta_n_per_km, terminal_clearing_m : float
        As in `lensong.coverage.sweeps.PropagationSettings`.
    """

    terrain: Terrain
    grid: Grid
    settings: MicrowaveSettings
    rain: RainMap | None
    delta_n_per_km: float
    terminal_clearing_m: float

    def rain_rate(self, lat_deg: float, lon_deg: float) -> float:
        """Return the rain rate exceeded for 0.01 % of the year at a place [mm/h]."""
        if self.rain is not None:
            return self.rain.at(lat_deg, lon_deg)
        return self.settings.rain_rate_mm_per_h or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """A hop that is clear and holds as wanted."""

    distance_m: float
    availability_percent: float
    figures: HopFigures

    @property
    def order(self) -> tuple[float, float]:
        """Return what the better of two hops has less of."""
        return -self.availability_percent, self.distance_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A hop that does not do.

    Parameters
    ----------
    short_m : float
        By how much both antennas would have to be raised [m]; 0 where it is clear and does not
        hold, ``inf`` where it is not known.
    why : str
    """

    short_m: float
    why: str


def try_hop(ray: Ray, tx: End, rx: End) -> Hop | Miss | None:
    """Return a hop, or what it is short of; None where it is too long, or both are one structure.

    Notes
    -----
    Clear and held are as `lensong hop` has them: the first Fresnel zone at the median effective
    Earth radius, a part of it at the low one, and availability by rain and multipath.
    """
    settings = ray.settings
    distance_m = hypot(rx.row - tx.row, rx.col - tx.col) * ray.grid.cell_m
    if not SAME_PLACE_M < distance_m <= settings.reach_m:
        return None
    try:
        line = draw_line(ray.terrain, ray.grid, tx, rx, terminal_clearing_m=ray.terminal_clearing_m)
    except DataError:
        return Miss(short_m=float("inf"), why="the elevation between them is not known")
    radio = HopRadio(
        power_dbm=settings.power_dbm,
        tx_gain_dbi=settings.gain_dbi,
        rx_gain_dbi=settings.gain_dbi,
        feeder_loss_db=settings.feeder_loss_db,
        threshold_dbm=settings.threshold_dbm,
        rain_rate_mm_per_h=ray.rain_rate(*line.lat_lon(0.5 * line.path_m)),
        geoclimatic_factor=settings.geoclimatic_factor,
        dn75=settings.dn75,
        polarization=settings.polarization,
        target_percent=settings.availability_percent,
        climate=settings.climate,
        k_low=settings.k_low,
    )
    median, low = clearance_rules(
        line, radio, freq_mhz=settings.freq_mhz, delta_n_per_km=ray.delta_n_per_km
    )
    worse = max((median, low), key=lambda rule: rule.raise_m)
    if not worse.met:
        return Miss(
            short_m=worse.raise_m,
            why=f"not clear at k = {worse.passes.k:.2f}, both antennas {worse.raise_m:.0f} m "
            "too low",
        )
    held = hop_held(line, radio, median, freq_mhz=settings.freq_mhz)
    if held.availability_percent < settings.availability_percent:
        return Miss(
            short_m=0.0,
            why=f"clear, but holds {held.availability_percent:.4g} % of the year with a margin of "
            f"{held.margin_db:.1f} dB, wanted {settings.availability_percent:g} %",
        )
    return Hop(
        distance_m=line.path_m,
        availability_percent=held.availability_percent,
        figures=HopFigures(
            freq_mhz=settings.freq_mhz,
            received_dbm=held.received_dbm,
            margin_db=held.margin_db,
            rain_db=held.rain_db,
            rain_outage_percent=held.rain_outage_percent,
            multipath_outage_percent=held.multipath_outage_percent,
            clearance_share_median=median.passes.edge.clearance_share,
            clearance_share_low=low.passes.edge.clearance_share,
        ),
    )


def nearest_miss(misses: Sequence[tuple[str, float, Miss]]) -> str:
    """Return the miss that is short of least, in words; each is a name, a distance and a miss."""
    name, distance_m, miss = min(misses, key=lambda entry: (entry[2].short_m, entry[1]))
    return f"that from {name}, {distance_m / 1000.0:.1f} km away, comes nearest: {miss.why}"
