"""The plan for Google Earth: level, uplink and service layers, villages by class, masts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lensong.coverage.network import Technology
from lensong.coverage.report import legend
from lensong.coverage.report.headline import CLASSES, column
from lensong.coverage.report.messages import number_text, words
from lensong.coverage.result import PlanResult, TechnologyLayers
from lensong.coverage.results.rasters import cog_legend, rgba
from lensong.gis_data.kmz import (
    GroundOverlay,
    Marker,
    Placemark,
    PlacemarkFolder,
    write_kmz,
)
from lensong.propagation.types import Float32Array

__all__ = ["write_coverage_kmz"]

_MARKERS = {
    "covered": Marker(shape="circle", rgb=rgba(legend.CLASS_COLOURS["covered"])[:3]),
    "patchy": Marker(shape="diamond", rgb=rgba(legend.CLASS_COLOURS["patchy"])[:3]),
    "no_signal": Marker(
        shape="triangle", rgb=rgba(legend.CLASS_COLOURS["no_signal"])[:3], scale=0.8
    ),
    "beyond_radius": Marker(
        shape="square", rgb=rgba(legend.CLASS_COLOURS["beyond_radius"])[:3], scale=0.8
    ),
    "unknown": Marker(shape="square", rgb=rgba(legend.CLASS_COLOURS["unknown"])[:3], scale=0.8),
}
_MAST = Marker(shape="mast", rgb=(23, 33, 43), scale=0.9)
_GUESSED_MAST = Marker(shape="mast", rgb=(138, 148, 158), scale=0.9)
_OPACITY = 170  # of 255: the ground stays readable under the layer


def write_coverage_kmz(path: Path, result: PlanResult) -> None:
    """Write the plan's main layers, its villages and masts.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    places = _villages(result)
    folders = [
        PlacemarkFolder(name=words(f"class.{name}"), placemarks=places[name])
        for name in reversed(CLASSES)
        if places[name]
    ]
    folders.append(PlacemarkFolder(name=words("map.masts"), placemarks=_masts(result)))
    write_kmz(
        path,
        title=result.title,
        description=", ".join(f"{s.role}: {s.path}" for s in result.land.sources),
        overlays=_overlays(result),
        folders=folders,
        synthetic=result.synthetic,
        max_px=2048,
    )


def _overlays(result: PlanResult) -> Iterator[GroundOverlay]:
    levels = legend.rsrp_legend(legend.rsrp_breaks_dbm(result.settings))
    rates = legend.rate_legend(result.services, "uplink")
    first = next(iter(result.layers), None)
    for technology, layers in result.layers.items():
        yield _overlay(
            result, technology, "level", layers.level_dbm, levels, visible=technology == first
        )
        yield _overlay(result, technology, "uplink", layers.uplink_mbps, rates)
        yield from _service_overlay(result, technology, layers)


def _service_overlay(
    result: PlanResult, technology: Technology, layers: TechnologyLayers
) -> Iterator[GroundOverlay]:
    found = layers.services.get(result.class_service)
    if found is not None:
        service = next(s for s in result.services if s.name == result.class_service)
        classes = legend.probability_legend(service)
        yield _overlay(result, technology, "probability", 100.0 * found.probability, classes)


def _overlay(
    result: PlanResult,
    technology: Technology,
    kind: str,
    values: Float32Array,
    classes: legend.Legend,
    *,
    visible: bool = False,
) -> GroundOverlay:
    name = f"{technology}: {words(f'layer.{kind}')}"
    if kind == "probability":
        name = f"{name}, {result.class_service}"
    return GroundOverlay(
        name=name,
        indices=legend.classify(values, classes),
        colours=classes.colours,
        opacity=_OPACITY,
        grid=result.land.grid,
        description=name,
        legend=cog_legend(classes, 1.0),
        visible=visible,
    )


def _villages(result: PlanResult) -> dict[str, list[Placemark]]:
    places: dict[str, list[Placemark]] = {name: [] for name in CLASSES}
    for row in result.villages.drop(columns="geometry").to_dict("records"):
        places[str(row["class"])].append(
            Placemark(
                name=str(row["name"]),
                lat_deg=float(row["lat_deg"]),
                lon_deg=float(row["lon_deg"]),
                marker=_MARKERS[str(row["class"])],
                rows=_village_lines(result, row),
            )
        )
    return places


def _village_lines(result: PlanResult, row: dict[Any, Any]) -> list[tuple[str, str]]:
    lines = [
        (words("commune"), str(row["commune"])),
        (words("people"), _number(row["people"])),
        (words("class"), words(f"class.{row['class']}")),
    ]
    if row["reason"]:
        lines.append((words("reason"), words(f"reason.{row['reason']}")))
    for service in result.services:
        share = 100.0 * float(row[column("served_share", service.name)])
        lines.append((service.name, f"{_number(share)} %"))
    for technology in result.layers:
        tag = technology.lower()
        lines.append((f"{technology} RSRP", f"{_number(row[f'rsrp_p50_dbm_{tag}'])} dBm"))
        uplink = _number(row[f"uplink_p50_mbps_{tag}"], 1)
        lines.append((f"{technology} {words('layer.uplink')}", f"{uplink} Mbit/s"))
    return lines


def _masts(result: PlanResult) -> list[Placemark]:
    cells: dict[str, list[str]] = {}
    for cell in result.network.cells:
        text = f"{cell.carrier.technology} {cell.carrier.name}, {cell.azimuth_deg:g}°"
        cells.setdefault(cell.mast_id, []).append(f"{cell.cell_id}: {text}")
    return [
        Placemark(
            name=mast.name or mast.mast_id,
            lat_deg=mast.lat_deg,
            lon_deg=mast.lon_deg,
            marker=_GUESSED_MAST if mast.uncertain else _MAST,
            rows=[
                (words("mast"), mast.mast_id),
                *([(words("map.uncertain"), "?")] if mast.uncertain else []),
                (words("operator"), mast.operator),
                (words("height"), f"{mast.height_agl_m:g} m"),
                *((words("cell"), text) for text in cells.get(mast.mast_id, [])),
            ],
        )
        for mast in result.network.masts
    ]


def _number(value: float, digits: int = 0) -> str:
    return number_text(float(value), digits, language="en")
