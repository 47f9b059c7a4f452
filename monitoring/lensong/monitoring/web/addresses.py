"""The address under which others reach the service."""

from __future__ import annotations

import ipaddress
import socket

from fastapi import Request

from lensong.monitoring.errors import NotAllowedError
from lensong.monitoring.service import Service

__all__ = ["link_url", "public_url"]


def public_url(service: Service, request: Request) -> str:
    """Return the address to show to who asks, without a slash at its end."""
    if service.config.public_url:
        return service.config.public_url.rstrip("/")
    return str(request.base_url).rstrip("/")


def link_url(service: Service, request: Request) -> str:
    """Return the address to put into links that hold a secret and go to others.

    Without ``public_url`` it is what the Host header says, which whoever asks may choose: a host
    that is not known to be this machine is refused.

    Raises
    ------
    NotAllowedError
        Nobody said that the service is reached under that name.
    """
    if not service.config.public_url and not _is_ours(service, request):
        raise NotAllowedError(
            f"the service does not know that it is reached as "
            f"{request.headers.get('host', '')[:80]!r}: set public_url (--public-url)",
            "unknown_host",
        )
    return public_url(service, request)


def _is_ours(service: Service, request: Request) -> bool:
    host = (request.url.hostname or "").lower()
    here = request.scope.get("server")
    name = socket.gethostname().lower()
    known = {"localhost", service.config.host.lower(), name, name.partition(".")[0]}
    known |= {f"{name.partition('.')[0]}.local"} | ({str(here[0]).lower()} if here else set())
    try:
        return host in known or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
