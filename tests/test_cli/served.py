"""`lensong serve` in a process of its own, as an administrator starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.waiting import PATIENCE_S, wait_until

COMMAND = [sys.executable, "-P", "-c", "from lensong.cli.main import main; main()"]


def run(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=_environment(env),
        timeout=PATIENCE_S,
        check=False,
    )


def _environment(more: dict[str, str]) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("LENSONG_")}
    return kept | {"LC_ALL": "en_US.UTF-8"} | more


@dataclass
class Served:
    """A service that runs."""

    process: subprocess.Popen[str]
    db: str
    url: str = ""
    log: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.log)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE_S)

    def link(self) -> str:
        """Return the secret of the first administrator's link."""
        # the two streams are read one beside the other
        found = wait_until(lambda: re.search(r"/welcome/([\w-]{43}) ", self.text), "a link")
        assert found is not None
        return found[1]

    def welcome(self, password: str) -> httpx.Client:
        """Use the link and return the administrator's client."""
        client = self.client()
        me = client.post("/api/v1/welcome", json={"secret": self.link(), "password": password})
        assert me.status_code == 200, me.text
        client.headers["X-CSRF-Token"] = me.json()["csrf"]
        return client

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def serving(folder: Path, *options: str, db: str | None = None, **env: str) -> Iterator[Served]:
    """Yield a service that listens on a free port of loopback; it ends with the block."""
    db = db or f"sqlite:///{folder}/lensong.db"
    where = [] if "--demo" in options else ["--db", db]
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *where, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=_environment(env),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    served = Served(process, db)
    reader = threading.Thread(target=served.log.extend, args=(process.stderr,), daemon=True)
    reader.start()
    watch = threading.Timer(PATIENCE_S, process.kill)
    watch.start()
    try:
        line = process.stdout.readline()
        watch.cancel()
        found = re.search(r"https?://\S+", line)
        if found is None:
            process.wait(PATIENCE_S)
            reader.join(PATIENCE_S)
            raise RuntimeError(f"it did not start: {line}{served.text}")
        served.url = found[0]
        yield served
    finally:
        watch.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(PATIENCE_S)
        process.stdout.close()
        process.stderr.close()
