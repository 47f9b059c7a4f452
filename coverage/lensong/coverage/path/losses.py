"""What models say a path loses; P.1812 term by term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan, degrees, isnan
from typing import Any

import numpy as np

from lensong.coverage.path.line import SHORTEST_PROFILE_M, Line
from lensong.coverage.sweeps import PropagationSettings
from lensong.propagation.diffraction import bullington_loss_db
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.link import Climate, Link
from lensong.propagation.model import Model
from lensong.propagation.models import MODELS, model
from lensong.propagation.p1812 import PathTerms, path_terms
from lensong.propagation.p1812_terms import median_earth_radius_km
from lensong.propagation.profile import profile_of

__all__ = ["ModelLoss", "PathTerm", "departure_deg", "model_losses", "p1812_ladder"]

P1812 = "itu_r_p1812"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTerm:
    """One step from nothing to the whole loss: its key, what it is, and decibels (signed)."""

    key: str
    text: str
    loss_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoss:
    """What one model says of a path.

    Parameters
    ----------
    model, title, source : str
    path_loss_db : float
        Median basic transmission loss [dB]; NaN where the model does not hold.
    why_not : str
        Why there is no loss; empty where there is.
    ladder : tuple of PathTerm
        Steps that sum to the loss; empty where the model has but its total.
    terms : dict
        Every intermediate of P.1812 by name, see `lensong.propagation.p1812.PathTerms`.
    """

    model: str
    title: str
    source: str
    path_loss_db: float
    why_not: str = ""
    ladder: tuple[PathTerm, ...] = ()
    terms: dict[str, Any]

    @property
    def known(self) -> bool:
        """Return whether the model has a loss for the path."""
        return not isnan(self.path_loss_db)


def model_losses(
    line: Line, names: Sequence[str], *, freq_mhz: float, settings: PropagationSettings
) -> list[ModelLoss]:
    """Return what each model says of a path, in the order of the names, each once.

    A model that does not hold for the path is in the list with the reason.

    Raises
    ------
    ConfigError
        For an unknown name.
    """
    known = dict.fromkeys(model(name).name for name in names)
    return [_loss(line, MODELS[name], freq_mhz, settings) for name in known]


def _loss(line: Line, entry: Model, freq_mhz: float, settings: PropagationSettings) -> ModelLoss:
    link = Link(
        freq_mhz,
        line.tx.height_agl_m,
        line.rx.height_agl_m,
        settings.polarization == "horizontal",
    )
    value, why_not = float("nan"), _out_of_range(entry, line, link, settings)
    ladder: tuple[PathTerm, ...] = ()
    terms: dict[str, Any] = {}
    if not why_not:
        try:
            if entry.name == P1812:
                found, ladder = p1812_ladder(line, freq_mhz=freq_mhz, settings=settings)
                value, terms = found.basic_transmission_loss_db, found._asdict()
            else:
                value = _total_db(line, entry, link, settings)
        except InvalidInputError as error:
            why_not = str(error)
        if not why_not and isnan(value):
            why_not = f"{entry.name} does not reach this path; use {entry.instead}"
    return ModelLoss(
        model=entry.name,
        title=entry.title,
        source=entry.source,
        path_loss_db=value,
        why_not=why_not,
        ladder=ladder,
        terms=terms,
    )


def _total_db(line: Line, entry: Model, link: Link, settings: PropagationSettings) -> float:
    if entry.over_distance is not None:
        one = np.array([line.path_m]), np.array([line.slant_m])
        return float(entry.over_distance(*one, link)[0])
    profile = line.profile
    if profile is None or entry.over_profile is None:
        return float("nan")
    climate = Climate(
        settings.delta_n_per_km, settings.n0, settings.time_percent, line.centre_lat_deg
    )
    return float(entry.over_profile(profile, link, climate))


def _out_of_range(entry: Model, line: Line, link: Link, settings: PropagationSettings) -> str:
    """Return why a model does not hold for a path, empty where it does."""
    if not entry.point_model:
        whole = ", ".join(name for name, other in MODELS.items() if other.point_model)
        return f"{entry.name} gives no loss of a whole path, wanted one of {whole}"
    for what, value, unit, (low, high) in (
        ("frequency", link.freq_mhz, "MHz", entry.freq_mhz),
        ("path", line.path_m, "m", entry.distance_m),
        ("first antenna", link.tx_height_agl_m, "m above ground", entry.tx_height_m),
        ("second antenna", link.rx_height_agl_m, "m above ground", entry.rx_height_m),
        ("share of time", settings.time_percent, "%", entry.time_percent),
    ):
        if not isnan(low) and not low <= value <= high:
            return (
                f"the {what} is {value:g} {unit}, {entry.name} holds from {low:g} to {high:g}: "
                f"use {entry.instead}"
            )
    if entry.over_profile is not None and line.path_m < SHORTEST_PROFILE_M:
        return (
            f"the path is {line.path_m:.0f} m, {entry.name} holds from {SHORTEST_PROFILE_M:g} m "
            "on: use free_space"
        )
    return ""


def p1812_ladder(
    line: Line, *, freq_mhz: float, settings: PropagationSettings
) -> tuple[PathTerms, tuple[PathTerm, ...]]:
    """Return every intermediate of P.1812, and steps that sum to its loss.

    Raises
    ------
    OutOfRangeError
        The path or the link is outside the range of P.1812.
    """
    found = path_terms(
        profile_of(line.samples),
        freq_mhz=freq_mhz,
        tx_height_agl_m=line.tx.height_agl_m,
        rx_height_agl_m=line.rx.height_agl_m,
        tx_lat_deg=line.tx.lat_deg,
        tx_lon_deg=line.tx.lon_deg,
        rx_lat_deg=line.rx.lat_deg,
        rx_lon_deg=line.rx.lon_deg,
        delta_n_per_km=settings.delta_n_per_km,
        n0=settings.n0,
        time_percent=settings.time_percent,
        polarization=settings.polarization,
    )
    bare_db = bullington_loss_db(
        line.samples.distance_m,
        line.samples.terrain_amsl_m,
        freq_mhz=freq_mhz,
        tx_amsl_m=found.tx_amsl_m,
        rx_amsl_m=found.rx_amsl_m,
        effective_radius_m=1000.0 * found.effective_radius_km,
    )
    of_clutter_db = found.bullington_median_db - bare_db
    of_earth_db = found.diffraction_median_db - found.bullington_median_db
    total = found.basic_transmission_loss_db
    steps = (
        ("free_space", "free space (Lbfs)", found.free_space_db),
        (
            "multipath",
            f"multipath and focusing, {settings.time_percent:g} % of time (Lb0p - Lbfs)",
            found.los_percent_db - found.free_space_db,
        ),
        ("terrain", "diffraction by the bare ground (Bullington)", bare_db),
        (
            "clutter",
            "trees and houses on it (Lbulla less that)",
            of_clutter_db,
        ),
        ("earth", "curvature of the Earth (Ldsph - Lbulls, if above 0)", of_earth_db),
        (
            "share_of_time",
            "diffraction in that share of time (Ldp - Ld50)",
            found.diffraction_db - found.diffraction_median_db,
        ),
        (
            "ducting_and_scatter",
            "ducting, line-of-sight blend, troposcatter (Lbc - Lbd)",
            found.combined_db - found.diffracted_db,
        ),
        ("locations", "locations, 50 % (Lloc)", found.location_db),
        (
            "floor",
            "not below line of sight (eq. 69)",
            total - found.combined_db - found.location_db,
        ),
    )
    return found, tuple(PathTerm(key=key, text=text, loss_db=db) for key, text, db in steps)


def departure_deg(line: Line, model_name: str, settings: PropagationSettings) -> float:
    """Return where the ray leaves the transmitter, above the horizontal [deg], as maps have it.

    Toward its horizon where a model over a profile finds the bare ground in the way, else toward
    the receiver.
    """
    rise_m = line.rx_amsl_m - line.tx_amsl_m
    if line.path_m < SHORTEST_PROFILE_M:
        return degrees(float(np.arctan2(rise_m, line.path_m)))
    earth_m = 1000.0 * median_earth_radius_km(settings.delta_n_per_km)
    slope = rise_m / line.path_m - line.path_m / (2.0 * earth_m)
    if MODELS[model_name].over_profile is not None:
        d = line.samples.distance_m[1:-1]
        h = line.samples.terrain_amsl_m[1:-1]
        slope = max(slope, float(np.max((h - line.tx_amsl_m) / d - d / (2.0 * earth_m))))
    return degrees(atan(slope))
