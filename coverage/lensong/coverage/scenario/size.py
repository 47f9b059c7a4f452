"""How large a plan is, told before the land is read."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

from pyproj import Transformer

from lensong.coverage.network import Network
from lensong.coverage.scenario.load import Scenario
from lensong.gis_data.reading import grid_of
from lensong.propagation.types import Grid

__all__ = ["PlanSize", "size_of"]

_CPU_S_PER_PIXEL = 1.7e-6
"""Of a sweep, with all that follows: the Cévennes at 30 m on a 2-core EPYC of 2.5 GHz [s]."""

_CPU_S_PER_CELL = 2e-6
"""Of the files of a province of 25 million cells, which took about 45 CPU-s [s].

Where masts are dense that is in the other figure, too, and small beside it.
"""

_BYTES_PER_CELL = 100.0
"""Peak memory of a province of 25 million cells with 4G and 5G, 100 masts, causes included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSize:
    """What a plan asks of a machine, within a factor of two.

    Parameters
    ----------
    grid : Grid
    sweeps : int
    cpu_s : float
        Of one processor, where nothing is in the cache [s].
    memory_bytes : float
    """

    grid: Grid
    sweeps: int
    cpu_s: float
    memory_bytes: float

    @property
    def cells(self) -> int:
        """Return the cells of the grid."""
        return self.grid.rows * self.grid.cols


def size_of(scenario: Scenario, network: Network) -> PlanSize:
    """Return how large the plan of a scenario is.

    Raises
    ------
    LensongError
        There is no grid over the area: it is too large, or its coordinate system does not fit.
    """
    margin_m = max((cell.radius_m for cell in network.cells), default=0.0)
    grid = grid_of(scenario.land, margin_m=margin_m)
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    lon_lat = ([m.lon_deg for m in network.masts], [m.lat_deg for m in network.masts])
    inside = {
        mast.mast_id
        for mast, x, y in zip(network.masts, *to_grid.transform(*lon_lat), strict=True)
        if grid.surrounds(x, y)
    }
    radius_m: dict[tuple[str, float, float], float] = {}
    for cell in network.cells:
        if cell.mast_id in inside:
            key = (cell.mast_id, cell.height_agl_m, cell.carrier.downlink_freq_mhz)
            radius_m[key] = max(radius_m.get(key, 0.0), cell.radius_m)
    cells = grid.rows * grid.cols
    pixels = sum(min(pi * (radius / grid.cell_m) ** 2, cells) for radius in radius_m.values())
    return PlanSize(
        grid=grid,
        sweeps=len(radius_m),
        cpu_s=pixels * _CPU_S_PER_PIXEL + cells * _CPU_S_PER_CELL,
        memory_bytes=cells * _BYTES_PER_CELL,
    )
