# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from a packed sweep to the levels of its cells. Private: `layer_tiles` calls it.

Per pixel and carrier the strongest *sites* are kept, the strongest first, each with its strongest
cell, that cell's level, and the power by which its other cells disturb. What is weaker is one sum.

Cells are named by their code: index into ``network.cells`` plus one, so that 0 is "none" and
freshly allocated zeros need no filling.
"""

from __future__ import annotations

from math import asin, atan2, cos, hypot, sin

import numpy as np
from numba import njit

__all__ = ["add_sweep"]

_NO_LOSS = 65535
_DEG_PER_RAD = 180.0 / np.pi
_RAD_PER_CDEG = np.pi / 18_000.0
_NEPER_PER_DB = np.log(10.0) / 10.0


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
def _keep_site(  # type: ignore[no-untyped-def]
    lead, lead_dbm, others_mw, site_of, load_weight, code, level_dbm, rest_mw, r, c
):
    """Put a site into the list of one pixel, sorted by level; return the power left outside.

    ``lead``, ``lead_dbm`` (float32) and ``rest_mw`` are the site's strongest cell, its level, and
    what its other cells disturb by.
    """
    depth = code.shape[2]
    at = -1
    for k in range(depth):
        if code[r, c, k] == 0:
            break
        if site_of[code[r, c, k]] == site_of[lead]:
            at = k
            break
    left = 0.0
    if at >= 0:
        old = code[r, c, at]
        if lead_dbm > level_dbm[r, c, at]:
            old_mw = np.exp(level_dbm[r, c, at] * _NEPER_PER_DB) * load_weight[old]
            rest_mw[r, c, at] += np.float32(others_mw + old_mw)
            code[r, c, at] = lead
            level_dbm[r, c, at] = lead_dbm
        else:
            lead_mw = np.exp(lead_dbm * _NEPER_PER_DB) * load_weight[lead]
            rest_mw[r, c, at] += np.float32(others_mw + lead_mw)
    else:
        at = depth - 1
        if code[r, c, at] != 0:
            if lead_dbm <= level_dbm[r, c, at]:
                return others_mw + np.exp(lead_dbm * _NEPER_PER_DB) * load_weight[lead]
            out = code[r, c, at]
            left = (
                rest_mw[r, c, at] + np.exp(level_dbm[r, c, at] * _NEPER_PER_DB) * load_weight[out]
            )
        else:
            while at > 0 and code[r, c, at - 1] == 0:
                at -= 1
        code[r, c, at] = lead
        level_dbm[r, c, at] = lead_dbm
        rest_mw[r, c, at] = np.float32(others_mw)
    while at > 0 and level_dbm[r, c, at] > level_dbm[r, c, at - 1]:
        up = at - 1
        code[r, c, at], code[r, c, up] = code[r, c, up], code[r, c, at]
        level_dbm[r, c, at], level_dbm[r, c, up] = level_dbm[r, c, up], level_dbm[r, c, at]
        rest_mw[r, c, at], rest_mw[r, c, up] = rest_mw[r, c, up], rest_mw[r, c, at]
        at = up
    return left


@njit(cache=True, nogil=True)
def add_sweep(  # type: ignore[no-untyped-def]
    loss_cdb, departure_cdeg, diffraction_cdb, terrain_cdb,
    row0, col0, mast_row, mast_col, cell_m, convergence_deg,
    codes, level_offset_db, load_weight, azimuth_deg, tilt_deg, radius_m, pattern, site_of,
    cuts_db, gain_dbi, max_loss_db,
    code, level_dbm, others_mw, rest_mw, second, second_dbm,
    best_diffraction_cdb, best_terrain_cdb,
):  # fmt: skip
    """Add the cells ``codes`` of one carrier, all on one sweep, to one tile of that carrier.

    The sweep's arrays are cut to the tile or reach past it; ``row0``, ``col0`` is where they begin
    in the tile's rows and columns, as ``mast_row`` and ``mast_col`` count too. The per-cell arrays
    ``level_offset_db`` … ``site_of`` are indexed by code. ``load_weight`` turns a cell's RSRP in
    milliwatts into the power by which it disturbs others. Equal levels leave the cell that came
    first.
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
    rows, cols = second.shape
    for i in range(max(0, -row0), min(loss_cdb.shape[0], rows - row0)):
        r = row0 + i
        grid_north = (mast_row - r) * cell_m
        for j in range(max(0, -col0), min(loss_cdb.shape[1], cols - col0)):
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
            lead, next_one = 0, 0
            lead_dbm, next_dbm = np.float32(0.0), np.float32(0.0)
            lead_others_mw = 0.0
            for k in range(n_cells):
                one = codes[k]
                if distance_m > radius_m[one]:
                    continue
                off_deg = bearing_deg - azimuth_deg[one]
                if off_deg <= -360.0:
                    off_deg += 360.0
                gain = _gain_dbi(
                    cuts_db, gain_dbi, max_loss_db, pattern[one], off_deg,
                    sin_bearing * cos_azimuth[k] - cos_bearing * sin_azimuth[k],
                    cos_bearing * cos_azimuth[k] + sin_bearing * sin_azimuth[k],
                    elevation, sin_el, cos_el, sin_tilt[k], cos_tilt[k],
                )  # fmt: skip
                rsrp = np.float32(level_offset_db[one] + gain - loss_db)
                if lead == 0:
                    lead, lead_dbm = one, rsrp
                elif rsrp > lead_dbm:
                    lead_others_mw += np.exp(lead_dbm * _NEPER_PER_DB) * load_weight[lead]
                    next_one, next_dbm = lead, lead_dbm
                    lead, lead_dbm = one, rsrp
                else:
                    lead_others_mw += np.exp(rsrp * _NEPER_PER_DB) * load_weight[one]
                    if next_one == 0 or rsrp > next_dbm:
                        next_one, next_dbm = one, rsrp
            if lead == 0:
                continue
            best, best_dbm = code[r, c, 0], level_dbm[r, c, 0]
            if best == 0 or lead_dbm > best_dbm:
                best_diffraction_cdb[r, c] = diffraction_cdb[i, j]
                best_terrain_cdb[r, c] = terrain_cdb[i, j]
                if best != 0 and (next_one == 0 or best_dbm >= next_dbm):
                    next_one, next_dbm = best, best_dbm
                second[r, c] = next_one
                second_dbm[r, c] = next_dbm
            elif second[r, c] == 0 or lead_dbm > second_dbm[r, c]:
                second[r, c] = lead
                second_dbm[r, c] = lead_dbm
            left_mw = _keep_site(
                lead, lead_dbm, lead_others_mw, site_of, load_weight,
                code, level_dbm, others_mw, r, c,
            )  # fmt: skip
            if left_mw > 0.0:
                rest_mw[r, c] += np.float32(left_mw)
