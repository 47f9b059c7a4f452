"""Tiles of a plan that follows edits: each operator by itself, and the best of them at each pixel.

Each operator is kept, so that an edit of one leaves the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import (
    Tile,
    TileLayers,
    levels_over_each_other,
    over_each_other,
)
from lensong.coverage.reach import Reach
from lensong.coverage.result import NO_LEVEL_CDBM, REASONS
from lensong.coverage.sweeps import Window
from lensong.propagation.types import BoolArray, Int16Array, IntArray

__all__ = [
    "PlannedTile",
    "around",
    "best_levels_of",
    "best_of",
    "inside",
    "part_of",
    "renumbered",
    "taken",
    "with_levels_in",
    "with_no_services",
    "with_services_of",
]

_NO_CELL, _BEYOND = REASONS.index("no_cell"), REASONS.index("beyond_radius")
_VOID = REASONS.index("void")
_SERVICES = ("probability", "limiting", "reason")
_LEVELS = tuple(
    f.name
    for f in fields(TileLayers)
    if f.name not in (*_SERVICES, "level_cdbm", "own_probability", "own_reason")
)


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class PlannedTile:
    """A part of the grid as planned; never changed once made.

    Parameters
    ----------
    window : Window
    own : dict
        Operator to its layers alone, of those that are heard in the tile.
    best : TileLayers
        The best operator at each pixel; reasons tell "no cell" from "beyond every radius".
    unjudged : dict
        Operator to the pixels whose chances are still those of an earlier network.
    is_late : bool
        What ``best`` has of services is that of an earlier network, also where nothing is judged.
    lists : dict
        Operator to what is kept of its sites where there is something to judge, and around it.
    """

    window: Window
    own: dict[str, TileLayers]
    best: TileLayers
    unjudged: dict[str, BoolArray] = field(default_factory=dict)
    is_late: bool = False
    lists: dict[str, Tile] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns."""
        row0, col0, row1, col1 = self.window
        return row1 - row0, col1 - col0


def best_of(
    own: Mapping[str, TileLayers],
    model: LayerModel,
    shape: tuple[int, int],
    reach: Reach,
    hidden: Callable[[], BoolArray],
) -> TileLayers:
    """Return at each pixel the operator that is best there.

    Parameters
    ----------
    own : dict
        Operator to its layers alone.
    model : LayerModel
    shape : tuple
        Of the tile.
    reach : Reach
        Of the tile.
    hidden : callable
        Returns where a void hides the tile from some mast; asked where no cell reaches a pixel.
    """
    found = over_each_other(own) if own else _silent(model, shape)
    return _with_beyond(found, model, reach, hidden)


def best_levels_of(
    own: Mapping[str, TileLayers], before: TileLayers, at: tuple[slice, slice]
) -> TileLayers:
    """Return the same after levels of some of the operators were made anew in a part of the tile.

    Parameters
    ----------
    own : dict
        Operator to its layers alone, one at least.
    before : TileLayers
        The best operator before: its services stay, until they are judged.
    at : rows and columns
        The part.
    """
    levels = {name: layers.level_cdbm[name] for name, layers in own.items()}
    if len(own) == 1:
        [found] = own.values()
        made = {name: getattr(found, name) for name in _LEVELS}
    else:
        found = levels_over_each_other({name: _levels_at(one, at) for name, one in own.items()})
        made = _levels_in(before, found, at)
    return replace(before, **made, level_cdbm={**before.level_cdbm, **levels})


def _levels_at(layers: TileLayers, at: tuple[slice, slice]) -> TileLayers:
    """Return an operator's layers whose levels are those in a part of a tile."""
    return replace(
        layers,
        **{name: getattr(layers, name)[(..., *at)] for name in _LEVELS},
        level_cdbm={name: array[at] for name, array in layers.level_cdbm.items()},
    )


def _levels_in(
    before: TileLayers, made: TileLayers, at: tuple[slice, slice]
) -> dict[str, NDArray[Any]]:
    """Return copies of levels with new ones in a part of them, by name."""
    found = {name: getattr(before, name).copy() for name in _LEVELS}
    for name, array in found.items():
        array[(..., *at)] = getattr(made, name)
    return found


