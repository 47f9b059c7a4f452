"""What a worker does: it reads the land, makes sweeps, lays them, writes the result.

Each function is given the folder of a run and does one piece of it. A piece that is there already
is not made again, so that a piece may be asked for twice, by a scheduler that lost a worker or by a
second start of the same plan.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.cluster.blocks import cut_up
from lensong.coverage.cluster.by_value import lacking
from lensong.coverage.cluster.kept import KeptSweeps, close_kept, kept_sweeps
from lensong.coverage.cluster.opened import (
    RESULT,
    SETUP,
    Begun,
    Opened,
    admitted,
    close_opened,
    ending,
    opened,
    told,
)
from lensong.coverage.cluster.parts import Places, Swept, make_part, paste
from lensong.coverage.cluster.run_folder import RunFolder
from lensong.coverage.kept_tiles import KeptTiles, Seen
from lensong.coverage.layers import Layers
from lensong.coverage.plan import StageClock, concluded
from lensong.coverage.plan_setup import LaidOut, PlanSetup
from lensong.coverage.reach import RadiusCut
from lensong.coverage.results.outcome import Outcome
from lensong.coverage.results.record import provenance_of, record_of
from lensong.coverage.results.write import move_result, names_of, write_groups
from lensong.coverage.scenario.inputs import read_climate, read_inputs
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.scenario.network_once import NetworkOnce
from lensong.coverage.streams.heard import Heard
from lensong.coverage.streams.table import stream_table
from lensong.coverage.sweeps import AntennaPlace, antenna_place, sweep_keys, sweep_together
from lensong.gis_data.array_room import MemoryRoom, room_for
from lensong.propagation.errors import ConfigError

__all__ = [
    "Done",
    "Prepared",
    "close",
    "conclude",
    "count_streams",
    "forget",
    "lay",
    "make_sweeps",
    "prepare",
    "write_some",
]

_RECORD = "record"
_FILES = "files"
"""Folder in the run's, on the disk of the result."""

_NETWORKS = NetworkOnce()
"""Of this process: the provinces of a country mostly share one list of cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """How a plan was cut up.

    Parameters
    ----------
    sweeps : tuple of int
        Sweeps of each piece.
    needs : tuple of tuple of int
        Of each block of layers, the pieces of sweeps that reach it.
    villages : int
        Pieces into which the villages are cut.
    cpu_s : dict
        As that of `Done`.
    """

    sweeps: tuple[int, ...]
    needs: tuple[tuple[int, ...], ...]
    villages: int
    cpu_s: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A piece that was made.

    Parameters
    ----------
    cpu_s : dict
        By task, the processor time that the worker took meanwhile [s]: the piece's own where the
        worker has one thread. Nothing where the piece was there already. The pieces that end a
        stage tell the sums of those before them: each value that is asked for is two messages.
    """

    cpu_s: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, pieces: Sequence[Done]) -> Done:
        """Return several as one."""
        spent: Counter[str] = Counter()
        for one in pieces:
            spent.update(one.cpu_s)
        return cls(cpu_s=dict(spent))

    @classmethod
    def at(cls, task: str, since: float, after: Sequence[Done] = ()) -> Done:
        """Return a piece that began at a processor time, and those before it."""
        return cls.of([*after, cls(cpu_s={task: time.process_time() - since})])


