"""How the level scatters around its median: one shadowing per site, correlated between sites.

At one place the level of site ``i`` is its median plus ``x_i``, a normal variable of deviation
``sigma``; any two sites have the correlation ``rho``. All cells, carriers and operators of one
site share its ``x_i``: what stands around the phone and on the way to the mast does not ask which
sector sends. Both directions of a link share it too.

The chance of a service is an average over ``x``. With ``n`` sites heard,

    x_i = w + y_i,    w ~ N(0, sigma^2 (rho + (1 - rho) / n)),    y_i = s (z_i - mean(z)),

where ``s = sigma sqrt(1 - rho)``, the ``z_i`` are standard normal and independent, and ``w`` is
independent of all ``y_i``: the mean of the ``x_i`` and their deviations from it. More ``w`` lifts
all levels at once, so for given ``y`` a service holds from some ``w`` on: that threshold is a
closed form, and so is the chance that ``w`` exceeds it. Only the ``n - 1`` dimensions of ``y`` are
left to be drawn, and with one site none. `Shadowing.draws` keeps a fixed set of quasi-random
points (Sobol', scrambled with a fixed seed), the same for every pixel, run and machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from pyproj import Transformer
from scipy.spatial import cKDTree
from scipy.special import ndtri

from lensong.coverage.network import Network
from lensong.coverage.spread_points import spread_points
from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.types import Float32Array, FloatArray, IntArray

__all__ = [
    "MOST_SITES",
    "SITE_CORRELATION",
    "Shadowing",
    "site_numbers",
    "sites_of_masts",
]

SITE_CORRELATION = 0.5
"""Correlation of the shadowing of two sites.

SEAMCAT Handbook (CEPT), section 9.11 "Pathloss correlation", equations 64 and 65: most LTE studies
assume 0.5 between sites, and 1 between the sectors of one site.
"""

MOST_SITES = 10
"""Sites whose shadowing is drawn at one pixel; weaker ones disturb as one sum."""

_SAME_SITE_M = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowing:
    """Deviation of the level around its median, and its correlation between sites.

    Parameters
    ----------
    sigma_db : float
        Total standard deviation, 0 or more [dB].
    correlation : float
        Between any two sites, 0..1; cells of one site share their shadowing.
    """

    sigma_db: float
    correlation: float = SITE_CORRELATION

    def __post_init__(self) -> None:
        if not 0.0 <= self.sigma_db <= 300.0:
            raise OutOfRangeError("sigma_db", self.sigma_db, 0.0, 300.0)
        if not 0.0 <= self.correlation <= 1.0:
            raise OutOfRangeError("shadowing_correlation", self.correlation, 0.0, 1.0)

    @property
    def common_nepers(self) -> FloatArray:
        """Return the deviation of ``w`` by the number of sites, entry 0 unused [neper of power]."""
        sites = np.maximum(np.arange(MOST_SITES + 1), 1)
        share = self.correlation + (1.0 - self.correlation) / sites
        return np.asarray(self.sigma_nepers * np.sqrt(share), dtype=np.float64)

    @property
    def rest_factor(self) -> FloatArray:
        """Return what keeps the mean power of sites that are summed up, by the number of sites.

        Their sum is let rise and fall with ``w`` alone; the factor makes up for the part of the
        scatter, and so of the mean power, that ``w`` lacks.
        """
        return np.asarray(
            np.exp(0.5 * (self.sigma_nepers**2 - self.common_nepers**2)), dtype=np.float64
        )

    @property
    def draws(self) -> Float32Array:
        """Return ``exp(y_i)``, shape (MOST_SITES + 1, MOST_SITES, draws), by the number of sites.

        The first draws of a set are spread evenly by themselves. The strongest sites come first,
        and the first dimension, which is spread best, sets the first site against all others, the
        second one the second site against those after it, and so on.
        """
        points = _points()
        scale = self.sigma_nepers * np.sqrt(1.0 - self.correlation)
        table = np.ones((MOST_SITES + 1, MOST_SITES, points.shape[0]), dtype=np.float32)
        for n in range(2, MOST_SITES + 1):
            nepers = scale * points[:, : n - 1] @ _against_those_after(n)
            table[n, :n] = np.exp(np.clip(nepers, -60.0, 60.0)).T  # in reach of float32
        return table

    @property
    def sigma_nepers(self) -> float:
        """Return the deviation of a level [neper of power]."""
        return self.sigma_db * float(np.log(10.0)) / 10.0

    @property
    def apart_nepers(self) -> float:
        """Return the deviation of the ratio of two sites' levels [neper of power]."""
        return self.sigma_nepers * float(np.sqrt(2.0 * (1.0 - self.correlation)))


def sites_of_masts(network: Network) -> dict[str, int]:
    """Return a number for the site of each mast: masts within 50 m of each other share one.

    The numbers do not depend on the order of the masts.
    """
    if not network.masts:
        return {}
    lat = np.array([mast.lat_deg for mast in network.masts])
    lon = np.array([mast.lon_deg for mast in network.masts])
    # Points on the globe: their chord is their distance to a hair, everywhere.
    to_globe = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    places = np.column_stack(to_globe.transform(lon, lat, np.zeros_like(lat)))
    order = np.lexsort((lon, lat))
    parent = np.arange(lat.size)
    rank = np.empty_like(parent)
    rank[order] = parent.copy()

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = int(parent[k])
        return k

    for a, b in sorted(cKDTree(places[order]).query_pairs(_SAME_SITE_M)):
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return {mast.mast_id: root(int(rank[k])) for k, mast in enumerate(network.masts)}


@cache
def _points() -> FloatArray:
    """Return normal points, shape (draws, MOST_SITES - 1), of mean 0 and without correlation."""
    points = ndtri(spread_points())
    points -= points.mean(axis=0)
    root = np.linalg.cholesky(points.T @ points / len(points))
    return np.asarray(np.linalg.solve(root, points.T).T, dtype=np.float64)


def _against_those_after(sites: int) -> FloatArray:
    """Return the basis of what sums to 0 in which row ``k`` sets ``k`` against all after it."""
    basis = np.zeros((sites - 1, sites))
    for k in range(sites - 1):
        after = sites - 1 - k
        basis[k, k] = 1.0
        basis[k, k + 1 :] = -1.0 / after
        basis[k] *= np.sqrt(after / (after + 1.0))
    return basis


def site_numbers(network: Network) -> IntArray:
    """Return the site of each cell, indexed by code (cell index + 1); entry 0 is unused."""
    sites = sites_of_masts(network)
    return np.array([-1, *(sites[cell.mast_id] for cell in network.cells)], dtype=np.int64)
