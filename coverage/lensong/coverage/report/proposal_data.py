"""What the page shows of a siting study: rows, lines on the map, the curve of people and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from lensong.coverage.cellplan.write import standing_rows
from lensong.coverage.network import Network
from lensong.coverage.proposals import Proposals
from lensong.coverage.report.messages import LANGUAGES, number_text, words

__all__ = ["ProposalPage", "proposal_page"]

_WIDTH, _HEIGHT = 720.0, 260.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 16.0, 14.0, 44.0
_MOST_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalPage:
    """One section of the report.

    Parameters
    ----------
    proposals : Proposals
    rows : list of dict
        One for each step, with its feeding and its state in the network.
    curve : Markup
        SVG.
    """

    proposals: Proposals
    rows: list[dict[str, Any]]
    curve: Markup

    @property
    def gained(self) -> float:
        """Return how many people gain by all steps."""
        return float(self.rows[-1]["people_in_all"]) if self.rows else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return what the map draws."""
        return {
            "rows": self.rows,
            "links": [dict(link) for link in self.proposals.links],
            "money": self.proposals.money,
        }


def proposal_page(network: Network) -> ProposalPage | None:
    """Return the section on a network's proposals, None where it has none."""
    found = network.proposals
    if found is None or not found.steps:
        return None
    rows = found.rows(found.states(standing_rows(network)))
    return ProposalPage(proposals=found, rows=rows, curve=_curve(found, rows))


def _curve(found: Proposals, rows: Sequence[dict[str, Any]]) -> Markup:
    """Return people who gain against money, or steps where no cost is known, as steps."""
    known = all(row["cost_in_all"] is not None for row in rows)
    spent = [0.0, *(float(row["cost_in_all"]) if known else k + 1.0 for k, row in enumerate(rows))]
    people = [0.0, *(float(row["people_in_all"]) for row in rows)]
    wide = max(spent[-1], 1e-9) * 1.08
    high = max(*people, found.best_gain, 1e-9) * 1.08

    def x(value: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * value / wide, 1)

    def y(value: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / high, 1)

    path = f"M{x(0.0)} {y(0.0)}"
    for cost, gained in zip(spent[1:], people[1:], strict=True):
        path += f"H{x(cost)}V{y(gained)}"
    parts = [
        f'<line class="axis" x1="{_LEFT}" y1="{y(0.0)}" x2="{_WIDTH - _RIGHT}" y2="{y(0.0)}"/>',
        f'<line class="axis" x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{y(0.0)}"/>',
    ]
    for value in _ticks(high):
        parts.append(f'<line class="rule" x1="{_LEFT}" y1="{y(value)}" x2="{_WIDTH - _RIGHT}" '
                     f'y2="{y(value)}"/>')  # fmt: skip
        parts.append(_text(_LEFT - 6.0, y(value) + 4.0, value, anchor="end"))
    parts += [_text(x(value), y(0.0) + 16.0, value, anchor="middle") for value in _ticks(wide)]
    parts.append(f'<path class="promised" d="{path}"/>')
    best = y(found.best_gain)
    parts.append(
        f'<line class="best" x1="{_LEFT}" y1="{best}" x2="{_WIDTH - _RIGHT}" y2="{best}"/>'
    )
    for place, (cost, gained) in enumerate(zip(spent[1:], people[1:], strict=True)):
        parts.append(f'<circle cx="{x(cost)}" cy="{y(gained)}" r="3.5"/>')
        if len(rows) <= _MOST_NAMED:
            parts.append(
                f'<text class="name" x="{x(cost) + 6.0}" y="{y(gained) + 13.0}">'
                f"{rows[place]['step']} {escape(rows[place]['mast_id'])}</text>"
            )
    axis = "proposals.cost_axis" if known else "proposals.steps_axis"
    unit = f" ({found.money})" if known and found.money else ""
    parts.append(
        f'<text class="title" x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 8.0}" '
        f'text-anchor="middle">{escape(words(axis))}{escape(unit)}</text>'
    )
    return Markup(
        f'<svg class="curve" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" '
        f'aria-label="{escape(words("proposals.curve"))}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, value: float, *, anchor: str) -> str:
    digits = 0 if value == int(value) else 1
    return "".join(
        f'<text class="l" lang="{language}" x="{x}" y="{y}" text-anchor="{anchor}">'
        f"{escape(number_text(value, digits, language=language))}</text>"
        for language in LANGUAGES
    )


def _ticks(most: float) -> list[float]:
    """Return round values from 0, five or so."""
    step = 10.0 ** len(str(int(most))) / 100.0
    while most / step > 6.0:
        step *= 2.0 if most / step <= 12.0 else 2.5 if most / step <= 15.0 else 5.0
    return [k * step for k in range(int(most / step) + 1)]
