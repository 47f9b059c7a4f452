"""The layers of a plan as Cloud-Optimized GeoTIFFs with units, legend and provenance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lensong.coverage.network import Technology
from lensong.coverage.report import legend
from lensong.coverage.result import PlanResult, TechnologyLayers
from lensong.coverage.results import files
from lensong.gis_data.cog import LegendClass, write_cog
from lensong.propagation.types import Float32Array

__all__ = ["Step", "cog_legend", "raster_steps", "rgba"]

Step = tuple[str, Callable[[Path], None]]  # name of a file, and what writes it


def raster_steps(
    result: PlanResult,
    technology: Technology,
    layers: TechnologyLayers,
    provenance: dict[str, Any],
) -> Iterator[Step]:
    """Yield the name of each raster of a technology, and what writes it to a path."""
    levels = legend.rsrp_legend(legend.rsrp_breaks_dbm(result.settings))
    rates = {way: legend.rate_legend(result.services, way) for way in ("downlink", "uplink")}
    quality = legend.sinr_legend()
    floats: list[tuple[str, Float32Array, str, str, legend.Legend]] = [
        (files.RSRP_DBM, layers.rsrp_dbm, "dBm", "Level per resource element", levels),
        (
            files.SINR_DB,
            layers.sinr_db,
            "dB",
            "Signal to interference and noise",
            quality,
        ),
        (files.DOWNLINK_MBPS, layers.downlink_mbps, "Mbit/s", "Downlink rate", rates["downlink"]),
        (files.UPLINK_MBPS, layers.uplink_mbps, "Mbit/s", "Uplink rate", rates["uplink"]),
    ]
    for name, array, unit, what, classes in floats:
        yield _float_step(result, technology, name, array, unit, what, classes, provenance)
    for service, found in layers.services.items():
        wanted = next(s for s in result.services if s.name == service)
        name = files.probability_layer(service)
        what = f"Probability of {service} in both directions, 0 to 1"
        classes = legend.probability_legend(wanted)
        yield _float_step(
            result, technology, name, found.probability, "1", what, classes, provenance
        )
    yield _server_step(result, technology, layers, provenance)


def _float_step(
    result: PlanResult,
    technology: Technology,
    name: str,
    array: Float32Array,
    unit: str,
    what: str,
    classes: legend.Legend,
    provenance: dict[str, Any],
) -> Step:
    scale = 0.01 if classes.unit == "%" else 1.0

    def write(path: Path) -> None:
        write_cog(
            path,
            array,
            result.land.grid,
            nodata=float("nan"),
            name=name,
            unit=unit,
            description=f"{what}, {technology}{_synthetic_note(result)}",
            legend=cog_legend(classes, scale),
            provenance=provenance,
            dtype="float32",
        )

    return files.raster_file(technology, name), write


def _server_step(
    result: PlanResult,
    technology: Technology,
    layers: TechnologyLayers,
    provenance: dict[str, Any],
) -> Step:
    shown = [int(i) for i in np.unique(layers.best_server) if i >= 0]
    cells = [result.network.cells[i] for i in shown]
    colours = legend.cell_legend([(c.cell_id, c.mast_id) for c in cells]).colours

    def write(path: Path) -> None:
        write_cog(
            path,
            layers.best_server,
            result.land.grid,
            nodata=-1,
            name=files.BEST_SERVER,
            unit="",
            description=f"Serving cell, {technology}{_synthetic_note(result)}",
            legend=[
                LegendClass(
                    value=index, label=cell.cell_id, rgba=rgba(colours[place % len(colours)])
                )
                for place, (index, cell) in enumerate(zip(shown, cells, strict=True))
            ],
            provenance=provenance,
            dtype="int16",
        )

    return files.raster_file(technology, files.BEST_SERVER), write


def cog_legend(classes: legend.Legend, scale: float) -> list[LegendClass]:
    """Return a legend of ranges by their lower edges, times ``scale``."""
    return [
        LegendClass(
            value=entry.low * scale, label=_label(entry, classes.unit), rgba=rgba(entry.colour)
        )
        for entry in classes.classes
        if entry.low is not None
    ]


def _label(entry: legend.LegendClass, unit: str) -> str:
    if entry.high is None:
        return f">= {entry.low:g} {unit}"
    return f"{entry.low:g} to {entry.high:g} {unit}"


def rgba(colour: str) -> tuple[int, int, int, int]:
    """Return ``"#rrggbb"`` as four numbers, opaque."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return (red, green, blue, 255)


def _synthetic_note(result: PlanResult) -> str:
    return "; SYNTHETIC DATA" if result.synthetic else ""
