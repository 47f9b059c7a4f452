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

from lensong.coverage.cluster import work
from lensong.coverage.cluster.by_value import do, let_go, state_of
from lensong.coverage.cluster.fingerprint import fingerprint
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
_WRITERS = 8  # more of one result would wait for its largest file, and each opens it anew
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
    futures: dict[str, Future[Any]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
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
    finished: queue.Queue[tuple[_Plan, str, str, Future[Any]]] = queue.Queue()
    stages = _Stages(progress, len(plans))
    waiting = list(plans)
    open_pieces = 0
    told = False

    def submit(plan: _Plan, stage: str, task: str, *arguments: Any) -> Future[Any]:
        # Any: each task has its own
        number, kind = len(plan.futures), task.replace("_", "")
        future = client.submit(
            do,
            task,
            str(plan.folder.path),
            *arguments,
            key=f"lensong-{kind}-{plan.asked.key[:8]}-{number}-{client.id[-8:]}",
            priority=-plan.number - _LATER.get(task, 0.0),
            pure=False,
        )
        plan.futures[f"{stage}-{number}"] = future
        future.add_done_callback(lambda one: finished.put((plan, stage, task, one)))
        return future

    with ThreadPoolExecutor(1, "let-go") as ends:  # of plans: others need not wait for it
        while waiting or open_pieces:
            threads = max(1, sum(client.nthreads().values())) if waiting else 1
            while waiting and open_pieces < _AHEAD * threads:
                submit(waiting.pop(0), "land", "prepare", threads)
                open_pieces += 1
            try:
                plan, stage, task, future = finished.get(timeout=_LOOK_S)
            except queue.Empty:
                told = _look(client, address, told, say)
                continue
            open_pieces -= 1
            result = _result(client, address, future)
            made = result[1] if task == "close" else result
            plan.cpu_s[task] = plan.cpu_s.get(task, 0.0) + made.cpu_s
            if task == "prepare":
                open_pieces += _submit_rest(plan, result, submit, stages)
            elif task == "conclude":
                open_pieces += _submit_end(plan, submit, stages)
            elif task == "close":
                plan.outcome = result[0]
                ends.submit(_end, client, plan, say)
            stages.one_more(stage, plan.sizes.get(str(future.key), 1))


def _submit_rest(
    plan: _Plan, prepared: work.Prepared, submit: Callable[..., Future[Any]], stages: _Stages
) -> int:
    """Ask for what comes after the land; return how many pieces that are."""
    swept = [submit(plan, "sweeps", "make_sweeps", piece) for piece in range(len(prepared.sweeps))]
    for future, count in zip(swept, prepared.sweeps, strict=True):
        plan.sizes[str(future.key)] = count
    laid = [
        submit(plan, "layers", "lay", block, *(swept[piece] for piece in needs))
        for block, needs in enumerate(prepared.needs)
    ]
    counted = [
        submit(plan, "streams", "count_streams", piece, *laid) for piece in range(prepared.villages)
    ]
    submit(plan, "villages", "conclude", *swept, *laid, *counted)
    stages.more("sweeps", sum(prepared.sweeps))
    stages.more("layers", len(laid))
    stages.more("streams", len(counted))
    return len(swept) + len(laid) + len(counted) + 1


def _submit_end(plan: _Plan, submit: Callable[..., Future[Any]], stages: _Stages) -> int:
    """Ask for the files of a result; return how many pieces that are."""
    written = [submit(plan, "results", "write_some", piece, _WRITERS) for piece in range(_WRITERS)]
    submit(plan, "results", "close", *written)
    stages.more("results", _WRITERS)
    return _WRITERS + 1


def _end(client: Client, plan: _Plan, say: Callable[[str], None]) -> None:
    """Let a plan go that has come to its end, and what lies beside it of older ones."""
    _let_go(client, [plan], say)
    with suppress(OSError):  # they are in nobody's way
        _remove_older(plan.folder.path)


class _Stages:
    """How far each stage is, over all plans."""

    def __init__(self, progress: Progress, plans: int) -> None:
        self._progress = progress
        self._total = {"land": plans, "villages": plans, "results": plans}
        self._done: dict[str, int] = {}
        progress("land", 0, plans)

    def more(self, stage: str, count: int) -> None:
        self._total[stage] = self._total.get(stage, 0) + count

    def one_more(self, stage: str, count: int) -> None:
        self._done[stage] = self._done.get(stage, 0) + count
        self._progress(stage, self._done[stage], self._total[stage])


def _result(client: Client, address: str, future: Future[Any]) -> Any:
    """Return what a piece gave, or raise what a person can act on."""
    from distributed import KilledWorker

    if client.status != "running" or future.status == "cancelled":
        raise _gone(address)
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
        client.cancel([f for plan in plans for f in plan.futures.values()], force=True)
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
