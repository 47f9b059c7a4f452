# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled loop from a packed sweep to the levels of its cells. Private: `heard` calls it.

Cells are named by their code: index into ``network.cells`` plus one, so that 0 is "none" and
freshly allocated zeros need no filling.

A row of pixels at a time, each step over the whole row: the compiler then does several pixels at
once, and twice as many in float32, which is what all is but the level itself. For that angles and
powers come from polynomials: angles within 4e-7 rad (Abramowitz and Stegun, 4.4.46 and 4.4.49; as
near to straight up or down as float32 knows, within 4e-4), sines within 2e-7, powers within 3e-7 of
themselves. So a level is within 0.001 dB of what its pattern gives where that falls by no more than
40 dB a degree.
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

SCRATCH_ROWS = 11
"""Rows that `hear_cells` overwrites, each as long as a row of what it writes."""

_NO_LOSS = 65535
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_RAD_PER_DEG, _DEG_PER_RAD = np.pi / 180.0, np.float32(180.0 / np.pi)
_RAD_PER_CDEG = np.float32(np.pi / 18_000.0)
_CDEG = np.float32(0.01)
_OCTAVE_PER_DB = np.log2(10.0) / 10.0
_PI, _HALF_PI = np.float32(np.pi), np.float32(0.5 * np.pi)
_TURN_DEG = np.float32(360.0)
_LEAST_M = np.float32(1e-30)
_HAIR = 1.0 + 1e-6  # a pixel on the rim of a radius is within it, however it is rounded
_OVER_FACTORIAL = tuple(np.float32(1.0 / factorial(n)) for n in range(13))
_TANGENT = tuple(
    np.float32(c)
    for c in (
        -0.3333314528, 0.1999355085, -0.1420889944, 0.1065626393,
        -0.0752896400, 0.0429096138, -0.0161657367, 0.0028662257,
    )
)  # fmt: skip
_SINE = tuple(
    np.float32(c)
    for c in (
        1.5707963050, -0.2145988016, 0.0889789874, -0.0501743046,
        0.0308918810, -0.0170881256, 0.0066700901, -0.0012624911,
    )
)  # fmt: skip
_POWER = tuple(np.float32(np.log(2.0) ** n / factorial(n)) for n in range(8))
_EXPONENT_BIAS, _EXPONENT_SHIFT = np.int32(127), np.int32(23)
# -320 dBm is what hundredths of a decibel in 16 bits still hold: 1e-32 mW. Above: what no
# transmitter has.
_LEAST_OCTAVE, _MOST_OCTAVE = -32.0 * np.log2(10.0), 120.0


@kernel
def arc_tangent(y, x):  # type: ignore[no-untyped-def]
    """Angle of the point (x, y) [rad], as ``atan2``; 0 at the origin."""
    across, along, c = abs(y), abs(x), _TANGENT
    steep = across > along
    ratio = (along if steep else across) / max(across if steep else along, _LEAST_M)
    t = ratio * ratio
    angle = ratio * (
        _ONE
        + t * (c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * (c[5] + t * (
            c[6] + t * c[7])))))))
    )  # fmt: skip
    angle = _HALF_PI - angle if steep else angle
    angle = _PI - angle if x < _ZERO else angle
    return -angle if y < _ZERO else angle


@kernel
def arc_sine(z):  # type: ignore[no-untyped-def]
    """Angle whose sine is ``z`` [rad]; beyond -1 and 1 as at them."""
    x, c = min(abs(z), _ONE), _SINE
    rest = sqrt(_ONE - x) * (
        c[0] + x * (c[1] + x * (c[2] + x * (c[3] + x * (c[4] + x * (c[5] + x * (
            c[6] + x * c[7]))))))
    )  # fmt: skip
    angle = _HALF_PI - rest
    return -angle if z < _ZERO else angle


@kernel
def sine(x):  # type: ignore[no-untyped-def]
    """Sine of -pi/2 to pi/2, by its series to the 11th power."""
    t, c = x * x, _OVER_FACTORIAL
    return x * (_ONE - t * (c[3] - t * (c[5] - t * (c[7] - t * (c[9] - t * c[11])))))


