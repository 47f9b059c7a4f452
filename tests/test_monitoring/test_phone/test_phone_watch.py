"""The phone page's watch mode in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lensong.monitoring.records import Method, Motion
from tests.chromium import BINARY, Page, chromium_page, wait_for
from tests.page_checks import problems_of
from tests.served_pages import Served, served_pages
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BINARY is None, reason="no chromium on this machine"),
]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with served_pages(tmp_path) as started:
        yield started


def test_a_phone_watches_says_so_and_is_counted(served: Served, tmp_path: Path) -> None:
    desk = served.service.watches
    with chromium_page(tmp_path / "profile") as page:
        _joined(page, served)
        page.ask("document.getElementById('watch').click()")
        wait_for(page, "document.getElementById('network').dataset.state === 'there'")
        wait_until(lambda: [one.account.received >= 3 for one in desk._open.values()] == [True])
        (one,) = desk._open.values()
        assert one.account.watcher.site_id == "binh-lu"
        assert (one.account.watcher.method, one.account.watcher.motion) == (
            Method.PAGE,
            Motion.AT_REST,
        )
        assert not problems_of(page)
        page.ask("document.getElementById('watch-stop').click()")
        wait_for(page, "!document.getElementById('ask').hidden")
        wait_for(page, "document.getElementById('alert').textContent !== ''")
    assert not desk._open
    (part,) = desk._left
    assert part.received >= 3


def _joined(page: Page, served: Served) -> None:
    page.resize(360, 740, mobile=True)
    page.open(served.join_link("binh-lu"))
    wait_for(page, "document.body.dataset.ready")
