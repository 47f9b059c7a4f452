"""Lists of masts or villages as one table, whatever the file: text, workbook or vector layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely

from lensong.gis_data.tables import GEOMETRY_LAT, GEOMETRY_LON, Table, read_table, table_of
from lensong.gis_data.vectors import as_text, first_few, is_text_table, open_layer
from lensong.gis_data.workbook import WORKBOOK_SUFFIXES, read_sheet
from lensong.propagation.errors import ConfigError, CrsMismatchError, DataError
from lensong.propagation.types import FloatArray

__all__ = ["read_list"]

_VECTOR_SUFFIXES = {
    ".kml", ".kmz", ".gpkg", ".geojson", ".json", ".shp", ".zip", ".fgb", ".gml", ".gpx", ".sqlite",
    ".mif",
}  # fmt: skip


def read_list(path: str | Path, *, layer: str = "", layer_like: str = "") -> Table:
    """Return the table in a file of any kind.

    Parameters
    ----------
    path : str or Path
        Text as `tables.read_table` reads it; a workbook (.xlsx, .xls, .ods); or points in a
        vector file (KML and KMZ with all their folders, GeoPackage, GeoJSON, Shapefile, GML).
    layer : str
        Layer of a vector file or sheet of a workbook; needed where there are several, but for KML.
    layer_like : str
        The sheet whose name begins so, in any case, where there are several and none is chosen.

    Returns
    -------
    Table
        A vector file's table has `GEOMETRY_LAT` and `GEOMETRY_LON` besides its attributes, which
        are text; its "lines" are features counted from 1.

    Raises
    ------
    DataError, ConfigError, CrsMismatchError
        The file cannot be read, the layer is missing, the geometry is no point, or has no CRS.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if not path.exists():
        raise DataError(f"no file {path}: check the path in the scenario")
    if suffix in WORKBOOK_SUFFIXES:
        return _of_workbook(path, layer, layer_like)
    if suffix in _VECTOR_SUFFIXES and not is_text_table(path):
        return _of_points(path, layer)
    if layer:
        raise ConfigError(f"{path} is a text table and has no layers: leave layer out")
    return read_table(path)


def _of_workbook(path: Path, sheet: str, like: str) -> Table:
    name, records = read_sheet(path, sheet, like)
    return table_of(records, Path(f"{path} sheet {name}"))


def _of_points(path: Path, layer: str) -> Table:
    frame, notes = open_layer(path, layer)
    if frame.crs is None:
        raise CrsMismatchError(
            f"{path} has no coordinate reference system: assign the right CRS, e.g. in QGIS with "
            "'Assign projection', and save again"
        )
    missing = frame.geometry.isna() | frame.geometry.is_empty
    kinds = shapely.get_type_id(frame.geometry.to_numpy())
    multi = (kinds == shapely.GeometryType.MULTIPOINT) & (
        shapely.get_num_geometries(frame.geometry.to_numpy()) == 1
    )
    point = (kinds == shapely.GeometryType.POINT) | multi | missing.to_numpy()
    if not (point & ~missing.to_numpy()).any():
        raise DataError(f"{path} has no point, wanted one for each mast or cell")
    if not point.all():
        lines = [str(i + 1) for i in np.flatnonzero(~point)]
        notes.append(
            f"{path.name}: {len(lines)} of {len(frame)} features are lines or areas and were left "
            f"out: feature {first_few(lines)}"
        )
    frame = frame.set_geometry(shapely.force_2d(frame.geometry.array))
    degrees = shapely.centroid(frame.geometry.to_crs("EPSG:4326").to_numpy())
    columns = {
        str(name): as_text(frame[name].tolist()) for name in frame.columns if name != "geometry"
    }
    columns[GEOMETRY_LAT] = _numbers(shapely.get_y(degrees))
    columns[GEOMETRY_LON] = _numbers(shapely.get_x(degrees))
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    return Table(
        columns=tuple(columns),
        rows=[row for row, keep in zip(rows, point, strict=True) if keep],
        line_numbers=tuple(int(i) + 1 for i in np.flatnonzero(point)),
        encoding="utf-8",
        delimiter="",
        decimal_comma=False,
        has_header=True,
        notes=tuple(notes),
    )


def _numbers(values: FloatArray) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.9f}" for value in values]
