"""Synthetic villages that lack their service by one cause each, which is known.

One mast, one village, gently rolling ground; without the cause the village is covered. Every draw
is that of its seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
from pyproj import Transformer
from shapely.geometry import Point

from lensong.coverage.antenna import sector_3gpp
from lensong.coverage.causes.settings import CauseSettings
from lensong.coverage.cellplan.carriers import parse_carrier
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.plan import plan
from lensong.coverage.result import PlanResult
from lensong.coverage.service import Handset, Service
from lensong.coverage.villages import ClassThresholds
from lensong.gis_data.land import Land
from lensong.propagation.types import Float32Array, Grid

GRID = Grid(crs="EPSG:32648", west_m=360_000.0, north_m=2_470_000.0, cell_m=90.0, rows=60, cols=300)
SERVICE = Service(name="stream", downlink_mbps=30.0, uplink_mbps=1.0)
MAST_COL = 15
CAUSES = (
    "terrain",
    "clutter",
    "antenna",
    "interference",
    "load",
    "uplink",
    "indoor",
    "distance",
)


@dataclass(frozen=True, slots=True)
class Planted:
    """A scene and the cause that it has."""

    cause: str
    seed: int
    land: Land
    network: Network
    handset: Handset

    def plan(self, *, workers: int = 1) -> PlanResult:
        """Return the plan with the causes of its gaps, nothing tried against them."""
        return plan(
            self.land,
            self.network,
            title="Planted",
            services=[SERVICE],
            handset=self.handset,
            classes=ClassThresholds(service=SERVICE.name),
            causes=CauseSettings(counterfactuals=0),
            workers=workers,
        )


def planted(cause: str, seed: int) -> Planted:
    """Return the scene of a cause; with cause ``""`` the same scene without."""
    draw = np.random.default_rng(seed)
    row = int(draw.integers(24, 36))
    far = float(draw.uniform(3500.0, 5500.0))
    farther = float(draw.uniform(18_000.0, 23_000.0))
    high, wide, where = (
        draw.uniform(150.0, 400.0),
        draw.uniform(150.0, 400.0),
        draw.uniform(0.4, 0.6),
    )
    trees, turned = draw.uniform(15.0, 30.0), draw.uniform(-40.0, 40.0)
    weak_dbm, rolling = draw.uniform(-12.0, -4.0), draw.uniform(0.0, 1.5)
    col = MAST_COL + round((farther if cause == "distance" else far) / GRID.cell_m)
    rows, cols = np.mgrid[0 : GRID.rows, 0 : GRID.cols].astype(float)
    ground = 500.0 + rolling * np.sin(rows / 7.0) * np.sin(cols / 9.0)
    if cause == "terrain":
        crest = MAST_COL + where * (col - MAST_COL)
        ground = ground + high * np.exp(-(((cols - crest) * GRID.cell_m / wide) ** 2))
    clutter = None
    if cause == "clutter":
        clutter = np.where(cols > MAST_COL + 3, trees, 0.0).astype(np.float32)
    masts, cells = _mast("M", 30, MAST_COL, 90.0)
    if cause == "antenna":
        cells = [replace(c, azimuth_deg=270.0 + turned) for c in cells]
    if cause == "load":
        cells = [replace(c, downlink_load=1.0) for c in cells]
    if cause == "interference":
        other, loud = _mast("L", 30, col + round(1.3 * (col - MAST_COL)), 270.0)
        masts, cells = masts + other, cells + [replace(c, downlink_load=1.0) for c in loud]
    handset = Handset(
        tx_power_dbm=float(weak_dbm) if cause == "uplink" else 23.0,
        indoor="efficient" if cause == "indoor" else "none",
    )
    return Planted(
        cause=cause,
        seed=seed,
        land=_land(ground.astype(np.float32), clutter, row, col),
        network=Network(masts=tuple(masts), cells=tuple(cells)),
        handset=handset,
    )


def scenes(count: int) -> Iterator[Planted]:
    """Yield scenes, the causes in turn."""
    for seed in range(count):
        yield planted(CAUSES[seed % len(CAUSES)], seed)


def _mast(name: str, row: int, col: int, azimuth_deg: float) -> tuple[list[Mast], list[Cell]]:
    lon, lat = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True).transform(
        *GRID.easting_northing(row, col)
    )
    mast = Mast(mast_id=name, lat_deg=lat, lon_deg=lon, height_agl_m=30.0)
    cell = Cell(
        cell_id=f"{name}-1",
        mast_id=name,
        carrier=parse_carrier("4G B3 20 MHz"),
        antenna=sector_3gpp(),
        azimuth_deg=azimuth_deg,
        mechanical_downtilt_deg=1.0,
        height_agl_m=30.0,
        total_power_dbm=46.0,
        downlink_load=0.2,
        uplink_noise_rise_db=1.0,
        granted_uplink_resource_blocks=50,
        radius_m=25_000.0,
    )
    return [mast], [cell]


def _land(ground_m: Float32Array, clutter_m: Float32Array | None, row: int, col: int) -> Land:
    x, y = GRID.easting_northing(row, col)
    points = gpd.GeoSeries([Point(x, y)], crs=GRID.crs)
    lon_lat = points.to_crs(4326)
    villages = gpd.GeoDataFrame(
        {
            "village_id": ["v"],
            "name": ["Planted"],
            "commune": "",
            "commune_code": "",
            "province": "",
            "population": [100.0],
            "centre_easting_m": [x],
            "centre_northing_m": [y],
            "lat_deg": lon_lat.y.to_numpy(),
            "lon_deg": lon_lat.x.to_numpy(),
            "footprint": "disc",
        },
        geometry=points.buffer(200.0),
        crs=GRID.crs,
    )
    return Land(
        grid=GRID,
        ground_m=ground_m,
        clutter_m=clutter_m,
        clutter_class=None,
        population=None,
        aoi=np.ones(GRID.shape, np.uint8),
        villages=villages,
        communes=None,
        synthetic=True,
    )
