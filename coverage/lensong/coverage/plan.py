"""A whole plan: sweeps, layers, villages, gaps, sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from math import inf, isnan
from time import perf_counter
from typing import Any

import geopandas as gpd
import numpy as np

from lensong.coverage.calibration.layers import known_layers, village_columns
from lensong.coverage.causes.attribute import Explained
from lensong.coverage.causes.of_plan import causes_of_plan
from lensong.coverage.causes.settings import CauseSettings
from lensong.coverage.gaps import gap_polygons
from lensong.coverage.indoor import entry_loss_db, entry_sigma_db
from lensong.coverage.kept_tiles import KeptTiles, Seen, TileCache
from lensong.coverage.layer_model import operator_names
from lensong.coverage.layers import Layers, cell_footprints, job_window, make_layers
from lensong.coverage.level_shares import level_shares
from lensong.coverage.link_budget import cell_budget
from lensong.coverage.network import Network, Technology
from lensong.coverage.plan_setup import LaidOut, PlanSetup, Progress
from lensong.coverage.reach import (
    RadiusCut,
    Reach,
    mark_beyond,
    some_names,
    villages_beyond,
    villages_unknown,
    what_hides,
)
from lensong.coverage.report.legend import rsrp_breaks_dbm
from lensong.coverage.result import PlanResult, TechnologyLayers
from lensong.coverage.rollup import commune_table, province_table, summarise
from lensong.coverage.service import DEFAULT_SERVICES, Handset, Service
from lensong.coverage.streams.settings import StreamSettings
from lensong.coverage.streams.table import stream_table, streams_column
from lensong.coverage.sweeps import (
    PackedSweep,
    PropagationSettings,
    SweepCache,
    run_sweeps,
)
from lensong.coverage.village_intervals import village_intervals
from lensong.coverage.village_weights import (
    WHOLE_SHARE,
    VillageWeights,
)
from lensong.coverage.villages import ClassThresholds, column_suffix, village_table
from lensong.gis_data.array_room import ArrayRoom
from lensong.gis_data.land import Land

__all__ = ["Progress", "StageClock", "concluded", "plan"]


def plan(
    land: Land,
    network: Network,
    *,
    title: str,
    services: Sequence[Service] = DEFAULT_SERVICES,
    handset: Handset | None = None,
    propagation: PropagationSettings | None = None,
    classes: ClassThresholds | None = None,
    streams: StreamSettings | None = None,
    settings: dict[str, Any] | None = None,
    causes: CauseSettings | None = None,
    cache: SweepCache | None = None,
    tiles: TileCache | None = None,
    room: ArrayRoom | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> PlanResult:
    """Return what a network offers the villages of a land.

    Parameters
    ----------
    land, network : Land, Network
        Already read and checked.
    title : str
        Of the scenario.
    services : sequence of Service
        At least one; names are unique.
    handset, propagation, classes, streams
        None: the defaults of their classes.
    settings : dict or None
        The scenario as read, kept in the result; JSON-ready.
    causes : CauseSettings or None
        How far the causes of gaps are looked into; None: not at all.
    cache
        Where sweeps are kept between runs; None keeps none.
    tiles : TileCache or None
        Where laid tiles are kept between runs; None keeps none.
    room : ArrayRoom or None
        Where the layers are made, and stay; None: memory.
    workers : int
        Threads over masts. The values of the result do not depend on it.
    progress : callable or None
        Called after every finished step; see `Progress`.

    Raises
    ------
    InvalidInputError
        When there is no cell, no village, two services of one name, a class service that is
        not among them, or a path loss that is not a median.
    DataError
        When villages lie outside the grid.
    """
    setup = PlanSetup.of(
        land,
        network,
        title=title,
        services=services,
        handset=handset,
        propagation=propagation,
        classes=classes,
        streams=streams,
        settings=settings,
        causes=causes,
    )
    clock = StageClock()
    kept = KeptTiles.of(setup, tiles, workers)
    laid = _laid_out(setup, cache, kept, room, workers, progress, clock)
    return concluded(setup, laid, cache=cache, workers=workers, progress=progress, clock=clock)


def _laid_out(
    setup: PlanSetup,
    cache: SweepCache | None,
    kept: KeptTiles | None,
    room: ArrayRoom | None,
    workers: int,
    progress: Progress | None,
    clock: StageClock,
) -> LaidOut:
    """Make the sweeps in threads and lay them over each other as they come."""
    grid = setup.land.grid
    heard, links = setup.heard(), setup.links()
    layers = Layers.empty(grid, setup.model, room=room)
    rides = _Rides(setup, cache, kept, workers, progress, clock)
    only = None
    if kept is not None:
        only = kept.restore(layers, heard, links)
        clock.lap("layers")
        rides.leave_out(set(range(len(setup.jobs))) - kept.jobs_for(only))
    make_layers(
        grid,
        setup.model,
        rides=rides,
        planned=[job_window(setup.jobs[number], grid) for number in rides.numbers],
        people=setup.people,
        heard=heard,
        links=links,
        workers=workers,
        into=layers,
        only=only,
        others=None if kept is None else kept.others,
        on_laid=None if kept is None else kept.keep,
    )
    clock.lap("layers")
    return LaidOut(
        layers=layers,
        heard=heard,
        links=links,
        hidden=rides.hidden,
        cut=rides.cut,
        reused=rides.reused,
        hidden_pixels=rides.hidden_pixels,
        with_hidden=rides.with_hidden,
        kept_streams=None if kept is None else kept.streams,
    )


def concluded(
    setup: PlanSetup,
    laid: LaidOut,
    *,
    cache: SweepCache | None,
    workers: int,
    progress: Progress | None = None,
    clock: StageClock | None = None,
) -> PlanResult:
    """Return the result of a plan whose layers are made: villages, streams, causes, gaps, sums.

    Parameters
    ----------
    setup : PlanSetup
    laid : LaidOut
        Its reasons are made more exact in place.
    cache, workers, progress
        As in `plan`.
    clock : StageClock or None
        Goes on counting.
    """
    clock = clock or StageClock()
    land, network, services = setup.land, setup.network, setup.services
    handset, propagation, classes = setup.handset, setup.propagation, setup.classes
    streams, weights, jobs = setup.streams, setup.weights, setup.jobs
    class_service, shadowing = setup.class_service, setup.shadowing
    layers, heard, links, causes = laid.layers, laid.heard, laid.links, setup.causes
    _tell(progress, "villages", 0, 1)
    reach = Reach(land.grid, network, jobs)
    mark_beyond(layers, services, reach, laid.hidden)
    layers.room.let_go()
    whole, cut_off = laid.cut.sentences()
    villages = village_table(land, network, layers, services, weights=weights, classes=classes)
    layers.room.let_go()
    names = [str(n or i) for n, i in zip(villages["name"], villages["village_id"], strict=True)]
    clock.lap("villages")
    at_once = laid.streams
    if at_once is None:
        at_once = stream_table(
            villages,
            heard,
            setup.model,
            streams,
            model_sigma_db=propagation.model_sigma_db,
            progress=partial(_tell, progress, "streams"),
            workers=workers,
            kept=laid.kept_streams,
        )
    known = known_layers(
        land,
        network,
        jobs,
        layers.technologies,
        propagation,
        rx_height_agl_m=handset.height_agl_m,
        building_db=max(shadowing.sigma_db**2 - propagation.total_sigma_db**2, 0.0) ** 0.5,
        cache=cache,
        workers=workers,
    )
    sure = village_intervals(setup, layers, known)
    layers.room.let_go()
    for name, values in (
        sure.columns | village_columns(weights, layers.technologies, known)
    ).items():
        villages[name] = values
    clock.lap("villages")
    for service in streams.counted(services):
        suffix = column_suffix(service.name)
        villages[f"streams_at_once_{suffix}"] = streams_column(at_once, service.name)
    clock.lap("streams")
    communes = commune_table(land.communes, villages, services, list(layers.operators))
    gaps = gap_polygons(land, layers.services[class_service.name], class_service, weights)
    clock.lap("villages")
    layers.room.let_go()
    _tell(progress, "villages", 1, 1)
    found = None
    if causes is not None and links is not None:
        asked = Explained(
            land=land,
            model=setup.model,
            jobs=jobs,
            links=links,
            service=class_service,
            handset=handset,
            propagation=propagation,
        )
        found = causes_of_plan(
            asked,
            villages,
            layers.services[class_service.name],
            weights,
            services,
            causes,
            cache=cache,
            workers=workers,
            progress=progress,
        )
        villages = found.villages
        clock.lap("causes")
    radius_m = max(cell.radius_m for cell in network.cells)
    hides = what_hides(propagation.model, radius_m)
    return PlanResult(
        title=setup.title,
        land=land,
        network=network,
        handset=handset,
        propagation=propagation,
        services=services,
        class_service=classes.service,
        layers=layers.technologies,
        service_layers=layers.services,
        operators=layers.operators,
        cell_footprints=cell_footprints(network, land.grid, layers),
        level_shares=level_shares(
            land, layers.operators, setup.people, rsrp_breaks_dbm(setup.settings)
        ),
        level_sigma_db=shadowing.sigma_db,
        villages=villages,
        communes=communes,
        provinces=province_table(communes),
        gaps=gaps,
        streams=at_once,
        summary=summarise(villages, services, list(layers.operators))
        | {"people_for_whom_it_holds": sure.people_served},
        settings=setup.settings,
        assumptions=(
            *land.assumptions,
            *network.assumptions,
            *_assumptions(services, handset, propagation, classes, weights, network),
            *propagation.near_antennas(with_clutter=land.clutter_m is not None),
            *streams.assumptions(services, handset, propagation.model_sigma_db),
            *_indoor_assumption(handset, network, shadowing.sigma_db),
            *sure.assumptions,
            *whole,
            *(found.assumptions if found is not None else ()),
        ),
        warnings=(
            *land.warnings,
            *network.warnings,
            *_warnings(network, handset, services, layers.technologies, weights),
            *_hidden_warning(laid, len(jobs), hides),
            *cut_off,
            *_partly_known(weights, villages),
            *villages_beyond(
                weights,
                reach.beyond(class_service.technologies),
                names,
                radius_m,
            ),
            *villages_unknown(list(villages["class"]), names, hides),
        ),
        synthetic=land.synthetic,
        timings_s=clock.laps,
        sweeps_total=len(jobs),
        sweeps_reused=laid.reused,
        known=known,
        causes=None if found is None else found.causes,
        counterfactuals=None if found is None else found.counterfactuals,
        room=layers.room,
    )


class StageClock:
    """Seconds per stage; a stage may be entered again."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = perf_counter()

    def lap(self, stage: str) -> None:
        """Count the time since the last lap for a stage."""
        now = perf_counter()
        self.laps[stage] = self.laps.get(stage, 0.0) + now - self._since
        self._since = now


