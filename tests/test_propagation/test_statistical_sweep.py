"""Maps of the statistical models: each pixel is the point function at its distance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.free_space import free_space_loss_db
from lensong.propagation.hata import extended_hata_loss_db, okumura_hata_loss_db
from lensong.propagation.models import MODELS
from lensong.propagation.statistical_sweep import ROWS_AT_ONCE
from lensong.propagation.sweep import sweep
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.sweep_result import SweepResult
from lensong.propagation.terrain import Terrain
from lensong.propagation.tr38901 import expected_loss_db
from lensong.propagation.types import FloatArray

CELL_M = 30.0
REQUEST = SweepRequest(
    row=150.25,
    col=140.5,
    tx_height_agl_m=40.0,
    rx_height_agl_m=1.5,
    freq_mhz=900.0,
    radius_m=4200.0,
    delta_n_per_km=44.0,
    n0=365.5,
    tx_lat_deg=22.4,
)


@pytest.fixture(scope="module")
def terrain() -> Terrain:
    rows, cols = np.mgrid[0:300, 0:290]
    ground = 500.0 + 300.0 * np.sin(rows / 40.0) * np.cos(cols / 35.0)
    ground[20, 30] = np.nan
    return Terrain(ground_m=ground.astype(np.float32), cell_m=CELL_M)


def distances(result: SweepResult) -> FloatArray:
    rows, cols = result.path_loss_db.shape
    down = np.arange(rows) + result.row0 - REQUEST.row
    right = np.arange(cols) + result.col0 - REQUEST.col
    return np.asarray(np.hypot(down[:, None], right[None, :]) * CELL_M)


@pytest.mark.parametrize(
    "name", [name for name, entry in MODELS.items() if entry.kind == "statistical"]
)
def test_every_engine_fills_the_disc_and_nothing_else(name: str, terrain: Terrain) -> None:
    request = replace(REQUEST, freq_mhz=1700.0) if name == "cost231_hata" else REQUEST
    if name == "tr38901_umi":
        request = replace(request, tx_height_agl_m=12.0)
    result = sweep(request, terrain, model=name)
    distance = distances(result)
    inside = distance <= request.radius_m
    inside[20 - result.row0, 30 - result.col0] = False
    first_m = 1000.0 if name.startswith(("okumura", "cost")) else 0.0
    expected = inside & (distance >= first_m)
    assert np.array_equal(np.isfinite(result.path_loss_db), expected)
    assert np.array_equal(np.isfinite(result.departure_deg), inside)
    assert np.all(result.diffraction_db[inside] == 0.0)
    assert np.all(result.terrain_db[inside] == 0.0)
    assert np.all(np.isnan(result.diffraction_db[~inside]))


def test_a_pixel_is_the_point_function_at_its_distance(terrain: Terrain) -> None:
    maps = {
        name: sweep(REQUEST, terrain, model=name)
        for name in ("extended_hata_open", "okumura_hata_suburban", "tr38901_rma")
    }
    result = maps["tr38901_rma"]
    heights = {"freq_mhz": 900.0, "tx_height_agl_m": 40.0, "rx_height_agl_m": 1.5}
    for row, col in ((60, 200), (200, 260), (149, 40)):
        at = (row - result.row0, col - result.col0)
        distance_m = float(np.hypot(row - REQUEST.row, col - REQUEST.col) * CELL_M)
        for name, loss in (
            ("extended_hata_open", extended_hata_loss_db(distance_m, area="open", **heights)),
            ("okumura_hata_suburban", okumura_hata_loss_db(distance_m, area="suburban", **heights)),
            ("tr38901_rma", expected_loss_db("rma", distance_m, **heights)),
        ):
            assert maps[name].path_loss_db[at] == pytest.approx(float(loss), abs=1e-9)


def test_free_space_goes_along_the_slant_and_the_angle_to_the_receiver(terrain: Terrain) -> None:
    result = sweep(REQUEST, terrain, model="free_space")
    ground = terrain.ground_m.astype(float)
    mast = 0.5 * 0.75 * (ground[150, 140] + ground[150, 141]) + 0.5 * 0.25 * (
        ground[151, 140] + ground[151, 141]
    )
    row, col = 60, 200
    distance_m = float(np.hypot(row - REQUEST.row, col - REQUEST.col) * CELL_M)
    rise_m = ground[row, col] + 1.5 - (mast + 40.0)
    at = (row - result.row0, col - result.col0)
    expected = free_space_loss_db(np.hypot(distance_m, rise_m), 900.0)
    # the ground is kept in single precision: 3e-5 m
    assert result.path_loss_db[at] == pytest.approx(float(expected), abs=1e-5)
    earth_m = 6371e3 * 157.0 / (157.0 - 44.0)
    slope = rise_m / distance_m - distance_m / (2.0 * earth_m)
    assert result.departure_deg[at] == pytest.approx(np.degrees(np.arctan(slope)), abs=1e-4)


def test_a_map_of_many_rows_has_no_seam() -> None:
    side = 2 * ROWS_AT_ONCE + 41
    flat = Terrain(ground_m=np.zeros((side, side), dtype=np.float32), cell_m=10.0)
    middle = (side - 1) / 2
    request = replace(REQUEST, row=middle, col=middle, radius_m=10.0 * middle)
    loss = sweep(request, flat, model="extended_hata").path_loss_db
    assert np.array_equal(loss, loss[::-1], equal_nan=True)
    assert np.array_equal(loss, loss.T, equal_nan=True)


def test_distances_beyond_a_model_are_nan() -> None:
    flat = Terrain(ground_m=np.zeros((3, 401), dtype=np.float32), cell_m=30.0)
    request = replace(REQUEST, row=1.0, col=0.0, radius_m=11_000.0)
    loss = sweep(request, flat, model="tr38901_rma").path_loss_db[1]
    assert np.all(np.isfinite(loss[: 10_000 // 30 + 1]))
    assert np.all(np.isnan(loss[10_000 // 30 + 1 :]))


@pytest.mark.parametrize(
    ("model", "change", "instead"),
    [
        ("okumura_hata", {"freq_mhz": 1800.0}, "extended_hata"),
        ("cost231_hata", {"freq_mhz": 900.0}, "okumura_hata"),
        ("extended_hata", {"freq_mhz": 3500.0}, "tr38901_rma"),
        ("tr38901_umi", {"tx_height_agl_m": 40.0}, "tr38901_uma"),
        ("tr38901_rma", {"rx_height_agl_m": 12.0}, "itu_r_p1812"),
    ],
)
def test_a_request_outside_the_model_is_refused_with_another(
    terrain: Terrain, model: str, change: dict[str, float], instead: str
) -> None:
    with pytest.raises(OutOfRangeError, match=instead):
        sweep(replace(REQUEST, **change), terrain, model=model)  # type: ignore[arg-type]
