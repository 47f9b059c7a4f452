"""Ways to feed and power candidates, and how the chosen masts hang on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Literal, TypeAlias

import numpy as np

from lensong.coverage.network import Mast
from lensong.coverage.siting.problem import READY, Supply
from lensong.coverage.siting.satellite import SatelliteView
from lensong.coverage.siting.solar import SolarSize
from lensong.propagation.types import IntArray

__all__ = ["FedMast", "Feeds", "HopFigures", "Place", "SupplyName", "Way", "WayKind", "fed_masts"]

SupplyName: TypeAlias = Literal["backhaul", "power"]
WayKind: TypeAlias = Literal["standing", "fibre", "microwave", "satellite", "grid", "solar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One end of a line.

    Parameters
    ----------
    lat_deg, lon_deg : float
        WGS 84 [deg].
    height_agl_m : float
        Above ground [m].
    """

    lat_deg: float
    lon_deg: float
    height_agl_m: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HopFigures:
    """What a microwave hop holds; fields as in `lensong.coverage.path.hop.HopStudy`."""

    freq_mhz: float
    received_dbm: float
    margin_db: float
    rain_db: float
    rain_outage_percent: float
    multipath_outage_percent: float
    clearance_share_median: float
    clearance_share_low: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to feed or to power a candidate.

    Parameters
    ----------
    kind : str
        ``standing``: what is there already carries it.
    candidate : int
    source : int
        Candidate that must be built for it, or `READY`.
    from_id : str
        Mast, candidate, fibre or grid line where it begins; empty for satellite and solar.
    cost : float
        In the scenario's money; 0 where none is given, which is named.
    start : Place or None
        Where its line begins, None where it has none.
    distance_m : float
        Of the line [m]; NaN without one.
    availability_percent : float
        Of an average year [%]; NaN where it is not computed.
    uplink_mbps : float
        That it carries up; NaN where it is not given.
    most : int or None
        How many masts it can feed, those beyond its own counted; None: any.
    detail : HopFigures, SatelliteView, SolarSize or None
    """

    kind: WayKind
    candidate: int
    source: int = READY
    from_id: str = ""
    cost: float = 0.0
    start: Place | None = None
    distance_m: float = nan
    availability_percent: float = nan
    uplink_mbps: float = nan
    most: int | None = None
    detail: HopFigures | SatelliteView | SolarSize | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeds:
    """All ways of all candidates.

    Parameters
    ----------
    ways : dict
        Supplies that are part of the choice, each with its ways, the arcs of the programme.
    places : tuple of Place
        Of the candidates; lines end there.
    not_fed : tuple of str
        Why a candidate cannot be fed or powered, empty where it can; one for each candidate.
    feeders : tuple of Mast
        Where chains of hops may begin.
    notes : tuple of str
        English sentences: what was not given, what is not known.
    """

    ways: Mapping[SupplyName, tuple[Way, ...]]
    places: tuple[Place, ...]
    not_fed: tuple[str, ...]
    feeders: tuple[Mast, ...] = ()
    notes: tuple[str, ...] = ()

    def supplies(self) -> tuple[Supply, ...]:
        """Return the ways as the programme reads them."""
        return tuple(
            Supply(
                name=name,
                source=np.array([way.source for way in ways], dtype=np.int64),
                target=np.array([way.candidate for way in ways], dtype=np.int64),
                cost=np.array([way.cost for way in ways], dtype=np.float64),
                most=self._most(ways),
            )
            for name, ways in self.ways.items()
        )

    def _most(self, ways: Sequence[Way]) -> IntArray | None:
        if all(way.most is None for way in ways):
            return None
        every = len(self.places)
        return np.array([every if w.most is None else w.most for w in ways], dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class FedMast:
    """How a mast that is built is fed and powered.

    Parameters
    ----------
    candidate : int
    backhaul, power : Way or None
        None where that is not part of the choice.
    chain : tuple of Way
        Backhaul from the mast up to what stands, its own first.
    fed : int
        Masts whose traffic its backhaul carries, its own counted.
    """

    candidate: int
    backhaul: Way | None
    power: Way | None
    chain: tuple[Way, ...] = field(default=())
    fed: int = 1

    @property
    def hops(self) -> int:
        """Return how many microwave hops lead to it."""
        return sum(way.kind == "microwave" for way in self.chain)

    @property
    def availability_percent(self) -> float:
        """Return how much of a year the whole way holds [%]; NaN where nothing is computed.

        Outages of hops are taken as independent of each other.
        """
        known = [w.availability_percent for w in self.chain if not isnan(w.availability_percent)]
        return float(100.0 * np.prod([value / 100.0 for value in known])) if known else nan

    @property
    def cost(self) -> float:
        """Return what its own lines cost."""
        return sum(way.cost for way in (self.backhaul, self.power) if way is not None)


def fed_masts(
    feeds: Feeds | None, chosen: Sequence[int], arcs: Sequence[Mapping[int, int]]
) -> dict[int, FedMast]:
    """Return how each mast of a choice is fed, by candidate.

    Parameters
    ----------
    feeds : Feeds or None
        None: not part of the choice.
    chosen, arcs
        As in `lensong.coverage.siting.problem.Siting`.
    """
    lines: dict[str, dict[int, Way]] = {}
    if feeds is not None:
        for (name, ways), of_supply in zip(feeds.ways.items(), arcs, strict=True):
            lines[name] = {c: ways[arc] for c, arc in of_supply.items()}
    backhaul, power = lines.get("backhaul", {}), lines.get("power", {})
    chains = {c: tuple(_up(c, backhaul)) for c in chosen}
    return {
        c: FedMast(
            candidate=c,
            backhaul=backhaul.get(c),
            power=power.get(c),
            chain=chains[c],
            fed=sum(any(way.candidate == c for way in chain) for chain in chains.values()) or 1,
        )
        for c in chosen
    }


def _up(candidate: int, backhaul: Mapping[int, Way]) -> list[Way]:
    chain: list[Way] = []
    while candidate != READY and candidate in backhaul:
        chain.append(backhaul[candidate])
        candidate = chain[-1].source
    return chain
