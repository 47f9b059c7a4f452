"""The village table: how many people are served, how well, by whom, and why not."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensong.coverage.layers import Layers
from lensong.coverage.network import Network, Technology
from lensong.coverage.result import REASONS, OperatorLayers, TechnologyLayers
from lensong.coverage.service import Service
from lensong.coverage.village_weights import VillageWeights
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.types import BoolArray, FloatArray, Grid, UInt8Array

__all__ = [
    "CLASSES",
    "ClassThresholds",
    "column_suffix",
    "operator_columns",
    "operator_suffix",
    "village_table",
    "weighted_quantile",
]

CLASSES = ("beyond_radius", "unknown", "no_signal", "patchy", "covered")
"""Classes of a village: nothing computed there, trắng sóng, lõm sóng, covered."""

_LIMITING = ("none", "downlink", "uplink")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassThresholds:
    """By what a village is called covered, patchy or without signal.

    Parameters
    ----------
    service : str
        Name of the service that decides.
    covered_share : float
        Share of people served from which a village is covered, 0..1.
    no_signal_share : float
        Share below which it has no signal, 0..1, not above ``covered_share``.

    Notes
    -----
    No published threshold for a "covered" village was found in Vietnam; these are defaults to
    be agreed on, and every report states them.
    """

    service: str = "voice-data"
    covered_share: float = 0.95
    no_signal_share: float = 0.05

    def __post_init__(self) -> None:
        for name, value in (
            ("covered_share", self.covered_share),
            ("no_signal_share", self.no_signal_share),
        ):
            if not 0.0 <= value <= 1.0:
                raise OutOfRangeError(name, value, 0.0, 1.0, hint="it is a share, not percent")
        if self.no_signal_share > self.covered_share:
            raise InvalidInputError(
                f"no_signal_share is {self.no_signal_share}, wanted at most covered_share "
                f"{self.covered_share}"
            )

    def class_of(self, served_share: float) -> str:
        """Return the class of a village with that share of people served."""
        if served_share >= self.covered_share:
            return "covered"
        return "no_signal" if served_share < self.no_signal_share else "patchy"


def column_suffix(service_name: str) -> str:
    """Return a service's name as columns carry it.

    >>> column_suffix("livestream-720p")
    'livestream_720p'
    """
    return service_name.replace("-", "_")


def village_table(
    land: Land,
    network: Network,
    layers: Layers,
    services: Sequence[Service],
    *,
    weights: Sequence[VillageWeights],
    classes: ClassThresholds,
) -> gpd.GeoDataFrame:
    """Return one row per village, with the columns that `PlanResult.villages` lists.

    Parameters
    ----------
    land, network, layers, services
        What was planned.
    weights : sequence of VillageWeights
        From `village_weights`.
    classes : ClassThresholds
        Its service is one of ``services``.

    Notes
    -----
    Quantiles: 90 % of the people have the p10 value or more. Where no cell reaches, a rate
    counts as 0 and a level as nothing (NaN when the quantile falls there).
    """
    by_name = {service.name: service for service in services}
    if classes.service not in by_name:
        raise InvalidInputError(
            f"classes.service is {classes.service!r}, wanted one of {', '.join(by_name)}"
        )
    table = land.villages.copy().reset_index(drop=True)
    columns: dict[str, list[object]] = {
        "people": [w.people for w in weights],
        "weighting": [w.weighting for w in weights],
        "elevation_share": [round(w.elevation_share, 6) for w in weights],
    }
    shares = {}
    for service in services:
        judged, suffix = layers.services[service.name], column_suffix(service.name)
        shares[service.name] = _shares(judged.reason == 0, weights)
        columns[f"served_share_{suffix}"] = list(shares[service.name])
        columns[f"reason_{suffix}"] = _reasons(judged.reason, weights)
        chance = judged.probability.ravel()
        columns[f"chance_p50_{suffix}"] = [
            _quantile(chance[w.pixel], w.weight, 0.5, 0.0) for w in weights
        ]
    of_class, columns["reason"] = _judged(
        shares[classes.service], layers.services[classes.service].reason, weights, classes
    )
    columns["class"] = list(of_class)
    for technology, layer in layers.technologies.items():
        layers.room.let_go()
        columns |= _technology_columns(table, land.grid, network, technology, layer, weights)
    if any(layers.operators):
        columns |= operator_columns(layers.operators, services, weights, classes)
    found = pd.DataFrame(columns, index=table.index)
    return gpd.GeoDataFrame(pd.concat([table, found], axis=1), geometry="geometry", crs=table.crs)


def weighted_quantile(values: FloatArray, weights: FloatArray, share: float) -> float:
    """Return the smallest value with at least ``share`` of the weight at or below it.

    Parameters
    ----------
    values, weights : shape (n,)
        At least one; no NaN; weights sum above 0.
    share : float
        0..1; 0.1 gives the value that 90 % of the weight reaches.
    """
    order = np.argsort(values, kind="stable")
    climbing = np.cumsum(weights[order])
    # The tiny slack keeps a sum that is exactly the share from missing it by rounding.
    at = np.searchsorted(climbing, share * climbing[-1] * (1.0 - 1e-9))
    return float(values[order][min(int(at), values.size - 1)])


def _technology_columns(
    table: gpd.GeoDataFrame,
    grid: Grid,
    network: Network,
    technology: Technology,
    layer: TechnologyLayers,
    weights: Sequence[VillageWeights],
) -> dict[str, list[object]]:
    tech = technology.lower()
    columns: dict[str, list[object]] = {}
    for service_name, judged in layer.services.items():
        name = f"{column_suffix(service_name)}_{tech}"
        ok = judged.reason == 0
        columns[f"served_share_{name}"] = list(_shares(ok, weights))
        limiting = np.where(ok, 0, judged.limiting).ravel()
        columns[f"limiting_{name}"] = [
            _LIMITING[_heaviest(limiting[w.pixel], w.weight, leave_out=0)] for w in weights
        ]
    for name, values, floor in (
        ("level_{q}_dbm", layer.level_dbm, -np.inf),
        ("rsrp_{q}_dbm", layer.rsrp_dbm, -np.inf),
        ("downlink_{q}_mbps", layer.downlink_mbps, 0.0),
        ("uplink_{q}_mbps", layer.uplink_mbps, 0.0),
    ):
        flat = values.ravel()
        for quantile, share in (("p50", 0.5), ("p10", 0.1)):
            columns[f"{name.format(q=quantile)}_{tech}"] = [
                _quantile(flat[w.pixel], w.weight, share, floor) for w in weights
            ]
    columns |= _server_columns(table, grid, network, tech, layer, weights)
    return columns


def _server_columns(
    table: gpd.GeoDataFrame,
    grid: Grid,
    network: Network,
    tech: str,
    layer: TechnologyLayers,
    weights: Sequence[VillageWeights],
) -> dict[str, list[object]]:
    """Return the cell that most people are served by, and how far its mast is."""
    server = layer.best_server.ravel()
    masts = _mast_positions(grid, network)
    names: list[object] = []
    distances: list[object] = []
    uncertain: list[object] = []
    centres = zip(table["centre_easting_m"], table["centre_northing_m"], strict=True)
    for w, (east, north) in zip(weights, centres, strict=True):
        code = _heaviest(server[w.pixel].astype(np.int64) + 1, w.weight, leave_out=0)
        if code == 0:
            names.append("")
            distances.append(float("nan"))
            uncertain.append(False)
            continue
        cell = network.cells[code - 1]
        mast_east, mast_north = masts[cell.mast_id]
        names.append(cell.cell_id)
        distances.append(float(np.hypot(east - mast_east, north - mast_north)))
        uncertain.append(cell.uncertain)
    return {
        f"best_server_{tech}": names,
        f"distance_m_{tech}": distances,
        f"best_server_uncertain_{tech}": uncertain,
    }


def _mast_positions(grid: Grid, network: Network) -> dict[str, tuple[float, float]]:
    places = gpd.GeoSeries(
        gpd.points_from_xy(
            [mast.lon_deg for mast in network.masts], [mast.lat_deg for mast in network.masts]
        ),
        crs="EPSG:4326",
    ).to_crs(grid.crs)
    return {
        mast.mast_id: (float(place.x), float(place.y))
        for mast, place in zip(network.masts, places, strict=True)
    }


def operator_suffix(names: Iterable[str]) -> dict[str, str]:
    """Return how columns and files name each operator: small letters, digits and ``_``, unique.

    >>> operator_suffix(["Viettel", "Mobi Fone", ""])
    {'Viettel': 'viettel', 'Mobi Fone': 'mobi_fone', '': 'unnamed'}
    """
    found: dict[str, str] = {}
    for name in names:
        plain = unicodedata.normalize("NFKD", name.replace("đ", "d").replace("Đ", "D"))
        suffix = re.sub(r"[^a-z0-9]+", "_", plain.encode("ascii", "ignore").decode().lower())
        suffix = suffix.strip("_") or ("unnamed" if not name else "operator")
        same, number = suffix, 2
        while suffix in found.values():
            suffix, number = f"{same}_{number}", number + 1
        found[name] = suffix
    return found


def operator_columns(
    operators: Mapping[str, OperatorLayers],
    services: Sequence[Service],
    weights: Sequence[VillageWeights],
    classes: ClassThresholds,
) -> dict[str, list[object]]:
    """Return what each operator's SIM gets in every village, and how many operators serve it."""
    columns: dict[str, list[object]] = {}
    serving: list[list[str]] = [[] for _ in weights]
    for name, suffix in operator_suffix(operators).items():
        operator = operators[name]
        for service in services:
            judged = operator.services[service.name]
            share = _shares(judged.reason == 0, weights)
            columns[f"served_share_{column_suffix(service.name)}_op_{suffix}"] = list(share)
            if service.name == classes.service:
                of_class, reasons = _judged(share, judged.reason, weights, classes)
        columns[f"class_op_{suffix}"] = list(of_class)
        columns[f"reason_op_{suffix}"] = reasons
        level = operator.level_dbm.ravel()
        columns[f"level_p50_dbm_op_{suffix}"] = [
            _quantile(level[w.pixel], w.weight, 0.5, -np.inf) for w in weights
        ]
        for names, c in zip(serving, of_class, strict=True):
            if c == "covered":
                names.append(name)
    return {
        "operators_serving": [len(names) for names in serving],
        "operators": [", ".join(names) for names in serving],
        **columns,
    }


