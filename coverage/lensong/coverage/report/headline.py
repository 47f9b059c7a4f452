"""The answer first: how many villages and people are covered, by class, service and reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lensong.coverage.result import REASONS, PlanResult
from lensong.coverage.service import Service
from lensong.coverage.villages import operator_suffix

__all__ = [
    "CLASSES",
    "ClassCount",
    "Headline",
    "OperatorCount",
    "ReasonCount",
    "ServiceCount",
    "ServingCount",
    "column",
    "headline",
]

CLASSES = ("covered", "patchy", "no_signal", "beyond_radius", "unknown")

# Shares of people served, unless the scenario says else.
COVERED_SHARE = 0.95
NO_SIGNAL_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """Villages of one class and the people who live in them (None: unknown)."""

    name: str
    villages: int
    people: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCount:
    """Who has one service: villages that hold it, people served and people without."""

    service: Service
    villages_holding: int
    people_served: float | None
    people_without: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCount:
    """Villages whose gap has one cause, and the people in them who are not served."""

    name: str
    villages: int
    people_without: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCount:
    """What one operator's SIM gets: villages that hold the class service, people by service."""

    name: str
    villages_holding: int
    people_served: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingCount:
    """Villages that so many operators serve, and the people who live in them."""

    operators: int
    villages: int
    people: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The numbers at the top of the report.

    Parameters
    ----------
    villages : int
    people : float or None
        None where no village's population is known.
    covered_share, no_signal_share : float
        Shares of people served: from the one a village holds a service, below the other it has
        no signal.
    classes, services, reasons : tuple
        In the order of ``CLASSES``, of the scenario, and of the most people.
    class_service : Service
        The service by which villages are classed.
    interference_share : float or None
        Of the people without the class service, the share whose village lacks it mainly by
        interference; None where nobody is without or people are not known.
    operators : tuple of OperatorCount
        Empty where the plan has one operator; every other number is of any operator.
    serving : tuple of ServingCount
        Likewise, by the number of operators, none first.
    """

    villages: int
    people: float | None
    covered_share: float
    no_signal_share: float
    classes: tuple[ClassCount, ...]
    services: tuple[ServiceCount, ...]
    reasons: tuple[ReasonCount, ...]
    class_service: Service
    interference_share: float | None
    operators: tuple[OperatorCount, ...]
    serving: tuple[ServingCount, ...]

    @property
    def covered(self) -> ClassCount:
        """Return the villages that are covered."""
        return self.classes[0]

    @property
    def class_count(self) -> ServiceCount:
        """Return the count of the service by which villages are classed."""
        return next(s for s in self.services if s.service.name == self.class_service.name)


def column(prefix: str, service: str, technology: str = "") -> str:
    """Return the name of a village column, e.g. ``served_share_livestream_720p_4g``."""
    name = f"{prefix}_{service.replace('-', '_')}"
    return f"{name}_{technology.lower()}" if technology else name


def headline(result: PlanResult) -> Headline:
    """Return the numbers that the report begins with."""
    villages = result.villages
    people = villages["people"].to_numpy(dtype=float)
    known = bool(np.isfinite(people).any())
    share = _class_setting(result.settings, "covered_share", COVERED_SHARE)

    def total(values: Any) -> float | None:  # numpy array or masked part of one
        return float(np.nansum(values)) if known else None

    def of_service(service: Service) -> ServiceCount:
        served = villages[column("served_share", service.name)].to_numpy(dtype=float)
        return ServiceCount(
            service=service,
            villages_holding=int(np.count_nonzero(served >= share)),
            people_served=total(people * served),
            people_without=total(people * (1.0 - served)),
        )

    class_service = next(s for s in result.services if s.name == result.class_service)
    served = villages[column("served_share", class_service.name)].to_numpy(dtype=float)
    without = people * (1.0 - served)
    classes, reasons = villages["class"].to_numpy(), villages["reason"].to_numpy()
    # A covered village may hold people without the service, too: their reason counts with them.
    of_people = villages.get(column("reason", class_service.name), villages["reason"]).to_numpy()
    counts = [
        ReasonCount(
            name=name,
            villages=int(np.count_nonzero(reasons == name)),
            people_without=total(without[of_people == name]),
        )
        for name in REASONS[1:]
        if np.any(reasons == name) or (known and np.nansum(without[of_people == name]) >= 0.5)
    ]
    return Headline(
        villages=len(villages),
        people=total(people),
        covered_share=share,
        no_signal_share=_class_setting(result.settings, "no_signal_share", NO_SIGNAL_SHARE),
        classes=tuple(
            ClassCount(
                name=name,
                villages=int(np.count_nonzero(classes == name)),
                people=total(people[classes == name]),
            )
            for name in CLASSES
            if name not in ("beyond_radius", "unknown") or np.any(classes == name)
        ),
        services=tuple(of_service(s) for s in result.services),
        reasons=tuple(sorted(counts, key=lambda c: (-c.villages, -(c.people_without or 0.0)))),
        class_service=class_service,
        interference_share=_part(total(without[of_people == "interference"]), total(without)),
        operators=_operators(result, share, total),
        serving=_serving(result, total),
    )


def _part(part: float | None, whole: float | None) -> float | None:
    return None if part is None or whole is None or whole < 0.5 else part / whole


def _operators(
    result: PlanResult, share: float, total: Callable[[Any], float | None]
) -> tuple[OperatorCount, ...]:
    if len(result.operators) < 2:
        return ()
    villages = result.villages
    people = villages["people"].to_numpy(dtype=float)
    counts = []
    for name, suffix in operator_suffix(result.operators).items():
        served = {
            s.name: villages[f"{column('served_share', s.name)}_op_{suffix}"].to_numpy(dtype=float)
            for s in result.services
        }
        counts.append(
            OperatorCount(
                name=name,
                villages_holding=int(np.count_nonzero(served[result.class_service] >= share)),
                people_served=tuple(total(people * served[s.name]) for s in result.services),
            )
        )
    return tuple(counts)


def _serving(result: PlanResult, total: Callable[[Any], float | None]) -> tuple[ServingCount, ...]:
    if len(result.operators) < 2:
        return ()
    count = result.villages["operators_serving"].to_numpy()
    people = result.villages["people"].to_numpy(dtype=float)
    return tuple(
        ServingCount(
            operators=n,
            villages=int(np.count_nonzero(count == n)),
            people=total(people[count == n]),
        )
        for n in range(len(result.operators) + 1)
    )


def _class_setting(settings: dict[str, Any], name: str, default: float) -> float:
    classes = settings.get("classes")
    return float(classes.get(name, default)) if isinstance(classes, dict) else default
