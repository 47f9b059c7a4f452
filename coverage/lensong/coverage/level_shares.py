"""Which share of the people and of the area has which level, by commune and operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine

from lensong.coverage.result import OperatorLayers
from lensong.gis_data.land import Land
from lensong.propagation.types import FloatArray, Int16Array, IntArray

__all__ = ["ANY_OPERATOR", "level_shares"]

ANY_OPERATOR = "any operator"
"""How tables name the best operator of each place."""

_Zones = NDArray[np.int32]
_ROWS_AT_ONCE = 512


def level_shares(
    land: Land,
    operators: Mapping[str, OperatorLayers],
    people: NDArray[np.floating[Any]],
    thresholds_dbm: Sequence[float],
) -> pd.DataFrame:
    """Return people and area at or above each level threshold.

    Parameters
    ----------
    land : Land
        Pixels of the area of interest count where their elevation is known; a pixel belongs to
        the commune that its centre lies in.
    operators : dict
        Operator to its layers: the strongest level of any of its cells.
    people : shape of the grid
        People in each pixel.
    thresholds_dbm : sequence of float
        Level per resource element [dBm].

    Returns
    -------
    DataFrame
        ``commune_code``, ``commune`` (both empty for the whole area), ``operator`` (where there
        is more than one also ``"any operator"``: the strongest of all), ``threshold_dbm``,
        ``area_km2``, ``area_share``, ``people``, ``people_share`` (NaN where nobody lives).
    """
    edges = sorted(float(t) for t in thresholds_dbm)
    zones, names = _zones(land)
    thresholds = np.array([round(100.0 * t) for t in edges])
    rows: list[dict[str, object]] = []
    for operator, levels in _levels(operators):
        pixels, lives = _counts(land, zones, len(names), levels, people, thresholds)
        # The last zone is what lies in no commune; the whole area is the sum of all.
        whole = [("", "", pixels.sum(axis=0), lives.sum(axis=0))]
        parts = [(*names[k], pixels[k], lives[k]) for k in range(len(names) - 1)]
        for code, commune, count, who in [*whole, *parts]:
            for k, threshold in enumerate(edges):
                rows.append(
                    {
                        "commune_code": code,
                        "commune": commune,
                        "operator": operator,
                        "threshold_dbm": threshold,
                        "area_km2": count[k + 1 :].sum() * land.grid.cell_m**2 / 1e6,
                        "area_share": _share(count[k + 1 :].sum(), count.sum()),
                        "people": who[k + 1 :].sum(),
                        "people_share": _share(who[k + 1 :].sum(), who.sum()),
                    }
                )
    return pd.DataFrame(rows)


def _counts(
    land: Land,
    zones: _Zones,
    count: int,
    levels: Sequence[Int16Array],
    people: NDArray[np.floating[Any]],
    thresholds: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Return pixels and people by zone and by thresholds reached, of the strongest of levels."""
    shape = (count, len(thresholds) + 1)
    pixels, lives = np.zeros(shape), np.zeros(shape)
    for begin in range(0, land.grid.rows, _ROWS_AT_ONCE):
        part = np.s_[begin : begin + _ROWS_AT_ONCE]
        counted = (land.aoi[part] == 1) & ~np.isnan(land.ground_m[part])
        level = np.maximum.reduce([level[part] for level in levels])[counted]
        cell = zones[part][counted].astype(np.int64) * shape[1]
        cell += np.searchsorted(thresholds, level, side="right")
        heads = np.asarray(people[part], dtype=np.float64)[counted]
        pixels += np.bincount(cell, minlength=pixels.size).reshape(shape)
        lives += np.bincount(cell, weights=heads, minlength=pixels.size).reshape(shape)
    return pixels, lives


def _levels(
    operators: Mapping[str, OperatorLayers],
) -> list[tuple[str, list[Int16Array]]]:
    """Return names and the levels of which the strongest counts."""
    found = [(name, [layers.level_cdbm]) for name, layers in operators.items()]
    if len(found) > 1:
        found.insert(0, (ANY_OPERATOR, [level for _, (level,) in found]))
    return found


def _zones(land: Land) -> tuple[_Zones, list[tuple[str, str]]]:
    """Return the number of each pixel's commune, and code and name of each number."""
    if land.communes is None or land.communes.empty:
        return np.zeros(land.grid.shape, np.int32), [("", "")]
    count = len(land.communes)
    zones = rasterize(
        list(zip(land.communes.geometry, range(count), strict=True)),
        out_shape=land.grid.shape,
        transform=Affine(*land.grid.transform),
        fill=count,
        dtype="int32",
    )
    codes = zip(land.communes["commune_code"], land.communes["commune"], strict=True)
    return zones, [*((str(code), str(name)) for code, name in codes), ("", "")]


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0.0 else float("nan")
