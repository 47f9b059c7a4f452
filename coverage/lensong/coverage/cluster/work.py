"""What a worker does: it reads the land, makes sweeps, lays them, writes the result.

Each function is given the folder of a run and does one piece of it. A piece that is there already
is not made again, so that a piece may be asked for twice, by a scheduler that lost a worker or by a
second start of the same plan.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from importlib.metadata import version
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import uuid4

import numpy as np
import pandas as pd

from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.cluster.blocks import Pieces, cut_up
from lensong.coverage.cluster.fingerprint import fingerprint
from lensong.coverage.cluster.kept import close_kept, kept_sweeps
from lensong.coverage.cluster.parts import Part, Places, make_part, paste
from lensong.coverage.cluster.run_folder import RunFolder
from lensong.coverage.layers import Layers
from lensong.coverage.plan import StageClock, concluded
from lensong.coverage.plan_setup import LaidOut, PlanSetup
from lensong.coverage.reach import Edge, RadiusCut
from lensong.coverage.results.outcome import Outcome
from lensong.coverage.results.write import write_result
from lensong.coverage.scenario.inputs import read_climate, read_inputs
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.scenario.network_once import NetworkOnce
from lensong.coverage.streams.heard import Heard
from lensong.coverage.streams.table import stream_table
from lensong.coverage.sweeps import antenna_place, sweep_together
from lensong.propagation.errors import ConfigError, DataError, LensongError

__all__ = [
    "ASKED",
    "Asked",
    "Done",
    "Prepared",
    "count_streams",
    "finish",
    "forget",
    "lay",
    "make_sweeps",
    "prepare",
]

ASKED, SETUP = "asked", "setup"

_NETWORKS = NetworkOnce()
"""Of this process: the provinces of a country mostly share one list of cells."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One plan that a cluster is asked for.

    Parameters
    ----------
    scenario, out : str
        Absolute, and the same for all workers.
    cache : str or None
        Folder of the cache; None: path loss is kept for this plan alone.
    key : str
        Of everything that the result depends on.
    threads : int
        Of all workers when the plan began.
    fingerprint : dict
        Versions that a worker must have.
    """

    scenario: str
    out: str
    cache: str | None
    key: str
    threads: int
    fingerprint: dict[str, str]


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
    """A piece that was made, with the processor time of its thread; 0 where it was there [s]."""

    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Swept:
    edges: dict[str, Edge]
    reused: int
    hidden_pixels: int
    with_hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    asked: Asked
    setup: PlanSetup
    pieces: Pieces
    cut: RadiusCut


def _told(task: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let an error travel as its sentence: some carry more than can be sent."""

    @wraps(task)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return task(*args, **kwargs)
        except LensongError as error:
            kind = ConfigError if isinstance(error, ConfigError) else DataError
            raise kind(str(error)) from None
        except OSError as error:
            raise DataError(
                f"the worker on {os.uname().nodename} cannot read or write "
                f"{error.filename or 'a file'} ({error.strerror or error}): check its rights and "
                "free space"
            ) from None

    return wrapper


@_told
def prepare(run: str) -> Prepared:
    """Read land and network of a plan, and cut the work into pieces."""
    since = time.thread_time()
    folder = RunFolder(run)
    asked = _admitted(folder)
    if not folder.has(SETUP):
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
        pieces = cut_up(setup.jobs, land.grid, counted, asked.threads)
        folder.put_mapped(SETUP, (setup, pieces))
    opened = _opened(run)
    return Prepared(
        sweeps=tuple(len(piece) for piece in opened.pieces.sweeps),
        needs=opened.pieces.needs,
        villages=len(opened.pieces.villages),
        cpu_s=time.thread_time() - since,
    )


@_told
def make_sweeps(run: str, piece: int) -> Done:
    """Make the sweeps of a piece and keep them."""
    since = time.thread_time()
    folder, name = RunFolder(run), f"swept-{piece}"
    if folder.has(name):
        return Done()
    opened = _opened(run)
    setup, store = opened.setup, kept_sweeps(opened.asked.cache, folder.path)
    cut = opened.cut.fresh()
    jobs = [setup.jobs[number] for number in opened.pieces.sweeps[piece]]
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
    return Done(cpu_s=time.thread_time() - since)


@_told
def lay(run: str, block: int, *after: Done) -> Done:  # noqa: ARG001 - these must be made
    """Lay the sweeps that reach a block over each other, and keep its layers."""
    since = time.thread_time()
    folder, name = RunFolder(run), f"laid-{block}"
    if folder.has(name):
        return Done()
    opened = _opened(run)
    store = kept_sweeps(opened.asked.cache, folder.path)
    part, places = make_part(opened.setup, opened.pieces.windows[block], store)
    folder.put(f"places-{block}", places)
    folder.put(name, part)
    return Done(cpu_s=time.thread_time() - since)


