"""ndt7, so that any of its clients can be pointed at us.

References
----------
.. [1] M-Lab, "ndt7 protocol specification", version 0.11.0, in the repository m-lab/ndt-server.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from lensong.monitoring.uplink.admission import Slot
from lensong.monitoring.uplink.channel import Channel, Gone
from lensong.monitoring.uplink.counting import UplinkResult
from lensong.monitoring.uplink.measurement import connection_info, measurement
from lensong.monitoring.uplink.outcomes import (
    DownloadResult,
    FinishedTest,
    UplinkFailure,
    UplinkPermit,
)
from lensong.monitoring.uplink.refusals import Refusal
from lensong.monitoring.uplink.service import UplinkService
from lensong.monitoring.uplink.tcp_info import TcpInfo
from lensong.monitoring.uplink.upload import Upload

__all__ = ["SUBPROTOCOL", "run_download", "run_upload"]

SUBPROTOCOL = "net.measurementlab.ndt.v7"

_SECONDS = 10.0
_LONGEST_QUERY = 4_096
_REPORT_S = 0.25
_FIRST_MESSAGE_BYTES = 1 << 13
_LARGEST_MESSAGE_BYTES = 1 << 18
"""No use in larger ones: they would only wait in our buffers."""

_GROWTH = 16
"""Messages double while 16 of their size have been sent (appendix of the specification)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Admitted:
    channel: Channel
    permit: UplinkPermit
    slot: Slot
    max_bytes: int


async def run_upload(service: UplinkService, websocket: WebSocket) -> None:
    """Run one `/ndt/v7/upload`."""
    admitted = await _admit(service, websocket)
    if admitted is None:
        return
    channel = admitted.channel
    upload = service.upload(channel, _SECONDS, admitted.max_bytes, ndt7=True)

    async def report(upload: Upload) -> None:
        info = _tcp_info(service, channel)
        await channel.say(
            measurement(
                "upload",
                elapsed_s=upload.duration_s,
                num_bytes=upload.received_bytes,
                info=info,
            )
        )

    try:
        await channel.say(
            measurement("upload", elapsed_s=0.0, num_bytes=0) | connection_info(websocket.scope)
        )
        await upload.receive(report)
        outcome = _judged(upload, service.result(upload, channel))
    finally:
        service.give_back(admitted.slot, used=upload.received_bytes > 0)
    await _settle(service, admitted.permit, service.moment(upload.first_byte_s), outcome)
    await report(upload)
    await channel.close()


async def run_download(service: UplinkService, websocket: WebSocket) -> None:
    """Run one `/ndt/v7/download`."""
    admitted = await _admit(service, websocket)
    if admitted is None:
        return
    channel = admitted.channel
    download = _Download(service, channel, admitted.max_bytes)
    try:
        await channel.say(
            measurement("download", elapsed_s=0.0, num_bytes=0) | connection_info(websocket.scope)
        )
        await download.run()
    finally:
        service.give_back(admitted.slot, used=download.sent_bytes > 0)
    await _settle(service, admitted.permit, service.moment(download.begun_s), download.result())
    await download.report()
    await channel.close()


