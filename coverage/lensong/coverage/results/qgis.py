"""The result in QGIS: a project that opens all of it in order, and a style beside each raster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import rasterio

from lensong.coverage.causes.changes import CHANGES
from lensong.coverage.causes.split import TERMS
from lensong.coverage.proposals import STATES, ProposalState
from lensong.coverage.report import legend
from lensong.coverage.report.headline import CLASSES
from lensong.coverage.report.messages import words
from lensong.coverage.result import PlanResult
from lensong.coverage.results import files
from lensong.coverage.results.calibration import SPOT_LAYER
from lensong.coverage.results.difference_points import difference_style
from lensong.coverage.results.rasters import Step, rgba
from lensong.coverage.results.tables import CAUSES, COUNTERFACTUALS
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.cog import LegendClass
from lensong.gis_data.map_lines import LINE_KINDS, LineKind
from lensong.gis_data.qgis_project import (
    Bounds,
    ProjectGroup,
    RasterLayer,
    VectorLayer,
    write_qgis_project,
)
from lensong.gis_data.qgis_styles import VectorClass, VectorStyle, qml, raster_style, vector_style
from lensong.gis_data.raster_classes import class_names_xml

__all__ = [
    "change_style",
    "country_layers",
    "description_steps",
    "layer_styles",
    "point_style",
    "project_step",
    "raster_groups",
    "style_step",
]

_CELL_COLOURS = {"4G": "#0b5cad", "5G": "#7b2fb0"}
_ARROW_MM = {"4G": "8", "5G": "5.5"}  # both are seen where they look the same way
_CHANGES = {
    "gained": legend.CLASS_COLOURS["covered"],
    "lost": legend.CLASS_COLOURS["no_signal"],
    "same": legend.CLASS_COLOURS["beyond_radius"],
}
_ON_DEMAND = ("gaps", CAUSES, COUNTERFACTUALS)
_LINK_STYLES = {
    "microwave": ("#b3005e", "dash"),
    "fibre": ("#0b5cad", "solid"),
    "grid": ("#a85400", "dot"),
}
_WIDE_STYLES = {"4G": "b_diagonal", "5G": "f_diagonal"}
_CELLS_BELOW = 200_000.0  # arrows of cells would hide the map at smaller scales
_LINES: dict[LineKind, tuple[str, str, str]] = {  # colour, width [mm], dash
    "road": ("#6b3f12", "0.4", "solid"),
    "river": ("#1f6fb5", "0.5", "solid"),
    "other": ("#4b5661", "0.3", "dash"),
}
_LAYER_WORDS = {
    "level_dbm": "layer.level",
    "rsrq_db": "layer.rsrq",
    files.RSRP_DBM: "layer.rsrp",
    files.SINR_DB: "layer.sinr",
    files.DOWNLINK_MBPS: "layer.downlink",
    files.UPLINK_MBPS: "layer.uplink",
    files.BEST_SERVER: "layer.server",
    files.RESIDUAL_FIELD_DB: "layer.field",
    files.LEVEL_HALF_DB: "layer.half",
    files.LEVEL_BASIS: "layer.basis",
}
_PROBABILITY = files.probability_layer("")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raster:
    """What a written raster says of itself."""

    file: str
    title: str
    legend: tuple[LegendClass, ...]
    intervals: bool


def layer_styles(layers: Sequence[str]) -> dict[str, str]:
    """Return how QGIS draws layers of the GeoPackage: name to the text of a style."""
    styles = _vector_styles()
    return {
        name: qml(vector_style(styles[name]), styles[name]) for name in layers if name in styles
    }


def point_style() -> str:
    """Return how QGIS draws the villages of a country: points by class."""
    style = _points_by_class()
    return qml(vector_style(style), style)


def country_layers() -> list[VectorLayer]:
    """Return the layers of the GeoPackage that stands above several results."""
    styles = {
        "villages": _points_by_class(),
        "areas": _outline("59,44,102,255", "0.8", "title"),
        "gaps": _vector_styles()["gaps"],
    }
    return [
        VectorLayer(
            name=words("country.areas" if name == "areas" else f"qgis.{name}"),
            file=files.COUNTRY_VECTORS,
            layer=name,
            style=style,
            visible=name not in _ON_DEMAND,
            crs="EPSG:4326",
        )
        for name, style in styles.items()
    ]


def _points_by_class() -> VectorStyle:
    return VectorStyle(
        geometry="Point",
        class_field="class",  # no names: placing those of a country takes QGIS minutes
        classes=tuple(
            VectorClass(
                value=name,
                label=words(f"class.{name}"),
                symbol={
                    "name": "circle",
                    "color": _colour(legend.CLASS_COLOURS[name], 255),
                    "outline_style": "no",
                    "size": "1.6",
                    "size_unit": "MM",
                },
            )
            for name in CLASSES
        ),
    )


def change_style() -> str:
    """Return how QGIS draws villages that gain or lose a class between two plans."""
    style = VectorStyle(
        geometry="Polygon",
        class_field="change",
        label_field="name",
        classes=tuple(
            VectorClass(
                value=change,
                label=words(f"diff.{change}"),
                symbol=_fill(colour, alpha=90, outline_mm=0.6),
            )
            for change, colour in _CHANGES.items()
        ),
    )
    return qml(vector_style(style), style)


def description_steps(raster: str) -> Iterator[Step]:
    """Yield what lies beside a raster, written when that stands in the same folder.

    Its style for QGIS; of a raster of classes the names and colours of the codes, for other GIS.
    """
    yield style_step(raster)
    if raster.endswith(files.CLASS_RASTERS):
        yield f"{raster}.aux.xml", lambda path: _write_classes(path, raster)


def style_step(raster: str) -> Step:
    """Return the name of a raster's style, and what writes it when the raster stands beside it."""
    return f"{Path(raster).stem}.qml", lambda path: _write_style(path, raster)


