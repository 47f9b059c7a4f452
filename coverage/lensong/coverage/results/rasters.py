"""The layers of a plan as Cloud-Optimized GeoTIFFs with units, legend and provenance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.network import Technology
from lensong.coverage.report import legend
from lensong.coverage.report.messages import words
from lensong.coverage.result import (
    OperatorLayers,
    PlanResult,
    ServiceLayers,
    TechnologyLayers,
    as_dbm,
)
from lensong.coverage.results import files
from lensong.coverage.results.unchanged import OlderRasters, made_of
from lensong.coverage.villages import operator_suffix
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.cog import LegendClass, write_cog
from lensong.propagation.types import Float32Array, Grid, Int16Array, UInt8Array

__all__ = [
    "Step",
    "cog_legend",
    "known_steps",
    "operator_steps",
    "raster_steps",
    "raster_writer",
    "rgba",
]

RasterWriter = Callable[..., None]  # `write_cog` but for what all rasters have in common
Step = tuple[str, Callable[[Path], None]]  # name of a file, and what writes it
_Made = Callable[[], Float32Array]


def raster_writer(provenance: dict[str, Any], older: OlderRasters | None = None) -> RasterWriter:
    """Return what writes a raster of a plan: `lensong.gis_data.cog.write_cog` with its provenance.

    Parameters
    ----------
    provenance : dict
    older : OlderRasters or None
        Those that did not change are copied: packing a raster takes ten times as long.
    """

    def write(path: Path, array: NDArray[Any], grid: Grid, **told: Any) -> None:
        told["provenance"] = provenance
        kept = None if older is None else older.take(path.name, made_of(array, grid, told))
        if kept is None:
            write_cog(path, array, grid, **told)
            return
        with atomic_path(path, needed_bytes=len(kept)) as part:
            part.write_bytes(kept)

    return write


def raster_steps(
    result: PlanResult,
    technology: Technology,
    layers: TechnologyLayers,
    write_raster: RasterWriter,
) -> Iterator[Step]:
    """Yield the name of each raster of a technology, and what writes it to a path."""
    levels = legend.rsrp_legend(legend.rsrp_breaks_dbm(result.settings))
    rates = {way: legend.rate_legend(result.services, way) for way in ("downlink", "uplink")}
    quality = legend.sinr_legend()
    # levels are made of hundredths when they are written: all at once they would fill the memory
    floats: list[tuple[str, _Made, str, str, legend.Legend]] = [
        ("level_dbm", lambda: layers.level_dbm, "dBm", "Strongest level of any cell", levels),
        *(
            (
                f"level_{band.lower()}_dbm",
                partial(as_dbm, level),
                "dBm",
                f"Strongest level on {band}",
                levels,
            )
            for band, level in layers.band_cdbm.items()
            if len(layers.band_cdbm) > 1
        ),
        (files.RSRP_DBM, lambda: layers.rsrp_dbm, "dBm", "Level of the serving cell", levels),
        (
            "second_rsrp_dbm",
            lambda: layers.second_rsrp_dbm,
            "dBm",
            "Level of the second server",
            levels,
        ),
        (
            "rsrq_db",
            lambda: layers.rsrq_db,
            "dB",
            "Reference signal received quality",
            legend.rsrq_legend(),
        ),
        (files.SINR_DB, lambda: layers.sinr_db, "dB", "Signal to interference and noise", quality),
        (
            files.DOWNLINK_MBPS,
            lambda: layers.downlink_mbps,
            "Mbit/s",
            "Downlink rate",
            rates["downlink"],
        ),
        (files.UPLINK_MBPS, lambda: layers.uplink_mbps, "Mbit/s", "Uplink rate", rates["uplink"]),
    ]
    for name, array, unit, what, classes in floats:
        yield _float_step(result, technology, name, array, unit, what, classes, write_raster)
    for service, found in layers.services.items():
        wanted = next(s for s in result.services if s.name == service)
        name = files.probability_layer(service)
        what = f"Probability of {service} in both directions, 0 to 1"
        classes = legend.probability_legend(wanted)
        yield _float_step(
            result, technology, name, _of_service(found), "1", what, classes, write_raster
        )
    yield _server_step(result, technology, files.BEST_SERVER, layers.best_server, write_raster)
    yield _server_step(result, technology, files.SECOND_SERVER, layers.second_server, write_raster)
    if layers.overlap.size:
        yield _count_step(
            result,
            files.raster_file(technology, files.OVERLAP),
            layers.overlap,
            f"Masts within 6 dB of the serving cell on its carrier, {technology}",
            write_raster,
        )


def known_steps(
    result: PlanResult, technology: Technology, write_raster: RasterWriter
) -> Iterator[Step]:
    """Yield the rasters of what a calibration knows of a technology; none without one."""
    known = result.known.get(technology)
    if known is None:
        return
    for name, array, what, classes in (
        (
            files.RESIDUAL_FIELD_DB,
            known.field_db,
            "What the residual field of the calibration adds to the serving cell's level",
            legend.field_legend(),
        ),
        (
            files.LEVEL_HALF_DB,
            known.half_db,
            "Half of the interval that holds 90 % of the serving cell's levels",
            legend.interval_legend(),
        ),
    ):
        yield _float_step(
            result, technology, name, _taker(array), "dB", what, classes, write_raster
        )
    yield _basis_step(result, technology, known.basis, write_raster)


def _taker(values: Float32Array) -> _Made:
    return lambda: values


def _basis_step(
    result: PlanResult, technology: Technology, basis: UInt8Array, write_raster: RasterWriter
) -> Step:
    def write(path: Path) -> None:
        write_raster(
            path,
            basis,
            result.land.grid,
            nodata=0,
            name=files.LEVEL_BASIS,
            unit="",
            description=f"What the serving cell's level rests on, {technology}"
            f"{_synthetic_note(result)}",
            legend=[
                LegendClass(value=code, label=words(entry.key), rgba=rgba(entry.colour))
                for code, entry in enumerate(legend.basis_legend().classes, start=1)
            ],
            dtype="uint8",
        )

    return files.raster_file(technology, files.LEVEL_BASIS), write


def operator_steps(result: PlanResult, write_raster: RasterWriter) -> Iterator[Step]:
    """Yield the rasters of each operator by itself; none where there is one operator only."""
    if len(result.operators) < 2:
        return
    levels = legend.rsrp_legend(legend.rsrp_breaks_dbm(result.settings))
    wanted = next(s for s in result.services if s.name == result.class_service)
    serving = np.zeros(result.land.grid.shape, np.uint8)
    for name, suffix in operator_suffix(result.operators).items():
        operator = result.operators[name]
        who = name or "operator without a name"
        judged = operator.services[result.class_service]
        serving += judged.reason == 0
        yield _float_step(
            result, f"op_{suffix}", "level_dbm", _of_operator(operator), "dBm",
            f"Strongest level of any cell, {who}", levels, write_raster,
        )  # fmt: skip
        yield _float_step(
            result, f"op_{suffix}",
            files.probability_layer(wanted.name),
            _of_service(judged), "1",
            f"Probability of {wanted.name} in both directions, 0 to 1, {who}",
            legend.probability_legend(wanted), write_raster,
        )  # fmt: skip
    yield _count_step(
        result,
        f"{files.OPERATORS_SERVING}.tif",
        serving,
        f"Operators that serve {wanted.name} here, each by itself",
        write_raster,
    )


def _count_step(
    result: PlanResult, name: str, counts: UInt8Array, what: str, write_raster: RasterWriter
) -> Step:
    def write(path: Path) -> None:
        most = max(int(counts.max(initial=0)), 1)
        colours = legend.count_colours(most)
        write_raster(
            path,
            counts,
            result.land.grid,
            nodata=0,
            name=path.stem.partition("_")[2] if name[1:2] == "g" else path.stem,
            unit="",
            description=f"{what}{_synthetic_note(result)}",
            legend=[
                LegendClass(value=k, label=str(k), rgba=rgba(colours[k - 1]))
                for k in range(1, most + 1)
            ],
            dtype="uint8",
        )

    return name, write


def _float_step(
    result: PlanResult,
    of: str,
    name: str,
    made: _Made,
    unit: str,
    what: str,
    classes: legend.Legend,
    write_raster: RasterWriter,
) -> Step:
    scale = 0.01 if classes.unit == "%" else 1.0

    def write(path: Path) -> None:
        write_raster(
            path,
            made(),
            result.land.grid,
            nodata=float("nan"),
            name=name,
            unit=unit,
            description=f"{what}{_of(of)}{_synthetic_note(result)}",
            legend=cog_legend(classes, scale),
            dtype="float32",
        )

    return f"{of.lower()}_{name}.tif", write


def _of_service(found: ServiceLayers) -> _Made:
    return lambda: found.probability.astype(np.float32, copy=False)


def _of_operator(operator: OperatorLayers) -> _Made:
    return lambda: operator.level_dbm


def _of(of: str) -> str:
    return f", {of}" if of in ("4G", "5G") else ""


def _server_step(
    result: PlanResult,
    technology: Technology,
    kind: str,
    server: Int16Array,
    write_raster: RasterWriter,
) -> Step:
    def write(path: Path) -> None:
        shown = legend.servers_shown(server)
        cells = [result.network.cells[i] for i in shown]
        colours = legend.cell_legend([(c.cell_id, c.mast_id) for c in cells]).colours
        write_raster(
            path,
            server,
            result.land.grid,
            nodata=-1,
            name=kind,
            unit="",
            description=f"{'Serving' if kind == files.BEST_SERVER else 'Second strongest'} cell, "
            f"{technology}{_synthetic_note(result)}",
            legend=[
                LegendClass(
                    value=index, label=cell.cell_id, rgba=rgba(colours[place % len(colours)])
                )
                for place, (index, cell) in enumerate(zip(shown, cells, strict=True))
            ],
            dtype="int16",
        )

    return f"{technology.lower()}_{kind}.tif", write


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
    if entry.low == legend.NO_LOWER_END_DB:
        return f"< {entry.high:g} {unit}"
    if entry.high is None:
        return f">= {entry.low:g} {unit}"
    return f"{entry.low:g} to {entry.high:g} {unit}"


def rgba(colour: str) -> tuple[int, int, int, int]:
    """Return ``"#rrggbb"`` as four numbers, opaque."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return (red, green, blue, 255)


def _synthetic_note(result: PlanResult) -> str:
    return "; SYNTHETIC DATA" if result.synthetic else ""
