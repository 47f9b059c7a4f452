"""From evidence to a distribution: how high a constant bitrate will hold, hour by hour.

Two steps. First the *level*: the 10th percentile of the uplink over seconds, in log10, from the
plan, the history of that hour and today's test, each with its own spread, combined by precision.
Then the *session*: the bitrate that holds through all of it lies lower than the level, the more
so the longer it lasts. The first spread shrinks with evidence, the second does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist

from lensong.monitoring.readiness.calibration import Calibration
from lensong.monitoring.readiness.decades import decades, weighted_mean
from lensong.monitoring.readiness.evidence import PredictedUplink, UplinkTest
from lensong.monitoring.readiness.history import History, hours_of_session
from lensong.monitoring.readiness.radio_prior import predicted_log10_bps
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.records import CountedBy

__all__ = [
    "Hour",
    "Outlook",
    "Part",
    "is_strong",
    "level_by_plan",
    "level_by_tests",
    "outlook",
]

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one kind of evidence says about the level.

    Parameters
    ----------
    mean, sd : float
        Of the 10th percentile of the uplink [log10 bit/s].
    """

    mean: float
    sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """The bitrate that would hold if the whole session were like this hour of the week.

    Parameters
    ----------
    mean, sd : float
        Of the highest constant bitrate that holds [log10 bit/s], before calibration.
    wide_sd : float
        With the doubt about the model that too few past sessions leave.
    plan, history, test : Part or None
        What it rests on.
    """

    mean: float
    sd: float
    wide_sd: float
    plan: Part | None
    history: Part | None
    test: Part | None

    def weight(self, part: Part | None) -> float:
        """Return the share of a part in the level, 0..1."""
        if part is None:
            return 0.0
        total = math.fsum(p.sd**-2 for p in (self.plan, self.history, self.test) if p is not None)
        return float(part.sd**-2 / total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The hours of a session and how past sessions calibrate them; the weakest hour decides."""

    hours: tuple[Hour, ...]
    calibration: Calibration
    settings: ReadinessSettings

    def probability(self, uplink_required_bps: float) -> float:
        """Return the probability that a constant bitrate holds through every hour."""
        return min(self._probability(hour, uplink_required_bps) for hour in self.hours)

    def carries(self, uplink_required_bps: float, at_least: float) -> bool:
        """Return whether the probability is high enough, and rests on enough to be believed.

        Where no past sessions calibrate a rate, its bound must clear the need with a reserve.
        """
        return all(
            self._probability(hour, uplink_required_bps) >= at_least
            and (
                self.calibration.supports(_score(hour, uplink_required_bps))
                or uplink_required_bps <= self._bound_with_reserve(hour)
            )
            for hour in self.hours
        )

    def safe_bps(self) -> float:
        """Return the highest rate that `carries` accepts at the READY probability [bit/s]."""
        return min(self._safe_bps(hour) for hour in self.hours)

    def weakest(self) -> Hour:
        """Return the hour that decides."""
        return min(self.hours, key=lambda hour: (self._safe_bps(hour), hour.mean, hour.sd))

    def _probability(self, hour: Hour, uplink_required_bps: float) -> float:
        score = _score(hour, uplink_required_bps)
        if self.calibration.supports(score):
            return 1.0 - self.calibration.share_below(score)
        doubted = (hour.mean - decades(uplink_required_bps)) / hour.wide_sd
        return min(_NORMAL.cdf(doubted), 1.0 - self.calibration.failed_share_at_edge())

    def _bound_with_reserve(self, hour: Hour) -> float:
        quantile = _NORMAL.inv_cdf(self.settings.ready_probability)
        return float(10.0 ** (hour.mean - quantile * hour.wide_sd) / self.settings.reserve_ratio)

    def _safe_bps(self, hour: Hour) -> float:
        score = self.calibration.bound_score()
        if score is None:
            return self._bound_with_reserve(hour)
        calibrated = float(10.0 ** (hour.mean + score * hour.sd))
        if self.calibration.failed_share_at_edge() > self.calibration.alpha + 1e-9:
            return calibrated
        return max(calibrated, self._bound_with_reserve(hour))


def outlook(
    starts_at: datetime,
    ends_at: datetime,
    *,
    now: datetime,
    plan: Part | None,
    history: History,
    test: Part | None,
    calibration: Calibration,
    settings: ReadinessSettings,
) -> Outlook | None:
    """Return the outlook for a session, or what is left of it; None where nothing is known."""
    lasts_s = max((ends_at - max(starts_at, now)).total_seconds(), 60.0)
    beyond_a_minute = math.log10(lasts_s / 60.0)
    drop = settings.session_drop + settings.session_drop_per_decade * beyond_a_minute
    session_sd = settings.session_sd + settings.session_sd_per_decade * beyond_a_minute
    doubt_sd = settings.calibration_sd / math.sqrt(1.0 + calibration.n)
    hours = []
    for hour in dict.fromkeys(hours_of_session(max(starts_at, now), ends_at, settings)):
        known = history.level(hour, settings)
        past = None if known is None else Part(mean=known[0], sd=known[1])
        parts = [part for part in (plan, past, test) if part is not None]
        if not parts:
            return None
        level, precision = weighted_mean((part.sd**-2, part.mean) for part in parts)
        sd = math.hypot(1.0 / math.sqrt(precision), session_sd)
        hours.append(
            Hour(
                mean=level - drop,
                sd=sd,
                wide_sd=math.hypot(sd, doubt_sd),
                plan=plan,
                history=past,
                test=test,
            )
        )
    return Outlook(hours=tuple(hours), calibration=calibration, settings=settings)


def level_by_plan(
    predictions: Iterable[PredictedUplink], settings: ReadinessSettings
) -> Part | None:
    """Return what coverage plans say about the level: the newest of each technology and operator.

    Notes
    -----
    Several networks that may serve are averaged by precision and keep the widest spread: which of
    them the phone will use is not known, and choosing by value would let a better prediction with
    a wider spread lower the answer.
    """
    newest: dict[tuple[str | None, str | None], datetime] = {}
    usable = [
        (prediction, found)
        for prediction in predictions
        if (found := predicted_log10_bps(prediction)) is not None
    ]
    for prediction, _ in usable:
        key = (prediction.technology, prediction.operator)
        newest[key] = max(newest.get(key, prediction.computed_at), prediction.computed_at)
    current = [
        found
        for prediction, found in usable
        if prediction.computed_at == newest[(prediction.technology, prediction.operator)]
    ]
    if not current:
        return None
    mean, _ = weighted_mean((sd**-2, mean) for mean, sd in current)
    return Part(mean=mean + settings.prior_p10_shift, sd=max(sd for _, sd in current))


def level_by_tests(
    tests: Sequence[UplinkTest], *, at: datetime, settings: ReadinessSettings
) -> Part | None:
    """Return what today's tests say about the level at a time, or None when all have faded.

    Parameters
    ----------
    tests : sequence of UplinkTest
        Successful, of the asked technology and operator.
    at : datetime
        Start of the session, or now when it runs already: a test speaks for its own hour.
    """
    weighted = []
    for test in tests:
        if test.uplink_p10_bps is None:
            continue
        away_s = max((at - test.measured_at).total_seconds(), 0.0)
        faded = (away_s - settings.test_full_s) / (settings.test_faded_s - settings.test_full_s)
        full = 1.0 - min(max(faded, 0.0), 1.0)
        if full <= 0.0:
            continue
        shift = settings.client_shift if test.counted_by == CountedBy.CLIENT else 0.0
        sd = settings.test_sd if is_strong(test, settings) else settings.weak_test_sd
        weighted.append((full * sd**-2, decades(test.uplink_p10_bps) + shift))
    if not weighted:
        return None
    mean, _ = weighted_mean(weighted)
    # tests of one hour see the same hour: together they are worth no more than the best of them
    return Part(mean=mean, sd=max(weight for weight, _ in weighted) ** -0.5)


def is_strong(test: UplinkTest, settings: ReadinessSettings) -> bool:
    """Return whether a test may lift a site to READY: counted by the server, and long enough."""
    return test.counted_by == CountedBy.SERVER and test.bins >= settings.least_bins


def _score(hour: Hour, uplink_required_bps: float) -> float:
    return (decades(uplink_required_bps) - hour.mean) / hour.sd
