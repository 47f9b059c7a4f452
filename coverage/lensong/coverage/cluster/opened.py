"""What a worker has open of the plans it works on: land and network, and the result as it ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from threading import Lock
from typing import Any, Generic, ParamSpec, TypeVar

from lensong.coverage.cluster.blocks import Pieces
from lensong.coverage.cluster.fingerprint import fingerprint
from lensong.coverage.cluster.kept import KeptSweeps, kept_sweeps
from lensong.coverage.cluster.parts import Swept
from lensong.coverage.cluster.run_folder import RunFolder
from lensong.coverage.kept_tiles import KeptTiles
from lensong.coverage.plan_setup import PlanSetup
from lensong.coverage.reach import RadiusCut
from lensong.coverage.result import PlanResult
from lensong.coverage.results.rasters import Step
from lensong.coverage.results.write import result_steps
from lensong.propagation.errors import ConfigError, DataError, LensongError

__all__ = [
    "ASKED",
    "RESULT",
    "SETUP",
    "Asked",
    "Begun",
    "Ending",
    "Opened",
    "admitted",
    "close_opened",
    "ending",
    "opened",
    "told",
]

ASKED, SETUP, RESULT = "asked", "setup", "result"
_PLANS_OPEN = 4  # of which a worker has pieces in turn; one more is opened again when it is asked
_RESULTS_OPEN = 2  # files of one plan are written while the next is made

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")


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
    fingerprint : dict
        Versions that a worker must have.
    inputs : dict
        Path of each input to `lensong.coverage.cluster.by_value.state_of` where the plan was asked.
    """

    scenario: str
    out: str
    cache: str | None
    key: str
    fingerprint: dict[str, str]
    inputs: dict[str, list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A plan whose land is read.

    Parameters
    ----------
    setup : PlanSetup
    pieces : Pieces
    keys : list of str
        Under which the sweep of each job is kept.
    tiles : bool
        Laid tiles are kept between runs.
    known : Swept
        Of sweeps that no piece makes: all tiles that they reach are kept.
    """

    setup: PlanSetup
    pieces: Pieces
    keys: list[str]
    tiles: bool
    known: Swept

    def kept_tiles(self, store: KeptSweeps) -> KeptTiles | None:
        """Return the tiles of earlier runs; None where none are kept."""
        if not self.tiles or store.between_runs is None:
            return None
        return KeptTiles(self.setup, store.between_runs, workers=1, keys=self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A plan that is under way."""

    asked: Asked
    begun: Begun
    cut: RadiusCut
    store: KeptSweeps
    kept: KeptTiles | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A plan whose files are being written.

    Parameters
    ----------
    result : PlanResult
    provenance : dict
        Of `lensong.coverage.results.record.provenance_of`.
    groups, last
        As `lensong.coverage.results.write.result_steps` returns them.
    """

    result: PlanResult
    provenance: dict[str, Any]
    groups: list[list[Step]]
    last: Step


def told(task: Callable[_P, _R]) -> Callable[_P, _R]:
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


class _Recent(Generic[_T]):
    """The last few values by run; they map files, which would stay on the disk with them."""

    def __init__(self, make: Callable[[str], _T], most: int) -> None:
        self._make, self._most = make, most
        self._held: dict[str, _T] = {}
        self._guard = Lock()

    def of(self, run: str) -> _T:
        with self._guard:
            found = self._held.pop(run, None)
            if found is None:
                found = self._make(run)
            self._held[run] = found
            while len(self._held) > self._most:
                self._held.pop(next(iter(self._held)))
            return found

    def forget(self, runs: list[str]) -> None:
        with self._guard:
            for run in runs:
                self._held.pop(run, None)


def admitted(folder: RunFolder) -> Asked:
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


def _open(run: str) -> Opened:
    folder = RunFolder(run)
    asked = admitted(folder)
    begun: Begun = folder.get(SETUP)
    setup, store = begun.setup, kept_sweeps(asked.cache, folder.path)
    return Opened(
        asked=asked,
        begun=begun,
        cut=RadiusCut.of(setup.land, setup.network, setup.handset),
        store=store,
        kept=begun.kept_tiles(store),
    )


def _end(run: str) -> Ending:
    result, provenance = RunFolder(run).get(RESULT)
    groups, last = result_steps(result, provenance)
    return Ending(result=result, provenance=provenance, groups=groups, last=last)


_opened, _ending = _Recent(_open, _PLANS_OPEN), _Recent(_end, _RESULTS_OPEN)


def opened(run: str) -> Opened:
    """Return a plan whose land is read."""
    return _opened.of(run)


def ending(run: str) -> Ending:
    """Return a plan whose result is known."""
    return _ending.of(run)


def close_opened(runs: list[str]) -> None:
    """Let go of some plans."""
    _opened.forget(runs)
    _ending.forget(runs)
