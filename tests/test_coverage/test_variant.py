"""What edits a network may get, and how it is written as a cell plan again."""

from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import pytest

from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.cellplan.write import PLAIN_COLUMNS, parametric_antenna, plain_rows
from lensong.coverage.sweep_planes import Put
from lensong.coverage.variant.catalogue import Catalogue, carrier_id
from lensong.coverage.variant.coarse import coarse_land, coarse_step
from lensong.coverage.variant.edits import (
    AddMast,
    CopyMast,
    EditError,
    MoveMast,
    RemoveCell,
    RemoveMast,
    SetCell,
    SetMast,
    edited,
)
from lensong.coverage.variant.memory import KeptInMemory, RecentBytes
from lensong.propagation.errors import DataError, InvalidInputError
from tests.test_coverage.test_sweeps import B3, cell, mast, network, small_land
from tests.waiting import PATIENCE_S


def test_a_copy_has_cells_of_its_own_names() -> None:
    copy = CopyMast(mast_id="A", new_mast_id="N", lat_deg=22.0, lon_deg=103.0)
    made = edited(network(), [copy])
    assert [m.mast_id for m in made.masts] == ["A", "B", "N"]
    assert [c.cell_id for c in made.cells if c.mast_id == "N"] == ["N1", "N2", "N3"]


