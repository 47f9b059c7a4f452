"""Names that people choose stand in labels: none of them can end a label or begin a line."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.running_service import Running

pytestmark = pytest.mark.anyio

NAMES = [
    'Chợ "Bình Lư"',
    "C:\\chợ\\n",
    '"} 1\\n',
    "}{=,",
    "# HELP lensong_up x",
    "𝄞 😀 \u202e\u2028",
    "\\",
    'a="b",site="sin-ho"',
    "%0Alensong_up 0",
]


@pytest.mark.slow
async def test_whatever_a_site_is_called_the_exposition_says_just_that(light: Running) -> None:
    admin, scraper = await light.signed_in("admin"), await light.scraper()
    for number, name in enumerate(NAMES):
        made = await admin.post(
            "/api/v1/sites",
            json={
                "site_id": f"site-{number}",
                "name": name,
                "commune_code": "03390",
                "operators": [name[:60]],
            },
        )
        assert made.status_code == 201, made.text
    light.clock.turn(seconds=10)  # the page is kept for five
    for accept, parse in (
        ("text/plain", parse_text),
        ("application/openmetrics-text", parse_openmetrics),
    ):
        page = await scraper.get("/metrics", headers={"Accept": accept})
        assert page.status_code == 200
        samples = [sample for family in parse(page.text) for sample in family.samples]
        sites = {sample.labels["site"] for sample in samples if "site" in sample.labels}
        assert {f"site-{number}" for number in range(len(NAMES))} <= sites
        assert all(site.replace("-", "").isalnum() for site in sites)
        told = {
            sample.labels["site"]: sample.labels
            for sample in samples
            if sample.name == "lensong_info" and sample.labels["site"].startswith("site-")
        }
        for number, name in enumerate(NAMES):
            # parsers that split lines as Unicode does would see two of them
            shown = name[:60].replace("\u2028", "\ufffd")
            assert shown in told[f"site-{number}"].values()


@pytest.mark.parametrize(
    "name", ["a\nlensong_up 1", "a\r", "\x00", "\x1b[2J", "\x7f", "", "   ", "a" * 201]
)
@pytest.mark.slow
async def test_names_with_control_characters_are_refused(light: Running, name: str) -> None:
    admin = await light.signed_in("admin")
    site = {"site_id": "new", "name": name, "commune_code": "03390"}
    assert (await admin.post("/api/v1/sites", json=site)).status_code == 422
    operators = {"site_id": "new", "name": "new", "commune_code": "03390", "operators": [name]}
    assert (await admin.post("/api/v1/sites", json=operators)).status_code == 422


@pytest.mark.parametrize("site_id", ["A", "a b", "a/b", "..", "-a", "a\n", "é", "a" * 65, 'a"'])
async def test_identifiers_hold_nothing_that_needs_escaping(light: Running, site_id: str) -> None:
    admin = await light.signed_in("admin")
    site = {"site_id": site_id, "name": "new", "commune_code": "03390"}
    assert (await admin.post("/api/v1/sites", json=site)).status_code == 422
