"""A result of `lensong plan` opened without its inputs: shown from its files, never edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.cellplan.write import parametric_antenna
from lensong.coverage.network import Carrier, Cell, Mast, Network, Technology
from lensong.coverage.result import KnownLayers
from lensong.coverage.results import files
from lensong.coverage.results.read import StoredResult, read_causes, read_counterfactuals
from lensong.coverage.service import Service
from lensong.coverage.variant.catalogue import Catalogue, carrier_id
from lensong.coverage.villages import ClassThresholds
from lensong.gis_data.pictures import encode_png
from lensong.gis_data.raster_checks import reading_of
from lensong.gis_data.vectors import layers_of, read_layer
from lensong.planner.errors import NotThereError, ReadOnlyError
from lensong.planner.shown import Shown
from lensong.planner.stored_layers import TILE_PX, RasterTile, stored_layers
from lensong.planner.variants import BASE, Variant, base_variant
from lensong.propagation.errors import DataError, LensongError
from lensong.propagation.types import Float32Array, Grid, UInt8Array

__all__ = ["StoredPlan", "is_result"]

_MASTS = "masts"
_VILLAGES = "villages"
_RELIEF_PX = 1440  # along the longer side: twice what the picture of a result has
_CELL_NUMBERS = (
    "azimuth_deg", "mechanical_downtilt_deg", "electrical_downtilt_deg", "height_agl_m",
    "total_power_dbm", "feeder_loss_db", "downlink_load", "uplink_noise_rise_db", "radius_m",
)  # fmt: skip


@dataclass(frozen=True)  # not slots: what is read is kept
class StoredPlan:
    """A result, as `lensong.planner.shown.Opened`.

    Parameters
    ----------
    result : StoredResult
    why : str
        Why it cannot be edited.
    """

    result: StoredResult
    why: str

    @property
    def grid(self) -> Grid:
        """Return the grid of all layers."""
        return self.result.grid

    @property
    def synthetic(self) -> bool:
        """Return whether any input is invented."""
        return self.result.synthetic

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """Return the services of its scenario."""
        return tuple(
            Service(**{**entry, "technologies": tuple(entry["technologies"])})
            for entry in self.result.settings["service"]
        )

    @cached_property
    def classes(self) -> ClassThresholds:
        """Return by what villages are told apart."""
        return ClassThresholds(**self.result.settings["classes"])

    @cached_property
    def network(self) -> Network:
        """Return masts and cells; the pattern of a cell whose antenna is a file is not known."""
        return _network(self.result)

    @property
    def variants(self) -> StoredPlan:
        """Return itself: the network as read is its only variant."""
        return self

    @cached_property
    def _base(self) -> Variant:
        at = self.result.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return base_variant(self.network, at=at, why=self.why)

    def all(self) -> list[Variant]:
        """Return the one variant."""
        return [self._base]

    def get(self, variant_id: str) -> Variant:
        """Return the one variant.

        Raises
        ------
        NotThereError
        """
        if variant_id != BASE:
            raise NotThereError(f"there is no variant {variant_id!r}: a result has {BASE!r} alone")
        return self._base

    @property
    def carriers(self) -> Mapping[str, Carrier]:
        """Return the carriers of the network."""
        return {carrier_id(cell.carrier): cell.carrier for cell in self.network.cells}

    @property
    def antennas(self) -> Mapping[str, AntennaPattern]:
        """Return the antennas that are made by a formula."""
        found = {cell.antenna.name: cell.antenna for cell in self.network.cells}
        return {name: a for name, a in found.items() if parametric_antenna(name) is not None}

    @cached_property
    def map_lines(self) -> gpd.GeoDataFrame | None:
        """Return roads, rivers and boundaries."""
        path = self.result.folder / files.VECTORS
        if files.LINES not in layers_of(path):
            return None
        return read_layer(path, crs=self.grid.crs, layer=files.LINES)

    @property
    def ground_m(self) -> Float32Array:
        """Refuse: a result has a picture of the relief, and no heights.

        Raises
        ------
        ReadOnlyError
        """
        raise ReadOnlyError(f"the height of the ground is not kept in a result; {self.why}")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return why it cannot be edited."""
        return (self.why,)

    @property
    def radius_m(self) -> float:
        """Return how far cells are computed [m]."""
        return max(cell.radius_m for cell in self.network.cells)

    def relief(self, most_px: int) -> bytes:
        """Return the relief over the grid as a grey PNG of so many rows and columns at most.

        Raises
        ------
        NotThereError
            The result has none.
        """
        found = self.result.relief()
        if found is None:
            raise NotThereError(f"{self.result.folder.name} has no {files.RELIEF}")
        _, at = found
        with (
            reading_of([files.RELIEF]),
            rasterio.open(self.result.folder / files.RELIEF, driver="PNG") as picture,
        ):
            greys = np.array([grey[0] for _, grey in sorted(picture.colormap(1).items())])
            source = greys[picture.read(1)].astype(np.uint8)
        rows, cols = source.shape
        grid = self.grid
        step = max(1.0, max(grid.rows, grid.cols) / min(most_px, _RELIEF_PX))
        shade: UInt8Array = np.zeros((round(grid.rows / step), round(grid.cols / step)), np.uint8)
        high_m = grid.cell_m * grid.rows / shade.shape[0]
        wide_m = grid.cell_m * grid.cols / shade.shape[1]
        reproject(
            source,
            shade,
            src_transform=Affine(
                (at.east_deg - at.west_deg) / cols,
                0.0,
                at.west_deg,
                0.0,
                (at.south_deg - at.north_deg) / rows,
                at.north_deg,
            ),
            src_crs="EPSG:4326",
            dst_transform=Affine(wide_m, 0.0, grid.west_m, 0.0, -high_m, grid.north_m),
            dst_crs=grid.crs,
            resampling=Resampling.bilinear,
        )
        return encode_png(shade)

    def ground_at(self, row: int, col: int) -> float:  # noqa: ARG002 - nowhere known
        """Return NaN: heights are not kept."""
        return float("nan")

    @cached_property
    def villages(self) -> gpd.GeoDataFrame:
        """Return the village table with outlines, in the grid's CRS."""
        table = self.result.villages()
        shapes = read_layer(self.result.folder / files.VECTORS, crs=self.grid.crs, layer=_VILLAGES)
        by_id = dict(zip(shapes["village_id"].astype(str), shapes.geometry, strict=True))
        missing = [name for name in table["village_id"] if name not in by_id]
        if missing:
            raise DataError(
                f"{files.VECTORS} has no village {missing[0]!r} of {files.VILLAGES}: plan again"
            )
        text = table.select_dtypes(exclude="number").columns
        table[text] = table[text].astype(object).where(table[text].notna(), "")
        shape = [by_id[name] for name in table["village_id"]]
        return gpd.GeoDataFrame(table, geometry=shape, crs=self.grid.crs)

    @cached_property
    def shown(self) -> Shown:
        """Return what its files show."""
        operators = tuple(sorted({cell.operator for cell in self.network.cells}))
        layers = stored_layers(self.result, self.services, operators, self.classes.service)
        return Shown(
            network=self.network,
            settled="chances",
            technologies=tuple(self.result.technologies),
            operators=operators,
            layers={layer.layer_id: layer for layer in layers},
            tiles=lambda key: RasterTile(self.result, key),
            tile_px=TILE_PX,
            villages=self.villages,
            streams_late=False,
            known=self._known_at,
        )

    def _known_at(self, row: int, col: int) -> dict[Technology, KnownLayers]:
        """Return what the calibration knew of the levels at one cell of the grid."""
        found: dict[Technology, KnownLayers] = {}
        for technology in self.result.technologies:
            half, basis, field = (
                files.raster_file(technology, name)
                for name in (files.LEVEL_HALF_DB, files.LEVEL_BASIS, files.RESIDUAL_FIELD_DB)
            )
            if (self.result.folder / half).is_file():
                part = (row, col, row + 1, col + 1)
                found[technology] = KnownLayers(
                    field_db=self.result.window(field, part)[0, 0],
                    half_db=self.result.window(half, part)[0, 0],
                    basis=self.result.window(basis, part)[0, 0],
                )
        return found

    def why_here(self, village_id: str | None) -> dict[str, Any]:
        """Return the cause of a village's gap and what was tried, as the result has them.

        Raises
        ------
        NotThereError
            There is no such village, or the plan was made without causes.
        ReadOnlyError
            A place is asked about, not a village.
        """
        if village_id is None:
            raise ReadOnlyError(f"a result tells the causes of villages alone; {self.why}")
        if village_id not in set(self.villages["village_id"]):
            raise NotThereError(f"no village {village_id!r} in this plan")
        causes = read_causes(self.result.folder)
        if causes is None:
            raise NotThereError(f"the plan was made without causes: there is no {files.CAUSES}")
        rows = causes[causes["village_id"] == village_id]
        if rows.empty:
            return {"cause": None, "tries": []}
        tried = read_counterfactuals(self.result.folder)
        own = [] if tried is None else _records(tried[tried["village_id"] == village_id])
        names = ("change", "mast_id", "before", "after", "gained_db", "gained_people",
                 "gained_village_people")  # fmt: skip
        return {
            "cause": _records(rows)[0],
            "tries": [{name: one.get(name) for name in names} | {"edits": []} for one in own],
        }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    plain = table.astype(object).where(table.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in plain.to_dict("records")]


