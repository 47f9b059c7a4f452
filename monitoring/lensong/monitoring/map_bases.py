"""What lies under the sites on a map: outlines of communes, relief and villages of plans."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypeAlias

from lensong.propagation.errors import InvalidInputError

__all__ = [
    "MOST_RELIEF_BYTES",
    "VILLAGE_CLASSES",
    "Edges",
    "Outline",
    "PlanGround",
    "Rings",
    "Village",
]

Rings: TypeAlias = tuple[tuple[tuple[float, float], ...], ...]
"""Closed lines of ``(lon_deg, lat_deg)``, holes among them."""

Village: TypeAlias = tuple[float, float, str]
"""``lon_deg``, ``lat_deg`` and class."""

VILLAGE_CLASSES = ("covered", "patchy", "no_signal", "beyond_radius", "unknown")
"""As a coverage plan classes villages, the best first."""

MOST_RELIEF_BYTES = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """A rectangle in latitude and longitude."""

    west_deg: float
    south_deg: float
    east_deg: float
    north_deg: float

    def __post_init__(self) -> None:
        if not (
            -180.0 <= self.west_deg < self.east_deg <= 540.0
            and -90.0 <= self.south_deg < self.north_deg <= 90.0
        ):
            raise InvalidInputError(
                f"edges are {self.west_deg} to {self.east_deg} east and {self.south_deg} to "
                f"{self.north_deg} north, wanted degrees, west below east and south below north"
            )

    @classmethod
    def around(cls, points: Iterable[tuple[float, float]]) -> Self | None:
        """Return the edges of places ``(lon_deg, lat_deg)``; None where they span nothing."""
        found = list(points)
        lons, lats = [lon for lon, _ in found], [lat for _, lat in found]
        if not found or min(lons) == max(lons) or min(lats) == max(lats):
            return None
        return cls(west_deg=min(lons), south_deg=min(lats), east_deg=max(lons), north_deg=max(lats))

    def holds(self, other: Edges) -> bool:
        """Return whether another rectangle lies within this one."""
        return (
            self.west_deg <= other.west_deg
            and self.south_deg <= other.south_deg
            and self.east_deg >= other.east_deg
            and self.north_deg >= other.north_deg
        )

    def meets(self, other: Edges) -> bool:
        """Return whether the two have ground in common."""
        return (
            self.west_deg < other.east_deg
            and other.west_deg < self.east_deg
            and self.south_deg < other.north_deg
            and other.south_deg < self.north_deg
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The outline of a commune, as coarse as a wall needs it."""

    commune_code: str
    rings_deg: Rings
    synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGround:
    """What a coverage plan shows of the land.

    Parameters
    ----------
    province_code : str
        On whose maps alone it is shown: of a manager who governs one province. Empty for all.
    relief_png : bytes
        Empty where the plan has none; its edges are those of the ground.
    service : str
        By which the villages are classed.
    """

    coverage_run: str
    province_code: str
    title: str
    computed_at: datetime
    synthetic: bool
    edges: Edges
    relief_png: bytes
    service: str
    villages: tuple[Village, ...]
