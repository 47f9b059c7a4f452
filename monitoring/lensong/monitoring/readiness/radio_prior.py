"""What a coverage plan lets one expect of the uplink, before anything was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lensong.monitoring.readiness.decades import decades
from lensong.monitoring.readiness.evidence import PredictedUplink
from lensong.propagation.errors import InvalidInputError

__all__ = ["UPLINK_FITS", "UplinkFit", "predicted_log10_bps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkFit:
    """Mean uplink of a test as a log-linear function of the level.

    Parameters
    ----------
    log10_bps_at_100_dbm : float
        At an RSRP of -100 dBm.
    log10_per_db : float
        Slope, above 0.
    residual_sd : float
        Standard deviation of single tests around the line [decades].
    """

    log10_bps_at_100_dbm: float
    log10_per_db: float
    residual_sd: float

    def __post_init__(self) -> None:
        if not (self.log10_per_db > 0.0 and self.residual_sd > 0.0):
            raise InvalidInputError(
                f"fit has slope {self.log10_per_db} and residual_sd {self.residual_sd}, wanted "
                "both above 0: a stronger signal carries more, and never exactly so"
            )

    def log10_bps(self, rsrp_dbm: float) -> float:
        """Return the expected log10 of the uplink [bit/s] at a level."""
        return self.log10_bps_at_100_dbm + self.log10_per_db * (rsrp_dbm + 100.0)


UPLINK_FITS = {
    "4G": UplinkFit(log10_bps_at_100_dbm=6.75, log10_per_db=0.0325, residual_sd=0.46),
    "5G": UplinkFit(log10_bps_at_100_dbm=7.31, log10_per_db=0.0325, residual_sd=0.40),
}
"""Fit by technology.

Slope and spread are those of a pooled fit to the NUWiNS year-long uplink tests (IFIP Networking
2024; 10,844 tests in seven countries); the value at -100 dBm runs the line through the medians of
their bins of 5 dB.
"""


def predicted_log10_bps(prediction: PredictedUplink) -> tuple[float, float] | None:
    """Return centre and spread of the mean uplink that a plan predicts [log10 bit/s, decades].

    Returns
    -------
    tuple or None
        None where the plan has neither an uplink nor a level, or where there is a level
        only and no fit for its technology (3G, unknown).

    Notes
    -----
    The spread is the residual of the fit and the plan's own ``sigma_db``, turned into decades by
    the slope, in quadrature. A planned uplink keeps the residual: what load and handset do to the
    rate is in no plan. An unknown technology gets the wider 4G spread.
    """
    fit = UPLINK_FITS.get(prediction.technology or "")
    spread = fit or UPLINK_FITS["4G"]
    sd = math.hypot(spread.residual_sd, spread.log10_per_db * prediction.sigma_db)
    if prediction.uplink_p50_bps is not None:
        return decades(prediction.uplink_p50_bps), sd
    if prediction.rsrp_dbm is not None and fit is not None:
        return fit.log10_bps(prediction.rsrp_dbm), sd
    return None
