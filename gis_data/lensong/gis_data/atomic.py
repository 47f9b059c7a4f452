"""Files that appear whole or not at all: a temporary name in the same folder, then a rename."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from lensong.propagation.errors import DataError

__all__ = ["atomic_path", "free_bytes", "is_full", "write_error"]

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
}


@contextmanager
def atomic_path(path: str | Path, *, needed_bytes: int = 0) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name when the block succeeds.

    Whatever ends the block early, Ctrl-C included, removes the temporary file and the files that
    a driver put beside it; an older file at ``path`` then stays as it was. Missing folders above
    ``path`` are made.

    Parameters
    ----------
    path : str or Path
        The file that shall exist in the end. The temporary name keeps its suffix, because drivers
        choose the format by it.
    needed_bytes : int
        Size of the file, for the message when the disk is full; 0 where it is not known [bytes].

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    target = Path(path)
    part = target.with_name(f".{target.stem}.{uuid4().hex[:12]}.part{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target.parent))
        yield part
        os.replace(part, target)
    except OSError as error:
        if error.errno in _FULL or (error.errno in _REFUSED and _is_ours(error, target)):
            _remove(part)  # before the free room is looked up
            raise write_error(target, error, needed_bytes=needed_bytes) from error
        raise
    finally:
        _remove(part)


def write_error(path: str | Path, error: OSError, *, needed_bytes: int = 0) -> DataError:
    """Return the error that tells why ``path`` could not be written and what to do.

    Parameters
    ----------
    path : str or Path
        The file that was wanted.
    error : OSError
        What the system said.
    needed_bytes : int
        Size of the file [bytes]; 0 where it is not known.
    """
    target = Path(path)
    if error.errno not in _FULL:
        return DataError(
            f"cannot write {target}: {error.strerror or error}: choose an output folder that "
            "exists or can be made, and in which you may write"
        )
    free = free_bytes(target.parent)
    needed = f", it needs {needed_bytes / 1e6:.1f} MB" if needed_bytes else ""
    left = f" and {free / 1e6:.1f} MB are free" if free is not None else ""
    return DataError(
        f"the disk is full: {target} was not written{needed}{left}: "
        "make room or choose an output folder on another disk"
    )


def is_full(error: BaseException) -> bool:
    """Return whether an error, or what caused it, says that a disk or a quota is full."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, OSError) and cause.errno in _FULL


def free_bytes(folder: str | Path) -> int | None:
    """Return the room left on the disk of a folder [bytes], None where that cannot be told."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _is_ours(error: OSError, target: Path) -> bool:
    """Return whether the error is about the target, its temporary file or a folder above it."""
    names = [name for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    if not names:
        return False
    path = Path(os.fsdecode(names[0]))
    return path.parent == target.parent or path in target.parents


def _remove(part: Path) -> None:
    """Delete the temporary file and its sidecars (``-journal``, ``-wal``, ``.aux.xml``, …)."""
    try:
        names = os.listdir(part.parent)  # a pattern, another each time, would be compiled each time
    except OSError:
        return
    for name in names:
        if name.startswith(part.stem):
            (part.parent / name).unlink(missing_ok=True)
