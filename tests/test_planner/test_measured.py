"""Drive tests beside a plan, and antenna files that come with them onto the map."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensong.coverage.measured_levels import holds_levels, read_levels
from lensong.coverage.scenario.inputs import read_network
from lensong.coverage.scenario.load import load_scenario
from lensong.gis_data.tables import parse_table
from lensong.planner.antenna_files import AntennaFiles
from lensong.planner.errors import ReadOnlyError
from lensong.planner.measured import MeasuredSets
from lensong.planner.pages.words import words_of_language
from lensong.propagation.errors import DataError, InvalidInputError
from lensong.propagation.types import Grid
from tests.test_planner.conftest import Page
from tests.test_planner.small_valley import CELL_M, COLS, CRS, NORTH_M, ROWS, WEST_M, place_deg

GRID = Grid(crs=CRS, west_m=WEST_M, north_m=NORTH_M, cell_m=CELL_M, rows=ROWS, cols=COLS)


def log(*rows: tuple[float, float, object, object]) -> bytes:
    """Return a phone's log; rows are row and column of the grid, level and technology."""
    lines = ["Time;Latitude;Longitude;NetworkTech;RSRP"]
    for row, col, level, technology in rows:
        lat, lon = place_deg(row, col)
        lines.append(f"08:00;{lat:.7f};{lon:.7f};{technology};{level}")
    return ("\n".join(lines) + "\n").encode()


DRIVE = log((60.0, 74.0, -90, "LTE"), (60.1, 74.1, -96, "LTE"), (60.0, 74.0, -93, "LTE"),
            (70.0, 88.0, -101, "NR SA"), (71.0, 88.0, "-", "LTE"), (72.0, 88.0, -80, "HSPA+"),
            (73.0, 88.0, 99, "LTE"), (900.0, 88.0, -90, "LTE"))  # fmt: skip


def dropped(page: Page, path: str, name: str, content: bytes, status: int) -> Any:
    answer = page.client.post(page.at(path), params={"name": name}, content=content)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def test_a_drive_test_stands_beside_what_is_predicted(page: Page) -> None:
    told = dropped(page, "/variants/base/read", "lái xe.csv", DRIVE, 200)
    assert (told["kind"], told["places"], told["edits"]) == ("measurements", 2, [])
    fates = {row["why"]: row["where"] for row in told["rows"] if row["fate"] == "left out"}
    assert fates == {
        "no level": "1 rows",
        "neither 4G nor 5G": "1 rows",
        "level not plausible (outside -160 to -20 dBm)": "1 rows",
        "off the grid": "1 rows",
    }
    words = words_of_language("vi")
    keys = {re.sub(r"\W+", "_", why.partition(" (")[0]) for why in fates}
    assert {f"import.why.{key}" for key in keys} <= words.keys()
    assert page.get("/measurements")["sets"] == []  # it was read, and not kept

    made = dropped(page, "/measurements", "lái xe.csv", DRIVE, 201)
    shown = page.get("/variants/base/measurements")
    first, second = [one["properties"] for one in shown["features"]]
    assert (first["measured"], first["rows"], first["technology"]) == (-93.0, 3, "4G")
    assert (second["measured"], second["technology"]) == (-101.0, "5G")
    place = dict(zip(("lat_deg", "lon_deg"), place_deg(60.0, 74.0), strict=True))
    point = page.get("/variants/base/point", **place)
    assert first["predicted"] == pytest.approx(point["values"]["rsrp-4g"], abs=0.006)
    (beside,) = point["measured"]
    assert (beside["measured_dbm"], beside["predicted_dbm"]) == (-93.0, first["predicted"])
    (one,) = shown["sets"]
    off = sorted(
        p["measured"] - p["predicted"] for p in (first, second) if p["predicted"] is not None
    )
    assert one["compared"] == len(off)
    assert one["off_db"][1] == pytest.approx(np.median(off), abs=0.02)

    variant = page.variant("measured")
    page.edit(variant, 0, {"kind": "remove_mast", "mast_id": point["server"]["4G"]["mast_id"]})
    edited = page.get(f"/variants/{variant}/measurements")["features"][0]["properties"]
    assert edited["measured"] == -93.0  # what was measured is not what is planned
    assert edited["predicted"] != first["predicted"]

    page.client.delete(page.at(f"/measurements/{made['set_id']}"))
    assert page.get("/variants/base/measurements")["features"] == []
    elsewhere = log((900.0, 88.0, -90, "LTE"))
    assert "lies on the grid" in dropped(page, "/measurements", "x.csv", elsewhere, 422)["detail"]
    assert page.get("/measurements")["sets"] == []


