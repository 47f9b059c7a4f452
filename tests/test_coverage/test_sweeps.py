"""Sweeps of a network: which are made, what is kept, and in what order they come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from pyproj import Transformer

from lensong.coverage.antenna import omni
from lensong.coverage.cellplan import check_on_land
from lensong.coverage.network import Carrier, Cell, Mast, Network
from lensong.coverage.sweeps import (
    NO_LOSS,
    PackedSweep,
    PropagationSettings,
    run_sweeps,
    sweep_jobs,
)
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.sweep import sweep
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Grid

GRID = Grid(
    crs="EPSG:32648", west_m=360_000.0, north_m=2_475_000.0, cell_m=30.0, rows=140, cols=150
)
SETTINGS = PropagationSettings()
B3 = Carrier(
    name="B3",
    technology="4G",
    downlink_freq_mhz=1815.0,
    uplink_freq_mhz=1720.0,
    bandwidth_mhz=20.0,
    subcarrier_spacing_khz=15.0,
    resource_blocks=100,
    duplex="FDD",
)
B28 = replace(B3, name="B28", downlink_freq_mhz=768.0, uplink_freq_mhz=713.0)


def small_land(**changes: Any) -> Land:
    rng = np.random.default_rng(5)
    walk = np.cumsum(rng.normal(0.0, 4.0, GRID.shape), axis=1) + 600.0
    land = Land(
        grid=GRID,
        ground_m=walk.astype(np.float32),
        clutter_m=None,
        clutter_class=None,
        population=None,
        aoi=np.ones(GRID.shape, dtype=np.uint8),
        villages=gpd.GeoDataFrame(),
        communes=None,
    )
    return replace(land, **changes)


def mast(mast_id: str, row: float, col: float) -> Mast:
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(*GRID.easting_northing(row, col))
    return Mast(mast_id=mast_id, lat_deg=lat, lon_deg=lon, height_agl_m=30.0)


def cell(cell_id: str, mast_id: str, carrier: Carrier = B3, **changes: Any) -> Cell:
    base = Cell(
        cell_id=cell_id,
        mast_id=mast_id,
        carrier=carrier,
        antenna=omni(),
        azimuth_deg=0.0,
        height_agl_m=30.0,
        total_power_dbm=46.0,
        granted_uplink_resource_blocks=50,
        radius_m=1500.0,
    )
    return replace(base, **changes)


def network() -> Network:
    return Network(
        masts=(mast("A", 60.2, 70.4), mast("B", 90.0, 40.0)),
        cells=(
            cell("A1", "A"),
            cell("A2", "A", azimuth_deg=120.0, radius_m=900.0),
            cell("A3", "A", B28),
            cell("B1", "B"),
            cell("B2", "B", height_agl_m=12.0),
        ),
    )


class Memory:
    """A cache that counts."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    def get(self, key: str) -> dict[str, Any] | None:
        return self.kept.get(key)

    def put(self, key: str, arrays: dict[str, Any]) -> None:
        self.kept[key] = arrays


def reuse(land: Land, net: Network, cache: Memory, settings: PropagationSettings) -> list[bool]:
    jobs = sweep_jobs(net, land)
    runs = run_sweeps(jobs, land, settings, rx_height_agl_m=1.5, cache=cache, workers=2)
    return [reused for _, _, reused in runs]


def test_cells_of_one_mast_height_and_carrier_share_a_sweep() -> None:
    jobs = sweep_jobs(network(), small_land())
    assert [job.cells for job in jobs] == [(0, 1), (2,), (3,), (4,)]
    assert jobs[0].radius_m == 1500.0
    assert (jobs[0].row, jobs[0].col) == pytest.approx((60.2, 70.4), abs=1e-3)


def test_a_mast_outside_the_grid_is_named() -> None:
    lost = Network(masts=(mast("far", -400.0, 10.0),), cells=(cell("c", "far"),))
    with pytest.raises(InvalidInputError, match="'far'"):
        sweep_jobs(lost, small_land())


def test_the_order_and_the_numbers_do_not_depend_on_the_workers() -> None:
    land, net = small_land(), network()
    jobs = sweep_jobs(net, land)
    runs = [
        list(run_sweeps(jobs, land, SETTINGS, rx_height_agl_m=1.5, cache=None, workers=workers))
        for workers in (1, 3)
    ]
    for (job, packed, _), (other_job, other, _) in zip(*runs, strict=True):
        assert job is other_job
        np.testing.assert_array_equal(packed.loss_cdb, other.loss_cdb)


