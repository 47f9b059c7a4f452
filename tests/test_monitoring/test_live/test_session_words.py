"""A person's word on a session: one tap, kept once, evidence below a media server's figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.records import Motion, SessionOutcome, ToldBy, WatchPart
from lensong.monitoring.store.streams import finished_sessions, put_finished_session
from lensong.monitoring.store.tables import audit
from lensong.monitoring.store.watches import put_watch_parts
from tests.running_service import START, Running

pytestmark = pytest.mark.anyio


async def planned(client: httpx.AsyncClient, site_id: str = "binh-lu") -> str:
    made = await client.post(
        "/api/v1/sessions",
        json={
            "site_id": site_id,
            "title": "Chợ phiên",
            "profile_code": "tiktok-720p30",
            "starts_at": (START + timedelta(hours=1)).isoformat(),
            "ends_at": (START + timedelta(hours=3)).isoformat(),
        },
    )
    assert made.status_code == 201, made.text
    return str(made.json()["session_id"])


async def said(client: httpx.AsyncClient, session_id: str, word: str) -> httpx.Response:
    return await client.put(f"/api/v1/sessions/{session_id}/word", json={"word": word})


async def evidence(running: Running) -> tuple[FinishedSession, ...]:
    now = running.clock.now()
    async with running.service.database.reading() as connection:
        found = await finished_sessions(connection, now - timedelta(days=9), now, newest=9)
    return tuple(past.finished for past in found)


async def report(client: httpx.AsyncClient, session_id: str) -> Any:
    return (await client.get(f"/api/v1/sessions/{session_id}/report")).json()


async def test_nothing_is_told_of_a_session_to_come_or_called_off(light: Running) -> None:
    client = await light.signed_in("site", "binh-lu")
    session_id = await planned(client)
    assert (await said(client, session_id, "held")).status_code == 409
    await client.patch(f"/api/v1/sessions/{session_id}", json={"status": "cancelled"})
    light.clock.turn(hours=4)
    refused = await said(client, session_id, "held")
    assert (refused.status_code, refused.json()["code"]) == (409, "session_over")
    assert (await client.post(f"/api/v1/sessions/{session_id}/word-links")).status_code == 409
    assert (await said(client, session_id, "fine")).status_code == 422
    assert not await evidence(light)


async def test_a_word_during_a_session_is_shown_and_is_no_evidence(running: Running) -> None:
    client, phone = await running.signed_in("site", "binh-lu"), await running.device()
    session_id = await planned(client)
    running.clock.turn(hours=1.5)
    for word in ("held", "froze"):
        answer = await said(phone, session_id, word)
        assert (answer.status_code, answer.json()["during"]) == (200, True)
    running.clock.turn(hours=2)
    await running.service.keep_time()
    told = (await report(client, session_id))["told"]
    assert [(item["word"], item["during"]) for item in told] == [("froze", True)]
    assert not await evidence(running)
    # what it came to does not wipe out how it went
    await said(phone, session_id, "held")
    assert [item["word"] for item in (await report(client, session_id))["told"]] == [
        "froze",
        "held",
    ]


async def test_a_word_that_a_phone_kept_counts_as_of_when_it_was_said(running: Running) -> None:
    client, phone = await running.signed_in("site", "binh-lu"), await running.device()
    session_id = await planned(client)
    running.clock.turn(hours=4)
    await running.service.keep_time()

    async def late(word: str, ago_h: float) -> httpx.Response:
        body = {"word": word, "said_ago_s": 3_600.0 * ago_h}
        return await phone.put(f"/api/v1/sessions/{session_id}/word", json=body)

    during = await late("lost", 2.5)
    assert (during.status_code, during.json()["during"]) == (200, True)
    assert not await evidence(running)  # of that moment alone, however late it comes
    assert (await late("held", 3.5)).status_code == 409  # it had not begun
    assert (await late("held", 1_000.0)).status_code == 422
    assert (await said(phone, session_id, "held")).json()["during"] is False
    assert (await late("froze", 0.5)).status_code == 200  # older than what she said since
    told = (await report(client, session_id))["told"]
    assert [(item["word"], item["during"]) for item in told] == [("lost", True), ("held", False)]


async def test_a_session_whose_watch_was_carried_about_is_one_of_a_moving_phone(
    light: Running,
) -> None:
    client, phone = await light.signed_in("site", "binh-lu"), await light.device()
    session_id = await planned(client)
    light.clock.turn(hours=2)
    part = WatchPart(
        site_id="binh-lu",
        watch_id="w" * 16,
        client_id="c",
        started_at=START + timedelta(hours=1.5),
        ended_at=START + timedelta(hours=1.75),
        watched_s=900.0,
        motion=Motion.MOVING,
    )
    await light.service.writer.run(lambda connection: put_watch_parts(connection, [part]))
    light.clock.turn(hours=2)
    await light.service.keep_time()
    await said(phone, session_id, "held")
    (past,) = await evidence(light)
    assert past.motion is Motion.MOVING


async def test_a_word_after_a_session_is_evidence_once(running: Running) -> None:
    client, phone = await running.signed_in("site", "binh-lu"), await running.device()
    session_id = await planned(client)
    running.clock.turn(hours=4)
    await running.service.keep_time()
    await said(phone, session_id, "lost")
    await said(phone, session_id, "held")  # a tap beside the button
    (past,) = await evidence(running)
    assert (past.told_by, past.outcome, past.site_id) == (
        ToldBy.PERSON,
        SessionOutcome.HELD,
        "binh-lu",
    )
    assert (past.watched_s, past.carried_bps) == (7_200.0, None)
    await said(client, session_id, "froze")  # as many say this as that: the worse
    (past,) = await evidence(running)
    assert past.outcome is SessionOutcome.FROZE
    assert (await report(client, session_id))["told_outcome"] == "froze"
    async with running.service.database.reading() as connection:
        rows = await connection.execute(select(audit).where(audit.c.action == "session.word"))
        noted = [(row.actor.partition(":")[0], row.detail["word"]) for row in rows]
    assert noted == [("token", "lost"), ("token", "held"), ("person", "froze")]


@pytest.mark.parametrize("figure_first", [True, False])
async def test_a_figure_stands_above_a_word_and_is_not_doubled(
    running: Running, figure_first: bool
) -> None:
    client = await running.signed_in("site", "binh-lu")
    session_id = await planned(client)
    running.clock.turn(hours=4)
    figure = FinishedSession(
        ended_at=START + timedelta(hours=3),
        site_id="binh-lu",
        told_by=ToldBy.MEDIA_SERVER,
        outcome=SessionOutcome.HELD,
        uplink_required_bps=2.8e6,
        carried_bps=2.9e6,
        watched_s=7_000.0,
    )

    async def figures() -> None:
        await running.service.writer.run(
            lambda connection: put_finished_session(connection, session_id, figure)
        )

    if figure_first:
        await figures()
    assert (await said(client, session_id, "froze")).status_code == 200
    if not figure_first:
        await figures()
    assert await evidence(running) == (figure,)
    assert (await report(client, session_id))["told_outcome"] == "froze"  # and it is still shown


async def test_a_link_is_for_one_session_and_ends(light: Running) -> None:
    client = await light.signed_in("site", "binh-lu")
    session_id = await planned(client)
    link = (await client.post(f"/api/v1/sessions/{session_id}/word-links")).json()
    secret = link["url"].rpartition("/held/")[2]
    nobody = light.client()
    light.clock.turn(hours=4)
    answer = await nobody.post("/api/v1/words", json={"secret": secret, "word": "held"})
    assert answer.status_code == 200
    assert answer.json()["teller"].startswith("link:")
    assert secret not in answer.text
    (past,) = await evidence(light)
    assert past.told_by is ToldBy.PERSON
    # it opens nothing else
    assert (
        await light.client(Authorization=f"Bearer {secret}").get("/api/v1/me")
    ).status_code == 401
    joined = await nobody.post("/api/v1/join", json={"secret": secret})
    assert joined.status_code == 404
    wrong = await nobody.post("/api/v1/words", json={"secret": secret[:-2] + "xx", "word": "held"})
    assert wrong.status_code == 404
    light.clock.turn(days=2)
    late = await nobody.post("/api/v1/words", json={"secret": secret, "word": "lost"})
    assert late.status_code == 404
    await light.service.prune()
    assert [past.outcome for past in await evidence(light)] == [SessionOutcome.HELD]


async def test_a_word_of_another_area_is_refused(light: Running) -> None:
    session_id = await planned(await light.signed_in("admin"))
    light.clock.turn(hours=4)
    for client in (
        await light.device("sin-ho"),
        await light.signed_in("site", "sin-ho"),
        await light.signed_in("province", "11"),
    ):
        assert (await said(client, session_id, "lost")).status_code == 404
    assert not await evidence(light)
