"""Jobs one by one: how they end where something is wrong."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from lensong.planner.errors import FAULT
from lensong.planner.jobs import Job, Jobs
from lensong.planner.open_plan import OpenPlan
from lensong.propagation.errors import DataError
from tests.waiting import PATIENCE_S


def test_a_fault_is_told_in_words_and_logged_and_bad_input_says_what_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def faulty(job: Job) -> dict[str, Any]:
        raise TypeError(f"unsupported operand of {job.kind}")

    def wrong(_: Job) -> dict[str, Any]:
        raise DataError("dem.tif has no CRS: set one")

    plan = OpenPlan(Path("scenario.toml"), cache=None, workers=1)
    jobs = Jobs(lambda _: None, plan.told_of)
    try:
        with caplog.at_level(logging.ERROR, "lensong.planner"):
            ended = [jobs.begin("plan", "base", work) for work in (faulty, wrong)]
            assert all(job.ended.wait(PATIENCE_S) for job in ended)
    finally:
        jobs.close()
    fault, refused = (job.as_json() for job in ended)
    assert (fault["state"], fault["code"], fault["why"]) == ("failed", "fault", FAULT)
    assert "unsupported operand of plan" in caplog.text
    assert (refused["state"], refused["code"]) == ("failed", "invalid_data")
    assert "no CRS" in refused["why"]
