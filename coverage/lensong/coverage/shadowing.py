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
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from lensong.coverage.network import Network
from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.types import Float32Array, FloatArray, IntArray

__all__ = [
    "CHANCE_BITS",
    "CHANCE_OCTAVES",
    "MOST_SITES",
    "SITE_CORRELATION",
    "Shadowing",
    "normal_table",
    "site_numbers",
    "sites_of_masts",
]

SITE_CORRELATION = 0.5
"""Correlation of the shadowing of two sites.

3GPP TR 36.814, table A.2.1.1-1, as ETSI TR 101 112 (UMTS 30.03) before it: 0.5 between sites, 1.0
between the sectors of one site.
"""

MOST_SITES = 10
"""Sites whose shadowing is drawn at one pixel; weaker ones disturb as one sum."""

CHANCE_BITS = 6
CHANCE_OCTAVES = 40
"""Steps in every octave, and octaves to either side of 1, of the table of chances."""

_DRAWS = 64
_SEED = 20_260
_SAME_SITE_M = 50.0
_PHI_STEP = 1.0 / 64.0
_PHI_REACH = 6.0


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
        return np.asarray(self._nepers * np.sqrt(share), dtype=np.float64)

    @property
    def rest_factor(self) -> FloatArray:
        """Return what keeps the mean power of sites that are summed up, by the number of sites.

        Their sum is let rise and fall with ``w`` alone; the factor makes up for the part of the
        scatter, and so of the mean power, that ``w`` lacks.
        """
        return np.asarray(np.exp(0.5 * (self._nepers**2 - self.common_nepers**2)), dtype=np.float64)

    @property
    def draws(self) -> Float32Array:
        """Return ``exp(y_i)``, shape (MOST_SITES + 1, MOST_SITES, draws), by the number of sites.

        The first draws of a set are spread evenly by themselves.
        """
        points = _points()
        scale = self._nepers * np.sqrt(1.0 - self.correlation)
        table = np.ones((MOST_SITES + 1, *points.shape[::-1]), dtype=np.float32)
        for n in range(1, MOST_SITES + 1):
            z = points[:, :n]
            table[n, :n] = np.exp(scale * (z - z.mean(axis=1, keepdims=True))).T
        return table

    @property
    def chances(self) -> Float32Array:
        """Return the chance that ``exp(w)`` times a power reaches 1, by the number of sites.

        Shape (MOST_SITES + 1, places): powers from ``2**-CHANCE_OCTAVES`` to ``2**CHANCE_OCTAVES``
        with ``2**CHANCE_BITS`` equal steps in every octave.
        """
        steps = 1 << CHANCE_BITS
        octave, step = np.divmod(np.arange(2 * CHANCE_OCTAVES * steps + 2), steps)
        log_power = np.log(2.0) * (octave - CHANCE_OCTAVES) + np.log1p(step / steps)
        deviation = np.maximum(self.common_nepers, 1e-9)[:, np.newaxis]
        return np.asarray(ndtr(log_power / deviation), dtype=np.float32)

    @property
    def _nepers(self) -> float:
        return self.sigma_db * float(np.log(10.0)) / 10.0


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


def normal_table() -> FloatArray:
    """Return the normal distribution at steps of 1/64 from -6 to 6, for kernels to read."""
    x = np.arange(-_PHI_REACH, _PHI_REACH + 0.5 * _PHI_STEP, _PHI_STEP)
    return np.asarray(ndtr(x), dtype=np.float64)


@cache
def _points() -> FloatArray:
    uniform = qmc.Sobol(MOST_SITES, scramble=True, rng=_SEED).random(_DRAWS)
    return np.asarray(ndtri(uniform), dtype=np.float64)


def site_numbers(network: Network) -> IntArray:
    """Return the site of each cell, indexed by code (cell index + 1); entry 0 is unused."""
    sites = sites_of_masts(network)
    return np.array([-1, *(sites[cell.mast_id] for cell in network.cells)], dtype=np.int64)
