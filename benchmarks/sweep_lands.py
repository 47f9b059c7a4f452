"""Every real elevation beside the checkout, and masts on it that nobody chose.

Heights are read as they are where the source lies on metres, else once, bilinearly, onto square
cells of about its own size. A mast's place comes from a seed alone: the highest or the lowest
above its surroundings of a few hundred random positions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import rasterio
from rasterio.warp import Resampling, calculate_default_transform, reproject
from terrain import DEM, SHARED, patchwork_clutter

from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.terrain import Terrain


class Source(NamedTuple):
    """A file below ``../shared/data``, the projection to read it in and its latitude."""

    path: str
    crs: str
    cell_m: float
    lat_deg: float


SOURCES = {
    "cevennes": Source(str(DEM.relative_to("data")), "EPSG:32631", 30.0, 44.2),
    "big-tujunga": Source("dem-big-tujunga-30m/bigtujunga.tif", "EPSG:32611", 30.0, 34.3),
    "sierra-nevada": Source("dem-sierra-nevada-3arcsec/N36W119.hgt.zip", "EPSG:32611", 90.0, 36.5),
    "lai-chau": Source(
        "lai-chau-dem-coarse/de15_15arcsec_8bit_steps.tif", "EPSG:32648", 100.0, 22.3
    ),
    "somerset": Source("cloudrf-somerset/dem_os_terrain50.tif", "EPSG:27700", 50.0, 51.1),
}


def read_land(name: str) -> Terrain:
    """Return the bare land of a source; skips the test where the file is missing."""
    source = SOURCES[name]
    path = SHARED / "data" / source.path
    if not path.exists():
        pytest.skip(f"../shared with the elevation of {name} is not beside the checkout")
    inside = f"/vsizip/{path}/{path.stem}" if path.suffix == ".zip" else str(path)
    with rasterio.open(inside) as file:
        if file.crs == rasterio.crs.CRS.from_string(source.crs):
            ground = file.read(1, masked=True).astype(np.float32).filled(np.nan)
            return Terrain(ground_m=ground, cell_m=float(file.transform.a))
        transform, cols, rows = calculate_default_transform(
            file.crs, source.crs, file.width, file.height, *file.bounds, resolution=source.cell_m
        )
        ground = np.full((rows, cols), np.nan, dtype=np.float32)
        reproject(
            rasterio.band(file, 1),
            ground,
            dst_transform=transform,
            dst_crs=source.crs,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
    return Terrain(ground_m=ground, cell_m=source.cell_m)


def with_clutter(land: Terrain) -> Terrain:
    """Return the land with synthetic woods and hamlets."""
    return replace(land, clutter_m=patchwork_clutter(land.ground_m))


def mast(land: Terrain, kind: str, seed: int) -> tuple[float, float]:
    """Return row and column of a hill's or a valley's mast; ``centre`` moves it to a cell centre.

    Of 300 random positions with land around them, the one farthest above, or below, the mean
    height within 1.5 km.
    """
    rng = np.random.default_rng([seed, sum(kind.encode())])
    rows, cols = land.ground_m.shape
    reach = int(1500.0 / land.cell_m)
    best, place = -np.inf, (0.0, 0.0)
    for _ in range(300):
        row, col = rng.uniform(reach, rows - 1 - reach), rng.uniform(reach, cols - 1 - reach)
        i, j = round(row), round(col)
        around = land.ground_m[i - reach : i + reach + 1, j - reach : j + reach + 1]
        if np.isnan(around).any():
            continue
        above = float(land.ground_m[i, j] - around.mean())
        if kind == "valley":
            above = -above
        if above > best:
            best, place = above, (row, col)
    return place


def request_at(
    name: str, place: tuple[float, float], radius_m: float, freq_mhz: float
) -> SweepRequest:
    """Return the request of a case: 30 m mast, phone at 1.5 m."""
    return SweepRequest(
        row=place[0],
        col=place[1],
        tx_height_agl_m=30.0,
        rx_height_agl_m=1.5,
        freq_mhz=freq_mhz,
        radius_m=radius_m,
        delta_n_per_km=44.0,
        n0=330.0,
        tx_lat_deg=SOURCES[name].lat_deg,
    )
