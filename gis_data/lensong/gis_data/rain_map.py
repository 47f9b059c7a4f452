"""Rain rate of a place out of the map of ITU-R P.837, where the user has it.

The maps of the ITU may not be passed on, so none come with lensong. Read are the files of the
Recommendation's archive, ``R001.TXT`` with ``LAT_R001.TXT`` and ``LON_R001.TXT`` in one folder, or
a part of the map as a table with a row for each grid point.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lensong.gis_data.tables import read_table
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray

__all__ = ["RainMap", "rain_rate_at", "read_rain_map"]

_LAT, _LON = ("lat", "latitude", "lat_deg"), ("lon", "longitude", "lng", "lon_deg")
_FILES = ("LAT_R001.TXT", "LON_R001.TXT", "R001.TXT")
_HIGHEST_MM_H = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RainMap:
    """A map of the rain rate exceeded for 0.01 % of an average year.

    Parameters
    ----------
    name : str
        Of its file, for messages.
    lat_deg, lon_deg : shape (rows,), (cols,)
        Ascending [deg].
    rate_mm_per_h : shape (rows, cols)
    """

    name: str
    lat_deg: FloatArray
    lon_deg: FloatArray
    rate_mm_per_h: FloatArray

    def at(self, lat_deg: float, lon_deg: float) -> float:
        """Return the rate at a place, bilinear between points [mm/h].

        Raises
        ------
        DataError
            The place lies outside of the map, or a point beside it is missing.

        References
        ----------
        .. [1] Recommendation ITU-R P.837-7, Annex 1: bilinear between grid points.
        """
        rows, cols = self.lat_deg, self.lon_deg
        if cols[-1] > 180.0:  # the archive counts from 0 to 360 degrees east
            lon_deg %= 360.0
        if not (rows[0] <= lat_deg <= rows[-1] and cols[0] <= lon_deg <= cols[-1]):
            raise DataError(
                f"{self.name} reaches from latitude {rows[0]:g} to {rows[-1]:g} and longitude "
                f"{cols[0]:g} to {cols[-1]:g}, the hop is at {lat_deg:.4f}, {lon_deg:.4f}: take "
                "another part of the map, or give the rain rate"
            )
        i = min(int(np.searchsorted(rows, lat_deg, side="right")) - 1, rows.size - 2)
        j = min(int(np.searchsorted(cols, lon_deg, side="right")) - 1, cols.size - 2)
        up = (lat_deg - rows[i]) / (rows[i + 1] - rows[i])
        right = (lon_deg - cols[j]) / (cols[j + 1] - cols[j])
        grid = self.rate_mm_per_h
        low = grid[i, j] * (1.0 - right) + grid[i, j + 1] * right
        high = grid[i + 1, j] * (1.0 - right) + grid[i + 1, j + 1] * right
        found = float(low * (1.0 - up) + high * up)
        if not 0.0 <= found <= _HIGHEST_MM_H:
            raise DataError(
                f"{self.name} gives {found:g} mm/h at {lat_deg:.4f}, {lon_deg:.4f}, wanted 0 to "
                f"{_HIGHEST_MM_H:g}: it is another map, or a point of the grid is missing"
            )
        return found


def read_rain_map(path: str | Path) -> RainMap:
    """Return the map in a folder or table.

    Parameters
    ----------
    path : str or Path
        Folder with the three files; or a table with latitude, longitude and one more column, the
        rate, on a full grid.

    Raises
    ------
    DataError
        The table is no such grid.
    """
    where = Path(path)
    lat, lon, rate = _grids(where) if where.is_dir() else _columns(where)
    rows, cols = np.unique(lat), np.unique(lon)
    if rows.size < 2 or cols.size < 2 or rows.size * cols.size != rate.size:
        raise DataError(
            f"{path} has {rate.size} rows on {rows.size} latitudes and {cols.size} longitudes, "
            "wanted one row for each point of a full grid"
        )
    grid = np.full((rows.size, cols.size), np.nan)
    grid[np.searchsorted(rows, lat), np.searchsorted(cols, lon)] = rate
    return RainMap(name=str(path), lat_deg=rows, lon_deg=cols, rate_mm_per_h=grid)


def rain_rate_at(path: str | Path, lat_deg: float, lon_deg: float) -> float:
    """Return the rate that a map has at a place, see `read_rain_map` and `RainMap.at` [mm/h]."""
    return read_rain_map(path).at(lat_deg, lon_deg)


def _grids(folder: Path) -> tuple[FloatArray, FloatArray, FloatArray]:
    present = {path.name.upper(): path for path in sorted(folder.iterdir())}
    missing = [name for name in _FILES if name not in present]
    if missing:
        raise DataError(
            f"{folder} has no {' and no '.join(missing)}: unpack the map of Recommendation ITU-R "
            "P.837 there, or give the rain rate"
        )
    found = []
    for name in _FILES:
        try:
            found.append(np.loadtxt(present[name], dtype=np.float64).ravel())
        except ValueError as error:
            raise DataError(
                f"{present[name]} is not a grid of numbers ({error}): unpack it again"
            ) from error
    if len({values.size for values in found}) != 1:
        sizes = ", ".join(str(values.size) for values in found)
        raise DataError(f"{', '.join(_FILES)} in {folder} have {sizes} values, wanted as many each")
    return found[0], found[1], found[2]


def _columns(path: Path) -> tuple[FloatArray, FloatArray, FloatArray]:
    table = read_table(path)
    names = {str(name).strip().lower(): name for name in table.columns}
    lat = next((names[name] for name in _LAT if name in names), None)
    lon = next((names[name] for name in _LON if name in names), None)
    rest = [name for name in table.columns if name not in (lat, lon)]
    if lat is None or lon is None or len(rest) != 1:
        raise DataError(
            f"{path} has the columns {', '.join(map(str, table.columns))}, wanted lat, lon and one "
            "with the rain rate exceeded for 0.01 % of the year in mm/h"
        )
    try:
        numbers = [
            np.array([_number(row[name], table.decimal_comma) for row in table.rows])
            for name in (lat, lon, rest[0])
        ]
    except ValueError as error:
        raise DataError(f"{path} has a field that is no number: {error}") from error
    return numbers[0], numbers[1], numbers[2]


def _number(text: str, decimal_comma: bool) -> float:
    return float(text.replace(",", ".") if decimal_comma else text)
