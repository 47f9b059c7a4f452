"""After a session: what was promised, what happened, and what verdicts may learn from it.

A stream shows what its uplink can carry only while the link holds it back. A healthy stream of
2.5 Mbit/s says that the uplink carried 2.5 Mbit/s, not that it could not have carried twenty: its
record is *censored*, a lower bound, and says so (``held``), so that the calibration can treat it
as such. A stream that failed shows the rate itself: while media waits at the sender, what arrives
is what the link lets through.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.readiness.verdict import Verdict
from lensong.monitoring.records import OVERHEAD_RATIO, Motion, SessionOutcome
from lensong.monitoring.streams.health_state import StreamHealth
from lensong.monitoring.tolerance import Breach, Tolerance, breach, freezes_behind
from lensong.propagation.errors import InvalidInputError

__all__ = ["STRICT_LAG_S", "SessionReport", "finished_session", "report_session"]

STRICT_LAG_S = 2.0
"""The strict definition that reports print beside the tolerance: no lag or time away above this,
whatever the session's length [s]."""

_LONGEST_STEP_S = 15.0
"""A health stands for the time until the next one, but for no longer than this [s]: one is kept
every 10 s, and looks are 2 s apart."""
_LONGEST_BREAK_S = 300.0
"""A stream that is away for longer was stopped by people: a break, not an outage [s]."""
_HELD_BACK_LAG_S = 0.5
"""From this lag on media waits at the sender, so that what arrives is the rate of the link [s]."""
_FAILED = frozenset(("starving", "srt_loss"))
"""Reasons that mean a failed session besides the lag."""
_STOPPED = frozenset(("stopped", "ended"))
"""Reasons that mean that nothing arrives although somebody is connected."""
_LAST_FRAME_SHARE = 0.05
"""What arrives below this share of what was configured is the last of a stream, no stream."""
_LEAST_OBSERVED_S = 60.0
_LEAST_OBSERVED_SHARE = 0.8
_MOST_REDUCED_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """What a session came to.

    Parameters
    ----------
    promised_state, promised_probability, promised_safe_bps : optional
        Of the last verdict before it began.
    configured_bps : float, optional
        What the encoder was set to, video and audio [bit/s].
    seconds : dict
        Time in each state, ``unobserved`` among them; together the session [s].
    on_air_from, on_air_until : datetime, optional
        First and last time that somebody was seen publishing.
    lag_max_s, lag_max_at : float, datetime, optional
        Worst media lag.
    received_p10_bps, received_p50_bps : float, optional
        Of what was received while on air, weighted by time [bit/s].
    reconnects, outages, outage_longest_s : int, int, float
        New connections; times away of up to 5 minutes, and the longest [s].
    first_trouble_at, first_trouble_code : datetime, str, optional
        When the stream was first not all right on air, and the weightiest reason.
    freezes : int
    frozen_s, freeze_longest_s : float
        What the audience saw of it: freezes and times away, in all and the longest [s].
    outages_s : list of float
        Length of each time away [s].
    held : bool, optional
        Whether the stream held within the profile's tolerance; None where that cannot be told.
    breach : str, optional
        What went beyond the tolerance, see `lensong.monitoring.tolerance.breach`.
    held_strictly : bool, optional
        The same by the strict definition: no lag above 2 s at all.
    undecided : str, optional
        Why it cannot: ``never_on_air``, ``too_short``, ``too_little_seen`` or ``rate_reduced``.
    carried_bps : float, optional
        Highest constant bit rate that the uplink carried, headers included [bit/s]; a lower bound
        where the session held.
    """

    starts_at: datetime
    ends_at: datetime
    promised_state: str | None
    promised_probability: float | None
    promised_safe_bps: float | None
    configured_bps: float | None
    seconds: dict[str, float]
    on_air_from: datetime | None
    on_air_until: datetime | None
    lag_max_s: float | None
    lag_max_at: datetime | None
    received_p10_bps: float | None
    received_p50_bps: float | None
    reconnects: int
    outages: int
    outage_longest_s: float
    first_trouble_at: datetime | None
    first_trouble_code: str | None
    freezes: int
    frozen_s: float
    freeze_longest_s: float
    outages_s: list[float]
    held: bool | None
    breach: Breach | None
    held_strictly: bool | None
    undecided: str | None
    carried_bps: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON types; times are RFC 3339."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A health, and for how long it stands."""

    health: StreamHealth
    duration_s: float


