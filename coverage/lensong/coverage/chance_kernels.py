# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from the sites heard at each pixel to the chance of each service.

Private: `lensong.coverage.layers` calls it; `lensong.coverage.shadowing` says what is averaged.
Arrays are those of one operator and one tile, as in `fold_kernels`. A *scope* is a set of the
operator's carriers: all that may carry a service, or those of one technology.

Cheap where the answer is plain: sites too weak to serve or to disturb are not drawn; a service
whose margin at the median is beyond any fade, to either side, takes the chance of one site alone;
and drawing ends where the draws agree.
"""

from __future__ import annotations

from math import exp, log10

import numpy as np
from numba import njit

from lensong.coverage.chance_draws import (
    LEAST,
    capped,
    chance_of_margin,
    chances_of_draws,
    choose,
    normal_quantile,
    reach,
    sum_of,
)
from lensong.coverage.fold_kernels import aggregated_rate
from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = ["judge_services"]

_NEVER = 1e300
_FIRST_DRAWS = 16
_ENOUGH = 0.015  # standard error of the mean at which no more is drawn, were the draws random
_PLAIN_SIGMAS = 3.0
_PLAIN = 0.004  # more than this, and a service is not hopeless
_SLIGHT = 0.03  # of noise and interference: a site that adds less is not drawn

# Factors of a cell: RSRP needed, RSRP to attach; SINR by signal and noise, the same undisturbed;
# RSRP for the uplink.
_LEVEL, _ATTACH, _SIGNAL, _NOISE, _QUIET, _ZERO, _UP = range(7)
_NO_CELL, _DIFFERENT = -1, -2

# Codes of lensong.coverage.result.REASONS; a test holds the two together.
_SERVED, _TERRAIN, _CLUTTER, _INTERFERENCE, _UPLINK, _DISTANCE, _, _CAPACITY = range(8)


@njit(cache=True, nogil=True)
def judge_services(  # type: ignore[no-untyped-def]
    code, level_mw, others_mw, rest_mw, diffraction_cdb, terrain_cdb, overlap_share,
    carries, in_scope, scope_row, also_row,
    site_of, load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw,
    wanted, need_uplink_mbps, uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
    aggregate, sigma, apart, common_nepers, rest_factor, draws,
    probability, limiting, reason, own_probability, own_reason,
):  # fmt: skip
    """Judge every service in every scope, and keep per pixel the operator that serves it best.

    ``carries[q, a]``: carrier ``a`` may carry service ``q``. ``in_scope[s, a]``: it belongs to
    scope ``s``, whose results go to row ``scope_row[s]`` of ``probability``, ``limiting`` and
    ``reason`` (rows, services, tile), and to ``also_row[s]`` if that is not negative. Scope 0 is
    the whole operator, whose own results are ``own_probability`` and ``own_reason``. ``limiting``
    is 0 where no operator came yet. ``boost`` is a ratio. By service and code: ``required_sinr``
    (ratio) and ``required_level_mw``, the RSRP at which the uplink works; both ``inf`` where
    nothing is enough. By service: ``attach_mw`` and ``wanted``. ``sigma`` and ``apart`` are the
    deviations of a level and of the ratio of two sites' levels [neper of power]; ``common_nepers``,
    ``rest_factor`` and ``draws`` are those of `lensong.coverage.shadowing`.
    """
    carriers = code.shape[0]
    services, scopes = attach_mw.size, scope_row.size
    most_sites, most_draws = draws.shape[1], draws.shape[2]
    by_code = _factors(
        load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw, aggregate
    )
    found = np.empty((scopes, services, most_draws), np.float32)
    quiet = np.empty(most_draws, np.float32)
    _judge(
        code, level_mw, others_mw, rest_mw, diffraction_cdb, terrain_cdb, overlap_share,
        carries, in_scope, scope_row, also_row,
        site_of, load_weight, noise_mw, required_sinr, required_level_mw, attach_mw,
        wanted, need_uplink_mbps, uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
        aggregate, sigma, apart, common_nepers, rest_factor, draws,
        probability, limiting, reason, own_probability, own_reason,
        overlap_share.max() > 0.0, by_code,
        # by service, carrier and site: rows as in _factors
        np.zeros((6, services, carriers, most_sites), np.float32),
        np.zeros(most_sites, np.int64),  # site
        np.zeros((carriers, most_sites), np.int64),  # who
        np.zeros((carriers, most_sites), np.float32),  # lead_mw
        np.zeros((carriers, most_sites), np.float32),  # total_mw
        np.zeros((carriers, most_sites), np.float32),  # own_mw
        np.zeros((4, carriers)),  # sum_mw, spill_mw, weakest_mw, slight_mw
        np.zeros(carriers, np.int64),  # alike
        np.empty((carriers, most_draws), np.float32),  # top_mw
        np.empty((carriers, most_draws), np.float32),  # all_mw
        np.empty((carriers, most_draws), np.int32),  # lead
        found, found.view(np.int32), quiet, quiet.view(np.int32),
        np.empty((2, most_draws), np.float32),  # chance, square
        np.empty((5, scopes, services)),  # margins: best, undisturbed, downlink; sum, squares
        np.empty((scopes, services), np.int64),  # best_carrier
        np.empty((scopes, services), np.int64),  # best_way
        np.empty((scopes, services), np.bool_),  # possible
        np.empty((scopes, services), np.bool_),  # drawn
        np.zeros(carriers, np.int64), np.zeros((4, carriers)),  # heard, server_mw and its rates
        np.zeros(most_sites + 1), np.zeros((services, most_sites + 1)),  # bounds, by sites
    )  # fmt: skip


@kernel
def _judge(  # type: ignore[no-untyped-def]
    code, level_mw, others_mw, rest_mw, diffraction_cdb, terrain_cdb, overlap_share,
    carries, in_scope, scope_row, also_row,
    site_of, load_weight, noise_mw, required_sinr, required_level_mw, attach_mw,
    wanted, need_uplink_mbps, uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
    aggregate, sigma, apart, common_nepers, rest_factor, draws,
    probability, limiting, reason, own_probability, own_reason,
    overlapping, by_code, by_site, site, who, lead_mw, total_mw, own_mw, powers_mw, alike,
    top_mw, all_mw, lead, found, bits, quiet, quiet_bits, chance_of, margins,
    best_carrier, best_way, possible, drawn, heard, servers, hopeless_below, perhaps_from,
):  # fmt: skip
    carriers, rows, cols, _ = code.shape
    scopes, services = best_carrier.shape
    most_draws = draws.shape[2]
    sum_mw = powers_mw[0]
    best, undisturbed, downlink, sums, squares = (
        margins[0], margins[1], margins[2], margins[3], margins[4],
    )  # fmt: skip
    surely = exp(_PLAIN_SIGMAS * max(sigma, apart))
    too_weak = exp(-_PLAIN_SIGMAS * apart)
    # The chance that any of n sites suffices is at most n times that of the best one.
    for n in range(1, hopeless_below.size):
        hopeless_below[n] = exp(sigma * normal_quantile(_PLAIN / n))
        for q in range(services):
            perhaps_from[q, n] = exp(sigma * normal_quantile(wanted[q] / n))
    for r in range(rows):
        for c in range(cols):
            any_heard = False
            for a in range(carriers):
                any_heard |= code[a, r, c, 0] != 0
            if not any_heard:
                continue
            count = _list_sites(
                r, c, code, level_mw, others_mw, rest_mw, site_of, load_weight,
                overlap_share, overlapping, site, who, lead_mw, total_mw, own_mw, powers_mw,
            )  # fmt: skip
            # At the median: which carrier comes nearest, and by which direction it is limited.
            for s in range(scopes):
                for q in range(services):
                    best[s, q] = -1.0
                    undisturbed[s, q] = downlink[s, q] = 0.0
                    best_carrier[s, q] = -1
                    possible[s, q] = False
            for a in range(carriers):
                one = np.int64(code[a, r, c, 0])
                if one == 0:
                    continue
                signal = np.float64(level_mw[a, r, c, 0])
                disturbing, listed = sum_mw[a], False
                for i in range(count):
                    if who[a, i] == one:
                        disturbing += own_mw[a, i]
                        listed = True
                    else:
                        disturbing += total_mw[a, i]
                if not listed:  # more carriers than sites can be listed
                    disturbing = max(disturbing - load_weight[one] * signal, 0.0)
                clean = noise_mw[one] / (disturbing + noise_mw[one])
                for q in range(services):
                    if not carries[q, a]:
                        continue
                    never = required_sinr[q, one] >= _NEVER or required_level_mw[q, one] >= _NEVER
                    if never and not aggregate:
                        margin, alone, down = 0.0, 0.0, 0.0
                        way = 2 if required_sinr[q, one] < _NEVER else 1
                    else:
                        attach = signal * by_code[_ATTACH, q, one]
                        by_noise = signal * by_code[_QUIET, q, one]
                        up = signal * by_code[_UP, q, one]
                        down = min(attach, by_noise * clean)
                        alone = min(min(attach, by_noise), up)
                        margin, way = min(down, up), 1 if down <= up else 2
                    for s in range(scopes):
                        if not in_scope[s, a]:
                            continue
                        possible[s, q] |= not never or aggregate
                        undisturbed[s, q] = max(undisturbed[s, q], alone)
                        downlink[s, q] = max(downlink[s, q], down)
                        if best_carrier[s, q] < 0 or margin > best[s, q]:
                            best[s, q] = margin
                            best_carrier[s, q] = a
                            best_way[s, q] = way

            count = _drop_slight(
                count, too_weak, noise_mw, code, r, c, site, who, lead_mw, total_mw, own_mw,
                powers_mw,
            )  # fmt: skip
            any_drawn = False
            for s in range(scopes):
                for q in range(services):
                    sums[s, q] = squares[s, q] = 0.0
                    hopeless = undisturbed[s, q] < hopeless_below[count]
                    plain = not aggregate and (hopeless or best[s, q] >= surely)
                    drawn[s, q] = best_carrier[s, q] >= 0 and not plain
                    any_drawn |= drawn[s, q]
            done = 0
            wanted_draws = most_draws if count > 1 and sigma > 0.0 else 1
            deviation = common_nepers[count]
            if any_drawn:
                _take_factors(who, count, by_code, by_site, alike)
            while any_drawn and done < wanted_draws:
                until = min(wanted_draws, _FIRST_DRAWS if done == 0 else 2 * done)
                for s in range(scopes):
                    for q in range(services):
                        if drawn[s, q]:
                            for d in range(done, until):
                                found[s, q, d] = LEAST
                for a in range(carriers):
                    if alike[a] == _NO_CELL:
                        continue
                    choose(
                        lead_mw[a], total_mw[a], count, np.float32(sum_mw[a] * rest_factor[count]),
                        draws[count], done, until, top_mw[a], all_mw[a], lead[a],
                    )  # fmt: skip
                    for s in range(scopes):
                        if not in_scope[s, a]:
                            continue
                        for q in range(services):
                            if drawn[s, q] and carries[q, a]:
                                reach(
                                    top_mw[a], all_mw[a], lead[a], alike[a],
                                    by_site[_LEVEL, q, a], by_site[_SIGNAL, q, a],
                                    by_site[_NOISE, q, a], done, until, found[s, q],
                                )  # fmt: skip
                agree = True
                for s in range(scopes):
                    for q in range(services):
                        if not drawn[s, q]:
                            continue
                        if aggregate:
                            _cap_by_aggregation(
                                found[s, q], done, until, alike, who, lead, top_mw, heard, servers,
                                s, in_scope, q, need_uplink_mbps, attach_mw, uplink_factor,
                                uplink_block_hz, uplink_blocks, uplink_curve,
                            )  # fmt: skip
                        chances_of_draws(
                            found[s, q], bits[s, q], done, until, deviation,
                            chance_of[0], chance_of[1],
                        )  # fmt: skip
                        sums[s, q] += sum_of(chance_of[0], until - done)
                        squares[s, q] += sum_of(chance_of[1], until - done)
                        scatter = squares[s, q] / until - (sums[s, q] / until) ** 2
                        agree &= scatter < _ENOUGH * _ENOUGH * until
                done = until
                if agree:
                    break

            few = min(done, _FIRST_DRAWS)
            for s in range(scopes):
                for q in range(services):
                    nearest = best_carrier[s, q]
                    if nearest < 0:
                        continue
                    if drawn[s, q]:
                        chance = np.float32(sums[s, q] / done)
                    else:
                        alone = best[s, q] if best[s, q] >= surely else undisturbed[s, q]
                        chance = np.float32(chance_of_margin(alone, sigma))
                    why = _SERVED
                    if chance < np.float32(wanted[q]):
                        why = _CAPACITY
                        if possible[s, q]:
                            why = _DISTANCE
                            if drawn[s, q] and (
                                aggregate or undisturbed[s, q] >= perhaps_from[q, count]
                            ):
                                _reach_of_all(
                                    s, q, few, in_scope, carries, alike, top_mw, all_mw, lead,
                                    by_site, _LEVEL, _QUIET, _ZERO, quiet,
                                )  # fmt: skip
                                if aggregate:
                                    _cap_by_aggregation(
                                        quiet, 0, few, alike, who, lead, top_mw, heard, servers,
                                        s, in_scope, q, need_uplink_mbps, attach_mw, uplink_factor,
                                        uplink_block_hz, uplink_blocks, uplink_curve,
                                    )  # fmt: skip
                                chances_of_draws(
                                    quiet, quiet_bits, 0, few, deviation, chance_of[0], chance_of[1]
                                )
                                if sum_of(chance_of[0], few) >= wanted[q] * few:
                                    why = _INTERFERENCE
                            if why == _DISTANCE:
                                why = _obstacle(
                                    chance, wanted[q], best[s, q], sigma,
                                    diffraction_cdb[nearest, r, c] * 0.01,
                                    terrain_cdb[nearest, r, c] * 0.01,
                                )  # fmt: skip
                            if why == _DISTANCE:
                                enough = downlink[s, q] >= perhaps_from[q, 1]
                                if (
                                    drawn[s, q]
                                    and not enough
                                    and downlink[s, q] >= perhaps_from[q, count]
                                ):
                                    _reach_of_all(
                                        s, q, few, in_scope, carries, alike, top_mw, all_mw, lead,
                                        by_site, _ATTACH, _SIGNAL, _NOISE, quiet,
                                    )  # fmt: skip
                                    chances_of_draws(
                                        quiet, quiet_bits, 0, few, deviation,
                                        chance_of[0], chance_of[1],
                                    )  # fmt: skip
                                    enough = sum_of(chance_of[0], few) >= wanted[q] * few
                                if enough:
                                    why = _UPLINK
                    if s == 0:
                        own_probability[q, r, c] = chance
                        own_reason[q, r, c] = why
                    for t in (scope_row[s], also_row[s]):
                        if t >= 0 and (
                            limiting[t, q, r, c] == 0 or chance > probability[t, q, r, c]
                        ):
                            probability[t, q, r, c] = chance
                            limiting[t, q, r, c] = best_way[s, q]
                            reason[t, q, r, c] = why


@kernel
def _list_sites(  # type: ignore[no-untyped-def]
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


@kernel
def _drop_slight(  # type: ignore[no-untyped-def]
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


@kernel
def _factors_of(  # type: ignore[no-untyped-def]
    q, one, load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw, aggregate,
    factors,
):  # fmt: skip
    """Write the factors of `reach` of one service and cell.

    With all power in ``all_mw``, a cell of RSRP ``top`` has the SINR it needs where
    ``top / (boost * ratio) - (all_mw - top * load_weight) >= noise``.
    """
    ratio, uplink_mw = required_sinr[q, one], required_level_mw[q, one]
    level = attach_mw[q] if aggregate else max(attach_mw[q], uplink_mw)
    factors[_LEVEL, q, one] = 0.0 if level >= _NEVER else 1.0 / level
    factors[_ATTACH, q, one] = 1.0 / attach_mw[q]
    factors[_UP, q, one] = 1e30 if uplink_mw <= 0.0 else 1.0 / uplink_mw
    if ratio >= _NEVER:
        factors[_SIGNAL, q, one] = -1e30
    elif ratio <= 0.0:
        factors[_SIGNAL, q, one] = factors[_QUIET, q, one] = 1e30
    else:
        weak = 1.0 / (boost[one] * ratio * noise_mw[one])
        factors[_QUIET, q, one] = weak
        factors[_SIGNAL, q, one] = weak + load_weight[one] / noise_mw[one]
    if ratio > 0.0:
        factors[_NOISE, q, one] = 1.0 / noise_mw[one]


@njit(cache=True, nogil=True)
def _factors(  # type: ignore[no-untyped-def]
    load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw, aggregate
):
    """Return the factors of `reach`, by kind, service and code."""
    services, codes = required_sinr.shape
    factors = np.zeros((7, services, codes), np.float32)
    for q in range(services):
        for one in range(1, codes):
            _factors_of(
                q, one, load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw,
                aggregate, factors,
            )  # fmt: skip
    return factors


@kernel
def _take_factors(who, count, by_code, by_site, alike):  # type: ignore[no-untyped-def]
    """Take the factors of the listed cells; ``alike`` is a site of each carrier if all agree."""
    kinds, services, carriers, _ = by_site.shape
    for a in range(carriers):
        first, same = _NO_CELL, True
        for i in range(count):
            one = who[a, i]
            if one == 0:
                continue
            if first == _NO_CELL:
                first = i
            same &= one == who[a, first]
            for k in range(kinds):
                for q in range(services):
                    by_site[k, q, a, i] = by_code[k, q, one]
        if first != _NO_CELL and not same:
            same = True
            for i in range(first + 1, count):
                if who[a, i] != 0:
                    for k in range(kinds):
                        for q in range(services):
                            same &= by_site[k, q, a, i] == by_site[k, q, a, first]
        alike[a] = first if same else _DIFFERENT


@kernel
def _reach_of_all(  # type: ignore[no-untyped-def]
    s, q, few, in_scope, carries, alike, top_mw, all_mw, lead, by_site, level, signal, noise, found
):
    """Write what the carriers of a scope reach together, under other factors, by draw."""
    for d in range(few):
        found[d] = LEAST
    for a in range(alike.size):
        if in_scope[s, a] and carries[q, a] and alike[a] != _NO_CELL:
            reach(
                top_mw[a], all_mw[a], lead[a], alike[a], by_site[level, q, a],
                by_site[signal, q, a], by_site[noise, q, a], 0, few, found,
            )  # fmt: skip


@kernel
def _cap_by_aggregation(  # type: ignore[no-untyped-def]
    found, begin, until, alike, who, lead, top_mw, heard, servers,
    s, in_scope, q, need_uplink_mbps, attach_mw, uplink_factor, uplink_block_hz, uplink_blocks,
    uplink_curve,
):  # fmt: skip
    """Lower what was found to what the carriers of a scope send together, draw by draw."""
    server_mw = servers[0]
    for d in range(begin, until):
        if found[d] <= LEAST:
            continue
        for a in range(heard.size):
            heard[a], server_mw[a] = 0, 0.0
            if alike[a] != _NO_CELL:
                heard[a], server_mw[a] = who[a, lead[a, d]], top_mw[a, d]
        needed = _needed_with_aggregation(
            s, in_scope, heard, server_mw, q, need_uplink_mbps, attach_mw, uplink_factor,
            uplink_block_hz, uplink_blocks, uplink_curve, servers[1], servers[2], servers[3],
        )  # fmt: skip
        found[d] = capped(found[d], needed)


@kernel
def _needed_with_aggregation(  # type: ignore[no-untyped-def]
    scope, in_scope, heard, server_mw, q, need_uplink_mbps, attach_mw, uplink_factor,
    uplink_block_hz, uplink_blocks, uplink_curve, snr, width_hz, most,
):  # fmt: skip
    """Return from which common factor on the carriers of a scope together reach the uplink."""
    if need_uplink_mbps[q] <= 0.0:
        return 0.0
    low, high = -30.0, 30.0  # neper
    reached = False
    for _ in range(24):
        middle = 0.5 * (low + high) if reached else high
        factor = exp(middle)
        count = 0
        for a in range(heard.size):
            one = heard[a]
            if one != 0 and in_scope[scope, a] and server_mw[a] * factor >= attach_mw[q]:
                snr[count] = server_mw[a] * factor * uplink_factor[one]
                width_hz[count] = uplink_block_hz[one]
                most[count] = uplink_blocks[one]
                count += 1
        enough = aggregated_rate(snr, width_hz, most, count, uplink_curve) >= need_uplink_mbps[q]
        if not reached:
            if not enough:
                return _NEVER
            reached = True
        elif enough:
            high = middle
        else:
            low = middle
    return exp(high)


@kernel
def _obstacle(  # type: ignore[no-untyped-def]
    chance, wanted, margin, sigma, diffraction_db, terrain_db
):
    """Return the obstacle whose loss makes up for what the level lacks, or distance."""
    db = 10.0 / np.log(10.0)
    fade_db = normal_quantile(wanted) * sigma * db
    # What the levels lack: from the chance where there is one, else from the median.
    deficit_db = fade_db - 10.0 * log10(max(margin, 1e-30))
    if sigma > 0.0 and chance > 1e-3:
        deficit_db = fade_db - normal_quantile(np.float64(chance)) * sigma * db
    clutter_db = max(diffraction_db - terrain_db, 0.0)
    if terrain_db >= deficit_db and terrain_db >= clutter_db:
        return _TERRAIN
    if clutter_db >= deficit_db:
        return _CLUTTER
    if terrain_db + clutter_db >= deficit_db:
        return _TERRAIN if terrain_db >= clutter_db else _CLUTTER
    return _DISTANCE
