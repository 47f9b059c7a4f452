"""What would mend a gap: every printed change is the plan of the network so changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pyproj import Geod, Transformer

from lensong.coverage.antenna import omni, sector_3gpp
from lensong.coverage.causes.attribute import Explained
from lensong.coverage.causes.changes import CHANGES, Change, changes_of_mast, edited
from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.causes.mend import COLUMNS
from lensong.coverage.causes.new_mast import new_mast
from lensong.coverage.causes.settings import CauseSettings
from lensong.coverage.layer_model import LayerModel, meridian_convergence_deg
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.plan import plan
from lensong.coverage.result import PlanResult
from lensong.coverage.service import DEFAULT_SERVICES, Handset, Service
from lensong.coverage.shadowing import Shadowing
from lensong.coverage.sweeps import PropagationSettings
from lensong.coverage.villages import ClassThresholds
from tests.test_coverage.test_plan import Shelf, make_land, make_network

STREAM = Service(name="stream", downlink_mbps=2.0, uplink_mbps=6.0)
LAND = make_land()


def tdd_network() -> Network:
    """The valley's mast turned away from its villages, one cell of it on TDD."""
    network = make_network(downlink_load=0.4)
    cells = [
        replace(c, carrier=replace(c.carrier, duplex="TDD", uplink_share=0.25, downlink_share=0.75))
        if c.cell_id == "low"
        else replace(c, azimuth_deg=(c.azimuth_deg + 40.0) % 360.0)
        for c in network.cells
    ]
    return replace(network, cells=tuple(cells))


def planned(network: Network, counterfactuals: int = 0, workers: int = 1) -> PlanResult:
    return plan(
        LAND,
        network,
        title="Valley",
        services=[*DEFAULT_SERVICES, STREAM],
        classes=ClassThresholds(service="stream"),
        causes=CauseSettings(counterfactuals=counterfactuals),
        cache=SHELF,
        workers=workers,
    )


SHELF = Shelf()


@pytest.fixture(scope="module")
def result() -> PlanResult:
    return planned(tdd_network(), counterfactuals=3)


def changes(result: PlanResult, row: dict[str, object]) -> dict[str, Change]:
    assert result.causes is not None
    rows = result.causes.to_dict("records")
    cause = next(c for c in rows if c["village_id"] == row["village_id"])
    serving = next(c for c in result.network.cells if c.cell_id == cause["cell_id"])
    found = {
        c.key: c
        for c in changes_of_mast(
            result.network,
            serving,
            azimuth_deg=float(cause["azimuth_deg"]),
            elevation_deg=float(cause["elevation_deg"]),
            technologies=("4G", "5G"),
        )
    }
    lat, lon = (
        (float(x) for x in str(row["after"]).split()) if row["change"] == "new_mast" else (0, 0)
    )
    mast = Mast(mast_id="NEW-1", lat_deg=lat, lon_deg=lon, height_agl_m=serving.height_agl_m)
    return found | {"new_mast": Change(key="new_mast", before="", after="", mast=mast, cells=())}


def served(result: PlanResult) -> float:
    table = result.villages
    return float((table["people"] * table["served_share_stream"]).sum())


def test_every_change_is_what_a_plan_of_the_changed_network_says(result: PlanResult) -> None:
    assert result.counterfactuals is not None
    assert result.causes is not None
    assert tuple(result.counterfactuals.columns) == COLUMNS
    first = result.counterfactuals["village_id"].iloc[0]
    rows = result.counterfactuals[result.counterfactuals["village_id"] == first]
    keys = set(rows["change"])
    assert keys >= set(CHANGES) - {"fdd"}
    for row in rows.to_dict("records"):
        change = changes(result, row)[row["change"]]
        if row["change"] == "new_mast":
            continue  # its cells are another test's
        again = planned(edited(result.network, change))
        assert row["gained_people"] == pytest.approx(served(again) - served(result), abs=0.01)
        place = result.causes.set_index("village_id").loc[first]
        there = again.causes
        assert there is not None
        if first in set(there["village_id"]):
            after = there.set_index("village_id").loc[first]
            same = (after["lat_deg"], after["lon_deg"]) == (place["lat_deg"], place["lon_deg"])
            if same:
                assert row["shortfall_after_db"] == pytest.approx(after["shortfall_db"], abs=0.02)


def test_some_change_helps_and_the_order_is_that_of_the_changes(result: PlanResult) -> None:
    table = result.counterfactuals
    assert table is not None
    np.testing.assert_allclose(
        table["gained_db"], table["shortfall_db"] - table["shortfall_after_db"], atol=0.002
    )
    assert table["gained_db"].max() > 3.0
    assert table["gained_people"].max() > 0.0
    for _, rows in table.groupby("village_id"):
        order = [CHANGES.index(key) for key in rows["change"]]
        assert order == sorted(order)


