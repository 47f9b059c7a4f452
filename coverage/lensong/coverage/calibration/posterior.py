"""What measured levels say of the terms and the field: a normal posterior, robust and censored.

Terms and field are jointly normal before anything was measured, so what is known afterwards is a
solution of linear equations (kriging with a prior on the trend; Rasmussen and Williams, "Gaussian
Processes for Machine Learning", 2006, eqs 2.25, 2.26 and 2.38). Two things are not normal, and
are met by solving again a few times: readings far off, which count less (Student's t with 5
degrees of freedom, as weights), and readings at the floor of a phone, of which only "that or less"
is known (Newton's steps on their likelihood, the normal distribution below the floor, as in
Laplace's approximation; the same book, eqs 3.12 and 3.13).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import log_ndtr

from lensong.coverage.calibration.evidence import Evidence
from lensong.coverage.calibration.field import Field, field_covariance, most_likely_field
from lensong.coverage.calibration.terms import PLACE_TERMS, TERMS, Priors, features
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["Posterior", "learn", "residual_covariance"]

_FREEDOM = 5.0
_ROUNDS = 3
_MORE_ROUNDS = 3
_PLACE_COLUMNS = [TERMS.index(name) for name in PLACE_TERMS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Terms and field as they are known after the measurements.

    Parameters
    ----------
    spots : Evidence
        What was learnt from.
    priors : Priors
    field : Field
    alpha : shape (n,)
        By how much each spot pulls [1/dB]: a covariance with the spots times this is a mean.
    factor : tuple
        Cholesky factor of the covariance of the residuals, for deviations.
    weight : shape (n,)
        By how much each spot counts, about 1 for one that fits.
    target_db : shape (n,)
        Residuals; at the floor of a phone what is expected below it [dB].
    """

    spots: Evidence
    priors: Priors
    field: Field
    alpha: FloatArray
    factor: tuple[FloatArray, bool]
    weight: FloatArray
    target_db: FloatArray

    def correction(
        self, at: Evidence, *, with_field: bool, with_spread: bool = False
    ) -> tuple[FloatArray, FloatArray | None]:
        """Return what is to be added to predicted levels, and its deviation where asked [dB].

        Parameters
        ----------
        at : Evidence
            Its residuals are not looked at. Cells and places that were not measured get what all
            share.
        with_field : bool
            False: the terms alone.
        with_spread : bool
            The deviation is that of a level measured there, noise and field included.
        """
        known = _terms_covariance(at, self.spots, self.priors)
        near = _field_between(at, self.spots, self.field)
        toward = known + near if with_field else known
        mean_db = toward @ self.alpha
        if not with_spread:
            return mean_db, None
        both = known + near
        solved = cho_solve(self.factor, both.T, check_finite=False)
        variance = (
            _terms_variance(at, self.priors)
            + self.field.sd_db**2
            + self.field.noise_db**2
            - np.einsum("ij,ji->i", both, solved)
        )
        return mean_db, np.sqrt(np.maximum(variance, 1e-6))

    def shared_variance(self, a: Evidence, b: Evidence) -> FloatArray:
        """Return the covariance of levels, as it is left, without noise, shape (a, b) [dB^2]."""
        prior = _terms_covariance(a, b, self.priors) + _field_between(a, b, self.field)
        of_a = _terms_covariance(a, self.spots, self.priors) + _field_between(
            a, self.spots, self.field
        )
        of_b = _terms_covariance(b, self.spots, self.priors) + _field_between(
            b, self.spots, self.field
        )
        return np.asarray(prior - of_a @ cho_solve(self.factor, of_b.T, check_finite=False))

    def known_variance(self, at: Evidence) -> FloatArray:
        """Return the variance of levels, as it is left, without noise [dB^2]."""
        _, spread = self.correction(at, with_field=True, with_spread=True)
        if spread is None:
            raise AssertionError(spread)
        return np.asarray(spread**2 - self.field.noise_db**2)

    def number(self, toward: FloatArray, prior_variance: float) -> tuple[float, float]:
        """Return mean and deviation of a number of known covariance with the residuals.

        Parameters
        ----------
        toward : shape (n,)
            Its prior covariance with the residual of each spot.
        prior_variance : float
            Its own, before anything was measured.
        """
        solved = cho_solve(self.factor, toward, check_finite=False)
        variance = max(prior_variance - float(toward @ solved), 0.0)
        return float(toward @ self.alpha), variance**0.5

    def term(self, name: str, place: int | None = None) -> tuple[float, float]:
        """Return a term, shared or with what a place has on top, and its deviation."""
        column = TERMS.index(name)
        values = features(self.spots)[:, column]
        variance = self.priors.shared[column] ** 2
        toward = variance * values
        if place is not None and name in PLACE_TERMS:
            own = self.priors.place[PLACE_TERMS.index(name)] ** 2
            toward = toward + own * values * (self.spots.place == place)
            variance += own
        return self.number(toward, variance)

    def cell_bias(self, cell: int) -> tuple[float, float]:
        """Return the bias of a cell, with what all share, and its deviation [dB]."""
        shared, own = self.priors.shared[0] ** 2, self.priors.cell_bias_db**2
        return self.number(shared + own * (self.spots.cell == cell), shared + own)

    def class_offset(self, code: int) -> tuple[float, float]:
        """Return the offset of a class of land cover and its deviation [dB]."""
        variance = self.priors.class_db**2
        return self.number(variance * (self.spots.clutter_class == code), variance)

    def phone_offset(self, phone: int) -> tuple[float, float]:
        """Return by how much a phone reads above the mean phone, and its deviation [dB]."""
        variance, phones = self.priors.phone_db**2, np.unique(self.spots.phone).size
        toward = variance * ((self.spots.phone == phone) - 1.0 / phones)
        return self.number(toward, variance * (1.0 - 1.0 / phones))


