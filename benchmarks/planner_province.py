"""The planner on a whole province, opened to its end and edited: memory, and the first picture.

    python -m benchmarks.planner_province [FOLDER] [--masts 30] [--edits 20]

SYNTHETIC: 170 km x 130 km of noise at 30 m with land cover and people, masts of two operators on
4G and 5G, 1,200 villages (`benchmarks.province`). `lensong planner` runs as a process of its own
with an empty cache of sweeps and is asked as its page asks it, except that nothing is drawn. Prints
what each stage took and held; `first picture` begins when all of the land is read. In FOLDER, where
one is given, inputs and cache stay: a second run finds the sweeps in the cache.
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
from contextlib import suppress
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import httpx
import numpy as np
import rasterio
from rasterio.transform import Affine

from benchmarks.province import CARRIERS, GRID, make_land, make_network
from benchmarks.watched import Watched

OPERATORS = ("Mạng Một", "Mạng Hai")
EDGE_M = 10_000.0
STEP = 8
"""Of the pixels that a page of usual size asks for with the whole province in view."""

SCENARIO = f"""\
title = "Tỉnh giả lập"
synthetic = true
[area]
boundary = "area.geojson"
crs = "{GRID.crs}"
resolution_m = {GRID.cell_m:g}
[elevation]
path = "dem.tif"
[land_cover]
path = "land_cover.tif"
[population]
path = "people.tif"
[villages]
path = "villages.csv"
radius_m = 500
[network]
cells = "cells.csv"
radius_m = {EDGE_M:g}
"""


def write_province(folder: Path, masts: int) -> Path:
    """Write the scenario of a province; return its file."""
    rng = np.random.default_rng(12)
    land, network = make_land(rng), make_network(rng, masts, edge_px=EDGE_M / GRID.cell_m + 50.0)
    assert land.clutter_m is not None  # it was made
    people = np.zeros(GRID.shape, np.float32)
    lines = ["village_id,name,lat,lon,population"]
    for one in land.villages.itertuples():
        lines.append(f"{one.village_id},{one.name},{one.lat_deg:.6f},{one.lon_deg:.6f},300")
        row, col = (round(v) for v in GRID.row_col(one.centre_easting_m, one.centre_northing_m))
        people[row - 16 : row + 17, col - 16 : col + 17] = 300.0 / 33**2
    (folder / "villages.csv").write_text("\n".join(lines), encoding="utf-8")
    cover = np.where(land.clutter_m > 0.0, 10, 30).astype(np.uint8)
    ground_m = land.ground_m - land.ground_m.min() + 100.0
    rasters = {"dem": ground_m, "land_cover": cover, "people": people}
    for name, values in rasters.items():
        with rasterio.open(
            folder / f"{name}.tif", "w", driver="GTiff", height=GRID.rows, width=GRID.cols, count=1,
            dtype=values.dtype, crs=GRID.crs, transform=Affine(*GRID.transform), tiled=True,
            compress="DEFLATE", nodata=0 if name == "land_cover" else None,
        ) as raster:  # fmt: skip
            raster.write(values, 1)
    west, south, east, north = GRID.bounds_m
    west, south, east, north = west + EDGE_M, south + EDGE_M, east - EDGE_M, north - EDGE_M
    ring = [[west, south], [west, north], [east, north], [east, south], [west, south]]
    outline = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{GRID.crs}"}},
        "features": [
            {
                "type": "Feature",
                "properties": {},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        ],
    }
    (folder / "area.geojson").write_text(json.dumps(outline), encoding="utf-8")
    place = {mast.mast_id: (k, mast) for k, mast in enumerate(network.masts)}
    rows = [
        "site_id,cell_id,operator,lat,lon,height_agl_m,azimuth,antenna,technology,band,"
        "bandwidth_mhz,total_power_dbm"
    ]
    for cell in network.cells:
        k, mast = place[cell.mast_id]
        technology, band, width = CARRIERS_AS_READ[cell.carrier.name]
        rows.append(
            f"{mast.mast_id},{cell.cell_id},{OPERATORS[k % 2]},{mast.lat_deg:.6f},"
            f"{mast.lon_deg:.6f},35,{cell.azimuth_deg:g},3gpp,{technology},{band},{width},46"
        )
    (folder / "cells.csv").write_text("\n".join(rows), encoding="utf-8")
    (folder / "scenario.toml").write_text(SCENARIO, encoding="utf-8")
    return folder / "scenario.toml"


CARRIERS_AS_READ = dict(
    zip(
        (carrier.name for carrier in CARRIERS),
        (("4G", "B3", 20), ("4G", "B28", 10), ("5G", "n41", 100)),
        strict=True,
    )
)


class Planner:
    """The planner as a process, what asks it, and the events that it tells."""

    def __init__(self, scenario: Path, cache: Path, workers: int) -> None:
        script = Path(sys.executable).with_name("lensong")
        self.process = subprocess.Popen(
            [script, "planner", scenario, "--port", "0", "--no-open", "--cache", cache,
             "--workers", str(workers)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.watched = Watched(self.process.pid)
        self.began = time.perf_counter()
        assert self.process.stdout is not None
        base = self.process.stdout.readline().split("/planner")[0]
        self.client = httpx.Client(base_url=f"{base}/api/v1", timeout=1_800.0)
        self.plan = f"/plans/{scenario.parent.name}"
        self.events: Queue[tuple[str, dict[str, Any]]] = Queue()
        Thread(target=self._hear, daemon=True).start()

    def until(self, kind: str, **wanted: Any) -> dict[str, Any]:
        """Return the next event of a kind with some values."""
        while True:
            heard, data = self.events.get()
            if heard == "failed" or data.get("state") == "failed":
                raise SystemExit(f"the planner failed: {data}")
            if heard == kind and all(data.get(name) == value for name, value in wanted.items()):
                return data

    def get(self, path: str, **query: Any) -> httpx.Response:
        """Return the answer to a question about the plan."""
        return self.client.get(f"{self.plan}{path}", params=query).raise_for_status()

    def post(self, path: str, body: Any) -> httpx.Response:
        """Return the answer to a request to the plan."""
        answer = self.client.post(f"{self.plan}{path}", json=body)
        if answer.is_error:
            raise SystemExit(f"{path}: {answer.text}")
        return answer

    def told(self, stage: str) -> None:
        """Print what a stage took."""
        print(self.watched.stage(stage).said, flush=True)

    def close(self) -> None:
        """End it as Ctrl-C does."""
        self.watched.close()
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def _hear(self) -> None:
        first = {"Last-Event-ID": "0"}
        with (
            suppress(httpx.TransportError),  # it was ended
            self.client.stream("GET", f"{self.plan}/events", headers=first) as answer,
        ):
            kind = ""
            for line in answer.iter_lines():
                name, _, told = line.partition(": ")
                if name == "event":
                    kind = told
                elif name == "data":
                    self.events.put((kind, json.loads(told)))


def open_plan(planner: Planner) -> None:
    """Follow the opening to all chances of the network as read."""
    planner.until("progress", stage="compiled code")
    planner.told("land read")
    planner.until("state", has_picture=True)
    planner.told("first picture: made")
    size = len(planner.get("").content)
    first = planner.get("/variants/base/layers/rsrp-4g.bin", step=STEP)
    planner.told(f"first picture: {(size + len(first.content)) / 1e3:.0f} kB fetched")
    relief = planner.get("/land/hillshade.png", most_px=1024)
    planner.get("/land/ground.bin", step=STEP)
    planner.told(f"relief, {len(relief.content) / 1e3:.0f} kB, and ground")
    planner.until("state", state="ready")
    planner.told("levels")
    planner.until("settled", variant_id="base", settled="villages")
    planner.told("villages")
    planner.until("settled", variant_id="base", settled="chances")
    planner.told("chances, streams, coarse engine")


class Variant:
    """A variant that is edited, and waited for."""

    def __init__(self, planner: Planner, name: str, copy_of: str = "base") -> None:
        self.planner, self.revision = planner, 0
        made = planner.post("/variants", {"name": name, "copy_of": copy_of}).json()
        self.variant_id = made["variant_id"]
        self.path = f"/variants/{self.variant_id}"

    def edit(self, *edits: dict[str, Any]) -> None:
        """Do a set of edits and wait until all of it is planned."""
        self._settled(self.planner.post(f"{self.path}/edits", self._on() | {"edits": edits}))

    def undo(self) -> None:
        """Undo a set and wait likewise."""
        self._settled(self.planner.post(f"{self.path}/undo", self._on()))

    def drag(self, mast_id: str, lat_deg: float, lon_deg: float) -> None:
        """Ask for a frame of a drag."""
        move = {"kind": "move_mast", "mast_id": mast_id, "lat_deg": lat_deg, "lon_deg": lon_deg}
        self.planner.post(f"{self.path}/drag", {"edits": [move], "layer_id": "rsrp-4g"})

    def look(self) -> None:
        """Look at the whole province and, exactly, at a part of it."""
        for layer in ("rsrp-4g", "uplink-5g", "chance-voice-data"):
            self.planner.get(f"{self.path}/layers/{layer}.bin", step=STEP)
        self.planner.get(
            f"{self.path}/layers/rsrp-4g.bin", row0=1500, col0=2000, rows=1024, cols=1024
        )
        self.planner.get(f"{self.path}/villages")

    def _on(self) -> dict[str, Any]:
        return {"revision": self.revision}

    def _settled(self, answer: httpx.Response) -> None:
        self.revision = answer.json()["revision"]
        self.planner.until(
            "settled", variant_id=self.variant_id, revision=self.revision, settled="chances"
        )


def day_of_edits(planner: Planner, count: int) -> None:
    """Move, add, remove and set masts in a variant, undo some of it, and look in between."""
    masts = {one["mast_id"]: one for one in planner.get("/variants/base/network").json()["masts"]}
    names = list(masts)
    rng = np.random.default_rng(7)
    variant = Variant(planner, "A")
    for number in range(count):
        mast = masts[names[number % len(names)]]
        lat_deg, lon_deg = (
            float(mast[k] + rng.uniform(-0.02, 0.02)) for k in ("lat_deg", "lon_deg")
        )
        place = {"lat_deg": lat_deg, "lon_deg": lon_deg}
        kind = ("move", "copy", "remove", "set", "undo")[number % 5]
        if kind == "move":
            for share in (0.3, 0.6, 1.0):
                variant.drag(
                    mast["mast_id"],
                    mast["lat_deg"] + share * (lat_deg - mast["lat_deg"]),
                    mast["lon_deg"] + share * (lon_deg - mast["lon_deg"]),
                )
            variant.edit({"kind": "move_mast", "mast_id": mast["mast_id"], **place})
        elif kind == "copy":
            copy = {"mast_id": mast["mast_id"], "new_mast_id": f"N{number}", **place}
            variant.edit({"kind": "copy_mast", **copy})
        elif kind == "set":
            variant.edit({"kind": "set_mast", "mast_id": mast["mast_id"], "height_agl_m": 50})
        elif kind == "remove":
            variant.edit({"kind": "remove_mast", "mast_id": mast["mast_id"]})
        else:
            variant.undo()
        variant.look()
        planner.told(f"edit {number + 1}, {kind}")
    other = Variant(planner, "B", copy_of=variant.variant_id)
    mast = masts[names[-1]]
    other.edit(
        {
            "kind": "move_mast",
            "mast_id": mast["mast_id"],
            "lat_deg": mast["lat_deg"] + 0.01,
            "lon_deg": mast["lon_deg"],
        }
    )
    other.look()
    variant.look()
    planner.told("a second variant")
    job = planner.post("/jobs", {"kind": "plan", "variant_id": other.variant_id}).json()
    state = ""
    while state not in ("done", "failed", "cancelled"):
        told = planner.until("job", job_id=job["job_id"])
        state = told["state"]
        stage = told.get("stage", "")
    if state != "done":
        raise SystemExit(f"the whole plan is {state}: {told}")
    gpkg = planner.get(f"/jobs/{job['job_id']}/files/villages.gpkg")
    planner.told(f"the whole plan, GeoPackage of {len(gpkg.content) / 1e6:.1f} MB ({stage})")


def main() -> None:
    """Open, edit, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--masts", type=int, default=30)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch) / "province"
        folder.mkdir(parents=True, exist_ok=True)
        scenario = folder / "scenario.toml"
        if not scenario.exists():
            write_province(folder, asked.masts)
        size = f"{GRID.rows} x {GRID.cols}, {asked.masts} masts of {len(OPERATORS)} operators"
        print(f"SYNTHETIC {size}")
        print(f"load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores", flush=True)
        planner = Planner(scenario, folder / "cache", asked.workers)
        try:
            open_plan(planner)
            if asked.edits:
                day_of_edits(planner, asked.edits)
        finally:
            planner.close()
        print(f"peak {planner.watched.peak_gb:.2f} GB, load {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
