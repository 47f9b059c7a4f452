"""A link between a phone and a server on this machine: two network namespaces, shaped.

    with netlab.link() as lab:
        lab.set_rate(up_mbit=3.0, down_mbit=8.0)
        server = lab.popen("server", ["iperf3", "-s", "-1", "-B", lab.server_address])
        lab.run("phone", ["iperf3", "-c", lab.server_address, "-t", "5"])

The rate is set by ``tbf`` where packets leave each side. The kernels of test machines often have
no ``netem``: delay, jitter and loss come from a relay in user space (``link(relay=True)``, see
`tests.tun_relay`); ``set_loss`` drops by iptables without it.
TCP uses cubic inside, as phones do.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal

from tests.tun_relay import DEVICE, NAMESPACES, Link, enter_namespace
from tests.waiting import wait_until

__all__ = ["Link", "NetLab", "Side", "available", "link"]

Side = Literal["phone", "server"]
_SIDES: tuple[Side, Side] = ("phone", "server")
_PREFIX = "lensong"
_counter = itertools.count()


class NetLab:
    """A phone and a server and the link between them; made by `link`."""

    def __init__(self, *, relay: bool, seed: int) -> None:
        _remove_forsaken()
        number = next(_counter)
        self._names: dict[Side, str] = {
            side: f"{_PREFIX}-{os.getpid()}-{number}-{side}" for side in _SIDES
        }
        self._subnet = f"10.77.{number % 250}.0/24"
        self.phone_address, self.server_address = (
            self._subnet.replace(".0/24", f".{last}") for last in (1, 2)
        )
        self._addresses: dict[Side, str] = {
            "phone": self.phone_address,
            "server": self.server_address,
        }
        self._device = DEVICE if relay else "veth0"
        self._relay: subprocess.Popen[bytes] | None = None
        self._processes: list[subprocess.Popen[Any]] = []
        self._losing: list[tuple[Side, list[str]]] = []
        try:
            self._build(relay, seed)
        except BaseException:
            self.close()
            raise

    def namespace(self, side: Side) -> str:
        """Return the name of a side's namespace, as ``ip netns`` knows it."""
        return self._names[side]

    def popen(self, side: Side, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a program on a side; it is ended with the link."""
        whole = ["ip", "netns", "exec", self._names[side], *command]
        process = subprocess.Popen(whole, start_new_session=True, **options)
        self._processes.append(process)
        return process

    def run(
        self, side: Side, command: Sequence[str], *, timeout_s: float = 60.0, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on a side to its end and return what it said."""
        whole = ["ip", "netns", "exec", self._names[side], *command]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=timeout_s, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(
                f"{' '.join(command)} on the {side} ended with {done.returncode}: "
                f"{(done.stderr or done.stdout)[-2000:]}"
            )
        return done

    @contextmanager
    def inside(self, side: Side) -> Iterator[None]:
        """Let the calling thread, and threads it starts, open its sockets on a side."""
        with Path("/proc/thread-self/ns/net").open("rb") as outside:
            enter_namespace(NAMESPACES / self._names[side])
            try:
                yield
            finally:
                enter_namespace(Path(f"/proc/self/fd/{outside.fileno()}"))

    def set_rate(self, *, up_mbit: float | None = None, down_mbit: float | None = None) -> None:
        """Set the rate of a direction, also while traffic flows; None leaves it as it is."""
        wanted: dict[Side, float | None] = {"phone": up_mbit, "server": down_mbit}
        for side, mbit in wanted.items():
            if mbit is not None:
                self._tc(side, "replace", "tbf", "rate", f"{round(mbit * 1e6)}bit",
                         "burst", "16kb", "latency", "300ms")  # fmt: skip

    def clear_rate(self) -> None:
        """Take both rates away."""
        for side in _SIDES:
            self.run(side, ["tc", "qdisc", "del", "dev", self._device, "root"], check=False)

    def set_relay(self, *, up: Link | None = None, down: Link | None = None) -> None:
        """Set delay, jitter, loss and rate of the relay; None means none of them."""
        if self._relay is None:
            raise RuntimeError("this link has no relay: make it by link(relay=True)")
        assert self._relay.stdin is not None
        assert self._relay.stdout is not None
        wanted = {"up": (up or Link()).to_dict(), "down": (down or Link()).to_dict()}
        self._relay.stdin.write(json.dumps(wanted).encode() + b"\n")
        self._relay.stdin.flush()
        _expect(self._relay.stdout, b"set")

    def set_loss(self, *, up_ratio: float = 0.0, down_ratio: float = 0.0) -> None:
        """Drop a share of the packets that arrive, by iptables."""
        for side, rule in self._losing:
            self.run(side, ["iptables", "-D", *rule])
        self._losing.clear()
        for side, ratio in (("server", up_ratio), ("phone", down_ratio)):
            if ratio > 0.0:
                rule = ["INPUT", "-i", self._device, "-m", "statistic", "--mode", "random",
                        "--probability", f"{ratio:.6f}", "-j", "DROP"]  # fmt: skip
                self.run(side, ["iptables", "-A", *rule])
                self._losing.append((side, rule))

    def wait_for_port(self, side: Side, port: int, *, udp: bool = False) -> None:
        """Return once something listens on a port of a side."""
        # the state that the kernel calls listening, and for UDP unconnected
        table, state = ("udp", "07") if udp else ("tcp", "0A")

        def listens() -> bool:
            for version in ("", "6"):
                sockets = self.run(side, ["cat", f"/proc/net/{table}{version}"]).stdout
                for fields in (line.split() for line in sockets.splitlines()[1:]):
                    if fields[1].endswith(f":{port:04X}") and fields[3] == state:
                        return True
            return False

        wait_until(listens, f"what listens on port {port} of the {side}")

    def close(self) -> None:
        """End what was started and remove both namespaces."""
        for process in reversed(self._processes):
            _end(process)
        if self._relay is not None:
            assert self._relay.stdin is not None
            with suppress(BrokenPipeError):
                self._relay.stdin.close()
            _end(self._relay)
            if self._relay.stdout is not None:
                self._relay.stdout.close()
        for name in self._names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def _build(self, relay: bool, seed: int) -> None:
        for side in _SIDES:
            _ip("netns", "add", self._names[side])
        phone, server = (self._names[side] for side in _SIDES)
        if relay:
            command = [sys.executable, "-m", "tests.tun_relay", phone, server, str(seed)]
            self._relay = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(__file__).resolve().parents[1],
                start_new_session=True,
            )
            assert self._relay.stdout is not None
            _expect(self._relay.stdout, b"ready")
        else:
            _ip("link", "add", "veth0", "netns", phone, "type", "veth",
                "peer", "name", "veth0", "netns", server)  # fmt: skip
        for side in _SIDES:
            name = self._names[side]
            _ip("-n", name, "addr", "add", f"{self._addresses[side]}/32", "dev", self._device)
            _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", name, "link", "set", self._device, "up")
            # by the route: a kernel whose default is not cubic refuses it as a namespace's default
            _ip("-n", name, "route", "add", self._subnet, "dev", self._device,
                "src", self._addresses[side], "congctl", "cubic")  # fmt: skip

    def _tc(self, side: Side, *words: str) -> None:
        self.run(side, ["tc", "qdisc", words[0], "dev", self._device, "root", *words[1:]])