def learn(spots: Evidence, priors: Priors, like: Posterior | None = None) -> Posterior:
    """Return what spots teach.

    Parameters
    ----------
    spots : Evidence
        One or more.
    priors : Priors
        The phones' counts only where there is more than one phone: of one alone nobody can tell
        its offset from the cells'.
    like : Posterior or None
        What the same spots taught with other priors: its field, and how much each spot counts,
        are taken over. None: both are found.
    """
    terms = _terms_covariance(spots, spots, priors) + _phones(spots, priors)
    if like is None:
        plain = _Solved.before(spots)
        first = _solve(spots, Field(), terms, plain, _ROUNDS - 1)
        field = most_likely_field(spots, first.target_db, first.weight, terms)
        done = _solve(spots, field, terms, first, _ROUNDS)
    else:
        field = like.field
        start = _Solved(like.alpha, like.factor, like.weight, like.target_db)
        done = _solve(spots, field, terms, start, 1)
    return Posterior(
        spots=spots,
        priors=priors,
        field=field,
        alpha=done.alpha,
        factor=done.factor,
        weight=done.weight,
        target_db=done.target_db,
    )


def residual_covariance(
    spots: Evidence, priors: Priors, field: Field, weight: FloatArray
) -> FloatArray:
    """Return the covariance of the residuals of spots, noise included, shape (n, n) [dB^2].

    Parameters
    ----------
    spots, priors, field
        As `learn` had and found them.
    weight : shape (n,)
        By how much each spot counts: the noise's variance is divided by it.
    """
    whole = _terms_covariance(spots, spots, priors) + _phones(spots, priors)
    whole += _field_between(spots, spots, field)
    whole[np.diag_indices_from(whole)] += field.noise_db**2 / weight
    return whole


@dataclass(frozen=True, slots=True)
class _Solved:
    alpha: FloatArray
    factor: tuple[FloatArray, bool]
    weight: FloatArray
    target_db: FloatArray

    @classmethod
    def before(cls, spots: Evidence) -> _Solved:
        """Return where solving begins: all spots count alike, and are taken at their word."""
        nothing = np.zeros(0)
        return cls(nothing, (np.zeros((0, 0)), True), np.ones(len(spots)), spots.residual_db)


def _solve(
    spots: Evidence, field: Field, terms: FloatArray, start: _Solved, rounds: int
) -> _Solved:
    smooth = terms + _field_between(spots, spots, field)
    target, weight = start.target_db.copy(), start.weight.copy()
    floor, noise = spots.at_floor, field.noise_db
    if floor.any() and rounds > 1:
        rounds += _MORE_ROUNDS
    for again in range(rounds):
        whole = smooth if again == rounds - 1 else smooth.copy()
        whole[np.diag_indices_from(whole)] += noise**2 / weight
        factor = cho_factor(whole, lower=True, overwrite_a=True, check_finite=False)
        alpha = cho_solve(factor, target, check_finite=False)
        if again == rounds - 1:
            break
        fitted = target - noise**2 / weight * alpha
        # a reading that fits well is worth no more than one: the fit was made by it
        weight = np.minimum((_FREEDOM + 1.0) / (_FREEDOM + ((target - fitted) / noise) ** 2), 1.0)
        if floor.any():
            below = (spots.residual_db[floor] - fitted[floor]) / noise
            # pdf / cdf by logarithms, so that far tails hold; it and -below differ by more than 0
            pull = np.exp(-0.5 * below**2 - 0.5 * np.log(2.0 * np.pi) - log_ndtr(below))
            steep = np.maximum(pull + below, 1e-6)
            target[floor] = fitted[floor] - noise / steep
            weight[floor] = np.maximum(pull * steep, 1e-6)
    return _Solved(alpha, factor, weight, target)


def _same(a: IntArray, b: IntArray) -> FloatArray:
    return np.asarray(a[:, None] == b[None, :], dtype=np.float64)


def _terms_covariance(a: Evidence, b: Evidence, priors: Priors) -> FloatArray:
    """Return the covariance by terms of what cells send: without phones and field [dB^2]."""
    of_a, of_b = features(a), features(b)
    found = (of_a * np.square(np.array(priors.shared))) @ of_b.T
    own: FloatArray = np.square(np.array(priors.place))
    if own.any():
        deviations = (of_a[:, _PLACE_COLUMNS] * own) @ of_b[:, _PLACE_COLUMNS].T
        found += deviations * _same(a.place, b.place)
    if priors.class_db > 0.0:
        same_class = _same(a.clutter_class, b.clutter_class)
        found += priors.class_db**2 * same_class * (a.clutter_class > 0)[:, None]
    return np.asarray(found + priors.cell_bias_db**2 * _same(a.cell, b.cell))


def _terms_variance(at: Evidence, priors: Priors) -> FloatArray:
    of = features(at)
    own = of[:, _PLACE_COLUMNS] ** 2 @ np.square(np.array(priors.place))
    classes = priors.class_db**2 * (at.clutter_class > 0)
    return np.asarray(
        of**2 @ np.square(np.array(priors.shared)) + own + classes + priors.cell_bias_db**2
    )


def _phones(spots: Evidence, priors: Priors) -> FloatArray:
    """Return the covariance by phones, whose offsets have the mean 0: the rest is a bias."""
    phones = np.unique(spots.phone).size
    return priors.phone_db**2 * (_same(spots.phone, spots.phone) - 1.0 / phones)


def _field_between(a: Evidence, b: Evidence, field: Field) -> FloatArray:
    same = np.asarray(a.site[:, None] == b.site[None, :])
    return field_covariance(field, a.places_m, b.places_m, same)
