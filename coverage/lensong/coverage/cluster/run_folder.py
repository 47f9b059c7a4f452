"""The folder through which the workers of one plan hand each other what they made.

Everything in it appears whole, by a rename, so that a worker that is killed leaves nothing half
done, and two that make the same piece write the same. Large arrays lie beside their owner as files
of their own and come back memory-mapped: all processes of a machine share them.
"""

from __future__ import annotations

import errno
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
    """Writes large arrays into a folder, and where they are in their stead."""

    def __init__(self, file: Any, folder: Path) -> None:  # Any: whatever can be written to
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._folder, self._count = folder, 0

    def reducer_override(self, obj: Any) -> Any:  # Any: pickle asks of everything
        plain = type(obj) is np.ndarray and not obj.dtype.hasobject
        if not plain or obj.nbytes < _MAPPED_FROM_BYTES:
            return NotImplemented
        path = self._folder / f"{self._count}.npy"
        self._count += 1
        try:
            np.save(path, obj)
        except OSError as error:
            if error.errno is None:  # numpy tells how much was not written, and not why
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise
        return _mapped, (str(path),)


def _mapped(path: str) -> NDArray[Any]:
    # copy on write, not read-only: compiled code would be made a second time for that
    kept: NDArray[Any] = np.load(path, mmap_mode="c", allow_pickle=False)
    return kept.view(np.ndarray)


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
        """Return a value of `put` or `put_mapped`."""
        with self._read(name) as file:
            return pickle.load(file)

    def put_mapped(self, name: str, value: Any) -> None:
        """Keep a value with its large arrays apart, to be mapped by many; raises as `put`."""
        arrays = self.path / f"{name}.{uuid4().hex[:12]}"
        try:
            arrays.mkdir(parents=True)
            with atomic_path(self._file(name)) as part, part.open("wb") as file:
                _ArraysApart(file, arrays).dump(value)
        except BaseException as error:
            shutil.rmtree(arrays, ignore_errors=True)
            if isinstance(error, OSError):
                raise write_error(self.path, error) from error
            raise

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
