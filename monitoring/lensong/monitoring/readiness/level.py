"""How likely is it that the uplink is high enough? From tests, days, sessions and plans.

The *level* is the 10th percentile of the uplink over seconds, in decades, less what the spread of
those seconds takes. A session needs a level above its bit rate by a drop that grows with its
duration. What the level will be follows from

- a test of the same day: Student t with very heavy tails around it, wider the further away, and
  nowhere wider than that of other days;
- other days: Student t, wider, around their mean;
- a count: each further day that was tested and each session, here, reached the level or did not.

The two t are the *prior* of the count, worth a few days:

    P = (K p + sum of weights that reached) / (K + sum of weights)

Success counts, and so does failure. Beside a fresh test the days count less: they do not outvote
what was seen today. Where that test leaves room above the need, though, they count in full: a
test that says what the days say takes nothing from them. A session that held is a lower bound of
the level: it says that lower rates hold too and nothing of higher ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from scipy.special import ndtr, stdtr

from lensong.coverage.network import operator_key
from lensong.monitoring.readiness.calibration import told_weight
from lensong.monitoring.readiness.days import Days, Sample, days_at, freshness, sample_of_test
from lensong.monitoring.readiness.decades import decades, weighted_mean
from lensong.monitoring.readiness.evidence import PredictedUplink, UplinkTest
from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.readiness.radio_prior import predicted_log10_bps
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.sift import Known, age_s
from lensong.monitoring.records import CountedBy, SessionOutcome

__all__ = ["Level", "Part", "SameDay", "SessionSeen", "level_at", "plan_part"]

_NORMAL_TAILS = 200.0
"""Degrees of freedom at which Student t is normal: plans have no heavier tails than their sigma."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one kind of evidence says about the level: Student t.

    Parameters
    ----------
    centre, scale : float
        [log10 bit/s, decades]
    tails : float
        Degrees of freedom.
    """

    centre: float
    scale: float
    tails: float

    def at_least(self, level: float) -> float:
        """Return the chance that the level reaches a value, 0..1."""
        return float(stdtr(self.tails, (self.centre - level) / self.scale))


@dataclass(frozen=True, slots=True, kw_only=True)
class SameDay:
    """What tests of the same day say about the level.

    Parameters
    ----------
    near, far : Part
        The law of the same day, and that of any other day around the same centre.
    steady_sd : float
        Spread within a day where no day is known to fall out of it: normal [decades].
    """

    near: Part
    far: Part
    steady_sd: float

    @property
    def centre(self) -> float:
        """Return the middle [log10 bit/s]."""
        return self.near.centre

    def at_least(self, level: float) -> float:
        """Return the chance that the level reaches a value, 0..1.

        Never wider than any other day's: the two laws cross far out in their tails, where an old
        test would else be surer than a new one.
        """
        near, far = self.near.at_least(level), self.far.at_least(level)
        return max(near, far) if level <= self.centre else min(near, far)

    def steady(self, level: float) -> float:
        """Return the chance that the level reaches a value at a site as steady as most, 0..1."""
        return float(ndtr((self.centre - level) / self.steady_sd))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSeen:
    """A session here: rates up to `held_to` held, from `failed_from` on they did not.

    Both [log10 bit/s]; between them nothing is known. `failed_from` is infinite where it held.
    """

    held_to: float
    failed_from: float
    held_weight: float
    failed_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What is known of the level at one hour of a session.

    Parameters
    ----------
    test : SameDay or None
    usual : tuple of Part
        Of other days; without any, of sessions that held here, and of the commune or a plan:
        then the one that says more counts.
    borrowed : bool
        `usual` rests on the commune or a plan, which never make READY.
    weak : Part or None
        Of tests that must not lift.
    fresh : float
        How much the test of the same day counts against the other days, 0..1.
    days : Days
    days_weight : float
        What one of them counts beside the test, where that does not clear the need.
    sessions : tuple of SessionSeen
    drop : float
        How far above the bit rate the level must be [decades].
    """

    test: SameDay | None
    usual: tuple[Part, ...]
    borrowed: bool
    weak: Part | None
    fresh: float
    days: Days
    days_weight: float
    sessions: tuple[SessionSeen, ...]
    drop: float
    settings: ReadinessSettings

    def enough(self, rate: float) -> float:
        """Return the chance that the level holds a constant bit rate [log10 bit/s], 0..1."""
        needed = rate + self.drop
        usual = max((part.at_least(needed) for part in self.usual), default=None)
        if self.test is None:
            return self._counted(rate, usual, days_weight=1.0)
        by_test = self.test.at_least(needed)
        if usual is None:
            return self._counted(rate, by_test, days_weight=self.days_weight)
        mixed = self.fresh * by_test + (1.0 - self.fresh) * usual
        return max(
            self._counted(rate, mixed, days_weight=self.days_weight),
            min(self._counted(rate, usual, days_weight=1.0), self.test.steady(needed)),
        )

    def _counted(self, rate: float, prior: float | None, *, days_weight: float) -> float:
        """Return a prior with the days and sessions that reached the level, or did not."""
        needed = rate + self.drop
        kept = self.settings.prior_days
        reached = [
            kept * self._with_weak(prior, needed),
            days_weight * self.days.weight_at_least(needed),
        ]
        total = [kept, days_weight * self.days.weight]
        for session in self.sessions:
            if rate <= session.held_to:
                reached.append(session.held_weight)
                total.append(session.held_weight)
            elif rate >= session.failed_from:
                total.append(session.failed_weight)
        return min(math.fsum(reached) / math.fsum(total), 1.0)

    def likeliest(self) -> float:
        """Return the bit rate that is as likely to hold as not, by tests and plans [log10]."""
        parts = [
            (weight, part.centre)
            for weight, part in (
                (self.fresh, self.test),
                *((1.0 - self.fresh, part) for part in self.usual),
            )
            if part is not None
        ]
        if math.fsum(weight for weight, _ in parts) <= 0.0:
            parts = [(1.0, centre) for _, centre in parts]
        if not parts and self.weak is not None:
            parts = [(1.0, self.weak.centre)]
        return weighted_mean(parts)[0] - self.drop

    def held_weight(self) -> float:
        """Return what the sessions that held weigh together."""
        return math.fsum(session.held_weight for session in self.sessions)

    def _with_weak(self, prior: float | None, needed: float) -> float:
        """Return a prior, lowered by the tests that must not lift."""
        if self.weak is None:
            return 0.0 if prior is None else prior
        weak = self.weak.at_least(needed)
        if prior is None:
            return weak
        share = self.settings.weak_weight
        return min(prior, (1.0 - share) * prior + share * weak)


