# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from a packed sweep to the levels of its cells. Private: `heard` calls it.

Cells are named by their code: index into ``network.cells`` plus one, so that 0 is "none" and
freshly allocated zeros need no filling.

A row of pixels at a time, each step over the whole row: the compiler then does several pixels at
once. For that angles and powers come from polynomials: angles within 4e-8 rad (Abramowitz and
Stegun, 4.4.46 and 4.4.49), a tenth of what a level's float32 resolves, sines within 7e-10, powers
within 1e-11 of themselves.
"""

from __future__ import annotations

from math import cos, factorial, sin, sqrt

import numpy as np

from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = [
    "SCRATCH_ROWS",
    "arc_sine",
    "arc_tangent",
    "cosine",
    "hear_cells",
    "power_of_two",
    "sine",
]

SCRATCH_ROWS = 10
"""Rows that `hear_cells` overwrites, each as long as a row of what it writes."""

_NO_LOSS = 65535
_DEG_PER_RAD = 180.0 / np.pi
_RAD_PER_CDEG = np.pi / 18_000.0
_OCTAVE_PER_DB = np.log2(10.0) / 10.0
_HALF_PI = 0.5 * np.pi
_LN_2_OF_256 = np.log(2.0) / 256.0
_OVER_FACTORIAL = tuple(1.0 / factorial(n) for n in range(15))
# -320 dBm is what hundredths of a decibel in 16 bits still hold: 1e-32 mW. Above: what no
# transmitter has.
_LEAST_OCTAVE, _MOST_OCTAVE = -32.0 * np.log2(10.0), 149.0


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
def sine(x):  # type: ignore[no-untyped-def]
    """Sine of -pi/2 to pi/2, by its series to the 13th power."""
    t, c = x * x, _OVER_FACTORIAL
    return x * (
        1.0 - t * (c[3] - t * (c[5] - t * (c[7] - t * (c[9] - t * (c[11] - t * c[13])))))
    )  # fmt: skip


@kernel
def cosine(x):  # type: ignore[no-untyped-def]
    """Cosine of -pi/2 to pi/2, by its series to the 14th power."""
    t, c = x * x, _OVER_FACTORIAL
    return 1.0 - t * (
        c[2] - t * (c[4] - t * (c[6] - t * (c[8] - t * (c[10] - t * (c[12] - t * c[14])))))
    )


@kernel
def power_of_two(octaves):  # type: ignore[no-untyped-def]
    """Two to a power; below that of 1e-32 and above 149 as at them.

    The 256th part by its series to the 11th power, squared eight times.
    """
    t, c = min(max(octaves, _LEAST_OCTAVE), _MOST_OCTAVE) * _LN_2_OF_256, _OVER_FACTORIAL
    part = 1.0 + t * (1.0 + t * (c[2] + t * (c[3] + t * (c[4] + t * (c[5] + t * (
        c[6] + t * (c[7] + t * (c[8] + t * (c[9] + t * (c[10] + t * c[11]))))))))))  # fmt: skip
    part *= part
    part *= part
    part *= part
    part *= part
    part *= part
    part *= part
    part *= part
    return part * part


@kernel
def _read_cut(cut_db, angle_deg):  # type: ignore[no-untyped-def]
    """Read a cut, stored with degree 0 repeated at 360 and 361, at -360 < angle < 360."""
    angle_deg = angle_deg + 360.0 if angle_deg < 0.0 else angle_deg
    whole = np.uint32(angle_deg)
    low = cut_db[whole]
    return low + (angle_deg - whole) * (cut_db[whole + np.uint32(1)] - low)


@kernel
def _look_out(  # type: ignore[no-untyped-def]
    departure, east_m, north_m, cell_m, sin_convergence, cos_convergence, scratch
):
    """Write where the pixels of a row are seen from the mast: distance, bearing, elevation."""
    away_m, sin_bearing, cos_bearing = scratch[0], scratch[1], scratch[2]
    sin_el, cos_el = scratch[3], scratch[4]
    # Azimuths count from true north; the grid's north is turned against it.
    for j in range(departure.size):
        east = (east_m + j * cell_m) * cos_convergence + north_m * sin_convergence
        north = north_m * cos_convergence - (east_m + j * cell_m) * sin_convergence
        away_m[j] = sqrt(east * east + north * north)
    for j in range(departure.size):
        east = (east_m + j * cell_m) * cos_convergence + north_m * sin_convergence
        sin_bearing[j] = east / max(away_m[j], 1e-300)
    for j in range(departure.size):
        north = north_m * cos_convergence - (east_m + j * cell_m) * sin_convergence
        cos_bearing[j] = 1.0 if away_m[j] == 0.0 else north / max(away_m[j], 1e-300)
    for j in range(departure.size):
        sin_el[j] = sine(departure[j] * _RAD_PER_CDEG)
    for j in range(departure.size):
        cos_el[j] = cosine(departure[j] * _RAD_PER_CDEG)


@kernel
def _off_axis(sin_azimuth, cos_azimuth, sin_tilt, cos_tilt, cols, scratch):  # type: ignore[no-untyped-def]
    """Write the angles at which the pixels of a row lie off a tilted antenna's axis [deg]."""
    sin_bearing, cos_bearing, sin_el, cos_el = scratch[1], scratch[2], scratch[3], scratch[4]
    off_deg, below_deg = scratch[5], scratch[6]
    for j in range(cols):
        sin_off = sin_bearing[j] * cos_azimuth - cos_bearing[j] * sin_azimuth
        cos_off = cos_bearing[j] * cos_azimuth + sin_bearing[j] * sin_azimuth
        off_deg[j] = _DEG_PER_RAD * arc_tangent(
            cos_el[j] * sin_off, cos_el[j] * cos_off * cos_tilt - sin_el[j] * sin_tilt
        )
    for j in range(cols):
        cos_off = cos_bearing[j] * cos_azimuth + sin_bearing[j] * sin_azimuth
        below_deg[j] = -_DEG_PER_RAD * arc_sine(
            cos_el[j] * cos_off * sin_tilt + sin_el[j] * cos_tilt
        )


