"""The shaped link is what it says, by other people's tools."""

from __future__ import annotations

import json
import socket
import subprocess
from typing import Any

import pytest

from tests import netlab
from tests.waiting import PATIENCE_S

pytestmark = [pytest.mark.slow, pytest.mark.alone]


def _skip_unless(*programs: str, relay: bool = False) -> None:
    if reason := netlab.available(*programs, relay=relay):
        pytest.skip(reason)


def _received_mbit(lab: netlab.NetLab, seconds: int) -> float:
    server = lab.popen("server", ["iperf3", "-s", "-1", "-B", lab.server_address],
                       stdout=subprocess.DEVNULL)  # fmt: skip
    lab.wait_for_port("server", 5201)
    done = lab.run("phone", ["iperf3", "-c", lab.server_address, "-t", str(seconds), "-J"])
    server.wait(timeout=PATIENCE_S)
    received: float = json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]
    return received / 1e6


def test_the_rate_arrives_and_changes_while_the_link_lives() -> None:
    _skip_unless("iperf3")
    with netlab.link() as lab:
        lab.set_rate(up_mbit=8.0)
        # the receiver's count: the sender's holds what still waits in its own queue
        assert _received_mbit(lab, 4) == pytest.approx(8.0, rel=0.08)
        lab.set_rate(up_mbit=2.0)
        assert _received_mbit(lab, 4) == pytest.approx(2.0, rel=0.08)


def test_the_two_directions_have_rates_of_their_own() -> None:
    _skip_unless("iperf3")
    with netlab.link() as lab:
        lab.set_rate(up_mbit=3.0, down_mbit=0.3)
        assert _received_mbit(lab, 3) == pytest.approx(3.0, rel=0.08)


def test_the_relay_delays_and_still_shapes() -> None:
    _skip_unless("iperf3", "irtt", relay=True)
    with netlab.link(relay=True) as lab:
        link = netlab.Link(delay_ms=30.0, jitter_ms=5.0)
        lab.set_relay(up=link, down=link)
        rtt_ms = _irtt(lab, "20ms", "2s")["rtt"]["mean"] / 1e6
        assert 59.0 < rtt_ms < 71.0  # twice the delay, and what two cores add
        lab.set_rate(up_mbit=8.0)
        assert _received_mbit(lab, 5) == pytest.approx(8.0, rel=0.08)


def test_the_relay_loses_what_it_was_told_to_in_the_direction_it_was_told() -> None:
    _skip_unless("irtt", relay=True)
    with netlab.link(relay=True) as lab:
        lab.set_relay(up=netlab.Link(loss_ratio=0.01))
        up, down = _loss_percent(lab)
        # 2,000 packets: one standard deviation is 0.22 %
        assert 0.4 < up < 1.7
        assert down < 0.2


def test_iptables_loses_without_a_relay() -> None:
    _skip_unless("irtt", "iptables")
    with netlab.link() as lab:
        lab.set_loss(up_ratio=0.05)
        up, _ = _loss_percent(lab)
        assert 3.0 < up < 7.0
        lab.set_loss()
        assert _loss_percent(lab)[0] < 0.2


def _loss_percent(lab: netlab.NetLab) -> tuple[float, float]:
    stats = _irtt(lab, "2ms", "4s")
    return stats["upstream_loss_percent"], stats["downstream_loss_percent"]


def _irtt(lab: netlab.NetLab, interval: str, duration: str) -> dict[str, Any]:
    server = lab.popen("server", ["irtt", "server", "-b", lab.server_address, "-i", "0"],
                       stdout=subprocess.DEVNULL)  # fmt: skip
    lab.wait_for_port("server", 2112, udp=True)
    command = ["irtt", "client", "-i", interval, "-d", duration, "-o", "-", lab.server_address]
    said = lab.run("phone", command).stdout
    server.terminate()
    server.wait(timeout=PATIENCE_S)
    stats: dict[str, Any] = json.loads(said[said.index("{") :])["stats"]
    return stats


def test_a_thread_opens_its_sockets_inside_and_comes_back() -> None:
    _skip_unless()
    with netlab.link() as lab:
        with lab.inside("server"), socket.create_server((lab.server_address, 0)) as listening:
            assert listening.getsockname()[0] == lab.server_address
        with pytest.raises(OSError, match="assign"):
            socket.create_server((lab.server_address, 0))


def test_nothing_is_left_behind() -> None:
    _skip_unless()
    with netlab.link() as lab:
        names = [lab.namespace("phone"), lab.namespace("server")]
        process = lab.popen("phone", ["sh", "-c", "sleep 60 & wait"])
    assert process.returncode is not None
    left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    assert not any(name in left.stdout for name in names)


def test_what_a_killed_run_left_behind_is_removed() -> None:
    _skip_unless()
    gone = subprocess.Popen(["true"])
    gone.wait()
    name = f"lensong-{gone.pid}-0-phone"
    subprocess.run(["ip", "netns", "add", name], check=True)
    with netlab.link() as lab:
        left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
        assert name not in left.stdout
        assert lab.namespace("phone") in left.stdout
