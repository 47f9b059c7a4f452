"""The layers of a result that the map can show, read from its rasters block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.calibration.areas import WideFrom, is_wide
from lensong.coverage.network import Technology
from lensong.coverage.report.legend import (
    Legend,
    probability_legend,
    rate_legend,
    rsrp_breaks_dbm,
    rsrp_legend,
    rsrq_legend,
    sinr_legend,
)
from lensong.coverage.results import files
from lensong.coverage.results.read import StoredResult
from lensong.coverage.service import Service
from lensong.coverage.villages import operator_suffix
from lensong.planner.layer_list import Layer, chances_said, classes_said, known_layers

__all__ = ["TILE_PX", "RasterTile", "stored_layers"]

TILE_PX = 512
"""Rows and columns of a block of a result's rasters."""

_NUMBERS = (
    ("rsrp", "dBm", files.RSRP_DBM),
    ("sinr", "dB", files.SINR_DB),
    ("rsrq", "dB", "rsrq_db"),
    ("downlink", "Mbit/s", files.DOWNLINK_MBPS),
    ("uplink", "Mbit/s", files.UPLINK_MBPS),
    ("level", "dBm", "level_dbm"),
)
_CODES = (
    ("server", "int16", -1.0, files.BEST_SERVER),
    ("second", "int16", -1.0, files.SECOND_SERVER),
    ("overlap", "uint8", 0.0, files.OVERLAP),
)


@dataclass(frozen=True, slots=True)
class RasterTile:
    """A block of a result's rasters.

    Parameters
    ----------
    result : StoredResult
    key : (int, int)
        Row and column of the block.
    """

    result: StoredResult
    key: tuple[int, int]

    def every(self, step: int, row: int, col: int) -> RasterTile:  # noqa: ARG002 - all is there
        """Return itself, as `PlacedTile` has it: no part of a file costs more than another."""
        return self

    def read(self, name: str) -> NDArray[Any]:
        """Return the block of a raster as its file has it."""
        row0, col0 = self.key[0] * TILE_PX, self.key[1] * TILE_PX
        grid = self.result.grid
        return self.result.window(
            name, (row0, col0, min(row0 + TILE_PX, grid.rows), min(col0 + TILE_PX, grid.cols))
        )


def stored_layers(
    result: StoredResult, services: Sequence[Service], operators: Sequence[str], class_service: str
) -> list[Layer]:
    """Return the layers whose raster a result has, as `layer_list` has those of a plan.

    The chance of a service by any technology, reasons and what limits are in no raster.
    """
    found = [
        *(one for name in result.technologies for one in _levels(result, name, services)),
        *(one for name in result.technologies for one in _known(result, name)),
        *(one for name in result.technologies for one in _chances(name, services)),
        *_of_operators(result, services, operators, class_service),
    ]
    return [layer for file, layer in found if (result.folder / file).is_file()]


def _levels(
    result: StoredResult, technology: Technology, services: Sequence[Service]
) -> Iterator[tuple[str, Layer]]:
    levels = rsrp_legend(rsrp_breaks_dbm(result.settings))
    legends: dict[str, Legend] = {
        "rsrp": levels,
        "level": levels,
        "sinr": sinr_legend(),
        "rsrq": rsrq_legend(),
        "downlink": rate_legend(services, "downlink"),
        "uplink": rate_legend(services, "uplink"),
    }
    for quantity, unit, raster in _NUMBERS:
        file = files.raster_file(technology, raster)
        yield (
            file,
            Layer(
                layer_id=f"{quantity}-{technology.lower()}",
                quantity=quantity,
                unit=unit,
                technology=technology,
                dtype="float32",
                none=float("nan"),
                settles_with="levels",
                legend=classes_said(legends[quantity]),
                read=_of_file(file),
            ),
        )
    for quantity, dtype, none, raster in _CODES:
        file = files.raster_file(technology, raster)
        yield (
            file,
            Layer(
                layer_id=f"{quantity}-{technology.lower()}",
                quantity=quantity,
                unit="",
                technology=technology,
                dtype=dtype,
                none=none,
                settles_with="levels",
                legend=[],
                read=_of_file(file),
            ),
        )


def _known(result: StoredResult, technology: Technology) -> Iterator[tuple[str, Layer]]:
    half, basis, field, level = (
        files.raster_file(technology, name)
        for name in (
            files.LEVEL_HALF_DB,
            files.LEVEL_BASIS,
            files.RESIDUAL_FIELD_DB,
            files.RSRP_DBM,
        )
    )
    bound = WideFrom.of(result.level_sigma_db, min(rsrp_breaks_dbm(result.settings)))

    def wide(tile: RasterTile) -> NDArray[Any]:
        return is_wide(tile.read(half), tile.read(level), bound).astype(np.uint8)

    reads = {"basis": _of_file(basis), "half_db": _of_file(half), "field_db": _of_file(field)}
    made = known_layers(technology, bound, **reads, wide=wide)
    yield from zip((basis, half, field, half), made, strict=True)


def _chances(technology: Technology, services: Sequence[Service]) -> Iterator[tuple[str, Layer]]:
    for service in services:
        file = files.raster_file(technology, files.probability_layer(service.name))
        yield (
            file,
            Layer(
                layer_id=f"chance-{service.name}-{technology.lower()}",
                quantity="chance",
                unit="",
                technology=technology,
                service=service.name,
                dtype="float32",
                none=float("nan"),
                settles_with="chances",
                legend=chances_said(probability_legend(service)),
                read=_of_file(file),
            ),
        )


def _of_operators(
    result: StoredResult, services: Sequence[Service], operators: Sequence[str], class_service: str
) -> Iterator[tuple[str, Layer]]:
    levels = classes_said(rsrp_legend(rsrp_breaks_dbm(result.settings)))
    judged = next(s for s in services if s.name == class_service)
    for name, suffix in operator_suffix(operators).items():
        for quantity, unit, service, raster in (
            ("level", "dBm", None, "level_dbm"),
            ("chance", "", class_service, files.probability_layer(class_service)),
        ):
            file = f"op_{suffix}_{raster}.tif"
            yield (
                file,
                Layer(
                    layer_id="-".join(part for part in (quantity, service, suffix) if part),
                    quantity=quantity,
                    unit=unit,
                    service=service,
                    operator=name,
                    dtype="float32",
                    none=float("nan"),
                    settles_with="levels" if service is None else "chances",
                    legend=levels if service is None else chances_said(probability_legend(judged)),
                    read=_of_file(file),
                ),
            )


def _of_file(name: str) -> Callable[[Any], NDArray[Any]]:
    def read(tile: RasterTile) -> NDArray[Any]:
        return tile.read(name)

    return read
