"""How far a model is from measurements: bias, spread, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np

from lensong.coverage.held_out import (
    FEWEST_FOR_FIT,
    NO_TERRAIN,
    FitScore,
    held_out,
    log_distance,
    squares,
)
from lensong.coverage.measured_paths import Prediction
from lensong.coverage.measurements import Measurements
from lensong.propagation.errors import DataError
from lensong.propagation.types import BoolArray, FloatArray

__all__ = ["Group", "Statistics", "Validation", "statistics", "validate"]

DISTANCE_EDGES_M = (0.0, 250.0, 500.0, 1e3, 2e3, 5e3, 10e3, 20e3, 50e3, inf)
_METRES_PER_DEG = 111_320.0
ELEVATION_EDGES_DEG = (-90.0, 0.0, 1.0, 2.0, 4.0, 8.0, 90.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Errors of a group of paths, predicted loss minus measured loss.

    Parameters
    ----------
    n : int
    bias_db, sd_db, rmse_db : float
        Mean, standard deviation about it (dividing by n) and root mean square [dB].
    p50_abs_db, p95_abs_db : float
        Median and 95th percentile of the error's size [dB].
    """

    n: int
    bias_db: float
    sd_db: float
    rmse_db: float
    p50_abs_db: float
    p95_abs_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The errors of some paths.

    Parameters
    ----------
    split : str
        ``"distance"``, ``"elevation"``, ``"line_of_sight"`` or ``"clutter"``.
    label : str
    statistics : Statistics
    """

    split: str
    label: str
    statistics: Statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A model held against measurements.

    Parameters
    ----------
    model, clutter : str
    quantity, column : str
        What was measured, and in which column.
    offset_db : float or None
        The constant that was fitted because the EIRP is not known; None: nothing was fitted.
    overall : Statistics
        With a fitted constant its bias is 0 by construction.
    groups : tuple of Group
        By distance, elevation and, where known, line of sight and land cover.
    distance_m, elevation_deg, measured_db, predicted_db : shape (n,)
        The paths that count; the fitted constant is in ``measured_db``.
    row : shape (n,), int
        Their rows in the file, from 0.
    line_of_sight : shape (n,)
        1 clear, 0 not, NaN not known.
    clutter_class : tuple of str
    rows : int
        Rows of the file.
    left_out : dict
        Reason to number of rows.
    assumptions, warnings : tuple of str
    scores : tuple of FitScore
        The model with one constant, and the fit that knows no terrain, on squares that they did
        not see; empty where positions are not known or measurements are few.
    """

    model: str
    clutter: str
    quantity: str
    column: str
    offset_db: float | None
    overall: Statistics
    groups: tuple[Group, ...]
    distance_m: FloatArray
    elevation_deg: FloatArray
    measured_db: FloatArray
    predicted_db: FloatArray
    row: np.ndarray[tuple[int], np.dtype[np.int64]]
    line_of_sight: FloatArray
    clutter_class: tuple[str, ...]
    rows: int
    left_out: dict[str, int]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    scores: tuple[FitScore, ...] = ()

    @property
    def error_db(self) -> FloatArray:
        """Return predicted minus measured loss [dB]."""
        return self.predicted_db - self.measured_db

    def to_json(self) -> dict[str, Any]:
        """Return the numbers, ready for ``json.dumps``; no bias where a constant was fitted."""
        return {
            "model": self.model,
            "clutter": self.clutter,
            "quantity": self.quantity,
            "column": self.column,
            "error": "predicted loss minus measured loss",
            "fitted_offset_db": None if self.offset_db is None else round(self.offset_db, 3),
            "overall": _rounded(self.overall, with_bias=self.offset_db is None),
            "groups": [
                {"split": g.split, "label": g.label} | _rounded(g.statistics) for g in self.groups
            ],
            "held_out": [score.to_json() for score in self.scores],
            "rows": self.rows,
            "left_out": self.left_out,
            "assumptions": list(self.assumptions),
            "warnings": list(self.warnings),
        }


