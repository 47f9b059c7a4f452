"""Limits besides the rate: loss, delay and bursts that break a stream on a link fast enough.

References
----------
.. [1] M. Mathis et al., "The macroscopic behavior of the TCP congestion avoidance algorithm",
   ACM SIGCOMM Comput. Commun. Rev. 27(3), 1997: rate <= 1.22 MSS / (RTT sqrt(p)).
.. [2] SRT Alliance and SRS documentation: latency of 3 to 4 round trips.
.. [3] draft-ietf-rmcat-gcc-02, section 6: raises below 2 % loss, holds to 10 %, cuts above.
.. [4] draft-ietf-ippm-responsiveness: below 300 round trips a minute (200 ms) is poor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from lensong.monitoring.readiness.evidence import Need, UplinkTest
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.verdict import Reason
from lensong.monitoring.records import Transport

__all__ = ["Limits", "limits_of", "loss_ratio_that_tcp_bears"]

_MSS_BITS = 1460 * 8
_MATHIS = 1.22
_STARVING_RTT_MS = 1_000.0
_POOR_RTT_MS = 200.0
_SRT_ROUND_TRIPS = 4.0
_LOSS_HOLDS = 0.02
_LOSS_BREAKS = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the newest tests show besides the rate.

    Parameters
    ----------
    rtt_idle_ms, rtt_loaded_ms, loss_ratio : float or None
        Of the newest test that has the value; None where none of the last day has.
    fresh : bool
        The loss is of the last hour, so that breaking a limit is NOT READY and no mere warning.
    burst_only : bool
        The newest test was fast for its first seconds only.
    """

    rtt_idle_ms: float | None
    rtt_loaded_ms: float | None
    loss_ratio: float | None
    fresh: bool
    burst_only: bool

    def broken(self, need: Need) -> tuple[Reason, ...]:
        """Return the limits that a profile meets: an ``error`` forbids it, a ``warning`` doubts."""
        found = [*_BY_TRANSPORT[Transport(need.transport)](self, need)]
        if self.rtt_loaded_ms is not None and self.rtt_loaded_ms > _STARVING_RTT_MS:
            found.append(
                Reason(
                    code="rtt_loaded_high",
                    severity="warning",
                    values={"rtt_loaded_ms": self.rtt_loaded_ms, "limit_ms": _STARVING_RTT_MS},
                )
            )
        if self.burst_only:
            found.append(Reason(code="burst_only", severity="warning"))
        return tuple(found)


def limits_of(tests: Iterable[UplinkTest], *, now: datetime, settings: ReadinessSettings) -> Limits:
    """Return what the newest successful tests of the last day show besides the rate.

    A value counts until a newer test has it again: a link that lost a tenth of its packets this
    morning is not fine because nobody has looked since.
    """
    recent = [
        test
        for test in tests
        if test.succeeded and (now - test.measured_at).total_seconds() <= settings.limit_memory_s
    ]
    loss, loss_at = _newest(recent, lambda test: test.loss_ratio)
    idle, _ = _newest(recent, lambda test: test.rtt_idle_ms)
    loaded, _ = _newest(recent, lambda test: test.rtt_loaded_ms)
    burst, _ = _newest(recent, lambda test: float(test.burst_only))
    fresh = loss_at is not None and (now - loss_at).total_seconds() <= settings.loss_fresh_s
    return Limits(
        rtt_idle_ms=idle,
        rtt_loaded_ms=loaded,
        loss_ratio=loss,
        fresh=fresh,
        burst_only=bool(burst),
    )


def loss_ratio_that_tcp_bears(rate_bps: float, rtt_ms: float) -> float:
    """Return the loss at which one loss-based TCP connection just reaches a rate, 0..1.

    Examples
    --------
    >>> round(loss_ratio_that_tcp_bears(2.5e6, 100.0), 4)
    0.0032
    """
    if rtt_ms <= 0.0:
        return 1.0
    return min(float((_MATHIS * _MSS_BITS / (rtt_ms / 1e3 * rate_bps)) ** 2), 1.0)


def _rtmp(limits: Limits, need: Need) -> Iterable[Reason]:
    rtt_ms = limits.rtt_idle_ms if limits.rtt_idle_ms is not None else limits.rtt_loaded_ms
    if limits.loss_ratio is None or rtt_ms is None:
        return
    bears = loss_ratio_that_tcp_bears(need.uplink_required_bps, rtt_ms)
    if limits.loss_ratio > bears:
        # a warning: today's phones recover better than the formula's Reno
        yield Reason(
            code="loss_high_for_tcp",
            severity="warning",
            values={"loss_percent": 100.0 * limits.loss_ratio, "limit_percent": 100.0 * bears},
        )


def _srt(limits: Limits, need: Need) -> Iterable[Reason]:
    rtt_ms = limits.rtt_loaded_ms if limits.rtt_loaded_ms is not None else limits.rtt_idle_ms
    if limits.loss_ratio is not None and limits.loss_ratio > _LOSS_BREAKS:
        yield _loss(limits, "loss_breaks_stream", _LOSS_BREAKS)
    if rtt_ms is not None and need.srt_latency_ms is not None:
        wanted_ms = _SRT_ROUND_TRIPS * rtt_ms
        if wanted_ms > need.srt_latency_ms:
            yield Reason(
                code="srt_latency_low",
                severity="warning",
                values={"latency_ms": need.srt_latency_ms, "wanted_ms": wanted_ms},
            )


def _webrtc(limits: Limits, need: Need) -> Iterable[Reason]:  # noqa: ARG001 (one signature)
    if limits.loss_ratio is not None and limits.loss_ratio > _LOSS_BREAKS:
        yield _loss(limits, "loss_breaks_stream", _LOSS_BREAKS)
    elif limits.loss_ratio is not None and limits.loss_ratio > _LOSS_HOLDS:
        yield Reason(
            code="loss_slows_stream",
            severity="warning",
            values={
                "loss_percent": 100.0 * limits.loss_ratio,
                "limit_percent": 100.0 * _LOSS_HOLDS,
            },
        )
    if limits.rtt_loaded_ms is not None and limits.rtt_loaded_ms > _POOR_RTT_MS:
        yield Reason(
            code="talk_delayed",
            severity="warning",
            values={"rtt_loaded_ms": limits.rtt_loaded_ms, "limit_ms": _POOR_RTT_MS},
        )


_BY_TRANSPORT: dict[Transport, Callable[[Limits, Need], Iterable[Reason]]] = {
    Transport.RTMP: _rtmp,
    Transport.SRT: _srt,
    Transport.WEBRTC: _webrtc,
}


def _loss(limits: Limits, code: str, limit: float) -> Reason:
    return Reason(
        code=code,
        severity="error" if limits.fresh else "warning",
        values={"loss_percent": 100.0 * (limits.loss_ratio or 0.0), "limit_percent": 100.0 * limit},
    )


def _newest(
    tests: Iterable[UplinkTest], value_of: Callable[[UplinkTest], float | None]
) -> tuple[float | None, datetime | None]:
    """Return the value of the newest test that has one; of several at once the worst."""
    found = [(test.measured_at, v) for test in tests if (v := value_of(test)) is not None]
    if not found:
        return None, None
    newest_at, worst = max(found)
    return worst, newest_at
