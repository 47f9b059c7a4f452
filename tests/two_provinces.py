"""Two provinces beside each other on invented land, whole scenarios on disk, for `lensong plan`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.transform import Affine

__all__ = ["write_provinces"]

WEST_M, NORTH_M, CELL_M, ROWS, COLS = 350_000.0, 2_480_000.0, 60.0, 330, 560
_TO_DEGREES = Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)

_SCENARIO = """\
title = "{title}"
synthetic = true
[area]
boundary = "{name}.geojson"
crs = "EPSG:32648"
resolution_m = 60
[elevation]
path = "dem.tif"
[villages]
path = "villages.csv"
radius_m = 400
[communes]
path = "communes.geojson"
[causes]
counterfactuals = 0
[network]
cells = "cells.csv"
radius_m = 4000
doubtful_masts = "accept"
"""


def _degrees(row: float, col: float) -> tuple[float, float]:
    lon, lat = _TO_DEGREES.transform(WEST_M + (col + 0.5) * CELL_M, NORTH_M - (row + 0.5) * CELL_M)
    return round(lat, 6), round(lon, 6)


def _box(row0: float, col0: float, row1: float, col1: float) -> dict[str, object]:
    corners = [(row0, col0), (row1, col0), (row1, col1), (row0, col1), (row0, col0)]
    ring = [list(reversed(_degrees(*corner))) for corner in corners]
    return {"type": "Polygon", "coordinates": [ring]}


def _collection(features: list[tuple[dict[str, str], dict[str, object]]]) -> str:
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": told, "geometry": shape}
                for told, shape in features
            ],
        }
    )


def write_provinces(folder: Path, *, masts: int = 24) -> list[Path]:
    """Write the scenarios ``dong.toml`` and ``tay.toml``, which share lists and elevation."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    rows, cols = np.mgrid[0:ROWS, 0:COLS]
    ground = 600.0 + 260.0 * np.sin(cols / 23.0) * np.cos(rows / 31.0)
    ground += 90.0 * np.sin(rows / 7.0 + cols / 11.0)
    with rasterio.open(
        folder / "dem.tif", "w", driver="GTiff", height=ROWS, width=COLS, count=1, dtype="float32",
        crs="EPSG:32648", transform=Affine(CELL_M, 0.0, WEST_M, 0.0, -CELL_M, NORTH_M),
    ) as raster:  # fmt: skip
        raster.write(ground.astype(np.float32), 1)
    half = COLS / 2
    provinces = {"tay": ("Tây", 90.0, half), "dong": ("Đông", half, COLS - 90.0)}
    communes = []
    for name, (title, left, right) in provinces.items():
        shape = _box(90, left, ROWS - 90, right)
        (folder / f"{name}.geojson").write_text(_collection([({}, shape)]), "utf-8")
        (folder / f"{name}.toml").write_text(_SCENARIO.format(title=title, name=name), "utf-8")
        communes.append(
            ({"commune_code": name, "commune": f"Xã {title}", "province": title}, shape)
        )
    (folder / "communes.geojson").write_text(_collection(communes), "utf-8")
    lines = ["village_id,name,lat,lon,population"]
    for k in range(16):
        lat, lon = _degrees(*rng.uniform((100, 100), (ROWS - 100, COLS - 100)))
        lines.append(f"V{k},Bản giả {k},{lat},{lon},{100 + 10 * k}")
    (folder / "villages.csv").write_text("\n".join(lines), "utf-8")
    lines = [
        "site_id,cell_id,operator,lat,lon,height_agl_m,azimuth,technology,band,bandwidth_mhz,"
        "total_power_dbm"
    ]
    for k in range(masts):
        lat, lon = _degrees(*rng.uniform((40, 40), (ROWS - 40, COLS - 40)))
        operator = ("Một", "Hai")[k % 2]
        for band, width in (("B3", 20), ("B8", 10)):
            lines += [
                f"S{k},S{k}-{band}-{a},{operator},{lat},{lon},30,{a},4G,{band},{width},46"
                for a in (0, 120, 240)
            ]
    (folder / "cells.csv").write_text("\n".join(lines), "utf-8")
    return [folder / "dong.toml", folder / "tay.toml"]
