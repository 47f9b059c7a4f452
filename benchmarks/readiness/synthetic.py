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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

from benchmarks.readiness.lag import holds
from benchmarks.readiness.traces import Trace, load_traces
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.readiness import (
    Evidence,
    HourSample,
    Need,
    Question,
    State,
    UplinkTest,
    Verdict,
    Watch,
    judge,
)
from lensong.monitoring.records import Transport
from lensong.propagation.types import FloatArray

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
LOCAL_S = 7 * 3600
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

    def outages_s(self, seconds: int, rng: np.random.Generator) -> tuple[float, ...]:
        """Return how long a watch of a message a second would see the link away, each time [s]."""
        out = np.concatenate([[0], self._out(seconds, rng).astype(int), [0]])
        begins, ends = np.flatnonzero(np.diff(out) == 1), np.flatnonzero(np.diff(out) == -1)
        return tuple(float(length) for length in ends - begins if length > 2)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a village before its session."""

    name: str
    days: int
    watched_h: float


KNOWN = (
    Known(name="one test", days=0, watched_h=0.0),
    Known(name="one test, 1 h watched", days=0, watched_h=1.0),
    Known(name="14 days of 3 tests, 4 h watched", days=14, watched_h=4.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said of one profile in one session, whether it held, and how likely that was."""

    verdict: Verdict
    held: bool
    true_probability: float


def judged(
    village: Village,
    *,
    known: Sequence[Known],
    duration: timedelta,
    rng: np.random.Generator,
    repeats: int = 0,
) -> dict[str, list[Said]]:
    """Return what the verdict says of each profile of one session, by what is known.

    It is the same session whatever is known. ``true_probability`` is the share of so many other
    sessions of that hour that held: what one would say who knew the village as it was drawn, the
    level of that day included; NaN without repeats.
    """
    now = MONDAY + timedelta(days=28 + int(rng.integers(7)), hours=int(rng.integers(0, 12)))
    shift = rng.normal(0.0, 0.1)
    lasts_s = int(duration.total_seconds())
    path = village.uplink_bps(now, 30 + lasts_s, shift, rng)
    p10, p50 = np.percentile(path[3:30], [10, 50])
    starts_at = now + timedelta(seconds=30)
    test = UplinkTest(
        measured_at=starts_at,
        succeeded=True,
        uplink_p10_bps=float(p10),
        uplink_p50_bps=float(p50),
        bins=27,
    )
    others = [village.uplink_bps(starts_at, lasts_s, shift, rng) for _ in range(repeats)]
    history = []
    for day in range(1, max(item.days for item in known) + 1):
        of_day = rng.normal(0.0, 0.1)
        for hour in rng.choice(15, size=3, replace=False):
            at = now.replace(hour=int(hour)) - timedelta(days=day)
            history.append(_sample(village.uplink_bps(at, 27, of_day, rng), at))
    said: dict[str, list[Said]] = {item.name: [] for item in known}
    for profile in DEFAULT_PROFILES:
        if profile.code not in PROFILES:
            continue
        need_bps = profile.uplink_required_bps
        need = Need(
            profile_code=profile.code, transport=Transport.RTMP, uplink_required_bps=need_bps
        )
        question = Question(
            site_id="synthetic", need=need, starts_at=starts_at, ends_at=starts_at + duration
        )
        held = holds(path[30:], need_bps, need.tolerance)
        truth = [holds(other, need_bps, need.tolerance) for other in others]
        for item in known:
            watches: tuple[Watch, ...] = ()
            if item.watched_h:
                gaps = village.outages_s(int(3_600 * item.watched_h), rng)
                watches = (Watch(ended_at=now, watched_s=3_600.0 * item.watched_h, outages_s=gaps),)
            evidence = Evidence(
                site_history=tuple(history[: 3 * item.days]), tests=(test,), watches=watches
            )
            verdict = judge(question, evidence, now=starts_at, advise=False)
            true_probability = float(np.mean(truth)) if truth else np.nan
            said[item.name].append(
                Said(verdict=verdict, held=held, true_probability=true_probability)
            )
    return said


def _sample(window: FloatArray, at: datetime) -> HourSample:
    p10, p50 = np.percentile(window, [10, 50])
    return HourSample(
        hour_starts_at=at, uplink_p10_bps=float(p10), uplink_p50_bps=float(p50), tests=1
    )


def report(traces: Sequence[Trace], *, villages: int, seed: int, repeats: int) -> str:
    """Return the table, by kind of fading, what is known and the length of the session."""
    static = [fading_of(trace) for trace in traces if not trace.moves]
    lines = [
        "SYNTHETIC: fading and outages of the traces at rest, everything else invented.",
        "",
        "| fading of | known | session | sessions | held | READY | P(fail / READY) "
        "| READY of those that hold | said | seen | by who knows the village |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for minutes in (60, 120):
        of_both: dict[str, list[Said]] = {item.name: [] for item in KNOWN}
        for fading in static:
            answers: dict[str, list[Said]] = {item.name: [] for item in KNOWN}
            for number in range(villages):
                rng = np.random.default_rng([seed, number])
                said = judged(
                    Village(level=rng.normal(np.log10(12e6), 0.4), fading=fading),
                    known=KNOWN,
                    duration=timedelta(minutes=minutes),
                    rng=rng,
                    repeats=repeats,
                )
                for name, some in said.items():
                    answers[name] += some
                    of_both[name] += some
            lines += [
                _row(f"{fading.trace} | {name} | {minutes} min", some)
                for name, some in answers.items()
            ]
        lines += [
            _row(f"**both** | {name} | {minutes} min", some) for name, some in of_both.items()
        ]
    return "\n".join(lines)


def _row(what: str, answers: list[Said]) -> str:
    ready = np.array([item.verdict.state is State.READY for item in answers])
    said = np.array([item.verdict.probability or 0.0 for item in answers])
    held = np.array([item.held for item in answers])
    sure = np.array([item.true_probability for item in answers]) >= 0.9
    wrong = f"{1 - held[ready].mean():.3f}" if ready.any() else "–"
    stated = f"{said[ready].mean():.3f} | {held[ready].mean():.3f}" if ready.any() else "– | –"
    return (
        f"| {what} | {held.size} | {held.mean():.2f} | {ready.sum()} | {wrong} "
        f"| {(ready & held).sum() / max(held.sum(), 1):.2f} | {stated} "
        f"| {(sure & held).sum() / max(held.sum(), 1):.2f} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--villages", type=int, default=100, help="of each kind")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--repeats", type=int, default=20, help="sessions behind what is true")
    options = parser.parse_args()
    print(
        report(
            load_traces(options.shared / "data"),
            villages=options.villages,
            seed=options.seed,
            repeats=options.repeats,
        )
    )
