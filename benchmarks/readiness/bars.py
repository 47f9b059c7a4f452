"""The bars of a steady link at rest: what it takes until a good site is READY.

    python -m benchmarks.readiness.bars

No trace behind it: what is asked here is how much evidence the verdict wants. Need 2.8 Mbit/s.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lensong.monitoring.readiness import (
    Evidence,
    FinishedSession,
    HourSample,
    Need,
    Question,
    State,
    UplinkTest,
    Verdict,
    Watch,
    judge,
)
from lensong.monitoring.records import SessionOutcome, Transport

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
NEED_BPS = 2.8e6
SITE = "steady"


def asked(hours: float, *, now: datetime = NOW) -> Question:
    """Return the question for a session that begins now."""
    need = Need(
        profile_code="tiktok-720p30", transport=Transport.RTMP, uplink_required_bps=NEED_BPS
    )
    return Question(site_id=SITE, need=need, starts_at=now, ends_at=now + timedelta(hours=hours))


def good_test(mbps: float, *, at: datetime = NOW) -> UplinkTest:
    """Return one good test of half a minute on a steady link."""
    return UplinkTest(
        measured_at=at,
        succeeded=True,
        uplink_p10_bps=mbps * 1e6,
        uplink_p50_bps=mbps * 1e6,
        bins=27,
    )


def watch(hours: float, *, ended_at: datetime = NOW) -> Watch:
    """Return a clean watch."""
    return Watch(ended_at=ended_at, watched_s=3_600.0 * hours)


def days(mbps: float, count: int, tests_a_day: int) -> tuple[HourSample, ...]:
    """Return hourly tests around this time of day, none of them today."""
    return tuple(
        HourSample(
            hour_starts_at=NOW - timedelta(days=day, hours=hour - 1),
            uplink_p10_bps=mbps * 1e6,
            uplink_p50_bps=mbps * 1e6,
            tests=1,
        )
        for day in range(1, count + 1)
        for hour in range(tests_a_day)
    )


def sessions(count: int, hours: float) -> tuple[FinishedSession, ...]:
    """Return sessions here that held, one every third day."""
    return tuple(
        FinishedSession(
            ended_at=NOW - timedelta(days=3 * k),
            site_id=SITE,
            outcome=SessionOutcome.HELD,
            uplink_required_bps=NEED_BPS,
            carried_bps=NEED_BPS,
            watched_s=3_600.0 * hours,
        )
        for k in range(1, count + 1)
    )


BARS: tuple[tuple[str, float, Evidence, float], ...] = (
    ("20 Mbit/s, one test", 20.0, Evidence(tests=(good_test(20.0),)), 1.0),
    ("20 Mbit/s, one test", 20.0, Evidence(tests=(good_test(20.0),)), 2.0),
    (
        "20 Mbit/s, one test, 2 h of watch",
        20.0,
        Evidence(tests=(good_test(20.0),), watches=(watch(2.0),)),
        3.0,
    ),
    (
        "20 Mbit/s, one test, 4 h of watch",
        20.0,
        Evidence(tests=(good_test(20.0),), watches=(watch(4.0),)),
        4.0,
    ),
    (
        "10 Mbit/s, one test, 1 h of watch",
        10.0,
        Evidence(tests=(good_test(10.0),), watches=(watch(1.0),)),
        2.0,
    ),
    (
        "6 Mbit/s, 7 days of 3 tests, one night's watch (8 h)",
        6.0,
        Evidence(site_history=days(6.0, 7, 3), watches=(watch(8.0),)),
        2.0,
    ),
    (
        "6 Mbit/s, 3 sessions of 2 h that held, a test today",
        6.0,
        Evidence(tests=(good_test(6.0),), sessions=sessions(3, 2.0)),
        2.0,
    ),
    ("5.6 Mbit/s, 8 sessions of 2 h that held", 5.6, Evidence(sessions=sessions(8, 2.0)), 2.0),
    (
        "5.6 Mbit/s, 5 sessions of 2 h that held, a test today",
        5.6,
        Evidence(tests=(good_test(5.6),), sessions=sessions(5, 2.0)),
        2.0,
    ),
)
"""What is known, the rate of the link, the evidence and the hours for which READY is wanted."""


def least_ratio(hours: float, watched_h: float, days_tested: int, *, today: bool) -> float | None:
    """Return the least rate over need at which a steady link is READY, or None."""
    low, high = 1.0, 200.0

    def ready(ratio: float) -> bool:
        mbps = ratio * NEED_BPS / 1e6
        evidence = Evidence(
            tests=(good_test(mbps),) if today else (),
            site_history=days(mbps, days_tested, 3),
            watches=(watch(watched_h),) if watched_h else (),
        )
        verdict = judge(asked(hours), evidence, now=NOW, advise=False)
        return verdict.state is State.READY

    if not ready(high):
        return None
    while high / low > 1.005:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if ready(middle) else (middle, high)
    return high


def verdicts() -> list[tuple[str, float, Verdict]]:
    """Return what the verdict says to each bar."""
    return [(name, hours, judge(asked(hours), e, now=NOW)) for name, _, e, hours in BARS]


def main() -> None:
    print("| what is known | session | state | P |")
    print("|---|---|---|---|")
    for name, hours, verdict in verdicts():
        print(f"| {name} | {hours:.0f} h | {verdict.state.value} | {verdict.probability:.3f} |")
    print()
    print("Least rate over need for READY, steady link:")
    print()
    print("| what is known | " + " | ".join(f"{t} h, {e} h watched" for t, e in GRID) + " |")
    print("|---" * (1 + len(GRID)) + "|")
    for name, count, today in (
        ("one test now", 0, True),
        ("2 days of 3 tests, none today", 2, False),
        ("7 days of 3 tests, none today", 7, False),
        ("14 days of 3 tests, none today", 14, False),
        ("14 days of 3 tests, one test now", 14, True),
    ):
        found = (least_ratio(float(t), float(e), count, today=today) for t, e in GRID)
        cells = ("never" if ratio is None else f"{ratio:.2f}" for ratio in found)
        print(f"| {name} | " + " | ".join(cells) + " |")


GRID = ((1, 0), (2, 0), (2, 2), (2, 8), (4, 0), (4, 4), (4, 8))
"""Hours of the session and hours watched."""

if __name__ == "__main__":
    main()
