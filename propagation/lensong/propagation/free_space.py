"""Free-space loss: the floor under every other model."""

from __future__ import annotations

from math import inf, log10, sqrt

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.kernel import kernel
from lensong.propagation.link import Link
from lensong.propagation.model import Model
from lensong.propagation.statistical_sweep import map_by_distance
from lensong.propagation.types import FloatArray

__all__ = ["MODELS", "free_space_loss_db"]


@kernel
def slant_free_space_loss_db(
    distance_km: float, tx_amsl_m: float, rx_amsl_m: float, freq_ghz: float
) -> float:
    """Return the free-space loss between two antennas, ITU-R P.1812 eq. (8)."""
    rise_km = (tx_amsl_m - rx_amsl_m) / 1000.0
    slant_km = sqrt(distance_km * distance_km + rise_km * rise_km)
    return 92.4 + 20.0 * log10(freq_ghz) + 20.0 * log10(slant_km)


def free_space_loss_db(distance_m: ArrayLike, freq_mhz: float) -> FloatArray:
    """Return the basic transmission loss in free space.

    Parameters
    ----------
    distance_m : shape (...)
        Distance between the antennas [m], above 0. NaN passes through.
    freq_mhz : float
        Frequency [MHz], above 0.

    Returns
    -------
    shape (...)
        Loss [dB].

    Raises
    ------
    InvalidInputError
        When a distance is 0 or negative.
    OutOfRangeError
        When the frequency is not above 0.

    Notes
    -----
    The constant is 92.4 dB at 1 GHz and 1 km, as ITU-R P.1812 rounds it; ITU-R P.525-4 eq. (4)
    gives 32.4 dB at 1 MHz and 1 km, which is the same.

    Examples
    --------
    >>> round(float(free_space_loss_db(1000.0, 1000.0)), 1)
    92.4

    References
    ----------
    .. [1] Recommendation ITU-R P.525-4, "Calculation of free-space attenuation", 2019, eq. (4).
    """
    if not freq_mhz > 0.0:
        raise OutOfRangeError("freq_mhz", freq_mhz, 0.0, float("inf"))
    distance = np.asarray(distance_m, dtype=np.float64)
    if np.any(distance <= 0.0):
        raise InvalidInputError(
            f"distance_m has {float(np.nanmin(distance))}, wanted values above 0 m"
        )
    return np.asarray(32.4 + 20.0 * np.log10(freq_mhz) + 20.0 * np.log10(distance / 1000.0))


def _over_distance(distance_m: FloatArray, slant_m: FloatArray, link: Link) -> FloatArray:
    """Return free space along the slant; nearer than 1 m counts as 1 m."""
    del distance_m
    return free_space_loss_db(np.maximum(slant_m, 1.0), link.freq_mhz)


MODELS = (
    Model(
        name="free_space",
        title="Free-space loss, the floor under every other model",
        kind="statistical",
        freq_mhz=(0.0, inf),
        distance_m=(0.0, inf),
        source="Recommendation ITU-R P.525-4, eq. (4)",
        function=free_space_loss_db,
        over_distance=_over_distance,
        draw=map_by_distance(_over_distance),
        instead="itu_r_p1812 where ground or buildings are in the way",
    ),
)
