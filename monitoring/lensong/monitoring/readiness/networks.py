"""Whose network a piece of evidence is of, and whether what is borrowed speaks for a site.

A coverage plan, or the commune, stands in for what was not measured at a site. It does so for the
networks that are used there alone: another operator's masts say nothing, and invented figures
never decide for a real place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, Protocol

from lensong.coverage.network import operator_key
from lensong.monitoring.readiness.evidence import PredictedUplink, Question
from lensong.monitoring.readiness.verdict import Reason

__all__ = [
    "LeftOut",
    "about_left_out",
    "borrowed",
    "is_operator",
    "is_technology",
    "speaks_for",
    "why_left_out",
]

LeftOut = Literal["synthetic", "operator", "technology"]


_CODES: dict[LeftOut, str] = {
    "operator": "plan_other_operator",
    "technology": "plan_other_technology",
    "synthetic": "plan_synthetic",
}


class _OfNetwork(Protocol):
    @property
    def technology(self) -> str | None: ...
    @property
    def operator(self) -> str | None: ...


def is_operator(wanted: str | None, operator: str | None) -> bool:
    """Return whether an operator is the wanted one, however it is written; None fits any.

    Examples
    --------
    >>> is_operator("Viettel", "VIETTEL "), is_operator("Mạng A", "mang a")
    (True, True)
    >>> is_operator("Viettel", "Vinaphone"), is_operator("Viettel", None)
    (False, True)
    """
    return not wanted or not operator or operator_key(wanted) == operator_key(operator)


def is_technology(wanted: str | None, technology: str | None) -> bool:
    """Return whether a technology is the wanted one; None fits any."""
    return wanted is None or technology is None or wanted == technology


def why_left_out(
    item: _OfNetwork, *, operators: Iterable[str], technologies: Iterable[str]
) -> LeftOut | None:
    """Return why a plan or a neighbour says nothing of a site; None where it speaks for it.

    Parameters
    ----------
    operators, technologies : iterable of str
        Used at the site; empty is not known, and then any may be.
    """
    wanted, kinds = tuple(operators), tuple(technologies)
    if wanted and not any(is_operator(operator, item.operator) for operator in wanted):
        return "operator"
    if kinds and not any(is_technology(technology, item.technology) for technology in kinds):
        return "technology"
    return None


def borrowed(question: Question, item: _OfNetwork) -> bool:
    """Return whether what was seen at a neighbour is of a network that is used here."""
    why = why_left_out(item, operators=question.operators, technologies=question.technologies)
    return bool(question.operator) or why is None


def speaks_for(question: Question, plan: PredictedUplink) -> LeftOut | None:
    """Return why a coverage plan says nothing of a question; None where it speaks for it."""
    if plan.synthetic and not question.synthetic:
        return "synthetic"
    asked = (question.operator,) if question.operator else question.operators
    kinds = (question.technology,) if question.technology else question.technologies
    return why_left_out(plan, operators=asked, technologies=kinds)


def about_left_out(question: Question, plans: Iterable[PredictedUplink]) -> tuple[Reason, ...]:
    """Return what is said of the plans that were left out."""
    left = [(why, plan) for plan in plans if (why := speaks_for(question, plan)) is not None]
    count = Counter(why for why, _ in left)
    names = {
        "operator": sorted({str(plan.operator) for why, plan in left if why == "operator"}),
        "technology": sorted({str(plan.technology) for why, plan in left if why == "technology"}),
        "synthetic": [],
    }
    return tuple(
        Reason(
            code=_CODES[why],
            severity="info",
            values={"n": count[why], "names": ", ".join(names[why])},
        )
        for why in sorted(count)
    )
