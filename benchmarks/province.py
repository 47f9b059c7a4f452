"""Memory and time of a plan as large as a province: 170 km x 130 km at 30 m.

    python -m benchmarks.province [masts]

The land is synthetic noise; what is measured is the machine's work, not coverage. Prints wall and
processor time and the peak memory of each stage; the process includes the interpreter and every
library, and its peak the pages of files that it has mapped.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import geopandas as gpd
import numpy as np
from pyproj import Transformer
from scipy import ndimage

from benchmarks.watched import Watched
from lensong.coverage.antenna import sector_3gpp
from lensong.coverage.cellplan import parse_carrier
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.plan import plan
from lensong.coverage.results.write import write_result
from lensong.coverage.warm_up import compile_kernels
from lensong.gis_data.array_room import room_for
from lensong.gis_data.land import Land
from lensong.propagation.types import Grid

GRID = Grid(
    crs="EPSG:32648", west_m=220_000.0, north_m=2_525_000.0, cell_m=30.0, rows=4334, cols=5667
)
CARRIERS = tuple(
    parse_carrier(text) for text in ("4G B3 20 MHz", "4G B28 10 MHz", "5G n41 100 MHz 30 kHz")
)


def make_land(rng: np.random.Generator) -> Land:
    coarse = ndimage.zoom(rng.normal(size=(90, 118)), (48.2, 48.1), order=1)[
        : GRID.rows, : GRID.cols
    ]
    ground = (900.0 + 450.0 * coarse).astype(np.float32)
    places = rng.uniform((200, 200), (GRID.rows - 200, GRID.cols - 200), (1200, 2))
    east, north = GRID.easting_northing(places[:, 0], places[:, 1])
    points = gpd.GeoSeries(gpd.points_from_xy(east, north), crs=GRID.crs)
    degrees = points.to_crs(4326)
    villages = gpd.GeoDataFrame(
        {
            "village_id": [f"v{k}" for k in range(len(points))],
            "name": [f"Bản giả lập {k}" for k in range(len(points))],
            "commune": "",
            "commune_code": "",
            "province": "",
            "population": 300.0,
            "centre_easting_m": east,
            "centre_northing_m": north,
            "lat_deg": degrees.y.to_numpy(),
            "lon_deg": degrees.x.to_numpy(),
            "footprint": "disc",
        },
        geometry=points.buffer(500.0),
        crs=GRID.crs,
    )
    return Land(
        grid=GRID,
        ground_m=ground,
        clutter_m=np.where(coarse > 0.3, 12.0, 0.0).astype(np.float32),
        clutter_class=None,
        population=None,
        aoi=np.ones(GRID.shape, dtype=np.uint8),
        villages=villages,
        communes=None,
        synthetic=True,
    )


def make_network(rng: np.random.Generator, count: int, edge_px: float = 50.0) -> Network:
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    masts, cells = [], []
    for m in range(count):
        row, col = rng.uniform((edge_px, edge_px), (GRID.rows - edge_px, GRID.cols - edge_px))
        lon, lat = to_degrees.transform(*GRID.easting_northing(row, col))
        masts.append(Mast(mast_id=f"M{m}", lat_deg=lat, lon_deg=lon, height_agl_m=35.0))
        for carrier in CARRIERS:
            for azimuth in (0.0, 120.0, 240.0):
                cells.append(
                    Cell(
                        cell_id=f"M{m}-{carrier.name}-{azimuth:g}",
                        mast_id=f"M{m}",
                        carrier=carrier,
                        antenna=sector_3gpp(),
                        azimuth_deg=azimuth,
                        height_agl_m=35.0,
                        total_power_dbm=46.0,
                        granted_uplink_resource_blocks=carrier.resource_blocks // 2,
                        radius_m=10_000.0,
                    )
                )
    return Network(masts=tuple(masts), cells=tuple(cells))


def main() -> None:
    watched = Watched(os.getpid())
    rng = np.random.default_rng(12)
    land = make_land(rng)
    network = make_network(rng, int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    compile_kernels()
    print(f"SYNTHETIC land {GRID.rows} x {GRID.cols}, {len(network.cells)} cells")
    print(f"load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores")
    stage = "land"

    def told(name: str, *_: float) -> None:
        nonlocal stage
        if name != stage:
            print(watched.stage(stage).said, flush=True)
            stage = name

    with tempfile.TemporaryDirectory() as folder:
        result = plan(
            land,
            network,
            title="Province (synthetic)",
            workers=2,
            room=room_for(GRID.rows * GRID.cols, folder),
            progress=told,
        )
        told("outputs")
        written = write_result(
            result, Path(folder) / "out", lensong_version=version("lensong"), workers=2
        )
        told("")
        size = sum(path.stat().st_size for path in written)
    watched.close()
    print(f"peak {watched.peak_gb:.2f} GB, {size / 1e6:.0f} MB written")
    print(f"load {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
