"""KMZ for Google Earth: layers draped over the ground, villages and masts with balloons.

Everything is inside the file, the marker pictures too: it works without internet.
"""

from __future__ import annotations

import html
import io
import math
import re
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.cog import LegendClass
from lensong.gis_data.pictures import WarpedBounds, encode_png, geographic_cells, palette_png
from lensong.propagation.types import BoolArray, FloatArray, Grid, UInt8Array

__all__ = [
    "GroundOverlay",
    "Marker",
    "MarkerShape",
    "Placemark",
    "PlacemarkFolder",
    "write_kmz",
]

MarkerShape: TypeAlias = Literal["circle", "square", "triangle", "diamond", "mast"]

_SYNTHETIC = "SYNTHETIC DATA: generated, not a real place or network"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ICON_PX = 64
_METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundOverlay:
    """One layer draped over the ground.

    Parameters
    ----------
    name : str
        As shown in the list of places.
    indices : callable
        Takes cells by their flat indices into the grid, in an array of any shape, and returns the
        number of each one's colour, uint8 from 1 on; 0 where there is nothing. A picture has fewer
        pixels than a large grid has cells.
    colours : sequence of str
        ``"#rrggbb"``, at most 255.
    grid : Grid
        Of the picture.
    opacity : int
        Of all colours, 0..255.
    description : str
        Plain text for the balloon.
    legend : sequence of LegendClass
        Colours and their meaning, for the balloon.
    visible : bool
        Shown when the file opens; layers are one choice out of several.
    """

    name: str
    indices: Callable[[NDArray[np.int32]], UInt8Array]
    colours: Sequence[str]
    grid: Grid
    opacity: int = 255
    description: str = ""
    legend: Sequence[LegendClass] = ()
    visible: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """How the places of one class look: by shape and by colour.

    Parameters
    ----------
    shape : {"circle", "square", "triangle", "diamond", "mast"}
    rgb : tuple of int
        Colour, 0..255 each.
    scale : float
        1 is Google Earth's usual size.
    """

    shape: MarkerShape
    rgb: tuple[int, int, int]
    scale: float = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Placemark:
    """A named place.

    Parameters
    ----------
    name : str
        Label beside the marker.
    lat_deg, lon_deg : float
        WGS 84.
    marker : Marker
        Places with equal markers share one style.
    rows : sequence of (str, str)
        Lines of the balloon's table, plain text.
    """

    name: str
    lat_deg: float
    lon_deg: float
    marker: Marker
    rows: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacemarkFolder:
    """Places under one heading, switched on and off together.

    Parameters
    ----------
    name : str
    placemarks : sequence of Placemark
    visible : bool
        Shown when the file opens.
    """

    name: str
    placemarks: Sequence[Placemark]
    visible: bool = True