def _judged(
    shares: Sequence[float],
    reason: UInt8Array,
    weights: Sequence[VillageWeights],
    classes: ClassThresholds,
) -> tuple[list[str], list[object]]:
    """Return the class of every village, and why those that are not covered are not.

    A village of which most people live beyond the radius of every mast, or where a void hides
    them from every mast, is not without signal: nothing was computed there.
    """
    beyond = _shares(reason == REASONS.index("beyond_radius"), weights)
    hidden = _shares(reason == REASONS.index("void"), weights)

    def named(name: str, away: float, behind: float) -> str:
        if name != "no_signal" or away + behind <= 0.5:
            return name
        return "beyond_radius" if away >= behind else "unknown"

    of_class = [
        named(classes.class_of(share), away, behind)
        for share, away, behind in zip(shares, beyond, hidden, strict=True)
    ]
    reasons = [
        "" if name == "covered" else why
        for name, why in zip(of_class, _reasons(reason, weights), strict=True)
    ]
    return of_class, reasons


def _reasons(reason: UInt8Array, weights: Sequence[VillageWeights]) -> list[object]:
    """Return the reason that holds for most of the people who are not served; empty without."""
    flat = reason.ravel()
    codes = [_heaviest(flat[w.pixel], w.weight, leave_out=0) for w in weights]
    return [REASONS[code] if code else "" for code in codes]


def _heaviest(codes: NDArray[np.integer], weight: FloatArray, *, leave_out: int) -> int:
    """Return the code with the most weight, the lowest of equals; ``leave_out`` when no other."""
    kept = codes != leave_out
    if not kept.any():
        return leave_out
    sums = np.bincount(codes[kept], weights=weight[kept])
    if sums.max() > 0.0:
        return int(np.argmax(sums))
    return int(codes[kept].min())


def _quantile(values: NDArray[np.float32], weight: FloatArray, share: float, floor: float) -> float:
    known = np.where(np.isnan(values), floor, values).astype(np.float64)
    found = weighted_quantile(known, weight, share)
    return found if np.isfinite(found) else float("nan")


def _shares(mask: BoolArray, weights: Sequence[VillageWeights]) -> list[float]:
    flat = mask.ravel()
    # Weights sum to 1 up to rounding; a village that is served everywhere reads exactly 1.
    return [
        1.0 if flat[w.pixel].all() else min(float(w.weight[flat[w.pixel]].sum()), 1.0)
        for w in weights
    ]
