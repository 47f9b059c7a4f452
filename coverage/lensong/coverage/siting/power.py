"""Ways of power: a line to the grid, or panels and a battery."""

from __future__ import annotations

from math import isinf

from lensong.coverage.siting.feeding_settings import SolarSettings
from lensong.coverage.siting.feeds import Way
from lensong.coverage.siting.search import FeedData, Search
from lensong.coverage.siting.solar import size_solar
from lensong.propagation.horizon import LIGHT_K

__all__ = ["add_power"]


def add_power(search: Search, data: FeedData) -> None:
    """Add all ways of power that the settings have, and say which they have not."""
    settings = data.settings
    search.add_standing("power", settings)
    if settings.grid is None or data.grid is None:
        search.notes.append("No grid is given (siting.grid): nothing is powered by it.")
    else:
        search.add_lines("power", "grid", settings.grid, data.grid)
    if settings.solar is None:
        search.notes.append("No solar is given (siting.solar): nothing is powered by the sun.")
    else:
        _add_solar(search, settings.solar)


def _add_solar(search: Search, settings: SolarSettings) -> None:
    unknown: dict[int, float] = {}
    stands = search.standing("power")
    most = settings.most_panel_w
    for c, end in enumerate(search.ends):
        if c in stands:
            continue
        horizon = search.horizon(c, settings.panel_agl_m, LIGHT_K)
        size = size_solar(settings, horizon, lat_deg=end.lat_deg, lon_deg=end.lon_deg)
        unknown[c] = size.unknown_share
        if isinf(size.panel_w) or (most is not None and size.panel_w > most):
            need = "no sun" if isinf(size.panel_w) else f"{size.panel_w:,.0f} W of panels needed"
            search.short["power"][c].append(
                f"solar: {need} in month {size.worst_month}"
                + ("" if most is None else f", room for {most:,.0f} W")
                + f"; {size.shadow_loss_percent:.0f} % of the year's sun is behind mountains"
            )
            continue
        cost = settings.cost or 0.0
        cost += (settings.panel_cost_per_w or 0.0) * size.panel_w
        cost += (settings.battery_cost_per_wh or 0.0) * size.battery_wh
        search.ways["power"].append(Way(kind="solar", candidate=c, cost=cost, detail=size))
    search.tell_cut(unknown, "before the sun")
