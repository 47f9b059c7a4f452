"""How often the planted cause is named, and what causes cost for each village that is short.

python -m pytest benchmarks/test_causes.py -m benchmark -s
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from lensong.coverage.causes.settings import CauseSettings
from lensong.coverage.plan import plan
from lensong.coverage.scenario.inputs import read_inputs
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.service import Service
from lensong.coverage.streams.settings import StreamSettings
from lensong.coverage.villages import ClassThresholds
from lensong.gis_data.array_store import ArrayStore
from lensong.gis_data.demo import write_demo
from lensong.gis_data.land import Land
from tests.planted_gaps import scenes


@pytest.mark.benchmark
def test_two_hundred_planted_causes() -> None:
    named: Counter[str] = Counter()
    planted: Counter[str] = Counter()
    for scene in scenes(200):
        row = scene.plan().villages.iloc[0]
        planted[scene.cause] += 1
        named[scene.cause] += row["main_cause"] == scene.cause
    print({cause: f"{named[cause]} of {planted[cause]}" for cause in planted})
    assert sum(named.values()) >= 0.95 * sum(planted.values())


def crowded(land: Land, count: int) -> Land:
    """The demo's land with so many villages of 300 m, spread over its area."""
    draw = np.random.default_rng(count)
    rows, cols = np.nonzero(land.aoi)
    kept = draw.choice(rows.size, count, replace=False)
    east, north = np.array([land.grid.easting_northing(rows[k], cols[k]) for k in kept]).T
    places = gpd.GeoSeries(gpd.points_from_xy(east, north), crs=land.grid.crs)
    lon_lat = places.to_crs(4326)
    table = pd.DataFrame(
        {
            "village_id": [f"c{k}" for k in range(count)],
            "name": "",
            "commune": "",
            "commune_code": "",
            "province": "",
            "population": 300.0,
            "centre_easting_m": east,
            "centre_northing_m": north,
            "lat_deg": lon_lat.y,
            "lon_deg": lon_lat.x,
            "footprint": "disc",
        }
    )
    villages = gpd.GeoDataFrame(table, geometry=places.buffer(150.0), crs=land.grid.crs)
    return replace(land, villages=villages, population=None, communes=None)


@pytest.mark.benchmark
def test_what_causes_cost(tmp_path: Path) -> None:
    scenario = load_scenario(write_demo(tmp_path))
    land, network, _ = read_inputs(scenario)
    store = ArrayStore(tmp_path / "cache")
    greedy = Service(name="greedy", downlink_mbps=5.0, uplink_mbps=5.0)

    def seconds(count: int, causes: CauseSettings) -> tuple[float, int]:
        began = time.process_time()
        result = plan(
            crowded(land, count),
            network,
            title="Crowded",
            services=[greedy],
            classes=ClassThresholds(service="greedy"),
            causes=causes,
            streams=StreamSettings(most=0),  # they cost more, and by themselves
            cache=store,
            workers=2,
        )
        assert result.causes is not None
        print(f"  {result.timings_s['causes']:.1f} s wall for causes")
        return time.process_time() - began, len(result.causes)

    alone = CauseSettings(counterfactuals=0)
    seconds(50, alone)  # sweeps into the cache, kernels compiled
    few_s, few = seconds(200, alone)
    many_s, many = seconds(1200, alone)
    tried_s, _ = seconds(200, CauseSettings(counterfactuals=2))
    each_s = (many_s - few_s) / (many - few)
    print(
        f"{many} villages short: {1000.0 * each_s:.1f} ms CPU more for each village; "
        f"{(tried_s - few_s) / 2.0:.1f} s CPU for each gap with counterfactuals"
    )
