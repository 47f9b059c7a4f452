"""Ways of backhaul: fibre, chains of hops, satellites."""

from __future__ import annotations

from math import hypot, nan

from lensong.coverage.network import Mast
from lensong.coverage.path.line import End
from lensong.coverage.siting.feeding_settings import (
    FeedingSettings,
    MicrowaveSettings,
    SatelliteSettings,
)
from lensong.coverage.siting.feeds import Place, Way
from lensong.coverage.siting.hops import Hop, Miss, Ray, nearest_miss, try_hop
from lensong.coverage.siting.problem import READY
from lensong.coverage.siting.satellite import satellite_view
from lensong.coverage.siting.search import FeedData, Search, few, on_satellite
from lensong.coverage.sweeps import PropagationSettings
from lensong.gis_data.gridding import centre_deg
from lensong.propagation.horizon import RADIO_K
from lensong.propagation.walker_shell import Passes, passes_over

__all__ = ["add_backhaul"]


def add_backhaul(search: Search, propagation: PropagationSettings, data: FeedData) -> None:
    """Add all ways of backhaul that the settings have, and say which they have not."""
    settings = data.settings
    search.add_standing("backhaul", settings)
    fibre, microwave, satellite = settings.fibre, settings.microwave, settings.satellite
    if fibre is None or data.fibre is None:
        search.notes.append("No fibre is given (siting.fibre): nothing is fed by it.")
    elif _carries(search, "fibre", fibre.uplink_mbps, settings):
        most = _most(fibre.uplink_mbps, settings)
        search.add_lines("backhaul", "fibre", fibre, data.fibre, most)
    if microwave is None:
        search.notes.append("No microwave is given (siting.microwave): there are no hops.")
    elif _carries(search, "microwave", microwave.uplink_mbps, settings):
        ray = Ray(
            terrain=search.terrain,
            grid=search.grid,
            settings=microwave,
            rain=data.rain,
            delta_n_per_km=propagation.delta_n_per_km,
            terminal_clearing_m=propagation.terminal_clearing_m,
        )
        _add_hops(search, settings, ray)
    if satellite is None:
        search.notes.append("No satellite is given (siting.satellite): nothing is fed by one.")
    elif _carries(search, "satellite", satellite.uplink_mbps, settings):
        _add_satellite(search, satellite, _most(satellite.uplink_mbps, settings))


def _carries(
    search: Search, name: str, uplink_mbps: float | None, settings: FeedingSettings
) -> bool:
    """Return whether a way carries what a mast sends; say so where it does not."""
    need = settings.mast_uplink_mbps
    if need is None or uplink_mbps is None or uplink_mbps >= need:
        return True
    text = f"{name} carries {uplink_mbps:g} Mbit/s up, a mast sends {need:g}"
    search.notes.append(
        f"Nothing is fed by {name}: it carries {uplink_mbps:g} Mbit/s up, a mast "
        f"sends {need:g} (siting.mast_uplink_mbps)."
    )
    for short in search.short["backhaul"]:
        short.append(text)
    return False


def _most(uplink_mbps: float | None, settings: FeedingSettings) -> int | None:
    """Return how many masts a way can feed; None: any."""
    if uplink_mbps is None or settings.mast_uplink_mbps is None:
        return None
    return int(uplink_mbps / settings.mast_uplink_mbps * (1.0 + 1e-9))


def _add_hops(search: Search, settings: FeedingSettings, ray: Ray) -> None:
    """Add hops from fed masts and between candidates, both ways."""
    feeders = _feeders(search, settings, ray.settings)
    ends, count = search.ends, len(search.ends)
    misses: list[list[tuple[str, float, Miss]]] = [[] for _ in ends]
    hops: list[list[int]] = [[] for _ in ends]
    most = _most(ray.settings.uplink_mbps, settings)
    for c, end in enumerate(ends):
        best: tuple[Hop, End] | None = None
        for feeder in feeders:
            found = try_hop(ray, feeder, end)
            if isinstance(found, Hop):
                if best is None or found.order < best[0].order:  # all cost the same
                    best = found, feeder
            elif found is not None:
                misses[c].append((feeder.name, search.apart_m(feeder, end), found))
        if best is not None:
            hops[c].append(READY)
            search.ways["backhaul"].append(_hop_way(*best, c, READY, ray.settings, most))
        for other in range(c):
            found = try_hop(ray, ends[other], end)
            if isinstance(found, Hop):
                for to, source in ((c, other), (other, c)):
                    hops[to].append(source)
                    search.ways["backhaul"].append(
                        _hop_way(found, ends[source], to, source, ray.settings, most)
                    )
            elif found is not None:
                apart_m = search.apart_m(ends[other], end)
                misses[c].append((ends[other].name, apart_m, found))
                misses[other].append((end.name, apart_m, found))
        search.progress(c + 1, count)
    for c, short in enumerate(search.short["backhaul"]):
        others = [ends[source].name for source in hops[c] if source != READY]
        if others:
            short.append(f"hops from {few(others)} are clear, which nothing feeds")
        elif misses[c]:
            short.append(f"no hop; {nearest_miss(misses[c])}")
        else:
            reach_km = ray.settings.reach_m / 1000.0
            short.append(f"no fed mast and no candidate within the {reach_km:g} km of a hop")


