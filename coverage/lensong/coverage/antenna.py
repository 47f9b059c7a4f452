"""Antenna patterns: two cuts, a gain, and the gain in any direction.

A pattern is two cuts of one degree and a greatest gain. Patterns come from a file
(`lensong.coverage.antenna_file`) or from the parametric forms of 3GPP made here. Electrical tilt
is part of a pattern: a parametric one is built with it, a file has it inside. Mechanical tilt
and azimuth belong to the cell and turn the whole pattern (`gain_dbi`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isnan

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.types import FloatArray

__all__ = ["AntennaPattern", "gain_dbi", "omni", "sector_3gpp", "with_electrical_downtilt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AntennaPattern:
    """Losses of an antenna below its greatest gain, in two cuts of one degree.

    Parameters
    ----------
    name : str
        As cell plans refer to it.
    gain_dbi : float
        Greatest gain [dBi].
    horizontal_loss_db : shape (360,)
        Loss at 0, 1, … 359 deg clockwise from boresight [dB], positive.
    vertical_loss_db : shape (360,)
        Loss at 0, 1, … 359 deg below the horizon [dB], positive; 359 is 1 deg above it.
    max_loss_db : float
        The sum of both losses is limited to this [dB] (3GPP TR 38.901 table 7.3-1: 30).
    freq_mhz : float
        Frequency the pattern holds for [MHz]; NaN unknown.
    """

    name: str
    gain_dbi: float
    horizontal_loss_db: FloatArray
    vertical_loss_db: FloatArray
    max_loss_db: float = float("inf")
    freq_mhz: float = float("nan")

    def __post_init__(self) -> None:
        for cut, values in (
            ("horizontal", self.horizontal_loss_db),
            ("vertical", self.vertical_loss_db),
        ):
            if values.shape != (360,):
                raise InvalidInputError(
                    f"{cut} cut of antenna {self.name!r} has shape {values.shape}, wanted (360,): "
                    "one loss per degree"
                )
            if not bool(np.isfinite(values).all()):
                raise InvalidInputError(
                    f"{cut} cut of antenna {self.name!r} has a loss that is not a finite number, "
                    "wanted decibels below the greatest gain at every degree"
                )
        if not -30.0 <= self.gain_dbi <= 60.0:
            raise OutOfRangeError(f"gain_dbi of antenna {self.name!r}", self.gain_dbi, -30.0, 60.0)
        if not self.max_loss_db > 0.0:
            raise InvalidInputError(
                f"max_loss_db of antenna {self.name!r} is {self.max_loss_db}, wanted above 0 dB"
            )
        if not (isnan(self.freq_mhz) or 0.0 < self.freq_mhz < inf):
            raise InvalidInputError(
                f"freq_mhz of antenna {self.name!r} is {self.freq_mhz}, wanted above 0 MHz, or NaN "
                "where it is not known"
            )

    @property
    def electrical_downtilt_deg(self) -> int:
        """Return how far below the horizon the main beam points, to a degree [deg].

        The middle of the angles with the least loss, looked for between 45 deg above and below
        the horizon. For a parametric pattern it is the tilt it was built with, rounded; for a
        file it is what the file holds.
        """
        angles = np.arange(-45, 46)
        losses = self.vertical_loss_db[angles % 360]
        return round(float(np.median(angles[losses <= losses.min() + 1e-9])))


def gain_dbi(
    pattern: AntennaPattern,
    *,
    azimuth_deg: ArrayLike,
    elevation_deg: ArrayLike,
    boresight_azimuth_deg: float,
    mechanical_downtilt_deg: float = 0.0,
) -> FloatArray:
    r"""Return the gain of a mounted antenna toward given directions.

    Parameters
    ----------
    pattern : AntennaPattern
        With its electrical tilt inside.
    azimuth_deg : any shape
        Direction of departure, clockwise from true north [deg], any turn; NaN gives NaN.
    elevation_deg : any shape, broadcast against ``azimuth_deg``
        Above the horizontal, negative down [deg], -90..90; NaN gives NaN.
    boresight_azimuth_deg : float
        Azimuth of the cell, clockwise from true north [deg].
    mechanical_downtilt_deg : float
        By how much the antenna leans forward, positive down [deg].

    Returns
    -------
    broadcast shape
        Gain [dBi].

    Notes
    -----
    With :math:`\Delta` the azimuth off boresight, :math:`e` the elevation and :math:`t` the
    mechanical tilt, the unit vector of the direction (x forward, y right, z up) is turned about
    the y axis into the frame of the antenna:

    .. math::
        x &= \cos e \cos\Delta \cos t - \sin e \sin t \\
        y &= \cos e \sin\Delta \\
        z &= \cos e \cos\Delta \sin t + \sin e \cos t

    There the horizontal angle is ``atan2(y, x)`` and the angle below the antenna's own horizon
    ``-asin(z)``, both taken modulo 360. Each cut is read by linear interpolation between whole
    degrees, and ::

        gain = gain_dbi - min(H(horizontal) + V(below), max_loss_db)

    which is the sum of cuts of 3GPP TR 38.901 table 7.3-1 [1]_. The rotation is exact, that of
    section 7.1.3 of the same report: behind the antenna a downtilt lifts the beam.

    References
    ----------
    .. [1] 3GPP TR 38.901 V17.0.0, "Study on channel model for frequencies from 0.5 to 100 GHz".
    """
    off = np.radians(np.asarray(azimuth_deg, dtype=np.float64) - boresight_azimuth_deg)
    elevation = np.radians(np.asarray(elevation_deg, dtype=np.float64))
    tilt = np.radians(mechanical_downtilt_deg)
    forward, up = np.cos(elevation) * np.cos(off), np.sin(elevation)
    x = forward * np.cos(tilt) - up * np.sin(tilt)
    y = np.cos(elevation) * np.sin(off)
    z = forward * np.sin(tilt) + up * np.cos(tilt)
    horizontal_deg = np.degrees(np.arctan2(y, x))
    below_deg = -np.degrees(np.arcsin(np.clip(z, -1.0, 1.0)))
    loss_db = _cut_loss_db(pattern.horizontal_loss_db, horizontal_deg) + _cut_loss_db(
        pattern.vertical_loss_db, below_deg
    )
    gain: FloatArray = np.asarray(pattern.gain_dbi - np.minimum(loss_db, pattern.max_loss_db))
    return gain


def sector_3gpp(
    *,
    gain_dbi: float = 17.0,
    horizontal_beamwidth_deg: float = 65.0,
    vertical_beamwidth_deg: float = 10.0,
    electrical_downtilt_deg: float = 0.0,
    side_lobe_db: float = 20.0,
    max_loss_db: float = 30.0,
    name: str = "3gpp",
) -> AntennaPattern:
    """Return the parametric sector antenna of 3GPP.

    Parameters
    ----------
    gain_dbi : float
        Greatest gain [dBi].
    horizontal_beamwidth_deg, vertical_beamwidth_deg : float
        Full widths at half power [deg], 1..360 and 1..180.
    electrical_downtilt_deg : float
        The vertical cut is moved down by this [deg], -30..90.
    side_lobe_db : float
        Greatest loss of the vertical cut [dB] (SLA_V).
    max_loss_db : float
        Greatest loss of the horizontal cut and of the sum [dB] (A_max, front to back).
    name : str
        For reports.

    Notes
    -----
    Both cuts are ``min(12 (angle / width)², limit)``, as in TR 38.901 table 7.3-1 [1]_, with the
    widths of a whole panel in place of one element. Of the defaults, 65 deg across and 30 dB are
    those of the table. The others come from no standard: 10 deg and 20 dB in the vertical cut are
    our judgement of a macro panel, and 17 dBi is what these widths can give (the pattern's mean
    over the sphere is then 0.1 dB). Where the antenna is known, take its pattern file. One element
    of [1]_ is ``gain_dbi=8, vertical_beamwidth_deg=65, side_lobe_db=30``.

    References
    ----------
    .. [1] 3GPP TR 38.901 V17.0.0, table 7.3-1.
    """
    horizontal = _parabolic_cut_db(
        "horizontal_beamwidth_deg", horizontal_beamwidth_deg, 0.0, max_loss_db
    )
    vertical = _parabolic_cut_db(
        "vertical_beamwidth_deg", vertical_beamwidth_deg, electrical_downtilt_deg, side_lobe_db
    )
    return AntennaPattern(
        name=name,
        gain_dbi=gain_dbi,
        horizontal_loss_db=horizontal,
        vertical_loss_db=vertical,
        max_loss_db=max_loss_db,
    )


def omni(
    gain_dbi: float = 11.0,
    vertical_beamwidth_deg: float = 8.0,
    *,
    electrical_downtilt_deg: float = 0.0,
    side_lobe_db: float = 20.0,
    name: str = "omni",
) -> AntennaPattern:
    """Return an antenna that radiates alike in every horizontal direction.

    Parameters
    ----------
    gain_dbi : float
        Greatest gain [dBi]; a collinear of 11 dBi has a beam about 8 deg high.
    vertical_beamwidth_deg : float
        Full width at half power [deg], 1..180.
    electrical_downtilt_deg : float
        The beam is lowered by this in all directions [deg], -30..90.
    side_lobe_db : float
        Greatest loss of the vertical cut [dB].
    name : str
        For reports.

    Notes
    -----
    The vertical cut is that of `sector_3gpp`.
    """
    return AntennaPattern(
        name=name,
        gain_dbi=gain_dbi,
        horizontal_loss_db=np.zeros(360),
        vertical_loss_db=_parabolic_cut_db(
            "vertical_beamwidth_deg", vertical_beamwidth_deg, electrical_downtilt_deg, side_lobe_db
        ),
        max_loss_db=side_lobe_db,
    )


def with_electrical_downtilt(
    pattern: AntennaPattern, electrical_downtilt_deg: float
) -> AntennaPattern:
    """Return the pattern with its vertical cut moved down by a further tilt.

    Parameters
    ----------
    pattern : AntennaPattern
        Stays as it is.
    electrical_downtilt_deg : float
        On top of the tilt that the pattern has already [deg], -30..90.

    Notes
    -----
    This is what Atoll's *additional electrical downtilt* asks for. A real antenna's side lobes
    change with tilt: a pattern file measured at that tilt is better.
    """
    _check_tilt(electrical_downtilt_deg)
    moved = _cut_loss_db(pattern.vertical_loss_db, np.arange(360.0) - electrical_downtilt_deg)
    return replace(
        pattern,
        name=f"{pattern.name} +{electrical_downtilt_deg:g} deg",
        vertical_loss_db=moved,
    )


def _cut_loss_db(cut_db: FloatArray, angle_deg: FloatArray) -> FloatArray:
    """Read a cut at any angle by linear interpolation; NaN stays NaN."""
    closed = np.append(cut_db, cut_db[0])
    known = np.isfinite(angle_deg)
    turned = np.where(known, angle_deg, 0.0) % 360.0
    loss: FloatArray = np.interp(turned, np.arange(361.0), closed)
    return np.where(known, loss, np.nan)


def _parabolic_cut_db(
    name: str, beamwidth_deg: float, tilt_deg: float, limit_db: float
) -> FloatArray:
    """Return ``min(12 (angle / width)², limit)`` around a tilt, at 0 … 359 deg."""
    widest = 360.0 if name.startswith("horizontal") else 180.0
    if not 1.0 <= beamwidth_deg <= widest:
        raise OutOfRangeError(name, beamwidth_deg, 1.0, widest)
    if not 0.0 < limit_db <= 100.0:
        raise OutOfRangeError("greatest loss of a cut [dB]", limit_db, 0.0, 100.0)
    _check_tilt(tilt_deg)
    off = (np.arange(360.0) - tilt_deg + 180.0) % 360.0 - 180.0
    cut: FloatArray = np.minimum(12.0 * (off / beamwidth_deg) ** 2, limit_db)
    return cut


def _check_tilt(tilt_deg: float) -> None:
    if not -30.0 <= tilt_deg <= 90.0:
        raise OutOfRangeError(
            "electrical_downtilt_deg", tilt_deg, -30.0, 90.0, hint="positive is down"
        )
