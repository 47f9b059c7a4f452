"""Places for masts that only hand on: in sight of what is fed and of candidates that are not."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
from pyproj import Transformer

from lensong.coverage.network import Mast
from lensong.coverage.siting.summits import SummitRules, in_sight, tops
from lensong.gis_data.land import Land
from lensong.propagation.types import BoolArray, FloatArray, Grid, IntArray

__all__ = ["relay_places"]


def relay_places(
    land: Land,
    fed: Sequence[Mast],
    unfed: Sequence[Mast],
    rules: SummitRules,
    *,
    excluded: gpd.GeoDataFrame | None = None,
) -> list[tuple[float, float, int]]:
    """Return summits and shoulders over which most masts that nothing feeds can be reached.

    Parameters
    ----------
    land : Land
    fed, unfed : sequence of Mast
        Where chains may begin, or lead over; and which they are to reach.
    rules : SummitRules
        ``reach_m`` is that of a hop.
    excluded : GeoDataFrame or None
        Areas where no mast may stand, in the grid's system.

    Returns
    -------
    list of (lat_deg, lon_deg, masts)
        The most masts first; each place sees something fed, or a place before it, and a mast that
        those before it do not reach.

    Notes
    -----
    Sight, as in `lensong.coverage.siting.summits.summits_that_see`, only chooses places: which hops
    hold is computed afterwards.
    """
    row, col, ground = tops(land, rules, excluded)
    if not row.size or not fed or not unfed:
        return []
    grid = land.grid
    sees_fed: BoolArray = np.asarray(_sees(ground, row, col, fed, rules, grid).any(axis=1))
    sees = _sees(ground, row, col, unfed, rules, grid)
    useful = np.flatnonzero(sees.any(axis=1) | sees_fed)
    row, col, sees, sees_fed = row[useful], col[useful], sees[useful], sees_fed[useful]
    reached = np.zeros(len(unfed), dtype=np.bool_)
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    found: list[tuple[float, float, int]] = []
    joined = sees_fed.copy()
    while len(found) < rules.most and row.size:
        adds = np.where(joined, (sees & ~reached).sum(axis=1), 0)
        best = int(np.argmax(adds))
        if adds[best] == 0:
            break
        lon, lat = to_degrees.transform(*grid.easting_northing(row[best], col[best]))
        found.append((float(lat), float(lon), int(adds[best])))
        reached |= sees[best]
        joined |= in_sight(
            ground,
            (int(row[best]), int(col[best]), rules.mast_agl_m),
            row,
            col,
            rules.mast_agl_m,
            grid.cell_m,
        ) & (np.hypot(row - row[best], col - col[best]) * grid.cell_m <= rules.reach_m)
    return found


def _sees(
    ground_m: FloatArray,
    row: IntArray,
    col: IntArray,
    masts: Sequence[Mast],
    rules: SummitRules,
    grid: Grid,
) -> BoolArray:
    """Return which places (rows) see which masts (columns)."""
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    east, north = to_grid.transform([m.lon_deg for m in masts], [m.lat_deg for m in masts])
    there_row = (grid.north_m - np.asarray(north)) / grid.cell_m - 0.5
    there_col = (np.asarray(east) - grid.west_m) / grid.cell_m - 0.5
    agl_m = np.array([mast.height_agl_m for mast in masts])
    inside = (there_row >= 0.0) & (there_row <= grid.rows - 1.0)
    inside &= (there_col >= 0.0) & (there_col <= grid.cols - 1.0)
    sees = np.zeros((row.size, len(masts)), dtype=np.bool_)
    for k in range(row.size):
        away_m = np.hypot(there_row - row[k], there_col - col[k]) * grid.cell_m
        near = np.flatnonzero(inside & (away_m <= rules.reach_m) & (away_m > grid.cell_m))
        sees[k, near] = in_sight(
            ground_m,
            (int(row[k]), int(col[k]), rules.mast_agl_m),
            there_row[near],
            there_col[near],
            agl_m[near],
            grid.cell_m,
        )
    return sees
