"""Jobs: how they end where something is wrong, and who waits for whom."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Event
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


def test_who_asks_why_does_not_wait_for_a_whole_plan() -> None:
    let_go = Event()

    def long(_: Job) -> dict[str, Any]:
        assert let_go.wait(PATIENCE_S)
        return {}

    jobs = Jobs(lambda _: None, str)
    try:
        plans = [jobs.begin("plan", "base", long) for _ in range(2)]
        why = jobs.begin("causes", "base", lambda _: {"cause": None})
        assert why.ended.wait(PATIENCE_S)
        assert why.state == "done"
        assert plans[1].state == "waiting"  # those of a kind go one after another
        plans[1].cancel()
        let_go.set()
        assert all(job.ended.wait(PATIENCE_S) for job in plans)
        assert [job.state for job in plans] == ["done", "cancelled"]
    finally:
        let_go.set()
        jobs.close()
