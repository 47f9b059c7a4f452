"""A scenario that was read and can be edited: land, network, and what plans its variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.network import Carrier, Network
from lensong.coverage.scenario.load import Scenario
from lensong.coverage.service import Service
from lensong.coverage.sweeps import PropagationSettings
from lensong.coverage.variant.catalogue import Catalogue
from lensong.coverage.variant.coarse import averaged
from lensong.coverage.variant.engine import PlanEngine
from lensong.coverage.variant.villages import VillageSide
from lensong.coverage.villages import ClassThresholds
from lensong.gis_data.hillshade import hillshade
from lensong.gis_data.land import Land
from lensong.gis_data.pictures import encode_png
from lensong.planner.antenna_files import AntennaFiles
from lensong.planner.standing import Settler
from lensong.planner.variants import Variants
from lensong.propagation.types import Float32Array, Grid

__all__ = ["Ready"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What there is once the land is read."""

    scenario: Scenario
    land: Land
    network: Network
    propagation: PropagationSettings
    catalogue: Catalogue
    antenna_files: AntennaFiles
    engine: PlanEngine
    side: VillageSide
    settler: Settler
    variants: Variants

    @property
    def grid(self) -> Grid:
        """Return the grid of all layers."""
        return self.land.grid

    @property
    def synthetic(self) -> bool:
        """Return whether any input is invented."""
        return self.land.synthetic

    @property
    def services(self) -> tuple[Service, ...]:
        """Return the services."""
        return self.engine.services

    @property
    def classes(self) -> ClassThresholds:
        """Return by what villages are told apart."""
        return self.side.classes

    @property
    def carriers(self) -> Mapping[str, Carrier]:
        """Return carriers that a cell may be given, by id."""
        return self.catalogue.carriers

    @property
    def antennas(self) -> Mapping[str, AntennaPattern]:
        """Return antennas that a cell may be given, by name."""
        return self.catalogue.antennas

    @property
    def map_lines(self) -> gpd.GeoDataFrame | None:
        """Return roads, rivers and boundaries."""
        return self.land.map_lines

    @property
    def villages(self) -> gpd.GeoDataFrame:
        """Return the villages."""
        return self.land.villages

    @property
    def ground_m(self) -> Float32Array:
        """Return the height of the ground [m]."""
        return self.land.ground_m

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what is doubtful about the inputs."""
        return (*self.land.warnings, *self.network.warnings)

    @property
    def radius_m(self) -> float:
        """Return how far cells are computed [m]."""
        return self.variants.radius_m

    def relief(self, most_px: int) -> bytes:
        """Return the relief of the grid as a grey PNG of so many rows and columns at most."""
        grid = self.land.grid
        step = -(-max(grid.rows, grid.cols) // most_px)
        ground_m = self.land.ground_m if step == 1 else averaged(self.land.ground_m, step)
        return encode_png(hillshade(ground_m, grid.cell_m * step))

    def ground_at(self, row: int, col: int) -> float:
        """Return the height of the ground of a cell, NaN where it is not known [m]."""
        return float(self.land.ground_m[row, col])