def report_session(
    healths: Iterable[StreamHealth],
    *,
    starts_at: datetime,
    ends_at: datetime,
    configured_bps: float | None,
    verdict: Verdict | None = None,
    tolerance: Tolerance | None = None,
) -> SessionReport:
    """Return what a session promised and came to.

    Parameters
    ----------
    healths : iterable of StreamHealth
        As they were kept, in any order; those outside of the session are left out.
    configured_bps : float, optional
        What the encoder was set to, video and audio [bit/s].
    verdict : Verdict, optional
        The last one before the session began.
    tolerance : Tolerance, optional
        Of the stream profile; the default one where it is not known.

    Notes
    -----
    A stream on which nothing arrives any more, but for one late frame, until the session or the
    connection is over has ended where it stopped: that is no freeze.

    The session held when its freezes, from the first to the last moment on air, are within the
    tolerance. The picture is frozen while the stream starves or loses more than a tenth of its
    packets, while it is away, and for as much as the lag grows beyond what the encoder queues and
    beyond all that it was before: a player that has waited once is that much later, and bridges
    the next lag of that length. To be away for more than five minutes is a break, made by people.
    Nothing is decided when it was on air for less than a minute, when less than 0.8 of that was
    seen, or when for more than a tenth of it the rate was reduced without any lag: that may be
    the network, or a still picture.
    """
    if ends_at <= starts_at:
        raise InvalidInputError("ends_at of a session is not after starts_at")
    steps = _steps(healths, starts_at, ends_at)
    seconds = dict.fromkeys(("ok", "at_risk", "not_ok", "down", "unknown"), 0.0)
    for step in steps:
        seconds[step.health.state] += step.duration_s
    seconds["unobserved"] = max(0.0, (ends_at - starts_at).total_seconds() - sum(seconds.values()))

    tolerance = tolerance or Tolerance()
    on_air = _until_the_end(_on_air(steps), configured_bps)
    up = [step for step in on_air if step.health.up]
    lags = [(lag_s, step.health.at) for step in on_air if (lag_s := _lag_s(step)) is not None]
    worst = max(lags, default=None, key=lambda lag: lag[0])
    received = [
        (step.health.received_bps, step.duration_s)
        for step in up
        if step.health.received_bps is not None and step.duration_s > 0.0
    ]
    outages = _outages_s(on_air)
    frozen = [*_freezes_s(on_air, tolerance), *outages]
    trouble = next((step.health for step in on_air if step.health.state != "ok"), None)
    counts = [step.health.reconnects_total for step in steps]
    reconnects = max(counts) - min(counts) if counts else 0
    beyond = breach(tolerance, _span_s(on_air), frozen, reconnects=reconnects) if on_air else None
    undecided = None if beyond else _undecided(on_air)
    held = None if undecided else beyond is None
    return SessionReport(
        starts_at=starts_at,
        ends_at=ends_at,
        promised_state=None if verdict is None else verdict.state.value,
        promised_probability=None if verdict is None else verdict.probability,
        promised_safe_bps=None if verdict is None else verdict.uplink_safe_bps,
        configured_bps=configured_bps,
        seconds=seconds,
        on_air_from=up[0].health.at if up else None,
        on_air_until=up[-1].health.at if up else None,
        lag_max_s=None if worst is None else worst[0],
        lag_max_at=None if worst is None else worst[1],
        received_p10_bps=_quantile(received, 0.1),
        received_p50_bps=_quantile(received, 0.5),
        reconnects=reconnects,
        outages=len(outages),
        outage_longest_s=max(outages, default=0.0),
        first_trouble_at=None if trouble is None else trouble.at,
        first_trouble_code=None if trouble is None else _weightiest(trouble),
        freezes=sum(length_s > 0.0 for length_s in frozen),
        frozen_s=math.fsum(frozen),
        freeze_longest_s=max(frozen, default=0.0),
        outages_s=outages,
        held=held,
        breach=beyond,
        held_strictly=_held_strictly(on_air, outages, held),
        undecided=undecided,
        carried_bps=_carried_bps(on_air, received, held, tolerance),
    )


