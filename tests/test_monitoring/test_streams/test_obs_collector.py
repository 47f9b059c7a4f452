"""OBS, against a small emulation of the documented obs-websocket 5 protocol.

The emulation keeps the rules of the protocol text that a client can break: no message but Identify
before Identified, the authentication string, the close codes. OBS itself needs a screen and is not
run here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.collecting import Outcome, collect
from lensong.monitoring.streams.collectors.obs import authentication
from lensong.monitoring.streams.sample import CollectorFailure, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
PASSWORD = "supersecretpassword"
# the example of the protocol text
SALT = "lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI="
CHALLENGE = "+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY="
PROOF = "1Ct943GAT+6YQUUX47Ia/ncufilbe6+oD6lY+5kaCu4="

Handler = Callable[[ServerConnection], Awaitable[None]]


class Obs:
    """Speaks the server's side of the protocol."""

    def __init__(self, *, locked: bool = True, **status: Any) -> None:
        self.locked = locked
        self.status = {
            "outputActive": True, "outputReconnecting": False, "outputTimecode": "00:01:00.000",
            "outputDuration": 60_000, "outputCongestion": 0.0, "outputBytes": 18_750_000,
            "outputSkippedFrames": 12, "outputTotalFrames": 1_800,
        } | status  # fmt: skip
        self.video = {"baseWidth": 1920, "baseHeight": 1080, "outputWidth": 1280,
                      "outputHeight": 720, "fpsNumerator": 30, "fpsDenominator": 1}  # fmt: skip

    async def __call__(self, socket: ServerConnection) -> None:
        assert socket.subprotocol == "obswebsocket.json"
        hello: dict[str, Any] = {"obsWebSocketVersion": "5.1.0", "rpcVersion": 1}
        if self.locked:
            hello["authentication"] = {"challenge": CHALLENGE, "salt": SALT}
        await socket.send(json.dumps({"op": 0, "d": hello}))
        identify = json.loads(await socket.recv())
        if identify["op"] != 1:
            return await socket.close(4007, "not identified")
        if self.locked and identify["d"].get("authentication") != PROOF:
            return await socket.close(4009, "authentication failed")
        await socket.send(json.dumps({"op": 2, "d": {"negotiatedRpcVersion": 1}}))
        async for message in socket:
            await self._respond(socket, json.loads(message))

    async def _respond(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        assert message["op"] == 6
        asked = message["d"]
        answers = {"GetStreamStatus": self.status, "GetVideoSettings": self.video}
        known = asked["requestType"] in answers
        # an event may come in between, as OBS sends to those that asked for none too
        await socket.send(json.dumps({"op": 5, "d": {"eventType": "ExitStarted"}}))
        response = {
            "requestType": asked["requestType"],
            "requestId": asked["requestId"],
            "requestStatus": {"result": known, "code": 100 if known else 204},
        }
        if known:
            response["responseData"] = answers[asked["requestType"]]
        await socket.send(json.dumps({"op": 7, "d": response}))


def ask(obs: Handler, *, secret: str | None = PASSWORD, **options: Any) -> Outcome:
    async def once() -> Outcome:
        subprotocols = options.pop("subprotocols", ["obswebsocket.json"])
        async with serve(obs, "127.0.0.1", 0, subprotocols=subprotocols, **options) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            target = CollectorTarget(kind="obs", url=f"ws://127.0.0.1:{port}", secret=secret)
            async with GuardedClient(AllowList.of()) as http:
                return await collect(target, http, now=lambda: NOW, timeout_s=2.0)

    return asyncio.run(once())


def code(outcome: Outcome) -> str:
    assert isinstance(outcome, CollectorFailure), outcome
    assert PASSWORD not in outcome.detail
    return outcome.code


def test_the_proof_of_the_protocol_text() -> None:
    assert authentication(PASSWORD, salt=SALT, challenge=CHALLENGE) == PROOF


@pytest.mark.parametrize("locked", [True, False])
def test_a_stream_that_is_sent(locked: bool) -> None:
    outcome = ask(Obs(locked=locked))
    assert isinstance(outcome, list), outcome
    (sample,) = outcome
    assert sample == StreamSample(
        at=NOW, collector="obs", received_bytes_total=18_750_000, frame_rate_hz=30.0,
        width_px=1280, height_px=720, frames_total=1_800, frames_dropped_total=12,
    )  # fmt: skip


def test_nothing_is_sent_or_obs_connects_again() -> None:
    assert ask(Obs(outputActive=False)) == []
    assert ask(Obs(outputReconnecting=True)) == []


def test_a_wrong_password_or_none() -> None:
    assert code(ask(Obs(), secret="wrong")) == "refused"
    assert code(ask(Obs(), secret=None)) == "refused"


def test_fields_that_are_missing_or_wrong() -> None:
    outcome = ask(Obs(outputBytes=None, outputTotalFrames=None))
    assert isinstance(outcome, list)
    assert outcome[0].received_bytes_total is None
    assert code(ask(Obs(outputBytes="many"))) == "wrong_type"
    assert code(ask(Obs(outputActive="yes"))) == "wrong_type"


def test_an_endless_talker_a_long_message_and_rubbish() -> None:
    async def talk(socket: ServerConnection) -> None:
        for _ in range(1_000):
            await socket.send('{"op":5,"d":{}}')

    async def shout(socket: ServerConnection) -> None:
        await socket.send('{"op":0,"d":{"x":"' + "x" * 1_000_000 + '"}}')
        await socket.wait_closed()

    async def babble(socket: ServerConnection) -> None:
        await socket.send("hello")
        await socket.wait_closed()

    async def bare_hello(socket: ServerConnection) -> None:
        await socket.send('{"op":0,"d":{"authentication":{}}}')
        await socket.wait_closed()

    for obs in (talk, shout, babble, bare_hello):
        assert code(ask(obs)) == "bad_answer", obs


def test_a_websocket_that_is_not_obs_and_one_that_is_silent() -> None:
    async def silent(socket: ServerConnection) -> None:
        await socket.wait_closed()

    assert code(ask(silent)) == "timeout"
    assert code(ask(silent, subprotocols=["other"])) in ("timeout", "bad_answer")


def test_redirects_are_not_followed() -> None:
    def redirect(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(302, "")
        response.headers["Location"] = "ws://127.0.0.1:1/"
        return response

    assert code(ask(Obs(), process_request=redirect)) == "bad_answer"
