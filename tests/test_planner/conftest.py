"""The planner's app over a small valley, as its page sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn

from lensong.coverage.sweeps import SweepCache
from lensong.gis_data.array_store import ArrayStore
from lensong.planner.app import planner_app
from lensong.planner.open_plan import OpenPlan
from tests.test_planner.small_valley import write_small_valley
from tests.waiting import PATIENCE_S, wait_until


@dataclass
class Page:
    """What asks the app."""

    client: httpx.Client
    plan: OpenPlan
    folder: Path

    def at(self, path: str = "") -> str:
        return f"/api/v1/plans/{self.plan.plan_id}{path}"

    def get(self, path: str = "", **query: Any) -> Any:
        answer = self.client.get(self.at(path), params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        answer = self.client.post(self.at(path), json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def variant(self, name: str = "A") -> str:
        return str(self.post("/variants", {"name": name}, 201)["variant_id"])

    def edit(self, variant_id: str, revision: int, *edits: Any, status: int = 200) -> Any:
        body = {"revision": revision, "edits": list(edits)}
        return self.post(f"/variants/{variant_id}/edits", body, status)


def ended(page: Page, job: dict[str, Any]) -> dict[str, Any]:
    """Return a job once it ended."""

    def over() -> Any:
        now = page.get(f"/jobs/{job['job_id']}")
        return now if now["state"] in ("done", "failed", "cancelled") else None

    return dict(wait_until(over))


def opened(folder: Path, cache: Path) -> Iterator[Page]:
    scenario = folder / "scenario.toml"
    if not scenario.exists():
        write_small_valley(folder)
    with served(scenario, ArrayStore(cache)) as page:
        assert page.plan.state == "ready", page.plan.why
        yield page


@contextmanager
def served(
    path: Path,
    cache: SweepCache | None = None,
    until: Callable[[OpenPlan], bool] = lambda plan: plan.state != "opening",
    **more: Any,
) -> Iterator[Page]:
    """Serve a scenario or a result; it is opened, or failed."""
    plan = OpenPlan(path, cache=cache, workers=2, **more)
    server = uvicorn.Server(
        uvicorn.Config(
            planner_app([plan]),
            host="127.0.0.1",
            port=0,
            log_config=None,
            timeout_graceful_shutdown=2,
        )
    )
    thread = Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        wait_until(lambda: until(plan))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
            yield Page(client=client, plan=plan, folder=path.parent)
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Return a page on a valley that the tests of a module share."""
    folder = tmp_path_factory.mktemp("planner")
    yield from opened(folder / "valley", folder / "cache")
