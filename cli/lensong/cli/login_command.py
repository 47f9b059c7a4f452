"""``lensong login`` and ``lensong logout``: sign in once, and not with every command."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import click

from lensong.cli import sign_ins
from lensong.cli.errors import explains_errors
from lensong.cli.service_access import Remote, ServerRefusedError, Target
from lensong.propagation.errors import ConfigError

__all__ = ["login", "logout"]

_SERVER = click.option("--server", metavar="URL", required=True, help="Address of the service.")


@click.command("login", short_help="Sign in to a service once for all commands.")
@_SERVER
@click.option("--person", metavar="NAME", required=True, help="Who signs in.")
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the password in its first line; else the variable LENSONG_PASSWORD, else asked "
    "for.",
)
@click.option("--label", help="How the page tells this machine.  [default: its name]")
@click.option(
    "--days", type=click.IntRange(1, 366), default=90, show_default=True, help="How long it holds."
)
@explains_errors
def login(
    server: str, person: str, password_file: Path | None, label: str | None, days: int
) -> None:
    """Sign in to the service at URL, and keep a token of it for the commands that follow.

    The token stands in a file that you alone can read; the page "My account" lists it and ends it.
    Commands with --server show it where neither --person nor --token is given.
    """
    from lensong.monitoring.probe.client import server_address

    address = server_address(server)
    old = sign_ins.kept(address)  # a file that cannot be used is told before anything is made
    wanted = {"label": label or socket.gethostname() or "lensong", "days": days}

    async def work(remote: Remote) -> dict[str, Any]:
        made = await remote.ask("POST", "/api/v1/my-tokens", json=wanted)
        if old is not None and old.person == person:  # in place of which the new one stands
            listed = await remote.client.get("/api/v1/my-tokens")
            if old.token_id in {item["token_id"] for item in listed.json()}:
                await remote.ask("DELETE", f"/api/v1/my-tokens/{old.token_id}")
        return made

    target = Target(server=address, person=person, password_file=password_file, asks=True)
    made = target.run(work, writes=True)
    sign_ins.keep(
        address,
        sign_ins.SignIn(
            person=person,
            token_id=made["token_id"],
            token=made["secret"],
            expires_at=made["expires_at"],
        ),
    )
    click.echo(f"{person} is signed in at {address} until {made['expires_at'][:10]}")


@click.command("logout", short_help="End the sign-in at a service.")
@_SERVER
@explains_errors
def logout(server: str) -> None:
    """Revoke the token that `lensong login` made at URL, and forget it."""
    from lensong.monitoring.probe.client import server_address

    address = server_address(server)
    there = sign_ins.kept(address)
    if there is None:
        raise ConfigError(f"nobody is signed in at {address}: there is nothing to end")

    async def work(remote: Remote) -> None:
        await remote.ask("DELETE", f"/api/v1/my-tokens/{there.token_id}")

    try:
        Target(server=address, token=there.token).run(work, writes=True)
    except ServerRefusedError as error:
        if error.code not in ("not_signed_in", "not_found"):  # it works no more already
            raise
    sign_ins.forget(address)
    click.echo(f"{there.person} is signed out at {address}")
