"""How well a calibrated level is known where, and on what it rests.

The deviation of a level is that of the posterior from which the calibration was made
(`lensong.coverage.calibration.posterior`), made again out of its spots; half of its interval is
that times the factor that held on squares that were not seen, by class of path
(`lensong.coverage.calibration.spread`). Levels that the calibration does not change have the
deviation of the plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.calibration import Calibration
from lensong.coverage.calibration.evidence import Evidence
from lensong.coverage.calibration.of_cells import one_site
from lensong.coverage.calibration.paths import Paths
from lensong.coverage.calibration.posterior import residual_covariance
from lensong.coverage.calibration.spread import path_classes
from lensong.coverage.calibration.terms import TERMS, features
from lensong.coverage.network import Cell, Mast
from lensong.gis_data.land import Land
from lensong.propagation.types import BoolArray, FloatArray, UInt8Array

__all__ = ["BASES", "COVERAGE", "HALF_NORMAL", "Known", "KnownLevels", "spots_of"]

BASES: Final = ("measured", "calibrated here", "model only")
"""On what a level rests; the bounds are those of the calibration, see
`lensong.coverage.calibration.calibration.Basis`."""

COVERAGE: Final = 0.9
"""Share of levels that intervals hold: from the worst twentieth to the best."""

HALF_NORMAL: Final = NormalDist().inv_cdf(0.5 + 0.5 * COVERAGE)
"""Half of that interval, in deviations of a normal variable."""

_REACH_LENGTHS = 4.0  # a spot farther away tells less than a thousandth of the field's variance


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """How well levels of one cell are known.

    Parameters
    ----------
    field_db : shape (n,)
        What the residual field adds; 0 where it is not in use [dB].
    field_sd_share : shape (n,)
        Deviation of the field by that before anything was measured, 0..1.
    half_db : shape (n,)
        Half of the interval that holds 90 % of levels [dB].
    nearest_m : shape (n,)
        To the nearest spot at which a cell of this site was measured; inf without one, and of a
        cell that was measured as another antenna [m].
    basis : shape (n,), uint8
        Index into `BASES`.
    """

    field_db: FloatArray
    field_sd_share: FloatArray
    half_db: FloatArray
    nearest_m: FloatArray
    basis: UInt8Array


class KnownLevels:
    """Tells how well levels are known, of any cell at any place.

    Parameters
    ----------
    paths : CalibratedPaths
    land : Land
    plain_db : float
        Deviation of a level that no calibration touches: locations and model [dB].
    building_db : float
        Deviation of what a building takes off, in every interval; 0 outdoors [dB].
    """

    def __init__(
        self, paths: CalibratedPaths, land: Land, plain_db: float, building_db: float = 0.0
    ) -> None:
        self._paths, self._land = paths, land
        self._plain_db, self._building_db = plain_db, building_db

    @property
    def calibration(self) -> Calibration:
        """Return the calibration."""
        return self._paths.calibration

    def at(self, cell: Cell, mast: Mast, ends: Paths) -> Known:
        """Return how well the levels of a cell are known at the far ends of its paths."""
        learnt = self.calibration
        freq_mhz = cell.carrier.downlink_freq_mhz
        corrected = self._paths.corrects(self._paths.place(mast, cell.height_agl_m, freq_mhz))
        places = np.column_stack([ends.east_m, ends.north_m])
        own = self._of_site(mast)
        nearest = np.full(len(ends), np.inf)
        other = self._paths.cells.of(cell, mast).is_another
        if own.any() and not other:
            nearest = np.asarray(cKDTree(self._paths.places_m[own]).query(places)[0])
        half, share = np.full(len(ends), HALF_NORMAL * self._plain_db), np.ones(len(ends))
        if corrected:
            variance, of_field = self._variance(cell, mast, ends, places, own)
            half = np.sqrt(variance) * self._half_width(ends, places)
            if learnt.stage == "field":
                share = np.sqrt(of_field) / max(learnt.field.sd_db, 1e-9)
        basis = np.full(len(ends), BASES.index("model only"), dtype=np.uint8)
        basis[share <= learnt.basis.field_sd_share] = BASES.index("calibrated here")
        basis[nearest <= learnt.basis.measured_within_m] = BASES.index("measured")
        return Known(
            field_db=self._paths.field_at(mast, cell.height_agl_m, freq_mhz, ends, self._land.grid),
            field_sd_share=share,
            half_db=np.hypot(half, HALF_NORMAL * self._building_db),
            nearest_m=nearest,
            basis=basis,
        )

    @cached_property
    def _spots(self) -> Evidence:
        return spots_of(self.calibration)

    @cached_property
    def _inverse(self) -> FloatArray:
        learnt = self.calibration
        whole = residual_covariance(self._spots, learnt.priors, learnt.field, learnt.spots.weight)
        factor = cho_factor(whole, lower=True, overwrite_a=True, check_finite=False)
        return np.asarray(cho_solve(factor, np.eye(len(self._spots)), check_finite=False))

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self._paths.places_m)

    def _of_site(self, mast: Mast) -> BoolArray:
        near = {row.mast_id for row in self.calibration.places if one_site(row, mast)}
        return np.array([name in near for name in self.calibration.spots.mast_id], np.bool_)

    def _half_width(self, ends: Paths, places: FloatArray) -> FloatArray:
        spread = self.calibration.spread
        if spread is None:
            return np.full(len(ends), HALF_NORMAL)
        kind = path_classes(ends.clear, np.asarray(self._tree.query(places)[0]))
        return spread.half_width(kind, COVERAGE)

    def _variance(
        self, cell: Cell, mast: Mast, ends: Paths, places: FloatArray, own: BoolArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the variance of levels, noise included, and that of the field alone [dB^2].

        A level is ``phi theta + field`` with ``phi`` what multiplies the terms of this cell. With
        ``K`` the covariance of the residuals, ``G`` that of ``theta`` with them and ``k`` that of
        the field, what is left of the variance is

            phi (D - G K^-1 G') phi' - 2 phi G K^-1 k' + sd^2 - k K^-1 k'

        of which all but the products with ``k`` is made once for a cell, and ``k`` has but the
        spots near by.
        """
        field, phi, theta = self.calibration.field, self._phi(ends), self._theta(cell, mast)
        prior, toward = theta
        solved = toward @ self._inverse
        left = np.diag(prior) - solved @ toward.T
        of_terms = np.einsum("ij,jk,ik->i", phi, left, phi)
        across, of_field = np.zeros(len(ends)), np.full(len(ends), field.sd_db**2)
        share = field.sd_db**2 * (field.correlation + (1.0 - field.correlation) * own)
        reach_m = _REACH_LENGTHS * field.length_m
        for tile in _tiles(places, reach_m):
            centre = places[tile].mean(axis=0)
            around = float(np.hypot(*(places[tile] - centre).T).max())
            near = np.array(self._tree.query_ball_point(centre, around + reach_m), dtype=np.int64)
            if not near.size:
                continue
            away = cdist(places[tile], self._paths.places_m[near])
            k = np.where(away <= reach_m, share[near] * np.exp(-away / field.length_m), 0.0)
            taken = k @ self._inverse[np.ix_(near, near)]
            of_field[tile] -= np.einsum("ij,ij->i", taken, k)
            across[tile] = np.einsum("ij,ij->i", phi[tile] @ solved[:, near], k)
        of_field = np.maximum(of_field, 0.0)
        whole = of_terms - 2.0 * across + of_field + field.noise_db**2
        return np.maximum(whole, 1e-6), of_field

    def _phi(self, ends: Paths) -> FloatArray:
        """Return what multiplies the terms, then each class of land cover, shape (n, terms)."""
        names = self._land.clutter_names
        kinds = np.array(
            [names.get(int(code), str(code)) if code > 0 else "" for code in range(256)]
        )[ends.clutter_class]
        known = [np.asarray(kinds == name, dtype=np.float64) for name in self._class_names]
        new = np.asarray((kinds != "") & ~np.isin(kinds, self._class_names), dtype=np.float64)
        return np.column_stack([features(ends), *known, new])

    @cached_property
    def _class_names(self) -> list[str]:
        return sorted(set(self.calibration.spots.land_cover) - {""})

    def _theta(self, cell: Cell, mast: Mast) -> tuple[FloatArray, FloatArray]:
        """Return the variances of a cell's terms before, and their covariances with residuals.

        In the order of `_phi`: the terms, the classes that were measured, and one that was not.
        """
        learnt, spots = self.calibration, self.calibration.spots
        priors = learnt.priors
        place = self._paths.place(mast, cell.height_agl_m, cell.carrier.downlink_freq_mhz)
        same_cell = np.array([name == cell.cell_id for name in spots.cell_id])
        same_place = np.zeros(same_cell.size, dtype=np.bool_)
        if self._paths.cells.of(cell, mast).is_another:
            same_cell = np.zeros_like(same_place)
        if place is not None:
            same_place = np.array(
                [
                    (mast_id, height, freq) == (place.mast_id, place.height_agl_m, place.freq_mhz)
                    for mast_id, height, freq in zip(
                        spots.mast_id, spots.height_agl_m, spots.freq_mhz, strict=True
                    )
                ]
            )
        own = np.array([priors.cell_bias_db, *priors.place]) ** 2
        same = np.vstack([same_cell, *([same_place] * (len(TERMS) - 1))])
        shared = np.square(np.array(priors.shared))
        of_terms = (shared[:, None] + own[:, None] * same) * features(self._spots).T
        cover = np.array(spots.land_cover)
        classes = [priors.class_db**2 * (cover == name) for name in self._class_names]
        count = len(self._class_names) + 1
        prior = np.concatenate([shared + own, np.full(count, priors.class_db**2)])
        return prior, np.vstack([of_terms, *classes, np.zeros(cover.size)])


