"""Rows find their cells, and stand beside what the plan predicts for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer

from lensong.coverage.cellplan.carriers import parse_carrier
from lensong.coverage.drive.bend import diffraction_angle_deg
from lensong.coverage.drive.identity import CellIndex, Identity
from lensong.coverage.drive.log import DriveLog
from lensong.coverage.drive.matched import HOW, MatchedMeasurements
from lensong.coverage.network import resource_element_share_db
from lensong.coverage.path.levels import Levels
from lensong.propagation.errors import DataError
from lensong.propagation.profile import path_profile
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Float32Array
from tests.drives import (
    GRID,
    HANDSET,
    SETTINGS,
    Drive,
    at_places,
    changed,
    drive,
    land,
    matched_with,
    network,
)

NAN = float("nan")
NOTHING = Identity(
    technology="", cell_id="", station=NAN, pci=NAN, earfcn=NAN, nr_arfcn=NAN, freq_mhz=NAN,
    operator="", serving=True,
)  # fmt: skip


@lru_cache(1)
def one_drive() -> Drive:
    return drive(network(), 1, legs=8)


def matched(log: DriveLog, plan: Any = None) -> MatchedMeasurements:
    return matched_with(plan or network(), log)[0]


def rows_of(drive: Drive, keep: np.ndarray[Any, Any]) -> Drive:
    return Drive(drive.lat_deg[keep], drive.lon_deg[keep], drive.cell[keep], drive.level_dbm[keep])


def test_predicted_is_the_level_of_the_cells_own_whole_profile() -> None:
    """The sweep of the plan is within tenths of a decibel of each pixel's own profile."""
    found = matched(one_drive().log())
    levels = Levels(land(), network(), HANDSET, SETTINGS)
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    off = []
    for i in range(0, found.measured_dbm.size, 60):
        lon, lat = to_degrees.transform(
            *GRID.easting_northing(float(found.grid_row[i]), float(found.grid_col[i]))
        )
        cell = network().cells[found.cell[i]]
        exact = levels.at(levels.place(lat, lon), [cell])[0]
        off.append(found.predicted_dbm[i] - exact.rsrp_dbm)
        assert found.distance_m[i] == pytest.approx(exact.line.path_m, rel=1e-3)
        assert found.azimuth_deg[i] == pytest.approx(exact.azimuth_deg, abs=0.1)
    assert np.sqrt(np.mean(np.square(off))) < 0.4
    assert found.log_rows == one_drive().cell.size == found.rows.sum()
    assert found.left_out == {}


def test_rows_of_one_pixel_cell_and_phone_are_one_entry() -> None:
    here = rows_of(one_drive(), np.zeros(5, dtype=np.int64))
    log = replace(
        here.log(),
        level_dbm=np.array([-90.0, -91.0, -99.0, -80.0, -82.0]),
        phone=np.array([0, 0, 0, 1, 1]),
        phones=("a", "b"),
    )
    found = matched(log)
    assert found.measured_dbm.tolist() == [-91.0, -81.0]
    assert found.rows.tolist() == [3, 2]
    assert found.first_row.tolist() == [0, 3]
    np.testing.assert_allclose(found.phone_offset_db, [-5.0, 5.0])
    assert "from one spot" in found.warnings[0]


@pytest.mark.parametrize(
    ("said", "cells", "how"),
    [
        ({"cell_id": "M2-3"}, {"M2-3"}, "cell id"),
        ({"cell_id": "m2_3"}, {"M2-3"}, "cell id"),
        ({"cell_id": str(2 * 256 + 3)}, {"M2-3"}, "cell id"),  # base station 2, sector 3
        ({"cell_id": "3", "station": 2.0}, {"M2-3"}, "cell id"),
        ({"cell_id": "M2"}, {"M2-1", "M2-2", "M2-3"}, "station"),
        ({"pci": 4.0}, {"M2-2"}, "PCI"),
        ({"pci": 4.0, "earfcn": 1300.0, "technology": "4G"}, {"M2-2"}, "PCI"),
    ],
)
def test_a_row_finds_the_cell_that_it_names(
    said: dict[str, Any], cells: set[str], how: str
) -> None:
    found = CellIndex(network()).find(replace(NOTHING, **said))
    assert {network().cells[i].cell_id for i in found.cells} == cells
    assert HOW[found.how] == how


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"cell_id": "M9-1"}, "not in the plan"),
        ({"cell_id": "A2-3"}, "not in the plan"),  # M2-3 is, and has other letters
        ({"pci": 400.0}, "PCI that no cell"),
        ({"serving": False}, "neighbour that the row does not name"),
        ({"technology": "5G"}, "5G, of which the plan has no cell"),
        ({"earfcn": 6300.0, "technology": "4G"}, "on 806 MHz, where the plan has no cell"),
        ({"cell_id": "M2-3", "freq_mhz": 806.0}, "on 806 MHz"),
        ({"operator": "Other"}, "operator"),
    ],
)
def test_a_row_of_no_cell_says_why(said: dict[str, Any], why: str) -> None:
    cells = tuple(replace(c, operator="Mine") for c in network().cells)
    found = CellIndex(replace(network(), cells=cells)).find(replace(NOTHING, **said))
    assert found.cells == ()
    assert why in found.why_not


