"""The same plan by several models: which villages change, and on what kind of path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from lensong.coverage.drive.rivals import ModelsMeasured
from lensong.coverage.network import Network, Technology
from lensong.coverage.obstruction import KINDS, Obstruction, serving_obstruction
from lensong.coverage.plan import plan
from lensong.coverage.plan_setup import Progress
from lensong.coverage.result import PlanResult
from lensong.coverage.service import DEFAULT_SERVICES, Handset, Service
from lensong.coverage.sweeps import PropagationSettings, SweepCache
from lensong.coverage.village_weights import village_weights
from lensong.coverage.villages import CLASSES, ClassThresholds
from lensong.gis_data.land import Land
from lensong.propagation.errors import ConfigError
from lensong.propagation.models import map_models
from lensong.propagation.types import BoolArray, Float32Array, FloatArray

__all__ = ["Comparison", "Difference", "compare"]

DISTANCE_EDGES_M = (0.0, 1e3, 2e3, 5e3, 10e3, 20e3, inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How far a model's level is from the first model's, over some pixels.

    Parameters
    ----------
    technology : str
    model : str
        The other model; differences are its level minus the first model's.
    split : str
        ``"all"``, ``"path"``, ``"distance"`` or ``"clutter"``.
    label : str
    pixels : int
        With a level by both models.
    mean_db, sd_db, rms_db, p5_db, p50_db, p95_db : float
        Of RSRP of the best server [dB]; above 0 the other model is the more optimistic one.
    """

    technology: str
    model: str
    split: str
    label: str
    pixels: int
    mean_db: float
    sd_db: float
    rms_db: float
    p5_db: float
    p50_db: float
    p95_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A plan by several models.

    Parameters
    ----------
    models : tuple of str
        The first is the one that others are held against.
    first : PlanResult
        The plan by the first model, for land, masts and settings.
    villages : DataFrame
        One row per village: ``village_id``, ``name``, ``commune``, ``people``; per technology of
        the first model's best server ``distance_m_<tech>`` and, over the village's pixels,
        ``line_of_sight_share_<tech>``, ``terrain_loss_db_<tech>``, ``clutter_loss_db_<tech>``; per
        model ``class_<model>``, ``served_share_<model>`` (of the class service),
        ``rsrp_p50_dbm_<tech>_<model>``; per other model ``served_share_difference_<model>``,
        ``rsrp_p50_difference_db_<tech>_<model>``; and ``classes_differ``.
    differences : tuple of Difference
        In all, by kind of path, distance and land cover.
    maps_db : dict
        Technology and other model to the difference of RSRP on the grid [dB]; NaN where either has
        no level.
    reached : dict
        Technology to model to number of pixels of the area with a level.
    warnings : tuple of str
    measured : ModelsMeasured or None
        The models against a drive test, where there is one.
    """

    models: tuple[str, ...]
    first: PlanResult
    villages: pd.DataFrame
    differences: tuple[Difference, ...]
    maps_db: dict[tuple[Technology, str], Float32Array]
    reached: dict[str, dict[str, int]]
    warnings: tuple[str, ...] = ()
    measured: ModelsMeasured | None = None

    @property
    def changed(self) -> pd.DataFrame:
        """Return the villages that are not in one class by all models, most people first."""
        found = self.villages[self.villages["classes_differ"]]
        return found.sort_values("people", ascending=False, kind="stable", na_position="last")

    def summary(self) -> dict[str, Any]:
        """Return the totals, JSON-ready."""
        people = pd.to_numeric(self.villages["people"]).fillna(0.0)
        return {
            "models": list(self.models),
            "class_service": self.first.class_service,
            "villages": len(self.villages),
            "villages_that_differ": int(self.villages["classes_differ"].sum()),
            "villages_by_class": {
                m: {c: int((self.villages[f"class_{m}"] == c).sum()) for c in CLASSES}
                for m in self.models
            },
            "people_served": {
                m: round(float((people * self.villages[f"served_share_{m}"]).sum()), 1)
                for m in self.models
            },
            "pixels_reached": self.reached,
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything but maps, ready for ``json.dumps``."""
        rows = self.changed.astype(object).where(self.changed.notna(), None)
        return {
            "title": self.first.title,
            "synthetic": self.first.synthetic,
            "summary": self.summary(),
            "differences": [
                {name: getattr(d, name) for name in Difference.__slots__} for d in self.differences
            ],
            "changed": rows.to_dict(orient="records"),
            "warnings": list(self.warnings),
            "measured": None if self.measured is None else _measured(self.measured),
        }


