"""The answer: a state, how sure it is, why, and what would be better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from lensong.monitoring.readiness.evidence import SiteOption
from lensong.propagation.errors import InvalidInputError

__all__ = [
    "BetterHour",
    "BetterOperator",
    "BetterSpot",
    "EvidenceUsed",
    "Reason",
    "State",
    "Value",
    "Verdict",
]

Value = float | int | str | None
"""What stands behind a name in the values of a reason or of evidence."""


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
    kind : {"prediction", "history", "test", "sessions"}
    age_s : float or None
        Age of its newest piece; None where it has no age.
    weight : float
        Share in the expected uplink, 0..1 (0 for sessions, which calibrate and do not predict).
    values : mapping
        Summary: ``uplink_bps``, ``sd_log10`` and ``n``; of sessions ``n``, ``held`` and
        ``outage_probability``, that of dropping out whatever the level, as predicted without them.
    """

    kind: Literal["prediction", "history", "test", "sessions"]
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
        That the stream holds from start (or now) to end, 0..1; None when UNKNOWN.
    uplink_required_bps : float
    uplink_safe_bps : float or None
        Highest rate that would be READY as far as the rate decides; None when the site was never
        measured well enough to promise anything.
    best_profile_code : str or None
        The profile of the ladder with the highest rate that would be READY.
    better_hour : BetterHour or None
    better_operator : BetterOperator or None
    better_site : SiteOption or None
    better_spot : BetterSpot or None
        Only what is known from evidence; None otherwise.
    predicted_log10_bps, predicted_sd_log10 : float or None
        Mean and spread of the highest constant bitrate expected to hold as long as the link does
        not drop out [log10 bit/s], before calibration. Keep both and
        `predicted_outage_probability` with the session: they make its `PastSession`.
    reasons : tuple of Reason
        The weightiest first.
    evidence : tuple of EvidenceUsed
    model_version : str
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
    best_profile_code: str | None = None
    better_hour: BetterHour | None = None
    better_operator: BetterOperator | None = None
    better_site: SiteOption | None = None
    better_spot: BetterSpot | None = None
    predicted_log10_bps: float | None = None
    predicted_sd_log10: float | None = None
    reasons: tuple[Reason, ...] = ()
    evidence: tuple[EvidenceUsed, ...] = ()
    model_version: str

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
    def predicted_outage_probability(self) -> float | None:
        """Return the probability of dropping out, before calibration; None when UNKNOWN."""
        for used in self.evidence:
            if used.kind == "sessions":
                found = used.values.get("outage_probability")
                return float(found) if isinstance(found, int | float) else None
        return None

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
            "uplink_required_bps": self.uplink_required_bps,
            "uplink_safe_bps": self.uplink_safe_bps,
            "best_profile_code": self.best_profile_code,
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
            "predicted_sd_log10": self.predicted_sd_log10,
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
                uplink_required_bps=stored["uplink_required_bps"],
                uplink_safe_bps=stored["uplink_safe_bps"],
                best_profile_code=stored["best_profile_code"],
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
                predicted_sd_log10=stored["predicted_sd_log10"],
                reasons=tuple(Reason(**reason) for reason in stored["reasons"]),
                evidence=tuple(EvidenceUsed(**used) for used in stored["evidence"]),
                model_version=stored["model_version"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError(
                f"not a stored verdict ({type(error).__name__}: {error}), wanted what "
                "Verdict.to_dict wrote"
            ) from error


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
