"""What a verdict says of those who are on the air at the same time, and how many more fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from lensong.monitoring.readiness.beside import SessionBeside
from lensong.monitoring.readiness.case import Answer, Case
from lensong.monitoring.readiness.evidence import Evidence, Question
from lensong.monitoring.readiness.sharing import (
    MoreSellers,
    Span,
    busiest,
    more_sellers,
    plan_for,
    spans,
)
from lensong.monitoring.readiness.sift import age_s
from lensong.monitoring.readiness.verdict import Reason, State, Value

__all__ = ["Room", "about_others", "room_for_more"]

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many are on the air beside a session, and how many more of its profile fit.

    Parameters
    ----------
    others : int
        At the busiest moment.
    more : MoreSellers or None
        None where nothing is known.
    by : {"measured", "plan"} or None
        By which it is known.
    """

    others: int
    more: MoreSellers | None
    by: Literal["measured", "plan"] | None


def room_for_more(case: Case, question: Question, evidence: Evidence, *, now: datetime) -> Room:
    """Return how many more sellers of the asked profile fit beside a session, and until when.

    Where the site was measured so many fit that all are READY; otherwise as many as a coverage
    plan lets hold at once with the probability of its service, none where not even the session
    itself is likely to hold. With neither nothing is said.
    """
    parts = _parts(question, evidence, now)
    if not parts:
        return Room(others=0, more=None, by=None)
    others = len(busiest(parts).others)
    need = question.need

    def ready(others_bps: float) -> bool:
        return case.beside(others_bps).answer(need).state is State.READY

    if case.own is not None and case.known.measured_lately:
        found = more_sellers(parts, ready, need.uplink_required_bps)
        return Room(others=others, more=found, by="measured")
    plan = plan_for(question, evidence.streams)
    if plan is None:
        return Room(others=others, more=None, by=None)
    most = plan.holding()

    def held(others_bps: float) -> bool:
        if plan.streams_of(need.uplink_required_bps + others_bps) > most:
            return False
        return case.beside(others_bps).answer(need).state is not State.NOT_READY

    found = more_sellers(parts, held, need.uplink_required_bps)
    return Room(others=others, more=found, by="plan")


def about_others(
    case: Case, question: Question, evidence: Evidence, answer: Answer, *, now: datetime
) -> tuple[Reason, ...]:
    """Return what is said of the others: who they are, how the uplink is shared, what held."""
    settings, need = case.settings, question.need
    reasons: list[Reason] = []
    parts = _parts(question, evidence, now)
    span = busiest(parts) if parts else None
    if span is not None and span.others:
        severity = _severity(case, question, answer)
        # the question may bear any zone: it is asked in the local one
        local = span.starts_at.astimezone(UTC) + timedelta(seconds=settings.utc_offset_s)
        begin = f"{local:%H:%M}"
        if here := [one for one in span.others if one.here]:
            values = _values(here, span, begin)
            reasons.append(Reason(code="others_here", severity=severity, values=values))
        if on_cell := [one for one in span.others if not one.here]:
            values = _values(on_cell, span, begin)
            reasons.append(Reason(code="others_on_cell", severity=severity, values=values))
        by_plan = case.expected.by_plan(need.uplink_required_bps)
        reasons.append(_rule(case, question, by_plan))
    held = max(
        (s for s in case.known.here if s.held and s.beside_held > 0),
        key=lambda s: (s.beside_held, s.ended_at),
        default=None,
    )
    if held is not None:
        values = {
            "n": held.beside_held + 1,
            "together_mbps": (held.uplink_required_bps + held.beside_held_bps) / 1e6,
            "age_days": age_s(held.ended_at, now) / 86_400.0,
        }
        reasons.append(Reason(code="held_at_once", severity="info", values=values))
    return tuple(reasons)


def _rule(case: Case, question: Question, by_plan: bool) -> Reason:
    together_bps = case.expected.together_bps(question.need.uplink_required_bps)
    values: dict[str, Value] = {"together_mbps": together_bps / 1e6}
    if not by_plan or case.expected.plan is None:
        return Reason(code="shared_by_need", severity="info", values=values)
    plan = case.expected.plan
    n = plan.streams_of(together_bps)
    values |= {"n": n, "percent": 100.0 * plan.chances[n - 1]}
    return Reason(code="shared_by_plan", severity="info", values=values)


def _severity(case: Case, question: Question, answer: Answer) -> Severity:
    """Return how much the others weigh: they decide, or keep from READY, or do not matter."""
    alone = case.beside(0.0).answer(question.need)
    if answer.state is alone.state or answer.state is State.READY:
        return "info"
    return "error" if answer.state is State.NOT_READY else "warning"


def _values(some: Sequence[SessionBeside], span: Span, begin: str) -> dict[str, Value]:
    return {
        "n": len(some),
        "begin": begin,
        "from_at": span.starts_at.astimezone(UTC).isoformat(),
        "others_mbps": sum(one.uplink_required_bps for one in some) / 1e6,
    }


def _parts(question: Question, evidence: Evidence, now: datetime) -> tuple[Span, ...]:
    begin = max(question.starts_at, now)
    if begin >= question.ends_at:
        return ()
    return spans(evidence.beside, begin, question.ends_at)
