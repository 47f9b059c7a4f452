from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from lensong.coverage.calibration.evidence import Evidence, merged
from lensong.coverage.calibration.hold_out import folds_of_squares, hold_out, rms
from lensong.coverage.calibration.misfits import misfits
from lensong.coverage.calibration.posterior import learn
from lensong.coverage.calibration.spread import PATH_CLASSES, path_classes, spread_of
from lensong.coverage.calibration.terms import Priors, features
from lensong.propagation.types import FloatArray
from tests.test_coverage.test_calibration.spots import drive


def test_what_is_learnt_solves_the_equations_of_kriging() -> None:
    """Twin: the same numbers by the textbook, without weights, from one matrix."""
    spots, _ = drive(1, count=80)
    priors = Priors(place=(0.0,) * 4)
    learnt = learn(spots, priors)
    field = learnt.field

    def covariance(a: Evidence, b: Evidence) -> FloatArray:
        same_site = np.where(a.site[:, None] == b.site[None, :], 1.0, field.correlation)
        of_field = (
            field.sd_db**2 * same_site * np.exp(-cdist(a.places_m, b.places_m) / field.length_m)
        )
        of_terms = features(a) @ np.diag(np.square(priors.shared)) @ features(b).T
        of_cells = priors.cell_bias_db**2 * (a.cell[:, None] == b.cell[None, :])
        of_classes = priors.class_db**2 * (a.clutter_class[:, None] == b.clutter_class[None, :])
        return np.asarray(of_field + of_terms + of_cells + of_classes)

    phones = priors.phone_db**2 * ((spots.phone[:, None] == spots.phone[None, :]) - 0.5)
    whole = covariance(spots, spots) + phones + np.diag(field.noise_db**2 / learnt.weight)
    other = spots.take(np.arange(10))
    other = replace(other, east_m=other.east_m + 150.0)
    toward = covariance(other, spots)
    mean, spread = learnt.correction(other, with_field=True, with_spread=True)
    # both solve one symmetric system of 80 equations in double precision
    np.testing.assert_allclose(mean, toward @ np.linalg.solve(whole, spots.residual_db), atol=1e-8)
    own = np.diag(covariance(other, other)) + field.noise_db**2
    left = own - np.diag(toward @ np.linalg.solve(whole, toward.T))
    assert spread is not None
    np.testing.assert_allclose(spread, np.sqrt(left), atol=1e-8)


def test_planted_numbers_lie_within_their_intervals() -> None:
    """Of 95 % intervals of all numbers of ten drives, more than nine in ten hold theirs."""
    held: list[bool] = []
    for seed in range(10):
        spots, truth = drive(seed, priors=Priors(place=(0.0,) * 4))
        learnt = learn(spots, Priors(place=(0.0,) * 4))
        found = [
            (learnt.term(name), planted)
            for name, planted in zip(
                ("slope", "terrain", "clutter", "clear"), truth.shared[1:], strict=True
            )
        ]
        found += [
            (learnt.cell_bias(cell), truth.shared[0] + truth.cell_bias_db[cell])
            for cell in np.unique(spots.cell)
        ]
        found += [(learnt.class_offset(code), truth.class_db[code]) for code in (1, 2, 3)]
        found += [(learnt.phone_offset(phone), truth.phone_db[phone]) for phone in (0, 1)]
        held += [abs(mean - planted) <= 1.96 * sd for (mean, sd), planted in found]
    assert np.mean(held) > 0.9


def test_few_samples_move_little() -> None:
    """One reading 20 dB off moves its cell by less than half of that, another by far less."""
    spots, _ = drive(3, count=60, cells=6)
    one = replace(spots.take(np.array([0])), residual_db=np.array([20.0]))
    learnt = learn(one, Priors())
    own, other = learnt.cell_bias(int(one.cell[0]))[0], learnt.cell_bias(99)[0]
    assert 0.0 < other < own < 10.0
    far = replace(
        one, cell=np.array([99]), site=np.array([99]), place=np.array([99]), east_m=one.east_m + 9e4
    )
    moved, _ = learnt.correction(far, with_field=True)
    allowed = np.hypot(Priors().shared[0], Priors().shared[4]) + Priors().class_db
    assert abs(moved[0]) < allowed


