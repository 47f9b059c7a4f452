"""Which addresses may be asked: a list, and a client that reaches nothing else.

An address to poll is typed in by a person, and a name may stand for another machine at each
question. So the check is in the connection itself: a name is resolved once, every address that it
stands for must be allowed, and the connection is made to exactly such an address. Redirects are
not followed and proxies of the environment are not used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from lensong.monitoring.outbound import DEFAULT_PORTS, Lookup, PinnedTransport, look_up
from lensong.monitoring.streams.sample import CollectorError
from lensong.propagation.errors import ConfigError

__all__ = ["AllowList", "GuardedClient"]

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """What may be asked for figures.

    Parameters
    ----------
    networks : tuple of networks
        Addresses that may be reached, whatever name led there.
    hosts : frozenset of str
        Names, in small letters, that may also lead to addresses of the public internet. What a
        name means is in the hands of whoever runs its zone, so that it never opens the way to
        private addresses: for those their network must be listed.
    folders : tuple of Path
        Under which files of statistics may be read.
    setting : str
        The part of the configuration that a refusal names.
    any_public : bool
        Any name may lead to the public internet, never to private addresses.
    """

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    hosts: frozenset[str] = frozenset()
    folders: tuple[Path, ...] = ()
    setting: str = "collectors"
    any_public: bool = False

    @classmethod
    def of(
        cls,
        networks: Iterable[str] = LOOPBACK,
        hosts: Iterable[str] = (),
        folders: Iterable[str | Path] = (),
        *,
        setting: str = "collectors",
        any_public: bool = False,
    ) -> AllowList:
        """Return the list out of the words of a configuration; loopback alone by default.

        Raises
        ------
        ConfigError
            A network is malformed, or a folder is not given by its whole path.
        """
        try:
            parsed = tuple(ipaddress.ip_network(network) for network in networks)
        except ValueError as error:
            raise ConfigError(
                f"a network in {setting}.allowed_networks is malformed: {error}: wanted e.g. "
                "10.1.0.0/16"
            ) from error
        paths = tuple(Path(folder) for folder in folders)
        for path in paths:
            if not path.is_absolute():
                raise ConfigError(f"the folder {path} of collectors is wanted as a whole path")
        return cls(
            networks=parsed,
            hosts=frozenset(host.lower().rstrip(".") for host in hosts),
            folders=paths,
            setting=setting,
            any_public=any_public,
        )

    def permits(self, host: str, address: str) -> bool:
        """Return whether an address that a name stands for may be reached."""
        ip = _plain(address)
        if any(ip in network for network in self.networks if network.version == ip.version):
            return True
        named = self.any_public or host.lower().rstrip(".") in self.hosts
        return named and ip.is_global and not ip.is_multicast

    async def addresses(self, host: str, port: int, lookup: Lookup) -> list[str]:
        """Return the addresses of a host, all of which may be reached.

        Raises
        ------
        CollectorError
            One of them may not, or the name means nothing.
        """
        try:
            found = await lookup(host, port)
        except (OSError, UnicodeError) as error:
            raise CollectorError("unreachable", "the name of the host is not known") from error
        if not found:
            raise CollectorError("unreachable", "the name of the host has no address")
        for address in found:
            if not self.permits(host, address):
                raise CollectorError(
                    "forbidden_address",
                    "the host stands for an address that may not be asked: an admin lists its "
                    f"network under {self.setting}.allowed_networks, or its name on the public "
                    f"internet under {self.setting}.allowed_hosts",
                )
        return found

    def file(self, path: Path) -> Path:
        """Return a file of statistics by its real path, which lies in a listed folder.

        Raises
        ------
        CollectorError
            It does not, or is no plain file.
        """
        try:
            real = path.resolve(strict=True)
            plain = real.is_file()
        except (OSError, RuntimeError, ValueError) as error:
            raise CollectorError("unreachable", "the file cannot be found") from error
        self.check_folder(real)
        if not plain:
            raise CollectorError("forbidden_file", "that is no plain file")
        return real

    def check_folder(self, path: Path) -> None:
        """Refuse a file, be it there or not, that lies in no listed folder.

        Raises
        ------
        CollectorError
            With the code ``forbidden_file``.
        """
        try:
            real = path.resolve()
            inside = any(real.is_relative_to(folder.resolve()) for folder in self.folders)
        except (OSError, RuntimeError, ValueError):
            inside = False
        if not inside:
            raise CollectorError(
                "forbidden_file", "the file lies outside of collectors.allowed_folders"
            )


class GuardedClient(httpx.AsyncClient):
    """An HTTP client that connects to allowed addresses only, and stands for them elsewhere."""

    def __init__(self, allow: AllowList, *, lookup: Lookup = look_up) -> None:
        self.allow, self._lookup = allow, lookup
        self.asked_widely: dict[str, tuple[datetime, int]] = {}
        """When a server was last asked by several connections at once, and by how many processes
        it answered."""
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=50)
        super().__init__(
            transport=PinnedTransport(self.addresses, limits),
            timeout=httpx.Timeout(5.0),
            follow_redirects=False,
            trust_env=False,
        )

    async def check(self, url: str, *, longest_s: float = 3.0) -> None:
        """Refuse the address of a collector that may not be asked; nothing is sent to it.

        What cannot be told now, because a name has no address or a file is not there yet, passes:
        every question to it is checked again.

        Raises
        ------
        CollectorError
            With the code ``forbidden_address`` or ``forbidden_file``.
        """
        parts = urlsplit(url)
        if parts.scheme == "file":
            self.allow.check_folder(Path(unquote(parts.path)))
            return
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        try:
            async with asyncio.timeout(longest_s):
                await self.addresses(parts.hostname or "", port)
        except TimeoutError:
            return
        except CollectorError as error:
            if error.code != "unreachable":
                raise

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, all of which may be reached.

        Raises
        ------
        CollectorError
            One of them may not, or the name means nothing.
        """
        return await self.allow.addresses(host, port, self._lookup)

    async def connect(self, host: str, port: int) -> socket.socket:
        """Return a socket that is connected to an allowed address of a host.

        Raises
        ------
        CollectorError
            No address of it may be reached, or none answers.
        """
        loop = asyncio.get_running_loop()
        for address in await self.addresses(host, port):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, (address, port))
            except OSError:
                connection.close()
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise CollectorError("unreachable", "nothing listens at the address")


def _plain(address: str) -> IpAddress:
    """Return an address without its zone, and an IPv4 address where IPv6 only wraps one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        return wrapped or ip
    return ip
