"""Room for the rasters of a plan: in memory, or in files whose pages the system may take back.

The layers of a province take some gigabytes and are read a few times each. In files they leave
memory as soon as nobody reads them.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from math import prod
from pathlib import Path
from threading import Lock
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lensong.gis_data.atomic import write_error

__all__ = ["ArrayRoom", "FileRoom", "MemoryRoom", "let_pages_go", "room_for", "take_room"]

_FILLED_AT_ONCE = 2**22
_MANY_PIXELS = 12_000_000  # with the hundred bytes or so of their layers more than a gigabyte


class ArrayRoom(Protocol):
    """Where large arrays are made."""

    def full(self, shape: tuple[int, ...], fill: float, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of one value, as `numpy.full`."""

    def let_go(self) -> None:
        """Let the arrays leave memory until they are read or written again."""


class MemoryRoom:
    """Memory: arrays stay in it."""

    def full(self, shape: tuple[int, ...], fill: float, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of one value, as `numpy.full`."""
        # zeros take memory where something else is written, and not before
        return np.zeros(shape, dtype) if fill == 0 else np.full(shape, fill, dtype)

    def let_go(self) -> None:
        """Do nothing."""


class FileRoom:
    """Files without a name in a folder: gone with the arrays, whatever ends the process.

    Parameters
    ----------
    folder : str or Path
        On a disk with room for the arrays.
    least_bytes : int
        Arrays smaller than this stay in memory.
    """

    def __init__(self, folder: str | Path, *, least_bytes: int = 2**24) -> None:
        self._folder, self._least_bytes = Path(folder), least_bytes
        self._maps: list[mmap.mmap] = []
        self._lock = Lock()

    def full(self, shape: tuple[int, ...], fill: float, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of one value, as `numpy.full`.

        Raises
        ------
        DataError
            The folder cannot be written, or its disk is full: the room is taken at once.
        """
        size_bytes = prod(shape) * np.dtype(dtype).itemsize
        if size_bytes < self._least_bytes:
            return np.full(shape, fill, dtype)
        try:
            with tempfile.TemporaryFile(dir=self._folder, prefix=".layer-") as file:
                take_room(file, size_bytes)
                mapped = mmap.mmap(file.fileno(), size_bytes)
        except OSError as error:
            raise write_error(self._folder / "layers", error, needed_bytes=size_bytes) from error
        array = np.frombuffer(mapped, dtype)
        for begin in range(0, array.size, _FILLED_AT_ONCE):
            array[begin : begin + _FILLED_AT_ONCE] = fill
            let_pages_go(mapped)
        with self._lock:
            self._maps.append(mapped)
        return array.reshape(shape)

    def let_go(self) -> None:
        """Let the arrays leave memory until they are read or written again."""
        with self._lock:
            for mapped in self._maps:
                let_pages_go(mapped)


def room_for(pixels: int, folder: str | Path) -> ArrayRoom:
    """Return room for the layers of a plan: files in a folder where they are large, else memory."""
    return FileRoom(folder) if pixels > _MANY_PIXELS else MemoryRoom()


def take_room(file: IO[bytes], size_bytes: int) -> None:
    """Let a file have its size, with room on the disk where the system can tell.

    A page that finds no room later ends the process without a word.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size_bytes)
    else:
        file.truncate(size_bytes)


def let_pages_go(mapped: mmap.mmap, start: int = 0, size_bytes: int | None = None) -> None:
    """Let pages of a shared map leave memory; they stay with the file, nothing written is lost."""
    if hasattr(mmap, "MADV_DONTNEED"):
        size_bytes = len(mapped) - start if size_bytes is None else size_bytes
        mapped.madvise(mmap.MADV_DONTNEED, start, size_bytes)
