from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lensong.coverage.report.headline import headline
from lensong.coverage.result import PlanResult


def test_classes_and_people_add_up_to_the_summary(small_plan_result: PlanResult) -> None:
    found = headline(small_plan_result)
    summary = small_plan_result.summary
    assert {c.name: c.villages for c in found.classes} == summary["villages_by_class"]
    assert {c.name: c.people for c in found.classes} == pytest.approx(summary["people_by_class"])
    assert {c.service.name: c.people_served for c in found.services} == pytest.approx(
        summary["people_served"]
    )
    assert {c.name: c.villages for c in found.reasons} == summary["villages_by_reason"]


def test_served_and_without_are_everybody(small_plan_result: PlanResult) -> None:
    found = headline(small_plan_result)
    for count in found.services:
        assert count.people_served is not None
        assert count.people_without is not None
        assert count.people_served + count.people_without == pytest.approx(found.people)


def test_a_village_holds_a_service_from_the_share_of_the_scenario(
    small_plan_result: PlanResult,
) -> None:
    share = small_plan_result.villages["served_share_livestream_720p"]
    settings = small_plan_result.settings | {"classes": {"covered_share": 0.6}}
    usual, lower = (
        headline(r).services[1].villages_holding
        for r in (small_plan_result, replace(small_plan_result, settings=settings))
    )
    assert usual == int((share >= 0.95).sum())
    assert lower == int((share >= 0.6).sum()) > usual


def test_unknown_population_gives_no_number_of_people(small_plan_result: PlanResult) -> None:
    villages = small_plan_result.villages.assign(people=np.nan)
    found = headline(replace(small_plan_result, villages=villages))
    assert found.people is None
    assert all(c.people is None for c in found.classes)
    assert found.covered.villages == 7
