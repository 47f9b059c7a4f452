"""What finding all ways to feed and power candidates costs.

python -m pytest benchmarks/test_feeds.py -m benchmark -s

Synthetic: 300 candidates and 60 fed masts on random mountains of 30 by 30 km at 50 m.
"""

from __future__ import annotations

import time

import geopandas as gpd
import numpy as np
import pytest
from pyproj import Transformer
from scipy.ndimage import gaussian_filter

from lensong.coverage.network import Mast, Network
from lensong.coverage.siting.candidates import Candidate
from lensong.coverage.siting.feeding_settings import (
    FeedingSettings,
    MicrowaveSettings,
    SatelliteSettings,
    SolarSettings,
)
from lensong.coverage.siting.find_feeds import find_feeds
from lensong.coverage.siting.search import FeedData
from lensong.coverage.sweeps import PropagationSettings
from lensong.gis_data.land import Land
from lensong.propagation.types import Grid

GRID = Grid(
    crs="EPSG:32648", west_m=350_000.0, north_m=2_480_000.0, cell_m=50.0, rows=600, cols=600
)
MICROWAVE = MicrowaveSettings(rain_rate_mm_per_h=70.0, cost=1.0)
SUN = SolarSettings(load_w=600.0, level_kwh_per_m2_day=(4.0,) * 12)


def mountains() -> Land:
    rng = np.random.default_rng(4)
    broad = gaussian_filter(rng.normal(size=GRID.shape), 25.0)
    rough = gaussian_filter(rng.normal(size=GRID.shape), 2.0)
    ground = 1200.0 + 450.0 * broad / broad.std() + 20.0 * rough / rough.std()
    return Land(
        grid=GRID,
        ground_m=ground.astype(np.float32),
        clutter_m=None,
        clutter_class=None,
        population=None,
        aoi=np.ones(GRID.shape, dtype=np.uint8),
        villages=gpd.GeoDataFrame(),
        communes=None,
    )


def masts(count: int, name: str, seed: int) -> list[Mast]:
    rng = np.random.default_rng(seed)
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    found = []
    for k in range(count):
        row, col = rng.uniform(20.0, 579.0, 2)
        lon, lat = to_degrees.transform(*GRID.easting_northing(row, col))
        found.append(Mast(mast_id=f"{name}{k}", lat_deg=lat, lon_deg=lon, height_agl_m=40.0))
    return found


@pytest.mark.benchmark
@pytest.mark.parametrize(
    "settings",
    [
        FeedingSettings(microwave=MICROWAVE),
        FeedingSettings(satellite=SatelliteSettings(cost=1.0)),
        FeedingSettings(solar=SUN),
    ],
    ids=["microwave", "satellite", "solar"],
)
def test_ways_of_300_candidates(settings: FeedingSettings) -> None:
    land = mountains()
    candidates = [Candidate(kind="listed", mast=mast, cells=()) for mast in masts(300, "C", 1)]
    network = Network(masts=tuple(masts(60, "M", 2)), cells=())
    few = candidates[:2]
    find_feeds(few, network, land, PropagationSettings(), FeedData(settings=settings))  # compiles
    began = time.process_time()
    feeds = find_feeds(
        candidates, network, land, PropagationSettings(), FeedData(settings=settings)
    )
    took_s = time.process_time() - began
    assert feeds is not None
    ways = [way for of_supply in feeds.ways.values() for way in of_supply]
    fed = sum(not why for why in feeds.not_fed)
    print(f"\n{len(ways)} ways, {fed} of 300 candidates fed, {took_s:.1f} CPU-s")
