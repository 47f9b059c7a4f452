"""Locks on files that end with the process that holds them, however it ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["LOCK_PROBE", "FileLock", "locks_hold", "taken"]

LOCK_PROBE = ".lock-probe"
"""File on which `locks_hold` tries what it is asked."""

_BUSY = {errno.EAGAIN, errno.EACCES}
_UNKNOWN = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
_ONE_MACHINE_ONLY = {"nolock", "local_lock=all", "local_lock=flock", "nobrl", "localflock"}
_ONE_MACHINE_TYPES = {"fuse.sshfs", "fuse.rclone", "fuse.s3fs"}
_CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0)  # not on Windows
_MOUNTS = Path("/proc/self/mountinfo")


class FileLock:
    """A lock on an open file: `flock`, which the kernel takes back when its holder dies.

    Parameters
    ----------
    path : Path
        Made where it is missing; its folder must be there.

    Raises
    ------
    OSError
        The file cannot be made, or the file system knows no locks (`locks_hold` asks that).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _CLOSE_ON_EXEC, 0o666)

    def take(self, *, shared: bool = False, wait: bool = True) -> bool:
        """Return whether the lock was had; without ``wait`` it may be another's."""
        try:
            import fcntl
        except ImportError:  # Windows has no such lock
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(self.path)) from None
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self.descriptor, mode if wait else mode | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY and not wait:
                return False
            raise
        return True

    def close(self) -> None:
        """Give the lock back."""
        os.close(self.descriptor)


@contextmanager
def taken(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock on a file until the block ends, and wait for it."""
    lock = FileLock(path)
    try:
        lock.take(shared=shared)
        yield
    finally:
        lock.close()


def locks_hold(folder: Path, probe: str = LOCK_PROBE) -> bool:
    """Return whether locks on files of a folder keep other processes out, on other machines too.

    Not so where the file system has none (a share mounted without its lock service, Windows),
    grants them to everybody, or is mounted so that they count on this machine alone.

    Parameters
    ----------
    folder : Path
    probe : str
        File in it on which that is tried; made where it is missing.

    Raises
    ------
    OSError
        The folder cannot be written, so nobody can tell.
    """
    if sys.platform == "win32":
        return False
    first, second = FileLock(folder / probe), FileLock(folder / probe)
    try:
        first.take(shared=True)
        holds = not second.take(wait=False)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        return False
    finally:
        first.close()
        second.close()
    return holds and not _one_machine_only(folder)


def _one_machine_only(folder: Path) -> bool:
    """Return whether the mount of a folder says that its locks do not reach other machines."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    place, best, told = folder.resolve(), -1, False
    for line in mounts:  # 36 35 98:0 /root /mount/point rw,noatime - ext3 /dev/root rw,errors=…
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 6 or len(kind) < 3:
            continue
        point = Path(fields[4].replace("\\040", " "))
        if place.is_relative_to(point) and len(point.parts) >= best:
            best = len(point.parts)
            options = {*fields[5].split(","), *kind[2].split(",")}
            told = kind[0] in _ONE_MACHINE_TYPES or bool(options & _ONE_MACHINE_ONLY)
    return told
