"""Which pixels a village has, and how much each counts.

A village is the people inside its footprint. Pixels weigh by their people where a population
raster has any there, else by area, and ``weighting`` says which. Where footprints overlap, a
pixel's people belong to the village whose centre is nearest; nobody counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lensong.gis_data.land import Land
from lensong.gis_data.zonal import footprint_weights
from lensong.propagation.errors import DataError
from lensong.propagation.types import BoolArray, FloatArray, Grid, IntArray

__all__ = ["WHOLE_SHARE", "VillageWeights", "inhabitants", "village_weights"]

WHOLE_SHARE = 0.999
"""A village with less of its area on elevation is said to be judged on a part."""

Weighting: TypeAlias = Literal["population", "area"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VillageWeights:
    """The pixels of one village.

    Parameters
    ----------
    pixel : shape (n,)
        Flat index into the grid, at least one.
    weight : shape (n,)
        What each counts, sums to 1.
    people : float
        Of the village; NaN unknown.
    weighting : {"population", "area"}
        What ``weight`` is made from.
    elevation_share : float
        Share of the village, by area, that lies on the grid where there is elevation, 0..1: the
        part on which it is judged.
    """

    pixel: IntArray
    weight: FloatArray
    people: float
    weighting: Weighting
    elevation_share: float = 1.0


def village_weights(land: Land) -> list[VillageWeights]:
    """Return the pixels and people of every village, in the order of ``land.villages``.

    Raises
    ------
    DataError
        When villages lie outside the grid, or where there is no elevation; it names them.

    Notes
    -----
    Pixels without elevation do not count: nothing is known of the signal there.
    """
    grid, villages = land.grid, land.villages
    footprints = footprint_weights(villages.geometry, grid)
    _check_inside(grid, villages, footprints)
    areas = shapely.area(villages.geometry.to_numpy()) / grid.cell_m**2
    footprints = _with_elevation(land, footprints)
    known_shares = [
        min(1.0, float(share.sum()) / area) if area > 0.0 else 1.0
        for (_, share), area in zip(footprints, areas, strict=True)
    ]
    own = _without_overlap(grid, villages, footprints)
    people_per_pixel = None if land.population is None else land.population.ravel()
    known = np.asarray(villages["population"], dtype=np.float64)
    return [
        replace(
            _weights_of(whole, kept, people_per_pixel, float(told)), elevation_share=known_share
        )
        for whole, kept, told, known_share in zip(footprints, own, known, known_shares, strict=True)
    ]


def inhabitants(
    land: Land, weights: Sequence[VillageWeights]
) -> tuple[BoolArray, NDArray[np.floating[Any]]]:
    """Return where people live, and how many in each pixel.

    By the population raster where there is one, else by the villages' own numbers, spread over
    their footprints. Where the elevation has a void nobody is judged.
    """
    inhabited = np.zeros(land.grid.shape, dtype=np.bool_)
    inside = inhabited.reshape(-1)
    for village in weights:
        inside[village.pixel] = True
    if land.population is not None:
        people = land.population
        inhabited |= (people > 0.0) & (land.aoi == 1) & ~np.isnan(land.ground_m)
        return inhabited, people if np.isfinite(people).all() else np.nan_to_num(people)
    spread = np.zeros(inside.size)
    for village in weights:
        np.add.at(spread, village.pixel, village.weight * np.nan_to_num(village.people))
    return inhabited, spread.reshape(land.grid.shape)


def _weights_of(
    whole: tuple[IntArray, FloatArray],
    kept: tuple[IntArray, FloatArray],
    people_per_pixel: NDArray[np.float32] | None,
    told: float,
) -> VillageWeights:
    pixel, fraction = kept if kept[0].size else whole
    counted = 0.0
    if people_per_pixel is not None and kept[0].size:
        people = people_per_pixel[pixel].astype(np.float64) * fraction
        counted = float(people.sum())
    if counted > 0.0:
        return VillageWeights(
            pixel=pixel,
            weight=people / counted,
            people=counted if np.isnan(told) else told,
            weighting="population",
        )
    unknown = float("nan") if people_per_pixel is None else 0.0
    return VillageWeights(
        pixel=pixel,
        weight=fraction / fraction.sum(),
        people=unknown if np.isnan(told) else told,
        weighting="area",
    )


def _without_overlap(
    grid: Grid,
    villages: gpd.GeoDataFrame,
    footprints: Sequence[tuple[IntArray, FloatArray]],
) -> list[tuple[IntArray, FloatArray]]:
    """Give every pixel to the nearest centres first, until the footprints' union is used up.

    Footprints that only touch keep their parts of a border pixel. Of footprints that overlap
    the nearest centre takes its part of a pixel and the next what the union has left of it, so
    that together they count exactly what the union covers.
    """
    if not footprints:
        return []
    cluster, limit = _overlapping(grid, villages, footprints)
    village = np.concatenate([np.full(p.size, k) for k, (p, _) in enumerate(footprints)])
    pixel = np.concatenate([p for p, _ in footprints])
    fraction = np.concatenate([f for _, f in footprints])
    most = np.concatenate(limit)
    east = grid.west_m + (pixel % grid.cols + 0.5) * grid.cell_m
    north = grid.north_m - (pixel // grid.cols + 0.5) * grid.cell_m
    centre_east = np.asarray(villages["centre_easting_m"], dtype=np.float64)
    centre_north = np.asarray(villages["centre_northing_m"], dtype=np.float64)
    distance = np.hypot(east - centre_east[village], north - centre_north[village])
    order = np.lexsort((village, distance, pixel, cluster[village]))
    new_pixel = np.diff(pixel[order]) != 0
    new_cluster = np.diff(cluster[village[order]]) != 0
    first = np.flatnonzero(np.r_[True, new_pixel | new_cluster])
    runs = np.diff(np.r_[first, order.size])
    before = np.cumsum(fraction[order]) - fraction[order]
    before -= np.repeat(before[first], runs)
    left = np.empty_like(fraction)
    left[order] = np.clip(most[order] - before, 0.0, fraction[order])
    # Fractions are exact to rounding only; crumbs are not a share.
    left[left < 1e-6] = 0.0
    bounds = np.cumsum([p.size for p, _ in footprints])[:-1]
    pairs = zip(np.split(pixel, bounds), np.split(left, bounds), strict=True)
    return [(p[f > 0.0], f[f > 0.0]) for p, f in pairs]


def _overlapping(
    grid: Grid,
    villages: gpd.GeoDataFrame,
    footprints: Sequence[tuple[IntArray, FloatArray]],
) -> tuple[IntArray, list[FloatArray]]:
    """Return the cluster of overlapping footprints each is in, and what its union covers.

    The second is per footprint, one number per pixel of it.
    """
    shapes = villages.geometry.to_numpy()
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    overlap = shapely.area(shapely.intersection(shapes[a], shapes[b])) > 0.0
    count = len(shapes)
    links = coo_array((np.ones(overlap.sum()), (a[overlap], b[overlap])), shape=(count, count))
    _, cluster = connected_components(links, directed=False)
    limit = [np.ones(pixel.size) for pixel, _ in footprints]
    members = {int(c): np.flatnonzero(cluster == c) for c in np.unique(cluster[a[overlap]])}
    unions = [shapely.union_all(shapes[rows]) for rows in members.values()]
    covered = footprint_weights(unions, grid)
    for rows, (union_pixel, union_fraction) in zip(members.values(), covered, strict=True):
        for row in rows.tolist():
            at = np.searchsorted(union_pixel, footprints[row][0])
            limit[row] = union_fraction[np.minimum(at, union_pixel.size - 1)]
    return cluster.astype(np.int64), limit


def _check_inside(
    grid: Grid,
    villages: gpd.GeoDataFrame,
    footprints: Sequence[tuple[IntArray, FloatArray]],
) -> None:
    names = _village_names(villages)
    outside = [
        name
        for name, (pixel, _), east, north in zip(
            names,
            footprints,
            villages["centre_easting_m"],
            villages["centre_northing_m"],
            strict=True,
        )
        if pixel.size == 0 or not grid.contains(float(east), float(north))
    ]
    if outside:
        shown = ", ".join(outside[:5]) + (" …" if len(outside) > 5 else "")
        raise DataError(
            f"{len(outside)} of {len(names)} villages lie outside the planned area: {shown}; "
            "wanted all inside: enlarge area, or take them out of the list"
        )


def _with_elevation(
    land: Land, footprints: Sequence[tuple[IntArray, FloatArray]]
) -> list[tuple[IntArray, FloatArray]]:
    """Drop the pixels whose elevation is missing; refuse a village that has no other."""
    known = ~np.isnan(land.ground_m.ravel())
    kept = [(pixel[known[pixel]], share[known[pixel]]) for pixel, share in footprints]
    names = _village_names(land.villages)
    bare = [name for name, (pixel, _) in zip(names, kept, strict=True) if pixel.size == 0]
    if bare:
        shown = ", ".join(bare[:5]) + (" …" if len(bare) > 5 else "")
        raise DataError(
            f"{len(bare)} of {len(names)} villages lie where there is no elevation: {shown}; "
            "add the missing tile, or take them out of the list"
        )
    return kept


def _village_names(villages: gpd.GeoDataFrame) -> list[str]:
    return [
        f"{name} ({village_id})" if name else str(village_id)
        for name, village_id in zip(villages["name"], villages["village_id"], strict=True)
    ]
