"""Real terrain for the benchmarks, or a reason why there is none."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from terrain import DEM, SHARED

from lensong.propagation.terrain import Terrain


@pytest.fixture(scope="session")
def cevennes() -> Terrain:
    """Return the real 30 m terrain of the Cévennes, bare."""
    path = SHARED / DEM
    if not path.exists():
        pytest.skip("../shared with the Cévennes elevation is not beside the checkout")
    with rasterio.open(path) as source:
        return Terrain(ground_m=source.read(1).astype(np.float32), cell_m=30.0)
