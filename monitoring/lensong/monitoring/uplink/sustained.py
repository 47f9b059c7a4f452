"""Our own test: longer than ndt7's, with a queue and round trips. docs/reference/uplink-test.md."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from starlette.websockets import WebSocket

from lensong.monitoring.clock import rfc3339
from lensong.monitoring.uplink.admission import Slot
from lensong.monitoring.uplink.channel import Channel, Gone
from lensong.monitoring.uplink.counting import UplinkResult
from lensong.monitoring.uplink.measurement import measurement
from lensong.monitoring.uplink.outcomes import FinishedTest, UplinkFailure, UplinkPermit
from lensong.monitoring.uplink.refusals import Refusal
from lensong.monitoring.uplink.service import Terms, UplinkService
from lensong.monitoring.uplink.upload import Upload

__all__ = ["SUBPROTOCOL", "answer_probe", "run_test"]

SUBPROTOCOL = "lensong.uplink.v1"

_QUEUE_NEWS_S = 5.0
_LONGEST_TOKEN = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hello:
    token: str
    seconds: int
    method: Literal["page", "cli"]
    client_id: str | None
    site: str | None
    profile: str | None
    clock_offset_s: float | None


async def run_test(service: UplinkService, websocket: WebSocket) -> None:
    """Run one test of `/uplink/v1/test` from its first message to its last."""
    channel = await _accepted(websocket)
    if channel is None:
        return
    try:
        hello = await _greet(service, channel)
        if isinstance(hello, Refusal):
            return await channel.refuse(hello)
        permit = await service.permit(hello.token, channel.address)
        if isinstance(permit, Refusal):
            return await channel.refuse(permit)
        if hello.site not in (None, permit.site_id):
            return await channel.refuse(Refusal("wrong_site"))
        terms = service.terms(permit, hello.seconds, hello.profile)
        if isinstance(terms, Refusal):
            return await channel.refuse(terms)
        slot = service.take_slot(permit, hello.seconds)
        if isinstance(slot, Refusal):
            return await channel.refuse(slot)
        await _run_in_slot(service, channel, hello, permit, terms, slot)
    except Gone:
        pass  # before anything was measured


async def answer_probe(service: UplinkService, websocket: WebSocket) -> None:
    """Serve the second connection of a test, `/uplink/v1/probe`."""
    channel = await _accepted(websocket)
    if channel is None:
        return
    try:
        hello = await service.greetings.hello(channel)
    except Gone:
        return
    meter = hello if isinstance(hello, Refusal) else service.take_probe(hello.get("probe_key"))
    if isinstance(meter, Refusal):
        return await channel.refuse(meter)
    await meter.run(channel)
    await channel.close()


async def _run_in_slot(
    service: UplinkService,
    channel: Channel,
    hello: _Hello,
    permit: UplinkPermit,
    terms: Terms,
    slot: Slot,
) -> None:
    key, meter = service.open_probe()
    test_id = secrets.token_hex(16)
    upload = service.upload(
        channel,
        hello.seconds,
        terms.max_bytes,
        ndt7=False,
        may_stop=terms.enough is not None,
    )
    try:
        await _await_turn(service, channel, slot)
        await channel.say(
            {
                "type": "admitted",
                "test_id": test_id,
                "site": permit.site_id,
                "seconds": hello.seconds,
                "probe_key": key,
                "max_bytes": terms.max_bytes,
                "max_rate_bps": round(terms.max_rate_bps),
                "message_bytes": service.settings.message_bytes,
                "max_message_bytes": service.settings.max_message_bytes,
                **({} if terms.enough is None else {"enough": terms.enough.to_dict()}),
            }
        )
        await meter.idle(service.settings.idle_s)
        await channel.say({"type": "go"})
        go_s = service.clock.monotonic_s()
        await upload.receive(lambda upload: channel.say(_measurement(upload)))
        outcome = upload.failure() or service.result(
            upload, channel, meter=meter, go_s=go_s, max_rate_bps=terms.max_rate_bps
        )
    finally:
        service.close_probe(key, meter)
        service.give_back(slot, used=upload.received_bytes > 0)
    finished = FinishedTest(
        test_id=test_id,
        permit=permit,
        method=hello.method,
        client_id=permit.client_id or hello.client_id or test_id,
        started_at=service.moment(upload.first_byte_s),
        clock_offset_s=hello.clock_offset_s,
        outcome=outcome,
    )
    if upload.ended in ("time", "bytes", "enough"):
        await channel.say({"type": "stop", "reason": upload.ended})
    unstored = await service.settle(finished)
    if isinstance(outcome, UplinkFailure):
        await channel.refuse(_why(upload, outcome), outcome.kind)
    elif unstored is not None:
        await channel.refuse(unstored, "failure")
    else:
        await channel.close(_result(finished, outcome))


async def _accepted(websocket: WebSocket) -> Channel | None:
    channel = Channel(websocket)
    if not channel.offers(SUBPROTOCOL):
        await channel.accept(None)
        await channel.refuse(Refusal("wrong_subprotocol"))
        return None
    await channel.accept(SUBPROTOCOL)
    return channel


async def _greet(service: UplinkService, channel: Channel) -> _Hello | Refusal:
    said = await service.greetings.hello(channel)
    if isinstance(said, Refusal):
        return said
    return _understood(said, service.settings.seconds, service.clock.now())


def _understood(
    said: Mapping[str, Any], allowed_seconds: tuple[int, ...], now: datetime
) -> _Hello | Refusal:
    token, seconds, method = said.get("token"), said.get("seconds"), said.get("method")
    client_id, site, sent_at = said.get("client_id"), said.get("site"), said.get("sent_at")
    profile = said.get("profile")
    texts = (
        (token, _LONGEST_TOKEN), (client_id or "x", 64), (site or "x", 64), (profile or "x", 64)
    )  # fmt: skip
    if not all(isinstance(text, str) and 0 < len(text) <= most for text, most in texts):
        return Refusal("bad_hello")
    if isinstance(seconds, bool) or seconds not in allowed_seconds or method not in ("page", "cli"):
        return Refusal("bad_hello")
    assert isinstance(token, str)
    return _Hello(
        token=token,
        seconds=int(seconds),
        method=method,
        client_id=client_id or None,
        site=site or None,
        profile=profile or None,
        clock_offset_s=_offset_s(sent_at, now),
    )


def _offset_s(sent_at: object, now: datetime) -> float | None:
    """Return how far a client's clock is ahead; a clock that cannot be read is unknown."""
    if not isinstance(sent_at, str):
        return None
    try:
        sent = datetime.fromisoformat(sent_at)
        return (sent.replace(tzinfo=sent.tzinfo or UTC) - now).total_seconds()
    except (ValueError, OverflowError):
        return None


