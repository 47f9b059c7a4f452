"""Networks that a scenario keeps as they were read."""

from __future__ import annotations

from pathlib import Path

from lensong.coverage.scenario.inputs import read_network
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.scenario.save import save_scenario
from tests.test_planner.small_valley import place_deg, write_small_valley


def test_estimated_positions_stay_estimated(tmp_path: Path) -> None:
    scenario = write_small_valley(tmp_path / "valley")
    rows = [
        "radio,mcc,net,area,cell,unit,lon,lat,range,samples,changeable,created,updated,averageSignal"
    ]
    for k, place in enumerate(((60.0, 70.0), (60.1, 70.1), (80.0, 110.0))):
        lat, lon = place_deg(*place)
        rows.append(
            f"LTE,452,4,1000,{2560 * (k // 2 + 1) + k},0,{lon:.6f},{lat:.6f},1500,40,1,1,2,0"
        )
    (scenario.parent / "cells.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    read = load_scenario(scenario)
    network, _ = read_network(read.network)
    assert all(mast.uncertain for mast in network.masts)
    saved = save_scenario(read, network, tmp_path / "valley" / "kept", title="Ước lượng")
    again, _ = read_network(load_scenario(saved).network)
    assert [(m.mast_id, m.uncertain) for m in again.masts] == [
        (m.mast_id, True) for m in network.masts
    ]
    assert all(cell.uncertain for cell in again.cells)
    assert again.warnings == network.warnings  # they are not surveyed, and that is said
