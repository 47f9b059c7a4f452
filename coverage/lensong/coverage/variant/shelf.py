"""Where the tiles of a plan lie: in memory up to a number of bytes, beyond it in files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from threading import Lock
from typing import Any, Protocol
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.variant.state import Key
from lensong.coverage.variant.tiles import PlannedTile

__all__ = ["ArraysElsewhere", "TileShelf"]

_SMALL_BYTES = 4096
_REST_AFTER = 32  # tiles

Array = NDArray[Any]


class ArraysElsewhere(Protocol):
    """Where arrays go that do not fit into memory, like `lensong.gis_data.file_memory`."""

    def moved(self, arrays: Sequence[Array]) -> list[Array]:
        """Return copies of arrays that lie there."""

    def holds(self, array: Array) -> bool:
        """Return whether an array lies there already."""

    def let_rest(self) -> None:
        """Give up memory that was needed to read them."""


class TileShelf:
    """Keeps the tiles of all states together within a number of bytes.

    Parameters
    ----------
    most_bytes : int
        That tiles may take in memory [bytes].
    elsewhere : ArraysElsewhere or None
        Where the others go; None: all stay in memory.
    """

    def __init__(self, most_bytes: int = 0, elsewhere: ArraysElsewhere | None = None) -> None:
        self._most, self._elsewhere = most_bytes, elsewhere
        self._held, self._lock = 0, Lock()
        self._since_rest = 0
        self._gone: deque[int] = deque()  # told by the collector, whatever runs

    def put(self, tile: PlannedTile) -> PlannedTile:
        """Return a tile that is to be kept: the same, or one whose arrays lie elsewhere."""
        if self._elsewhere is None:
            return tile
        found: dict[int, Array] = {}

        def see(array: Array) -> Array:
            if _is_large(array):
                found[id(array)] = array
            return array

        _mapped(tile, see)
        here = {key: a for key, a in found.items() if not self._elsewhere.holds(a)}
        size = sum(array.nbytes for array in here.values())
        with self._lock:
            while self._gone:
                self._held -= self._gone.popleft()
            fits = self._held + size <= self._most
            if fits:
                self._held += size
        if fits and size:
            finalize(tile, self._gone.append, size).atexit = False
        if not fits or len(here) < len(found):  # what it was made of may lie there, too
            self._since_rest += 1
            if self._since_rest >= _REST_AFTER:
                self.let_rest()
        if fits:
            return tile
        moved = dict(zip(here, self._elsewhere.moved(list(here.values())), strict=True))
        there: PlannedTile = _mapped(tile, lambda array: moved.get(id(array), array))
        return there

    def changed(
        self, tiles: Mapping[Key, PlannedTile], change: Callable[[PlannedTile], PlannedTile]
    ) -> dict[Key, PlannedTile]:
        """Return tiles with a change made to each; those that it leaves as they are stay."""
        found = dict(tiles)
        for key, tile in tiles.items():
            new = change(tile)
            if new is not tile:
                found[key] = self.put(new)
        return found

    def let_rest(self) -> None:
        """Give up memory that was needed to read what lies elsewhere."""
        if self._elsewhere is not None:
            self._since_rest = 0
            self._elsewhere.let_rest()


def _is_large(array: Array) -> bool:
    """Return whether an array takes memory: not where one value stands for all."""
    return array.nbytes > _SMALL_BYTES and 0 not in array.strides


def _mapped(value: Any, change: Callable[[Array], Array]) -> Any:
    """Return a tile, or a part of one, with each of its arrays changed."""
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(one, change) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{f.name: _mapped(getattr(value, f.name), change) for f in fields(value)}
        )
    return value
