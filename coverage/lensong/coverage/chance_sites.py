# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled: the sites heard at one pixel, and what their cells need for each service.

Private: `lensong.coverage.chance_kernels` calls it; arrays are those of one operator and one tile.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from lensong.coverage.chance_draws import NEVER
from lensong.propagation.kernel import untyped_inlined_kernel as inlined
from lensong.propagation.types import Float32Array, IntArray

__all__ = [
    "ATTACH",
    "DIFFERENT",
    "LEVEL",
    "NOISE",
    "NO_CELL",
    "QUIET",
    "SIGNAL",
    "UP",
    "ZERO",
    "alike_codes",
    "drop_slight",
    "factors_by_code",
    "list_sites",
    "take_factors",
]

# Factors of a cell: RSRP needed, RSRP to attach; SINR by signal and noise, the same undisturbed;
# none; RSRP for the uplink.
LEVEL, ATTACH, SIGNAL, NOISE, QUIET, ZERO, UP = range(7)
NO_CELL, DIFFERENT = 0, -1

_SLIGHT = 0.03  # of noise and interference: a site that adds less is not drawn


@inlined
def list_sites(  # type: ignore[no-untyped-def]
    r, c, code, level_mw, others_mw, rest_mw, site_of, load_weight, overlap_share, overlapping,
    site, who, lead_mw, total_mw, own_mw, powers_mw,
):  # fmt: skip
    """Collect the strongest sites of all carriers; return how many there are.

    ``who[a, i]`` is the strongest cell of site ``i`` on carrier ``a`` (0: none), ``lead_mw`` its
    RSRP, ``total_mw`` all the power by which the site disturbs carrier ``a``, ``own_mw`` that
    without its strongest cell, ``powers_mw[0]`` the power of sites that are not listed.
    """
    carriers, depth = code.shape[0], code.shape[3]
    most = site.size
    sum_mw, spill_mw = powers_mw[0], powers_mw[1]
    count = 0
    for a in range(carriers):
        sum_mw[a] = rest_mw[a, r, c]
    for k in range(depth):  # the strongest of every carrier first
        any_left = False
        for a in range(carriers):
            one = code[a, r, c, k]
            if one == 0:
                continue
            any_left = True
            at = 0
            while at < count and site[at] != site_of[one]:
                at += 1
            mw = level_mw[a, r, c, k]
            others = others_mw[a, r, c, k]
            power = mw * load_weight[one]
            if at == most:
                sum_mw[a] += others + power
                continue
            if at == count:
                site[at] = site_of[one]
                for b in range(carriers):
                    who[b, at] = 0
                    lead_mw[b, at] = total_mw[b, at] = own_mw[b, at] = 0.0
                count += 1
            who[a, at] = one
            lead_mw[a, at] = mw
            own_mw[a, at] = others
            total_mw[a, at] = others + power
        if not any_left:
            break
    if overlapping:
        for i in range(count):
            for a in range(carriers):
                spill_mw[a] = 0.0
                for b in range(carriers):
                    spill_mw[a] += overlap_share[a, b] * total_mw[b, i]
            for a in range(carriers):
                own_mw[a, i] += spill_mw[a]
                total_mw[a, i] += spill_mw[a]
        for a in range(carriers):
            spill_mw[a] = 0.0
            for b in range(carriers):
                spill_mw[a] += overlap_share[a, b] * sum_mw[b]
        for a in range(carriers):
            sum_mw[a] += spill_mw[a]
    return count


