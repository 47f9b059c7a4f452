"""Messages as their receivers want them: ours, Telegram, ntfy, Zalo OA, Microsoft Teams, e-mail.

References
----------
.. [1] CloudEvents 1.0.2, "HTTP Protocol Binding", section 3.1 (binary content mode).
.. [2] Telegram, "Bot API", sendMessage.
.. [3] ntfy, "Publishing", publish as JSON.
.. [4] Zalo, "Official Account API v3.0", send a consultation message.
.. [5] Microsoft, "Incoming webhooks with Workflows for Microsoft Teams"; Adaptive Cards 1.4.
"""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

__all__ = ["FORMATS", "Post", "Told", "mail_of", "post_of", "send_mail"]

FORMATS = ("lensong", "telegram", "ntfy", "zalo", "teams", "email")
_LONGEST = 3_500
"""Letters; Telegram takes 4096."""

_MAIL_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event as people read it: what, more of it, what to do, where to look."""

    title: str
    text: str = ""
    todo: str = ""
    url: str = ""
    urgent: bool = False

    @property
    def lines(self) -> str:
        """Return all of it, a line each, short enough for every messenger."""
        parts = (self.title, self.text, self.todo, self.url)
        return "\n".join(part for part in parts if part)[:_LONGEST]


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A request to a receiver."""

    url: str
    content: bytes
    headers: Mapping[str, str]


def post_of(form: str, url: str, options: Mapping[str, str], told: Told, *, event_id: int) -> Post:
    """Return the request that tells a messenger of an event.

    Parameters
    ----------
    form : str
        ``telegram``, ``ntfy``, ``zalo`` or ``teams``.
    options : mapping
        ``to`` (chat, or user), ``credential`` (token of bot, account or topic).
    """
    to, credential = options.get("to", ""), options.get("credential", "")
    body: dict[str, Any]
    match form:
        case "telegram":
            url = f"{url.rstrip('/')}/bot{credential}/sendMessage"
            body, headers = {"chat_id": to, "text": told.lines}, {}
        case "ntfy":
            server, _, topic = url.rstrip("/").rpartition("/")
            url = f"{server}/"
            rest = Told(title=told.text or told.title, todo=told.todo)
            body = {
                "topic": topic,
                "title": told.title,
                "message": rest.lines,
                "priority": 4 if told.urgent else 3,
            }
            if told.url.startswith("http"):
                body["click"] = told.url
            headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        case "zalo":
            body = {"recipient": {"user_id": to}, "message": {"text": told.lines[:2_000]}}
            headers = {"access_token": credential}
        case "teams":
            blocks: list[dict[str, Any]] = [
                {"type": "TextBlock", "text": told.title, "weight": "Bolder", "wrap": True}
            ]
            blocks += [
                {"type": "TextBlock", "text": part, "wrap": True}
                for part in (told.text, told.todo)
                if part
            ]
            card: dict[str, Any] = {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": blocks,
            }
            if told.url.startswith("http"):
                card["actions"] = [{"type": "Action.OpenUrl", "title": "lensong", "url": told.url}]
            kind = "application/vnd.microsoft.card.adaptive"
            body = {"type": "message", "attachments": [{"contentType": kind, "content": card}]}
            headers = {}
        case _:
            raise AssertionError(form)
    return Post(
        url=url,
        content=json.dumps(body, ensure_ascii=False).encode(),
        headers={
            "Content-Type": "application/json",
            "User-Agent": "lensong",
            "X-Lensong-Event": str(event_id),
            **headers,
        },
    )


def mail_of(options: Mapping[str, str], told: Told, *, event_id: int) -> EmailMessage:
    """Return an event as a mail; one that is sent twice has the same identifier."""
    mail = EmailMessage()
    mail["Subject"] = f"[lensong] {told.title}"[:200]
    mail["From"] = options["sender"]
    mail["To"] = options["to"]
    host = options["sender"].rpartition("@")[2]
    mail["Message-ID"] = f"<lensong-event-{event_id}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join(p for p in (told.title, told.text, told.todo, told.url) if p))
    return mail


def send_mail(url: str, options: Mapping[str, str], mail: EmailMessage) -> None:
    """Hand a mail to a server: ``smtp://host:587`` (STARTTLS where offered) or ``smtps://host:465``.

    A password goes over an encrypted connection alone.

    Raises
    ------
    smtplib.SMTPException, OSError
        It was not taken.
    """
    address = urlsplit(url)
    host, secure = address.hostname or "", address.scheme == "smtps"
    port = address.port or (465 if secure else 587)
    trust = ssl.create_default_context()
    with (
        smtplib.SMTP_SSL(host, port, timeout=_MAIL_S, context=trust)
        if secure
        else smtplib.SMTP(host, port, timeout=_MAIL_S)
    ) as server:
        server.ehlo()
        encrypted = secure
        if not secure and server.has_extn("starttls"):
            server.starttls(context=trust)
            server.ehlo()
            encrypted = True
        if options.get("credential"):
            if not encrypted:
                raise smtplib.SMTPNotSupportedError("the server offers no encryption: no password")
            server.login(options.get("user") or options["sender"], options["credential"])
        server.send_message(mail)