def spots_of(learnt: Calibration) -> Evidence:
    """Return the spots that a calibration was made from; phones and classes have new numbers."""
    spots = learnt.spots
    near: list[str] = []  # the first mast of each site
    rows = {row.mast_id: row for row in learnt.places}
    site_of: dict[str, int] = {}
    for mast_id, row in rows.items():
        mast = Mast(
            mast_id=mast_id, lat_deg=row.lat_deg, lon_deg=row.lon_deg, height_agl_m=row.height_agl_m
        )
        found = next((k for k, other in enumerate(near) if one_site(rows[other], mast)), len(near))
        if found == len(near):
            near.append(mast_id)
        site_of[mast_id] = found
    places = list(zip(spots.mast_id, spots.height_agl_m, spots.freq_mhz, strict=True))
    classes = sorted(set(spots.land_cover) | {""})  # the unknown one is the first: 0
    return Evidence(
        east_m=spots.east_m,
        north_m=spots.north_m,
        measured_dbm=spots.measured_dbm,
        residual_db=spots.residual_db,
        at_floor=spots.at_floor,
        distance_m=spots.distance_m,
        terrain_db=spots.terrain_db,
        clutter_db=spots.clutter_db,
        clear=spots.clear,
        clutter_class=np.array([classes.index(name) for name in spots.land_cover], np.int64),
        cell=np.unique(np.array(spots.cell_id), return_inverse=True)[1].ravel(),
        place=np.array([sorted(set(places)).index(place) for place in places], np.int64),
        site=np.array([site_of[name] for name in spots.mast_id], np.int64),
        phone=np.unique(np.array(spots.phone), return_inverse=True)[1].ravel(),
        rows=np.ones(len(places), dtype=np.int64),
    )


def _tiles(places: FloatArray, side_m: float) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the places by square, those of a square together and no more than 4,096."""
    if not len(places):
        return []
    _, square = np.unique(np.floor(places / side_m), axis=0, return_inverse=True)
    order = np.argsort(square.ravel(), kind="stable")
    ends = np.flatnonzero(np.diff(square.ravel()[order])) + 1
    return [
        part[first : first + 4096]
        for part in np.split(order, ends)
        for first in range(0, part.size, 4096)
    ]
