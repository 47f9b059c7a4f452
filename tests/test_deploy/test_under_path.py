"""The service under a path, behind a real nginx, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest

from tests.chromium import BINARY, Page, chromium_page, wait_for
from tests.ports import free_port
from tests.served_pages import PASSWORD, Served, served_pages
from tests.test_deploy.programs import DEPLOY, program
from tests.test_deploy.test_reverse_proxy import NGINX

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        BINARY is None or which("nginx") is None, reason="no chromium or nginx on this machine"
    ),
]

ROOT = "/tinh/live"


@dataclass
class Behind:
    """A service, and where others reach it."""

    served: Served
    url: str
    page: Page


def configured(folder: Path, service: str, port: int, *, keeps_path: bool) -> Path:
    """Write the shipped file as it says for a path; without TLS, which loopback does without."""
    text = (DEPLOY / "reverse-proxy" / "nginx.conf").read_text("utf-8")
    before, first, rest = text.partition("server {\n    listen 80;")
    text = before + rest[rest.index("server {") :]  # without the one that sends to TLS
    assert first
    dropped = ("ssl_", "listen [::]", "Strict-Transport")
    text = "\n".join(
        line for line in text.splitlines() if not any(word in line for word in dropped)
    )
    there = "http://lensong" if keeps_path else "http://lensong/"
    for old, new in (
        ("127.0.0.1:8790", service),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port};"),
        ("/var/log/nginx/", f"{folder}/"),
        ("location / {", f"location {ROOT}/ {{"),
        ("location ~ ^/(", f"location ~ ^{ROOT}/("),
    ):  # fmt: skip
        assert old in text, old
        text = text.replace(old, new)
    # where a location is a pattern, nginx leaves nothing away
    text = text.replace("proxy_pass http://lensong;", f"proxy_pass {there};", 1)
    (folder / "lensong.conf").write_text(text)
    path = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    path.write_text(user + NGINX.format(folder=folder))
    return path


@pytest.fixture(scope="module", params=["keeps the path", "leaves the path away"])
def behind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Behind]:
    folder, port = tmp_path_factory.mktemp("behind"), free_port()
    url = f"http://127.0.0.1:{port}{ROOT}"
    (folder / "nginx").mkdir()
    limits = {"uplink_test_interval_s": 0.0}
    with (
        served_pages(folder, public_url=url, behind_proxy=True, limits=limits) as served,
        chromium_page(folder / "profile") as page,
    ):
        served.add_person("lan", "admin")
        config = configured(
            folder / "nginx",
            served.url.removeprefix("http://"),
            port,
            keeps_path=request.param == "keeps the path",
        )
        nginx = ["nginx", "-c", str(config), "-p", str(folder / "nginx")]
        with program(nginx, folder / "nginx", f"{url}/-/healthy"):
            yield Behind(served, url, page)


def away(behind: Behind) -> list[str]:
    """Return what the browser asked for elsewhere."""
    here = (f"{behind.url}/", "data:", "blob:")
    return [url for url in behind.page.requests if not url.startswith(here)]


def test_somebody_signs_in_and_the_wall_follows_what_happens(behind: Behind) -> None:
    page = behind.page
    page.requests.clear()
    page.open(f"{behind.url}/?commune=03390")
    assert page.ask("location.pathname") == f"{ROOT}/sign-in"
    page.ask(
        "(() => { const form = document.querySelector('main form');"
        f"form.person_id.value = 'lan'; form.password.value = {PASSWORD!r};"
        "form.querySelector('button').click(); })()"
    )
    wait_for(page, "location.pathname + location.search", f"{ROOT}/?commune=03390".__eq__)
    # the stream of events is open, and what it tells of is fetched
    wait_for(
        page,
        "performance.getEntriesByType('resource').some("
        f"(one) => new URL(one.name).pathname === '{ROOT}/wall')",
    )
    page.ask("document.querySelector('#live a[href*=\"/sites/binh-lu\"]').click()")
    wait_for(page, "location.pathname", f"{ROOT}/sites/binh-lu".__eq__)
    wait_for(page, "document.readyState", "complete".__eq__)  # its scripts run by then
    page.ask("document.querySelector('[data-api=\"POST /api/v1/sign-out\"]').click()")
    wait_for(page, "location.pathname", f"{ROOT}/sign-in".__eq__)
    assert away(behind) == []
    assert page.errors == []


def test_a_phone_joins_measures_and_opens_without_a_network(behind: Behind) -> None:
    page, served = behind.page, behind.served
    page.requests.clear()
    page.open(served.join_link().replace(served.url, behind.url))
    wait_for(page, "document.body.dataset.ready")
    assert page.ask("location.pathname") == f"{ROOT}/p"
    assert page.ask("document.getElementById('site').innerText") == "Chợ Bình Lư"
    scope = page.ask("navigator.serviceWorker.ready.then((one) => one.scope)")
    assert scope == f"{behind.url}/p"
    page.ask("(document.getElementById('seconds').value = '10', 0)")
    page.ask("document.getElementById('start').click()")
    wait_for(page, "!document.getElementById('answer').hidden")  # both WebSockets got through
    assert page.ask("document.getElementById('measured').textContent")
    assert page.ask("document.getElementById('alert').textContent") == ""
    names = page.ask("indexedDB.databases().then((all) => all.map((one) => one.name))")
    assert names == [f"lensong{ROOT}"]
    page.open(f"{behind.url}/p")
    wait_for(page, "navigator.serviceWorker.controller !== null")
    page.call(
        "Network.emulateNetworkConditions",
        offline=True, latency=0, downloadThroughput=0, uploadThroughput=0,
    )  # fmt: skip
    try:
        page.open(f"{behind.url}/p")
        wait_for(page, "document.body.dataset.ready")
        assert page.ask("document.getElementById('site').innerText") == "Chợ Bình Lư"
    finally:
        page.call(
            "Network.emulateNetworkConditions",
            offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1,
        )  # fmt: skip
    assert away(behind) == []
