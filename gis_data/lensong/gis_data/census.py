"""Scaling a population layer so that every commune has the people its census counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from exactextract import exact_extract
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine
from shapely import Polygon, box

from lensong.gis_data.raster_checks import reading_of
from lensong.gis_data.tables import parse_number, read_table
from lensong.gis_data.vectors import check_no_thousands_points, first_few
from lensong.propagation.errors import DataError
from lensong.propagation.types import Float32Array, FloatArray, Grid

__all__ = ["Rescaled", "read_census", "rescale_to_census"]

_STRIP_ROWS = 256  # numpy widens indices and weights to 8 bytes: not for a whole province at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescaled:
    """A population layer that agrees with a census.

    Parameters
    ----------
    people : shape (rows, cols), float32
        Count per cell.
    assumptions, warnings : tuple of str
        Sentences for the report.
    """

    people: Float32Array
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


def read_census(path: Path) -> dict[str, float]:
    """Return people by commune code from a table with ``commune_code,population``.

    Codes stay text, so ``03390`` keeps its zero.

    Raises
    ------
    DataError
        When a column is missing, a code repeats or a number is none; the message names the line.
    """
    table = read_table(path)
    absent = [name for name in ("commune_code", "population") if name not in table.columns]
    if absent:
        raise DataError(
            f"{path} has no column {' and '.join(absent)} among {', '.join(table.columns)}: "
            "wanted commune_code,population"
        )
    check_no_thousands_points(
        [row["population"] for row in table.rows],
        what="population",
        places=[f"{path} line {line}" for line in table.line_numbers],
    )
    census: dict[str, float] = {}
    for row, line in zip(table.rows, table.line_numbers, strict=True):
        code = row["commune_code"]
        where = f"{path} line {line}"
        if not code:
            raise DataError(f"{where} has no commune_code: fill it in or delete the line")
        if code in census:
            raise DataError(f"{where}: commune_code {code} stands in the table twice, keep one")
        try:
            people = parse_number(row["population"], table.decimal_comma)
        except DataError as error:
            raise DataError(f"{where}: population is {error}") from error
        if not people >= 0.0:
            raise DataError(
                f"{where}: population of {code} is {row['population']!r}, wanted 0 or more people"
            )
        census[code] = people
    return census


def rescale_to_census(
    people: Float32Array,
    grid: Grid,
    *,
    communes: gpd.GeoDataFrame,
    census: Mapping[str, float],
    raster_path: Path,
) -> Rescaled:
    """Return the layer scaled so that each commune's cells sum to its census figure.

    Parameters
    ----------
    people : shape (rows, cols)
        Count per cell; overwritten.
    grid : Grid
        Of ``people``.
    communes : GeoDataFrame in ``grid.crs``
        With ``commune_code``, ``commune`` and polygons; those beyond the grid are passed over.
    census : mapping
        People by commune code.
    raster_path : Path
        The population raster. A commune that the grid cuts is scaled by the raster's people in
        all of it, so that the part on the grid has its part of the census.

    Raises
    ------
    DataError
        When codes of the census match no commune because leading zeros are lost, or none match.

    Notes
    -----
    A commune with census people where the raster has nobody gets them spread evenly.
    """
    _check_codes(census, [str(code) for code in communes["commune_code"]])
    number = _commune_number(communes, grid)
    before, cells = _totals(number, people, len(communes) + 1)
    whole = _whole_totals(communes, grid, raster_path, before)
    factor = np.ones(len(communes) + 1)
    evenly = np.zeros(len(communes) + 1)
    unscaled: list[str] = []
    without_people: list[str] = []
    for row, (code, name) in enumerate(
        zip(communes["commune_code"], communes["commune"], strict=True), start=1
    ):
        if cells[row] == 0:
            continue
        if code not in census:
            unscaled.append(f"{name} ({code})")
        elif whole[row] > 0.0:
            factor[row] = census[code] / whole[row]
        elif census[code] > 0.0:
            evenly[row] = _share_on_grid(communes.iloc[row - 1], grid) * census[code] / cells[row]
            without_people.append(f"{name} ({code})")
    for row in range(0, grid.rows, _STRIP_ROWS):
        rows = slice(row, row + _STRIP_ROWS)
        chosen = number[rows]
        people[rows] = people[rows] * factor[chosen] + evenly[chosen]
    known = set(communes["commune_code"])
    return Rescaled(
        people=people,
        assumptions=(_sentence(factor, cells, before),),
        warnings=_warnings(
            unscaled, without_people, [code for code in census if code not in known]
        ),
    )


def _check_codes(census: Mapping[str, float], known: Sequence[str]) -> None:
    stripped = {code.lstrip("0"): code for code in known}
    lost = [code for code in census if code not in known and code.lstrip("0") in stripped]
    if lost:
        raise DataError(
            f"census code {lost[0]} is commune {stripped[lost[0].lstrip('0')]} with other leading "
            f"zeros ({len(lost)} such codes): save the column as text, Excel drops the zeros"
        )
    if not set(census) & set(known):
        raise DataError(
            f"no code of the census ({', '.join(list(census)[:3]) or 'empty table'}) is that of a "
            f"commune ({', '.join(known[:3])}): give both with the same commune codes"
        )


def _commune_number(communes: gpd.GeoDataFrame, grid: Grid) -> NDArray[np.int32]:
    """Return the 1-based row of the commune whose polygon holds each cell's centre, else 0."""
    extent = _grid_box(grid)
    shapes = [
        (polygon, row)
        for row, polygon in enumerate(communes.geometry, start=1)
        if polygon.intersects(extent)
    ]
    if not shapes:
        return np.zeros(grid.shape, dtype=np.int32)
    number: NDArray[np.int32] = rasterize(
        shapes,
        out_shape=grid.shape,
        transform=Affine(*grid.transform),
        fill=0,
        dtype="int32",
    )
    return number


