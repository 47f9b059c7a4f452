"""One connection of a watch, `/uplink/v1/watch`: docs/reference/watch.md."""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket

from lensong.monitoring.clock import Clock
from lensong.monitoring.records import TECHNOLOGIES, Method, Motion
from lensong.monitoring.uplink.channel import Channel, Gone
from lensong.monitoring.uplink.greetings import Greetings
from lensong.monitoring.uplink.refusals import Refusal
from lensong.monitoring.watch.account import Watcher
from lensong.monitoring.watch.desk import OpenWatch, WatchDesk
from lensong.monitoring.watch.messages import EVERY_S, SUBPROTOCOL, answer, unpack_tick

__all__ = ["run_watch"]

_LONGEST_TOKEN = 1_024
_WATCH_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")

_MESSAGES_PER_S, _MESSAGES_AT_ONCE = 1.25, 180.0
"""One a second and a little text; after an outage those of its time come together."""

_LONGEST_S = 1e7
_PROPER_CLOSES = (1000, 1001)


async def run_watch(
    desk: WatchDesk, clock: Clock, greetings: Greetings, websocket: WebSocket
) -> None:
    """Watch over one connection until its client leaves."""
    channel = Channel(websocket)
    if not channel.offers(SUBPROTOCOL):
        await channel.accept(None)
        return await channel.refuse(Refusal("wrong_subprotocol"))
    await channel.accept(SUBPROTOCOL)
    try:
        hello = await greetings.hello(channel, "too_many_watches")
        if isinstance(hello, Refusal):
            return await channel.refuse(hello)
        watch = await _begun(desk, channel, hello)
        if isinstance(watch, Refusal):
            return await channel.refuse(watch)
    except Gone:
        return
    over = False
    try:
        over = await _Conversation(desk, clock, channel, watch).hold()
    finally:
        desk.leave(watch, channel, over=over)


async def _begun(
    desk: WatchDesk, channel: Channel, hello: Mapping[str, Any]
) -> OpenWatch | Refusal:
    token = hello.get("token")
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
        return Refusal("bad_token")
    site_id = await desk.authorize(token, channel.address)
    if isinstance(site_id, Refusal):
        return site_id
    watcher = _watcher(site_id, hello)
    slept_s = _seconds(hello.get("unwatched_s", 0.0))
    if watcher is None or slept_s is None:
        return Refusal("bad_hello")
    if hello.get("site") not in (None, site_id):
        return Refusal("wrong_site")
    before = desk.channel_of(site_id, watcher.client_id)
    watch = desk.begin(watcher, channel)
    if isinstance(watch, Refusal):
        return watch
    if before is not None:
        await before.refuse(Refusal("watch_replaced"))
    watch.account.unwatched(slept_s)
    await channel.say(
        {"type": "watching", "watch": watcher.watch_id, "site": site_id, "every_s": EVERY_S}
    )
    return watch


def _watcher(site_id: str, hello: Mapping[str, Any]) -> Watcher | None:
    """Return who watches, None where that cannot be read."""
    client_id, watch_id = hello.get("client_id"), hello.get("watch")
    technology, operator = hello.get("technology"), hello.get("operator")
    if watch_id is None:
        watch_id = secrets.token_urlsafe(18)
    if not (isinstance(client_id, str) and 0 < len(client_id) <= 64 and client_id.isprintable()):
        return None
    if not (isinstance(watch_id, str) and _WATCH_ID.fullmatch(watch_id)):
        return None
    if technology is not None and technology not in TECHNOLOGIES:
        return None
    if operator is not None and not (
        isinstance(operator, str) and 0 < len(operator) <= 60 and operator.isprintable()
    ):
        return None
    try:
        return Watcher(
            site_id=site_id,
            watch_id=watch_id,
            client_id=client_id,
            method=Method(str(hello.get("method"))),
            motion=Motion(str(hello.get("motion", Motion.UNKNOWN.value))),
            technology=technology,
            operator=operator,
        )
    except ValueError:
        return None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0.0 <= value <= _LONGEST_S else None


class _Conversation:
    """What is said over one connection after the hello."""

    def __init__(self, desk: WatchDesk, clock: Clock, channel: Channel, watch: OpenWatch) -> None:
        self._desk, self._clock, self._channel, self._watch = desk, clock, channel, watch
        self._allowed, self._counted_s = _MESSAGES_AT_ONCE, clock.monotonic_s()

    async def hold(self) -> bool:
        """Answer until the client leaves; return whether it said that the watch is over."""
        while self._channel.open:
            try:
                message = await self._channel.receive()
            except Gone as gone:
                return gone.code in _PROPER_CLOSES
            if not self._may():
                await self._channel.refuse(Refusal("watch_too_fast"))
                return False
            if isinstance(message, bytes):
                tick = unpack_tick(message)
                if tick is None:
                    await self._channel.refuse(Refusal("bad_hello"))
                    return False
                self._desk.heard(self._watch, *tick)
                await self._channel.send(answer(tick[0]))
            elif (refusal := self._told(message)) is not None:
                await self._channel.refuse(refusal)
                return False
            elif _kind(message) == "end":
                await self._channel.close(self._summary())
                return True
        return False

    def _may(self) -> bool:
        now_s = self._clock.monotonic_s()
        gained = (now_s - self._counted_s) * _MESSAGES_PER_S
        self._allowed = min(_MESSAGES_AT_ONCE, self._allowed + gained) - 1.0
        self._counted_s = now_s
        return self._allowed >= 0.0

    def _told(self, text: str) -> Refusal | None:
        """Take what a client says of itself."""
        said = _said(text)
        if said is None:
            return Refusal("bad_hello")
        account = self._watch.account
        kind = said.get("type")
        if kind == "pause":
            account.pause()
        elif kind == "unwatched":
            seconds = _seconds(said.get("seconds"))
            if seconds is None:
                return Refusal("bad_hello")
            account.unwatched(seconds)
        elif kind == "about":
            who = account.watcher
            watcher = _watcher(
                who.site_id,
                {
                    "motion": who.motion,
                    "technology": who.technology,
                    "operator": who.operator,
                    **said,
                    "client_id": who.client_id,
                    "watch": who.watch_id,
                    "method": who.method,
                },
            )
            if watcher is None:
                return Refusal("bad_hello")
            account.tell(watcher)
        elif kind != "end":
            return Refusal("bad_hello")
        return None

    def _summary(self) -> dict[str, Any]:
        account = self._watch.account
        return {
            "type": "summary",
            "watch": account.watcher.watch_id,
            "watched_s": round(account.watched_s, 1),
            "outages_s": account.outages_s[-1_000:],
            "outages": len(account.outages_s),
            "received": account.received,
            "missed": account.missed,
        }


def _said(text: str) -> dict[str, Any] | None:
    if len(text) > 1_024:
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _kind(text: str) -> object:
    said = _said(text)
    return None if said is None else said.get("type")
