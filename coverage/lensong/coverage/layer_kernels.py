# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loops from packed sweeps to layers. Private: `lensong.coverage.layers` checks and calls.

Three loops, in the order in which they run:

1. `add_sweep` reads one sweep for the cells of one carrier group that ride it, and keeps per
   pixel the best and second cell, the power of all others, and the best cell's obstacles.
2. `fold_group` turns a finished group into rates and keeps, per pixel, the cell of the technology
   whose uplink is fastest.
3. `judge_service` compares the finished group's best cell with what a service needs and keeps,
   per pixel, the group that serves with the highest probability.

Cells are named by their code: index into ``network.cells`` plus one, so that 0 is "none" and
freshly allocated zeros need no filling.
"""

from __future__ import annotations

from math import asin, atan2, cos, erfc, floor, hypot, log2, log10, sin, sqrt

import numpy as np
from numba import njit

__all__ = ["add_sweep", "fold_group", "judge_service"]

_NO_LOSS = 65535
_DEG_PER_RAD = 180.0 / np.pi
_RAD_PER_CDEG = np.pi / 18_000.0
_NEPER_PER_DB = np.log(10.0) / 10.0

# Codes of lensong.coverage.result.REASONS; a test holds the two together.
_SERVED, _TERRAIN, _CLUTTER, _INTERFERENCE, _UPLINK, _DISTANCE, _, _CAPACITY = range(8)


@njit(cache=True, nogil=True)
def _cut_loss_db(cuts_db, pattern, cut, angle_deg):  # type: ignore[no-untyped-def]
    """Read a cut, stored with degree 0 repeated at 360 and 361, at -360 < angle < 360."""
    if angle_deg < 0.0:
        angle_deg += 360.0
    whole = int(angle_deg)
    part = angle_deg - whole
    low = cuts_db[pattern, cut, whole]
    return low + part * (cuts_db[pattern, cut, whole + 1] - low)


@njit(cache=True, nogil=True)
def _gain_dbi(  # type: ignore[no-untyped-def]
    cuts_db, gain_dbi, max_loss_db, pattern, off_deg, sin_off, cos_off, elevation, sin_el, cos_el,
    sin_tilt, cos_tilt,
):  # fmt: skip
    """Gain toward a direction given off boresight; the rotation of `lensong.coverage.antenna`."""
    if sin_tilt == 0.0:
        horizontal_deg = off_deg
        below_deg = -elevation * _DEG_PER_RAD
    else:
        forward = cos_el * cos_off
        z = forward * sin_tilt + sin_el * cos_tilt
        horizontal_deg = (
            atan2(cos_el * sin_off, forward * cos_tilt - sin_el * sin_tilt) * _DEG_PER_RAD
        )
        below_deg = -asin(min(1.0, max(-1.0, z))) * _DEG_PER_RAD
    loss = _cut_loss_db(cuts_db, pattern, 0, horizontal_deg) + _cut_loss_db(
        cuts_db, pattern, 1, below_deg
    )
    return gain_dbi[pattern] - min(loss, max_loss_db[pattern])


@njit(cache=True, nogil=True)
def add_sweep(  # type: ignore[no-untyped-def]
    loss_cdb, departure_cdeg, diffraction_cdb, terrain_cdb,
    row0, col0, mast_row, mast_col, cell_m, convergence_deg,
    codes, level_offset_db, load_weight, azimuth_deg, tilt_deg, radius_m, pattern,
    cuts_db, gain_dbi, max_loss_db, serves,
    best, second, best_dbm, second_dbm, others_mw, best_diffraction_cdb, best_terrain_cdb,
):  # fmt: skip
    """Add the cells ``codes`` of one group, all on one sweep, to that group's layers.

    The per-cell arrays ``level_offset_db`` … ``pattern`` are indexed by code. ``load_weight``
    turns a cell's RSRP in milliwatts into the power by which it disturbs others. Equal levels
    leave the cell that came first. Cells that do not serve the group (``serves`` is false: their
    carrier is another one that shares spectrum with it) only add to the power of the others.
    """
    n_cells = codes.size
    sin_tilt = np.empty(n_cells)
    cos_tilt = np.empty(n_cells)
    sin_azimuth = np.empty(n_cells)
    cos_azimuth = np.empty(n_cells)
    for k in range(n_cells):
        tilt = tilt_deg[codes[k]] / _DEG_PER_RAD
        azimuth = azimuth_deg[codes[k]] / _DEG_PER_RAD
        sin_tilt[k], cos_tilt[k] = sin(tilt), cos(tilt)
        sin_azimuth[k], cos_azimuth[k] = sin(azimuth), cos(azimuth)
    sin_convergence = sin(convergence_deg / _DEG_PER_RAD)
    cos_convergence = cos(convergence_deg / _DEG_PER_RAD)
    for i in range(loss_cdb.shape[0]):
        r = row0 + i
        grid_north = (mast_row - r) * cell_m
        for j in range(loss_cdb.shape[1]):
            if loss_cdb[i, j] == _NO_LOSS:
                continue
            c = col0 + j
            grid_east = (c - mast_col) * cell_m
            # Azimuths count from true north; the grid's north is turned against it.
            east = grid_east * cos_convergence + grid_north * sin_convergence
            north = grid_north * cos_convergence - grid_east * sin_convergence
            distance_m = hypot(east, north)
            if distance_m > 0.0:
                sin_bearing, cos_bearing = east / distance_m, north / distance_m
            else:
                sin_bearing, cos_bearing = 0.0, 1.0
            bearing_deg = atan2(sin_bearing, cos_bearing) * _DEG_PER_RAD
            elevation = departure_cdeg[i, j] * _RAD_PER_CDEG
            sin_el, cos_el = sin(elevation), cos(elevation)
            loss_db = loss_cdb[i, j] * 0.01
            for k in range(n_cells):
                code = codes[k]
                if distance_m > radius_m[code]:
                    continue
                off_deg = bearing_deg - azimuth_deg[code]
                if off_deg <= -360.0:
                    off_deg += 360.0
                gain = _gain_dbi(
                    cuts_db, gain_dbi, max_loss_db, pattern[code], off_deg,
                    sin_bearing * cos_azimuth[k] - cos_bearing * sin_azimuth[k],
                    cos_bearing * cos_azimuth[k] + sin_bearing * sin_azimuth[k],
                    elevation, sin_el, cos_el, sin_tilt[k], cos_tilt[k],
                )  # fmt: skip
                rsrp = np.float32(level_offset_db[code] + gain - loss_db)
                lead = best[r, c]
                if serves and (lead == 0 or rsrp > best_dbm[r, c]):
                    if lead != 0:
                        lead_mw = np.exp(best_dbm[r, c] * _NEPER_PER_DB)
                        others_mw[r, c] += np.float32(lead_mw * load_weight[lead])
                        second[r, c] = lead
                        second_dbm[r, c] = best_dbm[r, c]
                    best[r, c] = code
                    best_dbm[r, c] = rsrp
                    best_diffraction_cdb[r, c] = diffraction_cdb[i, j]
                    best_terrain_cdb[r, c] = terrain_cdb[i, j]
                else:
                    mw = np.exp(rsrp * _NEPER_PER_DB)
                    others_mw[r, c] += np.float32(mw * load_weight[code])
                    if serves and (second[r, c] == 0 or rsrp > second_dbm[r, c]):
                        second[r, c] = code
                        second_dbm[r, c] = rsrp


@njit(cache=True, nogil=True)
def _split_rate(snr, width_hz, most, alpha, min_snr, max_snr):  # type: ignore[no-untyped-def]
    """Highest truncated Shannon rate of ``snr`` spread over 1..most parts [Mbit/s]."""
    parts = min(floor(snr / min_snr * (1.0 + 1e-12)), float(most))
    if parts < 1.0:
        return 0.0
    return parts * width_hz * alpha * log2(1.0 + min(snr / parts, max_snr)) * 1e-6


@njit(cache=True, nogil=True)
def fold_group(  # type: ignore[no-untyped-def]
    best, second, best_dbm, second_dbm, others_mw,
    noise_mw, boost_db, load, downlink_hz, downlink_layers,
    uplink_snr_offset_db, uplink_block_hz, uplink_blocks,
    downlink_curve, uplink_curve,
    t_best, t_second, t_rsrp_dbm, t_second_dbm, t_rsrq_db, t_sinr_db,
    t_downlink_mbps, t_uplink_mbps,
):  # fmt: skip
    """Let a group's best cell serve where its uplink beats that of the groups before it.

    Ties go to the higher RSRP, then to the earlier group. The per-cell arrays ``noise_mw`` …
    ``uplink_blocks`` are indexed by code; curves are (alpha, min ratio, max ratio). ``t_best``
    and ``t_second`` hold cell indices, -1 for none.
    """
    for r in range(best.shape[0]):
        for c in range(best.shape[1]):
            code = best[r, c]
            if code == 0:
                continue
            rsrp = best_dbm[r, c]
            snr_up = np.exp((rsrp + uplink_snr_offset_db[code]) * _NEPER_PER_DB)
            uplink = np.float32(
                _split_rate(
                    snr_up, uplink_block_hz[code], uplink_blocks[code],
                    uplink_curve[0], uplink_curve[1], uplink_curve[2],
                )
            )  # fmt: skip
            if t_best[r, c] >= 0 and (
                uplink < t_uplink_mbps[r, c]
                or (uplink == t_uplink_mbps[r, c] and rsrp <= t_rsrp_dbm[r, c])
            ):
                continue
            data_mw = np.exp((rsrp - boost_db[code]) * _NEPER_PER_DB)
            disturbing_mw = others_mw[r, c] + noise_mw[code]
            sinr = data_mw / disturbing_mw
            reference_mw = np.exp(rsrp * _NEPER_PER_DB)
            rssi_mw = 2.0 * reference_mw + 10.0 * load[code] * data_mw + 12.0 * disturbing_mw
            t_best[r, c] = np.int16(np.int64(code) - 1)
            t_second[r, c] = np.int16(np.int64(second[r, c]) - 1)
            t_rsrp_dbm[r, c] = rsrp
            t_second_dbm[r, c] = second_dbm[r, c] if second[r, c] != 0 else np.float32(np.nan)
            t_rsrq_db[r, c] = 10.0 * log10(reference_mw / rssi_mw)
            t_sinr_db[r, c] = 10.0 * log10(sinr)
            t_downlink_mbps[r, c] = _split_rate(
                sinr, downlink_hz[code], downlink_layers[code],
                downlink_curve[0], downlink_curve[1], downlink_curve[2],
            )  # fmt: skip
            t_uplink_mbps[r, c] = uplink


@njit(cache=True, nogil=True)
def _first_order_reason(  # type: ignore[no-untyped-def]
    deficit_db, margin_down_db, margin_up_db, quiet_margin_db, fade_db, terrain_db, clutter_db
):
    if deficit_db <= 0.0:
        return _SERVED
    if margin_down_db == -np.inf or margin_up_db == -np.inf:
        return _CAPACITY
    if quiet_margin_db >= fade_db:
        return _INTERFERENCE
    if terrain_db >= deficit_db and terrain_db >= clutter_db:
        return _TERRAIN
    if clutter_db >= deficit_db:
        return _CLUTTER
    if terrain_db + clutter_db >= deficit_db:
        return _TERRAIN if terrain_db >= clutter_db else _CLUTTER
    if margin_down_db >= fade_db and margin_up_db < fade_db:
        return _UPLINK
    return _DISTANCE


@njit(cache=True, nogil=True)
def judge_service(  # type: ignore[no-untyped-def]
    best, best_dbm, others_mw, diffraction_cdb, terrain_cdb,
    noise_mw, noise_dbm, boost_db, required_sinr_db, required_uplink_rsrp_dbm,
    min_rsrp_dbm, sigma_db, fade_db,
    probability, limiting, reason,
):  # fmt: skip
    """Let a group's best cell carry a service where it does so with a higher probability.

    ``limiting`` is 0 where no group came yet. The per-cell arrays ``noise_mw`` …
    ``required_uplink_rsrp_dbm`` are indexed by code. ``fade_db`` is the margin over the median
    that the wanted probability takes.
    """
    for r in range(best.shape[0]):
        for c in range(best.shape[1]):
            code = best[r, c]
            if code == 0:
                continue
            rsrp = best_dbm[r, c]
            data_db = rsrp - boost_db[code]
            needed_db = required_sinr_db[code]
            attach_db = rsrp - min_rsrp_dbm
            sinr_db = data_db - 10.0 * log10(others_mw[r, c] + noise_mw[code])
            down_db = min(sinr_db - needed_db, attach_db)
            up_db = rsrp - required_uplink_rsrp_dbm[code]
            margin_db = min(down_db, up_db)
            if sigma_db > 0.0:
                chance = np.float32(0.5 * erfc(-margin_db / (sigma_db * sqrt(2.0))))
            else:
                chance = np.float32(1.0 if margin_db >= 0.0 else 0.0)
            if limiting[r, c] != 0 and chance <= probability[r, c]:
                continue
            probability[r, c] = chance
            limiting[r, c] = 1 if down_db <= up_db else 2
            quiet_db = min(data_db - noise_dbm[code] - needed_db, min(attach_db, up_db))
            terrain_db = terrain_cdb[r, c] * 0.01
            reason[r, c] = _first_order_reason(
                fade_db - margin_db, down_db, up_db, quiet_db, fade_db,
                terrain_db, max(diffraction_cdb[r, c] * 0.01 - terrain_db, 0.0),
            )  # fmt: skip
