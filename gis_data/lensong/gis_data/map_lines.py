"""Roads, rivers and other lines that only help to find one's way on a map."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from lensong.gis_data.names import search_key
from lensong.gis_data.vectors import as_text, find_columns, read_layer
from lensong.propagation.errors import ConfigError, DataError
from lensong.propagation.types import Grid

__all__ = ["LINE_KINDS", "LineKind", "LineRequest", "read_lines"]

LineKind = Literal["road", "river", "other"]

LINE_KINDS: tuple[LineKind, ...] = ("road", "river", "other")
"""What a line can be drawn as."""

_NAME_ALIASES = {"name": ("name", "name:vi", "ten", "ten_duong", "ten_song", "ref", "label")}
_BY_COLUMN: dict[str, LineKind] = {"highway": "road", "waterway": "river"}  # as OpenStreetMap has
_BY_WORD: dict[str, LineKind] = {
    **dict.fromkeys(
        ("road", "roads", "street", "streets", "highway", "highways", "route", "routes", "duong",
         "giaothong", "transport"), "road"),
    **dict.fromkeys(
        ("river", "rivers", "stream", "streams", "waterway", "waterways", "water", "hydro",
         "hydrography", "song", "suoi", "songsuoi", "thuyhe", "thuyvan"), "river"),
}  # fmt: skip
_LEAST_LINE_M = 1e-3  # what a cut at the edge leaves of a line that only touches it


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRequest:
    """One entry of ``map.lines``.

    Parameters
    ----------
    path : Path
        Lines in any vector format; of polygons the outlines are drawn.
    layer : str
        Needed where the file has several.
    kind : {"auto", "road", "river", "other"}
        ``"auto"``: by the columns ``highway`` and ``waterway`` of OpenStreetMap, else by the name
        of the file or layer.
    name : str
        As the legend shows it; empty: the word for the kind.
    """

    path: Path
    layer: str = ""
    kind: Literal["auto", "road", "river", "other"] = "auto"
    name: str = ""


def read_lines(requests: Iterable[LineRequest], grid: Grid) -> gpd.GeoDataFrame | None:
    """Return the lines on the grid's rectangle, cut at its edge; None without a request.

    Parameters
    ----------
    requests : iterable of LineRequest
    grid : Grid

    Returns
    -------
    GeoDataFrame in ``grid.crs``, MultiLineString
        Columns ``kind`` (one of `LINE_KINDS`), ``label`` (of the request, may be empty), ``name``
        (of the line, may be empty). ``attrs["warnings"]`` and ``attrs["assumptions"]`` hold
        English sentences for the report.

    Raises
    ------
    DataError
        A file cannot be read, or has no line on the grid.
    ConfigError
        A layer is not there, or nothing tells what the lines are.
    CrsMismatchError
        A layer has no CRS, or a wrong one.
    """
    frames = [_read(request, grid) for request in requests]
    if not frames:
        return None
    lines = pd.concat(frames, ignore_index=True)
    lines.attrs = {
        key: [text for frame in frames for text in frame.attrs[key]]
        for key in ("warnings", "assumptions")
    }
    return lines


def _read(request: LineRequest, grid: Grid) -> gpd.GeoDataFrame:
    source = read_layer(
        request.path, crs=grid.crs, layer=request.layer, bounds_deg=_bounds_deg(grid)
    )
    drawable = shapely.get_dimensions(source.geometry.to_numpy()) >= 1
    warnings: list[str] = list(source.attrs["warnings"])
    name = request.path.name
    if not drawable.any():
        raise DataError(
            f"{request.path} has only points in the area of the plan, wanted lines or polygons to "
            "draw: correct map.lines or leave the file out"
        )
    if not drawable.all():
        warnings.append(
            f"{name}: {int((~drawable).sum())} of {len(source)} features are points and are not "
            "drawn as lines"
        )
    source = source[drawable].reset_index(drop=True)
    kinds, told = _kinds(request, source)
    untold = kinds == ""
    if untold.any():
        warnings.append(
            f"{name}: {int(untold.sum())} of {len(source)} features are neither highway nor "
            'waterway and are not drawn; map.lines with kind = "other" draws all'
        )
    found = find_columns([str(c) for c in source.columns], _NAME_ALIASES, None, path=request.path)
    lines = gpd.GeoDataFrame(
        {
            "kind": kinds,
            "label": request.name,
            "name": as_text(source[found["name"]]) if found else "",
        },
        geometry=_cut(source.geometry.to_numpy(), grid),
        crs=grid.crs,
    )
    lines = lines[~lines.geometry.is_empty & ~untold].reset_index(drop=True)
    if lines.empty:
        raise DataError(
            f"{request.path} has no line to draw on the grid of the plan: correct map.lines or "
            "leave the file out"
        )
    lines.attrs = {"warnings": warnings, "assumptions": told}
    return lines


def _kinds(request: LineRequest, source: gpd.GeoDataFrame) -> tuple[NDArray[Any], list[str]]:
    """Return what each feature is, empty where nothing tells, and how that is known."""
    if request.kind != "auto":
        return np.full(len(source), request.kind, dtype=object), []
    name = request.path.name
    columns = {str(c).lower(): c for c in source.columns}
    present = {key: columns[key] for key in _BY_COLUMN if key in columns}
    if present:
        kinds = np.full(len(source), "", dtype=object)
        for key, column in present.items():
            given = np.array([bool(text) for text in as_text(source[column])])
            kinds[given & (kinds == "")] = _BY_COLUMN[key]
        if (kinds != "").any():
            return kinds, [
                f"Lines of {name} are drawn as road or river by the column "
                f"{' and '.join(map(str, present.values()))}"
            ]
    words = re.split(r"[\W_\d]+", search_key(f"{request.layer} {request.path.stem}"))
    hinted = {_BY_WORD[word] for word in words if word in _BY_WORD}
    if len(hinted) != 1:
        raise ConfigError(
            f"nothing tells whether the lines of {request.path} are roads or rivers (no column "
            'highway or waterway, no such word in its name): set kind = "road", "river" or '
            '"other" in map.lines'
        )
    (kind,) = hinted
    return np.full(len(source), kind, dtype=object), [
        f"Lines of {name} are drawn as {kind} by the name of the file or layer"
    ]


def _cut(geometry: NDArray[Any], grid: Grid) -> NDArray[Any]:
    """Return lines, and outlines of polygons, inside the grid as multilines, empty if outside."""
    west, south, east, north = grid.bounds_m
    result = np.empty(len(geometry), dtype=object)
    for place, shape in enumerate(geometry):
        parts = shapely.get_parts(shapely.get_parts(shape))
        of = shapely.get_dimensions(parts)
        lines = np.concatenate([parts[of == 1], shapely.boundary(parts[of == 2])])
        inside = shapely.clip_by_rect(lines, west, south, east, north)
        pieces = shapely.get_parts(shapely.get_parts(inside))
        pieces = pieces[
            (shapely.get_dimensions(pieces) == 1) & (shapely.length(pieces) > _LEAST_LINE_M)
        ]
        result[place] = shapely.MultiLineString(list(pieces))
    return result


def _bounds_deg(grid: Grid) -> tuple[float, float, float, float]:
    to_degrees = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*grid.bounds_m)
    return west, south, east, north
