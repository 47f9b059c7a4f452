"""The messages of a watch as they travel: docs/reference/watch.md.

A second costs three packets: the client's message, our answer, and the client's acknowledgement.
Over TLS and IPv6 these are 274 bytes, 0.99 MB in an hour; text is for what happens seldom.
"""

from __future__ import annotations

import struct

__all__ = [
    "ANSWER_BYTES",
    "EVERY_S",
    "NO_ROUND_TRIP",
    "SUBPROTOCOL",
    "TICK_BYTES",
    "ahead",
    "answer",
    "pack_tick",
    "unpack_answer",
    "unpack_tick",
    "wire_bytes_per_s",
]

SUBPROTOCOL = "lensong.watch.v1"
EVERY_S = 1.0
NO_ROUND_TRIP = 0xFFFF
_WRAP = 1 << 16
_TICK = struct.Struct("!HH")
_ANSWER = struct.Struct("!H")
TICK_BYTES, ANSWER_BYTES = _TICK.size, _ANSWER.size

_TCP_IPV6_BYTES = 40 + 20 + 12  # with the option of timestamps
_TLS_BYTES = 5 + 1 + 16
_MASKED_BYTES, _PLAIN_BYTES = 6, 2


def pack_tick(seq: int, rtt_ms: float | None) -> bytes:
    """Return a client's message: its number, and the round trip of the last that was answered."""
    rtt = NO_ROUND_TRIP if rtt_ms is None else min(NO_ROUND_TRIP - 1, max(0, round(rtt_ms)))
    return _TICK.pack(seq % _WRAP, rtt)


def unpack_tick(message: bytes) -> tuple[int, int | None] | None:
    """Return number and round trip [ms] of a client's message, None where it is none."""
    if len(message) != _TICK.size:
        return None
    seq, rtt = _TICK.unpack(message)
    return seq, None if rtt == NO_ROUND_TRIP else rtt


def answer(seq: int) -> bytes:
    """Return the server's answer to a message."""
    return _ANSWER.pack(seq)


def unpack_answer(message: bytes) -> int | None:
    """Return the number of the message that an answer is to, None where it is none."""
    return int(_ANSWER.unpack(message)[0]) if len(message) == _ANSWER.size else None


def ahead(seq: int, of: int) -> int:
    """Return by how many a number comes after another, both of 16 bits; negative: before it.

    Examples
    --------
    >>> ahead(2, 65_534)
    4
    >>> ahead(65_534, 2)
    -4
    """
    return (seq - of + _WRAP // 2) % _WRAP - _WRAP // 2


def wire_bytes_per_s() -> float:
    """Return what a watch costs in a second over TLS and IPv6, headers of all packets included."""
    up = _TCP_IPV6_BYTES + _TLS_BYTES + _MASKED_BYTES + TICK_BYTES
    down = _TCP_IPV6_BYTES + _TLS_BYTES + _PLAIN_BYTES + ANSWER_BYTES
    return (up + down + _TCP_IPV6_BYTES) / EVERY_S
