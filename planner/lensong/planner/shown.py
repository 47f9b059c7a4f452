"""What pages and scripts are shown of a plan, whether it is computed here or read from a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import geopandas as gpd

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.network import Carrier, Network, Technology
from lensong.coverage.result import KnownLayers
from lensong.coverage.service import Service
from lensong.coverage.villages import ClassThresholds
from lensong.planner.layer_list import Layer
from lensong.planner.variants import Variant
from lensong.propagation.types import Float32Array, Grid

__all__ = ["Opened", "Shelf", "Shown", "Tiles"]

Tiles: TypeAlias = Callable[[tuple[int, int]], Any]
"""From row and column of a tile to what `Layer.read` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What there is of one network.

    Parameters
    ----------
    network : Network
    settled : str
        How far it is planned: one of `lensong.planner.standing.SETTLED`.
    technologies, operators : tuple of str
    layers : dict
        By id.
    tiles : callable
    tile_px : int
        Rows and columns of a tile.
    villages : GeoDataFrame or None
        None before any table was made.
    streams_late : bool
        Streams at once of some villages are still those of an earlier network, or none.
    known : callable or None
        From row and column of a cell of the grid to what a calibration knows of the levels there,
        by technology; None where nothing is kept of it.
    """

    network: Network
    settled: str
    technologies: tuple[str, ...]
    operators: tuple[str, ...]
    layers: Mapping[str, Layer]
    tiles: Tiles
    tile_px: int
    villages: gpd.GeoDataFrame | None
    streams_late: bool
    known: Callable[[int, int], Mapping[Technology, KnownLayers]] | None = None

    def has(self, layer: Layer) -> bool:
        """Return whether a layer is that of the network everywhere, not what it was before."""
        return layer.settles_with == "levels" or self.settled not in ("levels", "villages")


class Shelf(Protocol):
    """Where variants are."""

    def all(self) -> list[Variant]:
        """Return the variants, the base first."""

    def get(self, variant_id: str) -> Variant:
        """Return a variant."""


class Opened(Protocol):
    """A plan that was opened: what does not change with its variants."""

    @property
    def grid(self) -> Grid:
        """Return the grid of all layers."""

    @property
    def synthetic(self) -> bool:
        """Return whether any input is invented."""

    @property
    def services(self) -> Sequence[Service]:
        """Return the services."""

    @property
    def classes(self) -> ClassThresholds:
        """Return by what villages are told apart."""

    @property
    def network(self) -> Network:
        """Return the network as read."""

    @property
    def variants(self) -> Shelf:
        """Return the variants."""

    @property
    def carriers(self) -> Mapping[str, Carrier]:
        """Return carriers that a cell may be given, by id."""

    @property
    def antennas(self) -> Mapping[str, AntennaPattern]:
        """Return antennas whose pattern is known, by name."""

    @property
    def map_lines(self) -> gpd.GeoDataFrame | None:
        """Return roads, rivers and boundaries."""

    @property
    def villages(self) -> gpd.GeoDataFrame:
        """Return the villages, with their places."""

    @property
    def ground_m(self) -> Float32Array:
        """Return the height of the ground [m].

        Raises
        ------
        ReadOnlyError
            It is not known here.
        """

    @property
    def warnings(self) -> Sequence[str]:
        """Return what is doubtful about the inputs."""

    @property
    def radius_m(self) -> float:
        """Return how far cells are computed [m]."""

    def relief(self, most_px: int) -> bytes:
        """Return the relief of all of the grid as a grey PNG, so many rows and columns at most.

        Raises
        ------
        NotThereError
            There is none.
        """

    def ground_at(self, row: int, col: int) -> float:
        """Return the height of the ground of a cell, NaN where it is not known [m]."""
