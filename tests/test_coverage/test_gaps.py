from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Point, box

from lensong.coverage.gaps import gap_polygons
from lensong.coverage.result import REASONS, ServiceLayers
from lensong.coverage.service import Service
from lensong.coverage.village_weights import village_weights
from lensong.gis_data.land import Land
from lensong.propagation.types import Float32Array, Grid, UInt8Array

GRID = Grid(crs="EPSG:32648", west_m=300_000.0, north_m=2_480_000.0, cell_m=100.0, rows=20, cols=30)
VOICE = Service(name="voice-data", technologies=("4G",), downlink_mbps=1.0, uplink_mbps=0.25)


def make_land(population: Float32Array | None, told: float = float("nan")) -> Land:
    """Two villages: cells 2..4 x 2..4 and 10..12 x 20..22."""
    footprints = []
    for row, col in ((2, 2), (10, 20)):
        west, north = GRID.easting_northing(row - 0.5, col - 0.5)
        footprints.append(box(west, north - 300.0, west + 300.0, north))
    villages = gpd.GeoDataFrame(
        {
            "village_id": ["v0", "v1"],
            "name": ["Nà Đon", ""],
            "population": told,
            "centre_easting_m": [f.centroid.x for f in footprints],
            "centre_northing_m": [f.centroid.y for f in footprints],
        },
        geometry=footprints,
        crs=GRID.crs,
    )
    aoi = np.ones(GRID.shape, np.uint8)
    aoi[:, 28:] = 0
    return Land(
        grid=GRID,
        ground_m=np.zeros(GRID.shape, np.float32),
        clutter_m=None,
        clutter_class=None,
        population=population,
        aoi=aoi,
        villages=villages,
        communes=None,
    )


def judged(reason: UInt8Array) -> ServiceLayers:
    return ServiceLayers(
        probability=np.where(reason == 0, 0.95, 0.2).astype(np.float32),
        limiting=np.ones(GRID.shape, np.uint8),
        reason=reason,
    )


def codes(name: str) -> UInt8Array:
    return np.full(GRID.shape, REASONS.index(name), np.uint8)


def gaps_of(land: Land, reason: UInt8Array) -> gpd.GeoDataFrame:
    return gap_polygons(land, judged(reason), VOICE, village_weights(land))


def test_gaps_are_where_people_live_and_the_service_fails() -> None:
    people = np.zeros(GRID.shape, np.float32)
    people[2, 2] = 10.0
    people[15, 5:7] = 40.0
    people[15, 29] = 999.0  # outside the area of interest
    reason = codes("terrain")
    reason[10:13, 20:22] = 0
    reason[15, 5] = REASONS.index("distance")
    reason[15, 6] = REASONS.index("uplink")
    people[15, 6] = 41.0
    gaps = gaps_of(make_land(people), reason)
    assert list(gaps["gap_id"]) == ["G0001", "G0002", "G0003"]
    assert list(gaps["people"]) == [81.0, 10.0, 0.0]
    assert list(gaps["reason"]) == ["uplink", "terrain", "terrain"]
    assert list(gaps["villages"]) == ["", "Nà Đon", "v1"]
    assert list(gaps["area_km2"]) == pytest.approx([0.02, 0.09, 0.03])
    assert set(gaps["service"]) == {"voice-data"}
    assert gaps.crs == GRID.crs
    assert gaps.geometry.is_valid.all()
    assert gaps.geometry[1].contains(Point(GRID.easting_northing(3, 3)))


def test_pixels_that_touch_by_a_corner_are_one_gap() -> None:
    people = np.zeros(GRID.shape, np.float32)
    people[15, 5] = people[16, 6] = 1.0
    reason = codes("no_cell")
    reason[:14] = 0
    gaps = gaps_of(make_land(people), reason)
    assert len(gaps) == 1
    assert gaps["people"][0] == 2.0


def test_people_in_a_void_of_the_elevation_are_no_gap() -> None:
    people = np.zeros(GRID.shape, np.float32)
    people[2, 2] = people[15, 5] = 10.0
    land = make_land(people)
    land.ground_m[15, 5] = np.nan
    reason = codes("no_cell")
    reason[10:13, 20:22] = 0
    gaps = gaps_of(land, reason)
    assert sorted(gaps["people"]) == [0.0, 10.0]  # that of the village, and that of (2, 2)


def test_without_a_raster_the_villages_spread_their_people() -> None:
    reason = codes("clutter")
    reason[2:5, 2:4] = 0
    gaps = gaps_of(make_land(None, told=90.0), reason)
    assert list(gaps["people"]) == pytest.approx([90.0, 30.0])
    assert list(gaps["villages"]) == ["v1", "Nà Đon"]


def test_people_that_nobody_knows_are_no_people() -> None:
    gaps = gaps_of(make_land(None), codes("clutter"))
    assert list(gaps["people"]) == [0.0, 0.0]
    assert list(gaps["reason"]) == ["clutter", "clutter"]


def test_a_plan_without_gaps_has_an_empty_table_with_its_columns() -> None:
    gaps = gaps_of(make_land(None), codes("served"))
    assert gaps.empty
    assert gaps.crs == GRID.crs
    assert {"gap_id", "reason", "people", "area_km2", "villages", "service"} <= set(gaps.columns)


def test_a_service_that_nothing_carries_fails_everywhere() -> None:
    land = make_land(None)
    gaps = gap_polygons(land, ServiceLayers.empty(GRID.shape), VOICE, village_weights(land))
    assert list(gaps["reason"]) == ["no_cell", "no_cell"]
