"""A service under a path of a host: nothing that it says leads anywhere else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest

from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.map_bases import Edges
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import add_join
from lensong.monitoring.web.app import create_app
from lensong.monitoring.web.pages.map_base import MapBase, MapPicture
from lensong.monitoring.web.pages.site_map import site_map
from lensong.monitoring.web.pages.words import Words
from lensong.propagation.errors import ConfigError
from tests.running_service import Running, running_service, sqlite_url

pytestmark = pytest.mark.anyio

ROOT = "/tinh/live"
HTML = {"Accept": "text/html"}
_ADDRESS = re.compile(r'\s(?:href|src|action|data-part)="([^"]*)"')
_CALL = re.compile(r'\sdata-(?:api="[A-Z]+ |then="goto:)(/[^"]*)"')
_SESSION = {
    "site_id": "binh-lu",
    "title": "Chợ phiên",
    "profile_code": "tiktok-720p30",
    "starts_at": "2026-11-28T09:00:00+07:00",
    "ends_at": "2026-11-28T11:00:00+07:00",
}


@pytest.fixture
async def under(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_service(
        sqlite_url(tmp_path), public_url=f"https://host.example{ROOT}/", public_status=("03390",)
    ) as started:
        yield started


def paths_of(page: str, here: str) -> set[str]:
    """Return the paths that a page leads to by itself or by its scripts."""
    found = {urljoin(here, unescape(address)) for address in _ADDRESS.findall(page)}
    # what scripts call begins within the service: they put its path before it
    assert not [path for path in _CALL.findall(page) if path.startswith(ROOT)]
    return {address.partition("#")[0] for address in found if not address.startswith("data:")}


@pytest.mark.parametrize("proxy", ["keeps the path", "leaves the path away"])
async def test_no_page_leads_out_of_the_path(under: Running, proxy: str) -> None:
    admin = await under.signed_in("admin")
    admin.headers.update(HTML)
    made = await admin.post(f"{ROOT}/api/v1/sessions", json=_SESSION)
    assert made.headers["location"].startswith(f"{ROOT}/api/v1/sessions/")
    link = {"kind": "wall", "area": "all", "label": "Phòng họp"}
    shared = await admin.post(f"{ROOT}/api/v1/links", json=link)
    assert shared.status_code == 201, shared.text
    waiting = [f"{ROOT}/", f"{ROOT}/p", urlsplit(shared.json()["url"]).path, f"{ROOT}/status/03390"]
    seen: set[str] = set()
    asked_of: Counter[str] = Counter()  # the same page, of another month or filter
    while waiting:
        here = waiting.pop()
        path = here.partition("?")[0]
        if here in seen or "/language/" in path or asked_of[path] > 3:
            continue
        asked_of[path] += 1
        asked = here if proxy == "keeps the path" else here.removeprefix(ROOT)
        answer = await admin.get(asked)
        seen.add(here)
        assert answer.status_code in (200, 303), (here, answer.text[:300])
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        assert "<html" not in answer.text or f'data-root="{ROOT}"' in answer.text
        found = paths_of(answer.text, here)
        assert found
        away = [address for address in found if not address.startswith(f"{ROOT}/")]
        assert away == [], here
        waiting += sorted(found)
    wanted = {"", "sites", "sites/binh-lu", "sites/binh-lu/join", "sessions", "sessions/new",
              "notices", "timeline", "reports/monthly", "places", "admin", "links", "start",
              "calendar-feeds", "import", "p"}  # fmt: skip
    assert wanted <= {here.partition("?")[0].removeprefix(f"{ROOT}/") for here in seen}


async def test_signing_in_and_out_stays_within_the_path(under: Running) -> None:
    nobody = under.client(**HTML)
    sent = await nobody.get(f"{ROOT}/sites?state=ready")
    assert sent.headers["location"] == f"{ROOT}/sign-in?next=/sites%3Fstate%3Dready"
    form = await nobody.get(sent.headers["location"])
    assert 'data-then="goto:/sites?state=ready"' in form.text  # scripts put the path before it
    chosen = await nobody.get(f"{ROOT}/language/en?next=/sites")
    assert chosen.headers["location"] == f"{ROOT}/sites"
    assert f"Path={ROOT};" in chosen.headers["set-cookie"]
    await under.signed_in("admin")
    secret = await under.service.writer.run(
        lambda connection: add_join(
            connection, now=under.clock.now(), valid_for=timedelta(hours=1), person_id="admin-1"
        )
    )
    begun = await nobody.post(
        f"{ROOT}/api/v1/welcome", json={"secret": secret, "password": "một câu dễ nhớ"}
    )
    cookie = begun.headers["set-cookie"]
    assert cookie.startswith("lensong_session_tinh_live=")
    assert f"Path={ROOT};" in cookie
    nobody.headers["X-CSRF-Token"] = begun.json()["csrf"]
    assert (await nobody.get(f"{ROOT}/api/v1/me")).status_code == 200
    ended = await nobody.post(f"{ROOT}/api/v1/sign-out")
    assert f"Path={ROOT};" in ended.headers["set-cookie"]
    assert (await nobody.get(f"{ROOT}/api/v1/me")).status_code == 401


async def test_what_programs_read_names_the_path(under: Running) -> None:
    admin = await under.signed_in("admin")
    document = (await admin.get(f"{ROOT}/api/v1/openapi.json")).json()
    assert document["servers"] == [{"url": ROOT}]
    cookie = document["components"]["securitySchemes"]["APIKeyCookie"]
    assert cookie["name"] == "lensong_session_tinh_live"
    worker = await admin.get(f"{ROOT}/p/sw.js")
    assert worker.headers["service-worker-allowed"] == f"{ROOT}/p"
    assert f'const ROOT = "{ROOT}";' in worker.text
    assert worker.text.count(f'"{ROOT}/static/') == worker.text.count("/static/") - 1
    join = await admin.post(f"{ROOT}/api/v1/sites/binh-lu/joins", json={})
    assert join.json()["url"].startswith(f"https://host.example{ROOT}/p/")
    await admin.post(f"{ROOT}/api/v1/sessions", json=_SESSION)
    calendar = await admin.get(f"{ROOT}/api/v1/export/sessions.ics")
    assert f"https://host.example{ROOT}/sessions/" in calendar.text.replace("\r\n ", "")
    assert (await admin.get(f"{ROOT}/sites/")).headers["location"].endswith(f"{ROOT}/sites")
    assert (await admin.get(ROOT)).status_code == 200
    wrong = await admin.get(f"{ROOT}/api/v1/sites/nowhere", headers=HTML)
    assert wrong.json()["code"] == "not_found"  # the API answers with documents, as elsewhere
    assert (await admin.put(f"{ROOT}/api/v1/me")).headers["allow"] == "GET"


async def test_two_services_of_one_host_keep_their_sign_ins_apart(
    under: Running, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    async with running_service(sqlite_url(tmp_path / "other")) as other:
        here, there = await under.signed_in("admin"), await other.signed_in("admin")
        both = httpx.Cookies(here.cookies)
        both.update(there.cookies)
        assert len(both) == 2
        for client, path in ((here, f"{ROOT}/api/v1/me"), (there, "/api/v1/me")):
            client.cookies = both
            assert (await client.get(path)).status_code == 200


async def test_a_path_that_is_a_page_s_own_is_refused(tmp_path: Path) -> None:
    config = ServiceConfig(db=sqlite_url(tmp_path), public_url="https://host.example/sites")
    with pytest.raises(ConfigError, match="choose another path"):
        create_app(Service(config))


def test_pictures_under_a_map_lie_under_the_path() -> None:
    edges = Edges(west_deg=103.0, south_deg=22.0, east_deg=104.0, north_deg=23.0)
    base = MapBase(
        pictures=(MapPicture(href="/map/x.svg", kind="outlines", edges=edges),),
        around=None,
        grounds=(),
        outlines_synthetic=False,
    )
    site = SiteSnapshot(
        site_id="a",
        name="A",
        commune_code="c",
        commune_name="C",
        province_code="p",
        province_name="P",
        lat_deg=22.5,
        lon_deg=103.5,
        operator=None,
        technology=None,
    )
    words = Words("en", ZoneInfo("Asia/Ho_Chi_Minh"), root=ROOT)
    drawn = site_map([(site, "idle")], words, (), base)
    assert f'href="{ROOT}/map/x.svg"' in str(drawn)
