"""Vector layers as people have them: opened, checked, put into one system, columns by alias."""

from __future__ import annotations

import difflib
import html
import math
import re
import shutil
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from warnings import simplefilter

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from lensong.gis_data.kml_tables import balloon_tables
from lensong.gis_data.names import search_key
from lensong.gis_data.tables import parse_number
from lensong.gis_data.vector_formats import check_vector_file
from lensong.gis_data.warning_filters import own_filters
from lensong.gis_data.winding import MOST_PAIRS, pairs_to_compare
from lensong.gis_data.workbook import WORKBOOK_SUFFIXES
from lensong.propagation.errors import ConfigError, CrsMismatchError, DataError

__all__ = [
    "as_numbers",
    "as_text",
    "check_no_thousands_points",
    "find_columns",
    "first_few",
    "is_table",
    "is_text_table",
    "layers_of",
    "open_layer",
    "polygons_only",
    "read_layer",
    "search_key",
]

_Bounds = tuple[float, float, float, float]

_POINT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_MOST_KML_BYTES = 512 * 2**20
# A GML file may name a schema on the network; its features are read without it.
pyogrio.set_gdal_config_options({"GML_DOWNLOAD_WFS_SCHEMA": "NO", "GML_DOWNLOAD_SCHEMA": "NO"})

_TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
# What GDAL adds to a KML layer (how Google Earth draws a placemark) and to a GML layer (its box).
_NO_ATTRIBUTES = (
    "tessellate", "extrude", "visibility", "drawOrder", "altitudeMode", "icon",
    "lowerCorner", "upperCorner",
)  # fmt: skip
_CRS_HINT = "assign the right CRS, e.g. in QGIS with 'Assign projection', and save again"


def is_text_table(path: str | Path) -> bool:
    """Return whether a path names a text table (CSV, TSV, also gzipped) and no vector file."""
    name = Path(path).name.lower().removesuffix(".gz")
    return name.endswith(_TABLE_SUFFIXES)


def is_table(path: str | Path) -> bool:
    """Return whether a path names a text table or a workbook and no vector file."""
    return is_text_table(path) or Path(path).suffix.lower() in WORKBOOK_SUFFIXES


