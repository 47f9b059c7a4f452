"""Styles as QGIS reads them: of a raster by its legend, of a vector layer by its classes.

The elements are those of QGIS 3's own project and style files (``.qgs``, ``.qml``); versions since
3.16 read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, tostring

from lensong.gis_data.cog import LegendClass

__all__ = [
    "QGIS_VERSION",
    "VectorClass",
    "VectorStyle",
    "qml",
    "raster_style",
    "vector_style",
]

QGIS_VERSION = "3.22.0-lensong"
"""Version of the form of the files; QGIS converts those that are older than itself."""

Geometry = Literal["Point", "Line", "Polygon"]

_SYMBOLS = {"Point": "marker", "Line": "line", "Polygon": "fill"}
_SYMBOL_LAYERS = {"Point": "SimpleMarker", "Line": "SimpleLine", "Polygon": "SimpleFill"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorClass:
    """One class of a vector layer.

    Parameters
    ----------
    value : str
        Of the layer's class field; empty for all other values.
    label : str
        As the legend shows it.
    symbol : dict
        Properties of the simple marker, line or fill as QGIS names them, e.g.
        ``{"color": "163,18,58,255", "outline_width": "0.4"}``.
    """

    value: str
    label: str
    symbol: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorStyle:
    """How a vector layer is drawn.

    Parameters
    ----------
    geometry : {"Point", "Line", "Polygon"}
    classes : tuple
        One alone without a class field, else one per value.
    class_field : str
        Column that tells the classes apart; empty: all features are alike.
    label_field : str
        Column that is written beside each feature; empty: none.
    angle_field : str
        Column with the clockwise rotation of a marker [degrees]; empty: none.
    min_scale : float
        Drawn from 1:min_scale inwards; 0: at every scale.
    """

    geometry: Geometry
    classes: tuple[VectorClass, ...]
    class_field: str = ""
    label_field: str = ""
    angle_field: str = ""
    min_scale: float = 0.0


def raster_style(legend: Sequence[LegendClass], *, intervals: bool) -> list[Element]:
    """Return the style of a one-band raster: transparent below the legend, no smoothing.

    Parameters
    ----------
    legend : sequence of LegendClass
        In rising order.
    intervals : bool
        Values are lower edges of intervals; otherwise codes of classes.
    """
    pipe = Element("pipe")
    renderer = SubElement(pipe, "rasterrenderer", alphaBand="-1", band="1", opacity="1")
    renderer.set("nodataColor", "")
    SubElement(renderer, "rasterTransparency")
    if intervals:
        _shade(renderer, legend)
    else:
        renderer.set("type", "paletted")
        palette = SubElement(renderer, "colorPalette")
        for entry in legend:
            SubElement(
                palette,
                "paletteEntry",
                value=f"{entry.value:g}",
                label=entry.label,
                color=_hex(entry.rgba),
                alpha=str(entry.rgba[3]),
            )
    SubElement(pipe, "brightnesscontrast", brightness="0", contrast="0", gamma="1")
    SubElement(pipe, "huesaturation", saturation="0", grayscaleMode="0", colorizeOn="0")
    SubElement(pipe, "rasterresampler", maxOversampling="2")
    blend = Element("blendMode")
    blend.text = "0"
    return [pipe, blend]


def vector_style(style: VectorStyle) -> list[Element]:
    """Return the style of a vector layer."""
    renderer = Element("renderer-v2", symbollevels="0", forceraster="0", enableorderby="0")
    if style.class_field:
        renderer.set("type", "categorizedSymbol")
        renderer.set("attr", style.class_field)
        categories = SubElement(renderer, "categories")
        for place, entry in enumerate(style.classes):
            SubElement(
                categories,
                "category",
                render="true",
                symbol=str(place),
                value=entry.value,
                label=entry.label,
            )
    else:
        renderer.set("type", "singleSymbol")
    symbols = SubElement(renderer, "symbols")
    for place, entry in enumerate(style.classes):
        symbols.append(_symbol(str(place), style, entry))
    SubElement(renderer, "rotation")
    SubElement(renderer, "sizescale")
    elements = [renderer]
    if style.label_field:
        elements.append(_labels(style))
    return elements


def qml(elements: Sequence[Element], style: VectorStyle | None = None) -> str:
    """Return a style as the text of a ``.qml`` file, which is also what ``layer_styles`` holds."""
    root = Element("qgis", version=QGIS_VERSION, styleCategories="AllStyleCategories")
    set_scale_and_labels(root, style)
    root.extend(elements)
    return f"<!DOCTYPE qgis>\n{tostring(root, encoding='unicode')}\n"


def set_scale_and_labels(root: Element, style: VectorStyle | None) -> None:
    """Set what QGIS keeps as attributes of the layer: the scales it is drawn at, and labels."""
    limited = style is not None and style.min_scale > 0.0
    root.set("hasScaleBasedVisibilityFlag", "1" if limited else "0")
    root.set("minScale", f"{style.min_scale:g}" if style is not None and limited else "1e+08")
    root.set("maxScale", "0")
    if style is not None:
        root.set("labelsEnabled", "1" if style.label_field else "0")


def _shade(renderer: Element, legend: Sequence[LegendClass]) -> None:
    renderer.set("type", "singlebandpseudocolor")
    edges = [entry.value for entry in legend]
    drawn = [edge for edge in edges if isfinite(edge)]
    if drawn:
        renderer.set("classificationMin", f"{drawn[0]:.9g}")
        renderer.set("classificationMax", f"{drawn[-1]:.9g}")
    shader = SubElement(
        SubElement(renderer, "rastershader"),
        "colorrampshader",
        colorRampType="DISCRETE",
        classificationMode="1",
        clip="0",
    )
    # QGIS gives a value the colour of the first entry that it does not exceed.
    if edges and isfinite(edges[0]):
        low = f"{edges[0]:.9g}"
        SubElement(shader, "item", value=low, label=f"< {low}", color="#ffffff", alpha="0")
    for entry, upper in zip(legend, [*edges[1:], None], strict=True):
        SubElement(
            shader,
            "item",
            value="inf" if upper is None else f"{upper:.9g}",
            label=entry.label,
            color=_hex(entry.rgba),
            alpha=str(entry.rgba[3]),
        )


def _symbol(name: str, style: VectorStyle, entry: VectorClass) -> Element:
    symbol = Element(
        "symbol",
        type=_SYMBOLS[style.geometry],
        name=name,
        alpha="1",
        clip_to_extent="1",
        force_rhr="0",
    )
    layer = SubElement(symbol, "layer", enabled="1", locked="0")
    layer.set("pass", "0")
    layer.set("class", _SYMBOL_LAYERS[style.geometry])
    options = SubElement(layer, "Option", type="Map")
    for key, value in entry.symbol.items():
        SubElement(options, "Option", type="QString", name=key, value=value)
    for key, value in entry.symbol.items():  # as versions before 3.26 read them
        SubElement(layer, "prop", k=key, v=value)
    if style.angle_field:
        _by_field(layer, "angle", style.angle_field)
    return symbol


def _by_field(layer: Element, name: str, field: str) -> None:
    """Let a column set a property of each feature's symbol."""
    top = SubElement(SubElement(layer, "data_defined_properties"), "Option", type="Map")
    SubElement(top, "Option", type="QString", name="name", value="")
    properties = SubElement(top, "Option", type="Map", name="properties")
    one = SubElement(properties, "Option", type="Map", name=name)
    SubElement(one, "Option", type="bool", name="active", value="true")
    SubElement(one, "Option", type="QString", name="field", value=field)
    SubElement(one, "Option", type="int", name="type", value="2")
    SubElement(top, "Option", type="QString", name="type", value="collection")


def _labels(style: VectorStyle) -> Element:
    labeling = Element("labeling", type="simple")
    settings = SubElement(labeling, "settings", calloutType="simple")
    text = SubElement(
        settings,
        "text-style",
        fieldName=style.label_field,
        isExpression="0",
        fontFamily="Sans Serif",
        fontSize="8",
        fontSizeUnit="Point",
        textColor="23,33,43,255",
        textOpacity="1",
    )
    SubElement(
        text,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.8",
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
        bufferOpacity="1",
        bufferJoinStyle="128",
    )
    over_point = style.geometry == "Point"
    SubElement(
        settings,
        "placement",
        placement="6" if over_point else "1",  # ordered around a point; over the centre
        predefinedPositionOrder="TR,TL,BR,BL,R,L,TSR,BSR",
        dist="1",
        distUnits="MM",
        offsetType="1" if over_point else "0",
        priority="5",
        centroidInside="1",
    )
    SubElement(settings, "rendering", drawLabels="1", obstacle="1", fontMaxPixelSize="10000")
    return labeling


def _hex(rgba: tuple[int, int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgba[:3])
