from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from lensong.coverage.level_shares import ANY_OPERATOR, level_shares
from lensong.coverage.result import NO_LEVEL_CDBM, OperatorLayers
from lensong.gis_data.land import Land
from lensong.propagation.types import Grid, Int16Array

GRID = Grid(crs="EPSG:32648", west_m=0.0, north_m=400.0, cell_m=100.0, rows=4, cols=6)


def make_land(*, communes: bool) -> Land:
    ground = np.zeros(GRID.shape, np.float32)
    ground[0, 0] = np.nan  # no elevation: counts nowhere
    aoi = np.ones(GRID.shape, np.uint8)
    aoi[:, 5] = 0
    west, east = box(0.0, 0.0, 200.0, 400.0), box(200.0, 0.0, 400.0, 400.0)
    table = gpd.GeoDataFrame(
        {"commune_code": ["1", "2"], "commune": ["Tây", "Đông"], "province": ["P", "P"]},
        geometry=[west, east],
        crs=GRID.crs,
    )
    return Land(
        grid=GRID,
        ground_m=ground,
        clutter_m=None,
        clutter_class=None,
        population=None,
        aoi=aoi,
        villages=gpd.GeoDataFrame(),
        communes=table if communes else None,
    )


def operator(name: str, level_cdbm: Int16Array) -> OperatorLayers:
    return OperatorLayers(name=name, level_cdbm=level_cdbm, services={})


def test_people_and_area_by_level_commune_and_operator() -> None:
    level = np.full(GRID.shape, NO_LEVEL_CDBM, np.int16)
    level[:, :2] = -9500  # exactly at the threshold
    other = np.full(GRID.shape, -12000, np.int16)
    other[:, 2:4] = -8000
    people = np.zeros(GRID.shape)
    people[1, 0], people[1, 2], people[1, 4], people[1, 5] = 10.0, 30.0, 60.0, 1000.0
    found = level_shares(
        make_land(communes=True),
        {"A": operator("A", level), "B": operator("B", other)},
        people,
        [-95.0, -115.0],
    ).set_index(["commune", "operator", "threshold_dbm"])
    assert list(found.index.get_level_values("operator").unique()) == [ANY_OPERATOR, "A", "B"]
    whole = found.xs(("", "A", -95.0))
    assert whole["area_km2"] == pytest.approx(0.07)  # 8 pixels less the one without elevation
    assert whole["area_share"] == pytest.approx(7.0 / 19.0)
    assert whole["people"] == 10.0
    assert whole["people_share"] == pytest.approx(0.1)  # those outside the area do not count
    assert found.loc[("Tây", "A", -95.0), "area_share"] == 1.0
    assert found.loc[("Đông", "A", -95.0), "people"] == 0.0
    assert found.loc[("Đông", "B", -115.0), "people_share"] == 1.0
    assert found.loc[("Tây", "B", -115.0), "area_share"] == 0.0
    either = found.xs(("", ANY_OPERATOR, -95.0))
    assert either["area_km2"] == pytest.approx(0.15)
    assert either["people_share"] == pytest.approx(0.4)


def test_one_operator_without_communes_is_one_block() -> None:
    level = np.full(GRID.shape, -9000, np.int16)
    found = level_shares(
        make_land(communes=False), {"": operator("", level)}, np.zeros(GRID.shape), [-95.0, -85.0]
    )
    assert found["operator"].tolist() == ["", ""]
    assert found["area_share"].tolist() == [1.0, 0.0]
    assert found["people_share"].isna().all()