@inlined
def drop_slight(  # type: ignore[no-untyped-def]
    count, too_weak, noise_mw, code, r, c, site, who, lead_mw, total_mw, own_mw, powers_mw
):
    """Leave the sites that can neither serve nor disturb to the sum; return how many are left."""
    if count == 1:
        return count
    carriers = code.shape[0]
    sum_mw, weakest_mw, slight_mw = powers_mw[0], powers_mw[2], powers_mw[3]
    for a in range(carriers):
        one = code[a, r, c, 0]
        weakest_mw[a] = slight_mw[a] = np.inf
        if one == 0:
            continue
        strongest, power = np.float32(0.0), sum_mw[a] + noise_mw[one]
        for i in range(count):
            strongest = max(strongest, lead_mw[a, i])
            power += own_mw[a, i] if who[a, i] == one else total_mw[a, i]
        weakest_mw[a] = strongest * too_weak
        slight_mw[a] = power * _SLIGHT
    kept = 0
    for i in range(count):
        matters = False
        for a in range(carriers):
            matters |= lead_mw[a, i] >= weakest_mw[a] or total_mw[a, i] > slight_mw[a]
        if not matters:
            for a in range(carriers):
                sum_mw[a] += total_mw[a, i]
            continue
        if kept < i:
            site[kept] = site[i]
            for a in range(carriers):
                who[a, kept] = who[a, i]
                lead_mw[a, kept] = lead_mw[a, i]
                total_mw[a, kept] = total_mw[a, i]
                own_mw[a, kept] = own_mw[a, i]
        kept += 1
    return kept


@inlined
def _factors_of(  # type: ignore[no-untyped-def]
    q, one, load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw, aggregate,
    factors,
):  # fmt: skip
    """Write the factors of one service and cell, as `lensong.coverage.chance_draws` takes them.

    With all power in ``all_mw``, a cell of RSRP ``top`` has the SINR it needs where
    ``top / (boost * ratio) - (all_mw - top * load_weight) >= noise``.
    """
    ratio, uplink_mw = required_sinr[q, one], required_level_mw[q, one]
    level = attach_mw[q] if aggregate else max(attach_mw[q], uplink_mw)
    factors[LEVEL] = 0.0 if level >= NEVER else 1.0 / level
    factors[ATTACH] = 1.0 / attach_mw[q]
    factors[UP] = 1e30 if uplink_mw <= 0.0 else 1.0 / uplink_mw
    if ratio >= NEVER:
        factors[SIGNAL] = -1e30
    elif ratio <= 0.0:
        factors[SIGNAL] = factors[QUIET] = 1e30
    else:
        weak = 1.0 / (boost[one] * ratio * noise_mw[one])
        factors[QUIET] = weak
        factors[SIGNAL] = weak + load_weight[one] / noise_mw[one]
    if ratio > 0.0:
        factors[NOISE] = 1.0 / noise_mw[one]


@njit(cache=True, nogil=True)
def factors_by_code(  # type: ignore[no-untyped-def]
    load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw, aggregate
):
    """Return the factors by code, service and kind."""
    services, codes = required_sinr.shape
    factors = np.zeros((codes, services, 7), np.float32)
    for one in range(1, codes):
        for q in range(services):
            _factors_of(
                q, one, load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw,
                aggregate, factors[one, q],
            )  # fmt: skip
    return factors


def alike_codes(by_code: Float32Array) -> IntArray:
    """Return a number for each code, the same for cells of the same factors."""
    rows = by_code[..., : ZERO + 1].reshape(by_code.shape[0], -1)
    return np.asarray(np.unique(rows, axis=0, return_inverse=True)[1].ravel(), dtype=np.int64)


@inlined
def take_factors(who, count, by_code, group, by_site, alike):  # type: ignore[no-untyped-def]
    """Find a cell of each carrier whose factors are those of all its listed cells.

    ``alike`` is its code, `NO_CELL`, or `DIFFERENT`: then ``by_site`` holds them by kind, service,
    carrier and site. ``group`` is that of `alike_codes`.
    """
    kinds, services, carriers, _ = by_site.shape
    for a in range(carriers):
        first, same = NO_CELL, True
        for i in range(count):
            one = who[a, i]
            if one == 0:
                continue
            if first == NO_CELL:
                first = one
            elif group[one] != group[first]:
                same = False
                break
        alike[a] = first if same else DIFFERENT
        if not same:
            for i in range(count):
                one = who[a, i]
                for q in range(services):
                    for k in range(kinds):
                        by_site[k, q, a, i] = by_code[one, q, k]