@told
def prepare(run: str, threads: int) -> Prepared:
    """Read land and network of a plan, and cut the work into pieces for so many threads."""
    since = time.process_time()
    folder = RunFolder(run)
    asked = admitted(folder)
    if folder.has(SETUP):
        pieces = opened(run).begun.pieces
    else:
        for problem in lacking(asked.inputs):  # of one that came after the others were asked
            raise ConfigError(f"the worker on {os.uname().nodename} {problem}")
        scenario = load_scenario(asked.scenario)
        land, network, _ = read_inputs(scenario, read=_NETWORKS.read)
        propagation, land = read_climate(scenario, land)
        setup = PlanSetup.of(
            land,
            network,
            title=scenario.title,
            services=scenario.services,
            handset=scenario.handset,
            propagation=propagation,
            classes=scenario.classes,
            streams=scenario.streams,
            settings=scenario.settings,
            causes=scenario.causes,
        )
        begun = _begun(setup, threads, kept_sweeps(asked.cache, folder.path))
        pieces = begun.pieces
        folder.put_mapped(SETUP, begun)
    return Prepared(
        sweeps=tuple(len(piece) for piece in pieces.sweeps),
        needs=pieces.needs,
        villages=len(pieces.villages),
        cpu_s=Done.at("prepare", since).cpu_s,
    )


def _begun(setup: PlanSetup, threads: int, store: KeptSweeps) -> Begun:
    """Cut a plan up; sweeps that reach tiles only that are kept are none of its pieces."""
    counted = len(setup.land.villages) if setup.streams.counted(setup.services) else 0
    rx_height_agl_m = setup.handset.height_agl_m
    keys = sweep_keys(setup.jobs, setup.land, setup.propagation, rx_height_agl_m=rx_height_agl_m)
    kept = KeptTiles.of(setup, store.between_runs, workers=1, keys=keys)
    known, numbers = Swept(), None
    if kept is not None:
        numbers = kept.jobs_for(kept.missing(setup.heard(), setup.links()))
        cut = RadiusCut.of(setup.land, setup.network, setup.handset)
        for number in set(range(len(setup.jobs))) - numbers:
            seen = kept.seen(number)
            if seen is None:
                numbers.add(number)
            else:
                known.count(number, seen, cut, reused=True)
    return Begun(
        setup=setup,
        pieces=cut_up(setup.jobs, setup.land.grid, counted, threads, numbers),
        keys=keys,
        tiles=kept is not None,
        known=known,
    )


@told
def make_sweeps(run: str, piece: int) -> Done:
    """Make the sweeps of a piece and keep them."""
    since = time.process_time()
    folder, name = RunFolder(run), f"swept-{piece}"
    if folder.has(name):
        return Done()
    plan = opened(run)
    setup = plan.begun.setup
    cut, swept = plan.cut.fresh(), Swept()
    antennas: dict[AntennaPlace, list[int]] = {}
    for number in plan.begun.pieces.sweeps[piece]:
        antennas.setdefault(antenna_place(setup.jobs[number]), []).append(number)
    for numbers in antennas.values():
        made = sweep_together(
            [setup.jobs[number] for number in numbers],
            setup.land,
            setup.propagation,
            rx_height_agl_m=setup.handset.height_agl_m,
            cache=plan.store,
            keys=[plan.begun.keys[number] for number in numbers],
        )
        for number, (sweep, reused) in zip(numbers, made, strict=True):
            seen = Seen.of(setup.jobs[number], sweep, plan.cut.fresh())
            swept.count(number, seen, cut, reused=reused)
            if plan.kept is not None:
                plan.kept.keep_seen(number, seen)
    folder.put(name, swept)
    return Done.at("make_sweeps", since)


@told
def lay(run: str, block: int, *after: Done) -> Done:  # noqa: ARG001 - these must be made
    """Lay the sweeps that reach a block over each other, and keep its layers."""
    since = time.process_time()
    folder, name = RunFolder(run), f"laid-{block}"
    if folder.has(name):
        return Done()
    plan = opened(run)
    begun = plan.begun
    layers, places = make_part(
        begun.setup, begun.pieces.windows[block], plan.store, begun.keys, plan.kept
    )
    folder.put(f"places-{block}", places)
    folder.put(name, layers)
    return Done.at("lay", since)


