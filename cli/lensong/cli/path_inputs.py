"""What `path` and `hop` share: places on the command line and the land under them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lensong.cli.options import FiniteRange

if TYPE_CHECKING:
    from lensong.cli.console import Console
    from lensong.coverage.network import Mast, Network
    from lensong.coverage.scenario.load import Scenario
    from lensong.coverage.sweeps import PropagationSettings
    from lensong.gis_data.land import Land
    from lensong.propagation.terrain import Terrain
    from lensong.propagation.types import Grid

__all__ = [
    "GROUND_FILES",
    "GivenLand",
    "Planned",
    "air_of_maps",
    "ground_options",
    "output_options",
    "parse_place",
    "read_given_land",
    "read_planned",
]

GROUND_FILES = ("elevation", "land_cover", "land_cover_table", "clutter_heights", "resolution_m")
"""What `ground_options` adds and a scenario has of its own."""

_Command = TypeVar("_Command", bound=Callable[..., Any])
_In = click.Path(path_type=Path)
_Out = click.Path(path_type=Path, dir_okay=False)


def output_options(command: _Command) -> _Command:
    """Add where results go."""
    for option in (
        click.option("--png", type=_Out, help="Write the figure as PNG."),
        click.option("--svg", type=_Out, help="Write the figure as SVG."),
        click.option("--csv", "csv_file", type=_Out, help="Write the profile (or ranking) as CSV."),
    ):
        command = option(command)
    return command


def ground_options(command: _Command) -> _Command:
    """Add where the land comes from without a scenario."""
    for option in (
        click.option(
            "--resolution-m",
            type=FiniteRange(1.0, 1000.0),
            help="Step of the profile [m].  [default: 30]",
        ),
        click.option(
            "--itu-maps",
            type=_In,
            help="Folder of the ITU's maps DN50.TXT and N050.TXT, for the air of the place.",
        ),
        click.option("--land-cover-table", type=_In, help="Its classes; default ESA WorldCover."),
        click.option("--land-cover", type=_In, help="Land cover raster: trees and houses."),
        click.option(
            "--clutter-heights",
            multiple=True,
            type=_In,
            help="Raster of heights of trees and houses, before those of classes; may repeat.",
        ),
        click.option(
            "--elevation",
            multiple=True,
            type=_In,
            help="Elevation, file or folder, without a scenario; may repeat.",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenLand:
    """The land under two places, by whatever way it was read."""

    grid: Grid
    terrain: Terrain
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A scenario with everything that it names."""

    asked: Scenario
    land: Land
    network: Network
    propagation: PropagationSettings

    def mast(self, name: str) -> Mast | None:
        """Return a mast by its id, None where there is none."""
        return next((mast for mast in self.network.masts if mast.mast_id == name), None)

    def as_given(self) -> GivenLand:
        """Return its land as that of two places."""
        from lensong.coverage.path.levels import terrain_of

        return GivenLand(
            grid=self.land.grid,
            terrain=terrain_of(self.land),
            warnings=self.land.warnings,
            synthetic=self.land.synthetic,
        )


def air_of_maps(
    settings: PropagationSettings, folder: Path | None, places: list[tuple[float, float]]
) -> PropagationSettings:
    """Return settings with the refractivity that the ITU's maps have between places.

    Raises
    ------
    DataError
        A map is missing or is another.
    """
    if folder is None:
        return settings
    from dataclasses import replace

    from lensong.gis_data.itu_maps import refractivity_at

    (lat_a, lon_a), (lat_b, lon_b) = places
    delta_n, n0 = refractivity_at(folder, 0.5 * (lat_a + lat_b), 0.5 * (lon_a + lon_b))
    return replace(settings, delta_n_per_km=delta_n, n0=n0)