@contextmanager
def link(*, relay: bool = False, seed: int = 1) -> Iterator[NetLab]:
    """Yield a link between a phone and a server, removed afterwards with all that ran on it.

    Parameters
    ----------
    relay : bool
        Carry packets through user space, so that ``set_relay`` can delay and lose them.
    seed : int
        Of the relay's random losses and jitter.
    """
    lab = NetLab(relay=relay, seed=seed)
    try:
        yield lab
    finally:
        lab.close()


@functools.cache
def available(*programs: str, relay: bool = False) -> str | None:
    """Return why no link can be made here, or None when it can.

    Parameters
    ----------
    programs : str
        Names of programs that the test needs beside ``ip`` and ``tc``.
    relay : bool
        Whether the relay is needed.
    """
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in ("ip", "tc", *programs) if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if relay and not Path("/dev/net/tun").exists():
        return "no /dev/net/tun for the relay"
    try:
        with link(relay=relay) as lab:
            lab.set_rate(up_mbit=1.0)
    except (RuntimeError, OSError) as error:
        return f"no shaped network namespace can be made here: {error}"
    return None


def _remove_forsaken() -> None:
    """Remove the namespaces of test runs that were killed: their process is gone, and all in it."""
    for path in NAMESPACES.glob(f"{_PREFIX}-*-*-*"):
        owner = path.name.split("-")[1]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            left = subprocess.run(
                ["ip", "netns", "pids", path.name], capture_output=True, text=True, check=False
            )
            if not left.stdout.strip():
                subprocess.run(["ip", "netns", "del", path.name], capture_output=True, check=False)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def _expect(stream: IO[bytes], word: bytes) -> None:
    if (line := stream.readline().strip()) != word:
        raise RuntimeError(f"the relay said {line!r}, wanted {word!r}")


def _end(process: subprocess.Popen[Any]) -> None:
    """End a process and the children of its session: all of them were started here."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5.0)
                # whoever of its group outlived it
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()
