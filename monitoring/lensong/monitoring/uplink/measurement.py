"""The measurement message of ndt7, which our own test sends as well.

References
----------
.. [1] M-Lab, "ndt7 protocol specification", version 0.11.0, "Measurement message".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from lensong.monitoring.uplink.tcp_info import TcpInfo

__all__ = ["connection_info", "measurement"]

_TCP_FIELDS = {
    "BusyTime": "busy_us",
    "BytesAcked": "bytes_acked",
    "BytesReceived": "bytes_received",
    "BytesSent": "bytes_sent",
    "BytesRetrans": "bytes_retransmitted",
    "MinRTT": "min_rtt_us",
    "RTT": "rtt_us",
    "RTTVar": "rtt_var_us",
    "RWndLimited": "rwnd_limited_us",
    "SndBufLimited": "sndbuf_limited_us",
}


def measurement(
    test: Literal["upload", "download"],
    *,
    elapsed_s: float,
    num_bytes: int,
    info: TcpInfo | None = None,
) -> dict[str, Any]:
    """Return a measurement message; what is unknown is absent.

    Parameters
    ----------
    test : {"upload", "download"}
    elapsed_s : float
        Since the test began [s].
    num_bytes : int
        Received, or sent [B].
    info : TcpInfo, optional
    """
    elapsed_us = round(elapsed_s * 1e6)
    message: dict[str, Any] = {
        "AppInfo": {"ElapsedTime": elapsed_us, "NumBytes": num_bytes},
        "Origin": "server",
        "Test": test,
    }
    if info is not None:
        known = {name: getattr(info, field) for name, field in _TCP_FIELDS.items()}
        message["TCPInfo"] = {"ElapsedTime": elapsed_us} | {
            name: value for name, value in known.items() if value is not None
        }
    return message


def connection_info(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return the message part that names both ends, empty where the server does not know them."""
    client, server = scope.get("client"), scope.get("server")
    if not client or not server:
        return {}
    return {"ConnectionInfo": {"Client": _endpoint(*client), "Server": _endpoint(*server)}}


def _endpoint(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port or 0}"
