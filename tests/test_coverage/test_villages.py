from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, box

from lensong.coverage.antenna import omni
from lensong.coverage.network import Carrier, Cell, Mast, Network
from lensong.coverage.result import REASONS, ServiceLayers, TechnologyLayers
from lensong.coverage.service import Service
from lensong.coverage.village_weights import village_weights
from lensong.coverage.villages import (
    ClassThresholds,
    operator_suffix,
    village_table,
    weighted_quantile,
)
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.types import BoolArray, Float32Array, FloatArray, Grid
from tests.layer_sets import layers_of

GRID = Grid(crs="EPSG:32648", west_m=300_000.0, north_m=2_480_000.0, cell_m=100.0, rows=20, cols=30)
VOICE = Service(name="voice-data", technologies=("4G",), downlink_mbps=1.0, uplink_mbps=0.25)
STREAM = Service(name="stream", technologies=("4G", "5G"), downlink_mbps=1.0, uplink_mbps=2.8)


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


def make_layer(
    *,
    ok: dict[str, BoolArray],
    technology: str = "4G",
    rsrp: FloatArray | None = None,
    server: int = 0,
    reason: str = "terrain",
    limiting: int = 2,
) -> TechnologyLayers:
    level = (np.full(GRID.shape, -90.0) if rsrp is None else rsrp).astype(np.float32)
    heard = np.isfinite(level)

    def judged(works: BoolArray) -> ServiceLayers:
        codes = np.where(works, 0, REASONS.index(reason))
        codes = np.where(heard, codes, REASONS.index("no_cell"))
        return ServiceLayers(
            probability=np.where(works & heard, 0.95, np.where(heard, 0.4, 0.0)).astype(np.float32),
            limiting=np.where(heard, limiting, 0).astype(np.uint8),
            reason=codes.astype(np.uint8),
        )

    rate = np.where(heard, level + 120.0, np.nan).astype(np.float32)
    return TechnologyLayers(
        technology="4G" if technology == "4G" else "5G",
        rsrp_dbm=level,
        rsrq_db=level,
        sinr_db=level,
        downlink_mbps=2.0 * rate,
        uplink_mbps=rate,
        best_server=np.where(heard, server, -1).astype(np.int16),
        second_server=np.full(GRID.shape, -1, np.int16),
        second_rsrp_dbm=np.full(GRID.shape, np.nan, np.float32),
        services={name: judged(works) for name, works in ok.items()},
    )


@pytest.fixture(scope="module")
def network() -> Network:
    lon_lat = gpd.GeoSeries([Point(place(10.0, 20.0))], crs=GRID.crs).to_crs(4326)
    carrier = Carrier(
        name="B3 1800",
        technology="4G",
        downlink_freq_mhz=1842.5,
        uplink_freq_mhz=1747.5,
        bandwidth_mhz=20.0,
        subcarrier_spacing_khz=15.0,
        resource_blocks=100,
        duplex="FDD",
    )
    cells = tuple(
        Cell(
            cell_id=name,
            mast_id="m",
            carrier=carrier,
            antenna=omni(),
            azimuth_deg=0.0,
            height_agl_m=30.0,
            total_power_dbm=46.0,
            granted_uplink_resource_blocks=25,
            radius_m=10_000.0,
            uncertain=name == "doubtful",
        )
        for name in ("sure", "doubtful")
    )
    mast = Mast(mast_id="m", lat_deg=lon_lat[0].y, lon_deg=lon_lat[0].x, height_agl_m=30.0)
    return Network(masts=(mast,), cells=cells)


def everywhere() -> BoolArray:
    return np.ones(GRID.shape, dtype=np.bool_)


def west_of(col: int) -> BoolArray:
    return np.broadcast_to(np.arange(GRID.cols) < col, GRID.shape).copy()


def table_of(
    land: Land, network: Network, *layers: TechnologyLayers, classes: ClassThresholds | None = None
) -> gpd.GeoDataFrame:
    return village_table(
        land,
        network,
        layers_of(GRID.shape, [VOICE, STREAM], layers),
        [VOICE, STREAM],
        weights=village_weights(land),
        classes=classes or ClassThresholds(),
    )


