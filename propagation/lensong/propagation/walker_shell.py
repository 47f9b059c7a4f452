"""Satellites of a Walker shell over a place: where they stand, and when one is in sight."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sqrt

import numpy as np

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.types import BoolArray, FloatArray

__all__ = ["Passes", "WalkerShell", "passes_over", "satellite_in_sight"]

MU_M3_PER_S2 = 3.986_008e14
"""Of the Earth, WGS 72, as SGP4 has it."""

EQUATOR_M = 6_378_135.0
"""Radius of the Earth at the equator, WGS 72."""

J2 = 1.082616e-3
"""Flattening term of the field, WGS 72."""

TURN_RAD_PER_S = 7.292115e-5
"""Of the Earth against the stars."""

_A_M, _E2 = 6_378_137.0, 0.006_694_379_990_14  # WGS 84, where places are
_BLOCK = 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkerShell:
    """Satellites on circular orbits in equal planes: a Walker delta pattern ``i: t/p/f``.

    Parameters
    ----------
    altitude_m : float
        Above the equator's radius, 200 to 2000 km [m].
    inclination_deg : float
        Above 0, to 180 [deg].
    planes, per_plane : int
        How many, and satellites in each.
    phasing : int
        Walker's ``f``, 0 to ``planes - 1``: from one plane to the next satellites are ahead by
        ``360 f / t`` degrees.

    References
    ----------
    .. [1] J. G. Walker, "Satellite constellations", Journal of the British Interplanetary Society
       37, 1984, pp. 559-572.
    """

    altitude_m: float
    inclination_deg: float
    planes: int
    per_plane: int
    phasing: int

    def __post_init__(self) -> None:
        for name, low, high in (
            ("altitude_m", 200e3, 2000e3),
            ("inclination_deg", 0.01, 180.0),
            ("planes", 1, 1000),
            ("per_plane", 1, 1000),
            ("phasing", 0, self.planes - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise OutOfRangeError(name, value, low, high)

    @property
    def radius_m(self) -> float:
        """Return the radius of the orbits [m]."""
        return EQUATOR_M + self.altitude_m

    def angles_rad(self) -> tuple[FloatArray, FloatArray]:
        """Return the node and the argument of latitude of every satellite at the start."""
        plane, place = np.divmod(np.arange(self.planes * self.per_plane), self.per_plane)
        node = 2.0 * np.pi * plane / self.planes
        total = self.planes * self.per_plane
        return node, 2.0 * np.pi * (place / self.per_plane + self.phasing * plane / total)

    def rates_rad_per_s(self) -> tuple[float, float]:
        """Return how fast nodes drift and satellites go round, with the flattening of the Earth.

        References
        ----------
        .. [1] D. A. Vallado, "Fundamentals of Astrodynamics and Applications", 4th ed., 2013,
           eqs. (9-38), (9-39), (9-41) for a circle: secular rates of first order in J2.
        """
        mean = sqrt(MU_M3_PER_S2 / self.radius_m**3)
        tilt = cos(radians(self.inclination_deg))
        pull = J2 * (EQUATOR_M / self.radius_m) ** 2 * mean
        node = -1.5 * pull * tilt
        along = mean + 0.75 * pull * (5.0 * tilt**2 - 1.0) + 0.75 * pull * (3.0 * tilt**2 - 1.0)
        return node, along


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """Satellites near enough to an area to be seen from it.

    Parameters
    ----------
    step_s : float
    steps : int
        Moments from the start.
    step : shape (n,)
        Moment of each entry, ascending.
    position_m : shape (n, 3)
        Of a satellite then, fixed to the Earth [m].
    lowest_deg : float
        Entries are complete above this elevation within the area [deg].
    lat_deg, lon_deg, within_m : float
        Middle of the area, and how far it reaches.
    """

    step_s: float
    steps: int
    step: np.ndarray[tuple[int], np.dtype[np.int64]]
    position_m: FloatArray
    lowest_deg: float
    lat_deg: float
    lon_deg: float
    within_m: float


def passes_over(
    shell: WalkerShell,
    *,
    lat_deg: float,
    lon_deg: float,
    lowest_deg: float,
    within_m: float = 0.0,
    days: float = 1.0,
    step_s: float = 10.0,
) -> Passes:
    """Return where satellites stand that are seen from an area at an elevation or higher.

    Parameters
    ----------
    shell : WalkerShell
    lat_deg, lon_deg : float
        Middle of the area, WGS 84 [deg].
    lowest_deg : float
        -5 to 90 [deg].
    within_m : float
        How far the area reaches from its middle [m].
    days, step_s : float
        How long, and how often is looked. The first node is over Greenwich at the start.

    Notes
    -----
    Circles that turn by the secular terms of J2; drag, the other terms and manoeuvres are left out.
    """
    if not -5.0 <= lowest_deg <= 90.0:
        raise OutOfRangeError("lowest_deg", lowest_deg, -5.0, 90.0)
    if not (0.0 < days <= 30.0 and 0.1 <= step_s <= 600.0):
        raise OutOfRangeError("days", days, 0.0, 30.0, hint="steps are 0.1 to 600 s")
    steps = round(days * 86_400.0 / step_s)
    node0, along0 = shell.angles_rad()
    node_rate, along_rate = shell.rates_rad_per_s()
    place = _place_m(lat_deg, lon_deg)
    cap = _cap_rad(shell.radius_m, lowest_deg) + within_m / 6.33e6
    nearest = np.cos(min(cap, np.pi))
    up = place / np.linalg.norm(place)
    tilt = np.radians(shell.inclination_deg)
    found_step, found = [], []
    for begin in range(0, steps, _BLOCK):
        moment = np.arange(begin, min(begin + _BLOCK, steps))[:, np.newaxis]
        t = np.asarray(moment * step_s, dtype=np.float64)
        node_cos, node_sin = _turned(node0, (node_rate - TURN_RAD_PER_S) * t)
        along_cos, along_sin = _turned(along0, along_rate * t)
        side = along_sin * np.cos(tilt)
        x = node_cos * along_cos - node_sin * side
        y = node_sin * along_cos + node_cos * side
        z = along_sin * np.sin(tilt)
        near = x * up[0] + y * up[1] + z * up[2] >= nearest
        found.append(np.stack([x[near], y[near], z[near]], axis=-1) * shell.radius_m)
        found_step.append(np.broadcast_to(moment, near.shape)[near])
    return Passes(
        step_s=step_s,
        steps=steps,
        step=np.concatenate(found_step),
        position_m=np.concatenate(found),
        lowest_deg=lowest_deg,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        within_m=within_m,
    )


def satellite_in_sight(
    passes: Passes, *, lat_deg: float, lon_deg: float, lowest_deg: FloatArray
) -> BoolArray:
    """Return at which moments one satellite at least stands high enough.

    Parameters
    ----------
    passes : Passes
    lat_deg, lon_deg : float
        Place within the area [deg].
    lowest_deg : shape (n,)
        Elevation from which a satellite is seen in azimuth ``360 k / n``, clockwise from north,
        nowhere less than that of the passes [deg].

    Raises
    ------
    OutOfRangeError
        It is less somewhere, or the place lies outside the area.
    """
    least = float(np.min(lowest_deg))
    if least < passes.lowest_deg - 1e-9:
        raise OutOfRangeError("lowest_deg", least, passes.lowest_deg, 90.0)
    place = _place_m(lat_deg, lon_deg)
    away = float(np.linalg.norm(place - _place_m(passes.lat_deg, passes.lon_deg)))
    if away > passes.within_m + 1.0:
        raise OutOfRangeError("distance from the middle of the area in m", away, 0, passes.within_m)
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    ray = passes.position_m - place
    e, n, u = ray @ east, ray @ north, ray @ up
    elevation = np.degrees(np.arctan2(u, np.hypot(e, n)))
    azimuth = np.degrees(np.arctan2(e, n)) % 360.0
    at = azimuth * lowest_deg.size / 360.0
    low = np.floor(at).astype(np.int64)
    share = at - low
    wanted = lowest_deg[low % lowest_deg.size] * (1.0 - share)
    wanted += lowest_deg[(low + 1) % lowest_deg.size] * share
    seen = np.zeros(passes.steps, dtype=np.bool_)
    seen[passes.step[elevation >= wanted]] = True
    return seen


def _turned(start_rad: FloatArray, turn_rad: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return cosine and sine of all sums of two angles, without a sine for each sum."""
    c, s, c0, s0 = np.cos(turn_rad), np.sin(turn_rad), np.cos(start_rad), np.sin(start_rad)
    return c * c0 - s * s0, s * c0 + c * s0


def _place_m(lat_deg: float, lon_deg: float) -> FloatArray:
    """Return a place on the ellipsoid, fixed to the Earth [m]."""
    lat, lon = np.radians(lat_deg), np.radians(lon_deg)
    across = _A_M / np.sqrt(1.0 - _E2 * np.sin(lat) ** 2)
    return np.array(
        [
            across * np.cos(lat) * np.cos(lon),
            across * np.cos(lat) * np.sin(lon),
            across * (1.0 - _E2) * np.sin(lat),
        ]
    )


def _cap_rad(radius_m: float, lowest_deg: float) -> float:
    """Return how far from below a satellite it stands at an elevation, with a margin [rad].

    The margin covers the flattening: the plumb line is off the radius by up to 0.2 degrees.
    """
    low = radians(lowest_deg) - radians(0.25)
    smallest = 6_356_000.0
    return float(np.arccos(np.clip(smallest / radius_m * np.cos(low), -1.0, 1.0)) - low) + 0.005
