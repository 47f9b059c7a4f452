# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from the sites heard at each pixel to the chance of each service.

Private: `lensong.coverage.layers` calls it; `lensong.coverage.shadowing` says what is averaged.
Arrays are those of one operator and one tile, as in `fold_kernels`. A *scope* is a set of the
operator's carriers: all that may carry a service, or those of one technology.

Cheap where the answer is plain: sites too weak to serve or to disturb are not drawn; one site alone
is a closed form; a service whose margin at the median is beyond any fade, to either side, takes the
chance of one site; and drawing ends where the draws agree.
"""

from __future__ import annotations

from math import exp, log

import numpy as np

from lensong.coverage.chance_aggregation import cap_at_median, cap_by_aggregation
from lensong.coverage.chance_draws import (
    BLOCK,
    LEAST,
    NEVER,
    chance_of_nepers,
    chances_of_draws,
    choose,
    choose_power,
    normal_quantile,
    reach,
    reach_by_cell,
)
from lensong.coverage.chance_sites import (
    ATTACH,
    DIFFERENT,
    LEVEL,
    NO_CELL,
    NOISE,
    QUIET,
    SIGNAL,
    UP,
    ZERO,
    drop_slight,
    list_sites,
    take_factors,
)
from lensong.coverage.lanes import larger, load, multiply, spread, store, total
from lensong.propagation.kernel import untyped_inlined_kernel as inlined
from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = ["judge_services"]

_ENOUGH = 0.015  # standard error of the mean at which no more is drawn, were the draws random
_STILL = 5e-5  # deviation of the draws of one service at which it is drawn no more
_PLAIN_SIGMAS = 3.0
_PLAIN = 0.004  # more than this, and a service is not hopeless
_DB_PER_NEPER = 10.0 / np.log(10.0)

# Ways to the chance of a service: none, that of all carriers, a margin at the median, draws, and
# draws that are done.
_NONE, _AS_ALL, _PLAINLY, _ALONE, _DRAWN, _SETTLED = range(6)

# Codes of lensong.coverage.result.REASONS; a test holds the two together.
_SERVED, _TERRAIN, _CLUTTER, _INTERFERENCE, _UPLINK, _DISTANCE, _, _CAPACITY = range(8)


def judge_services(  # type: ignore[no-untyped-def]
    code, level_mw, others_mw, rest_mw, diffraction_cdb, terrain_cdb, overlap_share,
    carries, in_scope, scope_row, also_row,
    site_of, load_weight, noise_mw, by_code, group, required_sinr, required_level_mw, attach_mw,
    wanted, need_uplink_mbps, uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
    aggregate, sigma, apart, common_nepers, rest_factor, draws,
    probability, limiting, reason, own_probability, own_reason,
):  # fmt: skip
    """Judge every service in every scope, and keep per pixel the operator that serves it best.

    ``carries[q, a]``: carrier ``a`` may carry service ``q``. ``in_scope[s, a]``: it belongs to
    scope ``s``, whose results go to row ``scope_row[s]`` of ``probability``, ``limiting`` and
    ``reason`` (rows, services, tile), and to ``also_row[s]`` if that is not negative. Scope 0 is
    the whole operator, whose own results are ``own_probability`` and ``own_reason``. ``limiting``
    is 0 where no operator came yet. ``by_code`` and ``group`` are those of `factors_by_code` and
    `alike_codes` of `lensong.coverage.chance_sites`. By service and code: ``required_sinr``
    (ratio) and ``required_level_mw``, the RSRP at which the uplink works; both ``inf`` where
    nothing is enough. By service: ``attach_mw`` and ``wanted``. ``sigma`` and ``apart`` are the
    deviations of a level and of the ratio of two sites' levels [neper of power]; ``common_nepers``,
    ``rest_factor`` and ``draws`` are those of `lensong.coverage.shadowing`.
    """
    carriers = code.shape[0]
    services, scopes = attach_mw.size, scope_row.size
    most_sites = draws.shape[1]
    _judge(
        code, level_mw, others_mw, rest_mw, diffraction_cdb, terrain_cdb, overlap_share,
        carries, in_scope, scope_row, also_row,
        site_of, load_weight, noise_mw, required_sinr, required_level_mw, attach_mw,
        wanted, need_uplink_mbps, uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
        aggregate, sigma, apart, common_nepers, rest_factor, draws,
        probability, limiting, reason, own_probability, own_reason,
        bool(overlap_share.max() > 0.0), by_code, group,
        # by kind of factor, service, carrier and site
        np.zeros((ZERO + 1, services, carriers, most_sites), np.float32),
        np.zeros(most_sites, np.int64),  # site
        np.zeros((carriers, most_sites), np.int64),  # who
        np.zeros((carriers, most_sites), np.float32),  # lead_mw
        np.zeros((carriers, most_sites), np.float32),  # total_mw
        np.zeros((carriers, most_sites), np.float32),  # own_mw
        np.zeros((4, carriers)),  # sum_mw, spill_mw, weakest_mw, slight_mw
        np.zeros(carriers, np.int64),  # alike
        # of the first block of draws, and of the last
        np.empty((carriers, 2 * BLOCK), np.float32),  # top_mw
        np.empty((carriers, 2 * BLOCK), np.float32),  # all_mw
        np.empty((carriers, 2 * BLOCK), np.float32),  # lead
        np.empty((scopes, services, BLOCK), np.float32),  # found
        np.empty(BLOCK, np.float32),  # quiet
        np.empty((6, scopes, services)),  # margins: best, together, undisturbed, downlink; sums
        np.empty((scopes, services), np.int64),  # best_carrier
        np.empty((scopes, services), np.int64),  # best_way
        np.empty((scopes, services), np.bool_),  # possible
        np.empty((scopes, services), np.int64),  # ways
        np.empty(services, np.float32), np.empty(services, np.int64),  # of all: chance, reason
        np.zeros(carriers, np.int64), np.zeros((4, carriers)),  # heard, server_mw and its rates
        # thresholds by number of sites, and by service
        np.zeros(most_sites + 1), np.zeros((services, most_sites + 1)), np.zeros(services),
    )  # fmt: skip


@kernel
def _judge(  # type: ignore[no-untyped-def]
    code, level_mw, others_mw, left_mw, diffraction_cdb, terrain_cdb, overlap_share,
    carries, in_scope, scope_row, also_row,
    site_of, load_weight, noise_mw, required_sinr, required_level_mw, attach_mw,
    wanted, need_uplink_mbps, uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
    aggregate, sigma, apart, common_nepers, rest_factor, draws,
    probability, limiting, reason, own_probability, own_reason,
    overlapping, by_code, group, by_site, site, who, lead_mw, total_mw, own_mw, powers_mw, alike,
    top_mw, all_mw, lead, found, quiet, margins,
    best_carrier, best_way, possible, ways, all_chance, all_why, heard, servers,
    hopeless_below, perhaps_from, fade_nepers,
):  # fmt: skip
    carriers, rows, cols, _ = code.shape
    scopes, services = best_carrier.shape
    most_draws = draws.shape[2]
    sum_mw = powers_mw[0]
    best, together, undisturbed, downlink, sums, squares = (
        margins[0], margins[1], margins[2], margins[3], margins[4], margins[5],
    )  # fmt: skip
    surely = exp(_PLAIN_SIGMAS * max(sigma, apart))
    too_weak = exp(-_PLAIN_SIGMAS * apart)
    for q in range(services):
        fade_nepers[q] = normal_quantile(wanted[q]) * sigma
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
            count = list_sites(
                r, c, code, level_mw, others_mw, left_mw, site_of, load_weight,
                overlap_share, overlapping, site, who, lead_mw, total_mw, own_mw, powers_mw,
            )  # fmt: skip
            # At the median: which carrier comes nearest, and by which direction it is limited.
            for s in range(scopes):
                for q in range(services):
                    best[s, q] = -1.0
                    together[s, q] = undisturbed[s, q] = downlink[s, q] = 0.0
                    best_carrier[s, q] = -1
                    possible[s, q] = False
                    ways[s, q] = _NONE
                    if s > 0 and _holds_all(s, q, r, c, code, carries, in_scope):
                        ways[s, q] = _AS_ALL
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
                    never = required_sinr[q, one] >= NEVER or required_level_mw[q, one] >= NEVER
                    if never and not aggregate:
                        margin, alone, down, alike_faded = 0.0, 0.0, 0.0, 0.0
                        way = 2 if required_sinr[q, one] < NEVER else 1
                    else:
                        level = signal * by_code[one, q, LEVEL]
                        attach = signal * by_code[one, q, ATTACH]
                        by_noise = signal * by_code[one, q, QUIET]
                        up = signal * by_code[one, q, UP]
                        down = min(attach, by_noise * clean)
                        margin, way = min(down, up), 1 if down <= up else 2
                        # Were all power to fade alike, as that of one site does: the noise stays.
                        alike_faded = min(level, by_noise - disturbing * by_code[one, q, NOISE])
                        alone = min(level, by_noise)
                    for s in range(scopes):
                        if not in_scope[s, a] or ways[s, q] == _AS_ALL:
                            continue
                        possible[s, q] |= not never or aggregate
                        together[s, q] = max(together[s, q], alike_faded)
                        undisturbed[s, q] = max(undisturbed[s, q], alone)
                        downlink[s, q] = max(downlink[s, q], down)
                        if best_carrier[s, q] < 0 or margin > best[s, q]:
                            best[s, q] = margin
                            best_carrier[s, q] = a
                            best_way[s, q] = way

            count = drop_slight(
                count, too_weak, noise_mw, code, r, c, site, who, lead_mw, total_mw, own_mw,
                powers_mw,
            )  # fmt: skip
            one_site = count == 1 or sigma <= 0.0
            any_drawn = False
            for s in range(scopes):
                for q in range(services):
                    sums[s, q] = squares[s, q] = 0.0
                    hopeless = undisturbed[s, q] < hopeless_below[count]
                    if best_carrier[s, q] < 0:
                        continue
                    if not aggregate and (hopeless or best[s, q] >= surely):
                        ways[s, q] = _PLAINLY
                    elif one_site:
                        ways[s, q] = _ALONE
                    else:
                        ways[s, q] = _DRAWN
                        any_drawn = True
            deviation = common_nepers[count]
            done, look = 0, BLOCK
            if any_drawn:
                take_factors(who, count, by_code, group, by_site, alike)
            while any_drawn and done < most_draws:
                at = min(done, BLOCK)
                for a in range(carriers):
                    rest_mw = np.float32(sum_mw[a] * rest_factor[count])
                    if alike[a] == DIFFERENT or (aggregate and alike[a] != NO_CELL):
                        choose(
                            lead_mw[a], total_mw[a], count, rest_mw, draws[count], done, at,
                            top_mw[a], all_mw[a], lead[a],
                        )  # fmt: skip
                    elif alike[a] != NO_CELL:
                        top, power = choose_power(
                            lead_mw[a], total_mw[a], count, rest_mw, draws[count], done
                        )
                        store(top_mw[a], at, top)
                        store(all_mw[a], at, power)
                for s in range(scopes - 1, -1, -1):  # all carriers after those of technologies
                    for q in range(services):
                        if ways[s, q] != _DRAWN:
                            continue
                        _reach_of_scope(
                            s, q, at, in_scope, carries, alike, top_mw, all_mw, lead,
                            by_code, by_site, ways, aggregate, found,
                        )  # fmt: skip
                        if aggregate:
                            cap_by_aggregation(
                                found[s, q], at, alike, who, lead, top_mw, heard,
                                servers, s, in_scope, q, need_uplink_mbps, attach_mw,
                                uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
                            )  # fmt: skip
                        chance_of = chances_of_draws(load(found[s, q], 0), deviation)
                        sums[s, q] += total(chance_of)
                        squares[s, q] += total(multiply(chance_of, chance_of))
                done += BLOCK
                if done < look and done < most_draws:
                    continue
                look, agree = 2 * look, True  # at draws once, twice, four times as many
                for s in range(scopes):
                    for q in range(services):
                        if ways[s, q] == _DRAWN:
                            mean = sums[s, q] / done
                            scatter = squares[s, q] / done - mean * mean
                            agree &= scatter < _ENOUGH * _ENOUGH * done
                            if scatter < _STILL * _STILL:
                                ways[s, q], sums[s, q] = _SETTLED, mean
                any_drawn = not agree

            for s in range(scopes):
                for q in range(services):
                    nearest, way, nepers = best_carrier[s, q], ways[s, q], 0.0
                    if way == _NONE or (way == _AS_ALL and ways[0, q] == _NONE):
                        continue
                    if way == _AS_ALL:
                        chance = all_chance[q]
                    elif way == _DRAWN:
                        chance = np.float32(sums[s, q] / done)
                    elif way == _SETTLED:
                        chance = np.float32(sums[s, q])
                    else:
                        margin = together[s, q]
                        if way == _PLAINLY:
                            margin = best[s, q] if best[s, q] >= surely else undisturbed[s, q]
                        elif aggregate:
                            margin = cap_at_median(
                                margin, r, c, code, level_mw, heard, servers, s, in_scope, q,
                                need_uplink_mbps, attach_mw, uplink_factor, uplink_block_hz,
                                uplink_blocks, uplink_curve,
                            )  # fmt: skip
                        nepers = log(max(margin, 1e-30))
                        chance = np.float32(chance_of_nepers(nepers, sigma))
                    why = _SERVED
                    if way == _AS_ALL:
                        why = all_why[q]
                        best_way[s, q] = best_way[0, q]
                    elif chance < np.float32(wanted[q]):
                        why = _CAPACITY
                        if possible[s, q]:
                            why = _DISTANCE
                            if way == _ALONE:
                                margin = undisturbed[s, q]
                                if aggregate:
                                    margin = cap_at_median(
                                        margin, r, c, code, level_mw, heard, servers, s, in_scope,
                                        q, need_uplink_mbps, attach_mw, uplink_factor,
                                        uplink_block_hz, uplink_blocks, uplink_curve,
                                    )  # fmt: skip
                                if margin >= perhaps_from[q, 1]:
                                    why = _INTERFERENCE
                            elif way >= _DRAWN and (
                                aggregate or undisturbed[s, q] >= perhaps_from[q, count]
                            ):
                                _reach_of_all(
                                    s, q, in_scope, carries, alike, top_mw, all_mw, lead,
                                    by_code, by_site, LEVEL, QUIET, ZERO, quiet,
                                )  # fmt: skip
                                if aggregate:
                                    cap_by_aggregation(
                                        quiet, 0, alike, who, lead, top_mw, heard, servers,
                                        s, in_scope, q, need_uplink_mbps, attach_mw, uplink_factor,
                                        uplink_block_hz, uplink_blocks, uplink_curve,
                                    )  # fmt: skip
                                chance_of = chances_of_draws(load(quiet, 0), deviation)
                                if total(chance_of) >= wanted[q] * BLOCK:
                                    why = _INTERFERENCE
                            if why == _DISTANCE:
                                if way >= _DRAWN:
                                    nepers = normal_quantile(np.float64(chance)) * sigma
                                if sigma <= 0.0 or chance <= 1e-3:  # no chance says how much
                                    nepers = log(max(best[s, q], 1e-30))
                                why = _obstacle(
                                    (fade_nepers[q] - nepers) * _DB_PER_NEPER,
                                    diffraction_cdb[nearest, r, c] * 0.01,
                                    terrain_cdb[nearest, r, c] * 0.01,
                                )  # fmt: skip
                            if why == _DISTANCE:
                                enough = downlink[s, q] >= perhaps_from[q, 1]
                                if (
                                    way >= _DRAWN
                                    and not enough
                                    and downlink[s, q] >= perhaps_from[q, count]
                                ):
                                    _reach_of_all(
                                        s, q, in_scope, carries, alike, top_mw, all_mw,
                                        lead, by_code, by_site, ATTACH, SIGNAL, NOISE, quiet,
                                    )  # fmt: skip
                                    chance_of = chances_of_draws(load(quiet, 0), deviation)
                                    enough = total(chance_of) >= wanted[q] * BLOCK
                                if enough:
                                    why = _UPLINK
                    if s == 0:
                        all_chance[q] = chance
                        all_why[q] = why
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
def _holds_all(s, q, r, c, code, carries, in_scope):  # type: ignore[no-untyped-def]
    """Return whether a scope has all carriers heard at a pixel that may carry a service."""
    for a in range(code.shape[0]):
        if carries[q, a] and not in_scope[s, a] and code[a, r, c, 0] != 0:
            return False
    return True


@inlined
def _reach_of_scope(  # type: ignore[no-untyped-def]
    s, q, at, in_scope, carries, alike, top_mw, all_mw, lead, by_code, by_site, ways, aggregate,
    found,
):  # fmt: skip
    """Write what the carriers of a scope reach together, by draw; those stand from ``at`` on.

    Scope 0 has all carriers: what those of a technology reach is known, where it was drawn.
    """
    here, is_whole = spread(LEAST), s == 0 and not aggregate
    for t in range(1, found.shape[0]):
        if is_whole and ways[t, q] == _DRAWN:
            here = larger(load(found[t, q], 0), here)
    store(found[s, q], 0, here)
    for a in range(alike.size):
        if not in_scope[s, a] or not carries[q, a]:
            continue
        if not is_whole or not _is_drawn(q, a, in_scope, ways):
            _reach_on(
                a, q, at, alike, top_mw, all_mw, lead, by_code, by_site,
                LEVEL, SIGNAL, NOISE, found[s, q],
            )  # fmt: skip


@inlined
def _is_drawn(q, a, in_scope, ways):  # type: ignore[no-untyped-def]
    """Return whether a carrier is drawn with its technology."""
    found = False
    for t in range(1, in_scope.shape[0]):
        found |= in_scope[t, a] and ways[t, q] == _DRAWN
    return found


@kernel
def _reach_of_all(  # type: ignore[no-untyped-def]
    s, q, in_scope, carries, alike, top_mw, all_mw, lead, by_code, by_site,
    level, signal, noise, found,
):  # fmt: skip
    """Write what the carriers of a scope reach in the first block; the factors by their kinds."""
    store(found, 0, spread(LEAST))
    for a in range(alike.size):
        if in_scope[s, a] and carries[q, a]:
            _reach_on(
                a, q, 0, alike, top_mw, all_mw, lead, by_code, by_site,
                level, signal, noise, found,
            )  # fmt: skip


@inlined
def _reach_on(  # type: ignore[no-untyped-def]
    a, q, at, alike, top_mw, all_mw, lead, by_code, by_site, level, signal, noise, found
):
    """Raise what was found to what one carrier reaches; the factors by their kinds."""
    one = alike[a]
    if one == DIFFERENT:
        reach_by_cell(
            top_mw[a], all_mw[a], lead[a], at, by_site[level, q, a], by_site[signal, q, a],
            by_site[noise, q, a], found,
        )  # fmt: skip
    elif one != NO_CELL:
        here = reach(
            load(top_mw[a], at), load(all_mw[a], at), by_code[one, q, level],
            by_code[one, q, signal], by_code[one, q, noise], load(found, 0),
        )  # fmt: skip
        store(found, 0, here)


@kernel
def _obstacle(deficit_db, diffraction_db, terrain_db):  # type: ignore[no-untyped-def]
    """Return the obstacle whose loss makes up for what the level lacks, or distance."""
    clutter_db = max(diffraction_db - terrain_db, 0.0)
    if terrain_db >= deficit_db and terrain_db >= clutter_db:
        return _TERRAIN
    if clutter_db >= deficit_db:
        return _CLUTTER
    if terrain_db + clutter_db >= deficit_db:
        return _TERRAIN if terrain_db >= clutter_db else _CLUTTER
    return _DISTANCE