def _silent(model: LayerModel, shape: tuple[int, int]) -> TileLayers:
    """Return the layers of a tile that no cell reaches, each of one value that is kept once.

    Half of a mountain province is out of every radius.
    """
    one = TileLayers.empty(model, 1, 1)

    def over(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return np.broadcast_to(value, (*value.shape[:-2], *shape))
        return {name: over(array) for name, array in value.items()}

    return TileLayers(**{f.name: over(getattr(one, f.name)) for f in fields(one)})


def _with_beyond(
    found: TileLayers, model: LayerModel, reach: Reach, hidden: Callable[[], BoolArray]
) -> TileLayers:
    """Tell in the reasons what lies beyond the radius or is hidden, as `mark_beyond` does."""
    reason, own_reason = found.reason, dict(found.own_reason)
    level_cdbm, own_probability = dict(found.level_cdbm), dict(found.own_probability)
    shape = found.best.shape[1:]
    for name in model.operators.keys() - level_cdbm.keys():  # not heard here
        level_cdbm[name] = np.broadcast_to(np.int16(NO_LEVEL_CDBM), shape)
        silent = (len(model.services), *shape)
        own_probability[name] = np.broadcast_to(np.float32(0.0), silent)
        own_reason[name] = np.broadcast_to(np.uint8(_NO_CELL), silent)
    several = len(model.operators) > 1
    judged = [reason, *(own_reason.values() if several else ())]
    if not any(bool((one == _NO_CELL).any()) for one in judged):
        return replace(
            found, level_cdbm=level_cdbm, own_probability=own_probability, own_reason=own_reason
        )
    void = hidden()
    if bool((reason == _NO_CELL).any()):
        reason = reason.copy()
        for q, service in enumerate(model.services):
            _mark(reason[0, q], reach.beyond(service.technologies), void)
            for technology in model.technologies:
                row = model.service_row(technology)
                if row and technology in service.technologies:
                    _mark(reason[row, q], reach.beyond([technology]), void)
    if several:
        for name in own_reason:
            if bool((own_reason[name] == _NO_CELL).any()):
                own_reason[name] = own_reason[name].copy()
                for q, service in enumerate(model.services):
                    _mark(own_reason[name][q], reach.beyond(service.technologies, name), void)
    return replace(
        found,
        reason=reason,
        own_reason=own_reason,
        level_cdbm=level_cdbm,
        own_probability=own_probability,
    )


def _mark(reason: Any, beyond: BoolArray, void: BoolArray) -> None:
    reason[beyond & (reason == _NO_CELL)] = _BEYOND
    reason[void & (reason == _NO_CELL)] = _VOID


def part_of(mask: BoolArray, window: Window) -> Window:
    """Return the least part of a window that holds all pixels of a mask of it; none: empty."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    row0, col0, _, _ = window
    if not rows.size:
        return row0, col0, row0, col0
    return (
        row0 + int(rows[0]),
        col0 + int(cols[0]),
        row0 + int(rows[-1]) + 1,
        col0 + int(cols[-1]) + 1,
    )


def around(windows: Sequence[Window]) -> Window:
    """Return the least part of the grid that holds some parts of it, one at least."""
    row0, col0, row1, col1 = zip(*windows, strict=True)
    return min(row0), min(col0), max(row1), max(col1)


def inside(part: Window, window: Window) -> tuple[slice, slice]:
    """Return the rows and columns of a window that are a part of it."""
    row0, col0, _, _ = window
    return slice(part[0] - row0, part[2] - row0), slice(part[1] - col0, part[3] - col0)


def with_levels_in(before: TileLayers, made: TileLayers, at: tuple[slice, slice]) -> TileLayers:
    """Return an operator's layers with new levels in a part of them.

    Chances are those that were there, until they are judged.
    """
    level_cdbm = {name: array.copy() for name, array in before.level_cdbm.items()}
    for name, array in made.level_cdbm.items():
        level_cdbm[name][at] = array
    levels: dict[str, Any] = dict(_levels_in(before, made, at))  # Any: replace() is typed by field
    return replace(before, **levels, level_cdbm=level_cdbm)


def with_no_services(made: TileLayers, name: str, model: LayerModel) -> TileLayers:
    """Return new levels of an operator that was not heard before: it serves nobody yet."""
    shape = (len(model.services), *made.best.shape[1:])
    return replace(
        made,
        own_probability={name: np.zeros(shape, np.float32)},
        own_reason={name: made.reason[0].copy()},
    )


def with_services_of(own: TileLayers, judged: TileLayers, mask: BoolArray, name: str) -> TileLayers:
    """Return an operator's layers with chances put in at some pixels, in the order of the mask."""
    found, where = _copied(own, _SERVICES), np.flatnonzero(mask)
    probability, reason = own.own_probability[name].copy(), own.own_reason[name].copy()
    for put, array in (
        *((getattr(found, field_name), getattr(judged, field_name)) for field_name in _SERVICES),
        (probability, judged.own_probability[name]),
        (reason, judged.own_reason[name]),
    ):
        # one index a pixel: a mask is turned into two for each array
        put.reshape(-1, mask.size)[:, where] = array.reshape(-1, where.size)
    return replace(found, own_probability={name: probability}, own_reason={name: reason})


def taken(layers: TileLayers, row: IntArray, col: IntArray) -> TileLayers:
    """Return layers at some pixels, along one axis."""

    def at(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value[..., row, col]
        return {name: array[..., row, col] for name, array in value.items()}

    return TileLayers(**{f.name: at(getattr(layers, f.name)) for f in fields(layers)})


def renumbered(tile: PlannedTile, number_of: IntArray) -> PlannedTile:
    """Return a tile whose cells have other numbers; ``number_of[-1]`` is that of none, -1.

    What stays as it was is not made again: a tile that knows none of the cells is the same.
    """
    numbers = number_of.astype(np.int16)
    made: dict[int, Int16Array] = {}  # the best of one operator is that operator's own

    def of_array(codes: Int16Array) -> Int16Array:
        if id(codes) not in made:
            of_one = codes.strides[-2:] == (0, 0)
            old = codes[..., :1, :1] if of_one else codes
            new = numbers[old]
            same = np.array_equal(new, old)
            made[id(codes)] = codes if same else np.broadcast_to(new, codes.shape)
        return made[id(codes)]

    def of(layers: TileLayers) -> TileLayers:
        best, second = of_array(layers.best), of_array(layers.second)
        if best is layers.best and second is layers.second:
            return layers
        return replace(layers, best=best, second=second)

    own, best = {name: of(layers) for name, layers in tile.own.items()}, of(tile.best)
    if best is tile.best and not tile.lists and all(own[n] is tile.own[n] for n in own):
        return tile
    return replace(tile, own=own, best=best, lists={})


def _copied(layers: TileLayers, names: Sequence[str]) -> TileLayers:
    arrays: dict[str, Any] = {  # Any: replace() is typed by field
        f.name: getattr(layers, f.name).copy() for f in fields(layers) if f.name in names
    }
    return replace(layers, **arrays)
