"""Panels and battery of a mast without grid, in the shadow of its mountains."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SolarSize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarSize:
    """What a mast needs to run from the sun.

    Parameters
    ----------
    load_w : float
        Mean power of the mast [W].
    panel_w, battery_wh : float
        Panels at standard test conditions [W] and battery [Wh].
    worst_month : int
        1..12, which decides the panels.
    worst_yield_wh_per_w : float
        What a watt of panels brings a mean day of that month, after all losses [Wh].
    shadow_loss_percent : float
        Of the year's energy, lost behind mountains [%].
    unknown_share : float
        Of the azimuths in which mountains beyond the elevation that was read may stand before the
        sun, 0..1.
    """

    load_w: float
    panel_w: float
    battery_wh: float
    worst_month: int
    worst_yield_wh_per_w: float
    shadow_loss_percent: float
    unknown_share: float
