"""The chance of a service the slow way: draw every site's shadowing, choose the server anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lensong.coverage.link_budget import cell_budget
from lensong.coverage.network import Carrier, Network
from lensong.coverage.service import Handset, Service
from lensong.coverage.shadowing import Shadowing, sites_of_masts
from lensong.coverage.spectrum import disturbance_weight
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["slow_chance"]

DRAWS = 100_000


def slow_chance(
    network: Network,
    level_dbm: FloatArray,
    handset: Handset,
    services: Sequence[Service],
    shadowing: Shadowing,
    *,
    operator: str,
    technologies: Sequence[str] = ("4G", "5G"),
    draws: int = DRAWS,
    seed: int = 1,
) -> list[float]:
    """Return the share of draws in which any carrier of one operator holds each service.

    Parameters
    ----------
    level_dbm : shape (cells,)
        Median RSRP of every cell at the place, NaN where it does not reach.
    technologies : sequence of str
        Those that the phone may use.
    """
    heard = [
        k
        for k, cell in enumerate(network.cells)
        if cell.operator == operator and np.isfinite(level_dbm[k])
    ]
    number = sites_of_masts(network)
    places = sorted({number[network.cells[k].mast_id] for k in heard})
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((draws, 1))
    own = rng.standard_normal((draws, len(places)))
    rho = shadowing.correlation
    shadow_db = shadowing.sigma_db * (np.sqrt(rho) * common + np.sqrt(1.0 - rho) * own)
    factor = 10.0 ** (shadow_db / 10.0)

    budget = {k: cell_budget(network.cells[k], handset) for k in heard}
    carrier = {k: network.cells[k].carrier for k in heard}
    data_mw = {k: 10.0 ** ((level_dbm[k] - budget[k].boost_db) / 10.0) for k in heard}
    holds = np.zeros((len(services), draws), dtype=bool)
    at = np.arange(draws)
    for channel in {_channel(c): None for c in carrier.values()}:
        if channel[0] not in technologies:
            continue
        lead: list[int] = []  # strongest cell of each site on this channel, -1 none
        power_mw = np.zeros(len(places))
        for j, place in enumerate(places):
            at_site = [k for k in heard if number[network.cells[k].mast_id] == place]
            on = [k for k in at_site if _channel(carrier[k]) == channel]
            lead.append(max(on, key=lambda k: level_dbm[k]) if on else -1)
            member = next(k for k in heard if _channel(carrier[k]) == channel)
            power_mw[j] = sum(
                data_mw[k] * budget[k].load * disturbance_weight(carrier[member], carrier[k])
                for k in at_site
                if carrier[k].technology == channel[0]
            )
        level = np.array([level_dbm[k] if k >= 0 else -np.inf for k in lead])
        best = np.argmax(level + shadow_db, axis=1)
        server = np.array(lead)[best]
        rsrp = (level + shadow_db)[at, best]

        def of(values: dict[int, float], server: IntArray = server) -> FloatArray:
            table = np.full(len(network.cells), np.nan)
            table[list(values)] = list(values.values())
            return table[server]

        signal_mw = of(data_mw) * factor[at, best]
        load = of({k: b.load for k, b in budget.items()})
        noise_mw = of({k: 10.0 ** (b.noise_dbm / 10.0) for k, b in budget.items()})
        disturbing_mw = factor @ power_mw - signal_mw * load
        sinr_db = 10.0 * np.log10(signal_mw / (np.maximum(disturbing_mw, 0.0) + noise_mw))
        for q, service in enumerate(services):
            if channel[0] in service.technologies:
                needed = of({k: b.required_sinr_db(service) for k, b in budget.items()})
                uplink = of({k: b.required_uplink_rsrp_dbm(service) for k, b in budget.items()})
                holds[q] |= (sinr_db >= needed) & (rsrp >= uplink) & (rsrp >= service.min_rsrp_dbm)
    return [float(share) for share in holds.mean(axis=1)]


def _channel(carrier: Carrier) -> tuple[str, float, float]:
    return (carrier.technology, carrier.downlink_freq_mhz, carrier.bandwidth_mhz)
