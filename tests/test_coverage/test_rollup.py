from __future__ import annotations

import json

import geopandas as gpd
import pytest
from shapely.geometry import box

from lensong.coverage.rollup import commune_table, province_table, summarise
from lensong.coverage.service import Service

CRS = "EPSG:32648"
VOICE = Service(name="voice-data", technologies=("4G",), downlink_mbps=1.0, uplink_mbps=0.25)
STREAM = Service(name="stream", downlink_mbps=1.0, uplink_mbps=2.8)
SERVICES = (VOICE, STREAM)


@pytest.fixture
def villages() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "village_id": list("abcd"),
            "commune_code": ["01", "01", "02", ""],
            "people": [100.0, 200.0, 50.0, float("nan")],
            "class": ["covered", "patchy", "no_signal", "covered"],
            "reason": ["", "terrain", "no_cell", ""],
            "served_share_voice_data": [1.0, 0.5, 0.0, 1.0],
            "served_share_voice_data_4g": [1.0, 0.5, 0.0, 1.0],
            "served_share_stream": [0.5, 0.1, 0.0, 1.0],
            "served_share_stream_4g": [0.5, 0.0, 0.0, 1.0],
        },
        geometry=[box(k, 0, k + 1, 1) for k in range(4)],
        crs=CRS,
    )


@pytest.fixture
def communes() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "commune_code": ["02", "01", "03"],
            "commune": ["Khun Há", "Bình Lư", "Tả Lèng"],
            "province": ["Lai Châu", "Lai Châu", "Lào Cai"],
        },
        geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1), box(2, 0, 3, 1)],
        crs=CRS,
    )


def test_communes_add_up_their_villages(
    communes: gpd.GeoDataFrame, villages: gpd.GeoDataFrame
) -> None:
    table = commune_table(communes, villages, SERVICES)
    assert table is not None
    assert list(table["commune_code"]) == ["02", "01", "03"]
    assert list(table["villages"]) == [1, 2, 0]
    assert list(table["villages_covered"]) == [0, 1, 0]
    assert list(table["villages_patchy"]) == [0, 1, 0]
    assert list(table["villages_no_signal"]) == [1, 0, 0]
    assert list(table["people"]) == [50.0, 300.0, 0.0]
    assert list(table["people_served_voice_data"]) == [0.0, 200.0, 0.0]
    assert list(table["people_served_stream"]) == [0.0, 70.0, 0.0]
    assert table.crs == communes.crs


def test_provinces_add_up_their_communes(
    communes: gpd.GeoDataFrame, villages: gpd.GeoDataFrame
) -> None:
    table = province_table(commune_table(communes, villages, SERVICES))
    assert table is not None
    rows = table.set_index("province")
    assert rows.loc["Lai Châu", "villages"] == 3
    assert rows.loc["Lai Châu", "people_served_voice_data"] == 200.0
    assert rows.loc["Lai Châu", "geometry"].area == 2.0
    assert rows.loc["Lào Cai", "people"] == 0.0


def test_without_communes_there_is_nothing_to_roll_up(villages: gpd.GeoDataFrame) -> None:
    assert commune_table(None, villages, SERVICES) is None
    assert province_table(None) is None


def test_summary_counts_villages_of_unknown_people_as_villages_only(
    villages: gpd.GeoDataFrame,
) -> None:
    summary = summarise(villages, SERVICES)
    assert summary["villages"] == 4
    assert summary["people"] == 350.0
    assert summary["villages_without_people_known"] == 1
    assert summary["villages_by_class"] == {
        "beyond_radius": 0,
        "unknown": 0,
        "no_signal": 1,
        "patchy": 1,
        "covered": 2,
    }
    assert summary["people_by_class"] == {
        "beyond_radius": 0.0,
        "unknown": 0.0,
        "no_signal": 50.0,
        "patchy": 200.0,
        "covered": 100.0,
    }
    assert summary["villages_by_reason"] == {"terrain": 1, "no_cell": 1}
    assert summary["people_served"] == {"voice-data": 200.0, "stream": 70.0}
    assert summary["people_served_by_technology"] == {
        "voice-data": {"4G": 200.0},
        "stream": {"4G": 50.0},
    }
    json.dumps(summary, allow_nan=False)
