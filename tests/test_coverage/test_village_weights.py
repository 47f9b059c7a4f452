from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, box

from lensong.coverage.village_weights import village_weights
from lensong.gis_data.land import Land
from lensong.propagation.errors import DataError
from lensong.propagation.types import Float32Array, Grid

GRID = Grid(crs="EPSG:32648", west_m=300_000.0, north_m=2_480_000.0, cell_m=100.0, rows=20, cols=30)


def place(row: float, col: float) -> tuple[float, float]:
    return GRID.easting_northing(row, col)


def square(row0: float, col0: float, row1: float, col1: float) -> Polygon:
    """Cells row0..row1-1, col0..col1-1 as a polygon."""
    west, north = place(row0 - 0.5, col0 - 0.5)
    east, south = place(row1 - 0.5, col1 - 0.5)
    return box(west, south, east, north)


def make_land(
    footprints: list[Polygon],
    *,
    centres: list[tuple[float, float]] | None = None,
    told: list[float] | None = None,
    population: Float32Array | None = None,
) -> Land:
    middle = [(f.centroid.x, f.centroid.y) for f in footprints]
    where = middle if centres is None else [place(r, c) for r, c in centres]
    count = len(footprints)
    lon_lat = gpd.GeoSeries([Point(xy) for xy in where], crs=GRID.crs).to_crs(4326)
    villages = gpd.GeoDataFrame(
        {
            "village_id": [f"v{k}" for k in range(count)],
            "name": [f"Bản {k}" for k in range(count)],
            "commune": "Xã Bình Lư",
            "commune_code": "03",
            "province": "Lai Châu",
            "population": [float("nan")] * count if told is None else told,
            "centre_easting_m": [x for x, _ in where],
            "centre_northing_m": [y for _, y in where],
            "lat_deg": lon_lat.y.to_numpy(),
            "lon_deg": lon_lat.x.to_numpy(),
            "footprint": "polygon",
        },
        geometry=footprints,
        crs=GRID.crs,
    )
    return Land(
        grid=GRID,
        ground_m=np.zeros(GRID.shape, np.float32),
        clutter_m=None,
        clutter_class=None,
        population=population,
        aoi=np.ones(GRID.shape, np.uint8),
        villages=villages,
        communes=None,
    )


def test_people_weigh_pixels_where_the_raster_has_any() -> None:
    people = np.zeros(GRID.shape, np.float32)
    people[5, 5], people[5, 6] = 90.0, 10.0
    (weights,) = village_weights(make_land([square(5, 5, 7, 9)], population=people))
    assert weights.weighting == "population"
    assert weights.people == pytest.approx(100.0)
    assert weights.weight.sum() == pytest.approx(1.0)
    assert weights.weight[weights.pixel == 5 * GRID.cols + 5] == pytest.approx(0.9)


def test_area_weighs_where_the_raster_has_nobody_or_is_missing() -> None:
    nobody = np.zeros(GRID.shape, np.float32)
    (weights,) = village_weights(make_land([square(5, 5, 7, 9)], population=nobody))
    assert weights.weighting == "area"
    assert weights.people == 0.0
    np.testing.assert_allclose(weights.weight, 1.0 / 8.0)
    (weights,) = village_weights(make_land([square(5, 5, 7, 9)]))
    assert weights.weighting == "area"
    assert np.isnan(weights.people)


def test_a_told_population_scales_the_raster() -> None:
    people = np.ones(GRID.shape, np.float32)
    (weights,) = village_weights(make_land([square(5, 5, 7, 9)], population=people, told=[412.0]))
    assert weights.people == 412.0
    assert weights.weight.sum() == pytest.approx(1.0)


def test_people_under_two_footprints_belong_to_the_nearest_centre() -> None:
    people = np.ones(GRID.shape, np.float32)
    land = make_land(
        [square(5, 5, 10, 15), square(5, 10, 10, 20)],
        centres=[(7.0, 9.0), (7.0, 15.0)],
        population=people,
    )
    first, second = village_weights(land)
    assert first.people + second.people == pytest.approx(75.0)
    columns = first.pixel % GRID.cols
    assert columns.max() == 12  # 12 is as far from both; the first keeps it
    assert (second.pixel % GRID.cols).min() == 13


def test_footprints_that_share_a_pixel_without_overlap_keep_their_parts() -> None:
    people = np.ones(GRID.shape, np.float32)
    land = make_land([square(5, 5, 8, 9.5), square(5, 9.5, 8, 14)], population=people)
    first, second = village_weights(land)
    assert first.people == pytest.approx(3 * 4.5, rel=1e-5)
    assert second.people == pytest.approx(3 * 4.5, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(2.0, 17.0), st.floats(2.0, 27.0), st.floats(30.0, 400.0)),
        min_size=1,
        max_size=6,
    )
)
def test_nobody_is_counted_twice(discs: list[tuple[float, float, float]]) -> None:
    people = np.ones(GRID.shape, np.float32)
    footprints = [Point(place(r, c)).buffer(radius) for r, c, radius in discs]
    land = make_land(footprints, centres=[(r, c) for r, c, _ in discs], population=people)
    counted = sum(w.people for w in village_weights(land))
    inside = shapely.intersection(shapely.union_all(footprints), box(*GRID.bounds_m))
    # 1e-5: coverage fractions are float32
    assert counted == pytest.approx(inside.area / GRID.cell_m**2, rel=1e-5, abs=1e-5)


def test_a_village_outside_the_grid_is_named() -> None:
    land = make_land([square(5, 5, 7, 7), square(40, 5, 42, 7)])
    with pytest.raises(DataError, match=r"1 of 2 villages lie outside .*Bản 1 \(v1\).*enlarge"):
        village_weights(land)


def test_pixels_without_elevation_do_not_count() -> None:
    land = make_land([square(5, 5, 7, 9)])
    land.ground_m[5, 5:9] = np.nan
    (weights,) = village_weights(land)
    assert set((weights.pixel // GRID.cols).tolist()) == {6}
    assert weights.weight.sum() == pytest.approx(1.0)


def test_a_village_without_any_elevation_is_named() -> None:
    land = make_land([square(5, 5, 7, 7), square(10, 5, 12, 7)])
    land.ground_m[10:12, 5:7] = np.nan
    with pytest.raises(DataError, match=r"no elevation: Bản 1 \(v1\); add the missing tile"):
        village_weights(land)
