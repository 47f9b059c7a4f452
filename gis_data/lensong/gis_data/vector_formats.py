"""Which vector files are opened: those that hold their features themselves.

GDAL also opens files that are only references: an OGR VRT, a web feature service, a streamed
algorithm. They name network addresses and any file on disk, and are refused before GDAL sees them.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from lensong.gis_data.sqlite_views import check_views
from lensong.propagation.errors import DataError

__all__ = ["check_vector_file"]

_WANTED = "wanted GeoPackage, GeoJSON, Shapefile, FlatGeobuf, KML, GML, GPX or MapInfo"
_HEAD_BYTES = 65_536
_MOST_UNPACKED_BYTES = 2 * 2**30
_SQLITE = b"SQLite format 3\0"
_BINARY_HEADS = (_SQLITE, b"fgb", b"\x00\x00\x27\x0a")
_GEOMETRIES = (
    r"Feature|FeatureCollection|GeometryCollection|(?:Multi)?(?:Point|LineString|Polygon)|Topology"
)
_GEOJSON = re.compile(rf'"type"\s*:\s*"(?:{_GEOMETRIES})"')
_XML_ROOT = re.compile(r"<(?![?!])(?:\w+:)?(\w+)")
_NO_ELEMENT = re.compile(r"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|<!DOCTYPE.*?\]?>", re.S)
_XML_ROOTS = {"kml", "FeatureCollection", "gpx", "osm"}
_SHAPEFILE_PARTS = {
    ".shp", ".dbf", ".shx", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qmd", ".qpj", ".xml", ".txt",
    ".sld", ".qml", ".cst", ".fix", ".pdf", ".md", ".html",
}  # fmt: skip
_INSIDE = {".geojson", ".json", ".gpkg", ".kml", ".fgb", ".gml"}


def check_vector_file(path: Path) -> None:
    """Refuse a vector file that names others, unpacks to over 2 GiB, or has a view without end.

    Raises
    ------
    DataError
        The message says what the file is.
    """
    if path.is_dir():
        if path.suffix.lower() == ".gdb" or any(path.glob("*.shp")):
            return
        raise DataError(f"{path} is a folder without shapefiles, {_WANTED}")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): {_WANTED}") from error
    if head[:4] == b"PK\x03\x04":
        _check_archive(path)
        return
    _check_head(head, str(path))
    if head.startswith(_SQLITE):
        check_views(path, str(path))


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > _MOST_UNPACKED_BYTES:
                raise DataError(f"{path} unpacks to more than 2 GiB: cut it to the area")
            ends = {Path(entry.filename).suffix.lower() for entry in entries}
            if path.suffix.lower() == ".kmz" or ".shp" in ends:
                inside = [e for e in entries if Path(e.filename).suffix.lower() in _INSIDE]
            elif ends <= _INSIDE | _SHAPEFILE_PARTS and ends & _INSIDE:
                inside = entries
            else:
                raise DataError(f"{path} is an archive without a shapefile, {_WANTED}")
            for entry in inside:
                if Path(entry.filename).suffix.lower() in _INSIDE:
                    shown = f"{entry.filename} in {path}"
                    with archive.open(entry) as stream:
                        head = stream.read(_HEAD_BYTES)
                    _check_head(head, shown)
                    if head.startswith(_SQLITE):
                        with TemporaryDirectory() as folder:
                            check_views(Path(archive.extract(entry, folder)), shown)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path} is a damaged archive ({error}): get it again") from error


def _check_head(head: bytes, shown: str) -> None:
    if head.startswith(_BINARY_HEADS):
        return
    text = _text(head).lstrip("\ufeff \t\r\n")
    if "gdal_streamed_alg" in text:
        raise DataError(f"{shown} is a streamed algorithm of GDAL, {_WANTED}")
    if text.startswith(("{", "[", "\x1e")):
        if not _GEOJSON.search(text):
            raise DataError(f"{shown} is JSON but no GeoJSON, {_WANTED}")
        return
    if text.startswith("<"):
        root = _XML_ROOT.search(_NO_ELEMENT.sub("", text))
        if root is None or root[1] not in _XML_ROOTS:
            raise DataError(
                f"{shown} is XML of the kind {root[1] if root else 'unknown'}, which can name "
                f"other files and addresses: {_WANTED}"
            )
        return
    if "<OGRVRT" in text or "<GDAL_" in text or "<OGRWFS" in text:
        raise DataError(f"{shown} only names other data, {_WANTED}")


def _text(head: bytes) -> str:
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return head.decode(encoding, "replace")