def test_a_tilt_reuses_every_sweep_and_a_height_only_the_others() -> None:
    land, net, cache = small_land(), network(), Memory()
    assert reuse(land, net, cache, SETTINGS) == [False] * 4
    tilted = tuple(replace(c, electrical_downtilt_deg=6.0, total_power_dbm=43.0) for c in net.cells)
    assert reuse(land, replace(net, cells=tilted), cache, SETTINGS) == [True] * 4
    taller = (*net.cells[:4], replace(net.cells[4], height_agl_m=20.0))
    assert reuse(land, replace(net, cells=taller), cache, SETTINGS) == [True, True, True, False]


def test_land_out_of_reach_does_not_matter_and_land_within_does() -> None:
    net = Network(masts=(mast("A", 60.2, 60.4),), cells=(cell("A1", "A", radius_m=600.0),))
    land, cache = small_land(), Memory()
    reuse(land, net, cache, SETTINGS)
    far, near = land.ground_m.copy(), land.ground_m.copy()
    far[0, 0] += 50.0
    near[60, 70] += 50.0
    assert reuse(replace(land, ground_m=far), net, cache, SETTINGS) == [True]
    assert reuse(replace(land, ground_m=near), net, cache, SETTINGS) == [False]
    grown = np.full(GRID.shape, 10.0, dtype=np.float32)
    assert reuse(replace(land, clutter_m=grown), net, cache, SETTINGS) == [False]
    other = replace(SETTINGS, time_percent=10.0)
    assert reuse(land, net, cache, other) == [False]


def test_what_was_done_before_an_interruption_is_kept() -> None:
    land, net, cache = small_land(), network(), Memory()
    jobs = sweep_jobs(net, land)

    def stop(done: int, _total: int, _reused: bool) -> None:
        if done == 2:
            raise KeyboardInterrupt

    runs = run_sweeps(
        jobs, land, SETTINGS, rx_height_agl_m=1.5, cache=cache, workers=1, on_done=stop
    )
    with pytest.raises(KeyboardInterrupt):
        list(runs)
    assert len(cache.kept) >= 2
    assert sum(reuse(land, net, cache, SETTINGS)) >= 2


def test_no_workers_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="workers"):
        list(run_sweeps([], small_land(), SETTINGS, rx_height_agl_m=1.5, cache=None, workers=0))


def test_total_deviation_is_the_root_sum_of_squares() -> None:
    settings = PropagationSettings(location_sigma_db=3.0, model_sigma_db=4.0)
    assert settings.total_sigma_db == pytest.approx(5.0)


def test_carriers_of_one_antenna_are_made_together_and_count_as_made() -> None:
    land, net = small_land(), network()
    jobs = sweep_jobs(net, land)
    assert jobs[0].freq_mhz != jobs[1].freq_mhz
    assert jobs[0].mast is jobs[1].mast
    cache = Memory()
    runs = run_sweeps(jobs, land, SETTINGS, rx_height_agl_m=1.5, cache=cache, workers=1)
    _, first, reused = next(runs)
    assert not reused
    _, second, reused = next(runs)
    assert not reused, "made in this run, though found in the cache"
    alone = [
        packed
        for _, packed, _ in run_sweeps(
            jobs[:2], land, SETTINGS, rx_height_agl_m=1.5, cache=None, workers=1
        )
    ]
    np.testing.assert_array_equal(first.loss_cdb, alone[0].loss_cdb)
    np.testing.assert_array_equal(second.loss_cdb, alone[1].loss_cdb)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: kept.pop("spread", None),
        lambda kept: kept.pop("elevation", kept.pop("outlook", None)),
        lambda kept: kept.update(elevation=kept.get("elevation", np.zeros(3, np.uint8))[:-1]),
        lambda kept: kept.update(beside=np.frombuffer(b"another sweep", np.uint8)),
        lambda kept: kept.update(beside=np.array([200, 201], np.uint8)),
        lambda kept: kept.update(loss=kept.get("loss", np.zeros(3, np.uint8))[:-1]),
        lambda kept: kept.update(loss=np.zeros(3)),
        lambda kept: kept.update(rest=np.array([0, 0])),
        lambda kept: kept.update(rest=np.array([10_000_000_000, 3, 0, 0, 0])),
        lambda kept: kept.update(rest=np.array([9, 9, 0, -10_000, 0])),
    ],
)
def test_a_cache_with_other_arrays_than_those_of_the_sweep_is_not_used(spoil: Any) -> None:
    land, net, cache = small_land(), network(), Memory()

    def losses() -> list[tuple[Any, bool]]:
        made = run_sweeps(
            sweep_jobs(net, land), land, SETTINGS, rx_height_agl_m=1.5, cache=cache, workers=1
        )
        return [(packed.loss_cdb, reused) for _, packed, reused in made]

    before = losses()
    for kept in cache.kept.values():
        spoil(kept)
    after = losses()
    assert not any(reused for _, reused in after)
    for (old, _), (new, _) in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_check_and_plan_have_one_bound_for_a_mast_at_the_edge() -> None:
    land = small_land()
    for row, inside in (
        (0.0, True),
        (-0.3, False),
        (GRID.rows - 1.0, True),
        (GRID.rows - 0.7, False),
    ):
        net = Network(masts=(mast("edge", row, 70.0),), cells=(cell("c", "edge"),))
        if inside:
            assert check_on_land(net, land) == []
            assert len(sweep_jobs(net, land)) == 1
        else:
            with pytest.raises(InvalidInputError, match="outside the area with its margin"):
                check_on_land(net, land)
            with pytest.raises(InvalidInputError, match="outside the grid"):
                sweep_jobs(net, land)


