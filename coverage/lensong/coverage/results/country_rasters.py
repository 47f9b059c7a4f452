"""The main layers of several results as one map each, and a QGIS project that opens them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from shapely.geometry.base import BaseGeometry

from lensong.coverage.results import files
from lensong.coverage.results.qgis import country_layers, raster_groups, style_step
from lensong.gis_data.atomic import write_error
from lensong.gis_data.qgis_project import write_qgis_project
from lensong.gis_data.raster_mosaic import MosaicPart, common_grid, lies_on, write_mosaic
from lensong.propagation.errors import DataError
from lensong.propagation.types import Grid

__all__ = ["AreaRasters", "Mosaics", "grid_of", "write_mosaics"]

_MAIN = (
    "level_dbm", files.RSRP_DBM, files.SINR_DB, files.DOWNLINK_MBPS, files.UPLINK_MBPS,
    files.probability_layer(""),
)  # fmt: skip
"""How the names of the layers begin; a serving cell is numbered within its result alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaRasters:
    """The rasters of one result.

    Parameters
    ----------
    folder : Path
    grid : Grid
    outline : geometry or None
        Of the area, in the system of the grid; None where it is not known.
    synthetic : bool
    """

    folder: Path
    grid: Grid
    outline: BaseGeometry | None
    synthetic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosaics:
    """What was written.

    Parameters
    ----------
    folder : str
        Beside the folders of the results.
    names : tuple of str
        Of the mosaics, within that.
    crs : str
    cell_m : float
    moved : tuple of str
        Areas whose cells do not lie on the common grid: each place shows the nearest of them.
    whole : tuple of str
        Areas of which no outline is known: all of their grid is shown.
    """

    folder: str
    names: tuple[str, ...]
    crs: str
    cell_m: float
    moved: tuple[str, ...]
    whole: tuple[str, ...]


def write_mosaics(country: Path, areas: Sequence[AreaRasters]) -> Mosaics:
    """Write a mosaic of each main layer over the rasters of several results.

    Parameters
    ----------
    country : Path
        Holds the folders of the results.
    areas : sequence of AreaRasters

    Raises
    ------
    DataError
        The folder cannot be written, or a result is called like that of the mosaics.
    """
    if any(area.folder.name == files.COUNTRY_RASTERS for area in areas):
        raise DataError(
            f"a result is called {files.COUNTRY_RASTERS}, as the folder of the maps of all is: "
            "rename its scenario"
        )
    whole = common_grid([area.grid for area in areas])
    place = country / files.COUNTRY_RASTERS
    part = country / f".{uuid4().hex[:12]}.part"  # as deep: paths in it stay right
    synthetic = "; SYNTHETIC DATA" if any(area.synthetic for area in areas) else ""
    moved = tuple(area.folder.name for area in areas if not lies_on(area.grid, whole))
    try:
        part.mkdir(parents=True)
        names = []
        for layer in _layers(areas):
            held = [area for area in areas if (area.folder / layer).is_file()]
            name = f"{Path(layer).stem}.vrt"
            write_mosaic(
                part / name,
                [
                    MosaicPart(
                        name=area.folder.name,
                        path=area.folder / layer,
                        grid=area.grid,
                        outline=area.outline,
                    )
                    for area in held
                ],
                whole,
                note=f", {len(held)} areas{synthetic}",
            )
            names.append(name)
        for style, write in map(style_step, names):
            write(part / style)
        _swap(part, place)
        write_qgis_project(
            country / files.COUNTRY_PROJECT,
            [
                *country_layers(),
                *raster_groups(country, [f"{place.name}/{name}" for name in names]),
            ],
            title=country.name,
            crs=whole.crs,
            view=whole.bounds_m,
        )
    except OSError as error:
        raise write_error(place, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Mosaics(
        folder=place.name,
        names=tuple(names),
        crs=whole.crs,
        cell_m=whole.cell_m,
        moved=moved,
        whole=tuple(area.folder.name for area in areas if area.outline is None),
    )


def grid_of(folder: Path) -> Grid:
    """Return the grid of a result on disk.

    Raises
    ------
    DataError
        Its record is damaged.
    """
    record = folder / files.RUN
    try:
        return Grid(**json.loads(record.read_text("utf-8"))["grid"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{record} is damaged ({error}): plan that scenario again") from error


def _layers(areas: Sequence[AreaRasters]) -> Iterator[str]:
    """Yield the files of the main layers that any result has."""
    found = {path.name for area in areas for path in area.folder.glob("[45]g_*.tif")}
    for begin in _MAIN:
        for name in sorted(found):
            layer = Path(name).stem.partition("_")[2]
            if layer == begin or (begin.endswith("_") and layer.startswith(begin)):
                yield name


def _swap(part: Path, place: Path) -> None:
    """Put a folder where an older one may stand."""
    older = part.with_suffix(".old")
    if place.exists():
        place.rename(older)
    part.rename(place)
    shutil.rmtree(older, ignore_errors=True)
