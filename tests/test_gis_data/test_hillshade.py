from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from lensong.gis_data.hillshade import hillshade
from lensong.propagation.errors import InvalidInputError


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