def validate(measured: Measurements, predicted: Prediction) -> Validation:
    """Return how far a prediction is from the measurements.

    Parameters
    ----------
    measured : Measurements
    predicted : Prediction
        Of the same paths.

    Raises
    ------
    DataError
        When no path has both.
    """
    keep = np.isfinite(predicted.path_loss_db)
    left_out = dict(measured.left_out)
    for reason, count in predicted.left_out.items():
        left_out[reason] = left_out.get(reason, 0) + count
    if not keep.any():
        why = "; ".join(f"{reason}: {count}" for reason, count in left_out.items())
        raise DataError(
            f"{predicted.model} gives no loss for any of the {keep.size} measured paths ({why}): "
            "choose another model"
        )
    loss = predicted.path_loss_db[keep]
    truth = measured.path_loss_db[keep]
    offset = None if measured.absolute else float(np.mean(loss - truth))
    truth = truth if offset is None else truth + offset
    clutter = tuple(np.asarray(predicted.clutter_class, dtype=object)[keep])
    sight = predicted.line_of_sight[keep]
    distance_m, elevation = measured.distance_m[keep], predicted.elevation_deg[keep]
    splits = (
        *_bands("distance", distance_m, DISTANCE_EDGES_M, _distance_label),
        *_bands("elevation", elevation, ELEVATION_EDGES_DEG, _elevation_label),
        *_sights(sight),
        *_covers(clutter),
    )
    error = loss - truth
    return Validation(
        model=predicted.model,
        clutter=predicted.clutter,
        quantity=measured.quantity,
        column=measured.column,
        offset_db=offset,
        overall=statistics(error),
        groups=tuple(
            Group(split=split, label=label, statistics=statistics(error[here]))
            for split, label, here in splits
            if here.any()
        ),
        distance_m=distance_m,
        elevation_deg=elevation,
        measured_db=truth,
        predicted_db=loss,
        row=measured.row[keep],
        line_of_sight=sight,
        clutter_class=clutter,
        rows=measured.rows,
        left_out=left_out,
        assumptions=(*measured.assumptions, *predicted.assumptions),
        warnings=measured.warnings,
        scores=_scores(predicted.model, measured, loss, keep),
    )


def _scores(
    model: str, measured: Measurements, loss_db: FloatArray, keep: BoolArray
) -> tuple[FitScore, ...]:
    lat, lon = measured.rx_lat_deg[keep], measured.rx_lon_deg[keep]
    wanted, n = measured.path_loss_db[keep], int(keep.sum())
    if n < FEWEST_FOR_FIT or not (np.isfinite(lat) & np.isfinite(lon)).all():
        return ()
    north_m = lat * _METRES_PER_DEG
    east_m = lon * _METRES_PER_DEG * np.cos(np.radians(np.median(lat)))
    square = squares(np.asarray(east_m), np.asarray(north_m))
    return (
        held_out(f"{model} + constant", np.ones((n, 1)), wanted - loss_db, square),
        held_out(NO_TERRAIN, log_distance(measured.distance_m[keep]), wanted, square),
    )


def statistics(error_db: FloatArray) -> Statistics:
    """Return the statistics of errors, at least one."""
    size = np.abs(error_db)
    return Statistics(
        n=int(error_db.size),
        bias_db=float(error_db.mean()),
        sd_db=float(error_db.std()),
        rmse_db=float(np.sqrt(np.mean(error_db**2))),
        p50_abs_db=float(np.percentile(size, 50.0)),
        p95_abs_db=float(np.percentile(size, 95.0)),
    )


_Split = tuple[str, str, BoolArray]
_Label = Callable[[float, float], str]


def _bands(
    split: str, values: FloatArray, edges: Sequence[float], label: _Label
) -> Iterator[_Split]:
    for low, high in pairwise(edges):
        last = high == edges[-1]
        yield (
            split,
            label(low, high),
            (values >= low) & ((values <= high) if last else (values < high)),
        )


def _distance_label(low_m: float, high_m: float) -> str:
    low, high = low_m / 1000.0, high_m / 1000.0
    return f"{low:g} km and more" if high == inf else f"{low:g} to {high:g} km"


def _elevation_label(low_deg: float, high_deg: float) -> str:
    if low_deg <= -90.0:
        return "below 0°"
    return f"{low_deg:g}° and more" if high_deg >= 90.0 else f"{low_deg:g}° to {high_deg:g}°"


def _sights(sight: FloatArray) -> Iterator[_Split]:
    if np.isfinite(sight).any():
        yield "line_of_sight", "clear over bare ground", sight == 1.0
        yield "line_of_sight", "blocked by ground", sight == 0.0
        yield "line_of_sight", "not known", np.isnan(sight)


def _covers(clutter: Sequence[str]) -> Iterator[_Split]:
    names = np.asarray(clutter, dtype=object)
    if any(clutter):
        for name in sorted(set(clutter)):
            yield "clutter", name or "not known", names == name


def _rounded(found: Statistics, *, with_bias: bool = True) -> dict[str, float | int | None]:
    rounded: dict[str, float | int | None] = {
        name: round(getattr(found, name), 3) for name in Statistics.__slots__
    }
    if not with_bias:
        rounded["bias_db"] = None
    return rounded