def test_classes_follow_the_share_of_people_served(network: Network) -> None:
    land = make_land([square(5, 2, 7, 6), square(5, 8, 7, 12), square(5, 14, 7, 18)])
    layer = make_layer(ok={"voice-data": west_of(10), "stream": west_of(4)})
    table = table_of(land, network, layer)
    assert list(table["class"]) == ["covered", "patchy", "no_signal"]
    assert list(table["reason"]) == ["", "terrain", "terrain"]
    np.testing.assert_allclose(table["served_share_voice_data"], [1.0, 0.5, 0.0])
    np.testing.assert_allclose(table["served_share_stream"], [0.5, 0.0, 0.0])
    strict = table_of(
        land, network, layer, classes=ClassThresholds(service="stream", no_signal_share=0.6)
    )
    assert list(strict["class"]) == ["no_signal", "no_signal", "no_signal"]


@pytest.mark.parametrize(
    ("share", "name"),
    [(0.0, "no_signal"), (0.049, "no_signal"), (0.05, "patchy"), (0.949, "patchy"),
     (0.95, "covered"), (1.0, "covered")],
)  # fmt: skip
def test_thresholds_belong_to_the_better_class(share: float, name: str) -> None:
    assert ClassThresholds().class_of(share) == name


def test_any_technology_serves_and_the_nearest_to_serving_gives_the_reason(
    network: Network,
) -> None:
    land = make_land([square(5, 5, 7, 9)])
    four = make_layer(ok={"voice-data": everywhere(), "stream": west_of(0)}, reason="distance")
    five = make_layer(ok={"stream": west_of(7)}, technology="5G", reason="uplink")
    five.services["stream"].probability[:] = np.where(west_of(7), 0.95, 0.6)
    layers = {"4G": four, "5G": five}
    table = table_of(land, network, *layers.values(), classes=ClassThresholds(service="stream"))
    row = table.iloc[0]
    assert row["served_share_stream"] == pytest.approx(0.5)
    assert row["served_share_stream_4g"] == 0.0
    assert row["served_share_stream_5g"] == pytest.approx(0.5)
    assert row["reason"] == "uplink"
    assert row["limiting_stream_5g"] == "uplink"
    assert row["limiting_voice_data_4g"] == "none"


def test_quantiles_are_of_people(network: Network) -> None:
    people = np.zeros(GRID.shape, np.float32)
    people[5, 5:9] = [5.0, 10.0, 60.0, 25.0]
    level = np.full(GRID.shape, np.nan)
    level[5, 5:9] = [-115.0, -110.0, -100.0, -80.0]
    land = make_land([square(5, 5, 6, 9)], population=people)
    layer = make_layer(ok={"voice-data": everywhere(), "stream": everywhere()}, rsrp=level)
    row = table_of(land, network, layer).iloc[0]
    assert row["rsrp_p50_dbm_4g"] == pytest.approx(-100.0)
    assert row["rsrp_p10_dbm_4g"] == pytest.approx(-110.0)
    assert row["uplink_p10_mbps_4g"] == pytest.approx(10.0)
    assert row["downlink_p50_mbps_4g"] == pytest.approx(40.0)


def test_where_no_cell_reaches_rates_are_nothing_and_levels_unknown(network: Network) -> None:
    level = np.full(GRID.shape, np.nan)
    land = make_land([square(5, 5, 6, 9)])
    layer = make_layer(ok={"voice-data": west_of(0), "stream": west_of(0)}, rsrp=level)
    row = table_of(land, network, layer).iloc[0]
    assert np.isnan(row["rsrp_p50_dbm_4g"])
    assert row["uplink_p50_mbps_4g"] == 0.0
    assert row["best_server_4g"] == ""
    assert np.isnan(row["distance_m_4g"])
    assert row["reason"] == "no_cell"
    assert row["limiting_voice_data_4g"] == "none"


def test_the_server_of_most_people_is_named_with_its_distance(network: Network) -> None:
    people = np.zeros(GRID.shape, np.float32)
    people[5, 5:8] = [10.0, 10.0, 30.0]
    land = make_land([square(5, 5, 6, 8)], centres=[(10.0, 5.0)], population=people)
    layer = make_layer(ok={"voice-data": everywhere(), "stream": everywhere()})
    layer.best_server[5, 7] = 1
    row = table_of(land, network, layer).iloc[0]
    assert row["best_server_4g"] == "doubtful"
    assert bool(row["best_server_uncertain_4g"])
    assert row["distance_m_4g"] == pytest.approx(1500.0, abs=0.1)


