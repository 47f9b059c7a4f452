"""Jobs that take a while, those of a kind in turn, each with its progress and a way to end it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, TypeAlias

from lensong.planner.errors import BusyError, NotThereError
from lensong.planner.problems import problem_of
from lensong.propagation.errors import LensongError

__all__ = ["Cancelled", "Job", "Jobs"]

_WAITING = 8
_OF_ONE = 3
_KEPT = 50
_LOG = logging.getLogger("lensong.planner")
Work: TypeAlias = Callable[["Job"], dict[str, Any]]


class Cancelled(Exception):  # noqa: N818 - no error
    """Somebody ended the job."""


@dataclass(slots=True)
class Job:
    """One job.

    Parameters
    ----------
    job_id, kind : str
    variant_id : str
    work : callable
        Does it, and returns its result.
    by : str
        Who asked for it; empty for one person alone.
    """

    job_id: str
    kind: str
    variant_id: str
    work: Work
    told: Callable[[Job], None]
    by: str = ""
    state: str = "waiting"
    progress: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    why: str = ""
    code: str = ""
    ended: Event = field(default_factory=Event)
    _cancelled: Event = field(default_factory=Event)

    def step(self, stage: str, done: float, total: float) -> None:
        """Say how far it is.

        Raises
        ------
        Cancelled
            It is to end here.
        """
        self.check()
        before = self.progress
        self.progress = {"stage": stage, "done": done, "total": total}
        shown = before is None or before["stage"] != stage or total <= 200
        if shown or done - before["done"] >= total / 100:  # type: ignore[index]
            self.told(self)
        else:
            self.progress = before

    def check(self) -> None:
        """Go on, unless it is to end here.

        Raises
        ------
        Cancelled
        """
        if self._cancelled.is_set():
            raise Cancelled

    def cancel(self) -> None:
        """End it at its next step."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Return whether somebody ended it."""
        return self._cancelled.is_set()

    def as_json(self) -> dict[str, Any]:
        """Return what the API says of it."""
        return {
            "job_id": self.job_id,
            "kind": self.kind,
            "variant_id": self.variant_id,
            "state": self.state,
            "progress": self.progress,
            "result": self.result,
            "why": self.why,
            "code": self.code,
        }


class Jobs:
    """The jobs of a plan.

    Each kind has a thread of its own: nobody who asks why waits for a whole plan.

    Parameters
    ----------
    told : callable
        Called with a job whenever it went on, in its thread.
    why : callable
        Returns what people are told of an error.
    """

    def __init__(self, told: Callable[[Job], None], why: Callable[[Exception], str]) -> None:
        self._told, self._all, self._lock = told, dict[str, Job](), Lock()
        self._why = why
        self._numbers = count(1)
        self._lanes: dict[str, tuple[SimpleQueue[Job | None], Thread]] = {}

    def begin(self, kind: str, variant_id: str, work: Work, by: str = "") -> Job:
        """Return a job that is done as soon as those of its kind before it are.

        Parameters
        ----------
        by : str
            Who asks, where there are several people.

        Raises
        ------
        BusyError
            Too many wait, or too many of theirs.
        """
        with self._lock:
            waiting = [j for j in self._all.values() if j.state in ("waiting", "running")]
            own = sum(job.by == by for job in waiting)
            if by and own >= _OF_ONE:
                raise BusyError(
                    f"{own} jobs of yours are waiting already: end one, or ask again later"
                )
            if len(waiting) >= _WAITING:
                raise BusyError(
                    f"{len(waiting)} jobs are waiting already: end one, or ask again later"
                )
            job = Job(f"j{next(self._numbers)}", kind, variant_id, work, self._told, by=by)
            self._all[job.job_id] = job
            for old in list(self._all.values())[:-_KEPT]:
                if old.ended.is_set():
                    del self._all[old.job_id]
            if kind not in self._lanes:
                queue = SimpleQueue[Job | None]()
                thread = Thread(target=self._run, args=(queue,), name=f"jobs {kind}", daemon=True)
                self._lanes[kind] = queue, thread
                thread.start()
            self._lanes[kind][0].put(job)
        return job

    def all(self) -> list[Job]:
        """Return the jobs, the last first."""
        with self._lock:
            return list(reversed(self._all.values()))

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises
        ------
        NotThereError
        """
        with self._lock:
            if job_id not in self._all:
                raise NotThereError(f"there is no job {job_id!r}: it may be of an earlier start")
            return self._all[job_id]

    def close(self) -> None:
        """End all."""
        for job in self.all():
            job.cancel()
        with self._lock:
            lanes = list(self._lanes.values())
        for queue, _ in lanes:
            queue.put(None)
        for _, thread in lanes:
            thread.join()

    def _run(self, queue: SimpleQueue[Job | None]) -> None:
        while (job := queue.get()) is not None:
            self._do(job)
            job.ended.set()
            self._told(job)

    def _do(self, job: Job) -> None:
        if job.is_cancelled:
            job.state = "cancelled"
            return
        job.state = "running"
        self._told(job)
        try:
            job.result = job.work(job)
            job.state = "done"
        except Cancelled:
            job.state = "cancelled"
        except Exception as error:
            job.state, job.why, job.code = "failed", self._why(error), "fault"
            if isinstance(error, LensongError):
                job.code = problem_of(error)["code"]
            else:
                _LOG.exception("job %s (%s) failed", job.job_id, job.kind)
