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
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from lensong.coverage.calibration.apply import CalibratedPaths, near_spots
from lensong.coverage.calibration.calibration import Calibration
from lensong.coverage.calibration.paths import Paths
from lensong.coverage.calibration.spread import NEAR_EDGES_M, path_classes
from lensong.coverage.calibration.terms import TERMS, features
from lensong.coverage.network import Cell, Mast
from lensong.gis_data.land import Land
from lensong.propagation.types import BoolArray, FloatArray, UInt8Array

__all__ = ["BASES", "COVERAGE", "HALF_NORMAL", "Known", "KnownLevels"]

BASES: Final = ("measured", "calibrated here", "model only")
"""On what a level rests; the bounds are those of the calibration, see
`lensong.coverage.calibration.calibration.Basis`."""

COVERAGE: Final = 0.9
"""Share of levels that intervals hold: from the worst twentieth to the best."""

HALF_NORMAL: Final = NormalDist().inv_cdf(0.5 + 0.5 * COVERAGE)
"""Half of that interval, in deviations of a normal variable."""

_REACH_LENGTHS = 3.0  # a spot farther away tells less than 0.3 % of the field's variance


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
        To the nearest spot at which a cell of this site was measured; inf beyond the distance up
        to which that counts as measured, and of a cell that was measured as another antenna [m].
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
        own = self._paths.of_site(mast)
        nearest = np.full(len(ends), np.inf)
        if own.any() and not self._paths.cells.of(cell, mast).is_another:
            within_m = learnt.basis.measured_within_m + 1.0
            nearest = _nearest_m(cKDTree(self._paths.places_m[own]), places, within_m)
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

    @property
    def _tree(self) -> cKDTree:
        return self._paths.tree

    def _half_width(self, ends: Paths, places: FloatArray) -> FloatArray:
        spread = self.calibration.spread
        if spread is None:
            return np.full(len(ends), HALF_NORMAL)
        kind = path_classes(ends.clear, _nearest_m(self._tree, places, NEAR_EDGES_M[-2]))
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
        solved = toward @ self._paths.inverse
        left = np.diag(prior) - solved @ toward.T
        of_terms = np.einsum("ij,ij->i", phi @ left, phi)
        across, of_field = np.zeros(len(ends)), np.full(len(ends), field.sd_db**2)
        share = field.sd_db**2 * (field.correlation + (1.0 - field.correlation) * own)
        reach_m = _REACH_LENGTHS * field.length_m
        for tile, near in near_spots(self._tree, places, reach_m):
            away = cdist(places[tile], self._paths.places_m[near])
            k = np.where(away <= reach_m, share[near] * np.exp(-away / field.length_m), 0.0)
            taken = k @ self._paths.inverse[np.ix_(near, near)]
            of_field[tile] -= np.einsum("ij,ij->i", taken, k)
            across[tile] = np.einsum("ij,ij->i", phi[tile] @ solved[:, near], k)
        of_field = np.maximum(of_field, 0.0)
        whole = of_terms - 2.0 * across + of_field + field.noise_db**2
        return np.maximum(whole, 1e-6), of_field

    def _phi(self, ends: Paths) -> FloatArray:
        """Return what multiplies the terms, then each class of land cover, shape (n, terms)."""
        column = np.full(256, len(self._class_names))  # known, but met by no spot
        column[0] = -1
        for code, name in self._land.clutter_names.items():
            if name in self._class_names:
                column[code] = self._class_names.index(name)
        of = column[ends.clutter_class]
        kinds = [of == k for k in range(len(self._class_names) + 1)]
        return np.column_stack([features(ends), *kinds])

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
        of_terms = (shared[:, None] + own[:, None] * same) * features(self._paths.spots).T
        cover = np.array(spots.land_cover)
        classes = [priors.class_db**2 * (cover == name) for name in self._class_names]
        count = len(self._class_names) + 1
        prior = np.concatenate([shared + own, np.full(count, priors.class_db**2)])
        return prior, np.vstack([of_terms, *classes, np.zeros(cover.size)])


def _nearest_m(tree: cKDTree, places: FloatArray, within_m: float) -> FloatArray:
    """Return the distance to the nearest spot, inf beyond a bound: the search ends there [m]."""
    return np.asarray(tree.query(places, distance_upper_bound=within_m)[0])
