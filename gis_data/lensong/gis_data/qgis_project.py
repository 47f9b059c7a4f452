"""A QGIS project: layers in groups, styled, by paths relative to the project's own folder."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import pyproj

from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.cog import LegendClass
from lensong.gis_data.qgis_styles import (
    QGIS_VERSION,
    VectorStyle,
    raster_style,
    set_scale_and_labels,
    vector_style,
)

__all__ = ["ProjectGroup", "RasterLayer", "VectorLayer", "write_qgis_project"]

Bounds = tuple[float, float, float, float]  # west, south, east, north

_ZIP_TIME = (2000, 1, 1, 0, 0, 0)  # the format wants a time; ours must not change


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterLayer:
    """A raster beside the project.

    Parameters
    ----------
    name : str
        As the list of layers shows it.
    file : str
        Path from the project's folder.
    legend : tuple of LegendClass
    intervals : bool
        The legend's values are lower edges; otherwise codes.
    visible : bool
    """

    name: str
    file: str
    legend: tuple[LegendClass, ...]
    intervals: bool
    visible: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorLayer:
    """A layer of a vector file beside the project.

    Parameters
    ----------
    name : str
        As the list of layers shows it.
    file, layer : str
        Path from the project's folder, and the layer inside.
    style : VectorStyle
    visible : bool
    crs : str
        Its system where that is another than the map's.
    """

    name: str
    file: str
    layer: str
    style: VectorStyle
    visible: bool = True
    crs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectGroup:
    """A group of the list of layers; the first member lies on top.

    Parameters
    ----------
    name : str
    members : sequence
        Layers and groups.
    exclusive : bool
        One member is shown at a time.
    visible, expanded : bool
    """

    name: str
    members: Sequence[ProjectGroup | RasterLayer | VectorLayer] = field(default_factory=tuple)
    exclusive: bool = False
    visible: bool = True
    expanded: bool = True


def write_qgis_project(
    path: str | Path,
    members: Sequence[ProjectGroup | RasterLayer | VectorLayer],
    *,
    title: str,
    crs: str,
    view: Bounds,
) -> None:
    """Write a ``.qgz`` that QGIS 3.16 and later open; the same input gives the same bytes.

    Parameters
    ----------
    path : str or Path
        Appears whole or not at all.
    members : sequence
        Of the list of layers, from the top.
    title : str
        Of the window.
    crs : str
        System of the map, and of every layer that names no other.
    view : tuple
        West, south, east, north of what is shown first, in that system.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    root = Element("qgis", projectname=title, version=QGIS_VERSION)
    SubElement(root, "title").text = title
    _system(SubElement(root, "projectCrs"), crs)
    tree = SubElement(root, "layer-tree-group")
    # QGIS replaces identifiers of ten letters or fewer
    ids = {id(layer): f"lensong_layer_{place:03}" for place, layer in enumerate(_layers(members))}
    _tree(tree, members, ids)
    canvas = SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    SubElement(canvas, "units").text = "meters"
    extent = SubElement(canvas, "extent")
    for name, value in zip(("xmin", "ymin", "xmax", "ymax"), view, strict=True):
        SubElement(extent, name).text = f"{value:.3f}"
    _system(SubElement(canvas, "destinationsrs"), crs)
    found = SubElement(root, "projectlayers")
    order = SubElement(root, "layerorder")
    for layer in _layers(members):
        found.append(_layer(layer, ids[id(layer)], crs))
        SubElement(order, "layer", id=ids[id(layer)])
    properties = SubElement(root, "properties")
    SubElement(SubElement(properties, "Paths"), "Absolute", type="bool").text = "false"
    systems = SubElement(properties, "SpatialRefSys")
    SubElement(systems, "ProjectionsEnabled", type="int").text = "1"
    home = SubElement(
        SubElement(root, "ProjectViewSettings", UseProjectScales="0"),
        "DefaultViewExtent",
        {
            name: f"{value:.3f}"
            for name, value in zip(("xmin", "ymin", "xmax", "ymax"), view, strict=True)
        },
    )
    _system(home, crs)
    text = f"<!DOCTYPE qgis>\n{tostring(root, encoding='unicode')}\n"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(f"{Path(path).stem}.qgs", _ZIP_TIME)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, text.encode("utf-8"))
    with atomic_path(path, needed_bytes=len(data.getvalue())) as part:
        part.write_bytes(data.getvalue())


def _layers(
    members: Sequence[ProjectGroup | RasterLayer | VectorLayer],
) -> Iterator[RasterLayer | VectorLayer]:
    for member in members:
        if isinstance(member, ProjectGroup):
            yield from _layers(member.members)
        else:
            yield member


def _tree(
    group: Element,
    members: Sequence[ProjectGroup | RasterLayer | VectorLayer],
    ids: dict[int, str],
) -> None:
    for member in members:
        checked = "Qt::Checked" if member.visible else "Qt::Unchecked"
        if isinstance(member, ProjectGroup):
            inner = SubElement(group, "layer-tree-group", name=member.name, checked=checked)
            inner.set("expanded", str(int(member.expanded)))
            if member.exclusive:
                shown = [place for place, one in enumerate(member.members) if one.visible]
                inner.set("mutually-exclusive", "1")
                inner.set("mutually-exclusive-child", str(shown[0] if shown else -1))
            _tree(inner, member.members, ids)
        else:
            SubElement(
                group,
                "layer-tree-layer",
                id=ids[id(member)],
                name=member.name,
                checked=checked,
                expanded="0" if isinstance(member, RasterLayer) and not member.visible else "1",
                providerKey=_provider(member),
                source=_source(member),
            )


def _layer(layer: RasterLayer | VectorLayer, layer_id: str, crs: str) -> Element:
    found = Element("maplayer", autoRefreshEnabled="0", refreshOnNotifyEnabled="0")
    if isinstance(layer, VectorLayer):
        found.set("type", "vector")
        found.set("geometry", layer.style.geometry)
        set_scale_and_labels(found, layer.style)
    else:
        found.set("type", "raster")
        set_scale_and_labels(found, None)
    SubElement(found, "id").text = layer_id
    SubElement(found, "datasource").text = _source(layer)
    SubElement(found, "layername").text = layer.name
    own = layer.crs if isinstance(layer, VectorLayer) else ""
    _system(SubElement(found, "srs"), own or crs)
    provider = SubElement(found, "provider")
    provider.text = _provider(layer)
    if isinstance(layer, VectorLayer):
        provider.set("encoding", "UTF-8")
        found.extend(vector_style(layer.style))
    else:
        found.extend(raster_style(layer.legend, intervals=layer.intervals))
    return found


def _source(layer: RasterLayer | VectorLayer) -> str:
    inside = f"|layername={layer.layer}" if isinstance(layer, VectorLayer) else ""
    return f"./{layer.file}{inside}"


def _provider(layer: RasterLayer | VectorLayer) -> str:
    return "ogr" if isinstance(layer, VectorLayer) else "gdal"


def _system(parent: Element, crs: str) -> None:
    found = pyproj.CRS.from_user_input(crs)
    system = SubElement(parent, "spatialrefsys")
    SubElement(system, "wkt").text = found.to_wkt()  # what QGIS reads; the name is for people
    authority = found.to_authority(min_confidence=100)
    if authority is not None:
        SubElement(system, "authid").text = ":".join(authority)
    SubElement(system, "description").text = found.name
