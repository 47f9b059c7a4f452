"""Memory and time of a plan as large as a province: 170 km x 130 km at 30 m.

    python benchmarks/province.py [masts]

The land is synthetic noise; what is measured is the machine's work, not coverage. Prints the peak
memory of the process, which includes the interpreter and every library.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import geopandas as gpd
import numpy as np
from pyproj import Transformer
from scipy import ndimage

from lensong.coverage.antenna import sector_3gpp
from lensong.coverage.cellplan import parse_carrier
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.plan import plan
from lensong.coverage.results.write import write_result
from lensong.gis_data.array_room import room_for
from lensong.gis_data.land import Land
from lensong.propagation.types import Grid

GRID = Grid(
    crs="EPSG:32648", west_m=220_000.0, north_m=2_525_000.0, cell_m=30.0, rows=4334, cols=5667
)
CARRIERS = tuple(
    parse_carrier(text) for text in ("4G B3 20 MHz", "4G B28 10 MHz", "5G n41 100 MHz 30 kHz")
)


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


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


def make_network(rng: np.random.Generator, count: int) -> Network:
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    masts, cells = [], []
    for m in range(count):
        row, col = rng.uniform((50, 50), (GRID.rows - 50, GRID.cols - 50))
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
    rng = np.random.default_rng(12)
    land = make_land(rng)
    network = make_network(rng, int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    print(f"land {GRID.rows} x {GRID.cols}, {len(network.cells)} cells, {peak_gb():.2f} GB so far")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = plan(
            land,
            network,
            title="Province (synthetic)",
            workers=2,
            room=room_for(GRID.rows * GRID.cols, folder),
        )
        print(f"plan {time.perf_counter() - began:.0f} s, peak {peak_gb():.2f} GB")
        written = write_result(
            result, Path(folder) / "out", lensong_version=version("lensong"), workers=2
        )
        size = sum(path.stat().st_size for path in written)
    print(
        f"with outputs {time.perf_counter() - began:.0f} s, peak {peak_gb():.2f} GB, "
        f"{size / 1e6:.0f} MB written"
    )


if __name__ == "__main__":
    main()
