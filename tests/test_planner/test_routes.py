"""The API of the planner: edits, revisions, layers, villages, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from threading import Event
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from lensong.coverage.network import Network
from lensong.coverage.result import REASONS
from lensong.coverage.variant.engine import PlanEngine, PlanState
from lensong.planner.best_place import places_in
from lensong.planner.pages.words import words_of_language
from lensong.planner.shown import Shown
from lensong.planner.variants import Variant
from lensong.planner.views import mercator_cells
from lensong.propagation.errors import InvalidInputError
from tests.test_planner.conftest import Page, ended
from tests.test_planner.small_valley import CELL_M, NORTH_M, WEST_M, place_deg
from tests.waiting import PATIENCE_S, wait_until


def move(mast_id: str, row: float, col: float) -> dict[str, Any]:
    lat, lon = place_deg(row, col)
    return {"kind": "move_mast", "mast_id": mast_id, "lat_deg": lat, "lon_deg": lon}


def test_what_there_is(page: Page) -> None:
    plan = page.get()
    assert plan["state"] == "ready"
    assert plan["synthetic"]
    listed = page.client.get("/api/v1/plans").json()["plans"]
    assert listed == [{name: plan[name] for name in ("plan_id", "title", "state", "synthetic")}]
    assert plan["grid"]["rows"], plan["grid"]["cols"]
    assert plan["technologies"] == ["4G", "5G"]
    assert plan["operators"] == ["Mạng Hai", "Mạng Một"]
    ids = [layer["layer_id"] for layer in plan["layers"]]
    assert len(set(ids)) == len(ids)
    assert {"rsrp-4g", "chance-livestream-720p", "server-4g", "level-mang_hai"} <= set(ids)
    network = page.get("/variants/base/network")
    assert [m["mast_id"] for m in network["masts"]] == [f"K{n}" for n in range(1, 8)]
    assert {m["state"] for m in network["masts"]} == {"as_read"}


def test_every_stage_has_words(page: Page) -> None:
    words = words_of_language("vi")
    told = [event.data for event in page.plan.events.after(0)]
    stages = {data["stage"] for data in told if "stage" in data}
    stages |= {data["progress"]["stage"] for data in told if data.get("progress")}
    assert {"land", "sweeps"} <= stages
    assert [s for s in stages if f"stage.{s.replace(' ', '_')}" not in words] == []


def test_an_edit_is_told_settles_and_is_undone(page: Page) -> None:
    variant = page.variant("moved")
    wait_until(lambda: page.get("/variants/base", settled="chances")["settled"] == "chances")
    before = page.get(f"/variants/{variant}/point", **where(60, 74))
    answer = page.edit(variant, 0, move("K1", 64.0, 78.0), {"kind": "remove_mast", "mast_id": "K3"})
    assert answer["revision"] == 1
    assert [m["mast_id"] for m in answer["masts"]] == ["K1"]
    assert answer["removed_masts"] == ["K3"]
    assert answer["removed_cells"]
    assert all(name.startswith("K3") for name in answer["removed_cells"])
    assert answer["variant"]["revision"] == 1
    assert answer["variant"]["can_undo"]
    assert answer["touched"]["rows"] > 0
    assert page.get(f"/variants/{variant}", settled="chances")["settled"] == "chances"
    after = page.get(f"/variants/{variant}/point", **where(60, 74))
    assert after["values"]["sinr-4g"] != before["values"]["sinr-4g"]
    assert after["base"] == before["base"]
    villages = page.get(f"/variants/{variant}/villages", settled="chances")
    assert villages["streams_settled"]
    assert {row["village_id"] for row in villages["villages"]} == set("ABCDEFGH")
    assert any(row["change"] != "same" for row in villages["villages"])
    undone = page.post(f"/variants/{variant}/undo", {"revision": 1})
    assert undone["revision"] == 2
    again = page.get(f"/variants/{variant}/point", **where(60, 74))
    page.get(f"/variants/{variant}", settled="chances")
    again = page.get(f"/variants/{variant}/point", **where(60, 74))
    assert again["values"] == before["values"]
    assert not page.get(f"/variants/{variant}/villages", changed=True)["villages"]
    page.post(f"/variants/{variant}/redo", {"revision": 2})
    steps = page.get(f"/variants/{variant}/history")["steps"]
    assert [(s["step"], s["undone"]) for s in steps] == [(1, False)]


def where(row: float, col: float) -> dict[str, float]:
    lat, lon = place_deg(row, col)
    return {"lat_deg": lat, "lon_deg": lon}


def test_the_second_of_two_people_hears_who_was_first(page: Page) -> None:
    variant = page.variant("shared")
    page.edit(variant, 0, move("K2", 80.0, 108.0))
    refused = page.edit(variant, 0, move("K2", 90.0, 100.0), status=409)
    assert refused["code"] == "stale_revision"
    assert refused["revision"] == 1
    assert refused["what"] == "move_mast K2"
    network = page.get(f"/variants/{variant}/network")
    assert network["revision"] == 1
    moved = next(m for m in network["masts"] if m["mast_id"] == "K2")
    assert moved["lat_deg"] == pytest.approx(place_deg(80.0, 108.0)[0])


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ({"kind": "move_mast", "mast_id": "K1", "lat_deg": 10.0, "lon_deg": 103.6}, "lies outside"),
        ({"kind": "move_mast", "mast_id": "K9", "lat_deg": 22.4, "lon_deg": 103.65}, "mast 'K9'"),
        ({"kind": "set_cell", "cell_id": "K1-B3-20", "carrier": "4G B99"}, "B99"),
        ({"kind": "set_cell", "cell_id": "K1-B3-20", "antenna": "kathrein"}, "kathrein"),
        ({"kind": "set_cell", "cell_id": "K1-B3-20", "azimuth_deg": 400.0}, "360"),
        ({"kind": "set_cell", "cell_id": "K1-B3-20", "colour": "red"}, "colour"),
        ({"kind": "set_mast", "mast_id": "K1", "height_agl_m": 0.2}, "is 0.2, wanted 1 or more"),
        ({"kind": "add_cell", "mast_id": "K1", "cell": {"cell_id": "K1-B3-20"}}, "already"),
        ({"kind": "set_cell", "cell_id": "K1-B3-20", "azimuth": 30.0}, "wanted some of operator"),
        ({"kind": "set_cell", "cell_id": "K1-B3-20"}, "nothing is to change: give one of"),
        ({"kind": "set_cell", "cell_id": "K1-B3-20", "azimuth_deg": None}, "nothing is to change"),
        ({"kind": "set_mast", "mast_id": "K1"}, "nothing is to change: give name or"),
        ({"kind": "set_mast", "height_agl_m": "tall"}, "is 'tall', wanted a number"),
        ({"kind": "remove_mast"}, "mast_id is missing"),
        ({"kind": "fly"}, "kind is 'fly', wanted one of 'move_mast'"),
        ({}, "kind is missing"),
    ],
)  # fmt: skip
def test_an_edit_that_cannot_be_is_named_and_none_of_its_set_is_done(
    page: Page, edit: dict[str, Any], told: str
) -> None:
    variant = page.variant("refused")
    refused = page.edit(variant, 0, move("K2", 80.0, 108.0), edit, status=422)
    assert refused["errors"][0]["edit"] == 1
    assert told in json.dumps(refused, ensure_ascii=False)
    assert page.get(f"/variants/{variant}")["revision"] == 0


def test_five_hundred_masts_at_once_are_too_many_and_it_is_said(page: Page) -> None:
    variant = page.variant("many")
    copies = [
        {"kind": "copy_mast", "mast_id": "K1", "new_mast_id": f"N{n}", "lat_deg": 22.4,
         "lon_deg": 103.65}
        for n in range(500)
    ]  # fmt: skip
    refused = page.edit(variant, 0, *copies, status=422)
    assert "at most 50 at once" in refused["detail"]
    page.edit(variant, 0, *copies, copies[0], status=422)
    assert page.get(f"/variants/{variant}")["revision"] == 0


def test_the_network_as_read_is_not_edited(page: Page) -> None:
    refused = page.edit("base", 0, move("K2", 80.0, 108.0), status=409)
    assert refused["code"] == "read_only"
    assert page.client.delete(page.at("/variants/base")).status_code == 409


@pytest.mark.parametrize("path", ["/variants/v99", "/variants/base/layers/colour-4g.bin"])
def test_what_is_not_there_is_not_found(page: Page, path: str) -> None:
    assert page.client.get(page.at(path)).status_code == 404


def test_an_address_that_no_route_answers_is_refused_as_all_else(page: Page) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("PUT", "/variants", 405)):
        refused = page.client.request(method, page.at(path))
        assert (refused.status_code, refused.json()["status"]) == (status, status)
        assert refused.headers["content-type"] == "application/problem+json"
        assert "openapi.json" in refused.json()["detail"]


def layer(page: Page, layer_id: str, **part: int) -> Any:
    if "." not in layer_id:
        layer_id = f"{layer_id}.bin"
    answer = page.client.get(page.at(f"/variants/base/layers/{layer_id}"), params=part)
    assert answer.status_code == 200, answer.text
    return answer


def test_windows_have_the_values_themselves(page: Page) -> None:
    plan = page.get()
    rows, cols = plan["grid"]["rows"], plan["grid"]["cols"]
    whole = layer(page, "rsrp-4g")
    assert whole.headers["lensong-window"] == f"0,0,{rows},{cols},1"
    values = np.frombuffer(whole.content, "<f4").reshape(rows, cols)
    part = layer(page, "rsrp-4g", row0=60, col0=110, rows=60, cols=50, step=3)
    assert part.headers["lensong-window"] == "60,110,20,17,3"
    found = np.frombuffer(part.content, "<f4").reshape(20, 17)
    np.testing.assert_array_equal(found, values[60:120:3, 110:160:3])
    point = page.get("/variants/base/point", **where(60, 74))
    row, col = point["place"]["row"], point["place"]["col"]
    assert point["values"]["rsrp-4g"] == values[row, col]
    servers = np.frombuffer(layer(page, "server-4g").content, "<i2").reshape(rows, cols)
    cells = page.get("/variants/base/network")["cells"]
    assert point["server"]["4G"]["cell_id"] == cells[servers[row, col]]["cell_id"]
    outside = page.client.get(page.at("/variants/base/layers/rsrp-4g.bin"), params={"row0": rows})
    assert outside.status_code == 422


def test_pictures_and_rasters_hold_the_same_values(page: Page) -> None:
    part = {"row0": 30, "col0": 40, "rows": 64, "cols": 80}
    values = np.frombuffer(layer(page, "rsrp-4g", **part).content, "<f4").reshape(64, 80)
    with MemoryFile(layer(page, "rsrp-4g.tif", **part).content) as file, file.open() as raster:
        np.testing.assert_array_equal(raster.read(1), values)
        assert raster.crs.to_epsg() == 32648
    scale = next(x for x in page.get()["layers"] if x["layer_id"] == "rsrp-4g")["png"]
    png = layer(page, "rsrp-4g.png", **part).content
    with MemoryFile(png) as file, pytest.warns(NotGeoreferencedWarning), file.open() as picture:
        grey = picture.read(1).astype(float)
    heard = grey > 0
    np.testing.assert_array_equal(heard, ~np.isnan(values))
    read = scale["offset"] + scale["scale"] * grey
    np.testing.assert_allclose(read[heard], values[heard], atol=0.0051)  # half of 0.01 dB
    picture = page.client.get(page.at("/variants/base/layers/reason-voice-data/picture.png"))
    assert picture.content.startswith(b"\x89PNG")


def test_what_settled_says_where_it_differs_from_what_was_told_before(page: Page) -> None:
    variant = page.variant("settled")
    grid = page.plan.ready.land.grid
    kinds = ("rsrp-4g", "chance-voice-data")

    def settled() -> dict[str, np.ndarray[Any, Any]]:
        page.get(f"/variants/{variant}", settled="chances")
        return {
            kind: np.frombuffer(
                page.client.get(page.at(f"/variants/{variant}/layers/{kind}.bin")).content, "<f4"
            ).reshape(grid.shape)
            for kind in kinds
        }

    page.edit(variant, 0, {"kind": "set_mast", "mast_id": "K4", "height_agl_m": 25})
    before, told = settled(), page.plan.events.last
    page.edit(variant, 1, move("K5", 52.0, 126.0))
    after = settled()

    def heard(step: str) -> list[dict[str, int]]:
        found = [event.data for event in page.plan.events.after(told) if event.kind == "settled"]
        return [
            one["touched"]
            for one in found
            if (one["variant_id"], one["settled"]) == (variant, step)
        ]

    wait_until(lambda: heard("chances"))
    for kind, step in zip(kinds, ("levels", "chances"), strict=True):
        outside = np.ones(grid.shape, dtype=np.bool_)
        for part in heard(step):  # what was told before is told again, with no place
            rows = slice(part["row0"], part["row0"] + part["rows"])
            outside[rows, part["col0"] : part["col0"] + part["cols"]] = False
        assert outside.any()
        changed = ~np.isclose(before[kind], after[kind], rtol=0, atol=0, equal_nan=True)
        assert changed.any()
        assert not changed[outside].any()


def test_a_layer_that_did_not_change_is_not_sent_again(page: Page) -> None:
    tag = layer(page, "rsrp-4g").headers["etag"]
    again = page.client.get(
        page.at("/variants/base/layers/rsrp-4g.bin"), headers={"If-None-Match": tag}
    )
    assert again.status_code == 304


def test_tiles_of_the_map_lie_over_the_cells(page: Page) -> None:
    grid = page.plan.ready.land.grid
    lat, lon = place_deg(60, 74)
    z = 13
    x = int((lon + 180.0) / 360.0 * 2**z)
    y = int((1.0 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2.0 * 2**z)
    row, col = mercator_cells(grid, z, x, y)
    assert ((row >= 0) & (col >= 0)).any()
    values = np.frombuffer(layer(page, "rsrp-4g").content, "<f4").reshape(grid.shape)
    tile = page.client.get(page.at(f"/variants/base/layers/rsrp-4g/tiles/{z}/{x}/{y}.bin"))
    found = np.frombuffer(tile.content, "<f4").reshape(256, 256)
    inside = row >= 0
    np.testing.assert_array_equal(found[inside], values[row[inside], col[inside]])


def test_a_drag_answers_coarsely_and_keeps_nothing(page: Page) -> None:
    variant = page.variant("dragged")
    body = {"layer_id": "rsrp-4g", "edits": [move("K2", 84.0, 100.0)]}
    answer = page.client.post(page.at(f"/variants/{variant}/drag"), json=body)
    assert answer.status_code == 200, answer.text
    step = page.get()["coarse"]["step"]
    row0, col0, rows, cols, said = map(int, answer.headers["lensong-window"].split(","))
    assert said == step == int(answer.headers["lensong-coarse"])
    values = np.frombuffer(answer.content, "<f4")
    assert values.size == rows * cols
    assert not np.isnan(values).all()
    assert row0 >= 0 <= col0
    assert page.get(f"/variants/{variant}")["revision"] == 0
    body["edits"] = [move("K2", -50.0, 0.0)]
    assert page.client.post(page.at(f"/variants/{variant}/drag"), json=body).status_code == 422


def test_what_a_hand_holds_is_planned_while_it_rests(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settled(variant: str) -> bool:
        return bool(page.get(f"/variants/{variant}", settled="chances")["settled"] == "chances")

    wait_until(partial(settled, "base"))  # beside which both stand
    plain, held = page.variant("let go at once"), page.variant("held")
    ahead = page.plan.ready.settler.ahead
    edits = [move("K2", 84.0, 103.5)]
    body = {"layer_id": "rsrp-4g", "edits": edits}
    assert page.client.post(page.at(f"/variants/{held}/drag"), json=body).status_code == 200
    wait_until(lambda: ahead.is_ready)
    steps: list[tuple[Network, bool]] = []
    follow = PlanEngine.follow

    def noted(
        engine: PlanEngine, state: PlanState, network: Network, *then: Any, **more: Any
    ) -> PlanState:
        steps.append((network, more.get("ahead") is not None))
        return follow(engine, state, network, *then, **more)

    monkeypatch.setattr(PlanEngine, "follow", noted)
    for variant in (held, plain):
        page.edit(variant, 0, *edits)
        wait_until(partial(settled, variant))
    for variant, is_ahead in ((held, True), (plain, False)):
        network = page.plan.ready.variants.get(variant).network
        assert [found for planned, found in steps if planned is network] == [is_ahead]
    assert not ahead.is_held
    for name in ("rsrp-4g", "server-4g", "chance-livestream-720p"):
        path = f"layers/{name}.bin"
        one, other = (page.client.get(page.at(f"/variants/{v}/{path}")) for v in (held, plain))
        assert one.content == other.content
    rows = [
        page.get(f"/variants/{v}/villages", settled="chances")["villages"] for v in (held, plain)
    ]
    assert rows[0] == rows[1]


def test_the_first_drag_finds_all_masts_swept(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_until(lambda: page.plan.is_coarse_ready)
    planned: list[Network] = []
    opened = PlanEngine.opened

    def noted(engine: PlanEngine, network: Network) -> PlanState:
        planned.append(network)
        return opened(engine, network)

    monkeypatch.setattr(PlanEngine, "opened", noted)
    body = {"layer_id": "chance-livestream-720p", "edits": [move("K2", 84.0, 101.0)]}
    answer = page.client.post(page.at("/variants/base/drag"), json=body)
    assert answer.status_code == 200, answer.text
    assert not planned


def test_paths_from_cells_masts_and_places(page: Page) -> None:
    to = {"village_id": "B"}
    strongest = page.post("/variants/base/path", {"from": None, "to": to})
    assert strongest["cells"][0]["cell_id"] == strongest["cell"]["cell_id"]
    of_mast = page.post("/variants/base/path", {"from": {"mast_id": "K3"}, "to": to})
    assert of_mast["cell"]["mast_id"] == "K3"
    places = {"from": where(60, 60) | {"height_agl_m": 25.0}, "to": where(80, 90)}
    missing = page.post("/variants/base/path", places, 422)
    assert "freq_mhz" in missing["detail"]
    assert page.post("/variants/base/path", places | {"freq_mhz": 1800})["cell"] is None
    figure = page.client.post(
        page.at("/variants/base/path"),
        json={"from": {"cell_id": "K3-B3-20"}, "to": to},
        headers={"Accept": "image/svg+xml"},
    )
    assert figure.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in figure.content


def test_why_a_village_lacks_its_service_and_what_would_mend_it(page: Page) -> None:
    villages = page.get("/variants/base/villages")["villages"]
    gap = next(v for v in villages if v["class"] in ("no_signal", "patchy"))
    job = page.post("/variants/base/causes", {"village_id": gap["village_id"]}, 202)
    done = ended(page, job)
    assert done["state"] == "done", done["why"]
    cause = done["result"]["cause"]
    parts = [value for name, value in cause.items() if name.startswith("cause_")]
    assert sum(parts) == pytest.approx(cause["shortfall_db"], abs=0.01)
    tries = {one["change"]: one for one in done["result"]["tries"]}
    assert "new_mast" in tries
    variant = page.variant("mended")
    page.edit(variant, 0, *tries["new_mast"]["edits"])
    after = page.get(f"/variants/{variant}/villages")
    served = {v["village_id"]: v["served_share"]["voice-data"] for v in after["villages"]}
    before = {v["village_id"]: v["served_share"]["voice-data"] for v in villages}
    people = {v["village_id"]: v["people"] for v in villages}
    gained = sum(people[v] * (served[v] - before[v]) for v in served)
    assert gained == pytest.approx(tries["new_mast"]["gained_people"], abs=0.01)


def test_why_a_place_lacks_the_service_is_told_of_that_pixel(page: Page) -> None:
    page.get("/variants/base", settled="chances")
    grid = page.plan.ready.land.grid
    reason = np.frombuffer(layer(page, "reason-voice-data").content, np.uint8).reshape(grid.shape)
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)

    def one_of(code: int) -> dict[str, float]:
        rows, cols = np.nonzero(reason == code)
        at = rows.size // 2
        lon, lat = to_degrees.transform(*grid.easting_northing(int(rows[at]), int(cols[at])))
        return {"lat_deg": lat, "lon_deg": lon}

    place = one_of(REASONS.index("terrain"))
    done = ended(page, page.post("/variants/base/causes", place, 202))
    assert done["state"] == "done", done["why"]
    cause = done["result"]["cause"]
    assert (cause["lat_deg"], cause["lon_deg"]) == pytest.approx(tuple(place.values()), abs=1e-4)
    assert cause["village_id"] is None
    assert cause["shortfall_db"] > 0.0
    parts = [value for name, value in cause.items() if name.startswith("cause_")]
    assert sum(parts) == pytest.approx(cause["shortfall_db"], abs=0.01)

    served = ended(page, page.post("/variants/base/causes", one_of(0), 202))
    assert served["result"] == {"cause": None, "tries": []}
    nowhere = page.post("/variants/base/causes", {}, 422)
    assert "give village_id, or lat_deg and lon_deg" in nowhere["detail"]
    off = page.post("/variants/base/causes", {"lat_deg": 0.0, "lon_deg": 0.0}, 422)
    assert "lies off the grid" in off["detail"]
    assert "'Z'" in page.post("/variants/base/causes", {"village_id": "Z"}, 404)["detail"]


def test_what_is_not_planned_yet_is_null(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.get("/variants/base", settled="chances")
    planned = page.get("/variants/base/point", **where(60, 74))["values"]
    shown = page.plan.shown

    def early(variant: Variant, settled: str = "levels", seconds: float = 30.0) -> Shown:
        return replace(shown(variant, settled, seconds), settled=settled)

    monkeypatch.setattr(page.plan, "shown", early)
    values = page.get("/variants/base/point", **where(60, 74))["values"]
    services = {name for name in values if name.startswith(("chance-", "reason-", "limiting-"))}
    assert services
    assert {name for name, value in values.items() if value != planned[name]} == services
    assert {values[name] for name in services} == {None}
    file = page.client.get(page.at("/variants/base/layers/chance-voice-data.tif"))
    assert file.headers["Lensong-Settled"] == "chances"  # it waits


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"like_mast_id": "K2"}, "polygon_deg or like_mast_id is missing"),
        ({"like_mast_id": "K9", "polygon_deg": [[103, 22], [103, 23], [104, 23]]}, "'K9'"),
        ({"like_mast_id": "K2", "polygon_deg": [[103, 22]]}, "has 1 entries, wanted 3 or more"),
        ({"seconds": "long"}, "seconds is 'long', wanted a number"),
        ({"kind": "dig"}, "kind is 'dig', wanted 'plan' or 'best_place'"),
    ],
)
def test_a_job_that_cannot_be_is_refused_at_once(
    page: Page, asked: dict[str, Any], told: str
) -> None:
    body = {"kind": "best_place", "variant_id": "base"} | asked
    assert told in page.post("/jobs", body, 422)["detail"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "the body is not JSON"),
        (b"[1]", "the body is [1], wanted an object"),
        (b"{}", "folder is missing"),
        (b'{"folder": "../x"}', "'../x' is no name for a folder here"),
        (b'{"folder": "x", "revision": 0.5}', "revision is 0.5, wanted a whole number"),
        (b'{"folder": "x", "over": true}', "over is not known"),
    ],
)
def test_a_body_of_another_form_is_told_in_words(page: Page, body: bytes, told: str) -> None:
    answer = page.client.post(
        page.at("/variants/base/save"), content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


def ring_of(*corners: tuple[float, float]) -> list[tuple[float, float]]:
    """Return a polygon of the API of corners by row and column."""
    return [(lon, lat) for lat, lon in (place_deg(*corner) for corner in corners)]


def test_the_best_place_of_some_is_first(page: Page) -> None:
    body = {"kind": "best_place", "variant_id": "base", "like_mast_id": "K2", "tries": 3,
            "polygon_deg": ring_of((92, 62), (92, 72), (102, 72), (102, 62))}  # fmt: skip
    done = ended(page, page.post("/jobs", body, 202))
    assert done["state"] == "done", done["why"]
    result = done["result"]
    gained = [place["gained_people"] for place in result["places"]]
    assert (result["tried"], result["asked"]) == (3, 3)
    assert gained == sorted(gained, reverse=True)
    # all of them may be taken, each is called by its own name
    variant = page.variant("places")
    for revision, place in enumerate(result["places"]):
        page.edit(variant, revision, place["edits"][0] | {"name": f"Chỗ {place['mast_id']}"})
    names = {m["mast_id"]: m["name"] for m in page.get(f"/variants/{variant}/network")["masts"]}
    assert names["BEST-1"] == "Chỗ BEST-1"
    assert {"BEST-2", "BEST-3"} < names.keys()
    again = ended(page, page.post("/jobs", body | {"variant_id": variant, "tries": 1}, 202))
    assert [place["mast_id"] for place in again["result"]["places"]] == ["BEST-4"]


def test_places_to_be_tried_are_spread_over_any_polygon(page: Page) -> None:
    land = page.plan.ready.land

    def places(*corners: tuple[float, float], tries: int = 20) -> list[tuple[int, int]]:
        return [(int(r), int(c)) for r, c in places_in(land, ring_of(*corners), tries)]

    rows, cols = land.grid.shape
    whole = places((0, 0), (0, cols), (rows, cols), (rows, 0))
    assert len(whole) == 20
    apart = [max(abs(a - c), abs(b - d)) for a, b in whole for c, d in whole if (a, b) != (c, d)]
    assert min(apart) > 0.4 * (rows * cols / 20) ** 0.5  # not all on one summit
    half = places((50, cols - 20), (50, cols + 40), (70, cols + 40), (70, cols - 20))
    assert all(col < cols for _, col in half)
    # rows and columns of what is planned are not those of the elevation
    first = land.grid.row_col(WEST_M + CELL_M / 2, NORTH_M - CELL_M / 2)
    top, left = round(first[0]), round(first[1])
    for row, col in places((60, 60), (100, 100), (60, 100), (100, 60)):  # two triangles
        assert abs(row - top - 80) <= abs(col - left - 80) + 1
    assert places((60.1, 60.1), (60.1, 60.2), (60.2, 60.2)) == [(60 + top, 60 + left)]  # one cell
    for nowhere in (
        [(-900, 0), (-900, 9), (-890, 9)],  # off the grid
        [(79, 123), (79, 124), (80, 124)],  # no elevation
    ):
        with pytest.raises(InvalidInputError, match="no place for a mast"):
            places(*nowhere)


def test_a_search_that_waits_for_villages_can_be_ended(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Event()

    def never(*_: object) -> None:
        asked.set()

    monkeypatch.setattr(page.plan.ready.settler, "waited", never)
    body = {"kind": "best_place", "variant_id": "base", "like_mast_id": "K2", "tries": 3,
            "polygon_deg": ring_of((92, 62), (92, 72), (102, 72))}  # fmt: skip
    job = page.post("/jobs", body, 202)
    assert asked.wait(PATIENCE_S)
    page.client.delete(page.at(f"/jobs/{job['job_id']}"))
    assert ended(page, job)["state"] == "cancelled"


def test_who_serves_the_phones_of_each_operator_is_a_layer(page: Page) -> None:
    network = page.get("/variants/base/network")
    of = np.array([cell["operator"] for cell in network["cells"]])
    best = np.frombuffer(layer(page, "server-4g").content, "<i2")
    own = {name: np.frombuffer(layer(page, f"server-4g-{tail}").content, "<i2")
           for name, tail in (("Mạng Một", "mang_mot"), ("Mạng Hai", "mang_hai"))}  # fmt: skip
    for name, servers in own.items():
        assert set(of[servers[servers >= 0]]) == {name}
        assert np.count_nonzero(servers >= 0) > np.count_nonzero(of[best[best >= 0]] == name)
    both = np.stack(list(own.values()))
    assert ((both == best).any(axis=0) | (best < 0)).all()


def test_a_job_that_is_ended_leaves_nothing(page: Page) -> None:
    job = page.post("/jobs", {"kind": "plan", "variant_id": "base"}, 202)
    page.client.delete(page.at(f"/jobs/{job['job_id']}"))
    assert ended(page, job)["state"] == "cancelled"
    assert page.get(f"/jobs/{job['job_id']}/files") == {"files": []}


def test_a_saved_variant_is_a_scenario_and_no_folder_is_overwritten(page: Page) -> None:
    variant = page.variant("Phương án 1")
    page.edit(variant, 0, {"kind": "set_mast", "mast_id": "K4", "height_agl_m": 33.5})
    saved = page.post(f"/variants/{variant}/save", {"folder": "phuong-an-1", "revision": 1})
    assert saved["scenario"] == "phuong-an-1/scenario.toml"
    text = (page.folder / saved["scenario"]).read_text(encoding="utf-8")
    assert "Thung lũng mẫu: Phương án 1" in text
    assert ",33.5," in (page.folder / "phuong-an-1/cells.csv").read_text(encoding="utf-8")
    again = page.post(f"/variants/{variant}/save", {"folder": "phuong-an-1"}, 422)
    assert "already" in again["detail"]
    page.post(f"/variants/{variant}/save", {"folder": "../up"}, 422)
    page.post(f"/variants/{variant}/save", {"folder": "x", "revision": 0}, 409)


def test_openapi_names_every_route(page: Page) -> None:
    paths = page.client.get("/api/v1/openapi.json").json()["paths"]
    assert "/api/v1/plans/{plan_id}/variants/{variant_id}/edits" in paths
    assert len(paths) > 25