def test_readings_at_the_floor_do_not_pull_up() -> None:
    """Truth 20 dB below what a phone can write: the floor alone would say 10."""
    spots, _ = drive(4, count=200, cells=1)
    low = replace(spots, residual_db=spots.residual_db * 0.0 - 10.0)
    half = np.arange(200) % 2 == 0
    told = replace(low, residual_db=np.where(half, -20.0, -10.0), at_floor=~half)
    as_read = replace(told, at_floor=np.zeros(200, dtype=np.bool_))
    censored = learn(told, Priors()).correction(told, with_field=True)[0].mean()
    plain = learn(as_read, Priors()).correction(as_read, with_field=True)[0].mean()
    assert censored < plain - 2.0


def test_some_wild_readings_change_little() -> None:
    spots, _ = drive(5, count=250)
    rng = np.random.default_rng(0)
    wild = replace(spots, residual_db=spots.residual_db + 35.0 * (rng.uniform(size=250) < 0.04))
    clean, dirty = learn(spots, Priors()), learn(wild, Priors())
    apart = [clean.cell_bias(c)[0] - dirty.cell_bias(c)[0] for c in range(6)]
    assert np.abs(apart).mean() < 1.4  # 4 % of 35 dB


def test_squares_are_held_out_whole_and_the_field_is_not_believed_far_from_spots() -> None:
    spots, _ = drive(6)
    fold, blocks = folds_of_squares(spots.east_m, spots.north_m, 500.0)
    again, _ = folds_of_squares(spots.east_m, spots.north_m, 500.0)
    assert (fold == again).all()
    assert blocks >= 5
    found = hold_out(spots, Priors(), 500.0)
    assert found is not None
    assert found.rmse_db("terms") < found.rmse_db("none")
    ratio = found.error_db["field"] / found.spread_db
    assert 0.8 < rms(ratio) < 1.25  # what is said of the error is the error
    assert hold_out(spots.take(np.arange(3)), Priors(), 2000.0) is None


def test_spots_are_merged_by_cell_phone_and_square() -> None:
    spots, _ = drive(7)
    few, side_m = merged(spots, most=100)
    assert len(few) <= 100
    assert side_m >= 50.0
    assert few.rows.sum() == len(spots)
    assert merged(spots, most=1000) == (spots, 0.0)


def test_a_cell_that_scatters_or_is_far_off_is_set_aside() -> None:
    spots, _ = drive(8)
    rng = np.random.default_rng(2)
    usual = rng.normal(0.0, 5.0, len(spots))
    wild = np.where(spots.cell == 2, rng.normal(0.0, 25.0, len(spots)), 0.0)
    assert list(misfits(replace(spots, residual_db=usual + wild), Priors())) == [2]
    off = np.where(spots.cell == 4, -60.0, 0.0)
    found = misfits(replace(spots, residual_db=usual + off), Priors())
    assert list(found) == [4]
    assert "right quantity" in found[4]


def test_conformal_widths_hold_their_share_in_every_class() -> None:
    rng = np.random.default_rng(1)
    kind = path_classes(rng.uniform(size=9000) < 0.5, rng.uniform(0.0, 2000.0, 9000))
    error = rng.normal(0.0, 1.0 + kind, 9000)  # the farther, the worse; nobody was told
    spread = spread_of([error], [np.ones(9000)], [kind])
    new = rng.normal(0.0, 1.0 + kind, 9000)
    for share in (0.8, 0.9, 0.95):
        held = np.abs(new) <= spread.half_width(kind, share)
        for number in range(len(PATH_CLASSES)):
            # of some 1500 readings a share is known within 0.03
            assert held[kind == number].mean() == pytest.approx(share, abs=0.03)
