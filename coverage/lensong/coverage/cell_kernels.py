# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from a packed sweep to the levels of its cells. Private: `heard` calls it.

Cells are named by their code: index into ``network.cells`` plus one, so that 0 is "none" and
freshly allocated zeros need no filling.

Angles toward a pixel come from polynomials, within 4e-8 rad (Abramowitz and Stegun, 4.4.46 and
4.4.49): a tenth of what a level's float32 resolves, in a third of the time of the library's.
"""

from __future__ import annotations

from math import cos, exp, sin, sqrt

import numpy as np

from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = ["arc_sine", "arc_tangent", "hear_cells"]

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
def hear_cells(  # type: ignore[no-untyped-def]
    loss_cdb, departure_cdeg, sweep_row0, sweep_col0, mast_row, mast_col, cell_m, convergence_deg,
    codes, level_offset_db, load_weight, azimuth_deg, sin_azimuth, cos_azimuth, sin_tilt, cos_tilt,
    radius_m, pattern, cuts_db, gain_dbi, max_loss_db,
    row0, col0, lead, lead_mw, others_mw, runner_up, runner_up_mw,
):  # fmt: skip
    """Write what the cells ``codes`` of one carrier bring, all on one sweep; they are one site's.

    The sweep begins at the grid's row and column ``sweep_row0`` and ``sweep_col0``, what is written
    at ``row0`` and ``col0``, within it; ``mast_row`` and ``mast_col`` count so too. ``lead`` and
    ``runner_up`` are the strongest cell and the next (place in ``codes`` plus 1; 0: none),
    ``others_mw`` the power by which all but the strongest disturb. The per-cell arrays
    ``level_offset_db`` … ``pattern`` are indexed by code. ``load_weight`` turns a cell's RSRP in
    milliwatts into the power by which it disturbs others. Of equal levels the first cell is taken
    for stronger. The gain is that of the
    rotation of `lensong.coverage.antenna`.
    """
    any_upright, any_tilted, all_reach_m = False, False, np.inf
    for one in codes:
        any_upright |= sin_tilt[one] == 0.0
        any_tilted |= sin_tilt[one] != 0.0
        all_reach_m = min(all_reach_m, radius_m[one])
    sin_convergence = sin(convergence_deg / _DEG_PER_RAD)
    cos_convergence = cos(convergence_deg / _DEG_PER_RAD)
    down, along = row0 - sweep_row0, col0 - sweep_col0
    for i in range(lead.shape[0]):
        grid_north = (mast_row - (row0 + i)) * cell_m
        for j in range(lead.shape[1]):
            lead[i, j] = runner_up[i, j] = 0
            loss = loss_cdb[down + i, along + j]
            if loss == _NO_LOSS:
                continue
            grid_east = ((col0 + j) - mast_col) * cell_m
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
            elevation = departure_cdeg[down + i, along + j] * _RAD_PER_CDEG
            sin_el, cos_el = 0.0, 1.0
            if any_tilted:
                sin_el, cos_el = sin(elevation), cos(elevation)
            loss_db = loss * 0.01
            first, second = 0, 0
            first_mw, second_mw = np.float32(0.0), np.float32(0.0)
            rest_mw = 0.0
            for k in range(codes.size):
                one = codes[k]
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
                if first == 0:
                    first, first_mw = k + 1, mw
                elif mw > first_mw:
                    rest_mw += first_mw * load_weight[codes[first - 1]]
                    second, second_mw = first, first_mw
                    first, first_mw = k + 1, mw
                else:
                    rest_mw += mw * load_weight[one]
                    if second == 0 or mw > second_mw:
                        second, second_mw = k + 1, mw
            lead[i, j], lead_mw[i, j], others_mw[i, j] = first, first_mw, rest_mw
            runner_up[i, j], runner_up_mw[i, j] = second, second_mw
