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
    pytest.mark.slow,
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
        page.call("Browser.grantPermissions", permissions=["geolocation"], origin=served.url)
        place(page, speed=0)
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
        # it is carried away: what was seen until then was at rest, what comes now is not
        place(page, speed=4)
        wait_until(lambda: one.account.watcher.motion is Motion.MOVING, "the motion")
        wait_for(page, "document.getElementById('watched').textContent.includes('di chuyển')")
        page.ask("document.getElementById('watch-stop').click()")
        wait_for(page, "!document.getElementById('ask').hidden")
        wait_for(page, "document.getElementById('note').textContent !== ''")
    assert not desk._open
    parts = desk._left
    assert parts[0].motion is Motion.AT_REST
    assert parts[0].received >= 3
    assert {part.motion for part in parts[1:]} <= {Motion.MOVING}


def place(page: Page, *, speed: float) -> None:
    page.call(
        "Emulation.setGeolocationOverride",
        latitude=22.3 + speed / 1_000.0,
        longitude=103.6,
        accuracy=5,
        speed=speed,
    )


# a phone sampled at 50 Hz for 20 s, as it lies, is looked at, is picked up, and is walked with
FELT = """
import(JSON.parse(document.getElementById('places').textContent).motion).then(({ senseMotion }) => {
  const felt = (strength) => {
    let at = 0, moved = false;
    const sensed = senseMotion({ place: false, moves: () => (moved = true), now: () => at });
    for (; at < 20000; at += 20) {
      const a = strength(at / 1000);
      const event = new Event('devicemotion');
      dispatchEvent(Object.assign(event, { acceleration: { x: a, y: 0, z: 0 } }));
    }
    sensed.stop();
    return moved && sensed.moved();
  };
  const gravity = () => {
    let at = 0, moved = false;
    const sensed = senseMotion({ place: false, moves: () => (moved = true), now: () => at });
    for (; at < 20000; at += 20) {
      const z = 9.8 + 4 * Math.sin(at / 80);
      const event = new Event('devicemotion');
      const accelerationIncludingGravity = { x: 0, y: 0, z };
      dispatchEvent(Object.assign(event, { acceleration: null, accelerationIncludingGravity }));
    }
    sensed.stop();
    return moved;
  };
  return [
    felt(() => 0.02),
    felt((s) => 0.6 * Math.sin(9 * s)),
    felt((s) => (s > 6 && s < 8 ? 6 : 0.05)),
    felt((s) => 4 * Math.sin(12 * s)),
    gravity(),
  ];
})
"""


def test_steps_are_felt_and_a_hand_is_not(served: Served, tmp_path: Path) -> None:
    with chromium_page(tmp_path / "profile") as page:
        _joined(page, served)
        assert page.ask(FELT) == [False, False, False, True, True]


def _joined(page: Page, served: Served) -> None:
    page.resize(360, 740, mobile=True)
    page.open(served.join_link("binh-lu"))
    wait_for(page, "document.body.dataset.ready")