def write_kmz(
    path: str | Path,
    *,
    title: str,
    description: str,
    overlays: Iterable[GroundOverlay] = (),
    folders: Sequence[PlacemarkFolder] = (),
    synthetic: bool = False,
    max_px: int = 4096,
) -> None:
    """Write layers and places for Google Earth; the same input gives the same bytes.

    Parameters
    ----------
    path : str or Path
        Ends in ``.kmz``. Appears whole or not at all.
    title : str
        Name of the document.
    description : str
        Plain text for its balloon.
    overlays : iterable of GroundOverlay
        Taken one at a time: they may be made as they are asked for.
        Warped to latitude and longitude.
    folders : sequence of PlacemarkFolder
        E.g. villages and masts.
    synthetic : bool
        Say in the title and the description that the data are generated.
    max_px : int
        Longer side of an overlay at most [pixels].

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    files: dict[str, bytes] = {}
    boxes: list[WarpedBounds] = []
    kml = ET.Element("kml", xmlns="http://www.opengis.net/kml/2.2")
    document = ET.SubElement(kml, "Document")
    notes = [_SYNTHETIC] if synthetic else []
    _text(document, "name", f"{title} (synthetic)" if synthetic else title)
    _text(document, "open", "1")
    _text(document, "description", _paragraphs([*notes, description]))
    styles = _add_styles(document, folders, files)
    _add_overlays(document, overlays, max_px, files, boxes)
    for folder in folders:
        _add_folder(document, folder, styles, notes)
    _look_at(document, boxes, folders)
    ET.indent(kml)
    page = ET.tostring(kml, encoding="utf-8", xml_declaration=True)
    data = _zip({"doc.kml": page, **files})
    with atomic_path(path, needed_bytes=len(data)) as part:
        part.write_bytes(data)


def _add_styles(
    document: ET.Element, folders: Sequence[PlacemarkFolder], files: dict[str, bytes]
) -> dict[Marker, str]:
    """Add one style and one picture per distinct marker; return their ids."""
    styles: dict[Marker, str] = {}
    for folder in folders:
        for place in folder.placemarks:
            if place.marker in styles:
                continue
            style_id = f"marker{len(styles) + 1}"
            styles[place.marker] = style_id
            icon_path = f"files/{style_id}.png"
            files[icon_path] = encode_png(_icon(place.marker))
            style = ET.SubElement(document, "Style", id=style_id)
            icon_style = ET.SubElement(style, "IconStyle")
            _text(icon_style, "scale", f"{place.marker.scale:g}")
            _text(ET.SubElement(icon_style, "Icon"), "href", icon_path)
            ET.SubElement(
                icon_style, "hotSpot", x="0.5", y="0.5", xunits="fraction", yunits="fraction"
            )
            _text(ET.SubElement(style, "LabelStyle"), "scale", "0.8")
            balloon = ET.SubElement(style, "BalloonStyle")
            _text(balloon, "text", "<h3>$[name]</h3>$[description]")
    return styles


def _add_overlays(
    document: ET.Element,
    overlays: Iterable[GroundOverlay],
    max_px: int,
    files: dict[str, bytes],
    boxes: list[WarpedBounds],
) -> None:
    folder: ET.Element | None = None
    placed = cache(partial(geographic_cells, max_px=max_px))
    for number, overlay in enumerate(overlays, start=1):
        if folder is None:
            folder = ET.SubElement(document, "Folder")
            _text(folder, "name", "Layers")
            _text(folder, "open", "1")
            choice = ET.SubElement(ET.SubElement(folder, "Style"), "ListStyle")
            _text(choice, "listItemType", "radioFolder")
        cells, box = placed(overlay.grid)
        shown = np.where(cells < 0, np.uint8(0), overlay.indices(cells))
        picture = f"files/layer{number}.png"
        files[picture] = palette_png(shown, overlay.colours, opacity=overlay.opacity)
        boxes.append(box)
        element = ET.SubElement(folder, "GroundOverlay")
        _text(element, "name", overlay.name)
        _text(element, "visibility", str(int(overlay.visible)))
        balloon = _paragraphs([overlay.description]) + _legend_table(overlay.legend)
        _text(element, "description", balloon)
        _text(ET.SubElement(element, "Icon"), "href", picture)
        edges = ET.SubElement(element, "LatLonBox")
        for side in ("north", "south", "east", "west"):
            _text(edges, side, f"{getattr(box, f'{side}_deg'):.9f}")


def _add_folder(
    document: ET.Element,
    folder: PlacemarkFolder,
    styles: dict[Marker, str],
    notes: Sequence[str],
) -> None:
    element = ET.SubElement(document, "Folder")
    _text(element, "name", folder.name)
    _text(element, "visibility", str(int(folder.visible)))
    for place in folder.placemarks:
        mark = ET.SubElement(element, "Placemark")
        _text(mark, "name", place.name)
        _text(mark, "visibility", str(int(folder.visible)))
        _text(mark, "description", _balloon_table(place.rows) + _paragraphs(notes))
        _text(mark, "styleUrl", f"#{styles[place.marker]}")
        position = f"{place.lon_deg:.7f},{place.lat_deg:.7f},0"
        _text(ET.SubElement(mark, "Point"), "coordinates", position)


def _look_at(
    document: ET.Element, boxes: Sequence[WarpedBounds], folders: Sequence[PlacemarkFolder]
) -> None:
    """Make the file open with everything in view."""
    places = [place for folder in folders for place in folder.placemarks]
    lons = [p.lon_deg for p in places] + [e for b in boxes for e in (b.west_deg, b.east_deg)]
    lats = [p.lat_deg for p in places] + [e for b in boxes for e in (b.south_deg, b.north_deg)]
    if not lons:
        return
    lat_deg = (min(lats) + max(lats)) / 2.0
    wide = (max(lons) - min(lons)) * math.cos(math.radians(lat_deg))
    range_m = max(1.2 * math.hypot(wide, max(lats) - min(lats)) * _METRES_PER_DEGREE, 3_000.0)
    view = ET.Element("LookAt")
    _text(view, "longitude", f"{(min(lons) + max(lons)) / 2.0:.6f}")
    _text(view, "latitude", f"{lat_deg:.6f}")
    _text(view, "heading", "0")
    _text(view, "tilt", "0")
    _text(view, "range", f"{range_m:.0f}")
    document.insert(3, view)  # the schema wants it before the styles


def _icon(marker: Marker) -> UInt8Array:
    """Return a marker's picture: the shape in its colour with a white rim."""
    y, x = (np.mgrid[0:_ICON_PX, 0:_ICON_PX] + 0.5) / _ICON_PX * 2.0 - 1.0
    inner = _inside(marker.shape, x, y)
    picture = np.zeros((_ICON_PX, _ICON_PX, 4), dtype=np.uint8)
    picture[binary_dilation(inner, np.hypot(x, y)[26:38, 26:38] < 0.18)] = (255, 255, 255, 255)
    picture[inner] = (*marker.rgb, 255)
    return picture


