"""One path against the model it shows, the map of the plan, and geometry worked by hand."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from lensong.coverage.indoor import level_shadowing
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layers import job_window, make_layers, sweep_order
from lensong.coverage.network import Network
from lensong.coverage.path.clearance import clearance, median_k
from lensong.coverage.path.figure import study_figure
from lensong.coverage.path.levels import Levels, disturbance
from lensong.coverage.path.line import End, Line, draw_line
from lensong.coverage.path.losses import model_losses
from lensong.coverage.path.study import PathStudy, find_village, study_cell, study_line
from lensong.coverage.path.tables import path_json, profile_table
from lensong.coverage.path.text import path_text
from lensong.coverage.path.words import decided_by, edge_told
from lensong.coverage.result import TechnologyLayers
from lensong.coverage.service import DEFAULT_SERVICES, Handset
from lensong.coverage.sweeps import PropagationSettings, run_sweeps, sweep_jobs
from lensong.gis_data.land import Land
from lensong.propagation.errors import ConfigError, DataError, InvalidInputError, OutOfRangeError
from lensong.propagation.models import MODELS
from lensong.propagation.p1812 import basic_transmission_loss_db
from lensong.propagation.profile import path_profile
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Float32Array, Grid
from tests.test_coverage.test_sweeps import network, small_land

_ROWS, _COLS = np.mgrid[0:140, 0:150]
HILLS = (
    620.0 + 60.0 * np.sin(_ROWS / 9.0) * np.cos(_COLS / 13.0) + 12.0 * np.sin(_COLS / 3.3)
).astype(np.float32)
VILLAGES = pd.DataFrame(
    {
        "village_id": ["v1", "v2"],
        "name": ["Bình Lư", "Nà Đon"],
        "commune": ["Xã Bình Lư", ""],
        "lat_deg": [22.36, 22.37],
        "lon_deg": [103.65, 103.66],
    }
)
LAND = small_land(ground_m=HILLS, villages=VILLAGES)
SETTINGS = PropagationSettings()
GRID = Grid(crs="EPSG:32648", west_m=360_000.0, north_m=2_480_000.0, cell_m=30.0, rows=40, cols=400)


def end(row: float, col: float, height_m: float, grid: Grid = GRID, name: str = "") -> End:
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon_deg, lat_deg = to_degrees.transform(*grid.easting_northing(row, col))
    return End(name=name, lat_deg=lat_deg, lon_deg=lon_deg, height_agl_m=height_m, row=row, col=col)


def line_over(ground_m: Float32Array, clutter_m: Float32Array | None = None) -> Line:
    """Return an east-west line of 9 km, antennas 30 m and 10 m above ground."""
    terrain = Terrain(ground_m=ground_m, clutter_m=clutter_m, cell_m=GRID.cell_m)
    return draw_line(terrain, GRID, end(20.0, 50.0, 30.0), end(20.0, 350.0, 10.0))


def flat() -> Float32Array:
    return np.full(GRID.shape, 500.0, np.float32)


def ridge(height_m: float = 80.0, col: int = 200) -> Float32Array:
    ground = flat()
    ground[:, col] += np.float32(height_m)
    return ground


# Geometry ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2.0 / 3.0, 4.0 / 3.0])
def test_the_edge_that_decides_is_the_ridge_with_the_bulge_of_its_k(k: float) -> None:
    line = line_over(ridge(col=150))
    found = clearance(line, freq_mhz=800.0, k=k)
    edge = found.edge
    d1, d2 = 3000.0, 6000.0
    bulge_m = d1 * d2 / (2.0 * k * 6_371_000.0)
    above_m = 580.0 + bulge_m - (530.0 + (510.0 - 530.0) * d1 / 9000.0)
    fresnel_m = sqrt(299.792458 / 800.0 * d1 * d2 / 9000.0)
    assert edge.distance_m == pytest.approx(d1)
    assert edge.above_line_m == pytest.approx(above_m, abs=1e-3)
    assert edge.fresnel_m == pytest.approx(fresnel_m, rel=1e-9)
    assert edge.nu == pytest.approx(sqrt(2.0) * above_m / fresnel_m, rel=1e-4)
    assert edge.what == "ground"
    assert (edge.lat_deg, edge.lon_deg) == pytest.approx(line.lat_lon(d1))
    assert not found.line_of_sight
    assert found.tx_horizon is not None
    assert found.rx_horizon is not None
    assert found.tx_horizon.distance_m == found.rx_horizon.distance_m == edge.distance_m


def test_trees_are_told_from_the_ground_they_stand_on() -> None:
    clutter = np.zeros(GRID.shape, np.float32)
    clutter[:, 200] = 25.0
    found = clearance(line_over(flat(), clutter), freq_mhz=1800.0, k=4.0 / 3.0)
    assert found.edge.what == "clutter"
    assert found.edge.clutter_m == pytest.approx(25.0)
    assert found.edge.above_line_m - found.edge.ground_above_line_m == pytest.approx(25.0)
    told = edge_told(found, cover="tree cover")
    assert "tree cover, 25 m high," in told
    assert "the bare ground there" in told


def test_one_edge_has_one_name_at_both_k_in_every_output() -> None:
    clutter = np.zeros(GRID.shape, np.float32)
    clutter[:, 200] = 25.0
    line = line_over(flat(), clutter)
    bare = study_line(line, freq_mhz=1800.0, models=[], settings=SETTINGS, k_low=2.0 / 3.0)
    study = replace(bare, cover_at_edge="tree cover")
    for passes in path_json(study)["clearance"].values():
        assert passes["told"].startswith("tree cover, 25 m high,")
    assert path_text(study).count("tree cover, 25 m high,") == 2
    elsewhere = replace(study.low, edge=replace(study.low.edge, distance_m=1.0))
    assert replace(study, low=elsewhere).cover_at_low_edge == ""


def test_a_clear_path_says_how_clear() -> None:
    ground = flat()
    ground[:, 60:340] -= 200.0
    found = clearance(line_over(ground), freq_mhz=1800.0, k=4.0 / 3.0)
    assert found.line_of_sight
    assert found.first_zone_clear
    assert found.tx_horizon is None
    assert "nothing reaches into the first Fresnel zone" in edge_told(found)


# Losses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time_percent", [50.0, 5.0])
def test_the_loss_is_that_of_p1812_on_the_same_profile(time_percent: float) -> None:
    clutter = np.full(GRID.shape, 8.0, np.float32)
    terrain = Terrain(ground_m=ridge(), clutter_m=clutter, cell_m=GRID.cell_m)
    tx, rx = end(10.2, 20.7, 42.0), end(30.4, 310.1, 1.5)
    line = draw_line(terrain, GRID, tx, rx)
    settings = replace(SETTINGS, time_percent=time_percent)
    profile = path_profile(terrain, row=tx.row, col=tx.col, end_row=rx.row, end_col=rx.col)
    wanted = basic_transmission_loss_db(
        profile,
        freq_mhz=1842.5,
        tx_height_agl_m=42.0,
        rx_height_agl_m=1.5,
        tx_lat_deg=tx.lat_deg,
        tx_lon_deg=tx.lon_deg,
        rx_lat_deg=rx.lat_deg,
        rx_lon_deg=rx.lon_deg,
        delta_n_per_km=settings.delta_n_per_km,
        n0=settings.n0,
        time_percent=time_percent,
    )
    found = model_losses(line, ["p1812"], freq_mhz=1842.5, settings=settings)[0]
    assert found.path_loss_db == wanted
    assert sum(step.loss_db for step in found.ladder) == pytest.approx(wanted, abs=1e-9)
    parts = {step.key: step.loss_db for step in found.ladder}
    assert parts["terrain"] > 5.0
    assert parts["clutter"] > 0.5


def test_a_model_out_of_its_range_is_named_and_the_others_are_shown() -> None:
    found = model_losses(
        line_over(flat()), ["p1812", "p452", "free_space"], freq_mhz=18_000.0, settings=SETTINGS
    )
    assert [loss.known for loss in found] == [False, True, True]
    assert "itu_r_p1812 holds from 30 to 6000" in found[0].why_not
    assert "use itu_r_p452" in found[0].why_not


def test_every_model_of_a_whole_path_has_a_loss_or_a_reason() -> None:
    losses = model_losses(line_over(flat()), list(MODELS), freq_mhz=900.0, settings=SETTINGS)
    for loss in losses:
        assert loss.known != bool(loss.why_not), loss.model
    assert {loss.model for loss in losses if loss.known} >= {"itu_r_p1812", "itu_r_p452", "itm"}


def test_nearer_than_profiles_go_free_space_stands_in() -> None:
    terrain = Terrain(ground_m=flat(), cell_m=GRID.cell_m)
    line = draw_line(terrain, GRID, end(20.0, 50.0, 30.0), end(20.0, 53.0, 1.5))
    study = study_line(line, freq_mhz=1800.0)
    assert {loss.model: loss.known for loss in study.losses} == {
        "itu_r_p1812": False,
        "free_space": True,
    }
    assert "90 m" in study.notes[0]
    assert "itu_r_p1812: none" in path_text(study)


# Against the plan --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planned() -> TechnologyLayers:
    net = network()
    jobs = sweep_order(sweep_jobs(net, LAND), LAND.grid)
    runs = run_sweeps(jobs, LAND, SETTINGS, rx_height_agl_m=1.5, cache=None, workers=1)
    layers = make_layers(
        LAND.grid,
        LayerModel.build(
            LAND.grid.crs,
            net,
            Handset(),
            DEFAULT_SERVICES,
            level_shadowing(SETTINGS, Handset(), net),
        ),
        rides=((job.cells, packed) for job, packed, _ in runs),
        planned=[job_window(job, LAND.grid) for job in jobs],
    )
    return layers.technologies["4G"]


def test_level_server_and_sinr_are_those_of_the_map(planned: TechnologyLayers) -> None:
    net = network()
    levels = Levels(LAND, net, Handset(), SETTINGS)
    level_off, sinr_off, same = [], [], 0
    places = [(r, c) for r in range(8, LAND.grid.rows, 19) for c in range(11, LAND.grid.cols, 23)]
    heard = [p for p in places if planned.best_server[p] >= 0]
    assert len(heard) > 12
    for row, col in heard:
        place = end(float(row), float(col), 1.5, LAND.grid)
        found, _ = levels.in_reach(place)
        server = net.cells[planned.best_server[row, col]].cell_id
        mine = next(level for level in found if level.cell.cell_id == server)
        study, _, _ = study_cell(levels, LAND, DEFAULT_SERVICES, place, cell=mine.cell)
        assert study.budget is not None
        assert study.budget.rsrp_dbm == mine.rsrp_dbm
        level_off.append(mine.rsrp_dbm - float(planned.rsrp_dbm[row, col]))
        sinr_off.append(study.budget.sinr_db - float(planned.sinr_db[row, col]))
        on_carrier = [x for x in found if x.cell.carrier == mine.cell.carrier]
        same += on_carrier[0].cell.cell_id == server
    # a pixel's receiver shares its radial's samples: rms 0.2 dB, p99 0.6 dB of the exact profile
    assert np.abs(level_off).max() < 1.0
    assert np.sqrt(np.mean(np.square(level_off))) < 0.3
    assert np.abs(sinr_off).max() < 1.5
    assert same >= 0.9 * len(heard)


def test_the_budget_lines_add_up_in_both_directions() -> None:
    levels = Levels(LAND, network(), Handset(body_loss_db=3.0), SETTINGS)
    study, _, _ = study_cell(levels, LAND, DEFAULT_SERVICES, end(40.0, 60.0, 1.5, LAND.grid))
    assert study.budget is not None
    for rows, sums in ((study.budget.down, ("eirp", "rsrp")), (study.budget.up, ("received",))):
        total, seen = 0.0, 0
        for row in rows:
            if row.key in sums:
                assert total == pytest.approx(row.value, abs=1e-9)
                seen += 1
            elif row.key in ("noise", "disturbance"):
                break
            else:
                total += row.value
        assert seen == len(sums)


def test_another_operators_cells_do_not_disturb() -> None:
    net = network()
    other = Network(
        masts=net.masts,
        cells=tuple(replace(c, operator="X" if i else "Y") for i, c in enumerate(net.cells)),
    )
    found, _ = Levels(LAND, other, Handset(), SETTINGS).in_reach(end(40.0, 60.0, 1.5, LAND.grid))
    alone = next(level for level in found if level.cell.operator == "Y")
    assert disturbance(alone, found) == (0.0, 0)


def test_a_place_that_no_cell_reaches_gets_the_nearest_and_says_so() -> None:
    net = network()
    near = Network(masts=net.masts, cells=tuple(replace(c, radius_m=250.0) for c in net.cells))
    place = end(float(LAND.grid.rows - 2), 2.0, 1.5, LAND.grid)
    study, reached, _ = study_cell(
        Levels(LAND, near, Handset(), SETTINGS), LAND, DEFAULT_SERVICES, place
    )
    assert reached == []
    assert study.level is not None
    assert "the nearest is shown" in study.notes[0]
    assert "beyond its radius" in study.notes[1]


def test_a_cell_whose_model_does_not_reach_is_named_not_dropped() -> None:
    settings = replace(SETTINGS, model="okumura_hata_open")  # from 1 km on
    levels = Levels(LAND, network(), Handset(), settings)
    found, without = levels.in_reach(end(60.0, 90.0, 1.5, LAND.grid))  # 590 m from mast A
    assert [level.cell.mast_id for level in found if level.cell.mast_id == "A"] == []
    assert "cell A3: the path is 588" in " ".join(without)


def test_what_decides_is_the_largest_part() -> None:
    levels = Levels(LAND, network(), Handset(), SETTINGS)
    found, _ = levels.in_reach(end(40.0, 60.0, 1.5, LAND.grid))
    for level in found:
        most, parts = decided_by(level)
        assert most == "distance" or parts[most] == max(parts.values()) >= 3.0


# What is wrong -----------------------------------------------------------------------------------


def test_two_ends_on_one_spot_are_refused() -> None:
    terrain = Terrain(ground_m=flat(), cell_m=GRID.cell_m)
    with pytest.raises(InvalidInputError, match="on one spot"):
        draw_line(terrain, GRID, end(20.0, 50.0, 30.0, name="A"), end(20.0, 50.0, 1.5, name="B"))


def test_a_void_is_placed_and_what_is_known_around_it() -> None:
    ground = flat()
    ground[:, 150:200] = np.nan
    with pytest.raises(DataError, match=r"3,000 m from its start.*first 2,970 m and from 4,500 m"):
        line_over(ground)


def test_villages_are_found_without_diacritics_and_near_names_are_told() -> None:
    for name in ("v1", "V1", "binh lu"):
        assert find_village(LAND, name) == ("Bình Lư", 22.36, 103.65)
    with pytest.raises(ConfigError, match="did you mean Nà Đon"):
        find_village(LAND, "Na Donn")
    twins = VILLAGES.assign(name="Same")
    with pytest.raises(ConfigError, match=r"wanted the id of one of them, v1 \(Xã Bình Lư\), v2"):
        find_village(replace(LAND, villages=twins), "same")


# Results -----------------------------------------------------------------------------------------


def _study(land: Land = LAND) -> PathStudy:
    levels = Levels(land, network(), Handset(), SETTINGS)
    return study_cell(
        levels, land, DEFAULT_SERVICES, end(40.0, 60.0, 1.5, land.grid), models=["itm"]
    )[0]


def test_the_profile_holds_what_the_clearance_says() -> None:
    study = _study()
    table = profile_table(study.line, study.median, study.low, study.freq_mhz)
    inner = table.iloc[1:-1]
    share = inner["clearance_median_k_m"] / inner["fresnel_m"]
    assert share.min() == pytest.approx(study.median.edge.clearance_share, abs=0.02)
    found = path_json(study)
    assert found["clearance"]["median_k"]["k"] == pytest.approx(
        median_k(SETTINGS.delta_n_per_km), abs=1e-6
    )
    assert found["losses"][0]["steps"][0]["key"] == "free_space"
    assert len(found["profile"]["distance_m"]) == len(table)


def test_the_figure_is_the_same_for_the_same_path() -> None:
    study = _study()
    first = study_figure(study, form="svg")
    assert first == study_figure(study, form="svg")
    assert b"first Fresnel zone" in first
    assert study_figure(study, form="png", synthetic=True).startswith(b"\x89PNG")


def test_air_in_which_no_radius_is_defined_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="delta_n_per_km is 157"):
        study_line(
            line_over(flat()), freq_mhz=900.0, settings=replace(SETTINGS, delta_n_per_km=157.0)
        )
