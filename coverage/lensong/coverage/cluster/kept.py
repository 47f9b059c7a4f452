"""Where the workers of a plan keep path loss for each other."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from numpy.typing import NDArray

from lensong.gis_data.array_cache import ArrayCache, CacheLimits
from lensong.gis_data.array_store import ArrayStore

__all__ = ["KeptSweeps", "close_kept", "kept_sweeps"]


class KeptSweeps:
    """The cache between runs, and beside it a folder of the run for what that does not take.

    Parameters
    ----------
    cache : ArrayCache or None
        Open.
    run : ArrayStore
        Without a limit; it ends with the plan.
    """

    def __init__(self, cache: ArrayCache | None, run: ArrayStore) -> None:
        self._cache, self._run = cache, run

    @property
    def between_runs(self) -> ArrayCache | None:
        """Return the cache, in which laid tiles are kept as well."""
        return self._cache

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what kept the cache from its work."""
        return () if self._cache is None else self._cache.notes

    def get(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a key, or None."""
        found = None if self._cache is None else self._cache.get(key)
        return self._run.get(key) if found is None else found

    def put(self, key: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Keep the arrays of a key; raises as `ArrayStore.put`."""
        if self._cache is None or not self._cache.keep(key, arrays):
            self._run.put(key, arrays)

    def close(self) -> None:
        """Give the lease of the cache back."""
        if self._cache is not None:
            with suppress(OSError):
                self._cache.__exit__()


_open: dict[tuple[str | None, str], KeptSweeps] = {}
_guard = Lock()


def kept_sweeps(cache: str | None, run: Path) -> KeptSweeps:
    """Return what this process has open for a plan; the lease holds until `close_kept`."""
    place = (cache, str(run))
    with _guard:
        if place not in _open:
            held = None
            if cache is not None:
                held = ArrayCache(cache, CacheLimits.of(os.environ))
                held.__enter__()
            _open[place] = KeptSweeps(held, ArrayStore(run / "sweeps"))
        return _open[place]


def close_kept(runs: list[str]) -> list[str]:
    """Close what this process has open for some plans; return what kept the cache from its work."""
    notes: list[str] = []
    with _guard:
        for place in [p for p in _open if p[1] in runs]:
            held = _open.pop(place)
            notes += [note for note in held.notes if note not in notes]
            held.close()
    return notes
