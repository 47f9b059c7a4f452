"""What a wall costs, and how much more uncertain it makes the level."""

from __future__ import annotations

from math import hypot
from statistics import median

from lensong.coverage.network import Network
from lensong.coverage.service import Handset
from lensong.coverage.shadowing import Shadowing
from lensong.coverage.sweeps import PropagationSettings
from lensong.propagation.p2109 import building_entry_loss_db

__all__ = ["entry_loss_db", "entry_sigma_db", "level_shadowing", "level_sigma_db"]

_ONE_SIGMA_PERCENT = 84.134  # of a normal distribution lies below its mean plus one deviation


def _quantile_db(handset: Handset, freq_mhz: float, percent: float) -> float:
    if handset.indoor == "none":
        return 0.0
    return float(
        building_entry_loss_db(
            freq_mhz,
            probability_percent=percent,
            building="traditional" if handset.indoor == "traditional" else "thermally_efficient",
        )
    )


def entry_loss_db(handset: Handset, freq_mhz: float) -> float:
    """Return the median building entry loss of a phone indoors, 0 outdoors [dB].

    References
    ----------
    .. [1] Recommendation ITU-R P.2109-2, §3, horizontal path.
    """
    return _quantile_db(handset, freq_mhz, 50.0)


def entry_sigma_db(handset: Handset, freq_mhz: float) -> float:
    """Return the deviation of the entry loss over places in buildings, 0 outdoors [dB].

    Half the width between the quantiles one standard deviation to either side of the median.
    """
    above = _quantile_db(handset, freq_mhz, _ONE_SIGMA_PERCENT)
    return 0.5 * (above - _quantile_db(handset, freq_mhz, 100.0 - _ONE_SIGMA_PERCENT))


def level_sigma_db(propagation: PropagationSettings, handset: Handset, network: Network) -> float:
    """Return the deviation of the level: locations, model and, indoors, the building [dB].

    The building's part is that at the middle of the network's carriers; it grows by less than 2 dB
    from 700 MHz to 3.8 GHz.
    """
    freq_mhz = median(cell.carrier.downlink_freq_mhz for cell in network.cells)
    return hypot(propagation.total_sigma_db, entry_sigma_db(handset, freq_mhz))


def level_shadowing(
    propagation: PropagationSettings, handset: Handset, network: Network
) -> Shadowing:
    """Return how the level scatters, and how much of it all sites share.

    Locations and the model's error have the correlation that the settings state; the building is
    around the phone, so what it takes off more or less it takes off every site.
    """
    sigma_db = level_sigma_db(propagation, handset, network)
    outdoors_db = propagation.total_sigma_db
    apart = 1.0 - propagation.shadowing_correlation
    share = (outdoors_db / sigma_db) ** 2 if sigma_db > 0.0 else 0.0
    return Shadowing(sigma_db=sigma_db, correlation=1.0 - apart * share)
