"""Small rasters on disk for the tests of the land."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

WriteRaster = Callable[..., Path]


@pytest.fixture
def write_raster(tmp_path: Path) -> WriteRaster:
    """Return a function that writes a GeoTIFF and returns its path."""

    def write(
        name: str,
        values: NDArray[Any],
        *,
        west: float,
        north: float,
        pixel: float,
        crs: str | None = "EPSG:32648",
        nodata: float | None = None,
        unit: str = "",
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        bands = values if values.ndim == 3 else values[np.newaxis]
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=bands.shape[2],
            height=bands.shape[1],
            count=bands.shape[0],
            dtype=bands.dtype,
            crs=crs,
            transform=Affine(pixel, 0.0, west, 0.0, -pixel, north),
            nodata=nodata,
        ) as raster:
            raster.write(bands)
            if unit:
                raster.set_band_unit(1, unit)
        return path

    return write