def _network(result: StoredResult) -> Network:
    path = result.folder / files.VECTORS
    try:
        masts = read_layer(path, crs=result.grid.crs, layer=_MASTS)
        cells = result.cells()
        assume = Assumptions(**_listed(result.settings["network"]["assume"]))
        catalogue = Catalogue(Network(masts=(), cells=()), assume, {})
        return Network(
            masts=tuple(_mast(row) for row in masts.to_dict("records")),
            cells=tuple(_cell(row, catalogue) for row in cells.to_dict("records")),
        )
    except (KeyError, TypeError, ValueError, LensongError) as error:
        raise DataError(
            f"{path} has no network that can be shown ({error}): give a result of `lensong plan` "
            "of this version, unchanged"
        ) from error


def _listed(assume: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in assume.items()}


def _mast(row: dict[Any, Any]) -> Mast:
    return Mast(
        mast_id=str(row["mast_id"]),
        name=_text(row.get("name")),
        operator=_text(row.get("operator")),
        lat_deg=float(row["lat_deg"]),
        lon_deg=float(row["lon_deg"]),
        height_agl_m=float(row["height_agl_m"]),
        backhaul=_text(row.get("backhaul")),
        power_supply=_text(row.get("power_supply")),
        uncertain=bool(row["uncertain"]),
    )


