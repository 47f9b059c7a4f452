"""Invented spots of a drive test, with a truth that is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lensong.coverage.calibration.evidence import Evidence
from lensong.coverage.calibration.terms import TERMS, Priors, features
from lensong.propagation.types import FloatArray

__all__ = ["Truth", "drive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What was planted: shared terms, biases of cells, offsets of classes and phones [dB]."""

    shared: FloatArray
    cell_bias_db: FloatArray
    class_db: FloatArray
    phone_db: FloatArray
    field_db: FloatArray


def drive(
    seed: int,
    *,
    count: int = 300,
    cells: int = 6,
    priors: Priors | None = None,
    field_sd_db: float = 4.0,
    length_m: float = 300.0,
    noise_db: float = 3.0,
) -> tuple[Evidence, Truth]:
    """Return spots along winding roads in 6 km by 6 km, and what was planted in them."""
    priors, rng = priors or Priors(), np.random.default_rng(seed)
    turn = np.cumsum(rng.normal(0.0, 0.15, count))
    step_m = 60.0
    east = 3000.0 + np.cumsum(step_m * np.cos(turn))
    north = 3000.0 + np.cumsum(step_m * np.sin(turn))
    cell = np.repeat(rng.permutation(-(-count // 25)) % cells, 25)[:count]
    site = cell // 3
    masts = rng.uniform(0.0, 6000.0, (cells, 2))
    distance = np.maximum(np.hypot(east - masts[site, 0], north - masts[site, 1]), 60.0)
    ups = rng.gamma(1.0, 8.0, count)
    terrain = np.where(rng.uniform(size=count) < 0.5, 0.0, np.minimum(ups, 40.0))
    spots = Evidence(
        east_m=east,
        north_m=north,
        measured_dbm=np.full(count, -90.0),
        residual_db=np.zeros(count),
        at_floor=np.zeros(count, dtype=np.bool_),
        distance_m=distance,
        terrain_db=terrain,
        clutter_db=rng.gamma(0.7, 6.0, count),
        clear=terrain < 12.0,
        clutter_class=rng.integers(1, 4, count),
        cell=cell,
        place=site,
        site=site,
        phone=np.arange(count) // 40 % 2,
        rows=np.ones(count, dtype=np.int64),
    )
    truth = Truth(
        shared=rng.normal(0.0, 1.0, len(TERMS)) * np.array(priors.shared),
        cell_bias_db=rng.normal(0.0, priors.cell_bias_db, cells),
        class_db=rng.normal(0.0, priors.class_db, 4),
        phone_db=np.array([-1.0, 1.0]) * abs(rng.normal(0.0, priors.phone_db)),
        field_db=field_sd_db
        * np.linalg.cholesky(
            np.exp(-np.hypot(east - east[:, None], north - north[:, None]) / length_m)
            + 1e-9 * np.eye(count)
        )
        @ rng.normal(size=count),
    )
    residual = (
        features(spots) @ truth.shared
        + truth.cell_bias_db[cell]
        + truth.class_db[spots.clutter_class]
        + truth.phone_db[spots.phone]
        + truth.field_db
        + rng.normal(0.0, noise_db, count)
    )
    return replace(spots, residual_db=residual), truth
