from __future__ import annotations

import base64
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensong.monitoring.uplink.payload import COMPRESSIBLE_RATIO, PayloadCheck

MESSAGES = 256
SIZE = 8_192


def check_of(seed: int = 1) -> PayloadCheck:
    return PayloadCheck(random.Random(seed))


def feed(check: PayloadCheck, messages: list[bytes]) -> bool:
    for message in messages:
        if check.feed(message):
            return True
    return check.finish()


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_random_bytes_pass(seed: int) -> None:
    generator = random.Random(seed)
    check = check_of(seed)
    assert not feed(check, [generator.randbytes(SIZE) for _ in range(MESSAGES)])
    assert check.runs > 3
    assert check.lowest_ratio > 1.0


def test_one_random_block_of_64_kib_over_and_over_passes() -> None:
    block = random.Random(2).randbytes(65_536)
    assert not feed(check_of(), [block] * 40)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(bytes(SIZE), id="zeros"),
        pytest.param(b"lensong " * (SIZE // 8), id="text"),
        pytest.param(random.Random(3).randbytes(1_024) * (SIZE // 1_024), id="a short block"),
        pytest.param(random.Random(4).randbytes(SIZE), id="one message again and again"),
        pytest.param(base64.b64encode(random.Random(5).randbytes(SIZE * 3 // 4)), id="base64"),
    ],
)
def test_what_compresses_is_noticed(message: bytes) -> None:
    check = check_of()
    assert feed(check, [message] * MESSAGES)
    assert check.lowest_ratio < COMPRESSIBLE_RATIO


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_half_zeros_in_any_order_are_noticed(seed: int) -> None:
    generator = random.Random(seed)
    messages = [
        bytes(SIZE) if generator.random() < 0.5 else generator.randbytes(SIZE)
        for _ in range(MESSAGES)
    ]
    assert feed(check_of(seed + 1), messages)


def test_places_differ_from_test_to_test() -> None:
    """A sender cannot learn where to put its random bytes."""
    zeros_at = [k >= 200 and k // 8 % 2 == 0 for k in range(2_000)]  # 64 KiB of each in turn
    generator = random.Random(6)
    messages = [bytes(SIZE) if zero else generator.randbytes(SIZE) for zero in zeros_at]
    noticed_after = set()
    for seed in range(12):
        check = check_of(seed)
        noticed_after.add(next(k for k, message in enumerate(messages) if check.feed(message)))
    assert len(noticed_after) > 3


def test_a_short_upload_is_judged_by_what_there_is() -> None:
    for seed in range(20):
        check = check_of(seed)
        check.feed(bytes(25_000))
        assert check.finish()


def test_what_passes_does_not_compress() -> None:
    generator = random.Random(8)
    data = [generator.randbytes(SIZE) for _ in range(MESSAGES)]
    assert not feed(check_of(), data)
    assert len(zlib.compress(b"".join(data), 9)) > 0.99 * SIZE * MESSAGES
