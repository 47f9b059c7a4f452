"""Candidates of lists, of structures that stand, and of the land."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import LineString, box

from lensong.coverage.cellplan import CellTables, build_network
from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.network import Network
from lensong.coverage.siting.candidates import (
    CellRules,
    candidates_at,
    candidates_of_list,
    standing_masts,
)
from lensong.coverage.siting.summits import SummitRules, summits_that_see
from lensong.gis_data.land import Land
from lensong.gis_data.tables import Table, parse_table
from lensong.propagation.errors import DataError, InvalidInputError
from tests.small_plan import make_small_plan_result

RULES = CellRules(assume=Assumptions(azimuths_deg=(0.0, 180.0)), radius_m=5000.0)

CELLS = """\
site_id;operator;lat;lon;technology
A;Viettel;22.40;103.60;4G
A;VNPT;22.40;103.60;3G
B;Viettel;22.42;103.62;2G
B;VNPT;22.42;103.62;4G
C;VNPT;22.44;103.64;3G
D;VNPT;22.46;103.66;4G
"""


def table(text: str) -> Table:
    return parse_table(text.encode(), "list.csv")


def network(text: str = CELLS) -> Network:
    return build_network(
        CellTables(main=table(text)), antennas={}, assume=RULES.assume, radius_m=5000.0
    )[0]


def test_structures_without_4g_are_offered_to_those_who_stand_there() -> None:
    found = standing_masts(table(CELLS), network(), RULES, ("4G",))
    assert {(one.mast.lat_deg, one.cells[0].operator) for one in found} == {
        (22.40, "VNPT"),
        (22.42, "Viettel"),
        (22.44, "VNPT"),
    }
    assert {one.kind for one in found} == {"standing"}
    assert all(cell.carrier.technology == "4G" for one in found for cell in one.cells)
    assert {len(one.cells) for one in found} == {2}


def test_an_operator_may_go_onto_every_structure_where_it_lacks_4g() -> None:
    found = standing_masts(table(CELLS), network(), replace(RULES, operator="Viettel"), ("4G",))
    assert sorted(one.mast.lat_deg for one in found) == [22.42, 22.44, 22.46]
    assert {cell.operator for one in found for cell in one.cells} == {"Viettel"}
    assert {len(one.cells) for one in found} == {2}


def test_ids_of_candidates_are_free_in_the_network() -> None:
    stands = network()
    found = standing_masts(table(CELLS), stands, RULES, ("4G",))
    ids = [one.mast.mast_id for one in found]
    assert len(set(ids)) == len(ids)
    assert not set(ids) & {mast.mast_id for mast in stands.masts}
    cells = [cell.cell_id for one in found for cell in one.cells]
    assert len(set(cells)) == len(cells)


def test_a_list_brings_its_costs_and_what_it_leaves_open_is_assumed() -> None:
    text = "Tên trạm;Vĩ độ;Kinh độ;Chi phí;Nhà mạng\nX;22,5;103,5;1250,5;VNPT\nY;22,6;103,6;;VNPT\n"
    first, second = candidates_of_list(table(text), network(), RULES)
    assert (first.cost, second.cost) == (1250.5, None)
    assert first.mast.height_agl_m == RULES.assume.height_agl_m
    assert [cell.azimuth_deg for cell in first.cells] == [0.0, 180.0]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("X;22.5;103.5;-3;0\n", "line 2: cost is '-3'"),
        ("X;22.5;103.5;dear;0\n", "dear"),
        ("X;22.5;103.5;3;0\nX;22.5;103.5;4;120\n", "give a mast one cost"),
        ("X;22.5;103.5;3;0\nX;22.5;103.5;4;0\n", "line 3: the row is merged"),
    ],
)
def test_costs_that_cannot_be_are_refused(rows: str, said: str) -> None:
    text = "site_id;lat;lon;cost;azimuth\n" + rows
    with pytest.raises(DataError, match=said):
        candidates_of_list(table(text), network(), replace(RULES, operator="VNPT"))


def test_whose_the_cells_are_is_never_guessed() -> None:
    with pytest.raises(InvalidInputError, match="--operator"):
        candidates_at([("S1", 22.5, 103.5)], network(), RULES)
    (one,) = candidates_at([("S1", 22.5, 103.5)], network(), replace(RULES, operator="VNPT"))
    assert {cell.operator for cell in one.cells} == {"VNPT"}


def hills(*, road: bool = False) -> Land:
    """Return the small valley flattened, with two hills and a wall behind the second."""
    land = make_small_plan_result().land
    rows, cols = np.mgrid[0:200, 0:200].astype(float)
    ground = np.full(land.grid.shape, 300.0)
    for row, col, high in ((100, 60, 150.0), (100, 160, 200.0)):
        ground += high * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / 40.0)
    ground[:, 130] = 900.0
    lines = None
    if road:
        across = LineString([(355_000.0, 2_470_000.0), (367_000.0, 2_470_000.0)])
        lines = gpd.GeoDataFrame({"kind": ["road"]}, geometry=[across], crs=land.grid.crs)
    villages = land.villages.copy()
    villages["geometry"] = [box(358_900, 2_469_900, 359_000, 2_470_000)] * len(villages)
    return replace(land, ground_m=ground.astype(np.float32), map_lines=lines, villages=villages)


def place_of(land: Land, place: tuple[float, float, float]) -> tuple[int, int]:
    points = gpd.GeoSeries(gpd.points_from_xy([place[1]], [place[0]]), crs=4326)
    point = points.to_crs(land.grid.crs)[0]
    return (
        int((land.grid.north_m - point.y) // land.grid.cell_m),
        int((point.x - land.grid.west_m) // land.grid.cell_m),
    )


def test_a_summit_is_found_that_sees_people_and_not_one_behind_a_wall() -> None:
    land = hills(road=True)
    pixel = np.array([100 * 200 + 80])
    rules = SummitRules(most=3, reach_m=10_000.0)
    found = summits_that_see(land, pixel, np.array([50.0]), rules)
    assert [place_of(land, one) for one in found] == [(100, 60)]
    assert found[0][2] == 50.0


def test_a_place_needs_a_road_or_a_village_and_may_be_excluded() -> None:
    pixel, people = np.array([100 * 200 + 170]), np.array([50.0])
    rules = SummitRules(most=3, reach_m=10_000.0)
    with_road, without = hills(road=True), hills()
    assert [place_of(with_road, f) for f in summits_that_see(with_road, pixel, people, rules)] == [
        (100, 160)
    ]
    assert summits_that_see(without, pixel, people, rules) == []
    shut = gpd.GeoDataFrame(
        geometry=[box(364_000.0, 2_469_000.0, 365_500.0, 2_471_000.0)], crs=with_road.grid.crs
    )
    assert summits_that_see(with_road, pixel, people, rules, excluded=shut) == []
