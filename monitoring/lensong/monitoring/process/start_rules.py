"""What must hold before the service listens."""

from __future__ import annotations

import ssl

from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.store.engine import database_url
from lensong.propagation.errors import ConfigError

__all__ = ["check_settings"]


def check_settings(config: ServiceConfig) -> None:
    """Refuse settings under which passwords and tokens would travel in the open.

    Raises
    ------
    ConfigError
        Others can reach the address, and there is neither TLS nor a proxy in front; or certificate
        and key do not fit; or nobody could stand by.
    """
    if (config.tls_certificate is None) != (config.tls_key is None):
        raise ConfigError("TLS needs both: give --tls-certificate and --tls-key, or neither")
    if config.tls_certificate is not None and config.tls_key is not None:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            # an empty password, lest it be asked for on a terminal that nobody watches
            context.load_cert_chain(config.tls_certificate, config.tls_key, password="")
        except OSError as error:  # an SSLError is one
            reason = error.strerror or str(error)
            raise ConfigError(
                f"{config.tls_certificate} and {config.tls_key} make no TLS ({reason}): "
                "wanted a certificate chain and its key, both PEM, readable, the key unencrypted"
            ) from error
    elif not config.is_loopback and not config.behind_proxy:
        raise ConfigError(
            f"--host {config.host} can be reached by others, and without TLS they could read "
            "passwords and tokens: give --tls-certificate and --tls-key, or --behind-proxy where a "
            "proxy with TLS stands in front, or listen on 127.0.0.1"
        )
    if config.standby:
        _check_standby(config)


def _check_standby(config: ServiceConfig) -> None:
    if config.demo:
        raise ConfigError("--demo has a database of its own that nobody takes over: omit --standby")
    if database_url(config.db).get_backend_name() == "sqlite":
        raise ConfigError(
            f"--standby needs a database that two machines can reach, and --db is {config.db}: "
            "give one of PostgreSQL (postgresql://user@host/name), or omit --standby"
        )
    if config.port == 0:
        raise ConfigError("--standby with --port 0 leaves the proxy no address to ask: name one")
