"""Villages from points, polygons or tables, as the one frame that planning works on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from lensong.gis_data.angles import Axis, parse_angle, parse_lat_lon
from lensong.gis_data.lists import read_list
from lensong.gis_data.tables import UNICODE_ENCODINGS, Table, parse_number
from lensong.gis_data.vectors import (
    as_numbers,
    as_text,
    check_no_thousands_points,
    find_columns,
    first_few,
    is_table,
    polygons_only,
    read_layer,
    search_key,
)
from lensong.propagation.errors import CrsMismatchError, DataError, InvalidInputError
from lensong.propagation.types import FloatArray

__all__ = ["VILLAGE_ALIASES", "read_villages"]

#: Our column to the spellings it is known by, best first (see ``vectors.find_columns``).
VILLAGE_ALIASES: dict[str, tuple[str, ...]] = {
    "village_id": (
        "village_id", "ma_ban", "ma_thon", "ma_xom", "village_code", "id", "geonameid", "osm_id",
        "full_id", "place_id", "gid", "code", "ma", "codigo",
    ),
    "name": (
        "name", "village_name", "ten_ban", "ten_thon", "ten_xom", "ten_lang", "ten_to_dan_pho",
        "ten_diem_dan_cu", "ten", "village_na", "village", "ban", "thon", "settlement",
        "place_name", "place", "nom", "nombre", "ortsname", "localidad", "lieu_dit", "ort",
        "name:vi", "name_vi", "fullName", "name:en", "name_en", "asciiname",
    ),
    "commune": (
        "commune", "commune_name", "commune_na", "ten_xa", "ten_phuong_xa", "xa", "phuong_xa",
        "xa_phuong", "ward", "ADM3_VI", "ADM3_EN",
    ),
    "commune_code": (
        "commune_code", "commune_co", "ma_xa", "ma_phuong_xa", "ward_code", "ADM3_PCODE",
    ),
    "province": ("province", "province_name", "ten_tinh", "tinh", "ADM1_VI", "ADM1_EN"),
    "province_code": ("province_code", "province_co", "ma_tinh", "ma_tinh_tp", "ADM1_PCODE"),
    "population": (
        "population", "pop", "dan_so", "so_dan", "so_nhan_khau", "nhan_khau", "so_khau", "people",
        "inhabitants", "population_totale", "habitants", "nb_habitants", "pob", "poblacion",
        "habitantes", "einwohner", "einwohnerzahl", "bevolkerung", "tong_dan_so",
        "total_population", "pop_total", "residents",
    ),
    "lat_deg": (
        "lat_deg", "lat", "latitude", "vi_do", "lat_wgs84", "latitud", "breite", "breitengrad", "y",
    ),
    "listed_ground_m": (
        "ground_m", "elevation_m", "altitude_m", "elevation", "altitude", "do_cao", "ele", "dem",
        "dem_m",
    ),
    "lon_deg": (
        "lon_deg", "lon", "lng", "long", "longitude", "longtitude", "longtitute", "longtitu",
        "kinh_do", "lon_wgs84", "longitud", "laenge", "lange", "laengengrad", "langengrad", "x",
    ),
    "position": (
        "position", "toa_do", "toa_do_gps", "lat_lon", "latlon", "lat_long", "lat_lng", "latlng",
        "coordinates", "coordinate", "coords", "gps", "coordonnees", "coordenadas", "koordinaten",
        "wkt", "geopoint", "geo_point", "mgrs", "usng", "location_mgrs", "toa_do_mgrs",
        "mgrs_coordinates", "grid_reference", "grid_ref",
    ),
}  # fmt: skip

_Geometries: TypeAlias = NDArray[Any]  # shapely geometries have no type numpy knows
_Bounds: TypeAlias = tuple[float, float, float, float]
_AXES: dict[str, Axis] = {"lat_deg": "latitude", "lon_deg": "longitude"}
_MOST_PEOPLE = 1e8
_MOST_CORNERS = 20_000
_WITHIN_M = 1.0
_PEOPLE_NAME = re.compile(r"pop|people|hab|inhab|einwohn|poblac|dan so|nhan khau|resident|person")
_TEXTS = ("name", "commune", "commune_code", "province")


def read_villages(
    path: str | Path,
    *,
    crs: str,
    layer: str = "",
    columns: Mapping[str, str] | None = None,
    radius_m: float = 500.0,
    expected_bounds_deg: _Bounds | None = None,
) -> gpd.GeoDataFrame:
    """Return the villages of a file with the columns that ``Land.villages`` names.

    Parameters
    ----------
    path : str or Path
        GeoPackage, GeoJSON, Shapefile, FlatGeobuf, KML, KMZ or GML with points or polygons, or a
        CSV or workbook with latitude and longitude in WGS 84, in two columns or in one.
    crs : str
        Projected system of the result, in metres.
    layer : str
        Needed where the file has several.
    columns : mapping or None
        Our column name to the file's, where the aliases do not find it. An empty text says that
        the file has none.
    radius_m : float
        Of the disc drawn around a village given as a point [m], above 0.
    expected_bounds_deg : tuple or None
        West, south, east, north [degrees] of the area of interest; at least one village must
        lie in it.

    Returns
    -------
    GeoDataFrame in ``crs``
        In the order of the file. ``attrs["warnings"]`` and ``attrs["assumptions"]`` hold English
        sentences for the report.

    Raises
    ------
    DataError
        The file cannot be read, ids repeat, a number is none, names are in an unknown encoding.
    CrsMismatchError
        Positions are impossible, swapped, or all outside the expected area.
    ConfigError
        ``columns`` or ``layer`` names what is not there.
    """
    if not radius_m > 0.0:
        raise InvalidInputError(f"radius_m is {radius_m}, wanted a radius above 0 m")
    path = Path(path)
    raw = (
        _from_table(path, crs, layer, columns)
        if is_table(path)
        else _from_layer(path, crs, layer, columns)
    )
    centres, footprints, kinds = _places(raw.geometry.to_numpy(), radius_m, path)
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon_deg, lat_deg = to_degrees.transform(shapely.get_x(centres), shapely.get_y(centres))
    _check_expected(lat_deg, lon_deg, expected_bounds_deg, path)
    villages = gpd.GeoDataFrame(
        {
            "village_id": raw["village_id"],
            **{name: raw[name] for name in _TEXTS},
            "population": raw["population"],
            **{name: raw[name] for name in ("province_code", "listed_ground_m") if name in raw},
            "centre_easting_m": shapely.get_x(centres),
            "centre_northing_m": shapely.get_y(centres),
            "lat_deg": lat_deg,
            "lon_deg": lon_deg,
            "footprint": kinds,
        },
        geometry=footprints,
        crs=crs,
    )
    discs = kinds.count("disc")
    assumptions = list(raw.attrs["assumptions"])
    if discs:
        assumptions.append(
            f"{discs} of {len(villages)} villages are given as points: each is taken as a disc "
            f"of {radius_m:g} m radius"
        )
    warnings = [*raw.attrs["warnings"], *_repeated(villages, path)]
    villages.attrs = {"warnings": warnings, "assumptions": assumptions}
    return villages


def _from_table(
    path: Path, crs: str, layer: str, columns: Mapping[str, str] | None
) -> gpd.GeoDataFrame:
    """Return a table's villages as points with our attribute columns."""
    table = read_list(path, layer=layer)
    _check_encoding(table, path)
    if not table.rows:
        raise DataError(f"{path} has a header but no village, wanted one per line")
    found = find_columns(table.columns, VILLAGE_ALIASES, columns, path=path)
    places = [f"{path} line {number}" for number in table.line_numbers]
    if "position" in found and not _AXES.keys() <= found.keys():
        where = found["position"]
        lat_deg, lon_deg = _pairs(table, where, places)
    else:
        for ours in _AXES:
            if ours not in found:
                raise DataError(
                    f"{path} has no column for {ours} among {', '.join(table.columns)}: name it "
                    f'in [villages.columns], e.g. {ours} = "…", or position = "…" where one '
                    "column holds both"
                )
        found.pop("position", None)  # and named among what is not used
        where = found["lat_deg"]
        lat_deg, lon_deg = (
            _angles(table, found[ours], axis, places) for ours, axis in _AXES.items()
        )
    known = ~(np.isnan(lat_deg) | np.isnan(lon_deg)) & ~((lat_deg == 0.0) & (lon_deg == 0.0))
    warnings = list(table.notes)
    if not known.all():
        lines = [str(n) for n, ok in zip(table.line_numbers, known, strict=True) if not ok]
        warnings.append(
            f"{path.name}: {len(lines)} of {len(table.rows)} villages have no position and were "
            f"left out (line {first_few(lines)})"
        )
    if not known.any():
        raise DataError(f"{path} has no village with a position: fill {where}")
    _check_degrees(lat_deg, lon_deg, known, places)
    to_crs = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    easting_m, northing_m = to_crs.transform(lon_deg[known], lat_deg[known])
    if not np.isfinite([easting_m, northing_m]).all():
        raise CrsMismatchError(f"{path} has positions that {crs} cannot express: choose another")
    rows = [row for row, ok in zip(table.rows, known, strict=True) if ok]
    kept = [place for place, ok in zip(places, known, strict=True) if ok]
    attributes, assumptions = _attributes(
        {column: [row[column] for row in rows] for column in table.columns},
        found,
        table.decimal_comma,
        kept,
        path,
        warnings,
    )
    frame = gpd.GeoDataFrame(attributes, geometry=shapely.points(easting_m, northing_m), crs=crs)
    frame.attrs = {"warnings": warnings, "assumptions": assumptions}
    return frame


