from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from lensong.coverage.antenna import gain_dbi, sector_3gpp
from lensong.coverage.decibel import dbm_to_mw
from lensong.coverage.layer_model import LayerModel, meridian_convergence_deg
from lensong.coverage.layers import Layers, make_layers
from lensong.coverage.link_budget import cell_budget, rsrp_dbm, rsrq_db, sinr_db
from lensong.coverage.network import Carrier, Cell, Network
from lensong.coverage.probability import fade_margin_db
from lensong.coverage.rates import downlink_mbps, uplink_mbps
from lensong.coverage.result import REASONS, TechnologyLayers
from lensong.coverage.service import DEFAULT_SERVICES, Handset, Service
from lensong.coverage.shadowing import Shadowing
from lensong.coverage.site_heard import Aimed, hear
from lensong.coverage.spectrum import disturbance_weight, overlap_mhz
from lensong.coverage.sweeps import NO_LOSS, PackedSweep
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray
from tests.test_coverage.layer_cases import (
    GRID,
    HANDSET,
    LTE,
    LTE_LOW,
    NR,
    make_cell,
    make_mast,
    make_sweep,
)

SIGMA_DB = 8.0
SHADOWING = Shadowing(sigma_db=SIGMA_DB)
Rides = list[tuple[tuple[int, ...], PackedSweep]]


def make(
    network: Network,
    rides: Rides,
    services: tuple[Service, ...] = DEFAULT_SERVICES,
    *,
    handset: Handset = HANDSET,
    shadowing: Shadowing = SHADOWING,
) -> Layers:
    model = LayerModel.build(GRID.crs, network, handset, services, shadowing)
    whole = (0, 0, GRID.rows, GRID.cols)
    return make_layers(GRID, model, rides=rides, planned=[whole] * len(rides))


def run(
    network: Network, rides: Rides, services: tuple[Service, ...] = DEFAULT_SERVICES
) -> dict[str, TechnologyLayers]:
    return {str(name): layer for name, layer in make(network, rides, services).technologies.items()}


@pytest.fixture(scope="module")
def mixed() -> tuple[Network, Rides]:
    """Two operators, two masts, three carriers, tilted sectors, boost, loads, a short radius."""
    masts = (make_mast("m0", 12.3, 20.8), make_mast("m1", 25.0, 33.0))
    sector, other = sector_3gpp(), sector_3gpp(electrical_downtilt_deg=4.0, gain_dbi=15.0)
    cells = []
    for azimuth in (0.0, 120.0, 350.0):
        for mast in ("m0", "m1"):
            cells.append(
                make_cell(
                    f"A-{mast}-{azimuth}",
                    mast,
                    operator="A",
                    antenna=sector,
                    azimuth_deg=azimuth,
                    mechanical_downtilt_deg=3.0 if mast == "m0" else 0.0,
                    downlink_load=0.3 if mast == "m0" else 0.8,
                    reference_signal_boost_db=3.0 if mast == "m1" else 0.0,
                    feeder_loss_db=0.5,
                )
            )
    cells.append(make_cell("A-low", "m0", LTE_LOW, operator="A", radius_m=2500.0))
    cells.append(make_cell("B-m1", "m1", operator="B", antenna=other, azimuth_deg=90.0))
    cells.append(make_cell("A-nr", "m1", NR, operator="A", antenna=other, azimuth_deg=270.0))
    cells.append(make_cell("A-nr2", "m1", NR, operator="A", antenna=other, azimuth_deg=30.0))
    network = Network(masts=masts, cells=tuple(cells))
    index = {cell.cell_id: k for k, cell in enumerate(cells)}
    m0 = tuple(k for n, k in index.items() if n.startswith("A-m0"))
    m1 = (*(k for n, k in index.items() if n.startswith("A-m1")), index["B-m1"])
    rides = [
        ((index["A-low"],), make_sweep(12.3, 20.8, seed=1)),
        (m0, make_sweep(12.3, 20.8, seed=2)),
        (m1, make_sweep(25.0, 33.0, seed=3, row0=2, col0=5)),
        ((index["A-nr"], index["A-nr2"]), make_sweep(25.0, 33.0, seed=4)),
    ]
    return network, rides