@kernel
def cosine(x):  # type: ignore[no-untyped-def]
    """Cosine of -pi/2 to pi/2, by its series to the 12th power."""
    t, c = x * x, _OVER_FACTORIAL
    return _ONE - t * (c[2] - t * (c[4] - t * (c[6] - t * (c[8] - t * (c[10] - t * c[12])))))


@kernel
def power_of_two(part):  # type: ignore[no-untyped-def]
    """Two to the power of -1/2 to 1/2, by its series to the 7th power."""
    c = _POWER
    return c[0] + part * (c[1] + part * (c[2] + part * (c[3] + part * (c[4] + part * (
        c[5] + part * (c[6] + part * c[7]))))))  # fmt: skip


@kernel
def _read_cut(cut_db, angle_deg):  # type: ignore[no-untyped-def]
    """Read a cut, stored with degree 0 repeated at 360 and 361, at -360 < angle < 360."""
    angle_deg = angle_deg + _TURN_DEG if angle_deg < _ZERO else angle_deg
    whole = np.uint32(angle_deg)
    low = cut_db[whole]
    return low + (angle_deg - np.float32(whole)) * (cut_db[whole + np.uint32(1)] - low)


@kernel
def _look_out(  # type: ignore[no-untyped-def]
    departure, col, mast_col, north_m, cell_m, sin_convergence, cos_convergence, scratch
):
    """Write where the pixels of a row are seen from the mast: distance, bearing, elevation.

    ``col`` is the first pixel's. What a pixel gets does not depend on it.
    """
    away_m, sin_bearing, cos_bearing = scratch[0], scratch[1], scratch[2]
    sin_el, cos_el, east_m, toward_m = scratch[3], scratch[4], scratch[5], scratch[6]
    # Azimuths count from true north; the grid's north is turned against it.
    for j in range(departure.size):
        across_m = (col + j - mast_col) * cell_m
        east_m[j] = np.float32(across_m * cos_convergence + north_m * sin_convergence)
        toward_m[j] = np.float32(north_m * cos_convergence - across_m * sin_convergence)
    for j in range(departure.size):
        away_m[j] = sqrt(east_m[j] * east_m[j] + toward_m[j] * toward_m[j])
    for j in range(departure.size):
        sin_bearing[j] = east_m[j] / max(away_m[j], _LEAST_M)
    for j in range(departure.size):
        cos_bearing[j] = _ONE if away_m[j] == _ZERO else toward_m[j] / max(away_m[j], _LEAST_M)
    for j in range(departure.size):
        sin_el[j] = sine(np.float32(departure[j]) * _RAD_PER_CDEG)
    for j in range(departure.size):
        cos_el[j] = cosine(np.float32(departure[j]) * _RAD_PER_CDEG)


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
        off_deg[j] = off_deg[j] + _TURN_DEG if off_deg[j] <= -_TURN_DEG else off_deg[j]
    for j in range(departure.size):
        below_deg[j] = np.float32(departure[j]) * -_CDEG


@kernel
def _lose(  # type: ignore[no-untyped-def]
    departure, azimuth_deg, sin_azimuth, cos_azimuth, sin_tilt, cos_tilt, cuts_db, scratch, lost_db
):
    """Write what an antenna's pattern takes away in a row of pixels, without its limit."""
    off_deg, below_deg = scratch[5], scratch[6]
    if sin_tilt == 0.0:
        _off_upright(departure, np.float32(azimuth_deg), scratch)
    else:
        _off_axis(
            np.float32(sin_azimuth), np.float32(cos_azimuth), np.float32(sin_tilt),
            np.float32(cos_tilt), departure.size, scratch,
        )  # fmt: skip
    horizontal_db, vertical_db = cuts_db[0], cuts_db[1]
    for j in range(departure.size):
        lost_db[j] = _read_cut(horizontal_db, off_deg[j]) + _read_cut(vertical_db, below_deg[j])


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
def _levels(loss, lost_db, whole_db, most_db, scratch, bits, level_mw):  # type: ignore[no-untyped-def]
    """Write the levels of a row: whole octaves as a float32's exponent, the rest by its series."""
    part, octave, octave_bits = scratch[9], scratch[10], bits[10]
    for j in range(loss.size):
        level_db = whole_db - min(np.float64(lost_db[j]), most_db) - loss[j] * 0.01
        octaves = min(max(level_db * _OCTAVE_PER_DB, _LEAST_OCTAVE), _MOST_OCTAVE)
        whole = np.floor(octaves + 0.5)
        part[j] = np.float32(octaves - whole)
        octave_bits[j] = (np.int32(whole) + _EXPONENT_BIAS) << _EXPONENT_SHIFT
    for j in range(loss.size):
        level_mw[j] = power_of_two(part[j]) * octave[j]