def _angles(table: Table, column: str, axis: Axis, places: list[str]) -> FloatArray:
    """Return a column of latitudes or longitudes [deg], NaN where empty."""
    angles = []
    for row, place in zip(table.rows, places, strict=True):
        try:
            angles.append(parse_angle(row[column], axis, decimal_comma=table.decimal_comma))
        except DataError as error:
            raise DataError(f"{place}, {column}: {error}") from None
    return np.array(angles)


def _pairs(table: Table, column: str, places: list[str]) -> tuple[FloatArray, FloatArray]:
    """Return latitudes and longitudes [deg] of a column that holds both, NaN where empty."""
    pairs = []
    for row, place in zip(table.rows, places, strict=True):
        try:
            pairs.append(parse_lat_lon(row[column]))
        except DataError as error:
            raise DataError(f"{place}, {column}: {error}") from None
    lat_deg, lon_deg = np.array(pairs, dtype=np.float64).T
    return lat_deg, lon_deg


def _from_layer(
    path: Path, crs: str, layer: str, columns: Mapping[str, str] | None
) -> gpd.GeoDataFrame:
    """Return a layer's villages with our attribute columns and their geometry as given."""
    source = read_layer(path, crs=crs, layer=layer)
    names = [str(name) for name in source.columns if name != "geometry"]
    found = find_columns(names, VILLAGE_ALIASES, columns, path=path)
    places = [f"{path} feature {number}" for number in range(1, len(source) + 1)]
    warnings = list(source.attrs["warnings"])
    attributes, assumptions = _attributes(
        {name: source[name].tolist() for name in names}, found, False, places, path, warnings
    )
    frame = gpd.GeoDataFrame(attributes, geometry=source.geometry.to_numpy(), crs=crs)
    frame.attrs = {"warnings": warnings, "assumptions": assumptions}
    return frame


