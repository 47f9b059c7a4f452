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
from lensong.coverage.shadowing import CHANCE_BITS, CHANCE_OCTAVES

__all__ = ["judge_services"]

_NEPER_PER_DB = np.log(10.0) / 10.0
_NEVER = 1e300
_FIRST_DRAWS = 16
_PLAIN = 0.02  # where draws spread by no more than this times the root of their number: enough
_REASON_DRAWS = 16
_HOPELESS_SIGMAS = 4.0

# Places in the table of `lensong.coverage.shadowing.Shadowing.chances`, from the bits of a float32.
_FRACTION_BITS = 23 - CHANCE_BITS
_FRACTION_MASK = (1 << _FRACTION_BITS) - 1
_PART = 1.0 / (1 << _FRACTION_BITS)
_FIRST_PLACE = (127 - CHANCE_OCTAVES) << CHANCE_BITS
_LEAST = np.float32(2.0**-CHANCE_OCTAVES)
_MOST = np.float32(2.0**CHANCE_OCTAVES)

# Factors of a cell: RSRP needed, RSRP to attach; SINR by signal and noise, the same undisturbed.
_LEVEL, _ATTACH, _SIGNAL, _NOISE, _QUIET, _ZERO = range(6)
_NO_CELL, _DIFFERENT = -1, -2

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
def _choose(  # type: ignore[no-untyped-def]
    level_mw, total_mw, count, rest_mw, factors, begin, until, all_top_mw, all_all_mw, all_lead
):
    """Let the phone choose in every draw: the strongest site, its RSRP, and all the power."""
    # Loops that count from 0 over slices become vector instructions.
    top_mw, all_mw = all_top_mw[begin:until], all_all_mw[begin:until]
    lead = all_lead[begin:until]
    for d in range(top_mw.size):
        top_mw[d] = np.float32(0.0)
        all_mw[d] = rest_mw
        lead[d] = np.int32(0)
    for i in range(count):
        level, total = level_mw[i], total_mw[i]
        if total == 0.0 and level == 0.0:
            continue
        at = np.int32(i)
        of_site = factors[i][begin:until]
        for d in range(top_mw.size):
            factor = of_site[d]
            mw = level * factor
            all_mw[d] += total * factor
            better = mw > top_mw[d]
            lead[d] = at if better else lead[d]
            top_mw[d] = mw if better else top_mw[d]


@njit(cache=True, nogil=True)
def _reach(  # type: ignore[no-untyped-def]
    top_mw, all_mw, lead, alike, by_level, by_signal, by_noise, begin, until, found
):
    """Raise ``found`` to how many times more power there is than one carrier needs, by draw.

    That is the lesser of what RSRP allows and what SINR does, each linear in power:
    ``by_level``, ``by_signal`` and ``by_noise`` are the factors of each site's cell. ``alike``
    tells that they are the same for all sites.
    """
    top_mw, all_mw = top_mw[begin:until], all_mw[begin:until]
    lead, found = lead[begin:until], found[begin:until]
    if alike >= 0:
        level, signal, noise = by_level[alike], by_signal[alike], by_noise[alike]
        for d in range(top_mw.size):
            by_rsrp = top_mw[d] * level
            by_sinr = top_mw[d] * signal - all_mw[d] * noise
            here = by_rsrp if by_rsrp < by_sinr else by_sinr
            found[d] = here if here > found[d] else found[d]
        return
    for d in range(top_mw.size):
        i = lead[d]
        here = min(top_mw[d] * by_level[i], top_mw[d] * by_signal[i] - all_mw[d] * by_noise[i])
        found[d] = max(found[d], here)


