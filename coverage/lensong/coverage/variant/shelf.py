"""Where the tiles of a plan lie: in memory up to a number of bytes, beyond it in files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache, partial
from threading import Lock
from typing import Any, Protocol
from weakref import ref

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
    spare_bytes : int
        Of those, for tiles that somebody waits for and that others soon replace [bytes].
    """

    def __init__(
        self,
        most_bytes: int = 0,
        elsewhere: ArraysElsewhere | None = None,
        *,
        spare_bytes: int = 0,
    ) -> None:
        self._most, self._spare, self._elsewhere = most_bytes, spare_bytes, elsewhere
        self._held = {False: 0, True: 0}  # by whether it takes of what is spare
        self._counted: dict[int, bool] = {}  # by array: tiles share them
        self._watched: dict[int, ref[Array]] = {}
        self._lock = Lock()
        self._since_rest = 0
        self._gone: deque[tuple[int, int]] = deque()  # told by the collector, whatever runs

    def put(self, tile: PlannedTile, *, soon_replaced: bool = False) -> PlannedTile:
        """Return a tile that is to be kept: the same, or one whose arrays lie elsewhere.

        Parameters
        ----------
        tile : PlannedTile
        soon_replaced : bool
            Somebody waits for it, and it is put again once more of it is known: it may take what
            is spare.
        """
        if self._elsewhere is None:
            return tile
        found = {id(array): array for array in _arrays(tile) if _is_large(array)}
        here = {key: a for key, a in found.items() if not self._elsewhere.holds(a)}
        with self._lock:
            new = self._not_held(here, soon_replaced)
            fits = self._takes(new, soon_replaced)
        if not fits or len(here) < len(found):  # what it was made of may lie there, too
            self._since_rest += 1
            if self._since_rest >= _REST_AFTER:
                self.let_rest()
        if fits:
            return tile
        here = new
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

    def _not_held(self, arrays: dict[int, Array], spare: bool) -> dict[int, Array]:
        """Return the arrays that are not counted as they should be."""
        while self._gone:
            key, size = self._gone.popleft()
            self._held[self._counted.pop(key)] -= size
            del self._watched[key]
        if spare:
            return {key: array for key, array in arrays.items() if key not in self._counted}
        return {key: array for key, array in arrays.items() if self._counted.get(key, True)}

    def _takes(self, arrays: dict[int, Array], spare: bool) -> bool:
        """Count arrays as held in memory, if there is room."""
        size = sum(array.nbytes for array in arrays.values())
        if spare and self._held[False] + self._held[True] + size > self._most:
            return False
        if not spare and self._held[False] + size > self._most - self._spare:
            return False
        for key, array in arrays.items():
            if key in self._counted:
                self._held[self._counted[key]] -= array.nbytes
            else:
                self._watched[key] = ref(array, partial(self._told, key, array.nbytes))
            self._counted[key] = spare
            self._held[spare] += array.nbytes
        return True

    def _told(self, key: int, size: int, _: ref[Array]) -> None:
        self._gone.append((key, size))

    def let_rest(self) -> None:
        """Give up memory that was needed to read what lies elsewhere."""
        if self._elsewhere is not None:
            self._since_rest = 0
            self._elsewhere.let_rest()


def _is_large(array: Array) -> bool:
    """Return whether an array takes memory: not where one value stands for all."""
    return array.nbytes > _SMALL_BYTES and 0 not in array.strides


def _arrays(value: Any) -> Iterator[Array]:
    """Yield the arrays of a tile, or of a part of one."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _arrays(one)
    elif is_dataclass(value) and not isinstance(value, type):
        for name in _names(type(value)):
            yield from _arrays(getattr(value, name))


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """Return the fields of a data class."""
    return tuple(f.name for f in fields(kind))


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
