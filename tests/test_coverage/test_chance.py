"""The chance of service against a slow Monte Carlo twin, and what it must not depend on."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensong.coverage.fold_kernels import aggregated_rate
from lensong.coverage.link_budget import cell_budget
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.probability import service_probability
from lensong.coverage.rates import UPLINK_CURVES, uplink_mbps
from lensong.coverage.result import REASONS
from lensong.coverage.service import Service
from lensong.coverage.shadowing import Shadowing, sites_of_masts
from lensong.propagation.errors import OutOfRangeError
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
from tests.test_coverage.shadowed_twin import slow_chance
from tests.test_coverage.test_layers import Rides, make, slow_rsrp

VOICE = Service(name="voice-data", downlink_mbps=1.0, uplink_mbps=0.25)
STREAM = Service(name="stream", downlink_mbps=2.0, uplink_mbps=2.8)
WIDE = Service(name="wide", downlink_mbps=15.0, uplink_mbps=0.5)
SERVICES = (VOICE, STREAM, WIDE)


def dense(masts: int, *, operator: str = "A") -> tuple[Network, Rides]:
    """Masts with three loaded sectors on two LTE carriers and some NR, on a small land."""
    rng = np.random.default_rng(masts)
    places: list[Mast] = []
    cells: list[Cell] = []
    rides: Rides = []
    for m in range(masts):
        row, col = rng.uniform(0.0, 39.0), rng.uniform(0.0, 49.0)
        places.append(make_mast(f"m{m}", row, col))
        for number, carrier in enumerate((LTE, LTE_LOW, NR)[: 2 + (m % 3 == 0)]):
            riders = []
            for azimuth in (0.0, 120.0, 240.0):
                riders.append(len(cells))
                cells.append(
                    make_cell(
                        f"{m}-{number}-{azimuth:g}",
                        f"m{m}",
                        carrier,
                        operator=operator,
                        azimuth_deg=azimuth,
                        downlink_load=0.3 + 0.2 * (m % 3),
                        reference_signal_boost_db=3.0 * (m % 2),
                        total_power_dbm=46.0 - 3.0 * (azimuth > 0.0),
                    )
                )
            rows, cols = np.mgrid[: GRID.rows, : GRID.cols]
            distance_km = np.maximum(np.hypot(rows - row, cols - col) * GRID.cell_m, 30.0) / 1e3
            loss_db = 125.0 + 38.0 * np.log10(distance_km) + rng.uniform(0, 25, GRID.shape)
            sweep = make_sweep(row, col, seed=m)
            loss_cdb = np.rint(100.0 * (loss_db - 6.0 * number)).astype(np.uint16)
            rides.append((tuple(riders), replace(sweep, loss_cdb=loss_cdb)))
    return Network(masts=tuple(places), cells=tuple(cells)), rides


@pytest.mark.parametrize(("masts", "correlation"), [(3, 0.5), (12, 0.5), (12, 0.0), (24, 0.5)])
@pytest.mark.slow
def test_the_chance_is_that_of_a_hundred_thousand_draws(masts: int, correlation: float) -> None:
    network, rides = dense(masts)
    shadowing = Shadowing(sigma_db=8.06, correlation=correlation)
    layers = make(network, rides, SERVICES, shadowing=shadowing)
    level = slow_rsrp(network, rides)
    rng = np.random.default_rng(masts)
    errors = []
    for row, col in rng.integers(0, GRID.shape, (20, 2)):
        drawn = slow_chance(network, level[:, row, col], HANDSET, SERVICES, shadowing, operator="A")
        errors += [
            abs(float(layers.services[service.name].probability[row, col]) - chance)
            for service, chance in zip(SERVICES, drawn, strict=True)
        ]
    assert np.quantile(errors, 0.95) <= 0.02
    assert max(errors) <= 0.05


def test_each_technology_alone_has_its_own_chance_and_never_more_than_all_together() -> None:
    network, rides = dense(6)
    layers = make(network, rides, SERVICES)
    level = slow_rsrp(network, rides)
    rng = np.random.default_rng(1)
    for technology, layer in layers.technologies.items():
        for row, col in rng.integers(0, GRID.shape, (5, 2)):
            (drawn,) = slow_chance(
                network,
                level[:, row, col],
                HANDSET,
                [STREAM],
                Shadowing(sigma_db=8.0),
                operator="A",
                technologies=(technology,),
            )
            found = float(layer.services["stream"].probability[row, col])
            assert found == pytest.approx(drawn, abs=0.03)
        together = layers.services["stream"].probability
        assert (layer.services["stream"].probability <= together + 0.02).all()


def test_one_site_alone_is_the_closed_form() -> None:
    network, rides = dense(1)
    cell = replace(network.cells[0], downlink_load=0.0)
    network = replace(network, cells=(cell,))
    sweep = rides[0][1]
    alone: Rides = [((0,), sweep)]
    layers = make(network, alone, (STREAM,))
    level = slow_rsrp(network, alone)[0]
    budget = cell_budget(cell, HANDSET)
    margin = np.minimum(
        level - budget.boost_db - budget.noise_dbm - budget.required_sinr_db(STREAM),
        level - max(budget.required_uplink_rsrp_dbm(STREAM), STREAM.min_rsrp_dbm),
    )
    np.testing.assert_allclose(
        layers.services["stream"].probability,
        service_probability(margin, sigma_db=8.0),
        atol=1e-4,  # the normal distribution is read from a table
    )


def test_sectors_of_one_mast_fade_together() -> None:
    # Two equal sectors of one site: their ratio does not scatter, whatever the level does.
    service = Service(name="s", downlink_mbps=20.0, uplink_mbps=0.0)
    cells = (make_cell("a", "m", downlink_load=0.5), make_cell("b", "m", downlink_load=0.5))
    mast = make_mast("m", 20.0, 25.0)
    sweep = make_sweep(20.0, 25.0, loss_db=90.0)
    one_site = make(Network(masts=(mast,), cells=cells), [((0, 1), sweep)], (service,))
    near = replace(make_mast("n", 20.0, 25.0), lat_deg=mast.lat_deg + 0.0002)  # 22 m away
    far = replace(near, lat_deg=mast.lat_deg + 0.002)
    apart = (cells[0], replace(cells[1], mast_id="n"))
    rides: Rides = [((0,), sweep), ((1,), sweep)]
    co_sited = make(Network(masts=(mast, near), cells=apart), rides, (service,))
    two_sites = make(Network(masts=(mast, far), cells=apart), rides, (service,))
    here = np.s_[20, 30]
    assert one_site.services["s"].probability[here] in (0.0, 1.0)
    assert co_sited.services["s"].probability[here] == one_site.services["s"].probability[here]
    assert 0.0 < two_sites.services["s"].probability[here] < 1.0


def test_two_sites_serve_better_than_one_the_less_they_are_alike() -> None:
    service = Service(name="s", downlink_mbps=0.5, uplink_mbps=0.25)
    masts = (make_mast("m", 10.0, 25.0), make_mast("n", 30.0, 25.0))
    cells = (
        make_cell("a", "m", downlink_load=0.0),
        make_cell("b", "n", downlink_load=0.0),
    )
    sweep = make_sweep(20.0, 25.0, loss_db=144.0)
    sweep = replace(sweep, departure_cdeg=np.zeros_like(sweep.departure_cdeg))
    rides: Rides = [((0,), sweep), ((1,), sweep)]
    chances = [
        float(
            make(
                Network(masts=masts, cells=cells),
                rides,
                (service,),
                shadowing=Shadowing(sigma_db=8.0, correlation=rho),
            )
            .services["s"]
            .probability[20, 25]
        )
        for rho in (1.0, 0.5, 0.0)
    ]
    alone = make(Network(masts=masts[:1], cells=cells[:1]), rides[:1], (service,))
    assert chances[0] == pytest.approx(float(alone.services["s"].probability[20, 25]), abs=1e-4)
    assert all(b > a + 0.02 for a, b in pairwise(chances))
    assert chances[2] == pytest.approx(1.0 - (1.0 - chances[0]) ** 2, abs=0.01)


def test_no_scatter_is_the_median() -> None:
    network, rides = dense(8)
    layers = make(network, rides, SERVICES, shadowing=Shadowing(sigma_db=0.0))
    level = slow_rsrp(network, rides)
    still = Shadowing(sigma_db=0.0)
    for row, col in np.random.default_rng(2).integers(0, GRID.shape, (20, 2)):
        wanted = slow_chance(
            network, level[:, row, col], HANDSET, SERVICES, still, operator="A", draws=1
        )
        for service, chance in zip(SERVICES, wanted, strict=True):
            assert float(layers.services[service.name].probability[row, col]) == chance


def test_neither_the_order_of_cells_nor_of_masts_decides() -> None:
    network, rides = dense(10)
    layers = make(network, rides, SERVICES)
    count = len(network.cells)
    turned = Network(masts=network.masts[::-1], cells=network.cells[::-1])
    back = [(tuple(count - 1 - i for i in cells), sweep) for cells, sweep in rides]
    again = make(turned, back, SERVICES)
    for name, judged in layers.services.items():
        np.testing.assert_array_equal(judged.probability, again.services[name].probability)
        np.testing.assert_array_equal(judged.reason, again.services[name].reason)
    for name, layer in layers.technologies.items():
        np.testing.assert_array_equal(layer.sinr_db, again.technologies[name].sinr_db)


def test_operators_are_judged_apart_and_any_operator_is_the_best_of_them() -> None:
    first, first_rides = dense(5, operator="A")
    second, second_rides = dense(4, operator="B")
    renamed = tuple(
        replace(c, cell_id=f"B{c.cell_id}", mast_id=f"B{c.mast_id}") for c in second.cells
    )
    masts = tuple(replace(m, mast_id=f"B{m.mast_id}") for m in second.masts)
    both = Network(masts=first.masts + masts, cells=first.cells + renamed)
    shift = len(first.cells)
    rides = [*first_rides, *((tuple(i + shift for i in c), s) for c, s in second_rides)]
    layers = make(both, rides, SERVICES)
    alone = {"A": make(first, first_rides, SERVICES), "B": make(second, second_rides, SERVICES)}
    assert list(layers.operators) == ["A", "B"]
    for name, own in alone.items():
        found = layers.operators[name]
        np.testing.assert_array_equal(found.level_cdbm, own.operators[name].level_cdbm)
        for service in SERVICES:
            np.testing.assert_allclose(
                found.services[service.name].probability,
                own.services[service.name].probability,
                atol=5e-4,  # float16
            )
            np.testing.assert_array_equal(
                found.services[service.name].reason, own.services[service.name].reason
            )
    for service in SERVICES:
        best = np.maximum(*(a.services[service.name].probability for a in alone.values()))
        np.testing.assert_array_equal(layers.services[service.name].probability, best)


def test_a_five_g_network_alone_has_voice_and_data() -> None:
    masts = (make_mast("m", 20.0, 25.0),)
    network = Network(masts=masts, cells=(make_cell("a", "m", NR),))
    layers = make(network, [((0,), make_sweep(20.0, 25.0, loss_db=100.0))])
    assert REASONS[layers.services["voice-data"].reason[20, 30]] == "served"


@settings(max_examples=60, deadline=None)
@given(
    snr_db=st.lists(st.floats(-30.0, 60.0), min_size=1, max_size=4),
    most=st.lists(st.integers(1, 60), min_size=4, max_size=4),
)
def test_carriers_together_are_no_slower_than_the_best_and_no_faster_than_their_sum(
    snr_db: list[float], most: list[int]
) -> None:
    curve = UPLINK_CURVES["64QAM"]
    kernel_curve = (curve.alpha, 10.0 ** (curve.min_snr_db / 10), 10.0 ** (curve.max_snr_db / 10))
    count = len(snr_db)
    alone = [
        float(uplink_mbps(snr, block_hz=180e3, blocks=blocks, curve=curve))
        for snr, blocks in zip(snr_db, most, strict=False)
    ]
    snr = np.array([10.0 ** (s / 10.0) for s in snr_db])
    together = aggregated_rate(
        snr, np.full(count, 180e3), np.array(most[:count], dtype=float), count, kernel_curve
    )
    strongest = alone[int(np.argmax(snr_db))]
    assert strongest * (1.0 - 1e-9) <= together <= sum(alone) * (1.0 + 1e-9)


def test_aggregation_lifts_the_uplink_and_its_chance() -> None:
    masts = (make_mast("m", 20.0, 25.0),)
    cells = (
        make_cell("a", "m", granted_uplink_resource_blocks=5),
        make_cell("b", "m", LTE_LOW, granted_uplink_resource_blocks=5),
    )
    service = Service(name="s", downlink_mbps=1.0, uplink_mbps=3.5)
    sweep = make_sweep(20.0, 25.0, loss_db=100.0)
    rides: Rides = [((0,), sweep), ((1,), sweep)]
    network = Network(masts=masts, cells=cells)
    one = make(network, rides, (service,))
    two = make(
        network, rides, (service,), handset=replace(HANDSET, uplink_carrier_aggregation=True)
    )
    here = np.s_[20, 30]
    slow, fast = (float(x.technologies["4G"].uplink_mbps[here]) for x in (one, two))
    assert fast == pytest.approx(2.0 * slow, rel=1e-6)  # both at their cap
    assert slow < 3.5 < fast
    assert one.services["s"].probability[here] == 0.0
    assert REASONS[one.services["s"].reason[here]] == "capacity"
    assert two.services["s"].probability[here] > 0.99


def test_masts_near_each_other_are_one_site_in_any_order() -> None:
    def at(name: str, north_m: float) -> Mast:
        return Mast(
            mast_id=name, lat_deg=22.0 + north_m / 110_700.0, lon_deg=103.0, height_agl_m=30.0
        )

    masts = (at("a", 0.0), at("b", 40.0), at("c", 80.0), at("d", 200.0))
    found = sites_of_masts(Network(masts=masts, cells=()))
    assert found["a"] == found["b"] == found["c"] != found["d"]
    assert found == sites_of_masts(Network(masts=masts[::-1], cells=()))


def test_a_correlation_beyond_one_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="shadowing_correlation"):
        Shadowing(sigma_db=8.0, correlation=1.2)
