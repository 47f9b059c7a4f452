"""Compile what a plan needs, on a few cells of flat land, so that nobody waits without knowing."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from lensong.coverage.antenna import omni
from lensong.coverage.causes.paths import End, path_states
from lensong.coverage.cellplan import parse_carrier
from lensong.coverage.interval_kernels import add_served
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layers import job_window, make_layers
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.plane_codec import pack_plane, unpack_plane
from lensong.coverage.service import DEFAULT_SERVICES, Handset
from lensong.coverage.shadowing import Shadowing
from lensong.coverage.streams.heard import Heard
from lensong.coverage.streams.settings import StreamSettings
from lensong.coverage.streams.table import stream_table
from lensong.coverage.sweeps import PropagationSettings, run_sweeps, sweep_jobs
from lensong.coverage.village_weights import VillageWeights
from lensong.gis_data.land import Land
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Grid

__all__ = ["compile_kernels"]


def compile_kernels(propagation: PropagationSettings | None = None) -> None:
    """Compile the kernels of sweeps, layers, streams and causes, or load what was compiled before.

    The first call on a machine takes some tens of seconds, later ones under a second: compiled
    code is kept beside the package, or in the user's cache where that cannot be written.
    """
    settings = propagation or PropagationSettings()
    grid = Grid(
        crs="EPSG:32648", west_m=360_000.0, north_m=2_475_000.0, cell_m=30.0, rows=40, cols=40
    )
    land = Land(
        grid=grid,
        ground_m=np.zeros(grid.shape, dtype=np.float32),
        clutter_m=np.zeros(grid.shape, dtype=np.float32),
        clutter_class=None,
        population=None,
        aoi=np.ones(grid.shape, dtype=np.uint8),
        villages=gpd.GeoDataFrame(),
        communes=None,
    )
    carrier = parse_carrier("4G B3 20 MHz")
    place = gpd.GeoSeries(
        gpd.points_from_xy(*([x] for x in grid.easting_northing(20.0, 20.0))), crs=grid.crs
    ).to_crs(4326)
    mast = Mast(mast_id="M", lat_deg=place.y.iloc[0], lon_deg=place.x.iloc[0], height_agl_m=30.0)
    cell = Cell(
        cell_id="C",
        mast_id="M",
        carrier=carrier,
        antenna=omni(),
        azimuth_deg=0.0,
        height_agl_m=30.0,
        total_power_dbm=46.0,
        granted_uplink_resource_blocks=carrier.resource_blocks // 2,
        radius_m=500.0,
    )
    network = Network(masts=(mast,), cells=(cell,))
    jobs = sweep_jobs(network, land)
    runs = run_sweeps(jobs, land, settings, rx_height_agl_m=1.5, cache=None, workers=1)
    model = LayerModel.build(
        grid.crs,
        network,
        Handset(),
        DEFAULT_SERVICES,
        Shadowing(sigma_db=settings.total_sigma_db),
    )
    village = VillageWeights(
        pixel=np.array([20 * grid.cols + 28], dtype=np.int64),
        weight=np.ones(1),
        people=1.0,
        weighting="area",
    )
    heard = Heard([village], grid, model)
    known = np.ones((2, 2), dtype=np.bool_)
    unpack_plane(pack_plane(np.ones((2, 2), dtype=np.int32), known), known)
    pixel, number, draws = np.zeros(1), np.zeros(1, dtype=np.int64), np.zeros((1, 2))
    add_served(
        pixel, pixel, pixel, pixel, number, number, draws[0], draws, draws, draws, (0.5, 0.5),
        np.zeros(2),
    )  # fmt: skip
    start, end = (
        End(row=20.0, col=col, lat_deg=mast.lat_deg, lon_deg=mast.lon_deg, height_agl_m=height_m)
        for col, height_m in ((20.0, 30.0), (30.0, 1.5))
    )
    path_states(
        Terrain(ground_m=land.ground_m, clutter_m=land.clutter_m, cell_m=grid.cell_m),
        start,
        end,
        jobs[0].freq_mhz,
        settings,
    )
    make_layers(
        grid,
        model,
        rides=((job.cells, packed) for job, packed, _ in runs),
        planned=[job_window(job, grid) for job in jobs],
        heard=heard,
    )
    stream_table(
        pd.DataFrame({"village_id": ["V"], "name": ["V"]}),
        heard,
        model,
        StreamSettings(most=2),
        model_sigma_db=settings.model_sigma_db,
    )