@kernel
def _off_upright(departure, azimuth_deg, scratch):  # type: ignore[no-untyped-def]
    """Write the same of an antenna that is not tilted."""
    sin_bearing, cos_bearing, off_deg, below_deg = scratch[1], scratch[2], scratch[5], scratch[6]
    for j in range(departure.size):
        off_deg[j] = arc_tangent(sin_bearing[j], cos_bearing[j]) * _DEG_PER_RAD - azimuth_deg
    for j in range(departure.size):
        off_deg[j] = off_deg[j] + 360.0 if off_deg[j] <= -360.0 else off_deg[j]
    for j in range(departure.size):
        below_deg[j] = departure[j] * -0.01


@kernel
def _merge(  # type: ignore[no-untyped-def]
    place, weight, level_mw, rest_mw, lead_weight, first, first_mw, second, second_mw
):
    """Let a cell take its place in a row's pixels: first, second, or among the rest.

    Each line's loop reads what the lines after it change.
    """
    for j in range(first.size):
        mw = level_mw[j]
        rest_mw[j] += first_mw[j] * lead_weight[j] if mw > first_mw[j] else mw * weight
    for j in range(first.size):
        mw = level_mw[j]
        beaten = place if mw > second_mw[j] else second[j]
        second[j] = first[j] if mw > first_mw[j] else beaten
    for j in range(first.size):
        second_mw[j] = max(second_mw[j], min(level_mw[j], first_mw[j]))
    for j in range(first.size):
        lead_weight[j] = weight if level_mw[j] > first_mw[j] else lead_weight[j]
    for j in range(first.size):
        first[j] = place if level_mw[j] > first_mw[j] else first[j]
    for j in range(first.size):
        first_mw[j] = max(first_mw[j], level_mw[j])