def test_masts_without_elevation_are_named_before_anything_is_computed() -> None:
    land = small_land()
    ground = land.ground_m.copy()
    ground[20, 30] = np.nan
    net = Network(
        masts=(mast("blind", 20.0, 30.0), mast("sees", 40.0, 30.0)),
        cells=(cell("b", "blind"), cell("s", "sees")),
    )
    assert check_on_land(net, land) == []
    with pytest.raises(InvalidInputError, match=r"1 of 2 masts stand .* no elevation .*blind"):
        check_on_land(net, replace(land, ground_m=ground))


def test_a_sweep_is_rounded_as_it_is_kept_and_laid_as_it_was_kept() -> None:
    rng = np.random.default_rng(3)
    clutter = np.where(rng.random(GRID.shape) < 0.5, 12.0, 0.0).astype(np.float32)
    land, net, cache = small_land(clutter_m=clutter), network(), Memory()
    jobs = sweep_jobs(net, land)

    def made(cache: Memory | None) -> list[PackedSweep]:
        runs = run_sweeps(jobs, land, SETTINGS, rx_height_agl_m=1.5, cache=cache, workers=2)
        return [packed for _, packed, _ in runs]

    without, cold, warm = made(None), made(cache), made(cache)
    for one, other, again in zip(without, cold, warm, strict=True):
        for name in ("loss_cdb", "departure_cdeg", "diffraction_cdb", "terrain_cdb"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
    # the carriers of one antenna share the elevations of their rays
    assert sum("elevation" in kept and "loss" not in kept for kept in cache.kept.values()) == 3
    exact = sweep(
        SweepRequest(
            row=jobs[0].row, col=jobs[0].col, tx_height_agl_m=30.0, rx_height_agl_m=1.5,
            freq_mhz=jobs[0].freq_mhz, radius_m=1500.0,
            delta_n_per_km=SETTINGS.delta_n_per_km, n0=SETTINGS.n0,
            tx_lat_deg=jobs[0].mast.lat_deg,
        ),
        Terrain(ground_m=land.ground_m, clutter_m=clutter, cell_m=GRID.cell_m),
    )  # fmt: skip
    rounded = without[0]
    here = ~np.isnan(exact.path_loss_db)
    assert ((rounded.loss_cdb != NO_LOSS) == here).all()
    for part, value, within_db in (
        (rounded.loss_cdb, exact.path_loss_db, 0.0101),
        (rounded.departure_cdeg, exact.departure_deg, 0.0051),
        (rounded.diffraction_cdb, exact.diffraction_db, 0.136),
        (rounded.terrain_cdb, np.minimum(exact.terrain_db, exact.diffraction_db), 0.262),
    ):
        np.testing.assert_allclose(part[here] / 100.0, value[here], atol=within_db)
