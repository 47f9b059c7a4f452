"""Positions of a cell plan as latitude and longitude, and which of them are one place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, floor, hypot, isnan, radians

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from lensong.coverage.cellplan.aliases import ColumnMap, squeezed
from lensong.coverage.cellplan.rows import RowReader
from lensong.gis_data.angles import parse_lat_lon
from lensong.gis_data.tables import GEOMETRY_LAT
from lensong.propagation.errors import DataError, InvalidInputError

__all__ = ["Positions", "group_by_distance", "metres_between"]

_METRES_PER_DEG = 111_195.0  # of latitude on a sphere of 6371 km


@dataclass(slots=True)
class Positions:
    """Turns the position columns of a table into degrees.

    Parameters
    ----------
    columns : ColumnMap
        Latitude and longitude are preferred over x and y where a table has both.
    crs : str or None
        Of x and y, e.g. ``"EPSG:9205"``; None: Lambert-93 where the columns say so. Latitude and
        longitude are WGS 84 unless this is a geographic system such as ``"EPSG:4756"`` (VN-2000,
        whose degrees lie 220 m off).
    readers : sequence of RowReader
        All rows: which of x and y is the easting is decided once for the table.

    Raises
    ------
    InvalidInputError
        The coordinate system is missing, unknown, or used nowhere near the positions.
    DataError
        The table has no position columns.
    """

    columns: ColumnMap
    is_projected: bool
    is_combined: bool
    note: str
    _transformer: Transformer | None
    _x_is_northing: bool

    def __init__(self, columns: ColumnMap, crs: str | None, readers: Sequence[RowReader]) -> None:
        self.columns, self.note = columns, ""
        self._transformer, self._x_is_northing = None, False
        names = columns.columns
        self.is_projected = not {"lat_deg", "lon_deg"} <= names.keys()
        self.is_combined = False
        if not self.is_projected:
            if names["lat_deg"] != GEOMETRY_LAT:  # a layer's geometry was turned into WGS 84
                self._use_degrees(crs)
            return
        if "position" in names and not {"x_m", "y_m"} <= names.keys():
            self.is_projected, self.is_combined = False, True
            self._use_degrees(crs)
            return
        if not {"x_m", "y_m"} <= names.keys():
            raise DataError(
                "the cell plan has no position columns, wanted lat and lon (or x and y with "
                f"network.crs) among {', '.join(names_of(readers))}: name the columns that hold "
                'them in [network.columns], e.g. lat_deg = "…"'
            )
        pairs = [_pair(reader) for reader in readers]
        known = [pair for pair in pairs if pair is not None]
        if all(abs(x) <= 180.0 and abs(y) <= 90.0 for x, y in known):
            self.note = f"{names['x_m']} and {names['y_m']} hold degrees: longitude, latitude"
            return
        self._use(crs or _crs_in_name(names["x_m"]), known)

    def _use(self, crs: str | None, known: Sequence[tuple[float, float]]) -> None:
        names = self.columns.columns
        if crs is None:
            raise InvalidInputError(
                f"the cell plan has projected positions ({names['x_m']}, {names['y_m']}) and no "
                "coordinate system: set network.crs, e.g. 'EPSG:9205' (VN-2000, Lai Châu), "
                "'EPSG:32648' (UTM 48N)"
            )
        system = _system(crs)
        if not system.is_projected:
            raise InvalidInputError(
                f"network.crs is {crs} ({system.name}), which is in degrees, but {names['x_m']} "
                f"and {names['y_m']} hold metres: name the projected system, e.g. 'EPSG:9205'"
            )
        self._transformer = Transformer.from_crs(system, "EPSG:4326", always_xy=True)
        straight = self._share_in_area(system, known, swapped=False)
        swapped = self._share_in_area(system, known, swapped=True)
        if swapped > straight:
            self._x_is_northing = True
            self.note = (
                f"{names['x_m']} was taken as northing and {names['y_m']} as easting, as maps of "
                f"Vietnam name them: the other way round lies outside {crs}"
            )
        elif straight == 0.0:
            raise InvalidInputError(
                f"no position lies where {crs} ({system.name}) is used, first is "
                f"{names['x_m']} = {known[0][0]:g}, {names['y_m']} = {known[0][1]:g}: correct "
                "network.crs"
            )

    def _use_degrees(self, crs: str | None) -> None:
        """Turn degrees of another geodetic datum into WGS 84."""
        system = _system(crs) if crs is not None else None
        if system is not None and system.is_geographic and system.to_epsg() != 4326:
            self._transformer = Transformer.from_crs(system, "EPSG:4326", always_xy=True)
            self.note = f"latitude and longitude were turned from {system.name} into WGS 84"

    def _share_in_area(
        self, system: CRS, known: Sequence[tuple[float, float]], *, swapped: bool
    ) -> float:
        """Return the share of positions inside the area of use of the coordinate system."""
        assert self._transformer is not None
        area = system.area_of_use
        inside = 0
        for x, y in known:
            lon, lat = self._transformer.transform(*((y, x) if swapped else (x, y)))
            if area is None:
                inside += abs(lat) <= 90.0
            else:
                inside += (
                    area.west - 1 <= lon <= area.east + 1
                    and area.south - 1 <= lat <= area.north + 1
                )
        return inside / max(len(known), 1)

    def lat_lon(
        self, reader: RowReader, dx_m: float = 0.0, dy_m: float = 0.0
    ) -> tuple[float, float] | None:
        """Return latitude and longitude of a row [deg], or None where it has no position.

        ``dx_m`` and ``dy_m`` move the place east and north by a few metres.
        """
        if not self.is_projected:
            lat, lon = self._degrees(reader)
            if self._transformer is not None and lat is not None and lon is not None:
                lon, lat = self._transformer.transform(lon, lat)
        else:
            pair = _pair(reader)
            if pair is None:
                return None
            if self._transformer is None:
                lon, lat = pair
            else:
                east, north = reversed(pair) if self._x_is_northing else pair
                lon, lat = self._transformer.transform(east, north)
        if lat is None or lon is None or (lat == 0.0 and lon == 0.0):
            return None
        _check_degrees(lat, lon, reader.where)
        if dx_m or dy_m:
            lat += dy_m / _METRES_PER_DEG
            lon += dx_m / (_METRES_PER_DEG * cos(radians(lat)))
        return lat, lon

    def _degrees(self, reader: RowReader) -> tuple[float | None, float | None]:
        if not self.is_combined:
            return reader.angle("lat_deg", "latitude"), reader.angle("lon_deg", "longitude")
        try:
            lat, lon = parse_lat_lon(reader.text("position"))
        except DataError as error:
            raise DataError(
                f"{reader.where}, column {self.columns.columns['position']!r}: {error}"
            ) from error
        return (None, None) if isnan(lat) or isnan(lon) else (lat, lon)

    @property
    def unused(self) -> frozenset[str]:
        """Return the fields of positions that have a column and are not used."""
        fields = {"lat_deg", "lon_deg", "x_m", "y_m", "position"}
        if self.is_combined:
            return frozenset(fields - {"position"})
        return frozenset(fields - ({"x_m", "y_m"} if self.is_projected else {"lat_deg", "lon_deg"}))


def metres_between(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Return the distance of two near places [m], on a plane."""
    east = (lon2 - lon1) * cos(radians((lat1 + lat2) / 2.0))
    return _METRES_PER_DEG * hypot(lat2 - lat1, east)


