"""How commands reach the service: over HTTP while it runs, or its database while it does not."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lensong.propagation.errors import ConfigError, LensongError

if TYPE_CHECKING:
    import httpx

    from lensong.monitoring.access import Principal
    from lensong.monitoring.config import ServiceConfig
    from lensong.monitoring.service import Service

__all__ = [
    "Place",
    "Remote",
    "ServerRefusedError",
    "administrator",
    "config_options",
    "opened",
    "place_options",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])
_TIMEOUT_S = 60.0


class ServerRefusedError(LensongError):
    """The service answered with a problem document.

    Parameters
    ----------
    message : str
        What it said.
    rows : tuple of str
        What is wrong with single rows, where it told.
    """

    def __init__(self, message: str, rows: tuple[str, ...] = ()) -> None:
        self.rows = rows
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


def place_options(command: _Command) -> _Command:
    """Add the options by which a command reaches the service or its database."""
    for option in (
        click.option(
            "--password-file",
            type=click.Path(dir_okay=False, path_type=Path),
            help="File with the password in its first line; else the variable LENSONG_PASSWORD.",
        ),
        click.option("--person", metavar="NAME", help="With --server: who signs in."),
        click.option("--server", metavar="URL", help="Address of the service that runs."),
    ):
        command = option(command)
    return config_options(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a command works, out of its options."""

    server: str | None
    person: str | None = None
    password_file: Path | None = None
    token: str | None = None
    db: str | None = None
    config_file: Path | None = None

    def __post_init__(self) -> None:
        if self.server is not None and self.db is not None:
            raise ConfigError("--server and --db are both given: choose one")
        if self.server is None and (self.person or self.password_file or self.token):
            raise ConfigError("a person or token is given without --server: add --server")

    def config(self) -> ServiceConfig:
        """Return the settings of the service, its database among them."""
        from lensong.monitoring.config import load_config

        return load_config(self.config_file, db=self.db)

    @contextmanager
    def remote(self, language: str = "en") -> Iterator[Remote]:
        """Yield the service over HTTP, signed in where a person is named."""
        import httpx

        from lensong.monitoring.probe.client import server_address

        assert self.server is not None  # asked before
        headers = {"Accept-Language": language}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        address = server_address(self.server)
        with httpx.Client(base_url=address, headers=headers, timeout=_TIMEOUT_S) as client:
            remote = Remote(address=address, client=client)
            if self.person is None:
                yield remote
                return
            me = remote.ask(
                "POST",
                "/api/v1/sign-in",
                json={"person_id": self.person, "password": self._password()},
            )
            client.headers["X-CSRF-Token"] = str(me["csrf"])
            try:
                yield remote
            finally:
                remote.ask("POST", "/api/v1/sign-out")

    def _password(self) -> str:
        if self.password_file is not None:
            lines = self.password_file.read_text("utf-8").splitlines()
            return lines[0] if lines else ""
        password = os.environ.get("LENSONG_PASSWORD")
        if password is None:
            raise ConfigError(
                f"no password of {self.person}: give --password-file or the variable "
                "LENSONG_PASSWORD"
            )
        return password


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A service that runs."""

    address: str
    client: httpx.Client = field(repr=False)

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Return the document of an answer, an empty one where there is none.

        Raises
        ------
        ServerRefusedError
            The service cannot be reached, or it said no.
        """
        import httpx

        try:
            answer = self.client.request(method, path, **request)
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
        rows = tuple(
            f"row {item['pointer'].lstrip('/').replace('/', ', ')}: {item['detail']}"
            for item in document.get("errors", ())
        )
        raise ServerRefusedError(
            f"{self.address} refused ({answer.status_code} {document.get('code')}): "
            f"{document.get('detail') or document.get('title')}",
            rows,
        )


@asynccontextmanager
async def opened(config: ServiceConfig, *, writes: bool) -> AsyncIterator[Service]:
    """Yield the service on its database, without anything that it does by itself.

    Parameters
    ----------
    writes : bool
        Keeps other processes off; else a service that runs may use the database besides.

    Raises
    ------
    ConfigError
        There is no such database, it has another version, or a service uses it.
    """
    from lensong.monitoring.service import Service
    from lensong.monitoring.store.lock import only_connection, only_process
    from lensong.monitoring.store.migrate import head_revision, revision
    from lensong.monitoring.store.upkeep import require_file

    async with AsyncExitStack() as held:
        if writes:
            held.enter_context(only_process(config.db))
        service = Service(config)
        held.push_async_callback(service.stop)
        require_file(service.database)
        if writes:
            await held.enter_async_context(only_connection(service.database))
        has = await revision(service.database)
        if has != head_revision():
            raise ConfigError(
                f"the database has version {has or 'none'}, this program wants {head_revision()}: "
                "`lensong db migrate`"
            )
        await service.open()
        yield service
        # what came in is judged here: nobody else does it before the service starts
        for site_id, hours in service.ingest.take_dirty().items():
            await service.judge.evidence_arrived(site_id, hours)


def administrator() -> Principal:
    """Return who works on a database directly: whoever may open its file may do everything."""
    import getpass

    from lensong.monitoring.access import Principal, Role

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # an identifier of a user without a name, as in containers
        name = str(os.getuid())
    return Principal(actor=f"cli:{name}"[:64], name=name, role=Role.ADMIN)
