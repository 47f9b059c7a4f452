"""``lensong serve``: the monitoring service."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lensong.cli.errors import explains_errors
from lensong.cli.options import cache_folder
from lensong.cli.ports import check_port
from lensong.cli.service_access import config_options
from lensong.cli.signals import at_signals

if TYPE_CHECKING:
    from lensong.monitoring.config import ServiceConfig
    from lensong.monitoring.process.log import LogFormat

__all__ = ["serve"]


@click.command(short_help="Run the monitoring service.")
@config_options
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="Port to listen on; 0 takes a free one.  [default: 8790]",
)
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="A proxy with TLS stands in front: others may reach the port, and its headers tell who.",
)
@click.option(
    "--tls-certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Certificate chain (PEM), to serve HTTPS without a proxy.",
)
@click.option("--tls-key", type=click.Path(dir_okay=False, path_type=Path), help="Its key (PEM).")
@click.option("--public-url", metavar="URL", help="Address for links and QR codes.")
@click.option(
    "--standby",
    is_flag=True,
    help="Where another process serves the database, wait and take over (PostgreSQL).",
)
@click.option(
    "--scenario",
    type=click.Path(path_type=Path),
    help="Show and edit this scenario of a coverage plan, or the result of one, on a map, as the "
    "planner does.",
)
@click.option("--demo", is_flag=True, help="Show a synthetic province in a throw-away database.")
@click.option(
    "--log",
    "log_format",
    type=click.Choice(["plain", "json"]),
    default="plain",
    show_default=True,
    help="Form of the log on standard error.",
)
@click.option("--log-requests", is_flag=True, help="A line in the log for each request.")
@explains_errors
def serve(
    config_file: Path | None,
    db: str | None,
    host: str | None,
    port: int | None,
    behind_proxy: bool,
    tls_certificate: Path | None,
    tls_key: Path | None,
    public_url: str | None,
    standby: bool,
    scenario: Path | None,
    demo: bool,
    log_format: LogFormat,
    log_requests: bool,
) -> None:
    """Run the service until SIGTERM or Ctrl-C; then requests that run come to their end.

    Prints its address on standard output. As long as no administrator has a password, a link by
    which the first one chooses it is printed on standard error; it works once, for a day.

    Settings come from --config, then from variables LENSONG_…, then from these options.
    """
    with _own_process(), ExitStack() as kept:
        from lensong.monitoring.config import load_config
        from lensong.monitoring.process.log import logging_lines

        if demo and db is not None:
            from lensong.propagation.errors import ConfigError

            raise ConfigError("--demo makes a database of its own: leave out --db, or --demo")
        config = load_config(
            config_file,
            db=db,
            host=host,
            port=port,
            behind_proxy=behind_proxy or None,
            tls_certificate=tls_certificate,
            tls_key=tls_key,
            public_url=public_url,
            standby=standby or None,
            demo=demo or None,
            scenario=scenario,
        )
        if config.scenario is not None:
            folder_of_sweeps = cache_folder(config.plan_cache)
            config = config.model_copy(update={"plan_cache": folder_of_sweeps})
        kept.enter_context(logging_lines(log_format, requests=log_requests))
        if config.demo:
            import tempfile

            folder = kept.enter_context(tempfile.TemporaryDirectory(prefix="lensong-demo-"))
            config = config.model_copy(update={"db": f"sqlite:///{folder}/demo.db"})
        _serve(config)


@contextmanager
def _own_process() -> Iterator[None]:
    """End at SIGTERM and Ctrl-C, and make files for the owner alone, as long as the block runs."""
    mask = os.umask(0o077)  # the database holds what is nobody else's business
    try:
        # at once: a throw-away database is cleared away too. The server has handlers of its own
        # while it runs, and raises the signal that ended it once more when all is done
        with at_signals(_end, signal.SIGTERM, signal.SIGINT):
            yield
    finally:
        os.umask(mask)


def _serve(config: ServiceConfig) -> None:
    from lensong.monitoring.process.start_rules import check_settings

    check_settings(config)
    check_port(config.host, config.port, "choose another --host or --port")
    if not config.standby:
        _work(config)
        return
    while _stand_by(config):
        click.echo(f"another process took over {_place(config)}; standing by", err=True)


def _stand_by(config: ServiceConfig) -> bool:
    """Wait for the database and serve it; return whether it was lost, False after a signal."""
    from lensong.monitoring.process.server import make_server
    from lensong.monitoring.process.standby import StandingBy
    from lensong.monitoring.service import Service

    def waiting() -> None:
        click.echo(f"standing by on port {config.port}: another process serves {_place(config)}")
        sys.stdout.flush()

    def end() -> None:
        server.should_exit = True  # what was sent is answered first

    service = Service(config)
    app = StandingBy(
        service,
        on_waiting=waiting,
        on_serving=lambda url, link: _tell(config, url, link),
        end=end,
    )
    server = make_server(service, app, app.listens)
    server.run()
    if app.failed is not None:
        raise app.failed
    return app.lost


def _work(config: ServiceConfig) -> None:
    """Serve until a signal.

    Raises
    ------
    DatabaseInUseError
        Another process has the database, or took it while the server of it was away.
    """
    import asyncio

    from lensong.monitoring.errors import DatabaseInUseError
    from lensong.monitoring.process.server import make_server
    from lensong.monitoring.process.starting import hold_while_serving
    from lensong.monitoring.service import Service
    from lensong.monitoring.store.lock import only_process
    from lensong.monitoring.web.app import create_app

    with only_process(config.db):
        # before the server starts, so that what is wrong is told in words
        link = asyncio.run(_prepare(config))
        service = Service(config)
        app = create_app(service)
        server = make_server(service, app, lambda url: _tell(config, url, link))
        lost = False

        def end() -> None:
            nonlocal lost
            lost = server.should_exit = True  # what was sent is answered first

        hold_while_serving(app, service, end)
        server.run()
        if lost:
            raise DatabaseInUseError(f"another process took over {_place(config)}")


def _place(config: ServiceConfig) -> str:
    """Return the database without user and password."""
    from lensong.monitoring.store.engine import database_url

    url = database_url(config.db)
    return f"the database {url.database} on {url.host or 'this machine'}"


async def _prepare(config: ServiceConfig) -> str | None:
    """Bring the database up to date and return the secret of the first administrator's link."""
    from lensong.monitoring.process.starting import first_link
    from lensong.monitoring.service import Service
    from lensong.monitoring.store.lock import only_connection
    from lensong.monitoring.store.upkeep import require_sound

    service = Service(config)
    try:
        async with only_connection(service.database):
            await require_sound(service.database)
            await service.open()
            if config.demo:
                from lensong.monitoring.demo.province import fill

                await fill(service)
            return await first_link(service)
    finally:
        await service.stop()


def _tell(config: ServiceConfig, url: str, link: str | None) -> None:
    what = "a SYNTHETIC province, invented data," if config.demo else "lensong"
    click.echo(f"{what} is served on {url}")
    sys.stdout.flush()
    if link is not None:
        base = (config.public_url or url.replace("://0.0.0.0:", "://127.0.0.1:")).rstrip("/")
        click.echo(
            f"the first administrator chooses a password at {base}/welcome/{link} (works once, "
            "for 24 hours)",
            err=True,
        )


def _end(number: int, frame: object) -> None:  # noqa: ARG001 (signal's signature)
    raise SystemExit(0)
