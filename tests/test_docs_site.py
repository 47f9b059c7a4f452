"""The documentation as a site: built strictly, whole, and nothing of it comes from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.chromium import BINARY, chromium_page, wait_for

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow

LOADING = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"),
    "video": ("src", "poster"), "audio": ("src",), "track": ("src",), "embed": ("src",),
    "object": ("data",), "input": ("src",), "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}  # fmt: skip
"""Elements that load what an attribute of theirs names; a link loads by what it is to the page."""

LOADED_LINKS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch",
                "modulepreload", "manifest"}  # fmt: skip


class Loads(HTMLParser):
    """Collects the addresses that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and LOADED_LINKS & set(given.get("rel", "").split()):
            self.addresses.append(given.get("href", ""))
        self.addresses += [given[name] for name in LOADING.get(tag, ()) if name in given]
        self.addresses += in_css(given.get("style", ""))


def in_css(text: str) -> list[str]:
    """Return the addresses that a style loads."""
    found = re.findall(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", text)
    return [first or second for first, second in found]


def is_elsewhere(address: str) -> bool:
    return re.match(r"\s*([a-z][a-z0-9+.-]*:)?//", address, re.IGNORECASE) is not None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_what_loads_from_elsewhere_would_be_found() -> None:
    page = Loads()
    page.feed(
        '<link rel="stylesheet" href="//a/x.css"><link rel="canonical" href="https://b/">'
        '<a href="https://c/"></a><img src="HTTPS://d/x.png"><p style="background: url(//e/x)">'
    )
    found = [address for address in page.addresses if is_elsewhere(address)]
    assert found == ["//a/x.css", "HTTPS://d/x.png", "//e/x"]
    assert in_css('@import "https://f/x.css"; a { src: url("https://g/x.woff") }') == [
        "https://f/x.css",
        "https://g/x.woff",
    ]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 100
    for path in pages:
        text = path.read_text("utf-8")
        page = Loads()
        page.feed(text)
        styles = [one for style in re.findall("(?s)<style>(.*?)</style>", text)
                  for one in in_css(style)]  # fmt: skip
        assert page.addresses
        assert not [one for one in [*page.addresses, *styles] if is_elsewhere(one)], path
        assert 'class="mermaid"' not in text, path  # the theme would fetch what draws it
    sheets = sorted(site.rglob("*.css"))
    assert sheets
    for path in sheets:
        assert not [one for one in in_css(path.read_text("utf-8")) if is_elsewhere(one)], path


def test_the_api_of_the_library_is_there(site: Path) -> None:
    page = (site / "reference/python/propagation/free_space.html").read_text("utf-8")
    assert "free_space_loss_db" in page
    assert "distance_m" in page
    for package in ("propagation", "gis_data", "coverage"):
        assert list((site / "reference/python" / package).rglob("*.html")), package


@pytest.mark.browser
@pytest.mark.skipif(BINARY is None, reason="no chromium on this machine")
def test_it_opens_from_a_folder_without_a_server(site: Path, tmp_path: Path) -> None:
    with chromium_page(tmp_path / "profile") as page:
        for name in ("index.html", "guide.html", "reference/python/propagation/free_space.html"):
            page.open((site / name).as_uri())
            wait_for(page, "document.readyState", "complete".__eq__)
            assert page.ask("document.querySelector('h1').innerText.length") > 3
        assert page.requests
        assert all(request.startswith(("file:", "data:", "blob:")) for request in page.requests)
