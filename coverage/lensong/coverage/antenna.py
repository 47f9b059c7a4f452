"""Antenna patterns: two cuts, a gain and how they combine."""

from __future__ import annotations

from dataclasses import dataclass

from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray

__all__ = ["AntennaPattern"]


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