def test_a_channel_of_4g_without_a_technology_is_of_no_5g_cell() -> None:
    carrier = parse_carrier("5G n41 60 MHz")
    plan = changed(network(), {"M1-1": {"carrier": carrier}})
    index = CellIndex(plan)
    on_4g = index.find(replace(NOTHING, earfcn=1300.0))
    assert {plan.cells[i].cell_id for i in on_4g.cells} == {
        cell.cell_id for cell in plan.cells if cell.cell_id != "M1-1"
    }
    on_none = index.find(replace(NOTHING, earfcn=6300.0))
    assert not on_none.cells
    assert on_none.why_not == "on 806 MHz, where the plan has no cell"


def test_what_names_no_cell_is_held_against_the_strongest() -> None:
    drive = one_drive()
    found = matched(drive.log(lambda _: ""))
    plan = at_places(network(), drive.lat_deg, drive.lon_deg)
    best = np.nanmax([plan.everywhere(i) for i in range(len(network().cells))], axis=0)
    at = plan.at(found.grid_row, found.grid_col)
    assert {HOW[i] for i in found.how} == {"best server"}
    np.testing.assert_allclose(found.predicted_dbm, best[at])


def test_unknown_cells_and_ids_of_another_numbering_are_told_apart() -> None:
    drive = one_drive()
    some = matched(drive.log(lambda i: "X-7" if i < 3 else network().cells[i].cell_id))
    count = int((drive.cell < 3).sum())
    assert some.left_out == {"of a cell that is not in the plan": count}
    assert f"X-7 ({count})" in some.warnings[0]
    none = matched(drive.log(lambda i: f"99-{i + 40}"))
    assert none.left_out == {}
    assert "another numbering" in none.warnings[0]


def test_ids_that_agree_in_their_numbers_alone_are_named() -> None:
    drive = one_drive()
    found = matched(drive.log(lambda i: network().cells[i].cell_id.removeprefix("M")))
    assert {HOW[i] for i in found.how} == {"cell id"}
    assert "were found by their numbers alone, such as 1-2 as the plan's M1-2" in found.warnings[0]
    alike = matched(drive.log(lambda i: f"eNB {network().cells[i].cell_id}".lower()))
    assert not any("numbers alone" in warning for warning in alike.warnings)


def test_rows_before_a_cell_was_on_the_air_are_left_out() -> None:
    drive = one_drive()
    n = drive.cell.size
    moment = np.full(n, "2026-03-01T10:00:00", dtype="datetime64[s]")
    moment[0] = np.datetime64("NaT")
    first = network().cells[int(np.bincount(drive.cell).argmax())].cell_id
    dated = changed(network(), {first: {"on_air_since": date(2026, 3, 2)}})
    of_it = sum(network().cells[i].cell_id == first for i in drive.cell[1:])
    found = matched(drive.log(moment=moment), dated)
    assert found.left_out == {"from before its cell was on the air (on_air_since)": of_it}
    same_day = changed(network(), {first: {"on_air_since": date(2026, 3, 1)}})
    assert matched(drive.log(moment=moment), same_day).left_out == {}


