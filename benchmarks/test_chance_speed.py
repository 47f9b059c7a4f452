"""What the stage of layers costs beside what it cost with one deviation laid on SINR.

python -m pytest benchmarks/test_chance_speed.py -m benchmark -s

The commit before the chance of service is checked out beside, into a temporary folder, and both
trees make the layers of the same sweeps in turn, round by round in one run. CPU time, so that
other work on the machine counts little. Needs the history of the repository (`git fetch
--unshallow` in a shallow clone) and `../shared`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from terrain import SHARED

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "0dce591"
PARTS = ("coverage", "propagation", "gis_data", "monitoring", "cli")
ROUNDS = 5
MASTS = "20"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The tree as it was before, removed in the end."""
    tree = tmp_path_factory.mktemp("before") / "tree"
    made = subprocess.run(
        ["git", "-C", ROOT, "worktree", "add", "--detach", "--quiet", tree, BEFORE],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no commit {BEFORE} in this checkout: {made.stderr.strip()}")
    yield tree
    subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", tree], check=True)


def stage(tree: Path, task: str, *rest: str) -> tuple[list[str], dict[str, str]]:
    script = str(Path(__file__).with_name("layers_stage.py"))
    path = os.pathsep.join(str(tree / part) for part in PARTS)
    # -P: the folder of the script holds names of the standard library's kind
    return [sys.executable, "-P", script, task, str(SHARED), *rest], os.environ | {
        "PYTHONPATH": path
    }


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path losses of all masts, computed once for both trees."""
    if not SHARED.exists():
        pytest.skip("../shared is not beside the checkout")
    file = str(tmp_path_factory.mktemp("sweeps") / "sweeps.npz")
    command, env = stage(ROOT, "make", file, MASTS, "own")
    subprocess.run(command, env=env, check=True)
    return file


@contextmanager
def running(tree: Path, *rest: str) -> Iterator[subprocess.Popen[str]]:
    command, env = stage(tree, "run", *rest)
    with subprocess.Popen(
        command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise RuntimeError("a tree ended before its time; its message stands above")
    return line


@pytest.mark.benchmark
@pytest.mark.parametrize("operators", ["own", "all"])
def test_layers_beside_those_of_the_tree_before(before: Path, sweeps: str, operators: str) -> None:
    times: dict[Path, list[float]] = {before: [], ROOT: []}
    with ExitStack() as stack:
        trees = {
            tree: stack.enter_context(running(tree, sweeps, MASTS, operators)) for tree in times
        }
        for process in trees.values():
            assert answer(process) == "ready"
        for _ in range(ROUNDS):
            for tree, process in trees.items():
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
                times[tree].append(float(answer(process)))
    ratio = np.array(times[ROOT]) / np.array(times[before])
    whose = "operators as listed" if operators == "own" else "one operator"
    print(
        f"\n{MASTS} masts, 8 km, {whose}: "
        f"before {min(times[before]):.2f} CPU-s, now {min(times[ROOT]):.2f} CPU-s, "
        f"{min(times[ROOT]) / min(times[before]):.2f} times as dear (rounds {ratio.min():.2f} to "
        f"{ratio.max():.2f})"
    )
