"""What edits of a mast cost beside those of an older commit, in turns.

    python benchmarks/edits_against.py [COMMIT] [ROUNDS] [OPERATORS]

The commit (0dce591 unless given) is checked out beside, into a temporary folder. Twenty masts of
the Cévennes with two carriers and three sectors, 8 km, all of one operator (`own`: of those that
the list names); the mast in the middle is tilted, one carrier of it raised, and all of it moved.
The older tree holds the mast in hand, which costs it seconds before (not counted), and knows one
deviation on SINR where the present one draws the shadowing of each site. Needs the history of the
repository and `../shared`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from terrain import SHARED

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("coverage", "propagation", "gis_data", "monitoring", "cli")
KINDS = {"tilt": "tilt", "raise": "one carrier raised", "move": "mast moved, all carriers"}


def start(stack: ExitStack, tree: Path, compiled: Path, operators: str) -> subprocess.Popen[str]:
    script = str(Path(__file__).with_name("edit_rounds.py"))
    # -P: the folder of the script holds names of the standard library's kind, so it comes last
    path = os.pathsep.join([*(str(tree / part) for part in PARTS), str(Path(script).parent)])
    env = os.environ | {"PYTHONPATH": path, "NUMBA_CACHE_DIR": str(compiled)}
    command = [sys.executable, "-P", script, str(SHARED), "20", operators]
    process = stack.enter_context(
        subprocess.Popen(command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    )
    assert process.stdin is not None
    stack.callback(process.stdin.close)
    return process


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def main() -> None:
    """Compare and print."""
    before = sys.argv[1] if len(sys.argv) > 1 else "0dce591"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    operators = sys.argv[3] if len(sys.argv) > 3 else "one"
    with TemporaryDirectory() as made, ExitStack() as stack:
        tree = Path(made) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", "--quiet", str(tree), before], check=True)
        stack.callback(subprocess.run, [*git, "remove", "--force", str(tree)], check=True)
        both = [
            start(stack, of, Path(made) / name, operators)
            for name, of in (("old", tree), ("new", ROOT))
        ]
        for process in both:
            if answer(process) != "ready":
                sys.exit("a tree ended before its time; its message stands above")
        print("| edit | before | levels | all chances | levels / before | all / before |")
        print("|---|---|---|---|---|---|")
        for kind, said in KINDS.items():
            found = []
            for _ in range(rounds):
                for process in both:
                    assert process.stdin is not None
                    process.stdin.write(f"{kind}\n")
                    process.stdin.flush()
                    found.append(json.loads(answer(process)))
            was = [all_s for _, all_s in found[::2]]
            levels, every = ([pair[k] for pair in found[1::2]] for k in (0, 1))
            ratios = (
                median(b / a for a, b in zip(was, now, strict=True)) for now in (levels, every)
            )
            print(
                f"| {said} | {median(was):.2f} | {median(levels):.2f} | {median(every):.2f} | "
                + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |",
                flush=True,
            )  # fmt: skip
        print(f"CPU seconds, medians of {rounds} rounds, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