def _totals(
    number: NDArray[np.int32], people: Float32Array, count: int
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return people and cells per commune number."""
    totals = np.zeros(count)
    cells = np.zeros(count, dtype=np.int64)
    for row in range(0, len(number), _STRIP_ROWS):
        chosen = number[row : row + _STRIP_ROWS].ravel()
        weights = people[row : row + _STRIP_ROWS].ravel()
        totals += np.bincount(chosen, weights=weights, minlength=count)
        cells += np.bincount(chosen, minlength=count)
    return totals, cells


def _whole_totals(
    communes: gpd.GeoDataFrame, grid: Grid, raster_path: Path, on_grid: FloatArray
) -> FloatArray:
    """Return people per commune: on the grid where it lies on it whole, else of the raster."""
    totals = on_grid.copy()
    west, south, east, north = grid.bounds_m
    limits = communes.geometry.bounds.to_numpy()
    cut = (limits[:, 0] < west) | (limits[:, 1] < south)
    cut |= (limits[:, 2] > east) | (limits[:, 3] > north)
    cut &= communes.geometry.intersects(_grid_box(grid)).to_numpy()
    if not cut.any():
        return totals
    with rasterio.open(raster_path) as raster, reading_of(["the population raster"]):
        polygons = communes.loc[cut, ["geometry"]].to_crs(raster.crs.to_wkt())
        found = exact_extract(raster, polygons, ["sum"], output="pandas")
    totals[1:][cut] = np.maximum(np.nan_to_num(found["sum"].to_numpy(dtype=np.float64)), 0.0)
    return totals


def _share_on_grid(commune: gpd.GeoSeries, grid: Grid) -> float:
    outline = commune.geometry
    return float(outline.intersection(_grid_box(grid)).area / outline.area)


def _grid_box(grid: Grid) -> Polygon:
    return box(*grid.bounds_m)


def _sentence(factor: FloatArray, cells: NDArray[np.int64], before: FloatArray) -> str:
    scaled = (factor != 1.0) & (cells > 0)
    scaled[0] = False
    if not scaled.any():
        return "The population raster was compared with the census and left as it is."
    change = float((before * factor)[1:].sum() / before[1:].sum()) - 1.0
    return (
        f"The population raster was scaled to the census in {int(scaled.sum())} communes, by "
        f"factors of {factor[scaled].min():.2f} to {factor[scaled].max():.2f} "
        f"({change:+.0%} in all communes); people outside them are as in the raster."
    )


def _warnings(
    unscaled: Sequence[str], without_people: Sequence[str], unknown: Sequence[str]
) -> tuple[str, ...]:
    found = []
    if unscaled:
        found.append(
            f"{len(unscaled)} communes are not in the census and keep the raster's people: "
            f"{first_few(list(unscaled))}."
        )
    if without_people:
        found.append(
            f"The population raster has nobody in {len(without_people)} communes; their census "
            f"people were spread evenly: {first_few(list(without_people))}."
        )
    if unknown:
        found.append(
            f"{len(unknown)} census codes are no commune of the boundary file: "
            f"{first_few(list(unknown))}."
        )
    return tuple(found)
