"""What lists of hundreds and thousands of sites cost: the first byte of pages, to that of a file.

    python -m benchmarks.monitoring.long_lists
    python -m benchmarks.monitoring.long_lists --sites 468 5000 --rounds 15

Each count of sites is a service in a process of its own, every fifth site with a session to come.
Rounds ask for a style sheet and for each page in turn, one connection for all, and wait out the
time for which walls share a drawing, so that each wall is drawn anew. Told are medians, and the
ratio to the style sheet of the same service.
"""

from __future__ import annotations

import argparse
import http.client
import re
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.monitoring.sustained_load import database, soon
from lensong.monitoring.web.pages.shared_drawings import KEEP_S
from tests.service_process import populated, service_process

_PAGES = (
    "/", "/sites", "/sites?state=unknown", "/sessions", "/places", "/sessions/new", "/timeline",
    "/notices", "/import", "/links", "/admin", "/find/sites?q=3",
)  # fmt: skip


def first_byte_ms(asked: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> float:
    """Return how long the head of an answer takes; its body is read after."""
    began_s = time.perf_counter()
    asked.request("GET", path, headers=headers | {"Accept": "text/html", "Accept-Encoding": "gzip"})
    answer = asked.getresponse()
    took_s = time.perf_counter() - began_s
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return took_s * 1e3


def measured(sites: int, rounds: int) -> dict[str, float]:
    """Return the medians of pages of a service with so many sites [ms]."""
    with tempfile.TemporaryDirectory(prefix="lists-") as name, database("sqlite", Path(name)) as db:
        there = populated(db, sites, soon(sites // 5))
        with service_process(Path(name), db) as service:
            asked = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120.0)
            asked.request("GET", "/sites", headers=there.admin_headers | {"Accept": "text/html"})
            page = asked.getresponse().read().decode()
            found = re.search(r'href="(/static/[^"]+/pages\.css)"', page)
            assert found is not None
            for path in _PAGES:  # templates are compiled, sessions are judged
                first_byte_ms(asked, path, there.admin_headers)
            time.sleep(5.0)
            seen: dict[str, list[float]] = {}
            for _ in range(rounds):
                time.sleep(KEEP_S + 0.1)
                for path in (found[1], *_PAGES):
                    took_ms = first_byte_ms(asked, path, there.admin_headers)
                    seen.setdefault("file" if path == found[1] else path, []).append(took_ms)
            asked.close()
    return {path: statistics.median(times) for path, times in seen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sites", type=int, nargs="+", default=[468, 500, 5_000])
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    print("| sites | file ms | " + " | ".join(f"{path} ms (ratio)" for path in _PAGES) + " |")
    print("|" + "---|" * (len(_PAGES) + 2))
    for sites in given.sites:
        told = measured(sites, given.rounds)
        cells = (f"{told[path]:.1f} ({told[path] / told['file']:.0f})" for path in _PAGES)
        print(f"| {sites} | {told['file']:.2f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
