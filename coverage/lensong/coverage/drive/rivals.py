"""Several models against one drive test, beside a fit that knows no terrain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lensong.coverage.drive.log import DriveLog
from lensong.coverage.drive.match import match_measurements
from lensong.coverage.drive.places import PlanAtPlaces
from lensong.coverage.held_out import (
    FEWEST_FOR_FIT,
    NO_TERRAIN,
    FitScore,
    held_out,
    log_distance,
    squares,
)
from lensong.coverage.network import Network
from lensong.coverage.service import Handset
from lensong.coverage.sweeps import PropagationSettings, SweepCache
from lensong.gis_data.land import Land
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray

__all__ = ["ModelsMeasured", "models_against_drive", "scores_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsMeasured:
    """How far models are from one drive test, on the entries that all of them reach.

    Parameters
    ----------
    scores : tuple of FitScore
        Each model as it is, each with a constant fitted, and the fit that knows no terrain.
    entries : int
        Pixels, cells and phones that count.
    without : int
        Entries that some model does not reach.
    left_out : dict
        Reason to number of rows.
    warnings : tuple of str
    """

    scores: tuple[FitScore, ...]
    entries: int
    without: int
    left_out: dict[str, int]
    warnings: tuple[str, ...]


def models_against_drive(
    log: DriveLog,
    land: Land,
    network: Network,
    models: Sequence[str],
    *,
    handset: Handset,
    propagation: PropagationSettings,
    cache: SweepCache | None = None,
    workers: int = 1,
    on_done: Callable[[int, int], None] | None = None,
) -> ModelsMeasured:
    """Return how far each model is from a drive test.

    Cells are found with the first model; the others are asked for the same cells.

    Parameters
    ----------
    log : DriveLog
    land, network, handset, propagation
        Of the scenario; the model that ``propagation`` names is not looked at.
    models : sequence of str
        At least one, by the names of `lensong.propagation.models.MODELS`.
    cache, workers, on_done
        As for `match_measurements`.

    Raises
    ------
    DataError
        No row can be held against the plan, or no entry is reached by all models.
    """
    matched, first = match_measurements(
        log,
        land,
        network,
        handset=handset,
        propagation=replace(propagation, model=models[0]),
        cache=cache,
        workers=workers,
        on_done=on_done,
    )
    plans = {models[0]: first} | {
        name: PlanAtPlaces(
            land,
            network,
            handset,
            replace(propagation, model=name),
            log.lat_deg,
            log.lon_deg,
            cache=cache,
            workers=workers,
            on_done=on_done,
        )
        for name in models[1:]
    }
    place = first.at(matched.grid_row, matched.grid_col)
    predicted = {name: np.full(place.size, np.nan) for name in models}
    for cell in np.unique(matched.cell):
        here = matched.cell == cell
        for name, plan in plans.items():
            predicted[name][here] = plan.everywhere(int(cell))[place[here]]
    reached = np.all([np.isfinite(level) for level in predicted.values()], axis=0)
    use = reached & ~matched.at_floor
    if not use.any():
        raise DataError(
            f"no measured pixel is reached by all of {', '.join(models)}: leave out the model that "
            "ends nearest"
        )
    cell_m = land.grid.cell_m
    square = squares(
        np.asarray(matched.grid_col[use] * cell_m, dtype=np.float64),
        np.asarray(-matched.grid_row[use] * cell_m, dtype=np.float64),
    )
    errors = {name: (matched.measured_dbm - level)[use] for name, level in predicted.items()}
    known = (matched.measured_dbm - matched.predicted_dbm - matched.path_loss_db)[use]
    return ModelsMeasured(
        scores=scores_of(errors, known, matched.distance_m[use], square),
        entries=int(use.sum()),
        without=int((~reached).sum()),
        left_out=matched.left_out,
        warnings=matched.warnings,
    )


def scores_of(
    error_db: dict[str, FloatArray],
    level_without_loss_db: FloatArray,
    distance_m: FloatArray,
    square: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> tuple[FitScore, ...]:
    """Return the scores of models as they are, with a constant, and of no terrain at all.

    Parameters
    ----------
    error_db : dict
        Model to measured minus predicted level [dB].
    level_without_loss_db : shape (n,)
        Measured level less power and gains: minus the measured path loss [dB]. Powers and patterns
        are thus known to the fit without terrain, too.
    distance_m : shape (n,)
    square : shape (n,), int
    """
    n = square.size
    scores = [held_out(name, np.empty((n, 0)), error, square) for name, error in error_db.items()]
    if n >= FEWEST_FOR_FIT:
        scores += [
            held_out(f"{name} + constant", np.ones((n, 1)), error, square)
            for name, error in error_db.items()
        ]
        terms = log_distance(distance_m)
        scores.append(held_out(NO_TERRAIN, terms, level_without_loss_db, square))
    return tuple(scores)
