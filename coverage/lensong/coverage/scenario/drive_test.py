"""A drive test, and the land under it, read from files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lensong.coverage.measured_paths import Ground
from lensong.coverage.measurements import MeasurementOptions, Measurements, read_measurements
from lensong.coverage.scenario.ground import read_ground
from lensong.gis_data.tables import read_table
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["read_drive_test", "read_measured_ground"]


def read_drive_test(path: Path, options: MeasurementOptions) -> Measurements:
    """Return the measurements in a table, see `read_measurements`.

    Raises
    ------
    DataError
        The file cannot be read, or does not say what it has to.
    """
    table = read_table(path)
    try:
        return read_measurements(table, options)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def read_measured_ground(
    measured: Measurements,
    elevation: Sequence[Path],
    *,
    resolution_m: float,
    land_cover: Path | None = None,
    land_cover_table: Path | None = None,
    clutter_heights: Sequence[Path] = (),
    clutter_heights_kind: str = "above_ground",
    progress: Callable[[str, float], None] | None = None,
) -> tuple[Ground, tuple[str, ...], tuple[str, ...]]:
    """Return the ground around measured paths, what was assumed in it, and warnings.

    Parameters
    ----------
    measured : Measurements
        With positions of both ends.
    elevation : sequence of Path
        Files or folders.
    resolution_m : float
        Cell of the grid [m].
    land_cover, land_cover_table : Path, optional
        Class raster and its table; default table ESA WorldCover.
    clutter_heights, clutter_heights_kind : sequence of Path, str
        Heights of trees and houses, which win over those of classes; see
        `lensong.gis_data.clutter_heights.read_clutter_heights`.
    progress : callable, optional
        Called with the stage and its share done.
    """
    lon_deg = np.concatenate([measured.tx_lon_deg, measured.rx_lon_deg])
    lat_deg = np.concatenate([measured.tx_lat_deg, measured.rx_lat_deg])
    if not (np.isfinite(lon_deg).all() and np.isfinite(lat_deg).all()):
        raise ConfigError(
            "some rows have a distance and no positions: a terrain profile needs both ends; "
            "leave --dem out, or give the positions"
        )
    return read_ground(
        lat_deg,
        lon_deg,
        elevation,
        resolution_m=resolution_m,
        land_cover=land_cover,
        land_cover_table=land_cover_table,
        clutter_heights=clutter_heights,
        clutter_heights_kind=clutter_heights_kind,
        progress=progress,
    )
