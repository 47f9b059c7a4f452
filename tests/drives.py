"""Invented drive tests over an invented land, whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.ndimage import gaussian_filter

from lensong.coverage.antenna import sector_3gpp
from lensong.coverage.cellplan.carriers import parse_carrier
from lensong.coverage.drive.log import DriveLog
from lensong.coverage.drive.match import match_measurements
from lensong.coverage.drive.matched import MatchedMeasurements
from lensong.coverage.drive.places import PlanAtPlaces
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.service import Handset
from lensong.coverage.sweeps import PropagationSettings
from lensong.gis_data.land import Land
from lensong.propagation.types import FloatArray, Grid, IntArray

GRID = Grid(crs="EPSG:32648", west_m=350_000.0, north_m=2_490_000.0, cell_m=100.0, rows=140,
            cols=140)  # fmt: skip
MASTS = ((30, 35), (35, 100), (70, 65), (105, 30), (100, 105))
HANDSET, SETTINGS = Handset(), PropagationSettings()


class Kept(dict[str, dict[str, NDArray[Any]]]):
    """Sweeps in memory."""

    def put(self, key: str, arrays: dict[str, NDArray[Any]]) -> None:
        self[key] = arrays


KEPT = Kept()


@lru_cache(1)
def land() -> Land:
    """Return hills of 300 m to 900 m with forest on the heights."""
    rng = np.random.default_rng(20)
    hills = gaussian_filter(rng.normal(size=GRID.shape), 9.0, mode="wrap")
    ground = (600.0 + 300.0 * hills / np.abs(hills).max()).astype(np.float32)
    cover = np.where(ground > 700.0, 10, 30).astype(np.uint8)
    return Land(
        grid=GRID,
        ground_m=ground,
        clutter_m=None,
        clutter_class=cover,
        clutter_names={10: "tree cover", 30: "grassland"},
        population=None,
        aoi=np.ones(GRID.shape, dtype=np.uint8),
        villages=gpd.GeoDataFrame({"village_id": [], "geometry": []}, crs=GRID.crs),
        communes=None,
        synthetic=True,
    )


def network(azimuths_deg: Sequence[float] = (0.0, 120.0, 240.0)) -> Network:
    """Return five masts of three 4G sectors; PCIs are 0, 1, 2 …"""
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    carrier, antenna = parse_carrier("4G B3 20 MHz EARFCN 1300"), sector_3gpp()
    masts: list[Mast] = []
    cells: list[Cell] = []
    for number, (row, col) in enumerate(MASTS, 1):
        lon, lat = to_degrees.transform(*GRID.easting_northing(row, col))
        mast_id = f"M{number}"
        masts.append(Mast(mast_id=mast_id, lat_deg=lat, lon_deg=lon, height_agl_m=40.0))
        for sector, azimuth in enumerate(azimuths_deg, 1):
            cells.append(
                Cell(
                    cell_id=f"{mast_id}-{sector}",
                    mast_id=mast_id,
                    carrier=carrier,
                    antenna=antenna,
                    azimuth_deg=azimuth,
                    mechanical_downtilt_deg=2.0,
                    height_agl_m=40.0,
                    total_power_dbm=46.0,
                    granted_uplink_resource_blocks=25,
                    radius_m=9_000.0,
                    physical_cell_id=len(cells),
                )
            )
    return Network(masts=tuple(masts), cells=tuple(cells))


def changed(plan: Network, edits: dict[str, dict[str, Any]]) -> Network:
    """Return a network with some fields of some cells changed."""
    return replace(plan, cells=tuple(replace(c, **edits.get(c.cell_id, {})) for c in plan.cells))


@dataclass(frozen=True)
class Drive:
    """Rows of one invented drive: where, which cell the phone was on, and its level."""

    lat_deg: FloatArray
    lon_deg: FloatArray
    cell: IntArray
    level_dbm: FloatArray

    def log(self, name: Callable[[int], str] | None = None, **other: Any) -> DriveLog:
        """Return the log of the drive, its cells called by their ids or by another name."""
        n = self.cell.size
        cells = network().cells
        called = name or (lambda i: cells[i].cell_id)
        blank, unknown = np.full(n, "", dtype=object), np.full(n, np.nan)
        fields: dict[str, Any] = {
            "lat_deg": self.lat_deg,
            "lon_deg": self.lon_deg,
            "level_dbm": self.level_dbm,
            "quantity": "rsrp",
            "technology": blank,
            "cell_id": np.array([called(int(i)) for i in self.cell], dtype=object),
            "station": unknown,
            "pci": unknown,
            "earfcn": unknown,
            "nr_arfcn": unknown,
            "freq_mhz": unknown,
            "operator": blank,
            "serving": np.ones(n, dtype=np.bool_),
            "phone": np.zeros(n, dtype=np.int64),
            "phones": ("log.csv",),
            "moment": np.full(n, "NaT", dtype="datetime64[s]"),
            "row": np.arange(n),
            "rows": n,
            "level_columns": ("RSRP",),
            "left_out": {},
        }
        return DriveLog(**(fields | other))


def drive(
    truth: Network,
    seed: int,
    *,
    legs: int = 14,
    sigma_db: float = 6.0,
    correlated_m: float = 150.0,
    bias_db: float = 3.0,
) -> Drive:
    """Return a drive of straight legs over the land, a row every 40 m.

    The phone is on the cell that is truly the strongest. Shadowing is one field per mast, with
    white scatter of 2 dB in each row.
    """
    rng = np.random.default_rng(seed)
    corners = rng.uniform(8.0, GRID.rows - 8.0, size=(legs + 1, 2))
    steps = [
        np.linspace(a, b, max(2, round(float(np.hypot(*(b - a))) * GRID.cell_m / 40.0)))
        for a, b in pairwise(corners)
    ]
    at = np.concatenate(steps)
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(*GRID.easting_northing(at[:, 0], at[:, 1]))  # type: ignore[arg-type]  # the formula holds for arrays
    plan = at_places(truth, np.asarray(lat), np.asarray(lon))
    shadow = {
        mast.mast_id: _field(rng, sigma_db, correlated_m)[plan.row, plan.col]
        for mast in truth.masts
    }
    level = np.stack(
        [plan.everywhere(i) + shadow[cell.mast_id] for i, cell in enumerate(truth.cells)]
    )[:, plan.place]
    best = np.argmax(np.where(np.isfinite(level), level, -np.inf), axis=0)
    strongest = level[best, np.arange(best.size)] + bias_db + rng.normal(0.0, 2.0, best.size)
    heard = strongest > -135.0
    return Drive(
        lat_deg=np.asarray(lat)[heard],
        lon_deg=np.asarray(lon)[heard],
        cell=best[heard],
        level_dbm=strongest[heard],
    )


def at_places(plan: Network, lat_deg: FloatArray, lon_deg: FloatArray) -> PlanAtPlaces:
    return PlanAtPlaces(land(), plan, HANDSET, SETTINGS, lat_deg, lon_deg, cache=KEPT)


def matched_with(
    plan: Network, log: DriveLog, **other: Any
) -> tuple[MatchedMeasurements, PlanAtPlaces]:
    """Return a log matched with a plan over the invented land."""
    settings: dict[str, Any] = {"handset": HANDSET, "propagation": SETTINGS, "cache": KEPT}
    return match_measurements(log, land(), plan, **(settings | other))


def _field(rng: np.random.Generator, sigma_db: float, correlated_m: float) -> FloatArray:
    field = gaussian_filter(rng.normal(size=GRID.shape), correlated_m / GRID.cell_m, mode="wrap")
    return np.asarray(field / field.std() * sigma_db)
