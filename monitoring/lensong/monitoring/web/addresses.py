"""The address under which others reach the service."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from fastapi import Request
from starlette.types import Scope

from lensong.monitoring.errors import NotAllowedError
from lensong.monitoring.service import Service

__all__ = ["lan_address", "link_url", "path_within", "public_url", "reaches_nobody"]


def public_url(service: Service, request: Request) -> str:
    """Return the address to show to who asks, without a slash at its end."""
    if service.config.public_url:
        return service.config.public_url
    return str(request.base_url).rstrip("/")


def path_within(scope: Scope) -> str:
    """Return the path that is asked for, without the one under which the service is served.

    Examples
    --------
    >>> path_within({"path": "/live/sites", "root_path": "/live"}), path_within({"path": "/sites"})
    ('/sites', '/sites')
    """
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


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


def reaches_nobody(url: str) -> bool:
    """Return whether an address leads no other machine here.

    Examples
    --------
    >>> [reaches_nobody(f"http://{host}:8790") for host in ("127.0.0.1", "[::1]", "live.example")]
    [True, True, False]
    """
    host = (urlsplit(url).hostname or "").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def lan_address() -> str:
    """Return this machine's address on its network; loopback's where it has none.

    Nothing is sent: the kernel says from where it would send.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))  # RFC 5737: an address of nobody
            return str(way.getsockname()[0])
        except OSError:
            return "127.0.0.1"


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
