"""Whether a server can listen where it was asked to."""

from __future__ import annotations

import socket

from lensong.propagation.errors import ConfigError

__all__ = ["check_port"]


def check_port(host: str, port: int, advice: str) -> None:
    """Refuse an address that cannot be listened on, before anything is begun.

    Raises
    ------
    ConfigError
        It is taken, or not of this machine; ``advice`` says what to give instead.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}: {advice}, or end what listens there"
        ) from error
