from __future__ import annotations

import base64
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pyproj import Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from lensong.gis_data.pictures import (
    encode_png,
    mercator_cells,
    palette_png,
    palette_png_url,
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


@pytest.mark.parametrize("shape", [(7, 5), (7, 5, 3), (7, 5, 4)])
def test_png_holds_the_picture_and_repeats_its_bytes(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    data = encode_png(picture)
    assert data.startswith(b"\x89PNG\r\n")
    assert np.array_equal(_decode(data).reshape(shape), picture)
    assert encode_png(picture) == data


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


def test_rasters_of_one_grid_are_warped_once() -> None:
    classes = np.random.default_rng(2).integers(1, 200, _BINH_LU.shape, dtype=np.uint8)
    for max_px in (2048, 120):
        warped, corners = warp_to_mercator(classes, _BINH_LU, max_px=max_px)
        cells, same = mercator_cells(_BINH_LU, max_px=max_px)
        assert same == corners
        np.testing.assert_array_equal(np.where(cells < 0, 0, classes.ravel()[cells]), warped)


def test_array_of_another_grid_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="wanted the grid's"):
        warp_to_mercator(np.zeros((3, 3)), _BINH_LU)


def test_a_picture_of_two_bands_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="wanted uint8"):
        encode_png(np.zeros((2, 2, 2), dtype=np.uint8))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_another_reader_finds_the_same_pixels_colours_and_transparency() -> None:
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    content = palette_png(indices, ["#ff0000", "#00ff7f"])
    with MemoryFile(content) as memory, memory.open() as dataset:
        assert dataset.read(1).tolist() == indices.tolist()
        colours = dataset.colormap(1)
    assert colours[0][3] == 0
    assert colours[1] == (255, 0, 0, 255)
    assert colours[2] == (0, 255, 127, 255)


def test_a_picture_of_one_palette_repeats_its_bytes() -> None:
    indices = np.random.default_rng(1).integers(0, 200, (60, 80), dtype=np.uint8)
    colours = [f"#{grey:02x}{grey:02x}00" for grey in range(255)]
    data = palette_png(indices, colours)
    assert palette_png(indices, colours) == data
    url = palette_png_url(indices, colours)
    assert base64.b64decode(url.removeprefix("data:image/png;base64,")) == data


def test_an_index_without_a_colour_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="colours"):
        palette_png(np.array([[3]], np.uint8), ["#ff0000"])


def test_pictures_are_made_by_many_threads_without_a_warning() -> None:
    """What Python warns of is one list for all threads; pytest makes any warning an error."""
    picture = np.zeros((4, 4, 4), dtype=np.uint8)
    every_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: encode_png(picture), range(2_000)))
    finally:
        sys.setswitchinterval(every_s)
    assert set(made) == {encode_png(picture)}