@kernel
def hear_cells(  # type: ignore[no-untyped-def]
    loss_cdb, departure_cdeg, sweep_row0, sweep_col0, mast_row, mast_col, cell_m, convergence_deg,
    codes, level_offset_db, load_weight, azimuth_deg, sin_azimuth, cos_azimuth, sin_tilt, cos_tilt,
    radius_m, pattern, cuts_db, gain_dbi, max_loss_db,
    row0, col0, is_lost, lost_db, scratch, bits,
    lead, lead_mw, others_mw, runner_up, runner_up_mw,
):  # fmt: skip
    """Write what the cells ``codes`` of one carrier bring, all on one sweep; they are one site's.

    The sweep begins at the grid's row and column ``sweep_row0`` and ``sweep_col0``, what is written
    at ``row0`` and ``col0``, within it; ``mast_row`` and ``mast_col`` count so too. ``lead`` and
    ``runner_up`` are the strongest cell and the next (place in ``codes`` plus 1; 0: none),
    ``others_mw`` the power by which all but the strongest disturb; powers are 0 where there is
    none. The per-cell arrays ``level_offset_db`` … ``pattern`` are indexed by code. ``load_weight``
    turns a cell's RSRP in milliwatts into the power by which it disturbs others. Of equal levels
    the first cell is taken for stronger. The gain is that of the rotation of
    `lensong.coverage.antenna`.

    ``lost_db`` (cells, rows, columns) is what the patterns take away: read where it ``is_lost``,
    else written; with one row alone, it is overwritten row by row. ``scratch`` (`SCRATCH_ROWS`,
    columns), whose memory is ``bits``, is overwritten.
    """
    sin_convergence = sin(convergence_deg * _RAD_PER_DEG)
    cos_convergence = cos(convergence_deg * _RAD_PER_DEG)
    away_m, rest_mw, lead_weight, level_mw = scratch[0], scratch[7], scratch[8], scratch[5]
    for i in range(lead.shape[0]):
        lead[i] = runner_up[i] = 0
        lead_mw[i] = runner_up_mw[i] = others_mw[i] = _ZERO
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
        rest_mw[:] = _ZERO
        lead_weight[:] = _ZERO
        _look_out(
            departure, col0 + begin, mast_col, (mast_row - (row0 + i)) * cell_m, cell_m,
            sin_convergence, cos_convergence, scratch,
        )  # fmt: skip
        for k in range(codes.size):
            one = codes[k]
            shape, radius = pattern[one], np.float32(radius_m[one] * _HAIR)
            lost = lost_db[k, min(i, lost_db.shape[1] - 1), begin:end]
            if not is_lost:
                _lose(
                    departure, azimuth_deg[one], sin_azimuth[one], cos_azimuth[one],
                    sin_tilt[one], cos_tilt[one], cuts_db[shape], scratch, lost,
                )  # fmt: skip
            _levels(
                loss, lost, level_offset_db[one] + gain_dbi[shape], max_loss_db[shape],
                scratch, bits, level_mw,
            )  # fmt: skip
            for j in range(cols):
                out = (loss[j] == _NO_LOSS) | (away_m[j] > radius)
                level_mw[j] = _ZERO if out else level_mw[j]
            _merge(
                np.uint16(k + 1), np.float32(load_weight[one]), level_mw, rest_mw, lead_weight,
                lead[i, begin:end], lead_mw[i, begin:end],
                runner_up[i, begin:end], runner_up_mw[i, begin:end],
            )  # fmt: skip
        for j in range(cols):
            others_mw[i, begin + j] = rest_mw[j]