def finished_session(
    report: SessionReport,
    verdict: Verdict | None,
    *,
    site_id: str,
    technology: str | None,
    uplink_required_bps: float,
    tolerance: Tolerance | None = None,
    motion: Motion = Motion.UNKNOWN,
) -> FinishedSession | None:
    """Return what verdicts may learn from a session, None where that is nothing.

    Notes
    -----
    Nothing is learnt where it is not known whether the session held. Of a session that held the
    rate is what was sent, a lower bound of the uplink. It was *lost* where the times away alone
    went beyond the tolerance, and *froze* where the rate was too low.
    """
    if report.held is None or report.on_air_until is None:
        return None
    outcome = SessionOutcome.HELD
    watched_s = report.seconds["ok"] + report.seconds["at_risk"] + report.seconds["not_ok"]
    if not report.held:
        away = breach(
            tolerance or Tolerance(), watched_s, report.outages_s, reconnects=report.reconnects
        )
        outcome = SessionOutcome.FROZE if away is None else SessionOutcome.LOST
    return FinishedSession(
        ended_at=report.on_air_until,
        site_id=site_id,
        technology=technology,
        motion=motion,
        outcome=outcome,
        uplink_required_bps=uplink_required_bps,
        carried_bps=report.carried_bps,
        watched_s=watched_s,
        outages_s=tuple(report.outages_s),
        predicted_probability=None if verdict is None else verdict.probability,
    )


def _steps(healths: Iterable[StreamHealth], starts_at: datetime, ends_at: datetime) -> list[_Step]:
    inside = sorted(
        (health for health in healths if starts_at <= health.at < ends_at),
        key=lambda health: health.at,
    )
    ends = [*(health.at for health in inside), ends_at][1:]
    return [
        _Step(
            health=health,
            duration_s=min(_LONGEST_STEP_S, (end - health.at).total_seconds()),
        )
        for health, end in zip(inside, ends, strict=True)
    ]


def _on_air(steps: Sequence[_Step]) -> list[_Step]:
    """Return the steps from the first to the last that somebody published, breaks left out."""
    up = [number for number, step in enumerate(steps) if step.health.up]
    if not up:
        return []
    on_air: list[_Step] = []
    away: list[_Step] = []
    for step in steps[up[0] : up[-1] + 1]:
        if _is_away(step.health):
            away.append(step)
            continue
        if away and (step.health.at - away[0].health.at).total_seconds() <= _LONGEST_BREAK_S:
            on_air += away
        away = []
        on_air.append(step)
    return on_air


def _until_the_end(on_air: list[_Step], configured_bps: float | None) -> list[_Step]:
    """Return the steps without a last stretch in which nothing arrived, which is the end of it."""
    last = len(on_air)
    while last and _arrives_nothing(on_air[last - 1].health, configured_bps):
        last -= 1
    return on_air[:last]


def _arrives_nothing(health: StreamHealth, configured_bps: float | None) -> bool:
    if _is_away(health) or _codes(health) & _STOPPED:
        return True
    rate_bps = health.received_bps
    return (
        "starving" in _codes(health)
        and rate_bps is not None
        and rate_bps < _LAST_FRAME_SHARE * (configured_bps or 0.0)
    )


def _is_away(health: StreamHealth) -> bool:
    """Return whether nobody published; a connection on which nothing arrives is frozen instead."""
    return health.state == "down" and not _codes(health) & _STOPPED


def _lag_s(step: _Step) -> float | None:
    """Return how late a viewer is [s]: by the lag, or since when nothing has arrived."""
    for reason in step.health.reasons:
        if reason.code in _STOPPED:
            return float(reason.values["interval_s"])
    return step.health.lag_s


def _outages_s(on_air: Sequence[_Step]) -> list[float]:
    """Return the times away [s], those between two connections with no look in between too."""
    outages: list[float] = []
    away_from: datetime | None = None
    last_up: StreamHealth | None = None
    for health in (step.health for step in on_air):
        if _is_away(health):
            away_from = away_from or health.at
        elif health.up:
            began = health.publisher_since
            if away_from is not None:
                outages.append((health.at - away_from).total_seconds())
            elif last_up is not None and began is not None and began > last_up.at:
                away_s = (began - last_up.at).total_seconds()
                outages += [away_s] if away_s <= _LONGEST_BREAK_S else []
            away_from, last_up = None, health
    return outages


