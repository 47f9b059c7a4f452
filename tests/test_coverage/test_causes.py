"""Why a village lacks its service: the parts, the place, the cause that was planted."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import permutations

import numpy as np
import pytest

from lensong.coverage.causes.needs import needed_sinr_db
from lensong.coverage.causes.settings import CauseSettings
from lensong.coverage.causes.split import (
    TERMS,
    Budgets,
    parts_db,
    shapley_weights,
    shortfalls_db,
)
from lensong.coverage.plan import plan
from lensong.coverage.probability import fade_margin_db
from lensong.coverage.rates import DOWNLINK_CURVES, downlink_mbps
from lensong.coverage.result import PlanResult
from lensong.coverage.service import DEFAULT_SERVICES, Service
from lensong.coverage.villages import ClassThresholds
from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.types import FloatArray
from tests.planted_gaps import CAUSES, SERVICE, planted, scenes
from tests.test_coverage.test_plan import make_land, make_network

PARTS = [f"cause_{term}_db" for term in TERMS]
ALL = CauseSettings(counterfactuals=0)


def budgets(n: int, seed: int = 1) -> Budgets:
    draw = np.random.default_rng(seed)

    def some(low: float, high: float) -> FloatArray:
        return draw.uniform(low, high, n)

    greatest = some(10.0, 18.0)
    return Budgets(
        offset_db=some(10.0, 20.0),
        loss_db=draw.uniform(100.0, 160.0, (n, 2, 2)),
        gain_dbi=greatest[:, np.newaxis] - draw.uniform(0.0, 30.0, (n, 2)),
        greatest_gain_dbi=greatest,
        wall_db=some(0.0, 30.0),
        boost_db=some(0.0, 3.0),
        noise_dbm=some(-126.0, -122.0),
        disturbing_mw=10.0 ** (some(-140.0, -90.0) / 10.0),
        attach_dbm=np.full(n, -124.0),
        sinr_db=some(0.0, 30.0),
        useful_sinr_db=np.where(draw.random(n) < 0.5, np.inf, -5.0),
        empty_sinr_db=some(-8.0, 0.0),
        uplink_dbm=some(-120.0, -100.0),
        noise_rise_db=some(0.0, 5.0),
        stronger_phone_db=8.0,
        fade_db=14.0,
        outdoor_fade_db=10.3,
    )


def test_the_parts_sum_to_the_shortfall_and_nothing_is_left_without_terms() -> None:
    made = budgets(200)
    shortfalls, parts = shortfalls_db(made), parts_db(made)
    np.testing.assert_allclose(shortfalls[:, 0], 0.0, atol=1e-9)
    np.testing.assert_allclose(parts.sum(axis=1), shortfalls[:, -1], atol=1e-9)


def test_the_parts_are_the_mean_over_all_orders() -> None:
    values = np.random.default_rng(3).normal(size=16)
    found = values @ shapley_weights(4)
    brute = np.zeros(4)
    orders = list(permutations(range(4)))
    for order in orders:
        present = 0
        for term in order:
            brute[term] += values[present | 1 << term] - values[present]
            present |= 1 << term
    np.testing.assert_allclose(found, brute / len(orders), atol=1e-12)


def test_a_term_that_changes_nothing_has_no_part() -> None:
    made = budgets(50)
    quiet = replace(
        made,
        wall_db=np.zeros(50),
        outdoor_fade_db=made.fade_db,
        loss_db=np.repeat(made.loss_db[:, :, :1], 2, axis=2),
    )
    parts = parts_db(quiet)
    for term in ("indoor", "clutter"):
        np.testing.assert_allclose(parts[:, TERMS.index(term)], 0.0, atol=1e-9)
    assert np.abs(parts[:, TERMS.index("terrain")]).min() > 0.0


def test_budgets_of_unequal_length_are_refused() -> None:
    made = budgets(3)
    assert {f.name for f in fields(made)} >= {"loss_db", "fade_db"}
    with pytest.raises(ValueError, match="wall_db has 2 links, wanted 3"):
        replace(made, wall_db=np.zeros(2))


def test_beyond_the_highest_modulation_the_curve_goes_on_and_level_is_of_no_use() -> None:
    curve = DOWNLINK_CURVES["256QAM"]
    for rate in (0.5, 5.0, 11.0):
        needed, useful = needed_sinr_db(rate, bandwidth_hz=1e6, layers=2, curve=curve)
        assert useful == np.inf
        assert downlink_mbps(needed, bandwidth_hz=1e6, layers=2, curve=curve) == pytest.approx(rate)
    needed, useful = needed_sinr_db(20.0, bandwidth_hz=1e6, layers=2, curve=curve)
    assert useful == pytest.approx(33.0, abs=0.02)
    assert needed > useful + 10.0
    # 20 Mbit/s over two layers of 1 MHz at 0.6 of Shannon's bound
    assert needed == pytest.approx(10.0 * np.log10(2.0 * 2.0 ** (20.0 / 1.2)), abs=0.01)
    assert needed_sinr_db(1.0, bandwidth_hz=0.0, layers=2, curve=curve) == (np.inf, np.inf)


@pytest.fixture(scope="module")
def valley() -> PlanResult:
    return plan(make_land(), make_network(), title="Valley", causes=ALL)


def test_the_village_behind_the_ridge_lacks_by_the_terrain(valley: PlanResult) -> None:
    table = valley.villages.set_index("name")
    assert list(table["main_cause"]) == ["", "", "terrain"]
    assert list(table["cause_note"]) == ["", "", ""]
    short = table.loc["Sin Câu"]
    assert short["shortfall_db"] == pytest.approx(float(short[PARTS].sum()), abs=0.005)
    assert short["cause_terrain_db"] > 25.0
    assert short[["cause_clutter_db", "cause_indoor_db"]].abs().max() == 0.0
    assert table.loc["Nà Đon", ["shortfall_db", *PARTS]].isna().all()
    assert valley.causes is not None
    assert list(valley.causes["village_id"]) == ["v2"]
    assert valley.counterfactuals is not None
    assert valley.counterfactuals.empty


def test_the_shortfall_is_that_of_the_layers_of_the_plan(valley: PlanResult) -> None:
    assert valley.causes is not None
    row = valley.causes.iloc[0]
    layer = valley.layers["4G"]
    at = valley.land.grid.row_col(
        *np.asarray(valley.land.villages.geometry.iloc[2].centroid.coords[0])
    )
    near = np.hypot(*(np.indices(valley.land.grid.shape) - np.reshape(at, (2, 1, 1)))) < 6.0
    # the place is one of the village's pixels, its level and SINR those of the serving cell there
    match = near & (np.abs(layer.rsrp_dbm - row["level_dbm"]) < 0.02)
    match &= np.abs(layer.sinr_db - row["sinr_db"]) < 0.02
    assert match.any()
    assert abs(row["profile_difference_db"]) < 1.0


def test_off_there_is_nothing_of_it() -> None:
    for causes in (None, CauseSettings(villages=False)):
        result = plan(make_land(), make_network(), title="Valley", causes=causes)
        assert "shortfall_db" not in result.villages.columns
        assert result.causes is None
        assert result.counterfactuals is None


def test_workers_and_the_order_of_cells_change_nothing(valley: PlanResult) -> None:
    network = make_network()
    turned = replace(network, cells=network.cells[::-1])
    other = plan(make_land(), turned, title="Valley", causes=ALL, workers=2)
    assert valley.causes is not None
    assert other.causes is not None
    assert valley.causes.to_dict("records") == other.causes.to_dict("records")


def test_a_village_that_no_cell_reaches_is_told_by_the_nearest() -> None:
    network = make_network(radius_m=2_000.0)
    result = plan(make_land(), network, title="Valley", causes=ALL)
    table = result.villages.set_index("name")
    far = table.loc["Sin Câu"]
    assert far["class"] == "beyond_radius"
    assert far["cause_note"] == "nearest_cell"
    assert far["main_cause"] == "terrain"
    assert far["cause_cell"] in {cell.cell_id for cell in network.cells}
    assert far["shortfall_db"] == pytest.approx(float(far[PARTS].sum()), abs=0.005)
    # what the cell would bring, were its radius larger, is what it brings with a larger one
    reached = plan(make_land(), make_network(), title="Valley", causes=ALL)
    there = reached.villages.set_index("name").loc["Sin Câu"]
    assert far["shortfall_db"] == pytest.approx(there["shortfall_db"], abs=8.0)


def test_what_no_level_mends_has_no_number_and_says_so() -> None:
    fast = Service(name="impossible", downlink_mbps=1.0, uplink_mbps=2_000.0)
    result = plan(
        make_land(),
        make_network(),
        title="Valley",
        services=[*DEFAULT_SERVICES, fast],
        classes=ClassThresholds(service="impossible"),
        causes=ALL,
    )
    assert set(result.villages["main_cause"]) == {"capacity"}
    assert result.villages["shortfall_db"].isna().all()
    other = replace(fast, technologies=("5G",))
    result = plan(
        make_land(),
        make_network(),
        title="Valley",
        services=[other],
        classes=ClassThresholds(service="impossible"),
        causes=CauseSettings(counterfactuals=3),
    )
    assert set(result.villages["cause_note"]) == {"no_cell"}
    assert set(result.villages["main_cause"]) == {""}


def test_parts_that_rest_on_what_the_list_does_not_say_are_named() -> None:
    scene = planted("antenna", 2)
    cells = tuple(
        replace(cell, assumed=("height_agl_m", "azimuth_deg", "downlink_load"))
        for cell in scene.network.cells
    )
    result = replace(scene, network=replace(scene.network, cells=cells)).plan()
    assert result.causes is not None
    assert result.causes["main_cause"].tolist() == ["antenna"]
    assert result.causes["assumed"].tolist() == ["antenna, load"]
    assert result.villages["cause_assumed"].tolist() == ["antenna, load"]


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(OutOfRangeError, match=r"causes\.counterfactuals is -1"):
        CauseSettings(counterfactuals=-1)


@pytest.mark.parametrize("seed", range(len(CAUSES)))
def test_the_planted_cause_is_named(seed: int) -> None:
    scene = planted(CAUSES[seed], seed)
    result = scene.plan()
    row = result.villages.iloc[0]
    assert row["class"] != "covered"
    assert row["main_cause"] == scene.cause
    assert row["shortfall_db"] == pytest.approx(float(row[PARTS].sum()), abs=0.005)
    assert row["shortfall_db"] > 0.0
    assert fade_margin_db(SERVICE.probability, sigma_db=result.level_sigma_db) > 0.0


@pytest.mark.slow
def test_of_forty_planted_causes_nineteen_in_twenty_are_named() -> None:
    named = []
    for scene in scenes(40):
        assert planted("", scene.seed).plan().villages["class"].iloc[0] == "covered"
        row = scene.plan().villages.iloc[0]
        assert row["class"] != "covered"
        named.append(row["main_cause"] == scene.cause)
    assert np.mean(named) >= 0.95