def slow_rsrp(network: Network, rides: Rides) -> FloatArray:
    """RSRP of every cell at every pixel, by the public functions; NaN where it does not reach."""
    turn = meridian_convergence_deg(GRID.crs, network)
    level = np.full((len(network.cells), *GRID.shape), np.nan)
    for cells, sweep in rides:
        height, width = sweep.loss_cdb.shape
        rows, cols = np.mgrid[: GRID.rows, : GRID.cols]
        east, north = (cols - sweep.mast_col), (sweep.mast_row - rows)
        window = np.s_[sweep.row0 : sweep.row0 + height, sweep.col0 : sweep.col0 + width]
        for k in cells:
            cell = network.cells[k]
            bearing = np.degrees(np.arctan2(east, north)) + turn[cell.mast_id]
            bearing[(east == 0.0) & (north == 0.0)] = 0.0  # at the mast itself: north
            gain = gain_dbi(
                cell.antenna,
                azimuth_deg=bearing[window],
                elevation_deg=sweep.departure_cdeg / 100.0,
                boresight_azimuth_deg=cell.azimuth_deg,
                mechanical_downtilt_deg=cell.mechanical_downtilt_deg,
            )
            budget = cell_budget(cell, HANDSET)
            found = rsrp_dbm(
                budget.reference_signal_power_dbm,
                gain_dbi=gain,
                path_loss_db=sweep.loss_cdb / 100.0,
                feeder_loss_db=cell.feeder_loss_db,
                body_loss_db=HANDSET.body_loss_db,
            )
            far = np.hypot(east, north)[window] * GRID.cell_m > cell.radius_m
            found[far | (sweep.loss_cdb == NO_LOSS)] = np.nan
            level[k][window] = found
    return level


def groups_of(network: Network, technology: str) -> list[list[int]]:
    members: dict[tuple[str, float], list[int]] = {}
    for k, cell in enumerate(network.cells):
        if cell.carrier.technology == technology:
            members.setdefault((cell.operator, cell.carrier.downlink_freq_mhz), []).append(k)
    return list(members.values())


def slow_pixel(
    network: Network, level: FloatArray, row: int, col: int, technology: str
) -> dict[str, float]:
    """What one technology offers at one pixel, cell by cell."""
    best: dict[str, float] = {}
    for group in groups_of(network, technology):
        heard = [k for k in group if np.isfinite(level[k, row, col])]
        if not heard:
            continue
        # Sectors equally far off their boresight tie; then the one of the smaller azimuth leads.
        lead, *others = sorted(
            heard, key=lambda k: (-round(level[k, row, col], 4), network.cells[k].azimuth_deg)
        )
        budget = cell_budget(network.cells[lead], HANDSET)
        rsrp = level[lead, row, col]
        sinr = sinr_db(
            rsrp,
            interferer_rsrp_dbm=[level[k, row, col] for k in others],
            interferer_load=[network.cells[k].downlink_load for k in others],
            noise_dbm=budget.noise_dbm,
            boost_db=budget.boost_db,
            interferer_boost_db=[network.cells[k].reference_signal_boost_db for k in others],
        )
        uplink = uplink_mbps(
            rsrp + budget.uplink_snr_offset_db,
            block_hz=budget.uplink_block_hz,
            blocks=budget.uplink_blocks,
            curve=budget.uplink_curve,
        )
        offer = {
            "best_server": lead,
            "second_server": others[0] if others else -1,
            "second_rsrp_dbm": level[others[0], row, col] if others else np.nan,
            "rsrp_dbm": rsrp,
            "sinr_db": float(sinr),
            "rsrq_db": float(rsrq_db(rsrp, sinr, load=budget.load, boost_db=budget.boost_db)),
            "uplink_mbps": float(uplink),
            "downlink_mbps": float(
                downlink_mbps(
                    sinr,
                    bandwidth_hz=budget.downlink_hz,
                    layers=budget.downlink_layers,
                    curve=budget.downlink_curve,
                )
            ),
        }
        rank = (offer["uplink_mbps"], offer["rsrp_dbm"])
        if not best or rank > (best["uplink_mbps"], best["rsrp_dbm"]):
            best = offer
    return best


