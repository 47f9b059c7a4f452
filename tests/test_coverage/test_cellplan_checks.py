from __future__ import annotations

import pickle
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest

from lensong.coverage.antenna import sector_3gpp
from lensong.coverage.cellplan import check_on_land, parse_carrier, within_land
from lensong.coverage.cellplan.report import describe_rows
from lensong.coverage.network import AsRead, Cell, Mast, Network
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid

# 22.4 N, 103.6 E is 355 886 E, 2 477 826 N on UTM 48N (PROJ 9)
GRID = Grid(crs="EPSG:32648", west_m=350_000, north_m=2_484_000, cell_m=1000, rows=12, cols=12)


def land(water_at: tuple[int, int] | None = None) -> Land:
    water = np.zeros(GRID.shape, np.uint8)
    if water_at is not None:
        water[water_at] = 1
    return Land(
        grid=GRID,
        ground_m=np.zeros(GRID.shape, np.float32),
        clutter_m=None,
        clutter_class=None,
        water=water,
        population=None,
        aoi=np.ones(GRID.shape, np.uint8),
        villages=gpd.GeoDataFrame(geometry=[], crs=GRID.crs),
        communes=None,
    )


def network(*positions: tuple[float, float]) -> Network:
    masts = tuple(
        Mast(mast_id=f"M{i}", lat_deg=lat, lon_deg=lon, height_agl_m=30.0)
        for i, (lat, lon) in enumerate(positions)
    )
    cells = tuple(
        Cell(
            cell_id=f"{mast.mast_id}-1",
            mast_id=mast.mast_id,
            carrier=parse_carrier("4G B3 20 MHz"),
            antenna=sector_3gpp(),
            azimuth_deg=0.0,
            height_agl_m=30.0,
            total_power_dbm=46.0,
            granted_uplink_resource_blocks=25,
            radius_m=5000.0,
        )
        for mast in masts
    )
    return Network(masts=masts, cells=cells)


def test_masts_on_dry_land_pass() -> None:
    assert check_on_land(network((22.4, 103.6)), land()) == []
    assert check_on_land(network((22.4, 103.6)), replace(land(), water=None)) == []


def test_a_mast_in_water_is_named() -> None:
    # row 6 reaches from 2 478 000 down to 2 477 000, column 5 from 355 000 to 356 000
    warnings = check_on_land(network((22.4, 103.6)), land(water_at=(6, 5)))
    assert len(warnings) == 1
    assert "'M0' (22.40000, 103.60000)" in warnings[0]
    assert check_on_land(network((22.4, 103.6)), land(water_at=(5, 5))) == []


def test_masts_outside_the_grid_are_refused_by_name() -> None:
    message = r"1 of 2 masts are outside the area with its margin: 'M1' \(22\.40000, 104\.60000\)"
    with pytest.raises(InvalidInputError, match=message):
        check_on_land(network((22.4, 103.6), (22.4, 104.6)), land())


def test_swapped_positions_are_recognised_on_the_land() -> None:
    # near the equator both orders are possible degrees
    grid = Grid(crs="EPSG:32631", west_m=0.0, north_m=5_000_000, cell_m=100_000, rows=10, cols=10)
    france = replace(
        land(),
        grid=grid,
        ground_m=np.zeros(grid.shape, np.float32),
        water=None,
        aoi=np.ones(grid.shape, np.uint8),
    )
    with pytest.raises(InvalidInputError, match="exchange the two columns"):
        check_on_land(network((3.5, 44.2)), france)


def test_masts_that_the_land_does_not_hold_can_be_left_out_and_are_told() -> None:
    everywhere = network((22.4, 103.6), (22.4, 104.6), (22.42, 103.6))
    everywhere = replace(
        everywhere,
        as_read=tuple(
            AsRead(where=f"line {n}", fate="given", cells=(f"M{n}-1",)) for n in range(3)
        ),
    )
    holed = land()
    holed.ground_m[3:5, 5] = np.nan  # the third, two kilometres north of the first
    with pytest.raises(InvalidInputError, match="1 of 2 masts stand where there is no elevation"):
        check_on_land(network((22.4, 103.6), (22.42, 103.6)), holed)
    kept = within_land(everywhere, holed)
    assert [mast.mast_id for mast in kept.masts] == ["M0"]
    assert [cell.cell_id for cell in kept.cells] == ["M0-1"]
    assert kept.warnings == (
        "1 of 3 masts lie outside the area with its margin and were left out",
        "1 of 3 masts stand where there is no elevation and were left out: "
        "'M2' (22.42000, 103.60000)",
    )
    assert [(entry.fate, entry.why) for entry in kept.as_read] == [
        ("given", ""),
        ("left out", "its mast lies outside the area with its margin"),
        ("left out", "there is no elevation where its mast stands"),
    ]
    assert check_on_land(kept, holed) == []
    whole = network((22.4, 103.6))
    assert within_land(whole, land()) is whole


def test_rows_on_end_whose_masts_are_beyond_the_grid_are_told_as_one() -> None:
    places = [(22.4, 104.6), (22.4, 104.7), (22.4, 103.6), (22.4, 104.8)]
    read = tuple(
        AsRead(where=f"line {k + 2}", column=name, fate="given", cells=(f"M{k}-1",))
        for k in range(len(places))
        for name in ("lat", "lon")
    )
    kept = within_land(replace(network(*places), as_read=read), land())
    assert [(e.where, e.fate, e.rows) for e in kept.as_read] == [
        ("line 2 to line 3", "left out", 2),
        ("line 4", "given", 1),
        ("line 4", "given", 1),
        ("line 5", "left out", 1),
    ]
    told = describe_rows(kept.as_read)
    assert told[-1].endswith("with its margin: 3 rows: line 2 to line 3, line 5")
    assert pickle.loads(pickle.dumps(kept.as_read)) == kept.as_read


def test_a_network_of_which_no_mast_is_on_the_grid_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="none of the 1 masts is in the area"):
        within_land(network((10.0, 103.6)), land())
