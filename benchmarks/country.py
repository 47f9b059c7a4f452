"""A country of 33 provinces on a Dask cluster of this machine: memory, cost and overhead.

    python benchmarks/country.py [provinces] [workers]
    python benchmarks/country.py --two [provinces]   # two single-thread workers against one

The land is invented: provinces of 100 km side in rows of six, 200 m cells, one list of masts and
one of villages for all. Workers are processes of one thread, as `dask worker` starts them. Costs
are processor seconds of whole processes, workers, scheduler and client, less what they take while
nothing is asked of them. `--two` takes wall time as well, which means something on a machine that
does nothing else, and tells beside it what the machine itself allows: the same pieces made by one
process and by two that know nothing of each other, without Dask.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.transform import Affine

SIDE_M, CELL_M, IN_A_ROW = 100_000.0, 200.0, 6
WEST_M, NORTH_M, EDGE_M = 200_000.0, 2_600_000.0, 15_000.0
MASTS, VILLAGES, RADIUS_M = 40, 40, 12_000.0
TASKS = (
    "prepare", "make_sweeps", "lay", "count_streams", "conclude", "write_some", "close",
)  # fmt: skip
SHARED = ("make_sweeps", "lay", "count_streams", "write_some")
"""Of one province these are several pieces, which workers make at the same time."""
TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")

SCENARIO = """\
title = "Tỉnh giả lập {number}"
synthetic = true
[area]
boundary = "p{number:02d}.geojson"
crs = "EPSG:32648"
resolution_m = {cell_m:g}
[elevation]
path = "dem.tif"
[villages]
path = "villages.csv"
radius_m = 600
[communes]
path = "communes.geojson"
[causes]
counterfactuals = 0
[network]
cells = "cells.csv"
radius_m = {radius_m:g}
doubtful_masts = "accept"
"""


def corner(number: int) -> tuple[float, float]:
    """Return west and north of a province."""
    row, col = divmod(number, IN_A_ROW)
    return WEST_M + col * SIDE_M, NORTH_M - row * SIDE_M


def write_country(folder: Path, provinces: int, around: int | None = None) -> list[Path]:
    """Write the scenarios of a country and what they share.

    ``around`` is a province: the lists hold it and its neighbours alone.
    """
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(33)
    rows = -(-provinces // IN_A_ROW)
    high = int((rows * SIDE_M + 2 * EDGE_M) / CELL_M)
    wide = int((IN_A_ROW * SIDE_M + 2 * EDGE_M) / CELL_M)
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    ground = 700.0 + 300.0 * np.sin(x / 19.0) * np.cos(y / 23.0) + 120.0 * np.sin(x / 5.0 + y / 7.0)
    with rasterio.open(
        folder / "dem.tif", "w", driver="COG", height=high, width=wide, count=1, dtype="float32",
        crs="EPSG:32648", compress="DEFLATE",
        transform=Affine(CELL_M, 0.0, WEST_M - EDGE_M, 0.0, -CELL_M, NORTH_M + EDGE_M),
    ) as raster:  # fmt: skip
        raster.write(ground.astype(np.float32), 1)
    to_degrees = Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)
    villages = ["village_id,name,lat,lon,population"]
    cells = [
        "site_id,cell_id,lat,lon,height_agl_m,azimuth,technology,band,bandwidth_mhz,total_power_dbm"
    ]
    communes, scenarios = [], []
    for number in range(provinces):
        west, north = corner(number)
        ring = [
            [west + dx * SIDE_M, north - dy * SIDE_M]
            for dx, dy in ((0, 0), (0, 1), (1, 1), (1, 0), (0, 0))
        ]
        shape = {
            "type": "Polygon",
            "coordinates": [[list(to_degrees.transform(*place)) for place in ring]],
        }
        name = f"Tỉnh giả lập {number}"
        told = {"commune_code": f"{number:02d}", "commune": f"Xã {number}", "province": name}
        communes.append({"type": "Feature", "properties": told, "geometry": shape})
        outline = {"type": "Feature", "properties": {}, "geometry": shape}
        write_features(folder / f"p{number:02d}.geojson", [outline])
        for kind, count, edge in (("village", VILLAGES, 2_000.0), ("mast", MASTS, 500.0)):
            places = rng.uniform(edge, SIDE_M - edge, (count, 2))
            if around is not None and not beside(number, around):
                continue
            for k, (east, south) in enumerate(places):
                lon, lat = to_degrees.transform(west + east, north - south)
                if kind == "village":
                    villages.append(f"V{number}-{k},Bản giả {number}-{k},{lat:.6f},{lon:.6f},300")
                else:
                    cells += [
                        f"M{number}-{k},M{number}-{k}-{band}-{a},{lat:.6f},{lon:.6f},35,{a},"
                        f"4G,{band},{width},46"
                        for band, width in (("B3", 20), ("B28", 10))
                        for a in (0, 120, 240)
                    ]
        path = folder / f"p{number:02d}.toml"
        path.write_text(
            SCENARIO.format(number=number, cell_m=CELL_M, radius_m=RADIUS_M), encoding="utf-8"
        )
        scenarios.append(path)
    write_features(folder / "communes.geojson", communes)
    (folder / "villages.csv").write_text("\n".join(villages), encoding="utf-8")
    (folder / "cells.csv").write_text("\n".join(cells), encoding="utf-8")
    return scenarios


def beside(one: int, other: int) -> bool:
    """Return whether two provinces are neighbours, or the same."""
    rows = zip(divmod(one, IN_A_ROW), divmod(other, IN_A_ROW), strict=True)
    return all(abs(a - b) <= 1 for a, b in rows)


def write_features(path: Path, features: list[dict[str, object]]) -> None:
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")


@dataclass
class Process:
    """A process, its processor time and the most memory that it had."""

    popen: subprocess.Popen[bytes]

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def peak_mb(self) -> float:
        for line in Path(f"/proc/{self.popen.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024.0
        return float("nan")


class Cluster:
    """A scheduler and workers of one thread."""

    def __init__(self, folder: Path, workers: int, port: int = 28_786) -> None:
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler = start(
            folder / "scheduler.log",
            "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard",
        )  # fmt: skip
        self.workers = [
            start(
                folder / f"worker-{k}.log",
                "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                "--local-directory", str(folder), "--memory-limit", "0",
            )
            for k in range(workers)
        ]  # fmt: skip

    def spent_s(self) -> tuple[float, float]:
        """Return processor time of the workers together, and of the scheduler."""
        return sum(worker.cpu_s() for worker in self.workers), self.scheduler.cpu_s()

    def idle(self) -> tuple[float, float]:
        """Return what they take in a second while nothing is asked of them.

        On a machine that others use a plan takes longer, and that would count as its cost.
        """
        before, began = self.spent_s(), time.perf_counter()
        time.sleep(5.0)
        after, passed_s = self.spent_s(), time.perf_counter() - began
        return (after[0] - before[0]) / passed_s, (after[1] - before[1]) / passed_s

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.popen.send_signal(signal.SIGTERM)
            process.popen.wait()


def start(log: Path, *arguments: str) -> Process:
    with log.open("wb") as file:
        return Process(
            subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            )
        )


def plan(cluster: Cluster, scenarios: list[Path], out: Path) -> dict[str, float]:
    """Plan on a cluster without a cache between runs; return what it took [s]."""
    from distributed import Client, get_task_stream

    from lensong.coverage.cluster.drive import plan_on_cluster
    from lensong.coverage.results.country import write_country as write_above

    idle = cluster.idle()
    with Client(cluster.address, set_as_default=False) as watcher, get_task_stream(watcher) as made:
        before, client_s, began = cluster.spent_s(), time.process_time(), time.perf_counter()
        done = plan_on_cluster(
            cluster.address,
            [(scenario, out / scenario.stem) for scenario in scenarios],
            cache=None,
            progress=lambda *_: None,
            say=print,
        )
        wall_s, asked_s = time.perf_counter() - began, time.process_time() - client_s
        after = cluster.spent_s()
    spans = [span for task in made.data for span in task["startstops"]]
    busy_s = sum(span["stop"] - span["start"] for span in spans if span["action"] == "compute")
    if len(done) > 1:
        write_above(out, [(one.out, one.outcome) for one in done])
    return {
        "wall_s": wall_s,
        "idle_share": 1.0 - busy_s / (wall_s * len(cluster.workers)),
        "workers_s": after[0] - before[0] - idle[0] * wall_s,
        "scheduler_s": after[1] - before[1] - idle[1] * wall_s,
        "client_s": asked_s,
        "above_s": time.process_time() - client_s - asked_s,
        **{task: sum(one.cpu_s.get(task, 0.0) for one in done) for task in TASKS},
    }


def told(name: str, masts: int, spent: dict[str, float]) -> None:
    pieces_s = sum(spent[task] for task in TASKS)
    all_s = sum(spent[k] for k in ("workers_s", "scheduler_s", "client_s", "above_s"))
    alone = 1.0 - sum(spent[task] for task in SHARED) / pieces_s
    print(
        f"{name}: {all_s:.1f} CPU-s, {all_s / masts:.4f} a mast: workers {spent['workers_s']:.1f} "
        f"(in pieces {pieces_s:.1f}, {pieces_s / masts:.4f} a mast), scheduler "
        f"{spent['scheduler_s']:.2f} ({spent['scheduler_s'] / all_s:.1%}), client "
        f"{spent['client_s']:.1f}, above the provinces {spent['above_s']:.1f}\n  "
        + ", ".join(f"{task} {spent[task]:.2f}" for task in TASKS)
        + f"; of one province {alone:.0%} is no other worker's; workers had no piece in "
        f"{spent['idle_share']:.1%} of the time",
        flush=True,
    )


def country(folder: Path, provinces: int, workers: int) -> None:
    scenarios = write_country(folder, provinces)
    cluster = Cluster(folder, workers)
    try:
        # so that imports and compiled code are not counted: one province, twice as often as used
        plan(cluster, scenarios[:1], folder / "warm")
        plan(cluster, scenarios[:1], folder / "warm-2")
        middle = min(7, provinces - 1)  # it has neighbours on all sides
        small = write_country(folder / "small", provinces, around=middle)
        plan(cluster, [small[middle]], folder / "warm-3")  # the list is read
        one = plan(cluster, [small[middle]], folder / "one")
        told("1 province, a list of it and its neighbours", MASTS, one)
        plan(cluster, scenarios[:1], folder / "warm-4")
        same = plan(cluster, [scenarios[middle]], folder / "same")
        told("the same, in the list of all", MASTS, same)
        peaks = [worker.peak_mb() for worker in cluster.workers]
        print(f"peak of each worker {', '.join(f'{p:.0f}' for p in peaks)} MB", flush=True)
        done = 0
        for part in np.array_split(np.array(scenarios, dtype=object), min(3, provinces)):
            done += len(part)
            spent = plan(cluster, list(scenarios[:done]), folder / "all")
            told(f"up to {done} provinces, of which {len(part)} new", MASTS * len(part), spent)
            peaks = [worker.peak_mb() for worker in cluster.workers]
            print(f"peak of each worker {', '.join(f'{p:.0f}' for p in peaks)} MB", flush=True)
        files = sorted((folder / "all").glob("*.*"))
        print("above them:", ", ".join(f"{p.name} {p.stat().st_size / 1e6:.1f} MB" for p in files))
    finally:
        cluster.stop()


def alone(scenarios: list[Path], out: Path) -> None:
    """Plan piece by piece in this process, as the one worker of a cluster would without it.

    The first province is planned to warm up; the others once a line comes in. Prints two lines.
    """
    from lensong.coverage.cluster import work
    from lensong.coverage.cluster.fingerprint import fingerprint
    from lensong.coverage.cluster.opened import ASKED, Asked
    from lensong.coverage.cluster.run_folder import RunFolder

    def make(scenario: Path, where: Path) -> None:
        folder = RunFolder(where / "run")
        folder.path.mkdir(parents=True)
        asked = Asked(
            scenario=str(scenario), out=str(where / "out"), cache=None, key="alone",
            fingerprint=fingerprint(), inputs={},
        )  # fmt: skip
        folder.put(ASKED, asked)
        run = str(folder.path)
        prepared = work.prepare(run, 1)
        for k in range(len(prepared.sweeps)):
            work.make_sweeps(run, k)
        for k in range(len(prepared.needs)):
            work.lay(run, k)
        for k in range(prepared.villages):
            work.count_streams(run, k)
        work.conclude(run)
        work.write_some(run, 0, 1)
        work.close(run)
        work.forget([run])
        folder.remove()

    make(scenarios[0], out / "warm")
    print("ready", flush=True)
    sys.stdin.readline()
    began_s, spent_s = time.perf_counter(), time.process_time()
    for number, scenario in enumerate(scenarios):
        make(scenario, out / str(number))
    print(time.perf_counter() - began_s, time.process_time() - spent_s, flush=True)


def apart(scenarios: list[Path], out: Path, processes: int) -> tuple[float, float]:
    """Return wall and processor time of processes that share provinces out and nothing else [s]."""
    started = [
        subprocess.Popen(
            [sys.executable, __file__, "--alone", str(out / str(k)), *scenarios[k::processes]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        for k in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate()[0].split() for process in started]
    return max(float(wall_s) for wall_s, _ in told), sum(float(cpu_s) for _, cpu_s in told)


def two(folder: Path, provinces: int) -> None:
    """Tell how much sooner two workers are done than one, and what the machine allows."""
    scenarios = write_country(folder, provinces)
    walls_s, alone_s = [], []
    for workers in (1, 2):
        cluster = Cluster(folder, workers, port=28_790 + workers)
        try:
            for k in range(workers):  # each has imported and compiled what it needs
                plan(cluster, scenarios[: workers + k], folder / f"warm-{workers}-{k}")
            spent = plan(cluster, scenarios, folder / f"out-{workers}")
        finally:
            cluster.stop()
        told(f"{workers} workers, {provinces} provinces", provinces * MASTS, spent)
        walls_s.append(spent["wall_s"])
        print(f"  {spent['wall_s']:.1f} s of wall time", flush=True)
        wall_s, cpu_s = apart(scenarios, folder / f"apart-{workers}", workers)
        alone_s.append(wall_s)
        print(
            f"  {workers} processes without a cluster: {wall_s:.1f} s, {cpu_s:.1f} CPU-s",
            flush=True,
        )
    reached, allowed = walls_s[0] / walls_s[1], alone_s[0] / alone_s[1]
    print(
        f"two workers: {reached:.2f} times one; two processes without a cluster: {allowed:.2f} "
        f"times one, of which that is {reached / allowed:.0%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("provinces", type=int, nargs="?", default=33)
    parser.add_argument("workers", type=int, nargs="?", default=2)
    parser.add_argument(
        "--two", type=int, nargs="?", const=4, metavar="PROVINCES", help="two workers against one"
    )
    if sys.argv[1:2] == ["--alone"]:  # a process of `apart`
        alone([Path(one) for one in sys.argv[3:]], Path(sys.argv[2]))
        return
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if asked.two:
            two(Path(made), asked.two)
        else:
            country(Path(made), asked.provinces, asked.workers)


if __name__ == "__main__":
    main()
