"""First what stands: changes of cells that stand, each planned with all around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from pyproj import Transformer
from shapely import points

from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.network import Network
from lensong.coverage.service import Service
from lensong.coverage.siting.changes import Change, ChangeSettings, Knob, changed, knobs_of
from lensong.coverage.siting.coordinate_search import (
    Ended,
    SearchLimits,
    Setting,
    coordinate_search,
)
from lensong.coverage.siting.gains import Planner, shares_of
from lensong.propagation.types import BoolArray, FloatArray, Grid

__all__ = ["ChangeStep", "Tuning", "tune"]

_HOPE_M = 2000.0
_MARGIN_PX = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStep:
    """One change, in the order in which they are made.

    Parameters
    ----------
    change : Change
    mast_id, operator : str
    lat_deg, lon_deg : float
        Of the mast, WGS 84 [deg].
    cell_ids : tuple of str
        Of the cells that it changes, or of the one that it adds.
    people, people_in_all : float
        Who have the service by it on top of the changes before, and by all so far.
    cost, cost_in_all : float
    """

    change: Change
    mast_id: str
    operator: str
    lat_deg: float
    lon_deg: float
    cell_ids: tuple[str, ...]
    people: float
    people_in_all: float
    cost: float
    cost_in_all: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Changes at what stands.

    Parameters
    ----------
    steps : tuple of ChangeStep
    planner : Planner
        On the network with them.
    before : shape (villages,)
        Share of people with the service without them.
    people_before, people_after : dict
        Service to people who have it without and with them.
    lost : float
        People of villages that have the service less than before.
    tries : int
    knobs, untried : int
        What could be changed near people without the service, and how much of it was not tried.
    ended : str
        As `coordinate_search.Searched`.
    notes : tuple of str
        English sentences on what is left out.
    """

    steps: tuple[ChangeStep, ...]
    planner: Planner
    before: FloatArray
    people_before: dict[str, float]
    people_after: dict[str, float]
    lost: float
    tries: int
    knobs: int
    untried: int
    ended: Ended
    notes: tuple[str, ...]

    @property
    def cost(self) -> float:
        """Return what all changes cost."""
        return self.steps[-1].cost_in_all if self.steps else 0.0


class _Planned:
    """Settings of knobs, planned; the planner stands on the last one that was accepted."""

    def __init__(
        self,
        planner: Planner,
        knobs: Sequence[Knob],
        people: FloatArray,
        service: Service,
        assume: Assumptions,
    ) -> None:
        self.planner, self._first = planner, planner.network
        self._knobs, self._people = knobs, people
        self._service, self._assume = service, assume

    def network(self, setting: Setting) -> Network:
        changes = [Change(knob=self._knobs[k], value=v) for k, v in sorted(setting.items())]
        return changed(self._first, changes, self._assume)

    def people(self, setting: Setting) -> float:
        table = self.planner.table(self.network(setting))
        return float(self._people @ shares_of(table, self._service.name))

    def accept(self, setting: Setting) -> None:
        self.planner = self.planner.on(self.network(setting))


def tune(
    planner: Planner,
    service: Service,
    settings: ChangeSettings,
    assume: Assumptions,
    grid: Grid,
    limits: SearchLimits,
    progress: Callable[[int, int], None] | None = None,
) -> Tuning:
    """Return changes of tilt, azimuth, power and carriers that bring a service to more people.

    Parameters
    ----------
    planner : Planner
        On the network that stands.
    service : Service
        People with it are counted.
    settings : ChangeSettings
        Kinds without a cost are not tried.
    assume : Assumptions
        Of the scenario.
    grid : Grid
        Of the land.
    limits : SearchLimits
    progress : callable, optional
        Called with tries done and tries at most.

    Notes
    -----
    Every try is a plan of the whole network, with the interference of all cells; path loss is made
    again for further carriers alone. The sum of people with the service never falls by a step.
    """
    network, before = planner.network, planner.before
    people = np.nan_to_num(before["people"].to_numpy(dtype=np.float64))
    served = shares_of(before, service.name)
    knobs, notes = knobs_of(network, settings, assume, service.technologies)
    near, hope = _near(network, knobs, before, people * (1.0 - served), grid)
    trials = _Planned(planner, knobs, people, service, assume)
    found = coordinate_search(knobs, trials, limits, hope=hope, near=near, progress=progress)
    after = trials.planner.before
    cells = {cell.cell_id: cell for cell in network.cells}
    masts = {mast.mast_id: mast for mast in network.masts}
    steps: list[ChangeStep] = []
    spent = 0.0
    for place, k in enumerate(found.order, start=1):
        spent += knobs[k].cost
        cell = cells[knobs[k].cells[0]]
        mast = masts[cell.mast_id]
        steps.append(
            ChangeStep(
                change=Change(knob=knobs[k], value=found.setting[k]),
                mast_id=mast.mast_id,
                operator=cell.operator,
                lat_deg=mast.lat_deg,
                lon_deg=mast.lon_deg,
                cell_ids=knobs[k].touched,
                people=found.people[place] - found.people[place - 1],
                people_in_all=found.people[place] - found.people[0],
                cost=knobs[k].cost,
                cost_in_all=spent,
            )
        )

    def in_all(table: gpd.GeoDataFrame) -> dict[str, float]:
        return {s.name: float(people @ shares_of(table, s.name)) for s in planner.services}

    return Tuning(
        steps=tuple(steps),
        planner=trials.planner,
        before=served,
        people_before=in_all(before),
        people_after=in_all(after),
        lost=float(people @ np.maximum(served - shares_of(after, service.name), 0.0)),
        tries=found.tries,
        knobs=int(np.count_nonzero(hope > 0.0)),
        untried=found.untried,
        ended=found.ended,
        notes=tuple(notes),
    )


def _near(
    network: Network,
    knobs: Sequence[Knob],
    villages: gpd.GeoDataFrame,
    without: FloatArray,
    grid: Grid,
) -> tuple[list[BoolArray], FloatArray]:
    """Return which villages lie in the radius of a knob's cells, and what it may bring about."""
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    masts = {mast.mast_id: mast for mast in network.masts}
    cells = {cell.cell_id: cell for cell in network.cells}
    shapes = villages.geometry.to_crs(grid.crs)
    away: dict[str, FloatArray] = {}
    near, hope = [], np.zeros(len(knobs))
    for k, knob in enumerate(knobs):
        mast = masts[cells[knob.cells[0]].mast_id]
        if mast.mast_id not in away:
            place = points(*to_grid.transform(mast.lon_deg, mast.lat_deg))
            away[mast.mast_id] = np.asarray(shapes.distance(place), dtype=np.float64)
        distance_m = away[mast.mast_id]
        reach_m = max(cells[cell_id].radius_m for cell_id in knob.cells)
        near.append(distance_m <= reach_m + _MARGIN_PX * grid.cell_m)
        hope[k] = float(without[near[k]] @ (1.0 / (1.0 + (distance_m[near[k]] / _HOPE_M) ** 2)))
    return near, hope
