"""The answer: a state, how sure it is, why, and what would be better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from lensong.monitoring.readiness.evidence import SiteOption
from lensong.monitoring.records import Motion
from lensong.propagation.errors import InvalidInputError

__all__ = [
    "BetterHour",
    "BetterOperator",
    "BetterSpot",
    "EvidenceUsed",
    "Plan",
    "Reason",
    "State",
    "Step",
    "Value",
    "Verdict",
    "shown_percent",
]

Value = float | int | str | None
"""What stands behind a name in the values of a reason or of evidence."""


def shown_percent(probability: float) -> int:
    """Return a probability as it is shown, in whole per cent, rounded down.

    The state is decided by what is shown: 89.9 is 89, and READY begins at 90.
    """
    return math.floor(100.0 * probability + 1e-9)


class State(StrEnum):
    """What a site is told before a session."""

    READY = "ready"
    AT_RISK = "at_risk"
    NOT_READY = "not_ready"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why the verdict is what it is; its text is ``reason.<code>`` in messages/readiness.json.

    Parameters
    ----------
    code : str
        Stable name.
    severity : {"info", "warning", "error"}
        ``error`` decides for NOT READY or UNKNOWN, ``warning`` keeps from READY.
    values : mapping
        Numbers and names that the text mentions.
    """

    code: str
    severity: Literal["info", "warning", "error"]
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceUsed:
    """One kind of evidence and how much it counted.

    Parameters
    ----------
    kind : {"prediction", "history", "test", "sessions", "watch"}
    age_s : float or None
        Age of its newest piece; None where it has no age.
    weight : float
        Share in the chance that the level is enough, 0..1; 0 for what was watched.
    values : mapping
        Summary: ``uplink_bps`` and ``n``; of a prediction ``sigma_db``, the greatest, and on what
        levels rest where the plan was calibrated, ``basis``; of sessions ``n`` and ``held`` here,
        ``elsewhere`` and the ``ratio`` by which they correct the model; of what was watched
        ``hours``, ``outages`` beyond tolerance, the prior's ``prior_shape``, ``prior_hours``,
        ``prior_sites`` and ``prior_watched_h``, and ``stays_up``, the chance of no outage beyond
        tolerance.
    """

    kind: Literal["prediction", "history", "test", "sessions", "watch"]
    age_s: float | None
    weight: float
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BetterHour:
    """A start at which the same session is more likely to hold."""

    starts_at: datetime
    uplink_safe_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BetterOperator:
    """Another operator whose uplink here is known to be better."""

    operator: str
    uplink_safe_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BetterSpot:
    """A spot in the village where the uplink measured better within the last day."""

    spot: str
    uplink_p10_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do before a session, that the model says will help.

    Parameters
    ----------
    kind : {"test", "watch"}
    n : int
        Tests; 1 for a watch.
    hours : float
        How long to watch; 0 for tests.
    from_at, until_at : datetime
        When: tests on so many days between these times of day, a watch anywhere between.
    """

    kind: Literal["test", "watch"]
    n: int
    hours: float
    from_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps after which a session would be READY, if the network stays as it was seen.

    Parameters
    ----------
    steps : tuple of Step
    probability : float
        What the verdict will say then, 0..1.
    """

    steps: tuple[Step, ...]
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What `judge` says about one question.

    Parameters
    ----------
    site_id, profile_code : str
    starts_at, ends_at : datetime
        The session.
    judged_at : datetime
    state : State
    probability : float or None
        That the stream holds within its tolerance from start (or now) to end, 0..1; None when
        UNKNOWN. What besides the rate keeps from a state keeps the probability below it too.
    ready_from, not_ready_to : float
        The thresholds that this state was decided by, hysteresis included.
    motion : Motion
        At rest or moving, as judged; unknown when UNKNOWN.
    motion_by : {"told", "sensed", "assumed"} or None
    short_freezes_an_hour : (int, int) or None
        How many freezes that the tolerance bears an audience should expect, from and to.
    uplink_required_bps : float
    uplink_safe_bps : float or None
        Highest rate that would be READY as far as the rate decides; None when no rate would, or
        when the site was never measured well enough to promise anything: a reason says which.
    best_profile_code : str or None
        The profile of the asked platform with the highest rate that would be READY.
    ready_until : datetime or None
        Until when a shorter session of the asked profile would be READY; None where the whole one
        is, or none of half an hour or more.
    plans : tuple of Plan
        What would make it READY, the easiest first; empty where nothing that can still be done.
    better_hour : BetterHour or None
    better_operator : BetterOperator or None
    better_site : SiteOption or None
    better_spot : BetterSpot or None
        Only what is known from evidence; None otherwise.
    predicted_log10_bps : float or None
        Bit rate as likely to hold as not as far as the rate decides [log10 bit/s].
    reasons : tuple of Reason
        The weightiest first.
    evidence : tuple of EvidenceUsed
    model_version : str
    others : int
        Sessions beside it at the busiest moment: at the site, or on its cells by a plan.
    more_sellers, more_sellers_until : int, datetime or None
        How many more of the same profile fit from the start on, and until when; None where nothing
        is known: the site was not measured, and no plan says anything.
    more_sellers_by : {"measured", "plan"} or None
        Measured: so many that all are READY. Plan: as many as it lets hold at once.
    """

    site_id: str
    profile_code: str
    starts_at: datetime
    ends_at: datetime
    judged_at: datetime
    state: State
    probability: float | None
    uplink_required_bps: float
    uplink_safe_bps: float | None
    ready_from: float = 0.9
    not_ready_to: float = 0.5
    motion: Motion = Motion.UNKNOWN
    motion_by: Literal["told", "sensed", "assumed"] | None = None
    short_freezes_an_hour: tuple[int, int] | None = None
    best_profile_code: str | None = None
    ready_until: datetime | None = None
    plans: tuple[Plan, ...] = ()
    better_hour: BetterHour | None = None
    better_operator: BetterOperator | None = None
    better_site: SiteOption | None = None
    better_spot: BetterSpot | None = None
    predicted_log10_bps: float | None = None
    reasons: tuple[Reason, ...] = ()
    evidence: tuple[EvidenceUsed, ...] = ()
    model_version: str
    others: int = 0
    more_sellers: int | None = None
    more_sellers_until: datetime | None = None
    more_sellers_by: Literal["measured", "plan"] | None = None

    def __post_init__(self) -> None:
        if (self.state is State.UNKNOWN) is not (self.probability is None):
            raise InvalidInputError(
                f"state is {self.state} with probability {self.probability}, wanted None with "
                "UNKNOWN and a number with every other state"
            )
        if self.probability is not None and not 0.0 <= self.probability <= 1.0:
            raise InvalidInputError(f"probability is {self.probability}, wanted 0 to 1")
        if self.uplink_safe_bps is not None and not math.isfinite(self.uplink_safe_bps):
            raise InvalidInputError(f"uplink_safe_bps is {self.uplink_safe_bps}, wanted finite")

    @property
    def probability_percent(self) -> int | None:
        """Return the probability as it is shown; None when UNKNOWN."""
        return None if self.probability is None else shown_percent(self.probability)

    def to_dict(self) -> dict[str, Any]:  # Any: the shape is JSON
        """Return the verdict as JSON values: times in RFC 3339, UTC; rates in bits per second."""
        return {
            "site_id": self.site_id,
            "profile_code": self.profile_code,
            "starts_at": _rfc3339(self.starts_at),
            "ends_at": _rfc3339(self.ends_at),
            "judged_at": _rfc3339(self.judged_at),
            "state": self.state.value,
            "probability": self.probability,
            "probability_percent": self.probability_percent,
            "ready_from": self.ready_from,
            "not_ready_to": self.not_ready_to,
            "motion": self.motion.value,
            "motion_by": self.motion_by,
            "short_freezes_an_hour": None
            if self.short_freezes_an_hour is None
            else list(self.short_freezes_an_hour),
            "uplink_required_bps": self.uplink_required_bps,
            "uplink_safe_bps": self.uplink_safe_bps,
            "best_profile_code": self.best_profile_code,
            "ready_until": None if self.ready_until is None else _rfc3339(self.ready_until),
            "plans": [
                {
                    "probability": plan.probability,
                    "steps": [
                        {
                            "kind": step.kind,
                            "n": step.n,
                            "hours": step.hours,
                            "from_at": _rfc3339(step.from_at),
                            "until_at": _rfc3339(step.until_at),
                        }
                        for step in plan.steps
                    ],
                }
                for plan in self.plans
            ],
            "better_hour": None
            if self.better_hour is None
            else {
                "starts_at": _rfc3339(self.better_hour.starts_at),
                "uplink_safe_bps": self.better_hour.uplink_safe_bps,
            },
            "better_operator": None
            if self.better_operator is None
            else {
                "operator": self.better_operator.operator,
                "uplink_safe_bps": self.better_operator.uplink_safe_bps,
            },
            "better_site": None
            if self.better_site is None
            else {
                "site_id": self.better_site.site_id,
                "name": self.better_site.name,
                "distance_m": self.better_site.distance_m,
                "uplink_safe_bps": self.better_site.uplink_safe_bps,
            },
            "better_spot": None
            if self.better_spot is None
            else {
                "spot": self.better_spot.spot,
                "uplink_p10_bps": self.better_spot.uplink_p10_bps,
            },
            "predicted_log10_bps": self.predicted_log10_bps,
            "reasons": [
                {"code": reason.code, "severity": reason.severity, "values": dict(reason.values)}
                for reason in self.reasons
            ],
            "evidence": [
                {
                    "kind": used.kind,
                    "age_s": used.age_s,
                    "weight": used.weight,
                    "values": dict(used.values),
                }
                for used in self.evidence
            ],
            "model_version": self.model_version,
            "others": self.others,
            "more_sellers": self.more_sellers,
            "more_sellers_until": None
            if self.more_sellers_until is None
            else _rfc3339(self.more_sellers_until),
            "more_sellers_by": self.more_sellers_by,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Verdict:  # Any: the shape is JSON
        """Return the verdict that `to_dict` wrote.

        Raises
        ------
        InvalidInputError
            When a field is missing or a value cannot be one that `to_dict` wrote.
        """
        try:
            hour, operator = stored["better_hour"], stored["better_operator"]
            site, spot = stored["better_site"], stored["better_spot"]
            return cls(
                site_id=stored["site_id"],
                profile_code=stored["profile_code"],
                starts_at=datetime.fromisoformat(stored["starts_at"]),
                ends_at=datetime.fromisoformat(stored["ends_at"]),
                judged_at=datetime.fromisoformat(stored["judged_at"]),
                state=State(stored["state"]),
                probability=stored["probability"],
                ready_from=stored["ready_from"],
                not_ready_to=stored["not_ready_to"],
                motion=Motion(stored["motion"]),
                motion_by=stored["motion_by"],
                short_freezes_an_hour=None
                if stored["short_freezes_an_hour"] is None
                else tuple(stored["short_freezes_an_hour"]),
                uplink_required_bps=stored["uplink_required_bps"],
                uplink_safe_bps=stored["uplink_safe_bps"],
                best_profile_code=stored["best_profile_code"],
                ready_until=None
                if stored["ready_until"] is None
                else datetime.fromisoformat(stored["ready_until"]),
                plans=tuple(_plan(plan) for plan in stored["plans"]),
                better_hour=None
                if hour is None
                else BetterHour(
                    starts_at=datetime.fromisoformat(hour["starts_at"]),
                    uplink_safe_bps=hour["uplink_safe_bps"],
                ),
                better_operator=None if operator is None else BetterOperator(**operator),
                better_site=None if site is None else SiteOption(**site),
                better_spot=None if spot is None else BetterSpot(**spot),
                predicted_log10_bps=stored["predicted_log10_bps"],
                reasons=tuple(Reason(**reason) for reason in stored["reasons"]),
                evidence=tuple(EvidenceUsed(**used) for used in stored["evidence"]),
                model_version=stored["model_version"],
                others=stored.get("others", 0),  # verdicts of older versions have none of these
                more_sellers=stored.get("more_sellers"),
                more_sellers_until=None
                if stored.get("more_sellers_until") is None
                else datetime.fromisoformat(stored["more_sellers_until"]),
                more_sellers_by=stored.get("more_sellers_by"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError(
                f"not a stored verdict ({type(error).__name__}: {error}), wanted what "
                "Verdict.to_dict wrote"
            ) from error


def _plan(stored: Mapping[str, Any]) -> Plan:  # Any: the shape is JSON
    return Plan(
        probability=stored["probability"],
        steps=tuple(
            Step(
                kind=step["kind"],
                n=step["n"],
                hours=step["hours"],
                from_at=datetime.fromisoformat(step["from_at"]),
                until_at=datetime.fromisoformat(step["until_at"]),
            )
            for step in stored["steps"]
        ),
    )


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
