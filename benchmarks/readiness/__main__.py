"""All tables of docs/accuracy-readiness.md, in its order.

python -m benchmarks.readiness --shared ../shared
"""

from __future__ import annotations

import subprocess
import sys

PARTS = (
    ("bars", False),
    ("replay", True),
    ("fit_moving", True),
    ("synthetic", True),
    ("radio", True),
)
"""Module, and whether it reads ../shared."""


def main() -> None:
    for name, reads_shared in PARTS:
        print(f"\n<!-- python -m benchmarks.readiness.{name} -->\n", flush=True)
        arguments = sys.argv[1:] if reads_shared else []
        subprocess.run(
            [sys.executable, "-m", f"benchmarks.readiness.{name}", *arguments], check=True
        )


if __name__ == "__main__":
    main()
