"""Reading what a scenario names: the network first, for its reach decides the land's margin."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.antenna_file import parse_antennas
from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.of_cells import CellsAsMeasured
from lensong.coverage.calibration.text import told
from lensong.coverage.cellplan import (
    CellTables,
    ImportReport,
    build_network,
    check_on_land,
    within_land,
)
from lensong.coverage.network import Network
from lensong.coverage.proposals import Proposals, proposals_of
from lensong.coverage.scenario.calibration_file import calibration_files, read_calibration
from lensong.coverage.scenario.load import NetworkRequest, Scenario
from lensong.coverage.scenario.size import PlanSize, size_of
from lensong.coverage.sweeps import PropagationSettings
from lensong.gis_data.gridding import centre_deg
from lensong.gis_data.itu_maps import ITU_MAPS, refractivity_at
from lensong.gis_data.land import Land, Source
from lensong.gis_data.lists import read_list
from lensong.gis_data.provenance import as_written, content_sha256
from lensong.gis_data.reading import read_land
from lensong.gis_data.tables import read_bytes
from lensong.propagation.errors import ConfigError, DataError, LensongError

__all__ = [
    "pattern_files",
    "read_antennas",
    "read_climate",
    "read_inputs",
    "read_network",
    "read_proposals",
]

_PATTERN_SUFFIXES = (".msi", ".pln")


def read_inputs(
    scenario: Scenario,
    progress: Callable[[str, float, float], None] | None = None,
    agree: Callable[[PlanSize], None] | None = None,
    read: Callable[[NetworkRequest], tuple[Network, ImportReport]] | None = None,
) -> tuple[Land, Network, ImportReport]:
    """Return land and network of a scenario, and how the cells were read.

    Parameters
    ----------
    scenario : Scenario
    progress : callable, optional
        Called with stage, steps done and steps in all.
    agree : callable, optional
        Called with how large the plan is before the land is read; may raise.
    read : callable, optional
        Reads the network in place of `read_network`: one that many scenarios share.
    """
    network, report = (read or read_network)(scenario.network)
    if agree is not None:
        agree(size_of(scenario, network))
    land = read_land(
        scenario.land,
        margin_m=max((cell.radius_m for cell in network.cells), default=0.0),
        extra_points_deg=[(mast.lat_deg, mast.lon_deg) for mast in network.masts],
        progress=None if progress is None else lambda stage, share: progress(stage, share, 1.0),
    )
    land = replace(land, sources=(*land.sources, *_network_sources(scenario)))
    if scenario.calibration is not None:
        network, land = _calibrated(scenario.calibration, network, land, scenario.land.folder)
    return land, _on_land(network, land, scenario.network), report


def read_climate(scenario: Scenario, land: Land) -> tuple[PropagationSettings, Land]:
    """Return the propagation settings at this land, and the land with where they came from.

    A calibration that the scenario names is among the settings.
    """
    propagation, folder = scenario.propagation, scenario.itu_maps
    if scenario.calibration is not None:
        learnt = read_calibration(scenario.calibration)
        if learnt.changes_levels:
            propagation = replace(propagation, calibration=CalibratedPaths(learnt))
    if folder is None:
        return propagation, land
    lat_deg, lon_deg = centre_deg(land.grid)
    delta_n, n0 = refractivity_at(folder, lat_deg, lon_deg)
    maps = [path for path in sorted(folder.iterdir()) if path.name.upper() in ITU_MAPS]
    told = (
        f"Refractivity is that of the ITU's maps at the middle of the grid: lapse rate "
        f"{delta_n:.1f} N-units/km, {n0:.1f} N-units at sea level."
    )
    source = Source(
        role="itu_maps",
        path=as_written(folder, scenario.land.folder),
        sha256=content_sha256(maps),
    )
    return (
        replace(propagation, delta_n_per_km=delta_n, n0=n0),
        replace(land, sources=(*land.sources, source), assumptions=(*land.assumptions, told)),
    )


def read_network(request: NetworkRequest) -> tuple[Network, ImportReport]:
    """Return the network of a scenario and how it was read."""
    tables = {
        role: read_list(path, layer=request.layer, layer_like="" if role == "main" else role)
        for role, path in request.tables.items()
    }
    antennas = read_antennas(request.antennas)
    proposals = None if request.proposals is None else read_proposals(request.proposals)
    try:
        network, report = build_network(
            CellTables(**tables),
            format=request.format,
            power=request.power,
            height_unit=request.height_unit,
            crs=request.crs,
            antennas=antennas,
            assume=request.assume,
            operators=request.operators,
            technologies=request.technologies,
            radius_m=request.radius_m,
            columns=request.columns,
        )
    except LensongError as error:
        names = ", ".join(str(path) for path in request.tables.values())
        raise DataError(f"{names}: {error}") from error
    return replace(network, proposals=proposals), report


def read_proposals(path: Path) -> Proposals:
    """Return the proposals in a `siting.json`.

    Raises
    ------
    DataError
        It cannot be read, or is no such file.
    """
    try:
        return proposals_of(json.loads(read_bytes(path)))
    except LensongError as error:
        raise DataError(f"siting.proposals: {path}: {error}") from error
    except ValueError as error:
        raise DataError(f"siting.proposals: {path} cannot be read as JSON ({error})") from error


def _calibrated(
    path: Path, network: Network, land: Land, folder: Path | None
) -> tuple[Network, Land]:
    """Return network and land with what measurements taught of the cells, and where it is from."""
    learnt = read_calibration(path)
    cells = CellsAsMeasured(learnt)
    source = Source(
        role="calibration",
        path=as_written(path, folder),
        sha256=content_sha256(calibration_files(path)),
        note=told(learnt),
    )
    return (
        replace(cells.network(network), warnings=(*network.warnings, *cells.warnings(network))),
        replace(
            land,
            sources=(*land.sources, source),
            assumptions=(*land.assumptions, told(learnt)),
            synthetic=land.synthetic or learnt.synthetic,
        ),
    )


def _network_sources(scenario: Scenario) -> list[Source]:
    """Return where the cells and their antennas came from, for the provenance of the outputs."""
    request = scenario.network
    used = {
        "cells": list(request.tables.values()),
        "antennas": pattern_files(request.antennas),
        "proposals": [] if request.proposals is None else [request.proposals],
    }
    return [
        Source(
            role=role,
            path=", ".join(as_written(path, scenario.land.folder) for path in paths),
            sha256=content_sha256(paths),
        )
        for role, paths in used.items()
        if paths
    ]


def _on_land(network: Network, land: Land, request: NetworkRequest) -> Network:
    """Return the masts that the land holds; refuse doubtful ones unless told to accept them.

    Estimated positions are doubtful by nature and never refused.
    """
    accepted = request.doubtful_masts == "accept" or all(m.uncertain for m in network.masts)
    if accepted:
        network = within_land(network, land)
    try:
        wet = check_on_land(network, land)
        if wet and not accepted:
            raise DataError(wet[0])
    except LensongError as error:
        if accepted:  # what may be left out has been
            raise
        raise DataError(f'{error}, or set network.doubtful_masts = "accept"') from error
    return replace(network, warnings=(*network.warnings, *wet))


def read_antennas(folder: Path | None) -> dict[str, AntennaPattern]:
    """Return the antennas of a folder of pattern files by name; none without a folder."""
    if folder is None:
        return {}
    patterns = pattern_files(folder)
    if not patterns:
        raise ConfigError(
            f"network.antennas is {folder}, but there is no .msi or .pln file in it: "
            "put the pattern files there or leave the key out"
        )
    # Vendors write names in whatever encoding; only ASCII carries meaning in a pattern.
    return parse_antennas({f.name: read_bytes(f).decode("utf-8", "replace") for f in patterns})


def pattern_files(folder: Path | None) -> list[Path]:
    """Return the antenna files in a folder; none without a folder."""
    if folder is None:
        return []
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    return [file for file in files if file.suffix.lower() in _PATTERN_SUFFIXES]
