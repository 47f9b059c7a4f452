"""How long a hand waits in the planner: frames while a mast is dragged, and exact levels after.

python -m benchmarks.planner_drops [DROPS]

The demo in Chromium, whose picture the processor draws too: MAU-05 (two carriers, 10 km, 30 m) is
dragged about 40 px in eight steps of 0.1 s and dropped, again and again: as many times with a hand
that lets go on its last step as with one that rests there for 0.3 s, since the server plans what a
resting hand holds. Counted in the page: a frame from the question for the coarse layer to its
texture; a drop from the release of the button to the exact levels' textures, each with the picture
after it; chances until their event. Beside it stands what hardly depends on what else the machine
does: processor time, questions and bytes of a drop from the release on.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import uvicorn

from lensong.gis_data.demo import write_demo
from lensong.planner.app import planner_app
from lensong.planner.open_plan import OpenPlan
from tests.chromium import Page, chromium_page, wait_for

MAST = "MAU-05"
RESTS_S = {"at once": 0.0, "after a rest": 0.3}
SETTLED = "document.getElementById('state').dataset.settled === 'chances'"
WATCH = """(async () => {
  const base = document.querySelector('script[type=module]').src.replace(/[^/]*$/, '');
  const [maps, plan] = await Promise.all([import(base + 'map.js'), import(base + 'plan.js')]);
  const seen = (window.seen = { asked: [], frames: [], drops: [], chances: [], released: 0 });
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const shown = () => frame().then(frame);
  const { fetch } = window;
  window.fetch = (...all) => {
    if (String(all[0]?.url ?? all[0]).endsWith('/drag')) seen.asked.push(performance.now());
    return fetch(...all);
  };
  window.addEventListener('mouseup', () => (seen.released = performance.now()), true);
  const cover = maps.cover;
  const { dragged } = cover;
  cover.dragged = function (answer) {
    const asked = seen.asked.at(-1);
    dragged.call(this, answer);
    if (answer) shown().then(() => seen.frames.push(performance.now() - asked));
  };
  let exact = false;
  plan.on('settled', ({ settled, seconds }) => {
    if (settled === 'levels') { exact = true; seen.server = [...(seen.server ?? []), seconds]; }
    if (settled === 'chances') seen.chances.push(performance.now() - seen.released);
  });
  plan.on('covered', () => {
    if (!exact || !seen.released) return;
    exact = false;
    shown().then(() => seen.drops.push(performance.now() - seen.released));
  });
  window.mastAt = () => {
    const { lon_deg, lat_deg } = plan.mastOf('MAST');
    const { x, y } = maps.map.project([lon_deg, lat_deg]);
    const box = maps.map.getContainer().getBoundingClientRect();
    return [x + box.left, y + box.top];
  };
})()""".replace("MAST", MAST)


TOOK = {
    "server_s": "processor of the server, a drop [s]",
    "chromium_s": "processor of Chromium, a drop [s]",
    "questions": "questions of a drop",
    "kb": "their answers [kB]",
}
ASKED = """(() => {
  const all = performance.getEntriesByType('resource');
  return [all.length, all.reduce((sum, one) => sum + one.transferSize, 0)];
})()"""


def spent_s() -> tuple[float, float]:
    """Return the processor time of this process and of all that it started [s]; Linux alone."""
    started: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        pid = int(stat.parent.name)
        started.setdefault(int(told[1]), []).append(pid)
        ticks[pid] = int(told[11]) + int(told[12])
    todo, found = list(started.get(os.getpid(), ())), 0
    while todo:
        pid = todo.pop()
        found += ticks[pid]
        todo += started.get(pid, ())
    return time.process_time(), found / os.sysconf("SC_CLK_TCK")


def mouse(page: Page, kind: str, x: float, y: float) -> None:
    """Move, press or release the left button."""
    page.call(
        "Input.dispatchMouseEvent", type=kind, x=x, y=y, clickCount=int(kind != "mouseMoved"),
        button="left", buttons=int(kind != "mouseReleased"),
    )  # fmt: skip


def pause(page: Page, seconds: float) -> None:
    """Let the page go on meanwhile."""
    page.ask(f"new Promise((done) => setTimeout(done, {1e3 * seconds}))")


def drop(page: Page, number: int, rest_s: float) -> dict[str, float]:
    """Drag the mast to and fro, wait until everything is settled, return what levels took."""
    x, y = page.ask("window.mastAt()")
    seen = page.ask("window.seen.drops.length")
    way = (40.0 + number % 7) * (1 if number % 2 == 0 else -1)  # no place comes twice
    mouse(page, "mousePressed", x, y)
    for step in range(1, 9):
        if step > 1:
            pause(page, 0.1)
        mouse(page, "mouseMoved", x + way * step / 8, y + 0.3 * way * step / 8)
    if rest_s:
        pause(page, rest_s)
    page.ask("performance.clearResourceTimings()")
    before = spent_s()
    mouse(page, "mouseReleased", x + way, y + 0.3 * way)
    wait_for(page, f"window.seen.drops.length > {seen}")
    server, chromium = (end - begin for end, begin in zip(spent_s(), before, strict=True))
    asked, size = page.ask(ASKED)
    wait_for(page, f"window.seen.chances.length > {number}")
    return {"server_s": server, "chromium_s": chromium, "questions": asked, "kb": size / 1e3}


def told(what: str, taken_ms: list[float]) -> str:
    """Return the median, the 95th percentile and the most of times [ms]."""
    if not taken_ms:
        return f"{what:34s} none"
    p50, p95 = np.percentile(taken_ms, [50, 95])
    return (
        f"{what:34s} {len(taken_ms):4d}: p50 {p50:5.0f} p95 {p95:5.0f} most {max(taken_ms):5.0f} ms"
    )


def main() -> None:
    """Open, drop, print."""
    drops = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with TemporaryDirectory() as name:
        folder = Path(name)
        plan = OpenPlan(write_demo(folder / "demo"), cache=None, workers=2)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(planner_app([plan]), host="127.0.0.1", port=port, log_config=None)
        )
        thread = threading.Thread(target=server.run, daemon=True)
        began = time.monotonic()
        thread.start()
        while plan.state == "opening":
            time.sleep(0.05)
        print(f"opened in {time.monotonic() - began:.1f} s, nothing cached")
        flags = ("--enable-unsafe-swiftshader", "--use-angle=swiftshader")
        with chromium_page(folder / "profile", *flags) as page:
            page.resize(1280, 800)
            page.open(f"http://127.0.0.1:{port}/planner")
            wait_for(page, "document.querySelectorAll('#village-rows tr').length > 3")
            wait_for(page, SETTLED)
            page.ask(WATCH)
            print(f"load {os.getloadavg()[0]:.2f} before, {os.cpu_count()} cores")
            took = []
            for number in range(drops * len(RESTS_S)):
                kind = list(RESTS_S)[number % len(RESTS_S)]
                took.append(drop(page, number, RESTS_S[kind]))
                now_ms = page.ask("window.seen.drops.at(-1)")
                print(f"drop {number + 1}, {kind}: {now_ms:.0f} ms", flush=True)
            seen = page.ask("window.seen")
        print(f"load {os.getloadavg()[0]:.2f} after")
        print(told("first frame of all", seen["frames"][:1]))
        print(told("frames of a drag", seen["frames"]))
        print(told("release to chances settled", seen["chances"]))
        for first, kind in enumerate(RESTS_S):
            print(f"released {kind}:")
            own = slice(first, None, len(RESTS_S))
            print(told("levels settled, the server alone", [1e3 * s for s in seen["server"][own]]))
            print(told("release to exact levels shown", seen["drops"][own]))
            for name, what in TOOK.items():
                found = np.median([one[name] for one in took[own]])
                print(f"{what:34s} {found:9.2f} at the median")
        server.should_exit = True
        thread.join(10.0)


if __name__ == "__main__":
    main()
