"""Who asks, and for which plan and variant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lensong.planner.errors import NotThereError
from lensong.planner.open_plan import OpenPlan
from lensong.planner.variants import Variant

__all__ = ["Access", "Asked", "Someone"]


async def _always() -> bool:
    return True


def _no_limit(what: str) -> None:
    """Let everything pass: one person at their own machine waits for themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Someone:
    """Who asks.

    Parameters
    ----------
    name : str
        As others see it beside a change; empty for one person alone at their machine.
    may_edit : bool
    still : callable
        Whether they may still look, for what goes on and on.
    takes : callable
        Called with the name of what takes a while to compute, before it is done; refuses where they
        asked for too much of it.
    key : str
        By which they are told from others; empty for one person alone.
    """

    name: str = ""
    may_edit: bool = True
    still: Callable[[], Awaitable[bool]] = _always
    takes: Callable[[str], None] = _no_limit
    key: str = ""


Asked = Callable[..., Someone | Awaitable[Someone]]
"""A dependency that returns who asks, or refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The plans, and the dependencies that let somebody at them.

    Parameters
    ----------
    plans : sequence of OpenPlan
    looks, edits : callable
        Dependencies of reading and of changing routes.
    live : callable
        Dependency that returns the sites that who asks may see, None where there are none;
        ``has_live`` whether there ever are.
    prefix : str
        Of every path: a route that is logged or counted is named by all of its path.
    """

    plans: Sequence[OpenPlan]
    looks: Asked
    edits: Asked
    live: Callable[..., Any]
    has_live: bool
    prefix: str

    def plan(self, plan_id: str) -> OpenPlan:
        """Return a plan.

        Raises
        ------
        NotThereError
        """
        for plan in self.plans:
            if plan.plan_id == plan_id:
                return plan
        known = ", ".join(plan.plan_id for plan in self.plans)
        raise NotThereError(f"there is no plan {plan_id!r}, wanted one of {known}")

    def variant(self, plan_id: str, variant_id: str) -> tuple[OpenPlan, Variant]:
        """Return a plan and one of its variants."""
        plan = self.plan(plan_id)
        return plan, plan.opened.variants.get(variant_id)
