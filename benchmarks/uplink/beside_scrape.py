"""What scrapes of /metrics do to an uplink test that runs meanwhile.

    python -m benchmarks.uplink.beside_scrape [--sites 1000] [--mbit 8] [--rounds 3]

The whole service with so many sites, each with a report, on the far side of a shaped link; tests of
30 s, in turn without scrapes, with one in 15 s as Prometheus is set, and with one after the other.
Needs root and iproute2; takes about 6 minutes and prints Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from statistics import mean
from typing import Any

from tests import netlab
from tests.netlab import NetLab
from tests.reporting_clients import send_reports
from tests.service_process import ServiceProcess, populated

PORT = 8790
GAPS_S = {"none": None, "every 15 s": 15.0, "one after the other": 0.0}


class Scraper:
    """Scrapes from the server's own side, over its loopback address, until it is told to stop."""

    def __init__(self, lab: NetLab, token: str, gap_s: float) -> None:
        self._lab, self._token, self._gap_s = lab, token, gap_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.took_s: list[float] = []
        self.length_bytes = 0

    def __enter__(self) -> Scraper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        request = urllib.request.Request(f"http://{self._lab.server_address}:{PORT}/metrics")
        request.add_header("Authorization", f"Bearer {self._token}")
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with self._lab.inside("server"):
            while not self._stop.is_set():
                began_s = time.monotonic()
                with direct.open(request, timeout=60.0) as answer:
                    self.length_bytes = len(answer.read())
                self.took_s.append(time.monotonic() - began_s)
                self._stop.wait(self._gap_s)


def probe(lab: NetLab, token: str, queue: Path) -> dict[str, Any]:
    """Run ``lensong probe`` on the phone's side; return what the server counted."""
    code = "from lensong.cli.probe_command import probe; probe()"
    done = lab.run(
        "phone",
        ["env", f"LENSONG_TOKEN={token}", "no_proxy=*", sys.executable, "-c", code,
         "--server", f"http://{lab.server_address}:{PORT}", "--json", "--quiet",
         "--queue", str(queue)],
        timeout_s=120.0,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout)["server_result"]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=1_000)
    parser.add_argument("--mbit", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if reason := netlab.available():
        sys.exit(f"cannot run here: {reason}")
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in GAPS_S}
    scrapes: dict[str, list[float]] = {name: [] for name in GAPS_S}
    length_bytes = 0
    with tempfile.TemporaryDirectory() as name, netlab.link() as lab:
        folder = Path(name)
        db = f"sqlite:///{folder / 'lensong.db'}"
        there = populated(db, given.sites)
        limits = {"uplink_test_interval_s": 0.0, "uplink_daily_bytes_per_site": 10**11}
        # the only way to listen on a namespace's address without TLS
        settings = {"host": lab.server_address, "behind_proxy": True, "limits": limits}
        service = ServiceProcess(folder, db, settings, PORT)
        with lab.inside("server"):
            _start(service, lab)
            asyncio.run(
                send_reports(f"http://{lab.server_address}:{PORT}", there.tokens, duration_s=10.0)
            )
        try:
            lab.set_rate(up_mbit=given.mbit)
            for _ in range(given.rounds):
                for kind, gap_s in GAPS_S.items():
                    token = there.tokens["site-0001"]
                    if gap_s is None:
                        results[kind].append(probe(lab, token, folder / "queue"))
                        continue
                    with Scraper(lab, there.scraper, gap_s) as scraper:
                        results[kind].append(probe(lab, token, folder / "queue"))
                    scrapes[kind] += scraper.took_s
                    length_bytes = scraper.length_bytes
        finally:
            service.kill()
    print(f"{given.sites} sites, {length_bytes / 1e6:.1f} MB a scrape, {given.mbit:g} Mbit/s, "
          f"{given.rounds} rounds\n")  # fmt: skip
    print("| scrapes | number | s each | mean Mbit/s | p10 Mbit/s | RTT loaded ms | mean, change |")
    print("|---|---|---|---|---|---|---|")
    alone = mean(result["uplink_mean_bps"] for result in results["none"])
    for kind, measured in results.items():
        figures = {
            figure: mean(result[figure] for result in measured)
            for figure in ("uplink_mean_bps", "uplink_p10_bps", "rtt_loaded_ms")
        }
        took = f"{mean(scrapes[kind]):.2f}" if scrapes[kind] else "–"
        print(
            f"| {kind} | {len(scrapes[kind])} | {took} | {figures['uplink_mean_bps'] / 1e6:.3f} "
            f"| {figures['uplink_p10_bps'] / 1e6:.3f} | {figures['rtt_loaded_ms']:.0f} "
            f"| {100.0 * (figures['uplink_mean_bps'] / alone - 1.0):+.2f} % |"
        )


def _start(service: ServiceProcess, lab: NetLab) -> None:
    """Start the service where the calling thread is; it listens on the server's address."""
    try:
        service.start(wait_s=0.0)  # it asks 127.0.0.1, where nothing listens
    except TimeoutError:
        lab.wait_for_port("server", PORT)


if __name__ == "__main__":
    main()