def test_workers_change_nothing(result: PlanResult) -> None:
    other = planned(tdd_network(), counterfactuals=3, workers=2)
    assert result.counterfactuals is not None
    assert other.counterfactuals is not None
    assert result.counterfactuals.equals(other.counterfactuals)


def test_no_more_gaps_are_tried_than_were_asked_for(result: PlanResult) -> None:
    few = planned(tdd_network(), counterfactuals=1)
    assert few.counterfactuals is not None
    assert result.counterfactuals is not None
    assert few.counterfactuals["village_id"].nunique() == 1
    assert few.counterfactuals["village_id"].iloc[0] == result.counterfactuals["village_id"].iloc[0]


def serving(**change: object) -> tuple[Network, Cell]:
    network = tdd_network()
    cell = replace(network.cells[0], **change)  # type: ignore[arg-type]  # fields by name
    return replace(network, cells=(cell, *network.cells[1:])), cell


def made(
    network: Network, cell: Cell, azimuth_deg: float, elevation_deg: float
) -> dict[str, Change]:
    found = changes_of_mast(
        network,
        cell,
        azimuth_deg=azimuth_deg,
        elevation_deg=elevation_deg,
        technologies=("4G", "5G"),
    )
    return {change.key: change for change in found}


def test_the_best_tilt_and_azimuth_look_at_the_place() -> None:
    network, cell = serving(azimuth_deg=200.0, mechanical_downtilt_deg=8.0)
    found = made(network, cell, 230.0, -2.0)
    assert found["other_azimuth"].after == "230 deg"
    assert found["other_tilt"].before == "8 deg down"
    assert found["other_tilt"].after in {"2 deg down", "3 deg down"}
    assert not found["other_tilt"].nothing
    assert found["higher_mast"].mast.height_agl_m == 40.0
    assert {c.height_agl_m for c in found["higher_mast"].cells} == {40.0}
    network, round_ = serving(antenna=omni(), azimuth_deg=10.0, mechanical_downtilt_deg=0.0)
    found = made(network, round_, 230.0, 0.0)
    assert found["other_azimuth"].nothing
    assert found["other_tilt"].nothing


def test_carriers_are_the_operators_own_before_others() -> None:
    network, cell = serving()
    found = made(network, cell, 0.0, 0.0)
    assert found["other_band"].after == "B28 700"
    added = found["second_carrier"].added[0]
    assert added.cell_id == f"{cell.cell_id}/2"
    assert added.carrier.name == "B28 10 MHz at 780.5 MHz"
    assert "fdd" not in found
    low = network.cells[-1]
    found = made(network, low, 0.0, 0.0)
    assert found["fdd"].cells[-1].carrier.uplink_share == 1.0
    assert found["other_band"].after == "B3 1800"


def test_a_new_mast_looks_at_the_place_by_true_north() -> None:
    grid, network = LAND.grid, tdd_network()
    handset, propagation = Handset(), PropagationSettings()
    sharp = replace(network.cells[0], antenna=sector_3gpp())
    pixel = 10 * grid.cols + 10
    pit = LAND.ground_m.copy()
    pit[10, 10] -= 400.0  # a mast in it would serve nobody
    asked = Explained(
        land=replace(LAND, ground_m=pit),
        model=LayerModel.build(
            grid.crs, network, handset, [STREAM], Shadowing(sigma_db=propagation.total_sigma_db)
        ),
        jobs=[],
        links=PlaceLinks.at(STREAM.name, np.array([pixel]), grid),
        service=STREAM,
        handset=handset,
        propagation=propagation,
    )
    east, north = grid.easting_northing(10.0, 10.0)
    lon, lat = Transformer.from_crs(grid.crs, 4326, always_xy=True).transform(east, north)
    away = np.array([10 * grid.cols + 30, 30 * grid.cols + 32])
    change = new_mast(asked, sharp, pixel, (away, np.array([0.5, 0.5])))
    mast = change.mast
    assert (mast.lat_deg, mast.lon_deg) != (lat, lon)  # else it looks nowhere
    azimuth, _, _ = Geod(ellps="WGS84").inv(mast.lon_deg, mast.lat_deg, lon, lat)
    turned = meridian_convergence_deg(grid.crs, Network(masts=(mast,), cells=()))
    assert abs(turned[mast.mast_id]) > 0.3
    assert change.added[0].azimuth_deg == pytest.approx(azimuth % 360.0, abs=0.06)  # to 0.1 deg


def test_what_a_mast_cannot_be_is_not_tried() -> None:
    network, cell = serving(total_power_dbm=79.0, height_agl_m=2_995.0)
    found = made(network, cell, 0.0, 0.0)
    assert "more_power" not in found
    assert "higher_mast" not in found
