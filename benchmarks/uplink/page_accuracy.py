"""How right the phone's page is on links whose rate is known: a table of docs/accuracy-uplink.md.

    python -m benchmarks.uplink.page_accuracy [--rates 1 8] [--links plain delay]

The page runs in headless Chromium in one network namespace, the whole service in another. Needs
root, iproute2, chromium, iperf3 and /dev/net/tun; takes about a minute for each line.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.uplink.accuracy import (
    LINKS,
    RATES_MBIT,
    expected_bps,
    iperf3_bps,
    mbit,
    off,
    shaped,
)
from tests.chromium import chromium_page
from tests.served_pages import served_pages
from tests.test_monitoring.test_screens.test_phone import begin, join, kept, wait_for

LIMITS = {
    "uplink_test_interval_s": 0.0,
    "uplink_test_rate_bps": 60e6,
    "uplink_test_bytes": 300_000_000,
}


def page_row(name: str, rate: float) -> str:
    """Measure one link by the page and return its line."""
    condition = LINKS[name]
    with shaped(name, rate) as lab:
        reference_bps = iperf3_bps(lab)
    compared_bps = reference_bps if condition.loss_ratio else expected_bps(name, rate)
    with tempfile.TemporaryDirectory() as folder, shaped(name, rate) as lab:
        with lab.inside("server"):
            service = served_pages(
                Path(folder), host=lab.server_address, behind_proxy=True, limits=LIMITS
            )
            served = service.__enter__()
        try:
            with lab.inside("phone"), chromium_page(Path(folder) / "profile") as page:
                join(served, page)
                wait_for(page, "document.getElementById('cost').textContent")
                begin(page, seconds=30)
                wait_for(page, "!document.getElementById('answer').hidden", 90.0)
            (test,) = kept(served)
        finally:
            service.__exit__(None, None, None)
    cells = [
        name, f"{rate:g}", mbit(compared_bps), mbit(reference_bps), mbit(test.uplink_mean_bps),
        off(test.uplink_mean_bps, compared_bps), mbit(test.uplink_p10_bps),
        f"{test.rtt_idle_ms:.1f}", f"{test.rtt_loaded_ms:.1f}",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES_MBIT))
    parser.add_argument("--links", nargs="+", choices=LINKS, default=list(LINKS))
    asked = parser.parse_args()
    print(
        "| link | Mbit/s | goodput | iperf3 | page, mean | off | p10 | RTT idle ms | loaded |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for name in asked.links:
        for rate in asked.rates:
            print(page_row(name, rate), flush=True)


if __name__ == "__main__":
    main()
