"""What lies under the sites of a wall: relief, outlines and villages out of a coverage plan."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

import numpy as np
import pytest

from lensong.gis_data.pictures import palette_png
from lensong.monitoring.web.pages.map_base import MapPictures
from tests.running_service import Running

pytestmark = pytest.mark.anyio

RELIEF = palette_png(np.array([[1, 2], [2, 1]], np.uint8), ["#404040", "#c0c0c0"])
EDGES = {"west_deg": 103.0, "south_deg": 22.0, "east_deg": 104.0, "north_deg": 22.8}
BINH_LU = [[103.6, 22.3], [103.75, 22.3], [103.75, 22.4], [103.6, 22.4], [103.6, 22.3]]
NEIGHBOUR = [[103.1, 21.4], [103.2, 21.4], [103.2, 21.5], [103.1, 21.4]]


def ground(**changes: Any) -> dict[str, Any]:
    return {
        "title": "Quy hoạch <thử>",
        "computed_at": "2026-11-20T00:00:00Z",
        "edges": EDGES,
        "relief_png": b64encode(RELIEF).decode(),
        "outlines": [{"commune_code": "03390", "rings_deg": [BINH_LU]}],
        "service": "voice-data",
        "villages": [
            [103.65, 22.35, "covered"],
            [103.66, 22.36, "patchy"],
            [103.67, 22.37, "no_signal"],
            [103.3, 22.35, "no_signal"],
            [103.31, 22.35, "beyond_radius"],
        ],
    } | changes


async def put(running: Running, client: Any, run: str = "plan-1", **changes: Any) -> Any:
    answer = await client.put(f"/api/v1/coverage-runs/{run}/ground", json=ground(**changes))
    running.clock.turn(seconds=10)  # what was drawn before is old
    return answer


def images(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<image class="(\w+)" href="([^"]+)"', page)


async def test_relief_and_outlines_lie_under_the_sites_and_are_asked_for_once(
    light: Running,
) -> None:
    admin = await light.signed_in("admin")
    assert images((await admin.get("/wall")).text) == []
    answer = await put(light, admin)
    assert answer.json() == {"outlines": ["03390"], "unknown_communes": []}
    page = (await admin.get("/wall?province=12")).text
    assert "Quy hoạch &lt;thử&gt;" in page
    (relief, relief_at), (outlines, outlines_at) = images(page)
    assert (relief, outlines) == ("relief", "outlines")
    assert page.index(outlines_at) < page.index('<g transform="translate(')  # below the pins
    drawn = await admin.get(outlines_at)
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert re.search(r'd="M(\d+ \d+ ){3}\d+ \d+z"', drawn.text)
    picture = await admin.get(relief_at)
    assert (picture.headers["content-type"], picture.content) == ("image/png", RELIEF)
    assert "immutable" in picture.headers["cache-control"]
    again = await admin.get(relief_at, headers={"If-None-Match": picture.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    # drawn anew the wall names the same pictures, and a change of the land others
    light.clock.turn(seconds=10)
    assert images((await admin.get("/wall?province=12")).text) == images(page)
    more = [{"commune_code": "03390", "rings_deg": [[*BINH_LU[:3], [103.61, 22.41], BINH_LU[0]]]}]
    await put(light, admin, outlines=more)
    assert images((await admin.get("/wall?province=12")).text)[1][1] != outlines_at
    assert (await admin.get(outlines_at)).status_code == 404


async def test_the_map_shows_the_communes_of_its_sites_whole(light: Running) -> None:
    admin = await light.signed_in("admin")
    await put(light, admin)
    page = (await admin.get("/wall?commune=03390")).text
    found = re.search(
        r'<image class="outlines"[^>]* x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" '
        r'height="([\d.]+)"',
        page,
    )
    assert found is not None
    x, y, width, height = map(float, found.groups())
    assert x >= 23.9
    assert y >= 23.9
    assert x + width <= 420.0 - 23.9
    assert y + height <= 330.0 - 23.9
    assert width / height == pytest.approx(0.15 * 0.9251 / 0.1, rel=0.02)  # to scale


async def test_villages_are_a_switch(light: Running) -> None:
    admin = await light.signed_in("admin")
    await put(light, admin)
    off = (await admin.get("/wall?province=12")).text
    assert "village" not in re.sub(r'href="[^"]*"', "", off.split("Show villages")[0])
    (switch,) = re.findall(r'class="switch"\s+href="([^"]+)"', off)
    assert switch == "/?province=12&amp;villages=shown"
    on = (await admin.get("/wall?province=12&villages=shown")).text
    shapes = re.findall(r'<path class="village (\w+)" d="([^"]+)"><title>([^<]+)', on)
    assert [name for name, *_ in shapes] == ["beyond_radius", "no_signal", "patchy", "covered"]
    assert len({re.sub(r"M\d+ \d+", "", shape) for _, shape, _ in shapes}) == 4
    counts = re.findall(r"</svg> (\w[\w ]+) <b>(\d+)</b>", on.partition('class="villages"')[2])
    assert counts == [
        ("covered", "1"), ("patchy", "1"), ("no signal", "2"), ("beyond the radius", "1"),
    ]  # fmt: skip
    assert (await admin.get("/wall?villages=nonsense")).text.count('class="village ') == 0


async def test_the_newest_import_lies_on_top_and_replaces_what_it_covers(light: Running) -> None:
    admin = await light.signed_in("admin")
    small = EDGES | {"west_deg": 103.5, "east_deg": 103.7}
    await put(light, admin, "small", edges=small, villages=[[103.6, 22.3, "covered"]])
    await put(light, admin, "whole", title="Cả tỉnh")
    assert [item.coverage_run for item in light.service.map_bases.grounds] == ["whole"]
    # a later plan of a part: in that part its villages stand, outside those of the other
    await put(light, admin, "part", edges=small, villages=[[103.6, 22.3, "covered"]], title="Phần")
    pictures: MapPictures = light.app.state.map_pictures
    base = pictures.base({"12"}, {"03390"})
    assert base is not None
    assert [item.coverage_run for item in base.grounds] == ["whole", "part"]
    assert set(base.villages) == {
        (103.6, 22.3, "covered"), (103.3, 22.35, "no_signal"), (103.31, 22.35, "beyond_radius"),
    }  # fmt: skip
    assert "Phần" in (await admin.get("/wall?province=12")).text


async def test_invented_ground_says_so_and_a_kiosk_shows_it_without_a_switch(
    light: Running,
) -> None:
    admin = await light.signed_in("admin")
    await put(light, admin)
    assert "SYNTHETIC" not in (await admin.get("/wall?province=12")).text
    await put(light, admin, "demo", synthetic=True)
    assert "SYNTHETIC" in (await admin.get("/wall?province=12")).text
    made = await admin.post(
        "/api/v1/links", json={"kind": "wall", "area": "province", "code": "12", "label": "tường"}
    )
    anybody = light.client()
    page = await anybody.get(made.json()["url"].replace("https://", "http://"))
    assert page.status_code == 200
    assert "SYNTHETIC" in page.text
    assert "villages=" not in page.text
    for _, address in images(page.text):
        assert (await anybody.get(address)).status_code == 200


async def test_a_manager_shows_land_on_the_maps_of_the_own_province_alone(light: Running) -> None:
    admin, manager = await light.signed_in("admin"), await light.signed_in("province", "12")
    outlines = [
        {"commune_code": "03390", "rings_deg": [BINH_LU]},
        {"commune_code": "03127", "rings_deg": [NEIGHBOUR]},
        {"commune_code": "99999", "rings_deg": [NEIGHBOUR]},
    ]
    answer = await put(light, manager, outlines=outlines, edges=EDGES | {"south_deg": 21.0})
    assert answer.json() == {"outlines": ["03390"], "unknown_communes": ["03127", "99999"]}
    assert len(images((await admin.get("/wall?province=12")).text)) == 2
    assert images((await admin.get("/wall?province=11")).text) == []
    # what the manager brings replaces nothing of the administrator's
    await put(light, admin, "of-all", title="Hai tỉnh", edges=EDGES | {"south_deg": 21.1})
    await put(light, manager, "of-one", edges=EDGES | {"south_deg": 20.0})
    kept = {item.coverage_run: item.province_code for item in light.service.map_bases.grounds}
    assert kept == {"of-all": "", "of-one": "12"}
    assert len(images((await admin.get("/wall?province=11")).text)) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"relief_png": b64encode(b"<svg onload='x'/>").decode()}, "relief_png is no PNG"),
        ({"relief_png": b64encode(RELIEF + bytes(500_000)).decode()}, "at most 500000"),
        ({"edges": EDGES | {"west_deg": 105.0}}, "west below east"),
        ({"villages": [[103.0, 22.0, "great"]]}, "villages"),
        ({"outlines": [{"commune_code": "03390", "rings_deg": [BINH_LU[:3]]}]}, "outlines"),
    ],
)
async def test_what_is_no_ground_is_refused(
    light: Running, changes: dict[str, Any], told: str
) -> None:
    admin = await light.signed_in("admin")
    answer = await put(light, admin, **changes)
    assert answer.status_code == 422
    assert told in answer.text
    assert light.service.map_bases.grounds == ()


async def test_the_land_is_there_after_a_start_and_an_archived_commune_is_not(
    light: Running,
) -> None:
    admin = await light.signed_in("admin")
    sin_ho = [[103.2, 22.3], [103.3, 22.3], [103.3, 22.4], [103.2, 22.3]]
    outlines = [
        {"commune_code": "03390", "rings_deg": [BINH_LU]},
        {"commune_code": "03433", "rings_deg": [sin_ho]},
    ]
    await put(light, admin, outlines=outlines)
    before = images((await admin.get("/wall?province=12")).text)
    light.service.map_bases.grounds, light.service.map_bases.outlines = (), {}
    await light.service.reload_maps()  # as at a start
    light.clock.turn(seconds=10)
    assert images((await admin.get("/wall?province=12")).text) == before
    assert (await admin.delete("/api/v1/sites/sin-ho")).status_code == 204
    assert (await admin.post("/api/v1/communes/03433/archive")).status_code == 204
    light.clock.turn(seconds=10)
    assert images((await admin.get("/wall?province=12")).text) != before
