"""The stage of layers on a cut of the Cévennes, one round for every line on the standard input.

Run by `test_chance_speed.py` in the present tree and, with its own code on the path, in an older
one: it uses only what both have. Prints ready, and then the CPU time of every round in seconds.

    python benchmarks/layers_stage.py make SHARED SWEEPS MASTS OPERATORS
    python benchmarks/layers_stage.py run  SHARED SWEEPS MASTS OPERATORS
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from pyproj import Transformer

from lensong.coverage import layers as stage
from lensong.coverage.antenna import sector_3gpp
from lensong.coverage.cellplan import parse_carrier
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.service import DEFAULT_SERVICES, Handset
from lensong.coverage.sweeps import PackedSweep
from lensong.propagation.types import Grid

RADIUS_M = 8_000.0
CELL_M = 30.0
SIGMA_DB = 8.06
CARRIERS = ("4G B20 10 MHz", "4G B3 20 MHz")
_EDGE = int(RADIUS_M / CELL_M) + 3


class Scene:
    """The masts with 4G nearest to the middle of the land, and the land that they reach."""

    def __init__(self, shared: Path, masts: int, operators: str) -> None:
        folder = shared / "data" / "cevennes-end-to-end"
        with rasterio.open(folder / "dem_srtm1_utm31n_30m.tif") as source:
            ground_m, crs = source.read(1).astype(np.float32), str(source.crs)
            west, north = source.transform.c, source.transform.f
        to_grid = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        sites: dict[tuple[str, str, str], tuple[float, float]] = {}
        with (folder / "cell_sites_arcep_2018.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["tech_4g"] == "1":
                    x, y = to_grid.transform(float(row["lon"]), float(row["lat"]))
                    place = ((north - y) / CELL_M - 0.5, (x - west) / CELL_M - 0.5)
                    sites[row["operator"], row["lat"], row["lon"]] = place
        middle = np.array(ground_m.shape) / 2.0
        nearest = sorted(sites, key=lambda s: (float(np.hypot(*(sites[s] - middle))), s))[:masts]
        rows, cols = (np.array([sites[s][axis] for s in nearest]) for axis in (0, 1))
        row0, col0 = max(0, int(rows.min()) - _EDGE), max(0, int(cols.min()) - _EDGE)
        row1, col1 = int(rows.max()) + _EDGE, int(cols.max()) + _EDGE
        self.ground_m = np.ascontiguousarray(ground_m[row0:row1, col0:col1])
        self.grid = Grid(
            crs=crs,
            west_m=west + col0 * CELL_M,
            north_m=north - row0 * CELL_M,
            cell_m=CELL_M,
            rows=self.ground_m.shape[0],
            cols=self.ground_m.shape[1],
        )
        self.places = [(float(r - row0), float(c - col0)) for r, c in zip(rows, cols, strict=True)]
        found, cells = [], []
        for number, (name, lat, lon) in enumerate(nearest):
            mast = f"M{number}"
            found.append(
                Mast(mast_id=mast, lat_deg=float(lat), lon_deg=float(lon), height_agl_m=25.0)
            )
            for carrier in map(parse_carrier, CARRIERS):
                for azimuth in (0.0, 120.0, 240.0):
                    cells.append(
                        Cell(
                            cell_id=f"{mast}-{carrier.name}-{azimuth:g}",
                            mast_id=mast,
                            operator=name if operators == "own" else operators,
                            carrier=carrier,
                            antenna=sector_3gpp(),
                            azimuth_deg=azimuth,
                            mechanical_downtilt_deg=2.0,
                            height_agl_m=25.0,
                            total_power_dbm=46.0,
                            granted_uplink_resource_blocks=carrier.resource_blocks // 2,
                            radius_m=RADIUS_M,
                        )
                    )
        self.network = Network(masts=tuple(found), cells=tuple(cells))

    def make_sweeps(self, file: Path) -> None:
        """Compute the path losses once, for all trees alike."""
        from lensong.propagation.sweep import sweep_carriers
        from lensong.propagation.sweep_request import SweepRequest
        from lensong.propagation.terrain import Terrain

        terrain = Terrain(ground_m=self.ground_m, cell_m=CELL_M)
        kept = {}
        for number, (mast, (row, col)) in enumerate(
            zip(self.network.masts, self.places, strict=True)
        ):
            requests = [
                SweepRequest(
                    row=row,
                    col=col,
                    tx_height_agl_m=25.0,
                    rx_height_agl_m=1.5,
                    freq_mhz=parse_carrier(name).downlink_freq_mhz,
                    radius_m=RADIUS_M,
                    delta_n_per_km=45.0,
                    n0=330.0,
                    tx_lat_deg=mast.lat_deg,
                )
                for name in CARRIERS
            ]
            swept = sweep_carriers(requests, terrain, model="itu_r_p1812", workers=2)
            for carrier, result in enumerate(swept):
                lost = np.isnan(result.path_loss_db)
                key = f"{number}-{carrier}"
                loss = np.where(lost, 655.35, np.clip(result.path_loss_db, 0.0, 655.34))
                kept[f"{key}-loss"] = np.rint(100.0 * loss).astype(np.uint16)
                for name, part, kind in (
                    ("departure", result.departure_deg, np.int16),
                    ("diffraction", result.diffraction_db, np.uint16),
                    ("terrain", result.terrain_db, np.uint16),
                ):
                    filled = np.rint(100.0 * np.where(lost, 0.0, part)).astype(kind)
                    kept[f"{key}-{name}"] = filled
                kept[f"{key}-at"] = np.array([result.row0, result.col0])
        np.savez(file, **kept)

    def rides(self, file: Path) -> list[tuple[tuple[int, ...], PackedSweep]]:
        """Return the sweeps with the cells that ride them, from west to east."""
        found = []
        with np.load(file) as kept:
            for number in sorted(range(len(self.places)), key=lambda n: self.places[n][::-1]):
                for carrier in range(len(CARRIERS)):
                    key = f"{number}-{carrier}"
                    first = 3 * (len(CARRIERS) * number + carrier)
                    row0, col0 = kept[f"{key}-at"].tolist()
                    sweep = PackedSweep(
                        row0=row0,
                        col0=col0,
                        mast_row=self.places[number][0],
                        mast_col=self.places[number][1],
                        cell_m=CELL_M,
                        loss_cdb=kept[f"{key}-loss"],
                        departure_cdeg=kept[f"{key}-departure"],
                        diffraction_cdb=kept[f"{key}-diffraction"],
                        terrain_cdb=kept[f"{key}-terrain"],
                    )
                    found.append(((first, first + 1, first + 2), sweep))
        return found

    def round(self, rides: list[tuple[tuple[int, ...], PackedSweep]]) -> Callable[[], object]:
        """Return the whole stage as this tree has it."""
        if hasattr(stage, "technology_layers"):  # before one shadowing per site
            return lambda: stage.technology_layers(
                self.grid,
                self.network,
                Handset(),
                DEFAULT_SERVICES,
                rides=iter(rides),
                planned=[indices for indices, _ in rides],
                total_sigma_db=SIGMA_DB,
            )
        from lensong.coverage.layer_model import LayerModel
        from lensong.coverage.shadowing import Shadowing

        def now() -> object:
            shadowing = Shadowing(sigma_db=SIGMA_DB)
            model = LayerModel.build(
                self.grid.crs, self.network, Handset(), DEFAULT_SERVICES, shadowing
            )
            windows = [
                (s.row0, s.col0, s.row0 + s.loss_cdb.shape[0], s.col0 + s.loss_cdb.shape[1])
                for _, s in rides
            ]
            return stage.make_layers(self.grid, model, rides=iter(rides), planned=windows)

        return now


def main() -> None:
    task, shared, file, masts, operators = sys.argv[1:]
    scene = Scene(Path(shared), int(masts), operators)
    if task == "make":
        scene.make_sweeps(Path(file))
        return
    once = scene.round(scene.rides(Path(file)))
    once()  # compiled
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        once()
        print(time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()