@_told
def count_streams(run: str, piece: int, *after: Done) -> Done:  # noqa: ARG001 - must be made
    """Count how many streams hold at once in some villages."""
    since = time.thread_time()
    folder, name = RunFolder(run), f"streams-{piece}"
    if folder.has(name):
        return Done()
    opened = _opened(run)
    setup = opened.setup
    heard, _ = _heard(folder, opened)
    first, last = opened.pieces.villages[piece]
    table = stream_table(
        setup.land.villages.iloc[first:last],
        heard,
        setup.model,
        setup.streams,
        model_sigma_db=setup.propagation.model_sigma_db,
        numbers=range(first, last),
    )
    folder.put(name, table)
    return Done(cpu_s=time.thread_time() - since)


@_told
def finish(run: str, *after: Done) -> tuple[Outcome, Done]:  # noqa: ARG001 - these must be made
    """Put the blocks together, judge the villages and write the result."""
    since = time.thread_time()
    folder, opened, clock = RunFolder(run), _opened(run), StageClock()
    asked, setup = opened.asked, opened.setup
    laid = _put_together(folder, opened)
    clock.lap("layers")
    result = concluded(
        setup,
        laid,
        cache=kept_sweeps(asked.cache, folder.path),
        workers=1,
        clock=clock,
    )
    write_result(
        result,
        Path(asked.out),
        lensong_version=version("lensong"),
        plan_key=asked.key,
        part=folder.path / f"result-{uuid4().hex[:12]}",
    )
    return Outcome.of(result), Done(cpu_s=time.thread_time() - since)


def _heard(folder: RunFolder, opened: _Opened) -> tuple[Heard, PlaceLinks | None]:
    """Return what all places hear."""
    heard, links = opened.setup.heard(), opened.setup.links()
    for block, window in enumerate(opened.pieces.windows):
        places: Places = folder.get(f"places-{block}")
        heard.put(heard.places_in(window), places.heard)
        if links is not None and places.links is not None:
            links.put(links.within(window), places.links)
    return heard, links


def forget(_run: str, runs: list[str]) -> list[str]:
    """Let go of what this process has open of some plans; return what its cache has to say."""
    _opened.cache_clear()
    return close_kept(runs)


def _put_together(folder: RunFolder, opened: _Opened) -> LaidOut:
    setup, grid = opened.setup, opened.setup.land.grid
    heard, links = _heard(folder, opened)
    tables = [folder.get(f"streams-{k}") for k in range(len(opened.pieces.villages))]
    laid = LaidOut(
        layers=Layers.empty(grid, setup.model),
        heard=heard,
        links=links,
        streams=pd.concat(tables, ignore_index=True) if tables else None,
        hidden=np.zeros(grid.shape, dtype=np.bool_),
        cut=opened.cut.fresh(),
        reused=0,
        hidden_pixels=0,
        with_hidden=0,
    )
    for piece in range(len(opened.pieces.sweeps)):
        swept: _Swept = folder.get(f"swept-{piece}")
        laid.cut.add(swept.edges)
        laid.reused += swept.reused
        laid.hidden_pixels += swept.hidden_pixels
        laid.with_hidden += swept.with_hidden
    for block, window in enumerate(opened.pieces.windows):
        part: Part = folder.get(f"laid-{block}")
        paste(laid.layers, part.layers)
        row0, col0, row1, col1 = window
        laid.hidden[row0:row1, col0:col1] = part.hidden
    return laid


def _admitted(folder: RunFolder) -> Asked:
    """Return what is asked, once it is known that this worker is one that may work on it."""
    asked: Asked = folder.get(ASKED)
    own = fingerprint()
    differ = [
        f"{name} {own.get(name)} there, {wanted} here"
        for name, wanted in asked.fingerprint.items()
        if own.get(name) != wanted
    ]
    if differ:  # one that came after the others were asked
        raise ConfigError(
            f"a worker on {os.uname().nodename} has other versions ({'; '.join(differ)}): install "
            "the same on all machines"
        )
    return asked


@lru_cache(maxsize=2)
def _opened(run: str) -> _Opened:
    folder = RunFolder(run)
    asked = _admitted(folder)
    setup, pieces = folder.get_mapped(SETUP)
    return _Opened(
        asked=asked,
        setup=setup,
        pieces=pieces,
        cut=RadiusCut.of(setup.land, setup.network, setup.handset),
    )
