"""An edit in a session against planning the edited network afresh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lensong.coverage.indoor import level_shadowing
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layers import job_window, make_layers, sweep_order
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.result import TechnologyLayers
from lensong.coverage.service import DEFAULT_SERVICES, Handset
from lensong.coverage.session import LocalLayers, PlanningSession
from lensong.coverage.sweeps import PropagationSettings, run_sweeps, sweep_jobs
from lensong.propagation.errors import InvalidInputError
from tests.test_coverage.test_sweeps import B28, Memory, cell, mast, network, small_land

LAND = small_land()


def afresh(net: Network) -> dict[str, TechnologyLayers]:
    jobs = sweep_order(sweep_jobs(net, LAND), LAND.grid)
    settings = PropagationSettings()
    runs = run_sweeps(jobs, LAND, settings, rx_height_agl_m=1.5, cache=None, workers=1)
    shadowing = level_shadowing(settings, Handset(), net)
    layers = make_layers(
        LAND.grid,
        LayerModel.build(LAND.grid.crs, net, Handset(), DEFAULT_SERVICES, shadowing),
        rides=((job.cells, packed) for job, packed, _ in runs),
        planned=[job_window(job, LAND.grid) for job in jobs],
    )
    return {str(name): layer for name, layer in layers.technologies.items()}


def assert_same(local: LocalLayers, whole: dict[str, TechnologyLayers]) -> None:
    part = np.s_[
        local.row0 : local.row0 + local.grid.rows, local.col0 : local.col0 + local.grid.cols
    ]
    assert {str(name) for name in local.layers} == set(whole)
    for name, layer in local.layers.items():
        wanted = whole[str(name)]
        np.testing.assert_array_equal(layer.best_server, wanted.best_server[part])
        for field in ("rsrp_dbm", "sinr_db", "downlink_mbps", "uplink_mbps"):
            # interference is summed in another order, in float32
            np.testing.assert_allclose(
                getattr(layer, field), getattr(wanted, field)[part], rtol=2e-5, atol=2e-4
            )
        for service, judged in layer.services.items():
            there = wanted.services[service]
            np.testing.assert_allclose(judged.probability, there.probability[part], atol=2e-5)
            assert np.mean(judged.reason != there.reason[part]) < 1e-3  # ties of two decibels


def edited(net: Network, new_mast: Mast, cells: list[Cell]) -> Network:
    by_id = {c.cell_id: c for c in cells}
    return replace(
        net,
        masts=tuple(new_mast if m.mast_id == new_mast.mast_id else m for m in net.masts),
        cells=tuple(by_id.get(c.cell_id, c) for c in net.cells),
    )


@pytest.fixture(scope="module")
def session() -> PlanningSession:
    return PlanningSession(LAND, network(), workers=2)


def test_nothing_changed_is_the_plan(session: PlanningSession) -> None:
    edit = session.pick_up("A", slack_m=300.0)
    assert_same(edit.layers(edit.mast, edit.cells), afresh(session.network))


def test_a_mast_that_moved_grew_and_turned(session: PlanningSession) -> None:
    edit = session.pick_up("A", slack_m=900.0)
    for moved in (mast("A", 75.7, 60.1), mast("A", 50.0, 80.9)):
        cells = [
            replace(c, height_agl_m=45.0, azimuth_deg=c.azimuth_deg + 30.0) for c in edit.cells
        ]
        net = edited(session.network, moved, cells)
        assert_same(edit.layers(moved, cells), afresh(net))


def test_a_carrier_that_was_not_there_before(session: PlanningSession) -> None:
    edit = session.pick_up("B", slack_m=300.0)
    cells = [replace(c, carrier=B28) for c in edit.cells]
    net = edited(session.network, edit.mast, cells)
    assert_same(edit.layers(edit.mast, cells), afresh(net))


def test_a_tilt_makes_no_sweep_anew() -> None:
    cache = Memory()
    session = PlanningSession(LAND, network(), cache=cache, workers=1)
    edit = session.pick_up("A", slack_m=300.0)
    made = len(cache.kept)
    edit.layers(edit.mast, [replace(c, mechanical_downtilt_deg=7.0) for c in edit.cells])
    assert len(cache.kept) == made
    edit.layers(edit.mast, [replace(c, height_agl_m=40.0) for c in edit.cells])
    assert len(cache.kept) > made


def test_one_edit_leaves_no_trace_in_the_next(session: PlanningSession) -> None:
    edit = session.pick_up("A", slack_m=300.0)
    before = edit.layers(edit.mast, edit.cells).layers["4G"].rsrp_dbm
    edit.layers(edit.mast, [replace(c, total_power_dbm=60.0) for c in edit.cells])
    after = edit.layers(edit.mast, edit.cells).layers["4G"].rsrp_dbm
    np.testing.assert_array_equal(before, after)


def test_what_cannot_be_edited_is_said(session: PlanningSession) -> None:
    with pytest.raises(InvalidInputError, match=r"'X' has no cell.*A, B"):
        session.pick_up("X")
    edit = session.pick_up("A", slack_m=100.0)
    with pytest.raises(InvalidInputError, match="pick up the mast"):
        edit.layers(edit.mast, edit.cells[:1])
    with pytest.raises(InvalidInputError, match="more slack_m"):
        edit.layers(mast("A", 60.2, 79.0), edit.cells)
    extra = [*edit.cells, cell("A9", "A")]
    with pytest.raises(InvalidInputError, match="pick up the mast"):
        edit.layers(edit.mast, extra)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_refused_wherever_it_comes_in(
    session: PlanningSession, number: float
) -> None:
    edit = session.pick_up("A", slack_m=300.0)

    def refused(make: Callable[[], object]) -> None:
        with pytest.raises(InvalidInputError):
            make()

    for name in ("lat_deg", "lon_deg", "height_agl_m"):
        refused(partial(replace, edit.mast, **{name: number}))
    for name in (
        "azimuth_deg", "mechanical_downtilt_deg", "electrical_downtilt_deg", "height_agl_m",
        "total_power_dbm", "reference_signal_boost_db", "feeder_loss_db", "downlink_load",
        "uplink_noise_rise_db", "noise_figure_db", "radius_m",
    ):  # fmt: skip
        refused(partial(replace, edit.cells[0], **{name: number}))
    for name in ("downlink_freq_mhz", "uplink_freq_mhz", "bandwidth_mhz", "uplink_share"):
        refused(partial(replace, edit.cells[0].carrier, **{name: number}))
    refused(partial(replace, edit.cells[0].antenna, gain_dbi=number))
    refused(partial(session.pick_up, "A", slack_m=number))
    for name in ("delta_n_per_km", "n0", "time_percent", "terminal_clearing_m",
                 "location_sigma_db", "model_sigma_db", "shadowing_correlation"):  # fmt: skip
        refused(partial(replace, session.propagation, **{name: number}))
    for name in ("downlink_mbps", "uplink_mbps", "probability", "min_rsrp_dbm"):
        refused(partial(replace, DEFAULT_SERVICES[0], **{name: number}))
    for name in ("height_agl_m", "tx_power_dbm", "gain_dbi", "noise_figure_db", "body_loss_db",
                 "penetration_loss_db"):  # fmt: skip
        refused(partial(replace, Handset(), **{name: number}))


def test_a_session_needs_a_thread() -> None:
    with pytest.raises(InvalidInputError, match="workers is 0"):
        PlanningSession(LAND, network(), workers=0)
