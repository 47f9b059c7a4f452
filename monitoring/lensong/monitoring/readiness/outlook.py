"""From evidence to a distribution: how high a constant bitrate will hold, hour by hour.

Three steps. First the *level*: the 10th percentile of the uplink over seconds, in log10, from the
plan, the history of that hour and today's test, each with its own spread, combined by precision.
Then the *session*: the bitrate that holds through all of it lies lower than the level, the more
so the longer it lasts. The first spread shrinks with evidence, the second does not. Last the
*outage*: links also drop out in a way that no level tells. How often is read from the share of
earlier samples at that time of day that were below the need, begun with a share for sites of which
nothing is known:

    P(hold) = (1 - outage share) ** (1 + b log10(duration / 1 min)) * Phi((mean - need) / sd)

Past sessions calibrate both factors (see `calibration`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist

from lensong.monitoring.readiness.calibration import Calibration
from lensong.monitoring.readiness.decades import LEAST_BPS, decades, weighted_mean
from lensong.monitoring.readiness.evidence import PredictedUplink, UplinkTest
from lensong.monitoring.readiness.history import (
    HOURS_A_DAY,
    History,
    Samples,
    hour_of_week,
    hours_of_session,
)
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
_HIGHEST = 12.0  # log10 bit/s: no uplink is faster
_STEP = 1e-11


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
        Of the highest constant bitrate that holds as long as the link does not drop out
        [log10 bit/s].
    wide_sd : float
        With the doubt about the model that too few past sessions leave.
    samples : Samples
        Of the site at that time of day: how often they were too low.
    plan, history, test : Part or None
        What the level rests on.
    """

    mean: float
    sd: float
    wide_sd: float
    samples: Samples
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
    """The hours of a session, how often the link drops out, and how past sessions calibrate it.

    The weakest hour decides.
    """

    hours: tuple[Hour, ...]
    exposure: float
    calibration: Calibration
    settings: ReadinessSettings

    def probability(self, uplink_required_bps: float) -> float:
        """Return the probability that a constant bitrate holds through every hour."""
        need = decades(uplink_required_bps)
        return min(self._probability(hour, need) for hour in self.hours)

    def carries(self, uplink_required_bps: float, at_least: float) -> bool:
        """Return whether the probability is high enough, and rests on enough to be believed.

        Where past sessions do not guarantee a rate, or the site has hardly a history of its own,
        a multiple of it must be as likely to hold.
        """
        need = decades(uplink_required_bps)
        return all(self._carries(hour, need, at_least) for hour in self.hours)

    def safe_bps(self) -> float:
        """Return the highest rate that `carries` accepts at the READY probability [bit/s]."""
        return float(10.0 ** min(self._safe(hour) for hour in self.hours))

    def weakest(self) -> Hour:
        """Return the hour that decides."""
        return min(self.hours, key=lambda hour: (self._safe(hour), hour.mean, hour.sd))

    def outage_probability(self, uplink_required_bps: float) -> float:
        """Return the probability of dropping out, whatever the level, as the model has it."""
        need = decades(uplink_required_bps)
        return 1.0 - math.pow(1.0 - self._outage_share(self.weakest(), need), self.exposure)

    def hours_to_test(self, uplink_required_bps: float) -> int | None:
        """Return how many more hours, tested and found good, would make the rate likely enough.

        None where no number of them would, because the level itself is too low or too unsure.
        """
        return _most(self._hours_to_test(hour, decades(uplink_required_bps)) for hour in self.hours)

    def samples_lacking(self) -> int:
        """Return how many tests are missing for past sessions to count in full."""
        enough = self.settings.enough_samples
        return max(math.ceil(enough - hour.samples.weight) for hour in self.hours)

    def _probability(self, hour: Hour, need: float) -> float:
        """Return the probability for one hour.

        Past sessions take doubt away, and confidence; they never make the model surer than it is,
        for they were held elsewhere. Where they do not reach, or are too few for their own
        guarantee to say as much, the doubted model stands as far as they do not contradict it.
        """
        score = (need - hour.mean) / hour.sd
        by_model = _NORMAL.cdf(-score)
        doubted = _NORMAL.cdf((hour.mean - need) / hour.wide_sd)
        uncontradicted = min(doubted, 1.0 - self.calibration.seen_share_below(score))
        holds = max(self.calibration.guaranteed_share(score), uncontradicted)
        return self._stays_up(hour, need) * min(by_model, holds)

    def _carries(self, hour: Hour, need: float, at_least: float) -> bool:
        if self._probability(hour, need) < at_least:
            return False
        score = (need - hour.mean) / hour.sd
        guaranteed = min(_NORMAL.cdf(-score), self.calibration.guaranteed_share(score))
        has_history = hour.samples.weight >= self.settings.enough_samples
        if has_history and self._stays_up(hour, need) * guaranteed >= at_least:
            return True
        more = need + math.log10(self.settings.reserve_ratio)
        holds = _NORMAL.cdf((hour.mean - more) / hour.wide_sd)
        return self._stays_up(hour, more) * holds >= self.settings.ready_probability

    def _safe(self, hour: Hour) -> float:
        return _highest(lambda need: self._carries(hour, need, self.settings.ready_probability))

    def _outage_share(self, hour: Hour, need: float) -> float:
        settings = self.settings
        low = settings.outage_share * settings.outage_weight + hour.samples.weight_below(need)
        return low / (settings.outage_weight + hour.samples.weight)

    def _stays_up(self, hour: Hour, need: float) -> float:
        exposure = self.exposure * self.calibration.outage_ratio
        return math.pow(1.0 - self._outage_share(hour, need), exposure)

    def _hours_to_test(self, hour: Hour, need: float) -> int | None:
        settings = self.settings
        holds = _NORMAL.cdf((hour.mean - need) / hour.wide_sd)
        if holds <= settings.ready_probability:
            return None
        # (1 - low / weight) ** exposure * holds = ready_probability, solved for the weight
        low = settings.outage_share * settings.outage_weight + hour.samples.weight_below(need)
        exposure = self.exposure * self.calibration.outage_ratio
        bearable = 1.0 - math.pow(settings.ready_probability / holds, 1.0 / exposure)
        return max(math.ceil(low / bearable - settings.outage_weight - hour.samples.weight), 0)


