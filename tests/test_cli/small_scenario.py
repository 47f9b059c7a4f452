"""A plan of a few square kilometres on disk, whole and sound, for tests to spoil."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from click.testing import CliRunner, Result
from rasterio.transform import Affine

from lensong.cli.main import lensong

WEST_M, NORTH_M, CELL_M, CELLS = 360_000.0, 2_480_000.0, 30.0, 100

SCENARIO = """\
title = "Small"
[area]
boundary = "area.geojson"
crs = "EPSG:32648"
[elevation]
path = "dem.tif"
[land_cover]
path = "cover.tif"
[villages]
path = "villages.csv"
radius_m = 150
[network]
cells = "cells.csv"
antennas = "antennas"
radius_m = 700
"""

AREA = """{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {},
"geometry": {"type": "Polygon", "coordinates": [[[103.649, 22.401], [103.659, 22.401],
[103.659, 22.413], [103.649, 22.413], [103.649, 22.401]]]}}]}
"""

VILLAGES = """\
village_id,name,lat,lon,population
A,Bản Mẫu 1,22.4105,103.6510,120
B,Bản Mẫu 2,22.4040,103.6560,80
"""

CELLS_CSV = """\
site_id,cell_id,lat,lon,height_agl_m,azimuth,antenna,technology,band,bandwidth_mhz,total_power_dbm
S1,S1-1,22.4072,103.6545,30,0,sector.msi,4G,B3,20,46
S1,S1-2,22.4072,103.6545,30,180,sector.msi,4G,B3,20,46
"""


def pattern() -> str:
    cut = "\n".join(f"{angle} {min(angle, 360 - angle) / 9:.1f}" for angle in range(360))
    return f"NAME sector\nGAIN 15 dBd\nHORIZONTAL 360\n{cut}\nVERTICAL 360\n{cut}\n"


def write_raster(
    path: Path,
    layer: np.ndarray[tuple[int, int], np.dtype[np.generic]],
    *,
    crs: str | None = "EPSG:32648",
    west_m: float = WEST_M,
    nodata: float | None = None,
    unit: str = "",
) -> None:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=layer.shape[0],
        width=layer.shape[1],
        count=1,
        dtype=layer.dtype,
        crs=crs,
        transform=Affine(CELL_M, 0.0, west_m, 0.0, -CELL_M, NORTH_M),
        nodata=nodata,
    ) as raster:
        raster.write(layer, 1)
        if unit:
            raster.set_band_unit(1, unit)


def ground_m() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return a valley between two ridges, 600 m to 900 m."""
    across = np.abs(np.linspace(-1.0, 1.0, CELLS))
    along = np.linspace(0.0, 60.0, CELLS)
    return (600.0 + 240.0 * across[None, :] + along[:, None]).astype(np.float32)


@dataclass
class SmallPlan:
    """Folder of a small scenario, and a way to run commands on it."""

    folder: Path
    out: Path
    cache: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def scenario(self) -> Path:
        return self.folder / "scenario.toml"

    def replace(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def plan(self, *options: str) -> Result:
        return self.run("plan", str(self.scenario), "--out", str(self.out), *options)

    def check(self, *options: str) -> Result:
        return self.run("check", str(self.scenario), *options)

    def run(self, *arguments: str) -> Result:
        return CliRunner(env={"LENSONG_CACHE_DIR": str(self.cache)} | self.env).invoke(
            lensong, arguments
        )


def write_small_plan(tmp_path: Path) -> SmallPlan:
    """Write the sound scenario below a folder."""
    folder = tmp_path / "scenario"
    (folder / "antennas").mkdir(parents=True)
    for name, text in (
        ("scenario.toml", SCENARIO),
        ("area.geojson", AREA),
        ("villages.csv", VILLAGES),
        ("cells.csv", CELLS_CSV),
        ("antennas/sector.msi", pattern()),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    write_raster(folder / "dem.tif", ground_m())
    write_raster(folder / "cover.tif", np.full((CELLS, CELLS), 30, dtype=np.uint8))
    return SmallPlan(folder=folder, out=tmp_path / "out", cache=tmp_path / "cache")
