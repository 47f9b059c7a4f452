"""Which raster files are opened: plain ones on disk, by drivers that read nothing else.

GDAL knows formats that are only a reference: a web map service, a database, any file under a
virtual path. None of them is opened. A virtual raster (VRT) is, as long as it joins plain raster
files that lie in its own folder or below.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from xml.etree import ElementTree

import rasterio
import rasterio.io
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

from lensong.gis_data.warning_filters import own_filters
from lensong.propagation.errors import DataError

__all__ = ["FOLDER_SUFFIXES", "open_raster"]

FOLDER_SUFFIXES = (
    ".tif", ".tiff", ".hgt", ".hgt.gz", ".hgt.zip", ".zip", ".asc", ".img", ".bil", ".flt",
    ".dt0", ".dt1", ".dt2",
)  # fmt: skip
"""Ends of the names of rasters that are looked for in a folder."""

_PLAIN_DRIVERS = [
    "GTiff", "SRTMHGT", "AAIGrid", "EHdr", "HFA", "ENVI", "DTED", "USGSDEM", "GSAG", "GSBG",
    "GS7BG", "RST", "SAGA", "AIG",
]  # fmt: skip
_WANTED = (
    "wanted a GeoTIFF, a VRT over files beside it, an .hgt tile, an ASCII, ESRI or Erdas grid; "
    "convert others with `rio convert` or `gdal_translate`"
)
_MOST_VRT_BYTES = 64 * 2**20
_MOST_VRT_LEVELS = 4
_VRT_KINDS = {"", "VRTWarpedDataset"}
_BAND_KINDS = {"", "VRTSourcedRasterBand", "VRTWarpedRasterBand"}
_SOURCES = {"SourceFilename", "SourceDataset"}


def open_raster(path: str, shown: str) -> rasterio.DatasetReader:
    """Return an open dataset.

    Parameters
    ----------
    path : str
        A file on disk.
    shown : str
        Its name for messages.

    Raises
    ------
    DataError
        It is no raster of a plain format, or a virtual raster that names what is not beside it.
    """
    virtual = _is_virtual(Path(path), shown)
    if virtual:
        _check_virtual(Path(path), shown, Path(path).resolve().parent, _MOST_VRT_LEVELS)
    drivers = ["VRT"] if virtual else _PLAIN_DRIVERS
    try:
        return _opened(Path(path), drivers)
    except RasterioIOError as error:
        raise DataError(f"{shown} cannot be read as a raster ({error}): {_WANTED}") from error


def _opened(path: Path, drivers: list[str]) -> rasterio.DatasetReader:
    with own_filters(), rasterio.Env(GDAL_VRT_ENABLE_PYTHON="NO"):
        # one that lies nowhere is refused by who reads it
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        # `rasterio.open` takes one driver only, its reader a list of those allowed.
        return rasterio.io.DatasetReader(str(path), driver=drivers, sharing=False)


def _is_virtual(path: Path, shown: str) -> bool:
    """Return whether a file is a virtual raster; refuse what is no file on disk."""
    try:
        with path.open("rb") as stream:
            return b"<VRTDataset" in stream.read(4096)
    except IsADirectoryError:
        return False  # an Arc/Info grid
    except OSError as error:
        raise DataError(f"{shown} cannot be read ({error.strerror}): {_WANTED}") from error


def _check_virtual(path: Path, shown: str, folder: Path, levels: int) -> None:
    if levels == 0:
        raise DataError(
            f"{shown} is a virtual raster of virtual rasters of virtual rasters: give the tiles "
            "themselves, as a folder or a list"
        )
    if path.stat().st_size > _MOST_VRT_BYTES:
        raise DataError(f"{shown} has more than {_MOST_VRT_BYTES >> 20} MiB of XML: give the tiles")
    text = path.read_bytes()
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise DataError(f"{shown} declares entities, which no virtual raster needs: write it again")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise DataError(f"{shown} is damaged ({error}): write it again with `gdalbuildvrt`") from (
            error
        )
    if root.tag != "VRTDataset" or root.get("subClass", "") not in _VRT_KINDS:
        raise DataError(
            f"{shown} is a virtual raster of the kind {root.get('subClass', root.tag)}, wanted one "
            "that joins tiles (`gdalbuildvrt`)"
        )
    for element in root.iter():
        if element.tag == "VRTRasterBand" and element.get("subClass", "") not in _BAND_KINDS:
            raise DataError(
                f"{shown} has a band of the kind {element.get('subClass')}, wanted plain tiles"
            )
        if element.tag in _SOURCES:
            _check_source(element, path, shown, folder, levels)
        elif element.tag in ("Group", "Array") or element.tag.lower().endswith("filename"):
            raise DataError(f"{shown} has a part {element.tag!r}, wanted plain tiles")


def _check_source(
    element: ElementTree.Element, path: Path, shown: str, folder: Path, levels: int
) -> None:
    """Refuse a source that is not a plain raster file in the folder of the virtual raster."""
    name = (element.text or "").strip()
    relative = element.get("relativeToVRT", element.get("relativetoVRT", "0")) == "1"
    given = path.parent / name if relative else Path(name)
    source = given.resolve()
    if not source.is_relative_to(folder) or not source.is_file():
        raise DataError(
            f"{shown} names the source {name[:120]!r}, wanted files in its own folder or below: "
            "put the tiles there, or give them as a list in place of the virtual raster"
        )
    if _is_virtual(source, source.name):
        _check_virtual(source, source.name, folder, levels - 1)
        return
    try:
        _opened(source, _PLAIN_DRIVERS).close()
    except RasterioIOError as error:
        raise DataError(f"{source.name} in {shown} is no raster ({error}): {_WANTED}") from error
