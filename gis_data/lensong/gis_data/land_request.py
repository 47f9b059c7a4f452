"""The land sections of a scenario as one checked request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from lensong.gis_data.map_lines import LineRequest
from lensong.propagation.errors import ConfigError, OutOfRangeError

__all__ = ["LandRequest"]

_Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LandRequest:
    """The land sections of a scenario; a field is named section_key.

    Parameters
    ----------
    villages_path : Path
        Villages as points or polygons.
    elevation_path : tuple of Path
        Files or folders; earlier ones win where they overlap.
    area_boundary : Path, optional
        Polygon file of the area of interest.
    area_bbox_deg : tuple, optional
        West, south, east, north [degrees]. Without boundary and box the area is the villages'
        extent and 2 km around it.
    area_crs : str
        ``"auto"`` for the best UTM zone, or the code of a projected system in metres.
    area_resolution_m : float
        Cell size of the grid [m], 1 to 1000.
    elevation_kind, elevation_unit, elevation_fill_voids, elevation_max_void_share,
    elevation_sea_where_missing
        See `lensong.gis_data.elevation.read_elevation`.
    land_cover_path : Path, optional
        Class raster, or a folder of tiles.
    land_cover_table : Path, optional
        Classes; default ESA WorldCover.
    land_cover_with_surface_model : bool
        Accept land cover on top of a surface model, which counts forest twice.
    clutter_heights_path : tuple of Path
        Rasters of heights of trees and houses; none by default.
    clutter_heights_kind : str
        See `lensong.gis_data.clutter_heights.read_clutter_heights`.
    population_path : Path, optional
        Raster of people per pixel or per area.
    population_unit : str
        See `lensong.gis_data.population.read_population`.
    population_census : Path, optional
        Table of people per commune; needs communes.
    villages_layer, villages_radius_m, villages_columns
        See `lensong.gis_data.villages.read_villages`.
    communes_path : Path, optional
        Commune polygons.
    communes_layer, communes_columns
        See `lensong.gis_data.boundaries.read_communes`.
    map_lines : tuple of LineRequest
        Roads, rivers and the like to draw on the map.
    synthetic : bool
        The data are made up; every output says so.
    folder : Path, optional
        Folder of the scenario: sources are named relative to it in the provenance.
    """

    villages_path: Path
    elevation_path: tuple[Path, ...]
    area_boundary: Path | None = None
    area_bbox_deg: _Bounds | None = None
    area_crs: str = "auto"
    area_resolution_m: float = 30.0
    elevation_kind: str = "auto"
    elevation_unit: str = "auto"
    elevation_fill_voids: bool = False
    elevation_max_void_share: float = 0.001
    elevation_sea_where_missing: bool = False
    land_cover_path: Path | None = None
    land_cover_table: Path | None = None
    land_cover_with_surface_model: bool = False
    clutter_heights_path: tuple[Path, ...] = ()
    clutter_heights_kind: str = "above_ground"
    population_path: Path | None = None
    population_unit: str = "auto"
    population_census: Path | None = None
    villages_layer: str = ""
    villages_radius_m: float = 500.0
    villages_columns: Mapping[str, str] = field(default_factory=dict)
    communes_path: Path | None = None
    communes_layer: str = ""
    communes_columns: Mapping[str, str] = field(default_factory=dict)
    map_lines: tuple[LineRequest, ...] = ()
    synthetic: bool = False
    folder: Path | None = None

    def __post_init__(self) -> None:
        if not self.elevation_path:
            raise ConfigError("elevation.path is empty, wanted a raster file, a folder or a list")
        if self.area_boundary is not None and self.area_bbox_deg is not None:
            raise ConfigError("area has both boundary and bbox_deg, wanted one of them")
        if self.area_bbox_deg is not None:
            _check_box(self.area_bbox_deg)
        if not 1.0 <= self.area_resolution_m <= 1_000.0:
            raise OutOfRangeError("area.resolution_m", self.area_resolution_m, 1.0, 1_000.0)
        if not 0.0 <= self.elevation_max_void_share <= 1.0:
            raise OutOfRangeError(
                "elevation.max_void_share", self.elevation_max_void_share, 0.0, 1.0
            )
        if self.land_cover_table is not None and self.land_cover_path is None:
            raise ConfigError("land_cover.table is given without land_cover.path: add the raster")
        if self.population_census is not None and self.population_path is None:
            raise ConfigError("population.census is given without population.path: add the raster")
        if self.population_census is not None and self.communes_path is None:
            raise ConfigError(
                "population.census needs the outlines of its communes: set communes.path"
            )


def _check_box(bounds_deg: _Bounds) -> None:
    if len(bounds_deg) != 4 or not all(isfinite(value) for value in bounds_deg):
        raise ConfigError(
            f"area.bbox_deg is {bounds_deg}, wanted [west, south, east, north] in degrees"
        )
    west, south, east, north = bounds_deg
    fits = -180.0 <= west < east <= 180.0 and -90.0 <= south < north <= 90.0
    if fits:
        return
    swapped = -180.0 <= south < north <= 180.0 and -90.0 <= west < east <= 90.0
    hint = (
        f"latitude and longitude seem swapped, write [{south:g}, {west:g}, {north:g}, {east:g}]"
        if swapped
        else "west must be less than east and south less than north"
    )
    raise ConfigError(
        f"area.bbox_deg is {list(bounds_deg)}, wanted [west, south, east, north] in degrees: {hint}"
    )
