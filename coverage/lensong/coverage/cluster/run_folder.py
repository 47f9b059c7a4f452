"""The folder through which the workers of one plan hand each other what they made.

Everything in it appears whole, by a rename, so that a worker that is killed leaves nothing half
done, and two that make the same piece write the same. Large arrays lie beside their owner as files
of their own and come back memory-mapped: all processes of a machine share them.
"""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from lensong.gis_data.atomic import atomic_path, write_error
from lensong.propagation.errors import DataError

__all__ = ["RunFolder"]

_MAPPED_FROM_BYTES = 2**16
_SUFFIX = ".pickle"


class _ArraysApart(pickle.Pickler):
    """Writes large arrays into a folder, and numbers in their stead."""

    def __init__(self, file: Any, folder: Path) -> None:  # Any: whatever can be written to
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._folder = folder
        self._numbers: dict[int, int] = {}
        self._kept: list[NDArray[Any]] = []  # an id is an array's own while that lives

    def persistent_id(self, obj: Any) -> int | None:  # Any: pickle asks of everything
        plain = type(obj) is np.ndarray and not obj.dtype.hasobject
        if not plain or obj.nbytes < _MAPPED_FROM_BYTES:
            return None
        if id(obj) not in self._numbers:
            number = self._numbers[id(obj)] = len(self._numbers)
            self._kept.append(obj)
            np.save(self._folder / f"{number}.npy", obj)
        return self._numbers[id(obj)]


class _ArraysMapped(pickle.Unpickler):
    def __init__(self, file: Any, folder: Path) -> None:  # Any: as above
        super().__init__(file)
        self._folder = folder
        self._arrays: dict[int, NDArray[Any]] = {}

    def persistent_load(self, pid: int) -> NDArray[Any]:
        if pid not in self._arrays:
            # copy on write, not read-only: compiled code would be made a second time for that
            mapped = np.load(self._folder / f"{pid}.npy", mmap_mode="c", allow_pickle=False)
            self._arrays[pid] = mapped.view(np.ndarray)
        return self._arrays[pid]


class RunFolder:
    """What is known of one plan so far, by name.

    Parameters
    ----------
    path : str or Path
        The same for all workers.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def has(self, name: str) -> bool:
        """Return whether something was put there."""
        return self._file(name).is_file()

    def put(self, name: str, value: Any) -> None:
        """Keep a value, all of it in one file.

        Raises
        ------
        DataError
            The folder cannot be written, or the disk is full.
        """
        with atomic_path(self._file(name)) as part, part.open("wb") as file:
            pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)

    def get(self, name: str) -> Any:
        """Return a value of `put`."""
        with self._read(name) as file:
            return pickle.load(file)

    def put_mapped(self, name: str, value: Any) -> None:
        """Keep a value with its large arrays apart, to be mapped by many; raises as `put`."""
        arrays = self.path / f"{name}.{uuid4().hex[:12]}"
        try:
            arrays.mkdir(parents=True)
            with atomic_path(self._file(name)) as part, part.open("wb") as file:
                pickle.dump(arrays.name, file)
                _ArraysApart(file, arrays).dump(value)
        except OSError as error:
            shutil.rmtree(arrays, ignore_errors=True)
            raise write_error(self.path, error) from error

    def get_mapped(self, name: str) -> Any:
        """Return a value of `put_mapped`."""
        with self._read(name) as file:
            arrays = self.path / str(pickle.load(file))
            return _ArraysMapped(file, arrays).load()

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _file(self, name: str) -> Path:
        return self.path / f"{name}{_SUFFIX}"

    def _read(self, name: str) -> Any:
        path = self._file(name)
        try:
            return path.open("rb")
        except OSError as error:
            raise DataError(
                f"the worker on {os.uname().nodename} cannot read {path} ({error.strerror}): the "
                "folder of the result must be one that all workers share, and must stay while "
                "the plan runs"
            ) from error
