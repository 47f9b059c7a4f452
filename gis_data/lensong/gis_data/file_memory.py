"""Memory for arrays that lies in files: for what is to be at hand but does not fit into memory.

The files have no name, so that nothing is left of them however the process ends. The system keeps
what is used in its own cache of files, and gives that up first where memory is short.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from lensong.gis_data.array_room import let_pages_go, take_room
from lensong.propagation.errors import DataError

__all__ = ["FileMemory"]

_PIECE_BYTES = 2**28
"""Length of a file; a longer set of arrays gets one of its own."""

_SLOT_BYTES = 2**16  # a multiple of every page size in use
_ALIGNED_BYTES = 64

_trim = getattr(ctypes.CDLL(None) if os.name == "posix" else None, "malloc_trim", lambda _: 0)
"""Of the C library of GNU: without it pieces of memory that were let go stay the process's."""


class _Slot(np.ndarray[Any, np.dtype[np.uint8]]):
    """Bytes of a file; all arrays in it hold it, and their place is free once it is gone."""

    place: tuple[mmap.mmap, int]


class FileMemory:
    """Arrays in files; their place is used again once nobody holds them any more.

    Parameters
    ----------
    folder : Path or None
        Where the files are made; it should lie on a disk. None, or where nothing can be written:
        the system's folder for temporary files.

    Examples
    --------
    >>> memory = FileMemory(None)
    >>> memory.moved([np.arange(3)])
    [array([0, 1, 2])]
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._lock = folder, Lock()
        self._pieces: list[mmap.mmap] = []
        self._free: dict[int, list[tuple[int, int]]] = {}  # by size: piece and offset
        self._end = _PIECE_BYTES  # of what is used of the last piece
        # what was let go is told by the collector, which may run within a locked part
        self._let_go: deque[tuple[int, int, int]] = deque()

    @property
    def bytes_taken(self) -> int:
        """Return how long the files are together."""
        return sum(map(len, self._pieces))

    @staticmethod
    def holds(array: NDArray[Any]) -> bool:
        """Return whether an array lies in a file already."""
        base: Any = array
        while isinstance(base, np.ndarray):
            if isinstance(base, _Slot):
                return True
            base = base.base
        return False

    def moved(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Return copies of arrays that lie in a file, side by side.

        Raises
        ------
        DataError
            The disk is full.
        """
        starts, size = [], 0
        for array in arrays:
            starts.append(size)
            size += -(-array.nbytes // _ALIGNED_BYTES) * _ALIGNED_BYTES
        slot = self._slot(max(size, 1))
        found: list[NDArray[Any]] = []
        for start, array in zip(starts, arrays, strict=True):
            there = slot[start : start + array.nbytes].view(np.ndarray)
            copy = there.view(array.dtype).reshape(array.shape)
            copy[...] = array
            found.append(copy)
        piece, offset = slot.place
        let_pages_go(piece, offset, slot.size)
        return found

    def let_rest(self) -> None:
        """Give up the process's own hold of what lies in the files, and memory that it let go.

        What lies there comes back when it is read.
        """
        with self._lock:
            pieces = list(self._pieces)
        for piece in pieces:
            let_pages_go(piece)
        _trim(0)

    def _slot(self, size: int) -> _Slot:
        size = -(-size // _SLOT_BYTES) * _SLOT_BYTES
        with self._lock:
            while self._let_go:
                free, number, offset = self._let_go.popleft()
                self._free.setdefault(free, []).append((number, offset))
            kept = self._free.get(size)
            if kept:
                number, offset = kept.pop()
            else:
                if self._end + size > (len(self._pieces[-1]) if self._pieces else 0):
                    self._pieces.append(self._piece(max(size, _PIECE_BYTES)))
                    self._end = 0
                number, offset = len(self._pieces) - 1, self._end
                self._end += size
            piece = self._pieces[number]
        found: _Slot = np.frombuffer(piece, np.uint8, size, offset).view(_Slot)
        found.place = piece, offset
        finalize(found, self._let_go.append, (size, number, offset)).atexit = False
        return found

    def _piece(self, size: int) -> mmap.mmap:
        try:
            with self._file() as file:
                # a disk that is full says so here; written to through memory it would end us
                take_room(file, size)
                return mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise DataError(
                f"{size / 1e6:.0f} MB of what does not fit into memory cannot be kept in "
                f"{self._folder or tempfile.gettempdir()} ({error.strerror}): make room there"
            ) from error

    def _file(self) -> Any:
        if self._folder is not None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                return tempfile.TemporaryFile(dir=self._folder)
            except OSError:
                self._folder = None
        return tempfile.TemporaryFile()