class _Download:
    """Sends random bytes for ten seconds, or as long as the client takes them."""

    def __init__(self, service: UplinkService, channel: Channel, max_bytes: int) -> None:
        self._service, self._channel, self._max_bytes = service, channel, max_bytes
        self.begun_s = self._ended_s = service.clock.monotonic_s()
        self.sent_bytes = 0
        self._acked_bytes: int | None = None

    async def run(self) -> None:
        sending = asyncio.create_task(self._send())
        hearing = asyncio.create_task(self._hear())
        try:
            async with asyncio.timeout(_SECONDS):
                await asyncio.wait((sending, hearing), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            pass  # the usual end
        finally:
            self._ended_s = self._service.clock.monotonic_s()
            info = _tcp_info(self._service, self._channel)
            self._acked_bytes = info.bytes_acked if info is not None else None
            sending.cancel()
            hearing.cancel()
            await asyncio.gather(sending, hearing, return_exceptions=True)

    def result(self) -> DownloadResult:
        duration_s = self._ended_s - self.begun_s
        # What waits in our own buffers was handed over, but has not been received.
        received = self.sent_bytes if self._acked_bytes is None else self._acked_bytes
        return DownloadResult(
            sent_bytes=received,
            duration_s=duration_s,
            mean_bps=8.0 * received / duration_s if duration_s > 0.0 else 0.0,
        )

    async def _send(self) -> None:
        size, reported_s = _FIRST_MESSAGE_BYTES, self.begun_s
        message = self._service.random_block[:size]
        while self._channel.open and self.sent_bytes + size <= self._max_bytes:
            if size < _LARGEST_MESSAGE_BYTES and self.sent_bytes >= _GROWTH * size:
                size *= 2
                message = self._service.random_block[:size]
            await self._channel.send(message)
            self.sent_bytes += size
            now_s = self._service.clock.monotonic_s()
            if now_s - reported_s >= _REPORT_S:
                reported_s = now_s
                await self.report()
            await asyncio.sleep(0)  # a client that keeps up must not keep the others out

    async def _hear(self) -> None:
        """Listen for the client's leaving; what it must not send ends the test."""
        while True:
            try:
                if isinstance(await self._channel.receive(), bytes):
                    return
            except Gone:
                return

    async def report(self) -> None:
        elapsed_s = self._service.clock.monotonic_s() - self.begun_s
        info = _tcp_info(self._service, self._channel)
        await self._channel.say(
            measurement("download", elapsed_s=elapsed_s, num_bytes=self.sent_bytes, info=info)
        )


async def _admit(service: UplinkService, websocket: WebSocket) -> _Admitted | None:
    """Return a test that may run at once; else answer the upgrade with the reason."""
    channel = Channel(websocket)
    admitted = await _asked(service, websocket, channel)
    if isinstance(admitted, Refusal):
        await _deny(websocket, admitted)
        return None
    await channel.accept(SUBPROTOCOL)
    if not channel.open:
        service.give_back(admitted.slot, used=False)
        return None
    return admitted


async def _asked(
    service: UplinkService, websocket: WebSocket, channel: Channel
) -> _Admitted | Refusal:
    if not channel.offers(SUBPROTOCOL):
        return Refusal("wrong_subprotocol")
    if len(websocket.scope.get("query_string", b"")) > _LONGEST_QUERY:
        return Refusal("bad_hello")
    permit = await service.permit(_token(websocket, channel), channel.address)
    if isinstance(permit, Refusal):
        return permit
    terms = service.terms(permit, _SECONDS)
    if isinstance(terms, Refusal):
        return terms
    slot = service.take_slot(permit, _SECONDS)
    if isinstance(slot, Refusal):
        return slot
    if not slot.running:  # ndt7 knows no queue
        wait_s = service.wait_s(slot)
        service.give_back(slot, used=False)
        return Refusal("too_many_waiting", retry_after_s=wait_s)
    # An ndt7 client does not keep to a pace, so only the cap of bytes holds.
    max_bytes = min(service.settings.max_bytes, permit.budget_left_bytes)
    return _Admitted(channel=channel, permit=permit, slot=slot, max_bytes=max_bytes)


async def _deny(websocket: WebSocket, refusal: Refusal) -> None:
    body = refusal.message()
    retry = body.get("retry_after_s")
    headers = {} if retry is None else {"Retry-After": str(retry)}
    answer = JSONResponse(body, status_code=refusal.http_status, headers=headers)
    # It may have gone, or the server may be one that can only answer 403.
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_denial_response(answer)


def _token(websocket: WebSocket, channel: Channel) -> str | None:
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    in_query: str | None = websocket.query_params.get("access_token")
    return in_query or (channel.wire.access_token if channel.wire is not None else None)


def _tcp_info(service: UplinkService, channel: Channel) -> TcpInfo | None:
    if channel.wire is None or not service.settings.tcp_info:
        return None
    return channel.wire.tcp_info()


def _judged(upload: Upload, counted: UplinkResult | UplinkFailure) -> UplinkResult | UplinkFailure:
    """Return the result to keep.

    Notes
    -----
    The client of ndt7 ends an upload, so its leaving is no failure. Payload that compresses gives
    no evidence: some clients send zeros.
    """
    if upload.refusal is not None:
        return upload.failure() or counted
    if upload.compressible:
        return UplinkFailure(
            kind="refused",
            code="compressible",
            received_bytes=upload.received_bytes,
            duration_s=upload.duration_s,
        )
    return counted


async def _settle(
    service: UplinkService,
    permit: UplinkPermit,
    started_at: datetime,
    outcome: UplinkResult | UplinkFailure | DownloadResult,
) -> None:
    test_id = secrets.token_hex(16)
    await service.settle(
        FinishedTest(
            test_id=test_id,
            permit=permit,
            method="ndt7",
            client_id=permit.client_id or test_id,
            started_at=started_at,
            outcome=outcome,
        )
    )