def test_drive_tests_are_kept_and_those_of_the_scenario_stay(tmp_path: Path) -> None:
    named = tmp_path / "đo.csv"
    named.write_bytes(log((60.0, 74.0, -90, "")))
    folder = tmp_path / "measured"
    sets = MeasuredSets(folder, GRID, ["4G", "5G"], [named])
    kept = sets.add("a b/../x.csv", DRIVE)
    assert sets.add("again.csv", DRIVE) is kept  # the same file is one drive test
    again = MeasuredSets(folder, GRID, ["4G", "5G"], [named])
    assert [one.set_id for one in again.all()] == [one.set_id for one in sets.all()]
    of_scenario = again.all()[0]
    assert (of_scenario.in_scenario, of_scenario.assumed) == (True, "4G")
    with pytest.raises(ReadOnlyError, match=r"map\.measurements"):
        again.remove(of_scenario.set_id)
    (folder / f"{kept.set_id}-x.csv").write_text("damaged", encoding="utf-8")
    assert "x.csv" in MeasuredSets(folder, GRID, ["4G"], []).unread[0]  # and the plan opens
    named.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"map\.measurements .*no column of đo.csv tells"):
        MeasuredSets(folder, GRID, ["4G"], [named])


def test_a_list_of_cells_is_no_drive_test_and_a_column_may_say_the_technology() -> None:
    cells = parse_table(b"site_id,lat,lon,azimuth,rs_power_dbm\n1,22.3,103.6,0,15\n", "a.csv")
    assert not holds_levels(cells)
    of_5g = parse_table(b"lat,lon,SS-RSRP\n22.3,103.6,-90\n", "a.csv")
    assert read_levels(of_5g).technologies == ("5G",)
    nothing = parse_table(b"lat,lon,rsrp\n0,0,-90\n22.3,103.6,-\n", "a.csv")
    with pytest.raises(DataError, match="no position: 1; no level: 1"):
        read_levels(nothing)


def test_logs_are_read_as_they_are_elsewhere() -> None:
    vietnamese = (
        "Vĩ độ;Kinh độ;RSRP (dBm);Công nghệ\n22,35;103,64;-90,5;LTE\n22,351;103,641;-95;3G\n"
    )
    levels = read_levels(parse_table(vietnamese.encode(), "đo.csv"))
    assert (levels.lat_deg.tolist(), levels.rsrp_dbm.tolist()) == ([22.35], [-90.5])
    assert (levels.technologies, levels.left_out) == (("4G",), {"neither 4G nor 5G": 1})
    scan = b"Latitude,Longitude,LTE RSRP,Serving\n22.3,103.6,-90,true\n22.3,103.6,-99,false\n"
    levels = read_levels(parse_table(scan, "scan.csv"))
    assert (levels.rsrp_dbm.tolist(), levels.technologies) == ([-90.0], ("4G",))
    assert levels.left_out == {"of a neighbour cell": 1}
    both = b"lat,lon,RSRP,SS-RSRP,Network\n22.3,103.6,-90,,LTE\n22.3,103.6,-100,-97,NR\n"
    levels = read_levels(parse_table(both, "both.csv"))
    assert (levels.rsrp_dbm.tolist(), levels.technologies) == ([-90.0, -97.0], ("4G", "5G"))


def test_a_file_is_named_as_it_was_dropped(page: Page) -> None:
    told = dropped(page, "/measurements", "đo 1.csv", b"lat,lon,rsrp\n22.3;103.6\n", 422)
    assert told["detail"].startswith("đo_1.csv line 2 has 1 fields")


def pattern(gain: float = 15.0) -> bytes:
    losses = "\n".join(f"{angle} {min(angle, 360 - angle) / 9:.2f}" for angle in range(360))
    text = f"NAME Mẫu\nGAIN {gain} dBi\nHORIZONTAL 360\n{losses}\nVERTICAL 360\n{losses}\n"
    return text.encode()


def test_a_dropped_antenna_is_used_and_saved_with_the_variant(page: Page) -> None:
    told = dropped(page, "/antennas", "mau 15.msi", pattern(), 201)
    assert told["antennas"] == ["mau 15", "Mẫu"]
    listed = {one["antenna_id"]: one for one in page.get()["antennas"]}
    assert listed["mau 15"]["gain_dbi"] == 15.0
    assert not listed["mau 15"]["parametric"]

    variant = page.variant("antenna")
    edit = {"kind": "set_cell", "cell_id": "K2-B3-20", "antenna": "mau 15"}
    (cell,) = page.edit(variant, 0, edit)["cells"]
    assert cell["antenna"] == "mau 15"
    saved = page.post(f"/variants/{variant}/save", {"folder": "with-antenna"})
    scenario = load_scenario(page.folder / saved["scenario"])
    assert scenario.network.antennas == page.folder / "with-antenna" / "antennas"
    network, _ = read_network(scenario.network)
    (used,) = [c.antenna for c in network.cells if c.cell_id == "K2-B3-20"]
    assert (used.name, used.horizontal_loss_db[90]) == ("mau 15", 10.0)

    other = dropped(page, "/antennas", "mau 15.msi", pattern(16.0), 422)
    assert "another pattern" in other["detail"]
    assert dropped(page, "/antennas", "mau 15.msi", pattern(), 201)
    assert "is no antenna pattern" in dropped(page, "/antennas", "x.csv", b"1", 422)["detail"]


def test_antenna_files_are_there_again_after_a_restart(tmp_path: Path) -> None:
    files = AntennaFiles(tmp_path / "antennas")
    files.add("../a/Kathrein.MSI", pattern(), {})
    assert set(AntennaFiles(tmp_path / "antennas").read()) == {"Kathrein", "Mẫu"}
    with pytest.raises(InvalidInputError, match=r"\.msi or \.pln"):
        files.add("a.txt", b"", {})
