# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loops over the draws at one pixel: the phone chooses, power is compared, chances add up.

Private: `lensong.coverage.chance_kernels` calls them. Draws come in blocks, each handled at once
(`lensong.coverage.lanes`); their numbers are multiples of a block.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from lensong.coverage.lanes import (
    LANES,
    add,
    divide,
    fraction,
    larger,
    load,
    magnitude,
    multiply,
    octave,
    smaller,
    spread,
    store,
    subtract,
    where_above,
)
from lensong.propagation.kernel import untyped_inlined_kernel as inlined
from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = [
    "BLOCK",
    "LEAST",
    "NEVER",
    "capped",
    "chance_of_nepers",
    "chances_of_draws",
    "choose",
    "choose_power",
    "normal_chance",
    "normal_quantile",
    "reach",
    "reach_by_cell",
]

BLOCK = LANES
"""Draws that are made at once."""

NEVER = 1e300
"""What is needed where nothing is enough."""

LEAST = np.float32(2.0**-40)
"""Less power than this share of what is needed counts as this share."""

_ZERO, _ONE, _HALF = np.float32(0.0), np.float32(1.0), np.float32(0.5)
_MOST = np.float32(2.0**40)

# The logarithm of a float32 from its exponent and the fraction f of 1 + f, by
# ln(1 + f) = 2 artanh(f / (2 + f)), cut after the ninth power: within 2e-6.
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


@inlined
def choose_power(level_mw, total_mw, count, rest_mw, factors, begin):  # type: ignore[no-untyped-def]
    """Return of a block of draws the RSRP of the strongest site, and all the power."""
    of_site = load(factors[0], begin)
    top = multiply(level_mw[0], of_site)
    power = add(rest_mw, multiply(total_mw[0], of_site))
    for i in range(1, count):
        level, total = level_mw[i], total_mw[i]
        if level == _ZERO and total == _ZERO:
            continue
        of_site = load(factors[i], begin)
        power = add(power, multiply(total, of_site))
        top = larger(multiply(level, of_site), top)
    return top, power


@kernel
def choose(level_mw, total_mw, count, rest_mw, factors, begin, at, top_mw, all_mw, lead):  # type: ignore[no-untyped-def]
    """Write the same from index ``at`` on, and which site it is."""
    of_site = load(factors[0], begin)
    top = multiply(level_mw[0], of_site)
    power = add(rest_mw, multiply(total_mw[0], of_site))
    first = spread(_ZERO)
    for i in range(1, count):
        level, total = level_mw[i], total_mw[i]
        if level == _ZERO and total == _ZERO:
            continue
        of_site = load(factors[i], begin)
        mw = multiply(level, of_site)
        power = add(power, multiply(total, of_site))
        first = where_above(mw, top, np.float32(i), first)
        top = larger(mw, top)
    store(top_mw, at, top)
    store(all_mw, at, power)
    store(lead, at, first)


@inlined
def reach(top, power, level, signal, noise, found):  # type: ignore[no-untyped-def]
    """Return how many times more power there is than one carrier needs, or ``found`` if more.

    That is the lesser of what RSRP allows and what SINR does, each linear in power: ``level``,
    ``signal`` and ``noise`` are the factors of the carrier's cells.
    """
    by_sinr = subtract(multiply(top, signal), multiply(power, noise))
    return larger(smaller(multiply(top, level), by_sinr), found)


@kernel
def reach_by_cell(  # type: ignore[no-untyped-def]
    top_mw, all_mw, lead, at, by_level, by_signal, by_noise, found
):
    """Raise ``found`` in the same way where the factors of the sites' cells differ."""
    for d in range(BLOCK):
        i = np.int64(lead[at + d])
        by_rsrp = top_mw[at + d] * by_level[i]
        by_sinr = top_mw[at + d] * by_signal[i] - all_mw[at + d] * by_noise[i]
        here = by_rsrp if by_rsrp < by_sinr else by_sinr
        found[d] = here if here > found[d] else found[d]


@inlined
def chances_of_draws(found, deviation):  # type: ignore[no-untyped-def]
    """Return the chance that a common factor of a deviation above 0 makes ``found`` reach 1.

    ``found`` is 2**-40 at the least, and cut at 2**40.
    """
    found = smaller(_MOST, found)
    f = fraction(found)
    t = divide(f, add(_TWO, f))
    u = multiply(t, t)
    series = add(_ARTANH_7, multiply(u, _ARTANH_9))
    series = add(_ARTANH_5, multiply(u, series))
    series = add(_ARTANH_3, multiply(u, series))
    artanh = multiply(t, add(_ONE, multiply(u, series)))
    nepers = add(multiply(octave(found), _LN_2), multiply(_TWO, artanh))
    x = multiply(nepers, np.float32(_ROOT_HALF / deviation))
    z = magnitude(x)
    p = add(_A5, multiply(z, _A6))
    p = add(_A4, multiply(z, p))
    p = add(_A3, multiply(z, p))
    p = add(_A2, multiply(z, p))
    p = add(_A1, multiply(z, p))
    p = add(_ONE, multiply(z, p))
    p = multiply(p, p)
    p = multiply(p, p)
    p = multiply(p, p)
    p = multiply(p, p)
    tail = divide(_HALF, p)
    return where_above(x, _ZERO, subtract(_ONE, tail), tail)


@kernel
def capped(found, needed):  # type: ignore[no-untyped-def]
    """Return the lesser of what was found and what another condition allows."""
    if needed >= NEVER:
        return LEAST
    if needed <= 0.0:
        return found
    return np.float32(max(min(found, 1.0 / needed), LEAST))
