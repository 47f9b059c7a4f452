"""What a map costs beside one of SPLAT!, on the same land: CPU time of a pixel.

    apt-get install splat
    python benchmarks/splat.py

`splat-hd` computes ITM on cells of one second of arc (about 31 x 22 m there) around a mast of the
Cévennes; here it is ITM and full P.1812 on the 30 m of the elevation, bare ground, one thread.
What a program takes before its first pixel is taken off: of SPLAT! by a run of 1 km, here by a
sweep before. Needs `../shared`.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from math import cos, pi, radians
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject
from terrain import DEM, MASTS, SHARED, sweep_request

from lensong.propagation.sweep import sweep
from lensong.propagation.terrain import Terrain

MAST = "slope"
RADII_KM = (10, 15)
SECOND_M = 30.87  # of arc, along a meridian
SIDE = 3601
SETTING = "15.0\n0.005\n330.0\n1800.0\n5\n1\n0.50\n0.50\n"
"""Ground, refractivity, MHz, climate, polarization, shares of situations and time."""


def write_land(folder: Path) -> float:
    """Write elevation, mast and setting as SPLAT! reads them; return the mast's latitude [deg]."""
    with rasterio.open(SHARED / DEM) as source:
        to_degrees = Transformer.from_crs(source.crs, 4326, always_xy=True)
        row, col = MASTS[MAST]
        lon, lat = to_degrees.transform(*(source.transform * (col + 0.5, row + 0.5)))
        step = 1.0 / (SIDE - 1)
        for south in (43, 44):
            for west in (3, 4):
                tile = np.full((SIDE, SIDE), np.nan, np.float32)
                reproject(
                    rasterio.band(source, 1), tile, dst_crs="EPSG:4326", dst_nodata=np.nan,
                    dst_transform=from_origin(west - step / 2, south + 1 + step / 2, step, step),
                    resampling=Resampling.bilinear,
                )  # fmt: skip
                name = f"N{south:02d}E{west:03d}.hgt"
                np.nan_to_num(tile).round().astype(">i2").tofile(folder / name)
                subprocess.run(["srtm2sdf-hd", name], cwd=folder, check=True, capture_output=True)
    (folder / "tx.qth").write_text(f"TX\n{lat:.6f}\n{360.0 - lon:.6f}\n30.0 meters\n")
    (folder / "tx.lrp").write_text(SETTING)
    return float(lat)


def splat_s(folder: Path, radius_km: int) -> float:
    """Return the CPU time of a map by SPLAT! [s]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = ["splat-hd", "-t", "tx", "-L", "1.5", "-metric", "-R", str(radius_km)]
    subprocess.run(
        [*command, "-o", "map.ppm", "-d", "."], cwd=folder, check=True, capture_output=True
    )
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def ours_us(terrain: Terrain, radius_km: int, model: str) -> float:
    """Return the CPU time of a pixel here [us], the least of three sweeps."""
    request = sweep_request(MAST, radius_km * 1e3)
    sweep(replace(request, radius_m=500.0), terrain, model=model)
    taken = []
    for _ in range(3):
        began = time.process_time()
        made = sweep(request, terrain, model=model)
        taken.append(time.process_time() - began)
    return min(taken) / int(np.isfinite(made.path_loss_db).sum()) * 1e6


def main() -> None:
    """Compare and print."""
    if shutil.which("splat-hd") is None:
        sys.exit("splat-hd is not installed: apt-get install splat")
    with rasterio.open(SHARED / DEM) as source:
        terrain = Terrain(ground_m=source.read(1).astype(np.float32), cell_m=30.0)
    with TemporaryDirectory() as made:
        folder = Path(made)
        lat_deg = write_land(folder)
        begin_s, begin_km = splat_s(folder, 1), 1.0
        print("| radius | SPLAT! ITM, us a pixel | ITM here | P.1812 here | times | times |")
        print("|---|---|---|---|---|---|")
        for radius_km in RADII_KM:
            area_m2 = pi * 1e6 * (radius_km**2 - begin_km**2)
            pixels = area_m2 / (SECOND_M**2 * cos(radians(lat_deg)))
            splat = (splat_s(folder, radius_km) - begin_s) / pixels * 1e6
            itm, p1812 = (ours_us(terrain, radius_km, m) for m in ("itm", "itu_r_p1812"))
            print(
                f"| {radius_km} km | {splat:.1f} | {itm:.2f} | {p1812:.2f} | {splat / itm:.1f} | "
                f"{splat / p1812:.1f} |",
                flush=True,
            )
        print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
