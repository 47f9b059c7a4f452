"""The area whose land is fetched: from a box, a vector file, a place in one, or places of masts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, floor, isfinite, radians
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import ArrayLike
from shapely.geometry.base import BaseGeometry

from lensong.gis_data.boundaries import COMMUNE_ALIASES, unit_key
from lensong.gis_data.vectors import (
    as_text,
    find_columns,
    first_few,
    open_layer,
    polygons_only,
)
from lensong.propagation.errors import ConfigError, CrsMismatchError, DataError

__all__ = ["FetchArea", "area_of_box", "area_of_file", "area_of_masts", "tiles_over"]

_KM_PER_DEG = 111.2
_AROUND_POINTS_KM = 5.0
_NAME_COLUMNS = ("commune_code", "commune", "province")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchArea:
    """What the land is wanted for.

    Parameters
    ----------
    title : str
        Heading of the scenario.
    outline : geometry in EPSG:4326
    is_box : bool
        The outline is a box, which a scenario writes as four numbers.
    """

    title: str
    outline: BaseGeometry
    is_box: bool

    @property
    def bounds_deg(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north [deg]."""
        west, south, east, north = self.outline.bounds
        return float(west), float(south), float(east), float(north)


def area_of_box(text: str) -> FetchArea:
    """Return the area of ``west,south,east,north`` in degrees.

    Raises
    ------
    ConfigError
        Those are no four numbers, or no box.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--area is {text!r}, wanted west,south,east,north in degrees "
            "(102.3,21.6,104.0,22.9), or the path of a vector file or a list of cells"
        ) from None
    whole = all(isfinite(value) for value in (west, south, east, north))
    if whole and -180.0 <= west < east <= 180.0 and -90.0 <= south < north <= 90.0:
        return FetchArea(
            title=f"{west:g}, {south:g}, {east:g}, {north:g}",
            outline=shapely.box(west, south, east, north),
            is_box=True,
        )
    swapped = -180.0 <= south < north <= 180.0 and -90.0 <= west < east <= 90.0
    across = whole and -180.0 <= east < west <= 180.0 and -90.0 <= south < north <= 90.0
    hint = (
        f"latitude and longitude seem swapped: {south:g},{west:g},{north:g},{east:g}"
        if swapped
        else f"west is beyond east: {east:g},{south:g},{west:g},{north:g}, or, across the 180th "
        "meridian, each side for itself"
        if across
        else "longitudes go from -180 to 180, latitudes from -90 to 90"
        if whole and west < east and south < north
        else "west has to be less than east, south less than north"
    )
    raise ConfigError(f"--area is {text!r}, wanted west,south,east,north in degrees: {hint}")


def area_of_file(path: Path, *, layer: str = "", place: str = "") -> FetchArea:
    """Return the polygons of a vector file, those of one place in it, or a box around its points.

    Raises
    ------
    DataError, CrsMismatchError
        The file cannot be read, has no polygon, or no CRS.
    ConfigError
        The place is not in it, or more than one is called so; it reaches more than half around
        the earth.
    """
    frame, _ = open_layer(path, layer)
    if frame.crs is None:
        raise CrsMismatchError(f"{path} has no coordinate reference system: assign the right one")
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)].to_crs("EPSG:4326")
    if frame.empty:
        raise DataError(f"{path} has no feature with a geometry, wanted the area to plan")
    outlines = polygons_only(shapely.make_valid(shapely.force_2d(frame.geometry.to_numpy())))
    if place:
        names = [str(name) for name in frame.columns if name != "geometry"]
        found = find_columns(names, COMMUNE_ALIASES, None, path=path)
        columns = {our: as_text(frame[found[our]]) for our in _NAME_COLUMNS if our in found}
        rows, name = _rows_of(place, columns, path)
        outline = shapely.union_all(outlines[rows])
    else:
        name, outline = path.stem, shapely.union_all(outlines)
    if outline.is_empty:
        if place:
            raise DataError(f"{place!r} in {path} is no polygon, wanted an outline")
        lon, lat = shapely.get_coordinates(frame.geometry.to_numpy()).T
        return area_of_masts(lat, lon, title=path.stem)
    _refuse_both_sides(outline, f"{place!r} in {path}" if place else str(path))
    return FetchArea(title=name, outline=outline, is_box=False)


def _rows_of(place: str, columns: dict[str, list[str]], path: Path) -> tuple[list[int], str]:
    """Return the features of a code, else of a commune, else of a province, and their name.

    Tones do not count. The name is as the file spells it, of a code that of its commune.
    """
    wanted = unit_key(place)
    for our in _NAME_COLUMNS:
        rows = [row for row, text in enumerate(columns.get(our, ())) if unit_key(text) == wanted]
        if len(rows) > 1 and our == "commune" and "commune_code" in columns:
            codes = [columns["commune_code"][row] for row in rows]
            raise ConfigError(
                f"--place {place!r} is {len(rows)} places of {path}: give one of the codes "
                f"{first_few(codes)}"
            )
        if rows:
            named = columns.get("commune" if our == "commune_code" else our, columns[our])
            return rows, named[rows[0]] or place
    known = sorted({text for texts in columns.values() for text in texts if text})
    near = [text for text in known if wanted in unit_key(text)]
    raise ConfigError(
        f"--place {place!r} is not in {path}: wanted a code or name such as "
        f"{first_few(near or known) or 'none, the file has no names'}"
    )


def area_of_masts(lat_deg: ArrayLike, lon_deg: ArrayLike, *, title: str) -> FetchArea:
    """Return a box around places and 5 km more; raises where that reaches half around the earth."""
    lat = np.asarray(lat_deg, dtype=np.float64)
    lon = np.asarray(lon_deg, dtype=np.float64)
    if lat.size == 0:
        raise DataError(f"{title} has no place, wanted at least one")
    box = shapely.box(lon.min(), lat.min(), lon.max(), lat.max())
    _refuse_both_sides(box, title)
    return FetchArea(title=title, outline=_grown(box, _AROUND_POINTS_KM), is_box=True)


def _refuse_both_sides(outline: BaseGeometry, what: str) -> None:
    """Refuse what lies around the earth: its box would be a band of all longitudes."""
    west, _, east, _ = outline.bounds
    if east - west > 180.0:
        raise ConfigError(
            f"{what} reaches from {west:g} to {east:g} degrees of longitude, more than half around "
            "the earth: fetch each part by itself; of a place across the 180th meridian, each side"
        )


def _grown(outline: BaseGeometry, by_km: float) -> BaseGeometry:
    """Return the box of an outline, so much larger on all sides, within the globe."""
    west, south, east, north = outline.bounds
    lat = by_km / _KM_PER_DEG
    lon = lat / max(cos(radians(max(abs(south), abs(north)))), 0.01)
    return shapely.box(
        max(west - lon, -180.0), max(south - lat, -90.0),
        min(east + lon, 180.0), min(north + lat, 90.0),
    )  # fmt: skip


def tiles_over(area: FetchArea, *, size_deg: int, margin_km: float) -> list[tuple[int, int]]:
    """Return the south-west corners of the tiles that an area needs with a margin around.

    Parameters
    ----------
    area : FetchArea
    size_deg : int
        Side of a tile; corners are multiples of it.
    margin_km : float
        Signals and interferers come from so far.

    Returns
    -------
    list of (lat_deg, lon_deg)
        From south to north, west to east.
    """
    west, south, east, north = _grown(area.outline, margin_km).bounds
    shapely.prepare(area.outline)
    corners = [
        (lat, lon) for lat in _steps(south, north, size_deg) for lon in _steps(west, east, size_deg)
    ]
    reach = [
        _grown(shapely.box(lon, lat, lon + size_deg, lat + size_deg), margin_km)
        for lat, lon in corners
    ]
    touching = shapely.intersects(area.outline, np.array(reach, dtype=object))
    return [corner for corner, touches in zip(corners, touching, strict=True) if touches]


def _steps(low: float, high: float, size: int) -> Iterator[int]:
    first = floor(low / size) * size
    while first < high:
        yield first
        first += size
