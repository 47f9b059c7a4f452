"""The chance of service on real land of high relief, against 100,000 draws at each place.

python -m pytest benchmarks/test_chance_accuracy.py -m benchmark -s

Land: Big Tujunga, San Gabriel Mountains (SRTM, 643 x 1197 pixels of 30 m, here every second one).
Masts: invented, on summits and in valleys of that land, of two operators with unlike carriers and
loads. Services and phone are the defaults.
"""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from scipy.ndimage import maximum_filter, minimum_filter
from terrain import SHARED

from lensong.coverage.antenna import gain_dbi, sector_3gpp
from lensong.coverage.cellplan import parse_carrier
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layers import make_layers
from lensong.coverage.link_budget import cell_budget, rsrp_dbm
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.service import DEFAULT_SERVICES, Handset
from lensong.coverage.shadowing import Shadowing
from lensong.coverage.sweeps import PackedSweep
from lensong.propagation.sweep import sweep_carriers
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import FloatArray, Grid
from tests.test_coverage.shadowed_twin import slow_chance

CELL_M = 60.0
RADIUS_M = 12_000.0
PLACES = 200
CARRIERS = {
    "north": ("4G B28 10 MHz", "4G B3 20 MHz", "5G n78 100 MHz"),
    "south": ("4G B20 10 MHz", "4G B7 20 MHz"),
}
HANDSET = Handset()
Rides = list[tuple[tuple[int, ...], PackedSweep]]


def mast_pixels(ground_m: FloatArray) -> list[tuple[int, int]]:
    """Return summits and valley floors, each the extreme of 3.7 km around, away from the rim."""
    kernel = 61
    found = []
    for extreme in (maximum_filter(ground_m, kernel), minimum_filter(ground_m, kernel)):
        rows, cols = np.nonzero(ground_m == extreme)
        inner = (rows > 20) & (rows < ground_m.shape[0] - 20)
        inner &= (cols > 20) & (cols < ground_m.shape[1] - 20)
        apart: list[tuple[int, int]] = []
        for row, col in zip(rows[inner].tolist(), cols[inner].tolist(), strict=True):
            if all(np.hypot(row - r, col - c) > 10 for r, c in apart):
                apart.append((row, col))
        found += apart
    return found


def land() -> tuple[Grid, FloatArray]:
    path = SHARED / "data" / "dem-big-tujunga-30m" / "bigtujunga.tif"
    if not path.exists():
        pytest.skip("../shared with the Big Tujunga elevation is not beside the checkout")
    with rasterio.open(path) as source:
        ground_m = source.read(1)[::2, ::2].astype(np.float64)
        grid = Grid(
            crs=str(source.crs),
            west_m=source.transform.c,
            north_m=source.transform.f,
            cell_m=CELL_M,
            rows=ground_m.shape[0],
            cols=ground_m.shape[1],
        )
    return grid, ground_m


def network_of(grid: Grid, pixels: list[tuple[int, int]]) -> Network:
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    masts, cells = [], []
    for number, (row, col) in enumerate(pixels):
        lon, lat = to_degrees.transform(*grid.easting_northing(row, col))
        name = f"M{number:02}"
        masts.append(Mast(mast_id=name, lat_deg=lat, lon_deg=lon, height_agl_m=30.0))
        operators = list(CARRIERS) if number % 4 == 0 else [list(CARRIERS)[number % 2]]
        for operator in operators:
            # a third of the sites has its first carrier only
            for carrier in map(parse_carrier, CARRIERS[operator][: 1 if number % 3 == 2 else None]):
                for azimuth in (30.0, 150.0, 270.0):
                    cells.append(
                        Cell(
                            cell_id=f"{name}-{operator}-{carrier.name}-{azimuth:g}",
                            mast_id=name,
                            operator=operator,
                            carrier=carrier,
                            antenna=sector_3gpp(),
                            azimuth_deg=azimuth,
                            mechanical_downtilt_deg=3.0,
                            height_agl_m=30.0,
                            total_power_dbm=46.0,
                            downlink_load=(0.3, 0.5, 0.8)[number % 3],
                            granted_uplink_resource_blocks=carrier.resource_blocks // 2,
                            radius_m=RADIUS_M,
                        )
                    )
    return Network(masts=tuple(masts), cells=tuple(cells))


