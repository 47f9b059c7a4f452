"""Carriers, masts, cells and invented sweeps of which tests make layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pyproj import Transformer

from lensong.coverage.antenna import omni
from lensong.coverage.network import Carrier, Cell, Mast
from lensong.coverage.service import Handset
from lensong.coverage.sweeps import NO_LOSS, PackedSweep
from lensong.propagation.types import Grid

GRID = Grid(crs="EPSG:32648", west_m=300_000.0, north_m=2_480_000.0, cell_m=100.0, rows=40, cols=50)
LTE = Carrier(
    name="B3 1800",
    technology="4G",
    downlink_freq_mhz=1842.5,
    uplink_freq_mhz=1747.5,
    bandwidth_mhz=20.0,
    subcarrier_spacing_khz=15.0,
    resource_blocks=100,
    duplex="FDD",
)
LTE_LOW = replace(
    LTE,
    name="B28 700",
    downlink_freq_mhz=773.0,
    uplink_freq_mhz=718.0,
    bandwidth_mhz=10.0,
    resource_blocks=50,
)
NR = Carrier(
    name="n78",
    technology="5G",
    downlink_freq_mhz=3750.0,
    uplink_freq_mhz=3750.0,
    bandwidth_mhz=100.0,
    subcarrier_spacing_khz=30.0,
    resource_blocks=273,
    duplex="TDD",
    uplink_share=0.25,
    downlink_share=0.75,
)
HANDSET = Handset(body_loss_db=2.0)


def make_mast(name: str, row: float, col: float) -> Mast:
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(*GRID.easting_northing(row, col))
    return Mast(mast_id=name, lat_deg=lat, lon_deg=lon, height_agl_m=30.0)


def make_cell(name: str, mast: str, carrier: Carrier = LTE, **changes: object) -> Cell:
    fields: dict[str, object] = {
        "cell_id": name,
        "mast_id": mast,
        "carrier": carrier,
        "antenna": omni(),
        "azimuth_deg": 0.0,
        "height_agl_m": 30.0,
        "total_power_dbm": 46.0,
        "granted_uplink_resource_blocks": 25,
        "radius_m": 50_000.0,
    }
    return Cell(**(fields | changes))  # type: ignore[arg-type]  # fields by name, as the test says


def make_sweep(
    row: float,
    col: float,
    *,
    seed: int = 0,
    roughness_db: float = 40.0,
    row0: int = 0,
    col0: int = 0,
    loss_db: float | None = None,
) -> PackedSweep:
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[row0 : GRID.rows, col0 : GRID.cols]
    distance_km = np.maximum(np.hypot(rows - row, cols - col) * GRID.cell_m, 30.0) / 1000.0
    loss = 110.0 + 25.0 * np.log10(distance_km) + rng.uniform(0.0, roughness_db, rows.shape)
    if loss_db is not None:
        loss = np.full(rows.shape, loss_db)
    packed = np.rint(loss * 100.0).astype(np.uint16)
    packed[distance_km > 2.4] = NO_LOSS
    terrain = rng.integers(0, 3000, rows.shape)
    return PackedSweep(
        row0=row0,
        col0=col0,
        mast_row=row,
        mast_col=col,
        cell_m=GRID.cell_m,
        loss_cdb=packed,
        departure_cdeg=rng.integers(-1500, 1500, rows.shape).astype(np.int16),
        diffraction_cdb=(terrain + rng.integers(0, 2000, rows.shape)).astype(np.uint16),
        terrain_cdb=terrain.astype(np.uint16),
    )
