"""The scenario: a TOML file beside its data files, as the data classes of a plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lensong.coverage.causes.settings import CauseSettings
from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.faults import Faults, FaultsError
from lensong.coverage.network import Technology
from lensong.coverage.scenario.feeding import feeding_settings
from lensong.coverage.scenario.scenario_file import read_scenario_file
from lensong.coverage.scenario.sections import ScenarioFile, ServiceSection
from lensong.coverage.service import Handset, Service
from lensong.coverage.siting.changes import ChangeSettings
from lensong.coverage.siting.settings import SitingSettings
from lensong.coverage.streams.settings import StreamSettings
from lensong.coverage.sweeps import PropagationSettings
from lensong.coverage.villages import ClassThresholds
from lensong.gis_data.map_lines import LineRequest
from lensong.gis_data.reading import LandRequest
from lensong.propagation.errors import ConfigError, LensongError

__all__ = ["NetworkRequest", "Scenario", "load_scenario", "scenario_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRequest:
    """The network section of a scenario.

    Parameters
    ----------
    tables : dict
        Role to file: ``{"main": …}``, or ``sites``, ``transmitters`` and ``cells`` for Atoll.
    antennas : Path or None
        Folder of pattern files.
    layer : str
        Sheet of a workbook or layer of a vector file.
    format, power, height_unit, crs : str
        See docs/how-to/scenario.md.
    columns : dict
        Field of a cell plan to the list's column.
    operators, technologies : tuple
        Empty: all.
    radius_m : float
        How far a cell is computed [m].
    doubtful_masts : {"refuse", "accept"}
        What becomes of masts outside the grid and on open water.
    proposals : Path or None
        ``siting.json`` of a siting study, shown beside the network.
    assume : Assumptions
    """

    tables: dict[str, Path]
    antennas: Path | None = None
    layer: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    format: Literal["auto", "plain", "atoll", "planet", "opencellid", "sites"] = "auto"
    power: Literal["auto", "total", "per_re"] = "auto"
    height_unit: Literal["m", "ft"] = "m"
    crs: str | None = None
    operators: tuple[str, ...] = ()
    technologies: tuple[Technology, ...] = ()
    radius_m: float = 15_000.0
    doubtful_masts: Literal["refuse", "accept"] = "refuse"
    assume: Assumptions = field(default_factory=Assumptions)
    proposals: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a plan is asked to do.

    Parameters
    ----------
    title : str
        The file's name where it gives none.
    land, network, services, handset, propagation, classes, streams, causes, siting
        Sections of the file.
    calibration : Path or None
        What measurements taught of the network; its paths are in ``propagation``.
    itu_maps : Path or None
        Folder of the ITU's maps, whose values at the area take the place of those in propagation.
    settings : dict
        The whole file with its defaults, JSON-ready; paths as written.
    """

    title: str
    land: LandRequest
    network: NetworkRequest
    services: tuple[Service, ...]
    handset: Handset
    propagation: PropagationSettings
    calibration: Path | None
    itu_maps: Path | None
    classes: ClassThresholds
    streams: StreamSettings
    causes: CauseSettings
    siting: SitingSettings
    settings: dict[str, Any]


def load_scenario(path: str | Path) -> Scenario:
    """Return the scenario in a TOML file.

    Raises
    ------
    ConfigError
        Something in it is wrong; every mistake is named, with its line.
    """
    path = Path(path)
    content = read_scenario_file(path)
    try:
        return scenario_of(content, path.parent, title=path.stem)
    except LensongError as error:
        joint = " has" if isinstance(error, FaultsError) else ":"
        raise ConfigError(f"{path}{joint} {error}") from error


def scenario_of(content: ScenarioFile, folder: Path, *, title: str) -> Scenario:
    """Return the scenario that a file's content asks for; ``title`` where it gives none.

    Parameters
    ----------
    folder : Path
        Beside which the files lie that it names.
    """
    faults = Faults()
    land = faults.of(lambda: _land(content, folder))
    network = faults.of(lambda: _network(content, folder))
    services = [faults.of(partial(_service, service)) for service in content.service]
    handset = faults.of(lambda: Handset(**content.handset.model_dump()))
    propagation = faults.of(lambda: PropagationSettings(**content.propagation.model_dump()))
    classes = faults.of(lambda: ClassThresholds(**content.classes.model_dump()))
    streams = faults.of(lambda: _streams(content))
    causes = faults.of(lambda: CauseSettings(**content.causes.model_dump()))
    siting = faults.of(lambda: _siting(content, folder))
    faults.end()
    return Scenario(
        title=content.title or title,
        land=land,
        network=network,
        services=tuple(services),
        handset=handset,
        propagation=propagation,
        calibration=_path(folder, content.calibration.file if content.calibration else ""),
        itu_maps=_path(folder, content.itu_maps.path if content.itu_maps else ""),
        classes=classes,
        streams=streams,
        causes=causes,
        siting=siting,
        settings=content.model_dump(mode="json"),
    )