async def _await_turn(service: UplinkService, channel: Channel, slot: Slot) -> None:
    """Tell a client how long it waits, until its turn comes; `Gone` when it leaves before."""
    turn = asyncio.create_task(service.turn(slot).wait())
    # Nothing is due from the client: a message before `admitted` breaks the rules and is dropped.
    heard = asyncio.create_task(channel.receive())
    try:
        while not turn.done():
            if slot.running:
                await turn
                break
            wait_s = math.ceil(service.wait_s(slot))
            position = service.admission.position(slot)
            await channel.say({"type": "queued", "position": position, "wait_s": wait_s})
            await asyncio.wait(
                (turn, heard), timeout=_QUEUE_NEWS_S, return_when=asyncio.FIRST_COMPLETED
            )
            if heard.done():
                heard.result()
                heard = asyncio.create_task(channel.receive())
    finally:
        turn.cancel()
        heard.cancel()
        await asyncio.gather(turn, heard, return_exceptions=True)


def _measurement(upload: Upload) -> dict[str, Any]:
    return {"type": "measurement"} | measurement(
        "upload", elapsed_s=upload.duration_s, num_bytes=upload.received_bytes
    )


def _result(finished: FinishedTest, result: UplinkResult) -> dict[str, Any]:
    return {
        "type": "result",
        "test_id": finished.test_id,
        "site": finished.permit.site_id,
        "started_at": rfc3339(finished.started_at),
        "sustained": result.sustained,
        **asdict(result),
    }


def _why(upload: Upload, failure: UplinkFailure) -> Refusal:
    return upload.refusal or Refusal(
        failure.code if failure.code == "too_little_data" else "stalled"
    )