@njit(cache=True, nogil=True)
def _mean(found, bits, begin, until, deviation, chances, table):  # type: ignore[no-untyped-def]
    """Return sum, least and most of the chances that a common factor makes ``found`` reach 1.

    ``bits`` is the memory of ``found``: exponent and first bits of the fraction are the place in
    ``chances``, the other bits are the way to the next one.
    """
    total, low, high = 0.0, 1.0, 0.0
    if deviation <= 0.0 or until - begin == 1:
        for d in range(begin, until):
            here = 0.0
            if found[d] > _LEAST:
                here = _chance(1.0 / found[d], deviation, table)
            total += here
            low, high = min(low, here), max(high, here)
        return total, low, high
    found, bits = found[begin:until], bits[begin:until]
    for d in range(found.size):
        found[d] = _MOST if found[d] > _MOST else found[d]
    for d in range(found.size):
        place = (bits[d] >> _FRACTION_BITS) - _FIRST_PLACE
        part = (bits[d] & _FRACTION_MASK) * _PART
        here = chances[place] + part * (chances[place + 1] - chances[place])
        total += here
        low, high = min(low, here), max(high, here)
    return total, low, high


@njit(cache=True, nogil=True)
def judge_services(  # type: ignore[no-untyped-def]
    code, level_dbm, others_mw, rest_mw, diffraction_cdb, terrain_cdb, overlap_share,
    carries, in_scope, scope_row, also_row,
    site_of, load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw,
    wanted, need_uplink_mbps, uplink_factor, uplink_block_hz, uplink_blocks, uplink_curve,
    aggregate, sigma_db, common_nepers, rest_factor, draws, chances, table,
    probability, limiting, reason, own_probability, own_reason,
):  # fmt: skip
    """Judge every service in every scope, and keep per pixel the operator that serves it best.

    ``carries[q, a]``: carrier ``a`` may carry service ``q``. ``in_scope[s, a]``: it belongs to
    scope ``s``, whose results go to row ``scope_row[s]`` of ``probability``, ``limiting`` and
    ``reason`` (rows, services, tile), and to ``also_row[s]`` if that is not negative. Scope 0 is
    the whole operator, whose own results are ``own_probability`` and ``own_reason``. ``limiting``
    is 0 where no operator came yet. ``boost`` is a ratio. By service and code: ``required_sinr``
    (ratio) and ``required_level_mw``, the RSRP at which the uplink works; both ``inf`` where
    nothing is enough. By service: ``attach_mw`` and ``wanted``. ``draws``, ``chances`` and
    ``table`` are those of `lensong.coverage.shadowing`.
    """
    carriers, rows, cols, _ = code.shape
    services = attach_mw.size
    scopes = scope_row.size
    most_sites, most_draws = draws.shape[1], draws.shape[2]
    site = np.empty(most_sites, np.int64)
    who = np.zeros((carriers, most_sites), np.int64)
    level_mw = np.zeros((carriers, most_sites), np.float32)
    total_mw = np.zeros((carriers, most_sites), np.float32)
    own_mw = np.zeros((carriers, most_sites), np.float32)
    sum_mw = np.zeros(carriers)
    server_mw = np.zeros(carriers)
    heard = np.zeros(carriers, np.int64)
    alike = np.zeros(carriers, np.int64)
    top_mw = np.empty((carriers, most_draws), np.float32)
    all_mw = np.empty((carriers, most_draws), np.float32)
    lead = np.empty((carriers, most_draws), np.int32)
    by_code = _factors(
        load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw, aggregate
    )
    # by service, carrier and site: rows as in _factors
    by_site = np.zeros((6, services, carriers, most_sites), np.float32)
    found = np.empty((scopes, services, most_draws), np.float32)
    bits = found.view(np.int32)
    quiet = np.empty(most_draws, np.float32)
    quiet_bits = quiet.view(np.int32)
    sums = np.empty((scopes, services))
    lowest, highest = np.empty((scopes, services)), np.empty((scopes, services))
    best_margin = np.empty((scopes, services))
    best_carrier = np.empty((scopes, services), np.int64)
    best_way = np.empty((scopes, services), np.int64)
    possible = np.empty((scopes, services), np.bool_)
    snr, width_hz, blocks = np.empty(carriers), np.empty(carriers), np.empty(carriers)
    hopeless_ratio = np.exp(-_HOPELESS_SIGMAS * sigma_db * _NEPER_PER_DB) * (1.0 - 1e-9)
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
                    best_margin[s, q] = -1.0
                    best_carrier[s, q] = -1
                    possible[s, q] = False
            hopeless = not aggregate
            for a in range(carriers):
                one = np.int64(code[a, r, c, 0])
                if one == 0:
                    continue
                signal = np.exp(level_dbm[a, r, c, 0] * _NEPER_PER_DB)
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
                        margin = 0.0
                        way = 2 if required_sinr[q, one] < _NEVER else 1
                    else:
                        attach = signal / attach_mw[q]
                        down = attach
                        if required_sinr[q, one] > 0.0:
                            ratio = signal / (boost[one] * required_sinr[q, one])
                            down = min(attach, ratio / (disturbing + noise_mw[one]))
                            attach = min(attach, ratio / noise_mw[one])
                        up = np.inf
                        if required_level_mw[q, one] > 0.0:
                            up = signal / required_level_mw[q, one]
                        margin, way = min(down, up), 1 if down <= up else 2
                        hopeless = hopeless and min(attach, up) <= hopeless_ratio
                    for s in range(scopes):
                        if not in_scope[s, a]:
                            continue
                        possible[s, q] |= not never or aggregate
                        if best_carrier[s, q] < 0 or margin > best_margin[s, q]:
                            best_margin[s, q] = margin
                            best_carrier[s, q] = a
                            best_way[s, q] = way

            done = 0
            sums[:] = 0.0
            lowest[:] = 1.0
            highest[:] = 0.0
            wanted_draws = most_draws if count > 1 and sigma_db > 0.0 else 1
            deviation = common_nepers[count]
            if not hopeless:
                _take_factors(who, count, by_code, by_site, alike)
            while not hopeless and done < wanted_draws:
                until = min(wanted_draws, _FIRST_DRAWS if done == 0 else 2 * done)
                found[:, :, done:until] = _LEAST
                for a in range(carriers):
                    if alike[a] == _NO_CELL:
                        continue
                    _choose(
                        level_mw[a], total_mw[a], count, np.float32(sum_mw[a] * rest_factor[count]),
                        draws[count], done, until, top_mw[a], all_mw[a], lead[a],
                    )  # fmt: skip
                    for s in range(scopes):
                        if not in_scope[s, a]:
                            continue
                        for q in range(services):
                            if carries[q, a]:
                                _reach(
                                    top_mw[a], all_mw[a], lead[a], alike[a],
                                    by_site[_LEVEL, q, a], by_site[_SIGNAL, q, a],
                                    by_site[_NOISE, q, a], done, until, found[s, q],
                                )  # fmt: skip
                for s in range(scopes):
                    for q in range(services):
                        if aggregate:
                            for d in range(done, until):
                                if found[s, q, d] > _LEAST:
                                    _take_servers(alike, who, lead, top_mw, d, heard, server_mw)
                                    up = _needed_with_aggregation(
                                        s, in_scope, heard, server_mw, q, need_uplink_mbps,
                                        attach_mw, uplink_factor, uplink_block_hz, uplink_blocks,
                                        uplink_curve, snr, width_hz, blocks,
                                    )  # fmt: skip
                                    found[s, q, d] = _capped(found[s, q, d], up)
                        more, low, high = _mean(
                            found[s, q], bits[s, q], done, until, deviation, chances[count], table
                        )
                        sums[s, q] += more
                        lowest[s, q] = min(lowest[s, q], low)
                        highest[s, q] = max(highest[s, q], high)
                done = until
                plain = True
                for s in range(scopes):
                    for q in range(services):
                        plain &= highest[s, q] - lowest[s, q] < _PLAIN * np.sqrt(done)
                if plain:
                    break

            few = min(done, _REASON_DRAWS)
            for s in range(scopes):
                for q in range(services):
                    nearest = best_carrier[s, q]
                    if nearest < 0:
                        continue
                    chance = np.float32(sums[s, q] / max(done, 1))
                    why = _SERVED
                    if chance < np.float32(wanted[q]):
                        why = _CAPACITY
                        if possible[s, q]:
                            quiet_chance, down_chance = 0.0, 0.0
                            for level, signal, noise in (
                                (_LEVEL, _QUIET, _ZERO), (_ATTACH, _SIGNAL, _NOISE),
                            ):  # fmt: skip
                                if few == 0:
                                    break
                                quiet[:few] = _LEAST
                                for a in range(carriers):
                                    if in_scope[s, a] and carries[q, a] and alike[a] != _NO_CELL:
                                        _reach(
                                            top_mw[a], all_mw[a], lead[a], alike[a],
                                            by_site[level, q, a], by_site[signal, q, a],
                                            by_site[noise, q, a], 0, few, quiet,
                                        )  # fmt: skip
                                if aggregate and level == _LEVEL:
                                    for d in range(few):
                                        _take_servers(alike, who, lead, top_mw, d, heard, server_mw)
                                        up = _needed_with_aggregation(
                                            s, in_scope, heard, server_mw, q, need_uplink_mbps,
                                            attach_mw, uplink_factor, uplink_block_hz,
                                            uplink_blocks, uplink_curve, snr, width_hz, blocks,
                                        )  # fmt: skip
                                        quiet[d] = _capped(quiet[d], up)
                                mean = _mean(
                                    quiet, quiet_bits, 0, few, deviation, chances[count], table
                                )[0] / few  # fmt: skip
                                if level == _LEVEL:
                                    quiet_chance = mean
                                else:
                                    down_chance = mean
                            why = _reason(
                                chance, wanted[q], quiet_chance, down_chance,
                                10.0 * np.log10(max(best_margin[s, q], 1e-30)), sigma_db,
                                diffraction_cdb[nearest, r, c] * 0.01,
                                terrain_cdb[nearest, r, c] * 0.01, table,
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
def _factors(  # type: ignore[no-untyped-def]
    load_weight, boost, noise_mw, required_sinr, required_level_mw, attach_mw, aggregate
):
    """Return the factors of `_reach`, by kind, service and code.

    With all power in ``all_mw``, a cell of RSRP ``top`` has the SINR it needs where
    ``top / (boost * ratio) - (all_mw - top * load_weight) >= noise``.
    """
    services, codes = required_sinr.shape
    factors = np.zeros((6, services, codes), np.float32)
    for q in range(services):
        for one in range(1, codes):
            ratio = required_sinr[q, one]
            level = attach_mw[q]
            if not aggregate:
                level = max(level, required_level_mw[q, one])
            factors[_LEVEL, q, one] = 0.0 if level >= _NEVER else 1.0 / level
            factors[_ATTACH, q, one] = 1.0 / attach_mw[q]
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
    return factors


@njit(cache=True, nogil=True)
def _take_factors(who, count, by_code, by_site, alike):  # type: ignore[no-untyped-def]
    """Take the factors of the listed cells; ``alike`` is a site of each carrier if all agree."""
    _, services, carriers, _ = by_site.shape
    for a in range(carriers):
        first, same = _NO_CELL, True
        for i in range(count):
            one = who[a, i]
            if one == 0:
                continue
            same = same and (first == _NO_CELL or one == who[a, first])
            if first == _NO_CELL:
                first = i
            for k in range(5):
                for q in range(services):
                    by_site[k, q, a, i] = by_code[k, q, one]
        if first != _NO_CELL and not same:
            same = True
            for i in range(count):
                if who[a, i] != 0:
                    for k in range(5):
                        for q in range(services):
                            same &= by_site[k, q, a, i] == by_site[k, q, a, first]
        alike[a] = first if same else _DIFFERENT


@njit(cache=True, nogil=True)
def _take_servers(alike, who, lead, top_mw, d, heard, server_mw):  # type: ignore[no-untyped-def]
    for a in range(heard.size):
        heard[a], server_mw[a] = 0, 0.0
        if alike[a] != _NO_CELL:
            heard[a], server_mw[a] = who[a, lead[a, d]], top_mw[a, d]


@njit(cache=True, nogil=True)
def _capped(found, needed):  # type: ignore[no-untyped-def]
    """Return the lesser of what was found and what another condition allows."""
    if needed >= _NEVER:
        return np.float32(_LEAST)
    if needed <= 0.0:
        return found
    return np.float32(max(min(found, 1.0 / needed), _LEAST))


@njit(cache=True, nogil=True)
def _reason(  # type: ignore[no-untyped-def]
    chance, wanted, quiet_chance, down_chance, margin_db, sigma_db,
    diffraction_db, terrain_db, table,
):  # fmt: skip
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