def test_kernels_equal_the_slow_way_at_every_pixel(mixed: tuple[Network, Rides]) -> None:
    network, rides = mixed
    layers = run(network, rides)
    level = slow_rsrp(network, rides)
    for technology in ("4G", "5G"):
        layer = layers[technology]
        for row in range(GRID.rows):
            for col in range(GRID.cols):
                slow = slow_pixel(network, level, row, col, technology)
                if not slow:
                    assert layer.best_server[row, col] == -1
                    assert np.isnan(layer.rsrp_dbm[row, col])
                    continue
                for name, expected in slow.items():
                    value = float(getattr(layer, name)[row, col])
                    # float32 keeps -130 dBm to 1e-5 dB
                    assert value == pytest.approx(expected, rel=2e-5, abs=1e-4, nan_ok=True), name


def test_served_is_where_the_probability_reaches_the_service(mixed: tuple[Network, Rides]) -> None:
    network, rides = mixed
    for layer in run(network, rides).values():
        for service in DEFAULT_SERVICES:
            if service.name in layer.services:
                judged = layer.services[service.name]
                np.testing.assert_array_equal(
                    judged.reason == REASONS.index("served"),
                    judged.probability >= np.float32(service.probability),
                )
                assert 0 < (judged.reason == 0).sum() < judged.reason.size


def test_the_order_of_sweeps_hardly_matters(mixed: tuple[Network, Rides]) -> None:
    network, rides = mixed
    there, back = run(network, rides), run(network, rides[::-1])
    for name, layer in there.items():
        np.testing.assert_array_equal(layer.best_server, back[name].best_server)
        np.testing.assert_array_equal(layer.rsrp_dbm, back[name].rsrp_dbm)
        # the sum of interferers is rounded in another order
        np.testing.assert_allclose(layer.sinr_db, back[name].sinr_db, atol=1e-4)


def one_mast(*cells: Cell, loss_db: float = 120.0) -> dict[str, TechnologyLayers]:
    network = Network(masts=(make_mast("m", 20.0, 25.0),), cells=cells)
    return run(network, [(tuple(range(len(cells))), make_sweep(20.0, 25.0, loss_db=loss_db))])


def test_operators_neither_serve_nor_disturb_each_other() -> None:
    alone = one_mast(make_cell("a", "m", operator="A"))["4G"]
    beside = one_mast(
        make_cell("a", "m", operator="A"), make_cell("b", "m", operator="B", total_power_dbm=40.0)
    )["4G"]
    np.testing.assert_array_equal(alone.sinr_db, beside.sinr_db)
    assert (beside.second_server == -1).all()
    assert set(np.unique(beside.best_server)) == {-1, 0}
    disturbed = one_mast(
        make_cell("a", "m", operator="A"), make_cell("b", "m", operator="A", total_power_dbm=40.0)
    )["4G"]
    heard = alone.best_server == 0
    assert (disturbed.sinr_db[heard] < alone.sinr_db[heard]).all()


def near_carrier(**changes: Any) -> Carrier:
    return replace(LTE, **changes)


