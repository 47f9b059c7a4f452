"""How masts may be fed: the sections of a scenario, and the files that they name."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd

from lensong.coverage.faults import Faults
from lensong.coverage.scenario.sections import SitingLineSection, SitingSection
from lensong.coverage.siting.feeding_settings import (
    FeedingSettings,
    LineSettings,
    MicrowaveSettings,
    SatelliteSettings,
    SolarSettings,
)
from lensong.coverage.siting.search import FeedData
from lensong.gis_data.gridding import Block, bounds_deg, window_grid
from lensong.gis_data.rain_map import read_rain_map
from lensong.gis_data.vectors import as_text, find_columns, read_layer
from lensong.propagation.errors import ConfigError, DataError, LensongError
from lensong.propagation.types import Grid

__all__ = ["feeding_settings", "read_feeding"]

_NAMES = {"name": ("name", "name:vi", "ten", "ref", "id", "label")}


def feeding_settings(section: SitingSection, folder: Path) -> FeedingSettings:
    """Return how masts may be fed by ``[siting]``.

    Raises
    ------
    ConfigError, OutOfRangeError
        Values cannot be; says which.
    """
    faults = Faults()
    fibre = faults.of(lambda: _line("fibre", section.fibre, folder))
    grid = faults.of(lambda: _line("grid", section.grid, folder))
    microwave = faults.of(lambda: _microwave(section, folder))
    satellite = faults.of(lambda: _satellite(section))
    solar = faults.of(lambda: _solar(section))
    faults.of(lambda: FeedingSettings(mast_uplink_mbps=section.mast_uplink_mbps))
    faults.end()
    return FeedingSettings(
        fibre=fibre,
        grid=grid,
        microwave=microwave,
        satellite=satellite,
        solar=solar,
        mast_uplink_mbps=section.mast_uplink_mbps,
        standing_is_fed=section.standing_is_fed,
    )


def _line(
    name: Literal["fibre", "grid"], section: SitingLineSection | None, folder: Path
) -> LineSettings | None:
    if section is None:
        return None
    values: dict[str, Any] = section.model_dump()  # Any: of each key
    return LineSettings(**{**values, "section": name, "path": folder / section.path})


def _microwave(section: SitingSection, folder: Path) -> MicrowaveSettings | None:
    given = section.microwave
    if given is None:
        return None
    values = given.model_dump()
    values["rain_map"] = folder / given.rain_map if given.rain_map else None
    values["from_backhaul"] = tuple(given.from_backhaul)
    return MicrowaveSettings(**values)


def _satellite(section: SitingSection) -> SatelliteSettings | None:
    given = section.satellite
    return None if given is None else SatelliteSettings(**given.model_dump())


def _solar(section: SitingSection) -> SolarSettings | None:
    if section.solar is None:
        return None
    values = section.solar.model_dump()
    values["level_kwh_per_m2_day"] = tuple(section.solar.level_kwh_per_m2_day)
    return SolarSettings(**values)


def read_feeding(settings: FeedingSettings, grid: Grid, *, budget: bool) -> FeedData:
    """Return the lines and the rain that feeding needs.

    Parameters
    ----------
    settings : FeedingSettings
    grid : Grid
        Of the land; lines are read as far around it as they may be reached.
    budget : bool
        Whether money is limited, so that every cost must be given.

    Raises
    ------
    ConfigError
        A cost is missing with a budget.
    DataError
        A file cannot be read, or has nothing in the area.
    """
    missing = settings.without_cost()
    if budget and missing:
        raise ConfigError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not given, and a "
            "budget needs every cost: fill in yours (0 says that it costs nothing), or limit the "
            "number of masts with --masts alone"
        )
    microwave = settings.microwave
    rain = None
    if microwave is not None and microwave.rain_map is not None:
        rain = read_rain_map(microwave.rain_map)
    fibre, of_fibre = _read_lines(settings.fibre, grid)
    mains, of_mains = _read_lines(settings.grid, grid)
    return FeedData(
        settings=settings,
        fibre=fibre,
        grid=mains,
        rain=rain,
        notes=(*of_fibre, *of_mains),
    )


def _read_lines(
    settings: LineSettings | None, grid: Grid
) -> tuple[gpd.GeoDataFrame | None, list[str]]:
    """Return what stands of a section within reach of the grid, and what is to be told."""
    if settings is None:
        return None, []
    cells = ceil(settings.reach_m / grid.cell_m)
    around = Block(row=-cells, col=-cells, rows=grid.rows + 2 * cells, cols=grid.cols + 2 * cells)
    try:
        layer = read_layer(
            settings.path,
            crs=grid.crs,
            layer=settings.layer,
            bounds_deg=bounds_deg(window_grid(grid, around)),
        )
        found = find_columns([str(c) for c in layer.columns], _NAMES, None, path=settings.path)
    except LensongError as error:
        raise DataError(f"siting.{settings.section}: {error}") from error
    name = as_text(layer[found["name"]]) if "name" in found else [""] * len(layer)
    lines = gpd.GeoDataFrame({"name": name}, geometry=layer.geometry.to_numpy(), crs=grid.crs)
    return lines, [f"siting.{settings.section}: {text}." for text in layer.attrs["warnings"]]
