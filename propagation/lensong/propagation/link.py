"""What every model of a whole path is asked for: the link, and the air it crosses."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Climate", "Link"]


class Link(NamedTuple):
    """A carrier between two antennas; functions and kernels read the same record.

    ``freq_mhz`` [MHz]; ``tx_height_agl_m`` and ``rx_height_agl_m`` above ground [m];
    ``horizontal`` polarization, else vertical.
    """

    freq_mhz: float
    tx_height_agl_m: float
    rx_height_agl_m: float
    horizontal: bool = False


class Climate(NamedTuple):
    """The air of a path; a model reads what it knows of.

    ``delta_n_per_km`` lapse rate of refractivity in the lowest kilometre, positive [N-units/km];
    ``n0`` refractivity at sea level [N-units]; ``time_percent`` share of an average year in which
    the loss is not exceeded [%]; ``centre_lat_deg`` latitude of the middle of the path, or of the
    mast of a map [deg]; ``tx_coast_km`` and ``rx_coast_km`` distance to the coast along the path
    for an antenna on land [km].
    """

    delta_n_per_km: float
    n0: float
    time_percent: float = 50.0
    centre_lat_deg: float = 0.0
    tx_coast_km: float = 500.0
    rx_coast_km: float = 500.0
