"""What counts as held: one definition, and the queue of an encoder that it is applied to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.tolerance import Tolerance, breach, freezes_behind
from lensong.propagation.errors import OutOfRangeError

TOLERANCE = Tolerance()
HOUR_S = 3_600.0
lengths = st.lists(st.floats(0.0, 30.0), max_size=8)


@pytest.mark.parametrize(
    ("duration_s", "freezes_s", "reconnects", "why"),
    [
        (2 * HOUR_S, [3.0], 0, None),  # one freeze of three seconds is no failure
        (2 * HOUR_S, [10.0], 0, None),
        (2 * HOUR_S, [10.1], 0, "freeze_long"),
        (2 * HOUR_S, [9.0] * 8, 0, None),  # 72 s, one per cent
        (2 * HOUR_S, [9.0] * 9, 0, "frozen_much"),
        (60.0, [3.0], 0, None),
        (60.0, [1.6, 1.6], 0, "frozen_much"),
        (2 * HOUR_S, [], 4, None),
        (2 * HOUR_S, [], 5, "reconnects_many"),
        (60.0, [], 2, None),  # a minute counts as an hour
        (60.0, [], 3, "reconnects_many"),
    ],
)
def test_what_held_means(
    duration_s: float, freezes_s: list[float], reconnects: int, why: str | None
) -> None:
    assert breach(TOLERANCE, duration_s, freezes_s, reconnects=reconnects) == why


@given(lengths, st.floats(1.0, 30.0), st.floats(1.0, 20_000.0), st.integers(0, 9))
def test_more_freezing_never_makes_a_session_hold(
    freezes_s: list[float], one_more_s: float, duration_s: float, reconnects: int
) -> None:
    if breach(TOLERANCE, duration_s, [*freezes_s, one_more_s], reconnects=reconnects + 1) is None:
        assert breach(TOLERANCE, duration_s, freezes_s, reconnects=reconnects) is None


def test_the_encoder_bridges_what_its_queue_holds() -> None:
    link = [(4e6, 1.0)] * 30
    short, long = list(link), list(link)
    short[10:12] = [(0.0, 1.0)] * 2
    long[10:16] = [(0.0, 1.0)] * 6
    assert freezes_behind(short, 3e6, TOLERANCE) == []
    # 2 s are bridged, 4 s are lost, and the picture comes with the next key frame
    assert freezes_behind(long, 3e6, TOLERANCE) == [5.0]
    assert freezes_behind(long, 3e6, replace(TOLERANCE, encoder_queue_s=6.0)) == []
    assert freezes_behind(long, 3e6, replace(TOLERANCE, encoder_queue_s=0.0)) == [7.0]


def test_a_stream_at_twice_the_link_is_frozen_from_when_the_queue_is_full_to_its_end() -> None:
    assert freezes_behind([(1e6, 1.0)] * 60, 2e6, TOLERANCE) == [56.0]


@given(st.integers(0, 2**32 - 1), st.floats(1.0, 4.0))
def test_a_lower_bit_rate_never_freezes_for_longer_in_all(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    link = [(float(bps), 1.0) for bps in rng.lognormal(15.0, 0.8, 120) * (rng.random(120) > 0.05)]
    more, less = (sum(freezes_behind(link, bps, TOLERANCE)) for bps in (4e6, 4e6 / factor))
    assert less <= more + 1e-9


def test_a_tolerance_that_cannot_be_is_refused() -> None:
    with pytest.raises(OutOfRangeError):
        Tolerance(most_frozen_ratio=1.5)
    with pytest.raises(OutOfRangeError):
        Tolerance(longest_freeze_s=-1.0)
