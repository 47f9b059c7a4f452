"""How candidates are fed and powered on a small land of ridges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from pyproj import Geod, Transformer
from shapely import LineString, Point

from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.path.hop import HopRadio, study_hop
from lensong.coverage.path.levels import terrain_of
from lensong.coverage.path.line import draw_line, end_at
from lensong.coverage.siting.candidates import Candidate
from lensong.coverage.siting.feeding_settings import (
    FeedingSettings,
    LineSettings,
    MicrowaveSettings,
    SatelliteSettings,
    SolarSettings,
)
from lensong.coverage.siting.feeds import Feeds, HopFigures, SupplyName, Way, fed_masts
from lensong.coverage.siting.find_feeds import find_feeds
from lensong.coverage.siting.problem import READY, SitingProblem
from lensong.coverage.siting.relays import relay_places
from lensong.coverage.siting.satellite import SatelliteView, satellite_view, sky_share
from lensong.coverage.siting.search import FeedData, Search
from lensong.coverage.siting.solve import best_sites
from lensong.coverage.siting.summits import SummitRules
from lensong.coverage.sweeps import PropagationSettings
from lensong.gis_data.land import Land
from lensong.gis_data.rain_map import RainMap
from lensong.propagation.horizon import Horizon
from lensong.propagation.types import Grid
from lensong.propagation.walker_shell import passes_over
from tests.test_coverage.test_sweeps import cell

GRID = Grid(crs="EPSG:32648", west_m=350_000.0, north_m=2_480_000.0, cell_m=50.0, rows=80, cols=260)
PROPAGATION = PropagationSettings()
HOPS = MicrowaveSettings(rain_rate_mm_per_h=70.0, cost=7.0)
SUN = SolarSettings(
    load_w=400.0, level_kwh_per_m2_day=(4.0,) * 12, panel_cost_per_w=0.01, battery_cost_per_wh=0.001
)
TERMINAL = SatelliteSettings(cost=5.0)

RIDGE_COL, VALLEY_COL, GORGE_COL = 80, 140, 215


def land() -> Land:
    """Return a plain, a ridge, a valley and a narrow gorge behind a wall, west to east."""
    ground = np.full(GRID.shape, 300.0, dtype=np.float32)
    across = np.abs(np.arange(GRID.cols) - RIDGE_COL)
    ground += np.maximum(0.0, 400.0 - 60.0 * across)[np.newaxis, :].astype(np.float32)
    ground[:, 180:] = 1500.0
    ground[:, GORGE_COL - 4 : GORGE_COL + 5] = 300.0
    return Land(
        grid=GRID,
        ground_m=ground,
        clutter_m=None,
        clutter_class=None,
        population=None,
        aoi=np.ones(GRID.shape, dtype=np.uint8),
        villages=gpd.GeoDataFrame(),
        communes=None,
    )


def mast(mast_id: str, col: float, **more: str) -> Mast:
    lon, lat = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True).transform(
        *GRID.easting_northing(40.0, col)
    )
    return Mast(mast_id=mast_id, lat_deg=lat, lon_deg=lon, height_agl_m=30.0, **more)  # type: ignore[arg-type]  # texts


def candidate(mast_id: str, col: float, **more: str) -> Candidate:
    one: Cell = cell(f"{mast_id}/1", mast_id)
    return Candidate(kind="listed", mast=mast(mast_id, col, **more), cells=(one,), cost=10.0)


STANDS = Network(masts=(mast("A", 20),), cells=(cell("A/1", "A"),))
THREE = [
    candidate("RIDGE", RIDGE_COL),
    candidate("VALLEY", VALLEY_COL),
    candidate("GORGE", GORGE_COL),
]


def lines(east_col: float) -> gpd.GeoDataFrame:
    """Return a line along the west edge of the land up to a column, and a point."""
    west, north = GRID.easting_northing(40.0, 0.0)
    east, _ = GRID.easting_northing(40.0, east_col)
    shapes = [LineString([(west, north + 300.0), (east, north + 300.0)]), Point(west, north)]
    return gpd.GeoDataFrame({"name": ["", "P"]}, geometry=shapes, crs=GRID.crs)


def line_settings(reach_m: float = 3000.0, cost: float | None = None) -> LineSettings:
    return LineSettings(
        section="fibre", path=Path("lines.gpkg"), cost_per_km=100.0, reach_m=reach_m, cost=cost
    )


def feeds_of(
    settings: FeedingSettings,
    candidates: list[Candidate] | None = None,
    network: Network = STANDS,
    rain: RainMap | None = None,
) -> Feeds:
    data = FeedData(
        settings=settings,
        fibre=None if settings.fibre is None else lines(30.0),
        grid=None if settings.grid is None else lines(150.0),
        rain=rain,
    )
    found = find_feeds(
        THREE if candidates is None else candidates, network, land(), PROPAGATION, data
    )
    assert found is not None
    return found


def arcs(feeds: Feeds, supply: SupplyName = "backhaul") -> set[tuple[str, int, int]]:
    return {(w.kind, w.source, w.candidate) for w in feeds.ways[supply]}


def told(feeds: Feeds) -> str:
    return "\n".join(feeds.notes)


def test_a_chain_leads_over_the_ridge_and_not_into_the_gorge() -> None:
    feeds = feeds_of(FeedingSettings(microwave=HOPS))
    assert arcs(feeds) == {
        ("microwave", READY, 0), ("microwave", 0, 1), ("microwave", 1, 0),
    }  # fmt: skip
    assert feeds.not_fed[:2] == ("", "")
    assert "backhaul: no hop; that from " in feeds.not_fed[2]
    assert "too low" in feeds.not_fed[2]
    for name in ("fibre", "satellite"):
        assert f"No {name} is given (siting.{name})" in told(feeds)
    assert "Power is not part of the choice" in told(feeds)
    assert "names no backhaul, so each counts as fed" in told(feeds)


def test_a_hop_is_what_lensong_hop_says_of_it() -> None:
    (way,) = (w for w in feeds_of(FeedingSettings(microwave=HOPS)).ways["backhaul"] if w.source < 0)
    tx, rx = (
        end_at(GRID, m.lat_deg, m.lon_deg, m.height_agl_m) for m in (STANDS.masts[0], THREE[0].mast)
    )
    line = draw_line(terrain_of(land()), GRID, tx, rx)
    study = study_hop(
        line, HopRadio(rain_rate_mm_per_h=70.0), freq_mhz=18_000.0,
        delta_n_per_km=PROPAGATION.delta_n_per_km,
    )  # fmt: skip
    assert study.holds
    assert isinstance(way.detail, HopFigures)
    assert way.availability_percent == study.availability_percent
    assert way.detail.margin_db == study.margin_db
    assert way.detail.rain_outage_percent == study.rain_outage_percent
    assert way.distance_m == pytest.approx(line.path_m)
    strict = feeds_of(FeedingSettings(microwave=replace(HOPS, availability_percent=99.9999)))
    assert not strict.ways["backhaul"]
    assert "clear, but holds" in strict.not_fed[0]


def test_rain_is_that_of_the_hop() -> None:
    lon = np.array([103.0, THREE[0].mast.lon_deg, 104.0])
    rates = np.array([[10.0, 60.0, 150.0]] * 2)
    rain = RainMap(
        name="rain.csv", lat_deg=np.array([22.0, 23.0]), lon_deg=lon, rate_mm_per_h=rates
    )
    settings = FeedingSettings(
        microwave=replace(HOPS, rain_rate_mm_per_h=None, rain_map=Path("rain.csv"))
    )
    found = feeds_of(settings, rain=rain)
    hops = {(w.source, w.candidate): w.detail for w in found.ways["backhaul"]}
    west, east = hops[READY, 0], hops[0, 1]
    assert isinstance(west, HopFigures)
    assert isinstance(east, HopFigures)
    assert east.rain_db > west.rain_db  # of the same length, where it rains more


def test_the_chosen_hang_on_what_feeds_them() -> None:
    feeds = feeds_of(FeedingSettings(microwave=HOPS))
    problem = SitingProblem.of_shares(
        cost=np.full(3, 10.0),
        people=np.array([100.0]),
        served_share=np.zeros(1),
        candidate=np.array([1]),
        village=np.array([0]),
        share=np.array([1.0]),
        budget=34.0,
        supplies=feeds.supplies(),
    )
    answer = best_sites(problem)
    assert answer.chosen == (0, 1)
    assert answer.cost == pytest.approx(34.0)
    fed = fed_masts(feeds, answer.chosen, answer.arcs)
    assert [way.from_id for way in fed[1].chain] == ["RIDGE", "A"]
    assert (fed[1].hops, fed[1].fed, fed[0].fed) == (2, 1, 2)
    first, second = (way.availability_percent for way in fed[1].chain)
    assert fed[1].availability_percent == pytest.approx(first * second / 100.0)
    short = best_sites(replace(problem, budget=33.0))
    assert (short.chosen, short.people) == ((), 0.0)


def test_a_line_begins_at_the_nearest_point_of_what_is_there() -> None:
    feeds = feeds_of(FeedingSettings(fibre=line_settings(reach_m=4000.0, cost=3.0)))
    (way,) = feeds.ways["backhaul"]
    away_m = np.hypot(50.0 * (RIDGE_COL - 30.0), 300.0)
    assert way.distance_m == pytest.approx(away_m, abs=0.01)
    assert way.cost == pytest.approx(3.0 + 0.1 * away_m, abs=0.01)
    assert way.from_id == "fibre 1"
    assert way.start is not None
    east, north = Transformer.from_crs("EPSG:4326", GRID.crs, always_xy=True).transform(
        way.start.lon_deg, way.start.lat_deg
    )
    assert (east, north) == pytest.approx(tuple(lines(30.0).geometry[0].coords[-1]), abs=0.01)
    assert feeds.not_fed[1] == "backhaul: fibre 5.5 km away, reach is 4 km"


def test_a_relay_without_power_feeds_nobody() -> None:
    grid = line_settings(reach_m=600.0)
    everywhere = feeds_of(FeedingSettings(microwave=HOPS, grid=grid))
    assert everywhere.not_fed[:2] == ("", "")  # the line runs to column 150
    sun = replace(SUN, most_panel_w=1.0)
    dark = feeds_of(FeedingSettings(microwave=HOPS, solar=sun))
    assert all("W of panels needed in month" in why for why in dark.not_fed)
    # RIDGE alone lacks power: the chain over it ends
    west, north = GRID.easting_northing(40.0, 100.0)
    beyond = gpd.GeoDataFrame({"name": ["G"]}, geometry=[Point(west, north)], crs=GRID.crs)
    data = FeedData(
        settings=FeedingSettings(microwave=HOPS, grid=line_settings(reach_m=2500.0)),
        grid=beyond.set_geometry([Point(GRID.easting_northing(40.0, VALLEY_COL))]),
    )
    found = find_feeds(THREE, STANDS, land(), PROPAGATION, data)
    assert found is not None
    assert found.not_fed[0].startswith("power: grid 3.0 km away")
    assert found.not_fed[1] == "backhaul: hops from RIDGE are clear, which nothing feeds"


def test_a_network_that_feeds_nothing_leaves_chains_hanging() -> None:
    unsure = replace(STANDS, masts=(replace(STANDS.masts[0], uncertain=True),))
    feeds = feeds_of(FeedingSettings(microwave=HOPS), network=unsure)
    assert "hops from VALLEY are clear, which nothing feeds" in feeds.not_fed[0]
    assert "1 may not: they have estimated positions" in told(feeds)
    answer = best_sites(
        SitingProblem.of_shares(
            cost=np.zeros(3), people=np.ones(1), served_share=np.zeros(1),
            candidate=np.array([1]), village=np.array([0]), share=np.ones(1), most_masts=3,
            supplies=feeds.supplies(),
        )
    )  # fmt: skip
    assert (answer.chosen, answer.bound) == ((), 0.0)
    for text, begin in (("vệ tinh", False), ("fibre", True)):
        named = replace(STANDS, masts=(replace(STANDS.masts[0], backhaul=text),))
        found = feeds_of(FeedingSettings(microwave=HOPS), network=named)
        assert (("microwave", READY, 0) in arcs(found)) is begin
    only = FeedingSettings(microwave=replace(HOPS, from_backhaul=("Fibre",)))
    assert not any(w.source == READY for w in feeds_of(only).ways["backhaul"])


def test_what_candidates_have_already_costs_nothing() -> None:
    own = [
        candidate("LISTED", 30, backhaul="fibre of the army", power_supply="grid"),
        candidate("ON-A", 20.4),
        replace(candidate("TOWER", 50), kind="standing"),
    ]
    settings = FeedingSettings(microwave=HOPS, solar=SUN)
    feeds = feeds_of(settings, own)
    supplies: tuple[SupplyName, ...] = ("backhaul", "power")
    for supply in supplies:
        stands = [w for w in feeds.ways[supply] if w.kind == "standing"]
        assert {(w.candidate, w.from_id) for w in stands} == {
            (0, "fibre of the army" if supply == "backhaul" else "grid"), (1, "A"), (2, "TOWER"),
        }  # fmt: skip
        assert {w.cost for w in stands} == {0.0}
    bare = feeds_of(replace(settings, standing_is_fed=False), own)
    assert not any(w.kind == "standing" and w.candidate == 2 for w in bare.ways["power"])


def test_the_sky_over_a_gorge_is_narrow() -> None:
    feeds = feeds_of(FeedingSettings(satellite=TERMINAL))
    views = {w.candidate: w.detail for w in feeds.ways["backhaul"]}
    assert set(views) == {0, 1}
    assert isinstance(views[0], SatelliteView)
    assert views[0].sky_share == 1.0
    assert "satellite: " in feeds.not_fed[2]
    assert "% of the sky above 25 deg is free" in feeds.not_fed[2]
    wide = feeds_of(
        FeedingSettings(satellite=replace(TERMINAL, least_sky_share=0.0, least_visible_percent=0.0))
    )
    (gorge,) = (w.detail for w in wide.ways["backhaul"] if w.candidate == 2)
    assert isinstance(gorge, SatelliteView)
    # walls of 1200 m, 5 m of eye, 4.5 cells away, along the valley's whole length of 4 km
    assert 0.1 < gorge.sky_share < 0.3
    assert gorge.visible_minutes_per_day < 1400.0
    assert "cut by the edge of the elevation" in told(wide)


def test_a_share_of_the_sky_is_of_solid_angle() -> None:
    half = np.where(np.arange(360) < 180, 90.0, 0.0)
    nothing = np.zeros(360)
    horizon = Horizon(
        elevation_deg=half, distance_m=nothing, known_m=nothing, could_be_deg=nothing - 90.0
    )
    assert sky_share(horizon, 25.0) == pytest.approx(0.5)
    flat = replace(horizon, elevation_deg=np.full(360, 30.0))
    assert sky_share(flat, 0.0) == pytest.approx(0.5)  # the sine of 30 degrees
    assert sky_share(flat, 30.0) == pytest.approx(1.0)
    passes = passes_over(
        TERMINAL.shell, lat_deg=22.4, lon_deg=103.5, lowest_deg=25.0, days=0.1, step_s=30.0
    )
    shut = satellite_view(
        passes, replace(horizon, elevation_deg=np.full(360, 90.0)), lat_deg=22.4, lon_deg=103.5,
        mask_deg=25.0,
    )  # fmt: skip
    assert (shut.visible_minutes_per_day, shut.longest_gap_s) == (0.0, 0.1 * 86_400.0)


def test_a_relay_is_found_where_it_sees_both() -> None:
    west, north = GRID.easting_northing(40.0, 0.0)
    road = LineString([(west, north), (west + 12_000.0, north)])
    there = replace(
        land(),
        villages=gpd.GeoDataFrame(geometry=[], crs=GRID.crs),
        map_lines=gpd.GeoDataFrame({"kind": ["road"]}, geometry=[road], crs=GRID.crs),
    )
    rules = SummitRules(most=3, reach_m=20_000.0, access_m=500.0)
    stands, valley, gorge = STANDS.masts[0], THREE[1].mast, THREE[2].mast
    (place,) = relay_places(there, [stands], [valley, gorge], rules)
    assert place[2] == 1  # the gorge is seen from nowhere
    relay = replace(
        candidate("RELAY", RIDGE_COL),
        mast=replace(THREE[0].mast, mast_id="RELAY", lat_deg=place[0], lon_deg=place[1]),
    )
    row, col = GRID.row_col(
        *Transformer.from_crs("EPSG:4326", GRID.crs, always_xy=True).transform(place[1], place[0])
    )
    assert abs(col - RIDGE_COL) < 1.0
    assert abs(row - 40.0) <= 10.0  # near the road
    feeds = feeds_of(FeedingSettings(microwave=HOPS), [relay, THREE[1]])
    assert feeds.not_fed == ("", "")
    assert [mast.mast_id for mast in feeds.feeders] == ["A"]
    assert relay_places(there, [], [valley], rules) == []
    assert relay_places(there, [stands], [], rules) == []
    assert relay_places(there, [stands], [valley], replace(rules, reach_m=1000.0)) == []


def test_azimuths_are_those_of_true_north() -> None:
    west = replace(GRID, west_m=180_000.0)  # where the grid's north is 1.2 degrees off
    ground = np.full(GRID.shape, 100.0, dtype=np.float32)
    ground[3, 20] = 900.0
    from_row, from_col = 75.0, 20.0
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(*west.easting_northing(from_row, from_col))
    peak_lon, peak_lat = to_degrees.transform(*west.easting_northing(3.0, 20.0))
    azimuth, _, _ = Geod(ellps="WGS84").inv(lon, lat, peak_lon, peak_lat)
    place = replace(THREE[0], mast=replace(THREE[0].mast, lat_deg=lat, lon_deg=lon))
    search = Search([place], STANDS, replace(land(), grid=west, ground_m=ground), [], print)
    horizon = search.horizon(0, 5.0, 4.0 / 3.0)
    seen = float(np.argmax(horizon.elevation_deg)) / 2.0
    assert abs((seen - azimuth + 180.0) % 360.0 - 180.0) < 0.5
    assert 1.0 < abs((azimuth + 180.0) % 360.0 - 180.0) < 1.5


def test_what_a_mast_sends_must_fit_its_way() -> None:
    settings = FeedingSettings(
        microwave=replace(HOPS, uplink_mbps=25.0),
        satellite=replace(TERMINAL, uplink_mbps=8.0),
        mast_uplink_mbps=10.0,
    )
    feeds = feeds_of(settings)
    assert "Nothing is fed by satellite: it carries 8 Mbit/s up, a mast sends 10" in told(feeds)
    assert "satellite carries 8 Mbit/s up, a mast sends 10" in feeds.not_fed[2]
    assert {w.most for w in feeds.ways["backhaul"]} == {2}
    narrow = feeds_of(replace(settings, microwave=replace(HOPS, uplink_mbps=19.0)))
    assert narrow.not_fed[0] == ""  # a hop for one mast leads not on
    assert "which nothing feeds" in narrow.not_fed[1]


def test_missing_costs_are_named() -> None:
    free = FeedingSettings(microwave=replace(HOPS, cost=None), grid=line_settings())
    assert free.without_cost() == ["siting.microwave.cost"]
    assert "siting.microwave.cost is not given and counts as nothing." in told(feeds_of(free))
    assert (
        find_feeds(THREE, STANDS, land(), PROPAGATION, FeedData(settings=FeedingSettings())) is None
    )


def test_solar_is_sized_with_the_shadow_of_the_gorge() -> None:
    feeds = feeds_of(FeedingSettings(solar=SUN))
    size = {w.candidate: w for w in feeds.ways["power"]}
    ridge, gorge = size[0].detail, size[2].detail
    assert isinstance(size[0], Way)
    assert ridge is not None
    assert gorge.panel_w > 1.3 * ridge.panel_w  # type: ignore[union-attr]
    assert size[2].cost > size[0].cost
