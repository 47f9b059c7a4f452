"""Candidates for masts: a list, the structures of the scenario's own list, and the land."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
from pyproj import Transformer

from lensong.coverage.cellplan import check_on_land
from lensong.coverage.cellplan.atoll import site_columns
from lensong.coverage.cellplan.opencellid import is_opencellid, structures_of
from lensong.coverage.network import Network
from lensong.coverage.scenario.inputs import read_antennas
from lensong.coverage.scenario.load import Scenario
from lensong.coverage.service import Service
from lensong.coverage.siting.candidates import (
    Candidate,
    CellRules,
    candidates_at,
    candidates_of_list,
    check_operator,
    standing_masts,
)
from lensong.coverage.siting.feeds import Feeds
from lensong.coverage.siting.relays import relay_places
from lensong.coverage.siting.study import villages_without
from lensong.coverage.siting.summits import SummitRules, summits_that_see
from lensong.coverage.village_weights import village_weights
from lensong.coverage.villages import column_suffix
from lensong.gis_data.land import Land
from lensong.gis_data.lists import read_list
from lensong.gis_data.vectors import read_layer
from lensong.propagation.errors import ConfigError, DataError, InvalidInputError, LensongError

__all__ = ["Found", "Sources", "read_candidates", "read_listed", "with_relays"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where candidates come from.

    Parameters
    ----------
    file : Path or None
        A list of candidates.
    layer : str
        Its sheet or layer, where there are several.
    standing : bool
        Whether structures of the scenario's cell list that lack 4G are candidates.
    summits : int
        How many places are looked for on the land, 0 or more.
    relays : int
        How many places are looked for over which hops reach candidates that nothing feeds.
    exclude : Path or None
        Areas where no summit is taken.
    within_m : float
        From a village with a gap to a structure or summit, at most [m].
    operator : str
        Whose the new cells are; empty: as the lists say.
    """

    file: Path | None = None
    layer: str = ""
    standing: bool = True
    summits: int = 0
    relays: int = 0
    exclude: Path | None = None
    within_m: float = 3000.0
    operator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Candidates with their costs, and what was left out.

    Parameters
    ----------
    candidates : tuple of Candidate
    notes : tuple of str
        English sentences.
    """

    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]


def read_listed(
    scenario: Scenario, land: Land, network: Network, sources: Sources
) -> list[Candidate]:
    """Return the candidates of a list, none without a list.

    Raises
    ------
    ConfigError, DataError, InvalidInputError
        The list cannot be read, an operator is not the network's, or a place lies outside the land,
        in a void or on open water.
    """
    check_operator(network, sources.operator, needed=sources.summits > 0)
    rules = _rules(scenario, sources)
    if sources.file is None:
        return []
    try:
        table = read_list(sources.file, layer=sources.layer)
        found = candidates_of_list(table, network, replace(rules, columns={}))
        _check_places(found, land)
    except LensongError as error:
        raise DataError(f"{sources.file}: {error}") from error
    return found


def _rules(scenario: Scenario, sources: Sources) -> CellRules:
    request = scenario.network
    return CellRules(
        assume=request.assume,
        radius_m=request.radius_m,
        antennas=read_antennas(request.antennas),
        crs=request.crs,
        columns=request.columns,
        operator=sources.operator,
    )


def read_candidates(
    scenario: Scenario,
    land: Land,
    network: Network,
    villages: gpd.GeoDataFrame,
    service: Service,
    sources: Sources,
    listed: Sequence[Candidate],
    *,
    needed: bool = True,
) -> Found:
    """Return the candidates of all sources.

    Parameters
    ----------
    scenario, land, network
        As read.
    villages : GeoDataFrame
        The village table of the network as it stands.
    service : Service
    sources : Sources
    listed : sequence of Candidate
        From `read_listed`.
    needed : bool
        Whether it is an error that there is none.

    Raises
    ------
    ConfigError, DataError, InvalidInputError
        There is no candidate, a file cannot be read, or the cells of candidates cannot carry the
        service.
    """
    rules = _rules(scenario, sources)
    notes: list[str] = []
    found = list(listed)
    gaps = villages_without(villages, service, scenario.classes.covered_share)
    if sources.standing:
        found += _standing(scenario, land, network, villages, service, sources, rules, notes)
    if sources.summits:
        grown = replace(network, masts=(*network.masts, *(one.mast for one in found)))
        found += _summits(land, grown, villages, gaps, service, sources, rules, notes)
    if not found and needed:
        told = " ".join(notes)
        raise InvalidInputError(
            "there is no candidate, wanted one at least: give a list with --candidates, ask for "
            f"--summits, or look farther with --within-km{f'. {told}' if told else ''}"
        )
    useless = [one for one in found if one.cells[0].carrier.technology not in service.technologies]
    if useless:
        raise InvalidInputError(
            f"candidate {useless[0].mast.mast_id!r} has {useless[0].cells[0].carrier.technology} "
            f"cells, and {service.name} is carried by {' and '.join(service.technologies)}: choose "
            "another service with --service, or say the technology in the list of candidates"
        )
    return Found(candidates=tuple(scenario.siting.priced(one) for one in found), notes=tuple(notes))


def _check_places(candidates: list[Candidate], land: Land) -> None:
    """Refuse candidates outside the land, in a void or on open water."""
    alone = Network(
        masts=tuple(one.mast for one in candidates),
        cells=tuple(cell for one in candidates for cell in one.cells),
    )
    wet = check_on_land(alone, land)
    if wet:
        raise DataError(f"{wet[0]}: correct the position or take the candidate out")


def _standing(
    scenario: Scenario,
    land: Land,
    network: Network,
    villages: gpd.GeoDataFrame,
    service: Service,
    sources: Sources,
    rules: CellRules,
    notes: list[str],
) -> list[Candidate]:
    request = scenario.network
    if "main" not in request.tables:
        table = read_list(request.tables["sites"], layer=request.layer, layer_like="sites")
        rules = replace(rules, columns=site_columns(table))
    else:
        table = read_list(request.tables["main"], layer=request.layer)
        if any(mast.uncertain for mast in network.masts) and is_opencellid(table):
            table, rules = structures_of(table), replace(rules, columns={})
            notes.append(
                f"{len(table.rows)} structures of 2G and 3G are estimated from where phones heard "
                "them: look before anything is built."
            )
    if not table.rows:
        return []
    standing = standing_masts(table, network, rules, service.technologies)
    near = _near(standing, villages, service, scenario.classes.covered_share, land, sources)
    kept = [one for one, is_near in zip(standing, near, strict=True) if is_near]
    notes.append(
        f"{len(standing)} structures of the cell list lack {' and '.join(service.technologies)} "
        f"of an operator who may go there; {len(kept)} stand within {sources.within_m / 1000:g} km "
        "of a village with a gap and are candidates."
    )
    return kept


def _near(
    standing: list[Candidate],
    villages: gpd.GeoDataFrame,
    service: Service,
    covered_share: float,
    land: Land,
    sources: Sources,
) -> list[bool]:
    """Return which structures stand on the grid, near a village with a gap."""
    gaps = villages.iloc[villages_without(villages, service, covered_share)]
    to_grid = Transformer.from_crs("EPSG:4326", land.grid.crs, always_xy=True)
    near = []
    for one in standing:
        east, north = to_grid.transform(one.mast.lon_deg, one.mast.lat_deg)
        away = np.hypot(gaps["centre_easting_m"] - east, gaps["centre_northing_m"] - north)
        row, col = (round(at) for at in land.grid.row_col(east, north))
        inside = 0 <= row < land.grid.rows and 0 <= col < land.grid.cols
        near.append(
            bool((away <= sources.within_m).any())
            and inside
            and not np.isnan(land.ground_m[row, col])
        )
    return near


def _summits(
    land: Land,
    network: Network,
    villages: gpd.GeoDataFrame,
    gaps: list[int],
    service: Service,
    sources: Sources,
    rules: CellRules,
    notes: list[str],
) -> list[Candidate]:
    weights = village_weights(land)
    share = villages[f"served_share_{column_suffix(service.name)}"].to_numpy(dtype=np.float64)
    if not gaps:
        notes.append(f"No village lacks {service.name}: no summit is looked for.")
        return []
    pixel = np.concatenate([weights[v].pixel for v in gaps])
    people = np.concatenate(
        [weights[v].weight * np.nan_to_num(weights[v].people) * (1.0 - share[v]) for v in gaps]
    )
    excluded = None if sources.exclude is None else read_layer(sources.exclude, crs=land.grid.crs)
    places = summits_that_see(
        land,
        pixel,
        people,
        SummitRules(
            most=sources.summits, reach_m=sources.within_m, mast_agl_m=rules.assume.height_agl_m
        ),
        excluded=excluded,
    )
    notes.append(
        f"{len(places)} summits and shoulders see people without {service.name} within "
        f"{sources.within_m / 1000:g} km and lie near a road or a village ({sources.summits} were "
        "asked for); sight is without trees and houses, what they bring is planned."
    )
    return _named("SUMMIT", [place[:2] for place in places], network, rules)


def _named(
    prefix: str, places: Sequence[tuple[float, float]], network: Network, rules: CellRules
) -> list[Candidate]:
    """Return candidates at places under names that are free."""
    taken = {mast.mast_id for mast in network.masts}
    names = [f"{prefix}-{k}" for k in range(1, len(places) + len(taken) + 1)]
    free = [name for name in names if name not in taken]
    return candidates_at(
        [(free[k], lat, lon) for k, (lat, lon) in enumerate(places)], network, rules
    )


def with_relays(
    scenario: Scenario, land: Land, network: Network, found: Found, feeds: Feeds, sources: Sources
) -> Found:
    """Return candidates with more on summits, over which those that nothing feeds are reached.

    Parameters
    ----------
    scenario, land, network
        As read.
    found : Found
    feeds : Feeds
        Of these candidates.
    sources : Sources
        ``relays`` says how many at most.

    Raises
    ------
    ConfigError
        The scenario has no hops.
    """
    microwave = scenario.siting.feeding.microwave
    if microwave is None:
        raise ConfigError("--relays is for hops: give [siting.microwave] in the scenario")
    rules = _rules(scenario, sources)
    hanging = ["backhaul:" in why for why in feeds.not_fed]
    if not any(hanging):
        told = "Backhaul reaches every candidate: no summit is looked for to relay."
        return replace(found, notes=(*found.notes, told))
    masts = [one.mast for one in found.candidates]
    excluded = None if sources.exclude is None else read_layer(sources.exclude, crs=land.grid.crs)
    places = relay_places(
        land,
        [*feeds.feeders, *(m for m, hangs in zip(masts, hanging, strict=True) if not hangs)],
        [m for m, hangs in zip(masts, hanging, strict=True) if hangs],
        SummitRules(
            most=sources.relays,
            reach_m=microwave.reach_m,
            mast_agl_m=rules.assume.height_agl_m,
        ),
        excluded=excluded,
    )
    told = (
        f"{len(places)} summits and shoulders near a road or a village see what is fed, or each "
        f"other, and candidates that nothing feeds ({sum(hanging)}); they are candidates too, with "
        f"cells as the others ({sources.relays} were asked for)."
    )
    grown = replace(network, masts=(*network.masts, *masts))
    more = _named("RELAY", [place[:2] for place in places], grown, rules)
    return Found(
        candidates=(*found.candidates, *(scenario.siting.priced(one) for one in more)),
        notes=(*found.notes, told),
    )
