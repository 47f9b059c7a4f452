from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from lensong.gis_data.hillshade import hillshade
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Float32Array, FloatArray


@given(st.floats(0.0, 360.0), st.floats(0.0, 90.0), st.floats(-100.0, 9000.0))
def test_flat_ground_is_as_bright_as_the_sun_is_high(
    azimuth_deg: float, altitude_deg: float, height_m: float
) -> None:
    shade = hillshade(
        np.full((4, 5), height_m), 30.0, azimuth_deg=azimuth_deg, altitude_deg=altitude_deg
    )
    wanted = 1.0 + 254.0 * np.sin(np.radians(altitude_deg))
    assert np.all(np.abs(shade - wanted) <= 1.0)  # rounded to whole steps


@pytest.mark.parametrize(
    ("azimuth_deg", "lit", "dark"),
    [
        (270.0, (10, 5), (10, 15)),
        (90.0, (10, 15), (10, 5)),
        (0.0, (5, 10), (15, 10)),
        (180.0, (15, 10), (5, 10)),
    ],
)
def test_side_toward_the_light_is_brighter(
    azimuth_deg: float, lit: tuple[int, int], dark: tuple[int, int]
) -> None:
    row, col = np.mgrid[0:21, 0:21]
    cone = 400.0 - 20.0 * np.hypot(row - 10, col - 10)
    shade = hillshade(cone, 30.0, azimuth_deg=azimuth_deg)
    assert shade[lit] > 1.5 * shade[dark]


def test_plane_facing_the_light_is_fully_lit() -> None:
    col = np.arange(8.0)[np.newaxis, :] * np.ones((8, 1))
    shade = hillshade(30.0 * col, 30.0, azimuth_deg=270.0, altitude_deg=45.0)  # rises east by 45°
    assert np.all(shade[:, 1:-1] == 255)


def test_missing_height_is_zero_and_does_not_spread() -> None:
    ground = np.full((5, 5), 800.0)
    ground[2, 2] = np.nan
    shade = hillshade(ground, 30.0)
    assert shade[2, 2] == 0
    assert np.count_nonzero(shade == shade[0, 0]) == 24


def _with_arrays(ground: Float32Array, cell_m: float) -> FloatArray:
    """The obvious twin: eight shifted copies, the light from the north-west at 45 degrees."""
    wide = np.pad(ground.astype(np.float64), 1, mode="edge")
    rows, cols = ground.shape

    def at(down: int, right: int) -> FloatArray:
        cells = wide[1 + down : 1 + down + rows, 1 + right : 1 + right + cols]
        return np.where(np.isnan(cells), ground, cells)

    east = at(-1, 1) + 2.0 * at(0, 1) + at(1, 1) - at(-1, -1) - 2.0 * at(0, -1) - at(1, -1)
    north = at(-1, -1) + 2.0 * at(-1, 0) + at(-1, 1) - at(1, -1) - 2.0 * at(1, 0) - at(1, 1)
    east, north = east / (8.0 * cell_m), north / (8.0 * cell_m)
    half = np.sqrt(0.5)
    light = half - half * (north * half - east * half)
    bright = 1.0 + 254.0 * np.clip(light / np.sqrt(1.0 + east**2 + north**2), 0.0, 1.0)
    return np.where(np.isnan(ground), 0.0, bright)


@pytest.mark.parametrize("shape", [(40, 51), (1, 7), (7, 1), (1, 1)])
def test_the_kernel_is_its_twin(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    ground = rng.normal(900.0, 60.0, shape).astype(np.float32)
    ground[rng.random(shape) < 0.1] = np.nan
    shade = hillshade(ground, 30.0)
    assert np.abs(shade - _with_arrays(ground, 30.0)).max() <= 0.51  # rounded to whole steps
    assert ((shade == 0) == np.isnan(ground)).all()


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"wanted \(rows, cols\)"):
        hillshade(np.zeros(4), 30.0)
    with pytest.raises(InvalidInputError, match="cell_m is 0"):
        hillshade(np.zeros((2, 2)), 0.0)
    with pytest.raises(InvalidInputError, match=r"altitude_deg is 91\.0"):
        hillshade(np.zeros((2, 2)), 30.0, altitude_deg=91.0)


def test_real_mountain_is_modelled_by_light(shared_dir: object) -> None:
    path = f"{shared_dir}/data/cevennes-end-to-end/dem_srtm1_utm31n_30m.tif"
    with rasterio.open(path) as dataset:
        ground = dataset.read(1).astype(np.float32)
    shade = hillshade(ground, 30.0)
    assert 150 < shade.mean() < 200  # around 255 sin 45°
    assert shade.std() > 25
