"""What the planner shows after edits is what a plan of the saved variant computes, to the bit."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layers import Layers
from lensong.coverage.network import Network
from lensong.coverage.plan import plan
from lensong.coverage.result import REASONS, PlanResult
from lensong.coverage.scenario.inputs import read_climate, read_inputs
from lensong.coverage.scenario.load import Scenario, load_scenario
from lensong.coverage.scenario.save import save_scenario
from lensong.coverage.streams.table import stream_table
from lensong.coverage.variant.catalogue import Catalogue
from lensong.coverage.variant.edits import (
    AddCell,
    CopyMast,
    Edit,
    MoveMast,
    RemoveCell,
    RemoveMast,
    SetCell,
    SetMast,
    edited,
)
from lensong.coverage.variant.engine import PlanEngine, PlanState
from lensong.coverage.variant.shelf import TileShelf
from lensong.coverage.variant.tiles import renumbered
from lensong.coverage.variant.villages import VillageSide, VillageState
from lensong.gis_data.file_memory import FileMemory
from lensong.gis_data.land import Land
from tests.planted_calibration import calibrated, planted_calibration
from tests.test_coverage.test_sweeps import Memory
from tests.test_planner.small_valley import place_deg, write_small_valley


class Opened:
    """The small valley, planned once; calibrated by invented measurements, or not."""

    def __init__(self, folder: Path, *, calibration: bool = False) -> None:
        path = write_small_valley(folder)
        if calibration:
            land, network, _ = read_inputs(load_scenario(path))
            calibrated(path, planted_calibration(network, land))
        self.scenario: Scenario = load_scenario(path)
        self.folder, self.cache = folder, Memory()
        land, self.network, _ = read_inputs(self.scenario)
        propagation, self.land = read_climate(self.scenario, land)
        self.engine = PlanEngine(
            self.land,
            services=self.scenario.services,
            handset=self.scenario.handset,
            propagation=propagation,
            cache=self.cache,
            workers=2,
        )
        self.side = VillageSide(
            self.engine, classes=self.scenario.classes, streams=self.scenario.streams
        )
        self.state = self.engine.judged(self.engine.opened(self.network))
        self.villages = self.side.with_streams(self.side.opened(self.state), self.state)

    def follow(
        self, state: PlanState, villages: VillageState, network: Network
    ) -> tuple[PlanState, VillageState]:
        levels = self.engine.follow(state, network)
        some = self.engine.judged(levels, within=self.side.pixels_in)
        table = self.side.follow(villages, some, levels.touched)
        return self.engine.judged(some), self.side.with_streams(table, some)

    def planned(self, scenario: Scenario) -> PlanResult:
        land, network, _ = read_inputs(scenario)
        propagation, land = read_climate(scenario, land)
        return plan(
            land,
            network,
            title=scenario.title,
            services=scenario.services,
            handset=scenario.handset,
            propagation=propagation,
            classes=scenario.classes,
            streams=scenario.streams,
            cache=self.cache,
            workers=2,
        )


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return Opened(tmp_path_factory.mktemp("valley"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return Opened(tmp_path_factory.mktemp("measured"), calibration=True)


_INTERVALS = (
    "served_share_p05_",
    "served_share_p95_",
    "chance_covered_",
)


def whole(land: Land, state: PlanState) -> Layers:
    """Return all tiles as the layers of a plan."""
    layers = Layers.empty(land.grid, state.model)
    for tile in state.tiles.values():
        row0, col0, row1, col1 = tile.window
        layers.put(np.s_[row0:row1, col0:col1], tile.best, state.model)
    return layers


def assert_same(name: str, one: Any, other: Any) -> None:
    """Hold two results of one form against each other, bit by bit."""
    if isinstance(other, np.ndarray):
        np.testing.assert_array_equal(one, other, err_msg=name)
    elif isinstance(other, dict):
        assert list(one) == list(other), name
        for key in other:
            assert_same(f"{name} {key}", one[key], other[key])
    elif is_dataclass(other):
        for f in fields(other):
            assert_same(f"{name}.{f.name}", getattr(one, f.name), getattr(other, f.name))
    else:
        assert one == other, name


def assert_is_plan(
    opened: Opened, state: PlanState, villages: VillageState, result: PlanResult
) -> None:
    layers = whole(opened.land, state)
    # the land has pixels of every kind: served, not served, beyond, behind a void
    reasons = np.unique(result.service_layers["voice-data"].reason)
    assert {REASONS.index(name) for name in ("served", "beyond_radius", "void")} < {*reasons}
    assert_same("technology", layers.technologies, result.layers)
    assert_same("service", layers.services, result.service_layers)
    assert_same("operator", layers.operators, result.operators)
    # how sure shares are is told of whole plans alone
    sure = [name for name in result.villages if name.startswith(_INTERVALS)]
    assert sure
    pd.testing.assert_frame_equal(
        villages.table.drop(columns="geometry"),
        result.villages.drop(columns=["geometry", *sure]),
        check_exact=True,
    )
    assert result.streams is not None
    pd.testing.assert_frame_equal(villages.streams, result.streams, check_exact=True)


def some_edits(draw: np.random.Generator, network: Network, step: int) -> list[Edit]:
    """Return a set of edits of any kind; the same for the same draws."""
    catalogue = Catalogue(network, Assumptions(), {})
    mast = network.masts[int(draw.integers(len(network.masts)))]
    cell = network.cells[int(draw.integers(len(network.cells)))]
    lat, lon = place_deg(draw.uniform(45.0, 105.0), draw.uniform(50.0, 140.0))
    antenna = catalogue.tilted(cell.antenna, float(draw.integers(0, 9)))
    choices: list[list[Edit]] = [
        [MoveMast(mast_id=mast.mast_id, lat_deg=lat, lon_deg=lon)],
        [CopyMast(mast_id=mast.mast_id, new_mast_id=f"N{step}", lat_deg=lat, lon_deg=lon)],
        [RemoveMast(mast_id=mast.mast_id)],
        [SetMast(mast_id=mast.mast_id, height_agl_m=float(draw.integers(8, 60)))],
        [SetCell(cell_id=cell.cell_id, changes={"azimuth_deg": float(draw.integers(360))})],
        [
            SetCell(
                cell_id=cell.cell_id,
                changes={
                    "mechanical_downtilt_deg": float(draw.integers(-2, 9)),
                    "antenna": antenna,
                    "total_power_dbm": float(draw.integers(30, 47)),
                    "downlink_load": float(draw.uniform(0.1, 0.9)),
                },
            )
        ],
        [AddCell(cell=replace(cell, cell_id=f"C{step}", azimuth_deg=110.0))],
        [RemoveCell(cell_id=cell.cell_id)],
        # onto the place of another: one site from then on
        [
            MoveMast(
                mast_id=mast.mast_id,
                lat_deg=network.masts[0].lat_deg + 2e-4,
                lon_deg=network.masts[0].lon_deg,
            )
        ],
    ]
    return choices[step % len(choices)]


def test_ten_edits_are_the_plan_of_the_saved_variant(opened: Opened) -> None:
    walk(opened, np.random.default_rng(2026), steps=(4, 9))


def test_edits_of_a_calibrated_plan_are_the_plan_of_the_saved_variant(measured: Opened) -> None:
    """Moved, raised, copied and new masts, other antennas: what was learnt of others stays."""
    network = walk(measured, np.random.default_rng(7), steps=(8,))
    bias = {cell.cell_id: cell.level_correction_db for cell in measured.network.cells}
    now = measured.engine.propagation.calibrated(network)
    kept = [cell for cell in now.cells if bias.get(cell.cell_id) == cell.level_correction_db]
    assert 0 < len(kept) < len(now.cells)


def walk(opened: Opened, draw: np.random.Generator, steps: tuple[int, ...]) -> Network:
    """Edit at random up to the last of some steps; after each of these all is planned anew."""
    state, villages, network = opened.state, opened.villages, opened.network
    for step in range(max(steps) + 1):
        network = edited(network, some_edits(draw, network, step))
        state, villages = opened.follow(state, villages, network)
        if step in steps:
            saved = save_scenario(
                opened.scenario, network, opened.folder / f"step-{step}", title="Edited"
            )
            assert_is_plan(opened, state, villages, opened.planned(load_scenario(saved)))
    return network


def test_a_carrier_that_was_not_there_makes_all_anew(opened: Opened) -> None:
    catalogue = Catalogue(opened.network, opened.scenario.network.assume, {})
    carrier = catalogue.carrier("4G B28 10 MHz")
    changes = {
        "carrier": carrier,
        "granted_uplink_resource_blocks": catalogue.granted(carrier),
        "operator": "Mạng Ba",
    }
    network = edited(opened.network, [SetCell(cell_id="K4-B3-20", changes=changes)])
    state, villages = opened.follow(opened.state, opened.villages, network)
    saved = save_scenario(opened.scenario, network, opened.folder / "other", title="Edited")
    assert_is_plan(opened, state, villages, opened.planned(load_scenario(saved)))


def test_an_edit_touches_the_tiles_around_it_and_shares_the_others(opened: Opened) -> None:
    network = edited(opened.network, [SetMast(mast_id="K5", height_agl_m=44.0)])
    after = opened.engine.follow(opened.state, network)
    assert after.touched
    assert after.touched < after.tiles.keys()
    for key, tile in after.tiles.items():
        assert (tile is opened.state.tiles[key]) == (key not in after.touched)
    assert after.unjudged <= after.touched
    assert opened.state.is_judged


def test_streams_are_counted_anew_where_a_village_hears_other_cells_or_the_same_otherwise(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []

    def counting(villages: pd.DataFrame, *rest: Any, **more: Any) -> pd.DataFrame:
        counted.extend(villages["village_id"])
        return stream_table(villages, *rest, **more)

    monkeypatch.setattr("lensong.coverage.variant.villages.stream_table", counting)
    every = range(len(opened.villages.table))
    stale = replace(opened.villages, stale=frozenset(every))
    again = opened.side.with_streams(stale, opened.state)
    assert not counted
    assert not again.stale
    assert_frame_equal(again.streams, opened.villages.streams)
    cells = tuple(  # levels stay as they are; what a cell grants does not
        replace(cell, granted_uplink_resource_blocks=1) for cell in opened.network.cells
    )
    network = replace(opened.network, cells=cells)
    opened.side.with_streams(stale, replace(opened.state, network=network, model=LayerModel.build(
        opened.land.grid.crs, network, opened.engine.handset, opened.engine.services,
        opened.state.model.shadowing,
    )))  # fmt: skip
    hearing = [row for row in every if opened.villages.heard.codes_at(row).size]
    assert hearing
    assert sorted(counted) == sorted(opened.villages.table["village_id"].iloc[hearing])


def test_judging_that_is_stopped_goes_on_where_it_was(opened: Opened) -> None:
    network = edited(opened.network, [SetMast(mast_id="K5", height_agl_m=61.0)])
    levels = opened.engine.follow(opened.state, network)
    asked = iter([False, *[True] * 99])
    begun = opened.engine.judged(levels, stop=lambda: next(asked))
    assert not begun.is_judged
    assert begun.unjudged < levels.unjudged
    whole_way, at_once = opened.engine.judged(begun), opened.engine.judged(levels)
    assert whole_way.is_judged
    layers = [whole(opened.land, state) for state in (whole_way, at_once)]
    assert_same("service", layers[0].services, layers[1].services)


def assert_same_layers(opened: Opened, one: PlanState, other: PlanState) -> None:
    layers = [whole(opened.land, state) for state in (one, other)]
    for name in ("technologies", "services", "operators"):
        assert_same(name, getattr(layers[0], name), getattr(layers[1], name))


def test_tiles_that_do_not_fit_into_memory_are_the_same(opened: Opened, tmp_path: Path) -> None:
    memory = FileMemory(tmp_path)
    engine = PlanEngine(
        opened.land,
        services=opened.scenario.services,
        handset=opened.scenario.handset,
        propagation=opened.engine.propagation,
        cache=opened.cache,
        workers=2,
        shelf=TileShelf(200_000, memory),
        tile_px=64,
    )
    state = engine.opened(opened.network)
    held = [memory.holds(tile.best.reason) for tile in state.tiles.values()]
    assert any(held)  # and some fit
    assert not all(held)
    while not state.is_judged:
        left = len(state.unjudged)
        state = engine.judged(state, most=1)
        assert len(state.unjudged) == left - 1
    assert_same_layers(opened, state, opened.state)
    network = edited(opened.network, [SetMast(mast_id="K5", height_agl_m=44.0)])
    levels = engine.follow(state, network), opened.engine.follow(opened.state, network)
    assert_same_layers(opened, *levels)
    assert_same_layers(opened, engine.judged(levels[0]), opened.engine.judged(levels[1]))
    fewer = edited(opened.network, [RemoveMast(mast_id="K2")])
    levels = engine.follow(state, fewer), opened.engine.follow(opened.state, fewer)
    assert_same_layers(opened, *levels)
    elsewhere = [key for key in state.tiles if key not in levels[0].touched]
    changed = [key for key in elsewhere if levels[0].tiles[key] is not state.tiles[key]]
    assert changed  # cells after its own have other numbers
    assert len(changed) < len(elsewhere)


def test_a_tile_that_knows_none_of_the_cells_with_other_numbers_is_the_same(opened: Opened) -> None:
    number_of = np.array([*range(len(opened.network.cells)), -1])
    number_of[-2] += 5  # the last cell's, which few tiles know
    tiles = opened.state.tiles.values()
    after = [renumbered(tile, number_of) for tile in tiles]
    assert 0 < sum(one is other for one, other in zip(after, tiles, strict=True)) < len(after)
    of_one_value = [tile for tile in after if tile.best.best.strides[-1] == 0]
    assert of_one_value  # beyond every radius, kept once
