"""Errors of models against measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from lensong.coverage.measured_paths import Ground, point_models, predict
from lensong.coverage.measurements import MeasurementOptions, Measurements, read_measurements
from lensong.coverage.measurements import Transmitter as Mast
from lensong.coverage.model_pages.validation_page import render_validation
from lensong.coverage.sweeps import PropagationSettings
from lensong.coverage.validate import statistics, validate
from lensong.gis_data.tables import read_table
from lensong.propagation.errors import ConfigError, DataError, OutOfRangeError
from lensong.propagation.free_space import free_space_loss_db
from lensong.propagation.models import MODELS
from lensong.propagation.types import Float32Array, FloatArray, Grid
from tests.chromium import BINARY, chromium_page

GRID = Grid(crs="EPSG:32648", west_m=360_000.0, north_m=2_480_000.0, cell_m=30.0, rows=80, cols=160)
MAST_ROW, MAST_COL, RIDGE_COL = 40, 10, 90


def measured_at(
    distance_m: FloatArray, loss_db: FloatArray, *, tx_m: float = 30.0, **changes: Any
) -> Measurements:
    n = distance_m.size
    unknown = np.full(n, np.nan)
    fields: dict[str, Any] = {
        "rx_lat_deg": unknown,
        "rx_lon_deg": unknown,
        "tx_lat_deg": unknown,
        "tx_lon_deg": unknown,
        "distance_m": distance_m,
        "freq_mhz": np.full(n, 3500.0),
        "tx_height_agl_m": np.full(n, tx_m),
        "rx_height_agl_m": np.full(n, 1.5),
        "drop_m": np.full(n, tx_m - 1.5),
        "path_loss_db": loss_db,
        "absolute": True,
        "quantity": "path_loss_db",
        "column": "loss",
        "columns": {},
        "row": np.arange(n),
        "rows": n,
        "left_out": {},
    }
    return Measurements(**{**fields, **changes})


def ridge() -> Float32Array:
    cols = np.arange(GRID.cols)
    line = 600.0 + 150.0 * np.exp(-(((cols - RIDGE_COL) / 4.0) ** 2))
    return np.broadcast_to(line, GRID.shape).astype(np.float32)


def measured_on_ground(cols: list[int], loss_db: list[float]) -> Measurements:
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    tx_lon, tx_lat = to_degrees.transform(*GRID.easting_northing(MAST_ROW, MAST_COL))
    ends = [to_degrees.transform(*GRID.easting_northing(MAST_ROW, col)) for col in cols]
    distance_m = np.array([(col - MAST_COL) * GRID.cell_m for col in cols], dtype=np.float64)
    n = len(cols)
    return measured_at(
        distance_m,
        np.array(loss_db),
        rx_lat_deg=np.array([lat for _, lat in ends]),
        rx_lon_deg=np.array([lon for lon, _ in ends]),
        tx_lat_deg=np.full(n, tx_lat),
        tx_lon_deg=np.full(n, tx_lon),
        freq_mhz=np.full(n, 1800.0),
    )


@given(st.lists(st.floats(-60.0, 60.0), min_size=1, max_size=50))
def test_rmse_is_bias_and_sd_together(errors: list[float]) -> None:
    found = statistics(np.array(errors))
    assert found.rmse_db**2 == pytest.approx(found.bias_db**2 + found.sd_db**2, abs=1e-9)
    assert found.p50_abs_db <= found.p95_abs_db + 1e-12


def test_a_model_that_is_5_db_too_high_has_a_bias_of_plus_5() -> None:
    distance_m = np.array([400.0, 1500.0, 3000.0])
    truth = free_space_loss_db(np.hypot(distance_m, 28.5), 3500.0)
    measured = measured_at(distance_m, truth - 5.0)
    found = validate(measured, predict(measured, "free_space"))
    assert found.overall.bias_db == pytest.approx(5.0)
    assert found.overall.sd_db == pytest.approx(0.0, abs=1e-9)
    assert found.offset_db is None
    labels = [(g.split, g.label, g.statistics.n) for g in found.groups]
    assert labels == [
        ("distance", "0.25 to 0.5 km", 1),
        ("distance", "1 to 2 km", 1),
        ("distance", "2 to 5 km", 1),
        ("elevation", "0° to 1°", 1),
        ("elevation", "1° to 2°", 1),
        ("elevation", "4° to 8°", 1),
    ]


def test_an_unknown_eirp_leaves_no_bias_and_the_spread_as_it_is() -> None:
    distance_m = np.array([500.0, 1500.0, 3000.0])
    noise = np.array([2.0, -1.0, 5.0])
    truth = free_space_loss_db(np.hypot(distance_m, 28.5), 3500.0)
    eirp_dbm = 41.0
    measured = measured_at(distance_m, truth + noise - eirp_dbm, absolute=False)
    found = validate(measured, predict(measured, "free_space"))
    assert found.offset_db == pytest.approx(eirp_dbm - noise.mean())
    assert found.overall.sd_db == pytest.approx(noise.std())
    assert found.to_json()["overall"]["bias_db"] is None
    page = render_validation(found, title="x", version="1")
    assert "The bias is not known" in page


def test_the_error_splits_by_line_of_sight_and_land_cover() -> None:
    cols = [60, 70, 105, 120]
    ground = Ground(
        grid=GRID,
        ground_m=ridge(),
        clutter_class=np.where(np.arange(GRID.cols) < 65, 1, 2)[None, :].repeat(80, 0).astype("u1"),
        clutter_names={1: "meadow", 2: "village"},
    )
    measured = measured_on_ground(cols, [0.0, 0.0, 0.0, 0.0])
    predicted = predict(measured, "itu_r_p1812", ground=ground)
    assert predicted.line_of_sight.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert predicted.clutter_class == ["meadow", "village", "village", "village"]
    free = free_space_loss_db(measured.distance_m, 1800.0)
    assert np.all(predicted.path_loss_db[:2] < free[:2] + 8.0)
    assert np.all(predicted.path_loss_db[2:] > free[2:] + 15.0)
    groups = {(g.split, g.label): g.statistics.n for g in validate(measured, predicted).groups}
    assert groups["line_of_sight", "clear over bare ground"] == 2
    assert groups["line_of_sight", "blocked by ground"] == 2
    assert groups["clutter", "village"] == 3


@pytest.mark.slow
def test_every_path_model_runs_over_ground() -> None:
    measured = measured_on_ground([60, 120], [100.0, 140.0])
    for entry in MODELS.values():
        if entry.kind == "path" and entry.name in point_models():
            found = predict(measured, entry.name, ground=Ground(grid=GRID, ground_m=ridge()))
            assert np.isfinite(found.path_loss_db).all(), entry.name


def test_every_statistical_model_runs_without_ground() -> None:
    distance_m = np.array([1500.0, 4000.0])
    ran = 0
    for entry in MODELS.values():
        if entry.kind != "statistical":
            continue
        freq = 900.0 if entry.freq_mhz[0] <= 900.0 else 1800.0
        high = entry.tx_height_m[1]
        measured = measured_at(
            distance_m,
            distance_m * 0.0 + 120.0,
            tx_m=20.0 if high < 30.0 else 30.0,
            freq_mhz=np.full(2, freq),
        )
        loss = predict(measured, entry.name).path_loss_db
        assert loss[1] > loss[0], entry.name
        ran += 1
    assert ran >= 2


def test_ground_gives_the_elevation_that_the_clutter_counts() -> None:
    slope = np.broadcast_to(np.where(np.arange(GRID.cols) < 30, 900.0, 600.0), GRID.shape).astype(
        np.float32
    )
    measured = measured_on_ground([110], [130.0])
    flat = predict(measured, "free_space", clutter="itu_r_p2108_down_looking")
    steep = predict(
        measured,
        "free_space",
        clutter="itu_r_p2108_down_looking",
        ground=Ground(grid=GRID, ground_m=slope),
    )
    assert steep.elevation_deg[0] == pytest.approx(np.degrees(np.arctan(328.5 / 3000.0)), abs=0.05)
    assert steep.path_loss_db[0] < flat.path_loss_db[0] - 5.0


def test_paths_that_a_model_cannot_do_are_counted_not_guessed() -> None:
    void = ridge().copy()
    void[:, 50:53] = np.nan
    measured = measured_on_ground([15, 40, 100], [80.0, 100.0, 120.0])
    found = predict(measured, "itu_r_p1812", ground=Ground(grid=GRID, ground_m=void))
    assert np.isnan(found.path_loss_db).tolist() == [True, False, True]
    assert found.left_out == {"nearer than 250 m": 1, "no elevation along the path": 1}
    assert validate(measured, found).left_out == found.left_out


def test_points_nearer_than_the_clutter_formula_holds_are_counted() -> None:
    measured = measured_at(np.array([100.0, 900.0]), np.array([80.0, 110.0]))
    found = predict(measured, "free_space", clutter="itu_r_p2108_terrestrial")
    assert np.isnan(found.path_loss_db).tolist() == [True, False]
    assert sum(found.left_out.values()) == 1


def test_a_model_that_serves_no_path_is_told() -> None:
    measured = measured_at(np.array([30_000.0]), np.array([150.0]))
    predicted = predict(measured, "tr38901_uma")
    with pytest.raises(DataError, match="tr38901_uma gives no loss for any of the 1"):
        validate(measured, predicted)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("itu_r_p1812", {}, "needs the terrain"),
        ("free_spice", {}, "did you mean free_space"),
        ("itu_r_p2108_slant", {}, "no loss of a whole path"),
        ("tr38901_uma", {"clutter": "itu_r_p2108_terrestrial"}, "already"),
        ("free_space", {"clutter": "trees"}, "wanted one of none"),
    ],
)
def test_what_does_not_go_together_is_refused(
    model: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        predict(measured_at(np.array([900.0]), np.array([110.0])), model, **options)


def test_land_cover_and_clutter_at_the_phone_are_not_both_counted() -> None:
    ground = Ground(grid=GRID, ground_m=ridge(), clutter_m=np.zeros(GRID.shape, np.float32))
    measured = measured_on_ground([60], [100.0])
    with pytest.raises(ConfigError, match="twice"):
        predict(measured, "itu_r_p1812", ground=ground, clutter="itu_r_p2108_terrestrial")


def test_a_profile_without_positions_is_refused() -> None:
    measured = measured_at(np.array([900.0]), np.array([110.0]))
    with pytest.raises(ConfigError, match="needs both ends"):
        predict(measured, "itu_r_p1812", ground=Ground(grid=GRID, ground_m=ridge()))


def test_a_height_out_of_range_names_another_model() -> None:
    measured = measured_at(np.array([900.0]), np.array([110.0]), tx_m=3.0)
    with pytest.raises(OutOfRangeError, match="use "):
        predict(measured, "tr38901_uma")


def test_the_page_is_whole_and_asks_nothing_of_any_network() -> None:
    distance_m = np.geomspace(300.0, 9000.0, 40)
    measured = measured_at(distance_m, free_space_loss_db(distance_m, 3500.0) + 3.0)
    found = validate(measured, predict(measured, "free_space"))
    page = render_validation(found, title="<b>Bản</b>", version="1")
    assert page.count("<svg") == 4
    # both languages, and numbers as each writes them
    assert "mô hình dự đoán suy hao quá ít 3,0 dB" in page
    assert "the model predicts 3.0 dB too little loss" in page
    assert '<tspan class="l" lang="vi">khoảng cách [km]</tspan>' in page
    assert "check." not in page
    assert "&lt;b&gt;Bản&lt;/b&gt;" in page
    assert "http" not in page
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.skipif(BINARY is None, reason="no Chromium to look at the page with")
def test_the_page_fits_a_phone(tmp_path: Path) -> None:
    distance_m = np.geomspace(300.0, 9000.0, 40)
    measured = measured_at(distance_m, free_space_loss_db(distance_m, 3500.0) + 3.0)
    found = validate(measured, predict(measured, "free_space"))
    path = tmp_path / "page.html"
    path.write_text(render_validation(found, title="x", version="1"), encoding="utf-8")
    with chromium_page(tmp_path / "profile") as page:
        page.resize(360, 740, mobile=True)
        page.open(path.as_uri())
        assert page.ask("document.documentElement.scrollWidth") <= 360
        assert page.errors == []


# The real sets: the numbers of docs/accuracy.md -------------------------------------------------


@pytest.mark.parametrize(
    ("name", "clutter", "bias_db", "rmse_db"),
    [
        ("Low", "itu_r_p2108_terrestrial", -0.3, 3.2),
        ("Low", "itu_r_p2108_down_looking", -0.3, 3.2),
        ("High", "itu_r_p2108_terrestrial", 7.7, 9.2),
        ("High", "itu_r_p2108_down_looking", -1.6, 4.2),
    ],
)
def test_martin_acres_comes_out_as_the_docs_say(
    shared_dir: Path, name: str, clutter: Any, bias_db: float, rmse_db: float
) -> None:
    folder = shared_dir / "reference" / "measurements" / "ntia_martin_acres_3500"
    measured = read_measurements(read_table(folder / f"MartinAcres{name}_3500.csv"))
    found = validate(measured, predict(measured, "free_space", clutter=clutter)).overall
    assert found.bias_db == pytest.approx(bias_db, abs=0.05)  # the docs print one decimal
    assert found.rmse_db == pytest.approx(rmse_db, abs=0.05)


@pytest.mark.parametrize(
    ("name", "mast", "ground_m", "clutter", "bias_db", "rmse_db"),
    [
        (
            "CityCreek",
            Mast(lat_deg=40.80719231, lon_deg=-111.8807371, height_agl_m=10.52),
            1875.6,
            "itu_r_p2108_down_looking",
            2.3,
            7.4,
        ),
        (
            "Browning",
            Mast(lat_deg=40.766314982949, lon_deg=-111.847887797405, height_agl_m=35.2),
            1433.7,
            "itu_r_p2108_down_looking",
            4.5,
            8.5,
        ),
    ],
)
def test_salt_lake_city_comes_out_as_the_docs_say(
    shared_dir: Path,
    name: str,
    mast: Mast,
    ground_m: float,
    clutter: Any,
    bias_db: float,
    rmse_db: float,
) -> None:
    folder = shared_dir / "reference" / "measurements" / "ntia_salt_lake_city_3475"
    options = MeasurementOptions(
        transmitter=mast, tx_ground_amsl_m=ground_m, freq_mhz=3475.0, rx_height_agl_m=2.82
    )
    measured = read_measurements(read_table(folder / f"{name}.csv"), options)
    found = validate(measured, predict(measured, "free_space", clutter=clutter)).overall
    assert found.bias_db == pytest.approx(bias_db, abs=0.05)  # the docs print one decimal
    assert found.rmse_db == pytest.approx(rmse_db, abs=0.05)


def test_trees_beside_the_receiver_are_placed_in_metres() -> None:
    measured = measured_on_ground([60, 80], [120.0, 120.0])
    wood = np.full(GRID.shape, 15.0, dtype=np.float32)
    ground = Ground(grid=GRID, ground_m=np.full(GRID.shape, 600.0, np.float32), clutter_m=wood)
    found = {
        clearing_m: predict(
            measured,
            "itu_r_p1812",
            ground=ground,
            settings=PropagationSettings(terminal_clearing_m=clearing_m),
        )
        for clearing_m in (0.0, 50.0, 100.0)
    }
    losses = [found[clearing_m].path_loss_db for clearing_m in (0.0, 50.0, 100.0)]
    assert np.all(losses[0] > losses[1] + 1.0)
    assert np.all(losses[1] > losses[2] + 1.0)
    assert any("count from 50 m" in text for text in found[50.0].assumptions)
    assert any("follow the cell size" in text for text in found[0.0].assumptions)
