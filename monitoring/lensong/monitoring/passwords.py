"""Passwords: hashed with Argon2id, slow on purpose, and therefore in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lensong.monitoring.errors import BusyError
from lensong.propagation.errors import InvalidInputError

__all__ = ["LEAST_LENGTH", "answer", "hash_password", "matches"]

LEAST_LENGTH = 10

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""The least that OWASP's cheat sheet on password storage asks of Argon2id: 19 MiB, two passes."""

_NICER = 10
_MOST_WAITING = 64

T = TypeVar("T")


def _step_back() -> None:
    """Let this thread have what of the processors nobody else wants; on Linux it alone."""
    with contextlib.suppress(OSError):
        nicer = min(19, os.getpriority(os.PRIO_PROCESS, 0) + _NICER)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nicer)


_AT_WORK = ThreadPoolExecutor(2, thread_name_prefix="passwords", initializer=_step_back)
"""Of their own: no other work waits for passwords, and they wait for none."""

_waiting = 0

_NOBODY = _HASHER.hash("nobody has this password")


async def hash_password(password: str) -> str:
    """Return what is kept of a password.

    Raises
    ------
    InvalidInputError
        It is too short, or so long that it is no password.
    BusyError
        Too many passwords wait already.
    """
    if not LEAST_LENGTH <= len(password) <= 1_000:
        raise InvalidInputError(
            f"the password has {len(password)} characters, wanted {LEAST_LENGTH} to 1000"
        )
    return await _worked(_HASHER.hash, password)


async def matches(password: str, kept: str | None) -> bool:
    """Return whether a password is the one that was kept; takes as long where there is none."""
    right = await _worked(_verify, password[:1_000], kept or _NOBODY)
    return right and kept is not None


async def _worked(work: Callable[..., T], *given: str) -> T:
    """Return what some work returns, in a thread for passwords.

    Raises
    ------
    BusyError
        Too many passwords wait already.
    """
    global _waiting
    if _waiting >= _MOST_WAITING:
        raise BusyError(f"{_MOST_WAITING} passwords wait to be looked at: try again", 5.0)
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_AT_WORK, work, *given)
    finally:
        _waiting -= 1


async def answer() -> None:
    """Return as soon as a thread for passwords is free."""
    await asyncio.get_running_loop().run_in_executor(_AT_WORK, int)


def _verify(password: str, kept: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
