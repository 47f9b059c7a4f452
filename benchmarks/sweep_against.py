"""How fast whole sweeps are beside those of an older commit, in turns, with clutter.

    python benchmarks/sweep_against.py [COMMIT] [ROUNDS]

The commit (0dce591 unless given) is checked out beside, into a temporary folder; both trees make
the same sweeps in turn, in processes of their own, and CPU seconds are compared. Other work on the
machine counts little in the medians, and still counts. Needs the history of the repository
(`git fetch --unshallow` in a shallow clone) and `../shared`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from terrain import DEM, MASTS, SHARED, patchwork_clutter, sweep_request

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "0dce591"
MIDDLE = (1100.3, 1200.6)
EDGE = 400  # cells by which the land is mirrored, so that a disc of 30 km lies on it
FREQS_MHZ = (1800.0, 2600.0)
OF_BOTH = (
    "row", "col", "tx_height_agl_m", "rx_height_agl_m", "radius_m", "delta_n_per_km", "n0",
    "tx_lat_deg",
)  # fmt: skip
CASES = (  # place, radius [m], carriers
    ("middle", 5_000.0, 1),
    ("middle", 10_000.0, 1),
    ("valley", 10_000.0, 1),
    ("slope", 10_000.0, 1),
    ("summit", 10_000.0, 1),
    ("middle", 10_000.0, 2),
    ("middle", 30_000.0, 1),
)


def asked_of(place: str, radius_m: float, carriers: int) -> list[dict[str, float]]:
    """Return the requests of a case."""
    row, col = MIDDLE if place == "middle" else np.add(MASTS[place], EDGE).tolist()
    every = asdict(replace(sweep_request("valley", radius_m), row=row, col=col))
    one = {name: every[name] for name in OF_BOTH}
    return [one | {"freq_mhz": freq_mhz} for freq_mhz in FREQS_MHZ[:carriers]]


@contextmanager
def running(tree: Path, land: Path, compiled: Path) -> Iterator[subprocess.Popen[str]]:
    script = Path(__file__).with_name("sweep_rounds.py")
    env = os.environ | {"PYTHONPATH": str(tree / "propagation"), "NUMBA_CACHE_DIR": str(compiled)}
    with subprocess.Popen(
        # -P: the folder of the script holds names of the standard library's kind
        [sys.executable, "-P", str(script), str(land)],
        env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        made_by = Path(process.stdout.readline().strip())
        if not made_by.is_relative_to(tree):
            sys.exit(f"the sweep of {tree} was asked for, and {made_by} answered")
        yield process
        process.stdin.close()


def ask(process: subprocess.Popen[str], requests: list[dict[str, float]]) -> tuple[float, int]:
    """Return CPU seconds and pixels of a sweep."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(requests) + "\n")
    process.stdin.flush()
    spent_s, pixels = json.loads(process.stdout.readline())
    return spent_s, pixels


def main() -> None:
    """Compare and print."""
    before = sys.argv[1] if len(sys.argv) > 1 else BEFORE
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with TemporaryDirectory() as made, ExitStack() as stack:
        tree = Path(made) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", "--quiet", str(tree), before], check=True)
        stack.callback(subprocess.run, [*git, "remove", "--force", str(tree)], check=True)
        land = Path(made) / "land.npz"
        with rasterio.open(SHARED / DEM) as source:
            ground_m = np.pad(source.read(1).astype(np.float32), EDGE, mode="reflect")
        np.savez(land, ground=ground_m, clutter=patchwork_clutter(ground_m))
        old = stack.enter_context(running(tree, land, Path(made) / "old"))
        new = stack.enter_context(running(ROOT, land, Path(made) / "new"))
        for tree_of in (old, new):
            ask(tree_of, asked_of("middle", 500.0, 2))  # compiles
        print("| place | radius | carriers | pixels | us a px | before | times as fast | least |")
        print("|---|---|---|---|---|---|---|---|")
        for case in CASES:
            asked = asked_of(*case)
            taken = [(ask(old, asked), ask(new, asked)) for _ in range(rounds)]
            pixels = taken[0][1][1]
            was, now = ([pair[k][0] for pair in taken] for k in (0, 1))
            times = median(a / b for a, b in zip(was, now, strict=True))
            us, us_before = (median(one) / pixels * 1e6 for one in (now, was))
            print(
                f"| {case[0]} | {case[1] / 1e3:g} km | {case[2]} | {pixels:,} | {us:.2f} | "
                f"{us_before:.2f} | {times:.2f} | {min(was) / min(now):.2f} |",
                flush=True,
            )
        print(f"medians of {rounds} rounds, load {os.getloadavg()[0]:.1f}; least: by the least")


if __name__ == "__main__":
    main()