def _attributes(
    values: Mapping[str, list[Any]],
    found: Mapping[str, str],
    decimal_comma: bool,
    places: list[str],
    path: Path,
    warnings: list[str],
) -> tuple[dict[str, list[Any]], list[str]]:
    """Return id, names and population of every village, and what had to be assumed."""
    count = len(places)
    assumptions = _not_used(values, found, path, warnings)
    if "village_id" in found:
        ids = as_text(values[found["village_id"]])
        _check_ids(ids, found["village_id"], places, path)
    else:
        ids = [str(number) for number in range(1, count + 1)]
        assumptions.append(f"{path.name} has no id column: villages are numbered as in the file")
    attributes: dict[str, list[Any]] = {"village_id": ids}
    for ours in _TEXTS:
        attributes[ours] = as_text(values[found[ours]]) if ours in found else [""] * count
    nameless = attributes["name"].count("")
    if nameless:
        warnings.append(f"{path.name}: {nameless} of {count} villages have no name")
    population = [float("nan")] * count
    if "population" in found:
        check_no_thousands_points(
            as_text(values[found["population"]]), what=found["population"], places=places
        )
        population = as_numbers(
            values[found["population"]],
            decimal_comma=decimal_comma,
            what=found["population"],
            places=places,
        )
    crowds = [place for place, n in zip(places, population, strict=True) if n > _MOST_PEOPLE]
    if crowds:
        raise DataError(
            f"{first_few(crowds)}: population is above {_MOST_PEOPLE:,.0f}, more than any city "
            "has: leave it empty if unknown"
        )
    negative = [place for place, people in zip(places, population, strict=True) if people < 0.0]
    if negative:
        raise DataError(f"{first_few(negative)}: population is below 0, leave it empty if unknown")
    unknown = population.count(0.0)
    if unknown:
        assumptions.append(
            f"{path.name}: {unknown} of {count} villages have population 0, taken as unknown"
        )
    if "province_code" in found:
        attributes["province_code"] = as_text(values[found["province_code"]])
    if "listed_ground_m" in found:
        attributes["listed_ground_m"] = [
            _height_or_nan(text, decimal_comma)
            for text in as_text(values[found["listed_ground_m"]])
        ]
    attributes["population"] = [people if people != 0.0 else float("nan") for people in population]
    return attributes, assumptions


