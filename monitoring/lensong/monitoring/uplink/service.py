"""The one place that knows which tests run: permits, slots, limits, and where results go."""

from __future__ import annotations

import asyncio
import math
import os
import random
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lensong.monitoring.clock import Clock
from lensong.monitoring.uplink.admission import Admission, AdmissionSettings, Slot
from lensong.monitoring.uplink.channel import Channel
from lensong.monitoring.uplink.counting import (
    NO_ROUND_TRIPS,
    UplinkResult,
    arrivals_by_segments,
    count_uplink,
)
from lensong.monitoring.uplink.enough import Enough, enough_for
from lensong.monitoring.uplink.greetings import Greetings
from lensong.monitoring.uplink.outcomes import FinishedTest, UplinkFailure, UplinkPermit
from lensong.monitoring.uplink.payload import PayloadCheck
from lensong.monitoring.uplink.refusals import Refusal
from lensong.monitoring.uplink.round_trips import RoundTripMeter
from lensong.monitoring.uplink.tcp_info import TcpInfo
from lensong.monitoring.uplink.upload import Upload, UploadRules
from lensong.propagation.errors import InvalidInputError, LensongError, ProbeError

__all__ = ["Terms", "UplinkService", "UplinkSettings"]

_RANDOM_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSettings:
    """How tests are run.

    Parameters
    ----------
    seconds : tuple of int
        Lengths of an upload to choose from [s].
    max_bytes : int
        What one test may cost [B].
    max_rate_bps : float
        Faster than this nobody need test: it is 1.5 times what the best profile of a livestream
        takes, and the site pays for every byte [bit/s].
    least_rate_bps : float
        A test that the day's data would not let reach this rate is not worth its bytes [bit/s].
    tcp_info : bool
        Whether the TCP connection is the client's own, not that of a proxy before us.
    hello_s, stall_s, first_byte_s, idle_s : float
        How long to wait for the first message, for data, for the first data, and for the idle
        round trips [s].
    waiting_hellos, waiting_hellos_of_one : int
        Connections that have said nothing yet, altogether and of one address; see `Greetings`.
    """

    seconds: tuple[int, ...] = (10, 30, 60)
    max_bytes: int = 120_000_000
    max_rate_bps: float = 20e6
    least_rate_bps: float = 6e6
    max_message_bytes: int = 65_536
    message_bytes: int = 8_192
    tcp_info: bool = True
    hello_s: float = 5.0
    stall_s: float = 10.0
    first_byte_s: float = 5.0
    idle_s: float = 3.0
    waiting_hellos: int = 256
    waiting_hellos_of_one: int = 32
    admission: AdmissionSettings = field(default_factory=lambda: AdmissionSettings(overhead_s=10.0))

    def __post_init__(self) -> None:
        if not self.seconds or any(not 1 <= seconds <= 300 for seconds in self.seconds):
            raise InvalidInputError(f"seconds is {self.seconds}, wanted lengths of 1 to 300 s")
        if self.max_bytes < 1 or not 0.0 < self.least_rate_bps <= self.max_rate_bps:
            raise InvalidInputError(
                f"max_bytes is {self.max_bytes}, least_rate_bps {self.least_rate_bps} and "
                f"max_rate_bps {self.max_rate_bps}, wanted above 0 and the least below the most"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one test may send.

    Parameters
    ----------
    max_bytes : int
        Where the server cuts it [B].
    max_rate_bps : float
        What the client keeps to [bit/s].
    enough : Enough, optional
        When the client may stop before its time.
    """

    max_bytes: int
    max_rate_bps: float
    enough: Enough | None = None


class UplinkService:
    """Runs the tests of one server.

    Parameters
    ----------
    authorize : coroutine function
        From a token and the address that sent it to what its owner may do, or the `Refusal` that
        says why nothing.
    on_result : coroutine function
        Stores a finished test, durably, before it returns: the client is told afterwards. Raises
        a `LensongError` if that fails.
    clock : Clock
    settings : UplinkSettings
    need_bps : callable, optional
        From a site and the code of a stream profile, or None, to what the session needs that a
        test is for [bit/s]; None where nobody knows.
    generator : random.Random, optional
        Chooses which parts of an upload are looked at, and when pings go.
    """

    def __init__(
        self,
        authorize: Callable[[str, str], Awaitable[UplinkPermit | Refusal]],
        on_result: Callable[[FinishedTest], Awaitable[None]],
        clock: Clock,
        settings: UplinkSettings | None = None,
        *,
        need_bps: Callable[[str, str | None], float | None] = lambda _site, _profile: None,
        generator: random.Random | None = None,
    ) -> None:
        self._authorize, self._on_result, self._need_bps = authorize, on_result, need_bps
        self.clock = clock
        self.settings = settings or UplinkSettings()
        self.admission = Admission(self.settings.admission)
        self.random_block = os.urandom(_RANDOM_BYTES)
        self._random = generator or random.Random()
        self._turns: dict[Slot, asyncio.Event] = {}
        self._probes: dict[str, RoundTripMeter] = {}
        self.greetings = Greetings(
            self.settings.waiting_hellos,
            self.settings.waiting_hellos_of_one,
            self.settings.hello_s,
        )

    async def permit(self, token: str | None, address: str) -> UplinkPermit | Refusal:
        """Return what the owner of a token, who asks from an address, may do."""
        if not token or len(token) > 1_024:
            return Refusal("bad_token")
        return await self._authorize(token, address)

    def terms(
        self, permit: UplinkPermit, seconds: float, profile_code: str | None = None
    ) -> Terms | Refusal:
        """Return what a test of so many seconds may send, or that the day's data is spent."""
        settings, left_bytes = self.settings, permit.budget_left_bytes
        if left_bytes < settings.least_rate_bps * seconds / 8.0:
            return Refusal("budget_spent", retry_after_s=permit.budget_resets_s)
        # The client keeps to a pace with a tenth to spare, so the server need not cut it.
        wanted_bytes = math.ceil(settings.max_rate_bps * seconds / 8.0 * 1.1)
        max_bytes = min(settings.max_bytes, left_bytes, wanted_bytes)
        max_rate_bps = min(settings.max_rate_bps, max_bytes / 1.1 * 8.0 / seconds)
        need_bps = self._need_bps(permit.site_id, profile_code)
        return Terms(
            max_bytes=max_bytes,
            max_rate_bps=max_rate_bps,
            enough=enough_for(need_bps, seconds=seconds, max_rate_bps=max_rate_bps),
        )

    def limits(self, permit: UplinkPermit, profile_code: str | None = None) -> dict[str, Any]:
        """Return what a client should know before it tests, as JSON."""
        settings, now_s = self.settings, self.clock.monotonic_s()
        terms = {seconds: self.terms(permit, seconds, profile_code) for seconds in settings.seconds}
        rest_s = self.admission.rest_s(permit.site_id, now_s=now_s, interval_s=permit.interval_s)
        interval_s = permit.interval_s
        return {
            "site": permit.site_id,
            "seconds": list(settings.seconds),
            "max_rate_bps": settings.max_rate_bps,
            "max_bytes": {
                str(seconds): 0 if isinstance(term, Refusal) else term.max_bytes
                for seconds, term in terms.items()
            },
            "enough": {
                str(seconds): term.enough.to_dict()
                for seconds, term in terms.items()
                if isinstance(term, Terms) and term.enough is not None
            },
            "budget_left_bytes": permit.budget_left_bytes,
            "interval_s": settings.admission.interval_s if interval_s is None else interval_s,
            "retry_after_s": math.ceil(rest_s),
            "running": self.admission.running,
            "tests_at_once": settings.admission.tests_at_once,
            "wait_s": math.ceil(self.admission.wait_s(now_s=now_s)),
        }

    def take_slot(self, permit: UplinkPermit, seconds: float) -> Slot | Refusal:
        """Return a slot for a test, running or waiting."""
        slot = self.admission.ask(
            permit.site_id,
            seconds=seconds,
            now_s=self.clock.monotonic_s(),
            interval_s=permit.interval_s,
        )
        if isinstance(slot, Slot):
            self._turns[slot] = asyncio.Event()
            if slot.running:
                self._turns[slot].set()
        return slot

    def turn(self, slot: Slot) -> asyncio.Event:
        """Return what is set once a slot may run."""
        return self._turns[slot]

    def wait_s(self, slot: Slot) -> float:
        """Return when the turn of a waiting slot comes [s]."""
        return self.admission.wait_s(slot, now_s=self.clock.monotonic_s())

    def give_back(self, slot: Slot, *, used: bool) -> None:
        """Let the next test run; doing it twice does no harm."""
        self._turns.pop(slot, None)
        for started in self.admission.leave(slot, now_s=self.clock.monotonic_s(), used=used):
            self._turns[started].set()

    def open_probe(self) -> tuple[str, RoundTripMeter]:
        """Return a meter of round trips and the key that a second connection finds it by."""
        key = secrets.token_urlsafe(18)
        meter = self._probes[key] = RoundTripMeter(self.clock, self._new_random())
        return key, meter

    def take_probe(self, key: object) -> RoundTripMeter | Refusal:
        """Return the meter of a key, once."""
        meter = self._probes.pop(key, None) if isinstance(key, str) else None
        return meter or Refusal("unknown_probe")

    def close_probe(self, key: str, meter: RoundTripMeter) -> None:
        """End a meter of round trips."""
        self._probes.pop(key, None)
        meter.end()

    def upload(
        self,
        channel: Channel,
        seconds: float,
        max_bytes: int,
        *,
        ndt7: bool,
        may_stop: bool = False,
    ) -> Upload:
        """Return an upload by the settings."""
        rules = UploadRules(
            seconds=seconds,
            max_bytes=max_bytes,
            max_message_bytes=1 << 24 if ndt7 else self.settings.max_message_bytes,
            first_byte_s=self.settings.first_byte_s,
            stall_s=self.settings.stall_s,
            report_s=0.25 if ndt7 else 1.0,
            tcp_info=self.settings.tcp_info,
            may_stop=may_stop,
            ndt7=ndt7,
        )
        check = PayloadCheck(self._new_random())
        return Upload(channel, rules, payload=check, clock=self.clock)

    def result(
        self,
        upload: Upload,
        channel: Channel,
        *,
        meter: RoundTripMeter | None = None,
        go_s: float = 0.0,
        max_rate_bps: float | None = None,
    ) -> UplinkResult | UplinkFailure:
        """Return the figures of an upload that was neither refused nor left."""
        info = channel.wire.tcp_info() if channel.wire and self.settings.tcp_info else None
        info = info or TcpInfo()
        first_byte_s, trips = upload.first_byte_s, NO_ROUND_TRIPS
        if meter is not None and first_byte_s is not None:
            trips = meter.round_trips(
                go_s=go_s, first_byte_s=first_byte_s, end_s=upload.arrivals[-1][0]
            )
        try:
            return count_uplink(
                arrivals_by_segments(upload.arrivals, upload.segments),
                round_trips=trips,
                max_rate_bps=max_rate_bps,
                tcp_rtt_ms=_ms(info.rtt_us),
                tcp_min_rtt_ms=_ms(info.min_rtt_us),
                tcp_out_of_order_ratio=info.out_of_order_ratio,
            )
        except ProbeError:
            return UplinkFailure(
                kind="failure",
                code="too_little_data",
                received_bytes=upload.received_bytes,
                duration_s=upload.duration_s,
            )

    def moment(self, monotonic_s: float | None) -> datetime:
        """Return the wall clock's time of a moment that has passed."""
        ago_s = 0.0 if monotonic_s is None else self.clock.monotonic_s() - monotonic_s
        return self.clock.now() - timedelta(seconds=ago_s)

    def _new_random(self) -> random.Random:
        return random.Random(self._random.getrandbits(64))

    async def settle(self, finished: FinishedTest) -> Refusal | None:
        """Store a finished test; return the refusal to tell the client if that failed."""
        try:
            await self._on_result(finished)
        except LensongError:
            return Refusal("not_stored")
        return None


def _ms(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e3
