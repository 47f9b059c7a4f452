"""The cache of sweeps between runs: an `ArrayStore` with limits, for several runs at once.

Each run that has the cache open holds a lease, a locked file with the names of the entries that it
uses; the kernel takes the lock back when the run ends, by ``kill -9`` too. Room is made by removing
what was not used for longest and no living lease names. Nothing of it stops a run: what cannot be
kept is computed again, and `ArrayCache.notes` says why.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from numpy.typing import NDArray

from lensong.gis_data.array_store import ArrayStore
from lensong.gis_data.atomic import is_full
from lensong.gis_data.file_locks import LOCK_PROBE, FileLock, locks_hold, taken
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["ArrayCache", "CacheLimits", "CacheState", "Removed", "clear", "prune", "survey"]

_LEASES = "leases"
_GATE = "gate"
_LEASE_SUFFIX = ".lease"
_ROOM_SHARE = (
    0.9  # room is made down to this share of the limit, so that not every entry makes some
)
_LEFTOVER_S = 3600.0  # a file that takes its name so late is one of a run that was killed
_TILES_SHARE = 0.4  # of the limit: the rest is for path loss, which takes longest to make
_NO_PLACE = {errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG}


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """How much the cache may hold, and for how long.

    Parameters
    ----------
    max_bytes : float
        Above 0.
    max_age_s : float
        Since an entry was last used, above 0.
    """

    max_bytes: float = 10e9
    max_age_s: float = 90 * 86400.0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> CacheLimits:
        """Return the limits that ``LENSONG_CACHE_MAX_GB`` and ``LENSONG_CACHE_MAX_DAYS`` set."""
        given = cls()
        gigabytes = _number(environment, "LENSONG_CACHE_MAX_GB", given.max_bytes / 1e9)
        days = _number(environment, "LENSONG_CACHE_MAX_DAYS", given.max_age_s / 86400.0)
        return cls(max_bytes=gigabytes * 1e9, max_age_s=days * 86400.0)


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (isfinite(value) and value > 0.0):
        raise ConfigError(f"{name} is {text!r}, wanted a number above 0 (default {default:g})")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What was taken away, and what could not be.

    Parameters
    ----------
    entries : int
    entries_bytes : int
    in_use : int
        Entries that running plans use and that were kept for it.
    left_bytes : int
        Of all that is left.
    """

    entries: int = 0
    entries_bytes: int = 0
    in_use: int = 0
    left_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheState:
    """What the cache holds.

    Parameters
    ----------
    entries, in_use, running : int
        Entries, those that running plans use, and such plans.
    entries_bytes : int
    oldest_s : float or None
        When the entry that was not used for longest was last used [Unix seconds].
    locks : bool
        False: the file system has no locks, so nothing is removed by itself.
    """

    entries: int
    entries_bytes: int
    in_use: int
    running: int
    oldest_s: float | None
    locks: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    name: str
    size_bytes: int
    used_s: float