@pytest.mark.parametrize(
    ("changes", "weight"),
    [
        ({}, 1.0),
        ({"downlink_freq_mhz": 1842.8}, 17.7 / 18.0),  # the same but for 0.3 MHz
        ({"downlink_freq_mhz": 1832.5}, 8.0 / 18.0),
        ({"downlink_freq_mhz": 1862.5}, 0.0),  # the next carrier: guard bands lie between
        ({"bandwidth_mhz": 10.0, "resource_blocks": 50}, 0.5),
        ({"bandwidth_mhz": 10.0, "resource_blocks": 50, "downlink_freq_mhz": 1850.5}, 5.5 / 18.0),
    ],
)
def test_carriers_disturb_each_other_by_their_overlap(
    changes: dict[str, Any], weight: float
) -> None:
    other = near_carrier(name="other", **changes)
    both = one_mast(
        make_cell("a", "m", operator="A", total_power_dbm=46.0),
        make_cell("b", "m", other, operator="A", total_power_dbm=30.0),
    )["4G"]
    alone = one_mast(make_cell("a", "m", operator="A", total_power_dbm=46.0))["4G"]
    assert int(both.best_server[20, 30]) == 0
    noise_mw = dbm_to_mw(cell_budget(make_cell("a", "m"), HANDSET).noise_dbm)
    rsrp_mw = dbm_to_mw(float(alone.rsrp_dbm[20, 30]))
    other_re_db = 30.0 - 46.0 + 10.0 * np.log10(100.0 / other.resource_blocks)
    load = make_cell("b", "m").downlink_load
    disturbing_mw = rsrp_mw * 10.0 ** (other_re_db / 10.0) * load * weight
    expected = 10.0 * np.log10(rsrp_mw / (disturbing_mw + noise_mw))
    assert both.sinr_db[20, 30] == pytest.approx(expected, abs=0.01)  # layers are float32


def test_overlap_is_symmetric_in_spectrum_and_bounded() -> None:
    narrow = near_carrier(bandwidth_mhz=5.0, resource_blocks=25, downlink_freq_mhz=1850.0)
    assert overlap_mhz(LTE, narrow) == overlap_mhz(narrow, LTE) == pytest.approx(3.75)
    assert disturbance_weight(narrow, LTE) == pytest.approx(3.75 / 4.5)
    assert disturbance_weight(LTE, LTE) == 1.0
    # one spectrum in subcarriers twice as wide: half of the power of one falls on the narrow one
    wide = near_carrier(subcarrier_spacing_khz=30.0, resource_blocks=50)
    assert disturbance_weight(LTE, wide) == pytest.approx(0.5)
    assert disturbance_weight(wide, LTE) == pytest.approx(2.0)


def test_4g_and_5g_in_one_block_share_it_and_other_operators_keep_out() -> None:
    shared = replace(LTE, name="n3", technology="5G")
    cells = (
        make_cell("a", "m", operator="A"),
        make_cell("b", "m", shared, operator="A"),
        make_cell("c", "m", near_carrier(downlink_freq_mhz=1842.8), operator="B"),
    )
    network = Network(masts=(make_mast("m", 20, 25),), cells=cells)
    model = LayerModel.build(GRID.crs, network, HANDSET, DEFAULT_SERVICES, SHADOWING)
    assert all(not operator.overlap_share.any() for operator in model.operators.values())


def test_one_operator_in_two_spellings_is_one() -> None:
    loud = make_cell("a", "m", operator="Orange")
    both = one_mast(loud, make_cell("b", "m", operator="ORANGE", total_power_dbm=40.0))["4G"]
    same = one_mast(loud, make_cell("b", "m", operator="Orange", total_power_dbm=40.0))["4G"]
    np.testing.assert_array_equal(both.sinr_db, same.sinr_db)
    assert (both.second_server == same.second_server).all()


def test_two_equal_interferers_take_three_db_more_than_one() -> None:
    strong = [make_cell("s", "m", total_power_dbm=60.0)]
    one = one_mast(*strong, make_cell("x", "m", total_power_dbm=57.0), loss_db=95.0)["4G"]
    two = one_mast(
        *strong,
        make_cell("x", "m", total_power_dbm=57.0),
        make_cell("y", "m", total_power_dbm=57.0),
        loss_db=95.0,
    )["4G"]
    heard = one.best_server >= 0
    fall = one.sinr_db[heard] - two.sinr_db[heard]
    np.testing.assert_allclose(fall, 3.01, atol=0.01)  # noise is far below