def _service(section: ServiceSection) -> Service:
    return Service(**{**section.model_dump(), "technologies": tuple(section.technologies)})


def _streams(content: ScenarioFile) -> StreamSettings:
    given = content.streams.model_dump()
    return StreamSettings(
        **{**given, "services": tuple(given["services"]), "sims": tuple(given["sims"])}
    )


def _land(content: ScenarioFile, folder: Path) -> LandRequest:
    area, elevation, cover = content.area, content.elevation, content.land_cover
    heights = content.clutter_heights
    people, villages, communes = content.population, content.villages, content.communes
    box = area.bbox_deg
    return LandRequest(
        villages_path=folder / villages.path,
        elevation_path=_paths(folder, elevation.path),
        area_boundary=_path(folder, area.boundary),
        area_bbox_deg=None if box is None else (box[0], box[1], box[2], box[3]),
        area_crs=area.crs,
        area_resolution_m=area.resolution_m,
        elevation_kind=elevation.kind,
        elevation_unit=elevation.unit,
        elevation_fill_voids=elevation.fill_voids,
        elevation_max_void_share=elevation.max_void_share,
        elevation_sea_where_missing=elevation.sea_where_missing,
        land_cover_path=_path(folder, cover.path if cover else ""),
        land_cover_table=_path(folder, cover.table if cover else ""),
        land_cover_with_surface_model=cover is not None and cover.with_surface_model,
        clutter_heights_path=_paths(folder, heights.path) if heights else (),
        clutter_heights_kind=heights.kind if heights else "above_ground",
        population_path=_path(folder, people.path if people else ""),
        population_unit=people.unit if people else "auto",
        population_census=_path(folder, people.census if people else ""),
        villages_layer=villages.layer,
        villages_radius_m=villages.radius_m,
        villages_columns=villages.columns,
        communes_path=_path(folder, communes.path if communes else ""),
        communes_layer=communes.layer if communes else "",
        communes_columns=communes.columns if communes else {},
        map_lines=tuple(
            LineRequest(
                path=folder / lines.path, layer=lines.layer, kind=lines.kind, name=lines.name
            )
            for lines in content.map.lines
        ),
        synthetic=content.synthetic,
        folder=folder,
    )


def _siting(content: ScenarioFile, folder: Path) -> SitingSettings:
    section = content.siting
    changes: dict[str, Any] = {  # Any: of each key
        name: tuple(value) if isinstance(value, list) else value
        for name, value in section.changes.model_dump().items()
    }
    faults = Faults()
    change_settings = faults.of(lambda: ChangeSettings(**changes))
    feeding = faults.of(lambda: feeding_settings(section, folder))
    faults.end()
    return SitingSettings(
        standing_mast_cost=section.standing_mast_cost,
        new_mast_cost=section.new_mast_cost,
        money=section.money,
        changes=change_settings,
        feeding=feeding,
    )


def _network(content: ScenarioFile, folder: Path) -> NetworkRequest:
    network = content.network
    tables = {"main": network.cells} if network.atoll is None else network.atoll.model_dump()
    assume = network.assume.model_dump()
    assume["azimuths_deg"] = tuple(network.assume.azimuths_deg)
    assume["carriers"] = tuple(network.assume.carriers)
    return NetworkRequest(
        tables={role: folder / name for role, name in tables.items()},
        antennas=_path(folder, network.antennas),
        layer=network.layer,
        columns=network.columns,
        format=network.format,
        power=network.power,
        height_unit=network.height_unit,
        crs=network.crs or None,
        operators=tuple(network.operators),
        technologies=tuple(network.technologies),
        radius_m=network.radius_m,
        doubtful_masts=network.doubtful_masts,
        assume=Assumptions(**assume),
        proposals=_path(folder, content.siting.proposals),
    )


def _path(folder: Path, name: str) -> Path | None:
    return folder / name if name else None


def _paths(folder: Path, names: str | Iterable[str]) -> tuple[Path, ...]:
    return tuple(folder / name for name in ([names] if isinstance(names, str) else names))
