"""The map of a wall in a real browser: boundaries uploaded, relief below, nothing flickers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
import shapely
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from lensong.gis_data.pictures import palette_png
from lensong.monitoring.access import Principal, Role
from lensong.monitoring.map_bases import Edges, PlanGround
from lensong.monitoring.operations.map_bases import keep_ground
from tests.chromium import BINARY, Page, chromium_page, wait_for
from tests.served_pages import Served, served_pages

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="no chromium on this machine"),
]

ADMIN = Principal(actor="test", name="test", role=Role.ADMIN)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_pages(tmp_path_factory.mktemp("map")) as running:
        running.add_person("lan", "province", "12")
        yield running


@pytest.fixture(scope="module")
def page(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium_page(tmp_path_factory.mktemp("profile")) as opened:
        served.sign_in(opened, "lan")
        yield opened


def boundaries() -> str:
    shapes = {"03390": (103.6, 22.3, "Bình Lư"), "03433": (103.2, 22.3, "Sìn Hồ")}
    features: list[Any] = [
        {
            "type": "Feature",
            "properties": {"ma_xa": code, "ten_xa": name},
            "geometry": json.loads(shapely.to_geojson(shapely.box(x, y, x + 0.15, y + 0.1))),
        }
        for code, (x, y, name) in shapes.items()
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def ground() -> PlanGround:
    shades = np.tile(np.arange(1, 41, dtype=np.uint8), (40, 1))
    greys = [f"#{g:02x}{g:02x}{g:02x}" for g in range(10, 250, 6)]
    return PlanGround(
        coverage_run="plan-1",
        province_code="",
        title="Quy hoạch thử",
        computed_at=datetime(2026, 11, 20, tzinfo=UTC),
        synthetic=True,
        edges=Edges(west_deg=103.1, south_deg=22.2, east_deg=103.9, north_deg=22.5),
        relief_png=palette_png(shades, greys),
        service="voice-data",
        villages=((103.65, 22.35, "covered"), (103.25, 22.35, "no_signal")),
    )


def test_boundaries_are_uploaded_and_the_wall_shows_them(served: Served, page: Page) -> None:
    page.open(f"{served.url}/import?kind=communes")
    page.ask(
        "(() => { const form = document.getElementById('upload'); const data = new DataTransfer();"
        f"data.items.add(new File([{json.dumps(boundaries())}], 'ranh-gioi.geojson'));"
        "form.file.files = data.files; form.requestSubmit(); })()"
    )
    counts = wait_for(page, "document.getElementById('counts').textContent")
    assert counts == "2 thay đổi · 2 ranh giới"
    page.ask("document.getElementById('take-all').click()")
    wait_for(page, "!document.getElementById('done').hidden")
    page.open(f"{served.url}/")
    drawn = wait_for(
        page, "document.querySelector('image.outlines')?.getBoundingClientRect().width"
    )
    assert drawn > 100
    assert page.errors == []


def test_relief_villages_and_pictures_that_stay(served: Served, page: Page) -> None:
    served.call(keep_ground(served.service, ADMIN, ground(), []))
    page.resize(1920, 1080)
    page.open(f"{served.url}/")
    wait_for(page, "document.querySelector('image.relief') !== null")
    assert "SYNTHETIC" in page.ask("document.querySelector('.base').textContent")
    # drawn under the pins: the relief shows between them, at the brightness of its place
    dark, light = (_brightness(page, share) for share in (0.06, 0.94))
    assert light > dark + 15
    page.ask("document.querySelector('image.relief').mark = 'the same'")
    asked = len(page.requests)
    page.ask(
        "new Promise((done) => { const live = document.getElementById('live');"
        "live.addEventListener('fresh', done, { once: true });"
        "document.dispatchEvent(new Event('visibilitychange')); })"
    )
    assert page.ask("document.querySelector('image.relief').mark") == "the same"
    assert [url for url in page.requests[asked:] if "/map/" in url] == []
    page.ask("document.querySelector('a.switch').click()")
    wait_for(page, "document.querySelectorAll('.villages li').length", lambda n: n == 2)
    assert page.ask("document.querySelectorAll('.chart path.village').length") == 2
    for width in (390, 1400, 1920):
        page.resize(width, 900)
        assert page.ask("document.documentElement.scrollWidth") <= width
        inside = page.ask(
            "(() => { const map = document.querySelector('.map').getBoundingClientRect();"
            "return [...document.querySelectorAll('.base, .villages, .chart svg')].every((part) =>"
            "part.getBoundingClientRect().right <= map.right + 1); })()"
        )
        assert inside, width
    assert page.errors == []


def _brightness(page: Page, share: float) -> float:
    """Return how bright a place of the map is, by its share of the width."""
    box = page.ask(
        "(() => { const b = document.querySelector('.chart svg').getBoundingClientRect();"
        "return [b.x, b.y, b.width, b.height]; })()"
    )
    clip = {"x": box[0] + share * box[2] - 4, "y": box[1] + 0.25 * box[3], "width": 8, "height": 8}
    shot = page.call("Page.captureScreenshot", clip=clip | {"scale": 1}, format="png")
    return _mean(base64.b64decode(shot["data"]))


def _mean(png: bytes) -> float:
    with catch_warnings(), MemoryFile(png) as memory:
        simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as image:
            return float(image.read([1, 2, 3]).mean())


def test_a_kiosk_has_the_map_and_a_quiet_console(
    served: Served, page: Page, tmp_path: Path
) -> None:
    served.call(keep_ground(served.service, ADMIN, ground(), []))
    page.open(f"{served.url}/links")
    link = page.ask(
        "fetch('/api/v1/links', {method: 'POST', headers: {'Content-Type': 'application/json',"
        "'X-CSRF-Token': document.querySelector('meta[name=csrf]').content},"
        "body: JSON.stringify({kind: 'wall', area: 'province', code: '12', label: 'tường'})})"
        ".then((answer) => answer.json()).then((made) => made.url)"
    )
    with chromium_page(tmp_path / "kiosk") as kiosk:
        kiosk.resize(1920, 1080)
        kiosk.open(link)
        wait_for(
            kiosk, "document.querySelector('image.relief')?.getBoundingClientRect().width > 50"
        )
        assert kiosk.ask("document.querySelector('a.switch') === null")
        kiosk.ask(
            "new Promise((done) => { document.getElementById('live')"
            ".addEventListener('fresh', done, { once: true });"
            "document.dispatchEvent(new Event('visibilitychange')); })"
        )
        assert kiosk.errors == []