@kernel
def hear_cells(  # type: ignore[no-untyped-def]
    loss_cdb, departure_cdeg, sweep_row0, sweep_col0, mast_row, mast_col, cell_m, convergence_deg,
    codes, level_offset_db, load_weight, azimuth_deg, sin_azimuth, cos_azimuth, sin_tilt, cos_tilt,
    radius_m, pattern, cuts_db, gain_dbi, max_loss_db,
    row0, col0, scratch, scratch_mw, lead, lead_mw, others_mw, runner_up, runner_up_mw,
):  # fmt: skip
    """Write what the cells ``codes`` of one carrier bring, all on one sweep; they are one site's.

    The sweep begins at the grid's row and column ``sweep_row0`` and ``sweep_col0``, what is written
    at ``row0`` and ``col0``, within it; ``mast_row`` and ``mast_col`` count so too. ``lead`` and
    ``runner_up`` are the strongest cell and the next (place in ``codes`` plus 1; 0: none),
    ``others_mw`` the power by which all but the strongest disturb; powers are 0 where there is
    none. The per-cell arrays ``level_offset_db`` … ``pattern`` are indexed by code. ``load_weight``
    turns a cell's RSRP in milliwatts into the power by which it disturbs others. Of equal levels
    the first cell is taken for stronger. The gain is that of the rotation of
    `lensong.coverage.antenna`. ``scratch`` (`SCRATCH_ROWS`, columns) and ``scratch_mw`` (columns)
    are overwritten.
    """
    sin_convergence = sin(convergence_deg / _DEG_PER_RAD)
    cos_convergence = cos(convergence_deg / _DEG_PER_RAD)
    away_m, off_deg, below_deg = scratch[0], scratch[5], scratch[6]
    rest_mw, lead_weight, lost_db = scratch[7], scratch[8], scratch[9]
    for i in range(lead.shape[0]):
        lead[i] = runner_up[i] = 0
        lead_mw[i] = runner_up_mw[i] = others_mw[i] = np.float32(0.0)
        whole_row = loss_cdb[row0 - sweep_row0 + i]
        begin, end = 0, lead.shape[1]
        while begin < end and whole_row[col0 - sweep_col0 + begin] == _NO_LOSS:
            begin += 1
        while end > begin and whole_row[col0 - sweep_col0 + end - 1] == _NO_LOSS:
            end -= 1
        if begin == end:
            continue
        cols, here = end - begin, col0 - sweep_col0 + begin
        loss = whole_row[here : here + cols]
        departure = departure_cdeg[row0 - sweep_row0 + i, here : here + cols]
        rest_mw[:] = 0.0
        lead_weight[:] = 0.0
        _look_out(
            departure, (col0 + begin - mast_col) * cell_m, (mast_row - (row0 + i)) * cell_m, cell_m,
            sin_convergence, cos_convergence, scratch,
        )  # fmt: skip
        for k in range(codes.size):
            one = codes[k]
            shape = pattern[one]
            if sin_tilt[one] == 0.0:
                _off_upright(departure, azimuth_deg[one], scratch)
            else:
                _off_axis(
                    sin_azimuth[one], cos_azimuth[one], sin_tilt[one], cos_tilt[one], cols, scratch
                )
            horizontal_db, vertical_db = cuts_db[shape, 0], cuts_db[shape, 1]
            for j in range(cols):
                lost_db[j] = _read_cut(horizontal_db, off_deg[j]) + _read_cut(
                    vertical_db, below_deg[j]
                )
            whole_db, most_db = level_offset_db[one] + gain_dbi[shape], max_loss_db[shape]
            for j in range(cols):
                level_db = whole_db - min(lost_db[j], most_db) - loss[j] * 0.01
                mw = np.float32(power_of_two(level_db * _OCTAVE_PER_DB))
                out = (loss[j] == _NO_LOSS) | (away_m[j] > radius_m[one])
                scratch_mw[j] = np.float32(0.0) if out else mw
            _merge(
                np.uint16(k + 1), load_weight[one], scratch_mw, rest_mw, lead_weight,
                lead[i, begin:end], lead_mw[i, begin:end],
                runner_up[i, begin:end], runner_up_mw[i, begin:end],
            )  # fmt: skip
        for j in range(cols):
            others_mw[i, begin + j] = rest_mw[j]
