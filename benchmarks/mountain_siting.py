"""What each kind of backhaul costs in an invented mountain province like Lai Châu.

    python benchmarks/mountain_siting.py FOLDER [budget]

Writes a scenario of valleys at 400 m under ridges of 2,800 m, with villages in the valleys and on
the slopes, masts along one road with fibre, and invented costs; then chooses masts for a budget
with fibre alone, with microwave, with satellite terminals, and with all of them, after changes of
what stands. **All data are synthetic, all costs invented**: it shows how the kinds trade, not what
a province needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.transform import Affine
from scipy import ndimage

CRS, WEST_M, NORTH_M, CELL_M, ROWS, COLS = "EPSG:32648", 300_000.0, 2_500_000.0, 90.0, 440, 520
# Axes of valleys as rows and columns: the first has road, fibre and grid, the others the grid.
VALLEYS = (
    ((20, 30), (90, 110), (150, 190), (230, 270), (300, 370), (420, 490)),
    ((150, 190), (110, 260), (60, 330), (25, 400)),
    ((230, 270), (290, 200), (350, 130), (415, 80)),
    ((90, 110), (170, 70), (250, 40)),
    ((300, 370), (240, 430), (170, 490)),
)
SCENARIO = """\
title = "Invented mountain province"
synthetic = true
[area]
boundary = "area.geojson"
crs = "EPSG:32648"
resolution_m = 90
[elevation]
path = "dem.tif"
[villages]
path = "villages.csv"
radius_m = 450
[[map.lines]]
path = "valleys.geojson"
kind = "road"
[network]
cells = "cells.csv"
radius_m = 12000
[streams]
most = 0
[causes]
villages = false
counterfactuals = 0
[siting]
standing_mast_cost = 400
new_mast_cost = 1500
money = "million VND, invented"
mast_uplink_mbps = 20
standing_is_fed = false
[siting.changes]
tilt_cost = 5
azimuth_cost = 8
carrier_cost = 150
azimuth_turns_deg = [-40, 40]
tilts_deg = [-2, 2, 6]
carriers = ["4G B28 10 MHz"]
most_cost_per_person = 2
[siting.grid]
path = "valleys.geojson"
reach_m = 5000
cost_per_km = 250
[siting.solar]
load_w = 600
level_kwh_per_m2_day = [3.1, 3.6, 4.2, 4.8, 5.1, 4.6, 4.5, 4.6, 4.4, 3.9, 3.3, 3.0]
cost = 40
panel_cost_per_w = 0.02
battery_cost_per_wh = 0.008
"""
BACKHAUL = {
    "fibre": """\
[siting.fibre]
path = "fibre.geojson"
reach_m = 8000
cost_per_km = 120
uplink_mbps = 1000
""",
    "microwave": """\
[siting.microwave]
rain_rate_mm_per_h = 70
reach_m = 20000
cost = 180
uplink_mbps = 400
""",
    "satellite": """\
[siting.satellite]
cost = 450
uplink_mbps = 20
""",
}
CASES = (("fibre",), ("fibre", "microwave"), ("fibre", "satellite"), tuple(BACKHAUL))


def main() -> None:
    """Write the province, choose masts for every case, and print a table."""
    folder = Path(sys.argv[1])
    budget = sys.argv[2] if len(sys.argv) > 2 else "12000"
    write_province(folder)
    heads = f"{'people':>8}{'changes':>9}{'masts':>7}{'spent':>8}"
    print(f"{'backhaul':<28}{heads}  of that", flush=True)
    for kinds in CASES:
        name = "-".join(kinds)
        text = SCENARIO + "".join(BACKHAUL[kind] for kind in kinds)
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
        print(f"{', '.join(kinds):<28}{_row(chosen(folder, name, budget))}", flush=True)


def chosen(folder: Path, name: str, budget: str) -> dict[str, Any]:
    """Return what `lensong site-masts` says."""
    done = subprocess.run(
        [
            "lensong", "site-masts", str(folder / f"{name}.toml"), "--budget", budget,
            "--summits", "24", "--tries", "300", "--changes-limit-s", "3600", "--json",
            "--out", str(folder / f"masts-{name}"),
        ],
        stdout=subprocess.PIPE,
        check=False,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _row(told: dict[str, Any]) -> str:
    changes = told["changes"]
    kinds: dict[str, list[float]] = {}
    for feed in told["feeds"]:
        for supply in ("backhaul", "power"):
            if feed[supply] is not None:
                kinds.setdefault(feed[supply], []).append(feed[f"{supply}_cost"] or 0.0)
    parts = [f"changes {changes['cost']:,.0f}"]
    parts += [f"{len(spent)} {kind} {sum(spent):,.0f}" for kind, spent in kinds.items()]
    gained = told["people_planned"] - told["people_before"]
    return (
        f"{gained:>8,.0f}{len(changes['steps']):>9}{told['masts']:>7}{told['cost']:>8,.0f}  "
        f"{'; '.join(parts)}; within {told['gap_percent']:.2f} %, {len(told['rounds'])} rounds"
    )


def write_province(folder: Path) -> None:
    """Write land, villages, network, fibre and roads; the same each time."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(21)
    away = _away_m()
    ground = _ground_m(away, rng)
    with rasterio.open(
        folder / "dem.tif", "w", driver="GTiff", height=ROWS, width=COLS, count=1,
        dtype="float32", crs=CRS, transform=Affine(CELL_M, 0.0, WEST_M, 0.0, -CELL_M, NORTH_M),
    ) as raster:  # fmt: skip
        raster.write(ground, 1)
    for name, axes in (("fibre", VALLEYS[:1]), ("valleys", VALLEYS)):
        lines = [{"type": "LineString", "coordinates": [_deg(*p) for p in axis]} for axis in axes]
        _geojson(folder / f"{name}.geojson", lines)
    ring = [(70, 70), (70, COLS - 70), (ROWS - 70, COLS - 70), (ROWS - 70, 70), (70, 70)]
    area = {"type": "Polygon", "coordinates": [[_deg(*p) for p in ring]]}
    _geojson(folder / "area.geojson", [area])
    (folder / "villages.csv").write_text(_villages(away, rng), encoding="utf-8")
    (folder / "cells.csv").write_text(_cells(rng), encoding="utf-8")