def test_a_service_of_no_technology_in_the_plan_serves_nobody(network: Network) -> None:
    land = make_land([square(5, 5, 7, 9)])
    five = make_layer(ok={"stream": everywhere()}, technology="5G")
    row = table_of(land, network, five).iloc[0]
    assert row["served_share_voice_data"] == 0.0
    assert (row["class"], row["reason"]) == ("no_signal", "no_cell")


def test_an_unknown_class_service_is_refused(network: Network) -> None:
    land = make_land([square(5, 5, 7, 9)])
    layer = make_layer(ok={"voice-data": everywhere(), "stream": everywhere()})
    with pytest.raises(InvalidInputError, match="'tv', wanted one of voice-data, stream"):
        table_of(land, network, layer, classes=ClassThresholds(service="tv"))


def test_thresholds_are_shares_in_order() -> None:
    with pytest.raises(OutOfRangeError, match="it is a share"):
        ClassThresholds(covered_share=95.0)
    with pytest.raises(InvalidInputError, match="no_signal_share"):
        ClassThresholds(covered_share=0.3, no_signal_share=0.4)


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(1, 9)), min_size=1, max_size=30),
    st.sampled_from([0.1, 0.25, 0.5, 0.9]),
)
def test_weighted_quantile_is_that_of_the_repeated_values(
    pairs: list[tuple[int, int]], share: float
) -> None:
    values = np.array([float(v) for v, _ in pairs])
    counts = np.array([n for _, n in pairs])
    repeated = np.repeat(values, counts)
    expected = np.quantile(repeated, share, method="inverted_cdf")
    assert weighted_quantile(values, counts.astype(np.float64), share) == expected


def test_each_operator_has_its_columns_and_any_operator_is_at_least_one(network: Network) -> None:
    land = make_land([square(5, 2, 7, 6), square(5, 8, 7, 12), square(5, 14, 7, 18)])
    whole = layers_of(
        GRID.shape,
        [VOICE, STREAM],
        [make_layer(ok={"voice-data": west_of(13), "stream": west_of(0)})],
    )
    one = layers_of(
        GRID.shape,
        [VOICE, STREAM],
        [make_layer(ok={"voice-data": west_of(7), "stream": west_of(0)}, reason="interference")],
    )
    named = {
        "Viettel": replace(whole.operators[""], name="Viettel"),
        "Mạng Đỏ": replace(one.operators[""], name="Mạng Đỏ"),
    }
    table = village_table(
        land,
        network,
        replace(whole, operators=named),
        [VOICE, STREAM],
        weights=village_weights(land),
        classes=ClassThresholds(),
    )
    assert list(table["served_share_voice_data_op_viettel"]) == [1.0, 1.0, 0.0]
    assert list(table["served_share_voice_data_op_mang_do"]) == [1.0, 0.0, 0.0]
    assert list(table["operators_serving"]) == [2, 1, 0]
    assert list(table["operators"]) == ["Viettel, Mạng Đỏ", "Viettel", ""]
    assert list(table["reason_op_mang_do"]) == ["", "interference", "interference"]
    assert list(table["class_op_viettel"]) == ["covered", "covered", "no_signal"]
    assert table["level_p50_dbm_op_viettel"].iloc[0] == pytest.approx(-90.0)


def test_every_service_has_its_reason_and_chance_beside_the_rates(network: Network) -> None:
    land = make_land([square(5, 2, 7, 6)])
    layer = make_layer(ok={"voice-data": everywhere(), "stream": west_of(0)}, reason="interference")
    row = table_of(land, network, layer).iloc[0]
    assert row["reason_voice_data"] == ""
    assert row["reason_stream"] == "interference"
    assert row["chance_p50_stream"] == pytest.approx(0.4)
    assert row["uplink_p50_mbps_4g"] > STREAM.uplink_mbps  # which the two columns explain


def test_names_of_operators_stay_apart() -> None:
    assert operator_suffix(["A b", "a-B", "越南", ""]) == {
        "A b": "a_b",
        "a-B": "a_b_2",
        "越南": "operator",
        "": "unnamed",
    }
