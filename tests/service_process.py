"""The service in a process of its own, with many sites, so that it can be killed and measured."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from lensong.monitoring.clock import SystemClock
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.records import Commune, Province, Session, Site
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.migrate import migrate
from lensong.monitoring.store.people import (
    Person,
    add_person,
    add_web_session,
    digest,
    new_secret,
)
from lensong.monitoring.store.places import put_commune, put_province, put_site
from lensong.monitoring.store.sessions import put_profile, put_session
from lensong.monitoring.store.tables import tokens
from lensong.monitoring.web.guards import COOKIE
from tests.ports import free_port
from tests.waiting import PATIENCE_S

_COMMUNES = 38
"""As many as Lai Châu has."""

_LENSONG = "from lensong.cli.main import main; main()"


@dataclass(frozen=True)
class Population:
    """Sites that exist, each with the secret of its token; a scraper's, and an administrator's."""

    tokens: dict[str, str]
    scraper: str
    admin_headers: dict[str, str]


async def populate(db: str, sites: int, sessions: tuple[Session, ...] = ()) -> Population:
    """Fill an empty database with sites of a synthetic province, and sessions of theirs."""
    database = Database(db)
    now = SystemClock().now()
    secrets = {f"site-{number:04d}": new_secret() for number in range(sites)}
    scraper = new_secret()
    try:
        await migrate(database)
        async with database.write_engine.begin() as connection:
            await put_province(connection, Province(code="00", name="Synthetic province"))
            for number in range(_COMMUNES):
                await put_commune(
                    connection,
                    Commune(code=f"c{number}", name=f"Commune {number}", province_code="00"),
                )
            for profile in DEFAULT_PROFILES:
                await put_profile(connection, profile)
            for number, site_id in enumerate(secrets):
                site = Site(
                    site_id=site_id,
                    name=f"Site {number}",
                    commune_code=f"c{number % _COMMUNES}",
                    lat_deg=22.0 + number % 100 * 0.005,
                    lon_deg=103.0 + number // 100 * 0.05,
                    operators=("Viettel",),
                    technologies=("4G",),
                    synthetic=True,
                )
                await put_site(connection, site, now=now)
            await connection.execute(
                tokens.insert(),
                [
                    {
                        "token_id": f"t-{number}",
                        "sha256": digest(secret),
                        "role": "scraper" if site_id is None else "site",
                        "site_id": site_id,
                        "label": "load",
                        "created_at": now,
                        "revoked_at": None,
                    }
                    for number, (site_id, secret) in enumerate([(None, scraper), *secrets.items()])
                ],
            )
            for session in sessions:
                await put_session(connection, session, now=now)
            await add_person(
                connection,
                Person(
                    person_id="root",
                    name="Root",
                    role="admin",
                    scope="",
                    password_hash="none that fits",
                    disabled_at=None,
                    created_at=now,
                ),
            )
            web, cookie = await add_web_session(
                connection, "root", now=now, valid_for=timedelta(days=1)
            )
    finally:
        await database.close()
    return Population(secrets, scraper, {"Cookie": f"{COOKIE}={cookie}", "X-CSRF-Token": web.csrf})


@dataclass
class ServiceProcess:
    """A service that runs, or ran, in a process of its own."""

    folder: Path
    db: str
    settings: dict[str, Any] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, *, wait_s: float = PATIENCE_S, ready: int = 200, **spawn: Any) -> None:
        """Start it and wait until it is ready, or answers otherwise whether it is."""
        if not self.port:
            self.port = free_port()
        config = self.folder / "lensong.toml"
        config.write_text(_toml({"db": self.db, "port": self.port, **self.settings}), "utf-8")
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _LENSONG, "serve", "--config", str(config)],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, "PYTHONWARNINGS": "default"},
                **spawn,
            )
        self.wait_for("/-/ready", ready, wait_s)

    def wait_for(self, path: str, status: int, wait_s: float = PATIENCE_S) -> dict[str, Any]:
        """Ask until the answer has that status, and return its problem document if it is one."""
        until = time.monotonic() + wait_s
        seen: object = None
        while time.monotonic() < until:
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(f"the service ended: {self.log()[-3_000:]}")
            try:
                seen, body = self.get(path)
            except OSError as error:
                seen, body = error, {}
            if seen == status:
                return body
            time.sleep(0.02)
        raise TimeoutError(f"{path} said {seen}, wanted {status}: {self.log()[-3_000:]}")

    def get(self, path: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
        """Return status and document of an answer; the document of plain text is empty."""
        request = urllib.request.Request(self.url + path)
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                status, kind, text = answer.status, answer.headers["content-type"], answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, kind, text = error.code, error.headers["content-type"], error.read()
        return status, json.loads(text) if "json" in kind else {}

    def kill(self) -> None:
        """End it without a word, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def terminate(self, wait_s: float = PATIENCE_S) -> int:
        """Ask it to end and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(wait_s)

    def open_connections(self) -> int:
        """Return how many sockets it holds, those on which it listens among them."""
        held = 0
        for descriptor in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                held += os.readlink(descriptor).startswith("socket:")
        return held

    def resident_bytes(self) -> int:
        """Return how much memory it holds."""
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """Return the CPU time that it has used [s]."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log(self) -> str:
        """Return what it wrote."""
        return (self.folder / "service.log").read_text("utf-8", "replace")


def _toml(settings: dict[str, Any]) -> str:
    plain = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for name, part in settings.items():
        if isinstance(part, dict):
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in part.items()]
    return "\n".join(lines) + "\n"


@contextmanager
def service_process(
    folder: Path, db: str, *, start: bool = True, **settings: Any
) -> Iterator[ServiceProcess]:
    """Yield a service in a process of its own; it ends with the block."""
    service = ServiceProcess(folder, db, settings)
    try:
        if start:
            service.start()
        yield service
    finally:
        if service.process is not None and service.process.poll() is None:
            service.process.kill()
            service.process.wait()


def populated(db: str, sites: int, sessions: tuple[Session, ...] = ()) -> Population:
    """Fill an empty database, outside of any event loop; see `populate`."""
    return asyncio.run(populate(db, sites, sessions))
