"""What a plan lets one expect: the fit, its spread, and what it must not invent."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from lensong.monitoring.readiness.evidence import PredictedUplink
from lensong.monitoring.readiness.radio_prior import UPLINK_FITS, UplinkFit, predicted_log10_bps
from lensong.propagation.errors import InvalidInputError

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


def plan(**values: float | str | None) -> PredictedUplink:
    return PredictedUplink(**({"sigma_db": 0.0} | values), computed_at=NOW)  # type: ignore[arg-type]


def test_a_planned_uplink_is_taken_before_the_level() -> None:
    found = predicted_log10_bps(plan(uplink_p50_bps=1e7, rsrp_dbm=-120.0, technology="4G"))
    assert found is not None
    assert found[0] == pytest.approx(7.0)
    assert found[1] == pytest.approx(UPLINK_FITS["4G"].residual_sd)


def test_shadowing_adds_in_quadrature_by_the_slope() -> None:
    fit = UPLINK_FITS["5G"]
    found = predicted_log10_bps(plan(rsrp_dbm=-100.0, technology="5G", sigma_db=8.0))
    assert found is not None
    mean, sd = found
    assert mean == pytest.approx(fit.log10_bps_at_100_dbm)
    assert sd == pytest.approx(math.sqrt(fit.residual_sd**2 + (8.0 * fit.log10_per_db) ** 2))


@pytest.mark.parametrize("technology", ["3G", None])
def test_a_level_without_a_fit_for_its_technology_says_nothing(technology: str | None) -> None:
    assert predicted_log10_bps(plan(rsrp_dbm=-80.0, technology=technology)) is None
    assert predicted_log10_bps(plan(uplink_p50_bps=1e6, technology=technology)) is not None


def test_a_plan_without_level_and_rate_says_nothing() -> None:
    assert predicted_log10_bps(plan(technology="4G")) is None


def test_a_planned_rate_of_zero_is_a_rate() -> None:
    found = predicted_log10_bps(plan(uplink_p50_bps=0.0, technology="4G"))
    assert found is not None
    assert found[0] == pytest.approx(3.0)


def test_a_fit_that_falls_with_the_level_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="above 0"):
        UplinkFit(log10_bps_at_100_dbm=7.0, log10_per_db=-0.03, residual_sd=0.4)