def group_by_distance(places: Sequence[tuple[float, float]], tolerance_m: float) -> list[int]:
    """Return for each place the index of the first place that it is grouped with.

    Places join the nearest earlier group whose first place is within the tolerance, else they
    begin a group. Deterministic in the order of the places.

    Parameters
    ----------
    places : sequence of (lat_deg, lon_deg)
    tolerance_m : float
        Above 0 [m].
    """
    leaders: dict[tuple[int, int], list[int]] = {}
    groups: list[int] = []
    step_deg = tolerance_m / _METRES_PER_DEG
    for i, (lat, lon) in enumerate(places):
        # columns as narrow as the tolerance at this latitude band, alike for all its places
        row = floor(lat / step_deg)
        found: tuple[float, int] | None = None
        for near_row in (row - 1, row, row + 1):
            col = floor(lon / _column_deg(near_row, step_deg))
            for near_col in (col - 1, col, col + 1):
                for leader in leaders.get((near_row, near_col), ()):
                    distance = metres_between(lat, lon, *places[leader])
                    if distance <= tolerance_m and (found is None or distance < found[0]):
                        found = (distance, leader)
        if found is None:
            leaders.setdefault((row, floor(lon / _column_deg(row, step_deg))), []).append(i)
        groups.append(i if found is None else found[1])
    return groups


def _column_deg(row: int, step_deg: float) -> float:
    lat = min(abs(row), abs(row + 1)) * step_deg
    return 2.0 * step_deg / max(cos(radians(min(lat + 2 * step_deg, 89.9))), 1e-3)


def names_of(readers: Sequence[RowReader]) -> tuple[str, ...]:
    """Return the columns of the table that some readers read."""
    return tuple(readers[0].row) if readers else ()


def _pair(reader: RowReader) -> tuple[float, float] | None:
    x, y = reader.number("x_m"), reader.number("y_m")
    return None if x is None or y is None else (x, y)


def _system(crs: str) -> CRS:
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise InvalidInputError(
            f"network.crs is {crs!r}, wanted a code such as 'EPSG:9205': {error}"
        ) from error


def _crs_in_name(column: str) -> str | None:
    return "EPSG:2154" if re.search(r"l(ambert)?93", squeezed(column)[0]) else None


def _check_degrees(lat: float, lon: float, where: str) -> None:
    if abs(lat) <= 90.0 and abs(lon) <= 180.0:
        return
    if abs(lon) <= 90.0 and abs(lat) <= 180.0:
        raise DataError(
            f"{where}: latitude is {lat:g} and longitude {lon:g}, they seem swapped: exchange the "
            "names of the two columns"
        )
    raise DataError(
        f"{where}: latitude is {lat:g} and longitude {lon:g}, wanted decimal degrees (22.4, "
        "103.6): correct them, or name the columns x and y and set network.crs if they are metres"
    )
