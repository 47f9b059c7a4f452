"""Fixtures of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_cli.small_scenario import SmallPlan, write_small_plan


@pytest.fixture
def small(tmp_path: Path) -> SmallPlan:
    """Return a sound scenario of a few square kilometres on disk."""
    return write_small_plan(tmp_path)
