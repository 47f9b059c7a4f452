"""How a ray passes over what stands in its way: Earth bulge, first Fresnel zone, the edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lensong.coverage.path.line import Line
from lensong.propagation.diffraction import EARTH_RADIUS_KM, knife_edge_loss_db
from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.p1812_terms import median_earth_radius_km
from lensong.propagation.profile import earth_bulge_m, fresnel_radius_m
from lensong.propagation.types import FloatArray

__all__ = ["K_LOW", "Clearance", "Edge", "clearance", "median_k", "ray_amsl_m"]

K_LOW = 2.0 / 3.0
"""Effective Earth radius factor of air that bends the ray upward, in which hops are tested too.

The value of the practice for hops of some 20 to 50 km; figure 2 of ITU-R P.530 gives the factor
exceeded for 99.9 % of the worst month by path length.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One point of the surface against the ray.

    Parameters
    ----------
    distance_m : float
        From the transmitter [m].
    lat_deg, lon_deg : float
        WGS 84 [deg].
    ground_amsl_m, clutter_m : float
        Bare ground above sea level, and what counts there above it [m].
    above_line_m : float
        Top above the straight line between the antennas, Earth bulge counted [m]; negative below.
    ground_above_line_m : float
        The same of the bare ground [m].
    fresnel_m : float
        Radius of the first Fresnel zone there [m].
    nu : float
        Fresnel-Kirchhoff parameter; above 0 the edge cuts the ray.
    edge_loss_db : float
        Loss of this edge by itself, ITU-R P.526 [dB].
    """

    distance_m: float
    lat_deg: float
    lon_deg: float
    ground_amsl_m: float
    clutter_m: float
    above_line_m: float
    ground_above_line_m: float
    fresnel_m: float
    nu: float
    edge_loss_db: float

    @property
    def what(self) -> Literal["ground", "clutter"]:
        """Return what reaches highest there: bare ground, or trees and houses on it."""
        return "clutter" if self.clutter_m > 0.0 else "ground"

    @property
    def clearance_share(self) -> float:
        """Return how many radii of the first Fresnel zone the ray passes above it."""
        return -self.above_line_m / self.fresnel_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """The surface against the ray at one effective Earth radius.

    Parameters
    ----------
    k : float
        Effective Earth radius over the radius of the Earth.
    edge : Edge
        That decides: the greatest Fresnel-Kirchhoff parameter, on all surface.
    tx_horizon, rx_horizon : Edge or None
        What each end sees as its horizon where the ray is cut, else None.
    """

    k: float
    edge: Edge
    tx_horizon: Edge | None
    rx_horizon: Edge | None

    @property
    def line_of_sight(self) -> bool:
        """Return whether nothing reaches the ray."""
        return self.edge.above_line_m < 0.0

    @property
    def first_zone_clear(self) -> bool:
        """Return whether 0.6 of the first Fresnel zone is clear, where diffraction ends."""
        return self.edge.clearance_share >= 0.6


def median_k(delta_n_per_km: float) -> float:
    """Return the median effective Earth radius factor of a lapse rate of refractivity.

    Raises
    ------
    OutOfRangeError
        The lapse rate [N-units/km] is not from 0 to 150, where P.1812 holds.
    """
    if not 0.0 <= delta_n_per_km <= 150.0:
        raise OutOfRangeError(
            "delta_n_per_km", delta_n_per_km, 0.0, 150.0, hint="it is given as a positive number"
        )
    return median_earth_radius_km(delta_n_per_km) / EARTH_RADIUS_KM


def ray_amsl_m(line: Line, distance_m: FloatArray) -> FloatArray:
    """Return the straight line between the antennas above sea level [m], no bulge in it."""
    rise = line.rx_amsl_m - line.tx_amsl_m
    return line.tx_amsl_m + rise * np.asarray(distance_m) / line.path_m


def clearance(line: Line, *, freq_mhz: float, k: float) -> Clearance:
    """Return how the ray passes over a line.

    Parameters
    ----------
    line : Line
    freq_mhz : float
        Above 0 [MHz].
    k : float
        Effective Earth radius factor, 0.1 to 100.

    Raises
    ------
    OutOfRangeError
    """
    if not 0.1 <= k <= 100.0:
        raise OutOfRangeError("k", k, 0.1, 100.0, hint="4/3 is standard air, 2/3 rare")
    d = line.surface_distance_m
    bulge = earth_bulge_m(d, line.path_m, effective_radius_m=1000.0 * k * EARTH_RADIUS_KM)
    above = line.surface_amsl_m + bulge - ray_amsl_m(line, d)
    fresnel = fresnel_radius_m(d, line.path_m, freq_mhz=freq_mhz)
    inner = np.arange(1, d.size - 1)
    nu = np.full(d.size, -np.inf)
    nu[inner] = np.sqrt(2.0) * above[inner] / fresnel[inner]

    def edge(i: int) -> Edge:
        lat_deg, lon_deg = line.lat_lon(float(d[i]))
        clutter_m = float(line.surface_amsl_m[i] - line.surface_ground_m[i])
        return Edge(
            distance_m=float(d[i]),
            lat_deg=lat_deg,
            lon_deg=lon_deg,
            ground_amsl_m=float(line.surface_ground_m[i]),
            clutter_m=clutter_m,
            above_line_m=float(above[i]),
            ground_above_line_m=float(above[i]) - clutter_m,
            fresnel_m=float(fresnel[i]),
            nu=float(nu[i]),
            edge_loss_db=float(knife_edge_loss_db(nu[i])),
        )

    top = edge(int(np.argmax(nu)))
    if top.above_line_m < 0.0:
        return Clearance(k=k, edge=top, tx_horizon=None, rx_horizon=None)
    from_tx = int(inner[np.argmax(above[inner] / d[inner])])
    from_rx = int(inner[np.argmax(above[inner] / (line.path_m - d[inner]))])
    return Clearance(k=k, edge=top, tx_horizon=edge(from_tx), rx_horizon=edge(from_rx))
