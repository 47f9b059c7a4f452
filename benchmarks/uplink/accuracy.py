"""How right the uplink test is on links whose rate is known: the tables of docs/accuracy-uplink.md.

    python -m benchmarks.uplink.accuracy [--rates 1 8] [--links plain] [--clients cli]

Needs root, iproute2, iperf3, irtt and /dev/net/tun, Chromium for the page, Node and npm for the
ndt7 client. Takes about 35 minutes for everything and prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests import netlab
from tests.chromium import chromium_page
from tests.netlab import NetLab
from tests.uplink_server import TOKEN

ROOT = Path(__file__).resolve().parents[2]
PORT = 8790
PROXY_PORT = 8791
SETTINGS = {"max_rate_bps": 60e6, "max_bytes": 300_000_000}
RATES_MBIT = (0.5, 1.0, 3.0, 8.0, 30.0)
WARM_UP_S = 3.0

PAYLOAD_BYTES = 1448  # of a full segment: 1,500 less 20 of IP, 20 of TCP, 12 of its timestamps
FRAME_BYTES = {"veth": 1514, "tun": 1500}  # what tbf counts: with an Ethernet header, without
IRTT_BYTES = {"veth": 102, "tun": 88}  # 60 of irtt, 8 of UDP, 20 of IP, and Ethernet's


@dataclass(frozen=True, slots=True)
class Condition:
    """What the link does beside its rate."""

    relay: bool
    delay_ms: float = 0.0  # each way
    loss_ratio: float = 0.0  # upwards

    @property
    def device(self) -> str:
        return "tun" if self.relay else "veth"


LINKS = {
    "plain": Condition(relay=False),
    "60 ms": Condition(relay=True, delay_ms=30.0),
    "1 % loss": Condition(relay=True, loss_ratio=0.01),
    "60 ms, 1 % loss": Condition(relay=True, delay_ms=30.0, loss_ratio=0.01),
}


@contextmanager
def shaped(name: str, mbit: float) -> Iterator[NetLab]:
    """Yield a link with its rate, delay and loss."""
    condition = LINKS[name]
    with netlab.link(relay=condition.relay, seed=7) as lab:
        if condition.relay:
            lab.set_relay(
                up=netlab.Link(delay_ms=condition.delay_ms, loss_ratio=condition.loss_ratio),
                down=netlab.Link(delay_ms=condition.delay_ms),
            )
        lab.set_rate(up_mbit=mbit)
        yield lab


def expected_bps(name: str, mbit: float, *, beside_bps: float = 0.0) -> float:
    """Return the payload that a full link of a rate carries beside other traffic."""
    return (mbit * 1e6 - beside_bps) * PAYLOAD_BYTES / FRAME_BYTES[LINKS[name].device]


def iperf3_bps(lab: NetLab) -> float:
    """Return what iperf3's server received in 10 s after the first three."""
    server = lab.popen("server", ["iperf3", "-s", "-1", "-B", lab.server_address],
                       stdout=subprocess.DEVNULL)  # fmt: skip
    lab.wait_for_port("server", 5201)
    command = ["iperf3", "-c", lab.server_address, "-t", "10", "-O", "3", "-J"]
    told = json.loads(lab.run("phone", command, timeout_s=60.0).stdout)
    server.wait(timeout=15.0)
    received: float = told["end"]["sum_received"]["bits_per_second"]
    return received


_NGINX = """\
daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;
events {{}}
http {{
  access_log off;
  server {{
    listen {address}:{proxy_port};
    location / {{
      proxy_pass http://{address}:{port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $host;
      proxy_buffering off;
    }}
  }}
}}
"""


def start_proxy(lab: NetLab, folder: Path) -> None:
    """Put nginx before the server, as deploy/reverse-proxy does, without TLS."""
    (folder / "nginx.conf").write_text(
        _NGINX.format(folder=folder, address=lab.server_address, port=PORT, proxy_port=PROXY_PORT)
    )
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    lab.popen("server", command, stderr=subprocess.DEVNULL)
    lab.wait_for_port("server", PROXY_PORT)


