"""Several results as one: a report above theirs, and their villages and sums in one place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.geometry.base import BaseGeometry

from lensong.coverage.report.country import Area, render_country
from lensong.coverage.report.headline import CLASSES
from lensong.coverage.results import files
from lensong.coverage.results.country_rasters import AreaRasters, grid_of, write_mosaics
from lensong.coverage.results.outcome import Outcome
from lensong.coverage.results.qgis import layer_styles, point_style
from lensong.coverage.results.tables import COMMUNES
from lensong.coverage.villages import column_suffix
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.vector_write import write_csv, write_geopackage
from lensong.propagation.errors import DataError

__all__ = ["write_country"]

_WGS84 = "EPSG:4326"
_SIMPLE_DEG = 0.002  # 200 m: a country fills a screen
_SHOWN = ("village_id", "name", "commune", "province", "people", "class", "reason")
"""Columns of the villages in the GeoPackage, beside the shares; the Parquet file has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What is taken of one result."""

    villages: gpd.GeoDataFrame
    gaps: gpd.GeoDataFrame
    outline: BaseGeometry
    communes: gpd.GeoSeries | None


def write_country(folder: Path, results: Sequence[tuple[Path, Outcome]]) -> tuple[list[Path], str]:
    """Write what stands above several results, and return its files and a note.

    Parameters
    ----------
    folder : Path
        Holds the folders of the results.
    results : sequence of (Path, Outcome)

    Returns
    -------
    list of Path, str
        The note says what was left out and why; empty where nothing was.

    Raises
    ------
    DataError
        The folder cannot be written, or a file of a result is damaged.
    """
    read = [_read(path) for path, _ in results]
    areas = [
        Area(
            name=path.name,
            outcome=outcome,
            outline=found.outline.simplify(_SIMPLE_DEG),
            link=f"{path.name}/{files.REPORT}",
        )
        for (path, outcome), found in zip(results, read, strict=True)
    ]
    villages = pd.concat([found.villages for found in read], ignore_index=True)
    written, note = [], ""
    if find_spec("pyarrow") is None:
        note = (
            f"{files.COUNTRY_VILLAGES} was not written: GeoParquet needs pyarrow, which comes with "
            "lensong's extra dask"
        )
    else:
        with atomic_path(folder / files.COUNTRY_VILLAGES) as part:
            villages.to_parquet(part, index=False)
        written.append(folder / files.COUNTRY_VILLAGES)
    table = _table(areas)
    layers = {
        "villages": _points(villages),
        "gaps": pd.concat([found.gaps for found in read], ignore_index=True),
        "areas": table,
    }
    styles = {**layer_styles(["gaps"]), "villages": point_style()}
    write_geopackage(folder / files.COUNTRY_VECTORS, layers, styles=styles)
    write_csv(folder / files.COUNTRY_AREAS, table)
    mosaics = write_mosaics(
        folder,
        [
            _rasters(path, found, outcome)
            for (path, outcome), found in zip(results, read, strict=True)
        ],
    )
    text = render_country(folder.name, areas, mosaics)
    with atomic_path(folder / files.REPORT, needed_bytes=len(text)) as part:
        part.write_text(text, encoding="utf-8")
    names = (
        files.COUNTRY_VECTORS, files.COUNTRY_AREAS, files.COUNTRY_PROJECT, files.REPORT,
    )  # fmt: skip
    maps = (folder / mosaics.folder / name for name in mosaics.names)
    return [*written, *maps, *(folder / name for name in names)], note


def _read(path: Path) -> _Read:
    vectors = path / files.VECTORS
    try:
        held = set(gpd.list_layers(vectors)["name"])
        villages, gaps = (
            gpd.read_file(vectors, layer=name).to_crs(_WGS84).assign(area=path.name)
            for name in ("villages", "gaps")
        )
        communes = whole = None
        if COMMUNES in held:
            communes = gpd.read_file(vectors, layer=COMMUNES).geometry
            whole = communes.to_crs(_WGS84).union_all()
    except (DataSourceError, DataLayerError, KeyError) as error:
        raise DataError(f"{vectors} is damaged ({error}): plan that scenario again") from error
    outline = villages.union_all().convex_hull if whole is None else whole
    return _Read(villages=villages, gaps=gaps, outline=outline, communes=communes)


def _rasters(path: Path, found: _Read, outcome: Outcome) -> AreaRasters:
    grid = grid_of(path)
    border = None if found.communes is None else found.communes.to_crs(grid.crs).union_all()
    return AreaRasters(folder=path, grid=grid, outline=border, synthetic=outcome.synthetic)


def _points(villages: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the villages at their centres, with few columns: a country of them opens at once."""
    shares = [name for name in villages if str(name).startswith("served_share_")]
    shown = [name for name in shares if not str(name).endswith(("_4g", "_5g"))]
    kept = villages[["area", *(n for n in _SHOWN if n in villages), *shown]]
    places = gpd.points_from_xy(villages["lon_deg"], villages["lat_deg"])
    return gpd.GeoDataFrame(pd.DataFrame(kept), geometry=places, crs=_WGS84)


def _table(areas: Sequence[Area]) -> gpd.GeoDataFrame:
    """Return a row for each area, with its sums."""
    rows = [dict(_row(area)) for area in areas]
    outlines = [area.outline for area in areas]
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry=outlines, crs=_WGS84)


def _row(area: Area) -> Iterator[tuple[str, Any]]:
    summary = area.outcome.summary
    yield "area", area.name
    yield "title", area.outcome.title
    yield "villages", summary["villages"]
    for name in CLASSES:
        yield f"villages_{name}", summary["villages_by_class"].get(name, 0)
    yield "people", summary["people"]
    for service, served in summary["people_served"].items():
        yield f"people_served_{column_suffix(service)}", served
    yield "warnings", len(area.outcome.warnings)
    yield "synthetic", area.outcome.synthetic
    yield "report", area.link
