"""The planner served in a thread, and hands on its page in a browser."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import uvicorn

from lensong.planner.app import planner_app
from lensong.planner.open_plan import OpenPlan
from tests.chromium import Page, wait_for
from tests.ports import free_port
from tests.waiting import PATIENCE_S, wait_until


class Served:
    """A planner on a port of its own, which may be stopped and started again."""

    def __init__(self, scenario: Path) -> None:
        self.scenario, self.port = scenario, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, state: str = "ready") -> None:
        plan = OpenPlan(self.scenario, cache=None, workers=2)
        config = uvicorn.Config(
            planner_app([plan]),
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="planner", daemon=True)
        self._thread.start()
        wait_until(lambda: plan.state != "opening")
        assert plan.state == state, plan.why

    def stop(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)


def open_page(page: Page, served: Served, language: str = "en") -> None:
    page.open(f"{served.url}/planner?language={language}")
    wait_for(page, "document.body.dataset.ready === 'true'")
    wait_for(page, "lensongPlanner.state.variants.length > 0 && lensongPlanner.map.loaded()")


def mouse(page: Page, kind: str, x: float, y: float, *, shift: bool = False) -> None:
    page.call(
        "Input.dispatchMouseEvent",
        type=kind,
        x=x,
        y=y,
        button="left",
        buttons=0 if kind == "mouseReleased" else 1,
        clickCount=1,
        modifiers=8 if shift else 0,
    )


def key(page: Page, name: str, code: int, *, control: bool = False) -> None:
    for kind in ("keyDown", "keyUp"):
        page.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=name,
            windowsVirtualKeyCode=code,
            modifiers=2 if control else 0,
        )


def mast(page: Page, mast_id: str) -> dict[str, Any]:
    """Return a mast as the page has it, with its place in the window."""
    found: dict[str, Any] = page.ask(
        "(() => { const m = lensongPlanner.state.network.masts"
        f".find((one) => one.mast_id === {json.dumps(mast_id)});"
        "const { x, y } = lensongPlanner.map.project([m.lon_deg, m.lat_deg]);"
        "const box = lensongPlanner.map.getContainer().getBoundingClientRect();"
        "return { ...m, x: x + box.left, y: y + box.top }; })()"
    )
    return found


def drag(page: Page, start: dict[str, Any], dx: float, dy: float, *, drop: bool = True) -> None:
    mouse(page, "mousePressed", start["x"], start["y"])
    for k in range(1, 6):
        mouse(page, "mouseMoved", start["x"] + dx * k / 5, start["y"] + dy * k / 5)
    if drop:
        mouse(page, "mouseReleased", start["x"] + dx, start["y"] + dy)


def told(page: Page) -> str:
    return str(page.ask("document.querySelector('#told span').textContent"))


def revision(page: Page) -> int:
    return int(page.ask("lensongPlanner.state.network.revision"))
