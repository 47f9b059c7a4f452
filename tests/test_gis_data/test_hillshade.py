from __future__ import annotations

import base64
import warnings

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from lensong.gis_data.hillshade import (
    encode_png,
    hillshade,
    png_data_url,
    warp_to_geographic,
    warp_to_mercator,
)
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid, UInt8Array

_BINH_LU = Grid(
    crs="EPSG:32648", west_m=352_000.0, north_m=2_492_000.0, cell_m=100.0, rows=200, cols=300
)


def _decode(data: bytes) -> UInt8Array:
    with warnings.catch_warnings(), MemoryFile(data) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as dataset:
            bands: UInt8Array = np.moveaxis(dataset.read(), 0, 2)
            return bands


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
    with pytest.raises(InvalidInputError, match="wanted uint8"):
        encode_png(np.zeros((2, 2, 2), dtype=np.uint8))


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3), (7, 5, 4)])
def test_png_holds_the_picture_and_repeats_its_bytes(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    data = encode_png(picture)
    assert data.startswith(b"\x89PNG\r\n")
    assert np.array_equal(_decode(data).reshape(shape), picture)
    assert encode_png(picture) == data
    assert base64.b64decode(png_data_url(picture).removeprefix("data:image/png;base64,")) == data


def test_mercator_pixel_shows_the_cell_that_lies_there() -> None:
    row, col = np.mgrid[0 : _BINH_LU.rows, 0 : _BINH_LU.cols]
    easting_m = (_BINH_LU.west_m + (col + 0.5) * 100.0).astype(np.float32)
    warped, corners = warp_to_mercator(easting_m, _BINH_LU, resampling="bilinear")
    to_mercator = Transformer.from_crs(4326, 3857, always_xy=True)
    to_utm = Transformer.from_crs(4326, 32648, always_xy=True)
    west, north = to_mercator.transform(*corners[0])
    east, south = to_mercator.transform(*corners[2])
    height, width = warped.shape
    lon, lat = to_mercator.transform(
        west + (width // 2 + 0.5) * (east - west) / width,
        north - (height // 2 + 0.5) * (north - south) / height,
        direction="INVERSE",
    )
    assert warped[height // 2, width // 2] == pytest.approx(to_utm.transform(lon, lat)[0], abs=15.0)
    assert corners[0][1] == corners[1][1]
    assert corners[0][0] == corners[3][0]
    assert np.isnan(warped[0, 0]) or np.isnan(warped[-1, 0])  # UTM north leans here
    assert row.shape == _BINH_LU.shape


def test_warp_keeps_type_bands_and_size_limit() -> None:
    rgba = np.zeros((*_BINH_LU.shape, 4), dtype=np.uint8)
    rgba[..., 3] = 255
    warped, _ = warp_to_mercator(rgba, _BINH_LU, max_px=64)
    assert warped.dtype == np.uint8
    assert max(warped.shape[:2]) == 64
    assert warped.shape[2] == 4
    assert set(np.unique(warped[..., 3])) == {0, 255}
    flag, bounds = warp_to_geographic(np.ones(_BINH_LU.shape, dtype=bool), _BINH_LU)
    assert flag.dtype == np.bool_
    assert 103.5 < bounds.west_deg < bounds.east_deg < 103.9
    assert 22.3 < bounds.south_deg < bounds.north_deg < 22.6


def test_array_of_another_grid_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="wanted the grid's"):
        warp_to_mercator(np.zeros((3, 3)), _BINH_LU)


def test_real_mountain_is_modelled_by_light(shared_dir: object) -> None:
    path = f"{shared_dir}/data/cevennes-end-to-end/dem_srtm1_utm31n_30m.tif"
    with rasterio.open(path) as dataset:
        ground = dataset.read(1).astype(np.float32)
    shade = hillshade(ground, 30.0)
    assert 150 < shade.mean() < 200  # around 255 sin 45°
    assert shade.std() > 25
