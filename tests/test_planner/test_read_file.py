"""A dropped file: rows accounted for, edits that make of a variant what the file says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.test_planner.conftest import Page
from tests.test_planner.small_valley import place_deg

HEAD = "site_id,cell_id,operator,lat,lon,height_agl_m,azimuth,antenna,etilt,technology,band,bandwidth_mhz,total_power_dbm"  # noqa: E501


def read(page: Page, name: str, text: str, status: int = 200) -> Any:
    answer = page.client.post(
        page.at("/variants/base/read"), params={"name": name}, content=text.encode()
    )
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_networks_own_list_changes_nothing(page: Page) -> None:
    told = read(page, "cells.csv", (page.folder / "cells.csv").read_text("utf-8"))
    assert told["kind"] == "cells"
    assert told["rows"]
    assert told["edits"] == []


def test_new_masts_and_changed_cells_become_one_set_of_edits(page: Page) -> None:
    lines = (page.folder / "cells.csv").read_text("utf-8").splitlines()
    changed = lines[1].rsplit(",", 1)[0] + ",43"
    lat, lon = place_deg(88.0, 90.0)
    added = f"Z9,Z9-1,Mạng Một,{lat!r},{lon!r},25,90,3gpp,4,4G,B3,20,44"
    told = read(page, "sites.CSV", "\n".join([HEAD, changed, added, ""]))
    kinds = [edit["kind"] for edit in told["edits"]]
    assert kinds == ["set_cell", "add_mast"]
    assert told["edits"][0] == {
        "kind": "set_cell",
        "cell_id": lines[1].split(",")[1],
        "total_power_dbm": 43.0,
    }
    variant = page.variant("read")
    answer = page.edit(variant, 0, *told["edits"])
    assert answer["revision"] == 1
    cell = next(c for c in answer["cells"] if c["cell_id"] == "Z9-1")
    assert (cell["electrical_downtilt_deg"], cell["height_agl_m"]) == (4.0, 25.0)
    assert (cell["operator"], cell["total_power_dbm"]) == ("Mạng Một", 44.0)


def test_a_mast_beyond_the_plan_is_left_out_by_name_and_the_others_are_taken(page: Page) -> None:
    lat, lon = place_deg(88.0, 90.0)
    void_lat, void_lon = place_deg(80.0, 124.0)
    rows = [f"Z1,Z1-1,Mạng Một,{lat!r},{lon!r}", "Z2,Z2-1,Mạng Một,10.5,106.2",
            f"Z3,Z3-1,Mạng Một,{void_lat!r},{void_lon!r}"]  # fmt: skip
    text = "\n".join([HEAD, *(f"{row},25,90,3gpp,4,4G,B3,20,44" for row in rows), ""])
    told = read(page, "sites.csv", text)
    assert [edit["mast_id"] for edit in told["edits"]] == ["Z1"]
    gone = {r["value"]: (r["where"], r["why"]) for r in told["rows"] if r["fate"] == "left out"}
    assert gone == {
        "Z2": ("line 3", "off the grid"),
        "Z3": ("line 4", "no elevation there"),
    }


def test_metres_of_no_known_system_are_those_of_the_plans_grid_and_it_is_said(page: Page) -> None:
    lat, lon = place_deg(88.0, 90.0)
    text = (
        "Mã trạm;X;Y;Độ cao ăng-ten (m);Nhà mạng;Công nghệ;Băng tần;Băng thông (MHz)\n"
        f"U1;{360_000 + 90.5 * 90:.1f};{2_480_000 - 88.5 * 90:.1f};31,5;Mạng Một;4G;B3;20\n"
    ).replace(".", ",")
    told = read(page, "tram.csv", text)
    (edit,) = told["edits"]
    assert (edit["lat_deg"], edit["lon_deg"]) == (
        pytest.approx(lat, abs=1e-6),
        pytest.approx(lon, abs=1e-6),
    )
    assert edit["height_agl_m"] == 31.5
    assumed = {row["field"]: row["value"] for row in told["rows"] if row["fate"] == "assumed"}
    assert assumed["crs"] == "EPSG:32648"


def test_an_antenna_is_told_and_not_kept(page: Page) -> None:
    losses = "\n".join(f"{angle} {abs(angle - 180) // 10}" for angle in range(360))
    text = f"NAME Mẫu\nGAIN 15 dBi\nHORIZONTAL 360\n{losses}\nVERTICAL 360\n{losses}\n"
    told = read(page, "mau.msi", text)
    assert told["kind"] == "antenna"
    assert told["edits"] == []
    assert "15 dBi" in told["rows"][0]["value"]
    assert all(antenna["antenna_id"] != "mau" for antenna in page.get()["antennas"])


def test_masts_without_an_id_never_change_those_that_are_there(page: Page) -> None:
    place = "<Placemark><name>{}</name><Point><coordinates>{},{}</coordinates></Point></Placemark>"
    variant, revision = page.variant("kml"), 0
    for name, row, col in (("Đồi A", 60.0, 80.0), ("Đồi B", 90.0, 100.0)):
        lat, lon = place_deg(row, col)
        text = (
            '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
            f"{place.format(name, lon, lat)}</Document></kml>"
        )
        answer = page.client.post(
            page.at(f"/variants/{variant}/read"), params={"name": "x.kml"}, content=text.encode()
        )
        edits = answer.json()["edits"]
        assert [edit["kind"] for edit in edits] == ["add_mast"], edits
        for cell in edits[0]["cells"]:
            cell["operator"] = "Mạng Một"
        revision = page.edit(variant, revision, *edits)["revision"]
    masts = page.get(f"/variants/{variant}/network")["masts"]
    added = {mast["mast_id"]: mast["name"] for mast in masts if mast["state"] == "added"}
    assert sorted(added.values()) == ["Đồi A", "Đồi B"]


def test_what_is_no_list_is_refused_with_what_was_wanted(page: Page) -> None:
    assert "neither a list" in read(page, "plan.docx", "…", 422)["detail"]
    assert read(page, "sites.csv", "a,b\n1,2\n", 422)["detail"]