def _inside(shape: MarkerShape, x: FloatArray, y: FloatArray) -> BoolArray:
    """Return where a shape covers the picture, x right and y down from -1 to 1."""
    if shape == "circle":
        covered = np.hypot(x, y) <= 0.66
    elif shape == "square":
        covered = np.maximum(np.abs(x), np.abs(y)) <= 0.58
    elif shape == "diamond":
        covered = np.abs(x) + np.abs(y) <= 0.75
    elif shape == "triangle":
        covered = (y <= 0.52) & (1.8 * np.abs(x) <= y + 0.68)
    else:  # a mast: a slim pyramid whose top sends waves to both sides
        pyramid = (y >= -0.45) & (y <= 0.75) & (np.abs(x) <= 0.06 + 0.3 * (y + 0.45))
        from_top = np.hypot(x, y + 0.4)
        waves = (np.abs(from_top - 0.45) <= 0.09) & (np.abs(x) >= np.abs(y + 0.4))
        covered = pyramid | waves
    return np.asarray(covered, dtype=np.bool_)


def _balloon_table(rows: Sequence[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><td>{html.escape(label)}</td><td><b>{html.escape(value)}</b></td></tr>"
        for label, value in rows
    )
    return f"<table>{cells}</table>" if cells else ""


def _legend_table(legend: Sequence[LegendClass]) -> str:
    cells = "".join(
        f'<tr><td style="background:#{r:02x}{g:02x}{b:02x};width:2em">&#160;</td>'
        f"<td>{html.escape(entry.label)}</td></tr>"
        for entry in legend
        for r, g, b, _ in (entry.rgba,)
    )
    return f"<table>{cells}</table>" if cells else ""


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts if text)


def _text(parent: ET.Element, tag: str, text: str) -> None:
    """Add an element with text, without characters that XML forbids."""
    ET.SubElement(parent, tag).text = _NOT_XML.sub("", text)


def _zip(files: dict[str, bytes]) -> bytes:
    """Return the archive; ``doc.kml`` is first, as Google Earth wants it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, date_time=_ZIP_TIME)
            entry.compress_type = (
                zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            )
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            writer.writestr(entry, data)
    return archive.getvalue()
