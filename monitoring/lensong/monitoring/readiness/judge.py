"""The verdict: from a question and what is known to READY, AT RISK, NOT READY or UNKNOWN."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from lensong.monitoring.readiness import advice
from lensong.monitoring.readiness.case import Answer, Case, case_of
from lensong.monitoring.readiness.days import days_at, hour_of_day
from lensong.monitoring.readiness.evidence import Evidence, Need, PredictedUplink, Question
from lensong.monitoring.readiness.networks import about_left_out
from lensong.monitoring.readiness.outlook import Outlook, others_by_hour, outlook
from lensong.monitoring.readiness.plan import plans_for, ready_until
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.sift import Known, age_s, sift, why_unknown
from lensong.monitoring.readiness.together import about_others, room_for_more
from lensong.monitoring.readiness.verdict import (
    EvidenceUsed,
    Reason,
    State,
    Value,
    Verdict,
    shown_percent,
)
from lensong.monitoring.records import Motion

__all__ = ["DEFAULT_SETTINGS", "MODEL_VERSION", "judge"]

MODEL_VERSION = "4"
"""Changes whenever the same evidence may give another verdict."""

DEFAULT_SETTINGS = ReadinessSettings()

_SEVERITIES = ("error", "warning", "info")


def judge(
    question: Question,
    evidence: Evidence,
    *,
    now: datetime,
    previous: Verdict | None = None,
    settings: ReadinessSettings = DEFAULT_SETTINGS,
    advise: bool = True,
) -> Verdict:
    """Return whether a session will hold, how sure that is, why, and what would be better.

    Parameters
    ----------
    question : Question
    evidence : Evidence
        What is known; the order within it does not matter. What lies in the future of ``now`` is
        left out.
    now : datetime
        Aware.
    previous : Verdict, optional
        The verdict that stands: for the same question it is taken back only when the probability
        passes a threshold by the hysteresis.
    settings : ReadinessSettings
    advise : bool
        False leaves out what would be better, which takes most of the time.

    Returns
    -------
    Verdict
        The probability is that of one constant bit rate holding within the profile's tolerance
        from the start (or now) to the end. State and probability never contradict: the state is
        decided by the whole per cents that are shown, against the thresholds that are given.

    Notes
    -----
    READY takes a measurement at the site, counted by the server, or sessions that held there,
    within ``stale_after_s``: a plan, a neighbour or a browser's own count never gives it. UNKNOWN
    says that there is nothing to judge by, or that it cannot be trusted; it is never a bad rate.
    """
    known = sift(question, evidence, now=now, settings=settings)
    unknown = why_unknown(evidence, known, now=now, settings=settings)
    case = None if unknown else case_of(question, evidence, now=now, settings=settings)
    if case is None:
        why = unknown or (Reason(code="no_evidence", severity="error"),)
        left_out = about_left_out(question, evidence.predictions)
        return _unknown_verdict(
            question, (*why, *_future(known), *left_out), now=now, settings=settings
        )

    need = question.need
    answer = case.answer(need, _standing(question, previous, known.motion))
    best = advice.best_profile(
        need, question.ladder, lambda other: case.answer(other).state is State.READY
    )
    safe_bps = case.safe_bps(answer.ready_from)
    short = case.expected.outages.short_an_hour()
    room = room_for_more(case, question, evidence, now=now)
    verdict = Verdict(
        site_id=question.site_id,
        profile_code=need.profile_code,
        starts_at=question.starts_at,
        ends_at=question.ends_at,
        judged_at=now,
        state=answer.state,
        probability=answer.probability,
        ready_from=answer.ready_from,
        not_ready_to=answer.not_ready_to,
        motion=known.motion,
        motion_by=known.motion_by,
        short_freezes_an_hour=short,
        uplink_required_bps=need.uplink_required_bps,
        uplink_safe_bps=safe_bps,
        best_profile_code=None if best is None else best.profile_code,
        predicted_log10_bps=case.expected.weakest(need.uplink_required_bps).likeliest(),
        reasons=_sorted(
            (
                *case.doubts(need),
                *about_others(case, question, evidence, answer, now=now),
                _about_rate(case, answer, need, safe_bps),
                *_about_motion(known),
                *_no_safe_rate(case, safe_bps),
                *_capped(case, answer),
                *_future(known),
                *about_left_out(question, evidence.predictions),
            )
        ),
        evidence=_used(case, need, now=now),
        model_version=MODEL_VERSION,
        others=room.others,
        more_sellers=None if room.more is None else room.more.n,
        more_sellers_until=None if room.more is None else room.more.until,
        more_sellers_by=room.by,
    )
    if answer.state is State.READY or not advise:
        return verdict
    return _with_advice(verdict, question, evidence, case, now=now)


def _capped(case: Case, answer: Answer) -> tuple[Reason, ...]:
    """Say so where a test that measured more might have told another state."""
    newest = max(case.known.strong, key=lambda test: test.measured_at, default=None)
    if newest is None or not newest.rate_limited or newest.uplink_p50_bps is None:
        return ()
    if answer.state is State.READY:
        return ()
    values = {"reached_mbps": newest.uplink_p50_bps / 1e6}
    return (Reason(code="test_capped", severity="info", values=values),)


def _future(known: Known) -> tuple[Reason, ...]:
    if not known.left_out:
        return ()
    return (Reason(code="dated_in_future", severity="info", values={"n": known.left_out}),)


def _about_motion(known: Known) -> tuple[Reason, ...]:
    if known.motion is not Motion.MOVING:
        return ()
    code = "moving_told" if known.motion_by == "told" else "moving_sensed"
    return (Reason(code=code, severity="info"),)


def _no_safe_rate(case: Case, safe_bps: float | None) -> tuple[Reason, ...]:
    """Say why there is no safe rate: a floor of the model is no finding."""
    if safe_bps is not None or not case.known.measured_lately:
        return ()
    values = {"hours": case.expected.hours, "watched_h": case.expected.outages.watched_h}
    return (Reason(code="no_safe_rate", severity="info", values=values),)


def _standing(question: Question, previous: Verdict | None, motion: Motion) -> State | None:
    """Return the state that stands for the very same question, None where there is none."""
    if previous is None:
        return None
    same = (
        previous.site_id == question.site_id
        and previous.profile_code == question.need.profile_code
        and previous.starts_at == question.starts_at
        and previous.ends_at == question.ends_at
        and previous.motion in (motion, Motion.UNKNOWN)
    )
    return previous.state if same else None


def _about_rate(case: Case, answer: Answer, need: Need, safe_bps: float | None) -> Reason:
    expected, rate_bps = case.expected, need.uplink_required_bps
    # where the plan says how many hold, the level is asked for this session alone
    required_bps = rate_bps if expected.by_plan(rate_bps) else expected.together_bps(rate_bps)
    values = {
        "required_mbps": required_bps / 1e6,
        "likeliest_mbps": 10.0 ** expected.weakest(rate_bps).likeliest() / 1e6,
        "safe_mbps": None if safe_bps is None else safe_bps / 1e6,
        "probability_percent": shown_percent(answer.probability),
        "ready_percent": shown_percent(answer.ready_from),
        "watched_h": expected.outages.watched_h,
        "hours": expected.hours,
    }
    rate_alone = expected.level_probability(rate_bps)
    plain = shown_percent(expected.probability(rate_bps))
    if plain >= shown_percent(answer.ready_from):
        return Reason(code="rate_enough", severity="info", values=values)
    of_outages = expected.motion is not Motion.MOVING and expected.stays_up() < rate_alone
    if plain <= shown_percent(answer.not_ready_to):
        if of_outages:
            return Reason(code="outages_often", severity="error", values=values)
        if values["likeliest_mbps"] < values["required_mbps"]:
            return Reason(code="rate_short", severity="error", values=values)
        return Reason(code="rate_unsteady", severity="error", values=values)
    if of_outages:
        code = "outages_seen" if expected.outages.beyond > 0.0 else "watched_little"
        values["n"] = expected.outages.beyond
        return Reason(code=code, severity="warning", values=values)
    return Reason(code="rate_unsure", severity="warning", values=values)


def _used(case: Case, need: Need, *, now: datetime) -> tuple[EvidenceUsed, ...]:
    known, expected = case.known, case.expected
    level = expected.weakest(need.uplink_required_bps)
    settings = case.settings
    held = level.held_weight()
    total = settings.prior_days + level.days_weight * level.days.weight + held
    used = []
    if level.test is not None:
        newest = max(sample.at for sample in known.samples)
        used.append(
            EvidenceUsed(
                kind="test",
                age_s=age_s(newest, now),
                weight=settings.prior_days * level.fresh / total,
                values={"uplink_bps": 10.0**level.test.centre, "n": len(known.strong)},
            )
        )
    elif level.weak is not None:
        newest = max(test.measured_at for test in known.weak)
        used.append(
            EvidenceUsed(
                kind="test",
                age_s=age_s(newest, now),
                weight=0.0 if level.usual else settings.prior_days / total,
                values={"uplink_bps": 10.0**level.weak.centre, "n": len(known.weak)},
            )
        )
    rest = settings.prior_days * (1.0 - level.fresh) / total
    if level.days.weight > 0.0 or (level.days.levels and rest > 0.0):
        used.append(
            EvidenceUsed(
                kind="history",
                age_s=age_s(max(sample.at for sample in known.samples), now),
                weight=rest + level.days_weight * level.days.weight / total,
                values={"uplink_bps": 10.0**level.days.mean, "n": len(known.samples)},
            )
        )
    elif level.borrowed:
        part = level.usual[-1]
        computed = [p.computed_at for p in known.predictions]
        newest = max([sample.at for sample in known.commune] or computed)
        used.append(
            EvidenceUsed(
                kind="history" if known.commune else "prediction",
                age_s=age_s(newest, now),
                weight=rest,
                values={
                    "uplink_bps": 10.0**part.centre,
                    "n": len(known.commune) or len(known.predictions),
                    **({} if known.commune else _basis(known.predictions)),
                },
            )
        )
    sessions = (*known.here, *known.elsewhere)
    newest_end = max((s.ended_at for s in sessions), default=None)
    used.append(
        EvidenceUsed(
            kind="sessions",
            age_s=None if newest_end is None else age_s(newest_end, now),
            weight=held / total,
            values={
                "n": len(known.here),
                "held": sum(s.held for s in known.here),
                "elsewhere": len(known.elsewhere),
                "ratio": expected.calibration.ratio,
            },
        )
    )
    outages = expected.outages
    used.append(
        EvidenceUsed(
            kind="watch",
            age_s=None,
            weight=0.0,
            values={
                "n": len(known.watched),
                "hours": outages.watched_h,
                "outages": outages.beyond,
                "prior_shape": outages.prior.shape,
                "prior_hours": outages.prior.hours,
                "prior_sites": outages.prior.sites,
                "prior_watched_h": outages.prior.watched_h,
                "stays_up": expected.stays_up(),
            },
        )
    )
    return tuple(used)


def _basis(predictions: Iterable[PredictedUplink]) -> dict[str, Value]:
    """Return how sure predicted levels are at least, and on what they rest where that is said."""
    found = list(predictions)
    told = list(dict.fromkeys(p.basis for p in found if p.basis))
    sigma: dict[str, Value] = {"sigma_db": max(p.sigma_db for p in found)} if found else {}
    return sigma | ({"basis": ", ".join(told)} if told else {})


def _with_advice(
    verdict: Verdict, question: Question, evidence: Evidence, case: Case, *, now: datetime
) -> Verdict:
    settings, known = case.settings, case.known
    lasts = question.ends_at - question.starts_at
    without_today = replace(known, strong=(), weak=())

    @cache
    def look(starts_at: datetime) -> Outlook | None:
        return outlook(
            starts_at,
            starts_at + lasts,
            without_today,
            now=now,
            tolerance=question.need.tolerance,
            prior=evidence.outage_prior,
            settings=settings,
        )

    def usual(starts_at: datetime) -> Outlook | None:
        """Return the outlook; a day from now and later every day has the same hours."""
        later = max((starts_at - now) // timedelta(days=1) - 1, 0)
        found = look(starts_at - later * timedelta(days=1))
        if found is None or not evidence.beside:
            return found
        others_bps = others_by_hour(evidence.beside, starts_at, starts_at + lasts, settings)
        return replace(found, others_bps=others_bps, plan=case.expected.plan)

    def carries(starts_at: datetime, rate_bps: float) -> bool:
        found = usual(starts_at)
        return found is not None and found.probability(rate_bps) >= settings.ready_probability

    def safe_at(starts_at: datetime) -> float | None:
        found = usual(starts_at)
        return None if found is None else found.safe_bps(settings.ready_probability)

    @cache
    def near_hour(hour: int) -> float:
        at = next(
            starts
            for step in range(24)
            if hour_of_day(starts := now + timedelta(hours=step), settings) == hour
        )
        return days_at(at, known.samples, now=now, settings=settings).near

    def near(starts_at: datetime) -> float:
        return near_hour(hour_of_day(starts_at, settings))

    def safe_of(operator: str) -> float | None:
        other = replace(question, operator=operator)
        found = case_of(other, evidence, now=now, settings=settings)
        return None if found is None else found.safe_bps(settings.ready_probability)

    def shorter(other: Question) -> State | None:
        found = case_of(other, evidence, now=now, settings=settings)
        return None if found is None else found.answer(other.need).state

    operators = {s.operator for s in evidence.site_history if s.operator is not None}
    operators |= {t.operator for t in evidence.tests if t.operator is not None}
    return replace(
        verdict,
        plans=plans_for(question, evidence, case, now=now, settings=settings),
        ready_until=ready_until(question, shorter, now=now),
        better_hour=advice.better_hour(question, near, carries, safe_at, now=now, settings=settings)
        if known.samples and known.measured_lately
        else None,
        better_operator=advice.better_operator(
            question.operator,
            operators,
            safe_of,
            safe_bps=verdict.uplink_safe_bps,
            need=question.need,
            settings=settings,
        ),
        better_site=advice.better_site(evidence.neighbours, question.need),
        better_spot=advice.better_spot(known.strong, question.need, now=now, settings=settings),
    )


def _unknown_verdict(
    question: Question,
    reasons: Iterable[Reason],
    *,
    now: datetime,
    settings: ReadinessSettings,
) -> Verdict:
    return Verdict(
        site_id=question.site_id,
        profile_code=question.need.profile_code,
        starts_at=question.starts_at,
        ends_at=question.ends_at,
        judged_at=now,
        state=State.UNKNOWN,
        probability=None,
        ready_from=settings.ready_probability,
        not_ready_to=settings.not_ready_probability,
        uplink_required_bps=question.need.uplink_required_bps,
        uplink_safe_bps=None,
        reasons=_sorted(reasons),
        model_version=MODEL_VERSION,
    )


def _sorted(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda r: (_SEVERITIES.index(r.severity), r.code)))
