"""Drive tests read from files, and where their paths lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lensong.coverage.drive.log import DriveLog, LogOptions, read_logs
from lensong.coverage.measurements import MeasurementOptions, Measurements, read_measurements
from lensong.gis_data.lists import read_list
from lensong.gis_data.tables import read_table
from lensong.propagation.errors import ConfigError, DataError
from lensong.propagation.types import FloatArray

__all__ = ["places_of", "read_drive_logs", "read_drive_test"]


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


def read_drive_logs(
    paths: Sequence[Path], options: LogOptions | None = None, *, layer: str = ""
) -> DriveLog:
    """Return the levels in the logs of a drive test, see `read_logs`.

    Parameters
    ----------
    paths : sequence of Path
        Tables of any kind that `lensong.gis_data.lists.read_list` reads.
    options : LogOptions, optional
    layer : str
        Of a GeoPackage or workbook with several.

    Raises
    ------
    DataError, ConfigError
        A file cannot be read, or does not say what it has to.
    """
    twice = [str(path) for path in paths if sum(path == other for other in paths) > 1]
    if twice:
        raise ConfigError(f"{twice[0]} is given more than once: name each log once")
    for path in paths:
        if not path.exists():
            raise DataError(f"there is no file {path}: check the name of the log")
    return read_logs([(path.name, read_list(path, layer=layer)) for path in paths], options)


def places_of(measured: Measurements) -> tuple[FloatArray, FloatArray]:
    """Return latitude and longitude of both ends of all paths, for `read_ground` [deg].

    Raises
    ------
    ConfigError
        Some path has a distance and no positions.
    """
    lat_deg = np.concatenate([measured.tx_lat_deg, measured.rx_lat_deg])
    lon_deg = np.concatenate([measured.tx_lon_deg, measured.rx_lon_deg])
    if not (np.isfinite(lon_deg).all() and np.isfinite(lat_deg).all()):
        raise ConfigError(
            "some rows have a distance and no positions: a terrain profile needs both ends; "
            "leave --dem out, or give the positions"
        )
    return lat_deg, lon_deg
