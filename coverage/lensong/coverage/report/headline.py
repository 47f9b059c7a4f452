"""The answer first: how many villages and people are covered, by class, service and reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lensong.coverage.result import REASONS, PlanResult
from lensong.coverage.service import Service

__all__ = [
    "CLASSES",
    "ClassCount",
    "Headline",
    "ReasonCount",
    "ServiceCount",
    "column",
    "headline",
]

CLASSES = ("covered", "patchy", "no_signal")

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
    """

    villages: int
    people: float | None
    covered_share: float
    no_signal_share: float
    classes: tuple[ClassCount, ...]
    services: tuple[ServiceCount, ...]
    reasons: tuple[ReasonCount, ...]
    class_service: Service

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
    counts = [
        ReasonCount(
            name=name,
            villages=int(np.count_nonzero(reasons == name)),
            people_without=total(without[reasons == name]),
        )
        for name in REASONS[1:]
        if np.any(reasons == name)
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
        ),
        services=tuple(of_service(s) for s in result.services),
        reasons=tuple(sorted(counts, key=lambda c: (-c.villages, -(c.people_without or 0.0)))),
        class_service=class_service,
    )


def _class_setting(settings: dict[str, Any], name: str, default: float) -> float:
    classes = settings.get("classes")
    return float(classes.get(name, default)) if isinstance(classes, dict) else default