def read_layer(
    path: str | Path, *, crs: str, layer: str = "", bounds_deg: _Bounds | None = None
) -> gpd.GeoDataFrame:
    """Return one layer of a vector file in the wanted system, with valid 2D geometry.

    Parameters
    ----------
    path : str or Path
        GeoPackage, GeoJSON, Shapefile (also in a ``.zip``), FlatGeobuf or what else GDAL reads.
    crs : str
        Projected system of the result.
    layer : str
        Needed where the file has several layers with geometry.
    bounds_deg : tuple, optional
        West, south, east, north: features elsewhere are not read.

    Returns
    -------
    GeoDataFrame
        All columns of the file. ``attrs["warnings"]`` lists what was repaired or left out.

    Raises
    ------
    DataError
        The file is missing, no vector file, empty, has no such layer, or letters that cannot be
        read.
    CrsMismatchError
        The layer has no CRS, or one that its coordinates contradict.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"no file {path}: check the path in the scenario")
    frame, warnings = open_layer(path, layer, bounds_deg)
    if frame.crs is None:
        raise CrsMismatchError(f"{path} has no coordinate reference system: {_CRS_HINT}")
    missing = frame.geometry.isna() | frame.geometry.is_empty
    if missing.any():
        warnings.append(
            f"{path.name}: {int(missing.sum())} of {len(frame)} features have no geometry "
            "and were left out"
        )
        frame = frame[~missing]
    if frame.empty and bounds_deg is not None:
        raise DataError(_nothing_here(path, bounds_deg))
    if frame.empty:
        raise DataError(f"{path} has no feature with a geometry, wanted at least one")
    _check_coordinates(frame, path)
    frame = frame.set_geometry(shapely.force_2d(frame.geometry.array))
    _check_winding(frame, path)
    invalid = ~frame.geometry.is_valid
    if invalid.any():
        frame.loc[invalid, frame.geometry.name] = shapely.make_valid(frame.geometry[invalid].array)
        warnings.append(
            f"{path.name}: {int(invalid.sum())} of {len(frame)} features had an invalid geometry "
            "(such as an outline that crosses itself) and were repaired"
        )
    projected = frame.to_crs(crs)
    if not np.isfinite(projected.total_bounds).all():
        raise CrsMismatchError(
            f"{path} has coordinates that {crs} cannot express: choose a projected system that "
            "covers the data"
        )
    projected = projected.reset_index(drop=True)
    projected.attrs["warnings"] = warnings
    return projected


def polygons_only(geometry: NDArray[Any]) -> NDArray[Any]:
    """Return each geometry's polygon parts as one (multi)polygon; empty where it has none.

    Parameters
    ----------
    geometry : shape (n,)
        Shapely geometries of any type; a repair can leave lines beside polygons.
    """
    kinds = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
    result = np.asarray(geometry, dtype=object).copy()
    for index in np.flatnonzero(~np.isin(shapely.get_type_id(result), kinds)):
        parts = shapely.get_parts(shapely.get_parts(result[index]))
        polygons = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
        result[index] = (
            polygons[0] if polygons.size == 1 else shapely.MultiPolygon(polygons.tolist())
        )
    return result


def find_columns(
    names: Iterable[str],
    aliases: Mapping[str, Sequence[str]],
    chosen: Mapping[str, str] | None,
    *,
    path: str | Path,
) -> dict[str, str]:
    """Return our name to the file's column, for every column that is there.

    Parameters
    ----------
    names : iterable of str
        Columns of the file.
    aliases : mapping
        Our name to the spellings under which it is known, best first. Case, tone marks and
        everything but letters and digits do not matter.
    chosen : mapping or None
        The user's own choice, our name to the file's column. It wins; an empty text says that
        the file has no such column.
    path : str or Path
        For messages.

    Raises
    ------
    ConfigError
        The choice names a thing or a column that does not exist.
    """
    by_key: dict[str, str] = {}
    for name in names:
        by_key.setdefault(_column_key(name), name)
    found: dict[str, str] = {}
    for ours, spellings in aliases.items():
        match = next((by_key[_column_key(s)] for s in spellings if _column_key(s) in by_key), None)
        if match is not None and match not in found.values():
            found[ours] = match
    for ours, column in (chosen or {}).items():
        if ours not in aliases:
            raise ConfigError(
                f"columns has {ours!r}, wanted one of {', '.join(aliases)}{_nearest(ours, aliases)}"
            )
        found = {key: value for key, value in found.items() if key != ours and value != column}
        if column:
            if _column_key(column) not in by_key:
                raise ConfigError(
                    f"{path} has no column {column!r} for {ours}, "
                    f"it has {', '.join(by_key.values())}{_nearest(column, by_key.values())}"
                )
            found[ours] = by_key[_column_key(column)]
    return found


def as_text(values: Iterable[Any]) -> list[str]:
    """Return values as text in Unicode NFC: whole numbers without ``.0``, missing ones empty."""
    return [_text(value) for value in values]


def as_numbers(
    values: Iterable[Any], *, decimal_comma: bool, what: str, places: Sequence[str]
) -> list[float]:
    """Return values as numbers, NaN where missing.

    Parameters
    ----------
    values : iterable
        Numbers, or text as :func:`~lensong.gis_data.tables.parse_number` reads it.
    decimal_comma : bool
        Of the table.
    what : str
        Name of the column, for messages.
    places : sequence of str
        Where each value stands (``"line 7"``), for messages.
    """
    numbers: list[float] = []
    for value, place in zip(values, places, strict=True):
        try:
            numbers.append(parse_number(_text(value), decimal_comma))
        except DataError as error:
            raise DataError(f"{place}, {what}: {error}") from None
    return numbers


def check_no_thousands_points(texts: Sequence[str], *, what: str, places: Sequence[str]) -> None:
    """Refuse counts such as ``1.234``, which is a thousand people in one country, one in another.

    A point before exactly three digits is a decimal point where another count of the column has
    a point that can only be one (``0.25``, ``12.5``).

    Raises
    ------
    DataError
        The message names the place of the first.
    """
    pointed = [(text, place) for text, place in zip(texts, places, strict=True) if "." in text]
    if not pointed or not all(_POINT_GROUPS.fullmatch(text) for text, _ in pointed):
        return
    text, place = pointed[0]
    whole, bare = text.partition(".")[0], text.replace(".", "")
    raise DataError(
        f"{place}, {what}: {text!r} can mean {bare} or about {whole} ({len(pointed)} such): write "
        "counts without a point between thousands, or with other than three decimals"
    )


def first_few(items: Sequence[str], limit: int = 5) -> str:
    """Return the first items joined by commas, and how many more there are."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more


def _text(value: Any) -> str:  # Any: whatever a table cell may hold
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    text = "" if str(value) in ("<NA>", "NaT") else str(value)
    return unicodedata.normalize("NFC", text).strip()