class _Rides:
    """Iterate over the sweeps with their cells, and count what came from the cache."""

    def __init__(
        self,
        setup: PlanSetup,
        cache: SweepCache | None,
        kept: KeptTiles | None,
        workers: int,
        progress: Progress | None,
        clock: StageClock,
    ) -> None:
        self.numbers = list(range(len(setup.jobs)))
        self.reused = self.hidden_pixels = self.with_hidden = 0
        self.cut = RadiusCut.of(setup.land, setup.network, setup.handset)
        self.hidden = np.zeros(setup.land.grid.shape, dtype=np.bool_)
        self._setup, self._cache, self._kept = setup, cache, kept
        self._workers, self._progress, self._clock = workers, progress, clock

    def leave_out(self, numbers: Collection[int]) -> None:
        """Take what is known of some sweeps for them, where it is."""
        for number in sorted(numbers):
            seen = None if self._kept is None else self._kept.seen(number)
            if seen is not None:
                self.numbers.remove(number)
                self.reused += 1
                self._count(number, seen)

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], PackedSweep]]:
        def on_done(done: int, total: int, reused: bool) -> None:  # noqa: ARG001 - their signature
            _tell(self._progress, "sweeps", done, total)

        sweeps = run_sweeps(
            [self._setup.jobs[number] for number in self.numbers],
            self._setup.land,
            self._setup.propagation,
            rx_height_agl_m=self._setup.handset.height_agl_m,
            cache=self._cache,
            workers=self._workers,
            on_done=on_done,
            keys=None
            if self._kept is None
            else [self._kept.sweep_keys[number] for number in self.numbers],
        )
        for number, (job, sweep, reused) in zip(self.numbers, sweeps, strict=True):
            self.reused += reused
            self._clock.lap("sweeps")
            seen = Seen.of(job, sweep, self.cut.fresh())
            self._count(number, seen)
            if self._kept is not None:
                self._kept.keep_seen(number, seen)
            yield job.cells, sweep
            self._clock.lap("layers")

    def _count(self, number: int, seen: Seen) -> None:
        self.cut.add(seen.edges)
        self.hidden_pixels += seen.hidden_pixels
        self.with_hidden += seen.hidden_pixels > 0
        if seen.hidden is not None:
            grid = self._setup.land.grid
            row0, col0, row1, col1 = job_window(self._setup.jobs[number], grid)
            self.hidden[row0:row1, col0:col1] |= seen.hidden


