"""What the test says of links whose rate is known. The whole matrix is in benchmarks/uplink."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import netlab
from tests.chromium import BINARY, chromium_page
from tests.netlab import NetLab
from tests.uplink_server import TOKEN
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
PORT = 8790
SETTINGS = {"max_rate_bps": 60e6, "max_bytes": 300_000_000}

VETH_GOODPUT_RATIO = 1448 / 1514
"""Of 1,514 bytes of an Ethernet frame that tbf counts, 52 are headers of IP and TCP with its
timestamps (RFC 7323), and 14 Ethernet's."""

pytestmark = [pytest.mark.slow, pytest.mark.alone]


def _skip_unless(*programs: str, relay: bool = False) -> None:
    if reason := netlab.available(*programs, relay=relay):
        pytest.skip(reason)


@contextmanager
def server_on(lab: NetLab) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.uplink_server", lab.server_address, str(PORT),
               "--settings", json.dumps(SETTINGS)]  # fmt: skip
    process = lab.popen("server", command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    lab.wait_for_port("server", PORT)
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    yield process


def stored(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    finished: dict[str, Any] = json.loads(process.stdout.readline())
    return finished


def probe(lab: NetLab, queue: Path) -> dict[str, Any]:
    """Run ``lensong probe`` on the phone's side and return what it says."""
    code = "from lensong.cli.probe_command import probe; probe()"
    done = lab.run(
        "phone",
        ["env", f"LENSONG_TOKEN={TOKEN}binh-lu", "no_proxy=*", sys.executable, "-c", code,
         "--server", f"http://{lab.server_address}:{PORT}", "--seconds", "10", "--json", "--quiet",
         "--queue", str(queue)],
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("mbit", [1.0, 8.0])
def test_the_command_line_client_is_right_within_8_percent(mbit: float, tmp_path: Path) -> None:
    _skip_unless()
    with netlab.link() as lab:
        lab.set_rate(up_mbit=mbit)
        with server_on(lab) as server:
            told = probe(lab, tmp_path / "q")
            finished = stored(server)
    wanted_bps = mbit * 1e6 * VETH_GOODPUT_RATIO
    assert finished["uplink_mean_bps"] == pytest.approx(wanted_bps, rel=0.08)
    assert finished["uplink_p50_bps"] == pytest.approx(wanted_bps, rel=0.08)
    assert not finished["rate_limited"]
    assert told["server_result"]["test_id"] == finished["test_id"]
    assert told["report"]["uplink_p10_bps"] == finished["uplink_p10_bps"]
    assert told["delivery"]["delivered"] == 1
    # the queue of 300 ms that the shaper has is what the upload fills
    assert finished["rtt_idle_ms"] < finished["rtt_loaded_ms"]
    assert finished["rtt_loaded_ms"] > 20.0


def test_delay_and_loss_are_seen(tmp_path: Path) -> None:
    _skip_unless(relay=True)
    with netlab.link(relay=True) as lab:
        lab.set_relay(
            up=netlab.Link(delay_ms=30.0, loss_ratio=0.01), down=netlab.Link(delay_ms=30.0)
        )
        lab.set_rate(up_mbit=1.0)
        with server_on(lab) as server:
            told = probe(lab, tmp_path / "q")
            finished = stored(server)
    # a TUN device has no Ethernet header
    assert finished["uplink_mean_bps"] == pytest.approx(1e6 * 1448 / 1500, rel=0.08)
    assert finished["rtt_idle_ms"] > 60.0
    assert finished["rtt_loaded_ms"] > finished["rtt_idle_ms"]
    # 800 packets: a standard deviation is 0.35 %; what the full queue drops comes on top
    assert 0.001 < told["report"]["loss_ratio"] < 0.06
    assert finished["tcp_out_of_order_ratio"] > 0.0


@pytest.mark.browser
@pytest.mark.skipif(BINARY is None, reason="no chromium on this machine")
def test_the_script_of_the_page_is_right_within_8_percent(tmp_path: Path) -> None:
    _skip_unless()
    with netlab.link() as lab, server_on(lab) as server:
        lab.set_rate(up_mbit=3.0)
        with lab.inside("phone"), chromium_page(tmp_path / "profile", "--no-proxy-server") as page:
            page.open(f"http://{lab.server_address}:{PORT}/")
            told = page.ask(
                "import('/phone-test.js').then((test) => test.uplinkTest({"
                f"token: '{TOKEN}a', site: 'a', seconds: 10, clientId: 'c', tell: () => {{}}"
                "}).outcome)"
            )
        finished = stored(server)
    assert finished["uplink_mean_bps"] == pytest.approx(3e6 * VETH_GOODPUT_RATIO, rel=0.08)
    assert finished["uplink_p10_bps"] == pytest.approx(3e6 * VETH_GOODPUT_RATIO, rel=0.08)
    assert told["result"]["test_id"] == finished["test_id"]
    assert (finished["method"], finished["client_id"]) == ("page", "c")
    assert finished["rtt_idle_ms"] < finished["rtt_loaded_ms"]
    assert finished["rtt_loaded_ms"] > 20.0


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the ndt7 client of the npm registry is installed, for this run only."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed")
    folder = tmp_path_factory.mktemp("ndt7")
    command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder),
               "@m-lab/ndt7@0.1.4", "ws@8"]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm found no registry")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install @m-lab/ndt7: {done.stderr[-300:]}")
    return folder / "node_modules"


def test_the_ndt7_client_of_npm_measures_against_our_server(node_modules: Path) -> None:
    _skip_unless("node")
    with netlab.link() as lab:
        lab.set_rate(up_mbit=3.0)
        with server_on(lab) as server:
            script = Path(netlab.__file__).parent / "ndt7_client.cjs"
            command = ["node", str(script), str(node_modules),
                       f"{lab.server_address}:{PORT}", f"{TOKEN}binh-lu", "upload"]  # fmt: skip
            told = json.loads(lab.run("phone", command, timeout_s=PATIENCE_S).stdout)
            finished = stored(server)
    assert (told["code"], told["error"]) == (0, None)
    last = told["server"][-1]["AppInfo"]
    mean_bps = 8e6 * last["NumBytes"] / last["ElapsedTime"]
    assert mean_bps == pytest.approx(3e6 * VETH_GOODPUT_RATIO, rel=0.08)
    assert "ConnectionInfo" in told["server"][0]
    assert told["server"][-1]["TCPInfo"]["BytesReceived"] >= last["NumBytes"]
    # it sends zeros: measured and answered, but no evidence
    assert (finished["kind"], finished["code"]) == ("refused", "compressible")