def _column_key(name: str) -> str:
    return re.sub(r"[\W_]", "", search_key(name))


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def _nothing_here(path: Path, bounds_deg: _Bounds) -> str:
    west, south, east, north = bounds_deg
    return (
        f"{path} has no feature in the area of the plan ({west:.3f} to {east:.3f} east, "
        f"{south:.3f} to {north:.3f} north): wanted one that reaches there; check its coordinates "
        "and their reference system, or leave the file out"
    )


def open_layer(
    path: Path, layer: str = "", bounds_deg: _Bounds | None = None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return a layer as it is, without its empty columns, and what GDAL had to say about it.

    All folders of a KML or KMZ file are one layer, with a column ``folder``, unless one is chosen.
    """
    check_vector_file(path)
    if path.suffix.lower() == ".gml":
        with TemporaryDirectory() as folder:  # GDAL writes an index beside a GML file
            copy = Path(shutil.copy(path, folder))
            schema = path.with_suffix(".xsd")
            if schema.exists():
                shutil.copy(schema, folder)
            return _opened(copy, layer, bounds_deg)
    try:
        return _opened(path, layer, bounds_deg)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path} is a damaged archive ({error}): get it again") from error


def _opened(
    path: Path, layer: str, bounds_deg: _Bounds | None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    names = _layers(path, layer)
    is_kml = path.suffix.lower() in (".kml", ".kmz")
    if len(names) > 1 and not is_kml:
        raise ConfigError(
            f'{path} has the layers {", ".join(names)}: say which one with layer = "…"'
        )
    frames, warnings = [], []
    for name in names:
        frame, caught = _open(path, name, bounds_deg)
        if len(names) > 1:
            frame.insert(0, "folder", name)
        if len(frame):
            frames.append(frame)
        warnings += caught
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else (frames or [frame])[0]
    dropped = [
        name
        for name in frame.columns
        if name != frame.geometry.name
        and (name in _NO_ATTRIBUTES or not any(as_text(frame[name].tolist())))
    ]
    frame = frame.drop(columns=dropped)
    if is_kml:
        frame = _with_balloons(frame.rename(columns=_kml_names(path)))
    return frame, list(dict.fromkeys(warnings))


def _with_balloons(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return placemarks with the tables of their descriptions as columns of their own."""
    described = next((name for name in frame.columns if name.lower() == "description"), None)
    if described is None:
        return frame
    known = {_column_key(str(name)) for name in frame.columns}
    found = {
        name: values
        for name, values in balloon_tables(as_text(frame[described].tolist())).items()
        if _column_key(name) not in known
    }
    return frame.drop(columns=described).assign(**found) if found else frame


def _kml_names(path: Path) -> dict[str, str]:
    """Return the names of a KML file's extended data by what GDAL makes of them.

    GDAL writes ``_`` for every byte of a name that is no letter or digit of ASCII.
    """
    if path.suffix.lower() == ".kmz":
        with zipfile.ZipFile(path) as archive:
            parts = [i for i in archive.infolist() if i.filename.lower().endswith(".kml")]
            if sum(part.file_size for part in parts) > _MOST_KML_BYTES:
                raise DataError(
                    f"{path} unfolds to more than {_MOST_KML_BYTES / 2**20:.0f} MiB: save it as "
                    "GeoPackage"
                )
            texts = [archive.read(part) for part in parts]
    else:
        texts = [path.read_bytes()]
    pattern = rb"""<(?:\w+:)?(?:Data|SimpleField|SimpleData)\b[^>]*?\bname\s*=\s*["']([^"']+)["']"""
    written = {found for text in texts for found in re.findall(pattern, text)}
    return {
        re.sub(rb"[^A-Za-z0-9_]", b"_", name).decode(): html.unescape(
            name.decode("utf-8", "replace")
        )
        for name in sorted(written)
    }


def layers_of(path: Path) -> list[str]:
    """Return the names of a file's layers that have geometry.

    Raises
    ------
    DataError
        It is no vector file that can be read.
    """
    check_vector_file(path)
    return _with_geometry(path)


def _with_geometry(path: Path) -> list[str]:
    try:
        listed = pyogrio.list_layers(path)
    except DataSourceError as error:
        raise DataError(
            f"{path} is no vector file that can be read ({error}): "
            "wanted GeoPackage, GeoJSON, Shapefile or FlatGeobuf"
        ) from error
    return [str(name) for name, kind in listed if kind is not None]


def _layers(path: Path, layer: str) -> list[str]:
    """Return the layers to read: the chosen one or all that have geometry."""
    names = _with_geometry(path)
    if layer and layer not in names:
        raise ConfigError(
            f"{path} has no layer {layer!r}, it has {', '.join(names) or 'none with geometry'}"
            f"{_nearest(layer, names)}"
        )
    if not names:
        raise DataError(f"{path} has no layer with geometry, wanted points or polygons")
    return [layer] if layer else names


def _open(path: Path, layer: str, bounds_deg: _Bounds | None) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the layer as it is and what GDAL had to say about it."""
    try:
        with own_filters(record=True) as caught:
            simplefilter("always")
            frame = pyogrio.read_dataframe(
                path,
                layer=layer,
                encoding=_shapefile_encoding(path),
                bbox=_box_of(path, layer, bounds_deg),
            )
        if frame.geometry.name != "geometry":
            frame = frame.rename_geometry("geometry")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} has names that are not in the encoding it states: save it again as UTF-8"
        ) from error
    except (DataSourceError, DataLayerError, CRSError) as error:
        raise DataError(f"{path} cannot be read ({error}): save it again") from error
    except shapely.errors.ShapelyError as error:
        raise DataError(
            f"{path} has a geometry that is none ({error}): repair it, such as by 'Fix geometries' "
            "in QGIS"
        ) from error
    return frame, sorted({f"{path.name}: {warning.message}" for warning in caught})


def _box_of(path: Path, layer: str, bounds_deg: _Bounds | None) -> _Bounds | None:
    """Return bounds in the system of the file; None where it has none, which is refused later."""
    crs = pyogrio.read_info(path, layer=layer)["crs"] if bounds_deg is not None else None
    if bounds_deg is None or crs is None:
        return None
    to_file = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    west, south, east, north = to_file.transform_bounds(*bounds_deg)
    return west, south, east, north


def _shapefile_encoding(path: Path) -> str | None:
    """Return UTF-8 for a shapefile that holds it without saying so; refuse one that is unknown.

    GDAL takes an unlabelled shapefile for Latin-1, which garbles Vietnamese.
    """
    dbf = _unlabelled_dbf(path)
    if not dbf or dbf.isascii():
        return None
    header_bytes = int.from_bytes(dbf[8:10], "little")
    try:
        dbf[header_bytes:].decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(
            f"{path} does not say in which encoding its names are (no .cpg file) and it is not "
            "UTF-8: write a .cpg file with the encoding's name beside it, or save it as GeoPackage"
        ) from None
    return "UTF-8"


def _unlabelled_dbf(path: Path) -> bytes:
    """Return the attribute file of a shapefile without ``.cpg``; empty for everything else."""
    if path.suffix.lower() == ".shp":
        beside = {p.suffix.lower(): p for p in path.parent.glob("*") if p.stem == path.stem}
        if ".cpg" in beside or ".dbf" not in beside:
            return b""
        return beside[".dbf"].read_bytes()
    if path.suffix.lower() == ".zip" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = {Path(name).suffix.lower(): name for name in archive.namelist()}
            if ".cpg" not in names and ".dbf" in names:
                return archive.read(names[".dbf"])
    return b""


def _check_winding(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Refuse an outline of which the check alone would take minutes or hours."""
    pairs = pairs_to_compare(frame.geometry.to_numpy())
    worst = int(np.argmax(pairs))
    if pairs[worst] > MOST_PAIRS:
        corners = shapely.get_num_coordinates(frame.geometry.iloc[worst])
        raise DataError(
            f"{path}: feature {worst + 1} has {corners:,} corners, and its outline runs to and fro "
            f"so often that {pairs[worst]:.1e} pairs of edges would have to be compared, wanted at "
            f"most {MOST_PAIRS:.0e}: simplify it, e.g. ogr2ogr -simplify"
        )


def _check_coordinates(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Refuse degrees that are none."""
    west, south, east, north = (float(edge) for edge in frame.total_bounds)
    if not np.isfinite((west, south, east, north)).all():
        raise DataError(f"{path} has coordinates that are no numbers: repair its geometry")
    if not CRS.from_user_input(frame.crs).is_geographic:
        return
    extent = f"{west:.6g} to {east:.6g} east and {south:.6g} to {north:.6g} north"
    if max(abs(south), abs(north)) > 90.0 and max(abs(west), abs(east)) <= 90.0:
        raise CrsMismatchError(
            f"{path} reaches from {extent}: latitude and longitude seem swapped, "
            "wanted longitude first; swap x and y and save again"
        )
    if max(abs(south), abs(north)) > 90.0 or max(abs(west), abs(east)) > 360.0:
        raise CrsMismatchError(
            f"{path} says degrees but reaches from {extent}, which are metres: {_CRS_HINT}"
        )
