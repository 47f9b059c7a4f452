from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lensong.coverage.plan_setup import PlanSetup
from lensong.coverage.shadowing import site_numbers
from lensong.coverage.village_intervals import _Assumed, _Draws, _Village
from lensong.propagation.types import FloatArray
from tests.test_coverage.test_plan import make_land, make_network


@pytest.fixture(scope="module")
def setup() -> PlanSetup:
    return PlanSetup.of(make_land(), make_network(), title="three villages")


def village(setup: PlanSetup, number: int, server: int = 0) -> _Village:
    code = np.full(setup.weights[number].pixel.size, server)
    assumed, site = _Assumed.of(setup.network, setup.land), site_numbers(setup.network)
    model_db = np.full(code.size, setup.propagation.model_sigma_db)
    return _Village.of(setup, setup.weights[number], code, assumed, site, model_db)


def shares(setup: PlanSetup, of: _Village, chance: float, number: int = 0) -> FloatArray:
    constant = np.full(of.weights.pixel.size, chance)
    return _Draws.of(setup).share_served(of, constant, number)


@pytest.mark.parametrize("chance", [0.1, 0.5, 0.9])
def test_the_mean_over_draws_is_the_chance(setup: PlanSetup, chance: float) -> None:
    # 400 draws of a share whose deviation is at most 0.5
    assert shares(setup, village(setup, 0), chance).mean() == pytest.approx(chance, abs=0.06)


def test_what_is_sure_is_the_same_in_every_draw(setup: PlanSetup) -> None:
    for chance, share in ((0.0, 0.0), (1.0, 1.0)):
        np.testing.assert_allclose(shares(setup, village(setup, 0), chance), share)


def test_a_village_is_served_or_not_and_villages_go_together(setup: PlanSetup) -> None:
    """Pixels of their own luck would give a share of a half in every draw, and a sure sum."""
    one, other = (shares(setup, village(setup, k), 0.5, k) for k in (0, 1))
    assert one.std() > 0.25
    both = np.corrcoef(one, other)[0, 1]
    assert 0.3 < both < 0.8  # a site and its constant are shared, the places are not
    assert (shares(setup, village(setup, 0), 0.5) == one).all()  # seeded


def test_an_estimated_position_makes_a_village_less_sure(setup: PlanSetup) -> None:
    masts = tuple(replace(mast, uncertain=True) for mast in setup.network.masts)
    guessed = replace(setup, network=replace(setup.network, masts=masts))
    sure, unsure = village(setup, 0), village(guessed, 0)
    assert (unsure.assumed_db > 0.5).all()
    assert (sure.assumed_db == 0.0).all()
    spread = [np.ptp(np.quantile(shares(setup, v, 0.97), [0.05, 0.95])) for v in (sure, unsure)]
    assert spread[1] > spread[0]