def _freezes_s(on_air: Sequence[_Step], tolerance: Tolerance) -> list[float]:
    """Return the freezes that rate and loss made, each with its length [s]."""
    freezes: list[float] = []
    frozen_before = False
    bridged_s = tolerance.encoder_queue_s
    since = None
    for step in on_air:
        if step.health.publisher_since != since:  # a new connection, and a new player's clock
            since, bridged_s = step.health.publisher_since, tolerance.encoder_queue_s
        lag_s = _lag_s(step) or 0.0
        frozen_s = max(lag_s - bridged_s, 0.0)
        bridged_s = max(bridged_s, lag_s)
        if _codes(step.health) & _FAILED:
            frozen_s = max(frozen_s, step.duration_s)
        if frozen_s <= 0.0:
            frozen_before = False
        elif frozen_before:
            freezes[-1] += frozen_s
        else:
            freezes.append(frozen_s)
            frozen_before = True
    return freezes


def _held_strictly(
    on_air: Sequence[_Step], outages: Sequence[float], held: bool | None
) -> bool | None:
    """Return whether no lag or time away ever exceeded 2 s; None where nothing can be told."""
    if held is None:
        return None
    return max(outages, default=0.0) <= STRICT_LAG_S and not any(
        (_lag_s(step) or 0.0) > STRICT_LAG_S or _codes(step.health) & _FAILED for step in on_air
    )


def _span_s(on_air: Sequence[_Step]) -> float:
    return sum(
        min(_LONGEST_BREAK_S, (after.health.at - before.health.at).total_seconds())
        for before, after in pairwise(on_air)
    )


def _undecided(on_air: Sequence[_Step]) -> str | None:
    if not on_air:
        return "never_on_air"
    up_s = sum(step.duration_s for step in on_air if step.health.up)
    if up_s < _LEAST_OBSERVED_S:
        return "too_short"
    if up_s < _LEAST_OBSERVED_SHARE * _span_s(on_air):
        return "too_little_seen"
    reduced_s = sum(step.duration_s for step in on_air if "bitrate_reduced" in _codes(step.health))
    if reduced_s > _MOST_REDUCED_SHARE * up_s:
        return "rate_reduced"
    return None


def _carried_bps(
    on_air: Sequence[_Step],
    received: Sequence[tuple[float, float]],
    held: bool | None,
    tolerance: Tolerance,
) -> float | None:
    if held is None or not received:
        return None
    headers = 1.0 + OVERHEAD_RATIO
    mean_bps = sum(bps * seconds for bps, seconds in received) / sum(s for _, s in received)
    if held:
        return headers * mean_bps
    link = [_link(step) for step in on_air if step.duration_s > 0.0]
    shown = [bps for bps, _ in link if math.isfinite(bps)]
    if not shown:
        return None
    return headers * _highest_constant_bps(link, max(*shown, mean_bps), tolerance)


def _link(step: _Step) -> tuple[float, float]:
    """Return the rate that the link showed, infinite where it held nothing back, and how long."""
    health = step.health
    if health.state == "down":
        return 0.0, step.duration_s
    held_back = (health.lag_s or 0.0) > _HELD_BACK_LAG_S or "starving" in _codes(health)
    if held_back and health.received_bps is not None:
        return health.received_bps, step.duration_s
    return math.inf, step.duration_s


def _highest_constant_bps(
    link: Sequence[tuple[float, float]], high_bps: float, tolerance: Tolerance
) -> float:
    """Return the highest constant bit rate that holds behind such a link [bit/s]."""
    span_s = sum(duration_s for _, duration_s in link)
    low_bps = 0.0
    for _ in range(40):
        middle_bps = (low_bps + high_bps) / 2.0
        if middle_bps <= 0.0:
            break
        if breach(tolerance, span_s, freezes_behind(link, middle_bps, tolerance)) is None:
            low_bps = middle_bps
        else:
            high_bps = middle_bps
    return low_bps


def _quantile(values: Sequence[tuple[float, float]], share: float) -> float | None:
    """Return the value below which a share of the time lies."""
    ordered = sorted(values)
    wanted_s = share * sum(duration_s for _, duration_s in ordered)
    passed_s = 0.0
    for value, duration_s in ordered:
        passed_s += duration_s
        if passed_s >= wanted_s:
            return value
    return None


def _codes(health: StreamHealth) -> set[str]:
    return {reason.code for reason in health.reasons}


def _weightiest(health: StreamHealth) -> str | None:
    order = ("down", "unknown", "not_ok", "at_risk", "warning", "info")
    reasons = sorted(health.reasons, key=lambda reason: order.index(reason.severity))
    return reasons[0].code if reasons else None
