"""The planner's page inside the service, in a real browser: what is measured beside a village."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import BINARY, Page, chromium_page, wait_for
from tests.page_checks import problems_of
from tests.served_pages import served_pages
from tests.test_planner.small_valley import place_deg, write_small_valley

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="no chromium on this machine"),
]


def send(page: Page, path: str, body: dict[str, Any]) -> Any:
    """Send something as the page's person does."""
    return page.ask(
        f"fetch({json.dumps(path)}, {{ method: 'POST', body: JSON.stringify({json.dumps(body)}),"
        "headers: { 'Content-Type': 'application/json',"
        "'X-CSRF-Token': document.querySelector('meta[name=csrf]').content } })"
        ".then((answer) => answer.status)"
    )


def test_a_village_shows_predicted_measured_and_its_next_session(tmp_path: Path) -> None:
    scenario = write_small_valley(tmp_path / "valley")
    lat, lon = place_deg(58.0, 74.0)
    flags = ("--enable-unsafe-swiftshader", "--use-angle=swiftshader")
    with (
        served_pages(tmp_path, scenario=scenario) as served,
        chromium_page(tmp_path / "profile", *flags) as page,
    ):
        page.resize(1280, 1000)
        served.add_person("lan", "admin")
        served.sign_in(page, "lan")
        page.open(f"{served.url}/planner?language=en")
        wait_for(page, "document.body.dataset.ready === 'true'")
        site = {"site_id": "a", "name": "Chợ A", "commune_code": "03390", "lat_deg": lat,
                "lon_deg": lon}  # fmt: skip
        assert send(page, "/api/v1/sites", site) == 201
        served.measure("a", 1, 4e6)
        soon = "new Date(Date.now() + 3600e3 * 2).toISOString()"
        later = "new Date(Date.now() + 3600e3 * 4).toISOString()"
        session = {"site_id": "a", "title": "Chợ phiên", "profile_code": "voice-still",
                   "starts_at": page.ask(soon), "ends_at": page.ask(later)}  # fmt: skip
        assert send(page, "/api/v1/sessions", session) == 201

        page.open(f"{served.url}/planner?language=en")
        wait_for(page, "document.body.dataset.ready === 'true'")
        wait_for(page, "document.querySelectorAll('#village-rows tr').length", lambda n: n == 8)
        page.ask("document.querySelector('[data-village=A] button').click()")
        panel = "document.getElementById('village').innerText"
        wait_for(page, panel, lambda text: "Chợ A" in text)
        text = page.ask(panel)
        assert "Predicted" in text
        assert "Measured" in text
        assert "4.0 Mbit/s" in text
        assert text.index("Predicted") < text.index("Measured")  # never in one row
        assert "Chợ phiên" in text
        assert page.ask("document.querySelector('#village-live a[href^=\"/sessions/\"]') !== null")
        wait_for(
            page,
            "lensongPlanner.map.querySourceFeatures('measurements')"
            ".map((f) => f.properties.source).join()",
            lambda names: "Chợ A" in names,
        )
        assert problems_of(page) == []
        assert page.errors == []

        # a session that ends under the page: the change waits in it, also when it is loaded again
        page.ask("document.querySelector('[data-tab=masts]').click()")
        page.ask("document.querySelector('#mast-panel tbody button').click()")
        page.call("Network.clearBrowserCookies")
        rename = (
            "(() => { const box = document.querySelector('[data-field=name]'); box.value = 'Đỉnh';"
            "box.dispatchEvent(new Event('change')); })()"
        )
        page.ask(rename)
        wait_for(page, "!document.getElementById('told-act').hidden")
        assert "session has ended" in page.ask("document.getElementById('told').innerText")
        assert page.ask("lensongPlanner.state.waiting.length") == 1
        served.sign_in(page, "lan")  # anew: there is another token, and the page follows
        wait_for(page, "lensongPlanner.state.network.masts.some((m) => m.name === 'Đỉnh')")
        assert page.ask("lensongPlanner.state.waiting.length") == 0
        assert "has ended" not in page.ask("document.getElementById('told').innerText")
        elsewhere = [u for u in page.requests if not u.startswith((served.url, "data:", "blob:"))]
        assert elsewhere == []
