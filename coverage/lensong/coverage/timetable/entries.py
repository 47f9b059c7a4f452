"""An answer of the search as sessions, and why the other wishes are not met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lensong.coverage.network import Cell, Network
from lensong.coverage.service import Service
from lensong.coverage.timetable.offers import Market
from lensong.coverage.timetable.search import Answer, Search
from lensong.coverage.timetable.wishes import Wish

__all__ = ["Entry", "Unplaced", "entries_of", "unplaced_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One session of the timetable.

    Parameters
    ----------
    wish : Wish
    starts_at, ends_at : datetime
    service : Service
        As she is to send.
    operator : str
        Whose SIM card.
    cell : Cell or None
        The one that carries most draws.
    cell_share : float
        Share of draws in which it does.
    chance : float
        The least chance, over her time, that all sellers of her place hold; on the plan's draws
        and on fresh ones, whichever is less.
    changes : tuple of str
        Keys of `COSTS`.
    """

    wish: Wish
    starts_at: datetime
    ends_at: datetime
    service: Service
    operator: str
    cell: Cell | None
    cell_share: float
    chance: float
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """A wish that the timetable does not meet; chance of her stream alone by SIM card."""

    wish: Wish
    chance_alone: dict[str, float]
    served: bool


def entries_of(
    answer: Answer, search: Search, market: Market, network: Network
) -> tuple[Entry, ...]:
    """Return the sessions of an answer; who of a kind is which of its phones is by start."""
    found = []
    cells = {crowd: search.air.cells(crowd) for crowd in set(answer.crowds.values())}
    order = sorted(answer.taken, key=lambda offer: (offer.starts_at, offer.wish))
    for offer in order:
        during = [
            crowd
            for step, crowd in answer.crowds.items()
            if offer.starts_at <= step < offer.ends_at
        ]
        kind = market.kinds[offer.kind]
        chance = min(
            (
                air.chances(crowd)[kind.place]
                for air in (search.air, search.fresh)
                for crowd in during
            ),
            default=1.0,
        )
        shares: dict[int, float] = {}
        for crowd in during:
            for number in range(crowd[offer.kind]):
                if (at := cells[crowd].get((offer.kind, number))) is not None:
                    shares[at[0]] = max(shares.get(at[0], 0.0), at[1])
        best = max(shares, key=lambda index: (shares[index], -index), default=None)
        found.append(
            Entry(
                wish=market.wishes[offer.wish],
                starts_at=offer.starts_at,
                ends_at=offer.ends_at,
                service=kind.service,
                operator=kind.operator,
                cell=None if best is None else network.cells[best],
                cell_share=0.0 if best is None else shares[best],
                chance=chance,
                changes=offer.changes,
            )
        )
    return tuple(found)


def unplaced_of(entries: Sequence[Entry], search: Search, market: Market) -> tuple[Unplaced, ...]:
    """Return the wishes that no entry meets, with what each would be alone on the air."""
    met = {id(entry.wish) for entry in entries}
    found = []
    for wish in market.wishes:
        if id(wish) in met:
            continue
        alone = {}
        for operator in wish.operators:
            kind = market.kind(wish, wish.service, operator)
            crowd = tuple(int(k == kind) for k in range(len(market.kinds)))
            alone[operator] = min(search.air.chances(crowd).values())
        served = any(chance >= search.probability - 1e-12 for chance in alone.values())
        found.append(Unplaced(wish=wish, chance_alone=alone, served=served))
    return tuple(found)
