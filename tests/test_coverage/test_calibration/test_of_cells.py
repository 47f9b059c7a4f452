"""What was learnt of a cell holds for the antenna that was measured, and for no other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lensong.coverage.antenna import sector_3gpp
from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.calibration.of_cells import CellsAsMeasured
from lensong.coverage.cellplan.carriers import parse_carrier
from lensong.coverage.network import Network
from lensong.coverage.sweeps import PropagationSettings, sweep_jobs, sweep_together
from lensong.coverage.variant.edits import CopyMast, MoveMast, SetCell, SetMast, edited
from tests.drives import HANDSET, land, network
from tests.planted_calibration import planted_calibration

MOVED_DEG = 0.0004  # 44 m to the north: one site still


def basis(found: CellsAsMeasured, plan: Network, cell_id: str) -> tuple[str, str]:
    cell = next(c for c in plan.cells if c.cell_id == cell_id)
    told = found.of(cell, plan.mast(cell.mast_id))
    return told.basis, told.why


@pytest.mark.parametrize("unseen", [True, False])
def test_an_edit_that_makes_another_antenna_of_it_takes_the_bias_away(unseen: bool) -> None:
    plan = network()
    learnt = planted_calibration(plan, land(), unseen=unseen)
    found = CellsAsMeasured(learnt)
    own = next(row for row in learnt.cells if row.cell_id == "M1-1").bias.value
    assert basis(found, plan, "M1-1") == ("measured", "")
    assert basis(found, plan, "M2-3") == ("model", "no_better")
    assert basis(found, plan, "M5-1") == ("shared" if unseen else "model", "unheard")
    # of a sector that nobody heard the antenna place was measured all the same
    assert basis(found, plan, "M3-2") == ("shared", "unheard")

    mast = plan.masts[0]
    nowhere = "shared" if unseen else "model"
    cell = plan.cells[0]

    def told(*edits: Any, cell_id: str = "M1-1") -> tuple[str, str]:
        after = edited(found.network(plan), edits)
        cells = {c.cell_id: c for c in found.network(after).cells}
        shift = cells[cell_id].level_correction_db
        now = found.of(cells[cell_id], after.mast(cells[cell_id].mast_id))
        assert shift == now.bias_db
        shared = learnt.shared["bias"].value
        assert shift == {"measured": own, "shared": shared, "model": 0.0}[now.basis]
        return now.basis, now.why

    near = MoveMast(mast_id="M1", lat_deg=mast.lat_deg + MOVED_DEG, lon_deg=mast.lon_deg)
    far = replace(near, lat_deg=mast.lat_deg + 2.0 * MOVED_DEG)
    copied = CopyMast(mast_id="M1", new_mast_id="X", lat_deg=mast.lat_deg, lon_deg=mast.lon_deg)
    other = replace(sector_3gpp(), name="K742")
    turned = {"azimuth_deg": 77.0, "total_power_dbm": 40.0, "mechanical_downtilt_deg": 6.0}
    tilted = replace(cell.antenna, name=f"{cell.antenna.name}, 6 deg electrical tilt")
    assert told() == ("measured", "")
    assert told(near) == ("measured", "")
    assert told(SetCell(cell_id="M1-1", changes=turned)) == ("measured", "")
    assert told(SetCell(cell_id="M1-1", changes={"antenna": tilted})) == ("measured", "")
    assert told(SetCell(cell_id="M1-1", changes={"antenna": other})) == ("shared", "other_antenna")
    assert told(far) == (nowhere, "elsewhere")
    assert told(far, replace(far, lat_deg=mast.lat_deg)) == ("measured", "")  # and back
    assert told(SetMast(mast_id="M1", height_agl_m=41.0)) == (nowhere, "elsewhere")
    assert told(copied, cell_id="X-1") == (nowhere, "unheard")
    other_carrier = {"carrier": parse_carrier("4G B8 10 MHz"), "granted_uplink_resource_blocks": 9}
    assert told(SetCell(cell_id="M1-1", changes=other_carrier)) == (nowhere, "elsewhere")


def test_a_plan_says_which_cells_were_measured_as_something_else() -> None:
    plan = network()
    found = CellsAsMeasured(planted_calibration(plan, land()))
    assert list(found.warnings(plan)) == []
    mast = plan.masts[0]
    after = edited(
        plan, [MoveMast(mast_id="M1", lat_deg=mast.lat_deg + 0.01, lon_deg=mast.lon_deg)]
    )
    after = replace(after, cells=tuple(c for c in after.cells if c.cell_id != "M4-1"))
    gone, other = found.warnings(after)
    assert "1 cells that the network does not have (M4-1)" in gone
    assert "3 cells (M1-1, M1-2, M1-3) have another place" in other


def test_a_moved_mast_is_swept_as_one_that_nobody_measured() -> None:
    """Without what all share, the paths of a mast that was moved are the model's alone."""
    plan = network()
    learnt = CalibratedPaths(planted_calibration(plan, land(), unseen=False))
    mast = plan.masts[0]
    away = edited(plan, [MoveMast(mast_id="M1", lat_deg=mast.lat_deg + 0.01, lon_deg=mast.lon_deg)])
    for one, changed in ((plan, True), (away, False)):
        job = next(job for job in sweep_jobs(one, land()) if job.mast.mast_id == "M1")
        small = replace(job, radius_m=1500.0)
        packed, _ = sweep_together(
            [small], land(), PropagationSettings(), rx_height_agl_m=HANDSET.height_agl_m, cache=None
        )[0]
        corrected = learnt.corrected(packed, small, land())
        assert (corrected is not packed) == changed
        assert np.array_equal(corrected.loss_cdb, packed.loss_cdb) != changed
