"""A throw-away PostgreSQL for tests, on a free port of loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.waiting import PATIENCE_S, wait_until

USER = "lensong"


def binaries() -> Path | None:
    """Return the folder of the server's programs, None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return found[-1].parent
    there = shutil.which("postgres")
    return Path(there).parent if there else None


def missing() -> str | None:
    """Return why no server can be started here, None where one can."""
    if binaries() is None:
        return "no PostgreSQL server on this machine"
    if os.geteuid() == 0 and _owner() is None:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return None


def _owner() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


@dataclass
class Postgres:
    """A server that runs, and can be stopped and started again."""

    folder: Path
    port: int
    fsync: bool = False
    _process: subprocess.Popen[bytes] | None = None
    _made: int = 0
    _environment: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._program("postgres")), "-D", str(self.folder / "data"),
                    "-p", str(self.port), "-k", str(self.folder), "-h", "127.0.0.1",
                    "-c", f"fsync={'on' if self.fsync else 'off'}", "-c", "max_connections=60",
                ],
                stdout=subprocess.DEVNULL,
                stderr=log,
                **self._as_owner(),
            )  # fmt: skip
        process = self._process
        wait_until(
            lambda: self._ask("postgres", "SELECT 1").returncode == 0 or process.poll() is not None,
            "PostgreSQL",
        )
        if process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text("utf-8"))

    def stop(self) -> None:
        """Stop the server at once, connections and all."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(PATIENCE_S)
            self._process = None

    def new_database(self) -> str:
        """Return the address of an empty database."""
        self._made += 1
        name = f"test{self._made}"
        made = self._ask("postgres", f"CREATE DATABASE {name}")
        if made.returncode != 0:
            raise RuntimeError(made.stderr.decode())
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        """Drop a database, whoever still uses it."""
        self._ask("postgres", f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def _ask(self, database: str, statement: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [
                str(self._program("psql")), "-X", "-q", "-h", str(self.folder),
                "-p", str(self.port), "-U", USER, "-d", database, "-c", statement,
            ],
            capture_output=True,
            check=False,
        )  # fmt: skip

    @staticmethod
    def _program(name: str) -> Path:
        folder = binaries()
        assert folder is not None  # missing() was asked before
        own = folder / name
        return own if own.exists() else Path(str(shutil.which(name)))

    @staticmethod
    def _as_owner() -> dict[str, Any]:  # arguments of subprocess
        owner = _owner()
        if os.geteuid() != 0 or owner is None:
            return {}
        return {"user": owner.pw_uid, "group": owner.pw_gid}

    def initialise(self) -> None:
        """Make the files of an empty server."""
        owner = _owner()
        if os.geteuid() == 0 and owner is not None:
            for folder in (self.folder, *self.folder.parents):
                if folder.owner() == "root" and folder.stat().st_mode & 0o001 == 0:
                    folder.chmod(folder.stat().st_mode | 0o011)  # so that its user may pass
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [
                str(self._program("initdb")), "-D", str(self.folder / "data"), "-U", USER,
                "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._as_owner(),
        )  # fmt: skip


@contextmanager
def postgres_server(folder: Path, *, fsync: bool = False) -> Iterator[Postgres]:
    """Yield a server whose files lie in a folder; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Postgres(folder, free_port(), fsync)
    server.initialise()
    server.start()
    try:
        yield server
    finally:
        server.stop()