def parse_place(
    option: str, text: str, *, height: bool | None
) -> tuple[float, float, float | None]:
    """Return latitude, longitude and height of ``LAT,LON[,HEIGHT]``.

    Parameters
    ----------
    option, text : str
    height : bool or None
        Whether the height is wanted; None: as one likes.

    Raises
    ------
    ConfigError
        It is none; says what is wrong.
    """
    from math import isfinite

    from lensong.propagation.errors import ConfigError

    example = "22.35,103.65,42" if height else "22.35,103.65"
    wanted = "latitude, longitude and metres above ground" if height else "latitude and longitude"
    if height is None:
        wanted += ", and metres above ground where they differ"
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    counts = {True: (3,), False: (2,), None: (2, 3)}[height]
    if len(numbers) not in counts or not all(isfinite(number) for number in numbers):
        raise ConfigError(f"{option} is {text!r}, wanted {wanted}: {example}")
    lat_deg, lon_deg = numbers[:2]
    if not -90.0 <= lat_deg <= 90.0 or not -180.0 <= lon_deg <= 180.0:
        swapped = -90.0 <= lon_deg <= 90.0 and -180.0 <= lat_deg <= 180.0
        hint = f": write {lon_deg:g},{lat_deg:g}" if swapped else ""
        raise ConfigError(
            f"{option} is {text!r}, wanted latitude -90 to 90, then longitude -180 to 180{hint}"
        )
    return lat_deg, lon_deg, numbers[2] if len(numbers) == 3 else None


def read_planned(scenario: Path, console: Console) -> Planned:
    """Return a scenario, its land, network and climate."""
    from lensong.coverage.scenario.inputs import read_climate, read_inputs
    from lensong.coverage.scenario.load import load_scenario

    asked = load_scenario(scenario)
    land, network, _ = read_inputs(asked, console.progress)
    propagation, land = read_climate(asked, land)
    return Planned(asked=asked, land=land, network=network, propagation=propagation)


_FARTHEST_KM = 1000.0


def _refuse_far_apart(places: list[tuple[float, float]]) -> None:
    """Refuse ends on two sides of the Earth: latitude and longitude of one are often swapped."""
    from pyproj import Geod

    from lensong.propagation.errors import InvalidInputError

    (lat_deg, lon_deg), *others = places
    for other in others:
        apart_km = Geod(ellps="WGS84").inv(lon_deg, lat_deg, other[1], other[0])[2] / 1000.0
        if apart_km > _FARTHEST_KM:
            raise InvalidInputError(
                f"the ends {lat_deg:g}, {lon_deg:g} and {other[0]:g}, {other[1]:g} are "
                f"{apart_km:,.0f} km apart, wanted at most {_FARTHEST_KM:,.0f} km: correct one of "
                "them (latitude comes first)"
            )


def read_given_land(
    places: list[tuple[float, float]],
    elevation: tuple[Path, ...],
    *,
    land_cover: Path | None,
    land_cover_table: Path | None,
    clutter_heights: tuple[Path, ...],
    resolution_m: float | None,
    console: Console,
) -> GivenLand:
    """Return the land around places from files.

    Raises
    ------
    ConfigError
        No elevation is given.
    DataError
        A file cannot be read, or none reaches there.
    """
    from lensong.coverage.scenario.ground import read_ground
    from lensong.propagation.errors import ConfigError
    from lensong.propagation.terrain import Terrain

    if not elevation:
        raise ConfigError(
            "no elevation is given: name a scenario, or files with --elevation dem.tif"
        )
    _refuse_far_apart(places)
    ground, assumptions, warnings = read_ground(
        [place[0] for place in places],
        [place[1] for place in places],
        elevation,
        resolution_m=resolution_m or 30.0,
        land_cover=land_cover,
        land_cover_table=land_cover_table,
        clutter_heights=clutter_heights,
        progress=lambda stage, share: console.progress(stage, share, 1.0),
    )
    terrain = Terrain(
        ground_m=ground.ground_m, clutter_m=ground.clutter_m, cell_m=ground.grid.cell_m
    )
    step = f"The profile is read at steps of {ground.grid.cell_m:g} m."
    return GivenLand(
        grid=ground.grid, terrain=terrain, assumptions=(step, *assumptions), warnings=warnings
    )
