"""Siting on a small land: real sweeps, promises, and the plan that confirms them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pytest

from lensong.coverage.plan import plan
from lensong.coverage.result import REASONS
from lensong.coverage.scenario.inputs import read_climate, read_inputs
from lensong.coverage.scenario.load import Scenario, load_scenario
from lensong.coverage.siting.candidates import Candidate, CellRules, candidates_of_list
from lensong.coverage.siting.gains import Planner, shares_of
from lensong.coverage.siting.study import Limits, SitingStudy, study_siting, villages_without
from lensong.coverage.siting.tables import NOT_REACHED
from lensong.coverage.sweeps import PropagationSettings
from lensong.coverage.variant.engine import PlanEngine
from lensong.coverage.variant.villages import VillageSide
from lensong.gis_data.land import Land
from lensong.gis_data.tables import parse_table
from lensong.propagation.errors import InvalidInputError
from tests.test_cli.small_scenario import write_small_plan

LIST = """\
site_id,lat,lon,height_agl_m,cost
AT-A,22.4105,103.6510,25,100
NEAR-A,22.4095,103.6515,25,60
NEAR-B,22.4035,103.6565,25,90
FAR,22.4125,103.6585,25,10
"""


@dataclass(frozen=True, kw_only=True)
class Small:
    scenario: Scenario
    land: Land
    propagation: PropagationSettings
    planner: Planner
    candidates: list[Candidate]

    def study(self, candidates: list[Candidate] | None = None, **limits: float) -> SitingStudy:
        return study_siting(
            self.planner,
            self.candidates if candidates is None else candidates,
            self.scenario.services[0],
            Limits(**limits),  # type: ignore[arg-type]  # a number of masts is given as one
            self.land.grid,
            covered_share=0.95,
        )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Return a scenario whose one mast reaches half of a village, and four candidates."""
    written = write_small_plan(tmp_path_factory.mktemp("siting"))
    written.replace("scenario.toml", "radius_m = 700", "radius_m = 300")
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
    rules = CellRules(assume=scenario.network.assume, radius_m=300.0)
    return Small(
        scenario=scenario,
        land=land,
        propagation=propagation,
        planner=planner,
        candidates=candidates_of_list(parse_table(LIST.encode(), "list.csv"), network, rules),
    )


def test_the_plan_of_the_new_network_confirms_what_is_told(small: Small) -> None:
    study = small.study(most_masts=2)
    whole = plan(
        small.land,
        study.network,
        title="again",
        services=small.scenario.services,
        handset=small.scenario.handset,
        propagation=small.propagation,
        classes=small.scenario.classes,
    )
    assert len(study.network.masts) == 3
    for service in small.scenario.services:
        assert (
            shares_of(whole.villages, service.name) == shares_of(study.villages, service.name)
        ).all()
    assert study.people_planned == pytest.approx(
        float(whole.summary["people_served"][study.service.name])
    )
    assert study.people_promised == pytest.approx(study.people_before + study.siting.people)
    assert study.people_promised > study.people_before


def test_with_money_for_one_the_one_that_serves_most_for_it_is_built(small: Small) -> None:
    study = small.study(budget=100.0)
    (step,) = study.steps
    alone = [
        float(study.people @ np.maximum(share - study.before, 0.0))
        for share in study.gains.share[study.service.name]
    ]
    fits = [k for k, one in enumerate(small.candidates) if float(one.cost or 0.0) <= 100.0]
    assert step.people == pytest.approx(max(alone[k] for k in fits))
    assert step.cost_in_all == small.candidates[step.candidate].cost
    assert study.siting.ended == "proved"


def test_steps_add_up_to_the_promise(small: Small) -> None:
    study = small.study(budget=400.0)
    assert sum(step.people for step in study.steps) == pytest.approx(study.siting.people)
    assert study.steps[-1].cost_in_all == pytest.approx(study.siting.cost)
    per_cost = [step.people / (step.cost or 1.0) for step in study.steps]
    assert per_cost == sorted(per_cost, reverse=True)


def test_a_village_that_no_candidate_reaches_is_named_with_the_reason(small: Small) -> None:
    far = [one for one in small.candidates if one.mast.mast_id == "FAR"]
    study = small.study(far, most_masts=1)
    assert study.siting.chosen == ()
    gaps = villages_without(study.villages, study.service, 0.95)
    assert set(study.not_reached) == set(gaps)
    assert study.not_reached[0] == "too_far"


def test_what_cannot_be_chosen_is_refused(small: Small) -> None:
    with pytest.raises(InvalidInputError, match="no candidate"):
        small.study([], most_masts=1)
    free = [replace(one, cost=None) for one in small.candidates[:1]]
    with pytest.raises(InvalidInputError, match="1 of 1 candidates have no cost"):
        small.study(free, budget=5.0)
    assert small.study(free, most_masts=1).steps[0].cost is None


def test_every_reason_has_its_words() -> None:
    assert {*REASONS, "too_far", "no_signal"} - {"served"} == set(NOT_REACHED)


def test_gains_are_corrected_by_planning_again_until_the_promise_holds(small: Small) -> None:
    # weak cells that reach both villages: they disturb each other, and serve other ends of one
    weak = [
        replace(
            one,
            cells=tuple(
                replace(cell, total_power_dbm=-8.0, radius_m=1200.0, downlink_load=1.0)
                for cell in one.cells
            ),
        )
        for one in small.candidates
    ]
    study = small.study(weak, most_masts=2, tolerance_percent=0.0)
    rounds = study.rounds
    planned = [float(study.people @ one.planned) for one in rounds.made]
    assert len(rounds.made) > 1
    assert rounds.made[0].off_percent(study.people) > 1.0
    assert study.people_planned == max(planned)
    again = small.planner.table(study.network)
    assert (shares_of(again, study.service.name) == study.planned).all()
    best = max(
        float(study.people @ shares_of(small.planner.with_candidates(two)[1], study.service.name))
        for two in combinations(weak, 2)
    )
    assert study.people_planned == pytest.approx(best)  # of all six pairs
    once = small.study(weak, most_masts=2, tolerance_percent=0.0, rounds=1)
    assert once.rounds.agreed == "rounds"
