"""Whether what arrived is what it should be: every block of a raster, every feature of a layer."""

from __future__ import annotations

from pathlib import Path

import rasterio
import shapely
from pyproj.exceptions import CRSError
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds
from shapely.geometry.base import BaseGeometry

from lensong.gis_data.fetch.layers import open_fetched
from lensong.gis_data.fetch.sources import Source
from lensong.gis_data.fetch.vietnam import check_vietnam
from lensong.propagation.errors import DataError

__all__ = ["check_content"]

_HEAD_BYTES = 200


def check_content(path: Path, source: Source, outline: BaseGeometry | None) -> None:
    """Read a file to its end.

    Parameters
    ----------
    path : Path
    source : Source
        Says what the file has to be.
    outline : geometry in EPSG:4326, or None
        A raster has to reach this area.

    Raises
    ------
    DataError
        It is something else, is damaged, or lies elsewhere.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES).lstrip()
    if head[:1] == b"<" and b"html" in head.lower():
        raise DataError(
            "is a web page, wanted a file of data: a proxy or a sign-in may stand in between"
        )
    if source.kind == "vector":
        open_fetched(path)
        return
    if source.kind == "archive of Vietnam":
        check_vietnam(path)
        return
    try:
        with rasterio.open(path) as raster:
            if raster.driver != "GTiff" or raster.crs is None:
                raise DataError(f"is {raster.driver} without a system, wanted a GeoTIFF")
            bounds = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
            for _, window in raster.block_windows(1):
                raster.read(1, window=window)
    except (RasterioError, CRSError) as error:
        raise DataError(f"is no whole raster ({error.__cause__ or error})") from error
    if outline is not None and not shapely.intersects(shapely.box(*bounds), outline):
        west, south, east, north = bounds
        raise DataError(
            f"covers {west:.2f} to {east:.2f} east and {south:.2f} to {north:.2f} north, which is "
            "not the area"
        )