def _tell(progress: Progress | None, stage: str, done: int, total: int) -> None:
    if progress is not None:
        progress(stage, done, total)


def _assumptions(
    services: Sequence[Service],
    handset: Handset,
    propagation: PropagationSettings,
    classes: ClassThresholds,
    weights: Sequence[VillageWeights],
    network: Network,
) -> tuple[str, ...]:
    by_people = sum(w.weighting == "population" for w in weights)
    chances = ", ".join(f"{s.name} {s.probability:.0%}" for s in services)
    return (
        f"The phone is {handset.height_agl_m:g} m above ground, sends {handset.tx_power_dbm:g} dBm "
        f"and loses {handset.body_loss_db:g} dB in the body and "
        f"{handset.penetration_loss_db:g} dB in walls.",
        f"Path loss is the median of {propagation.model}; around it the level scatters by "
        f"{propagation.total_sigma_db:.1f} dB (locations {propagation.location_sigma_db:g} dB, "
        f"model {propagation.model_sigma_db:g} dB). All cells of one site share that scatter; two "
        f"sites have a correlation of {propagation.shadowing_correlation:g} (0.5 is that of the "
        "SEAMCAT Handbook, section 9.11). The phone takes the strongest cell of each carrier as it "
        "then is. A place is served where both directions hold on one of its operator's carriers "
        f"with the probability of the service ({chances}).",
        "The downlink rate is what one more phone gets in the resource blocks that the cell's "
        "load leaves free; the uplink rate is that of the number of granted resource blocks "
        "that suits the phone's power. The uplink has the path loss of the downlink frequency.",
        *_aggregation(handset),
        *_operators(network),
        f"A village is covered from {classes.covered_share:.0%} of its people served with "
        f"{classes.service}, and without signal below {classes.no_signal_share:.0%}.",
        _weighing(by_people, len(weights)),
    )


