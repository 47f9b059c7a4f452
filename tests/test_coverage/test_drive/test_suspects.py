"""Planted errors of a list of cells are named, and a right list is left in peace."""

from __future__ import annotations

from typing import Any

import pytest

from lensong.coverage.drive.suspects import Suspect, find_suspects
from tests.drives import changed, drive, matched_with, network


def suspects(truth: dict[str, dict[str, Any]], seed: int, **how: Any) -> tuple[Suspect, ...]:
    """Return what is said of the list when the network is in truth another one."""
    names = how.pop("names", None)
    found = drive(changed(network(), truth), seed, **how)
    return find_suspects(*matched_with(network(), found.log(names)))


def test_a_right_list_is_left_in_peace_in_many_draws() -> None:
    named = [s.text for seed in range(12) for s in suspects({}, seed)]
    named += [
        s.text for seed in range(12) for s in suspects({}, seed, correlated_m=300.0, sigma_db=8.0)
    ]
    assert named == []


def test_swapped_sectors_are_named_with_both_azimuths() -> None:
    found = suspects({"M3-1": {"azimuth_deg": 120.0}, "M3-2": {"azimuth_deg": 0.0}}, 3)
    assert [(s.kind, s.cells) for s in found] == [("swapped", ("M3-1", "M3-2"))]
    assert "M3-1 fits the antenna of M3-2 (120°" in found[0].text
    assert found[0].better_db < found[0].spread_db


def test_a_wrong_azimuth_is_named_with_what_fits_and_from_where_to_where() -> None:
    found = suspects({"M1-1": {"azimuth_deg": 118.0}}, 6)
    assert [(s.kind, s.cells, s.mast_id) for s in found] == [("azimuth", ("M1-1",), "M1")]
    assert found[0].azimuth_deg == pytest.approx(118.0, abs=25.0)
    assert f"fits {found[0].azimuth_deg:.0f}° better than its 0°" in found[0].text
    assert found[0].azimuth_low_deg <= found[0].azimuth_deg <= found[0].azimuth_high_deg


def test_ids_at_each_others_masts_are_named_although_out_of_reach() -> None:
    ids = {"M1-2": "M5-3", "M5-3": "M1-2"}

    def names(i: int) -> str:
        cell_id = network().cells[i].cell_id
        return ids.get(cell_id, cell_id)

    found = suspects({}, 0, names=names)
    assert {(s.kind, s.cells) for s in found} == {
        ("other cell", ("M1-2",)),
        ("other cell", ("M5-3",)),
    }
    assert any("calls M1-2 (of M1) fits M5-3 of M5" in s.text for s in found)


def test_a_cell_far_off_in_level_is_named() -> None:
    found = suspects({"M3-2": {"total_power_dbm": 26.0}}, 1)
    assert [(s.kind, s.cells) for s in found] == [("level", ("M3-2",))]
    assert "weaker than the plan" in found[0].text


def test_the_strongest_cell_of_a_plan_is_no_evidence() -> None:
    swapped = {"M3-1": {"azimuth_deg": 120.0}, "M3-2": {"azimuth_deg": 0.0}}
    assert suspects(swapped, 3, names=lambda _: "") == ()
