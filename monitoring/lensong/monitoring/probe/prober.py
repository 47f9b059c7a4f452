"""Testing now and then: measure, keep the report, deliver what waits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import httpx

from lensong.monitoring.clock import Clock
from lensong.monitoring.probe.client import Measured, NotMeasuredError, Progress, measure_uplink
from lensong.monitoring.probe.delivery import Backoff, Delivered, deliver
from lensong.monitoring.probe.modem import Signal, read_signal
from lensong.monitoring.probe.report_queue import ReportQueue
from lensong.monitoring.probe.reports import report_of
from lensong.monitoring.probe.timetable import QuietHours, next_test, phase_of

__all__ = ["Probed", "Prober"]


class _Measure(Protocol):
    async def __call__(
        self,
        server: str,
        token: str,
        *,
        seconds: int,
        client_id: str,
        clock: Clock,
        progress: Progress,
    ) -> Measured: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """One test, its report, and what became of the reports.

    Parameters
    ----------
    outcome : Measured or NotMeasuredError
    report : dict
        As it was queued.
    queued : bool
        False where nothing was tried: a test that was refused before it began is no measurement.
    delivered : Delivered
    """

    outcome: Measured | NotMeasuredError
    report: dict[str, Any]
    queued: bool
    delivered: Delivered


@dataclass(slots=True, kw_only=True)
class Prober:
    """Tests the uplink of one site from this machine.

    Parameters
    ----------
    server, token : str
    seconds : int
        Of each upload [s].
    queue : ReportQueue
    client : httpx.Client
    clock : Clock
    generator : random.Random
        For the jitter of retries.
    measure : coroutine function
        As `measure_uplink`.
    signal : callable
        As `read_signal`.
    """

    server: str
    token: str
    seconds: int
    queue: ReportQueue
    client: httpx.Client
    clock: Clock
    generator: random.Random = field(default_factory=random.Random)
    measure: _Measure = measure_uplink
    signal: Callable[[], Signal] = read_signal

    def once(self, progress: Progress = lambda *_: None) -> Probed:
        """Test once, keep the report, and deliver what can be delivered."""
        signal, started_at = self.signal(), self.clock.now()
        outcome = self._outcome(progress)
        report = report_of(outcome, started_at=started_at, signal=signal)
        begun = not (
            isinstance(outcome, NotMeasuredError)
            and outcome.kind == "refused"
            and outcome.test_id is None
        )
        if begun:
            # In the queue first: a crash from here on loses nothing.
            self.queue.add(self.server, report, now=self.clock.now())
        self.queue.prune(now=self.clock.now())
        return Probed(outcome=outcome, report=report, queued=begun, delivered=self.deliver())

    def deliver(self) -> Delivered:
        """Deliver what waits for the server."""
        return deliver(self.queue, self.client, self.server, self.token, clock=self.clock)

    def repeat(
        self,
        *,
        every: timedelta,
        quiet: QuietHours | None,
        wait: Callable[[float], None],
        progress: Progress = lambda *_: None,
    ) -> Iterator[Probed]:
        """Yield one test after the other, for ever; in between, what waits is delivered.

        Parameters
        ----------
        every : timedelta
        quiet : QuietHours, optional
            Without tests; reports are delivered all the same.
        wait : callable
            Waits so many seconds.
        progress : callable
        """
        backoff = Backoff(self.generator)
        phase = phase_of(self.queue.client_id, every)
        while True:
            due = next_test(self.clock.now().astimezone(), every=every, phase=phase, quiet=quiet)
            self._wait_until_s((due - self.clock.now()).total_seconds(), backoff, wait)
            probed = self.once(progress)
            if not probed.delivered.problem:
                backoff.succeeded()
            yield probed

    def _wait_until_s(self, wait_s: float, backoff: Backoff, wait: Callable[[float], None]) -> None:
        """Wait, and try to deliver now and then while something is left to be delivered."""
        until_s = self.clock.monotonic_s() + wait_s
        retry_after_s: float | None = None
        while (left_s := until_s - self.clock.monotonic_s()) > 0.0:
            if not self.queue.count(self.server):
                wait(left_s)
                continue
            pause_s = backoff.next_s(retry_after_s)
            wait(min(left_s, pause_s))
            if pause_s < left_s:
                delivered = self.deliver()
                retry_after_s = delivered.retry_after_s
                if not delivered.problem:
                    backoff.succeeded()

    def _outcome(self, progress: Progress) -> Measured | NotMeasuredError:
        try:
            return asyncio.run(
                self.measure(
                    self.server,
                    self.token,
                    seconds=self.seconds,
                    client_id=self.queue.client_id,
                    clock=self.clock,
                    progress=progress,
                )
            )
        except NotMeasuredError as error:
            return error
