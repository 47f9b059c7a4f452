from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from geopandas.testing import assert_geodataframe_equal
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import Point, box

from lensong.coverage.antenna import omni, sector_3gpp
from lensong.coverage.causes.settings import CauseSettings
from lensong.coverage.network import Carrier, Cell, Mast, Network
from lensong.coverage.plan import plan
from lensong.coverage.result import REASONS, PlanResult
from lensong.coverage.results.write import write_result
from lensong.coverage.service import DEFAULT_SERVICES, Service
from lensong.coverage.sweeps import PropagationSettings
from lensong.coverage.villages import ClassThresholds
from lensong.gis_data.array_store import ArrayStore
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid

GRID = Grid(crs="EPSG:32648", west_m=360_000.0, north_m=2_470_000.0, cell_m=60.0, rows=70, cols=90)
RIDGE_COL = 45
VILLAGES = ((20, 15, 300.0), (50, 25, 200.0), (35, 70, 150.0))


class Shelf:
    """A cache that counts."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, NDArray[Any]]] = {}

    def get(self, key: str) -> dict[str, NDArray[Any]] | None:
        return self.kept.get(key)

    def put(self, key: str, arrays: dict[str, NDArray[Any]]) -> None:
        self.kept[key] = arrays


def make_land() -> Land:
    """A flat valley, a ridge of 900 m across it, and one village behind the ridge."""
    cols = np.arange(GRID.cols)
    ground = 500.0 + 900.0 * np.exp(-(((cols - RIDGE_COL) / 5.0) ** 2))
    places = [GRID.easting_northing(row, col) for row, col, _ in VILLAGES]
    points = gpd.GeoSeries([Point(xy) for xy in places], crs=GRID.crs)
    lon_lat = points.to_crs(4326)
    villages = gpd.GeoDataFrame(
        {
            "village_id": ["v0", "v1", "v2"],
            "name": ["Nà Đon", "Hoa Lư", "Sin Câu"],
            "commune": "Xã Bình Lư",
            "commune_code": "03",
            "province": "Lai Châu",
            "population": [people for *_, people in VILLAGES],
            "centre_easting_m": [x for x, _ in places],
            "centre_northing_m": [y for _, y in places],
            "lat_deg": lon_lat.y.to_numpy(),
            "lon_deg": lon_lat.x.to_numpy(),
            "footprint": "disc",
        },
        geometry=points.buffer(300.0),
        crs=GRID.crs,
    )
    communes = gpd.GeoDataFrame(
        {"commune_code": ["03"], "commune": ["Xã Bình Lư"], "province": ["Lai Châu"]},
        geometry=[box(*GRID.bounds_m)],
        crs=GRID.crs,
    )
    return Land(
        grid=GRID,
        ground_m=np.broadcast_to(ground, GRID.shape).astype(np.float32),
        clutter_m=None,
        clutter_class=None,
        population=None,
        aoi=np.ones(GRID.shape, np.uint8),
        villages=villages,
        communes=communes,
        assumptions=("Elevation is bare terrain.",),
        synthetic=True,
    )


def make_network(**changes: Any) -> Network:  # Any: fields of Cell by name
    lon, lat = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True).transform(
        *GRID.easting_northing(30.2, 20.4)
    )
    low = Carrier(
        name="B28 700",
        technology="4G",
        downlink_freq_mhz=773.0,
        uplink_freq_mhz=718.0,
        bandwidth_mhz=10.0,
        subcarrier_spacing_khz=15.0,
        resource_blocks=50,
        duplex="FDD",
    )
    mid = replace(
        low,
        name="B3 1800",
        downlink_freq_mhz=1842.5,
        uplink_freq_mhz=1747.5,
        bandwidth_mhz=20.0,
        resource_blocks=100,
    )
    common: dict[str, Any] = {
        "mast_id": "m",
        "height_agl_m": 30.0,
        "radius_m": 5_000.0,
    } | changes
    cells = [
        Cell(cell_id=f"mid-{azimuth:.0f}", carrier=mid, antenna=sector_3gpp(), azimuth_deg=azimuth,
             mechanical_downtilt_deg=2.0, total_power_dbm=46.0,
             granted_uplink_resource_blocks=50, **common)
        for azimuth in (0.0, 120.0, 240.0)
    ]  # fmt: skip
    cells.append(
        Cell(cell_id="low", carrier=low, antenna=omni(), azimuth_deg=0.0, total_power_dbm=43.0,
             granted_uplink_resource_blocks=25, **common)
    )  # fmt: skip
    mast = Mast(mast_id="m", lat_deg=lat, lon_deg=lon, height_agl_m=30.0)
    return Network(masts=(mast,), cells=tuple(cells), warnings=("1 mast was moved.",))


@pytest.fixture(scope="module")
def result() -> PlanResult:
    return plan(make_land(), make_network(), title="Valley", workers=2)


def test_villages_in_view_are_covered_and_the_one_behind_the_ridge_is_not(
    result: PlanResult,
) -> None:
    table = result.villages.set_index("name")
    assert list(table.loc[["Nà Đon", "Hoa Lư", "Sin Câu"], "class"]) == [
        "covered",
        "covered",
        "no_signal",
    ]
    assert table.loc["Sin Câu", "reason"] == "terrain"
    assert table.loc["Nà Đon", "rsrp_p50_dbm_4g"] > table.loc["Sin Câu", "rsrp_p50_dbm_4g"] + 30.0
    assert table.loc["Nà Đon", "best_server_4g"] in {"mid-0", "mid-240"}


def test_the_parts_of_a_result_agree(result: PlanResult) -> None:
    assert result.summary["villages_by_class"] == {
        "beyond_radius": 0,
        "unknown": 0,
        "no_signal": 1,
        "patchy": 0,
        "covered": 2,
    }
    assert result.summary["people"] == 650.0
    assert result.summary["people_served"]["voice-data"] == pytest.approx(500.0)
    assert result.communes is not None
    assert result.communes["people_served_voice_data"][0] == pytest.approx(500.0)
    assert result.provinces is not None
    assert result.provinces["villages_no_signal"][0] == 1
    assert list(result.gaps["villages"]) == ["Sin Câu"]
    assert result.gaps["people"][0] == pytest.approx(150.0, rel=1e-3)
    assert (result.sweeps_total, result.sweeps_reused) == (2, 0)
    assert result.synthetic
    assert result.class_service == "voice-data"
    assert set(result.timings_s) == {"sweeps", "layers", "villages", "streams"}
    assert result.streams is not None
    any_sim = result.streams[result.streams["operator"] == "any"]
    for service in ("livestream-720p", "livestream-1080p"):
        counted = result.villages[f"streams_at_once_{service.replace('-', '_')}"].tolist()
        assert counted == any_sim[any_sim["service"] == service]["streams"].tolist()
    assert "Elevation is bare terrain." in result.assumptions
    assert "1 mast was moved." in result.warnings
    json.dumps(result.summary, allow_nan=False)


def test_every_layer_is_there_and_within_its_range(result: PlanResult) -> None:
    assert set(result.layers) == {"4G"}
    layer = result.layers["4G"]
    assert set(layer.services) == {service.name for service in DEFAULT_SERVICES}
    heard = layer.best_server >= 0
    assert heard.mean() > 0.9
    for name in ("rsrp_dbm", "rsrq_db", "sinr_db", "downlink_mbps", "uplink_mbps"):
        np.testing.assert_array_equal(np.isfinite(getattr(layer, name)), heard)
    assert np.nanmax(layer.rsrq_db) <= -3.0
    for judged in layer.services.values():
        assert judged.probability.min() >= 0.0
        assert judged.probability.max() <= 1.0
        assert judged.reason.max() < len(REASONS)


def test_a_changed_tilt_reuses_every_sweep_and_more_load_lowers_sinr() -> None:
    shelf = Shelf()
    land = make_land()
    first = plan(land, make_network(), title="Valley", cache=shelf)
    second = plan(
        land, make_network(electrical_downtilt_deg=4.0, downlink_load=1.0), title="V", cache=shelf
    )
    assert (first.sweeps_reused, second.sweeps_reused) == (0, 2)
    before, after = first.layers["4G"].sinr_db, second.layers["4G"].sinr_db
    near = np.s_[10:60, 5:40]
    assert np.mean(after[near]) < np.mean(before[near]) - 1.0


def test_values_do_not_depend_on_threads_or_cache(result: PlanResult) -> None:
    shelf = Shelf()
    plan(make_land(), make_network(), title="Valley", cache=shelf)
    again = plan(make_land(), make_network(), title="Valley", cache=shelf, workers=3)
    assert_geodataframe_equal(again.villages, result.villages)
    for name in ("rsrp_dbm", "sinr_db", "uplink_mbps", "best_server"):
        np.testing.assert_array_equal(
            getattr(again.layers["4G"], name), getattr(result.layers["4G"], name)
        )
    assert again.summary == result.summary


def test_a_warm_run_on_other_threads_writes_the_bytes_of_the_cold_one(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path / "cache")
    made = {}
    for name, workers in (("cold", 1), ("warm", 3)):
        found = plan(make_land(), make_network(), title="Valley", cache=store, workers=workers)
        assert found.sweeps_reused == (0 if name == "cold" else found.sweeps_total)
        folder = tmp_path / name
        made_at = datetime(2026, 11, 28, tzinfo=UTC)  # the report shows the minute
        write_result(found, folder, lensong_version="1", workers=workers, created_at=made_at)
        made[name] = {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "run.json"}
    assert made["cold"].keys() == made["warm"].keys()
    assert [name for name, data in made["cold"].items() if data != made["warm"][name]] == []


def test_progress_counts_every_sweep_to_the_end() -> None:
    told: list[tuple[str, int, int]] = []
    note: Callable[[str, int, int], None] = lambda *step: told.append(step)  # noqa: E731
    plan(make_land(), make_network(), title="Valley", progress=note)
    assert [step for step in told if step[0] == "sweeps"] == [("sweeps", 1, 2), ("sweeps", 2, 2)]
    assert told[-1] == ("villages", 1, 1)


def test_what_cannot_be_carried_is_said() -> None:
    heavy = Service(name="tv", technologies=("4G",), downlink_mbps=2.0, uplink_mbps=60.0)
    fifth = Service(name="nr", technologies=("5G",), downlink_mbps=2.0, uplink_mbps=1.0)
    found = plan(
        make_land(),
        make_network(),
        title="Valley",
        services=(heavy, fifth),
        classes=ClassThresholds(service="tv"),
    )
    text = " ".join(found.warnings)
    assert "3 cells of B3 1800 cannot carry the uplink of tv" in text
    assert "no cell of 5G is in the plan: nr is served nowhere" in text
    assert set(found.villages["reason"]) == {"capacity"}


def test_villages_without_people_are_said() -> None:
    land = make_land()
    land.villages.loc[0, "population"] = np.nan
    found = plan(land, make_network(), title="Valley")
    assert any("not known for 1 of 3 villages" in warning for warning in found.warnings)
    assert found.summary["people"] == 350.0


def test_bad_input_is_refused_before_any_sweep() -> None:
    land, network = make_land(), make_network()

    def refuse(message: str, **changes: Any) -> None:  # Any: arguments of plan by name
        with pytest.raises(InvalidInputError, match=message):
            plan(land, changes.pop("network", network), title="Valley", **changes)

    refuse("time_percent is 1", propagation=PropagationSettings(time_percent=1.0))
    refuse("no cell", network=Network(masts=network.masts, cells=()))
    refuse("'voice-data' is given more than once", services=DEFAULT_SERVICES[:1] * 2)
    first = DEFAULT_SERVICES[0]
    for other in ("voice_data", "Voice-Data", "voice-data-4g"):
        refuse("share the column served_share_", services=(first, replace(first, name=other)))
    refuse("wanted one of the services: voice", classes=ClassThresholds(service="x"))
    with pytest.raises(InvalidInputError, match="no village"):
        plan(replace(land, villages=land.villages[:0]), network, title="Valley")


def test_a_village_beyond_the_radius_is_called_so_and_not_without_a_cell() -> None:
    found = plan(make_land(), make_network(radius_m=1_500.0), title="Valley")
    assert found.villages["reason"].tolist()[2] == "beyond_radius"
    assert found.villages["class"].tolist()[2] == "beyond_radius"
    assert found.summary["villages_by_class"]["beyond_radius"] == 1
    assert found.summary["villages_by_class"]["no_signal"] == 0
    assert found.summary["villages_by_reason"]["beyond_radius"] == 1
    told = next(text for text in found.warnings if "beyond the radius of every mast" in text)
    assert "1 of 3 villages" in told
    assert "Sin Câu" in told
    code = REASONS.index("beyond_radius")
    row, col = np.mgrid[0 : GRID.rows, 0 : GRID.cols]
    apart_m = np.hypot(row - 30.2, col - 20.4) * GRID.cell_m
    for judged in found.layers["4G"].services.values():
        np.testing.assert_array_equal(judged.reason == code, apart_m > 1_500.0)
    reached = plan(make_land(), make_network(radius_m=5_000.0), title="Valley")
    assert "beyond the radius" not in " ".join(reached.warnings)


def test_a_model_that_does_not_reach_is_named_where_villages_are_unknown() -> None:
    network = make_network(radius_m=5_000.0)
    mid = tuple(cell for cell in network.cells if cell.carrier.downlink_freq_mhz > 1_500.0)
    found = plan(
        make_land(),
        replace(network, cells=mid),
        title="Valley",
        propagation=PropagationSettings(model="cost231_hata"),
        causes=CauseSettings(counterfactuals=0),
    )
    row, col = np.mgrid[0 : GRID.rows, 0 : GRID.cols]
    near = np.hypot(row - 30.2, col - 20.4) * GRID.cell_m < 950.0
    for judged in found.layers["4G"].services.values():
        assert (judged.reason[near] == REASONS.index("void")).all()
    (told,) = (text for text in found.warnings if "in range" in text)
    assert "the range of cost231_hata (1 to 20 km) hides" in told


def test_a_village_that_a_void_hides_is_unknown_and_not_without_signal() -> None:
    land = make_land()
    ground = land.ground_m.copy()
    ground[:, 50:52] = np.nan  # between the mast and Sin Câu
    found = plan(
        replace(land, ground_m=ground),
        make_network(radius_m=5_000.0),
        title="Valley",
        causes=CauseSettings(counterfactuals=0),
    )
    assert found.villages["class"].tolist()[2] == "unknown"
    assert found.villages["reason"].tolist()[2] == "void"
    assert found.villages["cause_note"].tolist()[2] == "no_elevation"
    assert found.summary["villages_by_class"]["unknown"] == 1
    assert found.summary["villages_by_class"]["no_signal"] == 0
    (told,) = (text for text in found.warnings if "their class is unknown" in text)
    assert "1 of 3 villages" in told
    assert "Sin Câu" in told
    code = REASONS.index("void")
    row, col = np.mgrid[0 : GRID.rows, 0 : GRID.cols]
    apart_m = np.hypot(row - 30.2, col - 20.4) * GRID.cell_m
    for judged in found.layers["4G"].services.values():
        hidden = judged.reason == code
        assert hidden[(col > 52) & (apart_m < 4_900.0)].all()
        assert not hidden[(col < 50) | (apart_m > 5_000.0)].any()
    short = plan(replace(land, ground_m=ground), make_network(radius_m=1_500.0), title="Valley")
    assert short.villages["class"].tolist()[2] == "beyond_radius"


def test_an_operator_whose_radius_is_shorter_is_beyond_it_and_not_without_signal() -> None:
    net = make_network()
    near = [
        replace(cell, cell_id=f"near {cell.cell_id}", operator="Near", radius_m=1_500.0)
        for cell in net.cells
    ]
    far = [replace(cell, operator="Far", total_power_dbm=-20.0) for cell in net.cells]
    found = plan(make_land(), replace(net, cells=(*near, *far)), title="Valley").villages
    # Sin Câu lies 3 km off: nobody serves it, and of Near nothing was computed there
    assert found["class_op_near"].tolist()[2] == "beyond_radius"
    assert found["reason_op_near"].tolist()[2] == "beyond_radius"
    assert found["class_op_far"].tolist()[2] == "no_signal"
    assert found["reason_op_far"].tolist()[2] not in ("beyond_radius", "no_cell")
    assert found["class"].tolist()[2] == "no_signal"


def test_a_technology_whose_radius_is_shorter_is_beyond_it() -> None:
    net = make_network()
    fifth = [
        replace(cell, carrier=replace(cell.carrier, technology="5G"), radius_m=1_500.0)
        for cell in net.cells
        if cell.carrier.name == "B3 1800"
    ]
    fourth = [cell for cell in net.cells if cell.carrier.name != "B3 1800"]
    only_5g = Service(name="nr", technologies=("5G",), downlink_mbps=1.0, uplink_mbps=1.0)
    found = plan(
        make_land(),
        replace(net, cells=(*fourth, *fifth)),
        title="Valley",
        services=(DEFAULT_SERVICES[0], only_5g),
    )
    assert found.villages["reason_nr"].tolist()[2] == "beyond_radius"
    assert found.villages["reason_voice_data"].tolist()[2] != "beyond_radius"
    code = REASONS.index("beyond_radius")
    assert not (found.layers["4G"].services["voice-data"].reason == code).any()
    assert (found.layers["5G"].services["voice-data"].reason == code).any()
    assert not (found.service_layers["voice-data"].reason == code).any()


def test_a_radius_that_ends_outside_the_area_cuts_nothing_off() -> None:
    land = make_land()
    row, col = np.mgrid[0 : GRID.rows, 0 : GRID.cols]
    near = np.hypot(row - 30.2, col - 20.4) * GRID.cell_m < 1_300.0
    land = replace(land, aoi=near.astype(np.uint8), villages=land.villages[:2])
    found = plan(land, make_network(radius_m=1_500.0), title="Valley")
    assert not [text for text in found.warnings if "above the noise" in text]
    assert any("cuts off next to nothing of B28 700, B3 1800" in t for t in found.assumptions)


def test_a_level_below_all_measure_stays_low() -> None:
    net = make_network()
    dumb = replace(
        net.cells[0].antenna, name="dumb", vertical_loss_db=np.full(360, 400.0), max_loss_db=400.0
    )
    net = replace(net, cells=tuple(replace(cell, antenna=dumb) for cell in net.cells))
    found = plan(make_land(), net, title="Valley")
    level_dbm = found.layers["4G"].level_dbm
    assert np.nanmax(level_dbm) < -300.0
    assert set(found.villages["class"]) == {"no_signal"}


def test_the_run_says_what_its_radius_cuts_off() -> None:
    found = plan(make_land(), make_network(radius_m=1_500.0), title="Valley")
    (cut,) = [text for text in found.warnings if "above the noise where their radius" in text]
    assert "B3 1800 (3 of 3 cells at 1.5 km, in " in cut
    assert cut.index("B28 700 (1 of 1 cells at 1.5 km") < cut.index("B3 1800")  # it reaches farther
    net = make_network(radius_m=1_500.0)
    net = replace(net, cells=tuple(replace(cell, total_power_dbm=-30.0) for cell in net.cells))
    weak = plan(make_land(), net, title="Valley")
    assert not [text for text in weak.warnings if "above the noise where their radius" in text]
    assert any("cuts off next to nothing of B28 700, B3 1800" in t for t in weak.assumptions)


def test_a_village_partly_outside_the_elevation_is_flagged_with_its_share() -> None:
    land = make_land()
    ground_m = land.ground_m.copy()
    ground_m[20:27, :] = np.nan  # the southern half of the village at row 20 has no height
    found = plan(replace(land, ground_m=ground_m), make_network(), title="Valley")
    shares = found.villages["elevation_share"]
    assert shares[0] == pytest.approx(0.45, abs=0.06)
    assert shares[1] == pytest.approx(1.0)
    assert any(
        "1 of 3 villages lie partly outside the elevation" in text and "Nà Đon (4" in text
        for text in found.warnings
    )
