"""A synthetic valley on disk with two operators, seven masts and eight villages, to be edited."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.transform import Affine

CRS, WEST_M, NORTH_M, CELL_M, ROWS, COLS = "EPSG:32648", 360_000.0, 2_480_000.0, 90.0, 150, 190

SCENARIO = """\
title = "Thung lũng mẫu"
synthetic = true
[area]
boundary = "area.geojson"
crs = "EPSG:32648"
resolution_m = 90
[elevation]
path = "dem.tif"
max_void_share = 0.01
[villages]
path = "villages.csv"
radius_m = 300
[network]
cells = "cells.csv"
radius_m = 2500
[streams]
most = 3
"""

# mast, operator, row, col, height; the last stands by the first
MASTS = (
    ("K1", "Mạng Một", 60.3, 70.6, 32),
    ("K2", "Mạng Một", 80.1, 110.4, 24),
    ("K3", "Mạng Hai", 66.7, 92.2, 40),
    ("K4", "Mạng Một", 95.5, 62.1, 18),
    ("K5", "Mạng Hai", 50.2, 128.8, 28),
    ("K6", "Mạng Hai", 100.4, 120.3, 35),
    ("K7", "Mạng Một", 60.5, 71.0, 12),
)
VILLAGES = (
    ("A", 58, 74), ("B", 70, 88), ("C", 84, 104), ("D", 96, 66), ("E", 52, 122), ("F", 98, 114),
    ("G", 76, 76), ("H", 64, 112),
)  # fmt: skip


def place_deg(row: float, col: float) -> tuple[float, float]:
    """Return latitude and longitude of a place on the grid."""
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(WEST_M + (col + 0.5) * CELL_M, NORTH_M - (row + 0.5) * CELL_M)
    return float(lat), float(lon)


def write_small_valley(folder: Path) -> Path:
    """Write the scenario; return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    corners = [(40, 40), (40, 150), (112, 150), (112, 40), (40, 40)]
    ring = [list(reversed(place_deg(*corner))) for corner in corners]
    (folder / "area.geojson").write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, '
        f'"geometry": {{"type": "Polygon", "coordinates": [{ring}]}}}}]}}',
        encoding="utf-8",
    )
    villages = ["village_id,name,lat,lon,population"]
    for number, (name, row, col) in enumerate(VILLAGES):
        lat, lon = place_deg(row, col)
        villages.append(f"{name},Bản {name},{lat!r},{lon!r},{100 + 37 * number}")
    (folder / "villages.csv").write_text("\n".join(villages) + "\n", encoding="utf-8")
    cells = [
        "site_id,cell_id,operator,lat,lon,height_agl_m,azimuth,antenna,etilt,technology,band,"
        "bandwidth_mhz,total_power_dbm"
    ]
    for mast, operator, mast_row, mast_col, height in MASTS:
        lat, lon = place_deg(mast_row, mast_col)
        carriers = (
            [("4G", "B3", 20)] if mast in ("K4", "K7") else [("4G", "B3", 20), ("4G", "B8", 10)]
        )
        if mast == "K1":
            carriers.append(("5G", "n41", 60))
        for technology, band, width in carriers:
            for azimuth in (20, 200):
                cells.append(
                    f"{mast},{mast}-{band}-{azimuth},{operator},{lat!r},{lon!r},{height},{azimuth},"
                    f"3gpp,2,{technology},{band},{width},40"
                )
    (folder / "cells.csv").write_text("\n".join(cells) + "\n", encoding="utf-8")
    rows, cols = np.mgrid[0:ROWS, 0:COLS].astype(float)
    rough = np.random.default_rng(3).normal(0.0, 6.0, (ROWS, COLS))
    ground = (
        500.0 + 180.0 * np.abs(np.sin(rows / 17.0)) + 140.0 * np.abs(np.cos(cols / 23.0)) + rough
    )
    ground[78:82, 122:126] = np.nan  # a void, behind which nobody knows
    with rasterio.open(
        folder / "dem.tif", "w", driver="GTiff", height=ROWS, width=COLS, count=1,
        dtype="float32", crs=CRS, transform=Affine(CELL_M, 0.0, WEST_M, 0.0, -CELL_M, NORTH_M),
        nodata=float("nan"),
    ) as raster:  # fmt: skip
        raster.write(ground.astype(np.float32), 1)
    (folder / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    return folder / "scenario.toml"
