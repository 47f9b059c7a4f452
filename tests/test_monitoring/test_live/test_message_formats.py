"""What messengers and mail servers get, at real receivers on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request

from tests.running_service import Running, running_service, sqlite_url
from tests.served import served
from tests.test_monitoring.test_live.test_alerts import planned_untested

pytestmark = pytest.mark.anyio


@dataclass
class Inbox:
    """A receiver that keeps what it was sent."""

    app: FastAPI = field(default_factory=FastAPI)
    posts: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=lambda: {"error": 0})

    def __post_init__(self) -> None:
        @self.app.post("/{path:path}")
        async def take(path: str, request: Request) -> dict[str, Any]:
            self.posts.append((path, dict(request.headers), await request.json()))
            return self.answer


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[int, list[tuple[list[str], EmailMessage]]]]:
    """Yield the port of a mail server and the mails that it took, with their envelopes."""
    mails: list[tuple[list[str], EmailMessage]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        envelope: list[str] = []

        def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())

        say("220 here")
        while line := (await reader.readline()).decode().strip():
            match line.split()[0].upper():
                case "EHLO":
                    say("250 here")
                case "DATA":
                    say("354 go on")
                    text = (await reader.readuntil(b"\r\n.\r\n"))[:-5]
                    mail = message_from_bytes(text, policy=policy.default)
                    mails.append((envelope, mail))
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    break
                case _:
                    envelope.append(line)
                    say("250 fine")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], mails


async def add(running: Running, **hook: Any) -> dict[str, Any]:
    admin = await running.signed_in("admin")
    made = await admin.post("/api/v1/webhooks", json={"kinds": ["alert.raised"]} | hook)
    assert made.status_code == 201, made.text
    listed = (await admin.get("/api/v1/webhooks")).text
    assert "geheim" not in listed  # a credential is never told again
    found: dict[str, Any] = made.json()
    return found


async def test_every_format_reaches_a_receiver_with_sentence_link_and_what_to_do(
    tmp_path: Path,
) -> None:
    url = "https://live.example.vn"
    async with running_service(sqlite_url(tmp_path), public_url=url) as running:
        await every_format(running)


def by_hand(running: Running) -> None:
    """Stop the service's own courier: what is due is sent when a test says so."""
    for task in running.service._tasks:
        if task.get_name() == "work":
            task.cancel()


async def every_format(light: Running) -> None:
    inbox = Inbox()
    by_hand(light)
    async with mail_server() as (smtp_port, mails), served(inbox.app) as at:
        token = {"to": "42", "credential": "geheim"}
        await add(light, url=f"{at}/own", language="en")
        await add(light, url=f"{at}/tg", form="telegram", options=token)
        await add(light, url=f"{at}/ntfy/lai-chau", form="ntfy", options={"credential": "geheim"})
        await add(light, url=f"{at}/zalo", form="zalo", options=token)
        teams = await add(light, url=f"{at}/teams?sig=geheim", form="teams")
        await add(
            light,
            url=f"smtp://127.0.0.1:{smtp_port}",
            form="email",
            options={"to": "ioc@example.vn", "sender": "lensong@example.vn"},
        )
        session_id = await planned_untested(light)
        await light.service.courier.send_due()
    assert teams["url"] == "http://127.0.0.1/…"
    got = {path.split("/")[0]: (headers, body) for path, headers, body in inbox.posts}
    link = f"https://live.example.vn/sessions/{session_id}"
    what = "Chợ Bình Lư (Bình Lư): CHƯA RÕ"
    why = "chưa đo gần đây, cần đo tại chỗ"

    headers, body = got["own"]
    assert headers["x-lensong-kind"] == headers["ce-type"].removeprefix("lensong.") == body["kind"]
    assert body["kind"] == "alert.raised"
    assert (headers["ce-specversion"], headers["ce-subject"]) == ("1.0", "binh-lu")
    assert headers["ce-id"] == headers["x-lensong-event"] == str(body["event_id"])
    assert body["url"] == link
    assert body["text"].startswith("Chợ Bình Lư (Bình Lư): UNKNOWN – ")
    assert body["todo"] == "Open the test page on a phone at the site and test once."
    assert body["title"] == "Chợ phiên"

    assert {path for path, _, _ in inbox.posts if path.startswith("tg")} == {
        "tg/botgeheim/sendMessage"
    }
    text = got["tg"][1]["text"]
    assert got["tg"][1]["chat_id"] == "42"
    assert [what, link] == [text.splitlines()[0], text.splitlines()[-1]]
    assert why in text
    assert "Chợ phiên, 08:40–10:40 hôm nay" in text
    assert "Mở trang đo trên điện thoại tại chỗ" in text

    headers, body = got["ntfy"]
    assert headers["authorization"] == "Bearer geheim"
    assert (body["topic"], body["title"], body["click"]) == ("lai-chau", what, link)
    assert why in body["message"]

    headers, body = got["zalo"]
    assert (headers["access_token"], body["recipient"]["user_id"]) == ("geheim", "42")
    assert why in body["message"]["text"]

    (card,) = got["teams"][1]["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["body"][0]["text"] == what
    assert card["content"]["actions"][0]["url"] == link

    envelope, mail = mails[0]
    assert envelope == ["mail FROM:<lensong@example.vn>", "rcpt TO:<ioc@example.vn>"]
    assert mail["Subject"] == f"[lensong] {what}"
    assert why in mail.get_content()
    assert link in mail.get_content()


async def test_what_zalo_refuses_with_status_200_is_tried_again(light: Running) -> None:
    inbox = Inbox(answer={"error": -216, "message": "Access token is invalid"})
    by_hand(light)
    async with served(inbox.app) as at:
        await add(light, url=f"{at}/z", form="zalo", options={"to": "1", "credential": "geheim"})
        await planned_untested(light)
        courier = light.service.courier
        while not inbox.posts:
            await courier.send_due()
        refused = len(inbox.posts)
        inbox.answer = {"error": 0}
        light.clock.turn(hours=1)
        while len(inbox.posts) == refused:
            await courier.send_due()
        await courier.send_due()
        taken = len(inbox.posts)
        light.clock.turn(hours=12)
        await courier.send_due()
        assert len(inbox.posts) == taken
    assert json.dumps(inbox.posts[0][2]) == json.dumps(inbox.posts[-1][2])


async def test_a_webhook_that_lacks_what_its_format_needs_is_refused(light: Running) -> None:
    admin = await light.signed_in("admin")
    for hook in (
        {"url": "ftp://example.vn/x"},
        {"url": "https://lan:geheim@example.vn/x"},
        {"url": "https://example.vn/", "form": "ntfy"},
        {"url": "https://api.telegram.org", "form": "telegram", "options": {"to": "1"}},
        {
            "url": "https://mail.example.vn",
            "form": "email",
            "options": {"to": "a@b", "sender": "c@d"},
        },
        {"url": "smtp://mail.example.vn", "form": "email", "options": {"to": "a@b"}},
        {"url": "https://example.vn/x", "form": "fax"},
    ):
        refused = await admin.post("/api/v1/webhooks", json={"kinds": ["alert.raised"]} | hook)
        assert refused.status_code == 422, (hook, refused.text)
