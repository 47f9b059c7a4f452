"""Cloud-Optimized GeoTIFF that explains itself: nodata, unit, legend and provenance inside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from lensong.gis_data.atomic import atomic_path
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid

__all__ = ["LegendClass", "write_cog"]

_BLOCK_PX = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendClass:
    """One line of a raster's legend.

    Parameters
    ----------
    value : float
        The code of a class, or the lower end of an interval in the raster's unit; minus infinity
        for an interval that is open below (null in the file).
    label : str
        As shown.
    rgba : tuple of int
        Colour and opacity, 0..255 each.
    """

    value: float
    label: str
    rgba: tuple[int, int, int, int]


def write_cog(
    path: str | Path,
    array: NDArray[Any],
    grid: Grid,
    *,
    nodata: float | None,
    name: str,
    unit: str,
    description: str,
    legend: Sequence[LegendClass] | None = None,
    provenance: Mapping[str, Any] | None = None,
    dtype: str | None = None,
    resampling_overviews: Literal["nearest", "average", "bilinear", "mode"] = "nearest",
) -> None:
    """Write one layer as a Cloud-Optimized GeoTIFF; the same input gives the same bytes.

    Parameters
    ----------
    path : str or Path
        Ends in ``.tif``. Appears whole or not at all.
    array : shape (rows, cols)
        On ``grid``; truth values are written as 0 and 1.
    grid : Grid
        Where the array lies.
    nodata : float or None
        The value that means "no data", NaN for floating numbers; None: every cell has data.
    name : str
        Name of the band with its unit suffix, e.g. ``"rsrp_dbm"``.
    unit : str
        E.g. ``"dBm"``; empty for classes.
    description : str
        One sentence on what the layer shows.
    legend : sequence of LegendClass or None
        Goes into the tag ``LENSONG_LEGEND`` as JSON. A uint8 layer also gets its colours as
        colour table, which QGIS shows at once.
    provenance : mapping or None
        Versions, hashes, settings: JSON-ready, goes into the tag ``LENSONG_PROVENANCE``.
    dtype : str or None
        Number type in the file; the array's own by default.
    resampling_overviews : {"nearest", "average", "bilinear", "mode"}
        How the smaller copies for far zooms are made; ``"nearest"`` or ``"mode"`` for classes.

    Raises
    ------
    InvalidInputError
        The array does not have the grid's shape, or a number does not fit the file's type.
    DataError
        The folder cannot be written, or the disk is full.
    """
    stored = _checked(array, grid, dtype, nodata, name)
    tags = {"TIFFTAG_IMAGEDESCRIPTION": description, "TIFFTAG_SOFTWARE": "lensong"}
    if legend is not None:
        tags["LENSONG_LEGEND"] = _json(
            [
                {
                    "value": c.value if isfinite(c.value) else None,
                    "label": c.label,
                    "rgba": list(c.rgba),
                }
                for c in legend
            ]
        )
    if provenance is not None:
        tags["LENSONG_PROVENANCE"] = _json(provenance)
    profile = {
        "driver": "COG",
        "height": grid.rows,
        "width": grid.cols,
        "count": 1,
        "dtype": stored.dtype.name,
        "crs": grid.crs,
        "transform": Affine(*grid.transform),
        "nodata": nodata,
        "compress": "DEFLATE",
        "level": 1,
        "predictor": "NO",  # with one, and level 3, packing takes 1.4 times as long for 11 % less
        "blocksize": _BLOCK_PX,
        "overviews": "AUTO",
        "overview_resampling": resampling_overviews.upper(),
        "bigtiff": "IF_SAFER",
    }
    data = _encode(stored, profile, name, unit, tags, legend)
    with atomic_path(path, needed_bytes=len(data)) as part:
        part.write_bytes(data)


def _encode(
    stored: NDArray[Any],
    profile: Mapping[str, Any],
    name: str,
    unit: str,
    tags: Mapping[str, str],
    legend: Sequence[LegendClass] | None,
) -> bytes:
    """Return the file; made in memory, so that a full disk is the system's error, not GDAL's."""
    with MemoryFile(ext=".tif") as memory:
        with memory.open(**profile) as dataset:
            dataset.write(stored, 1)
            # the driver would pack its own smaller copies twice, a third of the work of a file
            if factors := _overview_factors(stored.shape):
                dataset.build_overviews(factors, Resampling[profile["overview_resampling"].lower()])
            dataset.set_band_description(1, name)
            dataset.set_band_unit(1, unit)
            dataset.update_tags(**tags)
            if legend is not None and stored.dtype == np.uint8:
                dataset.write_colormap(1, {int(c.value): c.rgba for c in legend})
                dataset.colorinterp = [ColorInterp.palette]
        return bytes(memory.read())


def _overview_factors(shape: tuple[int, ...]) -> list[int]:
    """Return by how much smaller the copies are: halved until one block holds the last."""
    factors: list[int] = []
    side = max(shape)
    while side > _BLOCK_PX:
        factors.append(2 ** (len(factors) + 1))
        side //= 2
    return factors


def _checked(
    array: NDArray[Any], grid: Grid, dtype: str | None, nodata: float | None, name: str
) -> NDArray[Any]:
    """Return the array in the type of the file."""
    if array.shape != grid.shape:
        raise InvalidInputError(f"{name} has shape {array.shape}, wanted the grid's {grid.shape}")
    wanted = np.dtype(dtype or ("uint8" if array.dtype == np.bool_ else array.dtype))
    whole = np.issubdtype(wanted, np.integer)
    if whole and np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise InvalidInputError(
            f"{name} has NaN, which {wanted} cannot hold: write it as float32, or put the nodata "
            "value there first"
        )
    if whole and array.size:
        limits = np.iinfo(wanted)
        low, high = array.min(), array.max()
        if low < limits.min or high > limits.max:
            raise InvalidInputError(
                f"{name} reaches from {low} to {high}, wanted {limits.min} to {limits.max} "
                f"as {wanted} holds: choose a wider dtype"
            )
        if nodata is not None and not (limits.min <= nodata <= limits.max):
            raise InvalidInputError(f"nodata of {name} is {nodata}, which {wanted} cannot hold")
    return np.ascontiguousarray(array.astype(wanted, copy=False))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
