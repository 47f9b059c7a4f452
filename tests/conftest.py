"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

# kernels compile on their first call, which no deadline could tell from a slow example
settings.register_profile("lensong", deadline=None)
settings.load_profile("lensong")

# a shell that starts the tests in the background has SIGINT ignored, and so would every program
# that they start and interrupt
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = (Path(__file__).resolve().parents[1] / ".." / "shared").resolve()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of reference vectors and real data beside the checkout, or skip."""
    if not (SHARED / "reference").is_dir():
        pytest.skip("../shared with reference vectors and real data is not beside the checkout")
    return SHARED
