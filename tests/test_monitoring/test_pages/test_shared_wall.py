"""However many walls hang and however much happens, the wall is drawn once for all of them."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest

from lensong.monitoring.store.events import Event
from lensong.monitoring.web.pages import rendering, wallboard
from lensong.monitoring.web.pages.shared_drawings import KEEP_S
from tests.running_service import Running
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.anyio

WALLS, EVENTS = 50, 6


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Return the threads in which walls were drawn, one entry each time."""
    threads: list[threading.Thread] = []
    before = rendering.draw_part

    def counted(*args: Any, **values: Any) -> Any:
        threads.append(threading.current_thread())
        return before(*args, **values)

    monkeypatch.setattr(wallboard, "draw_part", counted)
    return threads


async def test_fifty_walls_in_a_burst_of_events_cost_one_drawing(
    light: Running, drawn: list[threading.Thread]
) -> None:
    clients = [await light.signed_in("province", "12") for _ in range(WALLS)]

    async def wall(client: Any, heard: list[str]) -> None:
        with light.service.bus.listening(str(id(client))) as listener:
            left = EVENTS
            while left:
                events = await listener.hear(PATIENCE_S)
                assert events
                left -= len(events)
                heard.append((await client.get("/")).text)

    async def burst(first: int) -> list[list[str]]:
        pages: list[list[str]] = [[] for _ in clients]
        hanging = [
            asyncio.create_task(wall(client, heard))
            for client, heard in zip(clients, pages, strict=True)
        ]
        while light.service.bus.listeners < WALLS:
            await asyncio.sleep(0)
        for number in range(EVENTS):
            light.service.bus.publish(
                Event(
                    id=first + number,
                    at=light.clock.now(),
                    kind="stream.changed",
                    site_id="binh-lu",
                    session_id=None,
                    body={},
                )
            )
        await asyncio.gather(*hanging)
        return pages

    pages = await burst(1)
    assert len(drawn) == 1
    assert drawn[0] is not threading.current_thread()
    # what is somebody's own is not shared
    own = {re.search(r'name="csrf" content="([^"]+)"', page).group(1) for (page, *_) in pages}  # type: ignore[union-attr]
    assert len(own) == WALLS
    assert all("Somebody of province" in page for heard in pages for page in heard)

    admin = await light.signed_in("admin")
    body = {"site_id": "new", "name": "Phiên chợ mới", "commune_code": "03390"}
    assert (await admin.post("/api/v1/sites", json=body)).status_code == 201
    light.clock.turn(seconds=KEEP_S)
    pages = await burst(100)
    assert len(drawn) == 2
    assert all("Phiên chợ mới" in page for heard in pages for page in heard)


async def test_whole_pages_are_drawn_and_packed_off_the_loop(
    light: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    for name in ("render", "packed"):
        before = getattr(wallboard, name)

        def seen(*args: Any, before: Any = before, **values: Any) -> Any:
            threads.append(threading.current_thread())
            return before(*args, **values)

        monkeypatch.setattr(wallboard, name, seen)
    client = await light.signed_in("province", "12")
    pages = await asyncio.gather(
        *(client.get("/", headers={"Accept-Encoding": "gzip"}) for _ in range(5))
    )
    assert {page.headers["content-encoding"] for page in pages} == {"gzip"}
    assert all("Chợ Bình Lư" in page.text for page in pages)
    assert len(threads) == 2 * len(pages)
    assert len(set(threads)) == 1
    assert threading.current_thread() not in threads


async def test_a_wall_is_shared_within_one_area_and_language_alone(
    light: Running, drawn: list[threading.Thread]
) -> None:
    ours, others = await light.signed_in("province", "12"), await light.signed_in("province", "11")
    site, everywhere = await light.signed_in("site", "binh-lu"), await light.signed_in("admin")
    page = {
        name: (await client.get(path)).text
        for name, client, path in (
            ("12", ours, "/"),
            ("11", others, "/"),
            ("site", site, "/"),
            ("all", everywhere, "/"),
            ("one of all", everywhere, "/?province=11"),
            ("none", everywhere, "/?province=99"),
        )
    }
    assert len(drawn) == len(page)
    sees = {
        name: {site for site in ("Bình Lư", "Sìn Hồ", "Mường Phăng") if f"Chợ {site}" in text}
        for name, text in page.items()
    }
    assert sees == {
        "12": {"Bình Lư", "Sìn Hồ"},
        "11": {"Mường Phăng"},
        "site": {"Bình Lư"},
        "all": {"Bình Lư", "Sìn Hồ", "Mường Phăng"},
        "one of all": {"Mường Phăng"},
        "none": set(),
    }
    vietnamese = await ours.get("/", headers={"Accept-Language": "vi"})
    assert "Sites" in page["12"]
    assert "Sites" not in vietnamese.text
    assert len(drawn) == len(page) + 1
    # whatever provinces are made up, they are one drawing
    for number in range(5):
        await everywhere.get(f"/?province=made-up-{number}")
    assert len(drawn) == len(page) + 1


async def test_walls_that_hang_get_the_same_bytes_and_nothing_of_anybodys_own(
    light: Running, drawn: list[threading.Thread]
) -> None:
    clients = [await light.signed_in("province", "12") for _ in range(3)]
    for client in clients:
        client.headers["Accept-Encoding"] = "gzip"
    answers = [await client.get("/wall") for client in clients]
    assert len(drawn) == 1
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["content-encoding"] for answer in answers} == {"gzip"}
    assert "Chợ Bình Lư" in answers[0].text
    assert "Somebody of" not in answers[0].text
    assert "csrf" not in answers[0].text
    page = (await clients[0].get("/")).text
    assert answers[0].text in page
    plain = await clients[0].get("/wall", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == answers[0].text
    # a wall of one province asks for that province again
    admin = await light.signed_in("admin")
    asked = re.search(r'data-part="([^"]+)"', (await admin.get("/?province=11")).text)
    assert asked is not None
    assert "Chợ Mường Phăng" in (await admin.get(asked.group(1))).text
    assert "Chợ Bình Lư" not in (await admin.get(asked.group(1))).text
    away = await light.client().get("/wall", follow_redirects=False)
    assert (away.status_code, away.headers["location"]) == (303, "/sign-in?next=/wall")
