"""What a calibration knows, on the map, at a place, of villages and of cells."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from rasterio.features import sieve

from lensong.coverage.scenario.inputs import read_inputs
from lensong.coverage.scenario.load import load_scenario
from tests.planted_calibration import calibrated, planted_calibration
from tests.test_planner.conftest import Page, ended, served
from tests.test_planner.small_valley import CELL_M, place_deg, write_small_valley


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Return a page on a calibrated valley."""
    path = write_small_valley(tmp_path_factory.mktemp("known") / "valley")
    land, network, _ = read_inputs(load_scenario(path))
    calibrated(path, planted_calibration(network, land, unseen=False))
    with served(path) as found:
        assert found.plan.state == "ready", found.plan.why
        yield found


def values(page: Page, layer_id: str, **query: int) -> tuple[np.ndarray, dict[str, str]]:
    answer = page.client.get(page.at(f"/variants/base/layers/{layer_id}.bin"), params=query)
    assert answer.status_code == 200, answer.text
    _, _, rows, cols, _ = map(int, answer.headers["Lensong-Window"].split(","))
    kind = np.dtype(answer.headers["Lensong-Dtype"]).newbyteorder("<")
    return np.frombuffer(answer.content, kind).reshape(rows, cols), dict(answer.headers)


def test_basis_interval_and_field_are_layers_and_stand_at_places_and_villages(page: Page) -> None:
    listed = {layer["layer_id"]: layer for layer in page.get()["layers"]}
    assert [c["key"] for c in listed["basis-4g"]["legend"]] == [
        "basis.measured", "basis.calibrated_here", "basis.model_only",
    ]  # fmt: skip
    basis, _ = values(page, "basis-4g")
    half, _ = values(page, "interval-4g")
    field, _ = values(page, "field-4g")
    assert set(np.unique(basis)) == {0, 1, 2, 3}
    server, _ = values(page, "server-4g")
    np.testing.assert_array_equal(basis == 0, server < 0)
    np.testing.assert_array_equal(np.isnan(half), server < 0)
    assert half[basis == 1].mean() < half[basis == 3].mean()
    assert np.nanmax(np.abs(field)) > 0.5
    coarse, _ = values(page, "interval-4g", step=4)  # what is not looked at is not made
    # the products of matrices have other sizes: some parts in ten million
    np.testing.assert_allclose(coarse, half[::4, ::4], rtol=1e-6)

    place = dict(zip(("lat_deg", "lon_deg"), place_deg(62.0, 74.0), strict=True))
    point = page.get("/variants/base/point", **place)
    row, col = point["place"]["row"], point["place"]["col"]
    known = point["known"]["4G"]
    names = ("measured", "calibrated here", "model only")
    assert known["basis"] == names[basis[row, col] - 1]
    assert known["interval_db"] == pytest.approx(half[row, col], abs=0.06)
    assert known["field_db"] == pytest.approx(field[row, col], abs=0.06)

    villages = page.get("/variants/base/villages")["villages"]
    assert {v["basis"] for v in villages} <= {*names}
    assert all(v["interval_db"]["4G"] > 0.0 for v in villages if v["best_server"]["4G"])
    text = page.client.get(page.at("/variants/base/villages.csv")).text
    assert {"evidence", "rsrp_half_db_4g"} < set(text.splitlines()[0].split(","))


def test_what_is_hatched_is_what_a_report_hatches_and_stays_in_a_result(
    page: Page, tmp_path: Path
) -> None:
    listed = {layer["layer_id"]: layer for layer in page.get()["layers"]}
    job = page.post("/jobs", {"kind": "plan", "variant_id": "base"}, 202)
    assert ended(page, job)["state"] == "done"
    results = page.folder / ".lensong-planner" / "results"
    made = next(results.rglob("run.json")).parent
    areas = gpd.read_file(made / "villages.gpkg", layer="wide_intervals").set_index("technology")
    assert len(areas)
    for technology in areas.index:
        name = f"wide-{technology.lower()}"
        assert listed[name]["legend"][0]["half_db"] == areas.loc[technology, "half_from_db"]
        wide, _ = values(page, name)
        level, _ = values(page, f"rsrp-{technology.lower()}")
        shown = sieve(wide, 12) * (level >= -124.0)  # small patches are left out of outlines
        area_km2 = float(shown.sum()) * CELL_M**2 / 1e6
        assert area_km2 == pytest.approx(areas.loc[technology, "area_km2"], abs=1e-3)

    alone = tmp_path / "a/b/c/d/e/result"
    shutil.copytree(made, alone)
    with served(alone) as stored:
        assert stored.plan.state == "read_only", stored.plan.why
        for quantity in ("basis", "interval", "field", "wide"):
            was, _ = values(page, f"{quantity}-4g")
            now, _ = values(stored, f"{quantity}-4g")
            # the products of matrices have other sizes: some parts in ten million
            np.testing.assert_allclose(now, was, rtol=1e-5, atol=1e-6, err_msg=quantity)
            sampled, _ = values(stored, f"{quantity}-4g", step=4)
            np.testing.assert_array_equal(sampled, now[::4, ::4], quantity)
        place = dict(zip(("lat_deg", "lon_deg"), place_deg(62.0, 74.0), strict=True))
        known = [p.get("/variants/base/point", **place)["known"] for p in (page, stored)]
        assert known[0] == known[1]
        assert known[0]


def test_a_moved_mast_says_that_its_bias_is_not_carried_along(page: Page) -> None:
    variant = page.variant("moved")
    cells = {c["cell_id"]: c for c in page.get(f"/variants/{variant}/network")["cells"]}
    as_measured = cells["K1-B3-20"]["calibration"]
    assert (as_measured["basis"], as_measured["why"]) == ("measured", "")
    lat, lon = place_deg(64.0, 74.0)
    move = {"kind": "move_mast", "mast_id": "K1", "lat_deg": lat, "lon_deg": lon}
    changed = {c["cell_id"]: c for c in page.edit(variant, 0, move)["cells"]}
    told = changed["K1-B3-20"]["calibration"]
    assert told == {"basis": "model", "why": "elsewhere", "bias_db": 0.0}
    undone = page.post(f"/variants/{variant}/undo", {"revision": 1})
    back = {c["cell_id"]: c for c in undone["cells"]}
    assert back["K1-B3-20"]["calibration"] == as_measured