class ArrayCache:
    """Sets of arrays kept between runs within limits; open it with ``with``.

    Parameters
    ----------
    folder : str or Path
        Made if missing.
    limits : CacheLimits
    """

    def __init__(self, folder: str | Path, limits: CacheLimits | None = None) -> None:
        self._store = ArrayStore(folder)
        self._limits = limits or CacheLimits()
        self._guard = Lock()
        self._notes: list[str] = []
        self._used: set[str] = set()
        self._lease: FileLock | None = None
        self._locks = False
        self._keeps = True
        self._size_bytes = 0

    @property
    def folder(self) -> Path:
        """Return the folder as it was given."""
        return self._store.folder

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what kept the cache from its work, each once, as sentences for a person."""
        return tuple(self._notes)

    def __enter__(self) -> ArrayCache:
        leases = self.folder / _LEASES
        try:
            leases.mkdir(parents=True, exist_ok=True)
            self._locks = locks_hold(leases)
            if self._locks:
                self._open_lease(leases)
        except OSError as error:
            if error.errno in _NO_PLACE:
                raise DataError(
                    f"the cache {self.folder} is no folder and none can be made there "
                    f"({error.strerror}): choose another with --cache or LENSONG_CACHE_DIR"
                ) from error
            self._stop_keeping(error)
            return self
        if not self._locks:
            self._note(
                f"the cache {self.folder} is on a file system without locks: what lies there is "
                "used and new path loss is kept up to the limit, but nothing is removed by itself; "
                "choose a folder on a local disk with --cache or LENSONG_CACHE_DIR"
            )
        self._make_room()
        self._fit()
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._lease is None:
            return
        with suppress(OSError), taken(self.folder / _LEASES / _GATE):
            self._lease.path.unlink(missing_ok=True)
        self._lease.close()
        self._lease = None
        self._make_room()

    def get(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays put under ``key``, or None: none, damaged, or not to be read."""
        self._use(key)
        try:
            found = self._store.get(key)
        except (DataError, OSError) as error:
            self._note(f"{error}; what it held is computed anew")
            return None
        if found is not None:
            with suppress(OSError):  # another's file: its age is that of its making
                os.utime(self._store.path_of(key))
        return found

    def put(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep the arrays under ``key``, unless the limit or the disk leaves no room."""
        self.keep(key, arrays)

    def keep(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Do the same, and return whether they are kept."""
        if not self._keeps:
            return False
        self._use(key)
        try:
            self._store.put(key, arrays)
            written = self._store.path_of(key).stat().st_size
        except (DataError, OSError) as error:
            self._stop_keeping(error)
            return False
        with self._guard:
            self._size_bytes += written
            self._fit()
        return True

    def touch(self, key: str) -> bool:
        """Count what is kept under a key as used now, and return whether anything is."""
        self._use(key)
        path = self._store.path_of(key)
        with suppress(OSError):  # another's file, as in `get`
            os.utime(path)
        return path.is_file()

    def room_for(self, more_bytes: float) -> bool:
        """Return whether so much may be kept of what path loss is not."""
        return more_bytes <= _TILES_SHARE * self._limits.max_bytes

    def _open_lease(self, leases: Path) -> None:
        with taken(leases / _GATE):
            lease = FileLock(leases / f"{uuid4().hex}{_LEASE_SUFFIX}")
            lease.take()
        self._lease = lease

    def _use(self, key: str) -> None:
        """Name an entry in the lease, before it is looked at: from then on nobody removes it."""
        name = _name(self._store.path_of(key))
        with self._guard:
            if name in self._used:
                return
            self._used.add(name)
            if self._lease is None:
                return
            try:
                with taken(self.folder / _LEASES / _GATE, shared=True):
                    os.write(self._lease.descriptor, f"{name}\n".encode("ascii"))
            except OSError as error:
                self._stop_keeping(error)

    def _fit(self) -> None:
        """Make room where the limit is passed; where there is none to be made, stop keeping."""
        if self._size_bytes <= self._limits.max_bytes:
            return
        self._make_room()
        if self._size_bytes > self._limits.max_bytes:
            self._keeps = False
            why = "in use by running plans" if self._locks else "which nothing may remove"
            self._note(
                f"the cache {self.folder} holds its {self._limits.max_bytes / 1e9:.3g} GB, all "
                f"{why}: further path loss is not kept; raise LENSONG_CACHE_MAX_GB"
            )

    def _make_room(self) -> None:
        try:
            if self._locks:
                self._size_bytes = _remove(self._store, self._limits).left_bytes
            else:
                self._size_bytes = self._store.size_bytes()
        except OSError as error:
            self._stop_keeping(error)

    def _stop_keeping(self, error: Exception) -> None:
        self._keeps = False
        reason = (
            "its disk is full" if is_full(error) else getattr(error, "strerror", None) or str(error)
        )
        self._note(
            f"the cache {self.folder} cannot be written ({reason}): the plan goes on and keeps no "
            "more path loss; make room, or choose another folder with --cache or LENSONG_CACHE_DIR"
        )

    def _note(self, sentence: str) -> None:
        if sentence not in self._notes:
            self._notes.append(sentence)


def survey(folder: str | Path) -> CacheState:
    """Return what a cache holds; nothing is changed in its folder, and nothing made."""
    entries = _entries(ArrayStore(folder))
    leases = Path(folder) / _LEASES
    in_use: set[str] | None = set()
    running, locks = 0, True
    if probes := _probes(leases):
        with suppress(OSError):  # another person's folder: what runs there cannot be told
            if (locks := locks_hold(leases, probes[0])) and probes[0] == _GATE:
                with taken(leases / _GATE):
                    in_use, running = _in_use(leases)
    return CacheState(
        entries=len(entries),
        entries_bytes=sum(entry.size_bytes for entry in entries),
        in_use=sum(in_use is None or entry.name in in_use for entry in entries),
        running=running,
        oldest_s=min((entry.used_s for entry in entries), default=None),
        locks=locks,
    )


def prune(folder: str | Path, limits: CacheLimits) -> Removed:
    """Remove what is beyond the limits: first what is too old, then what was unused for longest.

    Raises
    ------
    DataError
        The folder has no locks, so that nobody can tell what running plans use.
    """
    return _when_locked(folder, limits)


def clear(folder: str | Path) -> Removed:
    """Remove everything that no running plan uses; raises as `prune`."""
    return _when_locked(folder, CacheLimits(max_bytes=0.0, max_age_s=0.0))


def _when_locked(folder: str | Path, limits: CacheLimits) -> Removed:
    leases = Path(folder) / _LEASES
    if not _probes(leases) and not _entries(ArrayStore(folder)):
        return Removed()  # no cache
    try:
        leases.mkdir(exist_ok=True)
        if locks_hold(leases):
            return _remove(ArrayStore(folder), limits, share=1.0)
    except OSError as error:
        raise DataError(f"cannot change the cache {folder}: {error.strerror}") from error
    raise DataError(
        f"the cache {folder} is on a file system without locks, where nobody can tell what running "
        "plans use: end them and delete the folder, or choose one on a local disk"
    )


def _remove(store: ArrayStore, limits: CacheLimits, *, share: float = _ROOM_SHARE) -> Removed:
    """Remove what the limits ask for, while no run may take an entry into use."""
    leases = store.folder / _LEASES
    with taken(leases / _GATE):
        in_use, _ = _in_use(leases, remove=True)
        entries = sorted(_entries(store), key=lambda entry: (entry.used_s, entry.name))
        now_s = time.time()
        left_bytes = sum(entry.size_bytes for entry in entries)
        wanted_bytes = limits.max_bytes * (share if left_bytes > limits.max_bytes else 1.0)
        removed, removed_bytes, kept = 0, 0, 0
        for entry in entries:
            leftover = entry.path.name.startswith(".")
            age_s = now_s - entry.used_s
            if leftover and age_s <= _LEFTOVER_S:
                continue
            if not leftover and age_s <= limits.max_age_s and left_bytes <= wanted_bytes:
                continue
            if not leftover and (in_use is None or entry.name in in_use):
                kept += 1
                continue
            entry.path.unlink(missing_ok=True)
            left_bytes -= entry.size_bytes
            removed += 1
            removed_bytes += entry.size_bytes
    return Removed(entries=removed, entries_bytes=removed_bytes, in_use=kept, left_bytes=left_bytes)


def _entries(store: ArrayStore) -> list[_Entry]:
    entries = []
    for path in store.files():
        with suppress(FileNotFoundError):  # another run was quicker
            state = path.stat()
            entries.append(_Entry(path, _name(path), state.st_size, state.st_mtime))
    return entries


def _in_use(leases: Path, *, remove: bool = False) -> tuple[set[str] | None, int]:
    """Return the entries that living leases name, None for all, and how many leases live.

    That of another person, whose lock cannot be tried, counts as living and as naming everything.
    With ``remove`` those of runs that have ended are removed.
    """
    names: set[str] | None = set()
    living = 0
    for path in sorted(leases.glob(f"{'[0-9a-f]' * 32}{_LEASE_SUFFIX}")):
        try:
            lease = FileLock(path)
        except PermissionError:
            names, living = None, living + 1
            continue
        try:
            if lease.take(wait=False):
                if remove:
                    path.unlink(missing_ok=True)
                continue
        finally:
            lease.close()
        living += 1
        if names is not None:
            names |= set(path.read_text(encoding="ascii", errors="replace").split())
    return names, living


def _probes(leases: Path) -> list[str]:
    """Return the files on which locks can be tried; none where no run ever opened a cache."""
    return [name for name in (_GATE, LOCK_PROBE) if (leases / name).is_file()]


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"
