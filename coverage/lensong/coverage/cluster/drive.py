"""Plans on a Dask cluster, from the side of the one who asks.

This process holds no layer and no land: it asks for pieces, and says how far they are. Of several
plans a few are under way at once, so that nobody waits for the last piece of one.
"""

from __future__ import annotations

import hashlib
import json
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lensong.coverage.cluster.by_value import do, let_go, state_of
from lensong.coverage.cluster.fingerprint import fingerprint
from lensong.coverage.cluster.graph import (
    TOLD,
    Piece,
    first_piece,
    graph_of,
    last_pieces,
    pieces_after_land,
)
from lensong.coverage.cluster.opened import ASKED, Asked
from lensong.coverage.cluster.run_folder import RunFolder
from lensong.coverage.cluster.workers import admitted_workers, connected
from lensong.coverage.results.outcome import Outcome
from lensong.coverage.scenario.load import Scenario, load_scenario
from lensong.coverage.scenario.scenario_file import named_files, read_scenario_file
from lensong.gis_data.file_locks import FileLock, locks_hold
from lensong.propagation.errors import ConfigError, DataError, LensongError

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Planned", "plan_on_cluster"]

_PREFIX = ".lensong-"
_LOOK_S = 2.0
_AHEAD = 3  # pieces that wait, for each thread, before another plan is begun
_LATER = {"write_some": 1.5}
"""By how many plans a task may wait: files need nothing more, and fill what a later plan leaves."""

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan that is done.

    Parameters
    ----------
    out : Path
    outcome : Outcome
    stood : bool
        It was there already, of the same inputs.
    cpu_s : dict
        Processor time of the workers, by what they did (`lensong.coverage.cluster.work`) [s].
    """

    out: Path
    outcome: Outcome
    stood: bool = False
    cpu_s: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Plan:
    """A plan under way."""

    number: int
    out: Path
    folder: RunFolder
    asked: Asked
    futures: list[Future[Any]] = field(default_factory=list)
    cpu_s: dict[str, float] = field(default_factory=dict)
    outcome: Outcome | None = None


def plan_on_cluster(
    address: str,
    plans: Sequence[tuple[Path, Path]],
    *,
    cache: Path | None,
    progress: Progress,
    say: Callable[[str], None],
) -> list[Planned]:
    """Plan scenarios on a Dask cluster and return what became of each.

    Parameters
    ----------
    address : str
        Of the scheduler, e.g. ``"tcp://10.0.0.1:8786"``.
    plans : sequence of (Path, Path)
        Scenario, and folder of its result. Of several, those that stand already are left.
    cache : Path or None
        Where path loss is kept between runs; None: for this plan alone.
    progress : callable
        Called with stage, pieces done and pieces in all.
    say : callable
        Takes sentences for a person.

    Raises
    ------
    ConfigError
        No scheduler or no worker answers, or workers cannot work on these plans; says which and
        what to do.
    DataError
        The scheduler went away, a piece killed its workers, or an input is wrong.
    """
    todo, done = [], {}
    for number, (scenario, out) in enumerate(plans):
        key, inputs = _key_of(scenario)
        stood = Outcome.of_folder(out, key) if len(plans) > 1 else None
        if stood is not None:
            done[number] = Planned(out=out, outcome=stood, stood=True)
            continue
        todo.append((number, scenario, out, key, inputs))
    if not todo:
        return [done[number] for number in sorted(done)]
    with ExitStack() as stack:
        client = stack.enter_context(connected(address))
        begun = [
            _Plan(
                number=number,
                out=out,
                folder=stack.enter_context(_held_folder(out, key)),
                asked=Asked(
                    scenario=str(scenario.resolve()),
                    out=str(out.resolve()),
                    cache=None if cache is None else str(cache.resolve()),
                    key=key,
                    fingerprint=fingerprint(),
                    inputs=inputs,
                ),
            )
            for number, scenario, out, key, inputs in todo
        ]
        shared = admitted_workers(
            client,
            folders=[plan.folder.path for plan in begun],
            inputs={path: state for plan in begun for path, state in plan.asked.inputs.items()},
            cache=cache,
            say=say,
        )
        for plan in begun:
            asked = plan.asked if shared else replace(plan.asked, cache=None)
            plan.folder.put(ASKED, asked)
        try:
            _follow(client, address, begun, progress, say)
        except OSError as error:  # of the connection: pieces tell theirs as sentences
            raise _gone(address) from error
        finally:
            _let_go(client, begun, say)
        for plan in begun:
            if plan.outcome is not None:
                done[plan.number] = Planned(out=plan.out, outcome=plan.outcome, cpu_s=plan.cpu_s)
    return [done[number] for number in sorted(done)]


def _follow(
    client: Client,
    address: str,
    plans: Sequence[_Plan],
    progress: Progress,
    say: Callable[[str], None],
) -> None:
    """Ask for the pieces of all plans and wait for them."""
    finished: queue.Queue[tuple[_Plan, Piece, Future[Any]]] = queue.Queue()
    stages = _Stages(progress, len(plans))
    waiting = list(plans)
    open_pieces = 0
    told = False

    def ask(plan: _Plan, pieces: Sequence[Piece]) -> int:
        """Ask for pieces of one priority in one message; return how many they are."""
        graph = graph_of(pieces, do, str(plan.folder.path))
        priority = -plan.number - _LATER.get(pieces[0].task, 0.0)
        futures = client.get(graph, list(graph), sync=False, priority=priority)
        for piece, future in zip(pieces, futures, strict=True):
            plan.futures.append(future)
            future.add_done_callback(lambda one, piece=piece: finished.put((plan, piece, one)))
            stages.more(piece)
        return len(pieces)

    with ThreadPoolExecutor(1, "let-go") as ends:  # of plans: others need not wait for it
        while waiting or open_pieces:
            threads = max(1, sum(client.nthreads().values())) if waiting else 1
            while waiting and open_pieces < _AHEAD * threads:
                # where others wait, they keep threads busy as well: larger pieces cost less
                each = -(-threads // len(waiting))
                plan = waiting.pop(0)
                open_pieces += ask(plan, [first_piece(_name(client, plan), each)])
            try:
                plan, piece, future = finished.get(timeout=_LOOK_S)
            except queue.Empty:
                told = _look(client, address, told, say)
                continue
            open_pieces -= 1
            result = _result(client, address, future, piece)
            if piece.task == "prepare":
                open_pieces += ask(plan, pieces_after_land(_name(client, plan), result))
            elif piece.task == "conclude":
                open_pieces += ask(plan, last_pieces(_name(client, plan)))
            elif piece.task == "close":
                plan.outcome, result = result
                ends.submit(_end, client, plan, say)
            if result is not None:
                for task, cpu_s in result.cpu_s.items():
                    plan.cpu_s[task] = plan.cpu_s.get(task, 0.0) + cpu_s
            stages.one_more(piece)


def _name(client: Client, plan: _Plan) -> str:
    """Return what a plan is called on the cluster, where another start of it is another."""
    return f"{plan.asked.key[:8]}-{plan.number}-{client.id[-8:]}"


def _end(client: Client, plan: _Plan, say: Callable[[str], None]) -> None:
    """Let a plan go that has come to its end, and what lies beside it of older ones."""
    _let_go(client, [plan], say)
    with suppress(OSError):  # they are in nobody's way
        _remove_older(plan.folder.path)


class _Stages:
    """How far each stage is, over all plans."""

    def __init__(self, progress: Progress, plans: int) -> None:
        self._progress = progress
        self._total = {"land": plans, "villages": plans, "results": plans}  # one of each
        self._done: dict[str, int] = {}
        progress("land", 0, plans)

    def more(self, piece: Piece) -> None:
        if piece.task not in TOLD:
            self._total[piece.stage] = self._total.get(piece.stage, 0) + piece.size

    def one_more(self, piece: Piece) -> None:
        self._done[piece.stage] = self._done.get(piece.stage, 0) + piece.size
        self._progress(piece.stage, self._done[piece.stage], self._total[piece.stage])


def _result(client: Client, address: str, future: Future[Any], piece: Piece) -> Any:
    """Return what a piece gave, None where nobody asks for it; or raise what a person can act on.

    Each value that is fetched is a message to the scheduler, and one from there to a worker.
    """
    from distributed import KilledWorker

    if client.status != "running" or future.status == "cancelled":
        raise _gone(address)
    if future.status == "finished" and piece.task not in TOLD:
        return None
    try:
        return future.result()
    except LensongError:
        raise
    except KilledWorker as error:
        raise DataError(
            f"workers were killed again and again over one piece of work ({error}): look into "
            "their logs; most often their memory does not suffice (give each more, "
            "--memory-limit, or fewer threads), or those that came later have no lensong; then "
            "say the same command: it goes on from what is kept"
        ) from error
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"a worker cannot run a piece of work ({error}): install lensong[dask] of the same "
            "version on all machines"
        ) from error
    except RuntimeError as error:  # of Dask itself
        raise DataError(
            f"the cluster could not run a piece of work ({str(error).splitlines()[0]}): the "
            "scheduler and all workers want the same version of Dask; look into their logs"
        ) from error


def _gone(address: str) -> DataError:
    return DataError(
        f"the scheduler at {address} went away: start it and its workers again and say the same "
        "command; what was made is kept, and it goes on from there"
    )


def _look(client: Client, address: str, told: bool, say: Callable[[str], None]) -> bool:
    """See whether anybody still works; return whether it was said that nobody does."""
    if client.status != "running":
        raise _gone(address)
    workers = client.nthreads()
    if not workers and not told:
        say(
            f"no worker is left at {address}: start one (dask worker {address}) and the plan goes "
            "on by itself; Ctrl-C ends it and keeps what was made"
        )
    return not workers


def _let_go(client: Client, plans: Sequence[_Plan], say: Callable[[str], None]) -> None:
    """Let workers forget plans that have come to an end, and remove the folders of those done."""
    with suppress(Exception):  # whatever state the cluster is in, the first error is the one told
        client.cancel([f for plan in plans for f in plan.futures], force=True)
        found = client.run(let_go, [str(plan.folder.path) for plan in plans])
        for note in dict.fromkeys(note for notes in found.values() for note in notes):
            say(f"cache: {note}")
    for plan in plans:
        plan.futures.clear()
        if plan.outcome is not None:
            plan.folder.remove()


def _key_of(path: Path) -> tuple[str, dict[str, list[int]]]:
    """Return a hash of what a plan depends on, and what its input files look like."""
    scenario = load_scenario(path)
    inputs = sorted({str(p.resolve()) for p in _inputs(path, scenario)})
    content = {
        "fingerprint": fingerprint(),
        "scenario": path.read_text("utf-8"),
        "title": scenario.title,
        "inputs": [_stamp(Path(one)) for one in inputs],
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    states = {one: state_of(one) for one in [str(path.resolve()), *inputs]}
    return hashlib.sha256(text.encode()).hexdigest(), states


def _inputs(path: Path, scenario: Scenario) -> Iterator[Path]:
    """Yield the files and folders that a scenario names."""
    for _, name in named_files(read_scenario_file(path)):
        yield path.parent / name
    if scenario.itu_maps is not None:
        yield scenario.itu_maps


def _stamp(path: Path) -> list[list[object]]:
    """Return names, sizes and times of the files of an input; a change of any is another plan."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [[str(f), f.stat().st_size, f.stat().st_mtime_ns] for f in files if f.is_file()]


@contextmanager
def _held_folder(out: Path, key: str) -> Iterator[RunFolder]:
    """Hold the folder of a run; it is kept where the plan does not come to its end."""
    folder = out.resolve() / f"{_PREFIX}{key[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock") if locks_hold(folder) else None
    try:
        if lock is not None and not lock.take(wait=False):
            raise ConfigError(f"another run plans into {out}: wait for it, or choose another --out")
    except ConfigError:
        if lock is not None:
            lock.close()
        raise
    try:
        yield RunFolder(folder)
    finally:
        if folder.is_dir() and not any(folder.glob("*.pickle")):
            RunFolder(folder).remove()  # nothing was begun
        if lock is not None:
            lock.close()


def _remove_older(folder: Path) -> None:
    """Remove what runs of other inputs left beside one that came to its end."""
    for other in folder.parent.glob(f"{_PREFIX}*"):
        if other == folder or not (other / "lock").is_file():
            continue
        held = FileLock(other / "lock")
        try:
            if held.take(wait=False):
                RunFolder(other).remove()
        finally:
            held.close()
