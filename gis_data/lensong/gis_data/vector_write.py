"""Tables and vector layers as files: GeoPackage for QGIS, CSV for Excel."""

from __future__ import annotations

import errno
import io
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError

from lensong.gis_data.atomic import atomic_path, free_bytes
from lensong.gis_data.csv_cells import guarded
from lensong.propagation.errors import DataError, InvalidInputError

__all__ = ["csv_bytes", "write_csv", "write_geopackage"]

_FIXED_COUNT = 1
_FIXED_CHANGE = "2000-01-01T00:00:00.000Z"  # the format wants a time; ours must not change
_STYLE_TABLE = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),
    f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
    update_time DATETIME DEFAULT CURRENT_TIMESTAMP
)
"""
_FULL_BELOW_BYTES = 1_000_000  # GDAL fills the disk before it gives up
_GDAL_ERRORS = (DataSourceError, DataLayerError, FeatureError, GeometryError, sqlite3.Error)


def write_geopackage(
    path: str | Path,
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    *,
    styles: Mapping[str, str] | None = None,
) -> None:
    """Write several layers into one GeoPackage; the same input gives the same content.

    Parameters
    ----------
    path : str or Path
        Ends in ``.gpkg``. Appears whole or not at all.
    layers : mapping
        Layer name to frame, in the order they are shown. A frame without geometry becomes a
        plain table. Polygons become multipolygons, so that a layer has one type. An empty frame
        becomes an empty layer.
    styles : mapping, optional
        Layer name to the text of a QGIS style (``.qml``), which QGIS applies when it opens the
        layer: the table ``layer_styles`` inside the file.

    Raises
    ------
    InvalidInputError
        There is no layer, or one has no CRS.
    DataError
        The folder cannot be written, or the disk is full.
    """
    if not layers:
        raise InvalidInputError("layers is empty, wanted at least one layer to write")
    for name, frame in layers.items():
        if isinstance(frame, gpd.GeoDataFrame) and frame.crs is None:
            raise InvalidInputError(f"layer {name!r} has no CRS, wanted one: set it before writing")
    with atomic_path(path) as part:
        try:
            for number, (name, frame) in enumerate(layers.items()):
                _write_layer(part, name, frame, append=number > 0)
            if styles:
                _write_styles(part, layers, styles)
            _fix_header(part)
        except _GDAL_ERRORS as error:
            raise _reason(error, part, Path(path)) from error


def write_csv(path: str | Path, frame: pd.DataFrame, *, bom: bool = True) -> None:
    """Write a frame as `csv_bytes` has it; the file appears whole or not at all.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    data = csv_bytes(frame, bom=bom)
    with atomic_path(path, needed_bytes=len(data)) as part:
        part.write_bytes(data)


def csv_bytes(frame: pd.DataFrame, *, bom: bool = True) -> bytes:
    """Return a frame without its geometry as comma-separated UTF-8 with decimal points.

    Parameters
    ----------
    frame : DataFrame or GeoDataFrame
        Missing values become empty fields; numbers keep ten significant digits. Text that a
        spreadsheet would run as a formula gets an apostrophe before it.
    bom : bool
        Begin with a byte order mark, without which Excel garbles Vietnamese.
    """
    plain = pd.DataFrame(frame)
    if isinstance(frame, gpd.GeoDataFrame):
        plain = plain.drop(columns=[name for name in plain if frame[name].dtype == "geometry"])
    safe = plain.rename(columns=_safe).map(_safe) if len(plain) else plain.rename(columns=_safe)
    text = io.StringIO()
    safe.to_csv(text, index=False, float_format="%.10g", lineterminator="\n")
    return text.getvalue().encode("utf-8-sig" if bom else "utf-8")


def _safe(value: Any) -> Any:
    return guarded(value) if isinstance(value, str) else value


def _write_layer(
    part: Path, name: str, frame: gpd.GeoDataFrame | pd.DataFrame, *, append: bool
) -> None:
    if not isinstance(frame, gpd.GeoDataFrame):
        pyogrio.write_dataframe(frame, part, layer=name, driver="GPKG", append=append)
        return
    kinds = {kind.removeprefix("Multi") for kind in frame.geom_type.dropna()}
    polygons = kinds <= {"Polygon"}
    pyogrio.write_dataframe(
        frame,
        part,
        layer=name,
        driver="GPKG",
        append=append,
        promote_to_multi=polygons,
        geometry_type="MultiPolygon" if polygons else None,
    )


def _write_styles(
    part: Path,
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    styles: Mapping[str, str],
) -> None:
    """Add the table that QGIS keeps styles in, registered as it does it itself."""
    unknown = sorted(set(styles) - set(layers))
    if unknown:
        raise InvalidInputError(f"styles name layer {unknown[0]!r}, wanted {', '.join(layers)}")
    with closing(sqlite3.connect(part)) as database, database:
        columns = dict(
            database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns")
        )
        database.execute(_STYLE_TABLE)
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change)"
            " VALUES ('layer_styles', 'attributes', 'layer_styles', ?)",
            (_FIXED_CHANGE,),
        )
        database.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,"
            " f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner,"
            " ui, update_time) VALUES ('', '', ?, ?, ?, ?, '', 1, '', '', NULL, ?)",
            [
                (name, columns.get(name, ""), name, text, _FIXED_CHANGE)
                for name, text in styles.items()
            ],
        )


def _reason(error: Exception, part: Path, path: Path) -> Exception:
    """Return a full disk as the system reports it, everything else in GDAL's words."""
    free = free_bytes(part.parent)
    if free is not None and free < _FULL_BELOW_BYTES:
        return OSError(errno.ENOSPC, f"GDAL could not write: {error}")
    return DataError(f"{path} could not be written ({error}): check the columns of its layers")


def _fix_header(part: Path) -> None:
    with closing(sqlite3.connect(part)) as database, database:
        database.execute("UPDATE gpkg_contents SET last_change = ?", (_FIXED_CHANGE,))
    # SQLite counts its transactions in the header (bytes 24-27 and, for the version that the
    # counts belong to, 92-95), and GDAL's number of them varies with the clock.
    with part.open("r+b") as file:
        for offset in (24, 92):
            file.seek(offset)
            file.write(_FIXED_COUNT.to_bytes(4, "big"))