def _away_m() -> Any:
    """Return the distance of every cell to the nearest axis of a valley [m]."""
    axes = np.ones((ROWS, COLS), dtype=bool)
    for axis in VALLEYS:
        for (row0, col0), (row1, col1) in pairwise(axis):
            at = np.linspace(0.0, 1.0, 400)
            axes[
                np.rint(row0 + at * (row1 - row0)).astype(int),
                np.rint(col0 + at * (col1 - col0)).astype(int),
            ] = False
    return ndimage.distance_transform_edt(axes) * CELL_M


def _ground_m(away: Any, rng: Any) -> Any:
    rough = np.zeros((ROWS, COLS))
    for size, high in ((9, 420.0), (24, 230.0), (70, 90.0)):
        noise = rng.normal(size=(size, size))
        rough += high * ndimage.zoom(noise, (ROWS / size, COLS / size), order=3)[:ROWS, :COLS]
    slope = 1.0 - np.exp(-((away / 4500.0) ** 1.4))
    return np.maximum(400.0 + 1900.0 * slope + rough * slope, 350.0).astype(np.float32)


def _villages(away: Any, rng: Any) -> str:
    rows = ["village_id,name,lat,lon,population"]
    inside = np.zeros((ROWS, COLS), dtype=bool)
    inside[80 : ROWS - 80, 80 : COLS - 80] = True
    for count, low_m, high_m in ((34, 200.0, 1500.0), (36, 2000.0, 5500.0)):
        places = np.argwhere(inside & (away >= low_m) & (away <= high_m))
        for row, col in places[rng.choice(len(places), count, replace=False)]:
            lon, lat = _deg(float(row), float(col))
            number, people = len(rows), int(rng.integers(120, 620))
            rows.append(f"V{number:02d},Bản giả lập {number},{lat!r},{lon!r},{people}")
    return "\n".join(rows) + "\n"


def _cells(rng: Any) -> str:
    """Return 4G masts along the valleys and structures that have 2G alone."""
    rows = [
        "site_id,cell_id,operator,lat,lon,height_agl_m,azimuth,mech_tilt,antenna,technology,band,"
        "bandwidth_mhz,total_power_dbm,backhaul"
    ]
    number = 0
    for axis, count, technology in (
        (VALLEYS[0], 6, "4G"), (VALLEYS[1], 2, "4G"), (VALLEYS[2], 2, "4G"), (VALLEYS[3], 1, "4G"),
        (VALLEYS[1], 2, "2G"), (VALLEYS[2], 2, "2G"), (VALLEYS[4], 3, "2G"),
    ):  # fmt: skip
        points = np.array(axis, dtype=float)
        steps = np.hypot(*np.diff(points, axis=0).T)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        for at in along[-1] * (np.arange(count) + rng.uniform(0.3, 0.7, count)) / count:
            row = float(np.interp(at, along, points[:, 0]) + rng.normal(0.0, 4.0))
            col = float(np.interp(at, along, points[:, 1]) + rng.normal(0.0, 4.0))
            if not (72 < row < ROWS - 72 and 72 < col < COLS - 72):
                continue
            number += 1
            lon, lat = _deg(row, col)
            fed = "fibre" if axis is VALLEYS[0] else "microwave"
            for azimuth in (0, 120, 240) if technology == "4G" else (0,):
                band = "B3,20,46" if technology == "4G" else ",,"
                rows.append(
                    f"M{number:02d},M{number:02d}-{azimuth},Mạng giả lập,{lat!r},{lon!r},36,"
                    f"{azimuth},6,3gpp,{technology},{band},{fed}"
                )
    return "\n".join(rows) + "\n"


def _deg(row: float, col: float) -> list[float]:
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(WEST_M + (col + 0.5) * CELL_M, NORTH_M - (row + 0.5) * CELL_M)
    return [float(lon), float(lat)]


def _geojson(path: Path, geometries: list[dict[str, Any]]) -> None:
    features = [{"type": "Feature", "properties": {}, "geometry": one} for one in geometries]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
