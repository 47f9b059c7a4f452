"""The relief of a plan's ground as a small picture with its place, to lie under other maps.

A PNG and its world file: QGIS opens it in place as WGS 84, a web map puts it by its edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from lensong.coverage.results import files
from lensong.coverage.results.rasters import Step
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.hillshade import hillshade
from lensong.gis_data.pictures import WarpedBounds, palette_png, warp_to_geographic
from lensong.propagation.errors import DataError
from lensong.propagation.types import Float32Array, Grid

__all__ = ["read_relief", "relief_picture", "relief_steps"]

_SIDE_PX = 720
_SHADES = 48
"""Greys of the picture: more are not told apart under a map, and weigh more."""


def relief_picture(ground_m: Float32Array, grid: Grid) -> tuple[bytes, WarpedBounds]:
    """Return the relief as a PNG in latitude and longitude, and where it lies.

    Parameters
    ----------
    ground_m : shape (rows, cols)
        Height [m] on ``grid``; the picture is transparent where it is NaN.
    """
    shade = hillshade(ground_m, grid.cell_m).astype(np.float32)
    shade[shade == 0.0] = np.nan
    warped, bounds = warp_to_geographic(shade, grid, resampling="average", max_px=_SIDE_PX)
    steps = np.minimum(np.nan_to_num(warped) * (_SHADES / 256.0), _SHADES - 1.0)
    indices = np.where(np.isnan(warped), 0, steps.astype(np.uint8) + 1).astype(np.uint8)
    greys = [round(255.0 * (step + 0.5) / _SHADES) for step in range(_SHADES)]
    return palette_png(indices, [f"#{grey:02x}{grey:02x}{grey:02x}" for grey in greys]), bounds


def relief_steps(ground_m: Float32Array, grid: Grid) -> Iterator[Step]:
    """Yield the names of the relief's two files, and what writes each: one after the other."""
    picture = cache(lambda: relief_picture(ground_m, grid))
    yield files.RELIEF, lambda path: _write(path, picture()[0])
    yield files.RELIEF_PLACE, lambda path: _write(path, _world_file(*picture()))


def read_relief(folder: Path) -> tuple[bytes, WarpedBounds] | None:
    """Return the relief of a result and where it lies; None where there is none.

    Raises
    ------
    DataError
        One of its files is damaged.
    """
    picture, place = folder / files.RELIEF, folder / files.RELIEF_PLACE
    if not (picture.is_file() and place.is_file()):
        return None
    png = picture.read_bytes()
    try:
        across, _, _, down, west, north = map(float, place.read_text("ascii").split())
        width_px, height_px = _size_px(png)
        west, north = west - across / 2, north - down / 2
        east, south = west + across * width_px, north + down * height_px
        if not (-180.0 <= west < east <= 540.0 and -90.0 <= south < north <= 90.0):
            raise ValueError("it lies nowhere on the earth")
    except (OSError, ValueError) as error:
        raise DataError(f"{place} is no place of {picture.name} ({error}): plan again") from error
    return png, WarpedBounds(west_deg=west, south_deg=south, east_deg=east, north_deg=north)


def _size_px(png: bytes) -> tuple[int, int]:
    if png[:8] != b"\x89PNG\r\n\x1a\n" or len(png) < 24:
        raise ValueError("the picture is no PNG")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _world_file(png: bytes, bounds: WarpedBounds) -> bytes:
    """Return pixel size and centre of the north-western pixel, a number a line."""
    width_px, height_px = _size_px(png)
    across = (bounds.east_deg - bounds.west_deg) / width_px
    down = (bounds.south_deg - bounds.north_deg) / height_px
    numbers = (across, 0.0, 0.0, down, bounds.west_deg + across / 2, bounds.north_deg + down / 2)
    return "".join(f"{number:.12g}\n" for number in numbers).encode()


def _write(path: Path, data: bytes) -> None:
    with atomic_path(path, needed_bytes=len(data)) as part:
        part.write_bytes(data)
