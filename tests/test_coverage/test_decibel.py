from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.decibel import db_to_ratio, dbm_to_mw, mw_to_dbm, ratio_to_db, sum_dbm


def test_trap_pysim5g_two_equal_interferers_add_three_db() -> None:
    # pysim5g sums 10**dBm and takes log10 without the factors of ten: +0.3 dB in place of +3.
    assert float(sum_dbm([-100.0, -100.0])) == pytest.approx(-96.99, abs=0.005)


def test_ten_equal_interferers_add_ten_db() -> None:
    assert float(sum_dbm(np.full(10, -110.0))) == pytest.approx(-100.0)


def test_half_a_load_takes_three_db_off() -> None:
    assert float(sum_dbm([-100.0], [0.5])) == pytest.approx(-103.01, abs=0.005)


def test_sums_along_an_axis() -> None:
    levels = np.array([[-100.0, -90.0], [-100.0, -np.inf]])
    np.testing.assert_allclose(sum_dbm(levels, axis=0), [-96.9897, -90.0], atol=1e-4)


def test_nothing_is_minus_infinity_and_nan_stays() -> None:
    assert float(mw_to_dbm(0.0)) == -np.inf
    assert float(dbm_to_mw(-np.inf)) == 0.0
    assert np.isnan(ratio_to_db(np.nan))


@given(st.floats(-200.0, 100.0))
def test_there_and_back(level: float) -> None:
    assert float(ratio_to_db(db_to_ratio(level))) == pytest.approx(level, abs=1e-9)
