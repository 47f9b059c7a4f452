"""`lensong planner` in a process of its own, as an engineer starts and ends it."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.test_cli.served import COMMAND
from tests.test_planner.small_valley import write_small_valley
from tests.waiting import PATIENCE_S


@contextmanager
def started(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    scenario = write_small_valley(folder / "valley")
    process = subprocess.Popen(
        [*COMMAND, "planner", str(scenario), "--no-open", "--cache", str(folder / "c"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def test_ctrl_c_ends_it_with_zero_beside_a_page_that_follows(tmp_path: Path) -> None:
    with started(tmp_path, "--port", "0") as process:
        assert process.stdout is not None
        address = process.stdout.readline().split("/planner")[0]
        heard: list[str] = []
        following = threading.Event()

        def follow() -> None:
            with httpx.stream(
                "GET", f"{address}/api/v1/plans/valley/events", timeout=PATIENCE_S
            ) as stream:
                for line in stream.iter_lines():
                    heard.append(line)
                    following.set()
            heard.append("END")

        page = threading.Thread(target=follow)
        page.start()
        assert following.wait(PATIENCE_S)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE_S)
        page.join(PATIENCE_S)
    assert process.returncode == 0
    assert heard[-1] == "END"  # to its end, not torn
    for word in ("Traceback", "Cancel", "interrupted", "nothing was written"):
        assert word not in told


def test_a_port_that_is_taken_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with started(tmp_path, "--port", str(port)) as process:
            _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in told
    assert "choose another --port, or 0 for one that is free" in told