def _aggregation(handset: Handset) -> tuple[str, ...]:
    if not handset.uplink_carrier_aggregation:
        return ()
    return (
        "The phone sends on all carriers of one technology at once (uplink carrier aggregation): "
        "the resource blocks that they grant share its power.",
    )


def _operators(network: Network) -> tuple[str, ...]:
    names = sorted(set(operator_names(network)))
    shown = ", ".join(name or "(no name)" for name in names)
    if len(names) == 1:
        return (f"One operator is in the plan: {shown}.",)
    return (
        f"{len(names)} operators are in the plan: {shown}. Their cells neither serve nor disturb "
        "each other's phones. 'Any operator' means that at least one of them serves a place by "
        "itself; a phone with one SIM gets what the columns of its operator say.",
    )


def _indoor_assumption(handset: Handset, network: Network, sigma_db: float) -> tuple[str, ...]:
    """Say what a building costs; nothing outdoors."""
    if handset.indoor == "none":
        return ()
    carriers = sorted({cell.carrier.downlink_freq_mhz for cell in network.cells})
    losses = ", ".join(f"{entry_loss_db(handset, f):.1f} dB at {f:g} MHz" for f in carriers)
    return (
        f"The phone is indoors, in a building of the kind {handset.indoor!r}: median entry loss "
        f"{losses} (ITU-R P.2109); with its scatter of "
        f"{entry_sigma_db(handset, carriers[len(carriers) // 2]):.1f} dB the level scatters by "
        f"{sigma_db:.1f} dB in all.",
    )


