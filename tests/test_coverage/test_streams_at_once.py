"""How many streams hold at once: blocks, fitting and the Monte Carlo against slow twins."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.decibel import db_to_ratio
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layers import make_layers
from lensong.coverage.network import Carrier, Network
from lensong.coverage.rates import UPLINK_CURVES, downlink_mbps, uplink_mbps
from lensong.coverage.service import Service
from lensong.coverage.shadowing import Shadowing
from lensong.coverage.streams.at_once import chances_at_once, streams_that_hold
from lensong.coverage.streams.blocks import least_blocks
from lensong.coverage.streams.draws import Reception, receptions
from lensong.coverage.streams.fitting import most_that_fit
from lensong.coverage.streams.heard import PLACES, Heard
from lensong.coverage.streams.settings import StreamSettings
from lensong.coverage.streams.table import stream_table, streams_column
from lensong.coverage.village_weights import VillageWeights
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.types import FloatArray
from tests.test_coverage.layer_cases import GRID, HANDSET, LTE, LTE_LOW, make_cell, make_mast
from tests.test_coverage.layer_cases import make_sweep as any_sweep

LIVE = Service(name="livestream-720p", downlink_mbps=1.0, uplink_mbps=2.8)
CURVE = UPLINK_CURVES["64QAM"]


@pytest.mark.parametrize(
    ("rsrp_dbm", "streams"), [(-95.0, 16), (-100.0, 12), (-105.0, 6), (-108.0, 2)]
)
def test_a_cell_of_20_mhz_carries_so_many_at_one_level(rsrp_dbm: float, streams: int) -> None:
    # 46 dBm over 1200 subcarriers; a phone of 23 dBm; noise figure 3 dB and rise 2 dB
    path_gain_db = rsrp_dbm - (46.0 - 10.0 * np.log10(1200.0))
    noise_dbm = -174.0 + 10.0 * np.log10(180e3) + 5.0
    snr = db_to_ratio(23.0 + path_gain_db - noise_dbm)
    blocks = least_blocks(snr, 2.8, block_hz=180e3, most=100, curve=CURVE)
    assert 96 // float(blocks) == streams


@given(
    st.floats(-20.0, 60.0), st.floats(0.1, 60.0), st.integers(1, 100), st.sampled_from([0.23, 1.0])
)
def test_the_least_blocks_are_those_that_counting_finds(
    snr_db: float, rate_mbps: float, most: int, share: float
) -> None:
    snr, hz = db_to_ratio(snr_db), 180e3 * share
    found = float(least_blocks(snr, rate_mbps, block_hz=hz, most=most, curve=CURVE))
    lowest = float(db_to_ratio(CURVE.min_snr_db))
    counted = next(
        (
            m
            for m in range(1, most + 1)
            if snr / m >= lowest * (1.0 - 1e-12)
            and m * hz * CURVE.alpha * np.log2(1.0 + min(snr / m, db_to_ratio(CURVE.max_snr_db)))
            >= rate_mbps * 1e6 * (1.0 - 1e-12)
        ),
        np.inf,
    )
    assert found == counted
    # the plan's own rate says the same of whether one phone can stream at all
    alone = float(uplink_mbps(snr_db, block_hz=hz, blocks=most, curve=CURVE))
    if abs(alone - rate_mbps) > 1e-9 * rate_mbps:
        assert np.isfinite(found) == (alone > rate_mbps)


def fits(cost: FloatArray, count: int) -> bool:
    """Return whether the first streams fit, by trying every way to put them."""
    cells = cost.shape[1]
    for way in product(range(cells), repeat=count):
        taken = np.zeros((cells, 2))
        for n, k in enumerate(way):
            taken[k] += cost[n, k]
        if np.all(taken <= 1.0 + 1e-9):
            return True
    return False


@given(st.integers(1, 8), st.integers(1, 3), st.integers(0, 10_000), st.booleans())
def test_as_many_fit_as_trying_every_way_finds(
    streams: int, cells: int, seed: int, tight: bool
) -> None:
    rng = np.random.default_rng(seed)
    # whole blocks of a hundred, so that cells fill to the last one
    cost = rng.integers(15 if tight else 3, 60, (streams, cells, 2)) / 100.0
    cost[rng.uniform(size=cost.shape[:2]) < 0.2] = np.inf
    cell_of = np.full((1, streams), -1)
    found = int(most_that_fit(cost[None], cell_of)[0])
    assert found == streams or not fits(cost, found + 1)
    taken = np.zeros((cells, 2))
    for n in range(found):
        taken[cell_of[0, n]] += cost[n, cell_of[0, n]]
    assert np.all(taken <= 1.0 + 1e-6)


def network_of(*carriers: Carrier, operators: tuple[str, ...] = ("A",)) -> Network:
    """Two masts, each with a cell of every carrier and operator."""
    masts = (make_mast("m0", 10.0, 12.0), make_mast("m1", 30.0, 35.0))
    cells = tuple(
        make_cell(f"{mast.mast_id}-{i}-{operator}", mast.mast_id, carrier, operator=operator)
        for mast in masts
        for i, carrier in enumerate(carriers)
        for operator in operators
    )
    return Network(masts=masts, cells=cells)


def heard_in(
    network: Network, loss_db: float, *, villages: int = 2, sigma_db: float = 8.0
) -> tuple[Heard, LayerModel]:
    """Return villages in an even land of one loss from the first mast, 9 dB more from the other."""
    model = LayerModel.build(
        GRID.crs, network, HANDSET, [LIVE], Shadowing(sigma_db=sigma_db, correlation=0.5)
    )
    rides, planned = [], []
    for m, mast in enumerate(network.masts):
        sweep = any_sweep(0.0, 0.0, seed=0)
        sweep = replace(
            sweep,
            loss_cdb=np.full(GRID.shape, round(100.0 * (loss_db + 9.0 * m)), np.uint16),
            departure_cdeg=np.zeros(GRID.shape, np.int16),
            diffraction_cdb=np.zeros(GRID.shape, np.uint16),
            terrain_cdb=np.zeros(GRID.shape, np.uint16),
            row0=0, col0=0,
        )  # fmt: skip
        for carrier in {cell.carrier.name for cell in network.cells}:
            mine = tuple(
                i
                for i, cell in enumerate(network.cells)
                if cell.mast_id == mast.mast_id and cell.carrier.name == carrier
            )
            rides.append((mine, sweep))
            planned.append((0, 0, GRID.rows, GRID.cols))
    pixels = np.arange(GRID.rows * GRID.cols)
    weights = [
        VillageWeights(
            pixel=pixels[v * 40 : v * 40 + 40], weight=np.full(40, 1 / 40), people=100.0,
            weighting="area",
        )
        for v in range(villages)
    ]  # fmt: skip
    heard = Heard(weights, GRID, model)
    make_layers(GRID, model, rides=rides, planned=planned, heard=heard)
    return heard, model


def received(
    network: Network, loss_db: float, *, phones: int = 20, sigma_db: float = 8.0
) -> tuple[list[Reception], LayerModel]:
    heard, model = heard_in(network, loss_db, sigma_db=sigma_db)
    return receptions(heard, 0, "A", model, phones=phones, model_sigma_db=7.0), model


def test_each_place_hears_what_the_layers_were_made_of() -> None:
    heard, model = heard_in(network_of(LTE), 110.0)
    operator = heard.operators["A"]
    assert operator.code.shape == (1, 2 * PLACES, 6)
    assert (operator.code[..., 2:] == 0).all()
    level_db = 10.0 * np.log10(operator.level_mw[..., :2])
    assert (level_db[..., 0] > level_db[..., 1]).all()
    assert model.network.cells[operator.code[0, 0, 0] - 1].mast_id == "m0"


def test_without_scatter_the_number_is_that_of_the_blocks() -> None:
    network = network_of(LTE_LOW)
    (only,), model = received(network, 118.0, sigma_db=0.0)
    held = streams_that_hold([only], LIVE, model, usable_share=0.96)
    assert np.unique(held).size == 1
    cell = network.cells[0]
    snr = only.level_mw[0, 0] * model.cells.uplink_snr_offset[only.code[0, 0]]
    blocks = float(
        least_blocks(
            snr,
            LIVE.uplink_mbps,
            block_hz=cell.carrier.resource_block_hz,
            most=cell.granted_uplink_resource_blocks,
            curve=CURVE,
        )
    )
    assert held[0] == np.floor(cell.carrier.resource_blocks * 0.96) // blocks
    assert held[0] > 0


def slow_held(several: list[Reception], model: LayerModel, usable_share: float, draw: int) -> int:
    """Count one draw without noise rise, phone by phone, trying every way."""
    cells = sorted({int(c) for r in several for c in r.code[draw] if c})
    phones = several[0].code.shape[1]
    cost = np.full((phones, len(cells), 2), np.inf)
    for r in several:
        for p in range(phones):
            code = int(r.code[draw, p])
            cell = model.network.cells[code - 1]
            budget = model.cells.budgets[code - 1]
            if code == 0 or r.level_mw[draw, p] < model.attach_mw[0]:
                continue
            usable = int(cell.carrier.resource_blocks * usable_share + 1e-9) * cell.uplink_layers
            snr = r.level_mw[draw, p] * db_to_ratio(budget.uplink_snr_offset_db)
            taken = least_blocks(
                snr, LIVE.uplink_mbps, block_hz=budget.uplink_block_hz,
                most=min(usable, budget.uplink_blocks), curve=CURVE,
            )  # fmt: skip
            rate = downlink_mbps(
                10.0 * np.log10(r.sinr[draw, p]), bandwidth_hz=budget.downlink_hz,
                layers=budget.downlink_layers, curve=budget.downlink_curve,
            )  # fmt: skip
            if np.isfinite(taken) and rate > 0.0:
                cost[p, cells.index(code)] = float(taken) / usable, LIVE.downlink_mbps / float(rate)
    count = 0
    while count < phones and fits(cost, count + 1):
        count += 1
    return count


@pytest.mark.parametrize("loss_db", [112.0, 124.0, 130.0])
def test_draws_agree_with_counting_phone_by_phone(loss_db: float) -> None:
    # one mast: nobody else's sellers raise the noise
    network = network_of(LTE, LTE_LOW)
    network = Network(
        masts=network.masts[:1], cells=tuple(c for c in network.cells if c.mast_id == "m0")
    )
    several, model = received(network, loss_db, phones=6)
    held = streams_that_hold(several, LIVE, model, usable_share=0.3)
    assert [slow_held(several, model, 0.3, d) for d in range(24)] == held[:24].tolist()


def test_sellers_of_the_neighbour_raise_the_noise_and_never_help() -> None:
    several, model = received(network_of(LTE), 128.0)
    held = streams_that_hold(several, LIVE, model, usable_share=0.96)
    deaf = [replace(r, heard_snr=np.zeros_like(r.heard_snr)) for r in several]
    alone = streams_that_hold(deaf, LIVE, model, usable_share=0.96)
    assert (held <= alone).all()
    assert (held < alone).any()


def test_the_curve_falls_and_a_better_link_lifts_it() -> None:
    curves = []
    for loss_db in (112.0, 120.0, 128.0, 136.0):
        several, model = received(network_of(LTE, LTE_LOW), loss_db)
        held = streams_that_hold(several, LIVE, model, usable_share=0.96)
        curve = chances_at_once(held, 20)
        assert (np.diff(curve) <= 0.0).all()
        curves.append(curve)
    for better, worse in pairwise(curves):
        assert (better >= worse).all()
    assert curves[0][0] == 1.0
    assert curves[-1][0] < 0.9


def villages_named(*names: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"village_id": names, "name": [f"Bản {n}" for n in names]})


def test_the_table_has_any_sim_and_each_operator() -> None:
    heard, model = heard_in(network_of(LTE, operators=("A", "B")), 116.0)
    table = stream_table(
        villages_named("x", "y"), heard, model, StreamSettings(most=12), model_sigma_db=7.0
    )
    assert list(table["operator"].unique()) == ["any", "A", "B"]
    assert len(table) == 2 * 3
    assert list(table.columns)[-1] == "chance_12"
    any_sim = table[table["operator"] == "any"].set_index("village_id")["streams"]
    for operator in ("A", "B"):
        alone = table[table["operator"] == operator].set_index("village_id")["streams"]
        assert (any_sim > alone).all()
    assert streams_column(table, LIVE.name) == list(any_sim)
    one = stream_table(
        villages_named("x", "y"), heard, model, StreamSettings(most=12, sims=("b",)),
        model_sigma_db=7.0,
    )  # fmt: skip
    assert list(one["operator"].unique()) == ["any"]
    assert (one["streams"].to_numpy() < any_sim.to_numpy()).all()


def test_a_village_draws_the_same_wherever_it_stands_in_the_list() -> None:
    heard, model = heard_in(network_of(LTE), 124.0)
    settings = StreamSettings(most=6)
    both = stream_table(villages_named("x", "y"), heard, model, settings, model_sigma_db=7.0)
    turned = stream_table(villages_named("y", "x"), heard, model, settings, model_sigma_db=7.0)
    # the land is even: the places of both villages hear the same
    a, b = (table.sort_values("village_id").reset_index(drop=True) for table in (both, turned))
    assert a.equals(b)


def test_what_is_not_planned_is_refused_and_none_are_counted_where_none_are_asked() -> None:
    heard, model = heard_in(network_of(LTE), 124.0)
    with pytest.raises(InvalidInputError, match=r"streams\.sims has 'C', wanted operators"):
        StreamSettings(sims=("C",)).check(model)
    with pytest.raises(InvalidInputError, match=r"streams\.services has 'song'"):
        StreamSettings(services=("song",)).check(model)
    with pytest.raises(OutOfRangeError, match=r"streams\.most"):
        StreamSettings(most=61)
    with pytest.raises(OutOfRangeError, match="other_uplink_load"):
        StreamSettings(other_uplink_load=1.0)
    nothing = stream_table(
        villages_named("x", "y"), heard, model, StreamSettings(most=0), model_sigma_db=7.0
    )
    assert nothing.empty
    assert StreamSettings(most=0).assumptions([LIVE], HANDSET, 7.0) == ()


@pytest.mark.parametrize("together", [False, True])
def test_carriers_that_send_together_are_named_where_they_do_not_count(together: bool) -> None:
    handset = replace(HANDSET, uplink_carrier_aggregation=together)
    (told,) = StreamSettings().assumptions([LIVE], handset, 7.0)
    assert ("carrier aggregation" in told) == together
