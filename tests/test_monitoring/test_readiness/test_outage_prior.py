"""The prior of outages, learnt from watches."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lensong.monitoring.readiness.outage_prior import estimated_prior
from lensong.monitoring.readiness.outages import OutagePrior

SHIPPED = OutagePrior(shape=0.12, hours=2.3)


def drawn(
    rng: np.random.Generator, sites: int, shape: float, hours: float
) -> list[tuple[float, float]]:
    watched_h = rng.uniform(20.0, 200.0, sites)
    rates = rng.gamma(shape, 1.0 / hours, sites)
    return [
        (float(e), float(rng.poisson(rate * e))) for e, rate in zip(watched_h, rates, strict=True)
    ]


@pytest.mark.parametrize(("shape", "hours"), [(0.12, 2.3), (0.5, 20.0), (1.0, 4.0)])
def test_it_finds_the_prior_that_many_sites_were_drawn_from(shape: float, hours: float) -> None:
    found = estimated_prior(drawn(np.random.default_rng(3), 2_000, shape, hours), default=SHIPPED)
    assert found.shape == pytest.approx(shape, rel=0.15)
    assert found.hours == pytest.approx(hours, rel=0.25)
    assert found.sites == 2_000
    assert found.watched_h > 2_000 * 20.0


def test_little_watching_leaves_the_shipped_one() -> None:
    assert estimated_prior([], default=SHIPPED) is SHIPPED
    assert estimated_prior([(500.0, 3.0)] * 9, default=SHIPPED) is SHIPPED
    assert estimated_prior([(9.0, 1.0)] * 11, default=SHIPPED) is SHIPPED


def test_clean_hours_make_it_cleaner_and_outages_worse() -> None:
    def stays_up(sites: list[tuple[float, float]]) -> float:
        prior = estimated_prior(sites, default=SHIPPED)
        return math.pow(prior.hours / (prior.hours + 4.0), prior.shape)

    shipped = (2.3 / 6.3) ** 0.12
    assert stays_up([(50.0, 0.0)] * 20) > shipped
    assert stays_up([(50.0, 40.0)] * 20) < shipped
    assert stays_up([(50.0, 0.0)] * 200) > stays_up([(50.0, 0.0)] * 20)


def test_the_order_of_sites_does_not_matter() -> None:
    sites = drawn(np.random.default_rng(5), 40, 0.4, 6.0)
    one = estimated_prior(sites, default=SHIPPED)
    other = estimated_prior(sites[::-1], default=SHIPPED)
    assert one.shape == pytest.approx(other.shape, rel=1e-3)
