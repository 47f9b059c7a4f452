"""Receiving one upload: read, count, check, and stop in time whatever the client does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lensong.monitoring.clock import Clock
from lensong.monitoring.uplink.channel import Channel, Gone
from lensong.monitoring.uplink.outcomes import FailureKind, UplinkFailure
from lensong.monitoring.uplink.payload import PayloadCheck
from lensong.monitoring.uplink.refusals import Refusal

__all__ = ["ENOUGH", "Upload", "UploadRules"]

ENOUGH = '{"type":"enough"}'
"""What a client says that knows enough: to the letter, for it comes in the middle of a flood."""

_SAMPLE_S = 0.05
_SERVER_RESTARTS = 1012
_TOO_LARGE = 1009
_PROPER_CLOSES = (1000, 1001)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRules:
    """What an upload may be.

    Parameters
    ----------
    seconds : float
        From its first byte to its end [s].
    max_bytes : int
        Where it is cut [B].
    max_message_bytes : int
    first_byte_s, stall_s : float
        How long nothing may come before the first byte, and after it [s].
    report_s : float
        From one measurement message to the next [s].
    tcp_info : bool
        Whether the connection is the client's own, so that its segments tell something.
    may_stop : bool
        Whether the client may say that it knows enough.
    ndt7 : bool
        Text is allowed, and predictable payload does not end the test.
    """

    seconds: float
    max_bytes: int
    max_message_bytes: int
    first_byte_s: float
    stall_s: float
    report_s: float
    tcp_info: bool = True
    may_stop: bool = False
    ndt7: bool = False


class Upload:
    """One upload over a channel.

    Attributes
    ----------
    arrivals : list of (time_s, total_bytes)
        What the program got, about 20 times a second.
    segments : list of int or None
        Data segments that the kernel got until then.
    ended : str
        ``time``, ``bytes``, ``enough``, ``left`` or ``lost``; ``refused`` with `refusal`.
    """

    def __init__(
        self, channel: Channel, rules: UploadRules, *, payload: PayloadCheck, clock: Clock
    ) -> None:
        self._channel, self._rules = channel, rules
        self._payload, self._clock = payload, clock
        self.arrivals: list[tuple[float, int]] = []
        self.segments: list[int | None] = []
        self.ended: str | None = None
        self.refusal: Refusal | None = None
        self.first_byte_s: float | None = None
        self._message_bytes = self._text_bytes = 0
        self._wire_before_bytes = 0
        self._reading = asyncio.timeout(None)

    @property
    def received_bytes(self) -> int:
        """Return what has arrived [B], of a message that is still incomplete too."""
        if self._channel.wire is None:
            return self._message_bytes
        whole = self._channel.wire.received_bytes - self._wire_before_bytes
        return max(0, whole - self._text_bytes)

    @property
    def duration_s(self) -> float:
        """Return the time since the first byte [s]."""
        if self.first_byte_s is None:
            return 0.0
        return self.arrivals[-1][0] - self.first_byte_s

    @property
    def compressible(self) -> bool:
        """Return whether the payload was not random."""
        return self._payload.compressible

    async def receive(self, report: Callable[[Upload], Awaitable[None]]) -> None:
        """Receive until the upload is over.

        Parameters
        ----------
        report : coroutine function
            Called every ``report_s`` after the first byte, to tell the client.
        """
        if self._channel.wire is not None:
            self._wire_before_bytes = self._channel.wire.received_bytes
        self._sample()
        beside = [asyncio.create_task(self._watch()), asyncio.create_task(self._report(report))]
        try:
            async with self._reading:
                await self._read()
        except TimeoutError:
            pass  # the watch ended it
        finally:
            for task in beside:
                task.cancel()
            done = await asyncio.gather(*beside, return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, Exception):
                raise outcome
        self._sample()
        self._payload.finish()

    def failure(self) -> UplinkFailure | None:
        """Return why there is no figure, None if there may be one."""
        kind: FailureKind
        if self.refusal is not None:
            code = self.refusal.code
            kind = "failure" if code in ("stalled", "stopping") else "refused"
        elif self.ended == "left":
            kind, code = "aborted", "aborted"
        elif self.ended == "lost":
            kind, code = "failure", "connection_lost"
        else:
            return None
        return UplinkFailure(
            kind=kind, code=code, received_bytes=self.received_bytes, duration_s=self.duration_s
        )

    async def _read(self) -> None:
        while self.ended is None:
            try:
                message = await self._channel.receive()
            except Gone as gone:
                self._gone(gone.code)
                return
            if isinstance(message, str):
                self._take_text(message)
                continue
            self._message_bytes += len(message)
            if len(message) > self._rules.max_message_bytes:
                self._end("refused", Refusal("message_too_large"))
            elif self._payload.feed(message) and not self._rules.ndt7:
                self._end("refused", Refusal("compressible"))
            elif self.received_bytes >= self._rules.max_bytes:
                self._end("bytes")

    def _take_text(self, message: str) -> None:
        self._text_bytes += len(message.encode())
        if self._rules.may_stop and message == ENOUGH:
            self._end("enough")
            return
        allowed = self._message_bytes // 100 + 65_536 if self._rules.ndt7 else 0
        if self._text_bytes > allowed:
            self._end("refused", Refusal("text_frames"))

    def _gone(self, code: int) -> None:
        if code == _TOO_LARGE:
            self._end("refused", Refusal("message_too_large"))
        elif code == _SERVER_RESTARTS:
            self._end("refused", Refusal("stopping"))
        else:
            self._end("left" if code in _PROPER_CLOSES or code >= 4000 else "lost")

    async def _watch(self) -> None:
        last_s = self._clock.monotonic_s()
        before_bytes = 0
        while True:
            await asyncio.sleep(_SAMPLE_S)
            now_s, total_bytes = self._sample()
            if total_bytes > before_bytes:
                before_bytes, last_s = total_bytes, now_s
            if total_bytes >= self._rules.max_bytes:
                return self._stop("bytes")
            if self.first_byte_s is not None and self.duration_s >= self._rules.seconds:
                return self._stop("time")
            silent_s = self._rules.stall_s if total_bytes else self._rules.first_byte_s
            if now_s - last_s >= silent_s:
                return self._stop("refused", Refusal("stalled"))

    async def _report(self, report: Callable[[Upload], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._rules.report_s)
            if self.first_byte_s is not None:
                await report(self)

    def _sample(self) -> tuple[float, int]:
        sample = (self._clock.monotonic_s(), self.received_bytes)
        if self.first_byte_s is None and sample[1] > 0:
            self.first_byte_s = self.arrivals[-1][0] if self.arrivals else sample[0]
        self.arrivals.append(sample)
        self.segments.append(self._data_segments())
        return sample

    def _data_segments(self) -> int | None:
        if self._channel.wire is None or not self._rules.tcp_info:
            return None
        info = self._channel.wire.tcp_info()
        if info is None:  # closed by now: no more will come
            return self.segments[-1] if self.segments else None
        return info.data_segments_in

    def _end(self, ended: str, refusal: Refusal | None = None) -> None:
        if self.ended is None:
            self.ended, self.refusal = ended, refusal

    def _stop(self, ended: str, refusal: Refusal | None = None) -> None:
        self._end(ended, refusal)
        self._reading.reschedule(asyncio.get_running_loop().time())
