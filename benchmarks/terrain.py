"""The Cévennes terrain of the benchmarks, its masts, and the single path to any pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lensong.propagation.p1812 import PathTerms, path_terms
from lensong.propagation.profile import path_profile
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Float32Array

DEM = Path("data") / "cevennes-end-to-end" / "dem_srtm1_utm31n_30m.tif"
SHARED = (Path(__file__).resolve().parents[1] / ".." / "shared").resolve()

MASTS = {  # row and column of real cell sites on that grid, none on a cell centre
    "valley": (1056.78, 596.75),
    "slope": (922.68, 535.43),
    "summit": (736.88, 380.65),
}


def patchwork_clutter(ground_m: Float32Array) -> Float32Array:
    """Return synthetic woods and hamlets of 10 and 15 m in patches of about 200 m."""
    rng = np.random.default_rng(20260101)
    coarse = rng.choice([0.0, 0.0, 10.0, 15.0], size=tuple(n // 7 + 1 for n in ground_m.shape))
    fine = np.kron(coarse, np.ones((7, 7)))[: ground_m.shape[0], : ground_m.shape[1]]
    return fine.astype(np.float32)


def sweep_request(mast: str, radius_m: float = 10_000.0, freq_mhz: float = 1800.0) -> SweepRequest:
    """Return the request of the figures in the README: 30 m mast, phone at 1.5 m."""
    row, col = MASTS[mast]
    return SweepRequest(
        row=row,
        col=col,
        tx_height_agl_m=30.0,
        rx_height_agl_m=1.5,
        freq_mhz=freq_mhz,
        radius_m=radius_m,
        delta_n_per_km=44.0,
        n0=330.0,
        tx_lat_deg=44.2,
    )


def own_profile_terms(
    terrain: Terrain, request: SweepRequest, row: int, col: int, step_m: float
) -> PathTerms:
    """Return the single path from the mast to a pixel centre, in steps of about ``step_m``."""
    profile = path_profile(
        terrain, row=request.row, col=request.col, end_row=row, end_col=col, step_m=step_m
    )
    return path_terms(
        profile,
        freq_mhz=request.freq_mhz,
        tx_height_agl_m=request.tx_height_agl_m,
        rx_height_agl_m=request.rx_height_agl_m,
        tx_lat_deg=request.tx_lat_deg,
        tx_lon_deg=3.7,
        rx_lat_deg=request.tx_lat_deg,
        rx_lon_deg=3.7 + 1e-9,
        delta_n_per_km=request.delta_n_per_km,
        n0=request.n0,
        time_percent=request.time_percent,
    )
