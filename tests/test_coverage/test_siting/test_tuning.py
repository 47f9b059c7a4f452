"""Changes of what stands: held against every combination, never fewer people, bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.network import Network
from lensong.coverage.scenario.inputs import read_climate, read_inputs
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.siting.changes import Change, ChangeSettings, Knob, changed, knobs_of
from lensong.coverage.siting.coordinate_search import (
    SearchLimits,
    Setting,
    coordinate_search,
)
from lensong.coverage.siting.gains import Planner, shares_of
from lensong.coverage.siting.tuning import Tuning, tune
from lensong.coverage.variant.engine import PlanEngine
from lensong.coverage.variant.villages import VillageSide
from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.types import Grid
from tests.test_cli.small_scenario import write_small_plan


class Small:
    """A valley with three sectors on two masts, weak enough that aim and power matter."""

    def __init__(self, planner: Planner, assume: Assumptions, grid: Grid) -> None:
        self.planner, self.assume, self.grid = planner, assume, grid
        self.service = planner.services[0]
        self.people = np.nan_to_num(planner.before["people"].to_numpy(float))

    def served(self, network: Network) -> float:
        return float(self.people @ shares_of(self.planner.table(network), self.service.name))

    def tune(self, settings: ChangeSettings, **limits: float) -> Tuning:
        return tune(
            self.planner,
            self.service,
            settings,
            self.assume,
            self.grid,
            SearchLimits(**limits),  # type: ignore[arg-type]  # a number of tries is given as one
        )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    written = write_small_plan(tmp_path_factory.mktemp("tuning"))
    written.replace("scenario.toml", "radius_m = 700", "radius_m = 1200")
    written.replace("cells.csv", "30,0,sector.msi,4G,B3,20,46", "30,340,3gpp,4G,B3,20,-8")
    written.replace("cells.csv", "30,180,sector.msi,4G,B3,20,46", "30,160,3gpp,4G,B3,20,-10")
    with (written.folder / "cells.csv").open("a", encoding="utf-8") as cells:
        cells.write("S2,S2-1,22.4118,103.6500,30,150,3gpp,4G,B3,20,-12\n")
    scenario = load_scenario(written.scenario)
    land, network, _ = read_inputs(scenario)
    propagation, land = read_climate(scenario, land)
    engine = PlanEngine(
        land,
        services=scenario.services,
        handset=scenario.handset,
        propagation=propagation,
        workers=1,
    )
    planner = Planner(engine, VillageSide(engine, classes=scenario.classes), network)
    return Small(planner, scenario.network.assume, land.grid)


def test_the_best_of_all_combinations_of_tilts_is_found(small: Small) -> None:
    settings = ChangeSettings(tilt_cost=1.0, tilts_deg=(-2.0, 8.0, 13.0), assumed=True)
    found = small.tune(settings)
    knobs, _ = knobs_of(small.planner.network, settings, small.assume, ("4G",))
    assert len(knobs) == 3
    best = 0.0
    for values in product(*((None, *knob.values) for knob in knobs)):
        made = [
            Change(knob=k, value=v) for k, v in zip(knobs, values, strict=True) if v is not None
        ]
        best = max(best, small.served(changed(small.planner.network, made, small.assume)))
    name = small.service.name
    assert found.ended == "optimum"
    assert found.people_after[name] == pytest.approx(best)
    assert best > found.people_before[name] + 40.0  # of 200: there is something to find


def test_the_best_of_all_combinations_of_azimuth_and_power_is_found(small: Small) -> None:
    settings = ChangeSettings(
        azimuth_cost=3.0,
        power_cost=1.0,
        azimuth_turns_deg=(-60.0, 60.0),
        power_steps_db=(-3.0, 4.0),
        most_power_dbm=-4.0,
    )
    found = small.tune(settings)
    knobs, _ = knobs_of(small.planner.network, settings, small.assume, ("4G",))
    by_kind = [knob for knob in knobs if knob.cells[0] != "S1-2"]
    best = 0.0
    for values in product(*((None, *knob.values) for knob in by_kind)):
        made = [
            Change(knob=k, value=v) for k, v in zip(by_kind, values, strict=True) if v is not None
        ]
        best = max(best, small.served(changed(small.planner.network, made, small.assume)))
    assert found.people_after[small.service.name] >= best - 1e-9
    assert all(step.people > 0.0 for step in found.steps)
    assert not any(
        step.change.knob.kind == "power" and float(step.change.value) > -4.0 for step in found.steps
    )


def test_steps_add_up_and_the_planner_stands_on_the_changed_network(small: Small) -> None:
    settings = ChangeSettings(azimuth_cost=3.0, power_cost=1.0, most_power_dbm=-5.0)
    found = small.tune(settings)
    name = small.service.name
    gained = found.people_after[name] - found.people_before[name]
    assert gained > 0.0
    assert sum(step.people for step in found.steps) == pytest.approx(gained)
    assert found.cost == sum(step.cost for step in found.steps)
    assert small.served(found.planner.network) == pytest.approx(found.people_after[name])
    # an edit's own cell alone differs
    ids = {cell for step in found.steps for cell in step.change.knob.cells}
    for old, new in zip(small.planner.network.cells, found.planner.network.cells, strict=True):
        assert (old == new) == (old.cell_id not in ids)


def test_a_further_carrier_is_a_cell_beside_the_others(small: Small) -> None:
    settings = ChangeSettings(carrier_cost=10.0, carriers=("4G B28 10 MHz",))
    found = small.tune(settings)
    name = small.service.name
    assert found.people_after[name] >= found.people_before[name]
    (knob, *_), _ = knobs_of(small.planner.network, settings, small.assume, ("4G",))
    network = changed(
        small.planner.network, [Change(knob=knob, value=knob.values[0])], small.assume
    )
    (more,) = [c for c in network.cells if c.carrier.name.startswith("B28")]
    beside = next(c for c in network.cells if c.cell_id == knob.cells[0])
    assert (more.mast_id, more.azimuth_deg) == (beside.mast_id, beside.azimuth_deg)
    assert more.granted_uplink_resource_blocks <= more.carrier.resource_blocks


def test_what_is_assumed_is_left_alone_and_said(small: Small) -> None:
    found = small.tune(ChangeSettings(tilt_cost=1.0))  # the list gives no tilt
    assert found.steps == ()
    assert found.tries == 1
    (note,) = found.notes
    assert "tilt of 3" in note
    assert "siting.changes.assumed" in note


def test_budget_price_and_tries_are_kept(small: Small) -> None:
    settings = ChangeSettings(azimuth_cost=3.0, power_cost=1.0, most_power_dbm=-5.0)
    assert small.tune(settings, budget=0.5).steps == ()
    one = small.tune(settings, budget=1.0)
    assert [step.change.knob.kind for step in one.steps] == ["power"]
    dear = small.tune(settings, most_cost_per_person=1e-9)
    assert dear.steps == ()
    late = small.tune(settings, time_limit_s=0.0)
    assert (late.ended, late.steps, late.tries) == ("time", (), 1)
    few = small.tune(settings, tries=3)
    assert few.ended == "tries"
    assert few.untried > 0
    name = small.service.name
    assert few.people_after[name] >= few.people_before[name]


def test_cells_of_one_antenna_turn_together(small: Small) -> None:
    first, *rest = small.planner.network.cells
    twin = replace(first, cell_id="twin", carrier=replace(first.carrier, name="B1 2100"))
    network = replace(small.planner.network, cells=(first, *rest, twin))
    knobs, _ = knobs_of(
        network, ChangeSettings(azimuth_cost=1.0, power_cost=1.0), small.assume, ("4G",)
    )
    assert next(k.cells for k in knobs if k.kind == "azimuth") == (first.cell_id, "twin")
    assert all(len(knob.cells) == 1 for knob in knobs if knob.kind == "power")
    assert knobs_of(network, ChangeSettings(azimuth_cost=1.0), small.assume, ("5G",)) == ([], [])


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(OutOfRangeError, match=r"siting\.changes\.tilt_cost"):
        ChangeSettings(tilt_cost=-1.0)
    with pytest.raises(OutOfRangeError, match=r"siting\.changes\.tilts_deg"):
        ChangeSettings(tilts_deg=(120.0,))


class _Table:
    """People of every setting as a table has it."""

    def __init__(self, table: Mapping[tuple[int, ...], float]) -> None:
        self.table, self.standing = table, (0, 0, 0)

    def people(self, setting: Setting) -> float:
        return self.table[tuple(int(setting.get(k, 0)) for k in range(3))]

    def accept(self, setting: Setting) -> None:
        self.standing = (
            int(setting.get(0, 0)), int(setting.get(1, 0)), int(setting.get(2, 0)),
        )  # fmt: skip


@given(
    people=st.lists(st.integers(0, 50), min_size=27, max_size=27),
    costs=st.lists(st.sampled_from([0.0, 1.0, 5.0]), min_size=3, max_size=3),
)
def test_no_single_change_is_left_that_helps(people: list[int], costs: list[float]) -> None:
    table = dict(zip(product(range(3), repeat=3), map(float, people), strict=True))
    trials = _Table(table)
    knobs = [
        Knob(kind="power", cells=(f"C{k}",), standing=0.0, values=(1.0, 2.0), cost=costs[k])
        for k in range(3)
    ]
    every = np.ones(1, dtype=np.bool_)
    found = coordinate_search(
        knobs, trials, SearchLimits(), hope=np.ones(3), near=[every, every, every]
    )
    end = table[trials.standing]
    assert found.people[-1] == end >= found.people[0] == table[0, 0, 0]
    assert len(found.people) == len(found.order) + 1
    if len(found.order) == sum(1 for value in trials.standing if value):
        for k, value in product(range(3), range(3)):
            other = (*trials.standing[:k], value, *trials.standing[k + 1 :])
            dropped = len([v for v in other if v]) < len(found.order)
            assert dropped or table[other] <= end
