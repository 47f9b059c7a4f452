# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from the sites heard at each pixel to the chance of each service.

Private: `lensong.coverage.layers` calls it; `lensong.coverage.shadowing` says what is averaged.
Arrays are those of one operator and one tile, as in `fold_kernels`. A *scope* is a set of the
operator's carriers: all that may carry a service, or those of one technology.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from lensong.coverage.fold_kernels import aggregated_rate

__all__ = ["judge_services"]

_NEPER_PER_DB = np.log(10.0) / 10.0
_NEVER = 1e300
_FIRST_DRAWS = 16
_PLAIN = 0.01  # where all draws agree to this, there is no need of more
_REASON_DRAWS = 16
_HOPELESS_SIGMAS = 4.0

# Codes of lensong.coverage.result.REASONS; a test holds the two together.
_SERVED, _TERRAIN, _CLUTTER, _INTERFERENCE, _UPLINK, _DISTANCE, _, _CAPACITY = range(8)


@njit(cache=True, nogil=True)
def _phi(x, table):  # type: ignore[no-untyped-def]
    """Read the normal distribution from its table (steps of 1/64 from -6)."""
    if x <= -6.0:
        return 0.0
    if x >= 6.0:
        return 1.0
    at = (x + 6.0) * 64.0
    low = min(int(at), table.size - 2)
    return table[low] + (at - low) * (table[low + 1] - table[low])


@njit(cache=True, nogil=True)
def _inverse_phi(p, table):  # type: ignore[no-untyped-def]
    low, high = 0, table.size - 1
    if p <= table[low]:
        return -6.0
    if p >= table[high]:
        return 6.0
    while high - low > 1:
        middle = (low + high) // 2
        if table[middle] <= p:
            low = middle
        else:
            high = middle
    return (low + (p - table[low]) / (table[high] - table[low])) / 64.0 - 6.0


@njit(cache=True, nogil=True)
def _chance(needed, deviation, table):  # type: ignore[no-untyped-def]
    """Chance that a common factor exp(w) reaches ``needed``."""
    if needed >= _NEVER:
        return 0.0
    if deviation <= 0.0:
        return 1.0 if needed <= 1.0 + 1e-9 else 0.0
    if needed <= 0.0:
        return 1.0
    return _phi(-np.log(needed) / deviation, table)


@njit(cache=True, nogil=True)
def _list_sites(  # type: ignore[no-untyped-def]
    r, c, code, level_dbm, others_mw, rest_mw, site_of, load_weight, overlap_share,
    site, who, level_mw, total_mw, own_mw, sum_mw,
):  # fmt: skip
    """Collect the strongest sites of all carriers; return how many there are.

    ``who[a, i]`` is the strongest cell of site ``i`` on carrier ``a`` (0: none), ``level_mw`` its
    RSRP, ``total_mw`` all the power by which the site disturbs carrier ``a``, ``own_mw`` that
    without its strongest cell, ``sum_mw[a]`` the power of sites that are not listed.
    """
    carriers, depth = code.shape[0], code.shape[3]
    most = site.size
    count = 0
    for a in range(carriers):
        sum_mw[a] = rest_mw[a, r, c]
        for i in range(most):
            who[a, i] = 0
            level_mw[a, i] = total_mw[a, i] = own_mw[a, i] = 0.0
    for k in range(depth):  # the strongest of every carrier first
        for a in range(carriers):
            one = code[a, r, c, k]
            if one == 0:
                continue
            at = -1
            for i in range(count):
                if site[i] == site_of[one]:
                    at = i
                    break
            mw = np.exp(level_dbm[a, r, c, k] * _NEPER_PER_DB)
            power = mw * load_weight[one]
            if at < 0:
                if count == most:
                    sum_mw[a] += others_mw[a, r, c, k] + power
                    continue
                at = count
                site[at] = site_of[one]
                count += 1
            who[a, at] = one
            level_mw[a, at] = mw
            own_mw[a, at] = others_mw[a, r, c, k]
            total_mw[a, at] = others_mw[a, r, c, k] + power
    if overlap_share.max() > 0.0:
        spill = np.zeros((carriers, count + 1))
        for a in range(carriers):
            for b in range(carriers):
                share = overlap_share[a, b]
                if share > 0.0:
                    for i in range(count):
                        spill[a, i] += share * total_mw[b, i]
                    spill[a, count] += share * sum_mw[b]
        for a in range(carriers):
            sum_mw[a] += spill[a, count]
            for i in range(count):
                own_mw[a, i] += spill[a, i]
                total_mw[a, i] += spill[a, i]
    return count


@njit(cache=True, nogil=True)
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
        factor = np.exp(middle)
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
    return np.exp(high)


