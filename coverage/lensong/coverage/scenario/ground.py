"""The land around a few places, read from files without a scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from pyproj import Transformer

from lensong.coverage.measured_paths import Ground
from lensong.gis_data.clutter_heights import over_classes, read_clutter_heights
from lensong.gis_data.elevation import open_elevation, read_elevation
from lensong.gis_data.gridding import grid_over, utm_crs
from lensong.gis_data.landcover import read_land_cover
from lensong.gis_data.mosaic import check_overlap, scratch_folder

__all__ = ["read_ground"]

_MARGIN_CELLS = 4


def read_ground(
    lat_deg: ArrayLike,
    lon_deg: ArrayLike,
    elevation: Sequence[Path],
    *,
    resolution_m: float,
    land_cover: Path | None = None,
    land_cover_table: Path | None = None,
    clutter_heights: Sequence[Path] = (),
    clutter_heights_kind: str = "above_ground",
    progress: Callable[[str, float], None] | None = None,
) -> tuple[Ground, tuple[str, ...], tuple[str, ...]]:
    """Return the ground around places, what was assumed in it, and warnings.

    Parameters
    ----------
    lat_deg, lon_deg : shape (n,)
        WGS 84 [deg]; the ground reaches a little beyond all of them.
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
    lat, lon = np.asarray(lat_deg, dtype=np.float64), np.asarray(lon_deg, dtype=np.float64)
    source = open_elevation(list(elevation))
    crs = utm_crs(float(np.median(lat)), float(np.median(lon)))
    to_grid = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    east, north = (np.asarray(axis) for axis in to_grid.transform(lon, lat))
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
        heights = None
        if clutter_heights:
            heights = read_clutter_heights(
                clutter_heights,
                grid,
                kind=clutter_heights_kind,
                terrain=source,
                scratch=Path(folder),
                progress=None if progress is None else lambda share: progress("heights", share),
            )
        cover = None
        if land_cover is not None:
            cover = read_land_cover(
                [land_cover],
                grid,
                scratch=Path(folder),
                table=land_cover_table,
                progress=None if progress is None else lambda share: progress("land cover", share),
            )
    clutter_m = None if cover is None else cover.clutter_m
    assumptions, warnings = found.assumptions, found.warnings
    if cover is not None:
        assumptions, warnings = assumptions + cover.assumptions, warnings + cover.warnings
    if heights is not None:
        clutter_m, told = over_classes(heights, clutter_m)
        assumptions, warnings = (*assumptions, f"{told}."), warnings + heights.warnings
    if cover is not None and source.surface_model:
        doubled = "Land cover was added to a surface model: trees and roofs count twice."
        warnings = (*warnings, doubled)
    ground = Ground(
        grid=grid,
        ground_m=found.ground_m,
        clutter_m=clutter_m,
        clutter_class=None if cover is None else cover.class_code,
        clutter_names={} if cover is None else cover.names,
    )
    return ground, assumptions, warnings
