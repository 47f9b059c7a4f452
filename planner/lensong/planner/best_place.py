"""Where in a polygon a mast brings the most people their service: the best of some places tried."""

from __future__ import annotations

from time import monotonic
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from lensong.coverage.network import Mast, Network
from lensong.coverage.variant.edits import CopyMast
from lensong.coverage.variant.edits import edited as with_edits
from lensong.gis_data.gridding import polygon_mask
from lensong.planner.bodies import JobBody
from lensong.planner.gained import Crowd
from lensong.planner.jobs import Job
from lensong.planner.ready import Ready
from lensong.planner.standing import Standing
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import IntArray

__all__ = ["best_place"]

_APART = 3  # cells between places that are tried: nearer ones would say the same


def best_place(ready: Ready, now: Standing, body: JobBody, job: Job) -> dict[str, Any]:
    """Return the place of the most people gained, of the highest ones in a polygon.

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
    until = monotonic() + body.seconds
    crowd = Crowd.of(ready.engine, ready.side, now.state, service)
    mast_id = _free_id(network)
    tried: list[dict[str, Any]] = []
    places = _places(ready, body)
    for done, (row, col) in enumerate(places.tolist()):
        job.step("places", done, len(places))
        if tried and monotonic() > until:
            break
        lat_deg, lon_deg = _degrees(ready, row, col)
        edit = CopyMast(mast_id=like.mast_id, new_mast_id=mast_id, lat_deg=lat_deg, lon_deg=lon_deg)
        _, gained = crowd.follow(with_edits(network, [edit]))
        tried.append(
            {
                "lat_deg": lat_deg,
                "lon_deg": lon_deg,
                "ground_m": float(ready.land.ground_m[row, col]),
                "gained_people": round(float(gained.sum()), 3),
                "edits": [
                    {
                        "kind": "copy_mast",
                        "mast_id": like.mast_id,
                        "new_mast_id": mast_id,
                        "lat_deg": lat_deg,
                        "lon_deg": lon_deg,
                    }
                ],
            }
        )
    job.step("places", len(tried), len(tried))
    tried.sort(key=lambda place: -float(place["gained_people"]))
    return {"places": tried, "asked": len(places), "service": service}


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


def _places(ready: Ready, body: JobBody) -> IntArray:
    """Return rows and columns of the highest cells in the polygon, some way from each other."""
    land = ready.land
    to_grid = Transformer.from_crs("EPSG:4326", land.grid.crs, always_xy=True)
    ring = [to_grid.transform(lon, lat) for lon, lat in body.polygon_deg or ()]
    mask = polygon_mask([shapely.make_valid(shapely.Polygon(ring))], land.grid) == 1
    mask &= ~np.isnan(land.ground_m)
    if land.water is not None:
        mask &= land.water == 0
    mask[[0, -1]] = mask[:, [0, -1]] = False
    rows, cols = np.nonzero(mask)
    if not rows.size:
        raise InvalidInputError("polygon_deg holds no cell of the grid with known ground")
    order = np.argsort(-land.ground_m[rows, cols], kind="stable")
    kept: list[tuple[int, int]] = []
    free = np.ones(land.grid.shape, dtype=np.bool_)
    for at in order.tolist():
        row, col = int(rows[at]), int(cols[at])
        if free[row, col]:
            kept.append((row, col))
            top, left = max(0, row - _APART), max(0, col - _APART)
            free[top : row + _APART + 1, left : col + _APART + 1] = False
            if len(kept) == body.tries:
                break
    return np.array(kept, dtype=np.int64)


def _degrees(ready: Ready, row: int, col: int) -> tuple[float, float]:
    grid = ready.land.grid
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(*grid.easting_northing(row, col))
    return round(float(lat), 7), round(float(lon), 7)


def _free_id(network: Network) -> str:
    taken = {mast.mast_id for mast in network.masts}
    number = 1
    while f"N{number}" in taken:
        number += 1
    return f"N{number}"