def outlook(
    starts_at: datetime,
    ends_at: datetime,
    *,
    now: datetime,
    plan: Part | None,
    history: History,
    tests: Sequence[UplinkTest],
    calibration: Calibration,
    settings: ReadinessSettings,
) -> Outlook | None:
    """Return the outlook for a session, or what is left of it; None where nothing is known.

    Notes
    -----
    A test speaks for the time around it: in the later hours of a session it has faded, and they
    rest on the history and the plan.
    """
    lasts_s = max((ends_at - max(starts_at, now)).total_seconds(), 60.0)
    beyond_a_minute = math.log10(lasts_s / 60.0)
    longest = math.log10(settings.longest_known_s / 60.0)
    drop = settings.session_drop + settings.session_drop_per_decade * min(beyond_a_minute, longest)
    doubt_sd = settings.calibration_sd / math.sqrt(1.0 + calibration.n)
    hours = []
    for begins_at in hours_of_session(max(starts_at, now), ends_at, settings):
        hour = hour_of_week(begins_at, settings)
        known = history.level(hour, settings)
        test = level_by_tests(tests, at=begins_at, settings=settings)
        past = None if known is None else Part(mean=known[0], sd=known[1])
        parts = [part for part in (plan, past, test) if part is not None]
        if not parts:
            return None
        level, precision = weighted_mean((part.sd**-2, part.mean) for part in parts)
        sd = math.hypot(1.0 / math.sqrt(precision), settings.session_sd)
        hours.append(
            Hour(
                mean=level - drop,
                sd=sd,
                wide_sd=math.hypot(sd, doubt_sd),
                samples=history.by_time[hour % HOURS_A_DAY],
                plan=plan,
                history=past,
                test=test,
            )
        )
    return Outlook(
        hours=tuple(hours),
        exposure=1.0 + settings.outage_per_decade * beyond_a_minute,
        calibration=calibration,
        settings=settings,
    )


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

    A strong test that has faded is a sample of the history; a weak one, which is not, stays here
    and says little.

    Parameters
    ----------
    tests : sequence of UplinkTest
        Successful, of the asked technology and operator.
    at : datetime
        When the hour in question begins, or now when it runs already.
    """
    weighted = []
    for test in tests:
        if test.uplink_p10_bps is None:
            continue
        away_s = max((at - test.measured_at).total_seconds(), 0.0)
        faded = (away_s - settings.test_full_s) / (settings.test_faded_s - settings.test_full_s)
        full = 1.0 - min(max(faded, 0.0), 1.0)
        if is_strong(test, settings):
            weight = full * settings.test_sd**-2  # the rest of it is in the history
        else:
            past = 0.5 ** (away_s / settings.half_life_s)
            weight = full * settings.weak_test_sd**-2 + (1.0 - full) * past * _weak_past(settings)
        if weight <= 0.0:
            continue
        shift = settings.client_shift if test.counted_by == CountedBy.CLIENT else 0.0
        weighted.append((weight, decades(test.uplink_p10_bps) + shift))
    if not weighted:
        return None
    mean, _ = weighted_mean(weighted)
    # tests of one hour see the same hour: together they are worth no more than the best of them
    return Part(mean=mean, sd=max(weight for weight, _ in weighted) ** -0.5)


def _weak_past(settings: ReadinessSettings) -> float:
    """Return the precision of a weak test once it has faded: a poor sample of another hour."""
    spreads = (
        settings.weak_test_sd,
        settings.history_sd,
        settings.sample_sd,
        settings.other_hour_sd,
    )
    return 1.0 / math.fsum(sd**2 for sd in spreads)


def is_strong(test: UplinkTest, settings: ReadinessSettings) -> bool:
    """Return whether a test may lift a site to READY: counted by the server, and long enough."""
    return test.counted_by == CountedBy.SERVER and test.bins >= settings.least_bins


def _most(counts: Iterable[int | None]) -> int | None:
    most = 0
    for count in counts:
        if count is None:
            return None
        most = max(most, count)
    return most


def _highest(accepts: Callable[[float], bool]) -> float:
    """Return the highest log10 rate that is accepted, where every lower one is too.

    At least that of `LEAST_BPS`, so a site that carries nothing at all has that as its bound.
    """
    low, high = math.log10(LEAST_BPS), _HIGHEST
    if not accepts(low):
        return low
    while high - low > _STEP:
        middle = 0.5 * (low + high)
        if accepts(middle):
            low = middle
        else:
            high = middle
    return low