def project_step(result: PlanResult, rasters: Sequence[str]) -> Step:
    """Return the project's name and what writes it, when all it shows stands in its folder."""

    def write(path: Path) -> None:
        layers = [str(name) for name, _ in pyogrio.list_layers(path.with_name(files.VECTORS))]
        write_qgis_project(
            path,
            [
                *_vector_layers(layers),
                *raster_groups(path.parent, rasters),
            ],
            title=result.title,
            crs=result.land.grid.crs,
            view=_view(result),
        )

    return files.QGIS_PROJECT, write


def _write_style(path: Path, raster: str) -> None:
    found = _described(path.parent, raster)
    text = qml(raster_style(found.legend, intervals=found.intervals))
    with atomic_path(path, needed_bytes=len(text)) as part:
        part.write_text(text, encoding="utf-8")


def _write_classes(path: Path, raster: str) -> None:
    text = class_names_xml(_described(path.parent, raster).legend)
    with atomic_path(path, needed_bytes=len(text)) as part:
        part.write_text(text, encoding="utf-8")


def _described(folder: Path, name: str) -> _Raster:
    with rasterio.open(folder / name) as raster:
        tags = raster.tags()
        unit, kind = raster.units[0] or "", np.dtype(raster.dtypes[0])
        layer = raster.descriptions[0] or ""
    entries = json.loads(tags.get("LENSONG_LEGEND", "[]"))
    classes = tuple(
        LegendClass(
            value=-np.inf if entry["value"] is None else float(entry["value"]),
            label=str(entry["label"]),
            rgba=tuple(entry["rgba"]),
        )
        for entry in entries
    )
    return _Raster(
        file=name,
        title=_title(
            layer,
            unit,
            tags.get("TIFFTAG_IMAGEDESCRIPTION", name),
            by_description=name.startswith("op_"),
        ),
        legend=classes,
        intervals=bool(np.issubdtype(kind, np.floating)),
    )


def _title(layer: str, unit: str, description: str, *, by_description: bool) -> str:
    plain = description.partition(";")[0]
    if by_description:
        pass  # a raster of one operator: its description names it
    elif layer in _LAYER_WORDS:
        plain = words(_LAYER_WORDS[layer])
    elif layer.startswith(_PROBABILITY):
        service = layer.removeprefix(_PROBABILITY).replace("_", "-")
        plain = f"{words('layer.probability')}: {service}"
    return f"{plain} [{unit}]" if unit not in ("", "1") else plain


