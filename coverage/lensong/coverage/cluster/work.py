"""What a worker does: it reads the land, makes sweeps, lays them, writes the result.

Each function is given the folder of a run and does one piece of it. A piece that is there already
is not made again, so that a piece may be asked for twice, by a scheduler that lost a worker or by a
second start of the same plan.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.cluster.blocks import cut_up
from lensong.coverage.cluster.by_value import lacking
from lensong.coverage.cluster.kept import close_kept, kept_sweeps
from lensong.coverage.cluster.opened import (
    RESULT,
    SETUP,
    Opened,
    admitted,
    close_opened,
    ending,
    opened,
    told,
)
from lensong.coverage.cluster.parts import Part, Places, make_part, paste
from lensong.coverage.cluster.run_folder import RunFolder
from lensong.coverage.layers import Layers
from lensong.coverage.plan import StageClock, concluded
from lensong.coverage.plan_setup import LaidOut, PlanSetup
from lensong.coverage.reach import Edge
from lensong.coverage.results.outcome import Outcome
from lensong.coverage.results.record import provenance_of, record_of
from lensong.coverage.results.write import move_result, names_of, write_groups
from lensong.coverage.scenario.inputs import read_climate, read_inputs
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.scenario.network_once import NetworkOnce
from lensong.coverage.streams.heard import Heard
from lensong.coverage.streams.table import stream_table
from lensong.coverage.sweeps import antenna_place, sweep_together
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
    cpu_s : float
    """

    sweeps: tuple[int, ...]
    needs: tuple[tuple[int, ...], ...]
    villages: int
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A piece that was made, with the processor time that the worker took meanwhile [s].

    That is the piece's own where the worker has one thread; 0 where the piece was there already.
    """

    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Swept:
    edges: dict[str, Edge]
    reused: int
    hidden_pixels: int
    with_hidden: int


@told
def prepare(run: str, threads: int) -> Prepared:
    """Read land and network of a plan, and cut the work into pieces for so many threads."""
    since = time.process_time()
    folder = RunFolder(run)
    asked = admitted(folder)
    if folder.has(SETUP):
        pieces = opened(run).pieces
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
        counted = len(land.villages) if setup.streams.counted(setup.services) else 0
        pieces = cut_up(setup.jobs, land.grid, counted, threads)
        folder.put_mapped(SETUP, (setup, pieces))
    return Prepared(
        sweeps=tuple(len(piece) for piece in pieces.sweeps),
        needs=pieces.needs,
        villages=len(pieces.villages),
        cpu_s=time.process_time() - since,
    )


@told
def make_sweeps(run: str, piece: int) -> Done:
    """Make the sweeps of a piece and keep them."""
    since = time.process_time()
    folder, name = RunFolder(run), f"swept-{piece}"
    if folder.has(name):
        return Done()
    plan = opened(run)
    setup, store = plan.setup, kept_sweeps(plan.asked.cache, folder.path)
    cut = plan.cut.fresh()
    jobs = [setup.jobs[number] for number in plan.pieces.sweeps[piece]]
    reused = hidden_pixels = with_hidden = 0
    for place in dict.fromkeys(antenna_place(job) for job in jobs):
        together = [job for job in jobs if antenna_place(job) == place]
        made = sweep_together(
            together,
            setup.land,
            setup.propagation,
            rx_height_agl_m=setup.handset.height_agl_m,
            cache=store,
        )
        for job, (sweep, before) in zip(together, made, strict=True):
            cut.see(job.cells, sweep)
            reused += before
            hidden_pixels += sweep.hidden_pixels
            with_hidden += sweep.hidden_pixels > 0
    swept = _Swept(
        edges=cut.edges, reused=reused, hidden_pixels=hidden_pixels, with_hidden=with_hidden
    )
    folder.put(name, swept)
    return Done(cpu_s=time.process_time() - since)


@told
def lay(run: str, block: int, *after: Done) -> Done:  # noqa: ARG001 - these must be made
    """Lay the sweeps that reach a block over each other, and keep its layers."""
    since = time.process_time()
    folder, name = RunFolder(run), f"laid-{block}"
    if folder.has(name):
        return Done()
    plan = opened(run)
    store = kept_sweeps(plan.asked.cache, folder.path)
    part, places = make_part(plan.setup, plan.pieces.windows[block], store)
    folder.put(f"places-{block}", places)
    folder.put(name, part)
    return Done(cpu_s=time.process_time() - since)


@told
def count_streams(run: str, piece: int, *after: Done) -> Done:  # noqa: ARG001 - must be made
    """Count how many streams hold at once in some villages."""
    since = time.process_time()
    folder, name = RunFolder(run), f"streams-{piece}"
    if folder.has(name):
        return Done()
    plan = opened(run)
    setup = plan.setup
    heard, _ = _heard(folder, plan)
    first, last = plan.pieces.villages[piece]
    table = stream_table(
        setup.land.villages.iloc[first:last],
        heard,
        setup.model,
        setup.streams,
        model_sigma_db=setup.propagation.model_sigma_db,
        numbers=range(first, last),
    )
    folder.put(name, table)
    return Done(cpu_s=time.process_time() - since)


@told
def conclude(run: str, *after: Done) -> Done:  # noqa: ARG001 - these must be made
    """Put the blocks together, judge the villages, and keep the result for those who write it."""
    since = time.process_time()
    folder, clock = RunFolder(run), StageClock()
    if folder.has(RESULT):
        return Done()
    plan = opened(run)
    laid = _put_together(folder, plan)
    clock.lap("layers")
    result = concluded(
        plan.setup,
        laid,
        cache=kept_sweeps(plan.asked.cache, folder.path),
        workers=1,
        clock=clock,
    )
    result = replace(result, room=MemoryRoom())  # in files they are by being mapped
    folder.put_mapped(RESULT, (result, provenance_of(result, version("lensong"))))
    return Done(cpu_s=time.process_time() - since)


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
    return Done(cpu_s=time.process_time() - since)


@told
def close(run: str, *after: Done) -> tuple[Outcome, Done]:  # noqa: ARG001 - these must be made
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
    return Outcome.of(end.result), Done(cpu_s=time.process_time() - since)


def _heard(folder: RunFolder, plan: Opened) -> tuple[Heard, PlaceLinks | None]:
    """Return what all places hear."""
    heard, links = plan.setup.heard(), plan.setup.links()
    for block, window in enumerate(plan.pieces.windows):
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
    setup, grid = plan.setup, plan.setup.land.grid
    heard, links = _heard(folder, plan)
    tables = [folder.get(f"streams-{k}") for k in range(len(plan.pieces.villages))]
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
    for piece in range(len(plan.pieces.sweeps)):
        swept: _Swept = folder.get(f"swept-{piece}")
        laid.cut.add(swept.edges)
        laid.reused += swept.reused
        laid.hidden_pixels += swept.hidden_pixels
        laid.with_hidden += swept.with_hidden
    for block, window in enumerate(plan.pieces.windows):
        part: Part = folder.get(f"laid-{block}")
        paste(laid.layers, part.layers)
        row0, col0, row1, col1 = window
        laid.hidden[row0:row1, col0:col1] = part.hidden
    return laid