def _weighing(by_people: int, villages: int) -> str:
    if by_people == villages:
        return "Within a village every pixel counts by the people who live in it."
    if by_people == 0:
        return "Within a village every pixel counts alike: where in it people live is not known."
    return (
        f"In {by_people} of {villages} villages every pixel counts by the people who live in it, "
        "in the others by its area."
    )


def _warnings(
    network: Network,
    handset: Handset,
    services: Sequence[Service],
    layers: Mapping[Technology, TechnologyLayers],
    weights: Sequence[VillageWeights],
) -> Iterator[str]:
    unknown = sum(isnan(w.people) for w in weights)
    if unknown:
        yield (
            f"the number of people is not known for {unknown} of {len(weights)} villages: "
            "they count as villages, not as people; give a population raster or column"
        )
    for service in services:
        if not any(technology in layers for technology in service.technologies):
            yield (
                f"no cell of {' or '.join(service.technologies)} is in the plan: "
                f"{service.name} is served nowhere"
            )
    yield from _impossible(network, handset, services)


def _partly_known(weights: Sequence[VillageWeights], villages: gpd.GeoDataFrame) -> Iterator[str]:
    """Name the villages that are judged on a part, with the share that has elevation."""
    partly = [
        f"{name or village_id} ({w.elevation_share:.0%})"
        for w, name, village_id in zip(
            weights, villages["name"], villages["village_id"], strict=True
        )
        if w.elevation_share < WHOLE_SHARE
    ]
    if partly:
        yield (
            f"{len(partly)} of {len(weights)} villages lie partly outside the elevation and are "
            f"judged on the part that is known: {some_names(partly)}"
        )


def _hidden_warning(laid: LaidOut, sweeps: int, hides: str) -> Iterator[str]:
    if laid.hidden_pixels:
        yield (
            f"in {laid.with_hidden} of {sweeps} sweeps {hides} "
            f"hides {laid.hidden_pixels:,} pixels in range: those masts do not serve them; "
            "nothing was interpolated"
        )


def _impossible(network: Network, handset: Handset, services: Sequence[Service]) -> Iterator[str]:
    """Name carriers that cannot carry a service however strong the signal is."""
    cells: Counter[tuple[str, str, str]] = Counter()
    for cell in network.cells:
        budget = cell_budget(cell, handset)
        for service in services:
            if cell.carrier.technology not in service.technologies:
                continue
            if budget.required_sinr_db(service) == inf:
                cells[(service.name, cell.carrier.name, "downlink")] += 1
            if budget.required_uplink_rsrp_dbm(service) == inf:
                cells[(service.name, cell.carrier.name, "uplink")] += 1
    for (service_name, carrier, direction), count in sorted(cells.items()):
        yield (
            f"{count} cells of {carrier} cannot carry the {direction} of {service_name} at any "
            "level: check bandwidth, load, TDD share and granted resource blocks"
        )
