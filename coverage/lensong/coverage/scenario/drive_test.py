"""A drive test, and the land under it, read from files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pyproj import Transformer

from lensong.coverage.measured_paths import Ground
from lensong.coverage.measurements import MeasurementOptions, Measurements, read_measurements
from lensong.gis_data.elevation import open_elevation, read_elevation
from lensong.gis_data.gridding import grid_over, utm_crs
from lensong.gis_data.landcover import read_land_cover
from lensong.gis_data.mosaic import check_overlap, scratch_folder
from lensong.gis_data.tables import read_table
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["read_drive_test", "read_measured_ground"]

_MARGIN_CELLS = 4


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
    source = open_elevation(list(elevation))
    crs = utm_crs(float(np.median(lat_deg)), float(np.median(lon_deg)))
    to_grid = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    east, north = (np.asarray(axis) for axis in to_grid.transform(lon_deg, lat_deg))
    corner = source.lattice_corner(crs, resolution_m)
    grid = grid_over(
        (float(east.min()), float(north.min()), float(east.max()), float(north.max())),
        crs=crs,
        cell_m=resolution_m,
        margin_m=_MARGIN_CELLS * resolution_m,
        corner_m=(0.0, 0.0) if corner is None else corner,
    )
    check_overlap(source.files, grid, role="elevation")
    wanted = np.ones(grid.shape, dtype=np.uint8)
    with scratch_folder() as folder:
        found = read_elevation(
            source,
            grid,
            aoi=wanted,
            scratch=Path(folder),
            max_void_share=1.0,  # paths over missing ground are left out and counted
            progress=None if progress is None else lambda share: progress("elevation", share),
        )
        if land_cover is None:
            ground = Ground(grid=grid, ground_m=found.ground_m)
            return ground, found.assumptions, found.warnings
        cover = read_land_cover(
            [land_cover],
            grid,
            scratch=Path(folder),
            table=land_cover_table,
            progress=None if progress is None else lambda share: progress("land cover", share),
        )
    doubled = (
        ("Land cover was added to a surface model: trees and roofs count twice.",)
        if source.surface_model
        else ()
    )
    ground = Ground(
        grid=grid,
        ground_m=found.ground_m,
        clutter_m=cover.clutter_m,
        clutter_class=cover.class_code,
        clutter_names=cover.names,
    )
    return (
        ground,
        (*found.assumptions, *cover.assumptions),
        (*found.warnings, *cover.warnings, *doubled),
    )
