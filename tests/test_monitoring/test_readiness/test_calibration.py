"""The conformal bound against its plain form, and what censoring changes."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lensong.monitoring.readiness.calibration import calibrate
from lensong.monitoring.readiness.evidence import PastSession
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
PREDICTED = 6.5


def session(
    score: float, *, held: bool = False, day: int = 0, sd: float | None = 1.0
) -> PastSession:
    return PastSession(
        ended_at=NOW - timedelta(days=day),
        predicted_log10_bps=PREDICTED,
        achieved_log10_bps=PREDICTED + score * (sd or 1.0),
        held=held,
        predicted_sd_log10=sd,
    )


def plain_bound(scores: FloatArray, alpha: float) -> float | None:
    """Return the split conformal lower bound: the floor(alpha (n + 1))-th smallest score."""
    k = math.floor(alpha * (scores.size + 1) + 1e-9)
    return None if k < 1 else float(np.sort(scores)[k - 1])


scores_of_failures = hnp.arrays(
    np.float64, st.integers(0, 60), elements=st.integers(-30, 10).map(lambda i: i / 10.0)
)


@given(scores_of_failures, st.sampled_from([0.05, 0.1, 0.2, 0.3]))
def test_without_censoring_it_is_the_split_conformal_bound(
    scores: FloatArray, alpha: float
) -> None:
    found = calibrate(
        [session(float(s)) for s in scores], alpha=alpha, default_sd_log10=1.0, newest=1000
    ).bound_score()
    expected = plain_bound(scores, alpha)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("alpha", "least"), [(0.1, 9), (0.05, 19), (0.2, 4)])
def test_no_bound_before_enough_sessions(alpha: float, least: int) -> None:
    def bound(n: int) -> float | None:
        sessions = [session(0.1 * i) for i in range(n)]
        return calibrate(sessions, alpha=alpha, default_sd_log10=1.0, newest=1000).bound_score()

    assert bound(least - 1) is None
    assert bound(least) is not None


def test_a_new_session_stays_above_the_bound_as_often_as_promised() -> None:
    rng = np.random.default_rng(5)
    below = 0
    trials = 2_000
    for _ in range(trials):
        drawn = np.maximum(rng.standard_normal(20), -2.99)  # no outages
        bound = calibrate(
            [session(float(s)) for s in drawn[:-1]], alpha=0.1, default_sd_log10=1.0, newest=1000
        ).bound_score()
        assert bound is not None
        below += drawn[-1] < bound
    # exactly floor(0.1 * 20) / 20 = 0.1 in expectation; 3 standard errors of 2,000 trials
    assert below / trials <= 0.1 + 3.0 * math.sqrt(0.1 * 0.9 / trials)
    assert below / trials >= 0.1 - 3.0 * math.sqrt(0.1 * 0.9 / trials)


def test_with_censoring_the_promise_holds_too() -> None:
    rng = np.random.default_rng(6)
    below = 0
    trials = 2_000
    for _ in range(trials):
        drawn = rng.standard_normal(40)
        asked = rng.normal(-1.2, 0.6, size=39)  # the streams' bitrates, mostly easy
        past = [
            session(float(min(score, limit)), held=bool(score >= limit))
            for score, limit in zip(drawn, asked, strict=False)
        ]
        bound = calibrate(past, alpha=0.1, default_sd_log10=1.0, newest=1000).bound_score()
        assert bound is not None
        below += drawn[-1] < bound
    assert below / trials <= 0.1 + 3.0 * math.sqrt(0.1 * 0.9 / trials)


def test_sessions_that_held_at_an_easy_rate_do_not_lower_the_bound_to_that_rate() -> None:
    # ten easy sessions held far below what was expected, ten were stretched to where they failed
    easy = [session(-3.0, held=True) for _ in range(10)]
    stretched = [session(0.1 * i) for i in range(10)]
    bound = calibrate([*easy, *stretched], alpha=0.1, default_sd_log10=1.0, newest=1000)
    assert bound.bound_score() == pytest.approx(0.0)


def test_only_the_newest_sessions_count() -> None:
    old = [session(-5.0, day=100 + i) for i in range(50)]
    new = [session(0.1 * i, day=i) for i in range(10)]
    found = calibrate([*old, *new], alpha=0.1, default_sd_log10=1.0, newest=10)
    assert found.n == 10
    assert found.bound_score() == pytest.approx(0.0)


def test_scores_are_in_spreads_of_their_own_prediction() -> None:
    wide = [session(float(i), sd=0.5) for i in range(9)]
    assert calibrate(wide, alpha=0.1, default_sd_log10=0.1, newest=99).bound_score() == 0.0
    unknown = [session(-0.5, sd=None)] + [session(0.0, sd=None)] * 8
    bound = calibrate(unknown, alpha=0.1, default_sd_log10=0.25, newest=99).bound_score()
    assert bound == pytest.approx(-2.0)


def test_outages_are_counted_against_what_was_expected_and_kept_out_of_the_scores() -> None:
    normal = [replace(session(0.1 * i), predicted_outage_probability=0.1) for i in range(10)]
    out = [replace(session(-9.0), predicted_outage_probability=0.1) for _ in range(5)]
    found = calibrate([*normal, *out], alpha=0.1, default_sd_log10=1.0, newest=99)
    assert found.n == 10
    assert found.bound_score() == pytest.approx(0.0)
    assert found.outage_ratio == pytest.approx((5 + 1) / (1.5 + 1))
    calm = calibrate(normal, alpha=0.1, default_sd_log10=1.0, newest=99)
    assert calm.outage_ratio == 1.0  # fewer than expected is no proof of a better link


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_alpha_must_be_a_share(alpha: float) -> None:
    with pytest.raises(InvalidInputError, match="alpha"):
        calibrate([], alpha=alpha, default_sd_log10=1.0, newest=10)
