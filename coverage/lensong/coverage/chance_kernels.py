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
    normal_quantile,
    reach,
    reach_by_cell,
    sum_of_block,
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
    factors_by_code,
    list_sites,
    take_factors,
)
from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = ["judge_services"]

_ENOUGH = 0.015  # standard error of the mean at which no more is drawn, were the draws random
_STILL = 5e-5  # deviation of the draws of one service at which it is drawn no more
_PLAIN_SIGMAS = 3.0
_PLAIN = 0.004  # more than this, and a service is not hopeless
_DB_PER_NEPER = 10.0 / np.log(10.0)

# Ways to the chance of a service: none, a margin at the median, draws, and draws that are done.
_NONE, _PLAINLY, _ALONE, _DRAWN, _SETTLED = range(5)

# Codes of lensong.coverage.result.REASONS; a test holds the two together.
_SERVED, _TERRAIN, _CLUTTER, _INTERFERENCE, _UPLINK, _DISTANCE, _, _CAPACITY = range(8)


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
    by_code = factors_by_code(
        load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw, aggregate
    )
    found = np.empty((scopes, services, most_draws), np.float32)
    quiet = np.empty(BLOCK, np.float32)
    _judge(
        code, level_mw, others_mw, rest_mw, diffraction_cdb, terrain_cdb, overlap_share,
        carries, in_scope, scope_row, also_row,
        site_of, load_weight, noise_mw, required_sinr, required_level_mw, attach_mw,
        wanted, need_uplink_mbps, uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
        aggregate, sigma, apart, common_nepers, rest_factor, draws,
        probability, limiting, reason, own_probability, own_reason,
        bool(overlap_share.max() > 0.0), by_code,
        # by kind of factor, service, carrier and site
        np.zeros((ZERO + 1, services, carriers, most_sites), np.float32),
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
        np.empty((2, BLOCK), np.float32),  # chance, square
        np.empty((6, scopes, services)),  # margins: best, together, undisturbed, downlink; sums
        np.empty((scopes, services), np.int64),  # best_carrier
        np.empty((scopes, services), np.int64),  # best_way
        np.empty((scopes, services), np.bool_),  # possible
        np.empty((scopes, services), np.int64),  # ways
        np.zeros(carriers, np.int64), np.zeros((4, carriers)),  # heard, server_mw and its rates
        # thresholds by number of sites, and by service
        np.zeros(most_sites + 1), np.zeros((services, most_sites + 1)), np.zeros(services),
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
    best_carrier, best_way, possible, ways, heard, servers,
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
                r, c, code, level_mw, others_mw, rest_mw, site_of, load_weight,
                overlap_share, overlapping, site, who, lead_mw, total_mw, own_mw, powers_mw,
            )  # fmt: skip
            # At the median: which carrier comes nearest, and by which direction it is limited.
            for s in range(scopes):
                for q in range(services):
                    best[s, q] = -1.0
                    together[s, q] = undisturbed[s, q] = downlink[s, q] = 0.0
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
                        if not in_scope[s, a]:
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
                        ways[s, q] = _NONE
                    elif not aggregate and (hopeless or best[s, q] >= surely):
                        ways[s, q] = _PLAINLY
                    elif one_site:
                        ways[s, q] = _ALONE
                    else:
                        ways[s, q] = _DRAWN
                        any_drawn = True
            deviation = common_nepers[count]
            done = 0
            if any_drawn:
                take_factors(who, count, by_code, by_site, alike)
            while any_drawn and done < most_draws:
                # The draws after the first ones are made at once, and looked at in their middle.
                until = BLOCK if done == 0 else most_draws
                for a in range(carriers):
                    if alike[a] != NO_CELL:
                        choose(
                            lead_mw[a], total_mw[a], count,
                            np.float32(sum_mw[a] * rest_factor[count]),
                            draws[count], done, until, top_mw[a], all_mw[a], lead[a],
                        )  # fmt: skip
                for s in range(scopes):
                    for q in range(services):
                        if ways[s, q] == _DRAWN:
                            _reach_of_all(
                                s, q, done, until, in_scope, carries, alike, top_mw, all_mw, lead,
                                by_code, by_site, LEVEL, SIGNAL, NOISE, found[s, q],
                            )  # fmt: skip
                while any_drawn and done < until:
                    upto, agree = min(until, max(2 * done, BLOCK)), True
                    for s in range(scopes):
                        for q in range(services):
                            if ways[s, q] != _DRAWN:
                                continue
                            if aggregate:
                                cap_by_aggregation(
                                    found[s, q], done, upto, alike, who, lead, top_mw, heard,
                                    servers, s, in_scope, q, need_uplink_mbps, attach_mw,
                                    uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
                                )  # fmt: skip
                            for begin in range(done, upto, BLOCK):
                                chances_of_draws(
                                    found[s, q], bits[s, q], begin, deviation,
                                    chance_of[0], chance_of[1],
                                )  # fmt: skip
                                sums[s, q] += sum_of_block(chance_of[0])
                                squares[s, q] += sum_of_block(chance_of[1])
                            mean = sums[s, q] / upto
                            scatter = squares[s, q] / upto - mean * mean
                            agree &= scatter < _ENOUGH * _ENOUGH * upto
                            if scatter < _STILL * _STILL:
                                ways[s, q], sums[s, q] = _SETTLED, mean
                    done = upto
                    any_drawn = not agree

            for s in range(scopes):
                for q in range(services):
                    nearest, way, nepers = best_carrier[s, q], ways[s, q], 0.0
                    if way == _NONE:
                        continue
                    if way == _DRAWN:
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
                    if chance < np.float32(wanted[q]):
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
                                    s, q, 0, BLOCK, in_scope, carries, alike, top_mw, all_mw, lead,
                                    by_code, by_site, LEVEL, QUIET, ZERO, quiet,
                                )  # fmt: skip
                                if aggregate:
                                    cap_by_aggregation(
                                        quiet, 0, BLOCK, alike, who, lead, top_mw, heard, servers,
                                        s, in_scope, q, need_uplink_mbps, attach_mw, uplink_factor,
                                        uplink_block_hz, uplink_blocks, uplink_curve,
                                    )  # fmt: skip
                                chances_of_draws(
                                    quiet, quiet_bits, 0, deviation, chance_of[0], chance_of[1]
                                )
                                if sum_of_block(chance_of[0]) >= wanted[q] * BLOCK:
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
                                        s, q, 0, BLOCK, in_scope, carries, alike, top_mw, all_mw,
                                        lead, by_code, by_site, ATTACH, SIGNAL, NOISE, quiet,
                                    )  # fmt: skip
                                    chances_of_draws(
                                        quiet, quiet_bits, 0, deviation, chance_of[0], chance_of[1]
                                    )
                                    enough = sum_of_block(chance_of[0]) >= wanted[q] * BLOCK
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
def _reach_of_all(  # type: ignore[no-untyped-def]
    s, q, begin, until, in_scope, carries, alike, top_mw, all_mw, lead, by_code, by_site,
    level, signal, noise, found,
):  # fmt: skip
    """Write what the carriers of a scope reach together, by draw; the factors by their kinds."""
    for d in range(begin, until):
        found[d] = LEAST
    for a in range(alike.size):
        one = alike[a]
        if not (in_scope[s, a] and carries[q, a]) or one == NO_CELL:
            continue
        if one == DIFFERENT:
            reach_by_cell(
                top_mw[a], all_mw[a], lead[a], by_site[level, q, a], by_site[signal, q, a],
                by_site[noise, q, a], begin, until, found,
            )  # fmt: skip
        else:
            reach(
                top_mw[a], all_mw[a], by_code[one, q, level], by_code[one, q, signal],
                by_code[one, q, noise], begin, until, found,
            )  # fmt: skip


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
