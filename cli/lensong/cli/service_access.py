"""How commands reach the service: over HTTP while it runs, in this process while it does not."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lensong.propagation.errors import ConfigError, LensongError

if TYPE_CHECKING:
    import httpx

    from lensong.monitoring.config import ServiceConfig

__all__ = ["Remote", "ServerRefusedError", "Target", "config_options", "target_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Answer = TypeVar("_Answer")
_TIMEOUT_S = 60.0


class ServerRefusedError(LensongError):
    """The service said no, or could not be reached.

    Parameters
    ----------
    message : str
        What it said.
    rows : tuple of str
        What is wrong with single rows, where it told.
    code : str
        The service's word for it, empty where it could not be reached.
    """

    def __init__(self, message: str, rows: tuple[str, ...] = (), code: str = "") -> None:
        self.rows, self.code = rows, code
        super().__init__(message)


def config_options(command: _Command) -> _Command:
    """Add the options that name the service's database and settings."""
    for option in (
        click.option(
            "--config",
            "config_file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="TOML file with the settings of the service.",
        ),
        click.option("--db", metavar="URL", help="Database: sqlite:///path or postgresql://…"),
    ):
        command = option(command)
    return command


def target_options(command: _Command) -> _Command:
    """Add the options by which a command reaches the service or its database."""
    for option in (
        click.option(
            "--password-file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="File with the password in its first line; else the variable LENSONG_PASSWORD.",
        ),
        click.option(
            "--person",
            metavar="NAME",
            help="With --server: who signs in, if not by `lensong login`.",
        ),
        click.option("--server", metavar="URL", help="Address of the service that runs."),
    ):
        command = option(command)
    return config_options(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The service that a command works on, out of its options."""

    server: str | None
    person: str | None = None
    password_file: Path | None = None
    token: str | None = None
    db: str | None = None
    config_file: Path | None = None
    asks: bool = False
    """Whether a password that is not given is asked for."""

    def __post_init__(self) -> None:
        if self.server is not None and self.db is not None:
            raise ConfigError("--server and --db are both given: choose one")
        if self.server is None and (self.person or self.password_file or self.token):
            raise ConfigError("a person or token is given without --server: add --server")

    def config(self) -> ServiceConfig:
        """Return the settings of the service, its database among them."""
        from lensong.monitoring.config import load_config

        return load_config(self.config_file, db=self.db)

    def run(
        self,
        work: Callable[[Remote], Awaitable[_Answer]],
        *,
        writes: bool,
        language: str = "en",
    ) -> _Answer:
        """Return what some work on the service comes to.

        Parameters
        ----------
        work : callable
            Takes the service, and asks it.
        writes : bool
            It changes something: without a server, no other process may use the database
            meanwhile.
        language : str
            Of the answers.

        Raises
        ------
        ServerRefusedError
            The service said no, or cannot be reached.
        ConfigError
            There is no such database, it has another version, or a service uses it.
        """

        async def working() -> _Answer:
            reach = self._in_process(writes) if self.server is None else self._served(self.server)
            async with reach as remote:
                remote.client.headers["Accept-Language"] = language
                return await work(remote)

        return asyncio.run(working())

    @asynccontextmanager
    async def _in_process(self, writes: bool) -> AsyncIterator[Remote]:
        """Yield the application in this process, on the database."""
        from lensong.monitoring.process.in_process import in_process

        async with in_process(self.config(), writes=writes) as client:
            yield Remote(address=None, client=client)

    @asynccontextmanager
    async def _served(self, server: str) -> AsyncIterator[Remote]:
        """Yield the service that runs, signed in where a person is named."""
        import httpx

        from lensong.cli import sign_ins
        from lensong.monitoring.probe.client import server_address

        address, token = server_address(server), self.token
        if token is None and self.person is None and (there := sign_ins.kept(address)):
            token = there.token
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=address, headers=headers, timeout=_TIMEOUT_S
        ) as client:
            remote = Remote(address=address, client=client)
            if self.person is None:
                yield remote
                return
            me = await remote.ask(
                "POST",
                "/api/v1/sign-in",
                json={"person_id": self.person, "password": self._password()},
            )
            client.headers["X-CSRF-Token"] = str(me["csrf"])
            # its path is that of public_url, which need not be the way that was taken here
            client.headers["Cookie"] = "; ".join(
                f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar
            )
            client.cookies.clear()
            try:
                yield remote
            finally:
                await remote.ask("POST", "/api/v1/sign-out")

    def _password(self) -> str:
        if self.password_file is not None:
            lines = self.password_file.read_text("utf-8").splitlines()
            return lines[0] if lines else ""
        password = os.environ.get("LENSONG_PASSWORD")
        if password is None and self.asks and sys.stdin.isatty():
            return str(click.prompt(f"Password of {self.person}", hide_input=True, err=True))
        if password is None:
            raise ConfigError(
                f"no password of {self.person}: give --password-file or the variable "
                "LENSONG_PASSWORD"
            )
        return password


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """The service, as a command speaks to it.

    Parameters
    ----------
    address : str or None
        None where it is in this process.
    client : AsyncClient
    """

    address: str | None
    client: httpx.AsyncClient = field(repr=False)

    async def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Return the document of an answer, an empty one where there is none.

        Raises
        ------
        ServerRefusedError
            The service cannot be reached, or it said no.
        """
        import httpx

        try:
            answer = await self.client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise ServerRefusedError(
                f"{self.address} cannot be reached ({error}): check --server, and that it runs"
            ) from error
        try:
            document: Any = answer.json()
        except ValueError:  # a 204, or somebody else's page
            document = None
        if answer.is_success:
            return document if isinstance(document, dict) else {}
        if not isinstance(document, dict):
            raise ServerRefusedError(
                f"{self.address} answered {answer.status_code} to {method} {path}: is that a "
                "lensong service?"
            )
        said = str(document.get("detail") or document.get("title"))
        code = str(document.get("code"))
        if self.address is not None:
            said = f"{self.address} refused ({answer.status_code} {code}): {said}"
            if answer.status_code == 401 and path != "/api/v1/sign-in":
                said += f" (for commands: `lensong login --server {self.address} --person NAME`)"
        raise ServerRefusedError(said, tuple(map(_row, document.get("errors", ()))), code)


def _row(item: dict[str, str]) -> str:
    """Return what is wrong with a row, out of a problem document."""
    parts = item["pointer"].removeprefix("/").split("/")
    where = ", ".join(part.replace("~1", "/").replace("~0", "~") for part in parts)
    return f"row {where}: {item['detail']}"
