"""Gaps as polygons: where people live and the class service fails."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lensong.coverage.result import REASONS, ServiceLayers
from lensong.coverage.service import Service
from lensong.coverage.village_weights import VillageWeights, inhabitants
from lensong.gis_data.land import Land
from lensong.gis_data.polygonize import polygonize
from lensong.propagation.types import FloatArray

__all__ = ["gap_polygons"]

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=np.int64)


def gap_polygons(
    land: Land,
    judged: ServiceLayers,
    service: Service,
    weights: Sequence[VillageWeights],
) -> gpd.GeoDataFrame:
    """Return the gaps of one service, the one with most people first.

    Parameters
    ----------
    land : Land
    judged : ServiceLayers
        Of the service, over all technologies.
    service : Service
    weights : sequence of VillageWeights
        One per village, in the order of ``land.villages``.

    Returns
    -------
    GeoDataFrame in the grid's CRS
        Columns as `PlanResult.gaps` lists. One polygon, of one or more parts, per run of pixels
        that touch by a side or a corner.

    Notes
    -----
    People live where the population raster is above 0 in the area of interest, and inside the
    villages' footprints. People of a gap are those of the raster where there is one, else the
    villages' own, spread over their footprints.
    """
    inhabited, people = inhabitants(land, weights)
    reason = judged.reason
    labels, count = ndimage.label(inhabited & (reason != 0), structure=_EIGHT_NEIGHBOURS)
    areas = polygonize(labels > 0, land.grid, values=labels, simplify_m=land.grid.cell_m)
    outlines = dict(zip(areas["value"], areas.geometry, strict=True))
    flat = labels.ravel()
    inside = np.flatnonzero(flat)
    label, lives = flat[inside], people.ravel()[inside].astype(np.float64)
    pixels = np.bincount(label, minlength=count + 1)
    heads = np.bincount(label, weights=lives, minlength=count + 1)
    reasons = _commonest_reason(label, reason.ravel()[inside], lives, count)
    names = _village_names(land, weights, flat)
    order = np.lexsort((np.arange(1, count + 1), -pixels[1:], -heads[1:])) + 1
    return gpd.GeoDataFrame(
        {
            "gap_id": [f"G{rank:04d}" for rank in range(1, count + 1)],
            "reason": [REASONS[reasons[k]] for k in order],
            "people": heads[order],
            "area_km2": pixels[order] * (land.grid.cell_m**2 / 1e6),
            "villages": [", ".join(names.get(int(k), ())) for k in order],
            "service": [service.name] * count,
        },
        geometry=[outlines[int(k)] for k in order],
        crs=land.grid.crs,
    )


def _commonest_reason(
    labels: NDArray[np.integer],
    reason: NDArray[np.uint8],
    people: FloatArray,
    count: int,
) -> NDArray[np.integer]:
    """Return per label the reason of most people, of most pixels where nobody is counted."""
    cell = labels.astype(np.int64) * len(REASONS) + reason
    size = (count + 1) * len(REASONS)
    # Pixels only decide where people do not: their weight stays below any share of a person.
    weight = people + 1e-9
    sums = np.bincount(cell, weights=weight, minlength=size).reshape(count + 1, len(REASONS))
    sums[:, 0] = -1.0
    found: NDArray[np.integer] = np.argmax(sums, axis=1)
    return found


def _village_names(
    land: Land, weights: Sequence[VillageWeights], labels: NDArray[np.integer]
) -> dict[int, list[str]]:
    """Return the names of the villages that each gap touches, in the order of the list."""
    names: dict[int, list[str]] = {}
    for name, village_id, village in zip(
        land.villages["name"], land.villages["village_id"], weights, strict=True
    ):
        for label in np.unique(labels[village.pixel]):
            if label > 0:
                names.setdefault(int(label), []).append(str(name) or str(village_id))
    return names
