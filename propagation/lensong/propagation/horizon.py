"""How high the land stands around a place: its horizon, azimuth by azimuth."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.errors import DataError, OutOfRangeError
from lensong.propagation.kernel import kernel
from lensong.propagation.sampling import bilinear
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import BoolArray, Float32Array, FloatArray

__all__ = ["LIGHT_K", "RADIO_K", "Horizon", "horizon_around"]

EARTH_RADIUS_M = 6_371_000.0

LIGHT_K = 1.0 / (1.0 - 0.13)
"""Effective Earth radius factor for light: the coefficient of refraction 0.13 of surveying."""

RADIO_K = 4.0 / 3.0
"""Effective Earth radius factor of standard air for radio waves, ITU-R P.834."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """The horizon of a place at equal steps of azimuth.

    Parameters
    ----------
    elevation_deg : shape (n,)
        Of the highest point that is seen in azimuth ``360 k / n``, clockwise from north [deg].
    distance_m : shape (n,)
        Of that point [m].
    known_m : shape (n,)
        How far the elevation is known, ``inf`` where nothing beyond could be seen [m].
    could_be_deg : shape (n,)
        How high a mountain just beyond ``known_m`` would rise that is as high as the highest of the
        elevation [deg]; ``-inf`` where nothing is unknown.
    """

    elevation_deg: FloatArray
    distance_m: FloatArray
    known_m: FloatArray
    could_be_deg: FloatArray

    def at(self, azimuth_deg: ArrayLike) -> FloatArray:
        """Return the elevation of the horizon at azimuths, linear between the steps [deg]."""
        return _between(self.elevation_deg, azimuth_deg)

    def cut(self, above_deg: float = -90.0) -> BoolArray:
        """Return in which azimuths something beyond the elevation may rise higher than is known.

        Parameters
        ----------
        above_deg : float
            What rises less than this does not count [deg].
        """
        return np.asarray(self.could_be_deg > np.maximum(self.elevation_deg, above_deg))

    def turned(self, by_deg: float) -> Horizon:
        """Return the horizon with azimuths counted from another north.

        Parameters
        ----------
        by_deg : float
            Azimuth of the old north from the new one: the convergence of meridians, where azimuths
            were those of a grid [deg].
        """
        n = self.elevation_deg.size
        old = np.arange(n) * 360.0 / n - by_deg
        nearest = np.rint(old * n / 360.0).astype(np.int64) % n
        return Horizon(
            elevation_deg=self.at(old),
            distance_m=self.distance_m[nearest],
            known_m=self.known_m[nearest],
            could_be_deg=self.could_be_deg[nearest],
        )


def _between(values: FloatArray, azimuth_deg: ArrayLike) -> FloatArray:
    n = values.size
    position = np.asarray(azimuth_deg, dtype=np.float64) % 360.0 * n / 360.0
    low = np.floor(position).astype(np.int64)
    share = position - low
    return np.asarray(values[low % n] * (1.0 - share) + values[(low + 1) % n] * share)


@kernel
def _walk(
    ground_m: Float32Array,
    cell_m: float,
    row: float,
    col: float,
    eye_amsl_m: float,
    top_amsl_m: float,
    reach_m: float,
    radius_m: float,
    out: FloatArray,
) -> None:
    """Write tangent, distance and how far the elevation is known for every azimuth."""
    for k in range(out.shape[0]):
        angle = 2.0 * np.pi * k / out.shape[0]
        down, right = -np.cos(angle), np.sin(angle)
        if abs(down) < 1e-12:
            down = 0.0
        if abs(right) < 1e-12:
            right = 0.0
        best, best_t = -np.inf, 0.0
        t, q = 0.0, bilinear(ground_m, row, col) - eye_amsl_m
        known = np.inf
        next_row = np.ceil(row) if down > 0.0 else np.floor(row)
        next_col = np.ceil(col) if right > 0.0 else np.floor(col)
        step_row, step_col = (1.0 if down > 0.0 else -1.0), (1.0 if right > 0.0 else -1.0)
        if next_row == row:
            next_row += step_row
        if next_col == col:
            next_col += step_col
        while True:
            far = t * cell_m
            if far >= reach_m:
                break
            if t > 0.0 and (top_amsl_m - eye_amsl_m) / far - far / (2.0 * radius_m) <= best:
                break
            to_row = (next_row - row) / down if down != 0.0 else np.inf
            to_col = (next_col - col) / right if right != 0.0 else np.inf
            t2 = min(to_row, to_col)
            if to_row <= t2:
                next_row += step_row
            if to_col <= t2:
                next_col += step_col
            if t2 - t < 1e-9:
                continue
            half = 0.5 * (t2 - t)
            middle = t + half
            z_middle = bilinear(ground_m, row + middle * down, col + middle * right)
            end_row = min(max(row + t2 * down, 0.0), ground_m.shape[0] - 1.0)
            end_col = min(max(col + t2 * right, 0.0), ground_m.shape[1] - 1.0)
            z_end = bilinear(ground_m, end_row, end_col)
            if np.isnan(z_middle) or np.isnan(z_end):
                known = far
                break
            q_middle = z_middle - eye_amsl_m - (middle * cell_m) ** 2 / (2.0 * radius_m)
            q2 = z_end - eye_amsl_m - (t2 * cell_m) ** 2 / (2.0 * radius_m)
            if q2 / (t2 * cell_m) > best:
                best, best_t = q2 / (t2 * cell_m), t2
            # between two lines of the grid a bilinear surface is a parabola a + b t + c t^2, and
            # its slope from the eye, a / t + b + c t, is highest where t^2 = a / c
            c = (q - 2.0 * q_middle + q2) / (2.0 * half * half)
            slope = (q2 - q) / (2.0 * half)
            a = q_middle - slope * middle + c * middle * middle
            if a < 0.0 and c < 0.0:
                peak = np.sqrt(a / c)
                if t < peak < t2:
                    value = (a / peak + slope - 2.0 * c * middle + c * peak) / cell_m
                    if value > best:
                        best, best_t = value, peak
            t, q = t2, q2
        out[k, 0], out[k, 1], out[k, 2] = best, best_t * cell_m, known


def horizon_around(
    terrain: Terrain,
    *,
    row: float,
    col: float,
    height_agl_m: float,
    azimuths: int = 720,
    reach_m: float = 100_000.0,
    k: float = RADIO_K,
) -> Horizon:
    """Return the horizon around a place, azimuths counted from the grid's north.

    Parameters
    ----------
    terrain : Terrain
        Its ground alone counts, no trees and houses.
    row, col : float
        Place; integers are cell centres.
    height_agl_m : float
        Eye above ground, 0 to 3000 [m].
    azimuths : int
        4 to 36 000.
    reach_m : float
        Beyond this nothing is looked for [m].
    k : float
        Effective Earth radius factor, by which rays bend: `RADIO_K`, `LIGHT_K`.

    Raises
    ------
    OutOfRangeError
    DataError
        There is no elevation at the place itself.

    Notes
    -----
    The land is the bilinear surface between cell centres, and the highest point of each ray on it
    is exact. A ray ends where the elevation does, or at a void; what may stand beyond is
    told by `Horizon.could_be_deg`.
    """
    for name, value, low, high in (
        ("height_agl_m", height_agl_m, 0.0, 3000.0),
        ("azimuths", azimuths, 4, 36_000),
        ("reach_m", reach_m, 1.0, 1e6),
        ("k", k, 0.1, 100.0),
    ):
        if not low <= value <= high:
            raise OutOfRangeError(name, value, low, high)
    ground = np.ascontiguousarray(terrain.ground_m, dtype=np.float32)
    here = float(bilinear(ground, row, col))
    if np.isnan(here):
        raise DataError(
            f"there is no elevation at row {row:.2f}, column {col:.2f}, wanted a place on the land"
        )
    eye, top = here + height_agl_m, float(np.nanmax(ground))
    radius_m = k * EARTH_RADIUS_M
    out = np.empty((azimuths, 3))
    _walk(ground, terrain.cell_m, row, col, eye, top, reach_m, radius_m, out)
    known = out[:, 2]
    could_be = np.full(azimuths, -inf)
    ends = np.isfinite(known)
    far = np.maximum(known[ends], terrain.cell_m)
    could_be[ends] = np.degrees(np.arctan((top - eye) / far - far / (2.0 * radius_m)))
    return Horizon(
        elevation_deg=np.degrees(np.arctan(out[:, 0])),
        distance_m=out[:, 1].copy(),
        known_m=known.copy(),
        could_be_deg=could_be,
    )
