"""What the kernel knows about a TCP connection: Linux's ``TCP_INFO``, as much as it gives."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["HasSocketOptions", "TcpInfo", "parse_tcp_info", "read_tcp_info"]

# Offsets [bytes] into struct tcp_info of linux/tcp.h. The structure only ever grows at its end.
_U32, _U64 = "=I", "=Q"
_FIELDS = {
    "rtt_us": (_U32, 68),
    "rtt_var_us": (_U32, 72),
    "bytes_acked": (_U64, 120),
    "bytes_received": (_U64, 128),
    "min_rtt_us": (_U32, 148),
    "data_segments_in": (_U32, 152),
    "busy_us": (_U64, 168),
    "rwnd_limited_us": (_U64, 176),
    "sndbuf_limited_us": (_U64, 184),
    "bytes_sent": (_U64, 200),
    "bytes_retransmitted": (_U64, 208),
    "out_of_order_segments": (_U32, 224),
}
_LARGEST_BYTES = 512
_NO_MIN_RTT_US = 0xFFFF_FFFF
"""What the kernel says before the first round trip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpInfo:
    """Fields of ``struct tcp_info`` by meaning; None where this kernel has none.

    ``rtt_us`` is smoothed.
    """

    rtt_us: int | None = None
    rtt_var_us: int | None = None
    min_rtt_us: int | None = None
    bytes_acked: int | None = None
    bytes_received: int | None = None
    bytes_sent: int | None = None
    bytes_retransmitted: int | None = None
    data_segments_in: int | None = None
    out_of_order_segments: int | None = None
    busy_us: int | None = None
    rwnd_limited_us: int | None = None
    sndbuf_limited_us: int | None = None

    @property
    def out_of_order_ratio(self) -> float | None:
        """Return the share of received data segments that came out of order, 0..1."""
        if not self.data_segments_in or self.out_of_order_segments is None:
            return None
        return min(1.0, self.out_of_order_segments / self.data_segments_in)

    @property
    def retransmitted_ratio(self) -> float | None:
        """Return the share of sent bytes that were sent again, 0..1."""
        if not self.bytes_sent or self.bytes_retransmitted is None:
            return None
        return min(1.0, self.bytes_retransmitted / self.bytes_sent)


class HasSocketOptions(Protocol):
    """A socket, or what an event loop shows of one."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """Return the raw value of an option."""
        ...


def parse_tcp_info(raw: bytes) -> TcpInfo:
    """Return what a ``struct tcp_info`` of any length holds.

    Parameters
    ----------
    raw : bytes
        As ``getsockopt(IPPROTO_TCP, TCP_INFO)`` gives it; older kernels give fewer bytes.
    """
    values: dict[str, Any] = {}
    for name, (kind, offset) in _FIELDS.items():
        if offset + struct.calcsize(kind) <= len(raw):
            values[name] = struct.unpack_from(kind, raw, offset)[0]
    if values.get("min_rtt_us") == _NO_MIN_RTT_US:
        del values["min_rtt_us"]
    return TcpInfo(**values)


def read_tcp_info(connection: HasSocketOptions | None) -> TcpInfo | None:
    """Return what the kernel says about a connection, None where it says nothing."""
    option = getattr(socket, "TCP_INFO", None)
    if connection is None or option is None:
        return None
    try:
        return parse_tcp_info(connection.getsockopt(socket.IPPROTO_TCP, option, _LARGEST_BYTES))
    except (OSError, AttributeError, ValueError):  # no TCP socket, or closed already
        return None
