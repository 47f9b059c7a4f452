"""Fuzz the API by its document, and every reader of files, for an hour.

    python -m benchmarks.fuzz
    python -m benchmarks.fuzz --minutes 1 --only readers --seed 7

Half of the time goes to requests (schemathesis) to a service that it starts, the other half to
files (Hypothesis), which a process with a limit of memory reads. What breaks something is printed,
made as small as it gets; files are kept. Ends with 1 where something broke.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Run both parts, one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="all of it (default 60)")
    parser.add_argument("--only", choices=("api", "readers"), help="all the time for one part")
    parser.add_argument("--seed", type=int, help="a run that is to be repeated (default: another)")
    parser.add_argument(
        "--memory-mb", type=int, default=4_096, help="of the readers (default 4096)"
    )
    parser.add_argument("--found", type=Path, help="folder for files that break a reader")
    asked = parser.parse_args()
    if not 0.0 < asked.minutes < 1e5:
        parser.error(f"--minutes is {asked.minutes}, wanted more than 0")
    first_seed = int(time.time()) if asked.seed is None else asked.seed
    found = asked.found or Path(tempfile.mkdtemp(prefix="fuzz-found-"))
    seconds = 60.0 * asked.minutes / (1 if asked.only else 2)
    print(f"seed {first_seed}; files that break a reader are kept in {found}", flush=True)
    broken = False
    if asked.only != "api":
        broken |= _readers(seconds, first_seed, asked.memory_mb, found)
    if asked.only != "readers":
        from benchmarks.fuzz.api import fuzz_api

        broken |= bool(wrong := fuzz_api(seconds, first_seed))
        print("\n".join(wrong))
    sys.exit(1 if broken else 0)


def _readers(seconds: float, first_seed: int, memory_mb: int, found: Path) -> bool:
    """Run the readers in a process of their own; return whether something broke, or it."""
    command = [sys.executable, "-m", "benchmarks.fuzz.readers", f"--seconds={seconds}"]
    command += [f"--seed={first_seed}", f"--memory-mb={memory_mb}", f"--found={found}"]
    try:
        # what takes long in compiled code can only be ended from outside
        code = subprocess.run(command, timeout=seconds + 300.0, check=False).returncode
    except subprocess.TimeoutExpired:
        code = -9
        print("BROKEN: a reader does not come to an end", flush=True)
    if code not in (0, 1):
        last = max(found.rglob("*.*"), key=lambda path: path.stat().st_mtime, default=found)
        print(f"BROKEN: the readers ended with {code}, the last file read is {last}", flush=True)
    return code != 0


if __name__ == "__main__":
    main()
