"""Where in a polygon a mast brings the most people their service: the best of some places tried."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from math import sqrt
from time import monotonic
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from lensong.coverage.network import Mast, Network
from lensong.coverage.variant.edits import CopyMast
from lensong.coverage.variant.edits import edited as with_edits
from lensong.gis_data.gridding import polygon_mask
from lensong.gis_data.land import Land
from lensong.planner.bodies import JobBody
from lensong.planner.gained import Crowd
from lensong.planner.jobs import Job
from lensong.planner.ready import Ready
from lensong.planner.standing import Standing
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import BoolArray, IntArray

__all__ = ["best_place", "mast_to_copy", "places_in"]

_LEAST_APART = 3  # cells between places that are tried: nearer ones would say the same
_APART_SHARE = 0.6  # of the spacing at which the tries would fill the polygon


def best_place(ready: Ready, now: Standing, body: JobBody, job: Job) -> dict[str, Any]:
    """Return the places of a polygon that were tried, that of the most people gained first.

    Parameters
    ----------
    ready : Ready
    now : Standing
        Settled as far as the villages.
    body : JobBody
        Polygon, the mast whose cells the new one has, how many places and how long.
    job : Job

    Raises
    ------
    InvalidInputError
        The polygon holds no cell of the grid, or the mast is not there.
    """
    network, service = now.network, ready.side.classes.service
    like = mast_to_copy(network, body)
    places = places_in(ready.land, body.polygon_deg or [], body.tries)
    until = monotonic() + body.seconds
    crowd = Crowd.of(ready.engine, ready.side, now.state, service)
    ids = _free_ids(ready.network, network)
    mast_id = next(ids)  # of whichever is tried; each that is answered has its own
    tried: list[tuple[float, int, float, float]] = []
    for done, (row, col) in enumerate(places.tolist()):
        job.step("places", done, len(places))
        if tried and monotonic() > until:
            break
        lat_deg, lon_deg = _degrees(ready, row, col)
        edit = CopyMast(mast_id=like.mast_id, new_mast_id=mast_id, lat_deg=lat_deg, lon_deg=lon_deg)
        _, gained = crowd.follow(with_edits(network, [edit]))
        tried.append((round(float(gained.sum()), 3), done, lat_deg, lon_deg))
    job.step("places", len(tried), len(tried))
    tried.sort(key=lambda place: (-place[0], place[1]))
    answered = []
    for rank, (people, done, lat_deg, lon_deg) in enumerate(tried):
        row, col = places[done]
        new_mast_id = mast_id if rank == 0 else next(ids)
        answered.append(
            {
                "lat_deg": lat_deg,
                "lon_deg": lon_deg,
                "ground_m": float(ready.land.ground_m[row, col]),
                "gained_people": people,
                "mast_id": new_mast_id,
                "edits": [
                    {
                        "kind": "copy_mast",
                        "mast_id": like.mast_id,
                        "new_mast_id": new_mast_id,
                        "name": "",
                        "lat_deg": lat_deg,
                        "lon_deg": lon_deg,
                    }
                ],
            }
        )
    return {
        "places": answered,
        "tried": len(tried),
        "asked": len(places),
        "seconds": body.seconds,
        "like_mast_id": like.mast_id,
        "service": service,
    }


def mast_to_copy(network: Network, body: JobBody) -> Mast:
    """Return the mast that is tried elsewhere; raises as `best_place`."""
    if body.polygon_deg is None or body.like_mast_id is None:
        raise InvalidInputError(
            "polygon_deg or like_mast_id is missing: draw an area, and name a mast to copy"
        )
    for mast in network.masts:
        if mast.mast_id == body.like_mast_id:
            return mast
    raise InvalidInputError(f"like_mast_id is {body.like_mast_id!r}, which no mast here is called")


def places_in(land: Land, polygon_deg: list[tuple[float, float]], tries: int) -> IntArray:
    """Return rows and columns of cells to be tried in a polygon: the highest, spread over it.

    Parameters
    ----------
    land : Land
    polygon_deg : list of (lon, lat)
        Its corners [deg]; its sides may cross each other. One that holds no middle of a cell has
        the cell in its own middle.
    tries : int
        So many places at most.

    Raises
    ------
    InvalidInputError
        No cell of it lies on the grid, on land of known height.
    """
    mask = _cells_in(land, polygon_deg)
    mask &= ~np.isnan(land.ground_m)
    if land.water is not None:
        mask &= land.water == 0
    mask[[0, -1]] = mask[:, [0, -1]] = False  # a mast stands within the middles of cells
    rows, cols = np.nonzero(mask)
    if not rows.size:
        raise InvalidInputError(
            "the area, polygon_deg, holds no place for a mast: it lies off the grid, in water or "
            "where there is no elevation"
        )
    # the highest alone would all stand on one summit
    apart = max(_LEAST_APART, int(_APART_SHARE * sqrt(rows.size / tries)))
    order = np.argsort(-land.ground_m[rows, cols], kind="stable")
    kept: list[tuple[int, int]] = []
    free = np.ones(land.grid.shape, dtype=np.bool_)
    for at in order.tolist():
        row, col = int(rows[at]), int(cols[at])
        if free[row, col]:
            kept.append((row, col))
            top, left = max(0, row - apart), max(0, col - apart)
            free[top : row + apart + 1, left : col + apart + 1] = False
            if len(kept) == tries:
                break
    return np.array(kept, dtype=np.int64)


def _cells_in(land: Land, polygon_deg: list[tuple[float, float]]) -> BoolArray:
    grid = land.grid
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    ring = [to_grid.transform(lon, lat) for lon, lat in polygon_deg]
    if not np.isfinite(ring).all():
        raise InvalidInputError(
            f"polygon_deg has a corner that {grid.crs} does not reach: draw it nearer to the plan"
        )
    area = shapely.make_valid(shapely.Polygon(ring))
    mask: BoolArray = polygon_mask([area], grid) == 1
    if not mask.any():  # smaller than a cell, or off the grid
        row, col = grid.row_col(area.centroid.x, area.centroid.y)
        if 0 <= round(row) < grid.rows and 0 <= round(col) < grid.cols:
            mask[round(row), round(col)] = True
    return mask


def _degrees(ready: Ready, row: int, col: int) -> tuple[float, float]:
    grid = ready.land.grid
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(*grid.easting_northing(row, col))
    return round(float(lat), 7), round(float(lon), 7)


def _free_ids(*networks: Network) -> Iterator[str]:
    """Return ids that no mast has in any of the networks, one after another."""
    taken = {mast.mast_id for network in networks for mast in network.masts}
    return (name for n in count(1) if (name := f"BEST-{n}") not in taken)