def test_the_faster_uplink_serves_though_another_carrier_is_louder() -> None:
    # Half the width puts 3 dB more on each resource element; 5 blocks granted carry little.
    narrow = make_cell("low", "m", LTE_LOW, granted_uplink_resource_blocks=5)
    wide = make_cell("mid", "m")
    network = Network(masts=(make_mast("m", 20.0, 25.0),), cells=(narrow, wide))
    sweep = make_sweep(20.0, 25.0, loss_db=110.0)
    layer = run(network, [((0,), sweep), ((1,), sweep)])["4G"]
    heard = layer.best_server >= 0
    assert (layer.best_server[heard] == 1).all()


def test_a_boost_shows_in_rsrp_and_not_in_sinr() -> None:
    plain = one_mast(make_cell("a", "m"))["4G"]
    boosted = one_mast(make_cell("a", "m", reference_signal_boost_db=3.0))["4G"]
    heard = plain.best_server == 0
    np.testing.assert_allclose(boosted.rsrp_dbm[heard] - plain.rsrp_dbm[heard], 3.0, atol=1e-4)
    np.testing.assert_allclose(boosted.sinr_db[heard], plain.sinr_db[heard], atol=1e-4)
    np.testing.assert_allclose(boosted.uplink_mbps[heard], plain.uplink_mbps[heard], rtol=1e-4)


def test_a_sector_is_aimed_by_true_north() -> None:
    # Far from the zone's central meridian grid north is turned by more than half a degree.
    masts = (make_mast("m", 20.0, 25.0),)
    turn = meridian_convergence_deg(GRID.crs, Network(masts=masts, cells=()))["m"]
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    east, north = GRID.easting_northing(20.0, 25.0)
    lon0, lat0 = to_degrees.transform(east, north)
    lon1, lat1 = to_degrees.transform(east, north + 1000.0)
    true_azimuth = np.degrees(np.arctan2((lon1 - lon0) * np.cos(np.radians(lat0)), lat1 - lat0))
    # a degree of latitude is 0.5 % shorter than the sphere's here: a few hundredths of a degree
    assert turn == pytest.approx(float(true_azimuth), abs=0.01)
    assert abs(turn) > 0.5


@settings(max_examples=25, deadline=None)
@given(loss=st.floats(70.0, 170.0), more=st.floats(0.0, 30.0), load=st.floats(0.0, 1.0))
def test_less_path_loss_never_lowers_level_rates_or_probability(
    loss: float, more: float, load: float
) -> None:
    cells = (
        make_cell("a", "m", downlink_load=load),
        make_cell("b", "m", total_power_dbm=30.0, downlink_load=load),
    )
    far, near = one_mast(*cells, loss_db=loss + more)["4G"], one_mast(*cells, loss_db=loss)["4G"]
    here = np.s_[20, 26]
    for name in ("rsrp_dbm", "sinr_db", "downlink_mbps", "uplink_mbps"):
        a, b = float(getattr(far, name)[here]), float(getattr(near, name)[here])
        assert b >= a - 1e-4 * abs(a), name
    for service in far.services:
        a = float(far.services[service].probability[here])
        b = float(near.services[service].probability[here])
        assert 0.0 <= a <= b + 1e-6 <= 1.0 + 2e-6