def _cell(row: dict[Any, Any], catalogue: Catalogue) -> Cell:
    carrier = catalogue.carrier(f"{row['technology']} {row['carrier']}")
    name = str(row["antenna"])
    if parametric_antenna(name) is not None:
        antenna = catalogue.antenna(name)
    else:  # its pattern is in no file of a result, and nothing here computes with it
        antenna = AntennaPattern(
            name=name,
            gain_dbi=float(row["gain_dbi"]),
            horizontal_loss_db=np.zeros(360),
            vertical_loss_db=np.zeros(360),
        )
    numbers: dict[str, Any] = {name: float(row[name]) for name in _CELL_NUMBERS}
    return Cell(
        cell_id=str(row["cell_id"]),
        mast_id=str(row["mast_id"]),
        operator=_text(row.get("operator")),
        carrier=replace(
            carrier,
            downlink_freq_mhz=float(row["downlink_freq_mhz"]),
            uplink_freq_mhz=float(row["uplink_freq_mhz"]),
        ),
        antenna=antenna,
        granted_uplink_resource_blocks=catalogue.granted(carrier),
        uncertain=bool(row["uncertain"]),
        **numbers,
    )


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def is_result(path: Path) -> bool:
    """Return whether a path is the folder of a result."""
    return (path / files.RUN).is_file()