def _feeders(search: Search, settings: FeedingSettings, microwave: MicrowaveSettings) -> list[End]:
    """Return the masts where a chain may begin."""
    wanted = {text.lower() for text in microwave.from_backhaul}
    feeders: list[tuple[End, Mast]] = []
    away = unsure = other = 0
    for mast in search.network.masts:
        end = search.end_of(mast)
        if mast.uncertain:
            unsure += 1
        elif (mast.backhaul.lower() not in wanted) if wanted else on_satellite(mast):
            other += 1
        elif end is None:
            away += 1
        else:
            feeders.append((end, mast))
    if settings.standing_is_fed:
        feeders += [
            (end, one.mast)
            for end, one in zip(search.ends, search.candidates, strict=True)
            if one.kind == "standing"
        ]
    told = f"Masts and structures that stand where a chain of hops may begin: {len(feeders)}"
    for count, why in (
        (unsure, "have estimated positions"),
        (other, "have another backhaul" if wanted else "hang on a satellite"),
        (away, "stand outside the elevation"),
    ):
        if count:
            told += f"; {count} may not: they {why}"
    if feeders and not any(mast.backhaul for mast in search.network.masts):
        told += "; the cell list names no backhaul, so each counts as fed"
    search.notes.append(f"{told}.")
    search.feeders = [mast for _, mast in feeders]
    return [end for end, _ in feeders]


def _hop_way(
    hop: Hop, start: End, c: int, source: int, settings: MicrowaveSettings, most: int | None
) -> Way:
    return Way(
        kind="microwave",
        candidate=c,
        source=source,
        from_id=start.name,
        cost=settings.cost or 0.0,
        start=Place(lat_deg=start.lat_deg, lon_deg=start.lon_deg, height_agl_m=start.height_agl_m),
        distance_m=hop.distance_m,
        availability_percent=hop.availability_percent,
        uplink_mbps=nan if settings.uplink_mbps is None else settings.uplink_mbps,
        most=most,
        detail=hop.figures,
    )


def _add_satellite(search: Search, settings: SatelliteSettings, most: int | None) -> None:
    """Add terminals where the horizon leaves enough sky."""
    passes = _passes(search, settings)
    search.notes.append(
        f"Satellites are a regular shell of {settings.planes} planes of {settings.per_plane} at "
        f"{settings.altitude_m / 1000.0:g} km (siting.satellite), none missing; rain and who else "
        "shares a beam are left out."
    )
    unknown: dict[int, float] = {}
    stands = search.standing("backhaul")
    for c, end in enumerate(search.ends):
        if c in stands:
            continue
        view = satellite_view(
            passes,
            search.horizon(c, settings.terminal_agl_m, RADIO_K),
            lat_deg=end.lat_deg,
            lon_deg=end.lon_deg,
            mask_deg=settings.mask_deg,
        )
        unknown[c] = view.unknown_share
        if (
            view.sky_share < settings.least_sky_share
            or view.visible_percent < settings.least_visible_percent
        ):
            search.short["backhaul"][c].append(
                f"satellite: {100.0 * view.sky_share:.0f} % of the sky above "
                f"{settings.mask_deg:g} deg is free and a satellite in sight "
                f"{view.visible_percent:.1f} % of the time, wanted "
                f"{100.0 * settings.least_sky_share:.0f} and {settings.least_visible_percent:g} %"
            )
            continue
        search.ways["backhaul"].append(
            Way(
                kind="satellite",
                candidate=c,
                cost=settings.cost or 0.0,
                availability_percent=view.visible_percent,
                uplink_mbps=nan if settings.uplink_mbps is None else settings.uplink_mbps,
                most=most,
                detail=view,
            )
        )
    search.tell_cut(unknown, f"above {settings.mask_deg:g} deg, before satellites")


def _passes(search: Search, settings: SatelliteSettings) -> Passes:
    lat_deg, lon_deg = centre_deg(search.grid)
    reach_m = 0.5 * search.grid.cell_m * hypot(search.grid.rows, search.grid.cols)
    return passes_over(
        settings.shell,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        lowest_deg=settings.mask_deg,
        within_m=1.01 * reach_m + 10_000.0,  # places may stand higher than the ellipsoid
    )