@contextmanager
def uplink_server(lab: NetLab, *, proxied: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Yield our server on its side."""
    settings = SETTINGS | {"tcp_info": not proxied}
    command = [sys.executable, "-m", "tests.uplink_server", lab.server_address, str(PORT),
               "--settings", json.dumps(settings)]  # fmt: skip
    process = lab.popen("server", command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    lab.wait_for_port("server", PORT)
    assert process.stdout is not None
    process.stdout.readline()
    yield process


def cli_test(
    lab: NetLab, irtt_gap_ms: int, *, proxied: bool = False
) -> tuple[dict[str, Any], list[float]]:
    """Run ``lensong probe`` with irtt beside it; return the server's result and irtt's RTTs."""
    irtt_server = ["irtt", "server", "-b", lab.server_address, "-i", "0"]
    lab.popen("server", irtt_server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lab.wait_for_port("server", 2112, udp=True)
    with (
        uplink_server(lab, proxied=proxied) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        if proxied:
            start_proxy(lab, Path(folder))
        port = PROXY_PORT if proxied else PORT
        irtt = lab.popen(
            "phone",
            ["irtt", "client", "-Q", "-i", f"{irtt_gap_ms}ms", "-d", "33s", "-o", "-",
             lab.server_address],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        code = "from lensong.cli.probe_command import probe; probe()"
        lab.run(
            "phone",
            ["env", f"LENSONG_TOKEN={TOKEN}site", "no_proxy=*", sys.executable, "-c", code,
             "--server", f"http://{lab.server_address}:{port}", "--quiet",
             "--queue", str(Path(folder) / "queue")],
            timeout_s=120.0,
        )  # fmt: skip
        assert server.stdout is not None
        result = json.loads(server.stdout.readline())
        said = irtt.communicate(timeout=60.0)[0]
    started_s = datetime.fromisoformat(result["started_at"]).timestamp()
    window = (started_s + WARM_UP_S, started_s + result["duration_s"])
    trips = json.loads(said[said.index("{") :])["round_trips"]
    rtts_ms = [
        trip["delay"]["rtt"] / 1e6
        for trip in trips
        if trip["lost"] == "false"
        and window[0] <= trip["timestamps"]["client"]["send"]["wall"] / 1e9 <= window[1]
    ]
    return result, rtts_ms


def ndt7_bps(lab: NetLab, node_modules: Path) -> float:
    """Return what our server told the ndt7 client of npm at the end of its 10 s."""
    script = ROOT / "tests" / "ndt7_client.cjs"
    command = ["node", str(script), str(node_modules), f"{lab.server_address}:{PORT}",
               f"{TOKEN}ndt7", "upload"]  # fmt: skip
    with uplink_server(lab):
        told = json.loads(lab.run("phone", command, timeout_s=40.0).stdout)
    last = told["server"][-1]["AppInfo"]
    return 8e6 * float(last["NumBytes"]) / float(last["ElapsedTime"])


def page_result(lab: NetLab) -> dict[str, Any]:
    """Run the test of the phone's page in a headless Chromium; return the server's result."""
    with (
        uplink_server(lab) as server,
        tempfile.TemporaryDirectory() as folder,
        lab.inside("phone"),
        chromium_page(Path(folder) / "profile", "--no-proxy-server") as page,
    ):
        page.open(f"http://{lab.server_address}:{PORT}/")
        page.ask(
            "import('/phone-test.js').then((test) => test.uplinkTest({"
            f"token: '{TOKEN}page', site: 'page', seconds: 30, clientId: 'page', tell: () => {{}}"
            "}).outcome)"
        )
        assert server.stdout is not None
        result: dict[str, Any] = json.loads(server.stdout.readline())
    return result


def install_ndt7(folder: Path) -> Path:
    """Install the client for this run; nothing of it stays."""
    command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder),
               "@m-lab/ndt7@0.1.4", "ws@8"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120.0)
    return folder / "node_modules"


def off(measured: float, wanted: float) -> str:
    return f"{100.0 * (measured / wanted - 1.0):+.1f} %"


def mbit(bps: float) -> str:
    return f"{bps / 1e6:.3f}"


def throughput_row(
    name: str, rate: float, clients: list[str], node_modules: Path | None, *, proxied: bool
) -> str:
    """Measure one link with everything and return its line of the two tables."""
    condition = LINKS[name]
    with shaped(name, rate) as lab:
        reference_bps = iperf3_bps(lab)
    wanted_bps = expected_bps(name, rate)
    # Under loss a link is not full, so what another program gets through is what to compare with.
    compared_bps = reference_bps if condition.loss_ratio else wanted_bps
    cells = [name, f"{rate:g}", mbit(wanted_bps), mbit(reference_bps)]
    if "cli" in clients:
        gap_ms = 20 if rate >= 3.0 else 50
        beside_bps = IRTT_BYTES[condition.device] * 8.0 / (gap_ms / 1e3)
        with shaped(name, rate) as lab:
            result, rtts_ms = cli_test(lab, gap_ms, proxied=proxied)
        share = 1.0 - beside_bps / (rate * 1e6)
        cells += [
            mbit(result["uplink_mean_bps"]),
            off(result["uplink_mean_bps"], compared_bps * (1.0 if condition.loss_ratio else share)),
            mbit(result["uplink_p10_bps"]),
            f"{result['rtt_idle_ms']:.1f}",
            f"{result['rtt_loaded_ms']:.1f}",
            f"{median(rtts_ms):.1f}",
            off(result["rtt_loaded_ms"], median(rtts_ms)),
        ]
    if "page" in clients:
        with shaped(name, rate) as lab:
            result = page_result(lab)
        cells += [
            mbit(result["uplink_mean_bps"]),
            off(result["uplink_mean_bps"], compared_bps),
            mbit(result["uplink_p10_bps"]),
            f"{result['rtt_loaded_ms']:.1f}",
        ]
    if node_modules is not None:
        with shaped(name, rate) as lab:
            measured_bps = ndt7_bps(lab, node_modules)
        cells += [mbit(measured_bps), off(measured_bps, compared_bps)]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES_MBIT))
    parser.add_argument("--links", nargs="+", choices=LINKS, default=list(LINKS))
    clients = ("cli", "page", "ndt7")
    parser.add_argument("--clients", nargs="+", choices=clients, default=list(clients))
    parser.add_argument("--proxy", action="store_true", help="the CLI through nginx")
    given = parser.parse_args()
    if reason := netlab.available("iperf3", "irtt", relay=True):
        sys.exit(f"cannot run here: {reason}")
    print(f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, "
          f"Python {platform.python_version()}\n")  # fmt: skip
    heads = ["link", "tbf Mbit/s", "payload expected", "iperf3"]
    if "cli" in given.clients:
        heads += ["CLI mean", "off", "CLI p10", "RTT idle ms", "RTT loaded ms", "irtt ms", "off"]
    if "page" in given.clients:
        heads += ["page mean", "off", "page p10", "page RTT loaded ms"]
    if "ndt7" in given.clients:
        heads += ["ndt7", "off"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        node_modules = install_ndt7(Path(folder)) if "ndt7" in given.clients else None
        for name in given.links:
            for rate in given.rates:
                row = throughput_row(name, rate, given.clients, node_modules, proxied=given.proxy)
                print(row, flush=True)


if __name__ == "__main__":
    main()
