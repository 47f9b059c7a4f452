"""Waiting for something to become true.

No test says how long that may take: the machine may be busy. The patience here is that of somebody
who takes the thing for stuck, and a test that needs it fails anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["PATIENCE_S", "wait_until"]

T = TypeVar("T")

PATIENCE_S = 300.0


def wait_until(
    condition: Callable[[], T], what: str = "it", *, but: tuple[type[Exception], ...] = ()
) -> T:
    """Return what a condition gives as soon as it is true.

    Parameters
    ----------
    condition : callable
        Asked again and again.
    what : str
        Names what is waited for, where it does not come.
    but : tuple of exceptions
        Those that mean "not yet".

    Raises
    ------
    AssertionError
        It did not come.
    """
    until_s = time.monotonic() + PATIENCE_S
    found: object = None
    while True:
        try:
            if answer := condition():
                return answer
            found = answer
        except but as error:
            found = error
        if time.monotonic() > until_s:
            raise AssertionError(f"{what} did not come in {PATIENCE_S:g} s; last: {found!r}")
        time.sleep(0.02)