def raster_groups(folder: Path, rasters: Sequence[str]) -> list[ProjectGroup]:
    """Return one group of which a single raster is shown at a time, by technology within.

    Parameters
    ----------
    folder : Path
        Of the project.
    rasters : sequence of str
        Their paths within it, as they stand there.
    """
    groups: dict[str, list[_Raster]] = {}
    for raster in [_described(folder, name) for name in rasters]:
        first = Path(raster.file).name.partition("_")[0]
        groups.setdefault(first.upper() if first in ("4g", "5g") else "", []).append(raster)
    members = [
        ProjectGroup(
            name=name or words("qgis.operators"),
            members=[
                RasterLayer(
                    name=raster.title,
                    file=raster.file,
                    legend=raster.legend,
                    intervals=raster.intervals,
                    visible=place == 0,
                )
                for place, raster in enumerate(found)
            ],
            exclusive=True,
            visible=name == next(iter(groups)),
            expanded=name == next(iter(groups)),
        )
        for name, found in groups.items()
    ]
    return [ProjectGroup(name=words("qgis.coverage"), members=members, exclusive=True)]


def _vector_layers(layers: Sequence[str]) -> list[VectorLayer]:
    """Return the layers of the GeoPackage, points over outlines over areas."""
    order = (
        files.PROPOSALS, COUNTERFACTUALS, "masts", "cells", SPOT_LAYER, files.PROPOSED_LINKS,
        CAUSES, "villages", "communes", "provinces", "lines", "gaps", files.WIDE,
    )  # fmt: skip
    names = [name for name in order if name in layers]
    styles = _vector_styles()
    return [
        VectorLayer(
            name=words(f"qgis.{name}"),
            file=files.VECTORS,
            layer=name,
            style=styles[name],
            visible=name not in _ON_DEMAND,
        )
        for name in names
    ]


def _vector_styles() -> dict[str, VectorStyle]:
    return {
        "villages": VectorStyle(
            geometry="Polygon",
            class_field="class",
            label_field="name",
            classes=tuple(_village_class(name) for name in CLASSES),
        ),
        # neighbours both draw their border: dashes would fill each other's gaps
        "communes": _outline("91,74,138,255", "0.35", "commune"),
        "provinces": _outline("59,44,102,255", "0.8", ""),
        files.LINES: VectorStyle(
            geometry="Line",
            class_field="kind",
            classes=tuple(_line_class(kind) for kind in LINE_KINDS),
        ),
        "masts": VectorStyle(
            geometry="Point",
            class_field="uncertain",
            label_field="mast_id",
            classes=(
                _mast_class("false", words("mast"), "255,255,255,255"),
                _mast_class("true", words("map.uncertain"), "255,196,77,255"),
            ),
        ),
        "cells": VectorStyle(
            geometry="Point",
            class_field="technology",
            angle_field="azimuth_deg",
            min_scale=_CELLS_BELOW,
            classes=tuple(_cell_class(name) for name in _CELL_COLOURS),
        ),
        CAUSES: VectorStyle(
            geometry="Line",
            class_field="main_cause",
            label_field="shortfall_db",
            classes=tuple(_cause_class(term) for term in TERMS),
        ),
        files.PROPOSALS: VectorStyle(
            geometry="Point",
            class_field="state",
            label_field="mast_id",
            classes=tuple(_proposal_class(state) for state in STATES),
        ),
        files.PROPOSED_LINKS: VectorStyle(
            geometry="Line",
            class_field="link",
            label_field="distance_m",
            classes=tuple(_link_class(link) for link in _LINK_STYLES),
        ),
        COUNTERFACTUALS: VectorStyle(
            geometry="Point",
            class_field="change",
            label_field="gained_db",
            classes=tuple(_change_class(change) for change in CHANGES),
        ),
        SPOT_LAYER: difference_style("left_class"),
        files.WIDE: VectorStyle(
            geometry="Polygon",
            class_field="technology",
            classes=tuple(_wide_class(name, style) for name, style in _WIDE_STYLES.items()),
        ),
        "gaps": VectorStyle(
            geometry="Polygon",
            class_field="reason",
            classes=tuple(
                VectorClass(
                    value=entry.key.removeprefix("reason."),
                    label=words(entry.key),
                    symbol=_fill(entry.colour, alpha=150, outline_mm=0.2),
                )
                for entry in legend.reason_legend().classes
            ),
        ),
    }


def _wide_class(technology: str, style: str) -> VectorClass:
    return VectorClass(
        value=technology,
        label=f"{technology}: {words('map.wide')}",
        symbol={
            "style": style,
            "color": _colour(legend.WIDE_COLOUR, 255),
            "outline_style": "no",
        },
    )


