"""The phone page and the site's sessions: the next one is judged, the last one is told of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.operations.session_words import make_word_link
from lensong.monitoring.records import Motion, Session, SessionOutcome, SessionWord
from lensong.monitoring.store.session_words import words_on
from lensong.monitoring.store.sessions import put_session
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


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Page]:
    with chromium_page(tmp_path / "profile") as page:
        page.resize(360, 740, mobile=True)
        yield page


def planned(served: Served, title: str, *, begins_h: float, hours: float = 2.0) -> Session:
    """Put a session that begins so long from now."""
    starts_at = served.service.clock.now() + timedelta(hours=begins_h)
    session = Session(
        session_id=title.encode().hex()[:20],
        site_id="binh-lu",
        title=title,
        profile_code="voice-still",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=hours),
    )

    async def work() -> None:
        now = served.service.clock.now()
        await served.service.writer.run(lambda c: put_session(c, session, now=now))
        await served.service.keep_time()

    served.call(work())
    return session


def words(served: Served, session: Session) -> tuple[SessionWord, ...]:
    async def work() -> tuple[SessionWord, ...]:
        async with served.service.database.reading() as connection:
            return await words_on(connection, session.session_id)

    return served.call(work())


def join(served: Served, page: Page) -> None:
    page.open(served.join_link())
    wait_for(page, "document.body.dataset.ready")


def text(element: str) -> str:
    return f"document.getElementById('{element}').innerText"


def test_the_next_session_is_judged_first_and_now_is_one_tap_away(
    served: Served, phone: Page
) -> None:
    planned(served, "Phiên sau nữa", begins_h=30.0)
    planned(served, "Chợ phiên", begins_h=3.0)
    join(served, phone)
    assert phone.ask(text("next-title")) == "Chợ phiên"
    assert phone.ask("document.getElementById('own').hidden")
    assert problems_of(phone) == []
    asked = "import(JSON.parse(document.getElementById('places').textContent).sessions)"
    query = json.loads(
        str(
            phone.ask(
                f"{asked}.then((m) => JSON.stringify(m.asked(m.nextSession())))",
            )
        )
    )
    assert (query["profile"], query["duration"]) == ("voice-still", "7200")
    phone.ask("document.getElementById('next-toggle').click()")
    assert not phone.ask("document.getElementById('own').hidden")
    assert phone.ask(f"{asked}.then((m) => m.nextSession() === null)")
    phone.ask("document.getElementById('next-toggle').click()")
    assert phone.ask("document.getElementById('own').hidden")


SHAKEN = """setInterval(() => dispatchEvent(Object.assign(new Event('devicemotion'),
    {acceleration: {x: 3, y: 2, z: 1}})), 50)"""


@pytest.mark.slow
def test_a_test_answers_for_the_next_session(served: Served, phone: Page) -> None:
    planned(served, "Chợ phiên", begins_h=3.0)
    join(served, phone)
    wait_for(phone, f"{text('cost')} !== ''")
    assert "13 giây" in phone.ask(text("cost"))  # it stops when it knows enough
    assert phone.ask(f"{text('next-state')}.trim()") == "CHƯA RÕ"
    phone.ask(SHAKEN)  # somebody walks with it
    phone.ask("document.getElementById('start').click()")
    wait_for(phone, "!document.getElementById('moves').hidden")
    wait_for(phone, "!document.getElementById('answer').hidden")
    assert "Chợ phiên" in str(phone.ask(text("judged")))
    assert "di chuyển" in str(phone.ask(text("freezes")))
    assert problems_of(phone) == []
    last = served.service.board.last_of("binh-lu")
    assert last is not None
    assert last.motion is Motion.MOVING
    assert 13.0 <= (last.duration_s or 0.0) < 20.0  # of 30 s


def test_a_word_said_without_a_network_is_kept_and_sent_once(served: Served, phone: Page) -> None:
    over = planned(served, "Hôm qua", begins_h=-20.0)
    running = planned(served, "Bây giờ", begins_h=-0.5)
    join(served, phone)
    offline(phone, yes=True)
    for word in ("lost", "froze"):  # she thinks better of it
        phone.ask(f"document.getElementById('word-{word}').click()")
        wait_for(phone, f"document.getElementById('word-{word}').ariaPressed === 'true'")
    wait_for(phone, f"{text('word-thanks')}.includes('sẽ tự gửi')")
    assert words(served, running) == ()
    offline(phone, yes=False)
    phone.ask("dispatchEvent(new Event('online'))")
    wait_until(lambda: len(words(served, running)) == 1, "the word")
    (said,) = words(served, running)
    assert (said.word, said.during) == (SessionOutcome.FROZE, True)
    stored = "import(JSON.parse(document.getElementById('places').textContent).store)"
    wait_for(phone, f"{stored}.then(async (m) => (await m.waitingWords()).length === 0)")
    phone.ask("dispatchEvent(new Event('online'))")
    assert words(served, running) == (said,)  # and no second time
    assert words(served, over) == ()


def offline(page: Page, *, yes: bool) -> None:
    page.call(
        "Network.emulateNetworkConditions",
        offline=yes,
        latency=0,
        downloadThroughput=-1,
        uploadThroughput=-1,
    )


def test_one_tap_says_how_it_goes_and_whether_it_held(served: Served, phone: Page) -> None:
    over = planned(served, "Hôm qua", begins_h=-20.0)
    join(served, phone)
    assert phone.ask(text("word-of")).startswith("Hôm qua")
    assert phone.ask(text("word-held")) == "Giữ được"
    assert problems_of(phone) == []
    phone.ask("document.getElementById('word-held').click()")
    wait_for(phone, "document.getElementById('word-held').ariaPressed === 'true'")
    (said,) = wait_until(lambda: words(served, over), "the word")
    assert (said.word, said.during) == (SessionOutcome.HELD, False)

    running = planned(served, "Bây giờ", begins_h=-0.5)
    phone.open(f"{served.url}/p")
    wait_for(phone, "document.body.dataset.ready")
    assert phone.ask(text("word-froze")) == "Đứng hình"
    phone.ask("document.getElementById('word-froze').click()")
    wait_for(phone, "document.getElementById('word-froze').ariaPressed === 'true'")
    (said,) = wait_until(lambda: words(served, running), "the word")
    assert (said.word, said.during) == (SessionOutcome.FROZE, True)


def test_whoever_has_the_link_says_it_without_signing_in(served: Served, phone: Page) -> None:
    over = planned(served, "Hôm qua", begins_h=-20.0)
    admin = Principal(actor="person:lan", name="Lan", role=Role.ADMIN)
    link = served.call(make_word_link(served.service, admin, over))
    phone.open(f"{served.url}/held/{link.secret}")
    wait_for(phone, "document.querySelectorAll('button[data-body]').length === 3")
    assert problems_of(phone) == []
    phone.ask("document.querySelectorAll('button[data-body]')[1].click()")
    wait_for(phone, "document.querySelectorAll('.words li').length === 1")
    (said,) = words(served, over)
    assert (said.word, said.teller[:5]) == (SessionOutcome.FROZE, "link:")


def test_the_session_page_asks_and_shows_what_was_said(served: Served, phone: Page) -> None:
    over = planned(served, "Hôm qua", begins_h=-20.0)
    served.add_person("lan", "site", "binh-lu")
    served.sign_in(phone, "lan")
    phone.open(f"{served.url}/sessions/{over.session_id}")
    wait_for(phone, "document.querySelectorAll('button[data-body*=held]').length === 1")
    assert problems_of(phone) == []
    phone.ask("document.querySelector('button[data-body*=lost]').click()")
    wait_for(phone, "document.querySelectorAll('.words li').length === 1")
    (said,) = words(served, over)
    assert (said.word, said.teller) == (SessionOutcome.LOST, "person:lan")
