"""Summits and shoulders that see people without service, near a road or a village."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Transformer
from scipy.ndimage import map_coordinates, maximum_filter, uniform_filter

from lensong.gis_data.land import Land
from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["SummitRules", "in_sight", "summits_that_see", "tops"]

_EARTH_RADIUS_M = 6_371_000.0 * 4.0 / 3.0  # the usual effective radius
_STEPS = 60
_LEAST_ABOVE_M = 5.0  # of a summit over the mean around it: less is the noise of an elevation model


@dataclass(frozen=True, slots=True, kw_only=True)
class SummitRules:
    """Where masts are looked for.

    Parameters
    ----------
    most : int
        Places in the answer, 0 or more.
    reach_m : float
        From a place to the people it is for, at most [m].
    access_m : float
        From a place to a road, or to the edge of a village, at most [m].
    apart_m : float
        Between two places, and how far around a place the land is compared [m].
    mast_agl_m, phone_agl_m : float
        Antennas above ground [m].
    """

    most: int
    reach_m: float = 5000.0
    access_m: float = 1500.0
    apart_m: float = 600.0
    mast_agl_m: float = 30.0
    phone_agl_m: float = 1.5

    def __post_init__(self) -> None:
        for name in ("reach_m", "access_m", "apart_m"):
            if not 1.0 <= getattr(self, name) <= 100_000.0:
                raise OutOfRangeError(name, getattr(self, name), 1.0, 100_000.0)


def summits_that_see(
    land: Land,
    pixel: IntArray,
    people: FloatArray,
    rules: SummitRules,
    *,
    excluded: gpd.GeoDataFrame | None = None,
) -> list[tuple[float, float, float]]:
    """Return places from which most people without service are in sight.

    Parameters
    ----------
    land : Land
        Roads are its map lines of the kind ``road``; without, villages alone give access.
    pixel, people : shape (n,)
        Where people lack the service, flat index into the grid, and how many.
    rules : SummitRules
    excluded : GeoDataFrame or None
        Areas where no mast may stand, in the grid's system.

    Returns
    -------
    list of (lat_deg, lon_deg, people)
        The most people first; each place adds someone whom those before it do not see.

    Notes
    -----
    A summit or shoulder is where the ground stands highest above the mean of its surroundings
    (``apart_m`` around), by more than 5 m, a local maximum of that: a shoulder under a higher ridge
    is one too.
    Sight is a straight line over the bent Earth (k = 4/3) at 60 points of the ground, without trees
    and houses; it only chooses places, which are then planned like any mast.
    """
    grid = land.grid
    row, col, ground = tops(land, rules, excluded)
    there_row, there_col = np.divmod(pixel, grid.cols)
    if not row.size or not pixel.size:
        return []
    sees = np.zeros((row.size, pixel.size), dtype=np.bool_)
    for k in range(row.size):
        away = np.hypot(there_row - row[k], there_col - col[k]) * grid.cell_m
        near = np.flatnonzero(away <= rules.reach_m)
        sees[k, near] = in_sight(
            ground,
            (int(row[k]), int(col[k]), rules.mast_agl_m),
            there_row[near],
            there_col[near],
            rules.phone_agl_m,
            grid.cell_m,
        )
    left = people.astype(np.float64).copy()
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    found: list[tuple[float, float, float]] = []
    while len(found) < rules.most and row.size:
        adds = sees @ left
        best = int(np.argmax(adds))
        if adds[best] <= 0.0:
            break
        lon, lat = to_degrees.transform(*grid.easting_northing(row[best], col[best]))
        found.append((float(lat), float(lon), float(sees[best] @ people)))
        left[sees[best]] = 0.0
    return found


def tops(
    land: Land, rules: SummitRules, excluded: gpd.GeoDataFrame | None
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return row and column of summits and shoulders where a mast may stand, and the ground.

    The ground has its lowest height where it is not known [m].
    """
    size = max(3, 2 * round(rules.apart_m / land.grid.cell_m) + 1)
    known = ~np.isnan(land.ground_m)
    ground = np.where(known, land.ground_m, np.nanmin(land.ground_m)).astype(np.float64)
    above = ground - uniform_filter(ground, size, mode="nearest")
    top = known & (above > _LEAST_ABOVE_M) & (above == maximum_filter(above, size, mode="nearest"))
    if land.water is not None:
        top &= land.water == 0
    row, col = np.nonzero(top)
    if row.size:
        allowed = _allowed(land, row, col, rules, excluded)
        row, col = row[allowed], col[allowed]
    return row, col, ground


def _allowed(
    land: Land,
    row: IntArray,
    col: IntArray,
    rules: SummitRules,
    excluded: gpd.GeoDataFrame | None,
) -> BoolArray:
    """Return which places are near a road or a village, inside the area and not excluded."""
    grid = land.grid
    east = grid.west_m + (col + 0.5) * grid.cell_m
    north = grid.north_m - (row + 0.5) * grid.cell_m
    points = shapely.points(east, north)
    shapes = list(land.villages.geometry)
    if land.map_lines is not None:
        shapes += list(land.map_lines.geometry[land.map_lines["kind"] == "road"])
    tree = shapely.STRtree(shapes)
    near = np.zeros(row.size, dtype=np.bool_)
    near[tree.query(points, predicate="dwithin", distance=rules.access_m)[0]] = True
    near &= land.aoi[row, col] == 1
    if excluded is not None and len(excluded):
        shut = shapely.STRtree(excluded.geometry.to_numpy()).query(points, predicate="intersects")
        near[shut[0]] = False
    return near


def in_sight(
    ground_m: FloatArray,
    place: tuple[int, int, float],
    row: IntArray | FloatArray,
    col: IntArray | FloatArray,
    agl_m: float | FloatArray,
    cell_m: float,
) -> BoolArray:
    """Return which places an antenna sees, all with their heights above ground [m].

    A straight line over the bent Earth (k = 4/3) at 60 points of the ground.
    """
    share = np.linspace(0.0, 1.0, _STEPS + 2)[1:-1, np.newaxis]
    line = np.stack([place[0] + share * (row - place[0]), place[1] + share * (col - place[1])])
    length = np.hypot(row - place[0], col - place[1]) * cell_m
    bulge = share * (1.0 - share) * length**2 / (2.0 * _EARTH_RADIUS_M)
    high = ground_m[place[:2]] + place[2]
    low = map_coordinates(ground_m, np.stack([row, col]), order=1) + agl_m
    ray = high + share * (low - high) - bulge
    return np.asarray((map_coordinates(ground_m, line, order=1) <= ray).all(axis=0))
