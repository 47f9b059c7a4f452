"""The land as one aligned set of layers: what the radio side computes on."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd

from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Float32Array, Grid, UInt8Array

__all__ = ["Land", "Source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where one input came from, for the provenance of every output.

    Parameters
    ----------
    role : str
        ``"elevation"``, ``"land_cover"``, ``"population"``, ``"villages"``, …
    path : str
        As the user wrote it.
    sha256 : str
        Hash of the content of the file or files.
    note : str
        One sentence for the report: kind, resolution, what was done to it.
    """

    role: str
    path: str
    sha256: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """Everything known of the land, on one grid.

    Parameters
    ----------
    grid : Grid
        Area of interest plus a margin of the largest cell radius.
    ground_m : shape (rows, cols), float32
        Terrain (or surface, see ``surface_model``) above sea level [m]. No NaN inside the
        area; NaN only where ``void_share`` says that elevation is missing.
    clutter_m : shape (rows, cols), float32, or None
        Representative clutter height above ground [m]. None: no land cover was given.
    clutter_class : shape (rows, cols), uint8, or None
        Class code of the land cover, 0 no data.
    clutter_names : dict
        Class code to name.
    water : shape (rows, cols), bool as uint8, or None
        1 where the land cover says open water.
    population : shape (rows, cols), float32, or None
        People per grid cell, 0 where none.
    aoi : shape (rows, cols), uint8
        1 inside the area of interest, 0 in the margin.
    villages : GeoDataFrame in ``grid.crs``
        Columns ``village_id`` (str, unique), ``name``, ``commune``, ``commune_code``,
        ``province`` (str, may be empty), ``population`` (float, NaN unknown), where the list has
        one ``province_code`` (str; or the boundaries have) and ``listed_ground_m`` (float, its own
        height of the ground, only compared), and the
        footprint polygon as ``geometry``; ``centre_easting_m``, ``centre_northing_m``,
        ``lat_deg``, ``lon_deg`` of the place; ``footprint`` is ``"polygon"`` as given or
        ``"disc"`` drawn around a point.
    communes : GeoDataFrame in ``grid.crs``, or None
        Columns ``commune_code``, ``commune``, ``province``, where known ``province_code``, and
        ``geometry``.
    map_lines : GeoDataFrame in ``grid.crs``, or None
        Roads, rivers and the like, only drawn: ``kind``, ``label``, ``name``, ``geometry``.
    sources : tuple of Source
        One per input.
    assumptions, warnings : tuple of str
        English sentences for the report.
    void_share : float
        Share of the area (with margin) whose elevation was missing, before any filling.
    surface_model : bool
        True when the elevation includes trees and roofs (a DSM such as GLO-30).
    synthetic : bool
        True for generated land; every output then says so.
    """

    grid: Grid
    ground_m: Float32Array
    clutter_m: Float32Array | None
    clutter_class: UInt8Array | None
    clutter_names: dict[int, str] = field(default_factory=dict)
    water: UInt8Array | None = None
    population: Float32Array | None
    aoi: UInt8Array
    villages: gpd.GeoDataFrame
    communes: gpd.GeoDataFrame | None
    map_lines: gpd.GeoDataFrame | None = None
    sources: tuple[Source, ...] = ()
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    void_share: float = 0.0
    surface_model: bool = False
    synthetic: bool = False

    def __post_init__(self) -> None:
        layers = {
            "ground_m": self.ground_m,
            "clutter_m": self.clutter_m,
            "clutter_class": self.clutter_class,
            "water": self.water,
            "population": self.population,
            "aoi": self.aoi,
        }
        for name, layer in layers.items():
            if layer is not None and layer.shape != self.grid.shape:
                raise InvalidInputError(
                    f"{name} has shape {layer.shape}, wanted the grid's {self.grid.shape}"
                )