@njit(cache=True, nogil=True)
def judge_services(  # type: ignore[no-untyped-def]
    code, level_dbm, others_mw, rest_mw, diffraction_cdb, terrain_cdb, overlap_share,
    carries, in_scope, scope_row, also_row,
    site_of, load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw,
    wanted, need_uplink_mbps, uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
    aggregate, sigma_db, common_nepers, rest_factor, draws, table,
    probability, limiting, reason, own_probability, own_reason,
):  # fmt: skip
    """Judge every service in every scope, and keep per pixel the operator that serves it best.

    ``carries[q, a]``: carrier ``a`` may carry service ``q``. ``in_scope[s, a]``: it belongs to
    scope ``s``, whose results go to row ``scope_row[s]`` of ``probability``, ``limiting`` and
    ``reason`` (rows, services, tile), and to ``also_row[s]`` if that is not negative. Scope 0 is
    the whole operator, whose own results are ``own_probability`` and ``own_reason``. ``limiting``
    is 0 where no operator came yet. ``boost`` is a ratio. By service and code: ``required_sinr``
    (ratio) and ``required_level_mw``, the RSRP at which the uplink works; both ``inf`` where
    nothing is enough. By service: ``attach_mw`` and ``wanted``.
    """
    carriers, rows, cols, _ = code.shape
    services = attach_mw.size
    scopes = scope_row.size
    most_sites = draws.shape[2]
    site = np.empty(most_sites, np.int64)
    who = np.zeros((carriers, most_sites), np.int64)
    level_mw = np.zeros((carriers, most_sites))
    total_mw = np.zeros((carriers, most_sites))
    own_mw = np.zeros((carriers, most_sites))
    sum_mw = np.zeros(carriers)
    server_mw = np.zeros(carriers)
    heard = np.zeros(carriers, np.int64)
    # chance of: both directions; both without interference; the downlink
    sums = np.zeros((3, scopes, services))
    least = np.empty((3, scopes, services))
    lowest, highest = np.empty((scopes, services)), np.empty((scopes, services))
    best_margin_db = np.empty((scopes, services))
    best_quiet_db = np.empty((scopes, services))
    best_carrier = np.empty((scopes, services), np.int64)
    best_way = np.empty((scopes, services), np.int64)
    possible = np.empty((scopes, services), np.bool_)
    snr, width_hz, blocks = np.empty(carriers), np.empty(carriers), np.empty(carriers)
    for r in range(rows):
        for c in range(cols):
            any_heard = False
            for a in range(carriers):
                any_heard |= code[a, r, c, 0] != 0
            if not any_heard:
                continue
            count = _list_sites(
                r, c, code, level_dbm, others_mw, rest_mw, site_of, load_weight,
                overlap_share, site, who, level_mw, total_mw, own_mw, sum_mw,
            )  # fmt: skip
            # At the median: which carrier comes nearest, and by which direction it is limited.
            for s in range(scopes):
                for q in range(services):
                    best_margin_db[s, q] = -np.inf
                    best_quiet_db[s, q] = -np.inf
                    best_carrier[s, q] = -1
                    possible[s, q] = False
            for a in range(carriers):
                one = np.int64(code[a, r, c, 0])
                if one == 0:
                    continue
                rsrp = level_dbm[a, r, c, 0]
                signal = np.exp(rsrp * _NEPER_PER_DB)
                data = signal / boost[one]
                disturbing, listed = sum_mw[a], False
                for i in range(count):
                    if who[a, i] == one:
                        disturbing += own_mw[a, i]
                        listed = True
                    else:
                        disturbing += total_mw[a, i]
                if not listed:  # more carriers than sites can be listed
                    disturbing = max(disturbing - load_weight[one] * signal, 0.0)
                for q in range(services):
                    if not carries[q, a]:
                        continue
                    never = required_sinr[q, one] >= _NEVER or required_level_mw[q, one] >= _NEVER
                    if never and not aggregate:
                        margin, quiet, way = -np.inf, -np.inf, 1
                        if required_sinr[q, one] < _NEVER:
                            way = 2
                    else:
                        attach = 10.0 * np.log10(signal / attach_mw[q])
                        down, quiet = attach, attach
                        if required_sinr[q, one] > 0.0:
                            ratio = data / required_sinr[q, one]
                            down = min(
                                attach, 10.0 * np.log10(ratio / (disturbing + noise_mw[one]))
                            )
                            quiet = min(attach, 10.0 * np.log10(ratio / noise_mw[one]))
                        up = np.inf
                        if required_level_mw[q, one] > 0.0:
                            up = 10.0 * np.log10(signal / required_level_mw[q, one])
                        margin, way = min(down, up), 1 if down <= up else 2
                        quiet = min(quiet, up)
                    for s in range(scopes):
                        if not in_scope[s, a]:
                            continue
                        possible[s, q] |= not never or aggregate
                        if best_carrier[s, q] < 0 or margin > best_margin_db[s, q]:
                            best_margin_db[s, q] = margin
                            best_carrier[s, q] = a
                            best_way[s, q] = way
                        best_quiet_db[s, q] = max(best_quiet_db[s, q], quiet)

            sums[:] = 0.0
            lowest[:] = 1.0
            highest[:] = 0.0
            done = 0
            hopeless = not aggregate
            for s in range(scopes):
                for q in range(services):
                    if best_quiet_db[s, q] > -_HOPELESS_SIGMAS * sigma_db - 1e-6:
                        hopeless = False
            wanted_draws = draws.shape[1] if count > 1 and sigma_db > 0.0 else 1
            deviation = common_nepers[count]
            lumped = rest_factor[count]
            while not hopeless and done < wanted_draws:
                until = min(wanted_draws, _FIRST_DRAWS if done == 0 else 2 * done)
                for d in range(done, until):
                    least[:] = _NEVER
                    for a in range(carriers):
                        top, all_mw, lead = 0.0, sum_mw[a] * lumped, -1
                        for i in range(count):
                            factor = draws[count, d, i]
                            all_mw += total_mw[a, i] * factor
                            mw = level_mw[a, i] * factor
                            if mw > top:
                                top, lead = mw, i
                        heard[a] = 0
                        if lead < 0:
                            continue
                        one = who[a, lead]
                        heard[a] = one
                        server_mw[a] = top
                        factor = draws[count, d, lead]
                        data = top / boost[one]
                        disturbing = max(
                            all_mw - (total_mw[a, lead] - own_mw[a, lead]) * factor, 0.0
                        )
                        for q in range(services):
                            if not carries[q, a]:
                                continue
                            ratio = required_sinr[q, one]
                            if ratio >= _NEVER:
                                continue
                            free = data - ratio * disturbing
                            attach = attach_mw[q] / top
                            up = required_level_mw[q, one] / top if not aggregate else 0.0
                            quiet = max(attach, ratio * noise_mw[one] / data)
                            down = _NEVER
                            if free > 0.0:
                                down = max(attach, ratio * noise_mw[one] / free)
                            for s in range(scopes):
                                if in_scope[s, a]:
                                    least[0, s, q] = min(least[0, s, q], max(down, up))
                                    least[1, s, q] = min(least[1, s, q], max(quiet, up))
                                    least[2, s, q] = min(least[2, s, q], down)
                    for s in range(scopes):
                        for q in range(services):
                            if aggregate and least[1, s, q] < _NEVER:
                                up = _needed_with_aggregation(
                                    s, in_scope, heard, server_mw, q, need_uplink_mbps, attach_mw,
                                    uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
                                    snr, width_hz, blocks,
                                )  # fmt: skip
                                least[0, s, q] = max(least[0, s, q], up)
                                least[1, s, q] = max(least[1, s, q], up)
                            chance_here = _chance(least[0, s, q], deviation, table)
                            sums[0, s, q] += chance_here
                            lowest[s, q] = min(lowest[s, q], chance_here)
                            highest[s, q] = max(highest[s, q], chance_here)
                            if d < _REASON_DRAWS:
                                sums[1, s, q] += _chance(least[1, s, q], deviation, table)
                                sums[2, s, q] += _chance(least[2, s, q], deviation, table)
                done = until
                plain = True
                for s in range(scopes):
                    for q in range(services):
                        plain &= highest[s, q] - lowest[s, q] < _PLAIN
                if plain:
                    break

            spread = max(done, 1)
            for s in range(scopes):
                for q in range(services):
                    a = best_carrier[s, q]
                    if a < 0:
                        continue
                    chance = np.float32(sums[0, s, q] / spread)
                    few = max(min(done, _REASON_DRAWS), 1)
                    why = _reason(
                        chance, wanted[q], possible[s, q], sums[1, s, q] / few,
                        sums[2, s, q] / few, best_margin_db[s, q], sigma_db,
                        diffraction_cdb[a, r, c] * 0.01, terrain_cdb[a, r, c] * 0.01, table,
                    )  # fmt: skip
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


@njit(cache=True, nogil=True)
def _reason(  # type: ignore[no-untyped-def]
    chance, wanted, possible, quiet_chance, down_chance, margin_db, sigma_db,
    diffraction_db, terrain_db, table,
):  # fmt: skip
    if chance >= np.float32(wanted):
        return _SERVED
    if not possible:
        return _CAPACITY
    if quiet_chance >= wanted:
        return _INTERFERENCE
    fade_db = _inverse_phi(wanted, table) * sigma_db
    # What the levels lack: from the chance where there is one, else from the median.
    deficit_db = fade_db - margin_db
    if sigma_db > 0.0 and chance > 1e-3:
        deficit_db = fade_db - _inverse_phi(float(chance), table) * sigma_db
    clutter_db = max(diffraction_db - terrain_db, 0.0)
    if terrain_db >= deficit_db and terrain_db >= clutter_db:
        return _TERRAIN
    if clutter_db >= deficit_db:
        return _CLUTTER
    if terrain_db + clutter_db >= deficit_db:
        return _TERRAIN if terrain_db >= clutter_db else _CLUTTER
    if down_chance >= wanted:
        return _UPLINK
    return _DISTANCE
