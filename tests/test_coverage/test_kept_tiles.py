"""Tiles of an earlier run: the bytes of a plan without them, and only what changed is laid anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import Point

from lensong.coverage.antenna import omni, sector_3gpp
from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.calibration import Term
from lensong.coverage.causes.settings import CauseSettings
from lensong.coverage.cellplan import parse_carrier
from lensong.coverage.layers import job_window, touched
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.plan import plan
from lensong.coverage.result import PlanResult
from lensong.coverage.service import DEFAULT_SERVICES, Handset
from lensong.coverage.sweeps import PropagationSettings, sweep_jobs
from lensong.gis_data.array_room import FileRoom
from lensong.gis_data.land import Land
from lensong.propagation.types import Grid
from tests.planted_calibration import planted_calibration

GRID = Grid(
    crs="EPSG:32648", west_m=360_000.0, north_m=2_480_000.0, cell_m=80.0, rows=270, cols=390
)
PLACES = ((30, 40), (60, 100), (150, 150), (200, 260), (240, 380))
MASTS = {"west": (50.3, 60.4), "middle": (140.0, 180.0), "east": (210.7, 330.2)}
CARRIERS = ("4G B28 10 MHz", "4G B3 20 MHz", "5G n41 40 MHz 30 kHz")


class Shelf:
    """A cache that counts."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, NDArray[Any]]] = {}
        self.laid = self.swept = self.streamed = 0

    def get(self, key: str) -> dict[str, NDArray[Any]] | None:
        return self.kept.get(key)

    def put(self, key: str, arrays: dict[str, NDArray[Any]]) -> None:
        self.laid += key.startswith("tile ")
        self.swept += "loss" in arrays
        self.streamed += key.startswith("streams ")
        self.kept[key] = {name: array.copy() for name, array in arrays.items()}

    def touch(self, key: str) -> bool:
        assert "loss" in self.kept[key]
        return True

    def room_for(self, more_bytes: float) -> bool:
        return more_bytes < 1e9


def make_land() -> Land:
    """Hills, a void that hides what lies behind it, and five villages."""
    rows, cols = np.mgrid[: GRID.rows, : GRID.cols]
    ground = (600.0 + 250.0 * np.sin(rows / 23.0) * np.cos(cols / 31.0)).astype(np.float32)
    ground[120:135, 195:215] = np.nan
    east, north = zip(*(GRID.easting_northing(*place) for place in PLACES), strict=True)
    points = gpd.GeoSeries([Point(*xy) for xy in zip(east, north, strict=True)], crs=GRID.crs)
    degrees = points.to_crs(4326)
    names = [f"v{number}" for number in range(len(PLACES))]
    villages = gpd.GeoDataFrame(
        {
            "village_id": names,
            "name": names,
            "commune": "",
            "commune_code": "",
            "province": "",
            "population": 200.0,
            "centre_easting_m": east,
            "centre_northing_m": north,
            "lat_deg": degrees.y.to_numpy(),
            "lon_deg": degrees.x.to_numpy(),
            "footprint": "disc",
        },
        geometry=points.buffer(600.0),
        crs=GRID.crs,
    )
    return Land(
        grid=GRID,
        ground_m=ground,
        clutter_m=None,
        clutter_class=None,
        population=None,
        aoi=np.ones(GRID.shape, np.uint8),
        villages=villages,
        communes=None,
        synthetic=True,
    )


def make_network(masts: dict[str, tuple[float, float]], **tilts_deg: float) -> Network:
    """Two operators: one on all masts but the last, one on the last and a 4G carrier beside."""
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    stands, cells = [], []
    for name, place in masts.items():
        lon, lat = to_degrees.transform(*GRID.easting_northing(*place))
        stands.append(Mast(mast_id=name, lat_deg=lat, lon_deg=lon, height_agl_m=30.0))
        for number, carrier in enumerate(map(parse_carrier, CARRIERS)):
            for azimuth in (0.0, 120.0) if number else (0.0,):
                cells.append(
                    Cell(
                        cell_id=f"{name}-{carrier.name}-{azimuth:g}",
                        mast_id=name,
                        carrier=carrier,
                        antenna=sector_3gpp() if number else omni(),
                        azimuth_deg=azimuth,
                        mechanical_downtilt_deg=tilts_deg.get(name, 3.0) if number else 0.0,
                        height_agl_m=30.0,
                        total_power_dbm=46.0,
                        granted_uplink_resource_blocks=25,
                        radius_m=6_000.0,
                        operator="B" if name == "east" or number == 0 else "A",
                    )
                )
    return Network(masts=tuple(stands), cells=tuple(cells))


LAND, NETWORK = make_land(), make_network(MASTS)


def planned(
    shelf: Shelf | None, network: Network = NETWORK, land: Land = LAND, **asked: Any
) -> PlanResult:
    return plan(
        land,
        network,
        title="Hills",
        causes=CauseSettings(counterfactuals=0),
        cache=shelf,
        tiles=shelf,
        workers=2,
        **asked,
    )


