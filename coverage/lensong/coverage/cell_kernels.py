# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from a packed sweep to the levels of its cells. Private: `layer_tiles` calls it.

Per pixel and carrier the strongest *sites* are kept, the strongest first, each with its strongest
cell, that cell's RSRP as a power, and the power by which its other cells disturb. What is weaker
is one sum.

Cells are named by their code: index into ``network.cells`` plus one, so that 0 is "none" and
freshly allocated zeros need no filling.

Angles toward a pixel come from polynomials, within 4e-8 rad (Abramowitz and Stegun, 4.4.46 and
4.4.49): a tenth of what a level's float32 resolves, in a third of the time of the library's.
"""

from __future__ import annotations

from math import cos, exp, sin, sqrt

import numpy as np

from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = ["add_sweep", "arc_sine", "arc_tangent"]

_NO_LOSS = 65535
_DEG_PER_RAD = 180.0 / np.pi
_RAD_PER_CDEG = np.pi / 18_000.0
_NEPER_PER_DB = np.log(10.0) / 10.0
_HALF_PI = 0.5 * np.pi
_LEAST_MW = 1e-32  # -320 dBm: what hundredths of a decibel in 16 bits still hold


@kernel
def arc_tangent(y, x):  # type: ignore[no-untyped-def]
    """Angle of the point (x, y) [rad], as ``atan2``; 0 at the origin."""
    across, along = abs(y), abs(x)
    steep = across > along
    ratio = (along if steep else across) / max(across if steep else along, 1e-300)
    t = ratio * ratio
    angle = ratio * (
        1.0
        + t * (-0.3333314528 + t * (0.1999355085 + t * (-0.1420889944 + t * (0.1065626393
        + t * (-0.0752896400 + t * (0.0429096138 + t * (-0.0161657367 + t * 0.0028662257)))))))
    )  # fmt: skip
    angle = _HALF_PI - angle if steep else angle
    angle = np.pi - angle if x < 0.0 else angle
    return -angle if y < 0.0 else angle


@kernel
def arc_sine(z):  # type: ignore[no-untyped-def]
    """Angle whose sine is ``z`` [rad]; beyond -1 and 1 as at them."""
    x = min(abs(z), 1.0)
    rest = sqrt(1.0 - x) * (
        1.5707963050
        + x * (-0.2145988016 + x * (0.0889789874 + x * (-0.0501743046 + x * (0.0308918810
        + x * (-0.0170881256 + x * (0.0066700901 - x * 0.0012624911))))))
    )  # fmt: skip
    angle = _HALF_PI - rest
    return -angle if z < 0.0 else angle


@kernel
def _cut_loss_db(cuts_db, pattern, cut, angle_deg):  # type: ignore[no-untyped-def]
    """Read a cut, stored with degree 0 repeated at 360 and 361, at -360 < angle < 360."""
    if angle_deg < 0.0:
        angle_deg += 360.0
    whole = int(angle_deg)
    part = angle_deg - whole
    low = cuts_db[pattern, cut, whole]
    return low + part * (cuts_db[pattern, cut, whole + 1] - low)


@kernel
def _keep_site(  # type: ignore[no-untyped-def]
    lead, lead_mw, others_mw, site_of, load_weight, code, level_mw, rest_mw, r, c
):
    """Put a site into the list of one pixel, sorted by level; return the power left outside.

    ``lead``, ``lead_mw`` (float32) and ``others_mw`` are the site's strongest cell, its RSRP, and
    what its other cells disturb by.
    """
    depth = code.shape[2]
    site = site_of[lead]
    at = 0
    while at < depth and code[r, c, at] != 0 and site_of[code[r, c, at]] != site:
        at += 1
    left = 0.0
    if at < depth and code[r, c, at] != 0:
        weaker, weaker_mw = lead, lead_mw
        if lead_mw > level_mw[r, c, at]:
            weaker, weaker_mw = code[r, c, at], level_mw[r, c, at]
            code[r, c, at], level_mw[r, c, at] = lead, lead_mw
        rest_mw[r, c, at] += np.float32(others_mw + weaker_mw * load_weight[weaker])
    else:
        if at == depth:
            at -= 1
            if lead_mw <= level_mw[r, c, at]:
                return others_mw + lead_mw * load_weight[lead]
            left = rest_mw[r, c, at] + level_mw[r, c, at] * load_weight[code[r, c, at]]
        code[r, c, at], level_mw[r, c, at] = lead, lead_mw
        rest_mw[r, c, at] = np.float32(others_mw)
    while at > 0 and level_mw[r, c, at] > level_mw[r, c, at - 1]:
        up = at - 1
        code[r, c, at], code[r, c, up] = code[r, c, up], code[r, c, at]
        level_mw[r, c, at], level_mw[r, c, up] = level_mw[r, c, up], level_mw[r, c, at]
        rest_mw[r, c, at], rest_mw[r, c, up] = rest_mw[r, c, up], rest_mw[r, c, at]
        at = up
    return left


@kernel
def add_sweep(  # type: ignore[no-untyped-def]
    loss_cdb, departure_cdeg, diffraction_cdb, terrain_cdb,
    row0, col0, mast_row, mast_col, cell_m, convergence_deg,
    codes, level_offset_db, load_weight, azimuth_deg, sin_azimuth, cos_azimuth, sin_tilt, cos_tilt,
    radius_m, pattern, site_of, cuts_db, gain_dbi, max_loss_db,
    code, level_mw, others_mw, rest_mw, second, second_mw,
    best_diffraction_cdb, best_terrain_cdb,
):  # fmt: skip
    """Add the cells ``codes`` of one carrier, all on one sweep, to one tile of that carrier.

    The sweep's arrays are cut to the tile or reach past it; ``row0``, ``col0`` is where they begin
    in the tile's rows and columns, as ``mast_row`` and ``mast_col`` count too. The per-cell arrays
    ``level_offset_db`` … ``site_of`` are indexed by code. ``load_weight`` turns a cell's RSRP in
    milliwatts into the power by which it disturbs others. Equal levels leave the cell that came
    first. The gain is that of the rotation of `lensong.coverage.antenna`.
    """
    any_upright, any_tilted, all_reach_m = False, False, np.inf
    for one in codes:
        any_upright |= sin_tilt[one] == 0.0
        any_tilted |= sin_tilt[one] != 0.0
        all_reach_m = min(all_reach_m, radius_m[one])
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
            distance_m = sqrt(east * east + north * north)
            sin_bearing, cos_bearing = 0.0, 1.0
            if distance_m > 0.0:
                sin_bearing, cos_bearing = east / distance_m, north / distance_m
            bearing_deg = 0.0
            if any_upright:
                bearing_deg = arc_tangent(sin_bearing, cos_bearing) * _DEG_PER_RAD
            elevation = departure_cdeg[i, j] * _RAD_PER_CDEG
            sin_el, cos_el = 0.0, 1.0
            if any_tilted:
                sin_el, cos_el = sin(elevation), cos(elevation)
            loss_db = loss_cdb[i, j] * 0.01
            lead, next_one = 0, 0
            lead_mw, next_mw = np.float32(0.0), np.float32(0.0)
            lead_others_mw = 0.0
            for one in codes:
                if distance_m > all_reach_m and distance_m > radius_m[one]:
                    continue
                if sin_tilt[one] == 0.0:
                    horizontal_deg = bearing_deg - azimuth_deg[one]
                    if horizontal_deg <= -360.0:
                        horizontal_deg += 360.0
                    below_deg = -elevation * _DEG_PER_RAD
                else:
                    sin_off = sin_bearing * cos_azimuth[one] - cos_bearing * sin_azimuth[one]
                    cos_off = cos_bearing * cos_azimuth[one] + sin_bearing * sin_azimuth[one]
                    forward = cos_el * cos_off
                    horizontal_deg = _DEG_PER_RAD * arc_tangent(
                        cos_el * sin_off, forward * cos_tilt[one] - sin_el * sin_tilt[one]
                    )
                    below_deg = -_DEG_PER_RAD * arc_sine(
                        forward * sin_tilt[one] + sin_el * cos_tilt[one]
                    )
                shape = pattern[one]
                lost_db = _cut_loss_db(cuts_db, shape, 0, horizontal_deg) + _cut_loss_db(
                    cuts_db, shape, 1, below_deg
                )
                level_db = (
                    level_offset_db[one] + gain_dbi[shape] - min(lost_db, max_loss_db[shape])
                ) - loss_db
                mw = np.float32(max(exp(level_db * _NEPER_PER_DB), _LEAST_MW))
                if lead == 0:
                    lead, lead_mw = one, mw
                elif mw > lead_mw:
                    lead_others_mw += lead_mw * load_weight[lead]
                    next_one, next_mw = lead, lead_mw
                    lead, lead_mw = one, mw
                else:
                    lead_others_mw += mw * load_weight[one]
                    if next_one == 0 or mw > next_mw:
                        next_one, next_mw = one, mw
            if lead == 0:
                continue
            best, best_mw = code[r, c, 0], level_mw[r, c, 0]
            if best == 0 or lead_mw > best_mw:
                best_diffraction_cdb[r, c] = diffraction_cdb[i, j]
                best_terrain_cdb[r, c] = terrain_cdb[i, j]
                if best != 0 and (next_one == 0 or best_mw >= next_mw):
                    next_one, next_mw = best, best_mw
                second[r, c] = next_one
                second_mw[r, c] = next_mw
            elif second[r, c] == 0 or lead_mw > second_mw[r, c]:
                second[r, c] = lead
                second_mw[r, c] = lead_mw
            left_mw = _keep_site(
                lead, lead_mw, lead_others_mw, site_of, load_weight,
                code, level_mw, others_mw, r, c,
            )  # fmt: skip
            if left_mw > 0.0:
                rest_mw[r, c] += np.float32(left_mw)