def compare(
    land: Land,
    network: Network,
    models: Sequence[str],
    *,
    title: str,
    services: Sequence[Service] = DEFAULT_SERVICES,
    handset: Handset | None = None,
    propagation: PropagationSettings | None = None,
    classes: ClassThresholds | None = None,
    settings: dict[str, Any] | None = None,
    cache: SweepCache | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Comparison:
    """Return a plan by several models and where they disagree.

    Parameters
    ----------
    models : sequence of str
        Two or more that draw maps (`lensong.propagation.models.map_models`); the others are held
        against the first.

    Other parameters are those of `lensong.coverage.plan.plan`; the model that ``propagation``
    names is not looked at. What stands in the way of a path is told by the diffraction terms of
    P.1812, whose sweeps are needed too when it is not among the models.

    Raises
    ------
    ConfigError
        Fewer than two models, one twice, or one that draws no maps.
    OutOfRangeError
        A cell's frequency or height is outside a model's range; the model is named.
    """
    names = _checked(models)
    propagation = propagation or PropagationSettings()
    handset = handset or Handset()
    plans: list[PlanResult] = []
    levels: list[dict[Technology, Float32Array]] = []
    for number, name in enumerate(names):
        result = plan(
            land,
            network,
            title=title,
            services=services,
            handset=handset,
            propagation=replace(propagation, model=name),
            classes=classes,
            settings=settings,
            cache=cache,
            workers=workers,
            progress=_scaled(progress, number, len(names)),
        )
        levels.append({tech: layers.rsrp_dbm for tech, layers in result.layers.items()})
        # of the other models only the level and the village table are kept
        plans.append(result if number == 0 else replace(result, layers={}))
    first = plans[0]
    obstructions = serving_obstruction(
        land,
        network,
        first.layers,
        replace(propagation, model="itu_r_p1812"),
        rx_height_agl_m=handset.height_agl_m,
        cache=cache,
        workers=workers,
        progress=progress,
    )
    maps = {
        (tech, name): (level[tech] - levels[0][tech]).astype(np.float32)
        for name, level in zip(names[1:], levels[1:], strict=True)
        for tech in first.layers
        if tech in level
    }
    inside = land.aoi > 0
    return Comparison(
        models=names,
        first=first,
        villages=_villages(names, plans, obstructions),
        differences=tuple(
            difference
            for (tech, name), values in maps.items()
            for difference in _differences(land, tech, name, values, obstructions[tech], inside)
        ),
        maps_db=maps,
        reached={
            tech: {
                name: int((np.isfinite(level[tech]) & inside).sum())
                for name, level in zip(names, levels, strict=True)
                if tech in level
            }
            for tech in first.layers
        },
        warnings=_unique(text for result in plans for text in result.warnings),
    )


def _measured(found: ModelsMeasured) -> dict[str, Any]:
    return {
        "entries": found.entries,
        "entries_some_model_does_not_reach": found.without,
        "scores": [score.to_json() for score in found.scores],
        "left_out": found.left_out,
        "warnings": list(found.warnings),
    }


def _checked(models: Sequence[str]) -> tuple[str, ...]:
    names, known = tuple(models), sorted(map_models())
    if len(names) < 2:
        raise ConfigError(
            f"{len(names)} model was given to compare, wanted two or more of {', '.join(known)}"
        )
    for name in names:
        if name not in known:
            raise ConfigError(f"{name} draws no maps, wanted one of {', '.join(known)}")
        if names.count(name) > 1:
            raise ConfigError(f"{name} is given more than once, wanted different models")
    return names


def _scaled(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return a progress that takes one model's sweeps as its share of all."""
    if progress is None:
        return None
    return lambda stage, done, total: progress(stage, number * total + done, count * total)


def _unique(texts: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


# Pixels -----------------------------------------------------------------------------------------


def _differences(
    land: Land,
    technology: Technology,
    model: str,
    values: Float32Array,
    obstruction: Obstruction,
    inside: BoolArray,
) -> Iterator[Difference]:
    both = np.isfinite(values) & inside
    at = np.flatnonzero(both)
    if not at.size:
        return
    there = values.ravel()[at].astype(np.float64)
    kind = obstruction.kind.ravel()[at]
    distance_m = obstruction.distance_m.ravel()[at]
    splits: list[tuple[str, str, BoolArray]] = [("all", "all", np.ones(at.size, np.bool_))]
    splits += [("path", label, kind == code) for code, label in KINDS.items()]
    splits += [
        ("distance", _band(low, high), (distance_m >= low) & (distance_m < high))
        for low, high in pairwise(DISTANCE_EDGES_M)
    ]
    if land.clutter_class is not None:
        cover = land.clutter_class.ravel()[at]
        splits += [("clutter", name, cover == code) for code, name in land.clutter_names.items()]
    for split, label, here in splits:
        if here.any():
            yield _difference(technology, model, split, label, there[here])


def _difference(
    technology: str, model: str, split: str, label: str, values: FloatArray
) -> Difference:
    p5, p50, p95 = (float(p) for p in np.percentile(values, (5.0, 50.0, 95.0)))
    numbers = {
        "mean_db": float(values.mean()),
        "sd_db": float(values.std()),
        "rms_db": float(np.sqrt(np.mean(values**2))),
        "p5_db": p5,
        "p50_db": p50,
        "p95_db": p95,
    }
    return Difference(
        technology=technology,
        model=model,
        split=split,
        label=label,
        pixels=int(values.size),
        **{name: round(value, 3) for name, value in numbers.items()},
    )


def _band(low_m: float, high_m: float) -> str:
    low, high = low_m / 1000.0, high_m / 1000.0
    return f"{low:g} km and more" if high == inf else f"{low:g} to {high:g} km"


# Villages ---------------------------------------------------------------------------------------


def _villages(
    names: Sequence[str], plans: Sequence[PlanResult], obstructions: dict[Technology, Obstruction]
) -> pd.DataFrame:
    first = plans[0]
    told = first.villages
    columns: dict[str, Any] = {
        name: told[name].to_numpy()
        for name in ("village_id", "name", "commune", "people")
        if name in told.columns
    }
    columns |= _paths_of_villages(first, obstructions)
    share = f"served_share_{first.class_service.replace('-', '_')}"
    techs = [tech.lower() for tech in first.layers]
    for name, result in zip(names, plans, strict=True):
        table = result.villages
        columns[f"class_{name}"] = table["class"].to_numpy()
        columns[f"served_share_{name}"] = table[share].to_numpy()
        for tech in techs:
            columns[f"rsrp_p50_dbm_{tech}_{name}"] = table[f"rsrp_p50_dbm_{tech}"].to_numpy()
    base = names[0]
    for name in names[1:]:
        columns[f"served_share_difference_{name}"] = (
            columns[f"served_share_{name}"] - columns[f"served_share_{base}"]
        )
        for tech in techs:
            columns[f"rsrp_p50_difference_db_{tech}_{name}"] = (
                columns[f"rsrp_p50_dbm_{tech}_{name}"] - columns[f"rsrp_p50_dbm_{tech}_{base}"]
            )
    found = pd.DataFrame(columns)
    found["classes_differ"] = found[[f"class_{name}" for name in names]].nunique(axis=1) > 1
    return found


def _paths_of_villages(
    first: PlanResult, obstructions: dict[Technology, Obstruction]
) -> dict[str, Any]:
    """Return what the first model's serving paths are like, over the pixels of each village."""
    weights = village_weights(first.land)
    columns: dict[str, Any] = {}
    for tech, seen in obstructions.items():
        suffix = tech.lower()
        columns[f"distance_m_{suffix}"] = first.villages[f"distance_m_{suffix}"].to_numpy()
        layers = {
            "line_of_sight_share": np.where(seen.kind == 0, np.nan, seen.line_of_sight),
            "terrain_loss_db": seen.terrain_db,
            "clutter_loss_db": seen.clutter_db,
        }
        for name, layer in layers.items():
            flat = layer.ravel()
            columns[f"{name}_{suffix}"] = [
                _weighted_mean(flat[w.pixel].astype(np.float64), w.weight) for w in weights
            ]
    return columns


def _weighted_mean(values: FloatArray, weight: FloatArray) -> float:
    known = np.isfinite(values)
    total = float(weight[known].sum())
    return float((values[known] * weight[known]).sum() / total) if total > 0.0 else float("nan")
