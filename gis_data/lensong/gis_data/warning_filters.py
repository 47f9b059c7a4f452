"""What Python warns of, changed by one thread at a time.

The filters are one list for all threads: two threads that change and restore it at once leave it
wrong for everybody.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

__all__ = ["own_filters"]

_CHANGING = Lock()


@contextmanager
def own_filters(*, record: bool = False) -> Iterator[list[warnings.WarningMessage]]:
    """Let the caller set filters that are gone afterwards.

    Parameters
    ----------
    record : bool, optional
        Yield what is warned of instead of showing it.
    """
    with _CHANGING, warnings.catch_warnings(record=record) as caught:
        yield [] if caught is None else caught