@pytest.mark.parametrize(
    ("terrain_db", "clutter_db", "loss_db", "reason"),
    [
        (0.0, 0.0, 100.0, "served"),
        (60.0, 0.0, 160.0, "terrain"),
        (5.0, 60.0, 160.0, "clutter"),
        (30.0, 20.0, 160.0, "terrain"),
        (20.0, 30.0, 160.0, "clutter"),
        (0.0, 0.0, 160.0, "distance"),
        (0.0, 0.0, 132.0, "uplink"),
    ],
)
def test_reason_comes_from_the_terms_of_the_path(
    terrain_db: float, clutter_db: float, loss_db: float, reason: str
) -> None:
    network = Network(masts=(make_mast("m", 20.0, 25.0),), cells=(make_cell("a", "m"),))
    sweep = make_sweep(20.0, 25.0, loss_db=loss_db)
    sweep = replace(
        sweep,
        terrain_cdb=np.full_like(sweep.terrain_cdb, round(terrain_db * 100)),
        diffraction_cdb=np.full_like(sweep.terrain_cdb, round((terrain_db + clutter_db) * 100)),
        departure_cdeg=np.zeros_like(sweep.departure_cdeg),
    )
    service = Service(name="s", downlink_mbps=1.0, uplink_mbps=2.8, min_rsrp_dbm=-124.0)
    layer = run(network, [((0,), sweep)], (service,))["4G"]
    assert REASONS[layer.services["s"].reason[20, 30]] == reason


def test_interference_is_the_reason_where_the_signal_alone_would_do() -> None:
    cells = [make_cell(f"c{k}", "m", downlink_load=1.0) for k in range(8)]
    service = Service(name="s", downlink_mbps=5.0, uplink_mbps=0.25)
    network = Network(masts=(make_mast("m", 20.0, 25.0),), cells=tuple(cells))
    sweep = make_sweep(20.0, 25.0, loss_db=100.0)
    layer = run(network, [(tuple(range(8)), sweep)], (service,))["4G"]
    assert REASONS[layer.services["s"].reason[20, 30]] == "interference"


def test_capacity_is_the_reason_where_no_level_would_do() -> None:
    cell = make_cell("a", "m", LTE_LOW, granted_uplink_resource_blocks=5)
    service = Service(name="s", downlink_mbps=1.0, uplink_mbps=4.4)
    network = Network(masts=(make_mast("m", 20.0, 25.0),), cells=(cell,))
    layer = run(network, [((0,), make_sweep(20.0, 25.0, loss_db=80.0))], (service,))["4G"]
    assert REASONS[layer.services["s"].reason[20, 30]] == "capacity"
    assert layer.services["s"].probability[20, 30] == 0.0


def test_fade_margin_and_required_level_meet_at_the_edge_of_service() -> None:
    budget = cell_budget(make_cell("a", "m"), HANDSET)
    service = DEFAULT_SERVICES[1]
    edge = budget.required_uplink_rsrp_dbm(service) + fade_margin_db(0.9, sigma_db=SIGMA_DB)
    gain = 11.0
    loss = budget.level_offset_db + gain - edge
    for step, expected in ((-0.02, "served"), (0.02, "uplink")):
        network = Network(masts=(make_mast("m", 20.0, 25.0),), cells=(make_cell("a", "m"),))
        sweep = make_sweep(20.0, 25.0, loss_db=loss + step)
        nothing = np.zeros_like(sweep.terrain_cdb)
        level = replace(
            sweep,
            departure_cdeg=nothing.astype(np.int16),
            terrain_cdb=nothing,
            diffraction_cdb=nothing,
        )
        layer = run(network, [((0,), level)])["4G"]
        assert REASONS[layer.services[service.name].reason[20, 30]] == expected


def test_a_sweep_that_leaves_the_grid_is_refused() -> None:
    network = Network(masts=(make_mast("m", 20.0, 25.0),), cells=(make_cell("a", "m"),))
    sweep = replace(make_sweep(20.0, 25.0), row0=3)
    with pytest.raises(InvalidInputError, match=r"rows 3\.\.43"):
        run(network, [((0,), sweep)])


