"""Whether sellers of several places, rates and SIM cards hold at once, by Monte Carlo.

Sellers of one *kind* stand at one place, send one rate and use one operator's SIM card. What an
hour holds depends on how many of each kind are on the air: the *crowd*. In each draw of
`lensong.coverage.streams.draws` the phones of a crowd hold if they fit into the cells, under the
noise that they themselves raise, as in `lensong.coverage.streams.at_once`; the phones of a kind
are taken in their order, so one seller more never changes the draws of the others.

A place holds in a draw if all its sellers do. Places that may share a cell are fitted together,
and where they do not all fit none of them holds; a phone that no cell can serve fails its own
place alone. The chance of a place is the share of draws in which it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lensong.coverage.layer_model import LayerModel
from lensong.coverage.service import Service
from lensong.coverage.streams.draws import DRAWS, SEED, Reception, receptions
from lensong.coverage.streams.fitting import most_that_fit
from lensong.coverage.streams.heard import Heard
from lensong.coverage.streams.links import Columns, Link, may_carry, noise_raised, part_taken
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["Air", "Crowd", "Kind"]

Crowd = tuple[int, ...]
"""How many of each kind are on the air."""

Members = tuple[tuple[int, int], ...]
"""Kinds and how many of each, those of a group alone."""

_NO_RISE = 1e-9
_MOST_KEPT = 400  # groups, of some 100 kB each


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Sellers who are alike.

    Parameters
    ----------
    place : int
        Number of the place.
    service : Service
    operator : str
    most : int
        How many there are.
    """

    place: int
    service: Service
    operator: str
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phones:
    """The phones of one kind, and what they take where nobody disturbs them."""

    links: tuple[Link, ...]
    cost: FloatArray
    reach: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A group of a crowd, weighed as if it were alone.

    Parameters
    ----------
    members : tuple of (kind, how many)
    columns : shape (n,)
        The cells that it may use.
    place : shape (phones,)
    fails : dict
        Place to the draws in which it fails, under the noise of the group itself.
    cell_of : shape (draws, phones)
        Column of each phone without noise, -1 for none.
    raised : shape (draws, cells)
        By how much the group raises the noise of all cells.
    """

    members: Members
    columns: IntArray
    place: IntArray
    fails: dict[int, BoolArray]
    cell_of: IntArray
    raised: FloatArray


class Air:
    """The draws of all kinds, and the chances of crowds.

    Parameters
    ----------
    kinds : sequence of Kind
    place_ids : sequence of str
        Of the places, in the order in which they were heard; they decide the draws.
    heard : Heard
    model : LayerModel
    usable_share : float
        Share of a cell's uplink blocks that streams may use.
    model_sigma_db : float
        The part of the scatter that the phones of a place share [dB].
    phones : int
        Drawn at each place at least: that of the plan's count gives the same draws.
    draws, seed : int
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        place_ids: Sequence[str],
        heard: Heard,
        model: LayerModel,
        *,
        usable_share: float,
        model_sigma_db: float,
        phones: int = 1,
        draws: int = DRAWS,
        seed: int = SEED,
    ) -> None:
        self.kinds = tuple(kinds)
        self.draws = draws
        self._model = model
        self._chances: dict[Crowd, dict[int, float]] = {}
        self._weighed: dict[Members, _Part] = {}
        found = self._received(place_ids, heard, phones, model_sigma_db, seed)
        self._columns = Columns.of([r for some in found for r in some], model, usable_share)
        self._phones = [
            self._of_kind(kind, some) for kind, some in zip(self.kinds, found, strict=True)
        ]

    def _received(
        self, place_ids: Sequence[str], heard: Heard, phones: int, model_sigma_db: float, seed: int
    ) -> list[list[Reception]]:
        """Return of each kind what its phones receive on the carriers that may serve them."""
        found: list[list[Reception]] = [[] for _ in self.kinds]
        for place, place_id in enumerate(place_ids):
            here = [k for k, kind in enumerate(self.kinds) if kind.place == place]
            ends = np.cumsum([self.kinds[k].most for k in here])
            received = receptions(
                heard,
                place,
                place_id,
                self._model,
                phones=max(phones, int(ends[-1]) if here else 0),
                model_sigma_db=model_sigma_db,
                draws=self.draws,
                seed=seed,
            )
            for k, end in zip(here, ends, strict=True):
                kind = self.kinds[k]
                own = [
                    r.part(slice(int(end) - kind.most, int(end)))
                    for r in received
                    if r.operator == kind.operator
                ]
                found[k] = [r for r in own if may_carry(r, kind.service, self._model)]
        return found

    def _of_kind(self, kind: Kind, received: Sequence[Reception]) -> _Phones:
        columns, model = self._columns, self._model
        links = tuple(Link.of(r, kind.service, model, columns) for r in received)
        cost = np.full((self.draws, kind.most, columns.blocks.size, 2), np.inf)
        if links:
            cost = part_taken(links, model, columns, np.ones((self.draws, columns.blocks.size)))
        return _Phones(links=links, cost=cost, reach=np.isfinite(cost[..., 0]).any(axis=(0, 1)))

    def chances(self, crowd: Crowd) -> dict[int, float]:
        """Return of each place that sells the chance that all its sellers hold."""
        if crowd not in self._chances:
            parts = self._parts(crowd)
            total = np.sum([part.raised for part in parts], axis=0) if parts else np.zeros(())
            fails: dict[int, BoolArray] = {}
            for part in parts:
                fails |= self._under(part, total)
            self._chances[crowd] = {
                place: 1.0 - float(failed.mean()) for place, failed in fails.items()
            }
        return self._chances[crowd]

    def holds(self, crowd: Crowd, probability: float) -> bool:
        """Return whether every place that sells holds with a probability."""
        wanted = probability - 1e-12
        if crowd not in self._chances:
            # what does not hold by itself does not hold beside others
            for part in self._parts(crowd):
                if any(1.0 - float(failed.mean()) < wanted for failed in part.fails.values()):
                    return False
        return all(chance >= wanted for chance in self.chances(crowd).values())

    def cells(self, crowd: Crowd) -> dict[tuple[int, int], tuple[int, float]]:
        """Return the cell (index) that carries most draws of each phone, and their share.

        Phones are named by kind and number within it; one that none carries is left out.
        """
        found = {}
        for part in self._parts(crowd):
            for at, phone in enumerate(_phones_of(part.members)):
                used = part.cell_of[:, at][part.cell_of[:, at] >= 0]
                if used.size:
                    counted = np.bincount(used)
                    best = int(np.argmax(counted))
                    index = int(self._columns.code[best]) - 1
                    found[phone] = index, float(counted[best]) / self.draws
        return found

    def servers(self, kind: int) -> dict[int, float]:
        """Return the cells (index) that phones of a kind may use, and in which share of draws.

        Whether the stream gets through there does not count.
        """
        at = np.concatenate(
            [np.zeros(0, np.int64), *(link.at.ravel() for link in self._phones[kind].links)]
        )
        counted = np.bincount(at[at >= 0], minlength=self._columns.code.size)
        draws = self.draws * self.kinds[kind].most
        return {
            int(self._columns.code[column]) - 1: float(counted[column]) / draws
            for column in np.flatnonzero(counted)
        }

    def groups(self) -> list[list[int]]:
        """Return kinds that may share a cell or a place, each kind once."""
        reach = np.array([phones.reach for phones in self._phones])
        place = np.array([kind.place for kind in self.kinds])
        return _groups(list(range(len(self.kinds))), reach, place)

    def _parts(self, crowd: Crowd) -> list[_Part]:
        """Return the groups of a crowd, each weighed as if it were alone."""
        kinds = [k for k, n in enumerate(crowd) if n]
        place = np.array([self.kinds[k].place for k in kinds])
        reach = np.array([self._phones[k].reach for k in kinds])
        found = []
        for group in _groups(kinds, reach, place):
            members = tuple((kinds[i], crowd[kinds[i]]) for i in group)
            if members not in self._weighed:
                while len(self._weighed) >= _MOST_KEPT:
                    del self._weighed[next(iter(self._weighed))]
                self._weighed[members] = self._weigh(members)
            found.append(self._weighed[members])
        return found

    def _weigh(self, members: Members) -> _Part:
        phones = [self._phones[k] for k, _ in members]
        columns = np.flatnonzero(np.any([one.reach for one in phones], axis=0))
        place = np.array([self.kinds[k].place for k, _ in _phones_of(members)], np.int64)
        cost = np.concatenate(
            [one.cost[:, :n] for one, (_, n) in zip(phones, members, strict=True)], axis=1
        )
        fails, cell_of = _fit(cost, columns, place)
        raised = np.zeros((self.draws, self._columns.blocks.size))
        start = 0
        for one, (_, n) in zip(phones, members, strict=True):
            mine = slice(start, start + n)
            start += n
            if one.links:
                links = [link.part(slice(None), n) for link in one.links]
                raised += noise_raised(
                    links, self._model, self._columns, cost[:, mine], cell_of[:, mine]
                ).sum(axis=1)
        part = _Part(
            members=members, columns=columns, place=place, fails=fails, cell_of=cell_of,
            raised=raised,
        )  # fmt: skip
        if raised[:, columns].max(initial=0.0) > _NO_RISE:
            part = replace(part, fails=self._disturbed(part, raised))
        return part

    def _under(self, part: _Part, total: FloatArray) -> dict[int, BoolArray]:
        """Return where a group fails under the noise of all."""
        others = (total - part.raised)[:, part.columns]
        if others.max(initial=0.0) <= _NO_RISE:
            return part.fails
        return self._disturbed(part, total)

    def _disturbed(self, part: _Part, raised: FloatArray) -> dict[int, BoolArray]:
        """Return where a group fails under a noise, or failed without it."""
        costs = []
        for k, n in part.members:
            one = self._phones[k]
            links = [link.part(slice(None), n) for link in one.links]
            costs.append(
                part_taken(links, self._model, self._columns, 1.0 + raised)
                if links
                else one.cost[:, :n]
            )
        later, _ = _fit(np.concatenate(costs, axis=1), part.columns, part.place)
        return {place: failed | later[place] for place, failed in part.fails.items()}