def level_at(
    known: Known,
    begins_at: datetime,
    at: datetime,
    *,
    now: datetime,
    hours: float,
    plan: Part | None,
    settings: ReadinessSettings,
) -> Level | None:
    """Return what is known of the level at a time; None where that is nothing.

    Parameters
    ----------
    begins_at, at : datetime
        Begin and end of the hour in question: a test is as far away as its end.
    hours : float
        Duration of the session: the drop grows with it, and it is what a session of the past must
        have lasted to count in full.
    """
    longer = math.log10(max(60.0 * hours, 1.0))
    drop = settings.session_drop + settings.session_drop_per_decade * longer
    sessions = tuple(
        seen
        for session in sorted(known.here, key=lambda s: (s.ended_at, s.uplink_required_bps))
        if (seen := _seen(session, hours=hours, now=now, settings=settings)) is not None
    )
    samples = known.samples
    days = days_at(begins_at, samples, now=now, settings=settings)
    test, fresh = _same_day(
        [sample for sample in samples if freshness(sample.at, at, settings) > 0.0], at, settings
    )
    usual, borrowed = _usual(known, days, plan, sessions, drop, settings)
    weak = _weak(known.weak, at, settings)
    if test is None and not usual and weak is None:
        return None
    return Level(
        test=test,
        usual=usual,
        borrowed=borrowed,
        weak=weak,
        fresh=fresh,
        days=days,
        days_weight=1.0 - fresh * (1.0 - settings.days_beside_test),
        sessions=sessions,
        drop=drop,
        settings=settings,
    )