def _not_used(
    values: Mapping[str, list[Any]], found: Mapping[str, str], path: Path, warnings: list[str]
) -> list[str]:
    """Return a sentence on the columns that are not used; warn where one may hold the people."""
    unused = [name for name in values if name not in found.values()]
    if "population" not in found:
        warnings += [
            f"{path.name}: column {name!r} may hold people and is not used: set population = "
            f'"{name}" in [villages.columns]'
            for name in unused
            if _PEOPLE_NAME.search(search_key(name))
        ]
    return [f"{path.name}: columns not used: {first_few(unused, 12)}"] if unused else []


def _height_or_nan(text: str, decimal_comma: bool) -> float:
    """Return a height that is only compared, NaN where it is none."""
    try:
        height_m = parse_number(text, decimal_comma)
    except DataError:
        return float("nan")
    return height_m if -500.0 < height_m < 9_000.0 else float("nan")


def _places(
    geometry: _Geometries, radius_m: float, path: Path
) -> tuple[_Geometries, _Geometries, list[str]]:
    """Return centre points, footprints and their kind, ``"disc"`` or ``"polygon"``."""
    dimension = shapely.get_dimensions(geometry)
    wrong = np.flatnonzero(dimension == 1)
    if wrong.size:
        raise DataError(
            f"{path} feature {wrong[0] + 1} is a line, wanted points or polygons: "
            "villages are places or outlines"
        )
    is_point = dimension == 0
    outlines = _without_excess(polygons_only(geometry))
    points = shapely.centroid(geometry)
    inside = is_point | shapely.intersects(outlines, points)
    centres = np.where(inside, points, shapely.point_on_surface(outlines))
    footprints = np.where(is_point, shapely.buffer(points, radius_m, quad_segs=16), outlines)
    return centres, footprints, ["disc" if point else "polygon" for point in is_point]


