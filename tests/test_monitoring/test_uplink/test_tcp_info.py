from __future__ import annotations

import socket
import struct
import sys

import pytest

from lensong.monitoring.uplink.tcp_info import TcpInfo, parse_tcp_info, read_tcp_info


def test_fields_lie_where_linux_puts_them() -> None:
    raw = bytearray(232)
    struct.pack_into("=I", raw, 68, 61_000)
    struct.pack_into("=I", raw, 148, 60_000)
    struct.pack_into("=I", raw, 152, 2_000)
    struct.pack_into("=QQ", raw, 200, 5_000_000, 50_000)
    struct.pack_into("=I", raw, 224, 30)
    info = parse_tcp_info(bytes(raw))
    assert (info.rtt_us, info.min_rtt_us) == (61_000, 60_000)
    assert info.retransmitted_ratio == pytest.approx(0.01)
    assert info.out_of_order_ratio == pytest.approx(0.015)


@pytest.mark.parametrize("length", [0, 4, 68, 71, 72, 104, 151, 200, 215])
def test_what_an_older_kernel_lacks_is_unknown(length: int) -> None:
    info = parse_tcp_info(bytes(length))
    assert (info.rtt_us is None) == (length < 72)
    assert info.bytes_retransmitted is None
    assert info.out_of_order_ratio is None
    assert info.retransmitted_ratio is None


def test_no_round_trip_yet_is_unknown() -> None:
    raw = bytearray(232)
    struct.pack_into("=I", raw, 148, 0xFFFF_FFFF)
    assert parse_tcp_info(bytes(raw)).min_rtt_us is None


def test_nothing_sent_has_no_ratio() -> None:
    assert TcpInfo(bytes_sent=0, bytes_retransmitted=0).retransmitted_ratio is None


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")
def test_a_real_connection_is_read() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as client,
        listening.accept()[0] as served,
    ):
        client.sendall(bytes(200_000))
        left = 200_000
        while left:
            left -= len(served.recv(left))
        info = read_tcp_info(served)
    assert info is not None
    assert info.bytes_received is not None
    assert info.bytes_received >= 200_000
    assert info.data_segments_in is not None
    assert info.data_segments_in >= 1


def test_no_socket_or_a_closed_one_is_unknown() -> None:
    assert read_tcp_info(None) is None
    with socket.socket(socket.AF_UNIX) as other:
        assert read_tcp_info(other) is None
    assert read_tcp_info(other) is None
