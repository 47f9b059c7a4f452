# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from the sites heard at each pixel to levels and rates at the median.

Private: `lensong.coverage.layers` calls it. All arrays are those of one operator and one tile of
the grid; the first axis counts the operator's carriers, the last the sites, strongest first.
"""

from __future__ import annotations

from math import floor, log2, log10

import numpy as np
from numba import njit

__all__ = ["fold_medians"]

_NEPER_PER_DB = np.log(10.0) / 10.0
_OVERLAP_DB = 6.0
_LOWEST_CDBM = -32767.0  # one above the int16 that says "no level"


@njit(cache=True, nogil=True)
def _split_rate(snr, width_hz, most, alpha, min_snr, max_snr):  # type: ignore[no-untyped-def]
    """Highest truncated Shannon rate of ``snr`` spread over 1..most parts [Mbit/s]."""
    parts = min(floor(snr / min_snr * (1.0 + 1e-12)), float(most))
    if parts < 1.0:
        return 0.0
    return parts * width_hz * alpha * log2(1.0 + min(snr / parts, max_snr)) * 1e-6


@njit(cache=True, nogil=True)
def aggregated_rate(snr, width_hz, most, count, curve):  # type: ignore[no-untyped-def]
    """Highest rate of one power over the blocks of several carriers [Mbit/s].

    ``snr`` of carrier ``i`` < ``count`` is that of the whole power in one of its blocks; 0 where
    it is not heard. Every block in use gets the same power. The strongest carriers come first and
    each gives all its blocks before the next gives any; as many are used as make the rate highest.
    ``snr`` is sorted in place, with ``width_hz`` and ``most``.
    """
    alpha, min_snr, max_snr = curve
    for i in range(1, count):
        j = i
        while j > 0 and snr[j] > snr[j - 1]:
            snr[j], snr[j - 1] = snr[j - 1], snr[j]
            width_hz[j], width_hz[j - 1] = width_hz[j - 1], width_hz[j]
            most[j], most[j - 1] = most[j - 1], most[j]
            j -= 1
    best = 0.0
    full = 0.0
    for k in range(count):
        blocks = min(floor(snr[k] / min_snr * (1.0 + 1e-12)), full + most[k])
        if blocks <= full:
            break
        rate = (blocks - full) * width_hz[k] * log2(1.0 + min(snr[k] / blocks, max_snr))
        for i in range(k):
            rate += most[i] * width_hz[i] * log2(1.0 + min(snr[i] / blocks, max_snr))
        best = max(best, rate * alpha * 1e-6)
        full += most[k]
    return best


@njit(cache=True, nogil=True)
def fold_medians(  # type: ignore[no-untyped-def]
    code, level_dbm, others_mw, rest_mw, second, second_dbm,
    technology, band, overlap_share,
    load_weight, noise_mw, boost_db, load, downlink_hz, downlink_layers,
    uplink_snr_offset_db, uplink_block_hz, uplink_blocks,
    downlink_curve, uplink_curve, aggregate,
    t_best, t_second, t_overlap, t_rsrp_dbm, t_second_dbm, t_rsrq_db, t_sinr_db,
    t_downlink_mbps, t_uplink_mbps, band_cdbm, level_cdbm,
):  # fmt: skip
    """Let an operator serve where its uplink beats that of the operators before it.

    Per technology the carrier serves whose best cell has the fastest uplink; ties go to the higher
    RSRP, then to the carrier (and operator) that came first. ``technology`` and ``band`` number the
    rows of the results by carrier. ``overlap_share[a, b]`` is the power of carrier ``b`` in a
    resource element of ``a`` for one unit in its own; 0 for ``a = b``. The per-cell arrays
    ``load_weight`` … ``uplink_blocks`` are indexed by code; curves are (alpha, min ratio, max
    ratio). ``t_best`` and ``t_second`` hold cell indices, -1 for none; ``t_overlap`` counts the
    sites on the serving carrier within 6 dB of the serving cell, itself included. ``level_cdbm``
    is the strongest level of the operator alone, ``band_cdbm`` that of all operators [0.01 dBm].
    """
    carriers, rows, cols, depth = code.shape
    technologies = t_best.shape[0]
    power_mw = np.zeros(carriers)
    chosen = np.empty(technologies, np.int64)
    chosen_mbps = np.empty(technologies)
    snr, width_hz, most = np.empty(carriers), np.empty(carriers), np.empty(carriers)
    for r in range(rows):
        for c in range(cols):
            chosen[:] = -1
            for a in range(carriers):
                one = code[a, r, c, 0]
                if one == 0:
                    continue
                rsrp = level_dbm[a, r, c, 0]
                level = np.int16(max(round(rsrp * 100.0), _LOWEST_CDBM))
                level_cdbm[r, c] = max(level_cdbm[r, c], level)
                band_cdbm[band[a], r, c] = max(band_cdbm[band[a], r, c], level)
                uplink = _split_rate(
                    np.exp((rsrp + uplink_snr_offset_db[one]) * _NEPER_PER_DB),
                    uplink_block_hz[one], uplink_blocks[one],
                    uplink_curve[0], uplink_curve[1], uplink_curve[2],
                )  # fmt: skip
                t = technology[a]
                lead = chosen[t]
                if lead < 0 or (
                    uplink > chosen_mbps[t]
                    or (uplink == chosen_mbps[t] and rsrp > level_dbm[lead, r, c, 0])
                ):
                    chosen[t], chosen_mbps[t] = a, uplink
            for t in range(technologies):
                a = chosen[t]
                if a < 0:
                    continue
                one = code[a, r, c, 0]
                rsrp = level_dbm[a, r, c, 0]
                if aggregate:
                    count = 0
                    for b in range(carriers):
                        if technology[b] == t and code[b, r, c, 0] != 0:
                            other = code[b, r, c, 0]
                            snr[count] = np.exp(
                                (level_dbm[b, r, c, 0] + uplink_snr_offset_db[other])
                                * _NEPER_PER_DB
                            )
                            width_hz[count] = uplink_block_hz[other]
                            most[count] = uplink_blocks[other]
                            count += 1
                    chosen_mbps[t] = max(
                        chosen_mbps[t], aggregated_rate(snr, width_hz, most, count, uplink_curve)
                    )
                uplink = np.float32(chosen_mbps[t])
                if t_best[t, r, c] >= 0 and (
                    uplink < t_uplink_mbps[t, r, c]
                    or (uplink == t_uplink_mbps[t, r, c] and rsrp <= t_rsrp_dbm[t, r, c])
                ):
                    continue
                disturbing_mw = noise_mw[one] + others_mw[a, r, c, 0] + rest_mw[a, r, c]
                near = 1
                for k in range(1, depth):
                    other = code[a, r, c, k]
                    if other == 0:
                        break
                    disturbing_mw += others_mw[a, r, c, k] + load_weight[other] * np.exp(
                        level_dbm[a, r, c, k] * _NEPER_PER_DB
                    )
                    near += level_dbm[a, r, c, k] >= rsrp - _OVERLAP_DB
                for b in range(carriers):
                    if overlap_share[a, b] > 0.0:
                        power_mw[b] = rest_mw[b, r, c]
                        for k in range(depth):
                            other = code[b, r, c, k]
                            if other == 0:
                                break
                            power_mw[b] += others_mw[b, r, c, k] + load_weight[other] * np.exp(
                                level_dbm[b, r, c, k] * _NEPER_PER_DB
                            )
                        disturbing_mw += overlap_share[a, b] * power_mw[b]
                data_mw = np.exp((rsrp - boost_db[one]) * _NEPER_PER_DB)
                sinr = data_mw / disturbing_mw
                reference_mw = np.exp(rsrp * _NEPER_PER_DB)
                rssi_mw = 2.0 * reference_mw + 10.0 * load[one] * data_mw + 12.0 * disturbing_mw
                t_best[t, r, c] = np.int16(np.int64(one) - 1)
                t_second[t, r, c] = np.int16(np.int64(second[a, r, c]) - 1)
                t_overlap[t, r, c] = near
                t_rsrp_dbm[t, r, c] = rsrp
                t_second_dbm[t, r, c] = (
                    second_dbm[a, r, c] if second[a, r, c] != 0 else np.float32(np.nan)
                )
                t_rsrq_db[t, r, c] = 10.0 * log10(reference_mw / rssi_mw)
                t_sinr_db[t, r, c] = 10.0 * log10(sinr)
                t_downlink_mbps[t, r, c] = _split_rate(
                    sinr, downlink_hz[one], downlink_layers[one],
                    downlink_curve[0], downlink_curve[1], downlink_curve[2],
                )  # fmt: skip
                t_uplink_mbps[t, r, c] = uplink
