"""Where a command keeps path loss: the user's cache, or a folder for one run alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensong.cli.console import Console
    from lensong.coverage.sweeps import SweepCache

__all__ = ["kept_sweeps"]


@contextmanager
def kept_sweeps(
    folder: Path | None, console: Console, *, needed: bool
) -> Iterator[SweepCache | None]:
    """Hold the cache of sweeps, and say what kept it from its work.

    Parameters
    ----------
    folder : Path or None
        None: no cache.
    console : Console
    needed : bool
        The run reads its sweeps again: without a cache they are kept for this run alone.
    """
    if folder is not None:
        from lensong.gis_data.array_cache import ArrayCache, CacheLimits

        cache = ArrayCache(folder, CacheLimits.of(os.environ))
        try:
            with cache:
                yield cache
        finally:
            for note in cache.notes:
                console.say(f"cache: {note}")
    elif needed:
        from lensong.gis_data.array_store import ArrayStore

        with TemporaryDirectory(prefix="lensong-sweeps-") as made:
            yield ArrayStore(Path(made))
    else:
        yield None
