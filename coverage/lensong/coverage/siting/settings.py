"""Costs of masts, as the scenario gives them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lensong.coverage.siting.candidates import Candidate
from lensong.coverage.siting.changes import ChangeSettings
from lensong.coverage.siting.feeding_settings import FeedingSettings
from lensong.propagation.errors import OutOfRangeError

__all__ = ["SitingSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SitingSettings:
    """The ``[siting]`` section of a scenario.

    Parameters
    ----------
    standing_mast_cost, new_mast_cost : float or None
        Of cells on a structure that stands, and of a mast with its cells, 0 or more; None: not
        known. A cost in a list of candidates comes before them.
    money : str
        Unit of all costs, for people: ``"million VND"``.
    changes : ChangeSettings
        What changes at masts that stand cost.
    feeding : FeedingSettings
        How masts may be fed and powered.
    """

    standing_mast_cost: float | None = None
    new_mast_cost: float | None = None
    money: str = ""
    changes: ChangeSettings = field(default_factory=ChangeSettings)
    feeding: FeedingSettings = field(default_factory=FeedingSettings)

    def __post_init__(self) -> None:
        for name in ("standing_mast_cost", "new_mast_cost"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value < 1e15:
                raise OutOfRangeError(f"siting.{name}", value, 0.0, 1e15)

    def priced(self, candidate: Candidate) -> Candidate:
        """Return a candidate with a cost where there is one."""
        if candidate.cost is not None:
            return candidate
        standing = candidate.kind == "standing"
        return replace(candidate, cost=self.standing_mast_cost if standing else self.new_mast_cost)