def plan_part(predictions: Iterable[PredictedUplink], settings: ReadinessSettings) -> Part | None:
    """Return what coverage plans say about the level: the newest of each technology and operator.

    Notes
    -----
    Of the technologies of one operator the one with the most counts, as in the plan itself: a
    phone that 5G does not reach stays on 4G. Operators are averaged by precision: which SIM the
    phone has is not known. The widest spread of all is kept, so that a better prediction never
    lowers the answer.
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
    current: dict[str, list[tuple[float, float]]] = {}
    for prediction, found in usable:
        if prediction.computed_at == newest[(prediction.technology, prediction.operator)]:
            current.setdefault(operator_key(prediction.operator or ""), []).append(found)
    if not current:
        return None
    widest = [max(sd for _, sd in own) for own in current.values()]
    best = [max(mean for mean, _ in own) for own in current.values()]
    mean, _ = weighted_mean((sd**-2, mean) for sd, mean in zip(widest, best, strict=True))
    return Part(
        centre=mean + settings.prior_p10_shift,
        scale=max(widest),
        tails=_NORMAL_TAILS,
    )


def _same_day(
    today: Sequence[Sample], at: datetime, settings: ReadinessSettings
) -> tuple[SameDay | None, float]:
    """Return what tests of the same day say of a time, and how much it counts.

    The newest counts most; together they are as sure as the newest alone.
    """
    if not today:
        return None, 0.0
    away_s = [age_s(sample.at, at) for sample in today]
    centre, _ = weighted_mean(
        (freshness(sample.at, at, settings) * 0.5 ** (away / 3_600.0), sample.level)
        for sample, away in zip(today, away_s, strict=True)
    )
    wider = math.sqrt(1.0 + min(away_s) / settings.wander_s)
    seen = SameDay(
        near=Part(
            centre=centre,
            scale=settings.same_day_scale * wider,
            tails=settings.same_day_tails,
        ),
        far=Part(centre=centre, scale=settings.other_day_scale, tails=settings.other_day_tails),
        steady_sd=settings.steady_sd,
    )
    return seen, max(freshness(sample.at, at, settings) for sample in today)


def _usual(
    known: Known,
    days: Days,
    plan: Part | None,
    sessions: Sequence[SessionSeen],
    drop: float,
    settings: ReadinessSettings,
) -> tuple[tuple[Part, ...], bool]:
    """Return what is usual here, and whether that is borrowed from other places or a plan."""
    tails = settings.other_day_tails
    if days.levels:
        return (Part(centre=days.mean, scale=settings.other_day_scale, tails=tails),), False
    found = []
    held = [seen.held_to for seen in sessions if seen.held_weight > 0.0]
    if held:
        # links carry more than they are asked for; how much is not seen
        centre = max(held) + drop + settings.unseen_excess
        found.append(Part(centre=centre, scale=settings.other_day_scale, tails=tails))
    if known.commune:
        centre, _ = weighted_mean((1.0, sample.level) for sample in known.commune)
        scale = math.hypot(settings.other_day_scale, settings.other_site_sd)
        return (*found, Part(centre=centre, scale=scale, tails=tails)), True
    if plan is not None:
        return (*found, plan), True
    failed = [seen.failed_from for seen in sessions if math.isfinite(seen.failed_from)]
    if not found and failed:
        found.append(Part(centre=min(failed), scale=settings.other_day_scale, tails=tails))
    return tuple(found), False


def _weak(tests: Sequence[UplinkTest], at: datetime, settings: ReadinessSettings) -> Part | None:
    """Return what tests say that must not lift: counted by a client, too short, or on the move."""
    weighted = []
    for test in tests:
        shift = settings.client_shift if test.counted_by == CountedBy.CLIENT else 0.0
        sample = sample_of_test(test, settings)
        away_s = age_s(sample.at, at)
        weighted.append((0.5 ** (away_s / settings.test_faded_s), sample.level + shift))
    centre, weight = weighted_mean(weighted)
    if weight <= 0.0:
        return None
    return Part(centre=centre, scale=settings.other_day_scale, tails=settings.other_day_tails)


def _seen(
    session: FinishedSession, *, hours: float, now: datetime, settings: ReadinessSettings
) -> SessionSeen | None:
    told = told_weight(session.told_by, settings)
    weight = told * 0.5 ** (age_s(session.ended_at, now) / settings.half_life_s)
    weight /= 1.0 + session.beside  # several at once are one event, told by each of them
    lasted = min(session.watched_s / 3_600.0 / hours, 1.0)
    asked_bps, carried_bps = session.uplink_required_bps, session.carried_bps
    # what others were sent at the same time the link carried too
    beside_bps = session.beside_held_bps
    if session.outcome is SessionOutcome.HELD:
        held_to = decades(max(asked_bps, carried_bps or 0.0) + beside_bps)
        return SessionSeen(
            held_to=held_to, failed_from=math.inf, held_weight=weight * lasted, failed_weight=0.0
        )
    if session.outcome is SessionOutcome.LOST:
        return None  # the network was away: that is no rate
    together = decades(asked_bps + session.beside_bps)
    if carried_bps is None:
        held_to, failed_from = -math.inf, together
    else:
        carried_bps = min(carried_bps, asked_bps)
        held_to = decades(carried_bps + beside_bps)
        failed_from = decades(carried_bps + session.beside_bps) + 1e-9
    return SessionSeen(
        held_to=held_to,
        failed_from=failed_from,
        held_weight=weight * lasted,
        failed_weight=weight,
    )
