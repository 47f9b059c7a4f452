"""Files of boundaries: their attributes as a table, and the outlines that go with its lines."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lensong.gis_data.csv_cells import csv_text
from lensong.monitoring.map_bases import Rings
from lensong.propagation.errors import ConfigError, CrsMismatchError, DataError

__all__ = ["Boundaries", "is_boundaries", "read_boundaries"]

_PLAN_LAYER = "communes"
"""Of the GeoPackage that `lensong plan` writes, which has layers of other things too."""

_SUFFIXES = (
    (b"SQLite format 3\0", ".gpkg"),
    (b"fgb\x03", ".fgb"),
    (b"<", ".kml"),
)
_FIRST_LINE = 2
"""Of a table, after its head."""

_INVENTED = ("synthetic", "giả lập")


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundaries:
    """A table in the form of CSV, outlines by its lines, and the lines that are invented.

    Parameters
    ----------
    outlines : mapping
        By line of the table; a line whose feature has no area has none.
    """

    table: bytes
    outlines: Mapping[int, Rings] = field(default_factory=dict)
    invented: frozenset[int] = frozenset()


def is_boundaries(data: bytes) -> bool:
    """Return whether some bytes begin as a file of boundaries does."""
    return _suffix(data) is not None


def read_boundaries(
    data: bytes, has_code: Callable[[list[str]], bool], layer: str = ""
) -> Boundaries:
    """Return what a file of boundaries holds.

    Parameters
    ----------
    data : bytes
        GeoPackage, a zipped shapefile, GeoJSON, FlatGeobuf or KML.
    has_code : callable
        Whether some columns hold a code: else that of a GeoJSON feature itself is one.
    layer : str
        Needed where the file has several, but for the GeoPackage of a coverage plan.

    Raises
    ------
    DataError
        It cannot be read, says not where its coordinates are, has no polygons, or several layers.
    """
    suffix = _suffix(data)
    if suffix == ".geojson" and (found := _read_geojson(data, has_code)) is not None:
        return found
    with tempfile.TemporaryDirectory(prefix="lensong-boundaries-") as folder:
        path = Path(folder) / f"boundaries{suffix}"
        path.write_bytes(data)
        try:
            return _read(path, layer)
        except (ConfigError, CrsMismatchError, DataError) as error:
            raise DataError(str(error).replace(str(path), "the file")) from error


def _suffix(data: bytes) -> str | None:
    head = data[:4_096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] == b"{":
        return ".geojson"
    if head[:4] == b"PK\x03\x04":  # a workbook is a zip too
        return ".zip" if b".shp" in data[-65_536:] or b".gpkg" in data[-65_536:] else None
    return next((suffix for magic, suffix in _SUFFIXES if head.startswith(magic)), None)


def _read(path: Path, layer: str) -> Boundaries:
    # here, for a list without boundaries needs none of it
    from lensong.gis_data.vectors import as_text, layers_of, polygons_only, read_layer

    names = layers_of(path)
    if not layer and len(names) > 1:
        if _PLAN_LAYER not in names:
            raise DataError(
                f"{path} has the layers {', '.join(names[:12])}: say which one holds the communes"
            )
        layer = _PLAN_LAYER
    frame = read_layer(path, crs="EPSG:4326", layer=layer)
    columns = [str(name) for name in frame.columns if name != frame.geometry.name]
    cells = [as_text(frame[name]) for name in columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    return _boundaries(columns, rows, polygons_only(frame.geometry.to_numpy()))


def _read_geojson(data: bytes, has_code: Callable[[list[str]], bool]) -> Boundaries | None:
    """Return what GeoJSON in longitude and latitude holds, None where it names another system."""
    try:
        document: Any = json.loads(data.decode("utf-8-sig"))
        features = document["features"]
        rows = [
            {"id": feature.get("id"), **(feature.get("properties") or {})} for feature in features
        ]
        shapes = [feature.get("geometry") for feature in features]
        system = str(((document.get("crs") or {}).get("properties") or {}).get("name", "CRS84"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            "the file is no GeoJSON collection of features: export the boundaries again as GeoJSON"
        ) from error
    if not system.endswith(("CRS84", "4326")):
        return None
    columns = list(dict.fromkeys(str(name) for row in rows for name in row))
    if not any(row["id"] is not None for row in rows) or has_code(columns):
        columns.remove("id")
    cells = [
        ["" if row.get(name) is None else str(row.get(name)) for name in columns] for row in rows
    ]
    return _boundaries(columns, cells, _geojson_outlines(shapes))


def _geojson_outlines(shapes: list[Any]) -> Any:
    import numpy as np
    import shapely

    from lensong.gis_data.vectors import polygons_only

    found = shapely.from_geojson(
        [None if shape is None else json.dumps(shape) for shape in shapes], on_invalid="ignore"
    )
    if not any(found):
        return None
    whole = [shapely.Polygon() if shape is None else shape for shape in found]
    flat = np.array(shapely.make_valid(shapely.force_2d(whole)), dtype=object)
    west, south, east, north = shapely.total_bounds(flat)
    if not (-180.0 <= west <= east <= 540.0 and -90.0 <= south <= north <= 90.0):
        raise DataError(
            f"the file reaches from {west:.6g} to {east:.6g} east and {south:.6g} to {north:.6g} "
            "north, which are no degrees of longitude and latitude: export it as WGS 84"
        )
    return polygons_only(flat)


def _boundaries(columns: list[str], rows: list[list[str]], outlines: Any) -> Boundaries:
    """Return a table and, where there are, the outlines of its lines, coarsened together."""
    from lensong.gis_data.outlines import coarse_rings

    if not columns:
        raise DataError("the features of the file have no attributes: code and name are wanted")
    rows = [[_one_line(text) for text in row] for row in rows]
    areas = [] if outlines is None else [at for at, it in enumerate(outlines) if not it.is_empty]
    coarse = coarse_rings(outlines[areas]) if areas else []
    return Boundaries(
        table=csv_text(columns, rows).encode(),
        outlines={
            at + _FIRST_LINE: tuple(tuple(ring) for ring in found)
            for at, found in zip(areas, coarse, strict=True)
            if found
        },
        invented=frozenset(
            at + _FIRST_LINE
            for at, row in enumerate(rows)
            if any(word in text.casefold() for text in row for word in _INVENTED)
        ),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