def _village_class(name: str) -> VectorClass:
    return VectorClass(
        value=name,
        label=words(f"class.{name}"),
        symbol=_fill(legend.CLASS_COLOURS[name], alpha=40, outline_mm=0.6),
    )


def _mast_class(value: str, label: str, colour: str) -> VectorClass:
    return VectorClass(
        value=value,
        label=label,
        symbol={
            "name": "diamond",
            "color": colour,
            "outline_color": "23,33,43,255",
            "outline_width": "0.5",
            "size": "3.4",
            "size_unit": "MM",
        },
    )


def _cell_class(technology: str) -> VectorClass:
    return VectorClass(
        value=technology,
        label=technology,
        symbol={
            "name": "arrow",
            "color": _colour(_CELL_COLOURS[technology], 220),
            "outline_color": "255,255,255,255",
            "outline_width": "0.2",
            "size": _ARROW_MM[technology],
            "size_unit": "MM",
            "vertical_anchor_point": "2",  # the arrow begins at the mast
        },
    )


def _line_class(kind: LineKind) -> VectorClass:
    colour, width_mm, dash = _LINES[kind]
    return VectorClass(
        value=kind,
        label=words(f"lines.{kind}"),
        symbol={
            "line_color": _colour(colour, 255),
            "line_style": dash,
            "line_width": width_mm,
            "line_width_unit": "MM",
            "capstyle": "round",
            "joinstyle": "round",
        },
    )


def _cause_class(term: str) -> VectorClass:
    return VectorClass(
        value=term,
        label=words(f"term.{term}"),
        symbol={
            "line_color": _colour(legend.TERM_COLOURS[term], 255),
            "line_style": "solid",
            "line_width": "0.6",
            "line_width_unit": "MM",
            "capstyle": "round",
        },
    )


def _change_class(change: str) -> VectorClass:
    new = change == "new_mast"
    return VectorClass(
        value=change,
        label=words(f"change.{change}"),
        symbol={
            "name": "star" if new else "circle",
            "color": "11,92,173,255" if new else "255,255,255,255",
            "outline_color": "11,92,173,255",
            "outline_width": "0.4",
            # of a mast's changes, which lie upon each other, each leaves a ring
            "size": "5" if new else f"{1.6 + 0.9 * (len(CHANGES) - CHANGES.index(change)):g}",
            "size_unit": "MM",
        },
    )


def _proposal_class(state: ProposalState) -> VectorClass:
    return VectorClass(
        value=state,
        label=words(f"proposal.{state}"),
        symbol={
            "name": "star",
            "color": _colour(legend.PROPOSAL_COLOURS[state], 255),
            "outline_color": "23,33,43,255",
            "outline_width": "0.3",
            "size": "5.2",
            "size_unit": "MM",
        },
    )


def _link_class(link: str) -> VectorClass:
    colour, dash = _LINK_STYLES[link]
    return VectorClass(
        value=link,
        label=words(f"link.{link}"),
        symbol={
            "line_color": _colour(colour, 255),
            "line_style": dash,
            "line_width": "0.7",
            "line_width_unit": "MM",
            "capstyle": "round",
        },
    )


def _outline(colour: str, width_mm: str, label_field: str) -> VectorStyle:
    symbol = {
        "style": "no",
        "outline_style": "solid",
        "outline_color": colour,
        "outline_width": width_mm,
        "outline_width_unit": "MM",
    }
    return VectorStyle(
        geometry="Polygon",
        label_field=label_field,
        classes=(VectorClass(value="", label="", symbol=symbol),),
    )


def _fill(colour: str, *, alpha: int, outline_mm: float) -> dict[str, str]:
    return {
        "style": "solid",
        "color": _colour(colour, alpha),
        "outline_style": "solid",
        "outline_color": _colour(colour, 255),
        "outline_width": f"{outline_mm:g}",
        "outline_width_unit": "MM",
    }


def _colour(colour: str, alpha: int) -> str:
    red, green, blue, _ = rgba(colour)
    return f"{red},{green},{blue},{alpha}"


def _view(result: PlanResult) -> Bounds:
    west, south, east, north = result.land.grid.bounds_m
    return west, south, east, north