def test_a_log_of_another_place_is_refused_with_how_far_off_it_is() -> None:
    drive = one_drive()
    away = replace(drive.log(), lat_deg=drive.lat_deg + 3.0)
    with pytest.raises(DataError, match=r"outside the plan's area.*33\d km"):
        matched(away)
    half = drive.lat_deg.copy()
    half[: half.size // 2] += 3.0
    partly = matched(replace(drive.log(), lat_deg=half))
    assert partly.left_out == {"outside the plan's area": half.size // 2}


def test_levels_of_the_wrong_quantity_are_named_by_their_offset() -> None:
    drive = one_drive()
    share = resource_element_share_db(network().cells[0].carrier)
    right, total = drive.log(), replace(drive.log(), level_dbm=drive.level_dbm + share)
    assert matched(right).warnings == ()
    assert f"10 log10(12 N) = {share:.1f} dB" in matched(total).warnings[0]
    assert "--quantity total" in matched(total).warnings[0]
    read_so = matched(replace(total, quantity="total"))
    assert read_so.warnings == ()
    np.testing.assert_allclose(read_so.measured_dbm, matched(right).measured_dbm)
    assert "probably RSRP" in matched(replace(right, quantity="total")).warnings[0]
    powers = changed(
        network(), {c.cell_id: {"total_power_dbm": 46.0 + share} for c in network().cells}
    )
    assert "network.power" in matched(right, powers).warnings[0]


def test_phones_differ_by_their_offset_and_one_apart_is_not_compared() -> None:
    drive = one_drive()
    n = drive.cell.size
    phone = np.arange(n) % 3
    phone[: n // 4] = 3  # this one went where no other was
    keep = np.ones(n, dtype=np.bool_)
    keep[n // 4 - 20 : n // 4 + 20] = False
    level = drive.level_dbm + np.array([4.0, 0.0, -1.0, 9.0])[phone]
    log = replace(drive.log(), phone=phone, phones=("a", "b", "c", "d"), level_dbm=level)
    arrays = {
        name: getattr(log, name)[keep]
        for name in ("lat_deg", "lon_deg", "level_dbm", "technology", "cell_id", "station", "pci",
                     "earfcn", "nr_arfcn", "freq_mhz", "operator", "serving", "phone", "moment",
                     "row")
    }  # fmt: skip
    found = matched(replace(log, **arrays))
    offsets = found.phone_offset_db
    shared = set(zip(found.grid_row[found.phone == 3], found.grid_col[found.phone == 3],
                     found.cell[found.phone == 3], strict=True))  # fmt: skip
    others = set(zip(found.grid_row[found.phone != 3], found.grid_col[found.phone != 3],
                     found.cell[found.phone != 3], strict=True))  # fmt: skip
    if shared & others:
        assert np.isfinite(offsets).all()
    else:
        assert np.isnan(offsets[3])
    assert offsets[0] - offsets[1] == pytest.approx(4.0, abs=0.5)  # white scatter of 2 dB a row
    assert offsets[1] - offsets[2] == pytest.approx(1.0, abs=0.5)


def test_the_floor_of_a_phone_is_seen_and_hides_no_error_above_it() -> None:
    drive = one_drive()
    floor = float(np.percentile(drive.level_dbm, 10.0).round())
    clipped = replace(drive.log(), level_dbm=np.maximum(drive.level_dbm.round(), floor))
    found = matched(clipped)
    assert found.at_floor.any()
    assert (found.measured_dbm[found.at_floor] == floor).all()
    assert (found.censored_error_db[found.at_floor] <= 0.0).all()
    assert not matched(replace(drive.log(), level_dbm=drive.level_dbm.round())).at_floor.any()


def slow_bend_deg(ground: Float32Array, tx: tuple[float, float], rx: tuple[float, float]) -> float:
    """Return the diffraction angle by the definition, on the samples of a profile."""
    profile = path_profile(
        Terrain(ground_m=ground, cell_m=100.0), row=tx[0], col=tx[1], end_row=rx[0], end_col=rx[1]
    )
    d, h = profile.distance_m, profile.terrain_amsl_m
    top, phone, curved = h[0] + 40.0, h[-1] + 1.5, 1.0 / 8.5e6

    def up(height: Any, away: Any, eye: float) -> Any:
        return np.arctan((height - eye) / away - 0.5 * curved * away)

    ahead = up(h[1:-1], d[1:-1], top).max() - up(phone, d[-1], top)
    back = up(h[1:-1], d[-1] - d[1:-1], phone).max() - up(top, d[-1], phone)
    return float(np.degrees(ahead + back if ahead > 0.0 else max(ahead, back)))


def test_the_diffraction_angle_is_that_of_its_definition() -> None:
    ground = land().ground_m
    rng = np.random.default_rng(4)
    places = rng.integers(5, 134, size=(40, 2)).astype(float)
    found = diffraction_angle_deg(
        ground, 100.0, tx_row=70.3, tx_col=65.6, tx_height_agl_m=40.0, row=places[:, 0],
        col=places[:, 1], rx_height_agl_m=1.5, effective_radius_m=8.5e6,
    )  # fmt: skip
    wanted = [slow_bend_deg(ground, (70.3, 65.6), (row, col)) for row, col in places]
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert (found > 0.0).any()
    assert (found < 0.0).any()
    void = ground.copy()
    void[69:73, :] = np.nan
    hidden = diffraction_angle_deg(
        void,
        100.0,
        tx_row=60.0,
        tx_col=65.0,
        tx_height_agl_m=40.0,
        row=np.array([90.0]),
        col=np.array([65.0]),
        rx_height_agl_m=1.5,
        effective_radius_m=8.5e6,
    )
    assert np.isnan(hidden).all()
