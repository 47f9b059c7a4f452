"""What the side of a cell does to the level: one piece of land on cells of 15, 30, 60 and 100 m.

    python -m pytest benchmarks/test_grid_step.py -m benchmark -s

The elevation is that of the Cévennes, the forest is synthetic: patches of some hundred metres that
cover two thirds of the land, drawn once on cells of 5 m. The loss at forest pixels must not follow
the grid; the loss over the same land laid bare shows how much of what remains is the terrain's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from scipy.ndimage import gaussian_filter
from terrain import DEM, MASTS, SHARED

from lensong.gis_data.elevation import open_elevation, read_elevation
from lensong.gis_data.landcover import read_land_cover
from lensong.propagation.sweep import sweep
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.terminal import TERMINAL_CLEARING_M
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Grid

CRS = "EPSG:32631"
STEPS_M = (15.0, 30.0, 60.0, 100.0)
RADIUS_M = 3_000.0
FOREST = 10


def mast_places() -> list[tuple[float, float]]:
    """Return three places of real cell sites [m]."""
    with rasterio.open(SHARED / DEM) as raster:
        t = raster.transform
        return [(t.c + (c + 0.5) * t.a, t.f + (r + 0.5) * t.e) for r, c in MASTS.values()]


def write_forest(path: Path, west_m: float, north_m: float, side_m: float) -> None:
    """Write synthetic woods and meadows on cells of 5 m."""
    n = int(side_m / 5.0)
    noise = gaussian_filter(np.random.default_rng(20261129).normal(size=(n, n)), 30.0)
    cover = np.where(noise > np.quantile(noise, 1.0 / 3.0), FOREST, 30).astype(np.uint8)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=n,
        height=n,
        count=1,
        dtype="uint8",
        crs=CRS,
        transform=Affine(5.0, 0.0, west_m, 0.0, -5.0, north_m),
        compress="deflate",
    ) as raster:
        raster.write(cover, 1)


def losses_db(
    place_m: tuple[float, float], cell_m: float, forest: Path, scratch: Path, clearing_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return path loss over forest and over bare ground at the forest pixels of one mast."""
    east, north = place_m
    half = RADIUS_M + 300.0
    n = round(2.0 * half / cell_m)
    grid = Grid(crs=CRS, west_m=east - half, north_m=north + half, cell_m=cell_m, rows=n, cols=n)
    aoi = np.ones(grid.shape, dtype=np.uint8)
    ground = read_elevation(
        open_elevation([SHARED / DEM], kind="terrain"), grid, aoi=aoi, scratch=scratch
    ).ground_m
    cover = read_land_cover([forest], grid, scratch=scratch)
    col, row = (east - grid.west_m) / cell_m - 0.5, (grid.north_m - north) / cell_m - 0.5
    request = SweepRequest(
        row=row,
        col=col,
        tx_height_agl_m=30.0,
        rx_height_agl_m=1.5,
        freq_mhz=800.0,
        radius_m=RADIUS_M,
        delta_n_per_km=44.0,
        n0=330.0,
        tx_lat_deg=44.2,
        terminal_clearing_m=clearing_m,
    )
    found = []
    for clutter_m in (cover.clutter_m, None):
        result = sweep(request, Terrain(ground_m=ground, clutter_m=clutter_m, cell_m=cell_m))
        h, w = result.path_loss_db.shape
        here = np.s_[result.row0 : result.row0 + h, result.col0 : result.col0 + w]
        rows, cols = np.indices((h, w))
        far_m = cell_m * np.hypot(rows + result.row0 - row, cols + result.col0 - col)
        use = (cover.class_code[here] == FOREST) & (far_m > 300.0)
        found.append(result.path_loss_db[use & np.isfinite(result.path_loss_db)])
    return found[0], found[1]


def medians_db(scratch: Path, clearing_m: float) -> dict[float, tuple[float, float]]:
    """Return the median loss in forest and on bare ground by step."""
    places = mast_places()
    table: dict[float, tuple[float, float]] = {}
    forests: list[Path] = []
    for number, (east, north) in enumerate(places):
        forests.append(scratch / f"forest{number}.tif")
        write_forest(forests[-1], east - 4_000.0, north + 4_000.0, 8_000.0)
    for step_m in STEPS_M:
        both = [
            losses_db(place, step_m, forest, scratch, clearing_m)
            for place, forest in zip(places, forests, strict=True)
        ]
        forest_db, bare_db = (
            float(np.median(np.concatenate([pair[k] for pair in both]))) for k in (0, 1)
        )
        table[step_m] = forest_db, bare_db
    return table


@pytest.mark.benchmark
def test_forest_does_not_follow_the_grid(tmp_path: Path) -> None:
    if not (SHARED / DEM).exists():
        pytest.skip("../shared with the Cévennes elevation is not beside the checkout")
    medians = {}
    for clearing_m in (0.0, TERMINAL_CLEARING_M):
        for step_m, (forest, bare) in medians_db(tmp_path, clearing_m).items():
            medians[clearing_m, step_m] = forest
            print(
                f"\nclearing {clearing_m:3.0f} m, cells of {step_m:3.0f} m: "
                f"forest {forest:6.2f} dB, the same pixels bare {bare:6.2f} dB",
                end="",
            )
    spans = {c: np.ptp([medians[c, s] for s in STEPS_M]) for c in (0.0, TERMINAL_CLEARING_M)}
    print(
        f"\nspan {spans[0.0]:.2f} dB without, {spans[TERMINAL_CLEARING_M]:.2f} dB with a clearing"
    )
    assert spans[TERMINAL_CLEARING_M] < 1.5
