"""What two plans say otherwise of why, row by row as text: for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import Any

from lensong.coverage.diff import PlanDiff
from lensong.coverage.diff_why import part_changes
from lensong.coverage.report.messages import catalogue

__all__ = ["PROPOSAL_HEADS", "lack_rows", "mend_rows", "proposal_rows", "stream_rows"]


PROPOSAL_HEADS = ("proposed", "what", "people", "cost", "fed and powered", "in the networks")
"""Heads of `proposal_rows`."""


def lack_rows(found: PlanDiff, arrow: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield of each village that lacks otherwise: name, dB, main cause, cell, parts that changed.

    Parameters
    ----------
    found : PlanDiff
    arrow : str
        Between what was and what is.
    """
    for row in found.lacking.to_dict("records"):
        lacks = [_lack(row, which) for which in ("before", "after")]
        causes = [_cause(row, which) for which in ("before", "after")]
        parts = [f"{_term(term)} {_signed(change)}" for term, change in part_changes(row)]
        cells = [row[f"cause_cell_{which}"] or "none" for which in ("before", "after")]
        both = _pair(causes, arrow), _pair(cells, arrow)
        yield _place(row), arrow.join(lacks), *both, ", ".join(parts)


def stream_rows(found: PlanDiff, arrow: str) -> Iterator[tuple[str, ...]]:
    """Yield of each village in which other numbers hold at once: its name, and each service's."""
    for row in found.streaming.to_dict("records"):
        counts = [
            [str(row[f"streams_at_once_{service}_{which}"]) for which in ("before", "after")]
            for service in found.why.streams
        ]
        yield _place(row), *(_pair(count, arrow) for count in counts)


def mend_rows(found: PlanDiff, arrow: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield name, change, what was changed to what, and what that brings in each plan."""
    for row in found.why.mended.to_dict("records"):
        tried = [str(row[f"tried_{which}"]).replace(" → ", arrow) for which in ("before", "after")]
        if isnan(row["gained_before_db"]) or isnan(row["gained_after_db"]):
            what = tried[0] or tried[1]
        else:
            what = tried[1] if tried[0] == tried[1] else "; ".join(tried)
        change = _word(f"change.{row['change']}", str(row["change"]))
        yield _place(row), change, what, _gain(row, "before"), _gain(row, "after")


def proposal_rows(found: PlanDiff, arrow: str) -> Iterator[tuple[str, ...]]:
    """Yield of each proposed step that stands otherwise: what, people, cost, feeding, state."""
    for row in found.proposed.to_dict("records"):
        states = [
            _word(f"proposal.{state}", str(state)) if state else "not named"
            for state in (row["state_before"], row["state_after"])
        ]
        what = row["change"] or _word(f"proposal.{row['kind']}", str(row["kind"]))
        fed = [text for text in (row["backhaul_way"], row["power"]) if isinstance(text, str)]
        yield (
            f"{row['step']} {row['mast_id']}",
            str(what).replace(" -> ", arrow),
            f"{float(row['people']):,.0f}",
            "" if row["cost"] is None or isnan(row["cost"]) else f"{row['cost']:,.10g}",
            "; ".join(text for text in fed if text),
            arrow.join(states),
        )


def _place(row: dict[Any, Any]) -> str:
    return f"{row['name']} ({row['commune']})" if row["commune"] else str(row["name"])


def _pair(both: list[str], arrow: str) -> str:
    return both[0] if both[0] == both[1] else arrow.join(both)


def _lack(row: dict[Any, Any], which: str) -> str:
    value = float(row[f"shortfall_{which}_db"])
    if not isnan(value):
        return f"{value:.1f} dB"
    return "nothing" if row[f"class_{which}"] == "covered" else "no number"


def _cause(row: dict[Any, Any], which: str) -> str:
    return _term(row[f"main_cause_{which}"]) if row[f"main_cause_{which}"] else "none"


def _gain(row: dict[Any, Any], which: str) -> str:
    gained_db, people = row[f"gained_{which}_db"], row[f"gained_people_{which}"]
    if isnan(gained_db):
        return "not tried"
    return f"{_signed(gained_db)} dB, {_signed(people, 0)} people"


def _signed(value: float, digits: int = 1) -> str:
    return f"{value:+,.{digits}f}".replace("-", "−")


def _term(term: str) -> str:
    return _word(f"term.{term}", term)


def _word(key: str, plain: str) -> str:
    entry = catalogue().get(key)
    return plain if entry is None else entry["en"]