@told
def count_streams(run: str, piece: int, *after: Done) -> Done:  # noqa: ARG001 - must be made
    """Count how many streams hold at once in some villages."""
    since = time.process_time()
    folder, name = RunFolder(run), f"streams-{piece}"
    if folder.has(name):
        return Done()
    plan = opened(run)
    setup = plan.begun.setup
    heard, _ = _heard(folder, plan.begun)
    first, last = plan.begun.pieces.villages[piece]
    table = stream_table(
        setup.land.villages.iloc[first:last],
        heard,
        setup.model,
        setup.streams,
        model_sigma_db=setup.propagation.model_sigma_db,
        numbers=range(first, last),
        kept=None if plan.kept is None else plan.kept.streams,
    )
    folder.put(name, table)
    return Done.at("count_streams", since)


@told
def conclude(run: str, *after: Done) -> Done:
    """Put the blocks together, judge the villages, and keep the result for those who write it."""
    since = time.process_time()
    folder, clock = RunFolder(run), StageClock()
    if folder.has(RESULT):
        return Done.of(after)
    plan = opened(run)
    laid = _put_together(folder, plan)
    clock.lap("layers")
    result = concluded(plan.begun.setup, laid, cache=plan.store, workers=1, clock=clock)
    result = replace(result, room=MemoryRoom())  # in files they are by being mapped
    folder.put_mapped(RESULT, (result, provenance_of(result, version("lensong"))))
    return Done.at("conclude", since, after)


@told
def write_some(run: str, piece: int, pieces: int) -> Done:
    """Write a piece of the files of the result into the folder of the run."""
    since = time.process_time()
    folder = RunFolder(run)
    if folder.has(_RECORD):  # all were there, and they may be on their way
        return Done()
    part = folder.path / _FILES
    part.mkdir(exist_ok=True)
    write_groups(ending(run).groups[piece::pieces], part)
    return Done.at("write_some", since)


@told
def close(run: str, *after: Done) -> tuple[Outcome, Done]:
    """Move the files of the result to where they were asked for."""
    since = time.process_time()
    folder, end = RunFolder(run), ending(run)
    asked, part = admitted(folder), folder.path / _FILES
    if not folder.has(_RECORD):
        write_groups([[end.last]], part)
        names = names_of(end.groups, end.last)
        record = record_of(end.result, end.provenance, datetime.now(UTC), part, names)
        folder.put(_RECORD, record | {"plan_key": asked.key})
    move_result(part, Path(asked.out), folder.get(_RECORD), begun=True)
    return Outcome.of(end.result), Done.at("close", since, after)


def _heard(folder: RunFolder, begun: Begun) -> tuple[Heard, PlaceLinks | None]:
    """Return what all places hear."""
    heard, links = begun.setup.heard(), begun.setup.links()
    for block, window in enumerate(begun.pieces.windows):
        places: Places = folder.get(f"places-{block}")
        heard.put(heard.places_in(window), places.heard)
        if links is not None and places.links is not None:
            links.put(links.within(window), places.links)
    return heard, links


def forget(runs: list[str]) -> list[str]:
    """Let go of what this process has open of some plans; return what its cache has to say."""
    close_opened(runs)
    return close_kept(runs)


def _put_together(folder: RunFolder, plan: Opened) -> LaidOut:
    begun = plan.begun
    setup, grid, pieces = begun.setup, begun.setup.land.grid, begun.pieces
    heard, links = _heard(folder, begun)
    tables = [folder.get(f"streams-{k}") for k in range(len(pieces.villages))]
    room = room_for(grid.rows * grid.cols, folder.path)
    laid = LaidOut(
        layers=Layers.empty(grid, setup.model, room=room),
        heard=heard,
        links=links,
        streams=pd.concat(tables, ignore_index=True) if tables else None,
        hidden=np.zeros(grid.shape, dtype=np.bool_),
        cut=plan.cut.fresh(),
        reused=0,
        hidden_pixels=0,
        with_hidden=0,
    )
    for swept in (begun.known, *(folder.get(f"swept-{k}") for k in range(len(pieces.sweeps)))):
        swept.add_to(laid, setup)
    for block in range(len(pieces.windows)):
        paste(laid.layers, folder.get(f"laid-{block}"))
    return laid