def contents(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every array, table and word of a result, with the name of where it stands."""
    if isinstance(value, pd.DataFrame):
        yield name, value.to_json()
    elif isinstance(value, np.ndarray):
        yield name, (value.dtype.str, value.shape, value.tobytes())
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from contents(part, f"{name}.{key}")
    elif is_dataclass(value):
        for field in fields(value):
            yield from contents(getattr(value, field.name), f"{name}.{field.name}")
    else:
        yield name, repr(value)


REACHED = 16  # ten tiles by one operator or both
_OF_THE_RUN = {"timings_s", "sweeps_reused", "land", "network", "room"}


def assert_same(found: PlanResult, wanted: PlanResult) -> None:
    of_found, of_wanted = (
        [
            part
            for field in fields(PlanResult)
            if field.name not in _OF_THE_RUN
            for part in contents(getattr(one, field.name), field.name)
        ]
        for one in (found, wanted)
    )
    assert len(of_found) == len(of_wanted) > 80
    assert [a[0] for a, b in zip(of_found, of_wanted, strict=True) if a != b] == []


@pytest.fixture(scope="module")
def plain() -> PlanResult:
    return planned(None)


@pytest.fixture(scope="module")
def first(plain: PlanResult, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    shelf, room = Shelf(), FileRoom(tmp_path_factory.mktemp("layers"), least_bytes=1)
    assert_same(planned(shelf, room=room), plain)
    return shelf


@pytest.fixture
def shelf(first: Shelf) -> Shelf:
    """What is kept after one plan."""
    copy = Shelf()
    copy.kept = dict(first.kept)
    return copy


def test_the_same_plan_again_lays_nothing_and_makes_the_same(
    shelf: Shelf, first: Shelf, plain: PlanResult
) -> None:
    assert "hides" in " ".join(plain.warnings), "the void matters"
    assert first.laid == REACHED
    read = {key for key, arrays in shelf.kept.items() if "loss" in arrays}
    for key in read:
        shelf.kept[key] = {"loss": np.zeros(0)}  # not to be read
    again = planned(shelf)
    assert_same(again, plain)
    assert (shelf.laid, shelf.swept, shelf.streamed) == (0, 0, 0)
    assert again.sweeps_reused == again.sweeps_total == 9


def test_after_a_change_of_one_mast_its_tiles_alone_are_laid(shelf: Shelf) -> None:
    changed = make_network(MASTS, east=7.0)
    assert_same(planned(shelf, changed), planned(None, changed))
    assert 0 < shelf.laid <= 6, "of the mast's operator alone"
    assert shelf.swept == 0
    assert shelf.streamed == 2 * 2, "two villages, with any SIM card and with that operator's"


def test_the_other_operator_is_read_where_one_is_laid_anew(shelf: Shelf) -> None:
    of_a = [c for c in NETWORK.cells if c.mast_id == "middle" and c.operator == "A"]
    weaker = replace(
        NETWORK,
        cells=tuple(replace(c, total_power_dbm=40.0) if c in of_a else c for c in NETWORK.cells),
    )
    reached = {
        key
        for job in sweep_jobs(NETWORK, LAND)
        if any(NETWORK.cells[index] in of_a for index in job.cells)
        for key in touched(job_window(job, GRID))
    }
    assert_same(planned(shelf, weaker), planned(None, weaker))
    assert shelf.laid == len(reached)


def test_what_leaves_the_cache_under_way_is_laid_again(shelf: Shelf) -> None:
    changed, asked, plainly = make_network(MASTS, east=7.0), set[str](), shelf.get

    def once(key: str) -> dict[str, NDArray[Any]] | None:
        if key.startswith("tile ") and key in asked:
            gone.add(key)
            return None
        asked.add(key)
        return plainly(key)

    gone = set[str]()
    shelf.get = once  # type: ignore[method-assign]
    assert_same(planned(shelf, changed), planned(None, changed))
    assert gone


@pytest.mark.parametrize("place", [(45.0, 380.0), (50.305, 60.4)], ids=["apart", "beside another"])
def test_a_mast_that_comes_first_in_the_list_renumbers_what_is_kept(
    shelf: Shelf, place: tuple[float, float]
) -> None:
    more = make_network({"new": place} | MASTS)
    assert_same(planned(shelf, more), planned(None, more))
    assert 0 < shelf.laid < REACHED - 4


@pytest.mark.parametrize(
    "asked",
    [
        {"services": tuple(replace(s, probability=0.8) for s in DEFAULT_SERVICES)},
        {"handset": Handset(tx_power_dbm=20.0)},
    ],
    ids=["services", "handset"],
)
def test_after_a_change_of_what_is_asked_every_tile_is_laid(
    shelf: Shelf, asked: dict[str, Any]
) -> None:
    assert_same(planned(shelf, **asked), planned(None, **asked))
    assert shelf.laid == REACHED


def test_a_calibrated_plan_is_read_again_and_another_calibration_lays_it(shelf: Shelf) -> None:
    learnt = planted_calibration(NETWORK, LAND)
    more = replace(learnt, shared=learnt.shared | {"slope": Term(value=-3.0, sd=0.5)})
    for calibration in (learnt, more):
        asked = PropagationSettings(calibration=CalibratedPaths(calibration))
        plainly, shelf.laid = planned(None, propagation=asked), 0
        assert_same(planned(shelf, propagation=asked), plainly)
        assert shelf.laid == REACHED
    shelf.laid = shelf.streamed = 0
    assert_same(planned(shelf, propagation=asked), plainly)
    assert (shelf.laid, shelf.swept, shelf.streamed) == (0, 0, 0)


def test_a_village_that_moves_lays_the_tile_in_which_it_was_and_is(shelf: Shelf) -> None:
    places = LAND.villages.copy()
    places.geometry = places.geometry.where(places["name"] != "v1", places.translate(0.0, 3_000.0))
    moved = replace(LAND, villages=places)
    assert_same(planned(shelf, land=moved), planned(None, land=moved))
    assert 0 < shelf.laid <= 4


def test_what_is_damaged_in_the_cache_is_made_anew(shelf: Shelf, plain: PlanResult) -> None:
    damaged = 0
    for key, arrays in shelf.kept.items():
        if arrays and key.startswith(("tile ", "seen ")):
            name = sorted(arrays)[len(key) % len(arrays)]
            shelf.kept[key] = {n: a for n, a in arrays.items() if n != name}
            damaged += key.startswith("tile ")
    assert_same(planned(shelf), plain)
    assert shelf.laid == damaged > 10