def sweeps_of(network: Network, pixels: list[tuple[int, int]], ground_m: FloatArray) -> Rides:
    terrain = Terrain(ground_m=ground_m.astype(np.float32), cell_m=CELL_M)
    rides: Rides = []
    for mast, (row, col) in zip(network.masts, pixels, strict=True):
        together: dict[float, list[int]] = {}
        for index, cell in enumerate(network.cells):
            if cell.mast_id == mast.mast_id:
                together.setdefault(cell.carrier.downlink_freq_mhz, []).append(index)
        requests = [
            SweepRequest(
                row=float(row),
                col=float(col),
                tx_height_agl_m=30.0,
                rx_height_agl_m=HANDSET.height_agl_m,
                freq_mhz=freq_mhz,
                radius_m=RADIUS_M,
                delta_n_per_km=45.0,
                n0=330.0,
                tx_lat_deg=mast.lat_deg,
            )
            for freq_mhz in together
        ]
        swept = sweep_carriers(requests, terrain, model="itu_r_p1812", workers=2)
        for indices, result in zip(together.values(), swept, strict=True):
            lost = np.isnan(result.path_loss_db)
            loss = np.where(lost, 655.35, np.clip(result.path_loss_db, 0.0, 655.34))

            def packed(part: FloatArray, kind: type, lost: FloatArray = lost) -> FloatArray:
                return np.asarray(np.rint(100.0 * np.where(lost, 0.0, part)).astype(kind))

            rides.append(
                (
                    tuple(indices),
                    PackedSweep(
                        row0=result.row0,
                        col0=result.col0,
                        mast_row=float(row),
                        mast_col=float(col),
                        cell_m=CELL_M,
                        loss_cdb=np.rint(100.0 * loss).astype(np.uint16),
                        departure_cdeg=packed(result.departure_deg, np.int16),
                        diffraction_cdb=packed(result.diffraction_db, np.uint16),
                        terrain_cdb=packed(result.terrain_db, np.uint16),
                    ),
                )
            )
    return rides


def levels_at(model: LayerModel, network: Network, rides: Rides, row: int, col: int) -> FloatArray:
    """Return the level of every cell at one pixel, by the public functions."""
    level = np.full(len(network.cells), np.nan)
    for indices, sweep in rides:
        i, j = row - sweep.row0, col - sweep.col0
        height, width = sweep.loss_cdb.shape
        if not (0 <= i < height and 0 <= j < width) or sweep.loss_cdb[i, j] == 65535:
            continue
        east, north = col - sweep.mast_col, sweep.mast_row - row
        if np.hypot(east, north) * CELL_M > RADIUS_M:
            continue
        for k in indices:
            cell = network.cells[k]
            bearing = np.degrees(np.arctan2(east, north)) + model.turn_deg[cell.mast_id]
            gain = gain_dbi(
                cell.antenna,
                azimuth_deg=bearing if (east, north) != (0.0, 0.0) else 0.0,
                elevation_deg=float(sweep.departure_cdeg[i, j]) / 100.0,
                boresight_azimuth_deg=cell.azimuth_deg,
                mechanical_downtilt_deg=cell.mechanical_downtilt_deg,
            )
            level[k] = rsrp_dbm(
                cell_budget(cell, HANDSET).reference_signal_power_dbm,
                gain_dbi=gain,
                path_loss_db=float(sweep.loss_cdb[i, j]) / 100.0,
                feeder_loss_db=cell.feeder_loss_db,
                body_loss_db=HANDSET.body_loss_db,
            )
    return level


@pytest.mark.benchmark
def test_chances_beside_a_hundred_thousand_draws() -> None:
    grid, ground_m = land()
    pixels = mast_pixels(ground_m)
    network = network_of(grid, pixels)
    rides = sorted(sweeps_of(network, pixels, ground_m), key=lambda ride: ride[1].mast_col)
    shadowing = Shadowing(sigma_db=8.06)
    model = LayerModel.build(grid.crs, network, HANDSET, DEFAULT_SERVICES, shadowing)
    windows = [
        (s.row0, s.col0, s.row0 + s.loss_cdb.shape[0], s.col0 + s.loss_cdb.shape[1])
        for _, s in rides
    ]
    layers = make_layers(grid, model, rides=iter(rides), planned=windows)
    errors, open_ones = [], 0
    for row, col in np.random.default_rng(1).integers(0, grid.shape, (PLACES, 2)).tolist():
        level = levels_at(model, network, rides, row, col)
        for name, operator in layers.operators.items():
            if not any(
                np.isfinite(level[k]) for k, c in enumerate(network.cells) if c.operator == name
            ):
                continue
            wanted = slow_chance(
                network, level, HANDSET, DEFAULT_SERVICES, shadowing, operator=name
            )
            for service, chance in zip(DEFAULT_SERVICES, wanted, strict=True):
                found = float(operator.services[service.name].probability[row, col])
                errors.append(abs(found - chance))
                open_ones += 0.01 < chance < 0.99
    print(
        f"\n{len(network.masts)} masts, {len(network.cells)} cells, {PLACES} places: "
        f"{len(errors)} chances, {open_ones} of them between 0.01 and 0.99; |P - drawn| "
        f"median {np.median(errors):.4f}, p95 {np.quantile(errors, 0.95):.4f}, "
        f"max {max(errors):.4f}"
    )
    assert np.quantile(errors, 0.95) <= 0.02
    assert max(errors) <= 0.05
