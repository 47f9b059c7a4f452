"""The parts of a shortfall: Shapley values over the exact budget of a link.

A link lacks ``shortfall_db``: what its worst condition would need more, with the margin that the
service's probability takes. Eight terms are taken away one by one and in every combination, and
the budget is worked out again each time; the part of a term is the mean of what it changes over
all orders in which the terms can come in. The order then does not matter, and the parts sum to the
shortfall of all terms less that of none. The reference distance is chosen so that the latter is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from math import factorial

import numpy as np

from lensong.coverage.decibel import dbm_to_mw, mw_to_dbm
from lensong.propagation.types import FloatArray

__all__ = ["ASSUMED_FIELDS", "TERMS", "Budgets", "parts_db", "shapley_weights", "shortfalls_db"]

TERMS = (
    "distance",
    "terrain",
    "clutter",
    "antenna",
    "interference",
    "load",
    "uplink",
    "indoor",
)
"""In the order of the columns; of two equal parts the first is the main cause."""

ASSUMED_FIELDS = {
    "antenna": (
        "antenna",
        "azimuth_deg",
        "mechanical_downtilt_deg",
        "electrical_downtilt_deg",
    ),
    "interference": ("uplink_noise_rise_db",),
    "load": ("downlink_load",),
}
"""Fields of the cell list on which a part rests: where they were assumed, so is the part."""

_DISTANCE, _TERRAIN, _CLUTTER, _ANTENNA, _INTERFERENCE, _LOAD, _UPLINK, _INDOOR = (
    1 << k for k in range(len(TERMS))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The budgets of links, one entry per link.

    Parameters
    ----------
    offset_db : shape (n,)
        Power per resource element less what is lost at both ends, walls left out: add gain,
        subtract path loss to get RSRP [dBm].
    loss_db : shape (n, 2, 2)
        Path loss without and with terrain (first), without and with clutter (second).
    gain_dbi : shape (n, 2)
        Toward the place, over smooth ground and over the terrain.
    greatest_gain_dbi : shape (n,)
    wall_db : shape (n,)
        Building entry and penetration.
    boost_db, noise_dbm : shape (n,)
    disturbing_mw : shape (n,)
        Of other cells in a resource element, through the wall.
    attach_dbm : shape (n,)
    sinr_db, useful_sinr_db : shape (n,)
        Needed as the cell is loaded, and beyond which more is of no use.
    empty_sinr_db : shape (n,)
        Needed in the empty cell.
    uplink_dbm : shape (n,)
        RSRP at which the uplink works.
    noise_rise_db : shape (n,)
        Of the uplink, by other cells.
    stronger_phone_db : float
        By how much the reference phone sends more.
    fade_db, outdoor_fade_db : float
        Margin that the service's probability takes, and the same without the building's scatter.
    """

    offset_db: FloatArray
    loss_db: FloatArray
    gain_dbi: FloatArray
    greatest_gain_dbi: FloatArray
    wall_db: FloatArray
    boost_db: FloatArray
    noise_dbm: FloatArray
    disturbing_mw: FloatArray
    attach_dbm: FloatArray
    sinr_db: FloatArray
    useful_sinr_db: FloatArray
    empty_sinr_db: FloatArray
    uplink_dbm: FloatArray
    noise_rise_db: FloatArray
    stronger_phone_db: float
    fade_db: float
    outdoor_fade_db: float

    def __post_init__(self) -> None:
        n = self.offset_db.size
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray) and value.shape[0] != n:
                raise ValueError(f"{f.name} has {value.shape[0]} links, wanted {n}")

    @property
    def reference_loss_db(self) -> FloatArray:
        """Return the path loss at which a link with every term taken away just does [dB]."""
        return -_shortfall_db(self, 0, np.zeros(self.offset_db.size))


def _shortfall_db(b: Budgets, present: int, reference_loss_db: FloatArray) -> FloatArray:
    """Return what links lack with the terms of one combination present [dB]."""
    terrain, clutter = bool(present & _TERRAIN), bool(present & _CLUTTER)
    flat_db = b.loss_db[:, 0, 0]
    loss = b.loss_db[:, int(terrain), int(clutter)] - flat_db
    loss = loss + (flat_db if present & _DISTANCE else reference_loss_db)
    gain = b.gain_dbi[:, int(terrain)] if present & _ANTENNA else b.greatest_gain_dbi
    indoor = bool(present & _INDOOR)
    level = b.offset_db + gain - loss - (b.wall_db if indoor else 0.0)
    noise_mw = dbm_to_mw(b.noise_dbm)
    uplink = b.uplink_dbm
    if present & _INTERFERENCE:
        noise_mw = noise_mw + b.disturbing_mw * (1.0 if indoor else dbm_to_mw(b.wall_db))
    else:
        uplink = uplink - b.noise_rise_db
    if not present & _UPLINK:
        uplink = uplink - b.stronger_phone_db
    sinr = level - b.boost_db - mw_to_dbm(noise_mw)
    if present & _LOAD:
        down = np.minimum(sinr, b.useful_sinr_db) - b.sinr_db
    else:
        down = sinr - b.empty_sinr_db
    margin = np.minimum(np.minimum(level - b.attach_dbm, level - uplink), down)
    return (b.fade_db if indoor else b.outdoor_fade_db) - margin


def shortfalls_db(budgets: Budgets) -> FloatArray:
    """Return what every link lacks under every combination of terms.

    Returns
    -------
    shape (n, 256)
        Bit ``k`` of the second index tells whether term ``k`` of `TERMS` is present; column 0 is
        0 by the choice of the reference distance, the last is the shortfall [dB].
    """
    reference = budgets.reference_loss_db
    return np.stack(
        [_shortfall_db(budgets, present, reference) for present in range(1 << len(TERMS))], axis=1
    )


@cache
def shapley_weights(terms: int) -> FloatArray:
    """Return the weight of every combination in every term's Shapley value.

    Returns
    -------
    shape (2 ** terms, terms)
        Positive where the term is present, negative where it is not.

    References
    ----------
    .. [1] L. S. Shapley, "A value for n-person games", Contributions to the Theory of Games II,
       1953.
    """
    weights = np.empty((1 << terms, terms))
    share = [
        factorial(size) * factorial(terms - size - 1) / factorial(terms) for size in range(terms)
    ]
    for present in range(1 << terms):
        size = present.bit_count()
        for k in range(terms):
            weights[present, k] = share[size - 1] if present >> k & 1 else -share[size]
    return weights


def parts_db(budgets: Budgets) -> FloatArray:
    """Return the part of every term in what the links lack.

    Returns
    -------
    shape (n, 8)
        In the order of `TERMS` [dB]; they sum to the shortfall of the link.
    """
    return np.asarray(shortfalls_db(budgets) @ shapley_weights(len(TERMS)))
