"""What is asked of the causes of gaps."""

from __future__ import annotations

from dataclasses import dataclass

from lensong.propagation.errors import OutOfRangeError

__all__ = ["CauseSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseSettings:
    """How far the causes of gaps are looked into.

    Parameters
    ----------
    villages : bool
        Whether the shortfall of every village below its service is split into causes.
    counterfactuals : int
        For how many of the gaps, those of most people first, changes of the network are planned
        again; 0 for none. Without ``villages`` there are none.
    """

    villages: bool = True
    counterfactuals: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.counterfactuals <= 1000:
            raise OutOfRangeError(
                "causes.counterfactuals",
                self.counterfactuals,
                0,
                1000,
                hint="each takes some re-plans around a mast",
            )
