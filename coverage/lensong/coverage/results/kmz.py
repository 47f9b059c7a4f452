"""The plan for Google Earth: level, uplink and service layers, villages by class, masts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.areas import wide_pixels
from lensong.coverage.network import Technology
from lensong.coverage.report import legend
from lensong.coverage.report.headline import CLASSES, column
from lensong.coverage.report.messages import number_text, words
from lensong.coverage.result import KnownLayers, PlanResult, TechnologyLayers
from lensong.coverage.results.calibration import measured_frame
from lensong.coverage.results.rasters import cog_legend, rgba
from lensong.gis_data.cog import LegendClass
from lensong.gis_data.kmz import (
    GroundOverlay,
    Marker,
    Placemark,
    PlacemarkFolder,
    write_kmz,
)
from lensong.propagation.types import BoolArray, UInt8Array

__all__ = ["write_coverage_kmz"]

_Number = TypeVar("_Number", bound=np.number[Any])
_Cells = NDArray[np.int32]  # flat indices into the grid

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
    measured = _measured(result)
    if measured:
        folders.append(
            PlacemarkFolder(name=words("map.measured"), placemarks=measured, visible=False)
        )
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
    wide_from = legend.wide_from(result)
    first = next(iter(result.layers), None)
    for technology, layers in result.layers.items():
        known = result.known.get(technology)
        yield _overlay(
            result,
            technology,
            "level",
            layers.level_at,
            levels,
            visible=technology == first,
            wide=None if known is None else wide_pixels(known, layers.rsrp_dbm, wide_from),
        )
        yield _overlay(result, technology, "uplink", _at(layers.uplink_mbps), rates)
        result.room.let_go()
        if known is not None:
            halves, fields = legend.interval_legend(), legend.field_legend()
            yield _overlay(result, technology, "field", _at(known.field_db), fields)
            yield _overlay(result, technology, "half", _at(known.half_db), halves)
            yield _basis_overlay(result, technology, known)
        yield from _service_overlay(result, technology, layers)


def _at(values: NDArray[_Number]) -> Callable[[_Cells], NDArray[_Number]]:
    return lambda cells: values.ravel()[cells]


def _service_overlay(
    result: PlanResult, technology: Technology, layers: TechnologyLayers
) -> Iterator[GroundOverlay]:
    found = layers.services.get(result.class_service)
    if found is not None:
        service = next(s for s in result.services if s.name == result.class_service)
        classes, chance = legend.probability_legend(service), _at(found.probability)
        yield _overlay(
            result, technology, "probability", lambda cells: 100.0 * chance(cells), classes
        )


def _overlay(
    result: PlanResult,
    technology: Technology,
    kind: str,
    take: Callable[[_Cells], NDArray[np.floating[Any]]],
    classes: legend.Legend,
    *,
    visible: bool = False,
    wide: UInt8Array | None = None,
) -> GroundOverlay:
    """Return a layer whose values at some cells ``take`` returns."""
    name = f"{technology}: {words(f'layer.{kind}')}"
    if kind == "probability":
        name = f"{name}, {result.class_service}"
    colours, told = classes.colours, name
    if wide is not None:
        bound_db = legend.wide_from(result).half_db
        told = f"{name}. {words('map.wide')}: ± ≥ {bound_db:g} dB (90 %)"
        colours = [*colours, legend.WIDE_COLOUR]

    def indices(cells: _Cells) -> UInt8Array:
        shown = legend.classify(take(cells), classes)
        if wide is not None:
            shown[_hatched(wide, cells)] = len(colours)
        return shown

    return GroundOverlay(
        name=name,
        indices=indices,
        colours=colours,
        opacity=_OPACITY,
        grid=result.land.grid,
        description=told,
        legend=cog_legend(classes, 1.0),
        visible=visible,
    )


def _basis_overlay(result: PlanResult, technology: Technology, known: KnownLayers) -> GroundOverlay:
    name, classes = f"{technology}: {words('layer.basis')}", legend.basis_legend()
    return GroundOverlay(
        name=name,
        indices=_at(known.basis),
        colours=classes.colours,
        opacity=_OPACITY,
        grid=result.land.grid,
        description=name,
        legend=[
            LegendClass(value=code, label=words(entry.key), rgba=rgba(entry.colour))
            for code, entry in enumerate(classes.classes, start=1)
        ],
    )


def _hatched(wide: UInt8Array, cells: _Cells) -> BoolArray:
    """Return the cells of diagonal lines over what is to be hatched, some 100 of them in all."""
    step = max(6, max(wide.shape) // 100)
    row, col = np.divmod(cells, np.int32(wide.shape[1]))
    return np.asarray((wide.ravel()[cells] > 0) & ((row + col) % step < max(1, step // 5)))


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
    if row.get("evidence"):
        basis = words(f"basis.{str(row['evidence']).replace(' ', '_')}")
        lines.append((words("layer.basis"), basis))
    for service in result.services:
        share = 100.0 * float(row[column("served_share", service.name)])
        lines.append((service.name, f"{_number(share)} %"))
    for technology in result.layers:
        tag = technology.lower()
        half = row.get(f"rsrp_half_db_{tag}")
        sure = "" if half is None or np.isnan(half) else f" ± {_number(half, 1)} dB (90 %)"
        lines.append((f"{technology} RSRP", f"{_number(row[f'rsrp_p50_dbm_{tag}'])} dBm{sure}"))
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


def _measured(result: PlanResult) -> list[Placemark]:
    """Return the measured points, each beside what was predicted; none without a calibration."""
    calibration = result.propagation.calibration
    if not isinstance(calibration, CalibratedPaths):
        return []
    points = measured_frame(calibration.calibration).to_crs(4326)
    index = np.searchsorted(legend.DIFFERENCE_BREAKS_DB, points["left_db"], side="right")
    return [
        Placemark(
            name="",  # hundreds of names would hide the map
            lat_deg=round(place.y, 6),
            lon_deg=round(place.x, 6),
            marker=Marker(shape="circle", rgb=rgba(legend.DIFFERENCE_COLOURS[kind])[:3], scale=0.4),
            rows=[
                (words("cell"), str(row["cell_id"])),
                (words("measured.level"), f"{_number(row['measured_dbm'], 1)} dBm"),
                (words("measured.predicted"), f"{_number(row['predicted_dbm'], 1)} dBm"),
                (words("measured.calibrated"), f"{_number(row['calibrated_dbm'], 1)} dBm"),
                (words("measured.left"), f"{_number(row['left_db'], 1)} dB"),
            ],
        )
        for place, kind, row in zip(
            points.geometry, index, points.drop(columns="geometry").to_dict("records"), strict=True
        )
    ]


def _number(value: float, digits: int = 0) -> str:
    return number_text(float(value), digits, language="en")
