"""Reading lists in processes of their own: few at once, none for long, none for who has gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from typing import Literal, overload

from lensong.monitoring.errors import BusyError, TooLargeError
from lensong.monitoring.lists.communes import CommuneRows
from lensong.monitoring.lists.csv_lists import KnownPlaces, SiteRows
from lensong.monitoring.lists.rows import KnownSessions, SessionRows
from lensong.monitoring.lists.told import RowsError
from lensong.monitoring.lists.worker import Job, Kind, Outcome
from lensong.propagation.errors import DataError

__all__ = ["ListReader"]

_WORKER = ("-P", "-m", "lensong.monitoring.lists.worker")
_MOST_WAITING = 16
_OUT_OF_TIME = (-signal.SIGXCPU, -signal.SIGKILL)
"""How a process ends by its limit of processor time."""


async def _never() -> None:
    await asyncio.get_running_loop().create_future()


class ListReader:
    """Reads lists, each in a process that ends with it.

    Parameters
    ----------
    at_once : int
        Processes at most.
    seconds : int
        Time that one list may take, of the clock and of a processor [s].
    """

    def __init__(self, at_once: int = 2, seconds: int = 30) -> None:
        self._seconds = seconds
        self._places = asyncio.Semaphore(at_once)
        self._asked: set[asyncio.Task[Outcome]] = set()
        self._processes: set[asyncio.subprocess.Process] = set()
        self._closed = False

    @property
    def processes(self) -> int:
        """Return how many processes are reading."""
        return len(self._processes)

    @overload
    async def read(
        self,
        kind: Literal["sites"],
        data: bytes,
        known: KnownPlaces,
        gone: Callable[[], Awaitable[None]] = ...,
        *,
        skip: bool = ...,
    ) -> SiteRows: ...

    @overload
    async def read(
        self,
        kind: Literal["communes"],
        data: bytes,
        known: KnownPlaces,
        gone: Callable[[], Awaitable[None]] = ...,
        *,
        skip: bool = ...,
        layer: str = ...,
    ) -> CommuneRows: ...

    @overload
    async def read(
        self,
        kind: Literal["sessions", "calendar"],
        data: bytes,
        known: KnownSessions,
        gone: Callable[[], Awaitable[None]] = ...,
        *,
        skip: bool = ...,
    ) -> SessionRows: ...

    async def read(
        self,
        kind: Kind,
        data: bytes,
        known: KnownPlaces | KnownSessions,
        gone: Callable[[], Awaitable[None]] = _never,
        *,
        skip: bool = False,
        layer: str = "",
    ) -> SiteRows | CommuneRows | SessionRows:
        """Return what a list holds.

        Parameters
        ----------
        gone : callable
            Returns when nobody waits for the answer any more; the process is ended then.
        skip : bool
            Return the rows that can be taken although others cannot.
        layer : str
            Of a file of boundaries that has several.

        Raises
        ------
        DataError, RowsError
            As the parser of that kind of list.
        TooLargeError
            It took too long.
        BusyError
            Too many lists wait, the service stops, or nobody waits for this one.
        """
        if self._closed:
            raise BusyError("the service is stopping: send the list again", 5.0)
        if len(self._asked) >= _MOST_WAITING:
            raise BusyError(f"{_MOST_WAITING} lists wait to be read: try again", 10.0)
        job = Job(kind=kind, data=data, known=known, seconds=self._seconds, skip=skip, layer=layer)
        reading = asyncio.create_task(self._in_turn(job))
        leaving = asyncio.ensure_future(gone())
        self._asked.add(reading)
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._asked.discard(reading)
            for task in (reading, leaving):
                task.cancel()  # nothing where it is done
            await asyncio.gather(reading, leaving, return_exceptions=True)
        if reading.cancelled():
            raise BusyError("the list was not read to its end: send it again", 5.0)
        outcome = reading.result()
        if outcome.wrong:
            raise RowsError(outcome.wrong)
        if outcome.rows is None:
            raise DataError(outcome.refused)
        return outcome.rows

    def close(self) -> None:
        """End what is read, and read nothing more."""
        self._closed = True
        for reading in tuple(self._asked):
            reading.cancel()

    async def _in_turn(self, job: Job) -> Outcome:
        async with self._places:
            return await self._in_process(job)

    async def _in_process(self, job: Job) -> Outcome:
        # what it unpacks lies here, and goes with it however it ends
        with tempfile.TemporaryDirectory(prefix="lensong-lists-") as folder:
            return await self._read_in(folder, job)

    async def _read_in(self, folder: str, job: Job) -> Outcome:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *_WORKER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "TMPDIR": folder},
        )
        self._processes.add(process)
        try:
            async with asyncio.timeout(self._seconds):
                out, told = await process.communicate(pickle.dumps(job))
        except TimeoutError:
            raise self._too_long() from None
        finally:
            self._processes.discard(process)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if process.returncode in _OUT_OF_TIME:
            raise self._too_long()
        if process.returncode is not None and process.returncode < 0:  # out of memory, in a library
            raise TooLargeError(
                "the list unfolds to more than can be held and nothing was imported: send it in "
                "parts"
            )
        if process.returncode:
            raise RuntimeError(f"the reader of lists failed: {told.decode(errors='replace')}")
        outcome: Outcome = pickle.loads(out)  # of our own code
        return outcome

    def _too_long(self) -> TooLargeError:
        return TooLargeError(
            f"the list was not read in {self._seconds} s and nothing was imported: send it in parts"
        )
