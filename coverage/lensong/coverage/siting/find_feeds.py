"""The ways to feed and power every candidate, and why one has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from math import inf

from lensong.coverage.network import Network
from lensong.coverage.siting.backhaul import add_backhaul
from lensong.coverage.siting.candidates import Candidate
from lensong.coverage.siting.feeds import Feeds, Place, SupplyName, Way
from lensong.coverage.siting.power import add_power
from lensong.coverage.siting.problem import READY
from lensong.coverage.siting.search import FeedData, Search
from lensong.coverage.sweeps import PropagationSettings
from lensong.gis_data.land import Land

__all__ = ["find_feeds"]


def find_feeds(
    candidates: Sequence[Candidate],
    network: Network,
    land: Land,
    propagation: PropagationSettings,
    data: FeedData,
    on_done: Callable[[int, int], None] | None = None,
) -> Feeds | None:
    """Return the ways to feed and power candidates; None where the scenario has none.

    Parameters
    ----------
    candidates : sequence of Candidate
    network : Network
        As it stands.
    land : Land
    propagation : PropagationSettings
    data : FeedData
    on_done : callable or None
        Called with candidates done and candidates in all, while hops are tried.
    """
    settings = data.settings
    counted: list[SupplyName] = []
    if settings.backhaul:
        counted.append("backhaul")
    if settings.power:
        counted.append("power")
    if not counted:
        return None

    def told(done: int, total: int) -> None:
        if on_done is not None:
            on_done(done, total)

    search = Search(candidates, network, land, counted, told)
    search.notes += data.notes
    if settings.backhaul:
        add_backhaul(search, propagation, data)
    else:
        search.notes.append(
            "Backhaul is not part of the choice: the scenario has no siting.fibre, "
            "siting.microwave or siting.satellite."
        )
    if settings.power:
        add_power(search, data)
    else:
        search.notes.append(
            "Power is not part of the choice: the scenario has no siting.grid or siting.solar."
        )
    search.notes += [
        f"{name} is not given and counts as nothing." for name in settings.without_cost()
    ]
    return Feeds(
        ways={name: tuple(search.ways[name]) for name in counted},
        places=tuple(
            Place(lat_deg=end.lat_deg, lon_deg=end.lon_deg, height_agl_m=end.height_agl_m)
            for end in search.ends
        ),
        not_fed=_not_fed(search, counted),
        feeders=tuple(search.feeders),
        notes=tuple(search.notes),
    )


def _not_fed(search: Search, counted: Sequence[SupplyName]) -> tuple[str, ...]:
    """Return why candidates cannot be fed, empty where they can."""
    every = set(range(len(search.candidates)))
    able: dict[SupplyName, set[int]] = {}
    powered = _reached(search.ways["power"]) if "power" in counted else every
    if "power" in counted:
        able["power"] = powered
    if "backhaul" in counted:  # a chain leads only over candidates that have power
        able["backhaul"] = _reached(
            [way for way in search.ways["backhaul"] if way.source == READY or way.source in powered]
        )
    return tuple(
        " | ".join(
            f"{supply}: {'; '.join(search.short[supply][c]) or 'no way is left'}"
            for supply in counted
            if c not in able[supply]
        )
        for c in sorted(every)
    )


def _reached(ways: Sequence[Way]) -> set[int]:
    """Return the candidates to which ways lead from what stands, by the widest ways first."""
    after: dict[int, list[Way]] = {}
    for way in ways:
        after.setdefault(way.source, []).append(way)
    reached: set[int] = set()
    waiting = [(-inf, READY)]
    while waiting:
        room, source = heappop(waiting)
        if source != READY:
            if source in reached:
                continue
            reached.add(source)
        if room == 0.0:
            continue
        for way in after.get(source, []):
            left = min(-room, inf if way.most is None else way.most) - 1.0
            heappush(waiting, (-left, way.candidate))
    return reached
