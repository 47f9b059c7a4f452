"""Windows, tiles and points of a layer, out of the tiles of a planned network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from lensong.coverage.network import Network
from lensong.coverage.report.legend import cell_legend
from lensong.gis_data.pictures import encode_png16, palette_png
from lensong.planner.layer_list import KNOWN_QUANTITIES, Layer
from lensong.planner.shown import Tiles
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid, IntArray, UInt8Array

__all__ = [
    "Window",
    "cell_under",
    "coloured",
    "corners_deg",
    "grey16",
    "lattice",
    "mercator_cells",
    "values_at",
    "window",
    "window_grid",
]

TILE_PX = 256
_EQUATOR_M = 40_075_016.685578488
_LATTICE_LINES = 33


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a grid, every so many rows and columns.

    Parameters
    ----------
    row0, col0, rows, cols : int
        Of the grid that is looked at.
    step : int
    """

    row0: int
    col0: int
    rows: int
    cols: int
    step: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """Return how many rows and columns are looked at."""
        return -(-self.rows // self.step), -(-self.cols // self.step)

    @property
    def said(self) -> str:
        """Return the window as a header has it: rows and columns are those of the values."""
        rows, cols = self.shape
        return f"{self.row0},{self.col0},{rows},{cols},{self.step}"

    @classmethod
    def of(
        cls,
        grid: Grid,
        row0: int | None,
        col0: int | None,
        rows: int | None,
        cols: int | None,
        step: int,
    ) -> Window:
        """Return the part of a grid that is asked for; None: from the corner, to the end.

        Raises
        ------
        InvalidInputError
            It does not lie on the grid.
        """
        top, left = row0 or 0, col0 or 0
        high = grid.rows - top if rows is None else rows
        wide = grid.cols - left if cols is None else cols
        if not (
            0 <= top < grid.rows
            and 0 <= left < grid.cols
            and 0 < high <= grid.rows - top
            and 0 < wide <= grid.cols - left
            and 1 <= step <= 256
        ):
            raise InvalidInputError(
                f"the window is row0 {top}, col0 {left}, {high} x {wide}, step {step}, wanted one "
                f"within {grid.rows} x {grid.cols} rows and columns"
            )
        return cls(row0=top, col0=left, rows=high, cols=wide, step=step)


def window(tiles: Tiles, layer: Layer, part: Window, tile_px: int) -> NDArray[Any]:
    """Return the values of a layer in a window, every ``step``-th row and column."""
    rows = np.arange(part.row0, part.row0 + part.rows, part.step)
    cols = np.arange(part.col0, part.col0 + part.cols, part.step)
    found = np.empty((rows.size, cols.size), np.dtype(layer.dtype))
    for tile_row in range(int(rows[0]) // tile_px, int(rows[-1]) // tile_px + 1):
        r = np.flatnonzero(rows // tile_px == tile_row)
        for tile_col in range(int(cols[0]) // tile_px, int(cols[-1]) // tile_px + 1):
            c = np.flatnonzero(cols // tile_px == tile_col)
            if not r.size or not c.size:
                continue
            tile = tiles((tile_row, tile_col))
            first_row, first_col = int(rows[r[0]]) % tile_px, int(cols[c[0]]) % tile_px
            if part.step > 1 and layer.quantity in KNOWN_QUANTITIES:
                tile = tile.every(part.step, first_row, first_col)
            values = layer.read(tile)
            found[r[0] : r[-1] + 1, c[0] : c[-1] + 1] = values[
                first_row :: part.step, first_col :: part.step
            ][: r.size, : c.size]
    return found


def values_at(tiles: Tiles, layer: Layer, row: IntArray, col: IntArray, tile_px: int) -> Any:
    """Return the values of a layer at cells; where a row is -1, what stands for none."""
    none = 0.0 if layer.none is None else layer.none
    found = np.full(row.shape, none, np.dtype(layer.dtype))
    inside = row >= 0
    tile_row, tile_col = row // tile_px, col // tile_px
    for key in set(zip(tile_row[inside].tolist(), tile_col[inside].tolist(), strict=True)):
        at = inside & (tile_row == key[0]) & (tile_col == key[1])
        values = layer.read(tiles(key))
        found[at] = values[row[at] - key[0] * tile_px, col[at] - key[1] * tile_px]
    return found


def grey16(values: NDArray[Any], layer: Layer) -> bytes:
    """Return values as a 16-bit PNG: value = offset + scale x grey, grey 0 is none.

    What lies beyond the greys is cut to the last one.
    """
    scale, offset = layer.png
    numbers = values.astype(np.float64)
    grey = np.clip(np.rint((numbers - offset) / scale), 1, 65_535)
    none = np.isnan(numbers)
    if layer.none is not None and not isnan(layer.none):
        none |= numbers == layer.none
    return encode_png16(np.where(none, 0, np.nan_to_num(grey)).astype(np.uint16))


def coloured(values: NDArray[Any], layer: Layer, network: Network) -> bytes:
    """Return values as a PNG in the colours of the legend; what has none is transparent."""
    indices, colours = _indices(values, layer, network)
    return palette_png(indices, colours)


def _indices(values: NDArray[Any], layer: Layer, network: Network) -> tuple[UInt8Array, list[str]]:
    if layer.quantity in ("server", "second"):
        legend = cell_legend([(cell.cell_id, cell.mast_id) for cell in network.cells])
        indices = np.where(values >= 0, values % 255 + 1, 0).astype(np.uint8)
        return indices, [one.colour for one in legend.classes]
    colours = [str(one["colour"]) for one in layer.legend]
    if not colours:
        return np.clip(values, 0, 6).astype(np.uint8), _COUNTS
    if "value" in layer.legend[0]:
        table = np.zeros(256, np.uint8)
        for place, one in enumerate(layer.legend, start=1):
            table[int(one["value"])] = place
        return table[values.astype(np.uint8)], colours
    lows = [float(one["low"]) for one in layer.legend]
    index = np.searchsorted(lows, np.nan_to_num(values, nan=-np.inf), side="right")
    return index.astype(np.uint8), colours


_COUNTS = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"]


def corners_deg(grid: Grid, part: Window) -> list[list[float]]:
    """Return the outer corners of a window: north-west, north-east, south-east, south-west."""
    top, left = part.row0 - 0.5, part.col0 - 0.5
    bottom, right = top + part.rows, left + part.cols
    places = ((top, left), (top, right), (bottom, right), (bottom, left))
    to_degrees = _transformer(grid.crs, "EPSG:4326")
    return [
        [round(float(v), 7) for v in to_degrees.transform(*grid.easting_northing(r, c))]
        for r, c in places
    ]


def lattice(grid: Grid) -> Mapping[str, Any]:
    """Return where lines of rows and columns cross, in degrees; edges of cells, corners first."""
    rows = _lines(grid.rows)
    cols = _lines(grid.cols)
    row, col = np.meshgrid(rows, cols, indexing="ij")
    east = grid.west_m + col * grid.cell_m
    north = grid.north_m - row * grid.cell_m
    lon, lat = _transformer(grid.crs, "EPSG:4326").transform(east, north)
    return {
        "rows": rows.tolist(),
        "cols": cols.tolist(),
        "lon_deg": np.round(lon, 7).tolist(),
        "lat_deg": np.round(lat, 7).tolist(),
    }


def _lines(count: int) -> IntArray:
    return np.unique(np.linspace(0, count, min(_LATTICE_LINES, count + 1)).round().astype(np.int64))


@lru_cache(512)
def mercator_cells(grid: Grid, z: int, x: int, y: int) -> tuple[IntArray, IntArray]:
    """Return row and column of the cell under each pixel of a Web Mercator tile; -1 off the grid.

    Raises
    ------
    InvalidInputError
        There is no such tile.
    """
    if not (0 <= z <= 24 and 0 <= x < 2**z and 0 <= y < 2**z):
        raise InvalidInputError(f"there is no tile {z}/{x}/{y}")
    side = _EQUATOR_M / 2**z
    steps = (np.arange(TILE_PX) + 0.5) / TILE_PX
    east = -_EQUATOR_M / 2 + (x + steps) * side
    north = _EQUATOR_M / 2 - (y + steps) * side
    across, down = np.meshgrid(east, north)
    easting, northing = _transformer("EPSG:3857", grid.crs).transform(across, down)
    with np.errstate(invalid="ignore"):
        col = np.floor((easting - grid.west_m) / grid.cell_m)
        row = np.floor((grid.north_m - northing) / grid.cell_m)
        inside = (row >= 0) & (row < grid.rows) & (col >= 0) & (col < grid.cols)
    rows = np.where(inside, row, -1).astype(np.int64)
    cols = np.where(inside, col, -1).astype(np.int64)
    rows.flags.writeable = cols.flags.writeable = False
    return rows, cols


@lru_cache(16)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def window_grid(grid: Grid, part: Window) -> Grid:
    """Return the grid of what a window holds; with a step, of cells as large as that."""
    return replace(
        grid,
        west_m=grid.west_m + part.col0 * grid.cell_m,
        north_m=grid.north_m - part.row0 * grid.cell_m,
        cell_m=grid.cell_m * part.step,
        rows=part.shape[0],
        cols=part.shape[1],
    )


def cell_under(grid: Grid, lat_deg: float, lon_deg: float) -> tuple[int, int]:
    """Return the row and column of a place.

    Raises
    ------
    InvalidInputError
        It lies off the grid.
    """
    easting, northing = _transformer("EPSG:4326", grid.crs).transform(lon_deg, lat_deg)
    if not grid.contains(easting, northing):
        raise InvalidInputError(f"{lat_deg:.5f}, {lon_deg:.5f} lies off the grid of the plan")
    row, col = grid.row_col(easting, northing)
    return (
        min(max(int(np.floor(row + 0.5)), 0), grid.rows - 1),
        min(max(int(np.floor(col + 0.5)), 0), grid.cols - 1),
    )
