# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loops over the draws at one pixel: the phone chooses, power is compared, chances add up.

Private: `lensong.coverage.chance_kernels` calls them. Draws come in blocks of a fixed size, and all
loops over a block count from 0 over float32 slices, without a branch: the compiler turns them into
vector instructions with nothing left over. Numbers of draws are multiples of the block.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = [
    "BLOCK",
    "LEAST",
    "NEVER",
    "capped",
    "chance_of_nepers",
    "chances_of_draws",
    "choose",
    "normal_chance",
    "normal_quantile",
    "reach",
    "reach_by_cell",
    "sum_of_block",
]

BLOCK = 16
"""Draws that are made at once."""

NEVER = 1e300
"""What is needed where nothing is enough."""

LEAST = np.float32(2.0**-40)
"""Less power than this share of what is needed counts as this share."""

_ZERO, _ONE, _HALF = np.float32(0.0), np.float32(1.0), np.float32(0.5)
_MOST = np.float32(2.0**40)

# The logarithm of a float32 from its bits: exponent, and the fraction f of 1 + f by
# ln(1 + f) = 2 artanh(f / (2 + f)), cut after the ninth power: within 2e-6.
_EXPONENT_SHIFT = np.int32(23)
_EXPONENT_BIAS = np.int32(127)
_FRACTION = np.int32((1 << 23) - 1)
_PART = np.float32(2.0**-23)
_LN_2 = np.float32(np.log(2.0))
_TWO = np.float32(2.0)
_ARTANH_3, _ARTANH_5 = np.float32(1.0 / 3.0), np.float32(1.0 / 5.0)
_ARTANH_7, _ARTANH_9 = np.float32(1.0 / 7.0), np.float32(1.0 / 9.0)

# erf(x) = 1 - (1 + a1 x + ... + a6 x^6)^-16 within 3e-7 (Abramowitz and Stegun, 7.1.28).
_ROOT_HALF = np.float32(np.sqrt(0.5))
_A1, _A2, _A3 = np.float32(0.0705230784), np.float32(0.0422820123), np.float32(0.0092705272)
_A4, _A5, _A6 = np.float32(0.0001520143), np.float32(0.0002765672), np.float32(0.0000430638)


@kernel
def normal_chance(x):  # type: ignore[no-untyped-def]
    """Return the normal distribution at ``x``, within 2e-7."""
    z = abs(x) * 0.7071067811865476
    p = 1.0 + z * (
        0.0705230784 + z * (0.0422820123 + z * (0.0092705272 + z * (0.0001520143
        + z * (0.0002765672 + z * 0.0000430638))))
    )  # fmt: skip
    p *= p
    p *= p
    p *= p
    p *= p
    tail = 0.5 / p
    return 1.0 - tail if x > 0.0 else tail


@kernel
def normal_quantile(p):  # type: ignore[no-untyped-def]
    """Return where the normal distribution is ``p``, within 5e-4 (A. and S., 26.2.23)."""
    t = sqrt(-2.0 * log(max(min(p, 1.0 - p), 1e-12)))
    x = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (
        1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    )
    return -x if p < 0.5 else x


@kernel
def chance_of_nepers(margin, deviation):  # type: ignore[no-untyped-def]
    """Return the chance that a common factor exp(w) of deviation ``deviation`` keeps a margin."""
    if deviation <= 0.0:
        return 1.0 if margin >= -1e-9 else 0.0
    return normal_chance(margin / deviation)


@kernel
def choose(  # type: ignore[no-untyped-def]
    level_mw, total_mw, count, rest_mw, factors, begin, until, all_top_mw, all_all_mw, all_lead
):
    """Let the phone choose in every draw: the strongest site, its RSRP, and all the power."""
    for block in range(begin, until, BLOCK):
        top_mw, all_mw = all_top_mw[block : block + BLOCK], all_all_mw[block : block + BLOCK]
        lead = all_lead[block : block + BLOCK]
        of_site = factors[0][block : block + BLOCK]
        level, total = level_mw[0], total_mw[0]
        for d in range(BLOCK):
            top_mw[d] = level * of_site[d]
            all_mw[d] = rest_mw + total * of_site[d]
            lead[d] = np.int32(0)
        for i in range(1, count):
            level, total = level_mw[i], total_mw[i]
            if level == _ZERO and total == _ZERO:
                continue
            at = np.int32(i)
            of_site = factors[i][block : block + BLOCK]
            for d in range(BLOCK):
                factor = of_site[d]
                mw = level * factor
                all_mw[d] += total * factor
                better = mw > top_mw[d]
                lead[d] = at if better else lead[d]
                top_mw[d] = mw if better else top_mw[d]