def _fit(
    cost: FloatArray, columns: IntArray, place: IntArray
) -> tuple[dict[int, BoolArray], IntArray]:
    """Return of each place in which draws it fails, and the column of each phone by draw."""
    part = np.ascontiguousarray(cost[:, :, columns])
    placed = np.full(part.shape[:2], -1, np.int64)
    alone: BoolArray = np.ones(part.shape[:2], np.bool_)
    together: BoolArray = np.ones(part.shape[0], np.bool_)
    if columns.size:
        alone = np.asarray(~np.isfinite(part[..., 0]).any(axis=-1))
        part[alone] = 0.0  # it takes nothing of the others
        together = most_that_fit(part, placed) == place.size
        placed = np.where(alone | (placed < 0), -1, columns[placed])
    fails = {
        int(one): np.asarray(~together | alone[:, place == one].any(axis=1))
        for one in np.unique(place)
    }
    return fails, placed


def _phones_of(members: Members) -> Iterator[tuple[int, int]]:
    """Yield kind and number of each phone, in the order of the arrays."""
    for k, n in members:
        for number in range(n):
            yield k, number


def _groups(items: Sequence[int], reach: BoolArray, place: IntArray) -> list[list[int]]:
    """Return positions of items that a place or a column joins, however many steps away."""
    left = list(range(len(items)))
    found = []
    while left:
        group = [left.pop(0)]
        columns, places = reach[group[0]].copy(), {int(place[group[0]])}
        grown = True
        while grown:
            grown = False
            for i in list(left):
                if int(place[i]) in places or bool((reach[i] & columns).any()):
                    left.remove(i)
                    group.append(i)
                    columns |= reach[i]
                    places.add(int(place[i]))
                    grown = True
        found.append(sorted(group))
    return found