def _without_excess(outlines: _Geometries) -> _Geometries:
    """Return outlines of very many corners within a metre of themselves, which changes nothing.

    No village has a million corners, but a file can; overlaps of such outlines take minutes.
    """
    many = shapely.get_num_coordinates(outlines) > _MOST_CORNERS
    if many.any():
        outlines = outlines.copy()
        outlines[many] = polygons_only(
            shapely.make_valid(shapely.simplify(outlines[many], _WITHIN_M, preserve_topology=True))
        )
    return outlines


def _repeated(villages: gpd.GeoDataFrame, path: Path) -> list[str]:
    """Return a warning when two rows are one village: its people would count twice."""
    again = villages[villages.duplicated(["name", "centre_easting_m", "centre_northing_m"])]
    if again.empty:
        return []
    labels = [
        name or village_id
        for name, village_id in zip(again["name"], again["village_id"], strict=True)
    ]
    return [
        f"{path.name}: {len(again)} of {len(villages)} villages repeat the name and place of "
        f"another, their people count twice: {first_few(labels)}"
    ]


def _check_encoding(table: Table, path: Path) -> None:
    if table.encoding not in UNICODE_ENCODINGS:
        raise DataError(
            f"{path} is not UTF-8 (it may be {table.encoding}), village names could come out "
            "garbled: save it as UTF-8 (Excel: 'CSV UTF-8'), from old fonts such as TCVN3 or VNI "
            "after converting to Unicode"
        )


def _check_ids(ids: list[str], column: str, places: list[str], path: Path) -> None:
    empty = [place for place, village_id in zip(places, ids, strict=True) if not village_id]
    if empty:
        raise DataError(f"{first_few(empty)}: no {column}, wanted an id for every village")
    twice = [village_id for village_id, times in Counter(ids).items() if times > 1]
    if twice:
        raise DataError(
            f"{path} has {column} {first_few(twice)} more than once: make the ids unique, or name "
            'another column as village_id in [villages.columns] ("" numbers the villages)'
        )


def _check_degrees(
    lat_deg: FloatArray, lon_deg: FloatArray, known: NDArray[np.bool_], places: list[str]
) -> None:
    bad = np.flatnonzero(known & ((np.abs(lat_deg) > 90.0) | (np.abs(lon_deg) > 180.0)))
    if not bad.size:
        return
    first = bad[0]
    given = f"{places[first]}: latitude {lat_deg[first]:g}, longitude {lon_deg[first]:g}"
    if np.abs(lat_deg[bad]).max() <= 180.0 and np.abs(lon_deg[bad]).max() <= 90.0:
        raise CrsMismatchError(
            f"{given}: latitude and longitude seem swapped, swap the two columns' names or name "
            "them in [villages.columns]"
        )
    raise CrsMismatchError(
        f"{given}, wanted degrees in WGS 84: convert projected coordinates (VN-2000, UTM) first "
        "or give a GeoPackage"
    )


def _check_expected(
    lat_deg: FloatArray, lon_deg: FloatArray, bounds_deg: _Bounds | None, path: Path
) -> None:
    if bounds_deg is None or _any_inside(lon_deg, lat_deg, bounds_deg):
        return
    west, south, east, north = bounds_deg
    area = f"{south:g} to {north:g} north, {west:g} to {east:g} east"
    if _any_inside(lat_deg, lon_deg, bounds_deg):
        raise CrsMismatchError(
            f"{path}: no village lies in the area ({area}), but they do with latitude and "
            "longitude swapped: swap them in the file"
        )
    raise CrsMismatchError(
        f"{path}: no village lies in the area ({area}), the first is at {lat_deg[0]:.4f}, "
        f"{lon_deg[0]:.4f}: check the area and the file"
    )


def _any_inside(x: FloatArray, y: FloatArray, bounds_deg: _Bounds) -> bool:
    west, south, east, north = bounds_deg
    return bool(((x >= west) & (x <= east) & (y >= south) & (y <= north)).any())
