"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# kernels compile on their first call, which no deadline could tell from a slow example; the same
# code meets the same examples, so that a change is judged by what it changed. `make search` meets
# others each time.
settings.register_profile("lensong", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "lensong"))

# a shell that starts the tests in the background has SIGINT ignored, and so would every program
# that they start and interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 6 * 2**30


def _in_memory() -> bool:
    """Return whether the tests' folders may lie in memory.

    Thousands of tests write small databases that are synced to disk, and would wait for the disk
    most of the time. They are killed at times, but no power is cut.
    """
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return False
    flags = os.statvfs(_MEMORY).f_flag
    return not flags & os.ST_NOEXEC and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES


if _in_memory():
    os.environ["TMPDIR"] = os.fspath(_MEMORY)  # of the programs that tests start, too
    tempfile.tempdir = None  # pytest has asked for it already


def pytest_collection_finish() -> None:
    """Leave what was imported out of each round of the garbage collector: none of it is garbage."""
    gc.freeze()


SHARED = (Path(__file__).resolve().parents[1] / ".." / "shared").resolve()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of reference vectors and real data beside the checkout, or skip."""
    if not (SHARED / "reference").is_dir():
        pytest.skip("../shared with reference vectors and real data is not beside the checkout")
    return SHARED


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    """Fail a test that leaves the process another log, or other signals, than it found."""
    before = _process()
    yield
    after = _process()
    assert {name: state for name, state in after.items() if before.get(name, state) != state} == {}


def _process() -> dict[str, object]:
    state: dict[str, object] = {
        f"logger {name}": (logger.level, logger.disabled, logger.propagate)
        for name, logger in logging.Logger.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and name.startswith("lensong")
    }
    state["root level"] = logging.getLogger().level
    state["signals"] = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return state
