"""Invented villages with weeks of tests and sessions of hours: what no public trace has.

    python -m benchmarks.readiness.synthetic --shared ../shared

SYNTHETIC. It complements the traces and replaces none of them: what it shows is how the verdict
behaves when the world is as the model thinks, and where it breaks when it is not.

    log10 uplink(t) = level + load(hour of week) + fading(t), and 0 while the link is out

- *fading*: first-order autoregressive, normal in decades, one step a second; deviation and
  correlation are those of a real trace, drawn anew for each village.
- *outages*: seconds below a tenth of the trace's median; how often they begin and how long they
  last are also those of that trace.
- *load*: invented, for no trace lasts a day: -0.25 decades at 20:00, -0.05 at 04:00, and more at
  the weekend. The day-to-day change of the level (0.1 decades) is invented too.
- *level*: log-normal around 12 Mbit/s, 0.4 decades; invented.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from benchmarks.readiness.lag import held_bps
from benchmarks.readiness.traces import Trace, load_traces
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.readiness import (
    Evidence,
    HourSample,
    Need,
    PastSession,
    Question,
    State,
    UplinkTest,
    Verdict,
    judge,
)
from lensong.monitoring.records import Transport
from lensong.propagation.types import FloatArray

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
LOCAL_S = 7 * 3600
PAST_SESSIONS = 60
PROFILES = ("voice-still", "tiktok-720p30", "tiktok-1080p30", "youtube-1080p30")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fading:
    """How the uplink of one trace moves about its median, second by second."""

    trace: str
    sd: float
    correlation: float
    outages_per_s: float
    outage_s: float


def fading_of(trace: Trace) -> Fading:
    """Return the fading and the outages of a trace."""
    rate = np.maximum(trace.uplink_bps, 1e3)
    out = rate < 0.1 * np.median(rate)
    x = np.log10(rate)[~out]
    x = x - x.mean()
    begins = int((out[1:] & ~out[:-1]).sum()) + int(out[0])
    return Fading(
        trace=trace.name,
        sd=float(x.std()),
        correlation=float(np.clip(np.corrcoef(x[1:], x[:-1])[0, 1], 0.0, 0.995)),
        outages_per_s=begins / rate.size,
        outage_s=float(out.sum()) / max(begins, 1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Village:
    """A site whose uplink can be drawn for any stretch of any hour of the week."""

    level: float
    fading: Fading

    def uplink_bps(
        self, at: datetime, seconds: int, day_shift: float, rng: np.random.Generator
    ) -> FloatArray:
        rho = self.fading.correlation
        noise = rng.normal(0.0, self.fading.sd * np.sqrt(1.0 - rho**2), seconds)
        start = rng.normal(0.0, self.fading.sd)
        fading, _ = lfilter([1.0], [1.0, -rho], noise, zi=[rho * start])
        local = (at - MONDAY).total_seconds() + LOCAL_S + np.arange(seconds, dtype=np.float64)
        rate = 10.0 ** (self.level + day_shift + load(local) + fading)
        return np.asarray(np.where(self._out(seconds, rng), 0.0, rate))

    def _out(self, seconds: int, rng: np.random.Generator) -> np.ndarray:
        out = np.zeros(seconds, dtype=bool)
        if self.fading.outages_per_s == 0.0:
            return out
        for begin in np.flatnonzero(rng.random(seconds) < self.fading.outages_per_s):
            lasts = 1 + int(rng.exponential(self.fading.outage_s))
            out[begin : begin + lasts] = True
        return out


def load(local_s: FloatArray) -> FloatArray:
    """Return what other traffic takes, in decades, by local seconds since Monday [invented]."""
    hour = local_s / 3600.0 % 24.0
    evening = np.exp(-0.5 * ((hour - 20.0) / 2.5) ** 2)
    weekend = np.where(local_s // 86_400 % 7 >= 5, 1.3, 1.0)
    return np.asarray(-0.05 - 0.2 * weekend * evening)


def judged(
    village: Village,
    *,
    days: int,
    tests_a_day: int,
    duration: timedelta,
    past_sessions: tuple[PastSession, ...],
    rng: np.random.Generator,
) -> list[tuple[Verdict, float]]:
    """Return the verdict on each profile for one session, and the bitrate that would have held."""
    now = MONDAY + timedelta(days=28 + int(rng.integers(7)), hours=int(rng.integers(0, 15)))
    history = []
    for day in range(1, days + 1):
        shift = rng.normal(0.0, 0.1)
        for hour in rng.choice(15, size=tests_a_day, replace=False):
            at = now.replace(hour=int(hour)) - timedelta(days=day)
            window = village.uplink_bps(at, 27, shift, rng)
            history.append(
                HourSample(
                    hour_starts_at=at, uplink_p10_bps=float(np.percentile(window, 10)), tests=1
                )
            )
    lasts_s = int(duration.total_seconds())
    path = village.uplink_bps(now, 30 + lasts_s, rng.normal(0.0, 0.1), rng)
    test = UplinkTest(
        measured_at=now + timedelta(seconds=30),
        succeeded=True,
        uplink_p10_bps=float(np.percentile(path[3:30], 10)),
        bins=27,
    )
    # an hour's worth of windows is enough for the slowest outage; the whole session is a queue
    held = held_bps(path[30:]) if lasts_s <= 1_200 else held_by_parts(path[30:])
    starts_at = now + timedelta(seconds=30)
    evidence = Evidence(site_history=tuple(history), tests=(test,), past_sessions=past_sessions)
    said = []
    for profile in DEFAULT_PROFILES:
        if profile.code not in PROFILES:
            continue
        need = Need(
            profile_code=profile.code,
            transport=Transport.RTMP,
            uplink_required_bps=profile.uplink_required_bps,
        )
        question = Question(
            site_id="synthetic", need=need, starts_at=starts_at, ends_at=starts_at + duration
        )
        said.append((judge(question, evidence, now=starts_at), held))
    return said


def sessions_of(
    said: list[tuple[Verdict, float]], count: int, rng: np.random.Generator
) -> tuple[PastSession, ...]:
    """Return sessions as an operator would know them.

    Each village streams once, in one of the profiles, and not when told NOT READY.
    """
    sessions = []
    for first in range(0, len(said), len(PROFILES)):
        verdict, held = said[first + int(rng.integers(len(PROFILES)))]
        if verdict.state is State.NOT_READY or verdict.predicted_log10_bps is None:
            continue
        came_through = held >= verdict.uplink_required_bps
        sessions.append(
            PastSession(
                ended_at=MONDAY,
                predicted_log10_bps=verdict.predicted_log10_bps,
                predicted_sd_log10=verdict.predicted_sd_log10,
                predicted_outage_probability=verdict.predicted_outage_probability,
                achieved_log10_bps=math.log10(
                    verdict.uplink_required_bps if came_through else held
                ),
                held=came_through,
            )
        )
    return tuple(sessions[:count])


def held_by_parts(uplink_bps: FloatArray, part_s: int = 1_200) -> float:
    """Return `held_bps` of a long session as the least over overlapping parts of 20 minutes.

    A backlog of 2 s that builds up over more than ten minutes is seen by no part; it would take a
    mean within 0.2 % of the bitrate.
    """
    steps = range(0, max(uplink_bps.size - part_s, 0) + 1, part_s // 2)
    return min(held_bps(uplink_bps[begin : begin + part_s]) for begin in steps)


def report(traces: Sequence[Trace], *, villages: int, seed: int) -> str:
    fadings = [fading_of(trace) for trace in traces]
    lines = [
        "SYNTHETIC: fading and outages of real traces, everything else invented.",
        "",
        "| trace | fading sd, decades | correlation over 1 s | outages an hour | mean length, s |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.trace} | {f.sd:.2f} | {f.correlation:.2f} | {3600 * f.outages_per_s:.0f} "
        f"| {f.outage_s:.1f} |"
        for f in fadings
    ]
    lines += [
        "",
        "| villages | history | session | past sessions | sessions | held | READY "
        "| P(fail / READY) | AT RISK | held but NOT READY | Brier |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    static = [f for f, t in zip(fadings, traces, strict=True) if not t.moves]
    for label, chosen in (("like static traces", static), ("like all traces", fadings)):
        for days, tests_a_day in ((0, 0), (14, 3)):
            for minutes in (10, 60, 120):
                rng = np.random.default_rng(seed)

                def province(
                    count: int,
                    past: tuple[PastSession, ...],
                    known: tuple[int, int, int] = (days, tests_a_day, minutes),
                    chosen: list[Fading] = chosen,
                    rng: np.random.Generator = rng,
                ) -> list[tuple[Verdict, float]]:
                    return [
                        answer
                        for _ in range(count)
                        for answer in judged(
                            Village(
                                level=rng.normal(np.log10(12e6), 0.4),
                                fading=chosen[int(rng.integers(len(chosen)))],
                            ),
                            days=known[0],
                            tests_a_day=known[1],
                            duration=timedelta(minutes=known[2]),
                            past_sessions=past,
                            rng=rng,
                        )
                    ]

                first = province(villages, ())
                past = sessions_of(first, PAST_SESSIONS, rng)
                for sessions, answers in ((0, first), (len(past), province(villages, past))):
                    known = f"{days} days, {tests_a_day} a day" if days else "today's test only"
                    lines.append(_row(f"{label} | {known} | {minutes} min | {sessions}", answers))
    return "\n".join(lines)


def _row(what: str, answers: list[tuple[Verdict, float]]) -> str:
    state = np.array([verdict.state for verdict, _ in answers])
    p = np.array([verdict.probability for verdict, _ in answers], dtype=np.float64)
    held = np.array([bps >= verdict.uplink_required_bps for verdict, bps in answers])
    ready = state == State.READY
    wrong = f"{1 - held[ready].mean():.3f}" if ready.any() else "–"
    return (
        f"| {what} | {held.size} | {held.mean():.2f} | {ready.sum()} ({ready.mean():.2f}) "
        f"| {wrong} | {(state == State.AT_RISK).mean():.2f} "
        f"| {((state == State.NOT_READY) & held).sum() / max(held.sum(), 1):.2f} "
        f"| {np.mean((p - held) ** 2):.3f} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--villages", type=int, default=150)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    print(
        report(load_traces(options.shared / "data"), villages=options.villages, seed=options.seed)
    )