def test_the_power_of_interferers_is_kept_to_a_hair_beside_a_strong_server() -> None:
    # A total less the best would lose the small ones: 1e-7 of the total at 70 dB difference.
    layer = one_mast(
        make_cell("a", "m", total_power_dbm=80.0),
        make_cell("b", "m", total_power_dbm=0.0, downlink_load=1.0),
        loss_db=60.0,
    )["4G"]
    heard = layer.best_server >= 0
    ratio_db = -10.0 * np.log10(
        10.0 ** (-80.0 / 10.0)
        + dbm_to_mw(cell_budget(make_cell("a", "m"), HANDSET).noise_dbm)
        / dbm_to_mw(layer.rsrp_dbm[heard].astype(np.float64))
    )
    np.testing.assert_allclose(layer.sinr_db[heard], ratio_db, atol=1e-3)


def test_a_service_is_carried_by_another_carrier_where_the_fastest_is_disturbed() -> None:
    # Seven full neighbours on the wide carrier leave 0.6 Mbit/s; the narrow one is alone.
    wide = [
        make_cell(f"w{k}", "m", downlink_load=1.0, granted_uplink_resource_blocks=50)
        for k in range(8)
    ]
    quiet = make_cell("q", "m", LTE_LOW)
    network = Network(masts=(make_mast("m", 20.0, 25.0),), cells=(*wide, quiet))
    sweep = make_sweep(20.0, 25.0, loss_db=100.0)
    service = Service(name="s", downlink_mbps=2.0, uplink_mbps=0.25)
    layer = run(network, [((8,), sweep), (tuple(range(8)), sweep)], (service,))["4G"]
    assert layer.best_server[20, 30] in range(8)
    assert REASONS[layer.services["s"].reason[20, 30]] == "served"


def test_what_a_carrier_brings_depends_neither_on_the_one_before_nor_on_the_window() -> None:
    carriers, azimuths = (LTE, LTE_LOW, NR), (0.0, 120.0, 240.0)
    cells = tuple(
        make_cell(
            f"{number}-{azimuth:g}", "m", carrier, antenna=sector_3gpp(), azimuth_deg=azimuth,
            mechanical_downtilt_deg=0.0 if number == 2 else 3.0, radius_m=1500.0,
        )
        for number, carrier in enumerate(carriers)
        for azimuth in azimuths
    )  # fmt: skip
    model = LayerModel.build(
        GRID.crs,
        Network(masts=(make_mast("m", 12.3, 20.8),), cells=cells),
        HANDSET,
        DEFAULT_SERVICES,
        SHADOWING,
    )
    first = make_sweep(12.3, 20.8, seed=1)
    holed = first.loss_cdb.copy()
    holed[3:30, 5:9] = NO_LOSS
    more = np.where(first.loss_cdb == NO_LOSS, NO_LOSS, first.loss_cdb + 30).astype(np.uint16)
    sweeps = (first, replace(first, loss_cdb=more), first,
              replace(first, loss_cdb=holed), make_sweep(12.3, 20.8, seed=2))  # fmt: skip
    aimed, whole = Aimed(), (0, 0, GRID.rows, GRID.cols)
    for number, sweep in enumerate(sweeps):
        codes = np.arange(1, 4) + 3 * min(number, 2)
        beside, alone = hear(sweep, codes, model, whole, aimed), hear(sweep, codes, model, whole)
        part = hear(sweep, codes, model, (7, 11, 29, 37))
        for name in ("lead", "lead_mw", "others_mw", "runner_up", "runner_up_mw"):
            np.testing.assert_array_equal(getattr(beside, name), getattr(alone, name))
            np.testing.assert_array_equal(getattr(alone, name)[7:29, 11:37], getattr(part, name))
        assert (alone.lead_mw[sweep.loss_cdb != NO_LOSS] > 0.0).any()
    aimed = Aimed()
    known = [aimed.of(sweep, np.arange(1, 4), model)[0] for sweep in sweeps]
    assert known == [False, True, True, False, False]
