"""How long the planner's server takes for drops and frames of a drag, without a browser beside it.

python -m benchmarks.planner_http [DROPS]

The demo; MAU-05 (two carriers, 10 km, 30 m) is dragged in eight steps of 0.1 s and dropped: at
once, after 0.3 s and after a second in turn. Counted: from the edit to the event of its exact
levels, and to the answer with their values; a frame from the question to the coarse values.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
import uvicorn

from lensong.gis_data.demo import write_demo
from lensong.planner.app import planner_app
from lensong.planner.open_plan import OpenPlan
from tests.ports import free_port

MAST, LAYER = "MAU-05", "rsrp-4g"
RESTS_S = (0.0, 0.3, 1.0)
STEP_S = 0.1


class Settled:
    """When revisions were settled, by the events of the plan."""

    def __init__(self, url: str) -> None:
        self._at: dict[tuple[int, str], tuple[float, dict[str, int] | None]] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._listen, args=(url,), daemon=True).start()

    def _listen(self, url: str) -> None:
        kind = ""
        with httpx.stream("GET", f"{url}/events", timeout=None) as answer:
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    kind = line[6:].strip()
                elif line.startswith("data:") and kind == "settled":
                    told = json.loads(line[5:])
                    with self._changed:
                        key = told["revision"], told["settled"]
                        self._at[key] = time.perf_counter(), told["touched"]
                        self._changed.notify_all()

    def wait(self, revision: int, settled: str) -> tuple[float, dict[str, int] | None]:
        """Return when that was told, and of which part of the grid."""
        with self._changed:
            while (revision, settled) not in self._at:
                self._changed.wait(60.0)
            return self._at[revision, settled]


def drag_and_drop(
    variant: httpx.Client, settled: Settled, revision: int, begin: dict[str, Any], rest_s: float
) -> tuple[list[float], float, float]:
    """Return seconds of the frames, to the exact levels and to their values."""
    frames, edit = [], begin
    for step in range(1, 9):
        edit = begin | {"lat_deg": begin["lat_deg"] + 2e-4 * step}
        asked = time.perf_counter()
        variant.post("/drag", json={"edits": [edit], "layer_id": LAYER}).raise_for_status()
        frames.append(time.perf_counter() - asked)
        time.sleep(max(0.0, STEP_S - frames[-1]))
    time.sleep(rest_s)
    dropped = time.perf_counter()
    variant.post("/edits", json={"revision": revision, "edits": [edit]}).raise_for_status()
    levels, touched = settled.wait(revision + 1, "levels")
    part = {name: (touched or {}).get(name) for name in ("row0", "col0", "rows", "cols")}
    asked_for = {name: value for name, value in part.items() if value is not None}
    variant.get(f"/layers/{LAYER}.bin", params=asked_for).raise_for_status()
    shown = time.perf_counter()
    settled.wait(revision + 1, "chances")
    return frames, levels - dropped, shown - dropped


def measure(url: str, drops: int) -> None:
    """Drag and drop, and print."""
    made = httpx.post(f"{url}/variants", json={"name": "drops"}).raise_for_status().json()
    at = f"{url}/variants/{made['variant_id']}"
    with httpx.Client(base_url=at, timeout=120.0) as variant:
        while variant.get(at, params={"settled": "chances"}).json()["settled"] != "chances":
            pass
        masts = variant.get("/network").json()["masts"]
        mast = next(one for one in masts if one["mast_id"] == MAST)
        settled, frames = Settled(url), []
        taken: dict[float, list[tuple[float, float]]] = {rest_s: [] for rest_s in RESTS_S}
        for number in range(drops):
            rest_s = RESTS_S[number % len(RESTS_S)]
            begin = {
                "kind": "move_mast",
                "mast_id": MAST,
                "lat_deg": mast["lat_deg"] + 1e-4 * (number + 1),
                "lon_deg": mast["lon_deg"] + 1.3e-4 * number,
            }
            found, *both = drag_and_drop(variant, settled, number, begin, rest_s)
            frames += found
            taken[rest_s].append((both[0], both[1]))
    for rest_s, pairs in taken.items():
        levels, values = (np.percentile(column, [50, 95]) for column in np.array(pairs).T)
        print(
            f"rest {rest_s:g} s, {len(pairs)} drops: levels p50 {levels[0]:.2f} p95 "
            f"{levels[1]:.2f} s, values p50 {values[0]:.2f} p95 {values[1]:.2f} s"
        )
    print(
        "{} frames: p50 {:.3f} p95 {:.3f} s".format(len(frames), *np.percentile(frames, [50, 95]))
    )
    print(f"load {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Serve the demo and measure."""
    drops = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with TemporaryDirectory() as name:
        plan = OpenPlan(write_demo(Path(name) / "demo"), cache=None, workers=2)
        port = free_port()
        server = uvicorn.Server(
            uvicorn.Config(planner_app([plan]), host="127.0.0.1", port=port, log_config=None)
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while plan.state == "opening" or not server.started:
            time.sleep(0.05)
        measure(f"http://127.0.0.1:{port}/api/v1/plans/{plan.plan_id}", drops)
        server.should_exit = True
        thread.join(10.0)


if __name__ == "__main__":
    main()
