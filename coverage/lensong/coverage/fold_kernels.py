# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from the sites heard at each pixel to levels and rates at the median.

Private: `lensong.coverage.layers` calls it. All arrays are those of one operator and one tile of
the grid; the first axis counts the operator's carriers, the last the sites, strongest first.
"""

from __future__ import annotations

from math import floor, log2, log10

import numpy as np

from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = ["ALIKE", "fold_medians"]

_OVERLAP = 10.0 ** (-6.0 / 10.0)
ALIKE = 1.0 + 1e-5  # what two cells of one mast differ by through rounding is less


@kernel
def _split_rate(snr, width_hz, most, alpha, min_snr, max_snr):  # type: ignore[no-untyped-def]
    """Highest truncated Shannon rate of ``snr`` spread over 1..most parts [Mbit/s]."""
    parts = min(floor(snr / min_snr * (1.0 + 1e-12)), float(most))
    if parts < 1.0:
        return 0.0
    return parts * width_hz * alpha * log2(1.0 + min(snr / parts, max_snr)) * 1e-6


@kernel
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


@kernel
def fold_medians(  # type: ignore[no-untyped-def]
    code, level_mw, others_mw, rest_mw, second, second_mw,
    technology, band, overlap_share,
    load_weight, noise_mw, boost, load, downlink_hz, downlink_layers,
    uplink_snr_offset, uplink_block_hz, uplink_blocks,
    downlink_curve, uplink_curve, aggregate, scratch, chosen,
    t_best, t_second, t_overlap, t_rsrp_dbm, t_second_dbm, t_rsrq_db, t_sinr_db,
    t_downlink_mbps, t_uplink_mbps, band_cdbm, level_cdbm,
):  # fmt: skip
    """Let an operator serve where its uplink beats that of the operators before it.

    Per technology the carrier serves whose best cell has the fastest uplink; ties go to the higher
    RSRP, then to the carrier (and operator) that came first. ``technology`` and ``band`` number the
    rows of the results by carrier. ``overlap_share[a, b]`` is the power of carrier ``b`` in a
    resource element of ``a`` for one unit in its own; 0 for ``a = b``. The per-cell arrays
    ``load_weight`` … ``uplink_blocks`` are indexed by code, ``boost`` and ``uplink_snr_offset`` are
    ratios; curves are (alpha, min ratio, max ratio). ``scratch`` (5, carriers or technologies) and
    ``chosen`` (technologies) are overwritten. ``t_best`` and ``t_second`` hold cell indices, -1 for
    none; ``t_overlap`` counts the sites on the serving carrier within 6 dB of the serving cell,
    itself included. ``level_cdbm`` is the strongest level of the operator alone, ``band_cdbm`` that
    of all operators [0.01 dBm].
    """
    carriers, rows, cols, depth = code.shape
    technologies = t_best.shape[0]
    chosen_mbps, snr, width_hz, most = scratch[0], scratch[1], scratch[2], scratch[3]
    decades = scratch[4]
    for r in range(rows):
        for c in range(cols):
            for t in range(technologies):
                chosen[t] = -1
            for a in range(carriers):
                one = code[a, r, c, 0]
                if one == 0:
                    continue
                mw = level_mw[a, r, c, 0]
                decades[a] = log10(mw)
                level = np.int16(round(1000.0 * decades[a]))
                level_cdbm[r, c] = max(level_cdbm[r, c], level)
                band_cdbm[band[a], r, c] = max(band_cdbm[band[a], r, c], level)
                uplink = _split_rate(
                    mw * uplink_snr_offset[one], uplink_block_hz[one], uplink_blocks[one],
                    uplink_curve[0], uplink_curve[1], uplink_curve[2],
                )  # fmt: skip
                t = technology[a]
                lead = chosen[t]
                if lead < 0 or (
                    uplink > chosen_mbps[t] * ALIKE
                    or (uplink * ALIKE >= chosen_mbps[t] and mw > level_mw[lead, r, c, 0])
                ):
                    chosen[t], chosen_mbps[t] = a, uplink
            for t in range(technologies):
                a = chosen[t]
                if a < 0:
                    continue
                one = code[a, r, c, 0]
                mw = level_mw[a, r, c, 0]
                rsrp = np.float32(10.0 * decades[a])
                if aggregate:
                    count = 0
                    for b in range(carriers):
                        if technology[b] == t and code[b, r, c, 0] != 0:
                            other = code[b, r, c, 0]
                            snr[count] = level_mw[b, r, c, 0] * uplink_snr_offset[other]
                            width_hz[count] = uplink_block_hz[other]
                            most[count] = uplink_blocks[other]
                            count += 1
                    chosen_mbps[t] = max(
                        chosen_mbps[t], aggregated_rate(snr, width_hz, most, count, uplink_curve)
                    )
                uplink = np.float32(chosen_mbps[t])
                if t_best[t, r, c] >= 0 and (
                    uplink * ALIKE < t_uplink_mbps[t, r, c]
                    or (uplink <= t_uplink_mbps[t, r, c] * ALIKE and rsrp <= t_rsrp_dbm[t, r, c])
                ):
                    continue
                disturbing_mw = noise_mw[one] + others_mw[a, r, c, 0] + rest_mw[a, r, c]
                near = 1
                for k in range(1, depth):
                    other = code[a, r, c, k]
                    if other == 0:
                        break
                    disturbing_mw += (
                        others_mw[a, r, c, k] + load_weight[other] * level_mw[a, r, c, k]
                    )
                    near += level_mw[a, r, c, k] >= mw * _OVERLAP
                for b in range(carriers):
                    if overlap_share[a, b] > 0.0:
                        power_mw = np.float64(rest_mw[b, r, c])
                        for k in range(depth):
                            other = code[b, r, c, k]
                            if other == 0:
                                break
                            power_mw += (
                                others_mw[b, r, c, k] + load_weight[other] * level_mw[b, r, c, k]
                            )
                        disturbing_mw += overlap_share[a, b] * power_mw
                data_mw = mw / boost[one]
                sinr = data_mw / disturbing_mw
                rssi_mw = 2.0 * mw + 10.0 * load[one] * data_mw + 12.0 * disturbing_mw
                t_best[t, r, c] = np.int16(np.int64(one) - 1)
                t_second[t, r, c] = np.int16(np.int64(second[a, r, c]) - 1)
                t_overlap[t, r, c] = near
                t_rsrp_dbm[t, r, c] = rsrp
                t_second_dbm[t, r, c] = np.nan
                if second[a, r, c] != 0:
                    t_second_dbm[t, r, c] = 10.0 * log10(second_mw[a, r, c])
                t_rsrq_db[t, r, c] = 10.0 * log10(mw / rssi_mw)
                t_sinr_db[t, r, c] = 10.0 * log10(sinr)
                t_downlink_mbps[t, r, c] = _split_rate(
                    sinr, downlink_hz[one], downlink_layers[one],
                    downlink_curve[0], downlink_curve[1], downlink_curve[2],
                )  # fmt: skip
                t_uplink_mbps[t, r, c] = uplink