@kernel
def reach(  # type: ignore[no-untyped-def]
    all_top_mw, all_all_mw, level, signal, noise, begin, until, all_found
):
    """Raise ``all_found`` to how many times more power there is than one carrier needs, by draw.

    That is the lesser of what RSRP allows and what SINR does, each linear in power: ``level``,
    ``signal`` and ``noise`` are the factors of the carrier's cells.
    """
    for block in range(begin, until, BLOCK):
        top_mw, all_mw = all_top_mw[block : block + BLOCK], all_all_mw[block : block + BLOCK]
        found = all_found[block : block + BLOCK]
        for d in range(BLOCK):
            by_rsrp = top_mw[d] * level
            by_sinr = top_mw[d] * signal - all_mw[d] * noise
            here = by_rsrp if by_rsrp < by_sinr else by_sinr
            found[d] = here if here > found[d] else found[d]


@kernel
def reach_by_cell(  # type: ignore[no-untyped-def]
    top_mw, all_mw, lead, by_level, by_signal, by_noise, begin, until, found
):
    """Do as `reach` where the factors of the sites' cells differ."""
    for d in range(begin, until):
        i = lead[d]
        by_rsrp = top_mw[d] * by_level[i]
        by_sinr = top_mw[d] * by_signal[i] - all_mw[d] * by_noise[i]
        here = by_rsrp if by_rsrp < by_sinr else by_sinr
        found[d] = here if here > found[d] else found[d]


@kernel
def chances_of_draws(all_found, all_bits, begin, deviation, chance, square):  # type: ignore[no-untyped-def]
    """Write the chance that a common factor makes ``all_found`` reach 1, and its square.

    Of one block of draws; ``deviation`` is above 0. ``all_bits`` is the memory of ``all_found``,
    which is cut at 2**40.
    """
    found, bits = all_found[begin : begin + BLOCK], all_bits[begin : begin + BLOCK]
    scale = np.float32(_ROOT_HALF / deviation)
    for d in range(BLOCK):
        found[d] = _MOST if found[d] > _MOST else found[d]
    for d in range(BLOCK):
        octave = np.float32(np.int32(bits[d] >> _EXPONENT_SHIFT) - _EXPONENT_BIAS)
        f = np.float32(np.int32(bits[d] & _FRACTION)) * _PART
        t = f / (_TWO + f)
        u = t * t
        artanh = t * (_ONE + u * (_ARTANH_3 + u * (_ARTANH_5 + u * (_ARTANH_7 + u * _ARTANH_9))))
        x = (octave * _LN_2 + _TWO * artanh) * scale
        z = abs(x)
        p = _ONE + z * (_A1 + z * (_A2 + z * (_A3 + z * (_A4 + z * (_A5 + z * _A6)))))
        p *= p
        p *= p
        p *= p
        p *= p
        tail = _HALF / p
        here = _ONE - tail if x > _ZERO else tail
        chance[d] = here
        square[d] = here * here


@kernel
def sum_of_block(values):  # type: ignore[no-untyped-def]
    """Return the sum of a block of values, which are overwritten."""
    for d in range(8):
        values[d] += values[d + 8]
    for d in range(4):
        values[d] += values[d + 4]
    return np.float64((values[0] + values[2]) + (values[1] + values[3]))


@kernel
def capped(found, needed):  # type: ignore[no-untyped-def]
    """Return the lesser of what was found and what another condition allows."""
    if needed >= NEVER:
        return LEAST
    if needed <= 0.0:
        return found
    return np.float32(max(min(found, 1.0 / needed), LEAST))