def test_the_mast_goes_with_its_last_cell_and_is_as_high_as_its_highest() -> None:
    one = edited(network(), [RemoveCell(cell_id="B1"), SetMast(mast_id="A", height_agl_m=41.0)])
    assert [(m.mast_id, m.height_agl_m) for m in one.masts] == [("A", 41.0), ("B", 12.0)]
    assert [m.mast_id for m in edited(one, [RemoveCell(cell_id="B2")]).masts] == ["A"]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (MoveMast(mast_id="X", lat_deg=22.0, lon_deg=103.0), "no mast 'X'"),
        (MoveMast(mast_id="A", lat_deg=float("nan"), lon_deg=103.0), "number of degrees"),
        (CopyMast(mast_id="A", new_mast_id="B", lat_deg=22.0, lon_deg=103.0), "already"),
        (AddMast(mast=mast("N", 1.0, 1.0), cells=()), "has no cell"),
        (AddMast(mast=mast("N", 1.0, 1.0), cells=(cell("N1", "A"),)), "does not stand on"),
        (SetCell(cell_id="A1", changes={"mast_id": "B"}), "cannot be set"),
        (SetCell(cell_id="A1", changes={"azimuth_deg": 400.0}), "azimuth_deg of 'A1'"),
        (SetMast(mast_id="A", height_agl_m=0.0), "height_agl_m"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_named_by_its_place_in_the_set(edit: object, told: str) -> None:
    with pytest.raises(EditError, match=told):
        edited(network(), [edit])  # type: ignore[list-item]  # of any kind
    with pytest.raises(EditError, match="last cell"):
        edited(network(), [RemoveMast(mast_id="A"), RemoveMast(mast_id="B")])


def test_antennas_and_carriers_are_read_by_their_names() -> None:
    catalogue = Catalogue(network(), Assumptions(), {})
    sector = catalogue.antenna("3gpp 17 dBi, 65 x 10 deg, 4 deg electrical tilt")
    assert sector.electrical_downtilt_deg == 4
    assert parametric_antenna(sector.name) == ("3gpp", 17.0, 65.0, 10.0, 4.0)
    turned = catalogue.tilted(sector, 7.0)
    assert turned.electrical_downtilt_deg == 7
    assert catalogue.tilted(turned, 4.0) is sector
    file = replace(sector, name="kathrein.msi")
    with pytest.raises(InvalidInputError, match="part of its pattern file"):
        catalogue.tilted(file, 3.0)
    for text in ("4G B8 10 MHz", "4G B3 20 MHz EARFCN 1300", "5G n41 60 MHz"):
        carrier = catalogue.carrier(text)
        assert catalogue.carrier(carrier_id(carrier)) == carrier
    with pytest.raises(InvalidInputError, match="none of this plan's"):
        catalogue.carrier("6G B1")


def test_a_row_has_every_number_to_its_last_digit() -> None:
    net = edited(network(), [SetCell(cell_id="A1", changes={"downlink_load": 0.1 + 0.2})])
    rows = [dict(zip(PLAIN_COLUMNS, row, strict=True)) for row in plain_rows(net)]
    assert [row["cell_id"] for row in rows] == [c.cell_id for c in net.cells]
    assert float(rows[0]["downlink_load"]) == 0.1 + 0.2
    assert float(rows[0]["lat_deg"]) == net.masts[0].lat_deg
    assert rows[0]["freq_mhz"] == repr(B3.downlink_freq_mhz)
    assert rows[0]["physical_cell_id"] == ""


def test_a_coarse_land_keeps_its_corner_and_averages_what_is_known() -> None:
    land = small_land()
    ground = land.ground_m.copy()
    ground[0:2, 0:3] = np.nan
    ground[5, 5] = np.nan
    coarse = coarse_land(replace(land, ground_m=ground), 4)
    grid = coarse.grid
    assert (grid.west_m, grid.north_m) == (land.grid.west_m, land.grid.north_m)
    assert grid.shape == (-(-land.grid.rows // 4), -(-land.grid.cols // 4))
    assert coarse.ground_m[0, 0] == pytest.approx(np.nanmean(ground[0:4, 0:4]))
    cover = np.arange(ground.size, dtype=np.uint8).reshape(ground.shape)
    middles = coarse_land(replace(land, clutter_class=cover), 4).clutter_class
    assert middles is not None
    assert middles.shape == grid.shape
    assert middles[0, 0] == cover[2, 2]
    assert coarse.ground_m[1, 1] == pytest.approx(np.nanmean(ground[4:8, 4:8]))
    ground[0:4, 0:4] = np.nan
    assert np.isnan(coarse_land(replace(land, ground_m=ground), 4).ground_m[0, 0])
    assert (coarse_step(30.0), coarse_step(100.0), coarse_step(500.0)) == (4, 1, 1)


def test_what_was_not_used_for_longest_goes_first() -> None:
    kept: RecentBytes[bytes] = RecentBytes(10, len)
    kept.put("a", b"1234")
    kept.put("b", b"1234")
    assert kept.get("a") == b"1234"
    kept.put("c", b"1234")
    assert kept.get("b") is None
    assert kept.get("a") == b"1234"
    kept.put("a", b"12")
    assert kept.bytes_kept == 6
    kept.put("d", b"12345678901234567890")
    assert kept.get("d") is not None
    assert kept.get("a") is None


class Slow:
    """A cache that writes once it is let."""

    def __init__(self) -> None:
        self.may_write, self.kept = Event(), dict[str, Any]()

    def get(self, key: str) -> Any:
        return self.kept.get(key)

    def put(self, key: str, arrays: dict[str, Any]) -> None:
        assert self.may_write.wait(PATIENCE_S)
        if key == "full":
            raise DataError("the disk is full")
        self.kept[key] = arrays


def test_who_asked_for_a_sweep_does_not_wait_until_it_is_kept() -> None:
    behind, arrays = Slow(), {"loss": np.zeros(3)}
    cache = KeptInMemory(behind, most_bytes=1000)
    begun = Event()

    def keep(put: Put) -> None:
        begun.set()
        put("one", arrays)

    cache.later(keep)  # nor for what is done to it before
    assert begun.wait(PATIENCE_S)
    assert not behind.kept
    behind.may_write.set()
    cache.written()
    assert behind.kept == {"one": arrays}
    assert cache.get("one") is arrays


def test_what_cannot_be_written_is_told_later_and_once() -> None:
    behind = Slow()
    cache = KeptInMemory(behind, most_bytes=1000)
    cache.later(lambda put: put("full", {"loss": np.zeros(3)}))
    behind.may_write.set()
    with pytest.raises(DataError, match="full"):
        cache.written()
    cache.later(lambda put: put("two", {}))
    cache.written()
    assert behind.kept == {"two": {}}
