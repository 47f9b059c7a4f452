"""How long the command line takes to say what it can do, against Python that does nothing.

python -m pytest benchmarks/test_start_speed.py -m benchmark -s
"""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

ROUNDS = 15


def least_s(code: str, *arguments: str) -> float:
    command = [sys.executable, "-c", code, *arguments]
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        best = min(best, time.perf_counter() - began)
    return best


@pytest.mark.benchmark
def test_help_against_python_that_does_nothing() -> None:
    nothing_s = least_s("pass")
    help_s = least_s("from lensong.cli.main import main; main()", "--help")
    print(f"\nlensong --help: {help_s:.3f} s, {help_s / nothing_s:.1f} times `python -c pass`")
    # 11 to 16 on a busy machine, where click alone is 8 and Numba alone 52
    assert help_s / nothing_s < 25.0
